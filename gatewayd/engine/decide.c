#include <string.h>

#include "inner.h"

/* A device that answers is served before one that is to be filled: trials have deadlines. */
static const enum verb order[] = {
    VERB_CONFIRM, VERB_REVERT, VERB_IDENTIFY, VERB_ACTIVATE, VERB_STAGE,
};

enum { ORDERS = sizeof order / sizeof order[0] };

/* Something on this bus is on trial or on its way there or back: a transfer would keep the bus
 * from asking after it. */
static bool is_tried(const struct job *job, const char *bus)
{
    for (uint16_t i = 0; i < job->record->step_count; i++) {
        const struct step_row *row = &job->record->steps[i];
        bool is_under_way = row->state == STEP_ACTIVATING || row->state == STEP_TRIAL ||
                            row->state == STEP_PASSED || row->state == STEP_REVERTING;

        if (is_under_way && !job->steps[i].is_away && strcmp(row->bus, bus) == 0) {
            return true;
        }
    }
    return false;
}

enum verb decide_step(const struct job *job, uint16_t index)
{
    const struct step_row *row = &job->record->steps[index];
    const struct live_step *live = &job->steps[index];
    bool has_image = job->images[row->component].state == IMAGE_READY;

    if (step_has_ended(row)) {
        return live->is_missed && step_is_outstanding(row) ? VERB_IDENTIFY : VERB_NONE;
    }
    enum verb verb = step_wants(row->state, live->seen);

    if (verb == VERB_POLL) {
        return VERB_IDENTIFY;
    }
    if ((verb == VERB_STAGE || (verb == VERB_ACTIVATE && live->is_deferred)) && !has_image) {
        return VERB_NONE;
    }
    return verb;
}

static bool is_due(const struct job *job, uint16_t index, const char *bus, uint64_t now)
{
    return job->steps[index].due_ms <= now && strcmp(job->record->steps[index].bus, bus) == 0;
}

/* All steps that one call can serve together: the same verb, image, and operator's wish. */
static void gather(struct choice *out, const struct job *job, const char *bus, uint64_t now)
{
    uint16_t first = 0;

    for (uint16_t i = 0; i < job->record->step_count && out->step_count < CALL_DEVICES_MAX; i++) {
        if (!is_due(job, i, bus, now) || decide_step(job, i) != out->verb) {
            continue;
        }
        if (out->step_count == 0) {
            first = i;
            out->component = job->record->steps[i].component;
        }
        if (out->verb == VERB_IDENTIFY ||
            (job->record->steps[i].component == out->component &&
             job->record->steps[i].is_retry == job->record->steps[first].is_retry)) {
            out->steps[out->step_count++] = i;
        }
    }
}

void decide(struct choice *out, const struct job *job, const char *bus, uint64_t now)
{
    out->verb = VERB_NONE;
    out->step_count = 0;
    for (size_t i = 0; i < ORDERS && out->step_count == 0; i++) {
        if (order[i] == VERB_STAGE && is_tried(job, bus)) {
            continue;
        }
        out->verb = order[i];
        gather(out, job, bus, now);
    }
    if (out->step_count == 0) {
        out->verb = VERB_NONE;
    }
}
