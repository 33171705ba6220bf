#include "ipc_server.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct ipc_connection {
    struct ipc_server *server;
    int fd;
    struct varlink_input in;
    char *out; /* out[out_start..out_len) waits to be sent */
    size_t out_start, out_len, out_cap;
    unsigned strays; /* descriptors that came since the last call */
    void *user;
    bool busy;         /* a call waits for its final reply; */
    bool more, oneway; /* ... its flags */
    bool raw;          /* upgraded */
    bool at_end;       /* the peer sends nothing more */
    bool finishing;    /* close when everything is sent */
    bool dead;         /* to be swept */
    bool tell_drained; /* something was queued since drained() was last told */
};

struct ipc_server {
    struct ipc_server_config config;
    int listen_fd;
    size_t count;
    struct ipc_connection *connections[IPC_CONNECTIONS_MAX];
};

enum { READ_MAX_TURNS = 16 }; /* reads of one connection before others have their turn */

enum gw_err ipc_server_open(struct ipc_server **out, const struct ipc_server_config *config,
                            int listen_fd)
{
    struct ipc_server *server = calloc(1, sizeof *server);

    *out = NULL;
    if (!server) {
        return GW_NO_MEMORY;
    }
    server->config = *config;
    if (server->config.queue_max == 0) {
        server->config.queue_max = 2 * (size_t)VARLINK_MESSAGE_MAX;
    }
    server->listen_fd = listen_fd;
    if (listen_fd >= 0) {
        (void)fcntl(listen_fd, F_SETFL, fcntl(listen_fd, F_GETFL) | O_NONBLOCK);
    }
    *out = server;
    return GW_OK;
}

static void free_connection(struct ipc_connection *c)
{
    (void)close(c->fd);
    varlink_input_free(&c->in);
    free(c->out);
    free(c);
}

void ipc_server_close(struct ipc_server *server)
{
    if (!server) {
        return;
    }
    for (size_t i = 0; i < server->count; i++) {
        free_connection(server->connections[i]);
    }
    if (server->listen_fd >= 0) {
        (void)close(server->listen_fd);
    }
    free(server);
}

enum gw_err ipc_server_adopt(struct ipc_server *server, int fd)
{
    struct ipc_connection *c = server->count < IPC_CONNECTIONS_MAX ? calloc(1, sizeof *c) : NULL;

    if (!c) {
        (void)close(fd);
        return GW_BUSY;
    }
    c->server = server;
    c->fd = fd;
    server->connections[server->count++] = c;
    return GW_OK;
}

size_t ipc_server_connections(const struct ipc_server *server)
{
    return server->count;
}

/* --- sending --- */

/* The sweep that calls closed() happens in ipc_server_handle(); the shutdown makes poll() report
 * it. */
static void bury(struct ipc_connection *c)
{
    c->dead = true;
    c->out_start = c->out_len = 0;
    (void)shutdown(c->fd, SHUT_RDWR);
}

static void flush(struct ipc_connection *c)
{
    while (!c->dead && c->out_start < c->out_len) {
        size_t sent;
        enum gw_err err = ipc_send(c->fd, c->out + c->out_start, c->out_len - c->out_start, -1,
                                   &sent);

        if (err == GW_TIMEOUT) {
            return;
        }
        if (err != GW_OK) {
            bury(c);
            return;
        }
        c->out_start += sent;
    }
    c->out_start = c->out_len = 0;
    if (c->out_cap > VARLINK_MESSAGE_MAX / 16) {
        free(c->out);
        c->out = NULL;
        c->out_cap = 0;
    }
    if (c->finishing && !c->dead) {
        bury(c);
    }
}

static bool make_room(struct ipc_connection *c, size_t len)
{
    if (c->out_start > 0) {
        memmove(c->out, c->out + c->out_start, c->out_len - c->out_start);
        c->out_len -= c->out_start;
        c->out_start = 0;
    }
    if (c->out_cap - c->out_len >= len) {
        return true;
    }
    size_t cap = c->out_len + len > 2 * c->out_cap ? c->out_len + len : 2 * c->out_cap;
    char *out = realloc(c->out, cap);

    if (out) {
        c->out = out;
        c->out_cap = cap;
    }
    return out != NULL;
}

