#include "ctl_report.h"

#include "ctl_fields.h"
#include "ctl_job.h"
#include "ctl_object.h"
#include "ctl_render.h"
#include "ctl_table.h"

static void put_signer(FILE *out, const struct json *signer, const struct style *style)
{
    render_label(out, "Signer", style);
    text_put(out, text_of(signer, "name"));
    if (has(signer, "signed")) {
        (void)fprintf(out, ", signed %s UTC", text_time(number_of(signer, "signed")).text);
    }
    if (number_of(signer, "signers") > 1) {
        (void)fprintf(out, ", one of %lld", (long long)number_of(signer, "signers"));
    }
    if (json_get_bool(signer, "trial", false)) {
        text_begin(out, style, TONE_WARN);
        (void)fputs(" (trial PKI)", out);
        text_end(out, style, TONE_WARN);
    }
    (void)fputc('\n', out);
}

static void put_images(FILE *out, const struct json *images, const struct style *style)
{
    static const struct column columns[] = {
        { "IMAGE", COLUMN_CUT },
        { "SIGNED BY", COLUMN_CUT },
        { "SIGNED (UTC)", 0 },
        { "IDENTITY", 0 },
    };
    struct table t;

    table_init(&t, columns, sizeof columns / sizeof columns[0]);
    for (const struct json *i = json_first(images); i; i = json_next(i)) {
        const struct json *signer = json_get(i, "signer");

        table_cell(&t, text_of(i, "component"));
        table_cell(&t, text_of(signer, "name"));
        table_cell(&t, has(signer, "signed") ? text_time(number_of(signer, "signed")).text : "");
        table_cellf(&t, "%.16s", text_of(i, "identity"));
    }
    table_finish(&t, out, style);
}

static void put_package(FILE *out, const struct json *package, const struct style *style)
{
    if (!json_is_object(package)) {
        return;
    }
    (void)fputc('\n', out);
    render_label(out, "Package", style);
    text_put(out, text_of(package, "identity"));
    (void)fputc('\n', out);
    if (json_is_object(json_get(package, "error"))) {
        render_error(out, json_get(package, "error"), style);
        return;
    }
    put_signer(out, json_get(package, "signer"), style);
    put_images(out, json_get(package, "images"), style);
}

static void put_device(FILE *out, const struct json *device, const struct style *style)
{
    const struct json *known = json_get(device, "known"), *error = json_get(device, "error");

    (void)fputc('\n', out);
    render_label(out, "Device", style);
    text_put(out, text_of(device, "device"));
    (void)fputs(": ", out);
    text_put(out, text_of(known, "state"));
    if (has_text(known, "version")) {
        (void)fputs(", runs ", out);
        text_put(out, text_of(known, "version"));
    }
    (void)fputs(", verified by ", out);
    text_put(out, text_of(device, "verified_by"));
    (void)fputc('\n', out);
    if (json_is_object(error)) {
        render_error(out, error, style);
    } else {
        (void)fputs("  it says:\n", out);
        render_object(out, json_get(device, "says"), 4, style);
    }
}

void render_report(FILE *out, const struct json *reply, const struct style *style)
{
    const struct json *report = json_get(reply, "report");

    render_job(out, json_get(report, "job"), style);
    put_package(out, json_get(report, "package"), style);
    for (const struct json *d = json_first(json_get(report, "devices")); d; d = json_next(d)) {
        put_device(out, d, style);
    }
    (void)fprintf(out, "\nmade %s UTC\n", text_time(number_of(report, "made")).text);
}
