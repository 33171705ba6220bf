#include <string.h>

#include "check.h"
#include "testpki.h"

static const uint8_t payload_bytes[3000] = { 1, 2, 3 };
static const struct span PAYLOAD = { payload_bytes, sizeof payload_bytes };

static const enum verify_result wanted[MANIFEST_FLAWS] = {
    [MANIFEST_FLAW_NONE] = VERIFY_OK,
    [MANIFEST_FLAW_TRAILING_BYTE] = VERIFY_MANIFEST_SYNTAX,
    [MANIFEST_FLAW_VERSION_2] = VERIFY_MANIFEST_VERSION,
    [MANIFEST_FLAW_VENDOR_ID_SHORT] = VERIFY_MANIFEST_SYNTAX,
    [MANIFEST_FLAW_CLASS_ID_LONG] = VERIFY_MANIFEST_SYNTAX,
    [MANIFEST_FLAW_COMPONENT_256] = VERIFY_MANIFEST_FIELD,
    [MANIFEST_FLAW_SEQUENCE_0] = VERIFY_MANIFEST_FIELD,
    [MANIFEST_FLAW_SEQUENCE_2_32] = VERIFY_MANIFEST_SYNTAX,
    [MANIFEST_FLAW_SEQUENCE_NEGATIVE] = VERIFY_MANIFEST_SYNTAX,
    [MANIFEST_FLAW_SEQUENCE_PADDED] = VERIFY_MANIFEST_SYNTAX,
    [MANIFEST_FLAW_NO_VERSION_TEXT] = VERIFY_MANIFEST_FIELD,
    [MANIFEST_FLAW_LONG_VERSION_TEXT] = VERIFY_MANIFEST_FIELD,
    [MANIFEST_FLAW_VERSION_TEXT_NOT_UTF8] = VERIFY_MANIFEST_FIELD,
    [MANIFEST_FLAW_VERSION_TEXT_CONTROL] = VERIFY_MANIFEST_FIELD,
    [MANIFEST_FLAW_IMAGE_SIZE_0] = VERIFY_MANIFEST_FIELD,
    [MANIFEST_FLAW_IMAGE_DIGEST_31] = VERIFY_MANIFEST_SYNTAX,
    [MANIFEST_FLAW_PAYLOAD_SIZE_DIFFERS] = VERIFY_MANIFEST_SIZES,
    [MANIFEST_FLAW_BLOCK_SIZE_256] = VERIFY_MANIFEST_FIELD,
    [MANIFEST_FLAW_BLOCK_SIZE_1000] = VERIFY_MANIFEST_FIELD,
    [MANIFEST_FLAW_BLOCK_SIZE_131072] = VERIFY_MANIFEST_FIELD,
    [MANIFEST_FLAW_TOO_MANY_BLOCKS] = VERIFY_MANIFEST_SIZES,
    [MANIFEST_FLAW_TABLE_DIGEST_33] = VERIFY_MANIFEST_SYNTAX,
    [MANIFEST_FLAW_HARDWARE_REVERSED] = VERIFY_MANIFEST_FIELD,
    [MANIFEST_FLAW_HARDWARE_65536] = VERIFY_MANIFEST_FIELD,
    [MANIFEST_FLAW_NO_SERIALS] = VERIFY_MANIFEST_FIELD,
    [MANIFEST_FLAW_65_SERIALS] = VERIFY_MANIFEST_FIELD,
    [MANIFEST_FLAW_EMPTY_SERIAL] = VERIFY_MANIFEST_FIELD,
    [MANIFEST_FLAW_LONG_SERIAL] = VERIFY_MANIFEST_FIELD,
    [MANIFEST_FLAW_NO_REQUIRES] = VERIFY_MANIFEST_FIELD,
    [MANIFEST_FLAW_17_REQUIRES] = VERIFY_MANIFEST_FIELD,
    [MANIFEST_FLAW_ENCODING] = VERIFY_MANIFEST_CRITICAL_TAG,
    [MANIFEST_FLAW_DELIVERY_DEFAULT] = VERIFY_MANIFEST_FIELD,
    [MANIFEST_FLAW_DELIVERY_2] = VERIFY_MANIFEST_FIELD,
    [MANIFEST_FLAW_FLOOR_ABOVE_SEQUENCE] = VERIFY_MANIFEST_FIELD,
    [MANIFEST_FLAW_17_BUS_IDS] = VERIFY_MANIFEST_FIELD,
    [MANIFEST_FLAW_LONG_BUS_ID] = VERIFY_MANIFEST_FIELD,
    [MANIFEST_FLAW_MIN_CRL_NUMBER] = VERIFY_MANIFEST_TAG_NOT_SUPPORTED,
    [MANIFEST_FLAW_REVOKED_KEYS] = VERIFY_MANIFEST_TAG_NOT_SUPPORTED,
    [MANIFEST_FLAW_TAG_10] = VERIFY_MANIFEST_CRITICAL_TAG,
    [MANIFEST_FLAW_TAG_15] = VERIFY_MANIFEST_CRITICAL_TAG,
    [MANIFEST_FLAW_TAG_DESCENDING] = VERIFY_MANIFEST_SYNTAX,
    [MANIFEST_FLAW_TAG_TWICE] = VERIFY_MANIFEST_SYNTAX,
    [MANIFEST_FLAW_TAG_31] = VERIFY_MANIFEST_SYNTAX,
    [MANIFEST_FLAW_SKIPPED_NOT_DER] = VERIFY_MANIFEST_SYNTAX,
    [MANIFEST_FLAW_UNIVERSAL_TAG] = VERIFY_MANIFEST_SYNTAX,
};

