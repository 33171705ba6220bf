#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "sql.h"
#include "store.h"

static void take_error(struct sql *q, struct gw_error *error)
{
    error->err = (enum gw_err)sql_take_int(q, 9999);
    sql_take_text(q, error->detail, sizeof error->detail);
}

static enum gw_err load_job(struct store *store, uint64_t id, struct job_row *row)
{
    struct sql q = sql_use(store, SQL_JOB_GET);
    bool found;

    sql_put_int(&q, id);
    found = sql_next(&q);
    if (found) {
        row->id = sql_take_int(&q, INT64_MAX);
        row->state = (enum job_state)sql_take_int(&q, JOB_CANCELLED);
        sql_take_text(&q, row->system, sizeof row->system);
        sql_take_text(&q, row->release, sizeof row->release);
        row->sequence = sql_take_int(&q, INT64_MAX);
        row->floor = sql_take_int(&q, INT64_MAX);
        sql_take_blob(&q, row->identity, sizeof row->identity);
        sql_take_text(&q, row->source, sizeof row->source);
        row->mode = (enum job_mode)sql_take_int(&q, JOB_MODE_STREAMED);
        row->created_s = sql_take_time(&q);
        row->finished_s = sql_take_time(&q);
        row->cancel_requested = sql_take_int(&q, 1) != 0;
        take_error(&q, &row->error);
    }
    enum gw_err err = sql_end(&q);

    return err ? err : found ? GW_OK : GW_NOT_FOUND;
}

static void take_component(struct sql *q, struct component_row *row)
{
    size_t len;

    sql_take_text(q, row->name, sizeof row->name);
    sql_take_blob(q, row->identity, sizeof row->identity);
    sql_take_blob(q, row->vendor_id, sizeof row->vendor_id);
    sql_take_blob(q, row->class_id, sizeof row->class_id);
    row->component = (uint8_t)sql_take_int(q, UINT8_MAX);
    row->sequence = (uint32_t)sql_take_int(q, UINT32_MAX);
    row->floor = (uint32_t)sql_take_int(q, UINT32_MAX);
    sql_take_text(q, row->version, sizeof row->version);
    row->size = sql_take_int(q, INT64_MAX);
    row->is_required = sql_take_int(q, 1) != 0;
    len = sql_take_bytes(q, row->state_hash, sizeof row->state_hash);
    row->has_state_hash = len == sizeof row->state_hash;
    row->stream_size = sql_take_int(q, INT64_MAX);
    row->mode = (enum job_mode)sql_take_int(q, JOB_MODE_STREAMED);
}

static void take_step(struct sql *q, struct step_row *row, const struct job_record *r)
{
    row->component = (uint16_t)sql_take_int(q, r->component_count - 1u);
    row->group = (uint16_t)sql_take_int(q, r->group_count - 1u);
    sql_take_text(q, row->device, sizeof row->device);
    sql_take_text(q, row->bus, sizeof row->bus);
    row->state = (enum step_state)sql_take_int(q, STEP_STATES - 1);
    take_error(q, &row->error);
    row->attempts = (uint32_t)sql_take_int(q, UINT32_MAX);
    row->tries = (uint32_t)sql_take_int(q, UINT32_MAX);
    row->activations = (uint32_t)sql_take_int(q, UINT32_MAX);
    row->is_retry = sql_take_int(q, 1) != 0;
    row->resumed_at = sql_take_int(q, INT64_MAX);
    row->done = sql_take_int(q, INT64_MAX);
    row->has_ids = sql_take_int(q, 1) != 0;
    sql_take_blob(q, row->vendor_id, sizeof row->vendor_id);
    sql_take_blob(q, row->class_id, sizeof row->class_id);
    row->serial_len = (uint8_t)sql_take_bytes(q, row->serial, sizeof row->serial);
    sql_take_text(q, row->from_version, sizeof row->from_version);
    sql_take_text(q, row->verified_by, sizeof row->verified_by);
}

/* The rows of one table of one job stand at 0, 1, 2 ... without a gap. */
static bool next_row(struct sql *q, uint16_t *i, uint16_t count)
{
    if (!sql_next(q)) {
        return false;
    }
    if (*i >= count || sql_take_int(q, UINT16_MAX) != *i) {
        sql_spoil(q, "rows of a job are missing");
        return false;
    }
    return true;
}

