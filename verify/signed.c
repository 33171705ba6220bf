#include "signed.h"

#include <string.h>

#include "algorithm.h"
#include "attributes.h"
#include "chain.h"
#include "der.h"
#include "oid.h"

enum { HEADER_LEN_MAX = 6 }; /* tag, and a length on up to five octets */

static bool is_type(struct span content_type, enum signed_type type)
{
    switch (type) {
    case SIGNED_SYSTEM_MANIFEST:
        return oid_is(content_type, &OID_SYSTEM_MANIFEST);
    case SIGNED_IMAGE_MANIFEST:
        return oid_is(content_type, &OID_IMAGE_MANIFEST);
    case SIGNED_TIMESTAMP:
        return oid_is(content_type, &OID_TIMESTAMP);
    }
    return false;
}

/* RFC 5652 5.4, 5.6: the attributes bind the content and its type. */
static enum verify_result check_attributes(const struct attributes *a, const struct cms *cms,
                                           const uint8_t digest[SHA256_LEN], enum signed_type type)
{
    if (!span_equal(a->content_type, cms->content_type)) {
        return VERIFY_CMS_ATTR_CONTENT_TYPE;
    }
    if (!span_equal(a->message_digest, (struct span){ digest, SHA256_LEN })) {
        return VERIFY_CMS_MESSAGE_DIGEST;
    }
    if (type == SIGNED_IMAGE_MANIFEST && !a->has_signing_time) {
        return VERIFY_CMS_SIGNING_TIME;
    }
    return VERIFY_OK;
}

static enum verify_result check_signature(const struct cms *cms, const struct cms_signer *signer)
{
    uint8_t digest[SHA256_LEN];

    attributes_digest(digest, signer->attributes);
    return algorithm_verify(cms->certs[signer->cert].point, digest, signer->signature);
}

/* Has an earlier signer who counts the same key? */
static bool is_counted(const struct cms *cms, uint8_t counting, uint8_t signer)
{
    struct span point = cms->certs[cms->signers[signer].cert].point;

    for (uint8_t i = 0; i < signer; i++) {
        if (counting & 1u << i && span_equal(point, cms->certs[cms->signers[i].cert].point)) {
            return true;
        }
    }
    return false;
}

static void describe_signer(struct signed_object *out, const struct cert *cert,
                            const struct attributes *attributes, const struct chain_path *path)
{
    out->signing_time_s = attributes->signing_time_s;
    out->signer = *cert;
    out->anchor = path->anchor;
    cert_key_digest(cert, out->signer_key);
}

/* Signers whose path ends at no anchor are passed over; one whose path breaks a rule refuses the
 * object. */
static enum verify_result count_signers(struct signed_object *out, const struct cms *cms,
                                        const struct attributes *attributes,
                                        const struct verify_trust *trust)
{
    uint8_t counting = 0, required = trust->signers_required ? trust->signers_required : 1;
    struct chain chain;

    chain_connect(&chain, cms, trust);
    for (uint8_t i = 0; i < cms->signer_count; i++) {
        const struct attributes *a = &attributes[i];
        uint8_t leaf = cms->signers[i].cert;
        struct chain_path path;
        enum verify_result result = chain_judge(
            &chain, leaf, a->has_signing_time ? &a->signing_time_s : NULL, &path);

        if (result == VERIFY_TOO_FEW_SIGNERS) {
            continue;
        }
        if (result != VERIFY_OK) {
            return result;
        }
        if (counting == 0) {
            describe_signer(out, &cms->certs[leaf], a, &path);
        }
        if (counting == 0 || path.not_after_s < out->not_after_s) {
            out->not_after_s = path.not_after_s;
        }
        out->signers = (uint8_t)(out->signers + !is_counted(cms, counting, i));
        counting = (uint8_t)(counting | 1u << i);
    }
    if (out->signers >= required) {
        return VERIFY_OK;
    }
    return chain.forged ? VERIFY_CERT_SIGNATURE : VERIFY_TOO_FEW_SIGNERS;
}

static enum verify_result open_object(struct signed_object *out, struct span der,
                                      enum signed_type type, const struct verify_trust *trust)
{
    struct attributes attributes[SIGNED_SIGNERS_MAX];
    struct cms cms;
    enum verify_result result = cms_parse(&cms, der);

    if (result != VERIFY_OK) {
        return result;
    }
    if (!is_type(cms.content_type, type)) {
        return VERIFY_CMS_CONTENT_TYPE;
    }
    out->content = cms.content;
    sha256_of(out->identity, cms.content.at, cms.content.len);
    for (uint8_t i = 0; i < cms.signer_count; i++) {
        result = attributes_parse(&attributes[i], cms.signers[i].attributes);
        if (result == VERIFY_OK) {
            result = check_attributes(&attributes[i], &cms, out->identity, type);
        }
        if (result != VERIFY_OK) {
            return result;
        }
    }
    for (uint8_t i = 0; i < cms.signer_count; i++) {
        result = check_signature(&cms, &cms.signers[i]);
        if (result != VERIFY_OK) {
            return result;
        }
    }
    return count_signers(out, &cms, attributes, trust);
}

enum verify_result signed_open(struct signed_object *out, struct span cms, enum signed_type type,
                               const struct verify_trust *trust)
{
    memset(out, 0, sizeof *out);
    enum verify_result result = open_object(out, cms, type, trust);

    if (result != VERIFY_OK) {
        memset(out, 0, sizeof *out);
    }
    return result;
}

enum verify_result signed_length(size_t *len, struct span head)
{
    *len = 0;
    if (head.len > 0 && head.at[0] != DER_SEQUENCE) {
        return VERIFY_DER;
    }
    if (head.len < 2) {
        return VERIFY_NOT_CHECKED;
    }
    size_t header = head.at[1] < 0x80 ? 2 : 2 + (head.at[1] & 0x7fu);

    if (header <= HEADER_LEN_MAX && head.len < header) {
        return VERIFY_NOT_CHECKED;
    }
    struct cursor c = cursor_over(head.at + 1, head.len - 1);
    size_t contents = take_der_length(&c);

    if (!c.ok) {
        return VERIFY_DER;
    }
    if (contents > SIZE_MAX - header) {
        return VERIFY_TOO_LARGE;
    }
    *len = header + contents;
    return VERIFY_OK;
}
