#include "device.h"

#include <stddef.h>
#include <string.h>

#include "json.h"

static const char *const state_words[] = {
    [SLOT_EMPTY] = "empty",     [SLOT_RECEIVING] = "receiving", [SLOT_STAGED] = "staged",
    [SLOT_TRIAL] = "trial",     [SLOT_CONFIRMED] = "confirmed", [SLOT_REJECTED] = "rejected",
    [SLOT_UNKNOWN] = "unknown",
};

static const char *const test_words[] = {
    [SELF_TEST_NONE] = "none",
    [SELF_TEST_RUNNING] = "running",
    [SELF_TEST_PASSED] = "passed",
    [SELF_TEST_FAILED] = "failed",
};

enum {
    STATE_WORDS = sizeof state_words / sizeof state_words[0],
    TEST_WORDS = sizeof test_words / sizeof test_words[0],
};

const char *slot_state_word(enum slot_state state)
{
    return (unsigned)state < STATE_WORDS ? state_words[state] : "unknown";
}

const struct device_slot *device_active_slot(const struct device_info *d, uint8_t component)
{
    for (unsigned i = 0; i < d->slot_count; i++) {
        if (d->slots[i].component == component && d->slots[i].is_active) {
            return &d->slots[i];
        }
    }
    return NULL;
}

const struct device_slot *device_slot_of(const struct device_info *d, uint8_t component,
                                         const uint8_t identity[32])
{
    for (unsigned i = 0; i < d->slot_count; i++) {
        const struct device_slot *slot = &d->slots[i];

        if (slot->component == component && slot->has_identity &&
            memcmp(slot->identity, identity, 32) == 0) {
            return slot;
        }
    }
    return NULL;
}

/* --- to JSON: what is unknown is left out --- */

static void set_known_integer(struct json *object, const char *key, uint64_t value)
{
    if (value != 0) {
        json_set_integer(object, key, (int64_t)value);
    }
}

static void set_known_string(struct json *object, const char *key, const char *text)
{
    json_set_string(object, key, *text ? text : NULL);
}

static struct json *slot_to_json(const struct device_slot *slot)
{
    struct json *json = json_new_object();

    json_set_integer(json, "component", slot->component);
    json_set_integer(json, "slot", slot->slot);
    json_set_string(json, "state", slot_state_word(slot->state));
    json_set_bool(json, "active", slot->is_active);
    if (slot->has_identity) {
        json_set_hex(json, "identity", slot->identity, sizeof slot->identity);
    }
    set_known_integer(json, "sequence", slot->sequence);
    set_known_string(json, "version", slot->version);
    set_known_integer(json, "offset", slot->offset);
    set_known_integer(json, "size", slot->size);
    if (slot->state == SLOT_REJECTED) {
        json_set_integer(json, "reason", slot->reason);
    }
    if (slot->has_link_address) {
        json_set_integer(json, "link_address", slot->link_address);
    }
    return json;
}

static struct json *caps_to_json(const struct device_caps *caps)
{
    struct json *json = json_new_object();

    json_set_bool(json, "spare_slot", caps->spare_slot);
    json_set_bool(json, "can_revert", caps->can_revert);
    json_set_bool(json, "can_wait", caps->can_wait);
    json_set_bool(json, "reads_back_identity", caps->reads_back_identity);
    json_set_integer(json, "max_manifest", caps->max_manifest);
    json_set_integer(json, "max_table", caps->max_table);
    json_set_integer(json, "max_block", caps->max_block);
    json_set_integer(json, "verify_ms", caps->verify_ms);
    json_set_integer(json, "activate_ms", caps->activate_ms);
    json_set_integer(json, "trial_ms", caps->trial_ms);
    return json;
}

static void set_identity(struct json *json, const struct device_info *d)
{
    if (d->has_ids) {
        json_set_hex(json, "vendor", d->vendor_id, sizeof d->vendor_id);
        json_set_hex(json, "class", d->class_id, sizeof d->class_id);
    }
    if (d->has_hardware) {
        json_set_integer(json, "hardware", d->hardware);
    }
    if (d->serial_len != 0) {
        json_set_hex(json, "serial", d->serial, d->serial_len);
    }
    set_known_string(json, "bus_id", d->bus_id);
}

struct json *device_to_json(const struct device_info *d)
{
    struct json *json = json_new_object();

