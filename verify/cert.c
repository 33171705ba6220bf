#include "cert.h"

#include <string.h>

#include "algorithm.h"
#include "der.h"
#include "oid.h"

enum { SERIAL_LEN_MAX = 20, KEY_ID_LEN_MAX = 64, EXTENSIONS_MAX = 32, KEY_USAGE_BITS = 9 };

/* RFC 5280 4.1.2.4: DirectoryString, and IA5String for domain components and mail. */
static bool is_name_string(uint8_t tag)
{
    return tag == DER_UTF8_STRING || tag == DER_PRINTABLE_STRING || tag == DER_TELETEX_STRING ||
           tag == DER_IA5_STRING || tag == DER_UNIVERSAL_STRING || tag == DER_BMP_STRING;
}

/* RelativeDistinguishedName ::= SET SIZE (1..MAX) OF SEQUENCE { type, value } */
static bool is_rdn(struct cursor rdn)
{
    if (!rdn.ok || der_done(&rdn)) {
        return false;
    }
    while (rdn.ok && !der_done(&rdn)) {
        struct cursor pair = take_der_nested(&rdn, DER_SEQUENCE);
        uint8_t tag;

        (void)take_der(&pair, DER_OID);
        (void)take_der_any(&pair, &tag);
        if (!der_done(&pair) || !is_name_string(tag)) {
            return false;
        }
    }
    return rdn.ok;
}

/* Names are compared as bytes, so only their shape matters here. */
static bool is_name(struct span name)
{
    struct cursor outer = der_over(name);
    struct cursor c = take_der_nested(&outer, DER_SEQUENCE);

    while (c.ok && !der_done(&c)) {
        if (!is_rdn(take_der_nested(&c, DER_SET))) {
            return false;
        }
    }
    return c.ok;
}

static bool is_empty_name(struct span name)
{
    return name.len == 2;
}

/* RFC 5280 4.1.2.2: positive, at most 20 octets. */
static bool is_serial(struct span serial)
{
    bool is_zero = serial.len == 1 && serial.at[0] == 0;

    return serial.at && serial.len <= SERIAL_LEN_MAX && serial.at[0] < 0x80 && !is_zero;
}

static void take_version_3(struct cursor *c)
{
    struct cursor version = take_der_nested(c, DER_CONTEXT_OPEN(0));

    if (take_der_uint(&version, DER_INTEGER, 2) != 2 || !der_done(&version)) {
        c->ok = false;
    }
}

static void take_validity(struct cursor *c, struct cert *out)
{
    struct cursor validity = take_der_nested(c, DER_SEQUENCE);

    out->not_before_s = take_der_time(&validity);
    out->not_after_s = take_der_time(&validity);
    if (!der_done(&validity)) {
        c->ok = false;
    }
}

/* SubjectPublicKeyInfo with an uncompressed point on P-256 (RFC 5480 2). That the point lies on the
 * curve is checked whenever it is used. */
static bool read_key(struct cert *out)
{
    struct cursor outer = der_over(out->spki);
    struct cursor c = take_der_nested(&outer, DER_SEQUENCE);
    struct span algorithm = take_der(&c, DER_SEQUENCE);

    out->point = take_der_bits(&c);
    return der_done(&c) && algorithm_is_p256_key(algorithm) && out->point.len == P256_POINT_LEN &&
           out->point.at[0] == 0x04;
}

/* RFC 5280 4.2.1.9. Strict: mbedTLS and others were fooled by malformed ones (CVE-2026-49300). */
static enum verify_result read_basic_constraints(struct cert *out, struct span value)
{
    struct cursor outer = der_over(value);
    struct cursor c = take_der_nested(&outer, DER_SEQUENCE);

    out->is_ca = take_der_true(&c);
    if (out->is_ca && der_next_is(&c, DER_INTEGER)) {
        out->path_length = (int16_t)take_der_uint(&c, DER_INTEGER, INT16_MAX);
    }
    return der_done(&c) && der_done(&outer) ? VERIFY_OK : VERIFY_CERT_BASIC_CONSTRAINTS;
}

