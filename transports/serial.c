/* Serial ports through libserialport: exclusive, raw, low latency where the driver has it. */
#include <errno.h>
#include <libserialport.h>
#include <limits.h>
#include <linux/serial.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "link_driver.h"
#include "port_holder.h"

struct serial {
    struct link base;
    struct waiter *waiter; /* borrowed */
    struct sp_port *port;
    int fd; /* the port's, for waiting and ioctls */
};

static struct serial *self(struct link *l)
{
    return (struct serial *)l;
}

static enum gw_err last_err(enum sp_return result)
{
    return result == SP_ERR_FAIL ? link_err_of(sp_last_error_code()) : GW_IO;
}

static enum gw_err serial_read(struct link *l, void *buf, size_t cap, size_t *got,
                               uint64_t deadline_ms)
{
    struct serial *s = self(l);

    *got = 0;
    enum gw_err err = s->waiter->wait(s->waiter, s->fd, POLLIN, deadline_ms);

    if (err) {
        return err;
    }
    enum sp_return n = sp_nonblocking_read(s->port, buf, cap);

    if (n < 0) {
        return last_err(n);
    }
    if (n == 0) {
        return GW_LINK_CLOSED; /* readable and nothing there: the adapter has gone */
    }
    *got = (size_t)n;
    return GW_OK;
}

static enum gw_err serial_write(struct link *l, const void *buf, size_t len, uint64_t deadline_ms)
{
    struct serial *s = self(l);
    const uint8_t *at = buf;

    while (len > 0) {
        enum gw_err err = s->waiter->wait(s->waiter, s->fd, POLLOUT, deadline_ms);

        if (err) {
            return err;
        }
        enum sp_return n = sp_nonblocking_write(s->port, at, len);

        if (n < 0) {
            return last_err(n);
        }
        at += n;
        len -= (size_t)n;
    }
    return GW_OK;
}

static uint64_t serial_now_ms(struct link *l)
{
    struct waiter *w = self(l)->waiter;

    return w->now_ms(w);
}

static void serial_close(struct link *l)
{
    struct serial *s = self(l);

    (void)ioctl(s->fd, TIOCNXCL); /* else a node that a test keeps open stays locked */
    (void)sp_close(s->port);
    sp_free_port(s->port);
    free(s);
}

static const struct link_ops serial_ops = {
    .name = "serial",
    .read = serial_read,
    .write = serial_write,
    .drain = link_drain_by_reading,
    .now_ms = serial_now_ms,
    .close = serial_close,
};

/* Take the port for ourselves. TIOCEXCL does not bind root, and flock() only those who ask: both.
 */
static enum gw_err lock(int fd)
{
    int is_exclusive = 0;

    if (ioctl(fd, TIOCGEXCL, &is_exclusive) == 0 && is_exclusive) {
        return GW_LINK_HELD;
    }
    if (flock(fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK) {
        return GW_LINK_HELD;
    }
    return ioctl(fd, TIOCEXCL) < 0 ? GW_IO : GW_OK;
}

/* Ask the driver not to hold bytes back. Not every driver can, and that is no error. */
static void ask_low_latency(int fd)
{
    struct serial_struct settings;

    if (ioctl(fd, TIOCGSERIAL, &settings) == 0) {
        settings.flags = (int)((unsigned)settings.flags | ASYNC_LOW_LATENCY);
        (void)ioctl(fd, TIOCSSERIAL, &settings);
    }
}

/* USB adapters that still collect bytes say so in sysfs. */
static void advise_on_latency(struct link *l, const char *node)
{
    const char *name = strrchr(node, '/');
    char path[90];
    unsigned ms = 0;

    (void)snprintf(path, sizeof path, "/sys/class/tty/%.30s/device/latency_timer",
                   name ? name + 1 : node);
    FILE *file = fopen(path, "re");

    if (!file) {
        return;
    }
    if (fscanf(file, "%3u", &ms) == 1 && ms > 1) {
        (void)snprintf(l->advice, sizeof l->advice,
                       "the adapter holds bytes back for %u ms: echo 1 > %s", ms, path);
    }
    (void)fclose(file);
}

/* libserialport 0.1.1 puts CRTSCTS into the wrong word of termios (c_iflag), so it has no effect.
 */
static bool set_hardware_flow(int fd)
{
    struct termios t;

    if (tcgetattr(fd, &t) < 0) {
        return false;
    }
    t.c_cflag |= CRTSCTS;
    return tcsetattr(fd, TCSANOW, &t) == 0 && tcgetattr(fd, &t) == 0 && t.c_cflag & CRTSCTS;
}

static enum sp_return configure(struct sp_port *port, const struct link_uri *uri)
{
    static const enum sp_parity parities[] = { SP_PARITY_NONE, SP_PARITY_EVEN, SP_PARITY_ODD };
    enum sp_return result = sp_set_baudrate(port, (int)uri->baud);

