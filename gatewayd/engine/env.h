/* Env: everything the engine may touch, so that it runs the same in the daemon and in a test.
 *
 * All functions return at once and never call back into the engine; what they start is answered
 * later by the engine_*() events of engine.h. The daemon implements it on libuv (env_uv.c), the
 * simulation in virtual time.
 */
#ifndef ENGINE_ENV_H
#define ENGINE_ENV_H

#include <stddef.h>
#include <stdint.h>

#include "err.h"
#include "job_record.h"
#include "step_state.h"

#define ENV_NEVER UINT64_MAX

/* A call on a bus. Everything but `id` is valid only until call_start() returns. */
struct engine_call {
    uint64_t id; /* never reused within one engine */
    enum verb verb;
    const char *bus;
    const char *const *devices; /* names; at most ROUTER_DEVICES_MAX of the router interface */
    size_t device_count;
    uint64_t job;       /* the image is component `component` of this job; */
    uint16_t component; /* meaningless for VERB_IDENTIFY. Ready when staging; the other verbs need
                           only what the package and component_row say of it. */
    bool is_retry;      /* an operator asked again: image_ref.retry of the router interface */
};

struct env;

struct env_ops {
    /* Monotonic milliseconds. */
    uint64_t (*now_ms)(struct env *env);

    /* Seconds since 1970, for people and the store; never for waiting. */
    int64_t (*wall_s)(struct env *env);

    /* Call engine_turn() at `at_ms`; replaces the earlier time. ENV_NEVER: no timer. */
    void (*set_timer)(struct env *env, uint64_t at_ms);

    /* Store all `n` changes in one transaction, durable before it returns; all or none. Any error
     * is fatal: the engine starts nothing any more, and the daemon must end (I/O errors do not go
     * away by repeating fsync). */
    enum gw_err (*commit)(struct env *env, const struct change *changes, size_t n);

    /* Start a call on an idle bus. Answers: engine_call_progress/device/result in any number, then
     * exactly one engine_call_ended(), also when the router dies, the bus goes down or the call is
     * cancelled. The env applies revocation and (payload images) the digest check: what must not be
     * staged or activated gets a result FAILED with its code. */
    void (*call_start)(struct env *env, const struct engine_call *call);

    /* Close the call's connection: it ends at the next block border. engine_call_ended() follows
     * (GW_CANCELLED). A call that has ended meanwhile: nothing. */
    void (*call_cancel)(struct env *env, const char *bus, uint64_t call_id);

    /* Make component `component` of the job ready to be staged, or stop and forget it. prepare is
     * answered by one engine_image_ready() or engine_image_failed(); failed may also follow ready.
     * Once for each component until its release. */
    void (*image_prepare)(struct env *env, uint64_t job, uint16_t component);
    void (*image_release)(struct env *env, uint64_t job, uint16_t component);

    /* Something that `gatewayctl job show` displays has changed and is stored. */
    void (*changed)(struct env *env, uint64_t job);
};

/* First member of every concrete env. */
struct env {
    const struct env_ops *ops;
};

#endif
