#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "admit.h"
#include "cache.h"
#include "control_inner.h"
#include "engine.h"
#include "env_uv.h"
#include "error_json.h"
#include "fleet.h"
#include "json.h"
#include "store.h"

enum { AUDIT_LINES = 50, AUDIT_LINES_MAX = 1000 };

static void add_anchors(struct json *answer, const struct trust_store *trust)
{
    struct json *anchors = json_set(answer, "anchors", json_new_array());

    for (size_t i = 0; i < trust->count; i++) {
        const struct trust_anchor *anchor = &trust->anchors[i];
        struct json *json = json_append(anchors, json_new_object());

        json_set_string(json, "role", trust_role_word(anchor->role));
        json_set_string(json, "vendor", anchor->vendor[0] ? anchor->vendor : NULL);
        json_set_string(json, "file", anchor->file);
        json_set_hex(json, "key", anchor->key, sizeof anchor->key);
        json_set_bool(json, "trial", anchor->is_trial);
    }
}

static void warn(struct json *warnings, bool condition, const char *text)
{
    if (condition) {
        (void)json_append(warnings, json_new_string(text));
    }
}

static bool has_trial_anchor(const struct trust_store *trust)
{
    for (size_t i = 0; i < trust->count; i++) {
        if (trust->anchors[i].is_trial) {
            return true;
        }
    }
    return false;
}

static void add_warnings(struct json *answer, const struct core *core)
{
    struct json *warnings = json_set(answer, "warnings", json_new_array());
    const char *user = core->user;

    warn(warnings, !core->config->system[0],
         "no system is configured: nothing can be installed (\"system\" in gatewayd.json)");
    warn(warnings, trust_of(&core->trust, TRUST_PACKAGE, NULL).anchor_count == 0,
         "no anchor for packages: nothing can be installed (trust.d/package)");
    warn(warnings, has_trial_anchor(&core->trust),
         "trial anchors are trusted: anybody may have their keys");
    warn(warnings, geteuid() == 0, "the daemon runs as root: create the user gatewayd");
    warn(warnings, geteuid() != 0 && strcmp(user, "gatewayd") != 0,
         "the daemon does not run as the user gatewayd");
    warn(warnings, strstr(core->sandbox, "landlock 0") != NULL,
         "the kernel has no Landlock: routers and fetcher can read what the daemon's user can");
    warn(warnings, !admit_clock_is_synchronised(),
         "the clock is not synchronised: dates are judged by the stored time floor");
    warn(warnings, cache_is_degraded(core->cache),
         "a sync of the cache failed: it is only read; check the disk, then restart gatewayd");
}

static void count_devices(struct control *control, struct json *answer)
{
    const struct fleet *fleet = control->core->fleet;
    const struct fleet_device *device;
    int64_t ok = 0, outdated = 0, absent = 0;

    for (size_t i = 0; (device = fleet_device_at(fleet, i)); i++) {
        const char *state = control_device_state(control, device->name,
                                                 device->is_present ? "ok" : "absent");

        ok += strcmp(state, "ok") == 0;
        outdated += strcmp(state, "outdated") == 0;
        absent += strcmp(state, "absent") == 0;
    }
    json_set_integer(answer, "devices_ok", ok);
    json_set_integer(answer, "devices_outdated", outdated);
    json_set_integer(answer, "devices_absent", absent);
}

void control_status(struct control *control, struct vl_call *call)
{
    const struct core *core = control->core;
    const struct job_record *open = engine_open_job(env_uv_engine(core->env));
    struct json *answer = json_new_object();
    struct system_row row;

    json_set_string(answer, "version", GW_VERSION);
    json_set_string(answer, "system", core->config->system[0] ? core->config->system : NULL);
    if (store_system(core->store, &row) == GW_OK) {
        json_set_string(answer, "release", row.release);
        json_set_integer(answer, "sequence", (int64_t)row.sequence);
        json_set_integer(answer, "floor", (int64_t)row.floor);
    }
    json_set_string(answer, "user", core->user);
    json_set_integer(answer, "uptime_s",
                     (int64_t)((uv_hrtime() / 1000000 - core->started_ms) / 1000));
    json_set_bool(answer, "clock_synchronised", admit_clock_is_synchronised());
    json_set_string(answer, "sandbox", core->sandbox);
    add_anchors(answer, &core->trust);
    add_warnings(answer, core);
    json_set_integer(answer, "buses", core->config->bus_count);
    count_devices(control, answer);
    if (open) {
        json_set_integer(answer, "open_job", (int64_t)open->job.id);
    }
    vl_call_reply(call, answer, false);
}

