#include <stdio.h>
#include <string.h>

#include "inner.h"

enum {
    REJECT_CODE = 2200,    /* + verify_result: base/codes_verify.def */
    DEVICE_TRIALS_MAX = 3, /* docs/SPEC 5.4: the third start without a verdict is the last */
};

static struct gw_error make_error(enum gw_err err, const char *detail)
{
    struct gw_error error = { .err = err };

    (void)snprintf(error.detail, sizeof error.detail, "%s", detail);
    return error;
}

/* Moving into a state starts it with a clean sheet. */
static void enter(struct engine *e, struct job *job, uint16_t index, enum step_state from)
{
    struct step_row *row = &job->record->steps[index];
    struct live_step *live = &job->steps[index];

    live->trial_ends_ms = 0;
    switch (row->state) {
    case STEP_REVERTING:
        live->revert_answered = false;
        live->seen = SEEN_NOTHING;
        live->due_ms = 0;
        row->tries = 0;
        break;
    case STEP_CONFIRMING:
        live->due_ms = 0;
        row->tries = 0;
        row->activations = 0;
        break;
    case STEP_ACTIVATING:
        /* From STAGED: it may have been seen long ago. */
        live->seen = from == STEP_STAGED ? SEEN_NOTHING : live->seen;
        live->due_ms = 0;
        break;
    case STEP_STAGED:
        row->done = job->record->components[row->component].size;
        break;
    case STEP_DONE:
        pending_floor(e, job, row);
        pending_audit(e, "device confirmed", row->device, job->record->job.id, NULL);
        break;
    case STEP_SKIPPED:
        if (row->error.err == GW_OK) {
            pending_floor(e, job, row); /* what it runs is confirmed: the floor is at least this */
        }
        break;
    case STEP_FAILED:
        pending_audit(e, "device failed", row->device, job->record->job.id, &row->error);
        break;
    case STEP_INVALID:
    case STEP_WAITING:
    case STEP_FETCHING:
    case STEP_STAGING:
    case STEP_STATES:
        break;
    case STEP_TRIAL:
    case STEP_PASSED:
        row->is_retry = false; /* it is being tried: the next rejection is a new one */
        break;
    }
}

bool step_move(struct engine *e, struct job *job, uint16_t index, enum step_event event)
{
    struct step_row *row = &job->record->steps[index];
    enum step_state from = row->state, to = step_next(from, event);

    if (to == STEP_INVALID) {
        return false;
    }
    if (to != from) {
        row->state = to;
        job->steps[index].is_dirty = true;
        enter(e, job, index, from);
    }
    return true;
}

void step_give_up(struct engine *e, struct job *job, uint16_t index, const struct gw_error *error)
{
    struct step_row *row = &job->record->steps[index];

    job->steps[index].is_dirty = true;
    if (row->state == STEP_CONFIRMING) {
        job->steps[index].is_missed = job->steps[index].absent_ms != 0;
        job->steps[index].due_ms = engine_now(e) + ENGINE_OUTSTANDING_MS;
        (void)gw_fail(&row->error, GW_COMMIT_OUTSTANDING, "GW%d %s", (int)error->err,
                      error->detail);
        pending_audit(e, "commit outstanding", row->device, job->record->job.id, &row->error);
        return;
    }
    row->error = *error;
    (void)step_move(e, job, index, EVENT_FAIL);
}

/* Why an image that the device calls rejected was rejected. */
static struct gw_error why_rejected(const struct step_row *row, const struct device_slot *slot)
{
    char detail[120];

    if (slot && slot->reason != 0) {
        enum gw_err err = (enum gw_err)(REJECT_CODE + slot->reason);

        (void)snprintf(detail, sizeof detail, "the device's verifier refused it: result %u",
                       slot->reason);
        return make_error(gw_code_of(err)->err == err ? err : GW_REFUSED, detail);
    }
    if (row->activations == 0) {
        return make_error(GW_PLAN_REJECTED, "it failed a trial before this job");
    }
    if (row->activations >= DEVICE_TRIALS_MAX) {
        return make_error(GW_TRIAL_LOST, "no verdict in three trial starts");
    }
    return make_error(GW_SELF_TEST, "the device rejected it on trial");
}

/* The error of a step that the answer of its device ends. */
static void note_failure(struct job *job, uint16_t index, enum seen seen,
                         const struct device_info *info)
{
    struct step_row *row = &job->record->steps[index];
    const struct component_row *component = &job->record->components[row->component];

    if (step_next(row->state, step_event_of(seen)) != STEP_FAILED) {
        return;
    }
    if (seen == SEEN_REJECTED) {
        const uint8_t *id = info->is_own ? component->identity : component->state_hash;

        row->error = why_rejected(row, device_slot_of(info, component->component, id));
    } else if (seen == SEEN_CONFIRMED) {
        row->error = make_error(GW_DEVICE_LIES, "it has confirmed the new image by itself");
    } else {
        row->error = make_error(GW_TRIAL_LOST, "the new image is gone from its slot");
    }
}

