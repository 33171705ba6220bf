/* signed_open() under one anchor with real cryptography: nobody but its key's owner can make it
 * accept anything, so what is accepted must be what the seeds hold. */
#include <stdlib.h>
#include <string.h>

#include "fuzz_seed.h"
#include "testpki.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static struct verify_trust *trust_of_seeds(void)
{
    static struct testpki pki; /* once for all runs: making it takes longer than a run */

    if (pki.trust.anchor_count == 0) {
        testpki_make(&pki, FUZZ_SEED_ROOT);
    }
    return &pki.trust;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static const struct signed_object zero;
    struct signed_object object;
    enum verify_result result = signed_open(&object, (struct span){ bytes, len },
                                            SIGNED_IMAGE_MANIFEST, trust_of_seeds());

    if (result == VERIFY_OK
            ? object.content.len != strlen(FUZZ_SEED_CONTENT) ||
                  memcmp(object.content.at, FUZZ_SEED_CONTENT, strlen(FUZZ_SEED_CONTENT)) != 0
            : memcmp(&object, &zero, sizeof zero) != 0) {
        abort();
    }
    return 0;
}
