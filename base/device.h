/* What a sub-device says of itself: the answer of io.gatewayd.Router.Identify, as a struct.
 *
 * One vocabulary for routers (who fill it), the core's inventory and plan (who read it), and the
 * tools (who print it). JSON both ways; unknown members are ignored, wrong types are refused.
 */
#ifndef BASE_DEVICE_H
#define BASE_DEVICE_H

#include <stdbool.h>
#include <stdint.h>

#include "err.h"

struct json;

enum {
    DEVICE_NAME_MAX = 65, /* "<bus>" or "<bus>:<address>", with NUL */
    DEVICE_SERIAL_MAX = 32,
    DEVICE_SLOTS_MAX = 16, /* slots of all components together */
    DEVICE_FLOORS_MAX = 8,
    DEVICE_BUS_ID_MAX = 65,
    DEVICE_VERSION_MAX = 33,
};

/* In JSON the lower-case words: "empty" "receiving" "staged" "trial" "confirmed" "rejected"
 * "unknown" (foreign content that nobody can name). */
enum slot_state {
    SLOT_EMPTY = 0,
    SLOT_RECEIVING, /* partial; `offset` payload bytes are programmed; it can be resumed */
    SLOT_STAGED,    /* complete and verified, not active */
    SLOT_TRIAL,     /* running, not confirmed */
    SLOT_CONFIRMED, /* kept; running when is_active */
    SLOT_REJECTED,  /* failed its check or its trial; `reason` */
    SLOT_UNKNOWN,
};

struct device_slot {
    uint8_t component;
    uint8_t slot;
    enum slot_state state;
    bool is_active;    /* the running one of its component */
    bool has_identity; /* identity is meaningful */
    uint8_t
        identity[32]; /* manifest identity; on foreign devices what the device shows (state_hash) */
    uint32_t sequence;                /* 0 = unknown */
    char version[DEVICE_VERSION_MAX]; /* "" = unknown */
    uint64_t offset;                  /* SLOT_RECEIVING: payload bytes that are safe in flash */
    uint64_t size;                    /* bytes that the slot can hold; 0 = unknown */
    uint16_t reason;                  /* SLOT_REJECTED: verify_result, or 0 = failed its trial */
    bool has_link_address;
    uint32_t link_address; /* execute-in-place slots */
};

enum self_test { SELF_TEST_NONE = 0, SELF_TEST_RUNNING, SELF_TEST_PASSED, SELF_TEST_FAILED };

struct device_info {
    char name[DEVICE_NAME_MAX];
    bool is_own;     /* speaks our protocol and verifies with our verifier */
    bool is_mcuboot; /* a foreign device whose bootloader verifies by itself */
    bool has_ids;    /* states vendor and class ids */
    uint8_t vendor_id[16], class_id[16];
    bool has_hardware;
    uint16_t hardware;
    uint8_t serial[DEVICE_SERIAL_MAX];
    uint8_t serial_len;             /* 0 = states none */
    char bus_id[DEVICE_BUS_ID_MAX]; /* "usb:1209:0001"; "" = none */

    struct device_caps {
        bool spare_slot, can_revert, can_wait, reads_back_identity;
        uint32_t max_manifest, max_table, max_block; /* bytes; 0 = no limit stated (foreign) */
        uint32_t verify_ms;                          /* second round of a full slot */
        uint32_t activate_ms; /* reset to self-test passed, as the maker states it */
        uint32_t trial_ms;    /* how long a trial may last before the device reverts by itself */
    } caps;

    struct device_slot slots[DEVICE_SLOTS_MAX];
    uint8_t slot_count;
    struct device_floor {
        uint8_t component;
        uint32_t floor; /* lowest sequence still accepted */
    } floors[DEVICE_FLOORS_MAX];
    uint8_t floor_count;

    enum self_test self_test; /* of the component on trial; NONE when none is */
    uint32_t trial_left_ms;
};

const char *slot_state_word(enum slot_state state);

/* The slot of `component` that runs; NULL when none. */
const struct device_slot *device_active_slot(const struct device_info *d, uint8_t component);
/* The slot of `component` with this identity, running or not; NULL when none. */
const struct device_slot *device_slot_of(const struct device_info *d, uint8_t component,
                                         const uint8_t identity[32]);

/* io.gatewayd.Router type Device, both ways. */
struct json *device_to_json(const struct device_info *d);
MUST_USE enum gw_err device_from_json(struct device_info *out, const struct json *json);

#endif
