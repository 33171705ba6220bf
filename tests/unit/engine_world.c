#include "engine_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNKS = 4, CHUNK_BYTES = 1000, CHUNK_MS = 100, SELF_TEST_MS = 300, TRIAL_MS = 20000 };
enum { DEVICE_TRIALS = 3, OUTAGE_MS = 3000 };

enum what { WHAT_EFFECT, WHAT_RESULT, WHAT_ENDED, WHAT_IMAGE, WHAT_TIMER, WHAT_POWER_ON, WHAT_BUS };

struct event {
    uint64_t at_ms, order; /* order: first come, first served */
    enum what what;
    uint64_t call;
    enum verb verb;
    unsigned device, part;
    bool is_retry;
    uint16_t component;
    uint64_t job;
    enum gw_err err;
};

struct stored_job {
    struct job_row job;
    struct component_row components[WORLD_ROWS];
    struct after_row afters[WORLD_ROWS];
    struct group_row groups[WORLD_ROWS];
    struct step_row steps[WORLD_ROWS];
    uint16_t component_count, after_count, group_count, step_count;
};

struct world {
    struct env base;
    struct engine *engine;
    struct engine_config config;
    uint64_t now_ms, ops, next_order, trace, shuffle;
    struct event events[WORLD_EVENTS];
    size_t event_count;
    struct world_device devices[WORLD_DEVICES];
    unsigned device_count;
    bool one_bus;
    struct job_record *plan;
    struct stored_job stored[WORLD_JOBS];
    unsigned stored_count;
    uint32_t floors[WORLD_DEVICES];
    uint64_t system_floor;
    struct fault faults[4];
    unsigned fault_count;
    bool is_killed; /* the process is dead, but still on the stack */
    enum gw_err image_err;
    unsigned commits_left;
    uint32_t calls;
    unsigned violations;
};

static struct world *of(struct env *env)
{
    return (struct world *)(void *)env;
}

static void mix(struct world *w, uint64_t value)
{
    w->trace = (w->trace ^ value) * 0x100000001b3u;
}

static void violate(struct world *w, const char *what, const char *who)
{
    w->violations++;
    fprintf(stderr, "  op %llu: %s: %s\n", (unsigned long long)w->ops, who, what);
}

/* ---- events ---- */

static void post(struct world *w, struct event event)
{
    if (w->event_count == WORLD_EVENTS) {
        abort();
    }
    event.order = w->next_order++;
    w->events[w->event_count++] = event;
}

static void drop(struct world *w, size_t index)
{
    w->events[index] = w->events[--w->event_count];
}

static size_t earliest(const struct world *w)
{
    size_t best = 0;

    for (size_t i = 1; i < w->event_count; i++) {
        const struct event *a = &w->events[i], *b = &w->events[best];

        if (a->at_ms < b->at_ms || (a->at_ms == b->at_ms && a->order < b->order)) {
            best = i;
        }
    }
    return best;
}

static void drop_calls(struct world *w, const char *bus, enum gw_err err)
{
    uint64_t ended = 0;
    unsigned device = 0;

    for (size_t i = w->event_count; i-- > 0;) {
        const struct event *e = &w->events[i];
        bool of_call = e->what == WHAT_EFFECT || e->what == WHAT_RESULT || e->what == WHAT_ENDED;

        if (of_call && (!bus || strcmp(w->devices[e->device].bus, bus) == 0)) {
            ended = e->call;
            device = e->device;
            drop(w, i);
        }
    }
    if (ended && err) {
        post(w, (struct event){ .at_ms = w->now_ms,
                                .what = WHAT_ENDED,
                                .call = ended,
                                .device = device,
                                .err = err });
    }
}

/* ---- devices ---- */

static void fall_back(struct world_device *d)
{
    d->runs = RUNS_OLD;
    d->slot = d->trial_starts >= DEVICE_TRIALS ? SLOT_BAD : SLOT_FULL;
}

/* Let pass what has happened on the device until now. */
static void settle(struct world *w, struct world_device *d)
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

