#include "smp_gateway.h"

#include <string.h>

static void put_slot(struct cbor_writer *w, const struct smp_slot *s)
{
    uint32_t pairs = 4u + (s->size != 0) + (s->id != NULL) + (s->sequence != 0) +
                     (s->version.len != 0) + (s->state == SMP_SLOT_RECEIVING) +
                     (s->state == SMP_SLOT_REJECTED) + s->has_address;

    cbor_begin_map(w, pairs);
    cbor_member_uint(w, "image", s->image);
    cbor_member_uint(w, "slot", s->slot);
    cbor_member_uint(w, "state", s->state);
    cbor_member_bool(w, "active", s->active);
    if (s->size != 0) {
        cbor_member_uint(w, "size", s->size);
    }
    if (s->id) {
        cbor_member_bytes(w, "id", s->id, SMP_DIGEST_LEN);
    }
    if (s->sequence != 0) {
        cbor_member_uint(w, "seq", s->sequence);
    }
    if (s->version.len != 0) {
        cbor_put_text(w, "ver");
        cbor_put_text_span(w, (const char *)s->version.at, s->version.len);
    }
    if (s->state == SMP_SLOT_RECEIVING) {
        cbor_member_uint(w, "off", s->offset);
    }
    if (s->state == SMP_SLOT_REJECTED) {
        cbor_member_uint(w, "reason", s->reason);
    }
    if (s->has_address) {
        cbor_member_uint(w, "addr", s->address);
    }
}

static void put_caps(struct cbor_writer *w, const struct smp_caps *caps)
{
    cbor_put_text(w, "caps");
    cbor_begin_map(w, 10);
    cbor_member_bool(w, "spare", caps->spare);
    cbor_member_bool(w, "revert", caps->revert);
    cbor_member_bool(w, "wait", caps->wait);
    cbor_member_bool(w, "readback", caps->readback);
    cbor_member_uint(w, "manifest", caps->manifest);
    cbor_member_uint(w, "table", caps->table);
    cbor_member_uint(w, "block", caps->block);
    cbor_member_uint(w, "verify", caps->verify);
    cbor_member_uint(w, "activate", caps->activate);
    cbor_member_uint(w, "trial", caps->trial);
}

static uint32_t common_pairs(const struct smp_device_facts *f)
{
    return 2u + (f->vendor != NULL) + (f->class_id != NULL) + f->has_hardware +
           (f->serial.len != 0);
}

/* What identify and report both say. */
static void put_common(struct cbor_writer *w, const struct smp_device_facts *f)
{
    if (f->vendor) {
        cbor_member_bytes(w, "vendor", f->vendor, SMP_ID_LEN);
    }
    if (f->class_id) {
        cbor_member_bytes(w, "class", f->class_id, SMP_ID_LEN);
    }
    if (f->has_hardware) {
        cbor_member_uint(w, "hw", f->hardware);
    }
    if (f->serial.len != 0) {
        cbor_member_bytes(w, "serial", f->serial.at, f->serial.len);
    }
    cbor_put_text(w, "slots");
    cbor_begin_array(w, (uint32_t)f->slot_count);
    for (size_t i = 0; i < f->slot_count; i++) {
        put_slot(w, &f->slots[i]);
    }
    cbor_put_text(w, "floors");
    cbor_begin_array(w, (uint32_t)f->floor_count);
    for (size_t i = 0; i < f->floor_count; i++) {
        cbor_begin_map(w, 2);
        cbor_member_uint(w, "image", f->floors[i].image);
        cbor_member_uint(w, "floor", f->floors[i].floor);
    }
}

void smp_put_identify_answer(struct cbor_writer *w, const struct smp_device_facts *f)
{
    cbor_begin_map(w, 1u + common_pairs(f) + f->has_caps + f->has_trial);
    cbor_put_text(w, "magic");
    cbor_put_text(w, SMP_GATEWAY_MAGIC);
    put_common(w, f);
    if (f->has_caps) {
        put_caps(w, &f->caps);
    }
    if (f->has_trial) {
        cbor_put_text(w, "trial");
        cbor_begin_map(w, 3);
        cbor_member_uint(w, "image", f->trial_image);
        cbor_member_uint(w, "test", f->trial_test);
        cbor_member_uint(w, "left", f->trial_left_ms);
    }
}

void smp_put_report_answer(struct cbor_writer *w, const struct smp_device_facts *f)
{
    cbor_begin_map(w, 1u + common_pairs(f) + (f->nonce != NULL));
    if (f->nonce) {
        cbor_member_bytes(w, "nonce", f->nonce, SMP_NONCE_LEN);
    }
    put_common(w, f);
    cbor_member_uint(w, "boots", f->boots);
}

