#include <string.h>

#include "world_inner.h"

static void fall_back(struct world_device *d)
{
    d->runs = RUNS_OLD;
    d->was_confirmed = false;
    d->slot = d->trial_starts >= DEVICE_TRIALS ? SLOT_BAD : SLOT_FULL;
}

/* Let pass what has happened on the device until now. */
void world_settle(struct world *w, struct world_device *d)
{
    uint64_t age = w->now_ms - d->trial_from_ms;

    if (!d->is_on || d->runs != RUNS_TRIAL) {
        return;
    }
    if (d->fate == FATE_FAIL && age >= SELF_TEST_MS) {
        d->runs = RUNS_OLD;
        d->slot = SLOT_BAD;
    } else if (age >= TRIAL_MS) {
        fall_back(d);
    }
}

void world_set_power(struct world *w, struct world_device *d, bool on)
{
    world_settle(w, d);
    if (!on && d->runs == RUNS_TRIAL) {
        fall_back(d);
    }
    d->is_on = on;
}

static struct device_info describe(struct world *w, const struct world_device *d)
{
    struct device_info info = { .is_own = true, .has_ids = true, .serial = { d->serial } };
    const enum slot_state states[] = { SLOT_EMPTY, SLOT_RECEIVING,
                                       d->was_confirmed ? SLOT_CONFIRMED : SLOT_STAGED,
                                       SLOT_REJECTED };
    uint64_t age = w->now_ms - d->trial_from_ms;

    strcpy(info.name, d->name);
    info.serial_len = 1;
    info.vendor_id[0] = 1;
    info.caps = (struct device_caps){ .spare_slot = !d->has_no_spare,
                                      .can_revert = !d->has_no_spare,
                                      .reads_back_identity = !d->cannot_say,
                                      .trial_ms = TRIAL_MS };
    info.slot_count = 2;
    info.slots[0] = (struct device_slot){ .state = SLOT_CONFIRMED,
                                          .is_active = d->runs == RUNS_OLD,
                                          .has_identity = true,
                                          .identity = { 0xee } };
    info.slots[1] = (struct device_slot){ .slot = 1,
                                          .is_active = d->runs != RUNS_OLD,
                                          .has_identity = true,
                                          .identity = { 0x77 },
                                          .offset = d->offset };
    info.slots[1].state = d->runs == RUNS_OLD     ? states[d->slot]
                          : d->runs == RUNS_TRIAL ? SLOT_TRIAL
                                                  : SLOT_CONFIRMED;
    if (d->runs == RUNS_TRIAL) {
        info.self_test = d->fate == FATE_PASS && age >= SELF_TEST_MS ? SELF_TEST_PASSED
                                                                     : SELF_TEST_RUNNING;
        info.trial_left_ms = (uint32_t)(TRIAL_MS - age);
    }
    return info;
}

const struct world_device *world_device_named(const struct world *w, const char *name)
{
    for (unsigned i = 0; i < w->device_count; i++) {
        if (strcmp(w->devices[i].name, name) == 0) {
            return &w->devices[i];
        }
    }
    return NULL;
}

static void effect_stage(struct world *w, struct world_device *d)
{
    if (d->runs != RUNS_OLD) {
        world_violate(w, "staged while the new image runs", d->name);
        return;
    }
    if (d->slot == SLOT_NOTHING) {
        d->slot = SLOT_PART;
        d->offset = 0;
        d->trial_starts = 0;
    }
    if (d->slot == SLOT_PART && !d->lies) {
        d->offset += CHUNK_BYTES;
        d->flashed++;
        d->slot = d->offset == (uint64_t)CHUNKS * CHUNK_BYTES ? SLOT_FULL : SLOT_PART;
    }
}

void world_effect(struct world *w, const struct event *e)
{
    struct world_device *d = &w->devices[e->device];

    world_settle(w, d);
    if (!d->is_on) {
        return;
    }
    if (e->verb == VERB_STAGE && d->has_no_spare) {
        return;
    }
    if (e->verb == VERB_ACTIVATE && d->has_no_spare) {
        d->slot = SLOT_FULL;
    }
    if (e->verb == VERB_STAGE) {
        effect_stage(w, d);
        engine_call_progress(w->engine, e->call, d->name, d->offset,
                             (uint64_t)CHUNKS * CHUNK_BYTES);
    } else if (e->verb == VERB_ACTIVATE && d->runs == RUNS_OLD &&
               (d->slot == SLOT_FULL || (d->slot == SLOT_BAD && e->is_retry))) {
        world_judge_activate(w, d);
        d->trial_starts = d->slot == SLOT_BAD ? 1 : d->trial_starts + 1;
        d->runs = RUNS_TRIAL;
        d->trial_from_ms = w->now_ms;
    } else if (e->verb == VERB_CONFIRM && d->runs == RUNS_TRIAL) {
        world_judge_confirm(w, d);
        d->runs = RUNS_NEW;
    } else if (e->verb == VERB_REVERT && d->runs == RUNS_TRIAL) {
        fall_back(d);
    }
}

/* What the router makes of how the device is now. */
static enum outcome outcome_of(const struct world_device *d, enum verb verb)
{
    bool is_there = d->runs != RUNS_OLD;

    if (!d->is_on || d->never_answers) {
        return OUTCOME_AWAY;
    }
    if (verb == VERB_STAGE && d->has_no_spare) {
        return OUTCOME_DEFERRED;
    }
    if (verb == VERB_STAGE) {
        return is_there || d->slot == SLOT_FULL || d->lies ? OUTCOME_DONE : OUTCOME_AWAY;
    }
    if (verb == VERB_ACTIVATE) {
        return is_there ? OUTCOME_DONE : OUTCOME_AWAY;
    }
    return verb == VERB_CONFIRM && d->runs != RUNS_NEW ? OUTCOME_AWAY : OUTCOME_DONE;
}

void world_answer(struct world *w, const struct event *e)
{
    struct world_device *d = &w->devices[e->device];

    world_settle(w, d);
    struct device_result result = { .device = d->name,
                                    .outcome = outcome_of(d, e->verb),
                                    .error = { GW_DEVICE_AWAY, "it is silent" } };

    if (e->verb == VERB_IDENTIFY && result.outcome == OUTCOME_DONE) {
        struct device_info info = describe(w, d);

        engine_call_device(w->engine, e->call, &info);
    } else {
        engine_call_result(w->engine, e->call, &result);
    }
}
