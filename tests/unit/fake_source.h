/* A source over bytes in memory, with faults. */
#ifndef TESTS_FAKE_SOURCE_H
#define TESTS_FAKE_SOURCE_H

#include <stdlib.h>

#include <uv.h>

#include "source.h"

struct fake_source {
    struct source base;
    uv_loop_t *loop;
    const uint8_t *bytes;
    uint64_t len;
    size_t piece;         /* bytes of one data(); 0 = 64 KiB */
    bool is_stalled;      /* nothing comes meanwhile */
    enum gw_err fail;     /* 0 = none; ... */
    uint64_t fail_at;     /* ... when this byte is due */
    unsigned reads, open; /* begun, under way */
    uint64_t handed_out;  /* bytes of all reads */
    uint64_t last_offset, last_len;
    int holds;
};

struct source_read {
    struct fake_source *source;
    uv_idle_t idle;
    uint64_t at, end;
    const struct source_events *events;
    void *ctx;
    bool is_dead;
};

static void fake_free(uv_handle_t *handle)
{
    free(handle->data);
}

static void fake_bury(struct source_read *r)
{
    r->is_dead = true;
    r->source->open--;
    uv_close((uv_handle_t *)&r->idle, fake_free);
}

static void fake_turn(uv_idle_t *idle)
{
    struct source_read *r = idle->data;
    struct fake_source *s = r->source;
    struct gw_error error = { .err = GW_OK, .detail = "fake" };
    uint64_t n = r->end - r->at, piece = s->piece ? s->piece : 65536;

    if (s->is_stalled) {
        return;
    }
    n = n < piece ? n : piece;
    n = s->len > r->at && s->len - r->at < n ? s->len - r->at : n;
    if (s->fail && s->fail_at >= r->at && s->fail_at - r->at < n) {
        n = s->fail_at - r->at;
    }
    if (n == 0 || r->at >= s->len) {
        error.err = r->at == r->end ? GW_OK : r->at >= s->len ? GW_PACKAGE_TRUNCATED : s->fail;
        fake_bury(r);
        r->events->done(r->ctx, &error);
        return;
    }
    /* An exact copy that is gone after the callback, so that ASan sees who keeps the pointer. */
    uint8_t *copy = malloc(n);

    if (!copy) {
        abort();
    }
    for (uint64_t i = 0; i < n; i++) {
        copy[i] = s->bytes[r->at + i];
    }
    r->at += n;
    s->handed_out += n;
    r->events->data(r->ctx, copy, n);
    free(copy);
}

static struct source_read *fake_read(struct source *base, uint64_t offset, uint64_t len,
                                     const struct source_events *events, void *ctx)
{
    struct fake_source *s = (struct fake_source *)base;
    struct source_read *r = calloc(1, sizeof *r);

    if (!r) {
        abort();
    }
    r->source = s;
    r->at = offset;
    r->end = offset + len;
    r->events = events;
    r->ctx = ctx;
    s->reads++;
    s->open++;
    s->last_offset = offset;
    s->last_len = len;
    (void)uv_idle_init(s->loop, &r->idle);
    r->idle.data = r;
    (void)uv_idle_start(&r->idle, fake_turn);
    return r;
}

static void fake_cancel(struct source_read *r)
{
    if (r->is_dead) {
        abort();
    }
    fake_bury(r);
}

static void fake_hold(struct source *base, bool on)
{
    ((struct fake_source *)base)->holds += on ? 1 : -1;
}

static const struct source_ops fake_source_ops = {
    .name = "fake", .read = fake_read, .cancel = fake_cancel, .hold = fake_hold
};

#endif
