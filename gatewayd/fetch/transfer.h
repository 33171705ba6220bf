/* Transfer: one Get: from the call, over libcurl, to the raw bytes of the answer.
 *
 * The transfer answers the call itself: a reply with status, ETag and size and then bytes, or
 * Failed. It is told by the loop when libcurl is done with it and when time has passed.
 */
#ifndef FETCH_TRANSFER_H
#define FETCH_TRANSFER_H

#include <stdbool.h>
#include <stdint.h>

#include <curl/curl.h>

#include "ipc_server.h"

struct transfer;

struct transfer_limits {
    unsigned connect_s;  /* until the server is reached */
    unsigned min_rate;   /* bytes a second on the average of min_time_s; 0 = no limit */
    unsigned min_time_s; /* also how long the server may take to begin its answer */
};

/* Begin. Takes no ownership of `call`. GW_OK: *out lives until transfer_free() and has been added
 * to `multi`. Else the call has been answered and *out is NULL. */
MUST_USE enum gw_err transfer_start(struct transfer **out, CURLM *multi,
                                    struct ipc_connection *connection,
                                    const struct varlink_call *call,
                                    const struct transfer_limits *limits, uint64_t now_ms);

/* libcurl is done: answer, or close the connection behind the last byte. */
void transfer_finish(struct transfer *t, CURLcode result);

/* Everything that was queued for the peer has left: go on receiving. */
void transfer_resume(struct transfer *t);

/* Has it been too slow by now? Then it was answered and closed. */
void transfer_check_rate(struct transfer *t, uint64_t now_ms);
/* When to check next. */
uint64_t transfer_due_ms(const struct transfer *t);

/* The transfer of an easy handle. */
struct transfer *transfer_of(CURL *easy);
struct ipc_connection *transfer_connection(const struct transfer *t);

/* Remove it from `multi` and forget it. */
void transfer_free(struct transfer *t);

#endif
