#include "control_inner.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "account.h"
#include "engine.h"
#include "env_uv.h"
#include "error_json.h"
#include "interfaces.h"
#include "json.h"
#include "log.h"
#include "store.h"

#define CONTROL_INTERFACE "io.gatewayd.Control."
#define CONTROL_FAILED    CONTROL_INTERFACE "Failed"

static const struct method {
    const char *name;
    bool changes; /* needs the right to change something */
    bool takes_descriptor;
    void (*run)(struct control *control, struct vl_call *call);
} methods[] = {
    { "Status", false, false, control_status },
    { "Devices", false, false, control_devices },
    { "Plan", true, true, control_plan },
    { "Install", true, true, control_install },
    { "Jobs", false, false, control_jobs },
    { "Job", false, false, control_job },
    { "Cancel", true, false, control_cancel },
    { "Retry", true, false, control_retry },
    { "Report", false, false, control_report },
    { "Buses", false, false, control_buses },
    { "BusTest", true, false, control_bus_test },
    { "BusPause", true, false, control_bus_pause },
    { "BusResume", true, false, control_bus_resume },
    { "Cache", false, false, control_cache },
    { "Explain", false, false, control_explain },
    { "Audit", false, false, control_audit_lines },
};

static const struct method *find_method(const char *full_name)
{
    const char *name = full_name + strlen(CONTROL_INTERFACE);

    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
        if (strcmp(methods[i].name, name) == 0) {
            return &methods[i];
        }
    }
    return NULL;
}

static struct json *failed_parameters(const struct gw_error *error)
{
    struct json *json = error_to_json(error);

    json_set_integer(json, "exit_code", gw_code_of(error->err)->exit_code);
    return json;
}

void control_fail_with(struct vl_call *call, const struct gw_error *error)
{
    vl_call_fail(call, CONTROL_FAILED, failed_parameters(error));
}

void control_fail(struct vl_call *call, enum gw_err err, const char *format, ...)
{
    struct gw_error error = { .err = err };
    va_list args;

    va_start(args, format);
    (void)vsnprintf(error.detail, sizeof error.detail, format, args);
    va_end(args);
    control_fail_with(call, &error);
}

bool control_may_change(const struct vl_peer *peer, uid_t own_uid)
{
    return peer->uid == 0 || peer->uid == own_uid || peer->in_group;
}

void control_audit(struct control *control, const struct vl_peer *peer, const char *event,
                   const char *object, const struct gw_error *error)
{
    struct audit_row row = { .time_s = time(NULL), .err = error ? error->err : GW_OK };
    struct gw_error failure;

    (void)snprintf(row.event, sizeof row.event, "%s", event);
    (void)snprintf(row.object, sizeof row.object, "%s", object);
    (void)snprintf(row.detail, sizeof row.detail, "uid %u pid %d%s%.190s", (unsigned)peer->uid,
                   (int)peer->pid, error && error->detail[0] ? ": " : "",
                   error ? error->detail : "");
    if (error) {
        log_warning(control->core->log, "%s: %s: GW%04d %s: %s", event, object, error->err,
                    gw_err_text(error->err), row.detail);
    } else {
        log_notice(control->core->log, "%s: %s: %s", event, object, row.detail);
    }
    if (store_audit(control->core->store, &row)) {
        (void)gw_fail(&failure, GW_STORE, "audit log");
        control->core->ended(control->core, GW_STORE);
    }
}

const struct job_record *control_find_job(struct control *control, uint64_t id, bool *is_owned)
{
    const struct job_record *held = engine_job(env_uv_engine(control->core->env), id);
    struct job_record *stored;

    *is_owned = false;
    if (held) {
        return held;
    }
    if (store_load_job(control->core->store, id, &stored)) {
        return NULL;
    }
    *is_owned = true;
    return stored;
}

void control_release_job(const struct job_record *record, bool is_owned)
{
    if (is_owned) {
        job_record_free((struct job_record *)record);
    }
}

static void on_call(void *ctx, struct vl_call *call)
{
    struct control *control = ctx;
    const struct method *method = find_method(vl_call_method(call));

    if (!method) { /* described, but not served: our own mistake */
        control_fail(call, GW_NO_METHOD, "%s", vl_call_method(call));
        return;
    }
    if (method->changes && !control_may_change(vl_call_peer(call), geteuid())) {
        struct gw_error error;

        (void)gw_fail(&error, GW_DENIED, "uid %u may not call %s; it needs root, or group %s",
                      (unsigned)vl_call_peer(call)->uid, method->name,
                      control->core->config->admin_group);
        control_audit(control, vl_call_peer(call), "denied", method->name, &error);
        control_fail_with(call, &error);
        return;
    }
    if (method->changes && control->core->is_stopping) {
        control_fail(call, GW_SHUTTING_DOWN, "%s", method->name);
        return;
    }
    method->run(control, call);
}

static void on_gone(void *ctx, struct vl_call *call)
{
    struct pending *pending = vl_call_data(call);

    (void)ctx;
    if (pending) {
        pending->drop(pending);
    }
}

static bool takes_descriptor(void *ctx, const char *full_name)
{
    (void)ctx;
    if (strncmp(full_name, CONTROL_INTERFACE, strlen(CONTROL_INTERFACE)) != 0) {
        return false;
    }
    const struct method *method = find_method(full_name);

    return method && method->takes_descriptor;
}

static struct json *on_abuse(void *ctx, const struct vl_peer *peer, const struct gw_error *error)
{
    struct control *control = ctx;

    control_audit(control, peer, "refused", "control socket", error);
    return failed_parameters(error);
}

enum gw_err control_open(struct control **out, struct core *core, struct gw_error *error)
{
    static const struct varlink_interface *const interfaces[] = { &interface_control, NULL };
    static const struct varlink_service service = { "gatewayd", GW_VERSION, interfaces };
    static const struct vl_server_ops ops = { on_call, on_gone, takes_descriptor, on_abuse };
    char path[PATH_MAX + 16];
    struct control *control = calloc(1, sizeof *control);
    struct vl_server_config config = {
        .loop = core->loop,
        .path = path,
        .mode = 0660,
        .group = account_admin_gid(core->config),
        .service = &service,
        .abuse_error = CONTROL_FAILED,
        .ops = &ops,
        .ctx = control,
    };

    *out = NULL;
    if (!control) {
        return gw_fail(error, GW_NO_MEMORY, "control socket");
    }
    control->core = core;
    (void)snprintf(path, sizeof path, "%s/control", core->config->run_dir);
    enum gw_err err = vl_server_open(&control->server, &config, error);

    if (err) {
        free(control);
        return err;
    }
    *out = control;
    return GW_OK;
}

void control_close(struct control *control)
{
    if (control) {
        vl_server_close(control->server);
        free(control);
    }
}
