/* Follow a job until it ends: bars on a terminal, lines elsewhere, JSON lines with --json. */
#ifndef TOOLS_CTL_FOLLOW_H
#define TOOLS_CTL_FOLLOW_H

#include <stdint.h>

#include "ctl.h"

enum { FOLLOW_RECONNECT_S = 30, FOLLOW_RETRY_MS = 200 };

/* Returns the exit code that fits how job `id` (0 = the latest) ended. Ctrl-C, SIGTERM and SIGHUP
 * detach: the job goes on, a line says how to follow it, EXIT_DETACHED. A daemon that goes away is
 * waited for, FOLLOW_RECONNECT_S long each time. */
int follow_job(struct ctl *ctl, int64_t id);

#endif
