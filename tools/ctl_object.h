/* Any JSON object as text for people: "key: value" lines, arrays of flat objects as tables. Pure.
 */
#ifndef TOOLS_CTL_OBJECT_H
#define TOOLS_CTL_OBJECT_H

#include "ctl_text.h"
#include "json.h"

void render_object(FILE *out, const struct json *object, unsigned indent,
                   const struct style *style);

#endif
