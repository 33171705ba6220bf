/* System manifest: the signed JSON that says what a whole system is to run (docs/SPEC, System
 * package).
 *
 * Parsed only after signed_open() has authenticated it. Strict: unknown keys (unless they begin
 * with "x-"), duplicates, wrong types and values out of range are refused with the place and the
 * rule. The JSON tree is not kept: the structs below own what they point to, until
 * system_manifest_free().
 */
#ifndef PACKAGE_SYSTEM_MANIFEST_H
#define PACKAGE_SYSTEM_MANIFEST_H

#include <stdbool.h>
#include <stdint.h>

#include "err.h"
#include "names.h"
#include "pool.h"
#include "span.h"

#define SYSTEM_MANIFEST_FORMAT "gatewayd.system/1"
#define SYSTEM_SEQUENCE_MAX    ((1ULL << 53) - 1)

enum {
    SYSTEM_COMPONENTS_MAX = 256,
    SYSTEM_SERIALS_MAX = 1024, /* serials of one component's match */
    SYSTEM_RELEASE_MAX = 64,   /* bytes */
};

/* Bits of bus_match.kinds: the buses that a component's match names. */
enum bus_kind {
    BUS_MODBUS = 1u << 0,
    BUS_USB = 1u << 1,
    BUS_ZIGBEE = 1u << 2,
    BUS_UART = 1u << 3,
};

/* What narrows a component to devices. The kinds are alternatives; what is written for one kind,
 * and `serials`, must all hold. NULL = not written. */
struct bus_match {
    unsigned kinds; /* 0: any bus */
    struct {
        const char *vendor_name, *product_code;
    } modbus;
    struct {
        const char *vid, *pid, *bcd_device; /* 4 lower-case hex digits */
        const char *serial;                 /* text; its bytes are the device's serial */
    } usb;
    struct {
        const char *manufacturer, *image_type; /* 4 lower-case hex digits */
        const char *model;
    } zigbee;
    const struct span *serials; /* raw octets, 1..32 bytes each; written in hex */
    uint16_t serial_count;      /* 0: any serial */
};

struct system_component {
    const char *name;     /* name_is_component() */
    uint64_t size;        /* bytes of the whole .gwi */
    uint8_t identity[32]; /* manifest_sha256: identity of its image manifest */
    const char *vendor;   /* domain */
    const char *class_name;
    uint8_t vendor_id[16], class_id[16]; /* computed from the two names */
    uint8_t component;                   /* part of the device */
    const char *version;                 /* 1..32 bytes */
    uint32_t sequence;                   /* 1.. */
    bool is_required;
    struct bus_match match;
    const char *group;     /* NULL: a group of its own */
    uint16_t unit;         /* index of the first component of its group: equal = same group */
    const uint16_t *after; /* indices of components that are confirmed (same group: active) first */
    uint16_t after_count;
};

/* Parsed and kept; this version upgrades all devices at once, and plan says so. */
struct system_canary {
    bool is_present;
    uint32_t count;        /* devices of each component that go first, 1.. */
    uint32_t soak_s;       /* how long they run before the others follow */
    uint32_t max_failures; /* how many may fail */
};

struct system_manifest {
    const char *system;  /* name_is_system() */
    const char *release; /* for people */
    uint64_t sequence;   /* 1..SYSTEM_SEQUENCE_MAX */
    uint64_t floor;      /* 1..sequence: stored once this package is confirmed */
    int64_t expires_s;   /* seconds since 1970 */
    struct system_component *components;
    uint16_t component_count; /* 1..SYSTEM_COMPONENTS_MAX */
    const uint16_t *order;    /* all components in order of activation; a group stands together */
    struct system_canary canary;
    struct pool pool; /* private */
};

/* Parse authenticated content. GW_OK, GW_MANIFEST, or GW_NOT_SUPPORTED_YET (`crls` is not empty);
 * then *out is zeroed and *error (may be NULL) names place and rule. */
MUST_USE enum gw_err system_manifest_parse(struct system_manifest *out, struct span content,
                                           struct gw_error *error);
void system_manifest_free(struct system_manifest *manifest);

/* The component of that name, or NULL. */
const struct system_component *system_manifest_find(const struct system_manifest *manifest,
                                                    const char *name);

#endif