static void enqueue(struct ipc_connection *c, const void *bytes, size_t len)
{
    if (c->dead || len == 0) {
        return;
    }
    if (ipc_queued(c) + len > c->server->config.queue_max || !make_room(c, len)) {
        bury(c);
        return;
    }
    memcpy(c->out + c->out_len, bytes, len);
    c->out_len += len;
    c->tell_drained = true;
    flush(c);
}

/* Takes `text` over; NULL = a message that is too long: the peer cannot be answered. */
static void send_text(struct ipc_connection *c, char *text, bool continues)
{
    bool wanted = !c->oneway && (!continues || c->more);

    if (!continues) {
        c->busy = false;
    }
    if (!text) {
        bury(c);
    } else if (wanted) {
        enqueue(c, text, strlen(text) + 1);
    }
    free(text);
}

void ipc_reply(struct ipc_connection *c, struct json *parameters, bool continues)
{
    send_text(c, varlink_print_reply(parameters, continues), continues);
}

void ipc_reply_error(struct ipc_connection *c, const char *error, struct json *parameters)
{
    send_text(c, varlink_print_error(error, parameters), false);
}

bool ipc_is_busy(const struct ipc_connection *c)
{
    return c->busy;
}

size_t ipc_queued(const struct ipc_connection *c)
{
    return c->out_len - c->out_start;
}

void ipc_upgrade(struct ipc_connection *c, struct json *parameters)
{
    c->raw = true;
    ipc_reply(c, parameters, false);
}

void ipc_send_raw(struct ipc_connection *c, const void *bytes, size_t len)
{
    enqueue(c, bytes, len);
}

void ipc_finish(struct ipc_connection *c)
{
    c->finishing = true;
    flush(c);
}

void ipc_close(struct ipc_connection *c)
{
    bury(c);
}

void ipc_set_user(struct ipc_connection *c, void *user)
{
    c->user = user;
}

void *ipc_user(const struct ipc_connection *c)
{
    return c->user;
}

int ipc_connection_fd(const struct ipc_connection *c)
{
    return c->fd;
}

/* --- receiving --- */

