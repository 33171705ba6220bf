/* Rows: each table's rows to and from the structs of job_record.h. */
#ifndef STORE_ROWS_H
#define STORE_ROWS_H

#include "sql.h"
#include "store.h"

/* Store one change, inside a transaction that somebody else began. */
MUST_USE enum gw_err row_put(struct store *store, const struct change *change);

MUST_USE enum gw_err row_put_audit(struct store *store, const struct audit_row *row);

#endif
