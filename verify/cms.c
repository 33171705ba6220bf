#include "cms.h"

#include <string.h>

#include "algorithm.h"
#include "der.h"
#include "oid.h"

/* DigestAlgorithmIdentifiers: exactly one, SHA-256. */
static enum verify_result read_digests(struct cursor *c)
{
    struct cursor set = take_der_nested(c, DER_SET);

    if (!set.ok) {
        return VERIFY_DER;
    }
    bool is_sha256 = algorithm_is_sha256(take_der(&set, DER_SEQUENCE));

    return is_sha256 && der_done(&set) ? VERIFY_OK : VERIFY_CMS_DIGEST_ALGORITHM;
}

/* EncapsulatedContentInfo ::= SEQUENCE { eContentType, eContent [0] EXPLICIT OCTET STRING } */
static enum verify_result read_content(struct cms *out, struct cursor *c)
{
    struct cursor info = take_der_nested(c, DER_SEQUENCE);

    out->content_type = take_der(&info, DER_OID);
    if (der_done(&info)) {
        return VERIFY_CMS_CONTENT_MISSING;
    }
    struct cursor wrapper = take_der_nested(&info, DER_CONTEXT_OPEN(0));

    out->content = take_der(&wrapper, DER_OCTET_STRING);
    return der_done(&info) && der_done(&wrapper) ? VERIFY_OK : VERIFY_DER;
}

/* CertificateSet: X.509 only, ascending, no duplicates. Absent is no error here: then the signer
 * identifier names nothing. */
static enum verify_result read_certificates(struct cms *out, struct cursor *c)
{
    if (!der_next_is(c, DER_CONTEXT_OPEN(0))) {
        return VERIFY_OK;
    }
    struct cursor set = take_der_nested(c, DER_CONTEXT_OPEN(0));

    while (set.ok && !der_done(&set)) {
        if (out->cert_count == SIGNED_CERTS_MAX || !der_next_is(&set, DER_SEQUENCE)) {
            return VERIFY_CMS_CERTIFICATES;
        }
        struct cert *cert = &out->certs[out->cert_count];
        enum verify_result result = cert_parse(cert, take_der_whole(&set, DER_SEQUENCE));

        if (result != VERIFY_OK) {
            return result;
        }
        if (out->cert_count > 0 && der_compare(cert[-1].der, cert->der) >= 0) {
            return VERIFY_CMS_CERTIFICATES;
        }
        out->cert_count++;
    }
    return set.ok ? VERIFY_OK : VERIFY_DER;
}

static enum verify_result read_crls(struct cursor *c)
{
    if (der_next_is(c, DER_CONTEXT_OPEN(1)) && take_der(c, DER_CONTEXT_OPEN(1)).len > 0) {
        return VERIFY_CRL_NOT_SUPPORTED;
    }
    return VERIFY_OK;
}

/* IssuerAndSerialNumber or subjectKeyIdentifier, and the version that goes with each (RFC 5652
 * 5.3). Finds the embedded certificate that it names. */
static enum verify_result read_signer_id(const struct cms *cms, struct cms_signer *out,
                                         uint32_t version, struct cursor *c)
{
    struct span issuer = { 0 }, serial = { 0 }, key_id = { 0 };

    if (der_next_is(c, DER_CONTEXT(0))) {
        key_id = take_der(c, DER_CONTEXT(0));
    } else {
        struct cursor name = take_der_nested(c, DER_SEQUENCE);

        issuer = take_der_whole(&name, DER_SEQUENCE);
        serial = take_der_integer(&name);
        if (!der_done(&name)) {
            return VERIFY_DER;
        }
    }
    if (version != (key_id.at ? 3 : 1)) {
        return VERIFY_CMS_VERSION;
    }
    for (uint8_t i = 0; i < cms->cert_count; i++) {
        const struct cert *cert = &cms->certs[i];

        if (key_id.at ? span_equal(key_id, cert->key_id)
                      : span_equal(issuer, cert->issuer) && span_equal(serial, cert->serial)) {
            out->cert = i;
            return VERIFY_OK;
        }
    }
    return VERIFY_CMS_SIGNER_ID;
}

