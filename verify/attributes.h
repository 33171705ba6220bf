/* The signed attributes of one signature (RFC 5652 5.3, 11; RFC 6211). */
#ifndef VERIFY_ATTRIBUTES_H
#define VERIFY_ATTRIBUTES_H

#include <stdbool.h>
#include <stdint.h>

#include "crypto.h"

struct attributes {
    struct span content_type;   /* contents of the OBJECT IDENTIFIER; NULL = absent */
    struct span message_digest; /* contents of the OCTET STRING; NULL = absent */
    int64_t signing_time_s;     /* seconds since 1970 */
    bool has_signing_time;
};

/* Read signedAttrs (with its [0] header): in DER order, each type once, one value each; unknown
 * ones are skipped. VERIFY_OK or the rule that is broken. */
VERIFY_MUST_USE enum verify_result attributes_parse(struct attributes *out, struct span der);

/* What the signature is made over: the attributes as a SET OF (RFC 5652 5.4). */
void attributes_digest(uint8_t digest[SHA256_LEN], struct span der);

#endif
