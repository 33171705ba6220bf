#include "ctl_render.h"

#include <string.h>

#include "ctl_fields.h"
#include "ctl_table.h"

/* --- errors --- */

void render_error_line(FILE *out, const struct json *error)
{
    text_put(out, text_of(error, "code"));
    (void)fputc(' ', out);
    text_put(out, text_of(error, "message"));
    if (has(error, "detail")) {
        (void)fputs(": ", out);
        text_put(out, text_of(error, "detail"));
    }
}

void render_advice(FILE *out, const char *label, const char *text, const struct style *style)
{
    char line[700];

    if (*text) {
        (void)snprintf(line, sizeof line, "%s %s", label, text);
        text_wrap(out, 2, style->width, line);
    }
}

void render_error(FILE *out, const struct json *error, const struct style *style)
{
    text_begin(out, style, TONE_BAD);
    (void)fputs("error: ", out);
    text_end(out, style, TONE_BAD);
    render_error_line(out, error);
    (void)fputc('\n', out);
    render_advice(out, "Likely cause:", text_of(error, "cause"), style);
    render_advice(out, "Next:", text_of(error, "next"), style);
}

/* "  meter-3: GW3001 no answer in time" for each element of `list` that has an error. */
static void put_errors(FILE *out, const struct json *list, const char *name_key,
                       const struct style *style)
{
    for (const struct json *item = json_first(list); item; item = json_next(item)) {
        const struct json *error = json_get(item, "error");

        if (!json_is_object(error)) {
            continue;
        }
        (void)fputc('\n', out);
        text_begin(out, style, TONE_BAD);
        text_put(out, text_of(item, name_key));
        text_end(out, style, TONE_BAD);
        (void)fputs(": ", out);
        render_error_line(out, error);
        (void)fputc('\n', out);
        render_advice(out, "Likely cause:", text_of(error, "cause"), style);
        render_advice(out, "Next:", text_of(error, "next"), style);
    }
}

/* --- status --- */

void render_label(FILE *out, const char *label, const struct style *style)
{
    text_begin(out, style, TONE_BOLD);
    (void)fprintf(out, "%-9s ", label);
    text_end(out, style, TONE_BOLD);
}

static void put_system(FILE *out, const struct json *reply, const struct style *style)
{
    render_label(out, "System", style);
    text_put(out, has_text(reply, "system") ? text_of(reply, "system") : "not configured");
    if (has_text(reply, "release")) {
        (void)fputs("   release ", out);
        text_put(out, text_of(reply, "release"));
    }
    if (has(reply, "sequence")) {
        (void)fprintf(out, "   sequence %lld", (long long)number_of(reply, "sequence"));
    }
    if (has(reply, "floor")) {
        (void)fprintf(out, "   floor %lld", (long long)number_of(reply, "floor"));
    }
    (void)fputc('\n', out);
}

static void put_anchor(FILE *out, const struct json *anchor, const struct style *style)
{
    render_label(out, "Anchor", style);
    text_put(out, text_of(anchor, "role"));
    if (has_text(anchor, "vendor")) {
        (void)fputc('/', out);
        text_put(out, text_of(anchor, "vendor"));
    }
    (void)fputs("   ", out);
    text_put(out, text_of(anchor, "file"));
    if (json_get_bool(anchor, "trial", false)) {
        text_begin(out, style, TONE_WARN);
        (void)fputs("   trial", out);
        text_end(out, style, TONE_WARN);
    }
    (void)fputc('\n', out);
}

static void put_count(FILE *out, int64_t count, const char *word, const struct style *style)
{
    enum tone tone = count > 0 ? text_state_tone(word) : TONE_DIM;

    text_begin(out, style, tone);
    (void)fprintf(out, "%lld %s", (long long)count, word);
    text_end(out, style, tone);
}

static void put_devices_line(FILE *out, const struct json *reply, const struct style *style)
{
    render_label(out, "Devices", style);
    put_count(out, number_of(reply, "devices_ok"), "ok", style);
    (void)fputs("   ", out);
    put_count(out, number_of(reply, "devices_outdated"), "outdated", style);
    (void)fputs("   ", out);
    put_count(out, number_of(reply, "devices_absent"), "absent", style);
    (void)fprintf(out, "   on %lld bus%s\n", (long long)number_of(reply, "buses"),
                  number_of(reply, "buses") == 1 ? "" : "es");
}

void render_status(FILE *out, const struct json *reply, const struct style *style)
{
    render_label(out, "gatewayd", style);
    text_put(out, text_of(reply, "version"));
    (void)fprintf(out, "   running %s as ", text_duration(number_of(reply, "uptime_s")).text);
    text_put(out, text_of(reply, "user"));
    (void)fprintf(out, "   clock %s\n",
                  json_get_bool(reply, "clock_synchronised", false) ? "synchronised"
                                                                    : "not synchronised");
    put_system(out, reply, style);
    put_devices_line(out, reply, style);
    if (has(reply, "open_job")) {
        long long job = number_of(reply, "open_job");

        render_label(out, "Job", style);
        (void)fprintf(out, "%lld is open   follow it: gatewayctl job show %lld -f\n", job, job);
    }
    render_label(out, "Sandbox", style);
    text_put(out, text_of(reply, "sandbox"));
    (void)fputc('\n', out);
    for (const struct json *a = json_first(json_get(reply, "anchors")); a; a = json_next(a)) {
        put_anchor(out, a, style);
    }
    for (const struct json *w = json_first(json_get(reply, "warnings")); w; w = json_next(w)) {
        text_begin(out, style, TONE_WARN);
        (void)fputs("Warning   ", out);
        text_end(out, style, TONE_WARN);
        text_put(out, json_string(w) ? json_string(w) : "");
        (void)fputc('\n', out);
    }
}

