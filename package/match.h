/* Match: is a component for a device? (docs/SPEC, System package, match)
 *
 * `match` only narrows. A device that states vendor and class ids is matched by these alone; one
 * that states none is matched only if its bus identity is in the image's busIds, or the operator
 * declared it, and `match` names its bus.
 */
#ifndef PACKAGE_MATCH_H
#define PACKAGE_MATCH_H

#include "inventory.h"
#include "manifest.h"
#include "system_manifest.h"

/* Is this component meant for devices of this kind? Ids, bus identity, part, and what `match` says
 * of the bus. Serials, hardware and slots are match_narrow()'s. */
bool match_is_candidate(const struct system_component *component,
                        const struct image_manifest *image, const struct inventory_device *device);

/* Is it for this very device? GW_OK, GW_PLAN_HARDWARE, GW_PLAN_SERIAL or GW_PLAN_ADDRESS, with the
 * facts in *error. */
MUST_USE enum gw_err match_narrow(const struct system_component *component,
                                  const struct image_manifest *image,
                                  const struct inventory_device *device, struct gw_error *error);

/* The slot that an image of this component would go to: the one that holds it already, else one
 * that does not run, else the only one. NULL: the device states no slot of this component. */
const struct device_slot *match_target_slot(const struct device_info *info, uint8_t component,
                                            const uint8_t identity[32]);

#endif
