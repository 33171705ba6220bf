/* Source: where the bytes of a package come from: a file, a pipe, a URL.
 *
 * Bytes are asked for by range and come in order, in pieces; nothing here is trusted or checked.
 * Callbacks come from the loop, never from inside source_read(); a read may be cancelled inside any
 * of its callbacks. Several reads may be under way at once.
 */
#ifndef GATEWAYD_SOURCE_H
#define GATEWAYD_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uv.h>

#include "err.h"

enum { SOURCE_PIECE_MAX = 256 << 10 }; /* bytes of one data() */

struct cache;
struct fetcher;
struct log_sink;
struct source;
struct source_read; /* one read under way, until done() returns or source_cancel() */

struct source_events {
    /* The next bytes. */
    void (*data)(void *ctx, const uint8_t *bytes, size_t len);
    /* Last callback. error->err GW_OK: all bytes came. GW_PACKAGE_TRUNCATED: the source ends before
     * them. Else why it failed for good: GW_SOURCE_*, GW_CACHE_FULL, GW_CACHE. */
    void (*done)(void *ctx, const struct gw_error *error);
};

struct source_ops {
    const char *name; /* "file", "pipe", "url" */
    /* `len` >= 1 bytes from `offset`. */
    struct source_read *(*read)(struct source *s, uint64_t offset, uint64_t len,
                                const struct source_events *events, void *ctx);
    void (*cancel)(struct source_read *read);
    /* Somebody will ask now and then for a long time / not any more: keep what serves it. NULL = no
     * difference. */
    void (*hold)(struct source *s, bool on);
    /* Length of the whole; 0 = not known yet (known after the first read of a URL, at the end of a
     * pipe). */
    uint64_t (*size)(const struct source *s);
    /* Every read must have ended. */
    void (*close)(struct source *s);
};

/* First member of every source. */
struct source {
    const struct source_ops *ops;
};

/* A regular file; `fd` becomes the source's, also on failure. Read on the loop, one piece a turn.
 * GW_OK; GW_DESCRIPTOR: not a regular file that may be read. */
MUST_USE enum gw_err source_open_file(struct source **out, uv_loop_t *loop, int fd,
                                      struct gw_error *error);

/* A pipe, spooled into the cache's folder as it comes; `fd` becomes the source's, also on failure.
 * GW_OK; GW_DESCRIPTOR: not a pipe that may be read; GW_CACHE. */
MUST_USE enum gw_err source_open_pipe(struct source **out, uv_loop_t *loop, int fd,
                                      struct cache *cache, struct gw_error *error);

struct source_url_config {
    uv_loop_t *loop;
    const char *url;         /* copied */
    struct fetcher *fetcher; /* borrowed */
    struct cache *cache;     /* where a server's file goes that ignores Range; NULL = nowhere */
    uint64_t retry_ms;       /* see source_url_set_retry() */
    uint64_t backoff_ms;     /* first pause; doubles up to 30 times it. 1000 in the product */
    struct log_sink *log;
};

/* A URL, read by Range requests; each goes on where it broke off. GW_OK. */
MUST_USE enum gw_err source_open_url(struct source **out, const struct source_url_config *config);

/* For how long a read retries failures that may pass (GW_SOURCE_BUSY, _CONNECT, _SLOW, _BROKEN,
 * GW_FETCH_DIED), counted from its start or the last bytes that came at a fair rate. 0 = not at
 * all. A source that is no URL: nothing. */
void source_url_set_retry(struct source *source, uint64_t retry_ms);

static inline struct source_read *source_read(struct source *s, uint64_t offset, uint64_t len,
                                              const struct source_events *events, void *ctx)
{
    return s->ops->read(s, offset, len, events, ctx);
}

#endif
