/* Sql: one prepared statement of the store, used in straight line.
 *
 *     struct sql q = sql_use(store, SQL_FLOOR_GET);
 *     sql_put_blob(&q, id, 16);
 *     while (sql_next(&q)) {
 *         n = sql_take_int(&q);
 *     }
 *     return sql_end(&q);
 *
 * Parameters and columns are used in order. The first error poisons the query: everything after it
 * does nothing, and sql_end() answers it. A column that does not fit its place is an error too: the
 * store is damaged or not ours.
 */
#ifndef STORE_SQL_H
#define STORE_SQL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sqlite3.h>

#include "err.h"

enum sql_id {
    SQL_BEGIN,
    SQL_COMMIT,
    SQL_JOB_PUT,
    SQL_JOB_GET,
    SQL_JOB_IDS,
    SQL_JOB_PRUNE,
    SQL_COMPONENT_PUT,
    SQL_COMPONENT_COUNT,
    SQL_COMPONENT_GET,
    SQL_AFTER_PUT,
    SQL_AFTER_COUNT,
    SQL_AFTER_GET,
    SQL_GROUP_PUT,
    SQL_GROUP_COUNT,
    SQL_GROUP_GET,
    SQL_STEP_PUT,
    SQL_STEP_COUNT,
    SQL_STEP_GET,
    SQL_FLOOR_PUT,
    SQL_FLOOR_GET,
    SQL_SYSTEM_PUT,
    SQL_SYSTEM_GET,
    SQL_PACKAGE_PUT,
    SQL_PACKAGE_GET,
    SQL_PACKAGE_LIST,
    SQL_PACKAGE_PRUNE,
    SQL_HEAD_PUT,
    SQL_HEAD_GET,
    SQL_DEVICE_PUT,
    SQL_DEVICE_FORGET,
    SQL_DEVICE_LIST,
    SQL_TIME_PUT,
    SQL_TIME_GET,
    SQL_AUDIT_REPEAT,
    SQL_AUDIT_PUT,
    SQL_AUDIT_LIST,
    SQL_AUDIT_PRUNE,
    SQL_COUNT
};

/* The tables of STORE_VERSION, as one script. */
extern const char sql_schema[];

struct store {
    sqlite3 *db;
    sqlite3_stmt *statements[SQL_COUNT]; /* prepared when first used */
    bool is_dead;                        /* an I/O error happened; nothing is trusted any more */
    struct gw_error error;               /* that one */
};

struct sql {
    struct store *store;
    sqlite3_stmt *statement;
    int parameter, column;
    bool has_failed;
};

struct sql sql_use(struct store *store, enum sql_id id);
void sql_put_int(struct sql *q, uint64_t value); /* below 2^63 */
void sql_put_time(struct sql *q, int64_t seconds);
void sql_put_text(struct sql *q, const char *text);
void sql_put_blob(struct sql *q, const void *bytes, size_t len);
void sql_put_null(struct sql *q);

/* The next row; false = no more, or an error. Columns start anew. */
bool sql_next(struct sql *q);
uint64_t sql_take_int(struct sql *q, uint64_t max);
int64_t sql_take_time(struct sql *q);
void sql_take_text(struct sql *q, char *out, size_t size);
/* Exactly `len` bytes. */
void sql_take_blob(struct sql *q, void *out, size_t len);
/* At most `max` bytes; how many. */
size_t sql_take_bytes(struct sql *q, void *out, size_t max);
/* Borrowed until the next sql_next() or sql_end(). */
const uint8_t *sql_borrow_blob(struct sql *q, size_t *len);
const char *sql_borrow_text(struct sql *q);

/* The row is not what this store writes. */
void sql_spoil(struct sql *q, const char *why);

MUST_USE enum gw_err sql_end(struct sql *q);
/* For statements without rows: run and end. */
MUST_USE enum gw_err sql_run(struct sql *q);

#endif