static void power(struct world *w, struct world_device *d, bool on)
{
    settle(w, d);
    if (!on && d->runs == RUNS_TRIAL) {
        fall_back(d);
    }
    d->is_on = on;
}

static struct device_info describe(struct world *w, const struct world_device *d)
{
    struct device_info info = { .is_own = true, .has_ids = true, .serial = { d->serial } };
    static const enum slot_state states[] = { SLOT_EMPTY, SLOT_RECEIVING, SLOT_STAGED,
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

/* ---- the referee ---- */

static struct stored_job *last(const struct world *w)
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

static const struct world_device *device_named(const struct world *w, const char *name)
{
    for (unsigned i = 0; i < w->device_count; i++) {
        if (strcmp(w->devices[i].name, name) == 0) {
            return &w->devices[i];
        }
    }
    return NULL;
}

/* I10: what comes before it in another group has confirmed; in its own it is on trial. */
static void judge_order(struct world *w, const struct world_device *d)
{
    const struct step_row *row = step_of(w, d);
    const struct stored_job *job = job_of_step(w, row);

    for (uint16_t a = 0; a < job->after_count; a++) {
        for (uint16_t i = 0; i < job->step_count; i++) {
            const struct step_row *other = &job->steps[i];
            const struct world_device *od = device_named(w, other->device);

            if (job->afters[a].component == row->component &&
                job->afters[a].after == other->component && row->state == STEP_ACTIVATING &&
                (od->runs == RUNS_OLD || (od->runs == RUNS_TRIAL && other->group != row->group))) {
                violate(w, "activated before what it comes after", d->name);
            }
        }
    }
}

static void judge_activate(struct world *w, const struct world_device *d)
{
    const struct step_row *row = step_of(w, d);

    /* Reverting: the call was under way when the group failed. */
    if (!row || (row->state != STEP_ACTIVATING && row->state != STEP_CONFIRMING &&
                 row->state != STEP_REVERTING)) {
        violate(w, "activated, but the store does not know of it", d->name);
        return;
    }
    judge_order(w, d);
}

static void judge_confirm(struct world *w, const struct world_device *d)
{
    const struct step_row *row = step_of(w, d);
    const struct stored_job *job = row ? job_of_step(w, row) : NULL;

    if (!job || !job->groups[row->group].is_committed) {
        violate(w, "confirmed without the commit record", d->name);
    }
    if (d->runs == RUNS_TRIAL && !d->cannot_say &&
        (d->fate != FATE_PASS || w->now_ms - d->trial_from_ms < SELF_TEST_MS)) {
        violate(w, "confirmed without a passed self-test", d->name);
    }
}

/* ---- effects of calls ---- */

static void effect_stage(struct world *w, struct world_device *d)
{
    if (d->runs != RUNS_OLD) {
        violate(w, "staged while the new image runs", d->name);
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

static void effect(struct world *w, const struct event *e)
{
    struct world_device *d = &w->devices[e->device];

    settle(w, d);
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
        judge_activate(w, d);
        d->trial_starts = d->slot == SLOT_BAD ? 1 : d->trial_starts + 1;
        d->runs = RUNS_TRIAL;
        d->trial_from_ms = w->now_ms;
    } else if (e->verb == VERB_CONFIRM && d->runs == RUNS_TRIAL) {
        judge_confirm(w, d);
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

static void answer(struct world *w, const struct event *e)
{
    struct world_device *d = &w->devices[e->device];

    settle(w, d);
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

/* ---- env ---- */

static uint64_t env_now(struct env *env)
{
    return of(env)->now_ms;
}

static int64_t env_wall(struct env *env)
{
    return (int64_t)(of(env)->now_ms / 1000) + 1000000;
}

static void env_timer(struct env *env, uint64_t at_ms)
{
    struct world *w = of(env);

    for (size_t i = w->event_count; i-- > 0;) {
        if (w->events[i].what == WHAT_TIMER) {
            drop(w, i);
        }
    }
    if (at_ms != ENV_NEVER && !w->is_killed) {
        post(w,
             (struct event){ .at_ms = at_ms > w->now_ms ? at_ms : w->now_ms, .what = WHAT_TIMER });
    }
}

static struct stored_job *stored(struct world *w, uint64_t id)
{
    for (unsigned i = 0; i < w->stored_count; i++) {
        if (w->stored[i].job.id == id) {
            return &w->stored[i];
        }
    }
    if (w->stored_count == WORLD_JOBS) {
        abort();
    }
    return &w->stored[w->stored_count++];
}

static void keep(struct world *w, const struct change *c)
{
    struct stored_job *job = c->job ? stored(w, c->job) : NULL;

#define KEEP(rows, count, value)                                                                   \
    do {                                                                                           \
        job->rows[c->index] = *(value);                                                            \
        job->count = c->index >= job->count ? (uint16_t)(c->index + 1) : job->count;               \
    } while (0)
    switch (c->kind) {
    case CHANGE_JOB:
        job->job = *c->row.job;
        break;
    case CHANGE_COMPONENT:
        KEEP(components, component_count, c->row.component);
        break;
    case CHANGE_AFTER:
        KEEP(afters, after_count, c->row.after);
        break;
    case CHANGE_GROUP:
        KEEP(groups, group_count, c->row.group);
        break;
    case CHANGE_STEP:
        KEEP(steps, step_count, c->row.step);
        break;
    case CHANGE_FLOOR: {
        const struct world_device *d = device_named(w, c->row.floor->device);

        if (d->runs != RUNS_NEW) {
            violate(w, "the floor rose before the device confirmed", d->name);
        }
        w->floors[d - w->devices] = c->row.floor->floor;
        break;
    }
    case CHANGE_SYSTEM:
        w->system_floor = c->row.system->floor;
        break;
    case CHANGE_PACKAGE:
    case CHANGE_AUDIT:
        break;
    }
#undef KEEP
}

/* Every number is asked once for a fault. */
static bool fault_at(struct world *w, enum fault_kind kind, unsigned *device)
{
    for (unsigned i = 0; i < w->fault_count; i++) {
        if (w->faults[i].kind == kind && w->faults[i].op == w->ops) {
            *device = w->faults[i].device;
            return true;
        }
    }
    return false;
}

/* The engine is not called back from inside a commit. */
static void disturb(struct world *w, bool in_commit)
{
    unsigned device;

    if (fault_at(w, FAULT_CUT, &device) || fault_at(w, FAULT_GONE, &device)) {
        bool for_ever = fault_at(w, FAULT_GONE, &device);

        power(w, &w->devices[device], false);
        if (!for_ever) {
            post(w, (struct event){
                        .at_ms = w->now_ms + OUTAGE_MS, .what = WHAT_POWER_ON, .device = device });
        }
    }
    if (!in_commit && fault_at(w, FAULT_BUS, &device)) {
        drop_calls(w, w->devices[device].bus, GW_LINK_CLOSED);
        engine_bus(w->engine, w->devices[device].bus, ENGINE_BUS_DOWN);
        post(w,
             (struct event){ .at_ms = w->now_ms + OUTAGE_MS, .what = WHAT_BUS, .device = device });
    }
    if (fault_at(w, FAULT_KILL, &device)) {
        w->is_killed = true;
    }
}

static enum gw_err env_commit(struct env *env, const struct change *changes, size_t n)
{
    struct world *w = of(env);
    unsigned device;

    disturb(w, true);
    if (w->is_killed) {
        return GW_OK; /* nobody will ever know */
    }
    if (w->commits_left == 0) {
        return GW_STORE;
    }
    w->commits_left--;
    for (size_t i = 0; i < n; i++) {
        keep(w, &changes[i]);
    }
    w->is_killed = fault_at(w, FAULT_KILL_AFTER, &device);
    mix(w, n);
    w->ops++;
    return GW_OK;
}

static unsigned index_of(const struct world *w, const char *name)
{
    return (unsigned)(device_named(w, name) - w->devices);
}

void world_shuffle(struct world *w, uint64_t seed)
{
    w->shuffle = seed;
}

static uint64_t how_long(struct world *w)
{
    if (w->shuffle == 0) {
        return CHUNK_MS;
    }
    w->shuffle = w->shuffle * 6364136223846793005u + 1442695040888963407u;
    return (w->shuffle >> 33) % 8 == 0 ? 2000 : 1 + (w->shuffle >> 40) % 300;
}

static void env_call_start(struct env *env, const struct engine_call *call)
{
    struct world *w = of(env);
    uint64_t at = w->now_ms;
    unsigned parts = call->verb == VERB_STAGE ? CHUNKS : 1, device = 0;

    if (w->is_killed) {
        return;
    }
    w->calls++;
    for (size_t i = 0; i < w->event_count; i++) {
        if (w->events[i].what == WHAT_ENDED &&
            strcmp(w->devices[w->events[i].device].bus, call->bus) == 0) {
            violate(w, "two calls on one bus", call->bus);
        }
    }
    for (size_t i = 0; i < call->device_count; i++) {
        device = index_of(w, call->devices[i]);
        struct event event = {
            .call = call->id, .verb = call->verb, .device = device, .is_retry = call->is_retry
        };

        for (unsigned part = 0; part < parts; part++) {
            event.at_ms = at += how_long(w);
            event.what = WHAT_EFFECT;
            event.part = part;
            post(w, event);
        }
        event.at_ms = at += 10;
        event.what = WHAT_RESULT;
        post(w, event);
    }
    post(w,
         (struct event){ .at_ms = at + 1, .what = WHAT_ENDED, .call = call->id, .device = device });
    mix(w, (uint64_t)call->verb << 8 | device);
    w->ops++;
}

static void env_call_cancel(struct env *env, const char *bus, uint64_t call_id)
{
    struct world *w = of(env);

    (void)call_id;
    if (!w->is_killed) {
        drop_calls(w, bus, GW_CANCELLED);
        mix(w, 3);
        w->ops++;
    }
}

static void env_image_prepare(struct env *env, uint64_t job, uint16_t component)
{
    struct world *w = of(env);

    if (!w->is_killed) {
        post(w,
             (struct event){
                 .at_ms = w->now_ms + 50, .what = WHAT_IMAGE, .job = job, .component = component });
        w->ops++;
    }
}

static void env_image_release(struct env *env, uint64_t job, uint16_t component)
{
    struct world *w = of(env);

    for (size_t i = w->event_count; i-- > 0;) {
        if (w->events[i].what == WHAT_IMAGE && w->events[i].component == component &&
            w->events[i].job == job) {
            drop(w, i);
        }
    }
}

static void env_changed(struct env *env, uint64_t job)
{
    mix(of(env), job);
}

static const struct env_ops ops = {
    .now_ms = env_now,
    .wall_s = env_wall,
    .set_timer = env_timer,
    .commit = env_commit,
    .call_start = env_call_start,
    .call_cancel = env_call_cancel,
    .image_prepare = env_image_prepare,
    .image_release = env_image_release,
    .changed = env_changed,
};

/* ---- the world ---- */

struct world *world_new(unsigned devices, bool one_bus)
{
    struct world *w = calloc(1, sizeof *w);

    w->base.ops = &ops;
    w->now_ms = 1000;
    w->commits_left = UINT32_MAX;
    w->device_count = devices;
    w->one_bus = one_bus;
    w->plan = job_record_new((uint16_t)devices, WORLD_ROWS, (uint16_t)devices, (uint16_t)devices);
    w->plan->after_count = 0;
    w->plan->job = (struct job_row){ .system = "a/b", .sequence = 42, .floor = 42 };
    for (unsigned i = 0; i < devices; i++) {
        struct world_device *d = &w->devices[i];
        struct step_row *row = &w->plan->steps[i];

        (void)snprintf(d->name, sizeof d->name, "d%u", i);
        (void)snprintf(d->bus, sizeof d->bus, one_bus ? "bus" : "bus%u", i);
        d->serial = (uint8_t)(10 + i);
        d->is_on = true;
        *row = (struct step_row){ .component = (uint16_t)i,
                                  .group = (uint16_t)i,
                                  .state = STEP_WAITING,
                                  .has_ids = true,
                                  .vendor_id = { 1 },
                                  .serial = { d->serial },
                                  .serial_len = 1 };
        strcpy(row->device, d->name);
        strcpy(row->bus, d->bus);
        w->plan->components[i] = (struct component_row){ .identity = { 0x77 },
                                                         .sequence = 21,
                                                         .floor = 20,
                                                         .size = (uint64_t)CHUNKS * CHUNK_BYTES,
                                                         .is_required = true };
        (void)snprintf(w->plan->components[i].name, JOB_COMPONENT_MAX, "c%u", i);
    }
    w->config = (struct engine_config){ .env = &w->base,
                                        .away_deadline_ms = 600000,
                                        .next_job_id = 1 };
    return w;
}

void world_free(struct world *w)
{
    engine_close(w->engine);
    job_record_free(w->plan);
    free(w);
}

struct world_device *world_device(struct world *w, unsigned i)
{
    return &w->devices[i];
}

struct job_record *world_plan(struct world *w)
{
    return w->plan;
}

void world_fault(struct world *w, struct fault fault)
{
    w->faults[w->fault_count++] = fault;
}

static struct job_record *record_of(const struct stored_job *job)
{
    struct job_record *r = job_record_new(job->component_count, job->after_count, job->group_count,
                                          job->step_count);

    r->job = job->job;
    memcpy(r->components, job->components, job->component_count * sizeof *r->components);
    memcpy(r->afters, job->afters, job->after_count * sizeof *r->afters);
    memcpy(r->groups, job->groups, job->group_count * sizeof *r->groups);
    memcpy(r->steps, job->steps, job->step_count * sizeof *r->steps);
    return r;
}

struct job_record *world_load(const struct world *w)
{
    return record_of(last(w));
}

static void turn(struct world *w)
{
    if (engine_turn(w->engine) != GW_OK && w->commits_left > 0) {
        violate(w, "the turn failed", "engine");
    }
}

static void start(struct world *w)
{
    w->is_killed = false;
    w->config.next_job_id = w->stored_count ? last(w)->job.id + 1 : 1;
    if (engine_open(&w->engine, &w->config) != GW_OK) {
        abort();
    }
    for (unsigned i = 0; i < w->stored_count; i++) {
        if (job_is_open(&w->stored[i].job) || i + 1 == w->stored_count) {
            engine_load(w->engine, record_of(&w->stored[i]));
        }
    }
    for (unsigned i = 0; i < w->device_count; i++) {
        engine_bus(w->engine, w->devices[i].bus, ENGINE_BUS_UP);
    }
    turn(w);
}

void world_kill(struct world *w)
{
    do { /* it may be killed again while it starts */
        engine_close(w->engine);
        w->engine = NULL;
        for (size_t i = w->event_count; i-- > 0;) {
            if (w->events[i].what != WHAT_POWER_ON) {
                drop(w, i);
            }
        }
        w->now_ms += 500;
        start(w);
        w->ops += w->is_killed;
    } while (w->is_killed);
}

enum gw_err world_install(struct world *w)
{
    struct job_record *copy = job_record_new(w->plan->component_count, w->plan->after_count,
                                             w->plan->group_count, w->plan->step_count);
    uint64_t id;

    if (!w->engine) {
        start(w);
    }
    copy->job = w->plan->job;
    memcpy(copy->components, w->plan->components,
           w->plan->component_count * sizeof *copy->components);
    memcpy(copy->afters, w->plan->afters, w->plan->after_count * sizeof *copy->afters);
    memcpy(copy->groups, w->plan->groups, w->plan->group_count * sizeof *copy->groups);
    memcpy(copy->steps, w->plan->steps, w->plan->step_count * sizeof *copy->steps);
    return engine_create(w->engine, copy, NULL, false, &id, NULL);
}

static void happen(struct world *w, const struct event *e)
{
    struct gw_error error = { .err = e->err };
    struct engine_image image = { .stream_size = (uint64_t)CHUNKS * CHUNK_BYTES };
    unsigned device;

    switch (e->what) {
    case WHAT_EFFECT:
        effect(w, e);
        break;
    case WHAT_RESULT:
        if (!fault_at(w, FAULT_LOSE, &device)) {
            answer(w, e);
        }
        break;
    case WHAT_ENDED:
        engine_call_ended(w->engine, e->call, &error);
        break;
    case WHAT_IMAGE:
        if (w->image_err) {
            error.err = w->image_err;
            engine_image_failed(w->engine, e->job, e->component, &error);
        } else {
            engine_image_ready(w->engine, e->job, e->component, &image);
        }
        break;
    case WHAT_TIMER:
        break;
    case WHAT_POWER_ON:
        power(w, &w->devices[e->device], true);
        engine_device_appeared(w->engine, w->devices[e->device].bus, w->devices[e->device].name);
        break;
    case WHAT_BUS:
        engine_bus(w->engine, w->devices[e->device].bus, ENGINE_BUS_UP);
        break;
    }
}

static bool step_world(struct world *w, uint64_t limit_ms)
{
    if (w->event_count == 0) {
        return false;
    }
    size_t index = earliest(w);
    struct event event = w->events[index];

    if (event.at_ms > limit_ms) {
        return false;
    }
    drop(w, index);
    w->now_ms = event.at_ms > w->now_ms ? event.at_ms : w->now_ms;
    mix(w, (uint64_t)event.what << 32 | event.device);
    mix(w, w->now_ms);
    disturb(w, false);
    if (!w->is_killed) {
        happen(w, &event);
        w->ops++;
        turn(w);
    } else if (event.what == WHAT_POWER_ON) {
        power(w, &w->devices[event.device], true);
    }
    if (w->is_killed) {
        w->ops++;
        world_kill(w);
    }
    return true;
}

bool world_run(struct world *w, uint64_t limit_ms)
{
    uint64_t until = w->now_ms + limit_ms;

    if (w->is_killed) {
        w->ops++;
        world_kill(w);
    }
    while (step_world(w, until)) {
    }
    return w->stored_count > 0 && !job_is_open(&last(w)->job);
}

void world_run_until(struct world *w, uint64_t op)
{
    while (w->ops < op && step_world(w, UINT64_MAX)) {
    }
}

struct engine *world_engine(struct world *w)
{
    return w->engine;
}

uint64_t world_now(const struct world *w)
{
    return w->now_ms;
}

uint64_t world_ops(const struct world *w)
{
    return w->ops;
}

uint32_t world_calls(const struct world *w)
{
    return w->calls;
}

unsigned world_violations(const struct world *w)
{
    return w->violations;
}

uint64_t world_trace(const struct world *w)
{
    return w->trace;
}

const struct job_row *world_job(const struct world *w)
{
    return &last(w)->job;
}

const struct step_row *world_step(const struct world *w, unsigned i)
{
    return &last(w)->steps[i];
}

uint32_t world_floor(const struct world *w, unsigned device)
{
    return w->floors[device];
}

uint64_t world_system_floor(const struct world *w)
{
    return w->system_floor;
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
    for (uint16_t i = 0; i < last(w)->step_count; i++) {
        const struct step_row *row = &last(w)->steps[i];
        const struct world_device *d = device_named(w, row->device);

        if (step_has_succeeded(row) != (d->runs == RUNS_NEW) && !step_is_outstanding(row)) {
            return false;
        }
    }
    return true;
}

void world_power_silently(struct world *w, unsigned device, bool on)
{
    power(w, &w->devices[device], on);
}

void world_power(struct world *w, unsigned device, bool on)
{
    world_power_silently(w, device, on);
    if (on) {
        engine_device_appeared(w->engine, w->devices[device].bus, w->devices[device].name);
        turn(w);
    }
}

void world_image_fails(struct world *w, enum gw_err err)
{
    w->image_err = err;
}

void world_store_breaks(struct world *w, unsigned after)
{
    w->commits_left = after;
}
