#include "ctl_bars.h"

#include <string.h>

#include "ctl_fields.h"
#include "ctl_job.h"

enum {
    NAME_MAX_COLUMNS = 16,
    BAR_MIN = 10,
    BAR_MAX = 40,
    BAR_TEXT = 30, /* "[] 100%  1023.9 KiB/s  0:00:00" without the bar */
};

struct layout {
    unsigned device, component, version, bar; /* columns; version 0 = not shown */
};

static struct short_text version_text(const struct json *step)
{
    struct short_text t;

    (void)snprintf(t.text, sizeof t.text, "%.9s -> %.9s",
                   has_text(step, "from_version") ? text_of(step, "from_version") : "?",
                   text_of(step, "to_version"));
    return t;
}

static unsigned larger(unsigned a, unsigned b)
{
    return a > b ? a : b;
}

static unsigned smaller(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

static struct layout layout_of(const struct json *steps, unsigned width)
{
    struct layout l = { .bar = BAR_MIN };

    for (const struct json *s = json_first(steps); s; s = json_next(s)) {
        l.device = larger(l.device, text_columns(text_of(s, "device")));
        l.component = larger(l.component, text_columns(text_of(s, "component")));
        l.version = larger(l.version, text_columns(version_text(s).text));
    }
    l.device = smaller(l.device, NAME_MAX_COLUMNS);
    l.component = smaller(l.component, NAME_MAX_COLUMNS);
    while (l.device + l.component + 4 + BAR_MIN + BAR_TEXT > width && l.device + l.component > 8) {
        *(l.device > l.component ? &l.device : &l.component) -= 1;
    }
    unsigned used = l.device + l.component + 4 + BAR_TEXT;

    l.version = used + l.version + 2 + BAR_MIN <= width ? l.version : 0;
    used += l.version ? l.version + 2 : 0;
    l.bar = smaller(used + BAR_MIN < width ? width - used : BAR_MIN, BAR_MAX);
    return l;
}

static void put_padded(FILE *out, const char *text, unsigned columns)
{
    unsigned used = smaller(text_columns(text), columns);

    text_put_cut(out, text, columns);
    (void)fprintf(out, "%*s", (int)(columns - used + 2), "");
}

static void put_bar(FILE *out, int64_t done, int64_t total, unsigned columns)
{
    unsigned percent = job_percent(done, total), filled = percent * columns / 100;

    (void)fputc('[', out);
    for (unsigned i = 0; i < columns; i++) {
        (void)fputc(i < filled ? '#' : '-', out);
    }
    (void)fprintf(out, "] %3u%%", percent);
}

static void put_progress(FILE *out, const struct json *step, unsigned bar)
{
    put_bar(out, number_of(step, "done"), number_of(step, "total"), bar);
    if (has(step, "rate")) {
        (void)fprintf(out, "%14s", text_rate(number_of(step, "rate")).text);
    }
    if (has(step, "eta_s")) {
        (void)fprintf(out, "%9s", text_clock(number_of(step, "eta_s")).text);
    }
}

static void put_state(FILE *out, const struct json *step, unsigned columns,
                      const struct style *style)
{
    const char *state = text_of(step, "state");
    const struct json *error = json_get(step, "error");
    char text[300];

    if (json_is_object(error)) {
        (void)snprintf(text, sizeof text, "%s: %s %s", state, text_of(error, "code"),
                       text_of(error, "message"));
    } else if (job_step_is_up_to_date(step)) {
        (void)snprintf(text, sizeof text, "%s: it has %s already", state,
                       text_of(step, "to_version"));
    } else if (number_of(step, "resumed_at") > 0) {
        (void)snprintf(text, sizeof text, "%s (resumed at %s)", state,
                       text_bytes(number_of(step, "resumed_at")).text);
    } else {
        (void)snprintf(text, sizeof text, "%s", state);
    }
    text_begin(out, style, text_state_tone(state));
    text_put_cut(out, text, columns);
    text_end(out, style, text_state_tone(state));
}

static void put_step_line(FILE *out, const struct json *step, const struct layout *l,
                          const struct style *style)
{
    put_padded(out, text_of(step, "device"), l->device);
    put_padded(out, text_of(step, "component"), l->component);
    if (l->version) {
        put_padded(out, version_text(step).text, l->version);
    }
    if (job_step_is_moving(step)) {
        put_progress(out, step, l->bar);
    } else {
        put_state(out, step, l->bar + BAR_TEXT, style);
    }
    (void)fputc('\n', out);
}

static bool is_downloading(const struct json *job)
{
    return number_of(job, "download_total") > 0 && !job_has_ended(job) &&
           number_of(job, "download_done") < number_of(job, "download_total");
}

static void put_download(FILE *out, const struct json *job, const struct layout *l)
{
    int64_t done = number_of(job, "download_done"), total = number_of(job, "download_total");

    put_padded(out, "download", l->device > 8 ? l->device : 8);
    put_bar(out, done, total, l->bar);
    (void)fprintf(out, "  %s", text_bytes(done).text);
    (void)fprintf(out, " of %s\n", text_bytes(total).text);
}

/* The head can be long: a file name, a URL. */
static void put_head_cut(FILE *out, const struct json *job, const struct style *style)
{
    struct style plain = *style;
    char text[600] = "";
    FILE *line = fmemopen(text, sizeof text, "w");

    plain.color = false;
    if (line) {
        render_job_head(line, job, &plain);
        (void)fclose(line);
    }
    text_begin(out, style, text_state_tone(text_of(job, "state")));
    text_put_cut(out, text, style->width);
    text_end(out, style, text_state_tone(text_of(job, "state")));
    (void)fputc('\n', out);
}

unsigned render_job_bars(FILE *out, const struct json *job, unsigned lines_max,
                         const struct style *style)
{
    const struct json *steps = json_get(job, "steps"), *s = json_first(steps);
    struct layout l = layout_of(steps, style->width);
    unsigned lines = 1, left = (unsigned)json_count(steps);

    put_head_cut(out, job, style);
    if (is_downloading(job)) {
        put_download(out, job, &l);
        lines++;
    }
    /* One line is kept for those that have no room. */
    for (unsigned room = lines_max - lines - (left > lines_max - lines); s && room > 0; room--) {
        put_step_line(out, s, &l, style);
        s = json_next(s);
        lines++;
        left--;
    }
    if (left > 0) {
        (void)fprintf(out, "... and %u more, %zu of %zu done\n", left, job_steps_done(job),
                      json_count(steps));
        lines++;
    }
    return lines;
}
