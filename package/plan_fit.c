#include "plan_fit.h"

#include <string.h>

#include "match.h"
#include "sequence.h"

enum {
    BITS_PER_BYTE_8N1 = 10,
    /* Of the line's bytes that carry the image: raw framing; console framing (base64, 127-byte
     * lines) and the SMP and CBOR headers of 2048-byte messages (docs/SPEC 5.1). */
    OWN_PERCENT = 95,
    FOREIGN_PERCENT = 70,
    NOMINAL_BYTES_PER_S = 100000, /* USB, TCP: where no line speed is known */
};

/* Everything that the checks of one step look at. */
struct fit {
    const struct system_component *component;
    const struct package_image *image;
    const struct inventory_device *device;
    const struct plan_policy *policy;
    const struct device_slot *slot; /* where it would go; may be NULL */
};

static enum gw_err check_delivery(const struct fit *f, struct gw_error *error)
{
    bool is_payload = f->image->manifest.delivery == DELIVERY_PAYLOAD;

    if (is_payload && !f->device->is_foreign) {
        return gw_fail(error, GW_PLAN_FOREIGN, "%s is not declared foreign", f->device->info.name);
    }
    if (!is_payload && (f->device->is_foreign || !f->device->info.is_own)) {
        return gw_fail(error, GW_PLAN_DELIVERY, "%s does not verify a .gwi by itself",
                       f->device->info.name);
    }
    return GW_OK;
}

/* The highest floor that the device or the gateway knows. */
static uint32_t floor_of(const struct fit *f)
{
    const struct device_info *info = &f->device->info;
    const struct inventory_record *record = inventory_record_of(f->device, f->component->component);
    uint32_t floor = record ? record->floor : 0;

    for (uint8_t i = 0; i < info->floor_count; i++) {
        if (info->floors[i].component == f->component->component && info->floors[i].floor > floor) {
            floor = info->floors[i].floor;
        }
    }
    return floor;
}

/* Sequences and identities of this component that were confirmed here. */
static size_t known_of(const struct fit *f, struct sequence_known known[DEVICE_SLOTS_MAX + 1])
{
    const struct device_info *info = &f->device->info;
    const struct inventory_record *record = inventory_record_of(f->device, f->component->component);
    size_t count = 0;

    for (uint8_t i = 0; i < info->slot_count; i++) {
        const struct device_slot *slot = &info->slots[i];

        if (slot->component == f->component->component && slot->has_identity &&
            slot->state == SLOT_CONFIRMED && slot->sequence) {
            known[count].sequence = slot->sequence;
            memcpy(known[count++].identity, slot->identity, 32);
        }
    }
    if (record && record->sequence) {
        known[count].sequence = record->sequence;
        memcpy(known[count++].identity, record->identity, 32);
    }
    return count;
}

static enum gw_err check_sequence(const struct fit *f, struct gw_error *error)
{
    struct sequence_known known[DEVICE_SLOTS_MAX + 1];
    struct sequence_state state = { .floor = floor_of(f),
                                    .known = known,
                                    .known_count = known_of(f, known) };
    uint32_t sequence = f->component->sequence;
    const char *name = f->device->info.name;

    enum gw_err err = sequence_check(&state, sequence, f->component->identity,
                                     f->policy->allow_leap);

    if (err == GW_PACKAGE_SEQUENCE) {
        return gw_fail(error, GW_PLAN_FLOOR, "%s: sequence %u, floor %llu", name, sequence,
                       (unsigned long long)state.floor);
    }
    if (err == GW_PACKAGE_EQUIVOCATION) {
        return gw_fail(error, GW_PLAN_EQUIVOCATION, "%s has another image with sequence %u", name,
                       sequence);
    }
    return err ? gw_fail(error, err, "%s: sequence %u", name, sequence) : GW_OK;
}

static enum gw_err too_large(struct gw_error *error, const struct fit *f, const char *what,
                             uint64_t has, uint64_t takes)
{
    return gw_fail(error, GW_PLAN_TOO_LARGE, "%s: the %s has %llu bytes, it can take %llu",
                   f->device->info.name, what, (unsigned long long)has, (unsigned long long)takes);
}

/* 0 = the device states no limit. */
static bool exceeds(uint64_t has, uint64_t takes)
{
    return takes != 0 && has > takes;
}

static enum gw_err check_size(const struct fit *f, struct gw_error *error)
{
    const struct image_manifest *m = &f->image->manifest;
    const struct device_caps *caps = &f->device->info.caps;
    uint64_t table = (uint64_t)m->block_count * SHA256_LEN;

