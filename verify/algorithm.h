/* The algorithms of the profile as DER names them: SHA-256, and ECDSA P-256 with SHA-256.
 *
 * Others get their place here and in crypto.h; what is not named is refused.
 */
#ifndef VERIFY_ALGORITHM_H
#define VERIFY_ALGORITHM_H

#include <stdbool.h>

#include "crypto.h"

/* Does an AlgorithmIdentifier (its contents, without header) say SHA-256? Parameters absent or NULL
 * (RFC 5754 2). */
bool algorithm_is_sha256(struct span algorithm);

/* ... say ecdsa-with-SHA256? Parameters absent (RFC 5758 3.2). */
bool algorithm_is_ecdsa_sha256(struct span algorithm);

/* ... say an EC public key on the named curve P-256? (RFC 5480 2.1.1) */
bool algorithm_is_p256_key(struct span algorithm);

/* Is the DER ECDSA-Sig-Value `signature` right for `digest` and the key `point`? Anything but the
 * strict DER of two numbers in [1, n-1] is wrong. VERIFY_OK or VERIFY_CMS_SIGNATURE. */
VERIFY_MUST_USE enum verify_result algorithm_verify(struct span point,
                                                    const uint8_t digest[SHA256_LEN],
                                                    struct span signature);

#endif
