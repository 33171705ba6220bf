#include "inner.h"

#include <stdlib.h>
#include <string.h>

struct job *job_new(struct job_record *record)
{
    struct job *job = calloc(1, sizeof *job);

    if (!job) {
        job_record_free(record);
        return NULL;
    }
    job->record = record;
    job->steps = calloc(record->step_count + 1u, sizeof *job->steps);
    job->images = calloc(record->component_count + 1u, sizeof *job->images);
    job->groups = calloc(record->group_count + 1u, sizeof *job->groups);
    if (!job->steps || !job->images || !job->groups) {
        job_free(job);
        return NULL;
    }
    for (uint16_t i = 0; i < record->step_count; i++) {
        job->steps[i].best_done = record->steps[i].done;
    }
    return job;
}

void job_free(struct job *job)
{
    if (job) {
        job_record_free(job->record);
        free(job->steps);
        free(job->images);
        free(job->groups);
        free(job);
    }
}

/* Every step that a step of group `g` comes after, in another group, is in a group marked `done`.
 */
static bool group_can_follow(const struct job_record *r, uint16_t g, const bool *done)
{
    for (uint16_t a = 0; a < r->after_count; a++) {
        for (uint16_t i = 0; i < r->step_count; i++) {
            for (uint16_t k = 0; k < r->step_count; k++) {
                if (r->steps[i].group == g && r->steps[i].component == r->afters[a].component &&
                    r->steps[k].component == r->afters[a].after && r->steps[k].group != g &&
                    !done[r->steps[k].group]) {
                    return false;
                }
            }
        }
    }
    return true;
}

static bool components_have_an_order(const struct job_record *r, bool *done)
{
    for (uint16_t round = 0; round < r->component_count; round++) {
        for (uint16_t c = 0; c < r->component_count; c++) {
            bool can = true;

            for (uint16_t a = 0; a < r->after_count; a++) {
                can = can && (r->afters[a].component != c || done[r->afters[a].after]);
            }
            done[c] = done[c] || can;
        }
    }
    for (uint16_t c = 0; c < r->component_count; c++) {
        if (!done[c]) {
            return false;
        }
    }
    return true;
}

static bool groups_have_an_order(const struct job_record *r, bool *done)
{
    for (bool moved = true; moved;) {
        moved = false;
        for (uint16_t g = 0; g < r->group_count; g++) {
            if (!done[g] && group_can_follow(r, g, done)) {
                done[g] = moved = true;
            }
        }
    }
    for (uint16_t g = 0; g < r->group_count; g++) {
        if (!done[g]) {
            return false;
        }
    }
    return true;
}

static bool indices_are_valid(const struct job_record *r)
{
    for (uint16_t i = 0; i < r->step_count; i++) {
        if (r->steps[i].component >= r->component_count || r->steps[i].group >= r->group_count) {
            return false;
        }
    }
    for (uint16_t a = 0; a < r->after_count; a++) {
        if (r->afters[a].component >= r->component_count ||
            r->afters[a].after >= r->component_count) {
            return false;
        }
    }
    return true;
}

bool job_order_is_possible(const struct job_record *record)
{
    bool *done = calloc((size_t)record->component_count + record->group_count + 1u, sizeof *done);
    bool ok = done && indices_are_valid(record) && components_have_an_order(record, done) &&
              groups_have_an_order(record, done + record->component_count);

    free(done);
    return ok;
}

static bool needs_image(const struct job *job, uint16_t index)
{
    const struct step_row *row = &job->record->steps[index];
    const struct live_step *live = &job->steps[index];

    if (step_has_ended(row)) {
        return false;
    }
    return row->state == STEP_FETCHING || row->state == STEP_STAGING ||
           (row->state == STEP_CONFIRMING && live->seen == SEEN_OLD) ||
           (live->is_deferred && (row->state == STEP_STAGED || row->state == STEP_ACTIVATING));
}

/* Ask for the image of what has been found to need it; go on with what has got it. */
static bool follow_images(struct engine *e, struct job *job)
{
    bool moved = false;

    for (uint16_t c = 0; c < job->record->component_count; c++) {
        job->images[c].is_wanted = false;
    }
    for (uint16_t i = 0; i < job->record->step_count; i++) {
        const struct step_row *row = &job->record->steps[i];
        struct live_image *image = &job->images[row->component];

        if (row->state == STEP_WAITING && job->steps[i].seen == SEEN_OLD) {
            moved = step_move(e, job, i, EVENT_WANT_IMAGE) || moved;
        }
        if (row->state == STEP_FETCHING && image->state == IMAGE_READY) {
            moved = step_move(e, job, i, EVENT_IMAGE) || moved;
        }
        if (image->state == IMAGE_FAILED && needs_image(job, i)) {
            step_give_up(e, job, i, &image->error);
            moved = true;
        }
        /* Keep one that a step not yet asked may need, rather than fetch it twice. */
        image->is_wanted = image->is_wanted || needs_image(job, i) ||
                           (row->state == STEP_WAITING &&
                            (image->state == IMAGE_PREPARING || image->state == IMAGE_READY));
    }
    return moved;
}

