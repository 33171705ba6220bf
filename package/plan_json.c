#include "plan.h"

#include "error_json.h"
#include "json.h"

static const char *action_word(enum plan_action action)
{
    switch (action) {
    case PLAN_NONE:
        return "none";
    case PLAN_UPGRADE:
        return "upgrade";
    case PLAN_REFUSE:
        return "refuse";
    }
    return "?";
}

static struct json *warnings_to_json(unsigned warnings)
{
    struct json *json = json_new_array();

    for (unsigned bit = 1; bit < PLAN_WARNINGS_END; bit <<= 1) {
        if (warnings & bit) {
            (void)json_append(json, json_new_string(plan_warning_text((enum plan_warning)bit)));
        }
    }
    return json;
}

static void set_from(struct json *json, const struct inventory_device *device, uint8_t component)
{
    const struct device_slot *slot = device_active_slot(&device->info, component);

    if (slot && slot->version[0]) {
        json_set_string(json, "from_version", slot->version);
    }
    if (slot && slot->sequence) {
        json_set_integer(json, "from_sequence", slot->sequence);
    }
}

static int64_t seconds(uint64_t ms)
{
    return (int64_t)((ms + 999) / 1000);
}

static struct json *step_to_json(const struct plan_step *step, const struct package *package,
                                 const struct inventory *inventory)
{
    const struct system_component *c = &package->manifest.components[step->component];
    const struct inventory_device *device = step->device == PLAN_NO_DEVICE
                                                ? NULL
                                                : &inventory->devices[step->device];
    struct json *json = json_new_object();

    json_set_string(json, "device", device ? device->info.name : "");
    json_set_string(json, "bus", device ? device->bus : "");
    json_set_string(json, "component", c->name);
    json_set_string(json, "group", c->group);
    json_set_string(json, "action", action_word(step->action));
    if (device) {
        set_from(json, device, c->component);
    }
    json_set_string(json, "to_version", c->version);
    json_set_integer(json, "to_sequence", c->sequence);
    json_set_integer(json, "bytes", (int64_t)step->bytes);
    json_set_integer(json, "estimated_s", seconds((uint64_t)step->transfer_ms + step->activate_ms));
    json_set_string(json, "mode", step->mode == PLAN_STREAMED ? "streamed" : "cached");
    json_set_string(json, "verified_by", device ? inventory_verified_by(device) : "");
    (void)json_set(json, "warnings", warnings_to_json(step->warnings));
    if (step->action == PLAN_REFUSE) {
        (void)json_set(json, "error", error_to_json(&step->error));
    }
    return json;
}

static bool is_trial(const struct package *package)
{
    bool is_any = package->signer.is_trial;

    for (uint16_t i = 0; i < package->manifest.component_count; i++) {
        is_any = is_any || package->images[i].signer.is_trial;
    }
    return is_any;
}

struct json *plan_to_json(const struct plan *plan, const struct package *package,
                          const struct inventory *inventory)
{
    struct json *json = json_new_object();
    struct json *steps = json_new_array(), *unmatched = json_new_array();

    json_set_string(json, "system", package->manifest.system);
    json_set_string(json, "release", package->manifest.release);
    json_set_integer(json, "sequence", (int64_t)package->manifest.sequence);
    json_set_hex(json, "identity", package->identity, sizeof package->identity);
    json_set_string(json, "signer", package->signer.name);
    json_set_bool(json, "trial_anchor", is_trial(package));
    json_set_integer(json, "estimated_s", seconds(plan->estimated_ms));
    json_set_integer(json, "download_bytes", (int64_t)plan->download_bytes);
    for (size_t i = 0; i < plan->step_count; i++) {
        (void)json_append(steps, step_to_json(&plan->steps[i], package, inventory));
    }
    (void)json_set(json, "steps", steps);
    for (size_t i = 0; i < plan->unmatched_count; i++) {
        const char *name = inventory->devices[plan->unmatched[i]].info.name;

        (void)json_append(unmatched, json_new_string(name));
    }
    (void)json_set(json, "unmatched", unmatched);
    json_set_bool(json, "ok", plan->is_ok);
    return json;
}
