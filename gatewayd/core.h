/* Core: the daemon's parts, put together. core.c opens them in order and closes them in reverse;
 * the control socket works on them.
 */
#ifndef GATEWAYD_CORE_H
#define GATEWAYD_CORE_H

#include <stdbool.h>
#include <stdint.h>

#include <uv.h>

#include "child.h"
#include "config.h"
#include "err.h"
#include "trust.h"

struct cache;
struct control;
struct env_uv;
struct fetcher;
struct fleet;
struct images;
struct job_record;
struct log_sink;
struct package;
struct source;
struct store;

struct core {
    uv_loop_t *loop;
    const struct config *config;
    struct log_sink *log;
    struct child_programs programs;
    char sandbox[80]; /* what the kernel offers: "landlock 7, seccomp yes" */
    char user[40];    /* that the daemon runs as */
    uint64_t started_ms;
    bool is_stopping;

    struct trust_store trust;
    struct store *store;
    struct cache *cache;
    struct fetcher *fetcher;
    struct images *images;
    struct fleet *fleet;
    struct env_uv *env;
    struct control *control;

    void (*ended)(struct core *core, enum gw_err err); /* stopped, or a fatal error */
};

/* Everything but loop, config, log, programs, user and ended is filled in. The account has been
 * taken already. GW_OK: running. Else *error says why, and what was opened is closed. */
MUST_USE enum gw_err core_open(struct core *core, struct gw_error *error);

/* Stop at the next safe point; ended() follows. */
void core_stop(struct core *core);

/* Close everything; run the loop until it is empty after it. */
void core_close(struct core *core);

/* Open an accepted package of the store, every decision made again; package_free(). */
MUST_USE enum gw_err core_open_package(struct core *core, const uint8_t identity[32],
                                       struct package **out, struct gw_error *error);

/* The source that a stored job names: its URL; NULL: it was a file. */
struct source *core_open_source(struct core *core, const char *name);

/* Give the engine what it needs to work on a stored job: its package, authenticated again, and its
 * source. What cannot be opened is told to each step that needs it. */
MUST_USE enum gw_err core_attach_job(struct core *core, const struct job_record *record);

#endif
