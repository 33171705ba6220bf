#include <string.h>

#include "algorithm.h"
#include "check.h"
#include "der.h"
#include "oid.h"
#include "utf8.h"

/* BYTES initialises a span, SPAN is one. */
#define BYTES(literal)                                                                             \
    {                                                                                              \
        (const uint8_t *)(literal), sizeof(literal) - 1                                            \
    }
#define SPAN(literal) ((struct span)BYTES(literal))

static void a_tlv_is_read_and_the_cursor_stands_behind_it(void)
{
    struct cursor c = der_over(SPAN("\x04\x02hi\x05\x00"));
    struct span contents = take_der(&c, DER_OCTET_STRING);

    CHECK(contents.len == 2 && memcmp(contents.at, "hi", 2) == 0);
    CHECK(der_next_is(&c, DER_NULL) && !der_next_is(&c, DER_INTEGER) && !der_done(&c));
    CHECK_EQ(take_der_whole(&c, DER_NULL).len, 2);
    CHECK(der_done(&c) && !der_next_is(&c, DER_NULL));
}

static void a_wrong_tag_poisons_for_good(void)
{
    struct cursor c = der_over(SPAN("\x04\x02hi\x05\x00"));

    CHECK(!take_der(&c, DER_INTEGER).at);
    CHECK(!c.ok && !der_done(&c));
    CHECK(!take_der(&c, DER_NULL).at && !take_der_whole(&c, DER_NULL).at);
    CHECK_EQ(take_der_uint(&c, DER_INTEGER, 9), 0);
    CHECK(!der_next_is(&c, DER_NULL));
}

static void an_absent_span_is_poison(void)
{
    struct cursor c = der_over((struct span){ 0 });
    uint8_t tag = 7;

    CHECK(!c.ok && !der_done(&c) && !take_der_any(&c, &tag).at && tag == 0);
    CHECK(!der_is_strict((struct span){ 0 }));
    CHECK(!span_equal((struct span){ 0 }, (struct span){ 0 }));
}

static void only_minimal_definite_lengths_are_read(void)
{
    static const struct span bad[] = {
        BYTES("\x04"),
        BYTES("\x04\x01"),
        BYTES("\x04\x80\x00\x00"),              /* indefinite */
        BYTES("\x24\x80\x04\x00\x00\x00"),      /* indefinite, constructed */
        BYTES("\x04\x81\x01x"),                 /* long form where the short one fits */
        BYTES("\x04\x82\x00\x01x"),             /* a leading zero */
        BYTES("\x04\x85\x00\x00\x00\x00\x01x"), /* more than four octets */
        BYTES("\x04\x84\xff\xff\xff\xff"),      /* far past the end */
        BYTES("\x04\xff"),
        BYTES("\x1f\x01\x00"), /* tag number on two octets */
    };

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct cursor c = der_over(bad[i]);
        uint8_t tag;

        CHECK(!take_der_any(&c, &tag).at && !c.ok);
        CHECK(!der_is_strict(bad[i]));
    }
    for (size_t len = 0; len < 70000; len += len < 300 ? 1 : 4999) {
        static uint8_t bytes[70010];
        size_t octets = len < 0x80 ? 0 : len < 0x100 ? 1 : len < 0x10000 ? 2 : 3;
        struct cursor c = cursor_over(bytes, 2 + octets + len);

        bytes[0] = DER_OCTET_STRING;
        bytes[1] = (uint8_t)(octets ? 0x80 | octets : len);
        for (size_t i = 0; i < octets; i++) {
            bytes[2 + i] = (uint8_t)(len >> 8 * (octets - 1 - i));
        }
        CHECK_EQ(take_der(&c, DER_OCTET_STRING).len, len);
        CHECK(der_done(&c));
    }
}

static void integers_are_minimal_and_in_range(void)
{
    static const struct {
        struct span der;
        uint32_t max, want;
        bool ok;
    } cases[] = {
        { BYTES("\x02\x01\x00"), 0, 0, true },
        { BYTES("\x02\x01\x7f"), 127, 127, true },
        { BYTES("\x02\x01\x7f"), 126, 0, false },
        { BYTES("\x02\x02\x00\x80"), 255, 128, true },
        { BYTES("\x02\x05\x00\xff\xff\xff\xff"), UINT32_MAX, UINT32_MAX, true },
        { BYTES("\x02\x05\x01\x00\x00\x00\x00"), UINT32_MAX, 0, false },
        { BYTES("\x02\x06\x00\xff\xff\xff\xff\xff"), UINT32_MAX, 0, false },
        { BYTES("\x02\x00"), UINT32_MAX, 0, false },
        { BYTES("\x02\x01\x80"), UINT32_MAX, 0, false },
        { BYTES("\x02\x01\xff"), UINT32_MAX, 0, false },
        { BYTES("\x02\x02\x00\x7f"), UINT32_MAX, 0, false },
        { BYTES("\x02\x02\xff\x80"), UINT32_MAX, 0, false },
        { BYTES("\x0a\x01\x01"), UINT32_MAX, 0, false },
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct cursor c = der_over(cases[i].der);

        CHECK_EQ(take_der_uint(&c, DER_INTEGER, cases[i].max), cases[i].want);
        CHECK_EQ(c.ok, cases[i].ok);
    }
}

