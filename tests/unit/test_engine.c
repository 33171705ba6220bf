#include "engine.h"

#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "engine_world.h"

enum { HOUR_MS = 3600000 };

/* All steps in one group, as three lines with one machine. */
static struct world *group_of(unsigned devices, bool one_bus)
{
    struct world *w = world_new(devices, one_bus);

    for (unsigned i = 0; i < devices; i++) {
        world_plan(w)->steps[i].group = 0;
        strcpy(world_plan(w)->groups[i].name, i == 0 ? "line" : "");
    }
    return w;
}

static void after(struct world *w, uint16_t component, uint16_t other)
{
    struct job_record *plan = world_plan(w);

    plan->afters[plan->after_count++] = (struct after_row){ component, other };
}

static void one_device_is_upgraded(void)
{
    struct world *w = world_new(1, false);

    CHECK_EQ(world_install(w), GW_OK);
    CHECK(world_run(w, HOUR_MS));
    CHECK_EQ(world_job(w)->state, JOB_DONE);
    CHECK_EQ(world_step(w, 0)->state, STEP_DONE);
    CHECK(world_all_new(w));
    CHECK_EQ(world_floor(w, 0), 20);
    CHECK_EQ(world_system_floor(w), 42);
    CHECK_EQ(world_violations(w), 0);
    world_free(w);
}

static void a_second_install_of_the_same_flashes_nothing(void)
{
    struct world *w = group_of(3, false);

    CHECK_EQ(world_install(w), GW_OK);
    CHECK(world_run(w, HOUR_MS));
    uint32_t flashed = world_device(w, 0)->flashed, calls = world_calls(w);

    CHECK_EQ(world_install(w), GW_OK);
    CHECK(world_run(w, HOUR_MS));
    CHECK_EQ(world_job(w)->state, JOB_DONE);
    CHECK_EQ(world_step(w, 0)->state, STEP_SKIPPED);
    CHECK_EQ(world_step(w, 0)->error.err, GW_OK);
    CHECK_EQ(world_device(w, 0)->flashed, flashed);
    CHECK_EQ(world_calls(w), calls + 3); /* one Identify for each bus */
    world_free(w);
}

static void a_group_with_one_failing_self_test_ends_all_old(void)
{
    for (unsigned bad = 0; bad < 3; bad++) {
        for (int fate = FATE_FAIL; fate <= FATE_HANG; fate++) {
            struct world *w = group_of(3, false);

            world_device(w, bad)->fate = (enum self_test_fate)fate;
            CHECK_EQ(world_install(w), GW_OK);
            CHECK(world_run(w, HOUR_MS));
            CHECK_EQ(world_job(w)->state, JOB_FAILED);
            CHECK(world_all_old(w));
            CHECK(world_status_is_true(w));
            for (unsigned i = 0; i < 3; i++) {
                CHECK_EQ(world_step(w, i)->state, STEP_FAILED);
                CHECK_EQ(world_step(w, i)->error.err, i != bad            ? GW_REVERTED
                                                      : fate == FATE_FAIL ? GW_SELF_TEST
                                                                          : GW_TRIAL_LOST);
                CHECK_EQ(world_floor(w, i), 0);
            }
            CHECK_EQ(world_job(w)->error.err, world_step(w, bad)->error.err);
            CHECK(strncmp(world_job(w)->error.detail, world_device(w, bad)->name, 2) == 0);
            CHECK_EQ(world_system_floor(w), 0);
            CHECK_EQ(world_violations(w), 0);
            world_free(w);
        }
    }
}

static void without_a_group_each_device_stands_alone(void)
{
    struct world *w = world_new(3, false);

    world_device(w, 1)->fate = FATE_FAIL;
    CHECK_EQ(world_install(w), GW_OK);
    CHECK(world_run(w, HOUR_MS));
    CHECK_EQ(world_job(w)->state, JOB_PARTIAL);
    CHECK_EQ(world_step(w, 0)->state, STEP_DONE);
    CHECK_EQ(world_step(w, 1)->state, STEP_FAILED);
    CHECK_EQ(world_step(w, 2)->state, STEP_DONE);
    CHECK_EQ(world_system_floor(w), 0);
    CHECK(world_status_is_true(w));
    world_free(w);
}

