#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "der.h"
#include "oid.h"
#include "testpki.h"
#include "testpki_private.h"

static const uint8_t OID_ORGANIZATION[] = { 0x55, 0x04, 0x0a };
static const uint8_t OID_COMMON_NAME[] = { 0x55, 0x04, 0x03 };
static const uint8_t OID_ECDSA_SHA1[] = { 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x01 };
static const uint8_t OID_RSA_SHA256[] = { 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0b };
static const uint8_t OID_RSA[] = { 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01 };
static const uint8_t OID_P224[] = { 0x2b, 0x81, 0x04, 0x00, 0x21 };
static const uint8_t OID_K256[] = { 0x2b, 0x81, 0x04, 0x00, 0x0a };
static const uint8_t OID_ANY_EKU[] = { 0x55, 0x1d, 0x25, 0x00 };
static const uint8_t OID_SERVER_AUTH[] = { 0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x01 };
static const uint8_t OID_UNKNOWN_EXTENSION[] = { 0x2b, 0x06, 0x01, 0x04, 0x01, 0x01 };

void blob_oid(struct blob *b, const struct oid *oid)
{
    blob_tlv(b, DER_OID, oid->bytes, oid->len);
}

void blob_algorithm(struct blob *b, uint8_t tag, const uint8_t *oid, size_t len, bool with_null)
{
    size_t mark = blob_open(b);

    blob_tlv(b, DER_OID, oid, len);
    if (with_null) {
        blob_tlv(b, DER_NULL, NULL, 0);
    }
    blob_close(b, mark, tag);
}

void blob_ecdsa(struct blob *b, const uint8_t signature[P256_SIGNATURE_LEN])
{
    size_t mark = blob_open(b);

    blob_big_uint(b, signature, 32);
    blob_big_uint(b, signature + 32, 32);
    blob_close(b, mark, DER_SEQUENCE);
}

static void add_name_part(struct blob *b, const uint8_t oid[3], const char *text)
{
    size_t set = blob_open(b), pair = blob_open(b);

    blob_tlv(b, DER_OID, oid, 3);
    blob_tlv(b, DER_UTF8_STRING, text, strlen(text));
    blob_close(b, pair, DER_SEQUENCE);
    blob_close(b, set, DER_SET);
}

static void add_name(struct blob *b, const char *common_name)
{
    size_t mark = blob_open(b);

    add_name_part(b, OID_ORGANIZATION, "gatewayd test");
    add_name_part(b, OID_COMMON_NAME, common_name);
    blob_close(b, mark, DER_SEQUENCE);
}

static void add_serial(struct blob *b, const struct testpki_cert_how *how)
{
    static const uint8_t negative[] = { 0x80, 0x01 }, zero[] = { 0 }, padded[] = { 0, 1 };
    uint8_t digest[SHA256_LEN];

    sha256_of(digest, (const uint8_t *)how->name, strlen(how->name));
    digest[0] = (uint8_t)((digest[0] & 0x3f) | 0x40);
    digest[7] = (uint8_t)(digest[7] ^ how->flaw);
    switch ((int)how->flaw) {
    case CERT_FLAW_SERIAL_ZERO:
        blob_tlv(b, DER_INTEGER, zero, sizeof zero);
        break;
    case CERT_FLAW_SERIAL_NEGATIVE:
        blob_tlv(b, DER_INTEGER, negative, sizeof negative);
        break;
    case CERT_FLAW_SERIAL_LONG:
        blob_tlv(b, DER_INTEGER, digest, 30);
        break;
    case CERT_FLAW_SERIAL_PADDED:
        blob_tlv(b, DER_INTEGER, padded, sizeof padded);
        break;
    default:
        blob_tlv(b, DER_INTEGER, digest, 8);
    }
}

static void add_signature_algorithm(struct blob *b, enum testpki_cert_flaw flaw, bool outer)
{
    if (flaw == CERT_FLAW_SHA1 || (flaw == CERT_FLAW_ALGORITHMS_DIFFER && outer)) {
        blob_algorithm(b, DER_SEQUENCE, OID_ECDSA_SHA1, sizeof OID_ECDSA_SHA1, false);
    } else if (flaw == CERT_FLAW_RSA_SIGNATURE) {
        blob_algorithm(b, DER_SEQUENCE, OID_RSA_SHA256, sizeof OID_RSA_SHA256, true);
    } else {
        blob_algorithm(b, DER_SEQUENCE, OID_ECDSA_SHA256.bytes, OID_ECDSA_SHA256.len,
                       flaw == CERT_FLAW_ALGORITHM_NULL);
    }
}

