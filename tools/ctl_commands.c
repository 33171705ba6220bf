#include "ctl_commands.h"

#include <stdlib.h>
#include <string.h>

#include "ctl_failure.h"
#include "ctl_fields.h"
#include "ctl_follow.h"
#include "ctl_job.h"
#include "ctl_package.h"
#include "ctl_plan.h"
#include "ctl_render.h"
#include "ctl_report.h"
#include "error_json.h"

typedef void (*render_fn)(FILE *out, const struct json *reply, const struct style *style);

/* One call, its reply as JSON or as text. */
static int call_and_show(struct ctl *ctl, const char *method, struct json *parameters,
                         int64_t default_s, render_fn render)
{
    struct varlink_reply reply;
    struct json *failure = ctl_call(ctl, method, parameters, -1, default_s, &reply);

    if (failure) {
        return ctl_fail(ctl, failure);
    }
    if (ctl->json) {
        ctl_print_json(ctl, reply.parameters);
    } else {
        render(ctl->out, reply.parameters, &ctl->style);
    }
    varlink_reply_free(&reply);
    return EXIT_DONE;
}

int command_status(struct ctl *ctl, const struct arguments *arguments)
{
    (void)arguments;
    return call_and_show(ctl, "Status", NULL, CTL_QUICK_S, render_status);
}

int command_devices(struct ctl *ctl, const struct arguments *arguments)
{
    struct json *parameters = json_new_object();
    bool refresh = arguments->given & OPTION_REFRESH;

    if (refresh) {
        json_set_bool(parameters, "refresh", true);
    }
    return call_and_show(ctl, "Devices", parameters, refresh ? CTL_SLOW_S : CTL_QUICK_S,
                         render_devices);
}

/* --- packages --- */

/* Why the plan is not ok, as an exit code: the reason of the first device that refuses. */
static int plan_exit_code(const struct json *plan)
{
    if (json_get_bool(plan, "ok", false)) {
        return EXIT_DONE;
    }
    for (const struct json *s = json_first(json_get(plan, "steps")); s; s = json_next(s)) {
        const char *text = json_get_string(json_get(s, "error"), "code");
        const struct gw_code *code = text ? gw_code_parse(text) : NULL;

        if (code) {
            return (int)code->exit_code;
        }
    }
    return EXIT_REFUSED;
}

static int show_plan(struct ctl *ctl, const struct package_argument *package, const char *how)
{
    struct json *parameters = json_new_object();
    struct varlink_reply reply;

    json_set_string(parameters, "url", package->url);
    struct json *failure = ctl_call(ctl, "Plan", parameters, package->descriptor, CTL_SLOW_S,
                                    &reply);

    if (failure) {
        return ctl_fail(ctl, failure);
    }
    const struct json *plan = json_get(reply.parameters, "plan");
    int exit_code = plan_exit_code(plan);

    if (ctl->json) {
        ctl_print_json(ctl, reply.parameters);
    } else {
        render_plan(ctl->out, plan, how, &ctl->style);
    }
    varlink_reply_free(&reply);
    return exit_code;
}

int command_plan(struct ctl *ctl, const struct arguments *arguments)
{
    struct package_argument package;
    struct json *failure = package_open(&package, arguments->words[0], false);

    if (failure) {
        return ctl_fail(ctl, failure);
    }
    int exit_code = show_plan(ctl, &package, arguments->words[0]);

    package_close(&package);
    return exit_code;
}

static struct json *start_job(struct ctl *ctl, const struct arguments *arguments,
                              const struct package_argument *package, struct varlink_reply *reply)
{
    struct json *parameters = json_new_object();

    json_set_string(parameters, "url", package->url);
    json_set_string(parameters, "mode", arguments->mode);
    json_set_string(parameters, "name", package->name[0] ? package->name : NULL);
    if (arguments->given & OPTION_SUPERSEDE) {
        json_set_bool(parameters, "supersede", true);
    }
    return ctl_call(ctl, "Install", parameters, package->descriptor, CTL_SLOW_S, reply);
}

/* The job has begun: follow it, or say how to. */
static int after_start(struct ctl *ctl, const struct arguments *arguments, int64_t id,
                       const struct json *reply)
{
    if (!(arguments->given & OPTION_NO_WAIT)) {
        return follow_job(ctl, id);
    }
    if (ctl->json) {
        ctl_print_json(ctl, reply);
    } else {
        (void)fprintf(ctl->out, "job %lld has begun; follow it: gatewayctl job show %lld -f\n",
                      (long long)id, (long long)id);
    }
    return EXIT_DONE;
}

int command_install(struct ctl *ctl, const struct arguments *arguments)
{
    struct package_argument package;
    struct varlink_reply reply;
    struct json *failure = package_open(&package, arguments->words[0], true);

    if (failure) {
        return ctl_fail(ctl, failure);
    }
    failure = start_job(ctl, arguments, &package, &reply);
    package_close(&package);
    if (failure) {
        return ctl_fail(ctl, failure);
    }
    int exit_code = after_start(ctl, arguments, number_of(reply.parameters, "job"),
                                reply.parameters);

    varlink_reply_free(&reply);
    return exit_code;
}

