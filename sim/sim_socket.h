/* Socket: the gateway's end of a simulated line, as a listening socket with at most one client.
 *
 * A new client takes the line over from the last one, as whoever opens a port. Nothing blocks.
 */
#ifndef SIM_SOCKET_H
#define SIM_SOCKET_H

#include "err.h"
#include "sim_bus.h"

enum { SIM_SOCKET_OUT = 8192 };

struct sim_socket {
    int listen_fd;
    int client_fd; /* -1 = none */
    struct sim_bus *bus;
    size_t out_len; /* bytes in `out` that the client has not taken yet */
    uint8_t out[SIM_SOCKET_OUT];
};

/* Listen at `link`: "unix:/path" or "tcp://127.0.0.1:port". GW_OK, GW_LINK_URI, GW_LINK_OPEN,
 * GW_BUSY, each with *error. */
MUST_USE enum gw_err sim_socket_open(struct sim_socket *s, const char *link, struct sim_bus *bus,
                                     struct gw_error *error);
void sim_socket_close(struct sim_socket *s);

/* A client knocks. */
void sim_socket_accept(struct sim_socket *s);

/* Everything that can move now, in both directions, and the bus's own work. Returns when it is due
 * again, SIM_NEVER = not before the client sends. */
uint64_t sim_socket_serve(struct sim_socket *s, uint64_t now_us);

/* What to poll the client for now: POLLIN when the line takes bytes, POLLOUT when some wait. */
short sim_socket_events(const struct sim_socket *s, uint64_t now_us);

#endif
