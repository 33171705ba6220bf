#include "content_private.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"

enum { DAMAGES_MAX = 3 }; /* times that a rotten cache file is fetched again */

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
    return c->was_ready && c->state != CONTENT_FAILED;
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

size_t content_table_len(const struct content *c)
{
    return (size_t)c->manifest.block_count * SHA256_LEN;
}

uint64_t content_payload_at(const struct content *c)
{
    return c->gwi_at + c->cms_len + content_table_len(c);
}

const uint8_t *content_table(const struct content *c)
{
    if (c->entry) {
        return cache_entry_table(c->entry);
    }
    return c->state == CONTENT_TABLE ? NULL : c->table;
}

/* --- states --- */

static void on_turn(uv_idle_t *turn);

void content_enter(struct content *c, enum content_state state)
{
    c->state = state;
    (void)uv_idle_start(&c->turn, on_turn);
}

void content_fail(struct content *c, const struct gw_error *error)
{
    c->error = *error;
    content_enter(c, CONTENT_FAILED);
}

void content_fail_with(struct content *c, enum gw_err err, const char *detail)
{
    struct gw_error error;

    (void)gw_fail(&error, err, "%s", detail);
    content_fail(c, &error);
}

void content_fail_block(struct content *c, uint32_t index)
{
    char why[40];

    (void)snprintf(why, sizeof why, "block %" PRIu32, index);
    content_fail_with(c, GW_CONTENT_DAMAGED, why);
}

void content_cancel_read(struct content *c)
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
void content_enter_ready(struct content *c)
{
    bool is_payload = c->manifest.delivery == DELIVERY_PAYLOAD;

    content_enter(c, is_payload && !c->was_digested ? CONTENT_DIGESTING : CONTENT_READY);
}

void content_become_streamed(struct content *c)
{
    c->is_streamed = true;
    hold_source(c, true);
    content_enter_ready(c);
}

/* The cache cannot take it. */
void content_do_without_cache(struct content *c, enum gw_err err)
{
    if (c->mode == MODE_CACHED) {
        content_fail_with(c, err, "");
        return;
    }
    log_notice(c->config.log, "image %02x%02x%02x%02x: streamed: GW%04d %s", c->identity[0],
               c->identity[1], c->identity[2], c->identity[3], (int)err, gw_err_text(err));
    if (c->entry) {
        c->table = malloc(content_table_len(c));
        if (!c->table) {
            content_fail_with(c, GW_NO_MEMORY, "block table");
            return;
        }
        memcpy(c->table, cache_entry_table(c->entry), content_table_len(c));
        cache_entry_close(c->entry);
        c->entry = NULL;
    }
    content_become_streamed(c);
}

/* What was cached has rotted. */
void content_drop_damaged(struct content *c)
{
    log_warning(c->config.log, "image %02x%02x%02x%02x: GW%04d %s", c->identity[0], c->identity[1],
                c->identity[2], c->identity[3], GW_CACHE_DAMAGED, gw_err_text(GW_CACHE_DAMAGED));
    cache_entry_drop(c->entry);
    c->entry = NULL;
    payload_digest_close(c->digest);
    c->digest = NULL;
    if (!c->source || ++c->damages > DAMAGES_MAX) {
        content_fail_with(c, GW_CACHE_DAMAGED,
                          c->source ? "again and again" : "it cannot be fetched again");
        return;
    }
    content_enter(c, CONTENT_TABLE);
}

/* --- opening and checking --- */

void content_enter_state_of_entry(struct content *c)
{
    switch (cache_entry_state(c->entry)) {
    case CACHE_CHECKING:
        content_enter(c, CONTENT_CHECKING);
        break;
    case CACHE_FILLING:
        content_enter(c, CONTENT_FILLING);
        break;
    case CACHE_FULL:
        content_enter(c, CONTENT_SYNCING);
        break;
    case CACHE_COMPLETE:
        content_enter_ready(c);
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
        content_enter_state_of_entry(c);
    } else if (err == GW_NOT_FOUND || c->mode != MODE_CACHED) {
        content_enter(c, CONTENT_TABLE);
    } else {
        content_fail_with(c, err, "");
    }
}

static void begin_check(struct content *c)
{
    cache_entry_check(c->entry);
    if (cache_entry_state(c->entry) != CACHE_CHECKING) {
        content_enter_state_of_entry(c);
    }
}

/* --- syncing --- */

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
        content_do_without_cache(c, err);
    } else {
        content_enter_ready(c);
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
        content_do_without_cache(c, err);
    } else {
        content_enter_ready(c);
    }
}

/* --- the turn of the loop --- */

static bool needs_source(const struct content *c)
{
    return c->state == CONTENT_TABLE || c->state == CONTENT_FILLING ||
           (c->state == CONTENT_DIGESTING && c->is_streamed);
}

static void on_turn(uv_idle_t *turn)
{
    struct content *c = turn->data;

    if (needs_source(c) && !c->source) {
        content_fail_with(c, GW_SOURCE_GONE, "");
    }
    switch (c->state) {
    case CONTENT_OPENING:
        begin_open(c);
        break;
    case CONTENT_CHECKING:
        begin_check(c);
        break;
    case CONTENT_TABLE:
        content_begin_table(c);
        break;
    case CONTENT_FILLING:
        content_begin_fill(c);
        break;
    case CONTENT_SYNCING:
        begin_sync(c);
        break;
    case CONTENT_DIGESTING:
        content_begin_digest(c);
        break;
    case CONTENT_READY:
        (void)uv_idle_stop(&c->turn);
        c->was_ready = true;
        c->config.ops->progress(c->config.ctx, c, c->manifest.payload_size,
                                c->manifest.payload_size);
        break;
    case CONTENT_FAILED:
        (void)uv_idle_stop(&c->turn);
        cache_entry_close(c->entry); /* for whoever tries again */
        c->entry = NULL;
        c->config.ops->failed(c->config.ctx, c, &c->error);
        break;
    }
}

void content_tell(struct content *c)
{
    if (c->state == CONTENT_READY) {
        content_enter(c, CONTENT_READY);
    }
}

/* --- reading --- */

enum gw_err content_read_block(struct content *c, uint32_t index, uint8_t *block)
{
    if (c->state == CONTENT_FAILED) {
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
    content_cancel_read(c);
    content_drop_damaged(c);
    return c->state == CONTENT_FAILED ? c->error.err : GW_TIMEOUT;
}

struct source_read *content_read_source(struct content *c, uint64_t payload_offset, uint64_t len,
                                        const struct source_events *events, void *ctx)
{
    if (!c->source) {
        return NULL;
    }
    return source_read(c->source, content_payload_at(c) + payload_offset, len, events, ctx);
}

void content_cancel_source(struct content *c, struct source_read *read)
{
    c->source->ops->cancel(read);
}

/* --- open and close --- */

void content_set_source(struct content *c, struct source *source, uint64_t offset, size_t cms_len)
{
    bool begins_again = c->read != NULL;

    content_cancel_read(c);
    hold_source(c, false);
    c->source = source;
    c->gwi_at = offset;
    c->cms_len = cms_len;
    hold_source(c, true);
    if (begins_again) {
        content_enter(c, c->state);
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
    content_enter(c, CONTENT_OPENING);
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
    content_cancel_read(c);
    hold_source(c, false);
    (void)uv_idle_stop(&c->turn);
    c->is_closed = true;
    if (!c->is_syncing) {
        free_content(c);
    }
}