    json_set_string(json, "name", d->name);
    json_set_bool(json, "own", d->is_own);
    json_set_bool(json, "mcuboot", d->is_mcuboot);
    set_identity(json, d);
    (void)json_set(json, "capabilities", caps_to_json(&d->caps));

    struct json *slots = json_set(json, "slots", json_new_array());

    for (unsigned i = 0; i < d->slot_count; i++) {
        (void)json_append(slots, slot_to_json(&d->slots[i]));
    }
    struct json *floors = json_set(json, "floors", json_new_array());

    for (unsigned i = 0; i < d->floor_count; i++) {
        struct json *floor = json_append(floors, json_new_object());

        json_set_integer(floor, "component", d->floors[i].component);
        json_set_integer(floor, "floor", d->floors[i].floor);
    }
    if (d->self_test != SELF_TEST_NONE) {
        struct json *trial = json_set(json, "trial", json_new_object());

        json_set_string(trial, "self_test", test_words[d->self_test]);
        json_set_integer(trial, "left_ms", d->trial_left_ms);
    }
    return json;
}

/* --- from JSON: a poisoning reader; `ok` is tested once, at the end --- */

struct reader {
    const struct json *from; /* the object being read */
    bool ok;
};

/* The member, or NULL when it is absent or null. */
static const struct json *member(const struct reader *r, const char *key)
{
    const struct json *node = json_get(r->from, key);

    return node && !json_is_null(node) ? node : NULL;
}

/* An integer of 0..max; absent = 0, which `required` forbids. */
static uint64_t take_integer(struct reader *r, const char *key, uint64_t max, bool required)
{
    const struct json *node = member(r, key);
    int64_t value = 0;

    if (!node) {
        r->ok = r->ok && !required;
        return 0;
    }
    if (!json_integer(node, &value) || value < 0 || (uint64_t)value > max) {
        r->ok = false;
        return 0;
    }
    return (uint64_t)value;
}

static bool take_bool(struct reader *r, const char *key)
{
    const struct json *node = member(r, key);

    r->ok = r->ok && json_is_bool(node);
    return json_bool(node, false);
}

/* Into `cap` bytes; absent = "". Returns its length. */
static size_t take_string(struct reader *r, const char *key, char *text, size_t cap)
{
    const struct json *node = member(r, key);
    const char *string = json_string(node);

    if (!string || strlen(string) >= cap) {
        r->ok = r->ok && !node;
        text[0] = '\0';
        return 0;
    }
    memcpy(text, string, strlen(string) + 1);
    return strlen(string);
}

/* Exactly `len` bytes; false when absent. */
static bool take_hex(struct reader *r, const char *key, uint8_t *bytes, size_t len)
{
    bool present = member(r, key) != NULL;

    if (!json_get_hex(r->from, key, bytes, len)) {
        r->ok = r->ok && !present;
        return false;
    }
    return true;
}

static int word_index(const char *word, const char *const *words, int count)
{
    for (int i = 0; i < count; i++) {
        if (word && strcmp(word, words[i]) == 0) {
            return i;
        }
    }
    return -1;
}

static void take_slot(struct reader *r, struct device_slot *slot)
{
    int state = word_index(json_get_string(r->from, "state"), state_words, STATE_WORDS);

    r->ok = r->ok && state >= 0;
    slot->state = state >= 0 ? (enum slot_state)state : SLOT_UNKNOWN;
    slot->component = (uint8_t)take_integer(r, "component", UINT8_MAX, true);
    slot->slot = (uint8_t)take_integer(r, "slot", UINT8_MAX, true);
    slot->is_active = take_bool(r, "active");
    slot->has_identity = take_hex(r, "identity", slot->identity, sizeof slot->identity);
    slot->sequence = (uint32_t)take_integer(r, "sequence", UINT32_MAX, false);
    (void)take_string(r, "version", slot->version, sizeof slot->version);
    slot->offset = take_integer(r, "offset", UINT64_MAX, false);
    slot->size = take_integer(r, "size", UINT64_MAX, false);
    slot->reason = (uint16_t)take_integer(r, "reason", UINT16_MAX, false);
    slot->has_link_address = member(r, "link_address") != NULL;
    slot->link_address = (uint32_t)take_integer(r, "link_address", UINT32_MAX, false);
}

