/* A running job as a block of lines with bars, drawn again and again on a terminal. Pure. */
#ifndef TOOLS_CTL_BARS_H
#define TOOLS_CTL_BARS_H

#include "ctl_text.h"
#include "json.h"

enum { BARS_WIDTH_MIN = 52 };

/* The job as it runs: a head line and one line with a bar for each step, each at most style->width
 * columns, together at most `lines_max` (>= 4) lines; style->width is at least BARS_WIDTH_MIN.
 * Returns how many lines were printed. */
unsigned render_job_bars(FILE *out, const struct json *job, unsigned lines_max,
                         const struct style *style);

#endif
