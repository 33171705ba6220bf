/* Whatever parses is the one header of its name and size. */
#include <stdlib.h>

#include "ustar.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct ustar_member member;

    if (len != USTAR_BLOCK) {
        return 0;
    }
    if (ustar_parse(&member, bytes) == GW_OK &&
        (!name_is_member(member.name) || member.size > USTAR_SIZE_MAX ||
         ustar_check(bytes, member.name, member.size) != GW_OK)) {
        abort();
    }
    return 0;
}
