#include <stdlib.h>
#include <string.h>

#include "world_inner.h"

static struct world *of(struct env *env)
{
    return (struct world *)(void *)env;
}

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
            world_drop(w, i);
        }
    }
    if (at_ms != ENV_NEVER && !w->is_killed) {
        world_post(w, (struct event){ .at_ms = at_ms > w->now_ms ? at_ms : w->now_ms,
                                      .what = WHAT_TIMER });
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
        const struct world_device *d = world_device_named(w, c->row.floor->device);

        if (d->runs != RUNS_NEW) {
            world_violate(w, "the floor rose before the device confirmed", d->name);
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

static enum gw_err env_commit(struct env *env, const struct change *changes, size_t n)
{
    struct world *w = of(env);
    unsigned device;

    world_disturb(w, true);
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
    w->is_killed = world_fault_at(w, FAULT_KILL_AFTER, &device);
    world_mix(w, n);
    w->ops++;
    return GW_OK;
}

static unsigned index_of(const struct world *w, const char *name)
{
    return (unsigned)(world_device_named(w, name) - w->devices);
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
            world_violate(w, "two calls on one bus", call->bus);
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
            world_post(w, event);
        }
        event.at_ms = at += 10;
        event.what = WHAT_RESULT;
        world_post(w, event);
    }
    world_post(w, (struct event){
                      .at_ms = at + 1, .what = WHAT_ENDED, .call = call->id, .device = device });
    world_mix(w, (uint64_t)call->verb << 8 | device);
    w->ops++;
}

static void env_call_cancel(struct env *env, const char *bus, uint64_t call_id)
{
    struct world *w = of(env);

    (void)call_id;
    if (!w->is_killed) {
        world_drop_calls(w, bus, GW_CANCELLED);
        world_mix(w, 3);
        w->ops++;
    }
}

static void env_image_prepare(struct env *env, uint64_t job, uint16_t component)
{
    struct world *w = of(env);

    if (!w->is_killed) {
        world_post(w, (struct event){ .at_ms = w->now_ms + 50,
                                      .what = WHAT_IMAGE,
                                      .job = job,
                                      .component = component });
        w->ops++;
    }
}

static void env_image_release(struct env *env, uint64_t job, uint16_t component)
{
    struct world *w = of(env);

    for (size_t i = w->event_count; i-- > 0;) {
        if (w->events[i].what == WHAT_IMAGE && w->events[i].component == component &&
            w->events[i].job == job) {
            world_drop(w, i);
        }
    }
}

static void env_changed(struct env *env, uint64_t job)
{
    world_mix(of(env), job);
}

const struct env_ops world_env_ops = {
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
