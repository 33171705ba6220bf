#include "fd_reads.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct fd_read {
    struct fd_reads *reads;
    struct fd_read *next;
    uint64_t at, end;
    const struct source_events *events;
    void *ctx;
};

struct fd_reads {
    uv_idle_t idle; /* runs while a read can go on */
    int fd;
    uint64_t available;
    bool has_ended;
    struct gw_error end_error;
    struct fd_read *first;
    struct fd_read *current; /* whose data() is running; it may be gone after it */
    uint8_t *piece;          /* SOURCE_PIECE_MAX bytes while there are reads */
};

static bool can_go_on(const struct fd_read *read)
{
    return read->at == read->end || read->at < read->reads->available || read->reads->has_ended;
}

static void on_turn(uv_idle_t *idle);

static void watch(struct fd_reads *reads)
{
    bool is_due = false;

    for (const struct fd_read *read = reads->first; read; read = read->next) {
        is_due |= can_go_on(read);
    }
    if (is_due) {
        (void)uv_idle_start(&reads->idle, on_turn);
    } else {
        (void)uv_idle_stop(&reads->idle);
    }
    if (!reads->first && !reads->current) {
        free(reads->piece);
        reads->piece = NULL;
    }
}

static void forget(struct fd_read *read)
{
    for (struct fd_read **at = &read->reads->first; *at; at = &(*at)->next) {
        if (*at == read) {
            *at = read->next;
            break;
        }
    }
    free(read);
}

static void end_read(struct fd_read *read, const struct gw_error *error)
{
    const struct source_events *events = read->events;
    void *ctx = read->ctx;

    forget(read);
    events->done(ctx, error);
}

/* One piece. Nothing there: the end. */
static void hand_out_piece(struct fd_read *read)
{
    struct fd_reads *reads = read->reads;
    uint64_t left = read->end - read->at, there = reads->available - read->at;
    size_t want = SOURCE_PIECE_MAX;
    struct gw_error error;

    want = left < want ? (size_t)left : want;
    want = there < want ? (size_t)there : want;
    if (!reads->piece) {
        reads->piece = malloc(SOURCE_PIECE_MAX);
    }
    ssize_t got = reads->piece ? pread(reads->fd, reads->piece, want, (off_t)read->at) : -1;

    if (got <= 0) {
        (void)gw_fail(&error, GW_SOURCE_READ, "at byte %" PRIu64 ": %s", read->at,
                      got < 0 ? strerror(errno) : "it is shorter than before");
        end_read(read, &error);
        return;
    }
    read->at += (uint64_t)got;
    reads->current = read;
    read->events->data(read->ctx, reads->piece, (size_t)got);
    reads->current = NULL;
}

static void step(struct fd_read *read)
{
    struct fd_reads *reads = read->reads;
    struct gw_error error = { .err = GW_OK };

    if (read->at < read->end && read->at < reads->available) {
        hand_out_piece(read);
        return;
    }
    if (read->at < read->end) {
        error = reads->end_error;
        if (!error.err) {
            (void)gw_fail(&error, GW_PACKAGE_TRUNCATED, "it ends at byte %" PRIu64,
                          reads->available);
        }
    }
    end_read(read, &error);
}

/* The first read that can go on has its turn and becomes the last. */
static void on_turn(uv_idle_t *idle)
{
    struct fd_reads *reads = idle->data;
    struct fd_read **at = &reads->first;

    while (*at && !can_go_on(*at)) {
        at = &(*at)->next;
    }
    struct fd_read *read = *at;

    if (read) {
        *at = read->next;
        read->next = NULL;
        for (at = &reads->first; *at; at = &(*at)->next) {
        }
        *at = read;
        step(read);
    }
    watch(reads);
}

enum gw_err fd_reads_open(struct fd_reads **out, uv_loop_t *loop, int fd)
{
    struct fd_reads *reads = calloc(1, sizeof *reads);

    *out = reads;
    if (!reads) {
        return GW_NO_MEMORY;
    }
    reads->fd = fd;
    (void)uv_idle_init(loop, &reads->idle);
    reads->idle.data = reads;
    return GW_OK;
}

static void on_closed(uv_handle_t *handle)
{
    struct fd_reads *reads = handle->data;

    free(reads->piece);
    free(reads);
}

void fd_reads_close(struct fd_reads *reads)
{
    if (reads) {
        assert(!reads->first);
        uv_close((uv_handle_t *)&reads->idle, on_closed);
    }
}

void fd_reads_grow(struct fd_reads *reads, uint64_t available)
{
    reads->available = available;
    watch(reads);
}

void fd_reads_end(struct fd_reads *reads, const struct gw_error *error)
{
    reads->has_ended = true;
    reads->end_error = *error;
    watch(reads);
}

struct fd_read *fd_reads_start(struct fd_reads *reads, uint64_t offset, uint64_t len,
                               const struct source_events *events, void *ctx)
{
    struct fd_read *read = calloc(1, sizeof *read);

    if (!read) {
        abort(); /* a few dozen bytes: nothing sensible is left to do */
    }
    *read = (struct fd_read){
        .reads = reads,
        .at = offset,
        .end = len < UINT64_MAX - offset ? offset + len : UINT64_MAX,
        .events = events,
        .ctx = ctx,
        .next = reads->first,
    };
    reads->first = read;
    watch(reads);
    return read;
}

void fd_reads_cancel(struct fd_read *read)
{
    struct fd_reads *reads = read->reads;

    forget(read);
    watch(reads);
}
