#include "env_uv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bus.h"
#include "fleet.h"
#include "json.h"
#include "live_jobs.h"
#include "log.h"
#include "store.h"

/* The call of the engine on one bus. */
struct live_call {
    struct live_call *next;
    struct env_uv *env;
    char bus[JOB_BUS_MAX];
    uint64_t id, job;
    struct bus_call *call; /* NULL: it has ended, and `error` is still to be told */
    struct gw_error error;
};

struct env_uv {
    struct env base;
    struct env_uv_config config;
    struct engine *engine;
    uv_timer_t turn_timer; /* 0 ms: events are waiting */
    uv_timer_t due_timer;  /* what the engine asked for */
    struct live_jobs jobs;
    struct live_call *calls;
    bool is_dead;
    void (*idle)(void *ctx);
    void *idle_ctx;
    unsigned open_handles;
};

static struct env_uv *self(struct env *env)
{
    return (struct env_uv *)env;
}

/* ---- turns ---- */

static void on_turn(uv_timer_t *timer);

void env_uv_turn(struct env_uv *env)
{
    if (!uv_is_active((uv_handle_t *)&env->turn_timer)) {
        (void)uv_timer_start(&env->turn_timer, on_turn, 0, 0);
    }
}

static void turn_soon(void *ctx)
{
    env_uv_turn(ctx);
}

/* Tell the engine of calls that ended, or never began, without an answer of the router. */
static void tell_ended_calls(struct env_uv *env)
{
    struct live_call **at = &env->calls;

    while (*at) {
        struct live_call *call = *at;

        if (call->call) {
            at = &call->next;
            continue;
        }
        *at = call->next;
        engine_call_ended(env->engine, call->id, &call->error);
        free(call);
    }
}

static void on_turn(uv_timer_t *timer)
{
    struct env_uv *env = timer->data;

    if (env->is_dead) {
        return;
    }
    tell_ended_calls(env);
    live_jobs_tell_failures(&env->jobs);
    if (engine_turn(env->engine)) {
        env->is_dead = true; /* commit() has said why */
        return;
    }
    live_jobs_free_ended(&env->jobs);
    if (env->idle && engine_is_idle(env->engine)) {
        void (*idle)(void *ctx) = env->idle;

        env->idle = NULL;
        idle(env->idle_ctx);
    }
}

/* ---- what the engine asks for ---- */

static uint64_t now_ms(struct env *env)
{
    (void)env;
    return uv_hrtime() / 1000000;
}

static int64_t wall_s(struct env *env)
{
    (void)env;
    return time(NULL);
}

static void set_timer(struct env *base, uint64_t at_ms)
{
    struct env_uv *env = self(base);
    uint64_t now = now_ms(base);

    if (at_ms == ENV_NEVER) {
        (void)uv_timer_stop(&env->due_timer);
    } else {
        uv_update_time(env->config.loop);
        (void)uv_timer_start(&env->due_timer, on_turn, at_ms > now ? at_ms - now : 0, 0);
    }
}

/* What the audit log has, the journal has too. */
static void log_audit(struct env_uv *env, const struct audit_row *row)
{
    if (row->err) {
        log_warning(env->config.log, "job %llu: %s: %s: GW%04d %s: %s",
                    (unsigned long long)row->job, row->event, row->object, (int)row->err,
                    gw_err_text(row->err), row->detail);
    } else {
        log_notice(env->config.log, "job %llu: %s: %s", (unsigned long long)row->job, row->event,
                   row->object);
    }
}

static enum gw_err commit(struct env *base, const struct change *changes, size_t n)
{
    struct env_uv *env = self(base);
    struct gw_error error = { .err = GW_OK };
    enum gw_err err = store_commit(env->config.store, changes, n, &error);

    if (err) {
        env->config.ops->fatal(env->config.ctx, &error);
    }
    for (size_t i = 0; !err && i < n; i++) {
        if (changes[i].kind == CHANGE_AUDIT) {
            log_audit(env, changes[i].row.audit);
        }
    }
    return err;
}

static void image_prepare(struct env *base, uint64_t id, uint16_t component)
{
    live_jobs_prepare(&self(base)->jobs, id, component);
}

static void image_release(struct env *base, uint64_t id, uint16_t component)
{
    live_jobs_release(&self(base)->jobs, id, component);
}

static void changed(struct env *base, uint64_t id)
{
    struct env_uv *env = self(base);

    env->config.ops->job_changed(env->config.ctx, id);
}

/* ---- calls ---- */

static void on_progress(void *ctx, const char *device, uint64_t done, uint64_t total)
{
    struct live_call *call = ctx;

    engine_call_progress(call->env->engine, call->id, device, done, total);
    env_uv_turn(call->env);
    call->env->config.ops->job_changed(call->env->config.ctx, call->job);
}

static void on_result(void *ctx, const struct device_result *result)
{
    struct live_call *call = ctx;

    if (result->outcome == OUTCOME_AWAY) {
        fleet_missed(call->env->config.fleet, result->device, &result->error);
    }
    engine_call_result(call->env->engine, call->id, result);
    env_uv_turn(call->env);
}

static void on_device(void *ctx, const struct device_info *info)
{
    struct live_call *call = ctx;

    fleet_heard(call->env->config.fleet, call->bus, info);
    engine_call_device(call->env->engine, call->id, info);
    env_uv_turn(call->env);
}

static void on_end(void *ctx, const struct gw_error *error, const struct json *parameters)
{
    struct live_call *call = ctx;

    (void)parameters;
    call->call = NULL;
    call->error = *error;
    env_uv_turn(call->env);
}

static const struct bus_call_events call_events = {
    .progress = on_progress,
    .result = on_result,
    .device = on_device,
    .end = on_end,
};

