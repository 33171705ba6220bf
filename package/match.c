#include "match.h"

#include <stdio.h>
#include <string.h>

static bool same_ids(const uint8_t vendor_a[16], const uint8_t class_a[16],
                     const uint8_t vendor_b[16], const uint8_t class_b[16])
{
    return memcmp(vendor_a, vendor_b, 16) == 0 && memcmp(class_a, class_b, 16) == 0;
}

/* Does `id` begin with this word (NULL: any word without `stop`), and then `stop`? Moves *id on. */
static bool take_word(const char **id, const char *word, char stop)
{
    size_t len = strcspn(*id, (char[]){ stop, '\0' });
    bool is_right = !word || (strlen(word) == len && strncmp(*id, word, len) == 0);

    *id += len + ((*id)[len] != '\0');
    return is_right;
}

static bool take_prefix(const char **id, const char *prefix)
{
    size_t len = strlen(prefix);

    if (strncmp(*id, prefix, len) != 0) {
        return false;
    }
    *id += len;
    return true;
}

static bool is_serial(const struct device_info *info, const char *text)
{
    return !text ||
           (strlen(text) == info->serial_len && memcmp(text, info->serial, info->serial_len) == 0);
}

/* "usb:1209:0001", with ":0100" (bcdDevice) where the router states it */
static bool matches_usb(const struct bus_match *match, const struct device_info *info)
{
    const char *id = info->bus_id;

    return take_prefix(&id, "usb:") && take_word(&id, match->usb.vid, ':') &&
           take_word(&id, match->usb.pid, ':') && take_word(&id, match->usb.bcd_device, ':') &&
           is_serial(info, match->usb.serial);
}

/* "zigbee:1234/0001", with "/MODEL" where the router states it */
static bool matches_zigbee(const struct bus_match *match, const struct device_info *info)
{
    const char *id = info->bus_id;

    return take_prefix(&id, "zigbee:") && take_word(&id, match->zigbee.manufacturer, '/') &&
           take_word(&id, match->zigbee.image_type, '/') &&
           (!match->zigbee.model || strcmp(id, match->zigbee.model) == 0);
}

/* "modbus:ACME/PM1"; the product code may hold a slash */
static bool matches_modbus(const struct bus_match *match, const struct device_info *info)
{
    const char *id = info->bus_id;

    return take_prefix(&id, "modbus:") && take_word(&id, match->modbus.vendor_name, '/') &&
           (!match->modbus.product_code || strcmp(id, match->modbus.product_code) == 0);
}

/* The kinds of bus are alternatives; none named = any. */
static bool matches_bus(const struct bus_match *match, const struct inventory_device *device)
{
    if (match->kinds == 0) {
        return true;
    }
    return ((match->kinds & BUS_UART) && strcmp(device->router, "uart") == 0) ||
           ((match->kinds & BUS_USB) && matches_usb(match, &device->info)) ||
           ((match->kinds & BUS_ZIGBEE) && matches_zigbee(match, &device->info)) ||
           ((match->kinds & BUS_MODBUS) && matches_modbus(match, &device->info));
}

static bool names_bus_id(const struct image_manifest *image, const char *bus_id)
{
    struct span list = image->bus_ids, one;

    while (bus_id[0] && manifest_next_bus_id(&list, &one)) {
        if (one.len == strlen(bus_id) && memcmp(one.at, bus_id, one.len) == 0) {
            return true;
        }
    }
    return false;
}

static bool has_component(const struct inventory_device *device, uint8_t component)
{
    if (device->is_foreign) {
        return device->declared.component == component;
    }
    for (uint8_t i = 0; i < device->info.slot_count; i++) {
        if (device->info.slots[i].component == component) {
            return true;
        }
    }
    return !device->info.is_own && component == 0; /* one that states no parts has one part */
}

