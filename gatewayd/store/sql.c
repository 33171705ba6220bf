#include "sql.h"

#include <string.h>

static const char *const text[SQL_COUNT] = {
    [SQL_BEGIN] = "BEGIN IMMEDIATE",
    [SQL_COMMIT] = "COMMIT",
    [SQL_JOB_PUT] =
        "INSERT INTO jobs VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT (id) DO UPDATE SET"
        " state = excluded.state, system = excluded.system, release = excluded.release,"
        " sequence = excluded.sequence, floor = excluded.floor, identity = excluded.identity,"
        " source = excluded.source, mode = excluded.mode, created_s = excluded.created_s,"
        " finished_s = excluded.finished_s, cancel_requested = excluded.cancel_requested,"
        " err = excluded.err, detail = excluded.detail",
    [SQL_JOB_GET] = "SELECT * FROM jobs WHERE id = ?",
    [SQL_JOB_IDS] = "SELECT id FROM jobs ORDER BY id DESC LIMIT ?",
    /* Open jobs (finished_s 0) stay, however old. */
    [SQL_JOB_PRUNE] = "DELETE FROM jobs WHERE finished_s <> 0 AND id <= ?",
    [SQL_COMPONENT_PUT] =
        "INSERT OR REPLACE INTO components VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
    [SQL_COMPONENT_COUNT] = "SELECT count(*) FROM components WHERE job = ?",
    [SQL_COMPONENT_GET] =
        "SELECT idx, name, identity, vendor_id, class_id, component, sequence, floor, version,"
        " size, is_required, state_hash, stream_size, mode FROM components WHERE job = ?"
        " ORDER BY idx",
    [SQL_AFTER_PUT] = "INSERT OR REPLACE INTO afters VALUES (?,?,?,?)",
    [SQL_AFTER_COUNT] = "SELECT count(*) FROM afters WHERE job = ?",
    [SQL_AFTER_GET] = "SELECT idx, component, after FROM afters WHERE job = ? ORDER BY idx",
    [SQL_GROUP_PUT] = "INSERT OR REPLACE INTO groups VALUES (?,?,?,?,?)",
    [SQL_GROUP_COUNT] = "SELECT count(*) FROM groups WHERE job = ?",
    [SQL_GROUP_GET] =
        "SELECT idx, name, is_committed, committed_s FROM groups WHERE job = ? ORDER BY idx",
    [SQL_STEP_PUT] =
        "INSERT OR REPLACE INTO steps VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
    [SQL_STEP_COUNT] = "SELECT count(*) FROM steps WHERE job = ?",
    [SQL_STEP_GET] =
        "SELECT idx, component, grp, device, bus, state, err, detail, attempts, tries,"
        " activations, is_retry, resumed_at, done, has_ids, vendor_id, class_id, serial,"
        " from_version, verified_by FROM steps WHERE job = ? ORDER BY idx",
    /* A floor only rises. */
    [SQL_FLOOR_PUT] = "INSERT INTO floors VALUES (?,?,?,?,?,?,?) ON CONFLICT DO UPDATE SET"
                      " floor = max(floor, excluded.floor), sequence = excluded.sequence,"
                      " identity = excluded.identity",
    [SQL_FLOOR_GET] = "SELECT floor, sequence, identity FROM floors"
                      " WHERE vendor_id = ? AND class_id = ? AND component = ? AND device = ?",
    [SQL_SYSTEM_PUT] = "INSERT INTO system VALUES (1,?,?,?,?,?) ON CONFLICT DO UPDATE SET"
                       " system = excluded.system, release = excluded.release,"
                       " floor = max(floor, excluded.floor), sequence = excluded.sequence,"
                       " identity = excluded.identity",
    [SQL_SYSTEM_GET] = "SELECT system, release, floor, sequence, identity FROM system",
    [SQL_PACKAGE_PUT] = "INSERT OR REPLACE INTO packages VALUES (?,?,?)",
    [SQL_PACKAGE_GET] = "SELECT p.sequence, p.manifest_cms, count(h.idx), sum(length(h.cms))"
                        " FROM packages p LEFT JOIN heads h ON h.package = p.identity"
                        " WHERE p.identity = ? GROUP BY p.identity",
    [SQL_PACKAGE_LIST] = "SELECT sequence, identity FROM packages ORDER BY sequence",
    /* One that no job names and that could not be installed again tells nothing any more. */
    [SQL_PACKAGE_PRUNE] = "DELETE FROM packages WHERE sequence < (SELECT floor FROM system) AND"
                          " identity NOT IN (SELECT identity FROM jobs)",
    [SQL_HEAD_PUT] = "INSERT INTO heads VALUES (?,?,?,?)",
    [SQL_HEAD_GET] = "SELECT component, cms FROM heads WHERE package = ? ORDER BY idx",
    [SQL_DEVICE_PUT] = "INSERT OR REPLACE INTO devices VALUES (?,?,?,?)",
    [SQL_DEVICE_FORGET] = "DELETE FROM devices WHERE name = ?",
    [SQL_DEVICE_LIST] = "SELECT name, bus, last_seen_s, identified FROM devices ORDER BY name",
    [SQL_TIME_PUT] = "INSERT OR REPLACE INTO time VALUES (1,?,?)",
    [SQL_TIME_GET] = "SELECT floor_s, synchronised_s FROM time",
    [SQL_AUDIT_REPEAT] =
        "UPDATE audit SET count = count + 1, last_s = ?1 WHERE id = (SELECT id FROM audit"
        " WHERE err = ?2 AND event = ?3 AND object = ?4 AND time_s > ?5 ORDER BY id DESC LIMIT 1)",
    [SQL_AUDIT_PUT] = "INSERT INTO audit VALUES (NULL,?,?,1,?,?,?,?,?)",
    [SQL_AUDIT_LIST] = "SELECT id, time_s, last_s, count, event, object, job, err, detail"
                       " FROM audit ORDER BY id DESC LIMIT ?",
    [SQL_AUDIT_PRUNE] = "DELETE FROM audit WHERE id <= (SELECT max(id) FROM audit) - ?",
};

