#include "attributes.h"

#include <string.h>

#include "algorithm.h"
#include "der.h"
#include "oid.h"

enum { ATTRIBUTES_MAX = 16 };

static enum verify_result read_content_type(struct attributes *out, struct cursor *value)
{
    out->content_type = take_der(value, DER_OID);
    return value->ok ? VERIFY_OK : VERIFY_CMS_ATTR_CONTENT_TYPE;
}

static enum verify_result read_message_digest(struct attributes *out, struct cursor *value)
{
    out->message_digest = take_der(value, DER_OCTET_STRING);
    return value->ok ? VERIFY_OK : VERIFY_CMS_MESSAGE_DIGEST;
}

static enum verify_result read_signing_time(struct attributes *out, struct cursor *value)
{
    out->signing_time_s = take_der_time(value);
    out->has_signing_time = true;
    return value->ok ? VERIFY_OK : VERIFY_CMS_SIGNING_TIME;
}

/* CMSAlgorithmProtection ::= SEQUENCE { digestAlgorithm, signatureAlgorithm [1] } must say what the
 * SignerInfo says, which cms_parse() has already held to these two. */
static enum verify_result read_protection(struct attributes *out, struct cursor *value)
{
    struct cursor c = take_der_nested(value, DER_SEQUENCE);
    bool same = algorithm_is_sha256(take_der(&c, DER_SEQUENCE)) &&
                algorithm_is_ecdsa_sha256(take_der(&c, DER_CONTEXT_OPEN(1))) && der_done(&c);

    (void)out;
    return same ? VERIFY_OK : VERIFY_CMS_ALGORITHM_PROTECTION;
}

static const struct {
    const struct oid *oid;
    enum verify_result (*read)(struct attributes *out, struct cursor *value);
} known[] = {
    { &OID_CONTENT_TYPE, read_content_type },
    { &OID_MESSAGE_DIGEST, read_message_digest },
    { &OID_SIGNING_TIME, read_signing_time },
    { &OID_ALGORITHM_PROTECTION, read_protection },
};

/* Attribute ::= SEQUENCE { attrType, attrValues SET OF } with one value. */
static enum verify_result read_attribute(struct attributes *out, struct span der, struct span *type)
{
    struct cursor outer = der_over(der);
    struct cursor c = take_der_nested(&outer, DER_SEQUENCE);

    *type = take_der(&c, DER_OID);
    struct cursor values = take_der_nested(&c, DER_SET), value = values;
    uint8_t tag;

    (void)take_der_any(&values, &tag);
    if (!der_done(&c) || !der_done(&values)) {
        return VERIFY_CMS_ATTRIBUTES;
    }
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (oid_is(*type, known[i].oid)) {
            return known[i].read(out, &value);
        }
    }
    return VERIFY_OK;
}

enum verify_result attributes_parse(struct attributes *out, struct span der)
{
    struct cursor outer = der_over(der);
    struct cursor set = take_der_nested(&outer, DER_CONTEXT_OPEN(0));
    struct span types[ATTRIBUTES_MAX], last = { 0 };
    unsigned count = 0;

    memset(out, 0, sizeof *out);
    while (set.ok && !der_done(&set)) {
        struct span one = take_der_whole(&set, DER_SEQUENCE);

        if (!one.at || count == ATTRIBUTES_MAX || (last.at && der_compare(last, one) >= 0)) {
            return VERIFY_CMS_ATTRIBUTES;
        }
        enum verify_result result = read_attribute(out, one, &types[count]);

        for (unsigned i = 0; i < count; i++) {
            if (span_equal(types[i], types[count])) {
                return VERIFY_CMS_ATTRIBUTES;
            }
        }
        if (result != VERIFY_OK) {
            return result;
        }
        count++;
        last = one;
    }
    return set.ok ? VERIFY_OK : VERIFY_DER;
}

void attributes_digest(uint8_t digest[SHA256_LEN], struct span der)
{
    static const uint8_t set_of = DER_SET;
    struct sha256 s;

    sha256_begin(&s);
    sha256_feed(&s, &set_of, 1);
    sha256_feed(&s, der.at + 1, der.len - 1);
    sha256_finish(&s, digest);
}