static void a_boolean_that_is_there_is_true(void)
{
    struct cursor absent = der_over(SPAN("\x05\x00")), yes = der_over(SPAN("\x01\x01\xff"));
    struct cursor no = der_over(SPAN("\x01\x01\x00")), one = der_over(SPAN("\x01\x01\x01"));
    struct cursor two = der_over(SPAN("\x01\x02\xff\xff"));

    CHECK(!take_der_true(&absent) && absent.ok);
    CHECK(take_der_true(&yes) && der_done(&yes));
    CHECK(!take_der_true(&no) && !no.ok);
    CHECK(!take_der_true(&one) && !one.ok);
    CHECK(!take_der_true(&two) && !two.ok);
}

static void octets_and_bits_have_the_length_that_was_asked_for(void)
{
    struct cursor exact = der_over(SPAN("\x04\x02hi")), more = der_over(SPAN("\x04\x03hi!"));
    struct cursor whole = der_over(SPAN("\x03\x03\x00hi")), odd = der_over(SPAN("\x03\x02\x01x"));
    struct cursor none = der_over(SPAN("\x03\x00"));
    uint8_t two[2];

    take_der_octets(&exact, two, 2);
    CHECK(der_done(&exact) && memcmp(two, "hi", 2) == 0);
    take_der_octets(&more, two, 2);
    CHECK(!more.ok);
    CHECK_EQ(take_der_bits(&whole).len, 2);
    CHECK(!take_der_bits(&odd).at && !take_der_bits(&none).at);
}

static void a_nested_value_may_not_reach_past_its_parent(void)
{
    CHECK(der_is_strict(SPAN("\x30\x04\x30\x02\x05\x00\x05\x00")));
    CHECK(!der_is_strict(SPAN("\x30\x04\x30\x03\x05\x00\x05\x00")));
    CHECK(!der_is_strict(SPAN("\x30\x03\x30\x00\x05")));
    CHECK(der_is_strict(SPAN("\x30\x00\x31\x00")));
    CHECK(der_is_strict(SPAN("\x04\x02\x30\xff"))); /* primitive: not looked into */
}

static void depth_is_bounded(void)
{
    uint8_t bytes[2 * (DER_DEPTH_MAX + 1)];

    for (size_t depth = 1; depth <= DER_DEPTH_MAX + 1; depth++) {
        for (size_t i = 0; i < depth; i++) {
            bytes[2 * i] = DER_SEQUENCE;
            bytes[2 * i + 1] = (uint8_t)(2 * (depth - 1 - i));
        }
        CHECK_EQ(der_is_strict((struct span){ bytes, 2 * depth }), depth <= DER_DEPTH_MAX);
    }
}

