/* From a plan to a job: the record that the engine starts with. Pure. */
#ifndef GATEWAYD_JOB_PLAN_H
#define GATEWAYD_JOB_PLAN_H

#include "job_record.h"
#include "plan.h"

/* A new record without an id, or NULL: no memory. Upgrades wait; devices that do not answer wait
 * for them too; what needs nothing, and what was refused and is not required, is skipped.
 * Components that no device needs are left out, and `after` goes through them. */
struct job_record *job_from_plan(const struct plan *plan, const struct package *package,
                                 const struct inventory *inventory);

/* Why a plan cannot become a job: GW_OK, or the first refusal of a required component (a device
 * that does not answer is none), or GW_PLAN_NO_DEVICE when no component is for any. */
MUST_USE enum gw_err job_plan_check(const struct plan *plan, const struct package *package,
                                    struct gw_error *error);

#endif
