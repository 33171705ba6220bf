#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "der.h"
#include "oid.h"
#include "testpki.h"
#include "testpki_private.h"

static const uint8_t OID_ENVELOPED[] = { 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x03 };
static const uint8_t OID_DATA[] = { 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x01 };
static const uint8_t OID_SHA1[] = { 0x2b, 0x0e, 0x03, 0x02, 0x1a };
static const uint8_t OID_MD5[] = { 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x02, 0x05 };
static const uint8_t OID_SHA384[] = { 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02 };
static const uint8_t OID_RSA[] = { 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01 };
static const uint8_t OID_ECDSA_SHA1[] = { 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x01 };
static const uint8_t OID_ECDSA_SHA384[] = { 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x03 };
static const uint8_t OID_UNKNOWN_ATTRIBUTE[] = { 0x2b, 0x06, 0x01, 0x04, 0x01, 0x01 };
static const uint8_t P256_ORDER[32] = {
    0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
};

enum { MANY_CERTS = 10000, NESTING = 2000 };

static void add_digest_algorithm(struct blob *b, enum testpki_cms_flaw flaw)
{
    if (flaw == CMS_FLAW_DIGEST_SHA1) {
        blob_algorithm(b, DER_SEQUENCE, OID_SHA1, sizeof OID_SHA1, false);
    } else if (flaw == CMS_FLAW_DIGEST_MD5) {
        blob_algorithm(b, DER_SEQUENCE, OID_MD5, sizeof OID_MD5, true);
    } else {
        blob_algorithm(b, DER_SEQUENCE, OID_SHA256.bytes, OID_SHA256.len, false);
    }
}

static void add_digest_algorithms(struct blob *b, enum testpki_cms_flaw flaw)
{
    size_t mark = blob_open(b);

    if (flaw != CMS_FLAW_DIGEST_DIFFERS) {
        add_digest_algorithm(b, flaw);
    }
    if (flaw == CMS_FLAW_DIGEST_DIFFERS || flaw == CMS_FLAW_TWO_DIGESTS) {
        blob_algorithm(b, DER_SEQUENCE, OID_SHA384, sizeof OID_SHA384, false);
    }
    blob_close_set(b, mark, DER_SET);
}

static const struct oid *type_oid(enum signed_type type)
{
    switch (type) {
    case SIGNED_SYSTEM_MANIFEST:
        return &OID_SYSTEM_MANIFEST;
    case SIGNED_TIMESTAMP:
        return &OID_TIMESTAMP;
    case SIGNED_IMAGE_MANIFEST:
        break;
    }
    return &OID_IMAGE_MANIFEST;
}

static void add_content_type(struct blob *b, const struct testpki_cms_how *how)
{
    if (how->flaw == CMS_FLAW_CONTENT_ID_DATA) {
        blob_tlv(b, DER_OID, OID_DATA, sizeof OID_DATA);
    } else {
        blob_oid(b, type_oid(how->type));
    }
}

static void add_content(struct blob *b, const struct testpki_cms_how *how)
{
    size_t info = blob_open(b), wrapper, string;

    add_content_type(b, how);
    wrapper = blob_open(b);
    string = blob_open(b);
    if (how->flaw != CMS_FLAW_DETACHED) {
        blob_tlv(b, DER_OCTET_STRING, how->content.at, how->content.len);
        if (how->flaw == CMS_FLAW_BER_CONSTRUCTED_CONTENT) {
            blob_close(b, string, DER_OCTET_STRING | DER_CONSTRUCTED);
        }
        blob_close(b, wrapper, DER_CONTEXT_OPEN(0));
    }
    blob_close(b, info, DER_SEQUENCE);
}

static void add_extra_certificates(struct blob *b, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        struct testpki_party extra;
        char name[32];

        (void)snprintf(name, sizeof name, "extra %u", i);
        testpki_ca(&extra, name, NULL);
        blob_add_span(b, blob_span(&extra.cert));
        testpki_party_free(&extra);
    }
}

