#include <string.h>

#include "inner.h"

/* What the members of a group have in common in this turn. */
struct outline {
    bool has_failed; /* a member is failed, being taken back, or skipped with an error */
    bool all_ended;
    bool all_staged;  /* or further, and seen so now */
    bool all_passed;  /* or have the image already, and seen so now */
    bool has_passed;  /* at least one of them is on trial */
    bool has_started; /* a member was told to switch */
    uint16_t culprit; /* has_failed: the member that failed by itself */
};

static bool is_active(enum step_state state)
{
    return state == STEP_ACTIVATING || state == STEP_TRIAL || state == STEP_PASSED;
}

static bool has_failed(const struct step_row *row)
{
    return row->state == STEP_FAILED || row->state == STEP_REVERTING ||
           (row->state == STEP_SKIPPED && row->error.err != GW_OK);
}

/* Failed by itself, not because of another member, step or the operator. */
static bool is_culprit(const struct step_row *row)
{
    return has_failed(row) && row->error.err != GW_REVERTED && row->error.err != GW_CANCELLED &&
           row->error.err != GW_DEPENDENCY;
}

static bool is_passed_now(const struct step_row *row, const struct live_step *live)
{
    return row->state == STEP_PASSED && (live->seen == SEEN_PASSED || live->seen == SEEN_CONFIRMED);
}

static struct outline outline_of(const struct job *job, uint16_t group)
{
    struct outline o = { .all_ended = true, .all_staged = true, .all_passed = true };
    bool has_culprit = false;

    for (uint16_t i = 0; i < job->record->step_count; i++) {
        const struct step_row *row = &job->record->steps[i];
        const struct live_step *live = &job->steps[i];

        if (row->group != group) {
            continue;
        }
        bool is_new = step_has_succeeded(row), is_passed = is_passed_now(row, live);
        bool is_staged = row->state == STEP_STAGED && live->seen == SEEN_STAGED;

        if (has_failed(row) && !has_culprit) {
            o.culprit = i;
            has_culprit = is_culprit(row);
        }
        o.has_failed = o.has_failed || has_failed(row);
        o.all_ended = o.all_ended && step_has_ended(row);
        o.all_staged = o.all_staged && (is_new || is_staged || is_active(row->state));
        o.all_passed = o.all_passed && (is_new || is_passed);
        o.has_passed = o.has_passed || is_passed;
        o.has_started = o.has_started || is_active(row->state);
    }
    return o;
}

static void undo(struct engine *e, struct job *job, uint16_t group, const struct gw_error *error)
{
    for (uint16_t i = 0; i < job->record->step_count; i++) {
        struct step_row *row = &job->record->steps[i];

        if (row->group != group || step_next(row->state, EVENT_UNDO) == STEP_INVALID) {
            continue;
        }
        row->error = *error;
        job->steps[i].is_dirty = true;
        (void)step_move(e, job, i, EVENT_UNDO);
    }
}

static bool can_undo(const struct job *job, uint16_t group)
{
    for (uint16_t i = 0; i < job->record->step_count; i++) {
        const struct step_row *row = &job->record->steps[i];

        if (row->group == group && step_next(row->state, EVENT_UNDO) != STEP_INVALID) {
            return true;
        }
    }
    return false;
}

/* The commit record: stored in one transaction with the members' new state, before any Confirm. */
static void commit(struct engine *e, struct job *job, uint16_t group)
{
    struct group_row *row = &job->record->groups[group];
    const char *name = row->name;

    row->is_committed = true;
    row->committed_s = e->env->ops->wall_s(e->env);
    job->groups[group].is_dirty = true;
    for (uint16_t i = 0; i < job->record->step_count; i++) {
        if (job->record->steps[i].group == group) {
            (void)step_move(e, job, i, EVENT_COMMIT);
            name = *name ? name : job->record->steps[i].device;
        }
    }
    pending_audit(e, "group committed", name, job->record->job.id, NULL);
}

enum waits { WAITS_NOT, WAITS_STILL, WAITS_IN_VAIN };

/* How step `index` stands to one step that it comes after. */
static enum waits waits_for(const struct job *job, uint16_t index, uint16_t other)
{
    const struct step_row *row = &job->record->steps[other];

    if (step_has_succeeded(row)) {
        return WAITS_NOT;
    }
    if (row->group == job->record->steps[index].group) {
        return is_passed_now(row, &job->steps[other]) ? WAITS_NOT : WAITS_STILL;
    }
    return step_has_ended(row) ? WAITS_IN_VAIN : WAITS_STILL;
}

static enum waits waits(const struct job *job, uint16_t index, uint16_t *culprit)
{
    const struct job_record *record = job->record;
    enum waits result = WAITS_NOT;

    for (uint16_t a = 0; a < record->after_count; a++) {
        if (record->afters[a].component != record->steps[index].component) {
            continue;
        }
        for (uint16_t i = 0; i < record->step_count; i++) {
            enum waits w = record->steps[i].component == record->afters[a].after
                               ? waits_for(job, index, i)
                               : WAITS_NOT;

            if (w == WAITS_IN_VAIN) {
                *culprit = i;
                return w;
            }
            result = w == WAITS_STILL ? w : result;
        }
    }
    return result;
}