/* --- jobs --- */

int command_jobs(struct ctl *ctl, const struct arguments *arguments)
{
    struct json *parameters = json_new_object();

    json_set_integer(parameters, "limit", arguments->limit > 0 ? arguments->limit : 20);
    return call_and_show(ctl, "Jobs", parameters, CTL_QUICK_S, render_jobs);
}

/* {id} of the argument; without one {}. NULL: not a number. */
static struct json *job_parameters(const char *word, int64_t *id)
{
    struct json *parameters = json_new_object();
    char *end = NULL;

    *id = word ? strtoll(word, &end, 10) : 0;
    if (!word) {
        return parameters;
    }
    if (*end || *id < 1 || *id > INT32_MAX || *word < '0' || *word > '9') {
        json_free(parameters);
        return NULL;
    }
    json_set_integer(parameters, "id", *id);
    return parameters;
}

static int not_a_job(struct ctl *ctl, const char *word)
{
    return ctl_fail(ctl, failure_new(GW_USAGE, "'%s' is not the number of a job", word));
}

static void render_job_reply(FILE *out, const struct json *reply, const struct style *style)
{
    render_job(out, json_get(reply, "job"), style);
}

int command_job_show(struct ctl *ctl, const struct arguments *arguments)
{
    int64_t id;
    struct json *parameters = job_parameters(arguments->words[0], &id);

    if (!parameters) {
        return not_a_job(ctl, arguments->words[0]);
    }
    if (arguments->given & OPTION_FOLLOW) {
        json_free(parameters);
        return follow_job(ctl, id);
    }
    return call_and_show(ctl, "Job", parameters, CTL_QUICK_S, render_job_reply);
}

int command_job_cancel(struct ctl *ctl, const struct arguments *arguments)
{
    int64_t id;
    struct json *parameters = job_parameters(arguments->words[0], &id);

    if (!parameters) {
        return not_a_job(ctl, arguments->words[0]);
    }
    return call_and_show(ctl, "Cancel", parameters, CTL_QUICK_S, render_job_reply);
}

int command_job_retry(struct ctl *ctl, const struct arguments *arguments)
{
    int64_t id;
    struct varlink_reply reply;
    struct json *parameters = job_parameters(arguments->words[0], &id);

    if (!parameters) {
        return not_a_job(ctl, arguments->words[0]);
    }
    struct json *failure = ctl_call(ctl, "Retry", parameters, -1, CTL_QUICK_S, &reply);

    if (failure) {
        return ctl_fail(ctl, failure);
    }
    int exit_code = after_start(ctl, arguments, id, reply.parameters);

    varlink_reply_free(&reply);
    return exit_code;
}

int command_job_report(struct ctl *ctl, const struct arguments *arguments)
{
    int64_t id;
    struct json *parameters = job_parameters(arguments->words[0], &id);

    if (!parameters) {
        return not_a_job(ctl, arguments->words[0]);
    }
    return call_and_show(ctl, "Report", parameters, CTL_SLOW_S, render_report);
}

/* --- buses and cache --- */

static struct json *name_parameters(const struct arguments *arguments)
{
    struct json *parameters = json_new_object();

    json_set_string(parameters, "name", arguments->words[0]);
    return parameters;
}

int command_bus_list(struct ctl *ctl, const struct arguments *arguments)
{
    (void)arguments;
    return call_and_show(ctl, "Buses", NULL, CTL_QUICK_S, render_buses);
}

int command_bus_test(struct ctl *ctl, const struct arguments *arguments)
{
    struct json *parameters = name_parameters(arguments);

    if (arguments->count > 0) {
        json_set_integer(parameters, "count", arguments->count);
    }
    return call_and_show(ctl, "BusTest", parameters, CTL_SLOW_S, render_bus_test);
}

static void render_one_bus(FILE *out, const struct json *reply, const struct style *style)
{
    struct json *buses = json_new_array();

    (void)json_append(buses, json_copy(json_get(reply, "bus")));
    buses = ctl_wrap("buses", buses);
    render_buses(out, buses, style);
    json_free(buses);
}

int command_bus_pause(struct ctl *ctl, const struct arguments *arguments)
{
    return call_and_show(ctl, "BusPause", name_parameters(arguments), CTL_QUICK_S, render_one_bus);
}

int command_bus_resume(struct ctl *ctl, const struct arguments *arguments)
{
    return call_and_show(ctl, "BusResume", name_parameters(arguments), CTL_QUICK_S, render_one_bus);
}

int command_cache_list(struct ctl *ctl, const struct arguments *arguments)
{
    (void)arguments;
    return call_and_show(ctl, "Cache", NULL, CTL_QUICK_S, render_cache);
}

/* --- without the daemon --- */

static struct json *code_to_json(const struct gw_code *code)
{
    struct gw_error error = { code->err, "" };

    return failure_of(&error);
}

