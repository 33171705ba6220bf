#include "inventory.h"

#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "strict_object.h"

static const char *state_of(const struct inventory_device *device)
{
    const struct device_info *info = &device->info;
    const char *state = "ok";

    if (!device->is_present) {
        return "absent";
    }
    for (uint8_t i = 0; i < info->slot_count; i++) {
        switch (info->slots[i].state) {
        case SLOT_TRIAL:
            return "trial";
        case SLOT_RECEIVING:
            state = "receiving";
            break;
        case SLOT_STAGED:
            state = "staged";
            break;
        case SLOT_EMPTY:
        case SLOT_CONFIRMED:
        case SLOT_REJECTED:
        case SLOT_UNKNOWN:
            break;
        }
    }
    return state;
}

static struct json *slot_to_json(const struct device_slot *slot)
{
    struct json *json = json_new_object();

    json_set_integer(json, "component", slot->component);
    json_set_integer(json, "slot", slot->slot);
    json_set_string(json, "state", slot_state_word(slot->state));
    json_set_bool(json, "active", slot->is_active);
    if (slot->has_identity) {
        json_set_hex(json, "identity", slot->identity, sizeof slot->identity);
    }
    if (slot->sequence) {
        json_set_integer(json, "sequence", slot->sequence);
    }
    json_set_string(json, "version", slot->version[0] ? slot->version : NULL);
    return json;
}

static struct json *declared_to_json(const struct inventory_declared *declared)
{
    struct json *json = json_new_object();

    json_set_hex(json, "vendor", declared->vendor_id, sizeof declared->vendor_id);
    json_set_hex(json, "class", declared->class_id, sizeof declared->class_id);
    json_set_integer(json, "component", declared->component);
    if (declared->has_hardware) {
        json_set_integer(json, "hardware", declared->hardware);
    }
    return json;
}

static struct json *record_to_json(const struct inventory_record *record)
{
    struct json *json = json_new_object();

    json_set_integer(json, "component", record->component);
    json_set_integer(json, "floor", record->floor);
    json_set_integer(json, "sequence", record->sequence);
    if (record->sequence) {
        json_set_hex(json, "identity", record->identity, sizeof record->identity);
    }
    return json;
}

/* The ids that hold for the device: stated, or declared for it. */
static void set_ids(struct json *json, const struct inventory_device *device)
{
    const struct device_info *info = &device->info;
    const struct inventory_declared *declared = &device->declared;

    if (device->is_foreign) {
        json_set_hex(json, "vendor", declared->vendor_id, sizeof declared->vendor_id);
        json_set_hex(json, "class", declared->class_id, sizeof declared->class_id);
    } else if (info->has_ids) {
        json_set_hex(json, "vendor", info->vendor_id, sizeof info->vendor_id);
        json_set_hex(json, "class", info->class_id, sizeof info->class_id);
    }
    if (device->is_foreign && declared->has_hardware) {
        json_set_integer(json, "hardware", declared->hardware);
    } else if (info->has_hardware) {
        json_set_integer(json, "hardware", info->hardware);
    }
    if (info->serial_len) {
        json_set_hex(json, "serial", info->serial, info->serial_len);
    }
}

static void set_running(struct json *json, const struct inventory_device *device)
{
    uint8_t component = device->is_foreign ? device->declared.component : 0;
    const struct device_slot *slot = device_active_slot(&device->info, component);

    if (slot) {
        json_set_string(json, "version", slot->version[0] ? slot->version : NULL);
    }
    if (slot && slot->sequence) {
        json_set_integer(json, "sequence", slot->sequence);
    }
}

struct json *inventory_device_to_json(const struct inventory_device *device)
{
    struct json *json = json_new_object();
    struct json *slots = json_new_array(), *records = json_new_array();

    json_set_string(json, "name", device->info.name);
    json_set_string(json, "bus", device->bus);
    json_set_string(json, "router", device->router);
    set_ids(json, device);
    json_set_string(json, "state", state_of(device));
    json_set_string(json, "verified_by", inventory_verified_by(device));
    set_running(json, device);
    json_set_bool(json, "foreign", device->is_foreign);
    for (uint8_t i = 0; i < device->info.slot_count; i++) {
        (void)json_append(slots, slot_to_json(&device->info.slots[i]));
    }
    (void)json_set(json, "slots", slots);
    if (device->baud) {
        json_set_integer(json, "baud", device->baud);
    }
    if (device->is_foreign) {
        (void)json_set(json, "declared", declared_to_json(&device->declared));
    }
    for (uint8_t i = 0; i < device->record_count; i++) {
        (void)json_append(records, record_to_json(&device->records[i]));
    }
    (void)json_set(json, "records", records);
    (void)json_set(json, "identified", device_to_json(&device->info));
    return json;
}

