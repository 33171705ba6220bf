#include <string.h>

#include "check.h"
#include "err.h"
#include "result.h"

enum { VERIFY_BASE = 2200, VERIFY_LAST = 2499 };

/* Complete by construction: a value that is missing here does not compile (-Wswitch-enum). */
static int code_of(enum verify_result result)
{
    switch (result) {
    case VERIFY_NOT_CHECKED:
    case VERIFY_OK:
        return 0;
    case VERIFY_DER:
        return GW_VERIFY_DER;
    case VERIFY_TRAILING_BYTES:
        return GW_VERIFY_TRAILING_BYTES;
    case VERIFY_TOO_LARGE:
        return GW_VERIFY_TOO_LARGE;
    case VERIFY_CMS_NOT_SIGNED_DATA:
        return GW_VERIFY_CMS_NOT_SIGNED_DATA;
    case VERIFY_CMS_VERSION:
        return GW_VERIFY_CMS_VERSION;
    case VERIFY_CMS_DIGEST_ALGORITHM:
        return GW_VERIFY_CMS_DIGEST_ALGORITHM;
    case VERIFY_CMS_CONTENT_TYPE:
        return GW_VERIFY_CMS_CONTENT_TYPE;
    case VERIFY_CMS_CONTENT_MISSING:
        return GW_VERIFY_CMS_CONTENT_MISSING;
    case VERIFY_CMS_CERTIFICATES:
        return GW_VERIFY_CMS_CERTIFICATES;
    case VERIFY_CMS_NO_SIGNER:
        return GW_VERIFY_CMS_NO_SIGNER;
    case VERIFY_CMS_SIGNER_ID:
        return GW_VERIFY_CMS_SIGNER_ID;
    case VERIFY_CMS_SIGNED_ATTRS_MISSING:
        return GW_VERIFY_CMS_SIGNED_ATTRS_MISSING;
    case VERIFY_CMS_ATTRIBUTES:
        return GW_VERIFY_CMS_ATTRIBUTES;
    case VERIFY_CMS_ATTR_CONTENT_TYPE:
        return GW_VERIFY_CMS_ATTR_CONTENT_TYPE;
    case VERIFY_CMS_MESSAGE_DIGEST:
        return GW_VERIFY_CMS_MESSAGE_DIGEST;
    case VERIFY_CMS_SIGNING_TIME:
        return GW_VERIFY_CMS_SIGNING_TIME;
    case VERIFY_CMS_UNSIGNED_ATTRS:
        return GW_VERIFY_CMS_UNSIGNED_ATTRS;
    case VERIFY_CMS_ALGORITHM_PROTECTION:
        return GW_VERIFY_CMS_ALGORITHM_PROTECTION;
    case VERIFY_CMS_SIGNATURE_ALGORITHM:
        return GW_VERIFY_CMS_SIGNATURE_ALGORITHM;
    case VERIFY_CMS_SIGNATURE:
        return GW_VERIFY_CMS_SIGNATURE;
    case VERIFY_TOO_FEW_SIGNERS:
        return GW_VERIFY_TOO_FEW_SIGNERS;
    case VERIFY_CERT_SYNTAX:
        return GW_VERIFY_CERT_SYNTAX;
    case VERIFY_CERT_SIGNATURE:
        return GW_VERIFY_CERT_SIGNATURE;
    case VERIFY_CERT_SIGNATURE_ALGORITHM:
        return GW_VERIFY_CERT_SIGNATURE_ALGORITHM;
    case VERIFY_CERT_KEY:
        return GW_VERIFY_CERT_KEY;
    case VERIFY_CERT_EXPIRED:
        return GW_VERIFY_CERT_EXPIRED;
    case VERIFY_CERT_NOT_YET_VALID:
        return GW_VERIFY_CERT_NOT_YET_VALID;
    case VERIFY_CERT_BASIC_CONSTRAINTS:
        return GW_VERIFY_CERT_BASIC_CONSTRAINTS;
    case VERIFY_CERT_PATH_LENGTH:
        return GW_VERIFY_CERT_PATH_LENGTH;
    case VERIFY_CERT_KEY_USAGE:
        return GW_VERIFY_CERT_KEY_USAGE;
    case VERIFY_CERT_EXT_KEY_USAGE:
        return GW_VERIFY_CERT_EXT_KEY_USAGE;
    case VERIFY_CERT_CRITICAL_EXTENSION:
        return GW_VERIFY_CERT_CRITICAL_EXTENSION;
    case VERIFY_CERT_NAME_CONSTRAINTS:
        return GW_VERIFY_CERT_NAME_CONSTRAINTS;
    case VERIFY_CERT_SIGNING_TIME:
        return GW_VERIFY_CERT_SIGNING_TIME;
    case VERIFY_CERT_EXTENSIONS:
        return GW_VERIFY_CERT_EXTENSIONS;
    case VERIFY_MANIFEST_SYNTAX:
        return GW_VERIFY_MANIFEST_SYNTAX;
    case VERIFY_MANIFEST_VERSION:
        return GW_VERIFY_MANIFEST_VERSION;
    case VERIFY_MANIFEST_FIELD:
        return GW_VERIFY_MANIFEST_FIELD;
    case VERIFY_MANIFEST_CRITICAL_TAG:
        return GW_VERIFY_MANIFEST_CRITICAL_TAG;
    case VERIFY_MANIFEST_SIZES:
        return GW_VERIFY_MANIFEST_SIZES;
    case VERIFY_TABLE_DIGEST:
        return GW_VERIFY_TABLE_DIGEST;
    case VERIFY_BLOCK_DIGEST:
        return GW_VERIFY_BLOCK_DIGEST;
    case VERIFY_IMAGE_DIGEST:
        return GW_VERIFY_IMAGE_DIGEST;
    case VERIFY_STREAM_LENGTH:
        return GW_VERIFY_STREAM_LENGTH;
    case VERIFY_FOR_OTHER_VENDOR:
        return GW_VERIFY_FOR_OTHER_VENDOR;
    case VERIFY_FOR_OTHER_CLASS:
        return GW_VERIFY_FOR_OTHER_CLASS;
    case VERIFY_FOR_OTHER_HARDWARE:
        return GW_VERIFY_FOR_OTHER_HARDWARE;
    case VERIFY_FOR_OTHER_SERIAL:
        return GW_VERIFY_FOR_OTHER_SERIAL;
    case VERIFY_FOR_OTHER_COMPONENT:
        return GW_VERIFY_FOR_OTHER_COMPONENT;
    case VERIFY_BELOW_FLOOR:
        return GW_VERIFY_BELOW_FLOOR;
    case VERIFY_EQUIVOCATION:
        return GW_VERIFY_EQUIVOCATION;
    case VERIFY_IMAGE_TOO_LARGE:
        return GW_VERIFY_IMAGE_TOO_LARGE;
    case VERIFY_TABLE_TOO_LARGE:
        return GW_VERIFY_TABLE_TOO_LARGE;
    case VERIFY_REQUIRES:
        return GW_VERIFY_REQUIRES;
    case VERIFY_PAYLOAD_DELIVERY:
        return GW_VERIFY_PAYLOAD_DELIVERY;
    case VERIFY_REJECTED_BEFORE:
        return GW_VERIFY_REJECTED_BEFORE;
    case VERIFY_FOR_OTHER_ADDRESS:
        return GW_VERIFY_FOR_OTHER_ADDRESS;
    case VERIFY_CRL_NOT_SUPPORTED:
        return GW_VERIFY_CRL_NOT_SUPPORTED;
    case VERIFY_CRL_DP_NOT_SUPPORTED:
        return GW_VERIFY_CRL_DP_NOT_SUPPORTED;
    case VERIFY_MANIFEST_TAG_NOT_SUPPORTED:
        return GW_VERIFY_MANIFEST_TAG_NOT_SUPPORTED;
    }
    return 0;
}