static enum gw_err load_components(struct store *store, struct job_record *r)
{
    struct sql q = sql_use(store, SQL_COMPONENT_GET);

    sql_put_int(&q, r->job.id);
    for (uint16_t i = 0; next_row(&q, &i, r->component_count); i++) {
        take_component(&q, &r->components[i]);
    }
    return sql_end(&q);
}

static enum gw_err load_afters(struct store *store, struct job_record *r)
{
    struct sql q = sql_use(store, SQL_AFTER_GET);

    sql_put_int(&q, r->job.id);
    for (uint16_t i = 0; next_row(&q, &i, r->after_count); i++) {
        r->afters[i].component = (uint16_t)sql_take_int(&q, r->component_count - 1u);
        r->afters[i].after = (uint16_t)sql_take_int(&q, r->component_count - 1u);
    }
    return sql_end(&q);
}

static enum gw_err load_groups(struct store *store, struct job_record *r)
{
    struct sql q = sql_use(store, SQL_GROUP_GET);

    sql_put_int(&q, r->job.id);
    for (uint16_t i = 0; next_row(&q, &i, r->group_count); i++) {
        sql_take_text(&q, r->groups[i].name, sizeof r->groups[i].name);
        r->groups[i].is_committed = sql_take_int(&q, 1) != 0;
        r->groups[i].committed_s = sql_take_time(&q);
    }
    return sql_end(&q);
}

static enum gw_err load_steps(struct store *store, struct job_record *r)
{
    struct sql q = sql_use(store, SQL_STEP_GET);

    sql_put_int(&q, r->job.id);
    for (uint16_t i = 0; next_row(&q, &i, r->step_count); i++) {
        take_step(&q, &r->steps[i], r);
    }
    return sql_end(&q);
}

static enum gw_err count(struct store *store, enum sql_id id, uint64_t job, uint16_t *n)
{
    struct sql q = sql_use(store, id);

    sql_put_int(&q, job);
    *n = sql_next(&q) ? (uint16_t)sql_take_int(&q, UINT16_MAX) : 0;
    return sql_end(&q);
}

static enum gw_err fill(struct store *store, uint64_t id, struct job_record *r)
{
    enum gw_err err = load_job(store, id, &r->job);

    err = err ? err : load_components(store, r);
    err = err ? err : load_afters(store, r);
    err = err ? err : load_groups(store, r);
    return err ? err : load_steps(store, r);
}

enum gw_err store_load_job(struct store *store, uint64_t id, struct job_record **out)
{
    uint16_t components = 0, afters = 0, groups = 0, steps = 0;
    enum gw_err err = count(store, SQL_COMPONENT_COUNT, id, &components);

    *out = NULL;
    err = err ? err : count(store, SQL_AFTER_COUNT, id, &afters);
    err = err ? err : count(store, SQL_GROUP_COUNT, id, &groups);
    err = err ? err : count(store, SQL_STEP_COUNT, id, &steps);
    if (err) {
        return err;
    }
    struct job_record *record = job_record_new(components, afters, groups, steps);

    if (!record) {
        return GW_NO_MEMORY;
    }
    err = fill(store, id, record);
    if (err) {
        job_record_free(record);
        return err;
    }
    *out = record;
    return GW_OK;
}

enum gw_err store_job_ids(struct store *store, uint64_t *ids, size_t max, size_t *n)
{
    struct sql q = sql_use(store, SQL_JOB_IDS);

    *n = 0;
    sql_put_int(&q, max);
    while (*n < max && sql_next(&q)) {
        ids[(*n)++] = sql_take_int(&q, INT64_MAX);
    }
    return sql_end(&q);
}

enum gw_err store_floor(struct store *store, struct floor_row *row)
{
    struct sql q = sql_use(store, SQL_FLOOR_GET);
    bool found;

    sql_put_blob(&q, row->vendor_id, sizeof row->vendor_id);
    sql_put_blob(&q, row->class_id, sizeof row->class_id);
    sql_put_int(&q, row->component);
    sql_put_text(&q, row->device);
    found = sql_next(&q);
    if (found) {
        row->floor = (uint32_t)sql_take_int(&q, UINT32_MAX);
        row->sequence = (uint32_t)sql_take_int(&q, UINT32_MAX);
        sql_take_blob(&q, row->identity, sizeof row->identity);
    }
    enum gw_err err = sql_end(&q);

