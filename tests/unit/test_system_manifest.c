#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "system_manifest.h"

#define SHA "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define COMPONENT(name, more)                                                                      \
    "{\"name\":\"" name "\",\"size\":183224,\"manifest_sha256\":\"" SHA                            \
    "\",\"vendor\":\"acme.example\",\"class\":\"pm1\",\"component\":0,\"version\":\"2.1.0\","      \
    "\"sequence\":21" more "}"
#define MANIFEST(components, more)                                                                 \
    "{\"format\":\"gatewayd.system/1\",\"system\":\"acme.example/plant-a\","                       \
    "\"release\":\"2026.11\",\"sequence\":42,\"expires\":\"2028-01-01T00:00:00Z\","                \
    "\"components\":[" components "]" more "}"

static enum gw_err parse(struct system_manifest *m, const char *json, struct gw_error *error)
{
    size_t len = strlen(json);
    uint8_t *exact = malloc(len ? len : 1);
    enum gw_err err;

    if (!exact) {
        abort();
    }
    memcpy(exact, json, len);
    err = system_manifest_parse(m, (struct span){ exact, len }, error);
    free(exact); /* nothing may point into it */
    return err;
}

static void full_manifest_is_read(void)
{
    static const char json[] = MANIFEST(
        COMPONENT("meter-fw", ",\"match\":{\"modbus\":{\"vendor_name\":\"ACME\","
                              "\"product_code\":\"PM1\"},\"serials\":[\"0a0b\",\"ff\"]},"
                              "\"required\":false,\"after\":[\"bridge-fw\"],\"group\":\"metering\","
                              "\"x-note\":{\"any\":[1,2]}") "," COMPONENT("bridge-fw", ""),
        ",\"floor\":40,\"crls\":[],\"canary\":{\"count\":1,\"soak\":\"10m\",\"max_failures\":0},"
        "\"x-built-by\":\"ci\"");
    struct system_manifest m;
    struct gw_error error = { 0 };

    CHECK_EQ(parse(&m, json, &error), GW_OK);
    CHECK(strcmp(error.detail, "") == 0);
    CHECK(strcmp(m.system, "acme.example/plant-a") == 0);
    CHECK(strcmp(m.release, "2026.11") == 0);
    CHECK_EQ(m.sequence, 42);
    CHECK_EQ(m.floor, 40);
    CHECK_EQ(m.expires_s, 1830297600);
    CHECK(m.canary.is_present);
    CHECK_EQ(m.canary.soak_s, 600);
    CHECK_EQ(m.component_count, 2);

    const struct system_component *c = system_manifest_find(&m, "meter-fw");

    CHECK(c == m.components);
    CHECK_EQ(c->size, 183224);
    CHECK_EQ(c->identity[31], 0xff);
    CHECK_EQ(c->sequence, 21);
    CHECK(!c->is_required && m.components[1].is_required);
    CHECK_EQ(c->match.kinds, BUS_MODBUS);
    CHECK(strcmp(c->match.modbus.product_code, "PM1") == 0);
    CHECK_EQ(c->match.serial_count, 2);
    CHECK_EQ(c->match.serials[0].len, 2);
    CHECK_EQ(c->match.serials[0].at[1], 0x0b);
    CHECK(strcmp(c->group, "metering") == 0 && m.components[1].group == NULL);
    CHECK_EQ(c->after_count, 1);
    CHECK_EQ(c->after[0], 1);
    CHECK_EQ(m.order[0], 1);
    CHECK_EQ(m.order[1], 0);
    CHECK(system_manifest_find(&m, "other") == NULL);
    system_manifest_free(&m);
}

static void what_is_left_out_has_its_default(void)
{
    struct system_manifest m;

    CHECK_EQ(parse(&m, MANIFEST(COMPONENT("a", ""), ""), NULL), GW_OK);
    CHECK_EQ(m.floor, 42);
    CHECK(!m.canary.is_present);
    CHECK(m.components[0].is_required);
    CHECK_EQ(m.components[0].match.kinds, 0);
    CHECK_EQ(m.components[0].match.serial_count, 0);
    CHECK_EQ(m.order[0], 0);
    system_manifest_free(&m);
}

