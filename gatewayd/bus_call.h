/* One call to a router on a connection of its own: sent, repeated while the router is still busy
 * with a cancelled one, decoded, watched for silence. Private to bus.c, which owns the order.
 */
#ifndef GATEWAYD_BUS_CALL_H
#define GATEWAYD_BUS_CALL_H

#include "bus.h"
#include "varlink_uv.h"

struct bus_call {
    struct bus *bus;
    struct bus_call *next; /* in the queue of its bus */
    const struct bus_call_events *events;
    void *ctx;

    /* Set by the bus. `raw` (may be NULL) gets continued replies undecoded. `finished` comes last,
     * also for silence (GW_ROUTER_HUNG) and a lost connection (GW_ROUTER_DIED). */
    void (*raw)(struct bus_call *call, const struct json *parameters);
    void (*finished)(struct bus_call *call, const struct gw_error *error,
                     const struct json *parameters);

    char method[64]; /* with the interface's name */
    struct json *parameters;
    const char *path;    /* of the router's socket */
    uint64_t silence_ms; /* set by the bus; 0 = may be silent for ever */
    unsigned busy_tries;
    struct vl_client *client; /* NULL = not running */
    uv_timer_t timer;
};

/* Takes `parameters` over; NULL = no memory. Does not run yet. */
struct bus_call *bus_call_new(struct bus *bus, uv_loop_t *loop, const char *path,
                              const char *method, struct json *parameters);

/* Connect and send. A failure comes to finished() from the loop. */
void bus_call_run(struct bus_call *call);
bool bus_call_is_running(const struct bus_call *call);

/* Close the connection; the memory lives until the loop's next turn. NULL is fine. */
void bus_call_free(struct bus_call *call);

#endif
