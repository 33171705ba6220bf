/* An image as the routers see it: io.gatewayd.Router type Image. */
#ifndef GATEWAYD_IMAGE_JSON_H
#define GATEWAYD_IMAGE_JSON_H

#include "images.h"
#include "job_record.h"
#include "package.h"

/* A new object. `image` NULL: the package cannot be opened any more; `facts` NULL: its bytes are
 * not at hand. Then the object still names the image well enough to ask for it, confirm or revert
 * it. */
struct json *image_to_json(const struct component_row *row, const struct package_image *image,
                           const struct image_facts *facts);

#endif
