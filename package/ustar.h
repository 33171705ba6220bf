/* Members of a system package: POSIX ustar in the strict form of docs/SPEC, System package.
 *
 * A header carries a name and a size and nothing else, so there is exactly one right header for
 * each pair: what `tar --format=ustar --mode=0644 --owner=0 --group=0 --numeric-owner --mtime=@0`
 * writes. Reading is computing it and comparing.
 */
#ifndef PACKAGE_USTAR_H
#define PACKAGE_USTAR_H

#include <stdint.h>

#include "err.h"
#include "names.h"

enum {
    USTAR_BLOCK = 512,           /* bytes of a header; members are padded to a multiple */
    USTAR_END = 2 * USTAR_BLOCK, /* zero bytes after the last member */
};

#define USTAR_SIZE_MAX 077777777777ULL /* eleven octal digits: 8 GiB - 1 */

struct ustar_member {
    char name[MEMBER_NAME_MAX];
    uint64_t size; /* bytes, <= USTAR_SIZE_MAX */
};

/* The header of this member. `name` must satisfy name_is_member() and size <= USTAR_SIZE_MAX. */
void ustar_header(uint8_t header[USTAR_BLOCK], const char *name, uint64_t size);

/* Is `header` the one of this member? GW_OK or GW_PACKAGE_MEMBER. */
MUST_USE enum gw_err ustar_check(const uint8_t header[USTAR_BLOCK], const char *name,
                                 uint64_t size);

/* Read a header whose name and size are not known. GW_OK or GW_PACKAGE_FORMAT; then *out is zeroed.
 */
MUST_USE enum gw_err ustar_parse(struct ustar_member *out, const uint8_t header[USTAR_BLOCK]);

/* Zero bytes after `size` bytes of data: 0..511. */
uint32_t ustar_padding(uint64_t size);

#endif