/* After Revert was answered, what is not the new image is the old one. */
static bool is_back(const struct step_row *row, const struct live_step *live)
{
    return row->state == STEP_REVERTING && live->revert_answered &&
           (live->seen == SEEN_OLD || live->seen == SEEN_STAGED || live->seen == SEEN_REJECTED);
}

static void note_trial(struct engine *e, struct live_step *live, const struct device_info *info)
{
    if (live->seen != SEEN_TRIAL) {
        live->trial_ends_ms = 0;
        return;
    }
    if (live->trial_ends_ms == 0) {
        uint64_t left = info->trial_left_ms ? info->trial_left_ms : info->caps.trial_ms;

        live->trial_ends_ms = engine_now(e) + (left ? left : ENGINE_TRIAL_MAX_MS) +
                              ENGINE_TRIAL_SLACK_MS;
    }
}

static void note_partial(struct step_row *row, struct live_step *live,
                         const struct component_row *component, const struct device_info *info)
{
    const struct device_slot *slot = device_slot_of(info, component->component,
                                                    component->identity);

    if (slot && slot->state == SLOT_RECEIVING) {
        row->done = slot->offset; /* a bar that comes back after a restart stands where it was */
        live->best_done = slot->offset > live->best_done ? slot->offset : live->best_done;
    }
}

/* It fell back when its time was up, not because of a power cut: another trial would end the same
 * way, and meanwhile its group would run out of time too. */
static bool trial_ran_out(struct engine *e, const struct live_step *live, enum step_state state,
                          enum seen seen)
{
    return state == STEP_TRIAL && seen == SEEN_STAGED && live->trial_ends_ms != 0 &&
           engine_now(e) + ENGINE_TRIAL_SLACK_MS + 2 * (uint64_t)ENGINE_POLL_MS >=
               live->trial_ends_ms;
}

static bool self_test_failed(enum seen seen, const struct device_info *info)
{
    return seen == SEEN_TRIAL && info->self_test == SELF_TEST_FAILED;
}

static void answer(struct live_step *live)
{
    live->is_away = false;
    live->absent_ms = 0;
    live->backoff_ms = 0;
    live->due_ms = 0;
    live->trouble = (struct gw_error){ .err = GW_OK };
}

void step_observe(struct engine *e, struct job *job, uint16_t index, const struct device_info *info)
{
    struct step_row *row = &job->record->steps[index];
    struct live_step *live = &job->steps[index];
    const struct component_row *component = &job->record->components[row->component];

    answer(live);
    if (!seen_is_same_device(row, info)) {
        struct gw_error error = make_error(GW_DEVICE_CHANGED, "ids or serial number differ");

        step_give_up(e, job, index, &error);
        if (row->state == STEP_REVERTING) {
            step_give_up(e, job, index, &error); /* there is nothing to take back on this one */
        }
        return;
    }
    live->cannot_say = !seen_reads_back(component, info);
    live->seen = seen_of(row, component, info, live->is_deferred);
    note_partial(row, live, component, info);
    if (trial_ran_out(e, live, row->state, live->seen)) {
        struct gw_error error = make_error(GW_TRIAL_LOST, "no verdict before the trial's deadline");

        step_give_up(e, job, index, &error);
        return;
    }
    note_trial(e, live, info);
    if (self_test_failed(live->seen, info) && step_wants(row->state, SEEN_TRIAL) == VERB_POLL) {
        struct gw_error error = make_error(GW_SELF_TEST, "the device says so");

        step_give_up(e, job, index, &error);
        return;
    }
    if (is_back(row, live)) {
        (void)step_move(e, job, index, EVENT_REVERTED);
        return;
    }
    note_failure(job, index, live->seen, info);
    (void)step_move(e, job, index, step_event_of(live->seen));
    if (step_wants(row->state, live->seen) == VERB_POLL) {
        live->due_ms = engine_now(e) + ENGINE_POLL_MS;
    }
}

void step_delay(struct engine *e, struct job *job, uint16_t index, const struct gw_error *error)
{
    struct live_step *live = &job->steps[index];
    uint32_t wait = live->backoff_ms ? live->backoff_ms * 2 : ENGINE_BACKOFF_MIN_MS;

    live->backoff_ms = wait < ENGINE_BACKOFF_MAX_MS ? wait : ENGINE_BACKOFF_MAX_MS;
    live->due_ms = engine_now(e) + live->backoff_ms;
    live->trouble = *error;
}

