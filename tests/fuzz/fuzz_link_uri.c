/* What the parser accepts has a target, and numbers in their ranges. */
#include <stdlib.h>
#include <string.h>

#include "link_uri.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    char *text = malloc(len + 1);
    struct link_uri u;

    if (!text) {
        return 0;
    }
    memcpy(text, bytes, len);
    text[len] = '\0';
    if (link_uri_parse(&u, text, NULL) == GW_OK) {
        if (u.target[0] == '\0' || strlen(u.target) >= LINK_TARGET_MAX ||
            (u.scheme == LINK_TCP) != (u.port[0] != '\0') || u.baud > LINK_BAUD_MAX) {
            abort();
        }
    }
    free(text);
    return 0;
}