/* For a device that states no ids: what stands in their place. */
static bool is_declared(const struct image_manifest *image, const struct inventory_device *device)
{
    const struct inventory_declared *declared = &device->declared;

    if (device->is_foreign &&
        same_ids(declared->vendor_id, declared->class_id, image->vendor_id, image->class_id)) {
        return true;
    }
    return names_bus_id(image, device->info.bus_id);
}

bool match_is_candidate(const struct system_component *component,
                        const struct image_manifest *image, const struct inventory_device *device)
{
    const struct device_info *info = &device->info;

    if (!has_component(device, image->component) || !matches_bus(&component->match, device)) {
        return false;
    }
    if (info->has_ids) {
        return same_ids(info->vendor_id, info->class_id, image->vendor_id, image->class_id);
    }
    return component->match.kinds != 0 && is_declared(image, device);
}

static bool is_listed(const struct bus_match *match, const struct device_info *info)
{
    for (uint16_t i = 0; i < match->serial_count; i++) {
        if (match->serials[i].len == info->serial_len &&
            memcmp(match->serials[i].at, info->serial, info->serial_len) == 0) {
            return true;
        }
    }
    return match->serial_count == 0;
}

static bool image_lists(const struct image_manifest *image, const struct device_info *info)
{
    struct span list = image->serials, one;
    bool is_any = list.len == 0;

    while (!is_any && manifest_next_serial(&list, &one)) {
        is_any = one.len == info->serial_len && memcmp(one.at, info->serial, one.len) == 0;
    }
    return is_any;
}

static enum gw_err narrow_hardware(const struct image_manifest *image,
                                   const struct inventory_device *device, struct gw_error *error)
{
    bool is_declared = device->is_foreign && device->declared.has_hardware;
    bool is_known = is_declared || device->info.has_hardware;
    uint16_t hardware = is_declared ? device->declared.hardware : device->info.hardware;

    if (!image->has_hardware) {
        return GW_OK;
    }
    if (!is_known) {
        return gw_fail(error, GW_PLAN_HARDWARE,
                       "the image is for hardware %u to %u, %s states none", image->hardware_min,
                       image->hardware_max, device->info.name);
    }
    if (hardware < image->hardware_min || hardware > image->hardware_max) {
        return gw_fail(error, GW_PLAN_HARDWARE, "the image is for hardware %u to %u, %s has %u",
                       image->hardware_min, image->hardware_max, device->info.name, hardware);
    }
    return GW_OK;
}

const struct device_slot *match_target_slot(const struct device_info *info, uint8_t component,
                                            const uint8_t identity[32])
{
    const struct device_slot *target = device_slot_of(info, component, identity);

    for (uint8_t i = 0; i < info->slot_count && !target; i++) {
        if (info->slots[i].component == component && !info->slots[i].is_active) {
            target = &info->slots[i];
        }
    }
    return target ? target : device_active_slot(info, component);
}

static enum gw_err narrow_address(const struct system_component *component,
                                  const struct image_manifest *image,
                                  const struct device_info *info, struct gw_error *error)
{
    const struct device_slot *slot = match_target_slot(info, image->component, component->identity);

    if (!image->has_link_address) {
        return GW_OK;
    }
    if (!slot || !slot->has_link_address || slot->link_address != image->link_address) {
        return gw_fail(error, GW_PLAN_ADDRESS,
                       "the image is linked for 0x%08x, the free slot of %s is another",
                       (unsigned)image->link_address, info->name);
    }
    return GW_OK;
}

enum gw_err match_narrow(const struct system_component *component,
                         const struct image_manifest *image, const struct inventory_device *device,
                         struct gw_error *error)
{
    enum gw_err err = narrow_hardware(image, device, error);

    if (!err &&
        (!is_listed(&component->match, &device->info) || !image_lists(image, &device->info))) {
        err = gw_fail(error, GW_PLAN_SERIAL, "%s is not among the serial numbers listed",
                      device->info.name);
    }
    return err ? err : narrow_address(component, image, &device->info, error);
}
