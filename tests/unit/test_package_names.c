#include <string.h>

#include "calendar.h"
#include "check.h"
#include "names.h"
#include "strict_object.h"
#include "uuid5.h"

static void domains_are_lower_case_labels(void)
{
    static const char *const good[] = { "acme.example", "a", "a-b.c", "xn--bcher-kva.example",
                                        "1.2" };
    static const char *const bad[] = { "",     "Acme.example", "acme.example.", ".acme",
                                       "a..b", "-a.b",         "a-.b",          "a.-b",
                                       "a.b-", "a/b",          "a_b.cc",        "b\xc3\xbc.de",
                                       "..",   "a b" };

    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        CHECK(name_is_domain(good[i]));
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        CHECK(!name_is_domain(bad[i]));
    }
    CHECK(!name_is_domain(NULL));
}

static void lengths_are_limited(void)
{
    char name[200];

    for (size_t len = 1; len < sizeof name; len++) {
        memset(name, 'a', len);
        name[len] = '\0';
        CHECK_EQ(name_is_component(name), len <= 32);
        CHECK_EQ(name_is_domain(name), len <= 64);
        CHECK_EQ(name_is_member(name), len <= 99);
        CHECK_EQ(name_is_system(name), len <= 128);
        CHECK_EQ(text_is_printable(name, 2, 64), len >= 2 && len <= 64);
    }
}

static void text_for_a_terminal_has_no_control_characters(void)
{
    CHECK(text_is_printable("2026.11 \xc3\xa9\xe2\x82\xac", 1, 64));
    CHECK(!text_is_printable("a\x1b[2J", 1, 64));
    CHECK(!text_is_printable("a\x7f", 1, 64));
    CHECK(!text_is_printable("a\nb", 1, 64));
    CHECK(!text_is_printable("a\xc2\x9b"
                             "2J",
                             1, 64)); /* CSI as one character */
    CHECK(!text_is_printable(NULL, 0, 64));
}

/* RFC 9124 3: the example ids for vendor "example.com" come from Python's uuid.uuid5. */
static void ids_are_name_based_uuids(void)
{
    static const uint8_t vendor[UUID_LEN] = { 0xcf, 0xbf, 0xf0, 0xd1, 0x93, 0x75, 0x56, 0x85,
                                              0x96, 0x8c, 0x48, 0xce, 0x8b, 0x15, 0xae, 0x17 };
    uint8_t id[UUID_LEN], class_id[UUID_LEN];

    uuid5_vendor(id, "example.com");
    CHECK(memcmp(id, vendor, sizeof vendor) == 0);
    uuid5_class(class_id, id, "pm1");
    CHECK_EQ(class_id[6] >> 4, 5);
    CHECK_EQ(class_id[8] >> 6, 2);
    CHECK(memcmp(class_id, id, sizeof id) != 0);
}

static void times_are_read_in_one_form_only(void)
{
    static const char *const bad[] = {
        "",
        "2028-01-01",
        "2028-01-01T00:00:00",
        "2028-01-01T00:00:00z",
        "2028-01-01T00:00:00+00:00",
        "2028-02-30T00:00:00Z",
        "2027-02-29T00:00:00Z",
        "2028-13-01T00:00:00Z",
        "2028-01-01T24:00:00Z",
        "2028-01-01T00:00:60Z",
        "1969-12-31T23:59:59Z",
        "2028-1-01T00:00:000Z",
        " 028-01-01T00:00:00Z",
        "2028-01-01T00:00:00Z ",
    };
    char text[CALENDAR_TEXT_MAX];
    int64_t seconds = -1;

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        CHECK(!calendar_parse(&seconds, bad[i]));
    }
    CHECK(!calendar_parse(&seconds, NULL));
    CHECK_EQ(seconds, -1);
    CHECK(calendar_parse(&seconds, "2028-02-29T12:34:56Z"));
    CHECK_EQ(seconds, 1835440496);
    calendar_print(text, seconds);
    CHECK(strcmp(text, "2028-02-29T12:34:56Z") == 0);
    CHECK(calendar_parse(&seconds, "9999-12-31T23:59:59Z"));
}

static void durations_have_a_unit(void)
{
    static const char *const bad[] = { "",     "10",   "m",     "0m",       "-1m",
                                       "1.5m", "10 m", "1001d", "99999999s" };
    uint32_t seconds = 7;

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        CHECK(!calendar_parse_duration(&seconds, bad[i]));
    }
    CHECK_EQ(seconds, 7);
    CHECK(calendar_parse_duration(&seconds, "90s"));
    CHECK_EQ(seconds, 90);
    CHECK(calendar_parse_duration(&seconds, "1000d"));
    CHECK_EQ(seconds, 86400000);
}

static void hex_is_lower_case_and_whole(void)
{
    uint8_t bytes[4];
    size_t len;

    CHECK(hex_decode("00ff1a2b", bytes, sizeof bytes, &len));
    CHECK_EQ(len, 4);
    CHECK_EQ(bytes[1], 0xff);
    CHECK(!hex_decode("", bytes, sizeof bytes, &len));
    CHECK(!hex_decode("0", bytes, sizeof bytes, &len));
    CHECK(!hex_decode("0F", bytes, sizeof bytes, &len));
    CHECK(!hex_decode("0g", bytes, sizeof bytes, &len));
    CHECK(!hex_decode("0011223344", bytes, sizeof bytes, &len));
    CHECK(!hex_decode(NULL, bytes, sizeof bytes, &len));
}

int main(void)
{
    TEST(domains_are_lower_case_labels);
    TEST(lengths_are_limited);
    TEST(text_for_a_terminal_has_no_control_characters);
    TEST(ids_are_name_based_uuids);
    TEST(times_are_read_in_one_form_only);
    TEST(durations_have_a_unit);
    TEST(hex_is_lower_case_and_whole);
    return checks_failed != 0;
}
