#include "image_window.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static uint64_t payload_len(const struct image_window *w)
{
    return content_manifest(w->content)->payload_size;
}

static uint64_t slots_of_payload(const struct image_window *w)
{
    return (payload_len(w) + w->slot_bytes - 1) / w->slot_bytes;
}

static size_t slot_len(const struct image_window *w, uint64_t slot)
{
    uint64_t left = payload_len(w) - slot * w->slot_bytes;

    return left < w->slot_bytes ? (size_t)left : w->slot_bytes;
}

static uint8_t *slot_at(const struct image_window *w, uint64_t slot)
{
    return w->bytes + (slot % w->slot_count) * w->slot_bytes;
}

static bool has_slot(const struct image_window *w, uint64_t slot)
{
    return w->tags[slot % w->slot_count] == slot + 1;
}

static void cancel_read(struct image_window *w)
{
    if (w->read) {
        content_cancel_source(w->content, w->read);
        w->read = NULL;
    }
}

void image_window_reset(struct image_window *w)
{
    if (w->content) {
        cancel_read(w);
    }
    free(w->bytes);
    *w = (struct image_window){ .wake = w->wake, .ctx = w->ctx };
}

static enum gw_err attach(struct image_window *w, struct content *content)
{
    uint32_t block = content_manifest(content)->block_size;

    if (w->content == content) {
        return GW_OK;
    }
    image_window_reset(w);
    w->bytes = malloc(WINDOW_BYTES);
    if (!w->bytes) {
        return GW_NO_MEMORY;
    }
    w->content = content;
    w->slot_bytes = block > WINDOW_SLOT_MIN ? block : WINDOW_SLOT_MIN;
    w->slot_count = WINDOW_BYTES / w->slot_bytes;
    return GW_OK;
}

/* --- streamed --- */

static bool slot_is_good(const struct image_window *w, uint64_t slot, uint32_t *bad)
{
    const struct image_manifest *m = content_manifest(w->content);
    const uint8_t *table = content_table(w->content);
    uint32_t index = (uint32_t)(slot * (w->slot_bytes / m->block_size));
    size_t len = slot_len(w, slot);

    for (size_t at = 0; at < len; at += m->block_size, index++) {
        *bad = index;
        if (!table || image_block_check(m, table, index, slot_at(w, slot) + at,
                                        image_block_len(m, index)) != VERIFY_OK) {
            return false;
        }
    }
    return true;
}

static void note_error(struct image_window *w, const struct gw_error *error)
{
    w->error = *error;
    w->error_slot = w->next;
}

/* Slot `next` is full. False: it is not what was signed. */
static bool finish_slot(struct image_window *w)
{
    uint32_t bad = 0;

    if (!slot_is_good(w, w->next, &bad)) {
        struct gw_error error;

        (void)gw_fail(&error, GW_CONTENT_DAMAGED, "block %" PRIu32, bad);
        memset(slot_at(w, w->next), 0, slot_len(w, w->next));
        note_error(w, &error);
        cancel_read(w);
        return false;
    }
    w->tags[w->next % w->slot_count] = w->next + 1;
    w->next++;
    w->filled = 0;
    return true;
}

static void on_data(void *ctx, const uint8_t *bytes, size_t len)
{
    struct image_window *w = ctx;
    bool has_more = false;

    while (len > 0 && w->read) {
        size_t whole = slot_len(w, w->next);
        size_t n = len < whole - w->filled ? len : whole - w->filled;

        memcpy(slot_at(w, w->next) + w->filled, bytes, n);
        w->filled += n;
        bytes += n;
        len -= n;
        if (w->filled == whole) {
            has_more = true;
            if (!finish_slot(w)) {
                break;
            }
        }
    }
    if (has_more) {
        w->wake(w->ctx);
    }
}

static void on_done(void *ctx, const struct gw_error *error)
{
    struct image_window *w = ctx;

    w->read = NULL;
    if (error->err) {
        note_error(w, error);
    }
    w->wake(w->ctx);
}

/* Fill the window from slot `first` on, never over a slot before `keep` + window. */
static void fetch(struct image_window *w, uint64_t first, uint64_t keep)
{
    static const struct source_events events = { on_data, on_done };
    uint64_t end = keep + w->slot_count, last = slots_of_payload(w);

    cancel_read(w);
    end = end < last ? end : last;
    w->next = first;
    w->end = end;
    w->filled = 0;
    for (uint64_t slot = first; slot < end; slot++) {
        w->tags[slot % w->slot_count] = 0; /* is going to be overwritten */
    }
    uint64_t from = first * w->slot_bytes;
    uint64_t to = end * w->slot_bytes < payload_len(w) ? end * w->slot_bytes : payload_len(w);

    w->read = content_read_source(w->content, from, to - from, &events, w);
}

/* GW_OK: the slot is here. */
static enum gw_err need_streamed(struct image_window *w, uint64_t slot)
{
    if (has_slot(w, slot)) {
        return GW_OK;
    }
    if (w->error.err && w->error_slot == slot) {
        enum gw_err err = w->error.err;

        w->error.err = GW_OK;
        return err;
    }
    if (!w->read || slot < w->next || slot >= w->end) {
        fetch(w, slot, slot);
    }
    return w->read ? GW_TIMEOUT : GW_SOURCE_GONE;
}

/* The reader is in `slot`: is half of the window free behind it? */
static void fetch_ahead(struct image_window *w, uint64_t slot)
{
    uint64_t missing = slot, last = slots_of_payload(w);

    while (missing < last && missing < slot + w->slot_count && has_slot(w, missing)) {
        missing++;
    }
    if (!w->read && missing < last && missing - slot <= w->slot_count / 2 &&
        !(w->error.err && w->error_slot == missing)) {
        fetch(w, missing, slot);
    }
}

/* --- cached --- */

static enum gw_err need_cached(struct image_window *w, uint64_t slot)
{
    const struct image_manifest *m = content_manifest(w->content);
    uint32_t index = (uint32_t)(slot * (w->slot_bytes / m->block_size));
    size_t len = slot_len(w, slot);
    enum gw_err err = GW_OK;

    if (has_slot(w, slot)) {
        return GW_OK;
    }
    w->tags[slot % w->slot_count] = 0;
    for (size_t at = 0; at < len && !err; at += m->block_size, index++) {
        err = content_read_block(w->content, index, slot_at(w, slot) + at);
    }
    if (!err) {
        w->tags[slot % w->slot_count] = slot + 1;
    }
    return err;
}

/* --- both --- */

enum gw_err image_window_read(struct image_window *w, struct content *content, uint64_t offset,
                              uint8_t *bytes, size_t len, size_t *got)
{
    enum gw_err err = attach(w, content);
    bool is_streamed = content_is_streamed(content);
    uint64_t slot = err ? 0 : offset / w->slot_bytes;

    *got = 0;
    if (!err) {
        err = is_streamed ? need_streamed(w, slot) : need_cached(w, slot);
    }
    if (err) {
        return err;
    }
    size_t within = (size_t)(offset - slot * w->slot_bytes);
    size_t n = slot_len(w, slot) - within;

    n = n < len ? n : len;
    memcpy(bytes, slot_at(w, slot) + within, n);
    *got = n;
    if (is_streamed) {
        fetch_ahead(w, (offset + n) / w->slot_bytes);
    }
    return GW_OK;
}