static void an_optional_device_that_fails_does_not_hold_back_the_floor(void)
{
    struct world *w = world_new(2, false);

    world_device(w, 1)->fate = FATE_FAIL;
    world_plan(w)->components[1].is_required = false;
    CHECK_EQ(world_install(w), GW_OK);
    CHECK(world_run(w, HOUR_MS));
    CHECK_EQ(world_job(w)->state, JOB_PARTIAL);
    CHECK_EQ(world_system_floor(w), 42);
    world_free(w);
}

static void where_nothing_succeeded_the_floor_stays(void)
{
    struct world *w = world_new(2, false);

    for (unsigned i = 0; i < 2; i++) {
        world_device(w, i)->fate = FATE_FAIL;
        world_plan(w)->components[i].is_required = false;
    }
    CHECK_EQ(world_install(w), GW_OK);
    CHECK(world_run(w, HOUR_MS));
    CHECK_EQ(world_job(w)->state, JOB_FAILED);
    CHECK_EQ(world_system_floor(w), 0);
    world_free(w);
}

static void a_transfer_waits_for_a_trial_on_its_bus(void)
{
    struct world *w = world_new(2, true);

    world_device(w, 0)->fate = FATE_HANG;
    world_device(w, 1)->is_on = false;
    CHECK_EQ(world_install(w), GW_OK);
    (void)world_run(w, 5000);
    CHECK_EQ(world_step(w, 0)->state, STEP_TRIAL);
    world_power(w, 1, true);
    (void)world_run(w, 5000);
    CHECK_EQ(world_step(w, 0)->state, STEP_TRIAL);
    CHECK_EQ(world_device(w, 1)->flashed, 0);
    CHECK(world_run(w, HOUR_MS));
    CHECK_EQ(world_step(w, 0)->error.err, GW_TRIAL_LOST);
    CHECK_EQ(world_step(w, 1)->state, STEP_DONE);
    world_free(w);
}

/* I14 */
static void a_dead_device_does_not_hold_up_the_others(void)
{
    struct world *w = world_new(4, false);

    world_device(w, 2)->never_answers = true;
    CHECK_EQ(world_install(w), GW_OK);
    (void)world_run(w, 30000);
    for (unsigned i = 0; i < 4; i++) {
        CHECK_EQ(world_step(w, i)->state == STEP_DONE, i != 2);
    }
    CHECK(strcmp(engine_step_view(world_engine(w), 1, 2).state, "away") == 0);
    CHECK(world_run(w, HOUR_MS));
    CHECK_EQ(world_job(w)->state, JOB_PARTIAL);
    CHECK_EQ(world_step(w, 2)->error.err, GW_DEVICE_AWAY);
    CHECK(world_calls(w) < 100);
    world_free(w);
}

static void an_away_device_goes_on_at_once_when_it_appears(void)
{
    struct world *w = world_new(1, false);

    world_device(w, 0)->is_on = false;
    CHECK_EQ(world_install(w), GW_OK);
    CHECK(!world_run(w, 300000));
    uint64_t back = world_now(w);

    world_power(w, 0, true);
    CHECK(world_run(w, HOUR_MS));
    CHECK_EQ(world_job(w)->state, JOB_DONE);
    CHECK(world_now(w) - back < 10000);
    world_free(w);
}

/* I13 */
static void a_device_that_lies_is_given_up_after_bounded_attempts(void)
{
    struct world *w = world_new(1, false);

    world_device(w, 0)->lies = true;
    CHECK_EQ(world_install(w), GW_OK);
    CHECK(world_run(w, HOUR_MS));
    CHECK_EQ(world_job(w)->state, JOB_FAILED);
    CHECK_EQ(world_step(w, 0)->error.err, GW_DEVICE_LIES);
    CHECK_EQ(world_step(w, 0)->attempts, ENGINE_TRIES_MAX);
    world_free(w);
}

static void another_device_in_its_place_is_refused(void)
{
    struct world *w = world_new(1, false);

    world_device(w, 0)->serial = 99;
    CHECK_EQ(world_install(w), GW_OK);
    CHECK(world_run(w, HOUR_MS));
    CHECK_EQ(world_step(w, 0)->error.err, GW_DEVICE_CHANGED);
    CHECK_EQ(world_device(w, 0)->flashed, 0);
    world_free(w);
}

