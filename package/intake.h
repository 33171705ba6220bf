/* Intake: opens a system package from any source that can be read at an offset.
 *
 * It does no I/O. It says which bytes it needs, the caller brings them, until it is ready:
 *
 *     while (intake_wants(intake, &offset, &len)) {
 *         ... read `len` bytes at `offset` of the file, by file, cache or HTTP range ...
 *         err = intake_give(intake, bytes, len, &error);
 *     }
 *     package = intake_take(intake);
 *
 * Order: the first header and manifest.cms; the authority's verdict, this gateway's system, expiry
 * and sequence; only then, for each component, the padding before it, its header and its CMS; last
 * the end of the file. So every byte of the file is accounted for except block tables and payload,
 * which the image manifests bind. The first refusal is final.
 */
#ifndef PACKAGE_INTAKE_H
#define PACKAGE_INTAKE_H

#include "authority.h"
#include "package.h"
#include "sequence.h"

enum { INTAKE_READ_MAX = PACKAGE_CMS_MAX };

/* What this gateway accepts. Everything pointed to must outlive the intake. */
struct intake_policy {
    const struct authority *authority;
    const char *system;             /* NULL: any (gatewaypkg without --system) */
    int64_t now_s;                  /* trust_now(): `expires` is judged at it */
    struct sequence_state sequence; /* of this gateway's packages; an identity known here may be
                                       re-applied although it or its certificates have expired */
    bool allow_leap;                /* an operator permits a step above SEQUENCE_LEAP_MAX */
};

struct intake;

/* `file_size` is the size of the package in bytes, 0 = not known. Free with intake_free(). */
struct intake *intake_open(const struct intake_policy *policy, uint64_t file_size);
void intake_free(struct intake *intake); /* NULL is fine */

/* Which bytes are needed next? *len is 1..INTAKE_READ_MAX. False: nothing more, it is ready. */
bool intake_wants(const struct intake *intake, uint64_t *offset, size_t *len);

/* Bring the bytes that were asked for. Fewer mean that the file ends there. GW_OK, or the refusal:
 * GW_PACKAGE_*, GW_MANIFEST, GW_OTHER_SYSTEM, GW_SEQUENCE_LEAP, GW_IMAGE_MISMATCH, GW_NO_ANCHOR,
 * GW_NO_SYSTEM, GW_NOT_SUPPORTED_YET, GW2200.. with the facts in *error. */
MUST_USE enum gw_err intake_give(struct intake *intake, const uint8_t *bytes, size_t len,
                                 struct gw_error *error);

/* The opened package, now the caller's: package_free(). Call once, when it is ready. */
struct package *intake_take(struct intake *intake);

/* Open again a package that this gateway accepted before, from what it kept of it: manifest.cms and
 * the CMS of each component's image, in manifest order. Every decision is made again. GW_OK: *out
 * is the caller's. Else the refusals of intake_give(); then *out is NULL. */
MUST_USE enum gw_err intake_restore(struct package **out, const struct intake_policy *policy,
                                    struct span manifest_cms, const struct span *image_cms,
                                    size_t image_count, struct gw_error *error);

#endif