static void accept_all(struct ipc_server *server)
{
    int fd;

    while ((fd = accept4(server->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0) {
        /* One too many is closed at once: a clear answer instead of a silent wait. */
        (void)!ipc_server_adopt(server, fd);
    }
}

static bool wants_input(const struct ipc_connection *c)
{
    return !c->busy && !c->raw && !c->at_end && !c->finishing && !c->dead;
}

static void refuse_strays(struct ipc_connection *c)
{
    struct json *parameters = json_new_object();

    c->strays = 0;
    json_set_string(parameters, "parameter", "(descriptor)");
    ipc_reply_error(c, VARLINK_INVALID_PARAMETER, parameters);
}

static void dispatch(struct ipc_connection *c, const char *text, size_t len)
{
    const struct ipc_server_config *config = &c->server->config;
    struct varlink_call call;

    if (varlink_call_parse(&call, text, len, NULL) != GW_OK) {
        bury(c);
        return;
    }
    c->busy = true;
    c->more = call.more;
    c->oneway = call.oneway;
    char *reply = c->strays == 0 ? varlink_service_reply(config->service, &call) : NULL;

    if (c->strays == 0 && !reply) {
        config->ops->call(config->context, c, &call);
        return;
    }
    varlink_call_free(&call);
    if (reply) {
        send_text(c, reply, false);
    } else {
        refuse_strays(c);
    }
}

static void dispatch_buffered(struct ipc_connection *c)
{
    while (!c->busy && !c->raw && !c->finishing && !c->dead) {
        size_t len;
        const char *text = varlink_input_next(&c->in, &len);

        if (!text) {
            return;
        }
        dispatch(c, text, len);
    }
}

static void receive(struct ipc_connection *c)
{
    for (int turn = 0; turn < READ_MAX_TURNS && wants_input(c); turn++) {
        char *room;
        size_t len, got;
        unsigned strays = 0;
        enum gw_err err = varlink_input_room(&c->in, &room, &len);

        if (err == GW_OK) {
            err = ipc_receive(c->fd, room, len, &got, NULL, &strays);
        }
        if (err == GW_TIMEOUT) {
            return;
        }
        if (err != GW_OK) {
            bury(c);
            return;
        }
        c->strays += strays;
        c->at_end = got == 0;
        varlink_input_added(&c->in, got);
        dispatch_buffered(c);
    }
}

static void serve(struct ipc_connection *c, short revents)
{
    const struct ipc_server_config *config = &c->server->config;

    flush(c);
    dispatch_buffered(c);
    receive(c);
    /* HUP: the peer has closed both directions, nobody reads an answer. What it sent before that
     * has been handled, unless a call runs: then it is cancelled. */
    if (revents & (POLLHUP | POLLERR) && !wants_input(c)) {
        c->dead = true;
    }
    if (c->at_end && !c->busy && !c->raw && ipc_queued(c) == 0) {
        c->dead = true;
    }
    if (!c->dead && c->tell_drained && ipc_queued(c) == 0) {
        c->tell_drained = false;
        if (config->ops->drained) {
            config->ops->drained(config->context, c);
        }
    }
}

static void sweep(struct ipc_server *server)
{
    for (size_t i = 0; i < server->count;) {
        struct ipc_connection *c = server->connections[i];

        if (!c->dead) {
            i++;
            continue;
        }
        server->connections[i] = server->connections[--server->count];
        if (server->config.ops->closed) {
            server->config.ops->closed(server->config.context, c);
        }
        free_connection(c);
    }
}

static bool has_message(const struct ipc_connection *c)
{
    const struct varlink_input *in = &c->in;

    return in->len > in->scanned && memchr(in->bytes + in->scanned, '\0', in->len - in->scanned);
}

static short events_of(const struct ipc_connection *c)
{
    bool next_is_here = !c->busy && !c->raw && has_message(c);
    /* Writable nearly always: the way to be called when nothing else will happen. */
    bool wants_turn = ipc_queued(c) > 0 || next_is_here || c->tell_drained ||
                      (c->at_end && !c->busy && !c->raw);

    return (short)((wants_input(c) ? POLLIN : 0) | (wants_turn ? POLLOUT : 0));
}

size_t ipc_server_pollfds(const struct ipc_server *server, struct pollfd *fds)
{
    size_t n = 0;

    if (server->listen_fd >= 0) {
        fds[n++] = (struct pollfd){ server->listen_fd, POLLIN, 0 };
    }
    for (size_t i = 0; i < server->count; i++) {
        fds[n++] = (struct pollfd){ server->connections[i]->fd, events_of(server->connections[i]),
                                    0 };
    }
    return n;
}

static struct ipc_connection *find(const struct ipc_server *server, int fd)
{
    for (size_t i = 0; i < server->count; i++) {
        if (server->connections[i]->fd == fd) {
            return server->connections[i];
        }
    }
    return NULL;
}

void ipc_server_handle(struct ipc_server *server, const struct pollfd *fds, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct ipc_connection *c = find(server, fds[i].fd);

        if (fds[i].revents == 0) {
            continue;
        }
        if (fds[i].fd == server->listen_fd) {
            accept_all(server);
        } else if (c && !c->dead) {
            serve(c, fds[i].revents);
        }
    }
    sweep(server);
}

enum gw_err ipc_server_wait(struct ipc_server *server, struct pollfd *extra, size_t n,
                            int timeout_ms)
{
    struct pollfd fds[IPC_POLL_MAX + 16];
    size_t own = ipc_server_pollfds(server, fds);

    if (n > 16) {
        return GW_IO;
    }
    if (n > 0) {
        memcpy(fds + own, extra, n * sizeof *extra);
    }
    int ready = poll(fds, own + n, timeout_ms);

    for (size_t i = 0; i < n; i++) {
        extra[i].revents = ready > 0 ? fds[own + i].revents : 0;
    }
    if (ready < 0) {
        return errno == EINTR ? GW_OK : GW_IO;
    }
    if (ready > 0) {
        ipc_server_handle(server, fds, own);
    }
    return GW_OK;
}
