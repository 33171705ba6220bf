#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ipc_socket.h"
#include "json.h"
#include "varlink_uv.h"
#include "vl_stream.h"

struct vl_call {
    struct vl_connection *connection;
    struct varlink_call message;
    void *data;
    bool is_open; /* its last reply is outstanding */
};

struct vl_connection {
    struct vl_stream stream;
    struct vl_server *server;
    struct vl_connection *next;
    struct vl_peer peer;
    struct vl_call call;
    int descriptor;      /* came with the first byte, not taken yet; -1 = none */
    bool is_first_input; /* nothing has been received yet */
    bool is_first_call;  /* no call has been received yet */
    bool is_handling;    /* inside ops->call() */
    bool is_deaf;        /* it did not read, and is being dropped for it */
};

struct vl_server {
    uv_poll_t poll; /* of the listening socket */
    int fd;
    struct vl_server_config config;
    struct vl_connection *connections;
    unsigned count;
    char path[108]; /* sun_path of unix(7) */
};

static void on_connection_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static void forget(struct vl_connection *c)
{
    struct vl_connection **at = &c->server->connections;

    while (*at != c) {
        at = &(*at)->next;
    }
    *at = c->next;
    c->server->count--;
}

/* Close the connection. Its memory lives until the loop's next turn. */
static void drop(struct vl_connection *c)
{
    forget(c);
    if (c->descriptor >= 0) {
        close(c->descriptor);
    }
    vl_stream_close(&c->stream, on_connection_closed);
}

/* Close it, and tell the owner of its call. */
static void drop_and_tell(struct vl_connection *c)
{
    if (c->call.is_open) {
        c->call.is_open = false;
        c->server->config.ops->gone(c->server->config.ctx, &c->call);
        varlink_call_free(&c->call.message);
    }
    if (c->is_deaf) {
        struct gw_error error;

        (void)gw_fail(&error, GW_BUSY, "it does not read: %d bytes wait for it", VL_QUEUE_MAX);
        json_free(c->server->config.ops->abuse(c->server->config.ctx, &c->peer, &error));
    }
    drop(c);
}

/* The peer broke a rule: an error to it if it still listens, a word to the owner, the end. */
static void punish(struct vl_connection *c, enum gw_err err, const char *detail)
{
    const struct vl_server_config *config = &c->server->config;
    struct gw_error error;

    (void)gw_fail(&error, err, "%s", detail);
    struct json *parameters = config->ops->abuse(config->ctx, &c->peer, &error);

    if (parameters) {
        char *text = varlink_print_error(config->abuse_error, parameters);

        if (text) {
            (void)!vl_stream_send(&c->stream, text);
            free(text);
        }
    }
    drop_and_tell(c);
}

/* The last reply is queued: the next pipelined call may be read, in a turn of its own. */
static void end_call(struct vl_connection *c)
{
    c->call.is_open = false;
    varlink_call_free(&c->call.message);
    c->stream.wants_input = true;
    c->stream.wants_turn = !c->is_handling;
    vl_stream_watch(&c->stream);
}

/* Takes `text`. A peer that does not take it is shut down; the loop then sees it hang up. */
static void send_reply(struct vl_connection *c, char *text)
{
    enum gw_err err = !text                    ? GW_NO_MEMORY
                      : c->call.message.oneway ? GW_OK
                                               : vl_stream_send(&c->stream, text);

    if (err) {
        c->is_deaf = err == GW_BUSY;
        (void)shutdown(c->stream.fd, SHUT_RDWR);
    }
    free(text);
    vl_stream_watch(&c->stream);
}

void vl_call_reply(struct vl_call *call, struct json *parameters, bool continues)
{
    struct vl_connection *c = call->connection;

    send_reply(c, varlink_print_reply(parameters, continues));
    if (!continues) {
        end_call(c);
    }
}

void vl_call_fail(struct vl_call *call, const char *error, struct json *parameters)
{
    struct vl_connection *c = call->connection;

    send_reply(c, varlink_print_error(error, parameters));
    end_call(c);
}

/* One parsed call. False: the connection is gone. */
static bool handle_call(struct vl_connection *c)
{
    const struct vl_server_config *config = &c->server->config;
    struct vl_call *call = &c->call;
    bool may_bring = c->is_first_call &&
                     config->ops->takes_descriptor(config->ctx, call->message.method);

    c->is_first_call = false;
    call->connection = c;
    call->data = NULL;
    if (c->descriptor >= 0 && !may_bring) {
        varlink_call_free(&call->message);
        punish(c, GW_DESCRIPTOR, "a descriptor came with a call that takes none");
        return false;
    }
    call->is_open = true;
    char *text = varlink_service_reply(config->service, &call->message);

    c->is_handling = true;
    if (text) {
        send_reply(c, text);
        end_call(c);
    } else {
        c->stream.wants_input = false;
        config->ops->call(config->ctx, call);
    }
    c->is_handling = false;
    return true;
}

/* The next whole calls of the input, until one waits for its answer. False: the connection is gone.
 */
static bool handle_input(struct vl_connection *c)
{
    while (!c->call.is_open) {
        struct json_where where;
        size_t len;
        const char *text = varlink_input_next(&c->stream.in, &len);

        if (!text) {
            return true;
        }
        if (varlink_call_parse(&c->call.message, text, len, &where)) {
            punish(c, GW_BAD_MESSAGE, where.why);
            return false;
        }
        if (!handle_call(c)) {
            return false;
        }
    }
    return true;
}