/* An unsigned number of at most `max`. */
static uint32_t take_up_to(struct cbor_reader *r, uint32_t max)
{
    uint32_t value = cbor_take_u32(r);

    r->ok = r->ok && value <= max;
    return r->ok ? value : 0;
}

enum slot_key {
    SLOT_IMAGE,
    SLOT_SLOT,
    SLOT_STATE,
    SLOT_ACTIVE,
    SLOT_SIZE,
    SLOT_ID,
    SLOT_SEQUENCE,
    SLOT_VERSION,
    SLOT_OFFSET,
    SLOT_REASON,
    SLOT_ADDRESS,
    SLOT_KEYS
};

static void take_slot_member(struct cbor_reader *r, enum slot_key key, struct smp_slot *s)
{
    switch (key) {
    case SLOT_IMAGE:
        s->image = take_up_to(r, UINT8_MAX);
        break;
    case SLOT_SLOT:
        s->slot = take_up_to(r, UINT8_MAX);
        break;
    case SLOT_STATE:
        s->state = (enum smp_slot_state)take_up_to(r, SMP_SLOT_REJECTED);
        break;
    case SLOT_ACTIVE:
        s->active = cbor_take_bool(r);
        break;
    case SLOT_SIZE:
        s->size = cbor_take_u32(r);
        break;
    case SLOT_ID:
        s->id = cbor_take_fixed(r, SMP_DIGEST_LEN);
        break;
    case SLOT_SEQUENCE:
        s->sequence = cbor_take_u32(r);
        break;
    case SLOT_VERSION:
        s->version = cbor_take_text(r);
        r->ok = r->ok && s->version.len <= SMP_VERSION_MAX;
        break;
    case SLOT_OFFSET:
        s->offset = cbor_take_u32(r);
        break;
    case SLOT_REASON:
        s->reason = (uint16_t)take_up_to(r, UINT16_MAX);
        break;
    case SLOT_ADDRESS:
        s->has_address = true;
        s->address = cbor_take_u32(r);
        break;
    case SLOT_KEYS:
        break;
    }
}

static void take_slot(struct cbor_reader *r, struct smp_slot *s)
{
    static const char *const keys[SLOT_KEYS] = { "image", "slot", "state", "active", "size", "id",
                                                 "seq",   "ver",  "off",   "reason", "addr" };
    enum { NEEDED = 1u << SLOT_IMAGE | 1u << SLOT_SLOT | 1u << SLOT_STATE | 1u << SLOT_ACTIVE };
    struct cbor_items map = cbor_enter_map(r);
    int key;

    *s = (struct smp_slot){ 0 };
    while ((key = cbor_next_member(r, &map, keys, SLOT_KEYS)) >= 0) {
        take_slot_member(r, (enum slot_key)key, s);
    }
    r->ok = r->ok && (map.seen & NEEDED) == NEEDED;
}

static void take_slots(struct cbor_reader *r, struct smp_device_facts *f)
{
    struct cbor_items array = cbor_enter_array(r);

    while (cbor_next_element(r, &array)) {
        r->ok = f->slot_count < f->slot_cap;
        if (r->ok) {
            take_slot(r, &f->slots[f->slot_count++]);
        }
    }
}

static void take_floor(struct cbor_reader *r, struct smp_floor *floor)
{
    enum { IMAGE, FLOOR, KEYS };
    static const char *const keys[KEYS] = { "image", "floor" };
    struct cbor_items map = cbor_enter_map(r);
    int key;

    *floor = (struct smp_floor){ 0 };
    while ((key = cbor_next_member(r, &map, keys, KEYS)) >= 0) {
        if (key == IMAGE) {
            floor->image = take_up_to(r, UINT8_MAX);
        } else {
            floor->floor = cbor_take_u32(r);
        }
    }
    r->ok = r->ok && map.seen == (1u << KEYS) - 1;
}

static void take_floors(struct cbor_reader *r, struct smp_device_facts *f)
{
    struct cbor_items array = cbor_enter_array(r);

    while (cbor_next_element(r, &array)) {
        r->ok = f->floor_count < f->floor_cap;
        if (r->ok) {
            take_floor(r, &f->floors[f->floor_count++]);
        }
    }
}

static void take_caps(struct cbor_reader *r, struct smp_caps *caps)
{
    static const char *const keys[] = { "spare", "revert", "wait",   "readback", "manifest",
                                        "table", "block",  "verify", "activate", "trial" };
    bool *const flags[] = { &caps->spare, &caps->revert, &caps->wait, &caps->readback };
    uint32_t *const numbers[] = { &caps->manifest, &caps->table,    &caps->block,
                                  &caps->verify,   &caps->activate, &caps->trial };
    enum { KEYS = sizeof keys / sizeof keys[0], FLAGS = sizeof flags / sizeof flags[0] };
    struct cbor_items map = cbor_enter_map(r);
    int key;

    while ((key = cbor_next_member(r, &map, keys, KEYS)) >= 0) {
        if (key < FLAGS) {
            *flags[key] = cbor_take_bool(r);
        } else {
            *numbers[key - FLAGS] = cbor_take_u32(r);
        }
    }
    r->ok = r->ok && map.seen == (1u << KEYS) - 1;
}

