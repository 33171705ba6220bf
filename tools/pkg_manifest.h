/* The image manifest: from a description and a payload to DER (docs/SPEC, Signed image). */
#ifndef TOOLS_PKG_MANIFEST_H
#define TOOLS_PKG_MANIFEST_H

#include "crypto.h"
#include "pkg_der.h"
#include "pkg_description.h"

/* What the manifest says of the payload. */
struct pkg_payload {
    uint32_t size, block_size;
    uint8_t digest[SHA256_LEN];
    uint8_t *table; /* block_count x 32 bytes, owned */
    size_t table_len;
};

/* The block size that the description asks for; 1024 when it says nothing. */
MUST_USE enum gw_err pkg_manifest_block_size(uint32_t *block_size, const struct pkg_description *d,
                                             struct gw_error *error);

/* Write the manifest. GW_OK, or GW_DESCRIPTION with file, line, column and rule. */
MUST_USE enum gw_err pkg_manifest_write(struct pkg_der *der, const struct pkg_description *d,
                                        const struct pkg_payload *payload, struct gw_error *error);

#endif
