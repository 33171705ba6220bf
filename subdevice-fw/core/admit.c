#include "admit.h"

#include <string.h>

#include "slot.h"

static bool has_component(const struct port_geometry *g, uint8_t component)
{
    for (uint8_t i = 0; i < g->slot_count; i++) {
        if (g->slots[i].component == component) {
            return true;
        }
    }
    return false;
}

/* A sequence number that was confirmed stands for one image only. */
static bool is_used_by_another(const struct slotlog *log, const struct image_manifest *m,
                               const uint8_t identity[SHA256_LEN])
{
    const struct port_geometry *g = &log->port->geometry;
    struct slot_head head;

    for (uint8_t i = 0; i < g->slot_count; i++) {
        if (g->slots[i].component == m->component && log->slots[i].confirmed_at > 0 &&
            log->slots[i].sequence == m->sequence && slot_read_head(log->port, i, &head) &&
            memcmp(head.identity, identity, SHA256_LEN) != 0) {
            return true;
        }
    }
    return false;
}

static bool requirements_hold(const struct slotlog *log, const struct image_manifest *m)
{
    struct span list = m->requires;
    uint8_t component, home;
    uint32_t min_sequence;

    while (manifest_next_requirement(&list, &component, &min_sequence)) {
        if (!slotlog_home(log, component, &home) || log->slots[home].sequence < min_sequence) {
            return false;
        }
    }
    return true;
}

enum verify_result admit_image(const struct device_identity *who, const struct slotlog *log,
                               const struct image_manifest *m, const uint8_t identity[SHA256_LEN])
{
    struct span serial = { .at = who->serial, .len = who->serial_len };
    enum verify_result fits;

    if (memcmp(m->vendor_id, who->vendor_id, MANIFEST_ID_LEN) != 0) {
        return VERIFY_FOR_OTHER_VENDOR;
    }
    if (memcmp(m->class_id, who->class_id, MANIFEST_ID_LEN) != 0) {
        return VERIFY_FOR_OTHER_CLASS;
    }
    if (!has_component(&log->port->geometry, m->component)) {
        return VERIFY_FOR_OTHER_COMPONENT;
    }
    if (m->delivery != DELIVERY_GWI) {
        return VERIFY_PAYLOAD_DELIVERY;
    }
    fits = image_manifest_fits(m, who->hardware, serial);
    if (fits != VERIFY_OK) {
        return fits;
    }
    if (m->sequence < slotlog_floor(log, m->component)) {
        return VERIFY_BELOW_FLOOR;
    }
    if (is_used_by_another(log, m, identity)) {
        return VERIFY_EQUIVOCATION;
    }
    return requirements_hold(log, m) ? VERIFY_OK : VERIFY_REQUIRES;
}

enum verify_result admit_slot(const struct port_geometry *g, uint8_t index,
                              const struct image_manifest *m)
{
    const struct port_slot *slot = &g->slots[index];

    if (m->has_link_address && (!slot->has_link_address || slot->link_address != m->link_address)) {
        return VERIFY_FOR_OTHER_ADDRESS;
    }
    return m->image_size > slot_capacity(g, index) ? VERIFY_IMAGE_TOO_LARGE : VERIFY_OK;
}
