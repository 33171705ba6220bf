/* Fetcher: how the core asks gatewayd-fetch for bytes of a URL (io.gatewayd.Fetch).
 *
 * fetcher_ops is the seam to tests. The real one starts gatewayd-fetch confined when it is first
 * needed and again after it ended; it ends by itself when idle. Redirects, TLS, ranges and limits
 * are gatewayd-fetch's; retries are the caller's (source_url.h). Callbacks come from the loop,
 * never from inside get() or cancel(). A get may be cancelled inside any of its callbacks.
 */
#ifndef GATEWAYD_FETCHER_H
#define GATEWAYD_FETCHER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uv.h>

#include "err.h"

struct child_programs;
struct log_sink;

enum { FETCH_ETAG_MAX = 128 };

struct fetch_request {
    const char *url;
    uint64_t from;        /* first byte */
    uint64_t to;          /* one past the last; 0 = to the end */
    const char *if_range; /* strong ETag that a partial answer must still have; NULL = none */
};

struct fetch_head {
    unsigned status;           /* 206: bytes from `from` follow; 200: the whole file from byte 0 */
    char etag[FETCH_ETAG_MAX]; /* as the server wrote it; "" = none */
    bool has_size;
    uint64_t size; /* of the whole file */
};

struct fetch_events {
    /* The server answered; bytes follow. */
    void (*head)(void *ctx, const struct fetch_head *head);
    void (*data)(void *ctx, const uint8_t *bytes, size_t len);
    /* Last callback. error->err GW_OK: all bytes that were announced came (without an announced
     * size: the body ended). GW_SOURCE_BROKEN: fewer. GW_SOURCE_SLOW, GW_FETCH_DIED, and before
     * head() all other codes of gatewayd-fetch. */
    void (*end)(void *ctx, const struct gw_error *error);
};

struct fetcher;
struct fetch_get; /* one request under way, until end() returns or fetcher_cancel() */

struct fetcher_ops {
    struct fetch_get *(*get)(struct fetcher *f, const struct fetch_request *request,
                             const struct fetch_events *events, void *ctx);
    void (*cancel)(struct fetch_get *get);
    /* Keep the process between requests: while an image is streamed. Calls nest. */
    void (*hold)(struct fetcher *f, bool on);
};

/* First member of every fetcher. */
struct fetcher {
    const struct fetcher_ops *ops;
};

struct fetcher_config {
    uv_loop_t *loop;
    const struct child_programs *programs; /* borrowed, lives as long as the fetcher */
    const char *socket_path;               /* "/run/gatewayd/fetch" */
    const char *tls_ca;                    /* file of CA certificates; "" = the system's */
    bool allow_http;
    unsigned min_rate;   /* bytes a second that a body must have on the average of min_time_s */
    unsigned min_time_s; /* 64 and 60 in the product */
    unsigned idle_s;     /* gatewayd-fetch ends after this time without a request: 60 */
    struct log_sink *log;
};

/* Listens on socket_path; starts nothing yet. GW_OK, GW_IO, GW_BUSY. */
MUST_USE enum gw_err fetcher_open(struct fetcher **out, const struct fetcher_config *config,
                                  struct gw_error *error);

/* Cancels what is under way without callbacks, stops the process. NULL is fine. */
void fetcher_close(struct fetcher *fetcher);

#endif
