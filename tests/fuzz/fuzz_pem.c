/* What decodes is no longer than its text; what does not leaves nothing. */
#include <stdlib.h>

#include "pem.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    const char *why = NULL;
    uint8_t *der;
    size_t der_len;
    enum gw_err err = pem_certificate(&der, &der_len, (const char *)bytes, len, &why);

    if (err ? der != NULL || !why : der_len == 0 || der_len > len) {
        abort();
    }
    free(der);
    return 0;
}