static void times_are_read_in_the_form_of_the_profile(void)
{
    static const struct {
        uint8_t tag;
        const char *text;
        bool ok;
        int64_t want;
    } cases[] = {
        { DER_UTC_TIME, "700101000000Z", true, 0 },
        { DER_UTC_TIME, "491231235959Z", true, 2524607999 },
        { DER_UTC_TIME, "500101000000Z", true, -631152000 },
        { DER_UTC_TIME, "000229120000Z", true, 951825600 },
        { DER_UTC_TIME, "690720201740Z", true, -14182940 },
        { DER_GENERALIZED_TIME, "20500101000000Z", true, 2524608000 },
        { DER_GENERALIZED_TIME, "99991231235959Z", true, 253402300799 },
        { DER_GENERALIZED_TIME, "24000229000000Z", true, 13574563200 },
        { DER_GENERALIZED_TIME, "20491231235959Z", false, 0 }, /* must be UTCTime */
        { DER_GENERALIZED_TIME, "19490101000000Z", false, 0 },
        { DER_GENERALIZED_TIME, "21000229000000Z", false, 0 }, /* no leap year */
        { DER_UTC_TIME, "230229000000Z", false, 0 },
        { DER_UTC_TIME, "240431000000Z", false, 0 },
        { DER_UTC_TIME, "240001000000Z", false, 0 },
        { DER_UTC_TIME, "241301000000Z", false, 0 },
        { DER_UTC_TIME, "240100000000Z", false, 0 },
        { DER_UTC_TIME, "240101240000Z", false, 0 },
        { DER_UTC_TIME, "240101006000Z", false, 0 },
        { DER_UTC_TIME, "240101000060Z", false, 0 },
        { DER_UTC_TIME, "24010100000 Z", false, 0 },
        { DER_UTC_TIME, "240101000000z", false, 0 },
        { DER_UTC_TIME, "240101000000", false, 0 },
        { DER_UTC_TIME, "2401010000Z", false, 0 },
        { DER_UTC_TIME, "240101000000+0000", false, 0 },
        { DER_GENERALIZED_TIME, "20500101000000.1Z", false, 0 },
        { DER_UTC_TIME, "", false, 0 },
        { DER_INTEGER, "0", false, 0 },
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t der[32] = { cases[i].tag, (uint8_t)strlen(cases[i].text) };
        struct cursor c = cursor_over(der, 2u + der[1]);

        memcpy(der + 2, cases[i].text, der[1]);
        CHECK_EQ(take_der_time(&c), cases[i].want);
        CHECK_EQ(der_done(&c), cases[i].ok);
    }
}

static void encodings_have_the_order_of_a_set(void)
{
    CHECK(der_compare(SPAN("\x02\x01\x01"), SPAN("\x02\x01\x02")) < 0);
    CHECK(der_compare(SPAN("\x02\x01\x01"), SPAN("\x02\x01\x01")) == 0);
    CHECK(der_compare(SPAN("\x30\x00"), SPAN("\x02\x01\x01")) > 0);
    CHECK(der_compare(SPAN("ab"), SPAN("abc")) < 0);
    CHECK(der_compare(SPAN("abc"), SPAN("ab")) > 0);
}

/* Decimal text of an identifier, computed from its octets; 128-bit arcs in base 1e9 limbs. */
static void oid_text(const struct oid *oid, char *out, size_t cap)
{
    size_t len = 0, at = 0;
    bool is_first = true;

    while (at < oid->len) {
        uint32_t limbs[6] = { 0 };
        char arc[64] = "";
        bool started = false;
        uint8_t byte;

        do {
            uint64_t carry = (byte = oid->bytes[at++]) & 0x7f;

            for (size_t i = 0; i < 6; i++) {
                carry += (uint64_t)limbs[i] << 7;
                limbs[i] = (uint32_t)(carry % 1000000000);
                carry /= 1000000000;
            }
        } while (byte & 0x80);
        if (is_first) { /* X.690 8.19.4: 40 x + y; 2.25 is 105 */
            uint32_t top = limbs[0] < 80 ? limbs[0] / 40 : 2;

            len += (size_t)snprintf(out + len, cap - len, "%u.", (unsigned)top);
            limbs[0] -= 40 * top;
            is_first = false;
        }
        for (size_t i = 6; i-- > 0;) {
            if (started || limbs[i] || i == 0) {
                (void)snprintf(arc + strlen(arc), sizeof arc - strlen(arc), started ? "%09u" : "%u",
                               (unsigned)limbs[i]);
                started = true;
            }
        }
        len += (size_t)snprintf(out + len, cap - len, "%s%s", arc, at < oid->len ? "." : "");
    }
}

static void identifiers_are_what_their_names_say(void)
{
    static const struct {
        const struct oid *oid;
        const char *text;
    } cases[] = {
        { &OID_SYSTEM_MANIFEST, "2.25.227721284026299374982227856948092535230" },
        { &OID_IMAGE_MANIFEST, "2.25.37081677888920538387708366831134028020" },
        { &OID_TIMESTAMP, "2.25.107110910132257841678995741780181712202" },
        { &OID_SIGNED_DATA, "1.2.840.113549.1.7.2" },
        { &OID_CONTENT_TYPE, "1.2.840.113549.1.9.3" },
        { &OID_MESSAGE_DIGEST, "1.2.840.113549.1.9.4" },
        { &OID_SIGNING_TIME, "1.2.840.113549.1.9.5" },
        { &OID_ALGORITHM_PROTECTION, "1.2.840.113549.1.9.52" },
        { &OID_SHA256, "2.16.840.1.101.3.4.2.1" },
        { &OID_ECDSA_SHA256, "1.2.840.10045.4.3.2" },
        { &OID_EC_PUBLIC_KEY, "1.2.840.10045.2.1" },
        { &OID_P256, "1.2.840.10045.3.1.7" },
        { &OID_SUBJECT_KEY_ID, "2.5.29.14" },
        { &OID_KEY_USAGE, "2.5.29.15" },
        { &OID_BASIC_CONSTRAINTS, "2.5.29.19" },
        { &OID_NAME_CONSTRAINTS, "2.5.29.30" },
        { &OID_CRL_POINTS, "2.5.29.31" },
        { &OID_AUTHORITY_KEY_ID, "2.5.29.35" },
        { &OID_EXT_KEY_USAGE, "2.5.29.37" },
        { &OID_CODE_SIGNING, "1.3.6.1.5.5.7.3.3" },
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[128];

        oid_text(cases[i].oid, text, sizeof text);
        if (strcmp(text, cases[i].text) != 0) {
            fprintf(stderr, "%s, want %s\n", text, cases[i].text);
            checks_failed++;
        }
        CHECK(oid_is((struct span){ cases[i].oid->bytes, cases[i].oid->len }, cases[i].oid));
        CHECK(!oid_is((struct span){ cases[i].oid->bytes, cases[i].oid->len - 1u }, cases[i].oid));
    }
    CHECK(!oid_is((struct span){ 0 }, &OID_P256));
}