static void add_not_before(struct blob *b, const struct testpki_cert_how *how)
{
    const char *text = NULL;
    uint8_t tag = DER_UTC_TIME;

    switch ((int)how->flaw) {
    case CERT_FLAW_DATE_1949_GENERALIZED:
        tag = DER_GENERALIZED_TIME;
        text = "19490101000000Z";
        break;
    case CERT_FLAW_DATE_2030_GENERALIZED:
        tag = DER_GENERALIZED_TIME;
        text = "20300101000000Z";
        break;
    case CERT_FLAW_DATE_FEBRUARY_30:
        text = "240230000000Z";
        break;
    case CERT_FLAW_DATE_NO_SECONDS:
        text = "2402010000Z";
        break;
    case CERT_FLAW_DATE_NO_Z:
        text = "240201000000";
        break;
    default:
        blob_time(b, how->not_before_s ? how->not_before_s : TESTPKI_NOT_BEFORE_S);
        return;
    }
    blob_tlv(b, tag, text, strlen(text));
}

static void add_validity(struct blob *b, const struct testpki_cert_how *how)
{
    size_t mark = blob_open(b);

    add_not_before(b, how);
    blob_time(b, how->not_after_s ? how->not_after_s : TESTPKI_NOT_AFTER_S);
    blob_close(b, mark, DER_SEQUENCE);
}

static void add_key_algorithm(struct blob *b, enum testpki_cert_flaw flaw)
{
    size_t mark = blob_open(b);

    if (flaw == CERT_FLAW_KEY_RSA) {
        blob_tlv(b, DER_OID, OID_RSA, sizeof OID_RSA);
        blob_tlv(b, DER_NULL, NULL, 0);
        blob_close(b, mark, DER_SEQUENCE);
        return;
    }
    blob_oid(b, &OID_EC_PUBLIC_KEY);
    if (flaw == CERT_FLAW_KEY_P224) {
        blob_tlv(b, DER_OID, OID_P224, sizeof OID_P224);
    } else if (flaw == CERT_FLAW_KEY_K256) {
        blob_tlv(b, DER_OID, OID_K256, sizeof OID_K256);
    } else if (flaw == CERT_FLAW_KEY_EXPLICIT_CURVE) {
        blob_tlv(b, DER_SEQUENCE, "\x02\x01\x01", 3); /* ECParameters begin with version 1 */
    } else {
        blob_oid(b, &OID_P256);
    }
    blob_close(b, mark, DER_SEQUENCE);
}

static void add_public_key(struct blob *b, const struct testpki_key *key,
                           enum testpki_cert_flaw flaw)
{
    size_t spki = blob_open(b), bits;
    uint8_t point[P256_POINT_LEN];
    size_t len = sizeof point;

    memcpy(point, key->point, sizeof point);
    if (flaw == CERT_FLAW_KEY_EMPTY_POINT) {
        len = 0;
    } else if (flaw == CERT_FLAW_KEY_COMPRESSED) {
        point[0] = (uint8_t)(0x02 | (point[64] & 1));
        len = 33;
    } else if (flaw == CERT_FLAW_KEY_HYBRID) {
        point[0] = (uint8_t)(0x06 | (point[64] & 1));
    } else if (flaw == CERT_FLAW_KEY_OFF_CURVE) {
        point[64] ^= 1;
    }
    add_key_algorithm(b, flaw);
    bits = blob_open(b);
    blob_add_byte(b, 0);
    blob_add(b, point, len);
    blob_close(b, bits, DER_BIT_STRING);
    blob_close(b, spki, DER_SEQUENCE);
}

static void add_extension(struct blob *b, const uint8_t *oid, size_t oid_len, bool is_critical,
                          const void *value, size_t len)
{
    size_t mark = blob_open(b);

    blob_tlv(b, DER_OID, oid, oid_len);
    if (is_critical) {
        blob_tlv(b, DER_BOOLEAN, "\xff", 1);
    }
    blob_tlv(b, DER_OCTET_STRING, value, len);
    blob_close(b, mark, DER_SEQUENCE);
}

static void add_known_extension(struct blob *b, const struct oid *oid, bool is_critical,
                                const struct blob *value)
{
    add_extension(b, oid->bytes, oid->len, is_critical, value->at, value->len);
}