/* Each case: a text that stands in the good manifest, what replaces it, and where it is refused. */
static const char good[] = MANIFEST(
    COMPONENT("meter-fw",
              ",\"match\":{\"usb\":{\"vid\":\"1209\"},\"serials\":[\"0a\"]},"
              "\"after\":[\"bridge-fw\"],\"group\":\"g\"") "," COMPONENT("bridge-fw", ""),
    ",\"floor\":40,\"canary\":{\"count\":1,\"soak\":\"10m\",\"max_failures\":1}");

static const struct refusal {
    const char *claim, *from, *to, *place;
} refusals[] = {
    { "neg_duplicate_key", "\"floor\":40", "\"floor\":40,\"floor\":41", "" },
    { "neg_duplicate_key_of_a_component", "\"size\":183224", "\"size\":1,\"size\":2", "" },
    { "neg_unknown_key", "\"floor\"", "\"flour\"", "flour" },
    { "neg_unknown_key_of_a_component", "\"group\"", "\"grupp\"", "components[0].grupp" },
    { "neg_unknown_key_in_match", "\"usb\"", "\"lin\"", "components[0].match.lin" },
    { "neg_unknown_key_of_a_bus", "\"vid\"", "\"vida\"", "components[0].match.usb.vida" },
    { "neg_unknown_key_in_canary", "\"soak\"", "\"soaked\"", "canary.soaked" },
    { "neg_other_case_of_a_key", "\"manifest_sha256\"", "\"Manifest_sha256\"",
      "components[0].Manifest_sha256" },
    { "neg_1e999", "\"size\":183224", "\"size\":1e999", "" },
    { "neg_2_53_plus_1", "\"sequence\":42", "\"sequence\":9007199254740993", "" },
    { "neg_2_64_minus_1", "\"sequence\":42", "\"sequence\":18446744073709551615", "" },
    { "neg_negative_size", "\"size\":183224", "\"size\":-1", "components[0].size" },
    { "neg_fraction", "\"size\":183224", "\"size\":1.5", "" },
    { "neg_number_as_text", "\"size\":183224", "\"size\":\"183224\"", "components[0].size" },
    { "neg_size_zero", "\"size\":183224", "\"size\":0", "components[0].size" },
    { "neg_size_above_ustar", "\"size\":183224", "\"size\":8589934592", "components[0].size" },
    { "neg_sequence_zero", "\"sequence\":42", "\"sequence\":0", "sequence" },
    { "neg_image_sequence_above_32_bits", "\"sequence\":21", "\"sequence\":4294967296",
      "components[0].sequence" },
    { "neg_floor_above_sequence", "\"floor\":40", "\"floor\":43", "floor" },
    { "neg_component_256", "\"component\":0", "\"component\":256", "components[0].component" },
    { "neg_other_format", "system/1", "system/2", "format" },
    { "neg_system_with_a_space", "plant-a", "plant a", "system" },
    { "neg_system_that_climbs", "plant-a", "../a", "system" },
    { "neg_release_with_escape", "2026.11", "\\u001b[2J", "release" },
    { "neg_expires_date_only", "2028-01-01T00:00:00Z", "2028-01-01", "expires" },
    { "neg_component_name_in_upper_case", "\"name\":\"meter-fw\"", "\"name\":\"Meter\"",
      "components[0].name" },
    { "neg_component_name_with_path", "\"name\":\"meter-fw\"", "\"name\":\"../meter\"",
      "components[0].name" },
    { "neg_component_name_twice", "\"name\":\"meter-fw\"", "\"name\":\"bridge-fw\"",
      "components[1].name" },
    { "neg_digest_31_bytes",
      "00112233445566778899aabbccddeeff"
      "00",
      "00112233445566778899aabbccddeeff", "components[0].manifest_sha256" },
    { "neg_digest_in_upper_case", "aabbcc", "AABBCC", "components[0].manifest_sha256" },
    { "neg_vendor_in_upper_case", "\"vendor\":\"acme", "\"vendor\":\"Acme",
      "components[0].vendor" },
    { "neg_vendor_with_trailing_dot", "acme.example\"", "acme.example.\"", "components[0].vendor" },
    { "neg_version_too_long", "\"version\":\"2.1.0\"",
      "\"version\":\"0123456789012345678901234567890123\"", "components[0].version" },
    { "neg_version_empty", "\"version\":\"2.1.0\"", "\"version\":\"\"", "components[0].version" },
    { "neg_after_unknown", "[\"bridge-fw\"]", "[\"other\"]", "components[0].after" },
    { "neg_after_itself", "[\"bridge-fw\"]", "[\"meter-fw\"]", "components[0].after" },
    { "neg_after_twice", "[\"bridge-fw\"]", "[\"bridge-fw\",\"bridge-fw\"]",
      "components[0].after" },
    { "neg_after_not_a_list", "[\"bridge-fw\"]", "\"bridge-fw\"", "components[0].after" },
    { "neg_group_empty", "\"group\":\"g\"", "\"group\":\"\"", "components[0].group" },
    { "neg_usb_id_as_number", "\"vid\":\"1209\"", "\"vid\":4617", "components[0].match.usb.vid" },
    { "neg_usb_id_too_long", "\"1209\"", "\"01209\"", "components[0].match.usb.vid" },
    { "neg_serials_empty", "[\"0a\"]", "[]", "components[0].match.serials" },
    { "neg_serial_odd", "[\"0a\"]", "[\"0a1\"]", "components[0].match.serials" },
    { "neg_match_not_an_object", "{\"usb\":{\"vid\":\"1209\"},\"serials\":[\"0a\"]}", "[]",
      "components[0].match" },
    { "neg_canary_count_zero", "\"count\":1", "\"count\":0", "canary.count" },
    { "neg_canary_soak_without_unit", "\"10m\"", "\"10\"", "canary.soak" },
    { "neg_missing_key", "\"release\":\"2026.11\",", "", "release" },
    { "neg_trailing_bytes", "\"max_failures\":1}}", "\"max_failures\":1}}x", "" },
    { "neg_not_an_object", NULL, "[1]", "format" },
    { "neg_not_json", NULL, "hello", "" },
    { "neg_empty", NULL, "", "" },
    { "neg_not_utf8", "2026.11", "\xff", "" },
    { "neg_no_components", NULL, MANIFEST("", ""), "components" },
};

