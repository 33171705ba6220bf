/* The order in which components are activated: a group stands together, `after` is obeyed, and
 * where both leave a choice the manifest's own order decides.
 */
#ifndef PACKAGE_COMPONENT_ORDER_H
#define PACKAGE_COMPONENT_ORDER_H

#include "system_manifest.h"

/* Set components[i].unit and fill order[count]. False when `after` makes a circle, between groups
 * or inside one: then *stuck is a component of it. `group` and `after` are set; count <=
 * SYSTEM_COMPONENTS_MAX. */
bool component_order(struct system_component *components, uint16_t count, uint16_t *order,
                     uint16_t *stuck);

#endif
