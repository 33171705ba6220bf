/* Does one image fit one device, and what would sending it take? The part of plan that looks at one
 * step alone. Pure.
 */
#ifndef PACKAGE_PLAN_FIT_H
#define PACKAGE_PLAN_FIT_H

#include "plan.h"

/* Fill action, error, bytes, times, warnings and has_way_back of a step whose component and device
 * are set and have matched. */
void plan_fit(struct plan_step *step, const struct package *package,
              const struct inventory *inventory, const struct plan_policy *policy);

#endif