/* Each party's certificate once, in DER order. */
static void add_each_certificate(struct blob *b, const struct testpki_cms_how *how)
{
    size_t mark = blob_open(b);

    for (size_t i = 0; i < SIGNED_SIGNERS_MAX && how->signers[i]; i++) {
        bool is_repeated = false;

        for (size_t k = 0; k < i; k++) {
            is_repeated = is_repeated || how->signers[k] == how->signers[i];
        }
        if (!is_repeated) {
            blob_add_span(b, blob_span(&how->signers[i]->cert));
        }
    }
    for (size_t i = 0; i < SIGNED_CERTS_MAX && how->others[i]; i++) {
        blob_add_span(b, blob_span(&how->others[i]->cert));
    }
    if (how->flaw == CMS_FLAW_NINE_CERTS) {
        add_extra_certificates(b, 8);
    }
    if (how->flaw == CMS_FLAW_DUPLICATE_CERT) {
        blob_add_span(b, blob_span(&how->signers[0]->cert));
    }
    blob_close_set(b, mark, DER_CONTEXT_OPEN(0));
}

/* The last element of the SET first. */
static void unsort(struct blob *b, size_t mark, uint8_t tag)
{
    struct blob copy = { 0 };

    blob_add(&copy, b->at + mark, b->len - mark);
    struct cursor outer = cursor_over(copy.at, copy.len);
    struct span set = take_der(&outer, tag), last = { 0 };
    struct cursor c = cursor_over(set.at, set.len);

    while (cursor_left(&c) > 0) {
        last = take_der_whole(&c, DER_SEQUENCE);
    }
    b->len = mark;
    blob_add_span(b, last);
    blob_add(b, set.at, set.len - last.len);
    blob_close(b, mark, tag);
    blob_free(&copy);
}

static void add_certificates(struct blob *b, const struct testpki_cms_how *how)
{
    size_t mark = blob_open(b);

    switch ((int)how->flaw) {
    case CMS_FLAW_NO_CERTS:
        return;
    case CMS_FLAW_MANY_CERTS:
        for (unsigned i = 0; i < MANY_CERTS; i++) {
            blob_add_span(b, blob_span(&how->signers[0]->cert));
        }
        blob_close(b, mark, DER_CONTEXT_OPEN(0));
        return;
    case CMS_FLAW_ATTRIBUTE_CERT:
        blob_add_span(b, blob_span(&how->signers[0]->cert));
        blob_tlv(b, DER_CONTEXT_OPEN(2), "\x05\x00", 2);
        blob_close(b, mark, DER_CONTEXT_OPEN(0));
        return;
    case CMS_FLAW_UNSORTED_CERTS:
        add_each_certificate(b, how);
        unsort(b, mark, DER_CONTEXT_OPEN(0));
        return;
    default:
        add_each_certificate(b, how);
    }
}

static void add_attribute(struct blob *b, const uint8_t *oid, size_t oid_len, struct span values)
{
    size_t mark = blob_open(b), set;

    blob_tlv(b, DER_OID, oid, oid_len);
    set = blob_open(b);
    blob_add_span(b, values);
    blob_close(b, set, DER_SET);
    blob_close(b, mark, DER_SEQUENCE);
}

static void add_content_type_attribute(struct blob *b, const struct testpki_cms_how *how)
{
    struct blob value = { 0 };

    if (how->flaw == CMS_FLAW_NO_CONTENT_TYPE) {
        return;
    }
    if (how->flaw == CMS_FLAW_OTHER_CONTENT_TYPE) {
        blob_tlv(&value, DER_OID, OID_DATA, sizeof OID_DATA);
    } else {
        add_content_type(&value, how);
    }
    if (how->flaw == CMS_FLAW_TWO_CONTENT_TYPES) {
        blob_tlv(&value, DER_OID, OID_DATA, sizeof OID_DATA);
    }
    add_attribute(b, OID_CONTENT_TYPE.bytes, OID_CONTENT_TYPE.len, blob_span(&value));
    blob_free(&value);
}

