/* What fleet.c and fleet_describe.c share. */
#ifndef GATEWAYD_FLEET_INNER_H
#define GATEWAYD_FLEET_INNER_H

#include "fleet.h"

struct fleet {
    struct fleet_config config;
    struct bus **buses;
    bool *settled; /* for each bus: its first scan has ended, or it could not be opened */
    size_t bus_count;
    struct fleet_device **devices; /* in the order in which they became known */
    size_t device_count;
    struct fleet_image *images;
    size_t image_count;
};

#endif
