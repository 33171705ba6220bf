#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "admit.h"
#include "control_inner.h"
#include "env_uv.h"
#include "error_json.h"
#include "fleet.h"
#include "job_json.h"
#include "json.h"
#include "package.h"

enum { NONCE_LEN = 16 };

/* What one device answers when it is asked for the report. */
struct asked {
    struct report *report;
    struct bus_call *call; /* NULL: answered, or not asked */
    char device[DEVICE_NAME_MAX];
    struct json *said; /* NULL: see error */
    struct gw_error error;
};

struct report {
    struct pending pending;
    struct control *control;
    struct vl_call *call;
    struct json *answer; /* the part that is known already */
    uint8_t nonce[NONCE_LEN];
    struct asked *asked;
    unsigned asked_count, open; /* open: calls under way, and one for the loop that starts them */
};

static void free_report(struct report *report)
{
    for (unsigned i = 0; i < report->asked_count; i++) {
        json_free(report->asked[i].said);
    }
    free(report->asked);
    json_free(report->answer);
    free(report);
}

static void drop_report(struct pending *pending)
{
    struct report *report = (struct report *)pending;

    for (unsigned i = 0; i < report->asked_count; i++) {
        if (report->asked[i].call) {
            bus_call_cancel(report->asked[i].call);
        }
    }
    free_report(report);
}

static struct json *signer_json(const struct package_signer *signer)
{
    struct json *json = json_new_object();

    json_set_string(json, "name", signer->name);
    json_set_hex(json, "key", signer->key, sizeof signer->key);
    json_set_integer(json, "signers", signer->signers);
    json_set_integer(json, "signed", signer->signing_time_s);
    json_set_bool(json, "trial", signer->is_trial);
    return json;
}

/* Who signed what, authenticated again for the report. */
static struct json *package_json(struct core *core, const struct job_record *record)
{
    struct json *json = json_new_object(), *images = json_new_array();
    struct package *package;
    struct gw_error error = { .err = GW_OK };

    json_set_hex(json, "identity", record->job.identity, sizeof record->job.identity);
    error.err = core_open_package(core, record->job.identity, &package, &error);
    if (error.err) {
        json_free(images);
        (void)json_set(json, "error", error_to_json(&error));
        return json;
    }
    (void)json_set(json, "signer", signer_json(&package->signer));
    for (uint16_t i = 0; i < package->manifest.component_count; i++) {
        struct json *image = json_append(images, json_new_object());

        json_set_string(image, "component", package->manifest.components[i].name);
        json_set_hex(image, "identity", package->manifest.components[i].identity, SHA256_LEN);
        (void)json_set(image, "signer", signer_json(&package->images[i].signer));
    }
    (void)json_set(json, "images", images);
    package_free(package);
    return json;
}

static void reply(struct report *report)
{
    struct json *devices = json_set(report->answer, "devices", json_new_array());
    struct json *answer = json_new_object();

    for (unsigned i = 0; i < report->asked_count; i++) {
        struct asked *asked = &report->asked[i];
        struct json *json = json_append(devices, json_new_object());
        struct json *known = control_device_json(report->control, asked->device);

        json_set_string(json, "device", asked->device);
        if (known) {
            json_set_string(json, "verified_by", json_get_string(known, "verified_by"));
            (void)json_set(json, "known", known);
        }
        if (asked->said) {
            (void)json_set(json, "says", asked->said);
            asked->said = NULL;
        } else {
            (void)json_set(json, "error", error_to_json(&asked->error));
        }
    }
    (void)json_set(answer, "report", report->answer);
    report->answer = NULL;
    vl_call_reply(report->call, answer, false);
    free_report(report);
}

static void one_less(struct report *report)
{
    if (--report->open == 0) {
        reply(report);
    }
}

static void on_said(void *ctx, const struct gw_error *error, const struct json *parameters)
{
    struct asked *asked = ctx;
    const struct json *said = json_get(parameters, "report");
    uint8_t nonce[NONCE_LEN];

    asked->call = NULL;
    if (error->err) {
        asked->error = *error;
    } else if (json_get_bool(said, "own", true) &&
               (!json_get_hex(said, "nonce", nonce, sizeof nonce) ||
                memcmp(nonce, asked->report->nonce, sizeof nonce) != 0)) {
        (void)gw_fail(&asked->error, GW_DEVICE_LIES, "it does not echo the nonce");
    } else {
        asked->said = json_copy(said);
    }
    one_less(asked->report);
}

static void ask(struct report *report, struct asked *asked, const char *bus_name)
{
    static const struct bus_call_events events = { .end = on_said };
    struct bus *bus = fleet_bus(report->control->core->fleet, bus_name);
    struct json *parameters = json_new_object();

    json_set_string(parameters, "device", asked->device);
    json_set_hex(parameters, "nonce", report->nonce, sizeof report->nonce);
    if (!bus || bus_state(bus) == BUS_BUSY) {
        json_free(parameters);
        (void)gw_fail(&asked->error, bus ? GW_BUSY : GW_NOT_FOUND, "bus %s", bus_name);
        return;
    }
    enum gw_err err = bus_call_start(&asked->call, bus, "Report", parameters, &events, asked);

    if (err) {
        (void)gw_fail(&asked->error, err, "bus %s", bus_name);
    } else {
        report->open++;
    }
}

static bool is_asked(const struct report *report, const char *device)
{
    for (unsigned i = 0; i < report->asked_count; i++) {
        if (strcmp(report->asked[i].device, device) == 0) {
            return true;
        }
    }
    return false;
}

static void ask_all(struct report *report, const struct job_record *record)
{
    for (uint16_t i = 0; i < record->step_count; i++) {
        if (!is_asked(report, record->steps[i].device)) {
            struct asked *asked = &report->asked[report->asked_count++];

            asked->report = report;
            memcpy(asked->device, record->steps[i].device, sizeof asked->device);
        }
    }
    for (unsigned i = 0; i < report->asked_count; i++) {
        const struct fleet_device *device = fleet_device(report->control->core->fleet,
                                                         report->asked[i].device);

        ask(report, &report->asked[i], device ? device->bus : "");
    }
}

void control_report(struct control *control, struct vl_call *call)
{
    bool is_owned;
    const struct job_record *record = control_named_job(control, call, &is_owned);
    struct report *report = calloc(1, sizeof *report);

    if (!record || !report) {
        free(report);
        return;
    }
    *report = (struct report){ { drop_report }, control, call, json_new_object(), .open = 1 };
    report->asked = calloc(record->step_count + 1u, sizeof *report->asked);
    if (!report->asked || getrandom(report->nonce, sizeof report->nonce, 0) != NONCE_LEN) {
        free_report(report);
        control_release_job(record, is_owned);
        control_fail(call, GW_INTERNAL, "report");
        return;
    }
    json_set_integer(report->answer, "made", time(NULL));
    (void)json_set(report->answer, "job", job_to_json(record, env_uv_engine(control->core->env)));
    (void)json_set(report->answer, "package", package_json(control->core, record));
    vl_call_set_data(call, &report->pending);
    ask_all(report, record);
    control_release_job(record, is_owned);
    one_less(report);
}
