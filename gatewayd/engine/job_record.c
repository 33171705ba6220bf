#include "job_record.h"

#include <stdlib.h>

/* Offset of the next part, and room for `n` rows of `size` after it. */
static size_t reserve(size_t *total, size_t n, size_t size)
{
    size_t at = (*total + _Alignof(max_align_t) - 1) / _Alignof(max_align_t) *
                _Alignof(max_align_t);

    *total = at + n * size;
    return at;
}

struct job_record *job_record_new(uint16_t components, uint16_t afters, uint16_t groups,
                                  uint16_t steps)
{
    size_t total = sizeof(struct job_record);
    size_t components_at = reserve(&total, components, sizeof(struct component_row));
    size_t afters_at = reserve(&total, afters, sizeof(struct after_row));
    size_t groups_at = reserve(&total, groups, sizeof(struct group_row));
    size_t steps_at = reserve(&total, steps, sizeof(struct step_row));
    char *memory = calloc(1, total);

    if (!memory) {
        return NULL;
    }
    struct job_record *record = (struct job_record *)(void *)memory;

    record->components = (struct component_row *)(void *)(memory + components_at);
    record->afters = (struct after_row *)(void *)(memory + afters_at);
    record->groups = (struct group_row *)(void *)(memory + groups_at);
    record->steps = (struct step_row *)(void *)(memory + steps_at);
    record->component_count = components;
    record->after_count = afters;
    record->group_count = groups;
    record->step_count = steps;
    return record;
}

void job_record_free(struct job_record *record)
{
    free(record);
}

bool job_is_open(const struct job_row *job)
{
    return job->state == JOB_PREPARING || job->state == JOB_RUNNING || job->state == JOB_COMMITTED;
}

bool step_is_outstanding(const struct step_row *step)
{
    return step->state == STEP_CONFIRMING && step->error.err == GW_COMMIT_OUTSTANDING;
}

bool job_is_live(const struct job_record *record)
{
    bool is_live = job_is_open(&record->job);

    for (uint16_t i = 0; i < record->step_count; i++) {
        is_live = is_live || step_is_outstanding(&record->steps[i]);
    }
    return is_live;
}

bool step_has_ended(const struct step_row *step)
{
    return step->state == STEP_DONE || step->state == STEP_FAILED || step->state == STEP_SKIPPED ||
           step_is_outstanding(step);
}

bool step_has_succeeded(const struct step_row *step)
{
    return step->state == STEP_DONE || (step->state == STEP_SKIPPED && step->error.err == GW_OK);
}

const char *job_state_word(enum job_state state)
{
    switch (state) {
    case JOB_PREPARING:
        return "preparing";
    case JOB_RUNNING:
        return "running";
    case JOB_COMMITTED:
        return "committed";
    case JOB_DONE:
        return "done";
    case JOB_PARTIAL:
        return "partial";
    case JOB_FAILED:
        return "failed";
    case JOB_CANCELLED:
        return "cancelled";
    }
    return "invalid";
}

const char *job_mode_word(enum job_mode mode)
{
    switch (mode) {
    case JOB_MODE_AUTO:
        return "auto";
    case JOB_MODE_CACHED:
        return "cached";
    case JOB_MODE_STREAMED:
        return "streamed";
    }
    return "invalid";
}
