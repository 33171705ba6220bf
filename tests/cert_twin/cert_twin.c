#define MBEDTLS_ALLOW_PRIVATE_ACCESS
#include <mbedtls/oid.h>
#include <mbedtls/x509_crt.h>
#include <string.h>
#include <time.h>

#include "cert.h"
#include "cert_twin.h"

static bool has_key_off_curve(const struct cert *cert)
{
    mbedtls_ecp_group group;
    mbedtls_ecp_point point;

    mbedtls_ecp_group_init(&group);
    mbedtls_ecp_point_init(&point);
    bool is_off = mbedtls_ecp_group_load(&group, MBEDTLS_ECP_DP_SECP256R1) != 0 ||
                  mbedtls_ecp_point_read_binary(&group, &point, cert->point.at, cert->point.len) !=
                      0 ||
                  mbedtls_ecp_check_pubkey(&group, &point) != 0;

    mbedtls_ecp_point_free(&point);
    mbedtls_ecp_group_free(&group);
    return is_off;
}

/* Extensions whose inside mbedTLS reads and we do not. */
static bool has_other_known_extension(struct span der)
{
    static const struct span oids[] = {
        { (const uint8_t *)"\x06\x03" MBEDTLS_OID_SUBJECT_ALT_NAME, 5 },
        { (const uint8_t *)"\x06\x03" MBEDTLS_OID_CERTIFICATE_POLICIES, 5 },
        { (const uint8_t *)"\x06\x09" MBEDTLS_OID_NS_CERT_TYPE, 11 },
    };

    for (size_t i = 0; i < sizeof oids / sizeof oids[0]; i++) {
        if (memmem(der.at, der.len, oids[i].at, oids[i].len)) {
            return true;
        }
    }
    return false;
}

/* authorityKeyIdentifier with more than a key id: 3.6 reads the names in it, 2.28 and we do not. */
static bool has_issuer_in_key_id(struct span der)
{
    static const uint8_t head[] = { 0x06, 0x03, 0x55, 0x1d, 0x23, 0x04 };
    const uint8_t *at = memmem(der.at, der.len, head, sizeof head);

    if (!at || (size_t)(der.at + der.len - at) < 12) {
        return false;
    }
    /* OCTET STRING length, SEQUENCE, its length, [0], its length */
    return at[8] >= 0x80 || at[8] != at[10] + 2;
}

static bool is_same_time(const mbedtls_x509_time *t, int64_t time_s)
{
    struct tm tm = { .tm_year = t->year - 1900,
                     .tm_mon = t->mon - 1,
                     .tm_mday = t->day,
                     .tm_hour = t->hour,
                     .tm_min = t->min,
                     .tm_sec = t->sec };

    return timegm(&tm) == time_s;
}

static bool is_same_bytes(const mbedtls_x509_buf *a, struct span b)
{
    return a->len == b.len && memcmp(a->p, b.at, b.len) == 0;
}

/* mbedTLS keeps the first octet of the BIT STRING in the low byte. */
static bool is_same_key_usage(unsigned theirs, uint16_t ours)
{
    unsigned same = 0;

    for (unsigned i = 0; i < 9; i++) {
        if (ours & 1u << i) {
            same |= (0x80u >> i % 8) << 8 * (i / 8);
        }
    }
    return theirs == same;
}

static bool is_same(const mbedtls_x509_crt *theirs, const struct cert *ours)
{
    return theirs->version == 3 && is_same_bytes(&theirs->serial, ours->serial) &&
           is_same_bytes(&theirs->tbs, ours->tbs) &&
           is_same_bytes(&theirs->issuer_raw, ours->issuer) &&
           is_same_bytes(&theirs->subject_raw, ours->subject) &&
           is_same_bytes(&theirs->sig, ours->signature) &&
           is_same_time(&theirs->valid_from, ours->not_before_s) &&
           is_same_time(&theirs->valid_to, ours->not_after_s) &&
           (theirs->ca_istrue != 0) == ours->is_ca &&
           (theirs->max_pathlen > 0 ? theirs->max_pathlen - 1 : -1) == ours->path_length &&
           is_same_key_usage(theirs->key_usage, ours->key_usage) &&
           (!ours->has_code_signing ||
            mbedtls_x509_crt_check_extended_key_usage(
                theirs, MBEDTLS_OID_CODE_SIGNING, MBEDTLS_OID_SIZE(MBEDTLS_OID_CODE_SIGNING)) == 0);
}

enum cert_twin cert_twin_compare(struct span der)
{
    enum cert_twin verdict = TWIN_DIFFERENT;
    mbedtls_x509_crt theirs;
    struct cert ours;

    if (cert_parse(&ours, der) != VERIFY_OK) {
        return TWIN_REFUSED;
    }
    mbedtls_x509_crt_init(&theirs);
    if (mbedtls_x509_crt_parse_der(&theirs, der.at, der.len) != 0) {
        if (has_key_off_curve(&ours) || has_other_known_extension(der) ||
            has_issuer_in_key_id(der)) {
            verdict = TWIN_NOT_COMPARABLE;
        }
    } else if (is_same(&theirs, &ours)) {
        verdict = TWIN_SAME;
    }
    mbedtls_x509_crt_free(&theirs);
    return verdict;
}