static void an_image_that_cannot_be_had_fails_its_steps_only(void)
{
    struct world *w = world_new(2, false);

    world_image_fails(w, GW_CONTENT_DAMAGED);
    CHECK_EQ(world_install(w), GW_OK);
    CHECK(world_run(w, HOUR_MS));
    CHECK_EQ(world_job(w)->state, JOB_FAILED);
    CHECK_EQ(world_step(w, 1)->error.err, GW_CONTENT_DAMAGED);
    CHECK_EQ(world_device(w, 0)->flashed + world_device(w, 1)->flashed, 0);
    world_image_fails(w, GW_OK);
    CHECK_EQ(engine_retry(world_engine(w), world_load(w), NULL), GW_OK);
    CHECK(world_run(w, HOUR_MS));
    CHECK_EQ(world_job(w)->state, JOB_DONE);
    world_free(w);
}

static void what_comes_after_waits_for_the_confirmation(void)
{
    struct world *w = world_new(3, false);

    after(w, 0, 1);
    after(w, 1, 2);
    CHECK_EQ(world_install(w), GW_OK);
    CHECK(world_run(w, HOUR_MS));
    CHECK_EQ(world_job(w)->state, JOB_DONE);
    CHECK_EQ(world_violations(w), 0);
    world_free(w);
}

static void in_a_group_what_comes_after_waits_for_the_trial(void)
{
    struct world *w = group_of(3, false);

    after(w, 0, 1);
    after(w, 1, 2);
    CHECK_EQ(world_install(w), GW_OK);
    CHECK(world_run(w, HOUR_MS));
    CHECK_EQ(world_job(w)->state, JOB_DONE);
    CHECK_EQ(world_violations(w), 0);
    world_free(w);
}

static void a_whole_group_waits_for_what_one_member_comes_after(void)
{
    for (uint64_t seed = 1; seed < 50; seed++) {
        struct world *w = world_new(3, false);

        world_plan(w)->steps[2].group = 1;
        after(w, 1, 0);
        world_shuffle(w, seed);
        CHECK_EQ(world_install(w), GW_OK);
        CHECK(world_run(w, HOUR_MS));
        CHECK_EQ(world_job(w)->state, JOB_DONE);
        CHECK_EQ(world_violations(w), 0);
        world_free(w);
    }
}

static void what_comes_after_a_failure_is_never_activated(void)
{
    struct world *w = world_new(3, false);

    after(w, 0, 1);
    after(w, 2, 0);
    world_device(w, 1)->fate = FATE_FAIL;
    CHECK_EQ(world_install(w), GW_OK);
    CHECK(world_run(w, HOUR_MS));
    CHECK(world_all_old(w));
    CHECK_EQ(world_step(w, 0)->state, STEP_SKIPPED);
    CHECK_EQ(world_step(w, 0)->error.err, GW_DEPENDENCY);
    CHECK_EQ(world_step(w, 2)->error.err, GW_DEPENDENCY);
    CHECK_EQ(world_device(w, 0)->trial_starts + world_device(w, 2)->trial_starts, 0);
    world_free(w);
}

static void a_circle_is_refused(void)
{
    struct world *w = world_new(4, false);
    struct world *v = world_new(2, false);

    after(w, 0, 1);
    after(w, 1, 2);
    after(w, 2, 0);
    CHECK_EQ(world_install(w), GW_BAD_PARAMETER);
    world_free(w);
    w = world_new(4, false); /* groups {0,2} and {1,3} wait for each other, components do not */
    world_plan(w)->steps[2].group = 0;
    world_plan(w)->steps[3].group = 1;
    after(w, 0, 1);
    after(w, 3, 2);
    CHECK_EQ(world_install(w), GW_BAD_PARAMETER);
    world_free(w);
    after(v, 0, 1);
    CHECK_EQ(world_install(v), GW_OK);
    world_free(v);
}

static void many_devices_of_one_bus_share_calls(void)
{
    struct world *w = group_of(4, true);

    for (unsigned i = 0; i < 4; i++) { /* all need the same image */
        world_plan(w)->steps[i].component = 0;
    }
    CHECK_EQ(world_install(w), GW_OK);
    CHECK(world_run(w, HOUR_MS));
    CHECK_EQ(world_job(w)->state, JOB_DONE);
    CHECK(world_calls(w) <= 9); /* not four times as many */
    CHECK_EQ(world_violations(w), 0);
    world_free(w);
}

