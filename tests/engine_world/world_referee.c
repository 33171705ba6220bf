#include <string.h>

#include "world_inner.h"

struct stored_job *world_last(const struct world *w)
{
    return (struct stored_job *)&w->stored[w->stored_count - 1];
}

static const struct step_row *step_of(const struct world *w, const struct world_device *d)
{
    /* The oldest open job is the one that acts. */
    for (unsigned j = 0; j < w->stored_count; j++) {
        const struct stored_job *job = &w->stored[j];

        for (uint16_t i = 0;
             (job_is_open(&job->job) || j + 1 == w->stored_count) && i < job->step_count; i++) {
            if (strcmp(job->steps[i].device, d->name) == 0) {
                return &job->steps[i];
            }
        }
    }
    return NULL;
}

static const struct stored_job *job_of_step(const struct world *w, const struct step_row *row)
{
    for (unsigned j = 0; j < w->stored_count; j++) {
        const struct stored_job *job = &w->stored[j];

        if (row >= job->steps && row < job->steps + WORLD_ROWS) {
            return job;
        }
    }
    return NULL;
}

/* I10: what its group comes after in another group has confirmed; what it comes after in its own
 * runs the new image. */
static void judge_order(struct world *w, const struct stored_job *job, const struct step_row *row)
{
    for (uint16_t a = 0; a < job->after_count; a++) {
        for (uint16_t i = 0; i < job->step_count; i++) {
            const struct step_row *member = &job->steps[i];

            for (uint16_t k = 0; k < job->step_count && member->group == row->group; k++) {
                const struct step_row *other = &job->steps[k];
                const struct world_device *od = world_device_named(w, other->device);
                bool is_inside = other->group == row->group;

                if (job->afters[a].component == member->component &&
                    job->afters[a].after == other->component && (!is_inside || member == row) &&
                    (od->runs == RUNS_OLD || (od->runs == RUNS_TRIAL && !is_inside))) {
                    world_violate(w, "activated before what it comes after", row->device);
                }
            }
        }
    }
}

/* Where nothing goes wrong, all is staged before anything is activated. */
static void judge_staging(struct world *w, const struct stored_job *job)
{
    for (uint16_t i = 0; i < job->step_count && w->fault_count == 0; i++) {
        const struct world_device *d = world_device_named(w, job->steps[i].device);
        enum step_state state = job->steps[i].state;

        if (d->is_on && !d->never_answers &&
            (state == STEP_WAITING || state == STEP_FETCHING || state == STEP_STAGING)) {
            world_violate(w, "something was activated before this was staged", d->name);
        }
    }
}

void world_judge_activate(struct world *w, const struct world_device *d)
{
    const struct step_row *row = step_of(w, d);

    /* Reverting: the call was under way when the group failed. */
    if (!row || (row->state != STEP_ACTIVATING && row->state != STEP_CONFIRMING &&
                 row->state != STEP_REVERTING)) {
        world_violate(w, "activated, but the store does not know of it", d->name);
    } else if (row->state == STEP_ACTIVATING) {
        judge_order(w, job_of_step(w, row), row);
        judge_staging(w, job_of_step(w, row));
    }
}

void world_judge_confirm(struct world *w, const struct world_device *d)
{
    const struct step_row *row = step_of(w, d);
    const struct stored_job *job = row ? job_of_step(w, row) : NULL;

    if (!job || !job->groups[row->group].is_committed) {
        world_violate(w, "confirmed without the commit record", d->name);
    }
    if (d->runs == RUNS_TRIAL && !d->cannot_say &&
        (d->fate != FATE_PASS || w->now_ms - d->trial_from_ms < SELF_TEST_MS)) {
        world_violate(w, "confirmed without a passed self-test", d->name);
    }
}

bool world_all_new(const struct world *w)
{
    for (unsigned i = 0; i < w->device_count; i++) {
        if (w->devices[i].runs != RUNS_NEW) {
            return false;
        }
    }
    return true;
}

bool world_all_old(const struct world *w)
{
    for (unsigned i = 0; i < w->device_count; i++) {
        if (w->devices[i].runs != RUNS_OLD) {
            return false;
        }
    }
    return true;
}

bool world_status_is_true(const struct world *w)
{
    for (uint16_t i = 0; i < world_last(w)->step_count; i++) {
        const struct step_row *row = &world_last(w)->steps[i];
        const struct world_device *d = world_device_named(w, row->device);

        if (step_has_succeeded(row) != (d->runs == RUNS_NEW) && !step_is_outstanding(row)) {
            return false;
        }
    }
    return true;
}