static void add_basic_constraints(struct blob *b, const struct testpki_cert_how *how)
{
    struct blob value = { 0 };
    size_t mark = blob_open(&value);

    switch ((int)how->flaw) {
    case CERT_FLAW_NO_BASIC_CONSTRAINTS:
        return;
    case CERT_FLAW_BASIC_CONSTRAINTS_TRUNCATED:
        blob_add(&value, "\x30\x06\x01\x01\xff", 5);
        break;
    case CERT_FLAW_BASIC_CONSTRAINTS_INTEGER:
        blob_add(&value, "\x30\x03\x02\x01\x00", 5);
        break;
    case CERT_FLAW_BASIC_CONSTRAINTS_FALSE:
        blob_add(&value, "\x30\x03\x01\x01\x00", 5);
        break;
    case CERT_FLAW_BASIC_CONSTRAINTS_TRUE_1:
        blob_add(&value, "\x30\x03\x01\x01\x01", 5);
        break;
    default:
        if (how->is_ca) {
            blob_tlv(&value, DER_BOOLEAN, "\xff", 1);
        }
        if (how->is_ca && how->has_path_length) {
            blob_uint(&value, DER_INTEGER, how->path_length);
        }
        blob_close(&value, mark, DER_SEQUENCE);
    }
    add_known_extension(b, &OID_BASIC_CONSTRAINTS, true, &value);
    blob_free(&value);
}

static void add_key_usage(struct blob *b, const struct testpki_cert_how *how)
{
    const char *bits = how->is_ca ? "\x03\x02\x01\x06" : "\x03\x02\x07\x80";

    if (how->flaw == CERT_FLAW_NO_KEY_USAGE) {
        return;
    }
    if (how->flaw == CERT_FLAW_KEY_ENCIPHERMENT_ONLY) {
        bits = "\x03\x02\x05\x20";
    }
    if (how->flaw == CERT_FLAW_KEY_USAGE_TRAILING_ZEROS) {
        bits = "\x03\x02\x00\x80";
    }
    size_t len = 4;

    if (how->flaw == CERT_FLAW_KEY_USAGE_NO_BITS) {
        bits = "\x03\x01\x00";
        len = 3;
    }
    add_extension(b, OID_KEY_USAGE.bytes, OID_KEY_USAGE.len, true, bits, len);
}

static void add_ext_key_usage(struct blob *b, const struct testpki_cert_how *how)
{
    struct blob value = { 0 };
    size_t mark = blob_open(&value);

    if (how->flaw == CERT_FLAW_EKU_ANY) {
        blob_tlv(&value, DER_OID, OID_ANY_EKU, sizeof OID_ANY_EKU);
    } else if (how->flaw == CERT_FLAW_EKU_SERVER_AUTH) {
        blob_tlv(&value, DER_OID, OID_SERVER_AUTH, sizeof OID_SERVER_AUTH);
    } else if (how->flaw != CERT_FLAW_EKU_EMPTY) {
        blob_oid(&value, &OID_CODE_SIGNING);
    }
    blob_close(&value, mark, DER_SEQUENCE);
    if (!how->is_ca && how->flaw != CERT_FLAW_NO_EKU) {
        add_known_extension(b, &OID_EXT_KEY_USAGE, false, &value);
    }
    blob_free(&value);
}

static void add_key_ids(struct blob *b, const struct testpki_cert_how *how,
                        const struct testpki_key *own, const struct testpki_key *issuer)
{
    struct blob subject = { 0 }, authority = { 0 };
    uint8_t digest[SHA256_LEN];
    size_t mark = blob_open(&authority);

    if (how->no_key_ids) {
        return;
    }
    sha256_of(digest, own->point, sizeof own->point);
    blob_tlv(&subject, DER_OCTET_STRING, digest, how->flaw == CERT_FLAW_EMPTY_KEY_ID ? 0 : 20);
    sha256_of(digest, issuer->point, sizeof issuer->point);
    blob_tlv(&authority, DER_CONTEXT(0), digest, 20);
    blob_close(&authority, mark, DER_SEQUENCE);
    add_known_extension(b, &OID_SUBJECT_KEY_ID, false, &subject);
    add_known_extension(b, &OID_AUTHORITY_KEY_ID, false, &authority);
    blob_free(&subject);
    blob_free(&authority);
}

/* The extensions that are flaws by being there. */
static void add_flawed_extensions(struct blob *b, const struct testpki_cert_how *how)
{
    size_t mark = blob_open(b);

    switch ((int)how->flaw) {
    case CERT_FLAW_UNKNOWN_CRITICAL:
        add_extension(b, OID_UNKNOWN_EXTENSION, sizeof OID_UNKNOWN_EXTENSION, true, "\x05\x00", 2);
        break;
    case CERT_FLAW_NAME_CONSTRAINTS: /* permittedSubtrees: dNSName "x" */
        add_extension(b, OID_NAME_CONSTRAINTS.bytes, OID_NAME_CONSTRAINTS.len, true,
                      "\x30\x07\xa0\x05\x30\x03\x82\x01x", 9);
        break;
    case CERT_FLAW_CRL_POINT: /* fullName: URI "x:" */
        add_extension(b, OID_CRL_POINTS.bytes, OID_CRL_POINTS.len, false,
                      "\x30\x0a\x30\x08\xa0\x06\xa0\x04\x86\x02x:", 12);
        break;
    case CERT_FLAW_DUPLICATE_EXTENSION:
        add_key_usage(b, how);
        break;
    case CERT_FLAW_CRITICAL_FALSE:
        blob_tlv(b, DER_OID, OID_UNKNOWN_EXTENSION, sizeof OID_UNKNOWN_EXTENSION);
        blob_tlv(b, DER_BOOLEAN, "\x00", 1);
        blob_tlv(b, DER_OCTET_STRING, "\x05\x00", 2);
        blob_close(b, mark, DER_SEQUENCE);
        break;
    default:
        break;
    }
}

