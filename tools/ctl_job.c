#include "ctl_job.h"

#include <string.h>

#include "ctl_fields.h"
#include "ctl_render.h"
#include "ctl_table.h"
#include "err.h"
#include "error_json.h"

static bool is(const char *text, const char *other)
{
    return strcmp(text, other) == 0;
}

/* "acme.example/plant-a 2026.11, sequence 42", or the source before that is known. */
static void put_subject(FILE *out, const struct json *job)
{
    if (!has_text(job, "release")) {
        text_put(out, text_of(job, "source"));
        return;
    }
    text_put(out, text_of(job, "system"));
    (void)fputc(' ', out);
    text_put(out, text_of(job, "release"));
    if (has(job, "sequence")) {
        (void)fprintf(out, ", sequence %lld", (long long)number_of(job, "sequence"));
    }
}

bool job_step_is_up_to_date(const struct json *step)
{
    return is(text_of(step, "state"), "skipped") && !json_is_object(json_get(step, "error"));
}

size_t job_steps_done(const struct json *job)
{
    size_t count = 0;

    for (const struct json *s = json_first(json_get(job, "steps")); s; s = json_next(s)) {
        count += is(text_of(s, "state"), "done") || job_step_is_up_to_date(s);
    }
    return count;
}

void render_jobs(FILE *out, const struct json *reply, const struct style *style)
{
    static const struct column columns[] = {
        { "JOB", COLUMN_RIGHT }, { "STATE", 0 },           { "RELEASE", COLUMN_CUT }, { "DONE", 0 },
        { "STARTED (UTC)", 0 },  { "TOOK", COLUMN_RIGHT }, { "FROM", COLUMN_CUT },
    };
    const struct json *jobs = json_get(reply, "jobs");
    struct table t;

    table_init(&t, columns, sizeof columns / sizeof columns[0]);
    for (const struct json *j = json_first(jobs); j; j = json_next(j)) {
        int64_t end = has(j, "finished") ? number_of(j, "finished") : style->now;

        table_cellf(&t, "%lld", (long long)number_of(j, "id"));
        table_state(&t, text_of(j, "state"));
        table_cell(&t, has_text(j, "release") ? text_of(j, "release") : "-");
        table_cellf(&t, "%zu/%zu", job_steps_done(j), json_count(json_get(j, "steps")));
        table_cell(&t, text_time(number_of(j, "created")).text);
        table_cell(&t, text_clock(end - number_of(j, "created")).text);
        table_cell(&t, text_of(j, "source"));
    }
    table_finish(&t, out, style);
    if (json_count(jobs) == 0) {
        (void)fputs("No jobs yet. Begin one: gatewayctl install FILE|URL\n", out);
    }
}

/* --- one job --- */

void render_job_head(FILE *out, const struct json *job, const struct style *style)
{
    const char *state = text_of(job, "state");

    text_begin(out, style, TONE_BOLD);
    (void)fprintf(out, "job %lld", (long long)number_of(job, "id"));
    text_end(out, style, TONE_BOLD);
    (void)fputs(": ", out);
    text_begin(out, style, text_state_tone(state));
    text_put(out, state);
    text_end(out, style, text_state_tone(state));
    (void)fputs(": ", out);
    put_subject(out, job);
}

unsigned job_percent(int64_t done, int64_t total)
{
    if (total <= 0 || done <= 0) {
        return 0;
    }
    return done >= total ? 100 : (unsigned)((double)done * 100 / (double)total);
}

/* Does the step move bytes now? */
bool job_step_is_moving(const struct json *step)
{
    const char *state = text_of(step, "state");

    return (is(state, "fetching") || is(state, "staging") || is(state, "activating")) &&
           number_of(step, "total") > 0;
}

static void step_row(struct table *t, const struct json *step)
{
    table_cell(t, text_of(step, "device"));
    table_cell(t, text_of(step, "component"));
    table_cellf(t, "%s -> %s", has_text(step, "from_version") ? text_of(step, "from_version") : "?",
                text_of(step, "to_version"));
    table_state(t, text_of(step, "state"));
    if (job_step_is_moving(step)) {
        table_cellf(t, "%u %%", job_percent(number_of(step, "done"), number_of(step, "total")));
    } else {
        table_cell(t, "");
    }
    table_cell(t, text_of(step, "verified_by"));
    table_cell(t, text_of(step, "group"));
    table_cell(t, text_of(step, "mode"));
}

static void put_step_name(FILE *out, const struct json *step)
{
    text_put(out, text_of(step, "device"));
    (void)fputc(' ', out);
    text_put(out, text_of(step, "component"));
}

static void put_step_errors(FILE *out, const struct json *steps, const struct style *style)
{
    for (const struct json *s = json_first(steps); s; s = json_next(s)) {
        const struct json *error = json_get(s, "error");

        if (json_is_object(error)) {
            put_step_name(out, s);
            (void)fputs(": ", out);
            render_error_line(out, error);
            (void)fputc('\n', out);
            render_advice(out, "Next:", text_of(error, "next"), style);
        }
    }
}

