/* Opening a package file for a verb: intake over a file, with a trust store or with none. */
#ifndef TOOLS_PKG_OPEN_H
#define TOOLS_PKG_OPEN_H

#include "package.h"
#include "pkg.h"
#include "trust.h"

/* Whom a verb believes: --trust DIR, or nobody (then everything opens and is shown as such). */
struct pkg_trust {
    struct trust_store store;
    struct trust_authority gateway;
    const struct authority *authority;
    int64_t now_s;
    bool is_verified; /* --trust was given */
};

/* GW_OK, GW_NO_ANCHOR (the folder holds none), GW_ANCHOR_BAD. pkg_trust_free(). Do not copy it. */
MUST_USE enum gw_err pkg_trust_load(struct pkg_trust *out, const char *dir, struct gw_error *error);
void pkg_trust_free(struct pkg_trust *trust);

/* The vendor whose id this is, as its folder of anchors is called; NULL = none. */
const char *pkg_trust_vendor(const struct pkg_trust *trust, const uint8_t vendor_id[16]);

/* Open the package in `file`. `system`: it must be for this one; NULL = any. package_free(*out). */
MUST_USE enum gw_err pkg_open(struct package **out, FILE *file, const char *path, uint64_t size,
                              const struct pkg_trust *trust, const char *system,
                              struct gw_error *error);

/* The name and size of the first member; GW_PACKAGE_FORMAT when the file is no archive at all. */
struct ustar_member;
MUST_USE enum gw_err pkg_first_member(struct ustar_member *out, FILE *file, const char *path,
                                      uint64_t size, struct gw_error *error);

#endif
