#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fleet_inner.h"
#include "store.h"
#include "uuid5.h"

void fleet_learn(struct fleet *fleet, const struct fleet_image *image)
{
    struct fleet_image *images;

    for (size_t i = 0; i < fleet->image_count; i++) {
        if (memcmp(fleet->images[i].state_hash, image->state_hash, sizeof image->state_hash) == 0) {
            fleet->images[i] = *image;
            return;
        }
    }
    images = realloc(fleet->images, (fleet->image_count + 1) * sizeof *images);
    if (images) {
        fleet->images = images;
        fleet->images[fleet->image_count++] = *image;
    }
}

/* A hash that nobody knows is content that nobody can name. */
static void translate(const struct fleet *fleet, struct device_slot *slot)
{
    bool was_known = slot->has_identity;

    slot->has_identity = false;
    for (size_t i = 0; was_known && i < fleet->image_count; i++) {
        const struct fleet_image *image = &fleet->images[i];

        if (memcmp(image->state_hash, slot->identity, sizeof slot->identity) == 0) {
            memcpy(slot->identity, image->identity, sizeof slot->identity);
            slot->sequence = image->sequence;
            (void)snprintf(slot->version, sizeof slot->version, "%s", image->version);
            slot->has_identity = true;
            return;
        }
    }
}

static void declare(struct inventory_declared *out, const struct config_device *config)
{
    uuid5_vendor(out->vendor_id, config->vendor);
    uuid5_class(out->class_id, out->vendor_id, config->class_name);
    out->component = config->component;
    out->has_hardware = config->has_hardware;
    out->hardware = config->hardware;
}

/* What the store knows of one component of the device. */
static void add_record(const struct fleet *fleet, struct inventory_device *out, uint8_t component)
{
    struct inventory_record *record = &out->records[out->record_count];
    struct floor_row row = { .component = component };

    if (out->record_count == INVENTORY_RECORDS_MAX || inventory_record_of(out, component)) {
        return;
    }
    memcpy(row.vendor_id, out->is_foreign ? out->declared.vendor_id : out->info.vendor_id,
           sizeof row.vendor_id);
    memcpy(row.class_id, out->is_foreign ? out->declared.class_id : out->info.class_id,
           sizeof row.class_id);
    (void)snprintf(row.device, sizeof row.device, "%s", out->info.name);
    if (store_floor(fleet->config.store, &row) == GW_OK) {
        record->component = component;
        record->floor = row.floor;
        record->sequence = row.sequence;
        memcpy(record->identity, row.identity, sizeof record->identity);
        out->record_count++;
    }
}

static uint32_t baud_of(const char *link)
{
    const char *baud = strstr(link, "baud=");

    return baud ? (uint32_t)strtoul(baud + 5, NULL, 10) : 0;
}

void fleet_describe(const struct fleet *fleet, const struct fleet_device *device,
                    struct inventory_device *out)
{
    const struct config_bus *bus = config_find_bus(fleet->config.config, device->bus);

    *out = (struct inventory_device){ .is_present = device->is_present, .info = device->info };
    (void)snprintf(out->bus, sizeof out->bus, "%s", device->bus);
    (void)snprintf(out->router, sizeof out->router, "%s", bus->router);
    (void)snprintf(out->info.name, sizeof out->info.name, "%s", device->name);
    out->baud = baud_of(bus->link);
    if (device->config && device->config->is_foreign) {
        out->is_foreign = true;
        declare(&out->declared, device->config);
        add_record(fleet, out, out->declared.component);
    }
    for (uint8_t i = 0; i < out->info.slot_count; i++) {
        if (!out->info.is_own) {
            translate(fleet, &out->info.slots[i]);
        }
        add_record(fleet, out, out->info.slots[i].component);
    }
}

enum gw_err fleet_inventory(const struct fleet *fleet, struct inventory *out)
{
    *out = (struct inventory){ .count = fleet->device_count };
    out->devices = calloc(fleet->device_count + 1, sizeof *out->devices);
    if (!out->devices) {
        return GW_NO_MEMORY;
    }
    for (size_t i = 0; i < fleet->device_count; i++) {
        fleet_describe(fleet, fleet->devices[i], &out->devices[i]);
    }
    return GW_OK;
}
