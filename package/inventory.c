#include "inventory.h"

#include <stdlib.h>
#include <string.h>

const char *inventory_verified_by(const struct inventory_device *device)
{
    if (!device->is_foreign && device->info.is_own) {
        return "gateway + device";
    }
    return device->info.is_mcuboot ? "gateway + MCUboot" : "gateway only";
}

const struct inventory_record *inventory_record_of(const struct inventory_device *device,
                                                   uint8_t component)
{
    for (uint8_t i = 0; i < device->record_count; i++) {
        if (device->records[i].component == component) {
            return &device->records[i];
        }
    }
    return NULL;
}

void inventory_free(struct inventory *inventory)
{
    free(inventory->devices);
    *inventory = (struct inventory){ 0 };
}
