/* signed_open() when every signature is right (the check is wrapped): paths, purposes and times of
 * certificates that a fuzzer makes up. It must end, stay in bounds and leave nothing on a refusal.
 */
#include <stdlib.h>
#include <string.h>

#include "fuzz_seed.h"
#include "testpki.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);
enum verify_result __wrap_crypto_verify_p256(const uint8_t *point, const uint8_t *digest,
                                             const uint8_t *signature);

/* Wrong now and then, so that both ways are taken. */
enum verify_result __wrap_crypto_verify_p256(const uint8_t *point, const uint8_t *digest,
                                             const uint8_t *signature)
{
    (void)point;
    (void)digest;
    return signature[63] == 0 ? VERIFY_CMS_SIGNATURE : VERIFY_OK;
}

static struct verify_trust *trust_of_seeds(void)
{
    static struct testpki pki;

    if (pki.trust.anchor_count == 0) {
        testpki_make(&pki, FUZZ_SEED_ROOT);
    }
    return &pki.trust;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static const struct signed_object zero;
    struct signed_object object;
    struct verify_trust trust = *trust_of_seeds();

    if (len < 1) {
        return 0;
    }
    trust.clock.now_s = bytes[0] & 1 ? TESTPKI_NOW_S : 0;
    trust.clock.is_synchronised = bytes[0] & 2;
    trust.clock.expiry_at_signing_time = bytes[0] & 4;
    trust.signers_required = bytes[0] >> 3 & 3;
    enum verify_result result = signed_open(&object, (struct span){ bytes + 1, len - 1 },
                                            SIGNED_IMAGE_MANIFEST, &trust);

    if (result != VERIFY_OK && memcmp(&object, &zero, sizeof zero) != 0) {
        abort();
    }
    if (result == VERIFY_OK &&
        (object.anchor != trust.anchors || object.signers < trust.signers_required)) {
        abort();
    }
    return 0;
}
