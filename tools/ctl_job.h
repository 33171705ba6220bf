/* Jobs (io.gatewayd.Control type JobInfo) as text for people. Pure: JSON in, text out. */
#ifndef TOOLS_CTL_JOB_H
#define TOOLS_CTL_JOB_H

#include "ctl_text.h"
#include "json.h"

/* The reply of Jobs: one row each. */
void render_jobs(FILE *out, const struct json *reply, const struct style *style);

/* One job with all its steps and errors. */
void render_job(FILE *out, const struct json *job, const struct style *style);

/* What changed from `before` (NULL = nothing was shown yet) to `now`: one line for each change of
 * state, none for progress. For output that is not a terminal. */
void render_job_changes(FILE *out, const struct json *before, const struct json *now);

/* "job 17: running: acme.example/plant-a 2026.11, sequence 42", without a newline. */
void render_job_head(FILE *out, const struct json *job, const struct style *style);

/* Has it ended? Unknown states (another version of the daemon) have not. */
bool job_has_ended(const struct json *job);

/* Skipped because the device has this image already. */
bool job_step_is_up_to_date(const struct json *step);

/* Steps that are done or were up to date. */
size_t job_steps_done(const struct json *job);

/* Does a step move bytes now, so that done, total, rate and eta_s mean something? */
bool job_step_is_moving(const struct json *step);
unsigned job_percent(int64_t done, int64_t total);

/* Why an ended job is not `done`: a new object of type Error, with exit_code; NULL = it is done. */
struct json *job_failure(const struct json *job);

#endif
