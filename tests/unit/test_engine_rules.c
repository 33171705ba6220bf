/* Rules of the engine that are pure enough to be asked directly: what an answer means for a step,
 * and which groups may start. */
#include <string.h>

#include "check.h"
#include "inner.h"

static struct device_info make_info(enum slot_state state, bool is_active)
{
    struct device_info info = { .is_own = true, .slot_count = 2 };

    info.caps = (struct device_caps){ .spare_slot = true, .reads_back_identity = true };
    info.slots[0] = (struct device_slot){
        .state = SLOT_CONFIRMED, .is_active = !is_active, .has_identity = true, .identity = { 1 }
    };
    info.slots[1] = (struct device_slot){
        .state = state, .slot = 1, .is_active = is_active, .has_identity = true, .identity = { 2 }
    };
    return info;
}

static const struct component_row component = { .identity = { 2 }, .state_hash = { 3 } };

static enum seen seen_in(enum step_state state, const struct device_info *info)
{
    struct step_row row = { .state = state };

    return seen_of(&row, &component, info, false);
}

static void a_slot_is_seen_as_it_is(void)
{
    static const struct {
        enum slot_state state;
        bool is_active;
        enum self_test self_test;
        enum seen seen;
    } cases[] = {
        { SLOT_EMPTY, false, SELF_TEST_NONE, SEEN_OLD },
        { SLOT_RECEIVING, false, SELF_TEST_NONE, SEEN_OLD },
        { SLOT_UNKNOWN, false, SELF_TEST_NONE, SEEN_OLD },
        { SLOT_STAGED, false, SELF_TEST_NONE, SEEN_STAGED },
        { SLOT_TRIAL, true, SELF_TEST_RUNNING, SEEN_TRIAL },
        { SLOT_TRIAL, true, SELF_TEST_NONE, SEEN_TRIAL },
        { SLOT_TRIAL, true, SELF_TEST_FAILED, SEEN_TRIAL },
        { SLOT_TRIAL, true, SELF_TEST_PASSED, SEEN_PASSED },
        { SLOT_CONFIRMED, true, SELF_TEST_NONE, SEEN_CONFIRMED },
        { SLOT_CONFIRMED, false, SELF_TEST_NONE, SEEN_STAGED }, /* an earlier image, still there */
        { SLOT_REJECTED, false, SELF_TEST_NONE, SEEN_REJECTED },
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct device_info info = make_info(cases[i].state, cases[i].is_active);

        info.self_test = cases[i].self_test;
        CHECK_EQ(seen_in(STEP_ACTIVATING, &info), cases[i].seen);
        CHECK_EQ(seen_in(STEP_CONFIRMING, &info), cases[i].seen);
    }
}

static void another_image_is_not_ours(void)
{
    struct device_info info = make_info(SLOT_CONFIRMED, true);

    info.slots[1].identity[31] = 9;
    CHECK_EQ(seen_in(STEP_WAITING, &info), SEEN_OLD);
    info.slots[1].identity[31] = 0;
    info.slots[1].component = 1;
    CHECK_EQ(seen_in(STEP_WAITING, &info), SEEN_OLD);
}

static void a_trial_of_another_image_is_taken_back_before_anything_is_staged(void)
{
    struct device_info info = make_info(SLOT_TRIAL, true);

    info.self_test = SELF_TEST_PASSED;
    info.slots[1].identity[0] = 7;
    CHECK_EQ(step_wants(STEP_STAGING, seen_in(STEP_STAGING, &info)), VERB_REVERT);
    CHECK_EQ(step_wants(STEP_WAITING, seen_in(STEP_WAITING, &info)), VERB_REVERT);
    CHECK_EQ(step_wants(STEP_CONFIRMING, seen_in(STEP_CONFIRMING, &info)), VERB_POLL);
    CHECK_EQ(seen_in(STEP_TRIAL, &info), SEEN_OLD);
}

static void a_rejection_is_overruled_only_by_an_operator_and_only_once(void)
{
    static const struct {
        enum step_state state;
        bool is_retry;
        uint16_t reason;
        enum seen seen;
    } cases[] = {
        { STEP_WAITING, false, 0, SEEN_REJECTED },    { STEP_WAITING, true, 0, SEEN_STAGED },
        { STEP_WAITING, true, 40, SEEN_OLD },         { STEP_STAGING, true, 40, SEEN_OLD },
        { STEP_STAGED, true, 0, SEEN_STAGED },        { STEP_ACTIVATING, true, 0, SEEN_STAGED },
        { STEP_ACTIVATING, false, 0, SEEN_REJECTED }, { STEP_ACTIVATING, true, 40, SEEN_REJECTED },
        { STEP_TRIAL, true, 0, SEEN_REJECTED },       { STEP_CONFIRMING, true, 0, SEEN_REJECTED },
    };
    struct device_info info = make_info(SLOT_REJECTED, false);

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct step_row row = { .state = cases[i].state, .is_retry = cases[i].is_retry };

        info.slots[1].reason = cases[i].reason;
        CHECK_EQ(seen_of(&row, &component, &info, false), cases[i].seen);
    }
}