    result = result ? result : sp_set_bits(port, 8);
    result = result ? result : sp_set_parity(port, parities[uri->parity]);
    result = result ? result : sp_set_stopbits(port, uri->stop_bits);
    return result ? result
                  : sp_set_flowcontrol(port, uri->has_rtscts ? SP_FLOWCONTROL_RTSCTS
                                                             : SP_FLOWCONTROL_NONE);
}

static enum gw_err fail_held(struct gw_error *error, const char *node)
{
    char holder[120];

    port_holder_describe(holder, sizeof holder, node);
    return gw_fail(error, GW_LINK_HELD, "%.80s: held by another program: %s", node, holder);
}

static enum gw_err fail_open(struct gw_error *error, const char *node, int why)
{
    if (why == EBUSY) {
        return fail_held(error, node);
    }
    const char *next = why == EACCES ? ": is the daemon's user in the group dialout?"
                       : why == ENOENT || why == ENODEV || why == ENXIO
                           ? ": ls /dev/serial/by-id shows the adapters that are there"
                           : "";

    return gw_fail(error, GW_LINK_OPEN, "%.100s: %s%s", node, strerror(why), next);
}

/* The open port becomes the link; on failure it stays the caller's. */
static enum gw_err start(struct serial *s, const struct link_uri *uri, const char *node,
                         struct gw_error *error)
{
    if (sp_get_port_handle(s->port, &s->fd) != SP_OK) {
        return gw_fail(error, GW_LINK_OPEN, "%.100s: no descriptor", node);
    }
    enum gw_err err = lock(s->fd);

    if (err == GW_LINK_HELD) {
        return fail_held(error, node);
    }
    if (err) {
        return gw_fail(error, GW_LINK_OPEN, "%.100s: cannot be locked: %s", node, strerror(errno));
    }
    if (configure(s->port, uri) != SP_OK || (uri->has_rtscts && !set_hardware_flow(s->fd))) {
        return gw_fail(error, GW_LINK_OPEN, "%.100s: the driver refuses %u baud or these options",
                       node, uri->baud);
    }
    ask_low_latency(s->fd);
    advise_on_latency(&s->base, node);
    (void)sp_flush(s->port, SP_BUF_BOTH);
    return GW_OK;
}

static enum gw_err open_node(struct serial *s, const struct link_uri *uri, const char *node,
                             struct gw_error *error)
{
    if (sp_get_port_by_name(node, &s->port) != SP_OK) {
        return gw_fail(error, GW_LINK_OPEN, "%.100s: not a serial port", node);
    }
    enum sp_return result = sp_open(s->port, SP_MODE_READ_WRITE);

    if (result != SP_OK) {
        int why = result == SP_ERR_FAIL ? sp_last_error_code() : EINVAL;

        sp_free_port(s->port);
        return fail_open(error, node, why);
    }
    enum gw_err err = start(s, uri, node, error);

    if (err) {
        (void)sp_close(s->port);
        sp_free_port(s->port);
    }
    return err;
}

enum gw_err link_open_serial(struct link **out, const struct link_uri *uri, struct waiter *waiter,
                             uint64_t deadline_ms, struct gw_error *error)
{
    char node[PATH_MAX]; /* libserialport 0.1.1 knows no symbolic links (/dev/serial/by-id) */

    (void)deadline_ms; /* opening a port does not wait */
    if (!realpath(uri->target, node)) {
        return fail_open(error, uri->target, errno);
    }
    struct serial *s = calloc(1, sizeof *s);

    if (!s) {
        return GW_NO_MEMORY;
    }
    s->base.ops = &serial_ops;
    s->base.baud = uri->baud;
    s->waiter = waiter;
    enum gw_err err = open_node(s, uri, node, error);

    if (err) {
        free(s);
        return err;
    }
    *out = &s->base;
    return GW_OK;
}
