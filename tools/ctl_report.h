/* The report of a job (reply of Report) as text for people: what ran, who signed it, who verified
 * it, what each device says now. Pure. */
#ifndef TOOLS_CTL_REPORT_H
#define TOOLS_CTL_REPORT_H

#include "ctl_text.h"
#include "json.h"

/* Takes the reply's parameters: {report: {made, job, package, devices}}. */
void render_report(FILE *out, const struct json *reply, const struct style *style);

#endif
