#include "fleet_inner.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "json.h"
#include "log.h"
#include "store.h"

struct fleet_refresh {
    struct fleet *fleet;
    void (*done)(void *ctx); /* NULL = cancelled */
    void *ctx;
    bool ask;
    uint64_t settle_until_ms;
    unsigned scans; /* under way, and one for the loop that starts them */
    uv_timer_t timer;
};

enum { SETTLE_POLL_MS = 20 };

struct scan {
    struct fleet *fleet;
    struct bus *bus;
    struct fleet_refresh *refresh; /* NULL = of our own accord */
};

/* ---- devices ---- */

static struct fleet_device *find(const struct fleet *fleet, const char *name)
{
    for (size_t i = 0; i < fleet->device_count; i++) {
        if (strcmp(fleet->devices[i]->name, name) == 0) {
            return fleet->devices[i];
        }
    }
    return NULL;
}

const struct fleet_device *fleet_device(const struct fleet *fleet, const char *name)
{
    return find(fleet, name);
}

const struct fleet_device *fleet_device_at(const struct fleet *fleet, size_t index)
{
    return index < fleet->device_count ? fleet->devices[index] : NULL;
}

static const struct config_device *configured(const struct fleet *fleet, const char *bus,
                                              const char *device)
{
    const struct config_bus *config = config_find_bus(fleet->config.config, bus);

    for (unsigned i = 0; config && i < config->device_count; i++) {
        if (strcmp(config->devices[i].name, device) == 0) {
            return &config->devices[i];
        }
    }
    return NULL;
}

/* The device of that name, new if need be; NULL: there are too many, or no memory. */
static struct fleet_device *find_or_add(struct fleet *fleet, const char *bus, const char *name)
{
    struct fleet_device *device = find(fleet, name), **devices;

    if (device || fleet->device_count == INVENTORY_DEVICES_MAX) {
        return device;
    }
    devices = realloc(fleet->devices, (fleet->device_count + 1) * sizeof(struct fleet_device *));
    if (!devices) {
        return NULL;
    }
    fleet->devices = devices;
    device = calloc(1, sizeof *device);
    if (device) {
        (void)snprintf(device->name, sizeof device->name, "%s", name);
        (void)snprintf(device->bus, sizeof device->bus, "%s", bus);
        device->config = configured(fleet, bus, name);
        fleet->devices[fleet->device_count++] = device;
    }
    return device;
}

/* What is stored of a device: all that it said but the time that is left of a trial. */
static char *storable(const struct device_info *info)
{
    struct device_info copy = *info;

    copy.trial_left_ms = 0;
    struct json *json = device_to_json(&copy);
    char *text = json_print(json);

    json_free(json);
    return text;
}

static void store_device(struct fleet *fleet, struct fleet_device *device)
{
    char *text = storable(&device->info);
    struct store_device row = { .last_seen_s = device->last_seen_s, .identified = text };

    if (!text || (device->stored && strcmp(text, device->stored) == 0)) {
        free(text);
        return;
    }
    (void)snprintf(row.name, sizeof row.name, "%s", device->name);
    (void)snprintf(row.bus, sizeof row.bus, "%s", device->bus);
    free(device->stored);
    device->stored = text;
    if (store_put_device(fleet->config.store, &row)) {
        struct gw_error error;

        (void)gw_fail(&error, GW_STORE, "inventory: %s", device->name);
        fleet->config.ops->fatal(fleet->config.ctx, &error);
    }
}

void fleet_heard(struct fleet *fleet, const char *bus, const struct device_info *info)
{
    struct fleet_device *device = find_or_add(fleet, bus, info->name);

    if (!device || strcmp(device->bus, bus) != 0) {
        return; /* names are unique: another bus has it already */
    }
    device->info = *info;
    device->is_known = true;
    device->is_present = true;
    device->is_seen = true;
    device->last_seen_s = time(NULL);
    device->error = (struct gw_error){ .err = GW_OK };
    store_device(fleet, device);
}

void fleet_missed(struct fleet *fleet, const char *name, const struct gw_error *error)
{
    struct fleet_device *device = find(fleet, name);

    if (device) {
        device->is_present = false;
        device->error = *error;
    }
}

static void on_stored_device(void *ctx, const struct store_device *row)
{
    struct fleet *fleet = ctx;
    struct json *json;
    struct fleet_device *device;

    if (!config_find_bus(fleet->config.config, row->bus)) {
        return; /* its bus is not configured any more */
    }
    device = find_or_add(fleet, row->bus, row->name);
    if (!device || json_parse(&json, row->identified, strlen(row->identified), JSON_STRICT, NULL)) {
        return;
    }
    device->is_known = device_from_json(&device->info, json) == GW_OK;
    device->last_seen_s = row->last_seen_s;
    device->stored = strdup(row->identified);
    (void)gw_fail(&device->error, GW_PLAN_ABSENT, "not asked since the start");
    json_free(json);
}

