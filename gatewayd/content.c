#include "content.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cache_entry.h"
#include "log.h"
#include "payload_digest.h"

enum { DAMAGES_MAX = 3 }; /* times that a rotten cache file is fetched again */

/* Each state says what is under way; on_turn() begins it. */
enum state {
    OPENING,   /* look into the cache */
    CHECKING,  /* a partial entry: how much of it is good */
    TABLE,     /* the block table is being fetched */
    FILLING,   /* the payload is being fetched into the cache */
    SYNCING,   /* the entry is being made durable */
    DIGESTING, /* delivery payload: the whole payload is read once */
    READY,
    FAILED,
};

struct content {
    struct content_config config;
    uint8_t identity[SHA256_LEN];
    struct image_manifest manifest; /* its spans are cleared: they borrow */
    enum config_mode mode;
    struct source *source; /* NULL: only the cache */
    uint64_t gwi_at;       /* offset of the .gwi in the source */
    size_t cms_len;
    enum state state;
    bool is_streamed;
    bool was_ready, was_digested;
    unsigned damages;
    struct cache_entry *entry;
    uint8_t *table; /* while there is no entry */
    size_t table_filled;
    struct source_read *read; /* the one that `state` is about */
    struct payload_digest *digest;
    bool has_hash;
    uint8_t hash[SHA256_LEN];
    struct gw_error error;
    uv_idle_t turn;
    uv_fs_t sync;
    bool is_syncing, is_closed;
};

/* --- facts --- */

const uint8_t *content_identity(const struct content *c)
{
    return c->identity;
}

const struct image_manifest *content_manifest(const struct content *c)
{
    return &c->manifest;
}

bool content_uses(const struct content *c, const struct source *source)
{
    return c->source == source;
}

bool content_is_ready(const struct content *c)
{
    return c->was_ready && c->state != FAILED;
}

bool content_is_streamed(const struct content *c)
{
    return c->is_streamed;
}

const struct gw_error *content_error(const struct content *c)
{
    return &c->error;
}

bool content_state_hash(const struct content *c, uint8_t hash[SHA256_LEN])
{
    memcpy(hash, c->hash, SHA256_LEN);
    return c->has_hash;
}

static size_t table_len(const struct content *c)
{
    return (size_t)c->manifest.block_count * SHA256_LEN;
}

static uint64_t table_at(const struct content *c)
{
    return c->gwi_at + c->cms_len;
}

static uint64_t payload_at(const struct content *c)
{
    return table_at(c) + table_len(c);
}

const uint8_t *content_table(const struct content *c)
{
    if (c->entry) {
        return cache_entry_table(c->entry);
    }
    return c->state == TABLE ? NULL : c->table;
}

/* --- states --- */

static void on_turn(uv_idle_t *turn);

static void enter(struct content *c, enum state state)
{
    c->state = state;
    (void)uv_idle_start(&c->turn, on_turn);
}

static void fail(struct content *c, const struct gw_error *error)
{
    c->error = *error;
    enter(c, FAILED);
}

static void fail_with(struct content *c, enum gw_err err, const char *detail)
{
    struct gw_error error;

    (void)gw_fail(&error, err, "%s", detail);
    fail(c, &error);
}

static void fail_block(struct content *c, uint32_t index)
{
    char why[40];

    (void)snprintf(why, sizeof why, "block %" PRIu32, index);
    fail_with(c, GW_CONTENT_DAMAGED, why);
}

static void cancel_read(struct content *c)
{
    if (c->read) {
        c->source->ops->cancel(c->read);
        c->read = NULL;
    }
}

static void hold_source(struct content *c, bool on)
{
    if (c->is_streamed && c->source && c->source->ops->hold) {
        c->source->ops->hold(c->source, on);
    }
}

/* Table and payload are where they must be. */
static void enter_ready(struct content *c)
{
    bool is_payload = c->manifest.delivery == DELIVERY_PAYLOAD;

    enter(c, is_payload && !c->was_digested ? DIGESTING : READY);
}

static void become_streamed(struct content *c)
{
    c->is_streamed = true;
    hold_source(c, true);
    enter_ready(c);
}