/* Every field that there is. */
static struct testpki_image_how full_image(void)
{
    return (struct testpki_image_how){
        .payload = PAYLOAD,
        .vendor_id = { 1, 2, 3 },
        .class_id = { 4, 5, 6 },
        .component = 255,
        .sequence = 0xffffffff,
        .version = "2.1.0-r\xc3\xa9",
        .block_size = 512,
        .has_hardware = true,
        .hardware_min = 0,
        .hardware_max = 65535,
        .serials = { { payload_bytes, 1 }, { payload_bytes, 32 } },
        .requires = { { true, 1, 7 }, { true, 255, 0xffffffff } },
        .delivery = DELIVERY_PAYLOAD,
        .has_floor = true,
        .floor = 3,
        .bus_ids = { "usb:1209:0001", "modbus:ACME/PM1" },
        .has_link_address = true,
        .link_address = 0x08020000,
        .tag_16 = true,
    };
}

static enum verify_result parse_made(const struct testpki_image_how *how)
{
    static const struct image_manifest zero;
    struct image_manifest m;
    struct blob der = { 0 };

    testpki_manifest(&der, how);
    enum verify_result result = image_manifest_parse(&m, blob_span(&der));

    CHECK(result == VERIFY_OK || memcmp(&m, &zero, sizeof m) == 0);
    blob_free(&der);
    return result;
}