static void one_job_is_open_at_a_time(void)
{
    struct world *w = world_new(1, false);
    struct gw_error error;

    CHECK_EQ(world_install(w), GW_OK);
    CHECK_EQ(world_install(w), GW_BUSY);
    CHECK_EQ(engine_retry(world_engine(w), world_load(w), &error), GW_BUSY);
    CHECK(world_run(w, HOUR_MS));
    CHECK_EQ(engine_retry(world_engine(w), world_load(w), &error), GW_WRONG_STATE);
    CHECK_EQ(engine_cancel(world_engine(w), 1, &error), GW_NOT_FOUND);
    world_free(w);
}

static enum gw_err supersede(struct world *w, uint64_t sequence, uint64_t *id)
{
    struct job_record *r = world_load(w);

    r->job.sequence = sequence;
    for (uint16_t i = 0; i < r->step_count; i++) {
        r->steps[i] = world_plan(w)->steps[i];
    }
    for (uint16_t i = 0; i < r->group_count; i++) {
        r->groups[i].is_committed = false;
    }
    return engine_create(world_engine(w), r, NULL, true, id, NULL);
}

static void a_higher_sequence_supersedes_at_any_point_before_the_commit_record(void)
{
    unsigned taken = 0, refused = 0;

    for (uint64_t op = 2;; op += 2) {
        struct world *w = group_of(2, false);
        uint64_t id = 0;

        CHECK_EQ(world_install(w), GW_OK);
        world_run_until(w, op);
        if (!job_is_open(world_job(w))) {
            world_free(w);
            break;
        }
        CHECK_EQ(supersede(w, 42, &id), GW_BUSY);
        enum gw_err err = supersede(w, 43, &id);

        taken += err == GW_OK;
        refused += err == GW_WRONG_STATE;
        CHECK(err == GW_OK || err == GW_WRONG_STATE);
        CHECK(err == GW_OK || world_job(w)->state == JOB_COMMITTED);
        CHECK(world_run(w, HOUR_MS));
        CHECK_EQ(world_job(w)->id, err ? 1 : 2);
        CHECK_EQ(world_job(w)->state, JOB_DONE);
        CHECK(world_all_new(w));
        CHECK_EQ(world_violations(w), 0);
        world_free(w);
    }
    CHECK(taken > 10 && refused > 0);
}

static void a_cancel_at_any_point_ends_all_old_or_comes_too_late(void)
{
    unsigned cancelled = 0, late = 0;

    for (uint64_t op = 1;; op++) {
        struct world *w = group_of(3, false);
        struct gw_error error;

        CHECK_EQ(world_install(w), GW_OK);
        world_run_until(w, op);
        if (!job_is_open(world_job(w))) {
            world_free(w);
            break;
        }
        enum gw_err err = engine_cancel(world_engine(w), 1, &error);

        cancelled += err == GW_OK;
        late += err == GW_WRONG_STATE;
        CHECK(world_run(w, HOUR_MS));
        CHECK(err ? world_all_new(w) : world_all_old(w));
        CHECK_EQ(world_job(w)->state, err ? JOB_DONE : JOB_CANCELLED);
        CHECK(world_status_is_true(w));
        CHECK_EQ(world_violations(w), 0);
        if (!err) { /* and it can be taken up again */
            CHECK_EQ(engine_retry(world_engine(w), world_load(w), &error), GW_OK);
            CHECK(world_run(w, HOUR_MS));
            CHECK_EQ(world_job(w)->state, JOB_DONE);
        }
        world_free(w);
    }
    CHECK(cancelled > 10 && late > 3);
}

static void an_earlier_image_that_is_still_there_is_activated_and_not_sent(void)
{
    struct world *w = group_of(3, false);

    for (unsigned i = 0; i < 3; i++) {
        world_device(w, i)->slot = SLOT_FULL;
        world_device(w, i)->was_confirmed = i != 1;
    }
    CHECK_EQ(world_install(w), GW_OK);
    CHECK(world_run(w, HOUR_MS));
    CHECK_EQ(world_job(w)->state, JOB_DONE);
    CHECK(world_all_new(w));
    for (unsigned i = 0; i < 3; i++) {
        CHECK_EQ(world_device(w, i)->flashed, 0);
    }
    CHECK_EQ(world_violations(w), 0);
    world_free(w);
}

