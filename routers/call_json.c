#include "call_json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"

static bool take_uint(const struct json *json, const char *key, uint64_t max, uint64_t *out)
{
    int64_t value = json_get_integer(json, key, -1);

    *out = (uint64_t)value;
    return value >= 0 && (uint64_t)value <= max;
}

enum gw_err image_ref_from_json(struct image_ref *out, const struct json *json)
{
    const char *version = json_get_string(json, "version");
    uint64_t cms_size, payload_size, block_size, component, sequence;

    memset(out, 0, sizeof *out);
    out->payload_only = json_get_bool(json, "payload_only", false);
    out->retry = json_get_bool(json, "retry", false);
    out->has_state_hash = json_get_hex(json, "state_hash", out->state_hash, 32);
    bool ok = take_uint(json, "handle", INT64_MAX, &out->handle) &&
              take_uint(json, "size", INT64_MAX, &out->size) &&
              take_uint(json, "cms_size", UINT32_MAX, &cms_size) &&
              take_uint(json, "payload_size", UINT32_MAX, &payload_size) &&
              take_uint(json, "block_size", UINT32_MAX, &block_size) &&
              take_uint(json, "component", UINT8_MAX, &component) &&
              take_uint(json, "sequence", UINT32_MAX, &sequence) &&
              json_get_hex(json, "identity", out->identity, 32) &&
              json_get_hex(json, "token", out->token, 32) && version &&
              strlen(version) < sizeof out->version;

    if (!ok) {
        memset(out, 0, sizeof *out);
        return GW_BAD_PARAMETER;
    }
    out->cms_size = (uint32_t)cms_size;
    out->payload_size = (uint32_t)payload_size;
    out->block_size = (uint32_t)block_size;
    out->component = (uint8_t)component;
    out->sequence = (uint32_t)sequence;
    (void)snprintf(out->version, sizeof out->version, "%s", version);
    return GW_OK;
}

static bool copy_name(char out[DEVICE_NAME_MAX], const char *text)
{
    return snprintf(out, DEVICE_NAME_MAX, "%s", text ? text : "") < DEVICE_NAME_MAX;
}

struct router_config *router_config_from_json(const struct json *parameters)
{
    const struct json *devices = json_get(parameters, "devices");
    size_t count = json_count(devices);
    struct router_config *config = NULL;

    if (count <= ROUTER_DEVICES_MAX) {
        config = calloc(1, sizeof *config + count * sizeof config->devices[0]);
    }
    if (!config) {
        return NULL;
    }
    config->bus = json_get_string(parameters, "bus");
    config->options = json_get(parameters, "options");
    for (const struct json *d = json_first(devices); d; d = json_next(d)) {
        struct router_device *device = &config->devices[config->device_count++];

        device->is_foreign = json_get_bool(d, "foreign", false);
        if (!copy_name(device->name, json_get_string(d, "name")) ||
            !copy_name(device->address, json_get_string(d, "address"))) {
            free(config);
            return NULL;
        }
    }
    return config;
}

static const char *outcome_word(enum outcome outcome)
{
    switch (outcome) {
    case OUTCOME_DONE:
        return "done";
    case OUTCOME_FAILED:
        return "failed";
    case OUTCOME_AWAY:
        return "away";
    case OUTCOME_DEFERRED:
        return "deferred";
    case OUTCOME_OFFERED:
        return "offered";
    }
    return "failed";
}

struct json *device_result_to_json(const struct device_result *result)
{
    struct json *json = json_new_object();

    json_set_string(json, "device", result->device);
    json_set_string(json, "outcome", outcome_word(result->outcome));
    if (result->error.err) {
        json_set_integer(json, "code", result->error.err);
        json_set_string(json, "detail", result->error.detail[0] ? result->error.detail : NULL);
    }
    if (result->reason) {
        json_set_integer(json, "reason", result->reason);
    }
    json_set_integer(json, "bytes_sent", (int64_t)result->bytes_sent);
    json_set_integer(json, "resumed_at", (int64_t)result->resumed_at);
    json_set_integer(json, "verify_ms", result->verify_ms);
    return json;
}

struct json *bus_test_to_json(const struct bus_test *test)
{
    struct json *json = json_new_object();

    json_set_integer(json, "sent", test->sent);
    json_set_integer(json, "answered", test->answered);
    json_set_integer(json, "repeated", test->repeated);
    json_set_integer(json, "turnaround_us_min", test->turnaround_us_min);
    json_set_integer(json, "turnaround_us_median", test->turnaround_us_median);
    json_set_integer(json, "turnaround_us_max", test->turnaround_us_max);
    json_set_string(json, "advice", test->advice);
    return json;
}
