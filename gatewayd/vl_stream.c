#include "vl_stream.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ipc_socket.h"
#include "varlink_uv.h"

enum gw_err vl_stream_open(struct vl_stream *stream, uv_loop_t *loop, int fd, void *owner,
                           uv_poll_cb ready)
{
    *stream = (struct vl_stream){ .fd = fd, .wants_input = true };
    if (uv_poll_init(loop, &stream->poll, fd)) {
        close(fd);
        return GW_IO;
    }
    stream->poll.data = owner;
    (void)uv_poll_start(&stream->poll, UV_READABLE | UV_DISCONNECT, ready);
    return GW_OK;
}

void vl_stream_watch(struct vl_stream *stream)
{
    /* A stream that waits for nothing still sees its peer hang up. */
    int events = UV_DISCONNECT;

    if (stream->wants_input) {
        events |= UV_READABLE;
    }
    if (stream->wants_turn || vl_stream_queued(stream) > 0) {
        events |= UV_WRITABLE;
    }
    (void)uv_poll_start(&stream->poll, events, stream->poll.poll_cb);
}

enum gw_err vl_stream_receive(struct vl_stream *stream, int *descriptor, unsigned *strays)
{
    char *room;
    size_t len, got;
    enum gw_err err = varlink_input_room(&stream->in, &room, &len);

    if (err) {
        return err;
    }
    err = ipc_receive(stream->fd, room, len, &got, descriptor, strays);
    if (err) {
        return err;
    }
    if (got == 0) {
        return GW_LINK_CLOSED;
    }
    varlink_input_added(&stream->in, got);
    return GW_OK;
}

static bool make_room(struct vl_stream *stream, size_t len)
{
    size_t queued = vl_stream_queued(stream), cap = 4096;

    if (stream->out_at > 0) {
        memmove(stream->out, stream->out + stream->out_at, queued);
        stream->out_at = 0;
        stream->out_len = queued;
    }
    if (queued + len <= stream->out_cap) {
        return true;
    }
    while (cap < queued + len) {
        cap *= 2;
    }
    char *bytes = realloc(stream->out, cap);

    if (!bytes) {
        return false;
    }
    stream->out = bytes;
    stream->out_cap = cap;
    return true;
}

enum gw_err vl_stream_send(struct vl_stream *stream, const char *text)
{
    size_t len = strlen(text) + 1;

    if (vl_stream_queued(stream) + len > VL_QUEUE_MAX) {
        return GW_BUSY;
    }
    if (!make_room(stream, len)) {
        return GW_NO_MEMORY;
    }
    memcpy(stream->out + stream->out_len, text, len);
    stream->out_len += len;
    return vl_stream_flush(stream);
}

enum gw_err vl_stream_flush(struct vl_stream *stream)
{
    while (vl_stream_queued(stream) > 0) {
        size_t sent;
        enum gw_err err = ipc_send(stream->fd, stream->out + stream->out_at,
                                   vl_stream_queued(stream), -1, &sent);

        if (err == GW_TIMEOUT) {
            return GW_OK;
        }
        if (err) {
            return err;
        }
        stream->out_at += sent;
    }
    /* An idle connection holds no buffer. */
    free(stream->out);
    stream->out = NULL;
    stream->out_at = stream->out_len = stream->out_cap = 0;
    return GW_OK;
}

size_t vl_stream_queued(const struct vl_stream *stream)
{
    return stream->out_len - stream->out_at;
}

void vl_stream_close(struct vl_stream *stream, uv_close_cb done)
{
    uv_close((uv_handle_t *)&stream->poll, done);
    close(stream->fd);
    stream->fd = -1;
    varlink_input_free(&stream->in);
    free(stream->out);
    stream->out = NULL;
    stream->out_at = stream->out_len = stream->out_cap = 0;
}
