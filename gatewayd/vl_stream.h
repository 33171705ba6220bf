/* The half that Varlink server and client share: a non-blocking socket on the loop, the input cut
 * into messages, and a bounded queue of output. Private to varlink_uv.
 */
#ifndef GATEWAYD_VL_STREAM_H
#define GATEWAYD_VL_STREAM_H

#include <stdbool.h>
#include <stddef.h>

#include <uv.h>

#include "err.h"
#include "varlink.h"

struct vl_stream {
    uv_poll_t poll; /* its data pointer is the owner */
    int fd;
    struct varlink_input in;
    char *out; /* out[out_at..out_len) waits for the peer */
    size_t out_at, out_len, out_cap;
    bool wants_input; /* the owner would read now */
    bool wants_turn;  /* the owner wants one callback soon, whatever happens */
};

/* Watch `fd` (owned from now on, also on failure) and call `ready` with poll.data = owner. */
MUST_USE enum gw_err vl_stream_open(struct vl_stream *stream, uv_loop_t *loop, int fd, void *owner,
                                    uv_poll_cb ready);

/* Tell the loop what the stream waits for, after wants_* or the queue changed. */
void vl_stream_watch(struct vl_stream *stream);

/* Receive once into `in`. GW_OK, GW_TIMEOUT (nothing there), GW_LINK_CLOSED (end or reset),
 * GW_BAD_MESSAGE (longer than permitted). A descriptor goes to *descriptor, others are closed and
 * counted in *strays. */
MUST_USE enum gw_err vl_stream_receive(struct vl_stream *stream, int *descriptor, unsigned *strays);

/* Queue a NUL-terminated message with its NUL, and send what fits. GW_OK, GW_BUSY (the queue would
 * exceed VL_QUEUE_MAX), GW_LINK_CLOSED, GW_NO_MEMORY. */
MUST_USE enum gw_err vl_stream_send(struct vl_stream *stream, const char *text);

/* Send what fits now. GW_OK or GW_LINK_CLOSED. */
MUST_USE enum gw_err vl_stream_flush(struct vl_stream *stream);

size_t vl_stream_queued(const struct vl_stream *stream);

/* Close the socket now; `done` may free the owner. */
void vl_stream_close(struct vl_stream *stream, uv_close_cb done);

#endif