static void a_retry_tries_rejected_images_anew(void)
{
    struct world *w = group_of(3, false);
    struct gw_error error;

    world_device(w, 1)->fate = FATE_FAIL;
    CHECK_EQ(world_install(w), GW_OK);
    CHECK(world_run(w, HOUR_MS));
    CHECK_EQ(world_install(w), GW_OK); /* a new job does not try a rejected image */
    CHECK(world_run(w, HOUR_MS));
    CHECK_EQ(world_step(w, 1)->error.err, GW_PLAN_REJECTED);
    CHECK(world_all_old(w));
    world_device(w, 1)->fate = FATE_PASS;
    CHECK_EQ(engine_retry(world_engine(w), world_load(w), &error), GW_OK);
    CHECK(world_run(w, HOUR_MS));
    CHECK_EQ(world_job(w)->state, JOB_DONE);
    CHECK(world_all_new(w));
    CHECK_EQ(world_violations(w), 0);
    world_free(w);
}

static void a_retry_survives_a_kill_at_every_operation(void)
{
    for (uint64_t gap = 0;; gap++) {
        struct world *w = group_of(2, false);
        struct gw_error error;

        world_device(w, 1)->fate = FATE_FAIL;
        CHECK_EQ(world_install(w), GW_OK);
        CHECK(world_run(w, HOUR_MS));
        uint64_t op = world_ops(w) + 1 + gap;

        world_device(w, 1)->fate = FATE_PASS;
        world_fault(w, (struct fault){ gap % 2 ? FAULT_KILL : FAULT_KILL_AFTER, op, 0 });
        CHECK_EQ(engine_retry(world_engine(w), world_load(w), &error), GW_OK);
        CHECK(world_run(w, HOUR_MS));
        CHECK_EQ(world_job(w)->state, JOB_DONE);
        CHECK(world_all_new(w));
        CHECK_EQ(world_violations(w), 0);
        bool is_late = world_ops(w) < op;

        world_free(w);
        if (is_late) {
            break;
        }
    }
}

static void a_retry_of_what_is_still_bad_tries_it_once(void)
{
    for (uint64_t gap = 0; gap < 60; gap++) {
        struct world *w = world_new(1, false);
        struct gw_error error;

        world_device(w, 0)->fate = FATE_FAIL;
        CHECK_EQ(world_install(w), GW_OK);
        CHECK(world_run(w, HOUR_MS));
        world_fault(w, (struct fault){ FAULT_LOSE, world_ops(w) + gap, 0 });
        CHECK_EQ(engine_retry(world_engine(w), world_load(w), &error), GW_OK);
        CHECK(world_run(w, HOUR_MS));
        CHECK_EQ(world_job(w)->state, JOB_FAILED);
        CHECK_EQ(world_step(w, 0)->error.err, GW_SELF_TEST);
        CHECK(world_device(w, 0)->trial_starts <= 2);
        CHECK(world_step(w, 0)->activations <= 2); /* once more when the answer was lost */
        world_free(w);
    }
}

static void what_the_plan_refused_is_not_retried(void)
{
    struct world *w = world_new(2, false);
    struct gw_error error;

    world_plan(w)->steps[1].state = STEP_FAILED;
    world_plan(w)->steps[1].error.err = GW_PLAN_HARDWARE;
    CHECK_EQ(world_install(w), GW_OK);
    CHECK(world_run(w, HOUR_MS));
    CHECK_EQ(world_job(w)->state, JOB_PARTIAL);
    CHECK_EQ(engine_retry(world_engine(w), world_load(w), &error), GW_WRONG_STATE);
    CHECK_EQ(world_device(w, 1)->flashed, 0);
    world_free(w);
}

