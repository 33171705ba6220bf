/* Rules of a plan that look at several steps: what one part of a device requires of another,
 * groups, and `after`. Pure.
 */
#ifndef PACKAGE_PLAN_GROUP_H
#define PACKAGE_PLAN_GROUP_H

#include "plan.h"

/* Refuse the steps that the rules forbid. The steps are sorted and fitted. */
void plan_group(struct plan *plan, const struct package *package,
                const struct inventory *inventory);

/* Milliseconds to activate all steps of a group in turn: components one after the other, the buses
 * of one component at the same time. `first` is its first step, *next the first one after it. */
uint64_t plan_group_activate_ms(const struct plan *plan, const struct package *package,
                                const struct inventory *inventory, size_t first, size_t *next);

#endif
