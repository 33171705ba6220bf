/* Bodies of SMP group 26487: our own devices, both directions (docs/SPEC 5.4).
 *
 * Conventions as in smp_standard.h. Arrays are the caller's storage on both sides: put reads
 * `count` entries, get fills at most `cap` and refuses a body with more.
 */
#ifndef WIRE_SMP_GATEWAY_H
#define WIRE_SMP_GATEWAY_H

#include "smp.h"

#define SMP_GATEWAY_MAGIC "gwd1"

enum { SMP_NONCE_LEN = 16, SMP_VERSION_MAX = 32, SMP_SERIAL_MAX = 32 };

enum smp_slot_state {
    SMP_SLOT_EMPTY = 0,
    SMP_SLOT_RECEIVING = 1, /* partial; can be resumed */
    SMP_SLOT_STAGED = 2,    /* complete and verified */
    SMP_SLOT_TRIAL = 3,
    SMP_SLOT_CONFIRMED = 4,
    SMP_SLOT_REJECTED = 5,
};

enum smp_self_test { SMP_TEST_RUNNING = 1, SMP_TEST_PASSED = 2, SMP_TEST_FAILED = 3 };

struct smp_slot {
    uint32_t image; /* component */
    uint32_t slot;
    enum smp_slot_state state;
    bool active;
    uint32_t size;              /* bytes that it can hold; 0 = absent */
    const uint8_t *id;          /* manifest identity, 32 bytes; NULL = absent */
    uint32_t sequence;          /* 0 = absent */
    struct cbor_string version; /* at most 32 bytes; len 0 = absent */
    uint32_t offset;            /* receiving: payload bytes that are safe in flash */
    uint16_t reason;            /* rejected: verify_result, 0 = failed its trial */
    bool has_address;
    uint32_t address; /* execute-in-place slots: where it starts */
};

struct smp_floor {
    uint32_t image;
    uint32_t floor;
};

struct smp_caps {
    bool spare, revert, wait, readback;
    uint32_t manifest, table, block;  /* largest CMS, block table and block, bytes */
    uint32_t verify, activate, trial; /* milliseconds */
};

/* The answers of identify and of report. */
struct smp_device_facts {
    const uint8_t *vendor, *class_id; /* 16 bytes each; NULL = absent */
    bool has_hardware;
    uint16_t hardware;
    struct cbor_string serial; /* at most 32 bytes; len 0 = absent */
    struct smp_slot *slots;    /* caller's storage */
    size_t slot_count, slot_cap;
    struct smp_floor *floors; /* caller's storage */
    size_t floor_count, floor_cap;

    /* identify only */
    bool has_caps;
    struct smp_caps caps;
    bool has_trial;
    uint32_t trial_image;
    enum smp_self_test trial_test;
    uint32_t trial_left_ms; /* until the device reverts by itself */

    /* report only */
    const uint8_t *nonce; /* 16 bytes, those of the request */
    uint32_t boots;
};

/* Identify: {} -> facts. get: vendor, class_id and the magic are mandatory. The caller sets slots,
 * slot_cap, floors and floor_cap before get; they are kept when the rest is zeroed. */
void smp_put_identify_answer(struct cbor_writer *w, const struct smp_device_facts *facts);
bool smp_get_identify_answer(struct smp_device_facts *facts, const uint8_t *body, size_t len);

/* Report: {nonce} -> facts with nonce and boots, without caps and trial. */
void smp_put_report_request(struct cbor_writer *w, const uint8_t nonce[SMP_NONCE_LEN]);
bool smp_get_report_request(const uint8_t **nonce, const uint8_t *body, size_t len);
void smp_put_report_answer(struct cbor_writer *w, const struct smp_device_facts *facts);
bool smp_get_report_answer(struct smp_device_facts *facts, const uint8_t *body, size_t len);

/* Revert: {image} -> {}. */
void smp_put_revert(struct cbor_writer *w, uint32_t image);
bool smp_get_revert(uint32_t *image, const uint8_t *body, size_t len);

/* Activate: {image, id, retry} -> {}. */
struct smp_activate {
    uint32_t image;
    const uint8_t *id; /* 32 bytes */
    bool retry;        /* a rejected image too */
};
void smp_put_activate(struct cbor_writer *w, const struct smp_activate *activate);
bool smp_get_activate(struct smp_activate *out, const uint8_t *body, size_t len);

/* Log: {from} -> {next, entries}. */
struct smp_log_entry {
    uint32_t number, event, image, sequence, reason;
};
void smp_put_log_request(struct cbor_writer *w, uint32_t from);
bool smp_get_log_request(uint32_t *from, const uint8_t *body, size_t len);
void smp_put_log_answer(struct cbor_writer *w, uint32_t next, const struct smp_log_entry *entries,
                        size_t count);
bool smp_get_log_answer(uint32_t *next, struct smp_log_entry *entries, size_t cap, size_t *count,
                        const uint8_t *body, size_t len);

#endif
