/* One X.509 v3 certificate, read strictly (RFC 5280 4), and the rules that hold for it alone.
 *
 * The same strict DER reader serves CMS, certificates and manifests: no heap, no recursion, every
 * defect refused. A certificate is parsed, not judged: role, path and time are chain.h's.
 */
#ifndef VERIFY_CERT_H
#define VERIFY_CERT_H

#include <stdbool.h>
#include <stdint.h>

#include "result.h"
#include "span.h"

/* keyUsage bits as RFC 5280 4.2.1.3 numbers them: bit 0 = digitalSignature. */
enum {
    KEY_USAGE_DIGITAL_SIGNATURE = 1u << 0,
    KEY_USAGE_CERT_SIGN = 1u << 5,
    KEY_USAGE_CRL_SIGN = 1u << 6
};

/* All spans borrow from the bytes that were parsed. */
struct cert {
    struct span der;           /* the whole certificate */
    struct span tbs;           /* what is signed, with its header */
    struct span serial;        /* contents of the INTEGER */
    struct span issuer;        /* Name, DER with header */
    struct span subject;       /* Name, DER with header */
    struct span spki;          /* SubjectPublicKeyInfo, DER with header */
    struct span point;         /* P-256 public point, 65 bytes */
    struct span signature;     /* contents of the BIT STRING: DER ECDSA-Sig-Value */
    struct span key_id;        /* subjectKeyIdentifier, absent = NULL */
    struct span issuer_key_id; /* keyIdentifier of authorityKeyIdentifier, absent = NULL */
    int64_t not_before_s;      /* seconds since 1970 */
    int64_t not_after_s;
    uint16_t key_usage;    /* KEY_USAGE_*, 0 when absent */
    bool is_ca;            /* basicConstraints says CA:TRUE */
    int16_t path_length;   /* -1: no limit */
    bool has_code_signing; /* extendedKeyUsage is present and contains codeSigning */
    bool has_crl_point;    /* names a CRL distribution point */
};

/* Parse exactly `der`. Returns VERIFY_OK or the first rule broken (VERIFY_CERT_*); then `out` is
 * zeroed. Refused here: v1 and v2, algorithms other than ecdsa-with-SHA256 on P-256 (named curve),
 * sigAlg != TBS sigAlg, serial <= 0 or over 20 octets, malformed dates, duplicate or malformed
 * extensions, critical ones that are not known, name constraints. */
VERIFY_MUST_USE enum verify_result cert_parse(struct cert *out, struct span der);

/* SHA-256 of the SubjectPublicKeyInfo: the identity of a key. */
void cert_key_digest(const struct cert *cert, uint8_t digest[32]);

#endif