static void algorithms_have_exactly_the_permitted_parameters(void)
{
    static const struct span sha256 = BYTES("\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01");
    static const struct span sha256_null = BYTES("\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01"
                                                 "\x05\x00");
    static const struct span sha256_more = BYTES("\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01"
                                                 "\x05\x00\x05\x00");
    static const struct span sha256_full = BYTES("\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01"
                                                 "\x05\x01\x00");
    static const struct span ecdsa = BYTES("\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02");
    static const struct span ecdsa_null = BYTES("\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02\x05\x00");

    CHECK(algorithm_is_sha256(sha256) && algorithm_is_sha256(sha256_null));
    CHECK(!algorithm_is_sha256(sha256_more) && !algorithm_is_sha256(sha256_full));
    CHECK(!algorithm_is_sha256(ecdsa) && !algorithm_is_sha256((struct span){ 0 }));
    CHECK(algorithm_is_ecdsa_sha256(ecdsa) && !algorithm_is_ecdsa_sha256(ecdsa_null));
    CHECK(!algorithm_is_ecdsa_sha256(sha256) && !algorithm_is_p256_key(ecdsa));
}

static void only_text_that_may_be_shown_is_text(void)
{
    static const struct span good[] = { BYTES("1.2.3"),
                                        BYTES("\xc2\xa0"),
                                        BYTES("\xdf\xbf"),
                                        BYTES("\xe0\xa0\x80"),
                                        BYTES("\xed\x9f\xbf"),
                                        BYTES("\xee\x80\x80"),
                                        BYTES("\xf0\x90\x80\x80"),
                                        BYTES("\xf4\x8f\xbf\xbf"),
                                        BYTES("~") };
    static const struct span bad[] = {
        BYTES("\0"),
        BYTES("\n"),
        BYTES("\x1b["),
        BYTES("\x7f"),
        BYTES("\x80"),
        BYTES("\xc0\xaf"),
        BYTES("\xc1\xbf"),
        BYTES("\xc2"),
        BYTES("\xc2\x41"),
        BYTES("\xc2\x9f"),
        BYTES("\xe0\x9f\xbf"),
        BYTES("\xed\xa0\x80"),
        BYTES("\xed\xbf\xbf"),
        BYTES("\xe2\x82"),
        BYTES("\xf0\x8f\xbf\xbf"),
        BYTES("\xf4\x90\x80\x80"),
        BYTES("\xf5\x80\x80\x80"),
        BYTES("\xff"),
    };

    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        CHECK(utf8_is_text(good[i]));
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        CHECK(!utf8_is_text(bad[i]));
    }
}

int main(void)
{
    TEST(a_tlv_is_read_and_the_cursor_stands_behind_it);
    TEST(a_wrong_tag_poisons_for_good);
    TEST(an_absent_span_is_poison);
    TEST(only_minimal_definite_lengths_are_read);
    TEST(integers_are_minimal_and_in_range);
    TEST(a_boolean_that_is_there_is_true);
    TEST(octets_and_bits_have_the_length_that_was_asked_for);
    TEST(a_nested_value_may_not_reach_past_its_parent);
    TEST(depth_is_bounded);
    TEST(times_are_read_in_the_form_of_the_profile);
    TEST(encodings_have_the_order_of_a_set);
    TEST(identifiers_are_what_their_names_say);
    TEST(algorithms_have_exactly_the_permitted_parameters);
    TEST(only_text_that_may_be_shown_is_text);
    return checks_failed != 0;
}
