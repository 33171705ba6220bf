#include "rows.h"

#include <limits.h>

static void put_error(struct sql *q, const struct gw_error *error)
{
    sql_put_int(q, (uint64_t)error->err);
    sql_put_text(q, error->detail);
}

static enum gw_err put_job(struct store *store, const struct job_row *row)
{
    struct sql q = sql_use(store, SQL_JOB_PUT);

    sql_put_int(&q, row->id);
    sql_put_int(&q, row->state);
    sql_put_text(&q, row->system);
    sql_put_text(&q, row->release);
    sql_put_int(&q, row->sequence);
    sql_put_int(&q, row->floor);
    sql_put_blob(&q, row->identity, sizeof row->identity);
    sql_put_text(&q, row->source);
    sql_put_int(&q, row->mode);
    sql_put_time(&q, row->created_s);
    sql_put_time(&q, row->finished_s);
    sql_put_int(&q, row->cancel_requested);
    put_error(&q, &row->error);
    return sql_run(&q);
}

static enum gw_err put_component(struct store *store, const struct change *change)
{
    const struct component_row *row = change->row.component;
    struct sql q = sql_use(store, SQL_COMPONENT_PUT);

    sql_put_int(&q, change->job);
    sql_put_int(&q, change->index);
    sql_put_text(&q, row->name);
    sql_put_blob(&q, row->identity, sizeof row->identity);
    sql_put_blob(&q, row->vendor_id, sizeof row->vendor_id);
    sql_put_blob(&q, row->class_id, sizeof row->class_id);
    sql_put_int(&q, row->component);
    sql_put_int(&q, row->sequence);
    sql_put_int(&q, row->floor);
    sql_put_text(&q, row->version);
    sql_put_int(&q, row->size);
    sql_put_int(&q, row->is_required);
    if (row->has_state_hash) {
        sql_put_blob(&q, row->state_hash, sizeof row->state_hash);
    } else {
        sql_put_null(&q);
    }
    sql_put_int(&q, row->stream_size);
    sql_put_int(&q, row->mode);
    return sql_run(&q);
}

static enum gw_err put_after(struct store *store, const struct change *change)
{
    struct sql q = sql_use(store, SQL_AFTER_PUT);

    sql_put_int(&q, change->job);
    sql_put_int(&q, change->index);
    sql_put_int(&q, change->row.after->component);
    sql_put_int(&q, change->row.after->after);
    return sql_run(&q);
}

static enum gw_err put_group(struct store *store, const struct change *change)
{
    const struct group_row *row = change->row.group;
    struct sql q = sql_use(store, SQL_GROUP_PUT);

    sql_put_int(&q, change->job);
    sql_put_int(&q, change->index);
    sql_put_text(&q, row->name);
    sql_put_int(&q, row->is_committed);
    sql_put_time(&q, row->committed_s);
    return sql_run(&q);
}

static enum gw_err put_step(struct store *store, const struct change *change)
{
    const struct step_row *row = change->row.step;
    struct sql q = sql_use(store, SQL_STEP_PUT);

    sql_put_int(&q, change->job);
    sql_put_int(&q, change->index);
    sql_put_int(&q, row->component);
    sql_put_int(&q, row->group);
    sql_put_text(&q, row->device);
    sql_put_text(&q, row->bus);
    sql_put_int(&q, row->state);
    put_error(&q, &row->error);
    sql_put_int(&q, row->attempts);
    sql_put_int(&q, row->tries);
    sql_put_int(&q, row->activations);
    sql_put_int(&q, row->is_retry);
    sql_put_int(&q, row->resumed_at);
    sql_put_int(&q, row->done);
    sql_put_int(&q, row->has_ids);
    sql_put_blob(&q, row->vendor_id, sizeof row->vendor_id);
    sql_put_blob(&q, row->class_id, sizeof row->class_id);
    sql_put_blob(&q, row->serial, row->serial_len);
    sql_put_text(&q, row->from_version);
    sql_put_text(&q, row->verified_by);
    return sql_run(&q);
}

