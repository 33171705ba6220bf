#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control_inner.h"
#include "engine.h"
#include "env_uv.h"
#include "error_json.h"
#include "fleet.h"
#include "json.h"
#include "store.h"

enum { TEST_READS = 200, TEST_READS_MAX = 10000 };

/* ---- devices ---- */

/* Does the newest job want another image on this device than the one that runs? */
static bool is_outdated(const struct fleet *fleet, const struct job_record *job, const char *name)
{
    const struct fleet_device *device = fleet_device(fleet, name);
    struct inventory_device seen;

    for (uint16_t i = 0; device && i < job->step_count; i++) {
        const struct component_row *component = &job->components[job->steps[i].component];

        if (strcmp(job->steps[i].device, name) == 0) {
            fleet_describe(fleet, device, &seen);
            const struct device_slot *slot = device_active_slot(&seen.info, component->component);

            return !slot || !slot->has_identity ||
                   memcmp(slot->identity, component->identity, sizeof slot->identity) != 0;
        }
    }
    return false;
}

const char *control_device_state(struct control *control, const char *device, const char *state)
{
    uint64_t newest;
    size_t n;
    bool is_owned;

    if (strcmp(state, "absent") == 0 || strcmp(state, "trial") == 0 ||
        store_job_ids(control->core->store, &newest, 1, &n) != GW_OK || n == 0) {
        return state;
    }
    const struct job_record *job = control_find_job(control, newest, &is_owned);

    /* While the job is open, what the device has of the new image says more. */
    if (job && (strcmp(state, "ok") == 0 || !job_is_open(&job->job)) &&
        is_outdated(control->core->fleet, job, device)) {
        state = "outdated";
    }
    if (job) {
        control_release_job(job, is_owned);
    }
    return state;
}

static struct json *device_json(struct control *control, const struct fleet_device *device)
{
    struct inventory_device described;

    fleet_describe(control->core->fleet, device, &described);
    struct json *json = inventory_device_to_json(&described);
    const char *state = json_get_string(json, "state");

    json_set_string(json, "state",
                    control_device_state(control, device->name, state ? state : "absent"));
    if (device->last_seen_s) {
        json_set_integer(json, "last_seen", device->last_seen_s);
    }
    if (device->error.err) {
        (void)json_set(json, "error", error_to_json(&device->error));
    }
    return json;
}

struct json *control_device_json(struct control *control, const char *name)
{
    const struct fleet_device *device = fleet_device(control->core->fleet, name);

    return device ? device_json(control, device) : NULL;
}

static void reply_devices(struct control *control, struct vl_call *call)
{
    const struct fleet_device *device;
    struct json *answer = json_new_object();
    struct json *devices = json_set(answer, "devices", json_new_array());

    for (size_t i = 0; (device = fleet_device_at(control->core->fleet, i)); i++) {
        (void)json_append(devices, device_json(control, device));
    }
    vl_call_reply(call, answer, false);
}

struct refresh {
    struct pending pending;
    struct control *control;
    struct vl_call *call;
    struct fleet_refresh *running;
};

static void drop_refresh(struct pending *pending)
{
    struct refresh *refresh = (struct refresh *)pending;

    fleet_refresh_cancel(refresh->running);
    free(refresh);
}

static void on_refreshed(void *ctx)
{
    struct refresh *refresh = ctx;

    reply_devices(refresh->control, refresh->call);
    free(refresh);
}

void control_devices(struct control *control, struct vl_call *call)
{
    struct refresh *refresh = calloc(1, sizeof *refresh);
    bool ask = json_get_bool(vl_call_parameters(call), "refresh", false);

    if (!refresh) {
        control_fail(call, GW_NO_MEMORY, "refresh");
        return;
    }
    *refresh = (struct refresh){ { drop_refresh }, control, call, NULL };
    refresh->running = fleet_refresh_start(control->core->fleet, ask, on_refreshed, refresh);
    if (!refresh->running) {
        free(refresh);
        control_fail(call, GW_NO_MEMORY, "refresh");
        return;
    }
    vl_call_set_data(call, &refresh->pending);
}

/* ---- buses ---- */

/* What the configuration adds to the router's profile, as text. */
static void add_sandbox(struct json *json, const struct config_bus *config)
{
    struct json *added = json_new_object();

    if (config->sandbox) {
        (void)json_set(added, "sandbox", json_copy(config->sandbox));
    }
    if (config->environment) {
        (void)json_set(added, "environment", json_copy(config->environment));
    }
    char *text = json_print(added);

    json_set_string(json, "sandbox", text);
    json_free(added);
    free(text);
}

static struct json *bus_json(const struct core *core, const struct bus *bus)
{
    const struct config_bus *config = bus_config_of(bus);
    const struct fleet_device *device;
    struct json *json = json_new_object();
    int64_t devices = 0;

    for (size_t i = 0; (device = fleet_device_at(core->fleet, i)); i++) {
        devices += strcmp(device->bus, config->name) == 0 && device->is_present;
    }
    json_set_string(json, "name", config->name);
    json_set_string(json, "router", config->router);
    json_set_string(json, "link", config->link);
    json_set_string(json, "state", bus_state_word(bus_state(bus)));
    json_set_integer(json, "devices", devices);
    json_set_integer(json, "restarts", bus_restarts(bus));
    if (config->sandbox || config->environment) {
        add_sandbox(json, config);
    }
    if (bus_error(bus)->err) {
        (void)json_set(json, "error", error_to_json(bus_error(bus)));
    }
    return json;
}