/* --- devices and buses --- */

static void cell_ago(struct table *t, const struct json *object, const char *key,
                     const struct style *style)
{
    if (has(object, key)) {
        table_cellf(t, "%s ago", text_duration(style->now - number_of(object, key)).text);
    } else {
        table_cell(t, "never");
    }
}

void render_devices(FILE *out, const struct json *reply, const struct style *style)
{
    static const struct column columns[] = {
        { "DEVICE", COLUMN_CUT },
        { "ROUTER", COLUMN_CUT },
        { "VERSION", COLUMN_CUT },
        { "STATE", 0 },
        { "VERIFIED BY", 0 },
        { "LAST SEEN", 0 },
        { "BUS", COLUMN_CUT | COLUMN_OPTIONAL },
        { "SERIAL", COLUMN_OPTIONAL },
    };
    const struct json *devices = json_get(reply, "devices");
    struct table t;

    table_init(&t, columns, sizeof columns / sizeof columns[0]);
    for (const struct json *d = json_first(devices); d; d = json_next(d)) {
        bool is_own_bus = strcmp(text_of(d, "name"), text_of(d, "bus")) == 0;

        table_cell(&t, text_of(d, "name"));
        table_cell(&t, text_of(d, "router"));
        table_cell(&t, has_text(d, "version") ? text_of(d, "version") : "-");
        table_state(&t, text_of(d, "state"));
        table_cell(&t, text_of(d, "verified_by"));
        cell_ago(&t, d, "last_seen", style);
        table_cell(&t, is_own_bus ? "" : text_of(d, "bus"));
        table_cell(&t, text_of(d, "serial"));
    }
    table_finish(&t, out, style);
    if (json_count(devices) == 0) {
        (void)fputs("No devices. Buses and their devices are named in gatewayd.json.\n", out);
    }
    put_errors(out, devices, "name", style);
}

void render_buses(FILE *out, const struct json *reply, const struct style *style)
{
    static const struct column columns[] = {
        { "BUS", COLUMN_CUT },
        { "ROUTER", 0 },
        { "STATE", 0 },
        { "DEVICES", COLUMN_RIGHT },
        { "RESTARTS", COLUMN_RIGHT },
        { "LINK", COLUMN_CUT },
        { "SANDBOX", COLUMN_CUT | COLUMN_OPTIONAL },
    };
    const struct json *buses = json_get(reply, "buses");
    struct table t;

    table_init(&t, columns, sizeof columns / sizeof columns[0]);
    for (const struct json *b = json_first(buses); b; b = json_next(b)) {
        table_cell(&t, text_of(b, "name"));
        table_cell(&t, text_of(b, "router"));
        table_state(&t, text_of(b, "state"));
        table_cellf(&t, "%lld", (long long)number_of(b, "devices"));
        table_cellf(&t, "%lld", (long long)number_of(b, "restarts"));
        table_cell(&t, text_of(b, "link"));
        table_cell(&t, text_of(b, "sandbox"));
    }
    table_finish(&t, out, style);
    if (json_count(buses) == 0) {
        (void)fputs("No buses. They are named in gatewayd.json.\n", out);
    }
    put_errors(out, buses, "name", style);
}

static void put_milliseconds(FILE *out, const struct json *reply, const char *key)
{
    (void)fprintf(out, "%.1f", (double)number_of(reply, key) / 1000);
}

void render_bus_test(FILE *out, const struct json *reply, const struct style *style)
{
    long long sent = number_of(reply, "sent"), answered = number_of(reply, "answered");
    double loss = sent > 0 ? 100.0 * (double)(sent - answered) / (double)sent : 0;

    text_put(out, text_of(reply, "name"));
    (void)fputs(": ", out);
    text_put(out, text_of(reply, "device"));
    (void)fprintf(out, ": %lld of %lld reads answered, %.1f %% lost, %lld repeated\n", answered,
                  sent, loss, (long long)number_of(reply, "repeated"));
    if (answered > 0) {
        (void)fputs("turnaround min/median/max: ", out);
        put_milliseconds(out, reply, "turnaround_us_min");
        (void)fputc('/', out);
        put_milliseconds(out, reply, "turnaround_us_median");
        (void)fputc('/', out);
        put_milliseconds(out, reply, "turnaround_us_max");
        (void)fputs(" ms\n", out);
    }
    if (*text_of(reply, "advice")) {
        char line[300];

        (void)snprintf(line, sizeof line, "Advice: %s", text_of(reply, "advice"));
        text_wrap(out, 0, style->width, line);
    }
}

/* --- cache --- */

void render_cache(FILE *out, const struct json *reply, const struct style *style)
{
    static const struct column columns[] = {
        { "IMAGE", COLUMN_CUT }, { "SIZE", COLUMN_RIGHT }, { "STATE", 0 },
        { "IN USE", 0 },         { "LAST USED", 0 },
    };
    const struct json *entries = json_get(reply, "entries");
    struct table t;

    table_init(&t, columns, sizeof columns / sizeof columns[0]);
    for (const struct json *e = json_first(entries); e; e = json_next(e)) {
        table_cellf(&t, "%.16s", text_of(e, "identity"));
        table_cell(&t, text_bytes(number_of(e, "bytes")).text);
        table_cell(&t, json_get_bool(e, "complete", false) ? "complete" : "partial");
        table_cell(&t, json_get_bool(e, "in_use", false) ? "yes" : "no");
        cell_ago(&t, e, "last_used", style);
    }
    table_finish(&t, out, style);
    (void)fprintf(out, "%zu image%s, %s", json_count(entries), json_count(entries) == 1 ? "" : "s",
                  text_bytes(number_of(reply, "bytes")).text);
    (void)fprintf(out, " of %s\n", text_bytes(number_of(reply, "quota")).text);
}
