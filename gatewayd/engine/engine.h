/* Engine: applies a package to the system, two-phase, through any interruption.
 *
 * Level-triggered: an event only changes memory (step_state.h); engine_turn() then follows what
 * that means for groups and jobs, stores all changes in one transaction, and after that starts what
 * the stored state wants: at most one call on each bus. Nothing is remembered about calls in
 * flight, so a restart is no special case: every device with an unfinished step is asked first.
 *
 * Order: everything that can be staged is staged; no step is activated while another one is still
 * fetching or staging; a group is activated when every member is staged and everything that it
 * comes after is confirmed (inside a group: has passed); when every member has passed, the commit
 * record is stored, then all are confirmed. A failure before that record takes every member back.
 * One job is open at a time; a second one may wait for it (supersede).
 *
 * Places for what comes later: canary, windows and approval are further conditions in
 * group_may_activate() (group.c).
 */
#ifndef ENGINE_ENGINE_H
#define ENGINE_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "device.h"
#include "env.h"
#include "err.h"
#include "job_record.h"
#include "outcome.h"

enum {
    ENGINE_POLL_MS = 1000,         /* between two questions to a device on trial */
    ENGINE_BACKOFF_MIN_MS = 2000,  /* a device that does not answer is asked again after this, */
    ENGINE_BACKOFF_MAX_MS = 30000, /* doubled each time up to this, and at once when it appears */
    ENGINE_OUTSTANDING_MS = 60000, /* between two questions to an outstanding device */
    ENGINE_TRIES_MAX = 8,          /* calls for a step that do not bring it forward */
    ENGINE_ACTIVATIONS_MAX = 5,    /* Activate calls that did not lead to a verdict */
    ENGINE_TRIAL_MAX_MS = 600000,  /* when the device does not state how long a trial lasts */
    ENGINE_TRIAL_SLACK_MS = 30000, /* over what the device states */
};

struct engine;

struct engine_config {
    struct env *env;           /* outlives the engine */
    uint64_t away_deadline_ms; /* how long a step waits for a device that does not answer */
    uint64_t next_job_id;      /* one more than the highest stored id; 1 = none is stored */
};

enum engine_bus {
    ENGINE_BUS_DOWN,   /* starting, failed or parked: its devices count as away */
    ENGINE_BUS_UP,     /* calls may be started */
    ENGINE_BUS_PAUSED, /* by an operator: nothing is started, and no deadline runs */
};

MUST_USE enum gw_err engine_open(struct engine **out, const struct engine_config *config);
/* Forgets everything without touching the env. NULL is fine. */
void engine_close(struct engine *engine);

/* At start, oldest first: each open job of the store, and the newest one if it has outstanding
 * steps. Takes the record. Then call engine_turn(). */
void engine_load(struct engine *engine, struct job_record *record);

/* ---- What operators ask for. Each is stored when it returns GW_OK. ---- */

/* Begin a job. The record has no id yet, its steps are WAITING; steps that the plan refused or
 * found unnecessary may be in it as FAILED or SKIPPED. Takes the record, also on error. `package`
 * (may be NULL when it is stored already) goes into the same transaction. *id is the new job's.
 * GW_BUSY: a job is open and `supersede` is false, or the open one's sequence is not lower.
 * GW_WRONG_STATE: the open job can only go forward. GW_BAD_PARAMETER: `after` and groups form a
 * circle. GW_SHUTTING_DOWN, GW_STORE. */
MUST_USE enum gw_err engine_create(struct engine *engine, struct job_record *record,
                                   const struct package_row *package, bool supersede, uint64_t *id,
                                   struct gw_error *error);

/* Take back what is on trial, start nothing any more; groups that are committed go on.
 * GW_NOT_FOUND: not open. GW_WRONG_STATE: only committed groups are left. */
MUST_USE enum gw_err engine_cancel(struct engine *engine, uint64_t id, struct gw_error *error);

/* New attempts for the failed, skipped and outstanding steps of an ended job. Takes the record
 * (from the store), also on error. GW_BUSY: a job is open. GW_WRONG_STATE: nothing to try again, or
 * a newer job exists. */
MUST_USE enum gw_err engine_retry(struct engine *engine, struct job_record *record,
                                  struct gw_error *error);

/* SIGTERM: cancel transfers, let short calls end, start nothing more. */
void engine_stop(struct engine *engine);
/* No call is in flight (and after engine_stop() none will be). */
bool engine_is_idle(const struct engine *engine);

/* ---- Events. Any order, any number; then engine_turn() once. ---- */

void engine_bus(struct engine *engine, const char *bus, enum engine_bus state);
void engine_device_appeared(struct engine *engine, const char *bus, const char *device);
void engine_device_left(struct engine *engine, const char *bus, const char *device);

/* Of the call `call_id`; of any other: ignored. */
void engine_call_progress(struct engine *engine, uint64_t call_id, const char *device,
                          uint64_t done, uint64_t total);
void engine_call_device(struct engine *engine, uint64_t call_id, const struct device_info *info);
void engine_call_result(struct engine *engine, uint64_t call_id,
                        const struct device_result *result);
/* GW_OK, or why the call as a whole ended early. */
void engine_call_ended(struct engine *engine, uint64_t call_id, const struct gw_error *error);

struct engine_image {
    bool is_streamed;
    uint64_t stream_size; /* bytes that flow to a device */
    bool has_state_hash;
    uint8_t state_hash[32];
};
void engine_image_ready(struct engine *engine, uint64_t job, uint16_t component,
                        const struct engine_image *image);
void engine_image_failed(struct engine *engine, uint64_t job, uint16_t component,
                         const struct gw_error *error);
/* Payload bytes that are in the cache. */
void engine_image_progress(struct engine *engine, uint64_t job, uint16_t component, uint64_t done,
                           uint64_t total);

/* Draw the consequences: store, then start. Also when the timer is due. GW_STORE: the commit
 * failed; the engine is dead, end the process. */
MUST_USE enum gw_err engine_turn(struct engine *engine);

/* ---- Looking in. Valid until the next call that is not of this section. ---- */

/* The job that is open (the running one, not a waiting one); NULL = none. */
const struct job_record *engine_open_job(const struct engine *engine);
/* The record of a job that the engine holds (open, waiting, or last ended); NULL: ask the store. */
const struct job_record *engine_job(const struct engine *engine, uint64_t id);

/* What is not stored of step `index` of the job `id`. */
struct step_view {
    const char *state;    /* the word for people: "away" for a step whose device does not answer */
    uint64_t done, total; /* bytes of the image that the device has / in all */
    uint64_t rate;        /* bytes a second over the last seconds; 0 = unknown */
    uint64_t eta_s;       /* 0 = unknown */
    const struct gw_error *error; /* of the step, or why its device is away; err GW_OK = none */
};
struct step_view engine_step_view(const struct engine *engine, uint64_t id, uint16_t index);

/* Bytes of all images of the job that are at hand, and in all. */
void engine_download_view(const struct engine *engine, uint64_t id, uint64_t *done,
                          uint64_t *total);

#endif