static void add_digest_attribute(struct blob *b, const struct testpki_cms_how *how)
{
    uint8_t digest[SHA256_LEN];
    struct blob value = { 0 };

    sha256_of(digest, how->content.at, how->content.len);
    digest[0] ^= how->flaw == CMS_FLAW_OTHER_MESSAGE_DIGEST;
    switch ((int)how->flaw) {
    case CMS_FLAW_NO_MESSAGE_DIGEST:
        return;
    case CMS_FLAW_MESSAGE_DIGEST_TYPE:
        blob_tlv(&value, DER_BOOLEAN, "\xff", 1);
        break;
    case CMS_FLAW_MESSAGE_DIGEST_SHORT:
        blob_tlv(&value, DER_OCTET_STRING, digest, 31);
        break;
    default:
        blob_tlv(&value, DER_OCTET_STRING, digest, sizeof digest);
    }
    if (how->flaw == CMS_FLAW_TWO_MESSAGE_DIGESTS) {
        digest[0] ^= 1;
        blob_tlv(&value, DER_OCTET_STRING, digest, sizeof digest);
    }
    add_attribute(b, OID_MESSAGE_DIGEST.bytes, OID_MESSAGE_DIGEST.len, blob_span(&value));
    blob_free(&value);
}

static void add_time_attribute(struct blob *b, const struct testpki_cms_how *how, int64_t later_s)
{
    struct blob value = { 0 };

    if (how->no_signing_time) {
        return;
    }
    if (how->flaw == CMS_FLAW_SIGNING_TIME_TYPE) {
        blob_uint(&value, DER_INTEGER, 1);
    } else {
        blob_time(&value,
                  (how->signing_time_s ? how->signing_time_s : TESTPKI_SIGNING_TIME_S) + later_s);
    }
    add_attribute(b, OID_SIGNING_TIME.bytes, OID_SIGNING_TIME.len, blob_span(&value));
    blob_free(&value);
}

static void add_protection_attribute(struct blob *b, const struct testpki_cms_how *how)
{
    bool wrong_digest = how->flaw == CMS_FLAW_PROTECTION_DIGEST;
    bool wrong_signature = how->flaw == CMS_FLAW_PROTECTION_SIGNATURE;
    struct blob value = { 0 };

    if (!how->protection && !wrong_digest && !wrong_signature) {
        return;
    }
    if (wrong_digest) {
        blob_algorithm(&value, DER_SEQUENCE, OID_SHA384, sizeof OID_SHA384, false);
    } else {
        add_digest_algorithm(&value, CMS_FLAW_NONE);
    }
    if (wrong_signature) {
        blob_algorithm(&value, DER_CONTEXT_OPEN(1), OID_ECDSA_SHA384, sizeof OID_ECDSA_SHA384,
                       false);
    } else {
        blob_algorithm(&value, DER_CONTEXT_OPEN(1), OID_ECDSA_SHA256.bytes, OID_ECDSA_SHA256.len,
                       false);
    }
    blob_close(&value, 0, DER_SEQUENCE);
    add_attribute(b, OID_ALGORITHM_PROTECTION.bytes, OID_ALGORITHM_PROTECTION.len,
                  blob_span(&value));
    blob_free(&value);
}

static void add_unknown_attribute(struct blob *b, const struct testpki_cms_how *how)
{
    struct blob value = { 0 };

    if (how->flaw == CMS_FLAW_NESTING_BOMB) {
        for (unsigned i = 0; i < NESTING; i++) {
            blob_close(&value, 0, DER_SEQUENCE);
        }
    } else if (how->unknown_attribute) {
        blob_tlv(&value, DER_UTF8_STRING, "x", 1);
    } else {
        return;
    }
    add_attribute(b, OID_UNKNOWN_ATTRIBUTE, sizeof OID_UNKNOWN_ATTRIBUTE, blob_span(&value));
    blob_free(&value);
}

/* signedAttrs as a SET OF, the form that is signed. */
static void add_attributes(struct blob *b, const struct testpki_cms_how *how)
{
    size_t mark = blob_open(b);

    add_digest_attribute(b, how); /* the longest, so it is not the first of a sorted SET */
    add_content_type_attribute(b, how);
    add_time_attribute(b, how, 0);
    if (how->flaw == CMS_FLAW_DUPLICATE_ATTR) {
        add_time_attribute(b, how, 1);
    }
    add_protection_attribute(b, how);
    add_unknown_attribute(b, how);
    if (how->flaw == CMS_FLAW_UNSORTED_ATTRS) {
        blob_close(b, mark, DER_SET);
    } else {
        blob_close_set(b, mark, DER_SET);
    }
}