static void a_foreign_device_is_known_by_the_hash_that_it_shows(void)
{
    struct device_info info = make_info(SLOT_TRIAL, true);
    struct component_row foreign = component;
    struct step_row row = { .state = STEP_ACTIVATING };

    info.is_own = false;
    info.slots[1].identity[0] = 3;
    CHECK(!seen_reads_back(&foreign, &info));
    CHECK_EQ(seen_of(&row, &foreign, &info, false), SEEN_STAGED); /* where the store left it */
    foreign.has_state_hash = true;
    CHECK(seen_reads_back(&foreign, &info));
    CHECK_EQ(seen_of(&row, &foreign, &info, false), SEEN_PASSED); /* it runs and answers */
    info.slots[1].identity[0] = 2;
    CHECK_EQ(seen_of(&row, &foreign, &info, false),
             SEEN_OLD); /* our identity means nothing to it */
}

static void a_device_is_the_one_that_was_meant_by_ids_and_serial(void)
{
    struct step_row row = {
        .has_ids = true, .vendor_id = { 1 }, .serial = { 5, 6 }, .serial_len = 2
    };
    struct device_info info = {
        .has_ids = true, .vendor_id = { 1 }, .serial = { 5, 6 }, .serial_len = 2
    };

    CHECK(seen_is_same_device(&row, &info));
    info.serial[1] = 7;
    CHECK(!seen_is_same_device(&row, &info));
    info.serial[1] = 6;
    info.serial_len = 1;
    CHECK(!seen_is_same_device(&row, &info));
    info.serial_len = 2;
    info.class_id[15] = 1;
    CHECK(!seen_is_same_device(&row, &info));
    info.has_ids = false; /* a foreign device that states none */
    CHECK(seen_is_same_device(&row, &info));
    row.serial_len = 0; /* was absent when it was planned */
    info.serial[0] = 99;
    CHECK(seen_is_same_device(&row, &info));
}

/* ---- groups ---- */

static uint64_t now_ms(struct env *env)
{
    (void)env;
    return 1000;
}

static int64_t wall_s(struct env *env)
{
    (void)env;
    return 0;
}

static const struct env_ops ops = { .now_ms = now_ms, .wall_s = wall_s };

/* Two steps that are staged and seen so, each its own group. */
static struct job *make_job(const char *first, const char *second)
{
    struct job_record *r = job_record_new(2, 0, 2, 2);

    r->job.state = JOB_RUNNING;
    for (uint16_t i = 0; i < 2; i++) {
        r->steps[i] = (struct step_row){ .component = i, .group = i, .state = STEP_STAGED };
        strcpy(r->steps[i].device, i ? second : first);
        strcpy(r->steps[i].bus, "bus");
    }
    struct job *job = job_new(r);

    job->steps[0].seen = job->steps[1].seen = SEEN_STAGED;
    return job;
}

static void two_groups_never_try_one_device_at_the_same_time(void)
{
    struct env env = { &ops };
    struct engine *e = NULL;
    struct engine_config config = { .env = &env, .away_deadline_ms = 1000, .next_job_id = 1 };

    CHECK_EQ(engine_open(&e, &config), GW_OK);
    for (int same = 0; same < 2; same++) {
        struct job *job = make_job("a", same ? "a" : "b");

        CHECK(group_follow(e, job, 0, true));
        CHECK_EQ(job->record->steps[0].state, STEP_ACTIVATING);
        CHECK_EQ(group_follow(e, job, 1, true), !same);
        CHECK_EQ(job->record->steps[1].state, same ? STEP_STAGED : STEP_ACTIVATING);
        job->record->steps[0].state = STEP_DONE;
        (void)group_follow(e, job, 1, true);
        CHECK_EQ(job->record->steps[1].state, STEP_ACTIVATING);
        job_free(job);
    }
    engine_close(e);
}

int main(void)
{
    TEST(a_slot_is_seen_as_it_is);
    TEST(another_image_is_not_ours);
    TEST(a_trial_of_another_image_is_taken_back_before_anything_is_staged);
    TEST(a_rejection_is_overruled_only_by_an_operator_and_only_once);
    TEST(a_foreign_device_is_known_by_the_hash_that_it_shows);
    TEST(a_device_is_the_one_that_was_meant_by_ids_and_serial);
    TEST(two_groups_never_try_one_device_at_the_same_time);
    return checks_failed != 0;
}