static void a_full_manifest_is_read_field_by_field(void)
{
    struct testpki_image_how how = full_image();
    struct image_manifest m;
    struct blob der = { 0 };
    struct span list, item;
    uint8_t component;
    uint32_t min_sequence;

    testpki_manifest(&der, &how);
    CHECK_EQ(image_manifest_parse(&m, blob_span(&der)), VERIFY_OK);
    CHECK(memcmp(m.vendor_id, how.vendor_id, sizeof m.vendor_id) == 0);
    CHECK(memcmp(m.class_id, how.class_id, sizeof m.class_id) == 0);
    CHECK_EQ(m.component, 255);
    CHECK_EQ(m.sequence, 0xffffffff);
    CHECK(m.version.len == 9 && memcmp(m.version.at, how.version, 9) == 0);
    CHECK_EQ(m.image_size, 3000);
    CHECK_EQ(m.payload_size, 3000);
    CHECK_EQ(m.block_size, 512);
    CHECK_EQ(m.block_count, 6);
    CHECK(m.has_hardware && m.hardware_min == 0 && m.hardware_max == 65535);
    CHECK_EQ(m.delivery, DELIVERY_PAYLOAD);
    CHECK_EQ(m.floor, 3);
    CHECK(m.has_link_address && m.link_address == 0x08020000);
    list = m.serials;
    CHECK(manifest_next_serial(&list, &item) && item.len == 1);
    CHECK(manifest_next_serial(&list, &item) && item.len == 32);
    CHECK(!manifest_next_serial(&list, &item));
    list = m.requires;
    CHECK(manifest_next_requirement(&list, &component, &min_sequence));
    CHECK(component == 1 && min_sequence == 7);
    CHECK(manifest_next_requirement(&list, &component, &min_sequence));
    CHECK(component == 255 && min_sequence == 0xffffffff);
    CHECK(!manifest_next_requirement(&list, &component, &min_sequence));
    list = m.bus_ids;
    CHECK(manifest_next_bus_id(&list, &item) && item.len == 13);
    CHECK(manifest_next_bus_id(&list, &item) && memcmp(item.at, "modbus:ACME/PM1", 15) == 0);
    CHECK(!manifest_next_bus_id(&list, &item));
    blob_free(&der);
}

static void absent_fields_have_their_defaults(void)
{
    struct testpki_image_how how = { .payload = PAYLOAD, .sequence = 9 };
    struct image_manifest m;
    struct blob der = { 0 };
    struct span item;

    testpki_manifest(&der, &how);
    CHECK_EQ(image_manifest_parse(&m, blob_span(&der)), VERIFY_OK);
    CHECK_EQ(m.floor, 9);
    CHECK_EQ(m.delivery, DELIVERY_GWI);
    CHECK(!m.has_hardware && !m.has_link_address);
    CHECK(!manifest_next_serial(&m.serials, &item) && !manifest_next_bus_id(&m.bus_ids, &item));
    blob_free(&der);
}

static void each_broken_rule_has_its_own_answer_and_leaves_nothing(void)
{
    for (int flaw = 0; flaw < MANIFEST_FLAWS; flaw++) {
        struct testpki_image_how how = { .payload = PAYLOAD };

        how.flaw = (enum testpki_manifest_flaw)flaw;
        enum verify_result result = parse_made(&how);

        if (wanted[flaw] == VERIFY_NOT_CHECKED || result != wanted[flaw]) {
            fprintf(stderr, "manifest flaw %d: %d, want %d\n", flaw, result, wanted[flaw]);
            checks_failed++;
        }
    }
}

static void the_limits_themselves_are_accepted(void)
{
    struct testpki_image_how how = full_image();
    char longest[MANIFEST_BUS_ID_MAX + 1];

    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    for (size_t i = 0; i < MANIFEST_SERIALS_MAX; i++) {
        how.serials[i] = (struct span){ payload_bytes, MANIFEST_SERIAL_MAX };
    }
    for (size_t i = 0; i < MANIFEST_REQUIRES_MAX; i++) {
        how.requires[i].used = true;
    }
    for (size_t i = 0; i < MANIFEST_BUS_IDS_MAX; i++) {
        how.bus_ids[i] = longest;
    }
    how.floor = how.sequence;
    how.version = "12345678901234567890123456789012";
    CHECK_EQ(parse_made(&how), VERIFY_OK);
    how.block_size = MANIFEST_BLOCK_SIZE_MAX;
    CHECK_EQ(parse_made(&how), VERIFY_OK);
}

static void every_truncation_is_refused(void)
{
    struct testpki_image_how how = full_image();
    struct image_manifest m;
    struct blob der = { 0 };

    testpki_manifest(&der, &how);
    for (size_t len = 0; len < der.len; len++) {
        CHECK_EQ(image_manifest_parse(&m, (struct span){ der.at, len }), VERIFY_MANIFEST_SYNTAX);
    }
    CHECK_EQ(image_manifest_parse(&m, (struct span){ 0 }), VERIFY_MANIFEST_SYNTAX);
    blob_free(&der);
}