static void put_code(struct ctl *ctl, const struct gw_code *code)
{
    char line[600];

    (void)fprintf(ctl->out, "GW%04d %s (%s, exit code %d)\n", (int)code->err, code->text,
                  code->name, (int)code->exit_code);
    (void)snprintf(line, sizeof line, "Likely cause: %s", code->cause);
    text_wrap(ctl->out, 2, ctl->style.width, line);
    (void)snprintf(line, sizeof line, "Next: %s", code->next);
    text_wrap(ctl->out, 2, ctl->style.width, line);
}

int command_explain(struct ctl *ctl, const struct arguments *arguments)
{
    const struct gw_code *wanted = arguments->words[0] ? gw_code_parse(arguments->words[0]) : NULL;
    struct json *codes = json_new_array(), *reply = ctl_wrap("codes", codes);

    if (arguments->words[0] && !wanted) {
        json_free(reply);
        return ctl_fail(ctl, failure_new(GW_NOT_FOUND, "code '%s'", arguments->words[0]));
    }
    for (size_t i = 1; gw_code_at(i); i++) { /* 0 is GW_OK */
        const struct gw_code *code = gw_code_at(i);

        if (wanted && code != wanted) {
            continue;
        }
        if (ctl->json) {
            (void)json_append(codes, code_to_json(code));
        } else {
            put_code(ctl, code);
        }
    }
    if (ctl->json) {
        ctl_print_json(ctl, reply);
    }
    json_free(reply);
    return EXIT_DONE;
}

int command_version(struct ctl *ctl, const struct arguments *arguments)
{
    struct varlink_reply reply;
    struct json *failure = ctl_call(ctl, "Status", NULL, -1, 5, &reply);
    const char *daemon = failure ? NULL : json_get_string(reply.parameters, "version");

    (void)arguments;
    if (ctl->json) {
        struct json *versions = json_new_object();

        json_set_string(versions, "gatewayctl", GW_VERSION);
        (void)json_set(versions, "gatewayd", daemon ? json_new_string(daemon) : json_new_null());
        ctl_print_json(ctl, versions);
        json_free(versions);
    } else {
        (void)fprintf(ctl->out, "gatewayctl %s\ngatewayd   ", GW_VERSION);
        text_put(ctl->out, daemon ? daemon : "does not answer");
        (void)fputc('\n', ctl->out);
    }
    json_free(failure);
    varlink_reply_free(&reply);
    return EXIT_DONE;
}

/* --- any Varlink service --- */

static void print_reply(struct ctl *ctl, const struct json *parameters)
{
    char *text = ctl->is_terminal && !ctl->json ? json_print_pretty(parameters)
                                                : json_print(parameters);

    (void)fprintf(ctl->out, "%s\n", text ? text : "{}");
    (void)fflush(ctl->out);
    free(text);
}

static int print_replies(struct ctl *ctl, struct ipc_client *client, int64_t timeout_s)
{
    struct varlink_reply reply;
    bool continues;

    do {
        uint64_t deadline_ms = timeout_s > 0 ? ipc_now_ms() + (uint64_t)timeout_s * 1000
                                             : UINT64_MAX;
        enum gw_err err = ipc_client_receive(client, &reply, deadline_ms);

        if (err != GW_OK) {
            return ctl_fail(ctl, ctl_transport_failure(ctl, err, timeout_s));
        }
        if (reply.error) {
            struct json *failure = failure_of_reply(&reply);

            varlink_reply_free(&reply);
            return ctl_fail(ctl, failure);
        }
        print_reply(ctl, reply.parameters);
        continues = reply.continues;
        varlink_reply_free(&reply);
    } while (continues);
    return EXIT_DONE;
}

int command_call(struct ctl *ctl, const struct arguments *arguments)
{
    const char *text = arguments->words[1] ? arguments->words[1] : "{}";
    bool more = arguments->given & OPTION_MORE;
    int64_t timeout_s = ctl->timeout_s > 0 || more ? ctl->timeout_s : CTL_QUICK_S;
    struct json *parameters;
    struct json_where where;
    struct ipc_client *client;
    char method[200];

    if (json_parse(&parameters, text, strlen(text), JSON_STRICT, &where) != GW_OK) {
        return ctl_fail(ctl, failure_new(GW_USAGE, "JSON: column %u: %s", where.column, where.why));
    }
    struct json *failure = json_is_object(parameters)
                               ? ctl_connect(ctl, &client)
                               : failure_new(GW_USAGE, "JSON: the parameters must be an object");

    if (failure) {
        json_free(parameters);
        return ctl_fail(ctl, failure);
    }
    (void)snprintf(method, sizeof method, "%s%s",
                   strchr(arguments->words[0], '.') ? "" : CTL_INTERFACE, arguments->words[0]);
    enum gw_err err = ipc_client_send(client, method, parameters, more ? VARLINK_MORE : 0, -1,
                                      ipc_now_ms() + CTL_QUICK_S * 1000);
    int exit_code = err == GW_OK ? print_replies(ctl, client, timeout_s)
                                 : ctl_fail(ctl, ctl_transport_failure(ctl, err, CTL_QUICK_S));

    ipc_client_close(client);
    return exit_code;
}
