/* Fleet: all buses of the configuration and the devices behind them, as they were last seen.
 *
 * A bus is scanned each time it has been opened, and a device identified when it appears. What
 * devices say is stored when it changes. Devices of the configuration that have never answered are
 * there too, absent.
 */
#ifndef GATEWAYD_FLEET_H
#define GATEWAYD_FLEET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uv.h>

#include "bus.h"
#include "config.h"
#include "device.h"
#include "err.h"
#include "inventory.h"

enum { FLEET_SETTLE_MS = 5000 };

struct fleet;
struct fleet_refresh; /* a scan of all buses that are free, under way */
struct store;

struct fleet_ops {
    /* A bus has another state or error. */
    void (*bus)(void *ctx, struct bus *bus);
    void (*appeared)(void *ctx, const char *bus, const char *device);
    void (*left)(void *ctx, const char *bus, const char *device);
    /* The store failed: the daemon must end. */
    void (*fatal)(void *ctx, const struct gw_error *error);
};

struct fleet_config {
    uv_loop_t *loop;
    const struct config *config; /* borrowed, like all below */
    const struct child_programs *programs;
    struct images *images;
    struct store *store;
    struct log_sink *log;
    const struct fleet_ops *ops;
    void *ctx;
};

/* Loads the devices of the store; fleet_start() starts the routers. */
MUST_USE enum gw_err fleet_open(struct fleet **out, const struct fleet_config *config,
                                struct gw_error *error);
MUST_USE enum gw_err fleet_start(struct fleet *fleet, struct gw_error *error);
void fleet_close(struct fleet *fleet); /* NULL is fine */

struct bus *fleet_bus(const struct fleet *fleet, const char *name); /* NULL = none of that name */
struct bus *fleet_bus_at(const struct fleet *fleet, size_t index);  /* NULL past the last */

/* One device. Pointers are valid until the next event of the fleet. */
struct fleet_device {
    char name[DEVICE_NAME_MAX];
    char bus[CONFIG_NAME_MAX];
    const struct config_device *config; /* NULL: the configuration does not name it */
    bool is_known;                      /* it has answered once: `info` holds what it said last */
    bool is_present;                    /* it answered when it was last asked */
    int64_t last_seen_s;                /* 0 = never */
    struct gw_error error;              /* why it is not present, as the router says */
    struct device_info info;
    char *stored; /* private */
    bool is_seen; /* private: in the scan under way */
};
const struct fleet_device *fleet_device(const struct fleet *fleet, const char *name);
const struct fleet_device *fleet_device_at(const struct fleet *fleet, size_t index);

/* What any call on `bus` heard from or about a device. */
void fleet_heard(struct fleet *fleet, const char *bus, const struct device_info *info);
void fleet_missed(struct fleet *fleet, const char *device, const struct gw_error *error);

/* On foreign devices a slot shows a hash of its content; from now on `state_hash` is known to stand
 * for this image. */
struct fleet_image {
    uint8_t state_hash[32], identity[32];
    uint32_t sequence;
    char version[DEVICE_VERSION_MAX];
};
void fleet_learn(struct fleet *fleet, const struct fleet_image *image);

/* Wait until every bus has opened and scanned once, or failed to (FLEET_SETTLE_MS at most); then,
 * with `ask`, ask all devices on buses that are open and not busy, which the routers bound in time.
 * `done` comes from the loop, once. NULL: no memory. */
struct fleet_refresh *fleet_refresh_start(struct fleet *fleet, bool ask, void (*done)(void *ctx),
                                          void *ctx);
void fleet_refresh_cancel(struct fleet_refresh *refresh); /* no callback; NULL is fine */

/* The facts of one device as plan and people see them: names translated, declarations and stored
 * floors added. */
void fleet_describe(const struct fleet *fleet, const struct fleet_device *device,
                    struct inventory_device *out);

/* The same of all devices. GW_OK or GW_NO_MEMORY; inventory_free(). */
MUST_USE enum gw_err fleet_inventory(const struct fleet *fleet, struct inventory *out);

#endif