static enum gw_err put_floor(struct store *store, const struct floor_row *row)
{
    struct sql q = sql_use(store, SQL_FLOOR_PUT);

    sql_put_blob(&q, row->vendor_id, sizeof row->vendor_id);
    sql_put_blob(&q, row->class_id, sizeof row->class_id);
    sql_put_int(&q, row->component);
    sql_put_text(&q, row->device);
    sql_put_int(&q, row->floor);
    sql_put_int(&q, row->sequence);
    sql_put_blob(&q, row->identity, sizeof row->identity);
    return sql_run(&q);
}

static enum gw_err put_system(struct store *store, const struct system_row *row)
{
    struct sql q = sql_use(store, SQL_SYSTEM_PUT);

    sql_put_text(&q, row->system);
    sql_put_text(&q, row->release);
    sql_put_int(&q, row->floor);
    sql_put_int(&q, row->sequence);
    sql_put_blob(&q, row->identity, sizeof row->identity);
    return sql_run(&q);
}

static enum gw_err put_head(struct store *store, const struct package_row *package, size_t index)
{
    struct sql q = sql_use(store, SQL_HEAD_PUT);

    sql_put_blob(&q, package->identity, sizeof package->identity);
    sql_put_int(&q, index);
    sql_put_text(&q, package->heads[index].component);
    sql_put_blob(&q, package->heads[index].cms, package->heads[index].cms_len);
    return sql_run(&q);
}

static enum gw_err put_package(struct store *store, const struct package_row *row)
{
    struct sql q = sql_use(store, SQL_PACKAGE_PUT);

    sql_put_blob(&q, row->identity, sizeof row->identity);
    sql_put_int(&q, row->sequence);
    sql_put_blob(&q, row->manifest_cms, row->manifest_cms_len);
    enum gw_err err = sql_run(&q);

    for (size_t i = 0; !err && i < row->head_count; i++) {
        err = put_head(store, row, i);
    }
    return err;
}

/* The same refusal again and again is one line with a count. */
static bool is_repeated(struct store *store, const struct audit_row *row)
{
    if (row->err == GW_OK) {
        return false;
    }
    struct sql q = sql_use(store, SQL_AUDIT_REPEAT);

    sql_put_time(&q, row->time_s);
    sql_put_int(&q, (uint64_t)row->err);
    sql_put_text(&q, row->event);
    sql_put_text(&q, row->object);
    sql_put_time(&q, row->time_s - STORE_REPEAT_S);
    return sql_run(&q) == GW_OK && sqlite3_changes(store->db) > 0;
}

enum gw_err row_put_audit(struct store *store, const struct audit_row *row)
{
    if (is_repeated(store, row)) {
        return GW_OK;
    }
    struct sql q = sql_use(store, SQL_AUDIT_PUT);

    sql_put_time(&q, row->time_s);
    sql_put_time(&q, row->time_s);
    sql_put_text(&q, row->event);
    sql_put_text(&q, row->object);
    sql_put_int(&q, row->job);
    sql_put_int(&q, (uint64_t)row->err);
    sql_put_text(&q, row->detail);
    enum gw_err err = sql_run(&q);

    if (err) {
        return err;
    }
    q = sql_use(store, SQL_AUDIT_PRUNE);
    sql_put_int(&q, STORE_AUDIT_MAX);
    return sql_run(&q);
}

enum gw_err row_put(struct store *store, const struct change *change)
{
    switch (change->kind) {
    case CHANGE_JOB:
        return put_job(store, change->row.job);
    case CHANGE_COMPONENT:
        return put_component(store, change);
    case CHANGE_AFTER:
        return put_after(store, change);
    case CHANGE_GROUP:
        return put_group(store, change);
    case CHANGE_STEP:
        return put_step(store, change);
    case CHANGE_FLOOR:
        return put_floor(store, change->row.floor);
    case CHANGE_SYSTEM:
        return put_system(store, change->row.system);
    case CHANGE_PACKAGE:
        return put_package(store, change->row.package);
    case CHANGE_AUDIT:
        return row_put_audit(store, change->row.audit);
    }
    return GW_INTERNAL;
}