/* False: the connection is gone. */
static bool receive(struct vl_connection *c)
{
    int descriptor = -1;
    unsigned strays = 0;
    enum gw_err err = vl_stream_receive(&c->stream, &descriptor, &strays);

    if (descriptor >= 0 && c->is_first_input && strays == 0) {
        c->descriptor = descriptor;
    } else if (descriptor >= 0 || strays > 0) {
        if (descriptor >= 0) {
            close(descriptor);
        }
        punish(c, GW_DESCRIPTOR, "more than one descriptor, or not with the first byte");
        return false;
    }
    if (err == GW_BAD_MESSAGE) {
        punish(c, err, "a message of more than 1 MiB");
        return false;
    }
    if (err == GW_LINK_CLOSED && !c->call.is_open && c->stream.in.len > c->stream.in.start) {
        punish(c, GW_BAD_MESSAGE, "the last message was cut off");
        return false;
    }
    if (err && err != GW_TIMEOUT) {
        drop_and_tell(c);
        return false;
    }
    c->is_first_input = c->is_first_input && err == GW_TIMEOUT;
    return true;
}

static void on_connection_ready(uv_poll_t *poll, int status, int events)
{
    struct vl_connection *c = poll->data;

    c->stream.wants_turn = false;
    if (status < 0 || vl_stream_flush(&c->stream)) {
        drop_and_tell(c);
        return;
    }
    if (!handle_input(c)) {
        return;
    }
    if (c->stream.wants_input && (events & UV_READABLE)) {
        if (!receive(c) || !handle_input(c)) {
            return;
        }
    } else if (events & UV_DISCONNECT) {
        drop_and_tell(c);
        return;
    }
    vl_stream_watch(&c->stream);
}

static void accept_peer(struct vl_server *server, int fd)
{
    struct vl_connection *c = calloc(1, sizeof *c);
    struct ipc_peer who;

    if (!c || ipc_peer_of(fd, &who)) {
        close(fd);
        free(c);
        return;
    }
    *c = (struct vl_connection){
        .server = server,
        .peer = { .pid = who.pid, .uid = who.uid },
        .descriptor = -1,
        .is_first_input = true,
        .is_first_call = true,
    };
    c->peer.in_group = server->config.group != (gid_t)-1 &&
                       ipc_peer_in_group(fd, server->config.group);
    if (vl_stream_open(&c->stream, server->config.loop, fd, c, on_connection_ready)) {
        free(c);
        return;
    }
    c->next = server->connections;
    server->connections = c;
    if (++server->count > VL_CONNECTIONS_MAX) {
        punish(c, GW_BUSY, "too many connections");
    }
}

static void on_listener_ready(uv_poll_t *poll, int status, int events)
{
    struct vl_server *server = poll->data;

    (void)events;
    if (status < 0) {
        return;
    }
    int fd = accept4(server->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

    if (fd >= 0) {
        accept_peer(server, fd);
    }
}

enum gw_err vl_server_open(struct vl_server **out, const struct vl_server_config *config,
                           struct gw_error *error)
{
    struct vl_server *server = calloc(1, sizeof *server);

    *out = NULL;
    if (!server) {
        return gw_fail(error, GW_NO_MEMORY, "control socket");
    }
    server->config = *config;
    (void)snprintf(server->path, sizeof server->path, "%s", config->path);

    enum gw_err err = ipc_listen(&server->fd, config->path, config->mode, error);

    if (err) {
        free(server);
        return err;
    }
    if (config->group != (gid_t)-1 && chown(config->path, (uid_t)-1, config->group)) {
        /* Not a member of it and not root: then only root and the daemon's user get in. */
        server->config.group = (gid_t)-1;
    }
    if (uv_poll_init(config->loop, &server->poll, server->fd)) {
        close(server->fd);
        free(server);
        return gw_fail(error, GW_IO, "%s: cannot be watched", config->path);
    }
    server->poll.data = server;
    (void)uv_poll_start(&server->poll, UV_READABLE, on_listener_ready);
    *out = server;
    return GW_OK;
}

static void on_server_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void vl_server_close(struct vl_server *server)
{
    if (!server) {
        return;
    }
    while (server->connections) {
        drop_and_tell(server->connections);
    }
    (void)unlink(server->path);
    uv_close((uv_handle_t *)&server->poll, on_server_closed);
    close(server->fd);
}

const char *vl_call_method(const struct vl_call *call)
{
    return call->message.method;
}

const struct json *vl_call_parameters(const struct vl_call *call)
{
    return call->message.parameters;
}

bool vl_call_wants_more(const struct vl_call *call)
{
    return call->message.more;
}

const struct vl_peer *vl_call_peer(const struct vl_call *call)
{
    return &call->connection->peer;
}

int vl_call_take_descriptor(struct vl_call *call)
{
    int fd = call->connection->descriptor;

    call->connection->descriptor = -1;
    return fd;
}

void vl_call_set_data(struct vl_call *call, void *data)
{
    call->data = data;
}

void *vl_call_data(const struct vl_call *call)
{
    return call->data;
}

size_t vl_call_queued_bytes(const struct vl_call *call)
{
    return vl_stream_queued(&call->connection->stream);
}