static void hardware_and_serials_decide_whom_it_fits(void)
{
    static const uint8_t a[] = "A1", b[] = "B2";
    struct testpki_image_how how = { .payload = PAYLOAD,
                                     .has_hardware = true,
                                     .hardware_min = 3,
                                     .hardware_max = 5,
                                     .serials = { { a, 2 }, { b, 2 } } };
    struct image_manifest m;
    struct blob der = { 0 };

    testpki_manifest(&der, &how);
    CHECK_EQ(image_manifest_parse(&m, blob_span(&der)), VERIFY_OK);
    CHECK_EQ(image_manifest_fits(&m, 2, (struct span){ a, 2 }), VERIFY_FOR_OTHER_HARDWARE);
    CHECK_EQ(image_manifest_fits(&m, 3, (struct span){ a, 2 }), VERIFY_OK);
    CHECK_EQ(image_manifest_fits(&m, 5, (struct span){ b, 2 }), VERIFY_OK);
    CHECK_EQ(image_manifest_fits(&m, 6, (struct span){ b, 2 }), VERIFY_FOR_OTHER_HARDWARE);
    CHECK_EQ(image_manifest_fits(&m, 4, (struct span){ b, 1 }), VERIFY_FOR_OTHER_SERIAL);
    CHECK_EQ(image_manifest_fits(&m, 4, (struct span){ 0 }), VERIFY_FOR_OTHER_SERIAL);
    blob_free(&der);
}

static void a_block_passes_only_in_its_place_and_length(void)
{
    struct testpki_image_how how = { .payload = PAYLOAD };
    struct image_manifest m;
    struct blob der = { 0 }, table = { 0 };

    testpki_manifest(&der, &how);
    testpki_table(&table, PAYLOAD, 1024);
    CHECK_EQ(image_manifest_parse(&m, blob_span(&der)), VERIFY_OK);
    CHECK_EQ(image_table_check(&m, table.at, table.len), VERIFY_OK);
    CHECK_EQ(image_table_check(&m, table.at, table.len - 32), VERIFY_TABLE_DIGEST);
    CHECK_EQ(image_block_len(&m, 1), 1024);
    CHECK_EQ(image_block_len(&m, 2), 3000 - 2048);
    CHECK_EQ(image_block_len(&m, 3), 0);
    CHECK_EQ(image_block_check(&m, table.at, 0, PAYLOAD.at, 1024), VERIFY_OK);
    CHECK_EQ(image_block_check(&m, table.at, 0, PAYLOAD.at, 1023), VERIFY_BLOCK_DIGEST);
    CHECK_EQ(image_block_check(&m, table.at, 1, PAYLOAD.at, 1024), VERIFY_BLOCK_DIGEST);
    CHECK_EQ(image_block_check(&m, table.at, 2, PAYLOAD.at + 2048, 3000 - 2048), VERIFY_OK);
    CHECK_EQ(image_block_check(&m, table.at, 3, PAYLOAD.at, 0), VERIFY_BLOCK_DIGEST);
    /* A digest of other lengths is no excuse. */
    sha256_of(table.at, PAYLOAD.at, 1023);
    CHECK_EQ(image_block_check(&m, table.at, 0, PAYLOAD.at, 1023), VERIFY_BLOCK_DIGEST);
    sha256_of(m.table_digest, table.at, table.len - 32);
    CHECK_EQ(image_table_check(&m, table.at, table.len - 32), VERIFY_TABLE_DIGEST);
    sha256_of(m.table_digest, table.at, table.len);
    table.at[5] ^= 1;
    CHECK_EQ(image_table_check(&m, table.at, table.len), VERIFY_TABLE_DIGEST);
    blob_free(&der);
    blob_free(&table);
}

int main(void)
{
    TEST(a_full_manifest_is_read_field_by_field);
    TEST(absent_fields_have_their_defaults);
    TEST(each_broken_rule_has_its_own_answer_and_leaves_nothing);
    TEST(the_limits_themselves_are_accepted);
    TEST(every_truncation_is_refused);
    TEST(hardware_and_serials_decide_whom_it_fits);
    TEST(a_block_passes_only_in_its_place_and_length);
    return checks_failed != 0;
}
