#include "store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rows.h"
#include "sql.h"

enum { APPLICATION_ID = 0x67776431 }; /* "gwd1" */

/* Keeps the WAL's index in memory and other processes out; set before the first read. */
static const char locking[] = "PRAGMA locking_mode = EXCLUSIVE;";

/* FULL: a commit is flushed before it returns. The cache is small: the daemon idles in 6 MiB. */
static const char settings[] =
    "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;"
    "PRAGMA cache_size = -256; PRAGMA wal_autocheckpoint = 256;"
    "PRAGMA temp_store = MEMORY; PRAGMA trusted_schema = OFF;";

/* A process that was killed may have left a commit that was written and never flushed. It can be
 * read now, and the next power cut would take it back: flush it before anybody acts on it. */
static const char flush[] = "PRAGMA wal_checkpoint(TRUNCATE);";

static enum gw_err refuse(struct store *store, const char *path, struct gw_error *error)
{
    return gw_fail(error, GW_STORE, "%s: %s", path, sqlite3_errmsg(store->db));
}

static int first_int(void *out, int columns, char **values, char **names)
{
    (void)names;
    if (columns > 0 && values[0]) {
        *(long *)out = strtol(values[0], NULL, 10);
    }
    return 0;
}

static bool pragma_int(struct store *store, const char *text, long *out)
{
    *out = -1;
    return sqlite3_exec(store->db, text, first_int, out, NULL) == SQLITE_OK && *out >= 0;
}

static int is_word_ok(void *out, int columns, char **values, char **names)
{
    (void)names;
    *(bool *)out = columns == 1 && values[0] && strcmp(values[0], "ok") == 0;
    return 0;
}

static bool is_sound(struct store *store)
{
    bool ok = false;

    return sqlite3_exec(store->db, "PRAGMA integrity_check(1)", is_word_ok, &ok, NULL) ==
               SQLITE_OK &&
           ok;
}

static bool create(struct store *store)
{
    char *script = sqlite3_mprintf("BEGIN IMMEDIATE; %s PRAGMA application_id = %d;"
                                   "PRAGMA user_version = %d; COMMIT;",
                                   sql_schema, APPLICATION_ID, STORE_VERSION);
    bool ok = script && sqlite3_exec(store->db, script, NULL, NULL, NULL) == SQLITE_OK;

    sqlite3_free(script);
    return ok;
}

static enum gw_err check_version(struct store *store, const char *path, struct gw_error *error)
{
    long version, application, tables;

    if (sqlite3_exec(store->db, locking, NULL, NULL, NULL) != SQLITE_OK ||
        !pragma_int(store, "PRAGMA user_version", &version) ||
        !pragma_int(store, "PRAGMA application_id", &application) ||
        !pragma_int(store, "SELECT count(*) FROM sqlite_master", &tables)) {
        return refuse(store, path, error);
    }
    if (version > STORE_VERSION) {
        return gw_fail(error, GW_STORE_VERSION, "%s: version %ld, this gatewayd knows %d", path,
                       version, STORE_VERSION);
    }
    if (tables > 0 && (application != APPLICATION_ID || version != STORE_VERSION)) {
        return gw_fail(error, GW_STORE, "%s: not a store of gatewayd", path);
    }
    if (sqlite3_exec(store->db, settings, NULL, NULL, NULL) != SQLITE_OK ||
        (tables == 0 && !create(store)) ||
        sqlite3_exec(store->db, flush, NULL, NULL, NULL) != SQLITE_OK) {
        return refuse(store, path, error);
    }
    if (!is_sound(store)) {
        return gw_fail(error, GW_STORE, "%s: damaged", path);
    }
    return GW_OK;
}

/* SQLite would create it readable by everybody. */
static enum gw_err make_private(const char *path, struct gw_error *error)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

    if (fd < 0) {
        return gw_fail(error, GW_STORE, "%s: %s", path, strerror(errno));
    }
    (void)close(fd);
    return GW_OK;
}

static enum gw_err open_database(struct store *store, const char *path, const char *vfs,
                                 struct gw_error *error)
{
    enum gw_err err = vfs ? GW_OK : make_private(path, error);

    if (err) {
        return err;
    }
    if (sqlite3_open_v2(path, &store->db,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX |
                            SQLITE_OPEN_EXRESCODE,
                        vfs) != SQLITE_OK) {
        return gw_fail(error, GW_STORE, "%s: %s", path,
                       store->db ? sqlite3_errmsg(store->db) : "out of memory");
    }
    return check_version(store, path, error);
}

enum gw_err store_open(struct store **out, const char *path, const char *vfs,
                       struct gw_error *error)
{
    struct store *store = calloc(1, sizeof *store);

    *out = NULL;
    if (!store) {
        return gw_fail(error, GW_NO_MEMORY, "%s", path);
    }
    enum gw_err err = open_database(store, path, vfs, error);

    if (err) {
        store_close(store);
        return err;
    }
    *out = store;
    return GW_OK;
}