/* What the configuration names. A point-to-point bus without names has one device: its own name. */
static void add_configured(struct fleet *fleet, const struct config_bus *bus)
{
    for (unsigned i = 0; i < bus->device_count; i++) {
        (void)find_or_add(fleet, bus->name, bus->devices[i].name);
    }
    if (bus->device_count == 0 && strcmp(bus->router, "uart") == 0) {
        (void)find_or_add(fleet, bus->name, bus->name);
    }
}

/* ---- asking ---- */

static void on_refresh_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static void on_refresh_end(uv_timer_t *timer)
{
    struct fleet_refresh *refresh = timer->data;

    if (refresh->done) {
        refresh->done(refresh->ctx);
    }
    uv_close((uv_handle_t *)timer, on_refresh_closed);
}

static void settle(struct fleet *fleet, const struct bus *bus)
{
    for (size_t i = 0; i < fleet->bus_count; i++) {
        fleet->settled[i] = fleet->settled[i] || fleet->buses[i] == bus;
    }
}

static void scan_ended(struct fleet_refresh *refresh)
{
    if (refresh && --refresh->scans == 0) {
        (void)uv_timer_start(&refresh->timer, on_refresh_end, 0, 0);
    }
}

static void on_scan_device(void *ctx, const struct device_info *info)
{
    struct scan *scan = ctx;

    fleet_heard(scan->fleet, bus_name(scan->bus), info);
}

static void on_scan_result(void *ctx, const struct device_result *result)
{
    struct scan *scan = ctx;

    fleet_missed(scan->fleet, result->device, &result->error);
}

static void on_scan_end(void *ctx, const struct gw_error *error, const struct json *parameters)
{
    struct scan *scan = ctx;
    struct fleet *fleet = scan->fleet;

    (void)parameters;
    for (size_t i = 0; i < fleet->device_count; i++) {
        struct fleet_device *device = fleet->devices[i];

        if (strcmp(device->bus, bus_name(scan->bus)) != 0 || device->is_seen) {
            continue;
        }
        if (error->err) {
            fleet_missed(fleet, device->name, error);
        } else if (device->is_present || device->error.err == GW_OK) {
            struct gw_error absent;

            (void)gw_fail(&absent, GW_PLAN_ABSENT, "no answer on bus %s", device->bus);
            fleet_missed(fleet, device->name, &absent);
        }
    }
    settle(fleet, scan->bus);
    scan_ended(scan->refresh);
    free(scan);
}

static const struct bus_call_events scan_events = {
    .result = on_scan_result,
    .device = on_scan_device,
    .end = on_scan_end,
};

static bool start_scan(struct fleet *fleet, struct bus *bus, struct fleet_refresh *refresh)
{
    struct scan *scan = calloc(1, sizeof *scan);
    struct bus_call *call;

    if (!scan) {
        return false;
    }
    *scan = (struct scan){ fleet, bus, refresh };
    for (size_t i = 0; i < fleet->device_count; i++) {
        if (strcmp(fleet->devices[i]->bus, bus_name(bus)) == 0) {
            fleet->devices[i]->is_seen = false;
        }
    }
    if (bus_call_start(&call, bus, "Scan", NULL, &scan_events, scan)) {
        free(scan);
        return false;
    }
    return true;
}

static void identify(struct fleet *fleet, struct bus *bus, const char *device)
{
    struct scan *scan = calloc(1, sizeof *scan);
    struct json *parameters = json_new_object();
    struct json *devices = json_set(parameters, "devices", json_new_array());
    struct bus_call *call;

    (void)json_append(devices, json_new_string(device));
    if (!scan) {
        json_free(parameters);
        return;
    }
    *scan = (struct scan){ fleet, bus, NULL };
    for (size_t i = 0; i < fleet->device_count; i++) {
        fleet->devices[i]->is_seen = strcmp(fleet->devices[i]->name, device) != 0;
    }
    if (bus_call_start(&call, bus, "Identify", parameters, &scan_events, scan)) {
        free(scan);
    }
}

static bool is_settled(const struct fleet *fleet)
{
    for (size_t i = 0; i < fleet->bus_count; i++) {
        if (!fleet->settled[i]) {
            return false;
        }
    }
    return true;
}

static void on_refresh_poll(uv_timer_t *timer)
{
    struct fleet_refresh *refresh = timer->data;
    struct fleet *fleet = refresh->fleet;

    if (refresh->done && !is_settled(fleet) &&
        uv_now(fleet->config.loop) < refresh->settle_until_ms) {
        (void)uv_timer_start(timer, on_refresh_poll, SETTLE_POLL_MS, 0);
        return;
    }
    for (size_t i = 0; refresh->done && refresh->ask && i < fleet->bus_count; i++) {
        if (bus_state(fleet->buses[i]) == BUS_OPEN && start_scan(fleet, fleet->buses[i], refresh)) {
            refresh->scans++;
        }
    }
    scan_ended(refresh);
}

