/* A plan (io.gatewayd.Control type PlanInfo) as text for people. Pure. */
#ifndef TOOLS_CTL_PLAN_H
#define TOOLS_CTL_PLAN_H

#include "ctl_text.h"
#include "json.h"

/* `how` ("plant.gwp", a URL) completes the line that says how to install it. */
void render_plan(FILE *out, const struct json *plan, const char *how, const struct style *style);

#endif
