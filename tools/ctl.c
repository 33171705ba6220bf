#include "ctl.h"

#include <stdlib.h>
#include <string.h>

#include "ctl_failure.h"
#include "ctl_render.h"

void ctl_print_json(struct ctl *ctl, const struct json *object)
{
    char *text = json_print(object);

    (void)fprintf(ctl->out, "%s\n", text ? text : "{}");
    (void)fflush(ctl->out);
    free(text);
}

struct json *ctl_wrap(const char *key, struct json *value)
{
    struct json *object = json_new_object();

    (void)json_set(object, key, value);
    return object;
}

int ctl_fail(struct ctl *ctl, struct json *failure)
{
    int exit_code = failure_exit_code(failure);

    if (ctl->json) {
        struct json *object = ctl_wrap("error", failure);

        ctl_print_json(ctl, object);
        json_free(object);
        return exit_code;
    }
    (void)fflush(ctl->out);
    render_error(ctl->err, failure, &ctl->err_style);
    json_free(failure);
    return exit_code;
}

struct json *ctl_connect(struct ctl *ctl, struct ipc_client **out)
{
    struct gw_error error = { GW_UNREACHABLE, "" };

    if (ipc_client_connect(out, ctl->socket, &error) == GW_OK) {
        return NULL;
    }
    return failure_of(&error);
}

struct json *ctl_transport_failure(const struct ctl *ctl, enum gw_err err, int64_t waited_s)
{
    switch ((unsigned)err) {
    case GW_TIMEOUT:
        return failure_new(GW_UNREACHABLE, "%s: no answer within %lld s", ctl->socket,
                           (long long)waited_s);
    case GW_LINK_CLOSED:
        return failure_new(GW_UNREACHABLE, "%s: closed without an answer", ctl->socket);
    default:
        return failure_new(err, "%s", ctl->socket);
    }
}

struct json *ctl_call(struct ctl *ctl, const char *method, struct json *parameters, int descriptor,
                      int64_t default_s, struct varlink_reply *reply)
{
    int64_t timeout_s = ctl->timeout_s > 0 ? ctl->timeout_s : default_s;
    uint64_t deadline_ms = ipc_now_ms() + (uint64_t)timeout_s * 1000;
    struct ipc_client *client;
    char name[100];
    struct json *failure = ctl_connect(ctl, &client);

    memset(reply, 0, sizeof *reply);
    if (failure) {
        json_free(parameters);
        return failure;
    }
    (void)snprintf(name, sizeof name, CTL_INTERFACE "%s", method);
    enum gw_err err = ipc_client_send(client, name, parameters, 0, descriptor, deadline_ms);

    /* A server that refuses before it has read everything has answered all the same. */
    if (err == GW_OK || err == GW_LINK_CLOSED) {
        err = ipc_client_receive(client, reply, deadline_ms);
    }
    ipc_client_close(client);
    if (err != GW_OK) {
        return ctl_transport_failure(ctl, err, timeout_s);
    }
    if (reply->error) {
        failure = failure_of_reply(reply);
        varlink_reply_free(reply);
    }
    return failure;
}
