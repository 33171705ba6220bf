#include "ctl_plan.h"

#include <string.h>

#include "ctl_fields.h"
#include "ctl_render.h"
#include "ctl_table.h"

static void put_plan_head(FILE *out, const struct json *plan, const struct style *style)
{
    render_label(out, "Package", style);
    text_put(out, text_of(plan, "system"));
    (void)fputc(' ', out);
    text_put(out, text_of(plan, "release"));
    (void)fprintf(out, "   sequence %lld\n", (long long)number_of(plan, "sequence"));
    render_label(out, "Signer", style);
    text_put(out, text_of(plan, "signer"));
    (void)fputs(json_get_bool(plan, "verified", true) ? ": verified\n" : ": not verified\n", out);
    if (json_get_bool(plan, "trial_anchor", false)) {
        text_begin(out, style, TONE_WARN);
        (void)fputs("Warning   a trial PKI signed it: not for production\n", out);
        text_end(out, style, TONE_WARN);
    }
}

static void cell_change(struct table *t, const struct json *step)
{
    const char *from = text_of(step, "from_version"), *to = text_of(step, "to_version");

    if (strcmp(text_of(step, "action"), "none") == 0) {
        table_cell(t, *from ? from : to);
    } else if (*to) {
        table_cellf(t, "%s -> %s", *from ? from : "?", to);
    } else {
        table_cell(t, from);
    }
}

static void plan_row(struct table *t, const struct json *step)
{
    const char *device = text_of(step, "device"), *bus = text_of(step, "bus");
    bool is_upgrade = strcmp(text_of(step, "action"), "upgrade") == 0;

    table_cell(t, *device ? device : "-");
    table_cell(t, text_of(step, "component"));
    cell_change(t, step);
    table_state(t, text_of(step, "action"));
    table_cell(t, is_upgrade ? text_bytes(number_of(step, "bytes")).text : "");
    table_cell(t, is_upgrade ? text_clock(number_of(step, "estimated_s")).text : "");
    table_cell(t, text_of(step, "verified_by"));
    table_cell(t, is_upgrade ? text_of(step, "mode") : "");
    table_cell(t, strcmp(device, bus) == 0 ? "" : bus);
}

static void put_step_name(FILE *out, const struct json *step)
{
    const char *device = text_of(step, "device");

    text_put(out, *device ? device : text_of(step, "component"));
    (void)fputs(": ", out);
}

static void put_next(FILE *out, const char *next, const struct style *style)
{
    char line[400];

    (void)snprintf(line, sizeof line, "Next: %s", next);
    text_wrap(out, 10, style->width, line);
}

static void put_plan_notes(FILE *out, const struct json *steps, const struct style *style)
{
    for (const struct json *s = json_first(steps); s; s = json_next(s)) {
        const struct json *error = json_get(s, "error");

        for (const struct json *w = json_first(json_get(s, "warnings")); w; w = json_next(w)) {
            text_begin(out, style, TONE_WARN);
            (void)fputs("Warning   ", out);
            text_end(out, style, TONE_WARN);
            put_step_name(out, s);
            text_put(out, json_string(w) ? json_string(w) : "");
            (void)fputc('\n', out);
        }
        if (json_is_object(error)) {
            text_begin(out, style, TONE_BAD);
            (void)fputs("Refused   ", out);
            text_end(out, style, TONE_BAD);
            put_step_name(out, s);
            render_error_line(out, error);
            (void)fputc('\n', out);
            put_next(out, text_of(error, "next"), style);
        }
    }
}

static void put_unmatched(FILE *out, const struct json *names, const struct style *style)
{
    if (json_count(names) == 0) {
        return;
    }
    render_label(out, "Untouched", style);
    for (const struct json *n = json_first(names); n; n = json_next(n)) {
        text_put(out, json_string(n) ? json_string(n) : "");
        (void)fputs(json_next(n) ? ", " : " (the package has nothing for them)\n", out);
    }
}

static bool is_first_of_group(const struct json *steps, const struct json *step)
{
    for (const struct json *s = json_first(steps); s != step; s = json_next(s)) {
        if (strcmp(text_of(s, "group"), text_of(step, "group")) == 0) {
            return false;
        }
    }
    return *text_of(step, "group") != '\0';
}

/* "Group     metering: boiler, meter-3: all or nothing" */
static void put_groups(FILE *out, const struct json *steps, const struct style *style)
{
    for (const struct json *first = json_first(steps); first; first = json_next(first)) {
        if (!is_first_of_group(steps, first)) {
            continue;
        }
        render_label(out, "Group", style);
        text_put(out, text_of(first, "group"));
        (void)fputs(": ", out);
        text_put(out, text_of(first, "device"));
        for (const struct json *s = json_next(first); s; s = json_next(s)) {
            if (strcmp(text_of(s, "group"), text_of(first, "group")) == 0) {
                (void)fputs(", ", out);
                text_put(out, text_of(s, "device"));
            }
        }
        (void)fputs(": all or nothing\n", out);
    }
}

static size_t count_upgrades(const struct json *steps)
{
    size_t count = 0;

    for (const struct json *s = json_first(steps); s; s = json_next(s)) {
        count += strcmp(text_of(s, "action"), "upgrade") == 0;
    }
    return count;
}

void render_plan(FILE *out, const struct json *plan, const char *how, const struct style *style)
{
    static const struct column columns[] = {
        { "DEVICE", COLUMN_CUT }, { "COMPONENT", COLUMN_CUT }, { "VERSION", COLUMN_CUT },
        { "ACTION", 0 },          { "SIZE", COLUMN_RIGHT },    { "TIME", COLUMN_RIGHT },
        { "VERIFIED BY", 0 },     { "MODE", COLUMN_OPTIONAL }, { "BUS", COLUMN_OPTIONAL },
    };
    const struct json *steps = json_get(plan, "steps");
    struct table t;

    put_plan_head(out, plan, style);
    table_init(&t, columns, sizeof columns / sizeof columns[0]);
    for (const struct json *s = json_first(steps); s; s = json_next(s)) {
        plan_row(&t, s);
    }
    table_finish(&t, out, style);
    put_groups(out, steps, style);
    put_plan_notes(out, steps, style);
    put_unmatched(out, json_get(plan, "unmatched"), style);
    if (!json_get_bool(plan, "ok", false)) {
        (void)fputs("This package cannot be installed as it is. Nothing was changed.\n", out);
    } else if (count_upgrades(steps) == 0) {
        (void)fputs("Everything is up to date. Nothing to do.\n", out);
    } else {
        (void)fprintf(out, "Download %s", text_bytes(number_of(plan, "download_bytes")).text);
        (void)fprintf(out,
                      ", about %s in all. Nothing was changed. Install it: gatewayctl install ",
                      text_clock(number_of(plan, "estimated_s")).text);
        text_put(out, how);
        (void)fputc('\n', out);
    }
}
