/* A router that plays a part, for tests of the core's side: the link's URI says which one.
 *
 *   unix:/good      answers everything
 *   unix:/no-link   Open fails
 *   unix:/dies      ends when Stage is called     unix:/stillborn  ends at once
 *   unix:/loses     loses its link when Stage is called
 *   unix:/mute      says nothing to Stage         unix:/alive      signs of life until cancelled
 *   unix:/busy      answers Busy to the first three Stages
 *   unix:/nonsense  answers Stage with a result that breaks the interface
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "device.h"
#include "interfaces.h"
#include "ipc_server.h"
#include "json.h"

enum { LISTEN_FD = 3, CHANNEL_FD = 4, TICK_MS = 20 };

struct router {
    char part[32];
    struct ipc_connection *watch, *alive;
    int busy_answers;
};

static struct json *result(const char *device, const char *outcome)
{
    struct json *parameters = json_new_object(), *json = json_new_object();

    json_set_string(json, "device", device);
    json_set_string(json, "outcome", outcome);
    (void)json_set(parameters, "result", json);
    return parameters;
}

static struct json *progress(const char *device, int done)
{
    struct json *parameters = json_new_object(), *json = json_new_object();

    json_set_string(json, "device", device);
    json_set_integer(json, "done", done);
    json_set_integer(json, "total", 100);
    (void)json_set(parameters, "progress", json);
    return parameters;
}

static void answer_scan(struct ipc_connection *c)
{
    struct device_info info = { .name = "one", .is_own = true };
    struct json *parameters = json_new_object();

    (void)json_set(parameters, "device", device_to_json(&info));
    ipc_reply(c, parameters, true);
    ipc_reply(c, NULL, false);
}

static void answer_stage(struct router *r, struct ipc_connection *c, const char *device)
{
    if (strcmp(r->part, "dies") == 0) {
        _exit(7);
    }
    if (strcmp(r->part, "loses") == 0) {
        _exit(EXIT_TRY_AGAIN);
    }
    if (strcmp(r->part, "mute") == 0) {
        return;
    }
    if (strcmp(r->part, "alive") == 0) {
        r->alive = c;
        return;
    }
    if (strcmp(r->part, "busy") == 0 && r->busy_answers++ < 3) {
        struct json *parameters = json_new_object();

        json_set_string(parameters, "method", "Stage");
        ipc_reply_error(c, "io.gatewayd.Router.Busy", parameters);
        return;
    }
    ipc_reply(c, progress(device, 50), true);
    ipc_reply(c, progress(device, 100), true);
    ipc_reply(c, result(device, strcmp(r->part, "nonsense") == 0 ? "perhaps" : "done"), true);
    ipc_reply(c, NULL, false);
}

static void answer_open(struct router *r, struct ipc_connection *c, const struct json *parameters)
{
    const char *link = json_get_string(parameters, "link");
    struct json *answer = json_new_object();

    (void)snprintf(r->part, sizeof r->part, "%s", link + strlen("unix:/"));
    if (strcmp(r->part, "stillborn") == 0) {
        _exit(9);
    }
    if (strcmp(r->part, "no-link") == 0) {
        json_set_integer(answer, "code", GW_LINK_OPEN);
        json_set_string(answer, "detail", link);
        ipc_reply_error(c, "io.gatewayd.Router.Failed", answer);
        return;
    }
    json_set_string(answer, "router", "scripted");
    json_set_string(answer, "version", "1");
    ipc_reply(c, answer, false);
}

static void on_call(void *context, struct ipc_connection *c, struct varlink_call *call)
{
    struct router *r = context;
    const char *method = strrchr(call->method, '.') + 1;
    const char *device = json_string(json_first(json_get(call->parameters, "devices")));

    if (strcmp(method, "Open") == 0) {
        answer_open(r, c, call->parameters);
    } else if (strcmp(method, "Watch") == 0) {
        r->watch = c;
    } else if (strcmp(method, "Scan") == 0 || strcmp(method, "Identify") == 0) {
        answer_scan(c);
    } else if (strcmp(method, "Stage") == 0) {
        answer_stage(r, c, device);
    } else {
        ipc_reply_error(c, VARLINK_METHOD_NOT_FOUND, NULL);
    }
    varlink_call_free(call);
}

static void on_closed(void *context, struct ipc_connection *c)
{
    struct router *r = context;

    if (c == r->watch) {
        _exit(0);
    }
    if (c == r->alive) {
        r->alive = NULL;
    }
}

int main(void)
{
    static const struct varlink_interface *const interfaces[] = { &interface_router, NULL };
    static const struct varlink_service service = { "scripted router", "1", interfaces };
    static const struct ipc_server_ops ops = { .call = on_call, .closed = on_closed };
    struct router router = { .part = "" };
    struct ipc_server_config config = { .service = &service, .ops = &ops, .context = &router };
    struct ipc_server *server;

    if (ipc_server_open(&server, &config, LISTEN_FD)) {
        return 1;
    }
    for (;;) {
        struct pollfd channel = { .fd = CHANNEL_FD, .events = POLLIN };

        if (ipc_server_wait(server, &channel, 1, router.alive ? TICK_MS : -1) ||
            (channel.revents & (POLLHUP | POLLERR))) {
            return 0;
        }
        if (router.alive) {
            ipc_reply(router.alive, NULL, true);
        }
    }
}