struct fleet_refresh *fleet_refresh_start(struct fleet *fleet, bool ask, void (*done)(void *ctx),
                                          void *ctx)
{
    struct fleet_refresh *refresh = calloc(1, sizeof *refresh);

    if (!refresh) {
        return NULL;
    }
    *refresh = (struct fleet_refresh){
        .fleet = fleet,
        .done = done,
        .ctx = ctx,
        .ask = ask,
        .scans = 1,
        .settle_until_ms = uv_now(fleet->config.loop) + FLEET_SETTLE_MS,
    };
    (void)uv_timer_init(fleet->config.loop, &refresh->timer);
    refresh->timer.data = refresh;
    (void)uv_timer_start(&refresh->timer, on_refresh_poll, 0, 0);
    return refresh;
}

void fleet_refresh_cancel(struct fleet_refresh *refresh)
{
    if (refresh) {
        refresh->done = NULL;
    }
}

/* ---- buses ---- */

static void on_bus_changed(void *ctx, struct bus *bus)
{
    struct fleet *fleet = ctx;
    enum bus_state state = bus_state(bus);

    if (state != BUS_STARTING && state != BUS_OPEN && state != BUS_BUSY) {
        settle(fleet, bus);
    }
    for (size_t i = 0; i < fleet->device_count; i++) {
        struct fleet_device *device = fleet->devices[i];

        if (strcmp(device->bus, bus_name(bus)) == 0 &&
            (state == BUS_FAILED || state == BUS_PARKED)) {
            fleet_missed(fleet, device->name, bus_error(bus));
        }
    }
    fleet->config.ops->bus(fleet->config.ctx, bus);
}

static void on_bus_event(void *ctx, struct bus *bus, const char *event, const char *device)
{
    struct fleet *fleet = ctx;

    if (strcmp(event, "ready") == 0) {
        (void)start_scan(fleet, bus, NULL);
    } else if (device && strcmp(event, "appeared") == 0) {
        identify(fleet, bus, device);
        fleet->config.ops->appeared(fleet->config.ctx, bus_name(bus), device);
    } else if (device && strcmp(event, "left") == 0) {
        struct gw_error error;

        (void)gw_fail(&error, GW_PLAN_ABSENT, "it left the bus");
        fleet_missed(fleet, device, &error);
        fleet->config.ops->left(fleet->config.ctx, bus_name(bus), device);
    }
}

struct bus *fleet_bus(const struct fleet *fleet, const char *name)
{
    for (size_t i = 0; i < fleet->bus_count; i++) {
        if (strcmp(bus_name(fleet->buses[i]), name) == 0) {
            return fleet->buses[i];
        }
    }
    return NULL;
}

struct bus *fleet_bus_at(const struct fleet *fleet, size_t index)
{
    return index < fleet->bus_count ? fleet->buses[index] : NULL;
}

enum gw_err fleet_open(struct fleet **out, const struct fleet_config *config,
                       struct gw_error *error)
{
    struct fleet *fleet = calloc(1, sizeof *fleet);

    *out = NULL;
    if (!fleet) {
        return gw_fail(error, GW_NO_MEMORY, "inventory");
    }
    fleet->config = *config;
    fleet->buses = calloc(config->config->bus_count + 1, sizeof(struct bus *));
    fleet->settled = calloc(config->config->bus_count + 1, sizeof *fleet->settled);
    if (!fleet->buses || !fleet->settled || store_devices(config->store, on_stored_device, fleet)) {
        fleet_close(fleet);
        return gw_fail(error, GW_STORE, "inventory");
    }
    for (unsigned i = 0; i < config->config->bus_count; i++) {
        add_configured(fleet, &config->config->buses[i]);
    }
    *out = fleet;
    return GW_OK;
}

enum gw_err fleet_start(struct fleet *fleet, struct gw_error *error)
{
    static const struct bus_ops ops = { on_bus_changed, on_bus_event };
    const struct fleet_config *config = &fleet->config;

    for (unsigned i = 0; i < config->config->bus_count; i++) {
        struct bus_config bus = {
            .loop = config->loop,
            .bus = &config->config->buses[i],
            .run_dir = config->config->run_dir,
            .programs = config->programs,
            .images = config->images,
            .log = config->log,
            .silence_ms = BUS_SILENCE_MS,
            .ops = &ops,
            .ctx = fleet,
        };
        enum gw_err err = bus_open(&fleet->buses[fleet->bus_count], &bus, error);

        if (err) {
            return err;
        }
        fleet->bus_count++;
    }
    return GW_OK;
}

void fleet_close(struct fleet *fleet)
{
    if (!fleet) {
        return;
    }
    for (size_t i = 0; i < fleet->bus_count; i++) {
        bus_close(fleet->buses[i]);
    }
    for (size_t i = 0; i < fleet->device_count; i++) {
        free(fleet->devices[i]->stored);
        free(fleet->devices[i]);
    }
    free(fleet->buses);
    free(fleet->settled);
    free(fleet->devices);
    free(fleet->images);
    free(fleet);
}