void step_lose(struct engine *e, struct job *job, uint16_t index, const struct gw_error *error)
{
    struct live_step *live = &job->steps[index];

    live->seen = SEEN_NOTHING;
    live->is_away = true;
    if (live->absent_ms == 0) {
        live->absent_ms = engine_now(e);
    }
    step_delay(e, job, index, error);
}

void step_wake(struct job *job, uint16_t index)
{
    struct live_step *live = &job->steps[index];

    live->seen = SEEN_NOTHING;
    live->due_ms = 0;
    live->backoff_ms = 0;
}

void step_resume(struct engine *e, struct job *job, uint16_t index)
{
    struct step_row *row = &job->record->steps[index];
    struct live_step *live = &job->steps[index];

    if (!step_is_outstanding(row)) {
        return;
    }
    row->error = (struct gw_error){ .err = GW_OK };
    row->tries = 0;
    row->activations = 0;
    live->absent_ms = 0;
    live->is_dirty = true;
    if (!job_is_open(&job->record->job)) {
        job->record->job.state = JOB_COMMITTED;
        job->record->job.finished_s = 0;
        job->is_dirty = true;
        pending_audit(e, "job goes on", row->device, job->record->job.id, NULL);
    }
}

bool step_is_reachable(struct engine *e, const struct job *job, uint16_t index)
{
    return !job->steps[index].is_away &&
           engine_find_bus(e, job->record->steps[index].bus)->state == ENGINE_BUS_UP;
}

/* Its deadline runs while it waits for a bus or device that is not there. A pause stops the clock:
 * the operator is at work. */
static void watch_absence(struct engine *e, struct job *job, uint16_t index)
{
    struct live_step *live = &job->steps[index];
    enum engine_bus bus = engine_find_bus(e, job->record->steps[index].bus)->state;

    if (bus == ENGINE_BUS_PAUSED) {
        live->absent_ms = 0;
    } else if ((bus == ENGINE_BUS_DOWN || live->is_away) && live->absent_ms == 0) {
        live->absent_ms = engine_now(e);
    }
}

static void end_absent(struct engine *e, struct job *job, uint16_t index)
{
    struct gw_error error = { .err = GW_DEVICE_AWAY };
    const char *why = job->steps[index].trouble.err ? job->steps[index].trouble.detail
                                                    : "its bus is down";

    (void)gw_fail(&error, GW_DEVICE_AWAY, "no answer for %llu s: %s",
                  (unsigned long long)(e->config.away_deadline_ms / 1000), why);
    step_give_up(e, job, index, &error);
}

/* Too many calls that did not help. */
static void check_tries(struct engine *e, struct job *job, uint16_t index)
{
    struct step_row *row = &job->record->steps[index];
    enum verb verb = decide_step(job, index);
    struct gw_error error = job->steps[index].trouble;

    if (verb == VERB_ACTIVATE && row->activations >= ENGINE_ACTIVATIONS_MAX) {
        error = make_error(GW_TRIAL_LOST, "it fell back to its old image each time");
    } else if (verb == VERB_NONE || verb == VERB_IDENTIFY || row->tries < ENGINE_TRIES_MAX) {
        return;
    } else if (error.err == GW_OK) {
        error = make_error(GW_DEVICE_LIES, "calls succeed, but the device does not come forward");
    }
    step_give_up(e, job, index, &error);
}

void step_check_deadlines(struct engine *e, struct job *job, uint16_t index)
{
    struct step_row *row = &job->record->steps[index];
    struct live_step *live = &job->steps[index];
    uint64_t now = engine_now(e);

    if (step_has_ended(row)) {
        return;
    }
    watch_absence(e, job, index);
    if (live->absent_ms && now - live->absent_ms >= e->config.away_deadline_ms) {
        end_absent(e, job, index);
        return;
    }
    if (live->trial_ends_ms && live->seen == SEEN_TRIAL && now >= live->trial_ends_ms) {
        struct gw_error error = make_error(GW_TRIAL_LOST, "no verdict before the trial's deadline");

        step_give_up(e, job, index, &error);
        return;
    }
    if (live->seen == SEEN_REJECTED && row->state == STEP_CONFIRMING) {
        struct gw_error error = make_error(GW_SELF_TEST, "rejected after the group was committed");

        step_give_up(e, job, index, &error);
        return;
    }
    check_tries(e, job, index);
}

uint64_t step_deadline(struct engine *e, const struct job *job, uint16_t index)
{
    const struct live_step *live = &job->steps[index];
    uint64_t at = ENV_NEVER;

    if (step_has_ended(&job->record->steps[index])) {
        return at;
    }
    if (live->absent_ms) {
        at = live->absent_ms + e->config.away_deadline_ms;
    }
    if (live->trial_ends_ms && live->trial_ends_ms < at) {
        at = live->trial_ends_ms;
    }
    return at;
}