/* After the commit record a device that is gone is reported, and taken up when it is back. */
static void a_committed_device_that_is_gone_is_outstanding_and_goes_on_when_it_appears(void)
{
    unsigned outstanding = 0;

    for (uint64_t op = 1;; op++) {
        struct world *w = group_of(2, false);

        world_fault(w, (struct fault){ .kind = FAULT_GONE, .op = op, .device = 1 });
        CHECK_EQ(world_install(w), GW_OK);
        CHECK(world_run(w, HOUR_MS));
        bool late = world_ops(w) < op, is_out = step_is_outstanding(world_step(w, 1));

        CHECK(is_out || world_status_is_true(w));
        if (is_out) {
            outstanding++;
            CHECK_EQ(world_job(w)->state, JOB_PARTIAL);
            CHECK_EQ(world_step(w, 0)->state, STEP_DONE);
            CHECK_EQ(world_system_floor(w), 0);
            if (outstanding % 2) {
                world_kill(w); /* a restart remembers it */
            }
            if (outstanding % 3) {
                world_power(w, 1, true);
            } else {
                world_power_silently(w, 1, true);
            }
            CHECK(world_run(w, HOUR_MS));
            CHECK_EQ(world_job(w)->state, JOB_DONE);
            CHECK(world_all_new(w));
            CHECK_EQ(world_system_floor(w), 42);
        }
        CHECK_EQ(world_violations(w), 0);
        world_free(w);
        if (late) {
            break;
        }
    }
    CHECK(outstanding > 1);
}

static void a_broken_store_stops_everything(void)
{
    for (unsigned after_commits = 0; after_commits < 12; after_commits++) {
        struct world *w = group_of(2, false);
        uint64_t id;

        world_store_breaks(w, after_commits);
        enum gw_err err = world_install(w);

        CHECK_EQ(err, after_commits == 0 ? GW_STORE : GW_OK);
        (void)world_run(w, HOUR_MS);
        uint32_t calls = world_calls(w);

        CHECK_EQ(engine_turn(world_engine(w)), GW_STORE);
        CHECK_EQ(engine_create(world_engine(w), job_record_new(1, 0, 1, 1), NULL, false, &id, NULL),
                 GW_SHUTTING_DOWN);
        CHECK_EQ(world_calls(w), calls);
        CHECK_EQ(world_violations(w), 0);
        world_free(w);
    }
}

static void a_stop_at_any_point_comes_to_rest_and_a_start_goes_on(void)
{
    for (uint64_t op = 1;; op++) {
        struct world *w = group_of(2, false);

        CHECK_EQ(world_install(w), GW_OK);
        world_run_until(w, op);
        if (!job_is_open(world_job(w))) {
            world_free(w);
            break;
        }
        engine_stop(world_engine(w));
        CHECK_EQ(engine_turn(world_engine(w)), GW_OK);
        uint64_t from = world_now(w);

        (void)world_run(w, 5000);
        CHECK(engine_is_idle(world_engine(w)));
        CHECK(world_now(w) - from < 250); /* a transfer does not hold up a stop */
        world_kill(w);
        CHECK(world_run(w, HOUR_MS));
        CHECK_EQ(world_job(w)->state, JOB_DONE);
        CHECK(world_all_new(w));
        world_free(w);
    }
}

static void a_paused_bus_waits_for_its_operator(void)
{
    struct world *w = group_of(2, false);

    CHECK_EQ(world_install(w), GW_OK);
    world_run_until(w, 20);
    engine_bus(world_engine(w), "bus1", ENGINE_BUS_PAUSED);
    CHECK_EQ(engine_turn(world_engine(w)), GW_OK);
    CHECK(!world_run(w, 2 * HOUR_MS)); /* no deadline runs */
    engine_bus(world_engine(w), "bus1", ENGINE_BUS_UP);
    CHECK_EQ(engine_turn(world_engine(w)), GW_OK);
    CHECK(world_run(w, HOUR_MS));
    CHECK_EQ(world_job(w)->state, JOB_DONE);
    world_free(w);
}

/* ---- every fault at every operation ---- */

static uint64_t count_ops(unsigned bad)
{
    struct world *w = group_of(3, false);

    if (bad < 3) {
        world_device(w, bad)->fate = FATE_FAIL;
    }
    CHECK_EQ(world_install(w), GW_OK);
    CHECK(world_run(w, HOUR_MS));
    uint64_t ops = world_ops(w);

    world_free(w);
    return ops;
}