static void add_extensions(struct blob *b, const struct testpki_cert_how *how,
                           const struct testpki_key *own, const struct testpki_key *issuer)
{
    size_t wrapper = blob_open(b), list = blob_open(b);

    add_basic_constraints(b, how);
    add_key_usage(b, how);
    add_ext_key_usage(b, how);
    add_key_ids(b, how, own, issuer);
    add_flawed_extensions(b, how);
    blob_close(b, list, DER_SEQUENCE);
    blob_close(b, wrapper, DER_CONTEXT_OPEN(3));
}

static void add_tbs(struct blob *b, const struct testpki_cert_how *how,
                    const struct testpki_key *own, const struct testpki_key *issuer)
{
    size_t mark = blob_open(b), version = blob_open(b);

    if (how->flaw != CERT_FLAW_VERSION_1) {
        blob_uint(b, DER_INTEGER, how->flaw == CERT_FLAW_VERSION_2 ? 1 : 2);
        blob_close(b, version, DER_CONTEXT_OPEN(0));
    }
    add_serial(b, how);
    add_signature_algorithm(b, how->flaw, false);
    if (how->flaw == CERT_FLAW_EMPTY_ISSUER) {
        blob_tlv(b, DER_SEQUENCE, NULL, 0);
    } else {
        add_name(b, how->issuer ? how->issuer->name : how->name);
    }
    add_validity(b, how);
    add_name(b, how->name);
    add_public_key(b, own, how->flaw);
    if (how->flaw == CERT_FLAW_UNIQUE_ID) {
        blob_tlv(b, DER_CONTEXT(1), "\x00\x01", 2);
    }
    if (how->flaw != CERT_FLAW_VERSION_1 && how->flaw != CERT_FLAW_NO_EXTENSIONS) {
        add_extensions(b, how, own, issuer);
    }
    blob_close(b, mark, DER_SEQUENCE);
}

static void add_signature(struct blob *b, const struct testpki_key *issuer, struct span tbs,
                          bool spoil)
{
    uint8_t digest[SHA256_LEN], signature[P256_SIGNATURE_LEN];
    size_t bits;

    sha256_of(digest, tbs.at, tbs.len);
    testpki_sign(signature, issuer, digest, false);
    signature[63] ^= spoil;
    bits = blob_open(b);
    blob_add_byte(b, 0);
    blob_ecdsa(b, signature);
    blob_close(b, bits, DER_BIT_STRING);
}

void testpki_issue(struct testpki_party *out, const struct testpki_cert_how *how)
{
    const struct testpki_key *issuer = how->issuer ? &how->issuer->key : &out->key;
    struct blob b = { 0 }, tbs = { 0 };

    memset(out, 0, sizeof *out);
    (void)snprintf(out->name, sizeof out->name, "%s", how->name);
    testpki_key(&out->key, how->key_seed ? how->key_seed : how->name);
    add_tbs(&tbs, how, &out->key, issuer);
    blob_add_span(&b, blob_span(&tbs));
    add_signature_algorithm(&b, how->flaw, true);
    add_signature(&b, issuer, blob_span(&tbs), how->flaw == CERT_FLAW_SIGNATURE);
    if (how->flaw == CERT_FLAW_TRAILING_BYTE) {
        blob_tlv(&b, DER_NULL, NULL, 0);
    }
    blob_close(&b, 0, DER_SEQUENCE);
    blob_free(&tbs);
    out->cert = b;
    if (cert_parse(&out->parsed, blob_span(&b)) != VERIFY_OK && how->flaw == CERT_FLAW_NONE) {
        abort();
    }
}

void testpki_ca(struct testpki_party *out, const char *name, const struct testpki_party *issuer)
{
    testpki_issue(out, &(struct testpki_cert_how){ .name = name, .issuer = issuer, .is_ca = true });
}

void testpki_leaf(struct testpki_party *out, const char *name, const struct testpki_party *issuer)
{
    testpki_issue(out, &(struct testpki_cert_how){ .name = name, .issuer = issuer });
}

void testpki_party_free(struct testpki_party *party)
{
    blob_free(&party->cert);
}
