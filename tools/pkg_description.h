/* Descriptions that people write: JSON with // comments, read strictly. Failures name
 * FILE:LINE:COLUMN. */
#ifndef TOOLS_PKG_DESCRIPTION_H
#define TOOLS_PKG_DESCRIPTION_H

#include "json.h"
#include "strict_object.h"

struct pkg_description {
    const char *path; /* borrowed */
    char *text;
    size_t len;
    struct json *json;
};

/* GW_OK, GW_SOURCE_OPEN, GW_SOURCE_READ, or GW_DESCRIPTION: not JSON. pkg_description_free(). */
MUST_USE enum gw_err pkg_description_load(struct pkg_description *out, const char *path,
                                          struct gw_error *error);
void pkg_description_free(struct pkg_description *d);

/* The failure of a strict reader, with line and column in front. */
enum gw_err pkg_description_fail(const struct pkg_description *d, const struct strict *s,
                                 struct gw_error *error);

#endif