    return err ? err : found ? GW_OK : GW_NOT_FOUND;
}

enum gw_err store_system(struct store *store, struct system_row *out)
{
    struct sql q = sql_use(store, SQL_SYSTEM_GET);
    bool found = sql_next(&q);

    memset(out, 0, sizeof *out);
    if (found) {
        sql_take_text(&q, out->system, sizeof out->system);
        sql_take_text(&q, out->release, sizeof out->release);
        out->floor = sql_take_int(&q, INT64_MAX);
        out->sequence = sql_take_int(&q, INT64_MAX);
        sql_take_blob(&q, out->identity, sizeof out->identity);
    }
    enum gw_err err = sql_end(&q);

    return err ? err : found ? GW_OK : GW_NOT_FOUND;
}

enum gw_err store_packages(struct store *store, struct store_package **out, size_t *n)
{
    struct sql q = sql_use(store, SQL_PACKAGE_LIST);
    struct store_package *list = NULL;

    *n = 0;
    while (sql_next(&q)) {
        struct store_package *grown = realloc(list, (*n + 1) * sizeof *list);

        if (!grown) {
            sql_spoil(&q, "out of memory");
            break;
        }
        list = grown;
        list[*n].sequence = sql_take_int(&q, INT64_MAX);
        sql_take_blob(&q, list[*n].identity, sizeof list[*n].identity);
        (*n)++;
    }
    enum gw_err err = sql_end(&q);

    if (err) {
        free(list);
        list = NULL;
        *n = 0;
    }
    *out = list;
    return err;
}

/* One allocation: the row, its heads, then all bytes. */
static struct package_row *new_package(size_t heads, size_t bytes, struct package_head **head,
                                       uint8_t **at)
{
    struct package_row *row = calloc(1, sizeof *row + heads * sizeof **head + bytes);

    if (row) {
        *head = (struct package_head *)(void *)(row + 1);
        *at = (uint8_t *)(*head + heads);
        row->heads = *head;
        row->head_count = heads;
    }
    return row;
}

static const uint8_t *keep(uint8_t **at, const uint8_t *bytes, size_t len)
{
    const uint8_t *kept = *at;

    if (len > 0) {
        memcpy(*at, bytes, len);
    }
    *at += len;
    return kept;
}

static enum gw_err load_heads(struct store *store, struct package_row *row,
                              struct package_head *head, uint8_t *at, const uint8_t *end)
{
    struct sql q = sql_use(store, SQL_HEAD_GET);
    size_t i = 0;

    sql_put_blob(&q, row->identity, sizeof row->identity);
    for (; i < row->head_count && sql_next(&q); i++) {
        sql_take_text(&q, head[i].component, sizeof head[i].component);
        const uint8_t *bytes = sql_borrow_blob(&q, &head[i].cms_len);

        if (head[i].cms_len > (size_t)(end - at)) {
            sql_spoil(&q, "the heads of a package changed");
            break;
        }
        head[i].cms = keep(&at, bytes, head[i].cms_len);
    }
    return sql_end(&q);
}

enum gw_err store_load_package(struct store *store, const uint8_t identity[32],
                               struct package_row **out)
{
    struct sql q = sql_use(store, SQL_PACKAGE_GET);
    struct package_row *row = NULL;
    struct package_head *head = NULL;
    uint8_t *at = NULL, *end = NULL;
    bool found;

    *out = NULL;
    sql_put_blob(&q, identity, 32);
    found = sql_next(&q);
    if (found) {
        uint64_t sequence = sql_take_int(&q, INT64_MAX);
        size_t len;
        const uint8_t *cms = sql_borrow_blob(&q, &len);
        size_t heads = sql_take_int(&q, UINT16_MAX);
        size_t bytes = sql_take_int(&q, UINT32_MAX);

        row = new_package(heads, len + bytes, &head, &at);
        if (row) {
            end = at + len + bytes;
            row->sequence = sequence;
            memcpy(row->identity, identity, sizeof row->identity);
            row->manifest_cms = keep(&at, cms, len);
            row->manifest_cms_len = len;
        }
    }
    enum gw_err err = sql_end(&q);

    if (!err && !row) {
        return found ? GW_NO_MEMORY : GW_NOT_FOUND;
    }
    err = err ? err : load_heads(store, row, head, at, end);
    if (err) {
        free(row);
        return err;
    }
    *out = row;
    return GW_OK;
}