/* The cache cannot take it. */
static void do_without_cache(struct content *c, enum gw_err err)
{
    if (c->mode == MODE_CACHED) {
        fail_with(c, err, "");
        return;
    }
    log_notice(c->config.log, "image %02x%02x%02x%02x: streamed: GW%04d %s", c->identity[0],
               c->identity[1], c->identity[2], c->identity[3], (int)err, gw_err_text(err));
    if (c->entry) {
        c->table = malloc(table_len(c));
        if (!c->table) {
            fail_with(c, GW_NO_MEMORY, "block table");
            return;
        }
        memcpy(c->table, cache_entry_table(c->entry), table_len(c));
        cache_entry_close(c->entry);
        c->entry = NULL;
    }
    become_streamed(c);
}

/* What was cached has rotted. */
static void drop_damaged(struct content *c)
{
    log_warning(c->config.log, "image %02x%02x%02x%02x: GW%04d %s", c->identity[0], c->identity[1],
                c->identity[2], c->identity[3], GW_CACHE_DAMAGED, gw_err_text(GW_CACHE_DAMAGED));
    cache_entry_drop(c->entry);
    c->entry = NULL;
    payload_digest_close(c->digest);
    c->digest = NULL;
    if (!c->source || ++c->damages > DAMAGES_MAX) {
        fail_with(c, GW_CACHE_DAMAGED,
                  c->source ? "again and again" : "it cannot be fetched again");
        return;
    }
    enter(c, TABLE);
}

/* --- opening and checking --- */

static void enter_state_of_entry(struct content *c)
{
    switch (cache_entry_state(c->entry)) {
    case CACHE_CHECKING:
        enter(c, CHECKING);
        break;
    case CACHE_FILLING:
        enter(c, FILLING);
        break;
    case CACHE_FULL:
        enter(c, SYNCING);
        break;
    case CACHE_COMPLETE:
        enter_ready(c);
        break;
    }
}

static void begin_open(struct content *c)
{
    enum gw_err err = c->config.cache
                          ? cache_entry_open(&c->entry, c->config.cache, c->identity, &c->manifest)
                          : GW_NOT_FOUND;

    if (!err && c->mode == MODE_STREAMED && cache_entry_state(c->entry) != CACHE_COMPLETE) {
        cache_entry_close(c->entry);
        c->entry = NULL;
        err = GW_NOT_FOUND;
    }
    if (err == GW_BUSY) {
        return; /* a content that was closed is still syncing it: look again at the next turn */
    }
    if (!err) {
        enter_state_of_entry(c);
    } else if (err == GW_NOT_FOUND || c->mode != MODE_CACHED) {
        enter(c, TABLE);
    } else {
        fail_with(c, err, "");
    }
}

static void begin_check(struct content *c)
{
    cache_entry_check(c->entry);
    if (cache_entry_state(c->entry) != CACHE_CHECKING) {
        enter_state_of_entry(c);
    }
}

/* --- the table --- */

static void on_table_data(void *ctx, const uint8_t *bytes, size_t len)
{
    struct content *c = ctx;

    memcpy(c->table + c->table_filled, bytes, len);
    c->table_filled += len;
}

static void table_is_here(struct content *c)
{
    enum gw_err err = GW_CACHE;

    if (c->mode == MODE_STREAMED || !c->config.cache) {
        become_streamed(c);
        return;
    }
    err = cache_entry_create(&c->entry, c->config.cache, c->identity, &c->manifest, c->table);
    if (err) {
        do_without_cache(c, err);
        return;
    }
    free(c->table);
    c->table = NULL;
    enter(c, FILLING);
}

static void on_table_done(void *ctx, const struct gw_error *error)
{
    struct content *c = ctx;

    c->read = NULL;
    if (error->err) {
        fail(c, error);
    } else if (image_table_check(&c->manifest, c->table, table_len(c)) != VERIFY_OK) {
        fail_with(c, GW_CONTENT_DAMAGED, "the block table is not the signed one");
    } else {
        table_is_here(c);
    }
}

static void begin_table(struct content *c)
{
    static const struct source_events events = { on_table_data, on_table_done };

    free(c->table);
    c->table = malloc(table_len(c));
    c->table_filled = 0;
    if (!c->table) {
        fail_with(c, GW_NO_MEMORY, "block table");
        return;
    }
    (void)uv_idle_stop(&c->turn);
    c->read = source_read(c->source, table_at(c), table_len(c), &events, c);
}

/* --- filling the cache --- */

