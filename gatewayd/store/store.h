/* Store: what the daemon must not forget, in one SQLite file.
 *
 * WAL, synchronous=FULL, foreign keys; checked for integrity when it is opened. A commit is durable
 * when it returns GW_OK, and is there wholly or not at all after any cut. An I/O error is final:
 * the store refuses everything from then on (GW_STORE) and the daemon must end, because an fsync
 * that failed once does not tell the truth when repeated. One process, one thread; the file is
 * locked.
 */
#ifndef GATEWAYD_STORE_H
#define GATEWAYD_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"
#include "job_record.h"

enum {
    STORE_VERSION = 1,       /* of the tables; PRAGMA user_version */
    STORE_AUDIT_MAX = 10000, /* lines kept; the oldest go */
    STORE_JOBS_MAX = 200,    /* ended jobs kept; the oldest go */
    STORE_REPEAT_S = 60,     /* equal refusals within this time are one line with a count */
};

struct store;

/* Open or create `path` (its folder exists). `vfs`: a registered SQLite VFS for tests; NULL = the
 * system's. GW_STORE: *error says why (unreadable, damaged, held by another process).
 * GW_STORE_VERSION: a later version wrote it; it is left as it was. */
MUST_USE enum gw_err store_open(struct store **out, const char *path, const char *vfs,
                                struct gw_error *error);
void store_close(struct store *store); /* NULL is fine */

/* ---- Jobs, floors, packages: what the engine changes. ---- */

/* One transaction. GW_OK: durable. GW_STORE: nothing of it is stored, *error says why. */
MUST_USE enum gw_err store_commit(struct store *store, const struct change *changes, size_t n,
                                  struct gw_error *error);

/* Ids of the newest `max` jobs, newest first. */
MUST_USE enum gw_err store_job_ids(struct store *store, uint64_t *ids, size_t max, size_t *n);

/* The caller frees with job_record_free(). GW_NOT_FOUND. */
MUST_USE enum gw_err store_load_job(struct store *store, uint64_t id, struct job_record **out);

/* GW_NOT_FOUND: nothing was confirmed on this device for this key yet. */
MUST_USE enum gw_err store_floor(struct store *store, struct floor_row *key_and_result);

/* GW_NOT_FOUND: nothing was confirmed on this gateway yet. */
MUST_USE enum gw_err store_system(struct store *store, struct system_row *out);

/* The accepted packages, by sequence. The caller frees *out with free(). */
struct store_package {
    uint64_t sequence;
    uint8_t identity[32];
};
MUST_USE enum gw_err store_packages(struct store *store, struct store_package **out, size_t *n);

/* The bytes of an accepted package. One allocation: free(). GW_NOT_FOUND. */
MUST_USE enum gw_err store_load_package(struct store *store, const uint8_t identity[32],
                                        struct package_row **out);

/* ---- Inventory: the devices as they were last seen. ---- */

struct store_device {
    char name[DEVICE_NAME_MAX];
    char bus[JOB_BUS_MAX];
    int64_t last_seen_s;    /* 0: never */
    const char *identified; /* JSON, io.gatewayd.Router.Device */
};
/* Insert or replace. */
MUST_USE enum gw_err store_put_device(struct store *store, const struct store_device *device);
MUST_USE enum gw_err store_forget_device(struct store *store, const char *name);
/* Each device, ordered by name; what is passed lives until `each` returns. */
MUST_USE enum gw_err store_devices(struct store *store,
                                   void (*each)(void *ctx, const struct store_device *device),
                                   void *ctx);

/* ---- Time floor (docs/SPEC, Trust). ---- */

struct store_time {
    int64_t floor_s;        /* 0 = none */
    int64_t synchronised_s; /* last time that the clock was synchronised; 0 = never */
};
MUST_USE enum gw_err store_time(struct store *store, struct store_time *out);
MUST_USE enum gw_err store_put_time(struct store *store, const struct store_time *time);

/* ---- Audit log. ---- */

/* A line outside of a job (refusals, operators' acts): a transaction of its own. */
MUST_USE enum gw_err store_audit(struct store *store, const struct audit_row *row);

struct store_audit_line {
    struct audit_row row; /* time_s: of the first */
    uint64_t id;
    uint64_t count; /* 1.. */
    int64_t last_s; /* of the last one that was counted */
};
/* The newest `max` lines, newest first. */
MUST_USE enum gw_err store_audit_lines(struct store *store, size_t max,
                                       void (*each)(void *ctx, const struct store_audit_line *line),
                                       void *ctx);

#endif
