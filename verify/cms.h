/* The structure of a signed object: CMS SignedData (RFC 5652 5) in the profile of docs/SPEC.
 *
 * cms_parse() says what the object is made of and checks nothing cryptographic; signed.h is the
 * door. Strict DER down to the last field.
 */
#ifndef VERIFY_CMS_H
#define VERIFY_CMS_H

#include "signed.h"

struct cms_signer {
    uint8_t cert;           /* index of the certificate that the signer identifier names */
    struct span attributes; /* signedAttrs with its [0] header */
    struct span signature;  /* DER ECDSA-Sig-Value */
};

/* All spans borrow from the bytes that were parsed. */
struct cms {
    struct span content_type; /* contents of the OBJECT IDENTIFIER */
    struct span content;
    struct cert certs[SIGNED_CERTS_MAX]; /* ascending, as DER sorts them */
    struct cms_signer signers[SIGNED_SIGNERS_MAX];
    uint8_t cert_count;
    uint8_t signer_count; /* 1.. */
};

/* Parse exactly `der`. VERIFY_OK, or the first rule of the structure that is broken; then `out`
 * holds nothing of use. Refused here: detached content, other digest and signature algorithms,
 * CRLs, unsigned attributes, missing signed attributes, signers without their certificate. */
VERIFY_MUST_USE enum verify_result cms_parse(struct cms *out, struct span der);

#endif
