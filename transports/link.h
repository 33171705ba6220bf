/* Link: an ordered byte pipe to one bus: serial port, TCP or Unix socket, test fake.
 *
 * All calls block and return by `deadline_ms` at the latest, on the link's own clock (now_ms), so a
 * fake link gives its router virtual time. A router owns one link and uses it from one thread.
 * Waiting is done by the caller's struct waiter, so that a router process serves its sockets while
 * its protocol code waits; when the caller of the running method goes away, the waiter answers
 * GW_CANCELLED, and so do the current and all later calls until the next method starts.
 */
#ifndef TRANSPORTS_LINK_H
#define TRANSPORTS_LINK_H

#include <stddef.h>
#include <stdint.h>

#include "err.h"

struct link;

struct link_ops {
    const char *name; /* "serial", "tcp", "unix", "fake"; appears in logs */

    /* Read 1..cap bytes that have arrived, waiting for the first one. *got = how many.
     * GW_TIMEOUT (*got = 0), GW_CANCELLED, GW_LINK_CLOSED, GW_IO. */
    enum gw_err (*read)(struct link *l, void *buf, size_t cap, size_t *got, uint64_t deadline_ms);

    /* Hand all `len` bytes to the line's driver, or fail. They may still be on their way when it
     * returns, but at most a few KiB of them where the baud rate is known. GW_TIMEOUT,
     * GW_CANCELLED, GW_LINK_CLOSED, GW_IO. */
    enum gw_err (*write)(struct link *l, const void *buf, size_t len, uint64_t deadline_ms);

    /* Drop input until the line has been silent for `quiet_ms`: resynchronise before a retry.
     * GW_OK, or GW_TIMEOUT when it never fell silent. */
    enum gw_err (*drain)(struct link *l, uint32_t quiet_ms, uint64_t deadline_ms);

    /* Monotonic milliseconds. */
    uint64_t (*now_ms)(struct link *l);

    /* Release everything, `l` included. */
    void (*close)(struct link *l);
};

/* First member of every concrete link. */
struct link {
    const struct link_ops *ops;
    uint32_t baud;    /* bits a second on the line, for time estimates; 0 = as fast as the peer */
    char advice[160]; /* what a person could change to make this link faster; "" = nothing */
};

/* How a link waits for its descriptor. The router runtime gives one that also serves its sockets;
 * a plain one (poll and the monotonic clock) is link_poll_waiter(). */
struct waiter {
    /* Until `fd` has one of `events` (POLLIN, POLLOUT) or the deadline passed: GW_OK, GW_TIMEOUT,
     * GW_CANCELLED, GW_IO. fd -1: only wait. */
    enum gw_err (*wait)(struct waiter *w, int fd, short events, uint64_t deadline_ms);
    uint64_t (*now_ms)(struct waiter *w); /* monotonic */
};
struct waiter *link_poll_waiter(void);

/* Open `uri`:
 *   serial:/dev/NODE?baud=115200[&parity=none|even|odd][&stop=1|2][&flow=none|rtscts]
 *          exclusive (flock and TIOCEXCL), low latency where the driver has it
 *   tcp://host:port[?baud=N]    a serial server; baud is only for estimates
 *   unix:/path[?baud=N]         simulators, QEMU
 * GW_OK: *out is the link, `waiter` must outlive it. Else *error says which node, why and what to
 * do: GW_LINK_URI, GW_LINK_OPEN, GW_LINK_HELD, GW_TIMEOUT, GW_CANCELLED. */
MUST_USE enum gw_err link_open(struct link **out, const char *uri, struct waiter *waiter,
                               uint64_t deadline_ms, struct gw_error *error);

#endif