static void each_verify_result_has_its_code(void)
{
    int results = 0, codes = 0;

    for (int v = 0; v <= 0xffff; v++) {
        int code = code_of((enum verify_result)v);

        if (code) {
            results++;
            CHECK_EQ(code, VERIFY_BASE + v);
            CHECK_EQ(gw_code_of((enum gw_err)code)->err, code);
            CHECK_EQ(gw_code_of((enum gw_err)code)->exit_code, EXIT_REFUSED);
        }
    }
    for (size_t i = 0; gw_code_at(i); i++) {
        int code = (int)gw_code_at(i)->err;

        codes += code >= VERIFY_BASE && code <= VERIFY_LAST;
    }
    CHECK_EQ(codes, results);
    CHECK(results > 0);
}

static void codes_ascend_and_say_something(void)
{
    int last = -1;

    for (size_t i = 0; gw_code_at(i); i++) {
        const struct gw_code *code = gw_code_at(i);

        CHECK((int)code->err > last);
        last = (int)code->err;
        CHECK(code->name[0] && code->text[0]);
        CHECK(code->err == GW_OK || (code->cause[0] && code->next[0]));
        CHECK(code->err == GW_OK || (code->err >= 1000 && code->err <= 9999));
    }
    CHECK(last >= GW_INTERNAL);
}

static void a_code_is_found_as_people_write_it(void)
{
    CHECK(gw_code_parse("GW2201") && gw_code_parse("GW2201")->err == GW_VERIFY_DER);
    CHECK(gw_code_parse("gw2201") == gw_code_parse("2201"));
    CHECK(!gw_code_parse("GW2200") && !gw_code_parse("GW") && !gw_code_parse(""));
    CHECK(!gw_code_parse("GW2201x") && !gw_code_parse("GW99999") && !gw_code_parse("-2201"));
    CHECK(strcmp(gw_err_text((enum gw_err)9876), gw_err_text(GW_INTERNAL)) == 0);
}

int main(void)
{
    TEST(each_verify_result_has_its_code);
    TEST(codes_ascend_and_say_something);
    TEST(a_code_is_found_as_people_write_it);
    return checks_failed != 0;
}
