#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "device.h"
#include "json.h"

static struct device_info example(void)
{
    struct device_info d = {
        .name = "cabinet-1",
        .is_own = true,
        .has_ids = true,
        .vendor_id = { 0xab },
        .class_id = { 0xcd },
        .has_hardware = true,
        .hardware = 3,
        .serial = { 1, 2, 3 },
        .serial_len = 3,
        .bus_id = "usb:1209:0001",
        .caps = { .spare_slot = true,
                  .can_revert = true,
                  .max_manifest = 4096,
                  .max_table = 8192,
                  .max_block = 65536,
                  .verify_ms = 10,
                  .activate_ms = 20,
                  .trial_ms = 30000 },
        .slot_count = 2,
        .slots = { { .slot = 0,
                     .state = SLOT_CONFIRMED,
                     .is_active = true,
                     .has_identity = true,
                     .identity = { 7 },
                     .sequence = 21,
                     .version = "2.1.0",
                     .size = 524288 },
                   { .slot = 1,
                     .state = SLOT_RECEIVING,
                     .has_identity = true,
                     .identity = { 8 },
                     .offset = 4096,
                     .has_link_address = true,
                     .link_address = 0x08040000 } },
        .floor_count = 1,
        .floors = { { 0, 20 } },
        .self_test = SELF_TEST_PASSED,
        .trial_left_ms = 12345,
    };

    return d;
}

static enum gw_err parse_device(struct device_info *d, const char *text)
{
    struct json *json;

    CHECK_EQ(json_parse(&json, text, strlen(text), JSON_STRICT, NULL), GW_OK);
    enum gw_err err = device_from_json(d, json);

    json_free(json);
    return err;
}

static void a_device_survives_the_way_through_json(void)
{
    struct device_info before = example(), after;
    struct json *json = device_to_json(&before);

    CHECK_EQ(device_from_json(&after, json), GW_OK);
    json_free(json);
    CHECK(memcmp(&before, &after, sizeof before) == 0);
}

static void what_is_unknown_is_left_out_and_read_as_unknown(void)
{
    struct device_info before = { .name = "x" }, after;
    struct json *json = device_to_json(&before);

    CHECK(json_get(json, "vendor") == NULL);
    CHECK(json_get(json, "serial") == NULL);
    CHECK(json_get(json, "trial") == NULL);
    CHECK_EQ(device_from_json(&after, json), GW_OK);
    CHECK(memcmp(&before, &after, sizeof before) == 0);
    json_free(json);
}

/* Every member of a whole device, one at a time, with another type: never accepted, nothing left.
 */
static void a_wrong_type_anywhere_is_refused(void)
{
    static const struct device_info zero;
    struct device_info d = example();
    struct json *json = device_to_json(&d);

    for (const struct json *m = json_first(json); m; m = json_next(m)) {
        struct json *broken = json_copy(json);
        struct device_info out;

        (void)json_set(broken, json_key(m),
                       json_is_integer(m) ? json_new_string("1") : json_new_integer(-1));
        CHECK_EQ(device_from_json(&out, broken), GW_BAD_MESSAGE);
        CHECK(memcmp(&out, &zero, sizeof out) == 0);
        json_free(broken);
    }
    json_free(json);
    CHECK_EQ(device_from_json(&d, NULL), GW_BAD_MESSAGE);
}

#define CAPS                                                                                       \
    "\"capabilities\":{\"spare_slot\":true,\"can_revert\":true,\"can_wait\":true,"                 \
    "\"reads_back_identity\":true,\"max_manifest\":0,\"max_table\":0,\"max_block\":0,"             \
    "\"verify_ms\":0,\"activate_ms\":0,\"trial_ms\":0}"

static void faulty_devices_are_refused(void)
{
    static const struct {
        const char *members;
        enum gw_err want;
    } cases[] = {
        { "\"name\":\"a\",\"own\":true,\"mcuboot\":false,\"slots\":[],\"floors\":[]", GW_OK },
        { "\"name\":\"a\",\"own\":true,\"mcuboot\":false,\"slots\":[],\"floors\":[],\"new\":1",
          GW_OK },
        { "\"name\":\"a\",\"own\":true,\"mcuboot\":false,\"slots\":[],\"floors\":[],"
          "\"vendor\":null,\"trial\":null",
          GW_OK },
        { "\"name\":\"\",\"own\":true,\"mcuboot\":false,\"slots\":[],\"floors\":[]",
          GW_BAD_MESSAGE },
        { "\"own\":true,\"mcuboot\":false,\"slots\":[],\"floors\":[]", GW_BAD_MESSAGE },
        { "\"name\":\"a\",\"mcuboot\":false,\"slots\":[],\"floors\":[]", GW_BAD_MESSAGE },
        { "\"name\":\"a\",\"own\":true,\"mcuboot\":false,\"slots\":[],\"floors\":[],"
          "\"vendor\":\"00000000000000000000000000000000\"",
          GW_BAD_MESSAGE }, /* vendor without class */
        { "\"name\":\"a\",\"own\":true,\"mcuboot\":false,\"slots\":[],\"floors\":[],"
          "\"hardware\":65536",
          GW_BAD_MESSAGE },
        { "\"name\":\"a\",\"own\":true,\"mcuboot\":false,\"slots\":[],\"floors\":[],"
          "\"serial\":\"abc\"",
          GW_BAD_MESSAGE },
        { "\"name\":\"a\",\"own\":true,\"mcuboot\":false,\"slots\":[{\"component\":0,\"slot\":0,"
          "\"state\":\"odd\",\"active\":true}],\"floors\":[]",
          GW_BAD_MESSAGE },
        { "\"name\":\"a\",\"own\":true,\"mcuboot\":false,\"slots\":[],\"floors\":[],"
          "\"trial\":{\"self_test\":\"none\",\"left_ms\":1}",
          GW_BAD_MESSAGE },
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct device_info d;
        char text[1024];

        (void)snprintf(text, sizeof text, "{%s,%s}", cases[i].members, CAPS);
        CHECK_EQ(parse_device(&d, text), cases[i].want);
    }
}

static void more_slots_than_fit_are_refused(void)
{
    struct device_info d = example();
    struct json *json = device_to_json(&d);
    const struct json *slots = json_get(json, "slots");
    struct json *many = json_new_array();

    for (int i = 0; i <= DEVICE_SLOTS_MAX; i++) {
        CHECK_EQ(json_count(many), i);
        (void)json_append(many, json_copy(json_first(slots)));
    }
    (void)json_set(json, "slots", many);
    CHECK_EQ(device_from_json(&d, json), GW_BAD_MESSAGE);
    json_free(json);
}

static void slots_are_found_by_component_and_identity(void)
{
    struct device_info d = example();
    uint8_t other[32] = { 9 };

    CHECK(device_active_slot(&d, 0) == &d.slots[0]);
    CHECK(device_active_slot(&d, 1) == NULL);
    CHECK(device_slot_of(&d, 0, d.slots[1].identity) == &d.slots[1]);
    CHECK(device_slot_of(&d, 0, other) == NULL);
    CHECK(device_slot_of(&d, 1, d.slots[1].identity) == NULL);
}

int main(void)
{
    TEST(a_device_survives_the_way_through_json);
    TEST(what_is_unknown_is_left_out_and_read_as_unknown);
    TEST(a_wrong_type_anywhere_is_refused);
    TEST(faulty_devices_are_refused);
    TEST(more_slots_than_fit_are_refused);
    TEST(slots_are_found_by_component_and_identity);
    return checks_failed != 0;
}
