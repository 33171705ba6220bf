#include <arpa/inet.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "check.h"
#include "conformance_link.h"

struct socket_harness {
    struct link_harness base;
    struct test_waiter waiter;
    bool is_unix;
    int listener, peer;
    char folder[40], path[60];
};

static struct socket_harness *self(struct link_harness *h)
{
    return (struct socket_harness *)h;
}

static int listen_unix(struct socket_harness *s, char *uri, size_t cap)
{
    struct sockaddr_un a = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    (void)snprintf(a.sun_path, sizeof a.sun_path, "%s", s->path);
    (void)unlink(s->path);
    CHECK(bind(fd, (struct sockaddr *)&a, sizeof a) == 0 && listen(fd, 1) == 0);
    (void)snprintf(uri, cap, "unix:%s?baud=115200", s->path);
    return fd;
}

static int listen_tcp(char *uri, size_t cap)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    CHECK(bind(fd, (struct sockaddr *)&a, sizeof a) == 0 && listen(fd, 1) == 0);
    CHECK(getsockname(fd, (struct sockaddr *)&a, &len) == 0);
    (void)snprintf(uri, cap, "tcp://127.0.0.1:%u?baud=115200", ntohs(a.sin_port));
    return fd;
}

static struct link *open_socket(struct link_harness *h)
{
    struct socket_harness *s = self(h);
    struct gw_error error = { 0 };
    struct link *l = NULL;
    char uri[120];

    test_waiter_init(&s->waiter);
    s->listener = s->is_unix ? listen_unix(s, uri, sizeof uri) : listen_tcp(uri, sizeof uri);
    CHECK_EQ(link_open(&l, uri, &s->waiter.base, UINT64_MAX, &error), GW_OK);
    s->peer = accept(s->listener, NULL, NULL);
    CHECK(l && l->baud == 115200 && strcmp(l->ops->name, s->is_unix ? "unix" : "tcp") == 0);
    return l;
}

static void peer_write(struct link_harness *h, const void *bytes, size_t len)
{
    CHECK_EQ(write(self(h)->peer, bytes, len), (ssize_t)len);
}

static size_t peer_read(struct link_harness *h, void *buf, size_t cap)
{
    struct pollfd p = { .fd = self(h)->peer, .events = POLLIN };
    ssize_t n = poll(&p, 1, 2000) == 1 ? read(p.fd, buf, cap) : 0;

    return n > 0 ? (size_t)n : 0;
}

static void peer_close(struct link_harness *h)
{
    (void)close(self(h)->peer);
    self(h)->peer = -1;
}

static void cancel(struct link_harness *h)
{
    self(h)->waiter.is_cancelled = true;
}

static void close_socket(struct link_harness *h)
{
    (void)close(self(h)->peer);
    (void)close(self(h)->listener);
}

static void a_place_where_nobody_listens_says_which_and_why(struct socket_harness *s)
{
    struct gw_error error = { 0 };
    struct link *l;
    char uri[120];

    test_waiter_init(&s->waiter);
    int fd = s->is_unix ? listen_unix(s, uri, sizeof uri) : listen_tcp(uri, sizeof uri);

    (void)close(fd);
    CHECK_EQ(link_open(&l, uri, &s->waiter.base, UINT64_MAX, &error), GW_LINK_OPEN);
    CHECK(l == NULL && error.err == GW_LINK_OPEN);
    CHECK(strstr(error.detail, "refused") && strstr(error.detail, s->is_unix ? s->path : "127"));
}

static void a_connect_that_is_not_answered_ends_in_time_and_when_it_is_cancelled(
    struct socket_harness *s)
{
    struct gw_error error = { 0 };
    struct link *l, *queued[4] = { NULL };
    char uri[120];
    int fd = listen_tcp(uri, sizeof uri);

    CHECK(listen(fd, 0) == 0);
    test_waiter_init(&s->waiter);
    uint64_t now = s->waiter.base.now_ms(&s->waiter.base);
    enum gw_err err = GW_OK;

    for (size_t i = 0; i < 4 && !err; i++) { /* until the listener's queue is full */
        err = link_open(&queued[i], uri, &s->waiter.base, now + 50, &error);
    }
    CHECK_EQ(err, GW_TIMEOUT);
    s->waiter.is_cancelled = true;
    CHECK_EQ(link_open(&l, uri, &s->waiter.base, UINT64_MAX, &error), GW_CANCELLED);
    for (size_t i = 0; i < 4; i++) {
        if (queued[i]) {
            queued[i]->ops->close(queued[i]);
        }
    }
    (void)close(fd);
}

int main(void)
{
    struct socket_harness s = { .base = { "unix", open_socket, peer_write, peer_read, peer_close,
                                          cancel, close_socket },
                                .is_unix = true,
                                .folder = "/tmp/gw-link-XXXXXX" };

    if (!mkdtemp(s.folder)) {
        return 1;
    }
    (void)snprintf(s.path, sizeof s.path, "%s/line", s.folder);
    (void)conformance_link(&s.base);
    a_place_where_nobody_listens_says_which_and_why(&s);
    (void)unlink(s.path);
    (void)rmdir(s.folder);
    s.is_unix = false;
    s.base.name = "tcp";
    (void)conformance_link(&s.base);
    a_place_where_nobody_listens_says_which_and_why(&s);
    a_connect_that_is_not_answered_ends_in_time_and_when_it_is_cancelled(&s);
    return checks_failed != 0;
}