static char *edit(const struct refusal *r)
{
    const char *at = r->from ? strstr(good, r->from) : NULL;
    size_t cap = sizeof good + strlen(r->to) + 1;
    char *json = malloc(cap);

    if (!json || (r->from && !at)) {
        (void)fprintf(stderr, "%s: the good manifest has no %s\n", r->claim, r->from);
        abort();
    }
    if (at) {
        (void)snprintf(json, cap, "%.*s%s%s", (int)(at - good), good, r->to, at + strlen(r->from));
    } else {
        (void)snprintf(json, cap, "%s", r->to);
    }
    return json;
}

static void each_broken_rule_is_refused_with_its_place(void)
{
    struct system_manifest m, zero = { 0 };

    CHECK_EQ(parse(&m, good, NULL), GW_OK);
    system_manifest_free(&m);
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        struct gw_error error = { 0 };
        char *json = edit(&refusals[i]);
        enum gw_err err = parse(&m, json, &error);

        if (err != GW_MANIFEST ||
            strncmp(error.detail, refusals[i].place, strlen(refusals[i].place)) != 0) {
            (void)fprintf(stderr, "%s: %d \"%s\"\n", refusals[i].claim, (int)err, error.detail);
        }
        CHECK_EQ(err, GW_MANIFEST);
        CHECK(strncmp(error.detail, refusals[i].place, strlen(refusals[i].place)) == 0);
        CHECK(memcmp(&m, &zero, sizeof zero) == 0);
        free(json);
    }
}

static void neg_revocation_lists_are_not_supported_yet(void)
{
    struct system_manifest m;

    CHECK_EQ(
        parse(&m, MANIFEST(COMPONENT("a", ""), ",\"crls\":[{\"sha256\":\"" SHA "\",\"size\":494}]"),
              NULL),
        GW_NOT_SUPPORTED_YET);
}

