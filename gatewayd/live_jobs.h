/* Live jobs: what an open job needs and the engine does not know: its opened package, the source of
 * its bytes, and its images on their way. Private to env_uv.
 */
#ifndef GATEWAYD_LIVE_JOBS_H
#define GATEWAYD_LIVE_JOBS_H

#include <stdint.h>

#include "engine.h"
#include "err.h"

struct fleet;
struct images;
struct json;
struct live_job;
struct log_sink;
struct package;
struct source;

struct live_jobs {
    struct images *images; /* borrowed, like all below */
    struct fleet *fleet;
    struct engine *engine;
    struct log_sink *log;
    void (*turn)(void *ctx); /* an engine event was given */
    void *ctx;
    struct live_job *first; /* private */
};

/* As env_uv_attach(). */
MUST_USE enum gw_err live_jobs_attach(struct live_jobs *jobs, uint64_t id, struct package *package,
                                      struct source *source, const struct gw_error *why);

/* As env_ops.image_prepare and image_release. */
void live_jobs_prepare(struct live_jobs *jobs, uint64_t id, uint16_t component);
void live_jobs_release(struct live_jobs *jobs, uint64_t id, uint16_t component);

/* io.gatewayd.Router type Image. */
struct json *live_jobs_image_json(struct live_jobs *jobs, uint64_t id, uint16_t component);

/* At a turn's begin: give the engine the failures that were found inside prepare. At its end: let
 * go of the files and packages of jobs that have ended. */
void live_jobs_tell_failures(struct live_jobs *jobs);
void live_jobs_free_ended(struct live_jobs *jobs);

/* Let go of everything. */
void live_jobs_close(struct live_jobs *jobs);

#endif
