/* Replies of io.gatewayd.Control as text for people. Pure: JSON in, text out.
 *
 * A member that is missing (another version of the daemon) is shown as empty or left out; nothing
 * here fails. Plans are in ctl_plan.h, jobs in ctl_job.h, reports in ctl_report.h.
 */
#ifndef TOOLS_CTL_RENDER_H
#define TOOLS_CTL_RENDER_H

#include "ctl_text.h"
#include "json.h"

/* Each takes the reply's parameters. */
void render_status(FILE *out, const struct json *reply, const struct style *style);
void render_devices(FILE *out, const struct json *reply, const struct style *style);
void render_buses(FILE *out, const struct json *reply, const struct style *style);
void render_bus_test(FILE *out, const struct json *reply, const struct style *style);
void render_cache(FILE *out, const struct json *reply, const struct style *style);

/* An object of type Error: what happened, the likely cause, the next step. */
void render_error(FILE *out, const struct json *error, const struct style *style);
/* The same in one line: "GW3001 no answer in time: 3 tries". */
void render_error_line(FILE *out, const struct json *error);

/* "  Next: ..." in lines that fit; nothing when `text` is empty. */
void render_advice(FILE *out, const char *label, const char *text, const struct style *style);
/* A word of at most nine letters at the head of a line. */
void render_label(FILE *out, const char *label, const struct style *style);

#endif
