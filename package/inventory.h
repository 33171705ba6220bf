/* Inventory: the devices behind this gateway, as plan sees them.
 *
 * The core fills it from what routers identified, from the configuration and from its store; the
 * tools read it back from what `gatewayctl devices --json` printed, so that a plan can be made far
 * from the plant. JSON: io.gatewayd.Control type Device.
 */
#ifndef PACKAGE_INVENTORY_H
#define PACKAGE_INVENTORY_H

#include <stddef.h>

#include "device.h"

struct json;

enum { INVENTORY_RECORDS_MAX = 8, INVENTORY_DEVICES_MAX = 4096, INVENTORY_WORD_MAX = 33 };

/* What the configuration declares about a foreign device, which cannot state it. */
struct inventory_declared {
    uint8_t vendor_id[16], class_id[16];
    uint8_t component; /* the part that its payload replaces */
    bool has_hardware;
    uint16_t hardware;
};

/* What the gateway stored about one component of one device. */
struct inventory_record {
    uint8_t component;
    uint32_t floor;       /* lowest sequence still accepted; 0 = none */
    uint32_t sequence;    /* last one confirmed; 0 = none */
    uint8_t identity[32]; /* of that image; meaningful when sequence is not 0 */
};

struct inventory_device {
    char bus[INVENTORY_WORD_MAX];
    char router[INVENTORY_WORD_MAX]; /* "uart" "usb" "zigbee" "modbus": the kind of bus */
    uint32_t baud;                   /* of the line; 0 = not known */
    bool is_present; /* it answers; otherwise `info` is what it said last, if ever */
    bool is_foreign; /* `declared` holds */
    struct inventory_declared declared;
    /* Slot identities of foreign devices are already translated to manifest identities;
     * has_identity is false where nobody knows which image a hash stands for. */
    struct device_info info;
    struct inventory_record records[INVENTORY_RECORDS_MAX];
    uint8_t record_count;
};

struct inventory {
    struct inventory_device *devices; /* owned */
    size_t count;
};

/* Who checks what this device runs: "gateway + device", "gateway + MCUboot", "gateway only". */
const char *inventory_verified_by(const struct inventory_device *device);

/* The record of this component, or NULL. */
const struct inventory_record *inventory_record_of(const struct inventory_device *device,
                                                   uint8_t component);

/* A new object of type Device with every fact of the struct. `state` is ok, trial, receiving,
 * staged or absent; last_seen and error are left out: the caller knows them. */
struct json *inventory_device_to_json(const struct inventory_device *device);

/* Read {"devices": [Device, ...]}. GW_OK, or GW_BAD_PARAMETER with the place in *error; then *out
 * is empty. */
MUST_USE enum gw_err inventory_from_json(struct inventory *out, const struct json *json,
                                         struct gw_error *error);
void inventory_free(struct inventory *inventory);

#endif