/* Whatever happens once, a good group ends all new and a bad one all old, and the store says so. */
static void try_fault(struct fault fault, struct fault second, unsigned bad)
{
    struct world *w = group_of(3, false);

    if (bad < 3) {
        world_device(w, bad)->fate = FATE_FAIL;
    }
    world_fault(w, fault);
    world_fault(w, second);
    if (world_install(w) != GW_OK) {
        CHECK(false);
    }
    bool ended = world_run(w, HOUR_MS);
    unsigned before = (unsigned)checks_failed;

    CHECK(ended);
    CHECK(bad < 3 ? world_all_old(w) : world_all_new(w));
    CHECK_EQ(world_job(w)->state, bad < 3 ? JOB_FAILED : JOB_DONE);
    CHECK(world_status_is_true(w));
    CHECK_EQ(world_violations(w), 0);
    CHECK(world_calls(w) < 120);
    if (before != (unsigned)checks_failed) {
        fprintf(stderr, "  fault %d at %llu on d%u, then %d at %llu on d%u, bad %u\n",
                (int)fault.kind, (unsigned long long)fault.op, fault.device, (int)second.kind,
                (unsigned long long)second.op, second.device, bad);
    }
    world_free(w);
}

static void one_fault_at_every_operation_changes_no_result(void)
{
    static const enum fault_kind kinds[] = { FAULT_KILL, FAULT_KILL_AFTER, FAULT_CUT, FAULT_LOSE,
                                             FAULT_BUS };
    static const unsigned bads[] = { 1, 3 };
    unsigned runs = 0;

    for (size_t b = 0; b < 2; b++) {
        uint64_t ops = count_ops(bads[b]);

        for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
            for (uint64_t op = 2; op <= ops; op++) { /* 0 and 1: install itself, tested below */
                for (unsigned d = 0; d < 3; d++) {
                    try_fault((struct fault){ kinds[k], op, d },
                              (struct fault){ .kind = FAULT_NONE }, bads[b]);
                    runs++;
                }
            }
        }
    }
    printf("  %u runs\n", runs);
}

static void two_faults_change_no_result(void)
{
    static const enum fault_kind kinds[] = { FAULT_KILL, FAULT_KILL_AFTER, FAULT_CUT, FAULT_BUS };
    uint64_t ops = count_ops(3);
    unsigned runs = 0;

    for (size_t k = 0; k < 16; k++) {
        for (uint64_t op = 2; op <= ops; op += 3) {
            for (uint64_t gap = 1; gap < 60; gap += 7) {
                try_fault((struct fault){ kinds[k / 4], op, (unsigned)(op % 3) },
                          (struct fault){ kinds[k % 4], op + gap, (unsigned)(gap % 3) },
                          op % 2 ? 3 : 2);
                runs++;
            }
        }
    }
    printf("  %u runs\n", runs);
}

static void a_kill_during_install_leaves_a_whole_job_or_none(void)
{
    for (uint64_t op = 0; op < 2; op++) {
        for (int kind = FAULT_KILL; kind <= FAULT_KILL_AFTER; kind++) {
            struct world *w = group_of(3, false);

            world_fault(w, (struct fault){ (enum fault_kind)kind, op, 0 });
            (void)world_install(w);
            bool ended = world_run(w, HOUR_MS);

            if (ended) {
                CHECK(world_all_new(w));
            } else {
                CHECK(world_all_old(w));
                CHECK_EQ(world_calls(w), 0);
            }
            world_free(w);
        }
    }
}

static void every_order_of_answers_gives_the_same_result(void)
{
    for (uint64_t seed = 1; seed <= 3000; seed++) {
        struct world *w = group_of(3, seed % 4 == 0);
        unsigned bad = (unsigned)(seed % 6);

        world_shuffle(w, seed);
        if (bad < 3) {
            world_device(w, bad)->fate = FATE_FAIL;
        }
        if (seed % 3 == 0) {
            world_fault(w, (struct fault){ FAULT_KILL, 5 + seed % 140, 0 });
        }
        CHECK_EQ(world_install(w), GW_OK);
        CHECK(world_run(w, HOUR_MS));
        CHECK(bad < 3 ? world_all_old(w) : world_all_new(w));
        CHECK(world_status_is_true(w));
        CHECK_EQ(world_violations(w), 0);
        world_free(w);
    }
}