    if (f->slot && exceeds(m->image_size, f->slot->size)) {
        return too_large(error, f, "image", m->image_size, f->slot->size);
    }
    if (m->delivery == DELIVERY_PAYLOAD) {
        return GW_OK; /* CMS, table and blocks stay on the gateway */
    }
    if (exceeds(f->image->cms_len, caps->max_manifest)) {
        return too_large(error, f, "signed manifest", f->image->cms_len, caps->max_manifest);
    }
    if (exceeds(table, caps->max_table)) {
        return too_large(error, f, "block table", table, caps->max_table);
    }
    return exceeds(m->block_size, caps->max_block)
               ? too_large(error, f, "block", m->block_size, caps->max_block)
               : GW_OK;
}

static bool holds(const struct fit *f, enum slot_state state)
{
    return f->slot && f->slot->state == state && f->slot->has_identity &&
           memcmp(f->slot->identity, f->component->identity, 32) == 0;
}

static enum gw_err check(const struct fit *f, struct gw_error *error)
{
    enum gw_err err;

    if (!f->device->is_present) {
        return gw_fail(error, GW_PLAN_ABSENT, "%s", f->device->info.name);
    }
    err = check_delivery(f, error);
    if (!err) {
        err = check_sequence(f, error);
    }
    if (!err) {
        err = check_size(f, error);
    }
    if (!err && holds(f, SLOT_REJECTED) && !f->policy->retry_rejected) {
        err = gw_fail(error, GW_PLAN_REJECTED, "%s: %s", f->device->info.name,
                      f->slot->reason ? "its verifier refused it" : "it failed its trial");
    }
    return err;
}

/* Bytes of the stream that are not on the device yet. */
static uint64_t bytes_left(const struct fit *f)
{
    bool is_payload = f->image->manifest.delivery == DELIVERY_PAYLOAD;
    uint64_t stream = is_payload ? f->image->manifest.payload_size : f->component->size;

    if (holds(f, SLOT_STAGED) || holds(f, SLOT_TRIAL) || holds(f, SLOT_CONFIRMED)) {
        return 0;
    }
    if (holds(f, SLOT_RECEIVING) && f->slot->offset < stream) {
        return stream - f->slot->offset;
    }
    return stream;
}

static uint32_t transfer_ms(const struct fit *f, uint64_t bytes)
{
    uint64_t percent = f->device->is_foreign ? FOREIGN_PERCENT : OWN_PERCENT;
    uint64_t bytes_per_s = f->device->baud ? f->device->baud / BITS_PER_BYTE_8N1 * percent / 100
                                           : NOMINAL_BYTES_PER_S;
    uint64_t ms = bytes * 1000 / (bytes_per_s ? bytes_per_s : 1);

    ms += bytes ? f->device->info.caps.verify_ms : 0;
    return ms < UINT32_MAX ? (uint32_t)ms : UINT32_MAX;
}

static unsigned warnings_of(const struct fit *f, const struct package *package, bool has_way_back)
{
    const struct device_slot *active = device_active_slot(&f->device->info,
                                                          f->component->component);
    const struct device_caps *caps = &f->device->info.caps;
    bool is_own = f->device->info.is_own && !f->device->is_foreign;
    bool is_downgrade = active && active->sequence > f->component->sequence;

    return (has_way_back ? 0 : PLAN_WARN_NO_WAY_BACK) | (is_downgrade ? PLAN_WARN_DOWNGRADE : 0) |
           (is_own || f->device->info.is_mcuboot ? 0 : PLAN_WARN_GATEWAY_ONLY) |
           (caps->reads_back_identity ? 0 : PLAN_WARN_NO_READ_BACK) |
           (package->manifest.canary.is_present ? PLAN_WARN_CANARY : 0) |
           (f->device->baud ? 0 : PLAN_WARN_UNKNOWN_SPEED);
}

void plan_fit(struct plan_step *step, const struct package *package,
              const struct inventory *inventory, const struct plan_policy *policy)
{
    const struct inventory_device *device = &inventory->devices[step->device];
    const struct system_component *component = &package->manifest.components[step->component];
    struct fit f = {
        .component = component,
        .image = &package->images[step->component],
        .device = device,
        .policy = policy,
        .slot = match_target_slot(&device->info, component->component, component->identity),
    };

    if (device->is_present && holds(&f, SLOT_CONFIRMED) && f.slot->is_active) {
        step->action = PLAN_NONE;
        return;
    }
    if (check(&f, &step->error) != GW_OK) {
        step->action = PLAN_REFUSE;
        return;
    }
    step->action = PLAN_UPGRADE;
    step->has_way_back = device->info.caps.spare_slot && device->info.caps.can_revert;
    step->bytes = bytes_left(&f);
    step->transfer_ms = transfer_ms(&f, step->bytes);
    step->activate_ms = device->info.caps.activate_ms;
    step->warnings = warnings_of(&f, package, step->has_way_back);
}