static void on_fill_data(void *ctx, const uint8_t *bytes, size_t len)
{
    struct content *c = ctx;
    enum gw_err err = cache_entry_append(c->entry, bytes, len);
    uint64_t done = (uint64_t)cache_entry_good_blocks(c->entry) * c->manifest.block_size;

    if (!err) {
        done = done < c->manifest.payload_size ? done : c->manifest.payload_size;
        c->config.ops->progress(c->config.ctx, c, done, c->manifest.payload_size);
        return;
    }
    cancel_read(c);
    if (err == GW_CONTENT_DAMAGED) {
        fail_block(c, cache_entry_good_blocks(c->entry));
    } else {
        do_without_cache(c, err);
    }
}

static void on_fill_done(void *ctx, const struct gw_error *error)
{
    struct content *c = ctx;

    c->read = NULL;
    if (error->err) {
        fail(c, error);
    } else {
        enter_state_of_entry(c);
    }
}

static void begin_fill(struct content *c)
{
    static const struct source_events events = { on_fill_data, on_fill_done };
    uint64_t done = (uint64_t)cache_entry_good_blocks(c->entry) * c->manifest.block_size;

    (void)uv_idle_stop(&c->turn);
    cache_entry_rewind(c->entry); /* a read that was cancelled may have left half a block */
    c->read = source_read(c->source, payload_at(c) + done, c->manifest.payload_size - done, &events,
                          c);
}

static void free_content(struct content *c);

static void on_synced(uv_fs_t *sync)
{
    struct content *c = sync->data;
    enum gw_err err = cache_entry_publish(c->entry, (int)-sync->result);

    uv_fs_req_cleanup(sync);
    c->is_syncing = false;
    if (c->is_closed) {
        free_content(c);
    } else if (err) {
        do_without_cache(c, err);
    } else {
        enter_ready(c);
    }
}

static void begin_sync(struct content *c)
{
    (void)uv_idle_stop(&c->turn);
    c->sync.data = c;
    c->is_syncing = uv_fs_fdatasync(c->config.loop, &c->sync, cache_entry_fd(c->entry),
                                    on_synced) == 0;
    if (c->is_syncing) {
        return;
    }
    enum gw_err err = cache_entry_sync(c->entry); /* no memory for a request: then in line */

    if (err) {
        do_without_cache(c, err);
    } else {
        enter_ready(c);
    }
}

/* --- delivery payload: the whole of it, once --- */

static bool start_digest(struct content *c)
{
    payload_digest_close(c->digest);
    c->digest = payload_digest_open(&c->manifest);
    if (!c->digest) {
        fail_with(c, GW_NO_MEMORY, "digest");
    }
    return c->digest != NULL;
}

static void finish_digest(struct content *c)
{
    bool is_good = payload_digest_finish(c->digest, &c->has_hash, c->hash);

    payload_digest_close(c->digest);
    c->digest = NULL;
    c->was_digested = is_good;
    if (is_good) {
        enter(c, READY);
    } else {
        fail_with(c, GW_CONTENT_DAMAGED, "the payload's digest is not imageDigest");
    }
}

/* A piece of the cached payload, each block checked. */
static void digest_cached(struct content *c)
{
    if (!c->digest && !start_digest(c)) {
        return;
    }
    for (size_t left = CACHE_CHECK_BYTES; left >= c->manifest.block_size;
         left -= c->manifest.block_size) {
        uint32_t next = payload_digest_next(c->digest);

        if (next == c->manifest.block_count) {
            finish_digest(c);
            return;
        }
        if (cache_entry_read(c->entry, next, payload_digest_block(c->digest))) {
            drop_damaged(c);
            return;
        }
        payload_digest_take(c->digest);
    }
}

static void on_digest_data(void *ctx, const uint8_t *bytes, size_t len)
{
    struct content *c = ctx;

    if (!payload_digest_feed(c->digest, c->table, bytes, len)) {
        cancel_read(c);
        fail_block(c, payload_digest_next(c->digest));
    }
}

static void on_digest_done(void *ctx, const struct gw_error *error)
{
    struct content *c = ctx;

    c->read = NULL;
    if (error->err) {
        fail(c, error);
    } else {
        finish_digest(c);
    }
}