static void a_device_without_a_spare_slot_takes_its_bytes_when_activated(void)
{
    for (int kill = 0; kill < 40; kill++) {
        struct world *w = world_new(2, false);

        world_device(w, 1)->has_no_spare = true;
        world_fault(w, (struct fault){ FAULT_KILL, 2 + (uint64_t)kill, 0 });
        CHECK_EQ(world_install(w), GW_OK);
        CHECK(world_run(w, HOUR_MS));
        CHECK_EQ(world_job(w)->state, JOB_DONE);
        CHECK(world_all_new(w));
        CHECK_EQ(world_device(w, 1)->flashed, 0);
        world_free(w);
    }
}

static void a_device_that_cannot_say_what_it_has_is_believed_call_by_call(void)
{
    for (int kill = 0; kill < 40; kill++) {
        struct world *w = world_new(1, false);

        world_device(w, 0)->cannot_say = true;
        world_fault(w, (struct fault){ FAULT_KILL, 2 + (uint64_t)kill, 0 });
        CHECK_EQ(world_install(w), GW_OK);
        CHECK(world_run(w, HOUR_MS));
        CHECK_EQ(world_job(w)->state, JOB_DONE);
        CHECK(world_all_new(w));
        world_free(w);
    }
}

/* I24 */
static void the_same_faults_give_the_same_run(void)
{
    uint64_t trace[2];

    for (int i = 0; i < 2; i++) {
        struct world *w = group_of(3, false);

        world_fault(w, (struct fault){ FAULT_KILL, 33, 0 });
        world_fault(w, (struct fault){ FAULT_CUT, 51, 1 });
        CHECK_EQ(world_install(w), GW_OK);
        CHECK(world_run(w, HOUR_MS));
        trace[i] = world_trace(w);
        world_free(w);
    }
    CHECK(trace[0] == trace[1]);
}

int main(void)
{
    TEST(one_device_is_upgraded);
    TEST(a_second_install_of_the_same_flashes_nothing);
    TEST(a_group_with_one_failing_self_test_ends_all_old);
    TEST(without_a_group_each_device_stands_alone);
    TEST(an_optional_device_that_fails_does_not_hold_back_the_floor);
    TEST(where_nothing_succeeded_the_floor_stays);
    TEST(a_transfer_waits_for_a_trial_on_its_bus);
    TEST(a_dead_device_does_not_hold_up_the_others);
    TEST(an_away_device_goes_on_at_once_when_it_appears);
    TEST(a_device_that_lies_is_given_up_after_bounded_attempts);
    TEST(another_device_in_its_place_is_refused);
    TEST(an_image_that_cannot_be_had_fails_its_steps_only);
    TEST(what_comes_after_waits_for_the_confirmation);
    TEST(in_a_group_what_comes_after_waits_for_the_trial);
    TEST(a_whole_group_waits_for_what_one_member_comes_after);
    TEST(what_comes_after_a_failure_is_never_activated);
    TEST(a_circle_is_refused);
    TEST(many_devices_of_one_bus_share_calls);
    TEST(one_job_is_open_at_a_time);
    TEST(a_higher_sequence_supersedes_at_any_point_before_the_commit_record);
    TEST(a_cancel_at_any_point_ends_all_old_or_comes_too_late);
    TEST(an_earlier_image_that_is_still_there_is_activated_and_not_sent);
    TEST(a_retry_tries_rejected_images_anew);
    TEST(a_retry_survives_a_kill_at_every_operation);
    TEST(a_retry_of_what_is_still_bad_tries_it_once);
    TEST(what_the_plan_refused_is_not_retried);
    TEST(a_committed_device_that_is_gone_is_outstanding_and_goes_on_when_it_appears);
    TEST(a_broken_store_stops_everything);
    TEST(a_stop_at_any_point_comes_to_rest_and_a_start_goes_on);
    TEST(a_paused_bus_waits_for_its_operator);
    TEST(one_fault_at_every_operation_changes_no_result);
    TEST(two_faults_change_no_result);
    TEST(a_kill_during_install_leaves_a_whole_job_or_none);
    TEST(every_order_of_answers_gives_the_same_result);
    TEST(a_device_without_a_spare_slot_takes_its_bytes_when_activated);
    TEST(a_device_that_cannot_say_what_it_has_is_believed_call_by_call);
    TEST(the_same_faults_give_the_same_run);
    return checks_failed != 0;
}