/* What follows the signer identifier in a SignerInfo. */
static enum verify_result read_signature(struct cms_signer *out, struct cursor *c)
{
    if (!algorithm_is_sha256(take_der(c, DER_SEQUENCE))) {
        return c->ok ? VERIFY_CMS_DIGEST_ALGORITHM : VERIFY_DER;
    }
    if (!der_next_is(c, DER_CONTEXT_OPEN(0))) {
        return VERIFY_CMS_SIGNED_ATTRS_MISSING;
    }
    out->attributes = take_der_whole(c, DER_CONTEXT_OPEN(0));
    if (!algorithm_is_ecdsa_sha256(take_der(c, DER_SEQUENCE))) {
        return c->ok ? VERIFY_CMS_SIGNATURE_ALGORITHM : VERIFY_DER;
    }
    out->signature = take_der(c, DER_OCTET_STRING);
    if (der_next_is(c, DER_CONTEXT_OPEN(1))) {
        return VERIFY_CMS_UNSIGNED_ATTRS;
    }
    return der_done(c) ? VERIFY_OK : VERIFY_DER;
}

static enum verify_result read_signer(const struct cms *cms, struct cms_signer *out,
                                      struct span der)
{
    struct cursor outer = der_over(der);
    struct cursor c = take_der_nested(&outer, DER_SEQUENCE);
    uint32_t version = take_der_uint(&c, DER_INTEGER, UINT32_MAX);

    if (!c.ok) {
        return VERIFY_DER;
    }
    enum verify_result result = read_signer_id(cms, out, version, &c);

    return result == VERIFY_OK ? read_signature(out, &c) : result;
}

/* SignerInfos: a SET OF, so ascending; the same one twice is harmless, a key counts once. */
static enum verify_result read_signers(struct cms *out, struct cursor *c)
{
    struct cursor set = take_der_nested(c, DER_SET);
    struct span last = { 0 };

    if (der_done(&set)) {
        return VERIFY_CMS_NO_SIGNER;
    }
    while (set.ok && !der_done(&set)) {
        struct span der = take_der_whole(&set, DER_SEQUENCE);

        if (!der.at || (last.at && der_compare(last, der) > 0)) {
            return VERIFY_DER;
        }
        if (out->signer_count == SIGNED_SIGNERS_MAX) {
            return VERIFY_TOO_LARGE;
        }
        enum verify_result result = read_signer(out, &out->signers[out->signer_count], der);

        if (result != VERIFY_OK) {
            return result;
        }
        out->signer_count++;
        last = der;
    }
    return set.ok ? VERIFY_OK : VERIFY_DER;
}

/* SignedData (RFC 5652 5.1). The version is 3 because the content is never id-data and the only
 * certificates are X.509. */
static enum verify_result read_signed_data(struct cms *out, struct cursor *c)
{
    uint32_t version = take_der_uint(c, DER_INTEGER, UINT32_MAX);

    if (!c->ok) {
        return VERIFY_DER;
    }
    if (version != 3) {
        return VERIFY_CMS_VERSION;
    }
    enum verify_result result = read_digests(c);

    if (result == VERIFY_OK) {
        result = read_content(out, c);
    }
    if (result == VERIFY_OK) {
        result = read_certificates(out, c);
    }
    if (result == VERIFY_OK) {
        result = read_crls(c);
    }
    if (result == VERIFY_OK) {
        result = read_signers(out, c);
    }
    if (result == VERIFY_OK && !der_done(c)) {
        result = VERIFY_DER;
    }
    return result;
}

enum verify_result cms_parse(struct cms *out, struct span der)
{
    struct cursor outer = der_over(der);
    struct cursor info = take_der_nested(&outer, DER_SEQUENCE);

    memset(out, 0, sizeof *out);
    if (!info.ok) {
        return VERIFY_DER;
    }
    if (!der_done(&outer)) {
        return VERIFY_TRAILING_BYTES;
    }
    if (!der_is_strict(der)) {
        return VERIFY_DER;
    }
    if (!oid_is(take_der(&info, DER_OID), &OID_SIGNED_DATA)) {
        return VERIFY_CMS_NOT_SIGNED_DATA;
    }
    struct cursor wrapper = take_der_nested(&info, DER_CONTEXT_OPEN(0));
    struct cursor c = take_der_nested(&wrapper, DER_SEQUENCE);

    if (!der_done(&info) || !der_done(&wrapper)) {
        return VERIFY_DER;
    }
    return read_signed_data(out, &c);
}