/* A member that may be null may as well be left out. */
static bool is_absent(const struct json *object, const char *key)
{
    const struct json *node = json_get(object, key);

    return !node || json_is_null(node);
}

static void copy_text(struct strict *s, const struct json *object, const char *key, char *out,
                      size_t cap)
{
    const char *text = strict_text(s, object, key, 1, cap - 1);

    memcpy(out, text, strlen(text) + 1);
}

static void take_declared(struct strict *s, struct inventory_declared *out,
                          const struct json *object)
{
    size_t mark = strict_enter(s, "declared");

    strict_hex(s, object, "vendor", out->vendor_id, sizeof out->vendor_id);
    strict_hex(s, object, "class", out->class_id, sizeof out->class_id);
    out->component = (uint8_t)strict_uint_or(s, object, "component", 0, UINT8_MAX, 0);
    out->has_hardware = !is_absent(object, "hardware");
    if (out->has_hardware) {
        out->hardware = (uint16_t)strict_uint(s, object, "hardware", 0, UINT16_MAX);
    }
    strict_leave(s, mark);
}

static void take_records(struct strict *s, struct inventory_device *device,
                         const struct json *object)
{
    const struct json *array = is_absent(object, "records")
                                   ? NULL
                                   : strict_array(s, object, "records", INVENTORY_RECORDS_MAX);
    size_t mark = strict_enter(s, "records");

    for (const struct json *e = json_first(array); e && s->err == GW_OK; e = json_next(e)) {
        struct inventory_record *record = &device->records[device->record_count++];

        record->component = (uint8_t)strict_uint(s, e, "component", 0, UINT8_MAX);
        record->floor = (uint32_t)strict_uint_or(s, e, "floor", 0, UINT32_MAX, 0);
        record->sequence = (uint32_t)strict_uint_or(s, e, "sequence", 0, UINT32_MAX, 0);
        if (record->sequence) {
            strict_hex(s, e, "identity", record->identity, sizeof record->identity);
        }
    }
    strict_leave(s, mark);
}

static void take_device(struct strict *s, struct inventory_device *device,
                        const struct json *object)
{
    const char *state = json_get_string(object, "state");

    if (!is_absent(object, "identified") &&
        device_from_json(&device->info, json_get(object, "identified")) != GW_OK) {
        strict_refuse(s, "identified", "is not a device that a router identified");
    }
    copy_text(s, object, "name", device->info.name, sizeof device->info.name);
    copy_text(s, object, "bus", device->bus, sizeof device->bus);
    copy_text(s, object, "router", device->router, sizeof device->router);
    if (!is_absent(object, "baud")) {
        device->baud = (uint32_t)strict_uint(s, object, "baud", 0, UINT32_MAX);
    }
    device->is_present = state && strcmp(state, "absent") != 0;
    device->is_foreign = strict_bool_or(s, object, "foreign", false);
    if (device->is_foreign) {
        take_declared(s, &device->declared, json_get(object, "declared"));
    }
    take_records(s, device, object);
}

enum gw_err inventory_from_json(struct inventory *out, const struct json *json,
                                struct gw_error *error)
{
    struct strict s = { .code = GW_BAD_PARAMETER, .error = error };
    const struct json *array = strict_array(&s, json, "devices", INVENTORY_DEVICES_MAX);
    size_t count = json_count(array);

    *out = (struct inventory){ 0 };
    if (!array) {
        strict_refuse(&s, "devices", "must be there: save it with gatewayctl devices --json");
        return s.err;
    }
    out->devices = calloc(count ? count : 1, sizeof *out->devices);
    if (!out->devices) {
        return GW_NO_MEMORY;
    }
    for (const struct json *e = json_first(array); e && s.err == GW_OK; e = json_next(e)) {
        size_t mark = strict_enter(&s, "devices");

        (void)strict_enter_index(&s, out->count);
        take_device(&s, &out->devices[out->count++], e);
        strict_leave(&s, mark);
    }
    if (s.err) {
        inventory_free(out);
    }
    return s.err;
}
