/* Links over sockets: tcp (serial servers in the field) and unix (simulators, QEMU). */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "link_driver.h"

enum {
    SEND_BUFFER = 4096,    /* so that write() blocks as the line does, and not a second later */
    KEEPALIVE_IDLE_S = 10, /* a serial server that lost its power is noticed */
    KEEPALIVE_STEP_S = 5,
    KEEPALIVE_TRIES = 3,
    UNSENT_MS = 30000,
};

struct stream {
    struct link base;
    struct waiter *waiter; /* borrowed */
    int fd;
};

static struct stream *self(struct link *l)
{
    return (struct stream *)l;
}

static enum gw_err stream_read(struct link *l, void *buf, size_t cap, size_t *got,
                               uint64_t deadline_ms)
{
    struct stream *s = self(l);

    *got = 0;
    for (;;) {
        enum gw_err err = s->waiter->wait(s->waiter, s->fd, POLLIN, deadline_ms);

        if (err) {
            return err;
        }
        ssize_t n = recv(s->fd, buf, cap, 0);

        if (n > 0) {
            *got = (size_t)n;
            return GW_OK;
        }
        if (n == 0) {
            return GW_LINK_CLOSED;
        }
        if (errno != EAGAIN && errno != EINTR) {
            return link_err_of(errno);
        }
    }
}

static enum gw_err stream_write(struct link *l, const void *buf, size_t len, uint64_t deadline_ms)
{
    struct stream *s = self(l);
    const uint8_t *at = buf;

    while (len > 0) {
        enum gw_err err = s->waiter->wait(s->waiter, s->fd, POLLOUT, deadline_ms);

        if (err) {
            return err;
        }
        ssize_t n = send(s->fd, at, len, MSG_NOSIGNAL);

        if (n >= 0) {
            at += n;
            len -= (size_t)n;
        } else if (errno != EAGAIN && errno != EINTR) {
            return link_err_of(errno);
        }
    }
    return GW_OK;
}

static uint64_t stream_now_ms(struct link *l)
{
    struct waiter *w = self(l)->waiter;

    return w->now_ms(w);
}

static void stream_close(struct link *l)
{
    (void)close(self(l)->fd);
    free(l);
}

static const struct link_ops tcp_ops = {
    .name = "tcp",
    .read = stream_read,
    .write = stream_write,
    .drain = link_drain_by_reading,
    .now_ms = stream_now_ms,
    .close = stream_close,
};

static const struct link_ops unix_ops = {
    .name = "unix",
    .read = stream_read,
    .write = stream_write,
    .drain = link_drain_by_reading,
    .now_ms = stream_now_ms,
    .close = stream_close,
};

/* Takes `fd` over. */
static enum gw_err make(struct link **out, const struct link_ops *ops, int fd,
                        const struct link_uri *uri, struct waiter *waiter)
{
    struct stream *s = calloc(1, sizeof *s);

    if (!s) {
        (void)close(fd);
        return GW_NO_MEMORY;
    }
    if (uri->baud > 0) {
        int size = SEND_BUFFER;

        (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    }
    s->base.ops = ops;
    s->base.baud = uri->baud;
    s->waiter = waiter;
    s->fd = fd;
    *out = &s->base;
    return GW_OK;
}

/* A connected non-blocking socket. *why is errno of the failure. */
static enum gw_err connect_to(int *out, const struct sockaddr *address, socklen_t len,
                              struct waiter *waiter, uint64_t deadline_ms, int *why)
{
    int fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    socklen_t why_len = sizeof *why;
    enum gw_err err = GW_OK;

    *why = errno;
    if (fd < 0) {
        return GW_LINK_OPEN;
    }
    if (connect(fd, address, len) < 0) {
        *why = errno;
        err = GW_LINK_OPEN;
        if (errno == EINPROGRESS) {
            err = waiter->wait(waiter, fd, POLLOUT, deadline_ms);
        }
        if (!err && (getsockopt(fd, SOL_SOCKET, SO_ERROR, why, &why_len) < 0 || *why != 0)) {
            err = GW_LINK_OPEN;
        }
    }
    if (err) {
        (void)close(fd);
        return err;
    }
    *out = fd;
    return GW_OK;
}

enum gw_err link_open_unix(struct link **out, const struct link_uri *uri, struct waiter *waiter,
                           uint64_t deadline_ms, struct gw_error *error)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd, why;

    _Static_assert(sizeof address.sun_path >= LINK_TARGET_MAX, "a target fits");
    memcpy(address.sun_path, uri->target, LINK_TARGET_MAX);
    enum gw_err err = connect_to(&fd, (const struct sockaddr *)&address, sizeof address, waiter,
                                 deadline_ms, &why);

    if (err) {
        return gw_fail(error, err, "%s: %s: is the simulator running?", uri->target,
                       err == GW_LINK_OPEN ? strerror(why) : gw_err_text(err));
    }
    return make(out, &unix_ops, fd, uri, waiter);
}

static void set_tcp_options(int fd)
{
    static const struct {
        int level, name, value;
    } options[] = {
        { IPPROTO_TCP, TCP_NODELAY, 1 },
        { SOL_SOCKET, SO_KEEPALIVE, 1 },
        { IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_IDLE_S },
        { IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_STEP_S },
        { IPPROTO_TCP, TCP_KEEPCNT, KEEPALIVE_TRIES },
        { IPPROTO_TCP, TCP_USER_TIMEOUT, UNSENT_MS },
    };

    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
        (void)setsockopt(fd, options[i].level, options[i].name, &options[i].value, sizeof(int));
    }
}

enum gw_err link_open_tcp(struct link **out, const struct link_uri *uri, struct waiter *waiter,
                          uint64_t deadline_ms, struct gw_error *error)
{
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV };
    struct addrinfo *list = NULL;
    enum gw_err err = GW_LINK_OPEN;
    int fd = -1, why = 0;
    int failed = getaddrinfo(uri->target, uri->port, &hints, &list);

    if (failed) {
        return gw_fail(error, GW_LINK_OPEN, "tcp %s: %s", uri->target, gai_strerror(failed));
    }
    for (const struct addrinfo *a = list; a && err == GW_LINK_OPEN; a = a->ai_next) {
        err = connect_to(&fd, a->ai_addr, a->ai_addrlen, waiter, deadline_ms, &why);
    }
    freeaddrinfo(list);
    if (err) {
        return gw_fail(error, err, "tcp %s port %s: %s: check the serial server", uri->target,
                       uri->port, err == GW_LINK_OPEN ? strerror(why) : gw_err_text(err));
    }
    set_tcp_options(fd);
    return make(out, &tcp_ops, fd, uri, waiter);
}