/* RFC 5280 4.2.1.3: a named bit list, in DER without trailing zero bits, at least one bit set. */
static enum verify_result read_key_usage(struct cert *out, struct span value)
{
    struct cursor c = der_over(value);
    struct span bits = take_der(&c, DER_BIT_STRING);

    if (!der_done(&c) || bits.len < 2 || bits.len > 3 || bits.at[0] > 7) {
        return VERIFY_CERT_EXTENSIONS;
    }
    unsigned unused = bits.at[0], count = 8 * (unsigned)(bits.len - 1) - unused;
    unsigned last = bits.at[bits.len - 1];

    if (count > KEY_USAGE_BITS || (last & ((2u << unused) - 1)) != 1u << unused) {
        return VERIFY_CERT_EXTENSIONS;
    }
    for (unsigned i = 0; i < count; i++) {
        if (bits.at[1 + i / 8] & 0x80u >> i % 8) {
            out->key_usage = (uint16_t)(out->key_usage | 1u << i);
        }
    }
    return VERIFY_OK;
}

/* RFC 5280 4.2.1.12: SEQUENCE SIZE (1..MAX) OF OBJECT IDENTIFIER */
static enum verify_result read_ext_key_usage(struct cert *out, struct span value)
{
    struct cursor outer = der_over(value);
    struct cursor c = take_der_nested(&outer, DER_SEQUENCE);

    do {
        if (oid_is(take_der(&c, DER_OID), &OID_CODE_SIGNING)) {
            out->has_code_signing = true;
        }
    } while (c.ok && !der_done(&c));
    return der_done(&c) && der_done(&outer) ? VERIFY_OK : VERIFY_CERT_EXTENSIONS;
}

static bool is_key_id(struct span id)
{
    return id.len >= 1 && id.len <= KEY_ID_LEN_MAX;
}

static enum verify_result read_subject_key_id(struct cert *out, struct span value)
{
    struct cursor c = der_over(value);

    out->key_id = take_der(&c, DER_OCTET_STRING);
    return der_done(&c) && is_key_id(out->key_id) ? VERIFY_OK : VERIFY_CERT_EXTENSIONS;
}

/* RFC 5280 4.2.1.1: SEQUENCE { keyIdentifier [0], authorityCertIssuer [1], serialNumber [2] } */
static enum verify_result read_authority_key_id(struct cert *out, struct span value)
{
    struct cursor outer = der_over(value);
    struct cursor c = take_der_nested(&outer, DER_SEQUENCE);

    if (der_next_is(&c, DER_CONTEXT(0))) {
        out->issuer_key_id = take_der(&c, DER_CONTEXT(0));
        if (!is_key_id(out->issuer_key_id)) {
            return VERIFY_CERT_EXTENSIONS;
        }
    }
    if (der_next_is(&c, DER_CONTEXT_OPEN(1))) {
        (void)take_der(&c, DER_CONTEXT_OPEN(1));
        (void)take_der(&c, DER_CONTEXT(2));
    }
    return der_done(&c) && der_done(&outer) ? VERIFY_OK : VERIFY_CERT_EXTENSIONS;
}

static enum verify_result read_crl_points(struct cert *out, struct span value)
{
    (void)value;
    out->has_crl_point = true;
    return VERIFY_OK;
}

static enum verify_result read_name_constraints(struct cert *out, struct span value)
{
    (void)out;
    (void)value;
    return VERIFY_CERT_NAME_CONSTRAINTS;
}

static const struct {
    const struct oid *oid;
    bool may_be_critical;
    enum verify_result (*read)(struct cert *out, struct span value);
} extensions[] = {
    { &OID_BASIC_CONSTRAINTS, true, read_basic_constraints },
    { &OID_KEY_USAGE, true, read_key_usage },
    { &OID_EXT_KEY_USAGE, true, read_ext_key_usage },
    { &OID_SUBJECT_KEY_ID, false, read_subject_key_id },
    { &OID_AUTHORITY_KEY_ID, false, read_authority_key_id },
    { &OID_CRL_POINTS, false, read_crl_points },
    { &OID_NAME_CONSTRAINTS, true, read_name_constraints },
};

