/* Env on libuv: what the engine asks for, done with the loop, the store, the buses and the images;
 * what comes back becomes engine events, and one engine_turn() for each turn of the loop.
 *
 * It also keeps what a live job needs and the engine does not know: the opened package, and the
 * source of its bytes.
 */
#ifndef GATEWAYD_ENV_UV_H
#define GATEWAYD_ENV_UV_H

#include <stdint.h>

#include <uv.h>

#include "engine.h"
#include "err.h"

struct env_uv;
struct fleet;
struct images;
struct log_sink;
struct package;
struct source;
struct store;

struct env_uv_ops {
    /* What `gatewayctl job show` prints has changed. */
    void (*job_changed)(void *ctx, uint64_t job);
    /* The store failed: the daemon must end. */
    void (*fatal)(void *ctx, const struct gw_error *error);
};

struct env_uv_config {
    uv_loop_t *loop;
    struct store *store; /* borrowed, like all below */
    struct fleet *fleet;
    struct images *images;
    struct log_sink *log;
    uint64_t away_deadline_ms;
    const struct env_uv_ops *ops;
    void *ctx;
};

/* Opens the engine on top; load the open jobs with env_uv_load(). */
MUST_USE enum gw_err env_uv_open(struct env_uv **out, const struct env_uv_config *config,
                                 struct gw_error *error);
/* Cancels what runs, forgets the engine. NULL is fine. */
void env_uv_close(struct env_uv *env);

struct engine *env_uv_engine(const struct env_uv *env);

/* What job `id` works on; both are taken over. `package` NULL: `why` (borrowed) says what became of
 * it, and its images cannot be had. `source` NULL: only the cache can serve. */
MUST_USE enum gw_err env_uv_attach(struct env_uv *env, uint64_t id, struct package *package,
                                   struct source *source, const struct gw_error *why);

/* An engine event was given by somebody else: take a turn soon. */
void env_uv_turn(struct env_uv *env);

/* Events of the fleet. */
void env_uv_bus(struct env_uv *env, const char *bus);

/* Stop at the next safe point; `idle` comes from the loop when no call is in flight. */
void env_uv_stop(struct env_uv *env, void (*idle)(void *ctx), void *ctx);

#endif