static void take_trial(struct cbor_reader *r, struct smp_device_facts *f)
{
    enum { IMAGE, TEST, LEFT, KEYS };
    static const char *const keys[KEYS] = { "image", "test", "left" };
    struct cbor_items map = cbor_enter_map(r);
    int key;

    f->has_trial = true;
    while ((key = cbor_next_member(r, &map, keys, KEYS)) >= 0) {
        if (key == IMAGE) {
            f->trial_image = take_up_to(r, UINT8_MAX);
        } else if (key == TEST) {
            f->trial_test = (enum smp_self_test)take_up_to(r, SMP_TEST_FAILED);
            r->ok = r->ok && f->trial_test != 0;
        } else {
            f->trial_left_ms = cbor_take_u32(r);
        }
    }
    r->ok = r->ok && map.seen == (1u << KEYS) - 1;
}

static void take_magic(struct cbor_reader *r)
{
    struct cbor_string magic = cbor_take_text(r);

    r->ok = r->ok && magic.len == strlen(SMP_GATEWAY_MAGIC) &&
            memcmp(magic.at, SMP_GATEWAY_MAGIC, magic.len) == 0;
}

enum fact_key {
    FACT_MAGIC,
    FACT_VENDOR,
    FACT_CLASS,
    FACT_HARDWARE,
    FACT_SERIAL,
    FACT_SLOTS,
    FACT_FLOORS,
    FACT_CAPS,
    FACT_TRIAL,
    FACT_NONCE,
    FACT_BOOTS,
    FACT_KEYS
};

static void take_fact(struct cbor_reader *r, enum fact_key key, struct smp_device_facts *f)
{
    switch (key) {
    case FACT_MAGIC:
        take_magic(r);
        break;
    case FACT_VENDOR:
        f->vendor = cbor_take_fixed(r, SMP_ID_LEN);
        break;
    case FACT_CLASS:
        f->class_id = cbor_take_fixed(r, SMP_ID_LEN);
        break;
    case FACT_HARDWARE:
        f->has_hardware = true;
        f->hardware = (uint16_t)take_up_to(r, UINT16_MAX);
        break;
    case FACT_SERIAL:
        f->serial = cbor_take_bytes(r);
        r->ok = r->ok && f->serial.len <= SMP_SERIAL_MAX;
        break;
    case FACT_SLOTS:
        take_slots(r, f);
        break;
    case FACT_FLOORS:
        take_floors(r, f);
        break;
    case FACT_CAPS:
        f->has_caps = true;
        take_caps(r, &f->caps);
        break;
    case FACT_TRIAL:
        take_trial(r, f);
        break;
    case FACT_NONCE:
        f->nonce = cbor_take_fixed(r, SMP_NONCE_LEN);
        break;
    case FACT_BOOTS:
        f->boots = cbor_take_u32(r);
        break;
    case FACT_KEYS:
        break;
    }
}

/* Keep the caller's storage, zero all else. */
static void clear_facts(struct smp_device_facts *f)
{
    *f = (struct smp_device_facts){
        .slots = f->slots,
        .slot_cap = f->slot_cap,
        .floors = f->floors,
        .floor_cap = f->floor_cap,
    };
}

static bool get_facts(struct smp_device_facts *f, uint32_t needed, const uint8_t *body, size_t len)
{
    static const char *const keys[FACT_KEYS] = { "magic",  "vendor", "class",  "hw",
                                                 "serial", "slots",  "floors", "caps",
                                                 "trial",  "nonce",  "boots" };
    struct cbor_reader r = cbor_reader_over(body, len);
    struct cbor_items map = cbor_enter_map(&r);
    int key;

    clear_facts(f);
    while ((key = cbor_next_member(&r, &map, keys, FACT_KEYS)) >= 0) {
        take_fact(&r, (enum fact_key)key, f);
    }
    if (!cbor_reader_is_done(&r) || (map.seen & needed) != needed) {
        clear_facts(f);
        return false;
    }
    return true;
}

bool smp_get_identify_answer(struct smp_device_facts *f, const uint8_t *body, size_t len)
{
    return get_facts(f, 1u << FACT_MAGIC | 1u << FACT_VENDOR | 1u << FACT_CLASS, body, len);
}

bool smp_get_report_answer(struct smp_device_facts *f, const uint8_t *body, size_t len)
{
    return get_facts(f, 1u << FACT_NONCE | 1u << FACT_SLOTS, body, len);
}
