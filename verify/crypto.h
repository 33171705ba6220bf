/* The seam to a crypto library: one hash and one signature check, nothing else.
 *
 * crypto_mbedtls.c serves mbedTLS 2.28 and 3.6. Firmware may link another file in its place (PSA,
 * p256-m, hardware, a secure element). No algorithm is chosen here: verify/ names it.
 * More algorithms (P-384, RSA, SHA-384, SHA-512) get their place in enum crypto_algorithm.
 */
#ifndef VERIFY_CRYPTO_H
#define VERIFY_CRYPTO_H

#include <mbedtls/sha256.h>

#include "result.h"
#include "span.h"

enum { SHA256_LEN = 32, P256_POINT_LEN = 65, P256_SIGNATURE_LEN = 64 };

/* Caller-provided context of a running SHA-256 (FIPS 180-4). */
struct sha256 {
    mbedtls_sha256_context mbedtls;
};

void sha256_begin(struct sha256 *s);
void sha256_feed(struct sha256 *s, const uint8_t *bytes, size_t len);
void sha256_finish(struct sha256 *s, uint8_t digest[SHA256_LEN]);

/* Digest of one range. */
void sha256_of(uint8_t digest[SHA256_LEN], const uint8_t *bytes, size_t len);

/* Is `signature` (r | s, 32 bytes each, big-endian; low or high s) of `digest` made by the private
 * key of `point` (uncompressed, 0x04 | x | y)? Points off the curve and r, s outside [1, n-1] are
 * wrong signatures. Returns VERIFY_OK or VERIFY_CMS_SIGNATURE. (SEC 1 4.1.4) */
VERIFY_MUST_USE enum verify_result crypto_verify_p256(const uint8_t point[P256_POINT_LEN],
                                                      const uint8_t digest[SHA256_LEN],
                                                      const uint8_t signature[P256_SIGNATURE_LEN]);

#endif