void control_cache(struct control *control, struct vl_call *call)
{
    struct cache *cache = control->core->cache;
    struct cache_item *items;
    size_t n;
    int64_t bytes = 0;
    enum gw_err err = cache_list(cache, &items, &n);

    if (err) {
        control_fail(call, err, "%s", control->core->config->cache_dir);
        return;
    }
    struct json *answer = json_new_object();
    struct json *entries = json_set(answer, "entries", json_new_array());

    for (size_t i = 0; i < n; i++) {
        struct json *json = json_append(entries, json_new_object());

        json_set_hex(json, "identity", items[i].identity, sizeof items[i].identity);
        json_set_integer(json, "bytes", (int64_t)items[i].bytes);
        json_set_bool(json, "complete", items[i].is_complete);
        json_set_bool(json, "in_use", items[i].is_in_use);
        json_set_integer(json, "last_used", items[i].last_used_s);
        bytes += (int64_t)items[i].bytes;
    }
    free(items);
    json_set_integer(answer, "bytes", bytes);
    json_set_integer(answer, "quota", (int64_t)cache_quota(cache));
    vl_call_reply(call, answer, false);
}

void control_explain(struct control *control, struct vl_call *call)
{
    const char *text = json_get_string(vl_call_parameters(call), "code");
    const struct gw_code *one = text ? gw_code_parse(text) : NULL, *code;

    (void)control;
    if (text && !one) {
        control_fail(call, GW_NOT_FOUND, "code %s", text);
        return;
    }
    struct json *answer = json_new_object();
    struct json *codes = json_set(answer, "codes", json_new_array());

    for (size_t i = 1; (code = gw_code_at(i)); i++) {
        if (!one || one == code) {
            struct gw_error error = { .err = code->err };

            (void)json_append(codes, error_to_json(&error));
        }
    }
    vl_call_reply(call, answer, false);
}

static void add_audit_line(void *ctx, const struct store_audit_line *line)
{
    struct json *json = json_append(ctx, json_new_object());

    json_set_integer(json, "id", (int64_t)line->id);
    json_set_integer(json, "time", line->row.time_s);
    json_set_integer(json, "last", line->last_s);
    json_set_integer(json, "count", (int64_t)line->count);
    json_set_string(json, "event", line->row.event);
    json_set_string(json, "object", line->row.object);
    json_set_string(json, "detail", line->row.detail[0] ? line->row.detail : NULL);
    if (line->row.job) {
        json_set_integer(json, "job", (int64_t)line->row.job);
    }
    if (line->row.err) {
        struct gw_error error = { .err = line->row.err };

        (void)json_set(json, "error", error_to_json(&error));
    }
}

void control_audit_lines(struct control *control, struct vl_call *call)
{
    int64_t limit = json_get_integer(vl_call_parameters(call), "limit", AUDIT_LINES);
    struct json *answer = json_new_object();
    struct json *entries = json_set(answer, "entries", json_new_array());

    if (limit < 1 || limit > AUDIT_LINES_MAX) {
        json_free(answer);
        control_fail(call, GW_BAD_PARAMETER, "limit: 1..%d", AUDIT_LINES_MAX);
        return;
    }
    if (store_audit_lines(control->core->store, (size_t)limit, add_audit_line, entries)) {
        json_free(answer);
        control_fail(call, GW_STORE, "audit log");
        return;
    }
    vl_call_reply(call, answer, false);
}