static enum verify_result read_extension(struct cert *out, struct span oid, bool is_critical,
                                         struct span value)
{
    for (size_t i = 0; i < sizeof extensions / sizeof extensions[0]; i++) {
        if (!oid_is(oid, extensions[i].oid)) {
            continue;
        }
        if (is_critical && !extensions[i].may_be_critical) {
            return VERIFY_CERT_CRITICAL_EXTENSION;
        }
        return extensions[i].read(out, value);
    }
    return is_critical ? VERIFY_CERT_CRITICAL_EXTENSION : VERIFY_OK;
}

/* SEQUENCE SIZE (1..MAX) OF SEQUENCE { extnID, critical DEFAULT FALSE, extnValue }, each extension
 * once (RFC 5280 4.2). */
static enum verify_result read_extensions(struct cert *out, struct cursor c)
{
    struct span seen[EXTENSIONS_MAX];
    unsigned count = 0;

    do {
        struct cursor one = take_der_nested(&c, DER_SEQUENCE);
        struct span oid = take_der(&one, DER_OID);
        bool is_critical = take_der_true(&one);
        struct span value = take_der(&one, DER_OCTET_STRING);

        if (!der_done(&one) || count == EXTENSIONS_MAX) {
            return VERIFY_CERT_EXTENSIONS;
        }
        for (unsigned i = 0; i < count; i++) {
            if (span_equal(seen[i], oid)) {
                return VERIFY_CERT_EXTENSIONS;
            }
        }
        seen[count++] = oid;
        enum verify_result result = read_extension(out, oid, is_critical, value);

        if (result != VERIFY_OK) {
            return result;
        }
    } while (c.ok && !der_done(&c));
    return der_done(&c) ? VERIFY_OK : VERIFY_CERT_EXTENSIONS;
}

/* TBSCertificate (RFC 5280 4.1). `algorithm` stands outside of it and must say the same. */
static enum verify_result read_tbs(struct cert *out, struct span algorithm)
{
    struct cursor outer = der_over(out->tbs);
    struct cursor c = take_der_nested(&outer, DER_SEQUENCE);

    take_version_3(&c);
    out->serial = take_der_integer(&c);
    struct span inner_algorithm = take_der(&c, DER_SEQUENCE);
    out->issuer = take_der_whole(&c, DER_SEQUENCE);
    take_validity(&c, out);
    out->subject = take_der_whole(&c, DER_SEQUENCE);
    out->spki = take_der_whole(&c, DER_SEQUENCE);
    if (!c.ok || !is_serial(out->serial) || !is_name(out->issuer) || is_empty_name(out->issuer) ||
        !is_name(out->subject)) {
        return VERIFY_CERT_SYNTAX;
    }
    if (!algorithm_is_ecdsa_sha256(algorithm) || !span_equal(algorithm, inner_algorithm)) {
        return VERIFY_CERT_SIGNATURE_ALGORITHM;
    }
    if (!read_key(out)) {
        return VERIFY_CERT_KEY;
    }
    if (der_done(&c)) {
        return VERIFY_OK;
    }
    struct cursor wrapper = take_der_nested(&c, DER_CONTEXT_OPEN(3));
    struct cursor list = take_der_nested(&wrapper, DER_SEQUENCE);

    if (!der_done(&c) || !der_done(&wrapper)) {
        return VERIFY_CERT_SYNTAX;
    }
    return read_extensions(out, list);
}

static enum verify_result parse(struct cert *out, struct span der)
{
    struct cursor outer = der_over(der);
    struct cursor c = take_der_nested(&outer, DER_SEQUENCE);

    out->der = der;
    out->path_length = -1;
    out->tbs = take_der_whole(&c, DER_SEQUENCE);
    struct span algorithm = take_der(&c, DER_SEQUENCE);
    out->signature = take_der_bits(&c);
    if (!der_done(&c) || !der_done(&outer)) {
        return VERIFY_CERT_SYNTAX;
    }
    return read_tbs(out, algorithm);
}

enum verify_result cert_parse(struct cert *out, struct span der)
{
    memset(out, 0, sizeof *out);
    enum verify_result result = parse(out, der);

    if (result != VERIFY_OK) {
        memset(out, 0, sizeof *out);
    }
    return result;
}

void cert_key_digest(const struct cert *cert, uint8_t digest[SHA256_LEN])
{
    sha256_of(digest, cert->spki.at, cert->spki.len);
}