static void add_signer_id(struct blob *b, const struct testpki_cms_how *how,
                          const struct cert *cert)
{
    struct span id = how->by_key_id ? cert->key_id : cert->serial;
    struct blob copy = { 0 };
    size_t mark = blob_open(b);

    blob_add_span(&copy, id);
    if (how->flaw == CMS_FLAW_OTHER_KEY_ID) {
        copy.at[copy.len - 1] ^= 1;
    }
    if (how->by_key_id) {
        blob_tlv(b, DER_CONTEXT(0), copy.at, copy.len);
    } else {
        blob_add_span(b, cert->issuer);
        blob_tlv(b, DER_INTEGER, copy.at, copy.len);
        blob_close(b, mark, DER_SEQUENCE);
    }
    blob_free(&copy);
}

static void add_signature_algorithm(struct blob *b, enum testpki_cms_flaw flaw)
{
    if (flaw == CMS_FLAW_RSA) {
        blob_algorithm(b, DER_SEQUENCE, OID_RSA, sizeof OID_RSA, true);
    } else if (flaw == CMS_FLAW_SHA1_ECDSA) {
        blob_algorithm(b, DER_SEQUENCE, OID_ECDSA_SHA1, sizeof OID_ECDSA_SHA1, false);
    } else {
        blob_algorithm(b, DER_SEQUENCE, OID_ECDSA_SHA256.bytes, OID_ECDSA_SHA256.len, false);
    }
}

/* The numbers of a signature, made wrong. */
static void spoil_signature(uint8_t signature[P256_SIGNATURE_LEN], enum testpki_cms_flaw flaw)
{
    switch ((int)flaw) {
    case CMS_FLAW_SIGNATURE:
        signature[63] ^= 1;
        break;
    case CMS_FLAW_R_ZERO:
        memset(signature, 0, 32);
        break;
    case CMS_FLAW_S_ZERO:
        memset(signature + 32, 0, 32);
        break;
    case CMS_FLAW_R_ORDER:
        memcpy(signature, P256_ORDER, 32);
        break;
    case CMS_FLAW_S_ORDER:
        memcpy(signature + 32, P256_ORDER, 32);
        break;
    default:
        break;
    }
}

static void add_signature(struct blob *b, const uint8_t signature[P256_SIGNATURE_LEN],
                          enum testpki_cms_flaw flaw)
{
    size_t string = blob_open(b), sequence = blob_open(b), r;

    if (flaw == CMS_FLAW_R_PADDED) {
        r = blob_open(b);
        blob_add(b, "\0\0", 2);
        blob_add(b, signature, 32);
        blob_close(b, r, DER_INTEGER);
    } else {
        blob_big_uint(b, signature, 32);
    }
    if (flaw == CMS_FLAW_S_NEGATIVE) {
        blob_tlv(b, DER_INTEGER, signature + 32, 32);
    } else {
        blob_big_uint(b, signature + 32, 32);
    }
    blob_close(b, sequence, DER_SEQUENCE);
    if (flaw == CMS_FLAW_SIGNATURE_TRAILING) {
        blob_add_byte(b, 0);
    }
    blob_close(b, string, DER_OCTET_STRING);
}

