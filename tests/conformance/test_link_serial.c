/* The real libserialport on a pseudo terminal, through tests/shim/pty_shim.c. */
#include <fcntl.h>
#include <linux/serial.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "check.h"
#include "conformance_link.h"

struct pty_harness {
    struct link_harness base;
    struct test_waiter waiter;
    int master;
    char uri[80];
    char node[40];
};

static struct pty_harness *self(struct link_harness *h)
{
    return (struct pty_harness *)h;
}

static bool make_pty(struct pty_harness *p, const char *options)
{
    p->master = posix_openpt(O_RDWR | O_NOCTTY);
    bool ok = p->master >= 0 && grantpt(p->master) == 0 && unlockpt(p->master) == 0;

    CHECK(ok);
    (void)snprintf(p->node, sizeof p->node, "%s", ok ? ptsname(p->master) : "");
    (void)snprintf(p->uri, sizeof p->uri, "serial:%s%s", p->node, options);
    return ok;
}

static struct link *open_pty(struct link_harness *h)
{
    struct pty_harness *p = self(h);
    struct gw_error error = { 0 };
    struct link *l = NULL;

    test_waiter_init(&p->waiter);
    if (!make_pty(p, "?baud=921600")) {
        return NULL;
    }
    CHECK_EQ(link_open(&l, p->uri, &p->waiter.base, UINT64_MAX, &error), GW_OK);
    if (!l) {
        printf("%s\n", error.detail);
    }
    return l;
}

static void peer_write(struct link_harness *h, const void *bytes, size_t len)
{
    CHECK_EQ(write(self(h)->master, bytes, len), (ssize_t)len);
}

static size_t peer_read(struct link_harness *h, void *buf, size_t cap)
{
    struct pollfd p = { .fd = self(h)->master, .events = POLLIN };
    ssize_t n = poll(&p, 1, 2000) == 1 ? read(p.fd, buf, cap) : 0;

    return n > 0 ? (size_t)n : 0;
}

static void peer_close(struct link_harness *h)
{
    (void)close(self(h)->master);
    self(h)->master = -1;
}

static void cancel(struct link_harness *h)
{
    self(h)->waiter.is_cancelled = true;
}

static void close_pty(struct link_harness *h)
{
    if (self(h)->master >= 0) {
        (void)close(self(h)->master);
    }
}

/* All but the parity, which a pseudo terminal never takes: see the refusal below. */
static void the_line_has_the_settings_of_the_uri(struct pty_harness *p)
{
    struct termios t;
    struct link *l;
    struct serial_struct settings;

    CHECK(make_pty(p, "?baud=57600&stop=2&flow=rtscts"));
    CHECK_EQ(link_open(&l, p->uri, &p->waiter.base, UINT64_MAX, NULL), GW_OK);
    CHECK(tcgetattr(p->master, &t) == 0);
    CHECK_EQ(cfgetospeed(&t), B57600);
    CHECK(t.c_cflag & CSTOPB);
    CHECK(t.c_cflag & CRTSCTS);
    CHECK(!(t.c_lflag & (ICANON | ECHO | ISIG)) && !(t.c_oflag & OPOST));
    CHECK(ioctl(p->master, TIOCGSERIAL, &settings) == 0); /* answered by the shim */
    CHECK((unsigned)settings.flags & ASYNC_LOW_LATENCY);
    CHECK_EQ(l->baud, 57600);
    l->ops->close(l);
    (void)close(p->master);
}

static void a_port_that_we_hold_is_refused_to_a_second_opener(struct pty_harness *p)
{
    struct gw_error error = { 0 };
    struct link *first, *second;

    CHECK(make_pty(p, ""));
    CHECK_EQ(link_open(&first, p->uri, &p->waiter.base, UINT64_MAX, NULL), GW_OK);
    CHECK_EQ(link_open(&second, p->uri, &p->waiter.base, UINT64_MAX, &error), GW_LINK_HELD);
    CHECK(strstr(error.detail, p->node) && strstr(error.detail, "fuser -v"));
    first->ops->close(first);
    CHECK_EQ(link_open(&second, p->uri, &p->waiter.base, UINT64_MAX, NULL), GW_OK);
    second->ops->close(second);
    (void)close(p->master);
}