static const char *method_of(enum verb verb)
{
    switch (verb) {
    case VERB_STAGE:
        return "Stage";
    case VERB_ACTIVATE:
        return "Activate";
    case VERB_CONFIRM:
        return "Confirm";
    case VERB_REVERT:
        return "Revert";
    case VERB_NONE:
    case VERB_IDENTIFY:
    case VERB_POLL:
    case VERBS:
        break;
    }
    return "Identify";
}

static struct json *call_parameters(struct env_uv *env, const struct engine_call *call)
{
    struct json *parameters = json_new_object(), *devices = json_new_array();

    for (size_t i = 0; i < call->device_count; i++) {
        (void)json_append(devices, json_new_string(call->devices[i]));
    }
    (void)json_set(parameters, "devices", devices);
    if (strcmp(method_of(call->verb), "Identify") != 0) {
        struct json *image = live_jobs_image_json(&env->jobs, call->job, call->component);

        json_set_bool(image, "retry", call->is_retry);
        (void)json_set(parameters, "image", image);
    }
    return parameters;
}

static void call_start(struct env *base, const struct engine_call *wanted)
{
    struct env_uv *env = self(base);
    struct bus *bus = fleet_bus(env->config.fleet, wanted->bus);
    struct live_call *call = calloc(1, sizeof *call);
    enum gw_err err = GW_NOT_FOUND;

    if (!call) {
        abort();
    }
    call->env = env;
    call->id = wanted->id;
    call->job = wanted->job;
    (void)snprintf(call->bus, sizeof call->bus, "%s", wanted->bus);
    call->next = env->calls;
    env->calls = call;
    if (bus) {
        err = bus_call_start(&call->call, bus, method_of(wanted->verb),
                             call_parameters(env, wanted), &call_events, call);
    }
    if (err) {
        (void)gw_fail(&call->error, err, "bus %s", wanted->bus);
        env_uv_turn(env);
    }
}

static void call_cancel(struct env *base, const char *bus, uint64_t call_id)
{
    struct env_uv *env = self(base);

    for (struct live_call *call = env->calls; call; call = call->next) {
        if (call->id == call_id && call->call) {
            bus_call_cancel(call->call);
            call->call = NULL;
            (void)gw_fail(&call->error, GW_CANCELLED, "bus %s", bus);
            env_uv_turn(env);
        }
    }
}

/* ---- public ---- */

static const struct env_ops ops = {
    .now_ms = now_ms,
    .wall_s = wall_s,
    .set_timer = set_timer,
    .commit = commit,
    .call_start = call_start,
    .call_cancel = call_cancel,
    .image_prepare = image_prepare,
    .image_release = image_release,
    .changed = changed,
};

static uint64_t next_job_id(struct store *store)
{
    uint64_t newest = 0;
    size_t n = 0;

    return store_job_ids(store, &newest, 1, &n) == GW_OK && n == 1 ? newest + 1 : 1;
}

enum gw_err env_uv_open(struct env_uv **out, const struct env_uv_config *config,
                        struct gw_error *error)
{
    struct env_uv *env = calloc(1, sizeof *env);
    struct engine_config engine = {
        .away_deadline_ms = config->away_deadline_ms,
        .next_job_id = next_job_id(config->store),
    };

    *out = NULL;
    if (!env) {
        return gw_fail(error, GW_NO_MEMORY, "engine");
    }
    env->base.ops = &ops;
    env->config = *config;
    engine.env = &env->base;
    enum gw_err err = engine_open(&env->engine, &engine);

    if (err) {
        free(env);
        return gw_fail(error, err, "engine");
    }
    env->jobs = (struct live_jobs){
        .images = config->images,
        .fleet = config->fleet,
        .engine = env->engine,
        .log = config->log,
        .turn = turn_soon,
        .ctx = env,
    };
    (void)uv_timer_init(config->loop, &env->turn_timer);
    (void)uv_timer_init(config->loop, &env->due_timer);
    env->turn_timer.data = env->due_timer.data = env;
    env->open_handles = 2;
    *out = env;
    return GW_OK;
}

static void on_handle_closed(uv_handle_t *handle)
{
    struct env_uv *env = handle->data;

    if (--env->open_handles == 0) {
        free(env);
    }
}

void env_uv_close(struct env_uv *env)
{
    if (!env) {
        return;
    }
    while (env->calls) {
        struct live_call *call = env->calls;

        env->calls = call->next;
        if (call->call) {
            bus_call_cancel(call->call);
        }
        free(call);
    }
    live_jobs_close(&env->jobs);
    engine_close(env->engine);
    uv_close((uv_handle_t *)&env->turn_timer, on_handle_closed);
    uv_close((uv_handle_t *)&env->due_timer, on_handle_closed);
}

struct engine *env_uv_engine(const struct env_uv *env)
{
    return env->engine;
}

enum gw_err env_uv_attach(struct env_uv *env, uint64_t id, struct package *package,
                          struct source *source, const struct gw_error *why)
{
    return live_jobs_attach(&env->jobs, id, package, source, why);
}

void env_uv_bus(struct env_uv *env, const char *bus)
{
    enum bus_state state = bus_state(fleet_bus(env->config.fleet, bus));
    enum engine_bus told = state == BUS_PAUSED                      ? ENGINE_BUS_PAUSED
                           : state == BUS_OPEN || state == BUS_BUSY ? ENGINE_BUS_UP
                                                                    : ENGINE_BUS_DOWN;

    engine_bus(env->engine, bus, told);
    env_uv_turn(env);
}

void env_uv_stop(struct env_uv *env, void (*idle)(void *ctx), void *ctx)
{
    env->idle = idle;
    env->idle_ctx = ctx;
    engine_stop(env->engine);
    env_uv_turn(env);
}