void control_buses(struct control *control, struct vl_call *call)
{
    const struct bus *bus;
    struct json *answer = json_new_object();
    struct json *buses = json_set(answer, "buses", json_new_array());

    for (size_t i = 0; (bus = fleet_bus_at(control->core->fleet, i)); i++) {
        (void)json_append(buses, bus_json(control->core, bus));
    }
    vl_call_reply(call, answer, false);
}

/* The bus that the call names; NULL: it has been answered. */
static struct bus *named_bus(struct control *control, struct vl_call *call)
{
    const char *name = json_get_string(vl_call_parameters(call), "name");
    struct bus *bus = fleet_bus(control->core->fleet, name);

    if (!bus) {
        control_fail(call, GW_NOT_FOUND, "bus %s", name);
    }
    return bus;
}

static void reply_bus(struct control *control, struct vl_call *call, const struct bus *bus)
{
    struct json *answer = json_new_object();

    (void)json_set(answer, "bus", bus_json(control->core, bus));
    vl_call_reply(call, answer, false);
}

void control_bus_pause(struct control *control, struct vl_call *call)
{
    struct bus *bus = named_bus(control, call);

    if (bus) {
        control_audit(control, vl_call_peer(call), "bus paused", bus_name(bus), NULL);
        bus_pause(bus);
        reply_bus(control, call, bus);
    }
}

void control_bus_resume(struct control *control, struct vl_call *call)
{
    struct bus *bus = named_bus(control, call);

    if (bus) {
        control_audit(control, vl_call_peer(call), "bus resumed", bus_name(bus), NULL);
        bus_resume(bus);
        reply_bus(control, call, bus);
    }
}

struct bus_test {
    struct pending pending;
    struct vl_call *call;
    struct bus_call *running;
    char bus[CONFIG_NAME_MAX], device[DEVICE_NAME_MAX];
};

static void drop_test(struct pending *pending)
{
    struct bus_test *test = (struct bus_test *)pending;

    bus_call_cancel(test->running);
    free(test);
}

static void on_test_end(void *ctx, const struct gw_error *error, const struct json *parameters)
{
    struct bus_test *test = ctx;

    if (error->err) {
        control_fail_with(test->call, error);
    } else {
        struct json *answer = parameters ? json_copy(parameters) : json_new_object();

        json_set_string(answer, "name", test->bus);
        json_set_string(answer, "device", test->device);
        vl_call_reply(test->call, answer, false);
    }
    free(test);
}

/* A test needs the line for itself. */
static enum gw_err check_free(const struct bus *bus, struct gw_error *error)
{
    switch (bus_state(bus)) {
    case BUS_OPEN:
        return GW_OK;
    case BUS_BUSY:
        return gw_fail(error, GW_BUSY, "bus %s has a call under way", bus_name(bus));
    case BUS_PAUSED:
        return gw_fail(error, GW_BUS_PAUSED, "bus %s", bus_name(bus));
    case BUS_STARTING:
        return gw_fail(error, GW_BUSY, "bus %s is starting", bus_name(bus));
    case BUS_PARKED:
    case BUS_FAILED:
        break;
    }
    *error = *bus_error(bus);
    return error->err;
}

static const char *first_device(const struct core *core, const struct bus *bus)
{
    const struct fleet_device *device;

    for (size_t i = 0; (device = fleet_device_at(core->fleet, i)); i++) {
        if (strcmp(device->bus, bus_name(bus)) == 0) {
            return device->name;
        }
    }
    return bus_name(bus);
}

void control_bus_test(struct control *control, struct vl_call *call)
{
    static const struct bus_call_events events = { .end = on_test_end };
    int64_t count = json_get_integer(vl_call_parameters(call), "count", TEST_READS);
    struct bus *bus = named_bus(control, call);
    struct gw_error error;

    if (!bus) {
        return;
    }
    if (count < 1 || count > TEST_READS_MAX) {
        control_fail(call, GW_BAD_PARAMETER, "count: 1..%d", TEST_READS_MAX);
        return;
    }
    if (check_free(bus, &error)) {
        control_fail_with(call, &error);
        return;
    }
    struct bus_test *test = calloc(1, sizeof *test);
    struct json *parameters = json_new_object();

    if (!test) {
        json_free(parameters);
        control_fail(call, GW_NO_MEMORY, "test");
        return;
    }
    test->pending.drop = drop_test;
    test->call = call;
    (void)snprintf(test->bus, sizeof test->bus, "%s", bus_name(bus));
    (void)snprintf(test->device, sizeof test->device, "%s", first_device(control->core, bus));
    json_set_string(parameters, "device", test->device);
    json_set_integer(parameters, "count", count);
    enum gw_err err = bus_call_start(&test->running, bus, "Test", parameters, &events, test);

    if (err) {
        free(test);
        control_fail(call, err, "bus %s", bus_name(bus));
        return;
    }
    vl_call_set_data(call, &test->pending);
}
