#include <stdlib.h>
#include <string.h>

#include "content_private.h"

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
        content_become_streamed(c);
        return;
    }
    err = cache_entry_create(&c->entry, c->config.cache, c->identity, &c->manifest, c->table);
    if (err) {
        content_do_without_cache(c, err);
        return;
    }
    free(c->table);
    c->table = NULL;
    content_enter(c, CONTENT_FILLING);
}

static void on_table_done(void *ctx, const struct gw_error *error)
{
    struct content *c = ctx;

    c->read = NULL;
    if (error->err) {
        content_fail(c, error);
    } else if (image_table_check(&c->manifest, c->table, content_table_len(c)) != VERIFY_OK) {
        content_fail_with(c, GW_CONTENT_DAMAGED, "the block table is not the signed one");
    } else {
        table_is_here(c);
    }
}

void content_begin_table(struct content *c)
{
    static const struct source_events events = { on_table_data, on_table_done };

    free(c->table);
    c->table = malloc(content_table_len(c));
    c->table_filled = 0;
    if (!c->table) {
        content_fail_with(c, GW_NO_MEMORY, "block table");
        return;
    }
    (void)uv_idle_stop(&c->turn);
    c->read = source_read(c->source, c->gwi_at + c->cms_len, content_table_len(c), &events, c);
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
    content_cancel_read(c);
    if (err == GW_CONTENT_DAMAGED) {
        content_fail_block(c, cache_entry_good_blocks(c->entry));
    } else {
        content_do_without_cache(c, err);
    }
}

static void on_fill_done(void *ctx, const struct gw_error *error)
{
    struct content *c = ctx;

    c->read = NULL;
    if (error->err) {
        content_fail(c, error);
    } else {
        content_enter_state_of_entry(c);
    }
}

void content_begin_fill(struct content *c)
{
    static const struct source_events events = { on_fill_data, on_fill_done };
    uint64_t done = (uint64_t)cache_entry_good_blocks(c->entry) * c->manifest.block_size;

    (void)uv_idle_stop(&c->turn);
    cache_entry_rewind(c->entry); /* a read that was cancelled may have left half a block */
    c->read = source_read(c->source, content_payload_at(c) + done, c->manifest.payload_size - done,
                          &events, c);
}

/* --- delivery payload: the whole of it, once --- */

static bool start_digest(struct content *c)
{
    payload_digest_close(c->digest);
    c->digest = payload_digest_open(&c->manifest);
    if (!c->digest) {
        content_fail_with(c, GW_NO_MEMORY, "digest");
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
        content_enter(c, CONTENT_READY);
    } else {
        content_fail_with(c, GW_CONTENT_DAMAGED, "the payload's digest is not imageDigest");
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
            content_drop_damaged(c);
            return;
        }
        payload_digest_take(c->digest);
    }
}

static void on_digest_data(void *ctx, const uint8_t *bytes, size_t len)
{
    struct content *c = ctx;

    if (!payload_digest_feed(c->digest, c->table, bytes, len)) {
        content_cancel_read(c);
        content_fail_block(c, payload_digest_next(c->digest));
    }
}

static void on_digest_done(void *ctx, const struct gw_error *error)
{
    struct content *c = ctx;

    c->read = NULL;
    if (error->err) {
        content_fail(c, error);
    } else {
        finish_digest(c);
    }
}

void content_begin_digest(struct content *c)
{
    static const struct source_events events = { on_digest_data, on_digest_done };

    if (!c->is_streamed) {
        digest_cached(c);
    } else if (start_digest(c)) {
        (void)uv_idle_stop(&c->turn);
        c->read = source_read(c->source, content_payload_at(c), c->manifest.payload_size, &events,
                              c);
    }
}