static void begin_digest(struct content *c)
{
    static const struct source_events events = { on_digest_data, on_digest_done };

    if (!c->is_streamed) {
        digest_cached(c);
    } else if (start_digest(c)) {
        (void)uv_idle_stop(&c->turn);
        c->read = source_read(c->source, payload_at(c), c->manifest.payload_size, &events, c);
    }
}

/* --- the turn of the loop --- */

static bool needs_source(const struct content *c)
{
    return c->state == TABLE || c->state == FILLING || (c->state == DIGESTING && c->is_streamed);
}

static void on_turn(uv_idle_t *turn)
{
    struct content *c = turn->data;

    if (needs_source(c) && !c->source) {
        fail_with(c, GW_SOURCE_GONE, "");
    }
    switch (c->state) {
    case OPENING:
        begin_open(c);
        break;
    case CHECKING:
        begin_check(c);
        break;
    case TABLE:
        begin_table(c);
        break;
    case FILLING:
        begin_fill(c);
        break;
    case SYNCING:
        begin_sync(c);
        break;
    case DIGESTING:
        begin_digest(c);
        break;
    case READY:
        (void)uv_idle_stop(&c->turn);
        c->was_ready = true;
        c->config.ops->progress(c->config.ctx, c, c->manifest.payload_size,
                                c->manifest.payload_size);
        break;
    case FAILED:
        (void)uv_idle_stop(&c->turn);
        cache_entry_close(c->entry); /* for whoever tries again */
        c->entry = NULL;
        c->config.ops->failed(c->config.ctx, c, &c->error);
        break;
    }
}

void content_tell(struct content *c)
{
    if (c->state == READY) {
        enter(c, READY);
    }
}

/* --- reading --- */

enum gw_err content_read_block(struct content *c, uint32_t index, uint8_t *block)
{
    if (c->state == FAILED) {
        return c->error.err;
    }
    if (!c->entry || index >= cache_entry_good_blocks(c->entry)) {
        return GW_TIMEOUT;
    }
    if (cache_entry_read(c->entry, index, block) == GW_OK) {
        return GW_OK;
    }
    if (c->is_syncing) { /* its descriptor is in use: it is found again when that has ended */
        return GW_TIMEOUT;
    }
    cancel_read(c);
    drop_damaged(c);
    return c->state == FAILED ? c->error.err : GW_TIMEOUT;
}

struct source_read *content_read_source(struct content *c, uint64_t payload_offset, uint64_t len,
                                        const struct source_events *events, void *ctx)
{
    if (!c->source) {
        return NULL;
    }
    return source_read(c->source, payload_at(c) + payload_offset, len, events, ctx);
}

void content_cancel_source(struct content *c, struct source_read *read)
{
    c->source->ops->cancel(read);
}

/* --- open and close --- */

void content_set_source(struct content *c, struct source *source, uint64_t offset, size_t cms_len)
{
    bool begins_again = c->read != NULL;

    cancel_read(c);
    hold_source(c, false);
    c->source = source;
    c->gwi_at = offset;
    c->cms_len = cms_len;
    hold_source(c, true);
    if (begins_again) {
        enter(c, c->state);
    }
}

enum gw_err content_open(struct content **out, const struct content_config *config,
                         const struct image_spec *spec)
{
    struct content *c = calloc(1, sizeof *c);

    *out = c;
    if (!c) {
        return GW_NO_MEMORY;
    }
    c->config = *config;
    memcpy(c->identity, spec->identity, SHA256_LEN);
    c->manifest = *spec->manifest;
    c->manifest.version = c->manifest.serials = c->manifest.requires = c->manifest.bus_ids =
        (struct span){ NULL, 0 };
    c->mode = spec->mode;
    c->source = spec->source;
    c->gwi_at = spec->offset;
    c->cms_len = spec->cms.len;
    (void)uv_idle_init(config->loop, &c->turn);
    c->turn.data = c;
    enter(c, OPENING);
    return GW_OK;
}

static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static void free_content(struct content *c)
{
    cache_entry_close(c->entry);
    free(c->table);
    payload_digest_close(c->digest);
    uv_close((uv_handle_t *)&c->turn, on_closed);
}

void content_close(struct content *c)
{
    cancel_read(c);
    hold_source(c, false);
    (void)uv_idle_stop(&c->turn);
    c->is_closed = true;
    if (!c->is_syncing) {
        free_content(c);
    }
}
