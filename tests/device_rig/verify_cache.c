/* Remembers signature checks, so that a test can boot a device some ten thousand times. Linked with
 * --wrap=crypto_verify_p256; the answer for the same point, digest and signature is the same. */
#include <string.h>

#include "crypto.h"

enum { ENTRIES = 64, KEY_LEN = P256_POINT_LEN + SHA256_LEN + P256_SIGNATURE_LEN };

enum verify_result __real_crypto_verify_p256(const uint8_t point[P256_POINT_LEN],
                                             const uint8_t digest[SHA256_LEN],
                                             const uint8_t signature[P256_SIGNATURE_LEN]);
enum verify_result __wrap_crypto_verify_p256(const uint8_t point[P256_POINT_LEN],
                                             const uint8_t digest[SHA256_LEN],
                                             const uint8_t signature[P256_SIGNATURE_LEN]);

enum verify_result __wrap_crypto_verify_p256(const uint8_t point[P256_POINT_LEN],
                                             const uint8_t digest[SHA256_LEN],
                                             const uint8_t signature[P256_SIGNATURE_LEN])
{
    static struct {
        uint8_t key[KEY_LEN];
        enum verify_result result;
    } cache[ENTRIES];
    static unsigned next;
    uint8_t key[KEY_LEN];

    memcpy(key, point, P256_POINT_LEN);
    memcpy(key + P256_POINT_LEN, digest, SHA256_LEN);
    memcpy(key + P256_POINT_LEN + SHA256_LEN, signature, P256_SIGNATURE_LEN);
    for (unsigned i = 0; i < ENTRIES; i++) {
        if (cache[i].result != VERIFY_NOT_CHECKED && memcmp(cache[i].key, key, KEY_LEN) == 0) {
            return cache[i].result;
        }
    }
    memcpy(cache[next].key, key, KEY_LEN);
    cache[next].result = __real_crypto_verify_p256(point, digest, signature);
    next = (next + 1) % ENTRIES;
    return cache[(next + ENTRIES - 1) % ENTRIES].result;
}
