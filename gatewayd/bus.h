/* Bus: one physical link with its router process.
 *
 * The bus starts the router, opens the link through it, watches it, restarts it when it dies or
 * hangs, and carries calls to it (io.gatewayd.Router), one at a time in the order they were made.
 * Three deaths in ten minutes park it (GW_BUS_PARKED). A link that cannot be opened is tried again
 * every few seconds, for ever. Callbacks come from the loop, never from inside a function here,
 * except changed() from bus_pause() and bus_resume().
 */
#ifndef GATEWAYD_BUS_H
#define GATEWAYD_BUS_H

#include <stdbool.h>
#include <stdint.h>

#include <uv.h>

#include "config.h"
#include "device.h"
#include "err.h"
#include "outcome.h"

struct bus;
struct bus_call;
struct child_programs;
struct images;
struct json;
struct log_sink;

enum {
    BUS_SILENCE_MS = 60000, /* a running call that says nothing for so long hangs */
    BUS_DEATHS_MAX = 3,     /* within BUS_DEATHS_MS: parked */
    BUS_DEATHS_MS = 600000,
};

/* In JSON "starting" "open" "busy" "paused" "parked" "failed". */
enum bus_state {
    BUS_STARTING, /* the router is starting or opening the link */
    BUS_OPEN,     /* ready, no call is running */
    BUS_BUSY,     /* a call is running */
    BUS_PAUSED,   /* by an operator; nothing is started */
    BUS_PARKED,   /* the router failed too often; bus_resume() tries again */
    BUS_FAILED,   /* the link cannot be opened or was lost; tried again by itself */
};
const char *bus_state_word(enum bus_state state);

struct bus_ops {
    /* The bus has another state, or another error. */
    void (*changed)(void *ctx, struct bus *bus);
    /* What Watch says: "appeared" and "left" with a device; and "ready" each time the bus has been
     * opened. */
    void (*event)(void *ctx, struct bus *bus, const char *event, const char *device);
};

struct bus_config {
    uv_loop_t *loop;
    const struct config_bus *bus;          /* borrowed for the life of the bus */
    const char *run_dir;                   /* the router's socket: run_dir/bus/NAME */
    const struct child_programs *programs; /* borrowed */
    struct images *images;                 /* borrowed; serves the image channel */
    struct log_sink *log;
    uint64_t silence_ms; /* BUS_SILENCE_MS; less in tests */
    const struct bus_ops *ops;
    void *ctx;
};

/* Starts the router. GW_OK also when the router fails: then the bus says so. GW_IO, GW_BUSY: no
 * socket can be made at its place. */
MUST_USE enum gw_err bus_open(struct bus **out, const struct bus_config *config,
                              struct gw_error *error);

/* Ends each call (GW_SHUTTING_DOWN, from inside this function), stops the router. NULL is fine. */
void bus_close(struct bus *bus);

const struct config_bus *bus_config_of(const struct bus *bus);
const char *bus_name(const struct bus *bus);
enum bus_state bus_state(const struct bus *bus);
const struct gw_error *bus_error(const struct bus *bus); /* err GW_OK: none */
unsigned bus_restarts(const struct bus *bus);            /* since the start of the core */
int bus_router_pid(const struct bus *bus);               /* 0 = none runs */

/* Cancel what runs (GW_BUS_PAUSED) at the next block border, start nothing more. */
void bus_pause(struct bus *bus);
/* Go on after a pause, or try again after parking or a failure. */
void bus_resume(struct bus *bus);

/* What comes back from a call; all but end() may be NULL. */
struct bus_call_events {
    void (*progress)(void *ctx, const char *device, uint64_t done, uint64_t total);
    void (*result)(void *ctx, const struct device_result *result);
    void (*device)(void *ctx, const struct device_info *device);
    /* Last callback. err GW_OK: `parameters` of the last reply (NULL = {}). Else the bus or the
     * call as a whole failed: a code of the router, GW_BUS_PAUSED, GW_ROUTER_DIED, GW_ROUTER_HUNG,
     * GW_NO_METHOD, GW_PROTOCOL. */
    void (*end)(void *ctx, const struct gw_error *error, const struct json *parameters);
};

/* Queue a call of io.gatewayd.Router: `method` is "Stage". Takes `parameters` over. GW_OK: *out
 * lives until end() has returned or bus_call_cancel(). GW_BUS_PAUSED, GW_BUS_PARKED, or the error
 * of a bus that is not open: no callback comes. */
MUST_USE enum gw_err bus_call_start(struct bus_call **out, struct bus *bus, const char *method,
                                    struct json *parameters, const struct bus_call_events *events,
                                    void *ctx);

/* Drop it without callbacks; the router stops at the next block border. */
void bus_call_cancel(struct bus_call *call);

#endif
