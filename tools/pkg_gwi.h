/* A .gwi in a file, signed or not: its head, and its bytes checked against it. */
#ifndef TOOLS_PKG_GWI_H
#define TOOLS_PKG_GWI_H

#include "authority.h"
#include "package.h"
#include "pkg.h"
#include "pkg_file.h"

struct pkg_gwi {
    const char *path; /* borrowed */
    FILE *file;
    uint64_t size; /* of the file */
    bool is_signed;
    uint8_t head[IMAGE_CMS_MAX]; /* begins with the CMS, or with the bare manifest */
    size_t head_len;             /* bytes of it */
    uint8_t identity[SHA256_LEN];
    struct image_manifest manifest; /* borrows from head */
    struct package_signer signer;
};

/* Read and open the head; the file's length must be the one that it says. An unsigned one is opened
 * too. `vendor` is for the authority; NULL = not known. pkg_gwi_close(). */
MUST_USE enum gw_err pkg_gwi_open(struct pkg_gwi *out, const char *path,
                                  const struct authority *authority, const char *vendor,
                                  struct gw_error *error);
void pkg_gwi_close(struct pkg_gwi *gwi);

/* Check table and every block, and the digest of the whole; copy them to `out` (NULL: check only).
 * GW_OK, GW_CONTENT_DAMAGED, GW_SOURCE_READ. */
MUST_USE enum gw_err pkg_gwi_copy_body(struct pkg *pkg, struct pkg_gwi *gwi, struct pkg_output *out,
                                       struct gw_error *error);

#endif