bool job_can_cancel(const struct job *job)
{
    for (uint16_t i = 0; i < job->record->step_count; i++) {
        const struct step_row *row = &job->record->steps[i];

        if (!step_has_ended(row) && !job->record->groups[row->group].is_committed) {
            return true;
        }
    }
    return false;
}

/* What the ended steps add up to. */
static enum job_state outcome_of(const struct job_record *r)
{
    bool all = true, any = false;

    for (uint16_t i = 0; i < r->step_count; i++) {
        all = all && step_has_succeeded(&r->steps[i]);
        any = any || r->steps[i].state == STEP_DONE || step_is_outstanding(&r->steps[i]);
    }
    if (all) {
        return JOB_DONE;
    }
    if (r->job.cancel_requested) {
        return JOB_CANCELLED;
    }
    return any ? JOB_PARTIAL : JOB_FAILED;
}

/* The first failure that is nobody else's consequence. */
static struct gw_error culprit_of(const struct job_record *r)
{
    struct gw_error first = { .err = GW_OK };

    for (uint16_t i = 0; i < r->step_count; i++) {
        const struct step_row *row = &r->steps[i];
        struct gw_error error = { .err = GW_OK };

        if (row->error.err == GW_OK) {
            continue;
        }
        (void)gw_fail(&error, row->error.err, "%.64s: %s", row->device,
                      row->error.detail[0] ? row->error.detail : gw_err_text(row->error.err));
        if (row->error.err != GW_REVERTED && row->error.err != GW_CANCELLED &&
            row->error.err != GW_DEPENDENCY) {
            return error;
        }
        first = first.err == GW_OK ? error : first;
    }
    return first;
}

/* The system's floor rises when nothing that the package requires is unconfirmed. */
static void raise_system(struct engine *e, const struct job_record *r)
{
    if (r->job.state != JOB_DONE && r->job.state != JOB_PARTIAL) {
        return;
    }
    for (uint16_t i = 0; i < r->step_count; i++) {
        if (r->components[r->steps[i].component].is_required && !step_has_succeeded(&r->steps[i])) {
            return;
        }
    }
    struct system_row *row = &e->pending.system;

    *row = (struct system_row){ .floor = r->job.floor, .sequence = r->job.sequence };
    memcpy(row->system, r->job.system, sizeof row->system);
    memcpy(row->release, r->job.release, sizeof row->release);
    memcpy(row->identity, r->job.identity, sizeof row->identity);
    e->pending.has_system = true;
}

static void end(struct engine *e, struct job *job)
{
    struct job_row *row = &job->record->job;

    row->state = outcome_of(job->record);
    row->finished_s = e->env->ops->wall_s(e->env);
    row->error = culprit_of(job->record);
    job->is_dirty = true;
    raise_system(e, job->record);
    pending_audit(e, "job ended", job_state_word(row->state), row->id, &row->error);
}

static bool all_ended(const struct job *job)
{
    for (uint16_t i = 0; i < job->record->step_count; i++) {
        if (!step_has_ended(&job->record->steps[i])) {
            return false;
        }
    }
    return true;
}

static bool is_committed(const struct job *job)
{
    if (job_can_cancel(job)) {
        return false;
    }
    for (uint16_t i = 0; i < job->record->step_count; i++) {
        if (job->record->steps[i].state == STEP_CONFIRMING) {
            return true;
        }
    }
    return false;
}

bool job_follow(struct engine *e, struct job *job)
{
    bool moved = false;

    for (uint16_t i = 0; i < job->record->step_count; i++) {
        step_check_deadlines(e, job, i);
    }
    moved = follow_images(e, job);
    bool staging_is_over = group_staging_is_over(e, job);

    for (uint16_t g = 0; g < job->record->group_count; g++) {
        moved = group_follow(e, job, g, staging_is_over) || moved;
    }
    enum job_state state = is_committed(job) ? JOB_COMMITTED : JOB_RUNNING;

    if (all_ended(job) && !calls_are_running(e)) {
        end(e, job);
    } else if (job->record->job.state != state && !all_ended(job)) {
        job->record->job.state = state;
        job->is_dirty = true;
    }
    return moved;
}

void job_cancel_waiting(struct engine *e, struct job *job, const struct gw_error *error)
{
    job->record->job.cancel_requested = true;
    for (uint16_t i = 0; i < job->record->step_count; i++) {
        if (step_next(job->record->steps[i].state, EVENT_UNDO) != STEP_INVALID) {
            job->record->steps[i].error = *error;
            job->steps[i].is_dirty = true;
            (void)step_move(e, job, i, EVENT_UNDO);
        }
    }
    end(e, job);
}