void render_job(FILE *out, const struct json *job, const struct style *style)
{
    static const struct column columns[] = {
        { "DEVICE", COLUMN_CUT },     { "COMPONENT", COLUMN_CUT },
        { "VERSION", COLUMN_CUT },    { "STATE", 0 },
        { "", COLUMN_RIGHT },         { "VERIFIED BY", 0 },
        { "GROUP", COLUMN_OPTIONAL }, { "MODE", COLUMN_OPTIONAL },
    };
    const struct json *steps = json_get(job, "steps");
    struct table t;

    render_job_head(out, job, style);
    (void)fprintf(out, "\nstarted %s UTC", text_time(number_of(job, "created")).text);
    if (has(job, "finished")) {
        (void)fprintf(out, ", took %s",
                      text_clock(number_of(job, "finished") - number_of(job, "created")).text);
    }
    (void)fputs(", from ", out);
    text_put(out, text_of(job, "source"));
    (void)fputc('\n', out);
    table_init(&t, columns, sizeof columns / sizeof columns[0]);
    for (const struct json *s = json_first(steps); s; s = json_next(s)) {
        step_row(&t, s);
    }
    table_finish(&t, out, style);
    put_step_errors(out, steps, style);
    if (json_is_object(json_get(job, "error"))) {
        render_error(out, json_get(job, "error"), style);
    }
}

/* --- changes, for a log --- */

/* The step of `job` for the same device and component, or NULL. */
static const struct json *same_step(const struct json *job, const struct json *step)
{
    for (const struct json *s = json_first(json_get(job, "steps")); s; s = json_next(s)) {
        if (is(text_of(s, "device"), text_of(step, "device")) &&
            is(text_of(s, "component"), text_of(step, "component"))) {
            return s;
        }
    }
    return NULL;
}

static bool differs(const struct json *before, const struct json *now, const char *key)
{
    return has(before, key) != has(now, key) || number_of(before, key) != number_of(now, key);
}

static void put_step_change(FILE *out, const struct json *job, const struct json *before,
                            const struct json *step)
{
    bool resumed = differs(before, step, "resumed_at") && number_of(step, "resumed_at") > 0;

    if (before && is(text_of(before, "state"), text_of(step, "state")) && !resumed) {
        return;
    }
    (void)fprintf(out, "job %lld: ", (long long)number_of(job, "id"));
    put_step_name(out, step);
    (void)fputs(": ", out);
    text_put(out, text_of(step, "state"));
    if (resumed) {
        (void)fprintf(out, ", resumed at %lld of %lld bytes",
                      (long long)number_of(step, "resumed_at"),
                      (long long)number_of(step, "total"));
    }
    if (job_step_is_up_to_date(step)) {
        (void)fputs(": it has ", out);
        text_put(out, text_of(step, "to_version"));
        (void)fputs(" already", out);
    }
    if (json_is_object(json_get(step, "error"))) {
        (void)fputs(": ", out);
        render_error_line(out, json_get(step, "error"));
    }
    (void)fputc('\n', out);
}

static void put_job_change(FILE *out, const struct json *before, const struct json *job)
{
    if (before && is(text_of(before, "state"), text_of(job, "state"))) {
        return;
    }
    (void)fprintf(out, "job %lld: ", (long long)number_of(job, "id"));
    text_put(out, text_of(job, "state"));
    if (!before || has_text(before, "release") != has_text(job, "release")) {
        (void)fputs(": ", out);
        put_subject(out, job);
    }
    if (has(job, "finished")) {
        (void)fprintf(out, " after %s",
                      text_clock(number_of(job, "finished") - number_of(job, "created")).text);
    }
    (void)fputc('\n', out);
}

/* The end of the job is said after its steps, everything else before them. */
void render_job_changes(FILE *out, const struct json *before, const struct json *now)
{
    bool has_ended = job_has_ended(now);

    if (!has_ended) {
        put_job_change(out, before, now);
    }
    for (const struct json *s = json_first(json_get(now, "steps")); s; s = json_next(s)) {
        put_step_change(out, now, same_step(before, s), s);
    }
    if (has_ended) {
        put_job_change(out, before, now);
    }
}

/* --- how it ended --- */

bool job_has_ended(const struct json *job)
{
    static const char *const ends[] = { "done", "partial", "failed", "cancelled", "refused" };

    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        if (is(text_of(job, "state"), ends[i])) {
            return true;
        }
    }
    return false;
}

/* The job's own error, or the first one of its steps; NULL when neither says anything. */
static const struct json *error_of(const struct json *job)
{
    if (json_is_object(json_get(job, "error"))) {
        return json_get(job, "error");
    }
    for (const struct json *s = json_first(json_get(job, "steps")); s; s = json_next(s)) {
        if (json_is_object(json_get(s, "error"))) {
            return json_get(s, "error");
        }
    }
    return NULL;
}

static struct json *unexplained(const struct json *job)
{
    bool is_cancelled = is(text_of(job, "state"), "cancelled");
    struct gw_error error = { is_cancelled ? GW_CANCELLED : GW_WRONG_STATE, "" };

    (void)snprintf(error.detail, sizeof error.detail, "job %lld is %s",
                   (long long)number_of(job, "id"), text_of(job, "state"));
    return error_to_json(&error);
}

static int exit_code_of(const char *state, const struct json *error)
{
    const struct gw_code *code = gw_code_parse(text_of(error, "code"));

    if (is(state, "partial")) {
        return EXIT_PARTIAL;
    }
    if (is(state, "refused") && (!code || code->exit_code == EXIT_FAILED)) {
        return EXIT_REFUSED;
    }
    return code && code->exit_code != EXIT_DONE ? (int)code->exit_code : EXIT_FAILED;
}

struct json *job_failure(const struct json *job)
{
    const struct json *error = error_of(job);

    if (is(text_of(job, "state"), "done")) {
        return NULL;
    }
    struct json *failure = error ? json_copy(error) : unexplained(job);

    json_set_integer(failure, "exit_code", exit_code_of(text_of(job, "state"), failure));
    return failure;
}
