/* cert_parse() against mbedTLS: what ours accepts, mbedTLS must accept and read the same. */
#include <stdlib.h>

#include "cert_twin.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    if (cert_twin_compare((struct span){ bytes, len }) == TWIN_DIFFERENT) {
        abort();
    }
    return 0;
}
