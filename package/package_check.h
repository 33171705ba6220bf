/* Full check of a package file that intake has opened: every byte from the first to the last.
 *
 * Headers and padding are compared with the computed ones, each image runs through image_check
 * (CMS, table, blocks), and the file must end where it should. Bytes come in order, in pieces of
 * any size. Used by `gatewaypkg verify`; a gateway checks blocks when it uses them.
 */
#ifndef PACKAGE_PACKAGE_CHECK_H
#define PACKAGE_PACKAGE_CHECK_H

#include "package.h"

struct package_check;

/* `package` must outlive the check. Free with package_check_free(). */
struct package_check *package_check_open(const struct package *package);
void package_check_free(struct package_check *check); /* NULL is fine */

/* GW_OK, GW_PACKAGE_MEMBER (a header, padding or the end), GW_CONTENT_DAMAGED (a table or block),
 * with member and offset in *error. The first failure is final. */
MUST_USE enum gw_err package_check_feed(struct package_check *check, const uint8_t *bytes,
                                        size_t len, struct gw_error *error);

/* Was that the whole file? GW_OK or GW_PACKAGE_TRUNCATED. */
MUST_USE enum gw_err package_check_finish(struct package_check *check, struct gw_error *error);

#endif
