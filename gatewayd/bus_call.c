#include "bus_call.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "router_reply.h"

#define ROUTER_INTERFACE "io.gatewayd.Router."

enum { BUSY_RETRY_MS = 100, BUSY_TRIES_MAX = BUS_SILENCE_MS / BUSY_RETRY_MS };

static void finish(struct bus_call *call, enum gw_err err, const char *detail,
                   const struct json *parameters)
{
    struct gw_error error = { .err = GW_OK };

    if (err) {
        (void)gw_fail(&error, err, "%s", detail ? detail : "");
    }
    (void)uv_timer_stop(&call->timer);
    call->finished(call, &error, parameters);
}

/* A reply that is not the last. False: it breaks the interface. */
static bool hand_on(struct bus_call *call, const struct json *parameters)
{
    const struct bus_call_events *events = call->events;
    struct router_reply reply;

    if (router_reply_parse(&reply, parameters)) {
        return false;
    }
    switch (reply.kind) {
    case ROUTER_PROGRESS:
        if (events->progress) {
            events->progress(call->ctx, reply.progress.device, reply.progress.done,
                             reply.progress.total);
        }
        break;
    case ROUTER_RESULT:
        if (events->result) {
            events->result(call->ctx, &reply.result);
        }
        break;
    case ROUTER_DEVICE:
        if (events->device) {
            events->device(call->ctx, &reply.device);
        }
        break;
    case ROUTER_ALIVE:
        break;
    }
    return true;
}

static void on_retry(uv_timer_t *timer)
{
    bus_call_run(timer->data);
}

static void on_silence(uv_timer_t *timer)
{
    finish(timer->data, GW_ROUTER_HUNG, "no word from the router for 60 seconds", NULL);
}

static void on_no_connection(uv_timer_t *timer)
{
    finish(timer->data, GW_ROUTER_DIED, "the router's socket does not answer", NULL);
}

static void restart_silence(struct bus_call *call)
{
    if (call->silence_ms > 0) {
        (void)uv_timer_start(&call->timer, on_silence, call->silence_ms, 0);
    }
}

/* An error reply ends the call, but Busy only means that a cancelled one is still winding up. */
static void handle_error(struct bus_call *call, const struct varlink_reply *reply)
{
    const char *detail = json_get_string(reply->parameters, "detail");

    if (strcmp(reply->error, ROUTER_INTERFACE "Busy") == 0) {
        if (++call->busy_tries > BUSY_TRIES_MAX) {
            finish(call, GW_ROUTER_HUNG, "the router does not end its last call", NULL);
            return;
        }
        vl_client_close(call->client);
        call->client = NULL;
        (void)uv_timer_start(&call->timer, on_retry, BUSY_RETRY_MS, 0);
    } else if (strcmp(reply->error, ROUTER_INTERFACE "Failed") == 0) {
        finish(call, router_code(json_get_integer(reply->parameters, "code", 0)), detail, NULL);
    } else if (strcmp(reply->error, VARLINK_METHOD_NOT_FOUND) == 0) {
        finish(call, GW_NO_METHOD, call->method, NULL);
    } else {
        finish(call, GW_PROTOCOL, reply->error, NULL);
    }
}

static void on_reply(void *ctx, enum gw_err err, const struct varlink_reply *reply)
{
    struct bus_call *call = ctx;

    if (err) {
        finish(call, err == GW_BAD_MESSAGE ? GW_PROTOCOL : GW_ROUTER_DIED,
               "the router closed the connection", NULL);
    } else if (reply->error) {
        handle_error(call, reply);
    } else if (!reply->continues) {
        finish(call, GW_OK, NULL, reply->parameters);
    } else {
        restart_silence(call);
        if (call->raw) {
            call->raw(call, reply->parameters);
        } else if (!hand_on(call, reply->parameters)) {
            finish(call, GW_PROTOCOL, "the router's reply breaks the interface", NULL);
        }
    }
}

struct bus_call *bus_call_new(struct bus *bus, uv_loop_t *loop, const char *path,
                              const char *method, struct json *parameters)
{
    struct bus_call *call = calloc(1, sizeof *call);

    if (!call) {
        json_free(parameters);
        return NULL;
    }
    call->bus = bus;
    call->path = path;
    call->parameters = parameters;
    (void)snprintf(call->method, sizeof call->method, ROUTER_INTERFACE "%s", method);
    (void)uv_timer_init(loop, &call->timer);
    call->timer.data = call;
    return call;
}

/* Open and Report have one reply; all others may send signs of life. */
static bool has_one_reply(const char *method)
{
    return strcmp(method, ROUTER_INTERFACE "Open") == 0 ||
           strcmp(method, ROUTER_INTERFACE "Report") == 0;
}

void bus_call_run(struct bus_call *call)
{
    if (vl_client_connect(&call->client, call->timer.loop, call->path)) {
        (void)uv_timer_start(&call->timer, on_no_connection, 0, 0);
        return;
    }
    restart_silence(call);
    vl_client_call(call->client, call->method,
                   call->parameters ? json_copy(call->parameters) : NULL,
                   has_one_reply(call->method) ? 0 : VARLINK_MORE, on_reply, call);
}

bool bus_call_is_running(const struct bus_call *call)
{
    return call->client || uv_is_active((const uv_handle_t *)&call->timer);
}

static void on_timer_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void bus_call_free(struct bus_call *call)
{
    if (call) {
        vl_client_close(call->client);
        json_free(call->parameters);
        uv_close((uv_handle_t *)&call->timer, on_timer_closed);
    }
}