static void take_caps(struct reader *r, struct device_caps *caps)
{
    r->ok = r->ok && json_is_object(r->from);
    caps->spare_slot = take_bool(r, "spare_slot");
    caps->can_revert = take_bool(r, "can_revert");
    caps->can_wait = take_bool(r, "can_wait");
    caps->reads_back_identity = take_bool(r, "reads_back_identity");
    caps->max_manifest = (uint32_t)take_integer(r, "max_manifest", UINT32_MAX, true);
    caps->max_table = (uint32_t)take_integer(r, "max_table", UINT32_MAX, true);
    caps->max_block = (uint32_t)take_integer(r, "max_block", UINT32_MAX, true);
    caps->verify_ms = (uint32_t)take_integer(r, "verify_ms", UINT32_MAX, true);
    caps->activate_ms = (uint32_t)take_integer(r, "activate_ms", UINT32_MAX, true);
    caps->trial_ms = (uint32_t)take_integer(r, "trial_ms", UINT32_MAX, true);
}

static void take_identity(struct reader *r, struct device_info *d)
{
    char serial[2 * DEVICE_SERIAL_MAX + 1];
    bool has_vendor = take_hex(r, "vendor", d->vendor_id, sizeof d->vendor_id);
    bool has_class = take_hex(r, "class", d->class_id, sizeof d->class_id);

    r->ok = r->ok && has_vendor == has_class;
    d->has_ids = has_vendor && has_class;
    d->has_hardware = member(r, "hardware") != NULL;
    d->hardware = (uint16_t)take_integer(r, "hardware", UINT16_MAX, false);
    d->serial_len = (uint8_t)(take_string(r, "serial", serial, sizeof serial) / 2);
    (void)take_hex(r, "serial", d->serial, d->serial_len);
    (void)take_string(r, "bus_id", d->bus_id, sizeof d->bus_id);
}

static void take_slots(struct reader *r, struct device_info *d)
{
    const struct json *slots = member(r, "slots");

    if (!json_is_array(slots) || json_count(slots) > DEVICE_SLOTS_MAX) {
        r->ok = false;
        return;
    }
    for (const struct json *s = json_first(slots); s; s = json_next(s)) {
        struct reader slot = { s, r->ok };

        take_slot(&slot, &d->slots[d->slot_count++]);
        r->ok = slot.ok;
    }
}

static void take_floors(struct reader *r, struct device_info *d)
{
    const struct json *floors = member(r, "floors");

    if (!json_is_array(floors) || json_count(floors) > DEVICE_FLOORS_MAX) {
        r->ok = false;
        return;
    }
    for (const struct json *f = json_first(floors); f; f = json_next(f)) {
        struct reader floor = { f, r->ok };

        d->floors[d->floor_count].component = (uint8_t)take_integer(&floor, "component", UINT8_MAX,
                                                                    true);
        d->floors[d->floor_count].floor = (uint32_t)take_integer(&floor, "floor", UINT32_MAX, true);
        d->floor_count++;
        r->ok = floor.ok;
    }
}

static void take_trial(struct reader *r, struct device_info *d)
{
    struct reader trial = { member(r, "trial"), r->ok };

    if (!trial.from) {
        return;
    }
    int test = word_index(json_get_string(trial.from, "self_test"), test_words, TEST_WORDS);

    d->self_test = test > 0 ? (enum self_test)test : SELF_TEST_NONE;
    d->trial_left_ms = (uint32_t)take_integer(&trial, "left_ms", UINT32_MAX, true);
    r->ok = trial.ok && test > 0;
}

enum gw_err device_from_json(struct device_info *out, const struct json *json)
{
    struct reader r = { json, json_is_object(json) };
    struct reader caps = { member(&r, "capabilities"), true };

    memset(out, 0, sizeof *out);
    r.ok = take_string(&r, "name", out->name, sizeof out->name) > 0 && r.ok;
    out->is_own = take_bool(&r, "own");
    out->is_mcuboot = take_bool(&r, "mcuboot");
    take_identity(&r, out);
    take_caps(&caps, &out->caps);
    take_slots(&r, out);
    take_floors(&r, out);
    take_trial(&r, out);
    if (!r.ok || !caps.ok) {
        memset(out, 0, sizeof *out);
        return GW_BAD_MESSAGE;
    }
    return GW_OK;
}
