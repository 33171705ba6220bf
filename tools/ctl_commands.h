/* What the verbs do. Each returns the exit code of the program; struct verb says what it may be
 * given. */
#ifndef TOOLS_CTL_COMMANDS_H
#define TOOLS_CTL_COMMANDS_H

#include "ctl.h"
#include "ctl_verbs.h"

int command_status(struct ctl *ctl, const struct arguments *arguments);
int command_devices(struct ctl *ctl, const struct arguments *arguments);
int command_plan(struct ctl *ctl, const struct arguments *arguments);
int command_install(struct ctl *ctl, const struct arguments *arguments);
int command_jobs(struct ctl *ctl, const struct arguments *arguments);
int command_job_show(struct ctl *ctl, const struct arguments *arguments);
int command_job_cancel(struct ctl *ctl, const struct arguments *arguments);
int command_job_retry(struct ctl *ctl, const struct arguments *arguments);
int command_job_report(struct ctl *ctl, const struct arguments *arguments);
int command_bus_list(struct ctl *ctl, const struct arguments *arguments);
int command_bus_test(struct ctl *ctl, const struct arguments *arguments);
int command_bus_pause(struct ctl *ctl, const struct arguments *arguments);
int command_bus_resume(struct ctl *ctl, const struct arguments *arguments);
int command_cache_list(struct ctl *ctl, const struct arguments *arguments);
int command_explain(struct ctl *ctl, const struct arguments *arguments);
int command_version(struct ctl *ctl, const struct arguments *arguments);
int command_call(struct ctl *ctl, const struct arguments *arguments);

#endif
