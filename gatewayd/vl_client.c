#include <assert.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "ipc_socket.h"
#include "varlink_uv.h"
#include "vl_stream.h"

enum { RAW_READ_MAX = 64 * 1024 };

struct vl_client {
    struct vl_stream stream;
    vl_reply_fn reply; /* NULL = no call is outstanding */
    vl_bytes_fn bytes; /* not NULL = raw */
    void *ctx;
    bool is_paused;
    bool is_closed; /* vl_client_close() was called; memory lives until the loop's next turn */
};

/* Tell the owner that the connection ended. */
static void end(struct vl_client *client, enum gw_err err)
{
    vl_reply_fn reply = client->reply;
    vl_bytes_fn bytes = client->bytes;

    client->reply = NULL;
    client->bytes = NULL;
    (void)uv_poll_stop(&client->stream.poll);
    if (bytes) {
        bytes(client->ctx, NULL, 0);
    } else if (reply) {
        reply(client->ctx, err, NULL);
    }
}

static void handle_reply(struct vl_client *client, const char *text, size_t len)
{
    struct varlink_reply message;
    vl_reply_fn reply = client->reply;

    if (!reply || varlink_reply_parse(&message, text, len, NULL)) {
        end(client, GW_BAD_MESSAGE);
        return;
    }
    if (!message.continues) {
        client->reply = NULL;
    }
    reply(client->ctx, GW_OK, &message);
    varlink_reply_free(&message);
}

/* Messages, and after an upgrade raw bytes, that are in the buffer. */
static void handle_input(struct vl_client *client)
{
    while (!client->is_closed && !client->is_paused && !client->bytes) {
        size_t len;
        const char *text = varlink_input_next(&client->stream.in, &len);

        if (!text) {
            return;
        }
        handle_reply(client, text, len);
    }
    while (!client->is_closed && !client->is_paused && client->bytes) {
        char bytes[4096];
        size_t len = varlink_input_take(&client->stream.in, bytes, sizeof bytes);

        if (len == 0) {
            return;
        }
        client->bytes(client->ctx, bytes, len);
    }
}

/* False: there is nothing to read now. */
static bool read_raw(struct vl_client *client)
{
    char bytes[RAW_READ_MAX];
    size_t got = 0;
    enum gw_err err = ipc_receive(client->stream.fd, bytes, sizeof bytes, &got, NULL, NULL);

    if (err == GW_TIMEOUT) {
        return false;
    }
    if (err || got == 0) {
        end(client, GW_LINK_CLOSED);
    } else {
        client->bytes(client->ctx, bytes, got);
    }
    return true;
}

static bool read_messages(struct vl_client *client)
{
    enum gw_err err = vl_stream_receive(&client->stream, NULL, NULL);

    if (err == GW_TIMEOUT) {
        return false;
    }
    if (err) {
        end(client, err);
    } else {
        handle_input(client);
    }
    return true;
}

static bool read_once(struct vl_client *client)
{
    return client->bytes ? read_raw(client) : read_messages(client);
}

/* The socket has an error and is not watched any more: hear what came before it, then the end. */
static void read_out(struct vl_client *client)
{
    while (!client->is_closed && (client->reply || client->bytes)) {
        if (!read_once(client)) {
            end(client, GW_LINK_CLOSED);
        }
    }
}

static void on_ready(uv_poll_t *poll, int status, int events)
{
    struct vl_client *client = poll->data;

    client->stream.wants_turn = false;
    if (status < 0) {
        read_out(client);
        return;
    }
    /* A peer that takes no more may have said why: its end is what reading finds. */
    (void)!vl_stream_flush(&client->stream);
    handle_input(client);
    if (!client->is_closed && !client->is_paused && (events & (UV_READABLE | UV_DISCONNECT))) {
        (void)read_once(client);
    }
    if (!client->is_closed && !client->is_paused && uv_is_active((uv_handle_t *)poll)) {
        vl_stream_watch(&client->stream);
    }
}

enum gw_err vl_client_adopt(struct vl_client **out, uv_loop_t *loop, int fd)
{
    struct vl_client *client = calloc(1, sizeof *client);

    *out = NULL;
    if (!client) {
        return GW_NO_MEMORY;
    }
    enum gw_err err = vl_stream_open(&client->stream, loop, fd, client, on_ready);

    if (err) {
        free(client);
        return err;
    }
    *out = client;
    return GW_OK;
}

enum gw_err vl_client_connect(struct vl_client **out, uv_loop_t *loop, const char *path)
{
    int fd;
    enum gw_err err = ipc_connect(&fd, path, NULL);

    *out = NULL;
    return err ? err : vl_client_adopt(out, loop, fd);
}

void vl_client_call(struct vl_client *client, const char *method, struct json *parameters,
                    unsigned flags, vl_reply_fn reply, void *ctx)
{
    char *text = varlink_print_call(method, parameters, flags);

    assert(!client->reply && !client->bytes);
    client->reply = reply;
    client->ctx = ctx;
    if (!text || vl_stream_send(&client->stream, text)) {
        (void)shutdown(client->stream.fd, SHUT_RDWR); /* the loop sees it and tells `reply` */
    }
    free(text);
    vl_stream_watch(&client->stream);
}

void vl_client_read_raw(struct vl_client *client, vl_bytes_fn bytes, void *ctx)
{
    client->bytes = bytes;
    client->ctx = ctx;
}

void vl_client_pause(struct vl_client *client)
{
    client->is_paused = true;
    (void)uv_poll_stop(&client->stream.poll);
}

void vl_client_resume(struct vl_client *client)
{
    client->is_paused = false;
    client->stream.wants_turn = true; /* bytes may wait in our own buffer */
    vl_stream_watch(&client->stream);
}

static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void vl_client_close(struct vl_client *client)
{
    if (!client || client->is_closed) {
        return;
    }
    client->is_closed = true;
    client->reply = NULL;
    client->bytes = NULL;
    vl_stream_close(&client->stream, on_closed);
}
