/* What packages and images say, for people and as JSON. */
#ifndef TOOLS_PKG_SHOW_H
#define TOOLS_PKG_SHOW_H

#include "package.h"
#include "pkg.h"
#include "pkg_gwi.h"

/* Print an opened image. `verified`: the trust store said so. */
void pkg_show_image(struct pkg *pkg, const struct pkg_gwi *gwi, bool verified);

/* Open the file again, as anybody would, and print it. */
MUST_USE enum gw_err pkg_show_gwi(struct pkg *pkg, const char *path, struct gw_error *error);

/* Print an opened package. */
void pkg_show_package(struct pkg *pkg, const char *path, const struct package *package,
                      bool verified);

/* Print a system manifest that is not signed yet. */
void pkg_show_manifest(struct pkg *pkg, const char *path, const struct system_manifest *manifest,
                       const uint8_t identity[SHA256_LEN]);

#endif