/* A step of another group that a member comes after has ended without success. */
static bool waits_in_vain(const struct job *job, uint16_t group, uint16_t *culprit)
{
    for (uint16_t i = 0; i < job->record->step_count; i++) {
        if (job->record->steps[i].group == group && !step_has_ended(&job->record->steps[i]) &&
            waits(job, i, culprit) == WAITS_IN_VAIN) {
            return true;
        }
    }
    return false;
}

bool group_staging_is_over(struct engine *e, const struct job *job)
{
    for (uint16_t i = 0; i < job->record->step_count; i++) {
        enum step_state state = job->record->steps[i].state;
        bool is_early = state == STEP_WAITING || state == STEP_FETCHING || state == STEP_STAGING;

        if (is_early && step_is_reachable(e, job, i)) {
            return false;
        }
    }
    return true;
}

/* Every step of other groups that a member comes after has succeeded. */
static bool others_are_done(const struct job *job, uint16_t group)
{
    const struct job_record *record = job->record;

    for (uint16_t i = 0; i < record->step_count; i++) {
        if (record->steps[i].group != group) {
            continue;
        }
        for (uint16_t a = 0; a < record->after_count; a++) {
            for (uint16_t s = 0; s < record->step_count; s++) {
                if (record->afters[a].component == record->steps[i].component &&
                    record->steps[s].component == record->afters[a].after &&
                    record->steps[s].group != group && !step_has_succeeded(&record->steps[s])) {
                    return false;
                }
            }
        }
    }
    return true;
}

/* Between its first activation and its end. */
static bool is_under_way(const struct job *job, uint16_t group)
{
    for (uint16_t i = 0; i < job->record->step_count; i++) {
        const struct step_row *row = &job->record->steps[i];

        if (row->group == group && !step_has_ended(row) &&
            (is_active(row->state) || row->state == STEP_REVERTING ||
             row->state == STEP_CONFIRMING)) {
            return true;
        }
    }
    return false;
}

/* A device of this group is also in a group that is under way: a reset for one image would end the
 * trial of the other. Asked for whole groups, so that two groups never wait for each other. */
static bool devices_are_taken(const struct job *job, uint16_t group)
{
    const struct job_record *r = job->record;

    for (uint16_t i = 0; i < r->step_count; i++) {
        if (r->steps[i].group != group) {
            continue;
        }
        for (uint16_t k = 0; k < r->step_count; k++) {
            if (r->steps[k].group != group && !step_has_ended(&r->steps[k]) &&
                strcmp(r->steps[k].device, r->steps[i].device) == 0 &&
                is_under_way(job, r->steps[k].group)) {
                return true;
            }
        }
    }
    return false;
}

/* May the first member switch? Windows, approval and canary are to be asked here. */
static bool group_may_activate(const struct job *job, uint16_t group, const struct outline *o,
                               bool staging_is_over)
{
    return o->all_staged && (o->has_started || (staging_is_over && others_are_done(job, group) &&
                                                !devices_are_taken(job, group)));
}

static bool activate(struct engine *e, struct job *job, uint16_t group)
{
    bool moved = false;

    for (uint16_t i = 0; i < job->record->step_count; i++) {
        const struct step_row *row = &job->record->steps[i];
        uint16_t culprit;

        if (row->group == group && row->state == STEP_STAGED &&
            waits(job, i, &culprit) == WAITS_NOT) {
            moved = step_move(e, job, i, EVENT_ACTIVATE) || moved;
        }
    }
    return moved;
}

static struct gw_error because_of(const struct job *job, enum gw_err err, uint16_t culprit)
{
    const struct step_row *row = &job->record->steps[culprit];
    struct gw_error error = { .err = GW_OK };

    (void)gw_fail(&error, err, "%s: GW%d %s", row->device, (int)row->error.err,
                  gw_err_text(row->error.err));
    return error;
}

bool group_follow(struct engine *e, struct job *job, uint16_t index, bool staging_is_over)
{
    if (job->record->groups[index].is_committed) {
        return false;
    }
    struct outline o = outline_of(job, index);
    struct gw_error error = { .err = GW_OK };
    uint16_t culprit = 0;

    if (o.all_ended) {
        return false;
    }
    if (job->record->job.cancel_requested) {
        error = (struct gw_error){ .err = GW_CANCELLED };
    } else if (o.has_failed) {
        error = because_of(job, GW_REVERTED, o.culprit);
    } else if (waits_in_vain(job, index, &culprit)) {
        error = because_of(job, GW_DEPENDENCY, culprit);
    }
    if (error.err != GW_OK) {
        bool moves = can_undo(job, index);

        undo(e, job, index, &error);
        return moves;
    }
    if (o.all_passed && o.has_passed) {
        commit(e, job, index);
        return true;
    }
    return group_may_activate(job, index, &o, staging_is_over) && activate(e, job, index);
}