/* Whatever SQLite finds wrong is final: the daemon ends and looks at the file anew. */
static void fail(struct sql *q, const char *why)
{
    q->has_failed = true;
    if (!q->store->is_dead) {
        q->store->is_dead = true;
        (void)gw_fail(&q->store->error, GW_STORE, "%s", why);
    }
}

static void check(struct sql *q, int result)
{
    if (!q->has_failed && result != SQLITE_OK && result != SQLITE_ROW && result != SQLITE_DONE) {
        fail(q, sqlite3_errmsg(q->store->db));
    }
}

struct sql sql_use(struct store *store, enum sql_id id)
{
    struct sql q = { .store = store, .has_failed = store->is_dead };

    if (!q.has_failed && !store->statements[id]) {
        check(&q, sqlite3_prepare_v3(store->db, text[id], -1, SQLITE_PREPARE_PERSISTENT,
                                     &store->statements[id], NULL));
    }
    q.statement = store->statements[id];
    return q;
}

void sql_put_int(struct sql *q, uint64_t value)
{
    sql_put_time(q, (int64_t)value);
}

void sql_put_time(struct sql *q, int64_t seconds)
{
    if (!q->has_failed) {
        check(q, sqlite3_bind_int64(q->statement, ++q->parameter, seconds));
    }
}

void sql_put_text(struct sql *q, const char *value)
{
    if (!q->has_failed) {
        check(q, sqlite3_bind_text(q->statement, ++q->parameter, value, -1, SQLITE_STATIC));
    }
}

void sql_put_blob(struct sql *q, const void *bytes, size_t len)
{
    if (!q->has_failed) {
        /* A NULL pointer would store NULL, not an empty blob. */
        check(q, sqlite3_bind_blob64(q->statement, ++q->parameter, len ? bytes : "", len,
                                     SQLITE_STATIC));
    }
}

void sql_put_null(struct sql *q)
{
    if (!q->has_failed) {
        check(q, sqlite3_bind_null(q->statement, ++q->parameter));
    }
}

bool sql_next(struct sql *q)
{
    if (q->has_failed) {
        return false;
    }
    int result = sqlite3_step(q->statement);

    check(q, result);
    q->column = 0;
    return result == SQLITE_ROW;
}

void sql_spoil(struct sql *q, const char *why)
{
    if (!q->has_failed) {
        fail(q, why);
    }
}

uint64_t sql_take_int(struct sql *q, uint64_t max)
{
    int64_t value = sql_take_time(q);

    if (value < 0 || (uint64_t)value > max) {
        sql_spoil(q, "a number is out of range");
        return 0;
    }
    return (uint64_t)value;
}

int64_t sql_take_time(struct sql *q)
{
    return q->has_failed ? 0 : sqlite3_column_int64(q->statement, q->column++);
}

const char *sql_borrow_text(struct sql *q)
{
    if (q->has_failed) {
        return "";
    }
    const char *value = (const char *)sqlite3_column_text(q->statement, q->column++);

    if (!value) {
        sql_spoil(q, "a text is missing");
        return "";
    }
    return value;
}

const uint8_t *sql_borrow_blob(struct sql *q, size_t *len)
{
    *len = 0;
    if (q->has_failed) {
        return NULL;
    }
    const uint8_t *bytes = sqlite3_column_blob(q->statement, q->column);

    *len = (size_t)sqlite3_column_bytes(q->statement, q->column++);
    return bytes;
}

void sql_take_text(struct sql *q, char *out, size_t size)
{
    const char *value = sql_borrow_text(q);
    size_t len = strlen(value);

    memset(out, 0, size);
    if (len >= size) {
        sql_spoil(q, "a text is too long");
        return;
    }
    memcpy(out, value, len);
}

size_t sql_take_bytes(struct sql *q, void *out, size_t max)
{
    size_t len;
    const uint8_t *bytes = sql_borrow_blob(q, &len);

    memset(out, 0, max);
    if (len > max) {
        sql_spoil(q, "a blob is too long");
        return 0;
    }
    if (len > 0) {
        memcpy(out, bytes, len);
    }
    return len;
}

void sql_take_blob(struct sql *q, void *out, size_t len)
{
    if (sql_take_bytes(q, out, len) != len) {
        sql_spoil(q, "a blob is too short");
    }
}

enum gw_err sql_end(struct sql *q)
{
    if (q->statement) {
        (void)sqlite3_reset(q->statement);
        (void)sqlite3_clear_bindings(q->statement);
    }
    return q->has_failed ? GW_STORE : GW_OK;
}

enum gw_err sql_run(struct sql *q)
{
    (void)sql_next(q);
    return sql_end(q);
}