static void add_signer(struct blob *b, const struct testpki_cms_how *how, size_t index)
{
    const struct testpki_party *party = how->signers[index];
    const struct testpki_key *key = index == 0 && how->wrong_key ? how->wrong_key : &party->key;
    bool is_flawed_version = how->flaw == CMS_FLAW_SIGNER_VERSION;
    uint8_t digest[SHA256_LEN], signature[P256_SIGNATURE_LEN];
    struct blob attributes = { 0 };
    size_t mark = blob_open(b);

    blob_uint(b, DER_INTEGER, how->by_key_id != is_flawed_version ? 3 : 1);
    add_signer_id(b, how, &party->parsed);
    add_digest_algorithm(b, how->flaw);
    if (how->flaw == CMS_FLAW_NO_SIGNED_ATTRS) {
        sha256_of(digest, how->content.at, how->content.len);
    } else {
        add_attributes(&attributes, how);
        sha256_of(digest, attributes.at, attributes.len);
        attributes.at[0] = DER_CONTEXT_OPEN(0);
        blob_add_span(b, blob_span(&attributes));
    }
    add_signature_algorithm(b, how->flaw);
    testpki_sign(signature, key, digest, how->high_s || how->flaw == CMS_FLAW_S_NEGATIVE);
    spoil_signature(signature, how->flaw);
    add_signature(b, signature, how->flaw);
    if (how->flaw == CMS_FLAW_UNSIGNED_ATTRS) {
        size_t unsigned_attributes = blob_open(b);

        add_attribute(b, OID_UNKNOWN_ATTRIBUTE, sizeof OID_UNKNOWN_ATTRIBUTE,
                      (struct span){ (const uint8_t *)"\x05\x00", 2 });
        blob_close(b, unsigned_attributes, DER_CONTEXT_OPEN(1));
    }
    blob_close(b, mark, DER_SEQUENCE);
    blob_free(&attributes);
}

static void add_signers(struct blob *b, const struct testpki_cms_how *how)
{
    size_t mark = blob_open(b);
    unsigned times = how->flaw == CMS_FLAW_SIGNER_TWICE   ? 2
                     : how->flaw == CMS_FLAW_FIVE_SIGNERS ? 5
                     : how->flaw == CMS_FLAW_NO_SIGNERS   ? 0
                                                          : 1;

    for (size_t i = 0; i < SIGNED_SIGNERS_MAX && how->signers[i]; i++) {
        for (unsigned k = 0; k < times; k++) {
            add_signer(b, how, i);
        }
    }
    blob_close_set(b, mark, DER_SET);
    if (how->flaw == CMS_FLAW_UNSORTED_SIGNERS) {
        unsort(b, mark, DER_SET);
    }
}

/* A CRL whose place is all that matters: nothing reads it yet. */
static void add_crls(struct blob *b, const struct testpki_cms_how *how)
{
    size_t set = blob_open(b), list = blob_open(b);

    if (how->flaw != CMS_FLAW_CRLS) {
        return;
    }
    blob_add_span(b, how->signers[0]->parsed.issuer);
    blob_close(b, list, DER_SEQUENCE);
    blob_close(b, set, DER_CONTEXT_OPEN(1));
}

static void add_signed_data(struct blob *b, const struct testpki_cms_how *how)
{
    size_t mark = blob_open(b);

    blob_uint(b, DER_INTEGER, how->flaw == CMS_FLAW_VERSION ? 1 : 3);
    add_digest_algorithms(b, how->flaw);
    add_content(b, how);
    add_certificates(b, how);
    add_crls(b, how);
    add_signers(b, how);
    if (how->flaw == CMS_FLAW_INNER_TRAILING_BYTE) {
        blob_tlv(b, DER_NULL, NULL, 0);
    }
    blob_close(b, mark, DER_SEQUENCE);
}

void testpki_sign_cms(struct blob *out, const struct testpki_cms_how *how)
{
    struct blob b = { 0 };
    size_t wrapper;

    if (how->flaw == CMS_FLAW_ENVELOPED) {
        blob_tlv(&b, DER_OID, OID_ENVELOPED, sizeof OID_ENVELOPED);
    } else {
        blob_oid(&b, &OID_SIGNED_DATA);
    }
    wrapper = blob_open(&b);
    add_signed_data(&b, how);
    blob_close(&b, wrapper, DER_CONTEXT_OPEN(0));
    if (how->flaw == CMS_FLAW_BER_INDEFINITE) {
        blob_add(out, "\x30\x80", 2);
        blob_add(&b, "\0\0", 2);
    } else if (how->flaw == CMS_FLAW_BER_LONG_LENGTH) {
        uint8_t header[] = { 0x30, 0x84, 0, 0, (uint8_t)(b.len >> 8), (uint8_t)b.len };

        blob_add(out, header, sizeof header);
    } else {
        blob_close(&b, 0, DER_SEQUENCE);
    }
    blob_add_span(out, blob_span(&b));
    if (how->flaw == CMS_FLAW_TRAILING_BYTE) {
        blob_add_byte(out, 0);
    }
    blob_free(&b);
}