static void every_truncation_is_refused(void)
{
    char json[sizeof good];
    struct system_manifest m;

    for (size_t len = 0; len < sizeof good - 1; len++) {
        memcpy(json, good, len);
        json[len] = '\0';
        CHECK_EQ(parse(&m, json, NULL), GW_MANIFEST);
    }
}

/* The order of components a, b, c, ... with these `after` and `group`, as letters; "" = refused. */
static void order_of(char *letters, const char *const more[], size_t count)
{
    char json[4096] = "", components[3500] = "";
    struct system_manifest m;
    size_t at = 0;

    for (size_t i = 0; i < count; i++) {
        at += (size_t)snprintf(components + at, sizeof components - at,
                               "%s{\"name\":\"%c\",\"size\":1,\"manifest_sha256\":\"" SHA
                               "\",\"vendor\":\"a.b\",\"class\":\"c\",\"component\":0,"
                               "\"version\":\"1\",\"sequence\":1%s}",
                               i ? "," : "", (char)('a' + i), more[i]);
    }
    (void)snprintf(json, sizeof json,
                   "{\"format\":\"gatewayd.system/1\",\"system\":\"s\",\"release\":\"r\","
                   "\"sequence\":1,\"expires\":\"2028-01-01T00:00:00Z\",\"components\":[%s]}",
                   components);
    letters[0] = '\0';
    if (parse(&m, json, NULL) == GW_OK) {
        for (size_t i = 0; i < count; i++) {
            letters[i] = (char)('a' + m.order[i]);
        }
        letters[count] = '\0';
        system_manifest_free(&m);
    }
}

static void order_obeys_after_and_keeps_groups_together(void)
{
    static const struct {
        const char *want;
        const char *more[5];
    } cases[] = {
        { "abcde", { "", "", "", "", "" } },
        { "bcdea", { ",\"after\":[\"e\"]", "", "", "", "" } },
        { "edcba",
          { ",\"after\":[\"b\"]", ",\"after\":[\"c\"]", ",\"after\":[\"d\"]", ",\"after\":[\"e\"]",
            "" } },
        { "acebd", { ",\"group\":\"g\"", "", ",\"group\":\"g\"", "", ",\"group\":\"g\"" } },
        { "ecabd",
          { ",\"group\":\"g\",\"after\":[\"c\"]", "", ",\"group\":\"g\",\"after\":[\"e\"]", "",
            ",\"group\":\"g\"" } },
        /* the group waits for b, so it stands behind it as a whole */
        { "bdace",
          { ",\"group\":\"g\"", "", ",\"group\":\"g\",\"after\":[\"d\"]", "",
            ",\"group\":\"g\"" } },
        { "", { ",\"after\":[\"b\"]", ",\"after\":[\"a\"]", "", "", "" } },
        { "", { ",\"after\":[\"c\"]", ",\"after\":[\"a\"]", ",\"after\":[\"b\"]", "", "" } },
        /* no circle of components, but one of groups */
        { "",
          { ",\"group\":\"g\",\"after\":[\"b\"]", ",\"group\":\"h\"",
            ",\"group\":\"h\",\"after\":[\"d\"]", ",\"group\":\"g\"", "" } },
        /* a circle inside a group */
        { "",
          { ",\"group\":\"g\",\"after\":[\"b\"]", ",\"group\":\"g\",\"after\":[\"a\"]", "", "",
            "" } },
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char letters[8];

        order_of(letters, cases[i].more, 5);
        if (strcmp(letters, cases[i].want) != 0) {
            (void)fprintf(stderr, "case %zu: %s, want %s\n", i, letters, cases[i].want);
        }
        CHECK(strcmp(letters, cases[i].want) == 0);
    }
}

int main(void)
{
    TEST(full_manifest_is_read);
    TEST(what_is_left_out_has_its_default);
    TEST(each_broken_rule_is_refused_with_its_place);
    TEST(neg_revocation_lists_are_not_supported_yet);
    TEST(every_truncation_is_refused);
    TEST(order_obeys_after_and_keeps_groups_together);
    return checks_failed != 0;
}
