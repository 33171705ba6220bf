#include "sim_control.h"

#include <string.h>

#include "interfaces.h"

#define PREFIX "io.gatewayd.Sim."

enum { PPM_MAX = 1000000 };

/* One running call. */
struct request {
    struct sim_control *control;
    struct ipc_connection *connection;
    const struct json *parameters;
};

static void done(const struct request *r)
{
    ipc_reply(r->connection, NULL, false);
}

static void not_found(const struct request *r, const char *name)
{
    struct json *parameters = json_new_object();

    json_set_string(parameters, "name", name);
    ipc_reply_error(r->connection, PREFIX "NotFound", parameters);
}

static void invalid(const struct request *r, const char *detail)
{
    struct json *parameters = json_new_object();

    json_set_string(parameters, "detail", detail);
    ipc_reply_error(r->connection, PREFIX "Invalid", parameters);
}

/* The bus that `device` or `bus` names; NULL: the error has been answered. */
static struct sim_field_bus *find(const struct request *r)
{
    const char *device = json_get_string(r->parameters, "device");
    const char *bus = json_get_string(r->parameters, "bus");
    struct sim_field_bus *found = device ? sim_field_find_device(r->control->field, device)
                                         : sim_field_find_bus(r->control->field, bus ? bus : "");

    if (!found) {
        not_found(r, device ? device : bus);
    }
    return found;
}

/* --- facts --- */

static struct json *counters_to_json(const struct sim_counters *c)
{
    struct json *out = json_new_object();

    json_set_integer(out, "bytes_flashed", (int64_t)c->bytes_flashed);
    json_set_integer(out, "erases", (int64_t)c->erases);
    json_set_integer(out, "flash_ops", (int64_t)c->flash_ops);
    json_set_integer(out, "boots", (int64_t)c->boots);
    json_set_integer(out, "requests", (int64_t)c->requests);
    json_set_integer(out, "unverified_bytes", (int64_t)c->unverified_bytes);
    json_set_integer(out, "early_ops", (int64_t)c->early_ops);
    json_set_integer(out, "violations", (int64_t)c->violations);
    json_set_integer(out, "overruns", (int64_t)c->overruns);
    return out;
}

static const char *state_word(bool is_powered, bool is_up, const struct sim_running *running)
{
    if (!is_powered) {
        return "off";
    }
    if (!is_up) {
        return "starting";
    }
    return running->has_image ? "running" : "recovery";
}

static struct json *device_facts_to_json(const struct sim_field_bus *bus)
{
    struct json *out = json_new_object();
    struct sim_running running;
    struct sim_counters counters;
    bool is_up = sim_device_running(bus->bus.device, &running);
    bool is_powered = sim_device_is_powered(bus->bus.device);

    sim_device_count(bus->bus.device, &counters);
    json_set_string(out, "name", bus->device);
    json_set_string(out, "bus", bus->name);
    json_set_string(out, "kind", bus->is_foreign ? "foreign" : "own");
    json_set_string(out, "state", state_word(is_powered, is_up, &running));
    json_set_bool(out, "powered", is_powered);
    json_set_integer(out, "running_sequence", running.sequence);
    json_set_string(out, "running_version", running.version);
    if (running.has_image) {
        json_set_hex(out, "running_identity", running.identity, sizeof running.identity);
    } else {
        json_set_string(out, "running_identity", "");
    }
    json_set_bool(out, "on_trial", running.on_trial);
    json_set(out, "counters", counters_to_json(&counters));
    return out;
}

static void handle_devices(const struct request *r)
{
    struct json *out = json_new_object(), *list = json_set(out, "devices", json_new_array());

    for (size_t i = 0; i < r->control->field->bus_count; i++) {
        json_append(list, device_facts_to_json(&r->control->field->buses[i]));
    }
    ipc_reply(r->connection, out, false);
}

static struct json *line_to_json(const struct sim_field_bus *bus)
{
    const struct sim_line *line = bus->bus.line;
    struct json *out = json_new_object();

    json_set_string(out, "bus", bus->name);
    json_set_string(out, "link", bus->link);
    json_set_integer(out, "baud", sim_line_baud(line));
    json_set_integer(out, "latency_us", sim_line_latency_us(line));
    json_set_bool(out, "broken", sim_line_is_broken(line));
    json_set_integer(out, "bytes_to_device", (int64_t)sim_line_bytes(line, SIM_TO_DEVICE));
    json_set_integer(out, "bytes_from_device", (int64_t)sim_line_bytes(line, SIM_FROM_DEVICE));
    return out;
}