/* In another process: hold the port as `exclusive` does, say so, wait to be ended. */
static pid_t hold(const struct pty_harness *p, bool exclusive)
{
    int ready[2];
    char c;

    if (pipe(ready) < 0) {
        return -1;
    }
    pid_t pid = fork();

    if (pid == 0) {
        struct link *l;
        int fd = -1;
        bool ok = true;

        if (exclusive) {
            fd = open(p->node, O_RDWR | O_NOCTTY);
            ok = fd >= 0 && syscall(SYS_ioctl, fd, TIOCEXCL) == 0; /* past the shim */
        } else {
            ok = link_open(&l, p->uri, link_poll_waiter(), UINT64_MAX, NULL) == GW_OK;
        }
        (void)!write(ready[1], ok ? "y" : "n", 1);
        (void)pause();
        _exit(0);
    }
    CHECK(read(ready[0], &c, 1) == 1 && c == 'y');
    (void)close(ready[0]);
    (void)close(ready[1]);
    return pid;
}

static void a_port_that_another_process_holds_is_refused_and_the_process_named(
    struct pty_harness *p)
{
    for (int exclusive = 0; exclusive < 2; exclusive++) {
        struct gw_error error = { 0 };
        struct link *l;
        char want[40];

        CHECK(make_pty(p, ""));
        pid_t pid = hold(p, exclusive);

        CHECK_EQ(link_open(&l, p->uri, &p->waiter.base, UINT64_MAX, &error), GW_LINK_HELD);
        (void)snprintf(want, sizeof want, "process %d (", (int)pid);
        CHECK(strstr(error.detail, want) != NULL);
        (void)kill(pid, SIGTERM);
        (void)waitpid(pid, NULL, 0);
        if (!exclusive) {
            CHECK_EQ(link_open(&l, p->uri, &p->waiter.base, UINT64_MAX, NULL), GW_OK);
            l->ops->close(l);
        }
        (void)close(p->master);
    }
}

static void a_symbolic_link_is_followed(struct pty_harness *p)
{
    char folder[] = "/tmp/gw-serial-XXXXXX", path[60], uri[80];
    struct link *l;

    CHECK(make_pty(p, "") && mkdtemp(folder));
    (void)snprintf(path, sizeof path, "%s/by-id", folder);
    (void)snprintf(uri, sizeof uri, "serial:%s", path);
    CHECK(symlink(p->node, path) == 0);
    CHECK_EQ(link_open(&l, uri, &p->waiter.base, UINT64_MAX, NULL), GW_OK);
    l->ops->close(l);
    (void)unlink(path);
    (void)rmdir(folder);
    (void)close(p->master);
}

static void settings_that_the_driver_does_not_take_are_refused(struct pty_harness *p)
{
    struct gw_error error = { 0 };
    struct link *l;

    CHECK(make_pty(p, "?parity=even"));
    CHECK_EQ(link_open(&l, p->uri, &p->waiter.base, UINT64_MAX, &error), GW_LINK_OPEN);
    CHECK(strstr(error.detail, p->node) && strstr(error.detail, "115200"));
    (void)close(p->master);
}

static void what_is_no_port_says_so(struct pty_harness *p)
{
    struct gw_error error = { 0 };
    struct link *l;

    CHECK_EQ(link_open(&l, "serial:/dev/ttyNONE", &p->waiter.base, UINT64_MAX, &error),
             GW_LINK_OPEN);
    CHECK(strstr(error.detail, "/dev/ttyNONE") && strstr(error.detail, "by-id"));
    CHECK_EQ(link_open(&l, "serial:/dev/null", &p->waiter.base, UINT64_MAX, &error), GW_LINK_OPEN);
    CHECK(strstr(error.detail, "/dev/null") != NULL);
}

int main(void)
{
    struct pty_harness p = { .base = { "serial", open_pty, peer_write, peer_read, peer_close,
                                       cancel, close_pty } };

    (void)conformance_link(&p.base);
    test_waiter_init(&p.waiter);
    the_line_has_the_settings_of_the_uri(&p);
    settings_that_the_driver_does_not_take_are_refused(&p);
    a_port_that_we_hold_is_refused_to_a_second_opener(&p);
    a_port_that_another_process_holds_is_refused_and_the_process_named(&p);
    a_symbolic_link_is_followed(&p);
    what_is_no_port_says_so(&p);
    return checks_failed != 0;
}
