#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "world_inner.h"

void world_mix(struct world *w, uint64_t value)
{
    w->trace = (w->trace ^ value) * 0x100000001b3u;
}

void world_violate(struct world *w, const char *what, const char *who)
{
    w->violations++;
    fprintf(stderr, "  op %llu: %s: %s\n", (unsigned long long)w->ops, who, what);
}

void world_post(struct world *w, struct event event)
{
    if (w->event_count == WORLD_EVENTS) {
        abort();
    }
    event.order = w->next_order++;
    w->events[w->event_count++] = event;
}

void world_drop(struct world *w, size_t index)
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

void world_drop_calls(struct world *w, const char *bus, enum gw_err err)
{
    uint64_t ended = 0;
    unsigned device = 0;

    for (size_t i = w->event_count; i-- > 0;) {
        const struct event *e = &w->events[i];
        bool of_call = e->what == WHAT_EFFECT || e->what == WHAT_RESULT || e->what == WHAT_ENDED;

        if (of_call && (!bus || strcmp(w->devices[e->device].bus, bus) == 0)) {
            ended = e->call;
            device = e->device;
            world_drop(w, i);
        }
    }
    if (ended && err) {
        world_post(w, (struct event){ .at_ms = w->now_ms,
                                      .what = WHAT_ENDED,
                                      .call = ended,
                                      .device = device,
                                      .err = err });
    }
}

/* Every number is asked once for a fault. */
bool world_fault_at(struct world *w, enum fault_kind kind, unsigned *device)
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
void world_disturb(struct world *w, bool in_commit)
{
    unsigned device;

    if (world_fault_at(w, FAULT_CUT, &device) || world_fault_at(w, FAULT_GONE, &device)) {
        bool for_ever = world_fault_at(w, FAULT_GONE, &device);

        world_set_power(w, &w->devices[device], false);
        if (!for_ever) {
            world_post(w, (struct event){ .at_ms = w->now_ms + OUTAGE_MS,
                                          .what = WHAT_POWER_ON,
                                          .device = device });
        }
    }
    if (!in_commit && world_fault_at(w, FAULT_BUS, &device)) {
        world_drop_calls(w, w->devices[device].bus, GW_LINK_CLOSED);
        engine_bus(w->engine, w->devices[device].bus, ENGINE_BUS_DOWN);
        world_post(w, (struct event){
                          .at_ms = w->now_ms + OUTAGE_MS, .what = WHAT_BUS, .device = device });
    }
    if (world_fault_at(w, FAULT_KILL, &device)) {
        w->is_killed = true;
    }
}

struct world *world_new(unsigned devices, bool one_bus)
{
    struct world *w = calloc(1, sizeof *w);

    w->base.ops = &world_env_ops;
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
    return record_of(world_last(w));
}

static void turn(struct world *w)
{
    if (engine_turn(w->engine) != GW_OK && w->commits_left > 0) {
        world_violate(w, "the turn failed", "engine");
    }
}

static void start(struct world *w)
{
    w->is_killed = false;
    w->config.next_job_id = w->stored_count ? world_last(w)->job.id + 1 : 1;
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
                world_drop(w, i);
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
        world_effect(w, e);
        break;
    case WHAT_RESULT:
        if (!world_fault_at(w, FAULT_LOSE, &device)) {
            world_answer(w, e);
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
        world_set_power(w, &w->devices[e->device], true);
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
    world_drop(w, index);
    w->now_ms = event.at_ms > w->now_ms ? event.at_ms : w->now_ms;
    world_mix(w, (uint64_t)event.what << 32 | event.device);
    world_mix(w, w->now_ms);
    world_disturb(w, false);
    if (!w->is_killed) {
        happen(w, &event);
        w->ops++;
        turn(w);
    } else if (event.what == WHAT_POWER_ON) {
        world_set_power(w, &w->devices[event.device], true);
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
    return w->stored_count > 0 && !job_is_open(&world_last(w)->job);
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
    return &world_last(w)->job;
}

const struct step_row *world_step(const struct world *w, unsigned i)
{
    return &world_last(w)->steps[i];
}

uint32_t world_floor(const struct world *w, unsigned device)
{
    return w->floors[device];
}

uint64_t world_system_floor(const struct world *w)
{
    return w->system_floor;
}

void world_power_silently(struct world *w, unsigned device, bool on)
{
    world_set_power(w, &w->devices[device], on);
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