static void handle_lines(const struct request *r)
{
    struct json *out = json_new_object(), *list = json_set(out, "lines", json_new_array());

    for (size_t i = 0; i < r->control->field->bus_count; i++) {
        json_append(list, line_to_json(&r->control->field->buses[i]));
    }
    ipc_reply(r->connection, out, false);
}

/* --- power --- */

static void set_power(const struct request *r, bool on)
{
    struct sim_field_bus *bus = find(r);

    if (bus) {
        sim_bus_power(&bus->bus, r->control->now_us(), on);
        done(r);
    }
}

static void handle_power_cut(const struct request *r)
{
    set_power(r, false);
}

static void handle_power_on(const struct request *r)
{
    set_power(r, true);
}

static void handle_power_cut_at(const struct request *r)
{
    int64_t ops = json_get_integer(r->parameters, "after_flash_ops", 0);
    struct sim_field_bus *bus = find(r);

    if (!bus) {
        return;
    }
    if (ops < 1) {
        invalid(r, "after_flash_ops must be at least 1");
        return;
    }
    if (bus->is_foreign) {
        invalid(r, "a foreign device has no flash model");
        return;
    }
    sim_device_power_off_at(bus->bus.device, (uint64_t)ops, (uint64_t)ops);
    done(r);
}

/* --- faults and noise --- */

static void set_broken(const struct request *r, bool is_broken)
{
    struct sim_field_bus *bus = find(r);

    if (bus) {
        sim_line_set_broken(bus->bus.line, is_broken);
        done(r);
    }
}

static void handle_break_line(const struct request *r)
{
    set_broken(r, true);
}

static void handle_mend_line(const struct request *r)
{
    set_broken(r, false);
}

static void handle_set_faults(const struct request *r)
{
    struct sim_field_bus *bus = find(r);
    struct sim_faults faults;
    struct gw_error error;

    if (!bus) {
        return;
    }
    if (sim_faults_read(&faults, json_get(r->parameters, "faults"), &error)) {
        invalid(r, error.detail);
        return;
    }
    sim_device_set_faults(bus->bus.device, &faults);
    done(r);
}

static bool take_ppm(const struct request *r, const char *key, uint32_t *out)
{
    int64_t value = json_get_integer(r->parameters, key, -1);

    *out = (uint32_t)value;
    return value >= 0 && value <= PPM_MAX;
}

static void handle_set_noise(const struct request *r)
{
    struct sim_field_bus *bus = find(r);
    struct sim_noise noise = { .seed = (uint64_t)json_get_integer(r->parameters, "seed", 1) };

    if (!bus) {
        return;
    }
    if (!take_ppm(r, "loss_ppm", &noise.loss_ppm) ||
        !take_ppm(r, "corruption_ppm", &noise.corruption_ppm) ||
        !take_ppm(r, "duplicate_ppm", &noise.duplicate_ppm)) {
        invalid(r, "loss_ppm, corruption_ppm and duplicate_ppm are 0 to 1000000");
        return;
    }
    sim_line_set_noise(bus->bus.line, &noise);
    done(r);
}

static void handle_reset_counters(const struct request *r)
{
    for (size_t i = 0; i < r->control->field->bus_count; i++) {
        sim_device_reset_counters(r->control->field->buses[i].bus.device);
        sim_line_reset_bytes(r->control->field->buses[i].bus.line);
    }
    done(r);
}

/* --- dispatch --- */

static void on_call(void *context, struct ipc_connection *connection, struct varlink_call *call)
{
    static const struct {
        const char *method;
        void (*handle)(const struct request *r);
    } methods[] = {
        { PREFIX "Devices", handle_devices },    { PREFIX "Lines", handle_lines },
        { PREFIX "PowerCut", handle_power_cut }, { PREFIX "PowerCutAt", handle_power_cut_at },
        { PREFIX "PowerOn", handle_power_on },   { PREFIX "BreakLine", handle_break_line },
        { PREFIX "MendLine", handle_mend_line }, { PREFIX "SetFaults", handle_set_faults },
        { PREFIX "SetNoise", handle_set_noise }, { PREFIX "ResetCounters", handle_reset_counters },
    };
    const struct request r = { context, connection, call->parameters };

    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
        if (strcmp(call->method, methods[i].method) == 0) {
            methods[i].handle(&r);
        }
    }
    varlink_call_free(call);
}

const struct varlink_service *sim_control_service(void)
{
    static const struct varlink_interface *const interfaces[] = { &interface_sim, NULL };
    static const struct varlink_service service = { "gatewaysim", GW_VERSION, interfaces };

    return &service;
}

const struct ipc_server_ops *sim_control_ops(void)
{
    static const struct ipc_server_ops ops = { .call = on_call };

    return &ops;
}