void store_close(struct store *store)
{
    if (!store) {
        return;
    }
    for (int i = 0; i < SQL_COUNT; i++) {
        (void)sqlite3_finalize(store->statements[i]);
    }
    (void)sqlite3_close(store->db);
    free(store);
}

static enum gw_err run(struct store *store, enum sql_id id)
{
    struct sql q = sql_use(store, id);

    return sql_run(&q);
}

static enum gw_err prune(struct store *store, uint64_t newest)
{
    if (newest <= STORE_JOBS_MAX) {
        return GW_OK;
    }
    struct sql q = sql_use(store, SQL_JOB_PRUNE);

    sql_put_int(&q, newest - STORE_JOBS_MAX);
    enum gw_err err = sql_run(&q);

    return err ? err : run(store, SQL_PACKAGE_PRUNE);
}

static enum gw_err put_all(struct store *store, const struct change *changes, size_t n)
{
    enum gw_err err = GW_OK;

    for (size_t i = 0; !err && i < n; i++) {
        err = row_put(store, &changes[i]);
        if (!err && changes[i].kind == CHANGE_JOB) {
            err = prune(store, changes[i].row.job->id);
        }
    }
    return err;
}

static enum gw_err failed(struct store *store, struct gw_error *error)
{
    if (store->db && !sqlite3_get_autocommit(store->db)) {
        (void)sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
    }
    return gw_fail(error, GW_STORE, "%s", store->error.detail);
}

enum gw_err store_commit(struct store *store, const struct change *changes, size_t n,
                         struct gw_error *error)
{
    enum gw_err err = run(store, SQL_BEGIN);

    err = err ? err : put_all(store, changes, n);
    err = err ? err : run(store, SQL_COMMIT);
    return err ? failed(store, error) : GW_OK;
}

enum gw_err store_audit(struct store *store, const struct audit_row *row)
{
    enum gw_err err = run(store, SQL_BEGIN);

    err = err ? err : row_put_audit(store, row);
    err = err ? err : run(store, SQL_COMMIT);
    return err ? failed(store, NULL) : GW_OK;
}

enum gw_err store_audit_lines(struct store *store, size_t max,
                              void (*each)(void *ctx, const struct store_audit_line *line),
                              void *ctx)
{
    struct sql q = sql_use(store, SQL_AUDIT_LIST);

    sql_put_int(&q, max);
    while (sql_next(&q)) {
        struct store_audit_line line = { 0 };

        line.id = sql_take_int(&q, INT64_MAX);
        line.row.time_s = sql_take_time(&q);
        line.last_s = sql_take_time(&q);
        line.count = sql_take_int(&q, INT64_MAX);
        sql_take_text(&q, line.row.event, sizeof line.row.event);
        sql_take_text(&q, line.row.object, sizeof line.row.object);
        line.row.job = sql_take_int(&q, INT64_MAX);
        line.row.err = (enum gw_err)sql_take_int(&q, 9999);
        sql_take_text(&q, line.row.detail, sizeof line.row.detail);
        if (!q.has_failed) {
            each(ctx, &line);
        }
    }
    return sql_end(&q);
}

enum gw_err store_put_device(struct store *store, const struct store_device *device)
{
    struct sql q = sql_use(store, SQL_DEVICE_PUT);

    sql_put_text(&q, device->name);
    sql_put_text(&q, device->bus);
    sql_put_time(&q, device->last_seen_s);
    sql_put_text(&q, device->identified);
    return sql_run(&q);
}

enum gw_err store_forget_device(struct store *store, const char *name)
{
    struct sql q = sql_use(store, SQL_DEVICE_FORGET);

    sql_put_text(&q, name);
    return sql_run(&q);
}

enum gw_err store_devices(struct store *store,
                          void (*each)(void *ctx, const struct store_device *device), void *ctx)
{
    struct sql q = sql_use(store, SQL_DEVICE_LIST);

    while (sql_next(&q)) {
        struct store_device device = { 0 };

        sql_take_text(&q, device.name, sizeof device.name);
        sql_take_text(&q, device.bus, sizeof device.bus);
        device.last_seen_s = sql_take_time(&q);
        device.identified = sql_borrow_text(&q);
        if (!q.has_failed) {
            each(ctx, &device);
        }
    }
    return sql_end(&q);
}

enum gw_err store_time(struct store *store, struct store_time *out)
{
    struct sql q = sql_use(store, SQL_TIME_GET);

    *out = (struct store_time){ 0 };
    if (sql_next(&q)) {
        out->floor_s = sql_take_time(&q);
        out->synchronised_s = sql_take_time(&q);
    }
    return sql_end(&q);
}

enum gw_err store_put_time(struct store *store, const struct store_time *time)
{
    struct sql q = sql_use(store, SQL_TIME_PUT);

    sql_put_time(&q, time->floor_s);
    sql_put_time(&q, time->synchronised_s);
    return sql_run(&q);
}
