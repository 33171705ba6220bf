/* The program around a router: Varlink on descriptor 3, image bytes on descriptor 4.
 *
 * One loop. While no call runs it serves the sockets; a call's protocol code runs inside it and
 * waits through struct waiter, which serves the sockets too. So Watch and org.varlink.service are
 * always answered, and a caller that goes away is seen at the next wait. */
#include "router.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "call_json.h"
#include "interfaces.h"
#include "ipc_socket.h"
#include "json.h"
#include "runtime_methods.h"

enum {
    LISTEN_FD = 3,
    CHANNEL_FD = 4,
    HEARTBEAT_MS = 10000,
    PROGRESS_MS = 200, /* one device's progress is sent at most so often */
    PROGRESS_QUEUE_MAX = 64 << 10,
};

#define RUNTIME_OF(pointer, member)                                                                \
    ((struct runtime *)(void *)((char *)(pointer)-offsetof(struct runtime, member)))

static const struct varlink_interface *const interfaces[] = { &interface_router, NULL };

/* ---- the sockets ---- */

void runtime_tell_watch(struct runtime *rt, const char *event)
{
    if (rt->watch) {
        struct json *parameters = json_new_object();

        json_set_string(parameters, "event", event);
        ipc_reply(rt->watch, parameters, true);
    }
}

static void reply_failed(struct ipc_connection *connection, const struct gw_error *error)
{
    struct json *parameters = json_new_object();

    json_set_integer(parameters, "code", error->err);
    json_set_string(parameters, "detail", error->detail);
    ipc_reply_error(connection, "io.gatewayd.Router.Failed", parameters);
}

static void on_call(void *context, struct ipc_connection *connection, struct varlink_call *call)
{
    struct runtime *rt = context;

    if (strcmp(call->method, "io.gatewayd.Router.Watch") == 0 && !rt->watch) {
        rt->watch = connection;
        if (rt->router) {
            runtime_tell_watch(rt, "ready");
        }
        varlink_call_free(call);
    } else if (rt->pending.document || rt->is_running || rt->watch == connection) {
        struct json *parameters = json_new_object();

        json_set_string(parameters, "method", call->method);
        ipc_reply_error(connection, "io.gatewayd.Router.Busy", parameters);
        varlink_call_free(call);
    } else {
        rt->pending = *call;
        rt->caller = connection;
    }
}

static void on_closed(void *context, struct ipc_connection *connection)
{
    struct runtime *rt = context;

    if (connection == rt->watch) {
        rt->is_ending = true;
    }
    if (connection == rt->caller) {
        rt->caller = NULL;
        rt->is_cancelled = true;
    }
}

static const struct ipc_server_ops server_ops = { .call = on_call, .closed = on_closed };

/* For poll(): a router at rest sleeps until somebody speaks to it. */
static int timeout_ms(const struct runtime *rt, uint64_t deadline_ms)
{
    uint64_t now_ms = ipc_now_ms();
    uint64_t left_ms = deadline_ms > now_ms ? deadline_ms - now_ms : 0;

    if (!rt->is_running && deadline_ms == UINT64_MAX) {
        return -1;
    }
    return left_ms > HEARTBEAT_MS ? HEARTBEAT_MS : (int)left_ms;
}

/* One turn of the loop: serve the sockets, and wait for `extra` until `deadline_ms`. */
static enum gw_err serve(struct runtime *rt, struct pollfd *extra, uint64_t deadline_ms)
{
    struct pollfd fds[3] = { { rt->signal_fd, POLLIN, 0 }, { CHANNEL_FD, 0, 0 }, { -1, 0, 0 } };

    if (extra) {
        fds[2] = *extra;
    }
    enum gw_err err = ipc_server_wait(rt->server, fds, 3, timeout_ms(rt, deadline_ms));

    if (fds[0].revents || fds[1].revents & (POLLHUP | POLLERR)) {
        rt->is_ending = true;
    }
    if (extra) {
        extra->revents = fds[2].revents;
    }
    return err;
}

static void send_heartbeat(struct runtime *rt)
{
    uint64_t now_ms = ipc_now_ms();

    if (rt->is_running && rt->caller && now_ms - rt->said_ms >= HEARTBEAT_MS) {
        ipc_reply(rt->caller, NULL, true);
        rt->said_ms = now_ms;
    }
}

static uint64_t waiter_now_ms(struct waiter *waiter)
{
    (void)waiter;
    return ipc_now_ms();
}

static enum gw_err waiter_wait(struct waiter *waiter, int fd, short events, uint64_t deadline_ms)
{
    struct runtime *rt = RUNTIME_OF(waiter, waiter);
    struct pollfd extra = { fd, events, 0 };

    for (;;) {
        enum gw_err err = serve(rt, &extra, deadline_ms);

        if (err) {
            return err;
        }
        if (rt->is_ending || (rt->is_running && rt->is_cancelled)) {
            return GW_CANCELLED;
        }
        if (extra.revents) {
            return GW_OK;
        }
        if (ipc_now_ms() >= deadline_ms) {
            return GW_TIMEOUT;
        }
        send_heartbeat(rt);
    }
}

/* ---- struct call ---- */

static void say(struct runtime *rt, const char *member, struct json *value)
{
    struct json *parameters = json_new_object();

    (void)json_set(parameters, member, value);
    if (rt->caller) {
        ipc_reply(rt->caller, parameters, true);
        rt->said_ms = ipc_now_ms();
    } else {
        json_free(parameters);
    }
}

static void call_progress(struct call *call, const char *device, uint64_t done, uint64_t total)
{
    struct runtime *rt = RUNTIME_OF(call, call);
    uint64_t now_ms = ipc_now_ms();

    if (!rt->caller || ipc_queued(rt->caller) > PROGRESS_QUEUE_MAX ||
        (done < total && now_ms - rt->progress_ms < PROGRESS_MS)) {
        return;
    }
    struct json *progress = json_new_object();

    json_set_string(progress, "device", device);
    json_set_integer(progress, "done", (int64_t)done);
    json_set_integer(progress, "total", (int64_t)total);
    rt->progress_ms = now_ms;
    say(rt, "progress", progress);
}

static void call_result(struct call *call, const struct device_result *result)
{
    say(RUNTIME_OF(call, call), "result", device_result_to_json(result));
}

static void call_device(struct call *call, const struct device_info *info)
{
    say(RUNTIME_OF(call, call), "device", device_to_json(info));
}

static enum gw_err call_read_image(struct call *call, uint64_t handle, uint64_t offset, void *buf,
                                   size_t len)
{
    struct runtime *rt = RUNTIME_OF(call, call);

    if (handle != rt->channel.handle) {
        return GW_PROTOCOL;
    }
    return channel_read(&rt->channel, &rt->waiter, offset, buf, len);
}

static const struct call_ops call_ops = { call_progress, call_result, call_device,
                                          call_read_image };

/* ---- the loop ---- */

/* The core starts a new router, which opens the link afresh: inside this one's sandbox a device
 * node that was made anew after an adapter came back could not be opened. */
static void lose_link(struct runtime *rt)
{
    log_warning(&rt->log.base, "bus %s: link lost: %s", rt->config->bus,
                json_get_string(rt->open_call.parameters, "link"));
    rt->is_ending = rt->has_lost_link = true;
}

static void answer(struct runtime *rt, enum gw_err err, struct json *reply, struct gw_error *error)
{
    if (!rt->caller) {
        json_free(reply);
    } else if (err) {
        error->err = err;
        reply_failed(rt->caller, error);
    } else {
        ipc_reply(rt->caller, reply, false);
    }
}

static void answer_no_method(struct runtime *rt)
{
    struct json *parameters = json_new_object();

    json_set_string(parameters, "method", rt->pending.method);
    ipc_reply_error(rt->caller, VARLINK_METHOD_NOT_FOUND, parameters);
}

static void run_pending(struct runtime *rt)
{
    struct gw_error error = { .err = GW_OK };
    struct json *reply = NULL;
    enum gw_err err = GW_OK;

    rt->is_running = true;
    rt->is_cancelled = false;
    rt->said_ms = ipc_now_ms();
    rt->progress_ms = 0;
    bool is_known = methods_run(rt, &err, &reply, &error);

    rt->is_running = false;
    if (is_known) {
        answer(rt, err, reply, &error);
    } else { /* Trust and Withdraw: optional in the interface */
        answer_no_method(rt);
    }
    if (rt->router && (err == GW_LINK_CLOSED || err == GW_IO)) {
        lose_link(rt);
    }
    rt->caller = NULL;
    varlink_call_free(&rt->pending);
    rt->pending = (struct varlink_call){ 0 };
}

static enum gw_err loop(struct runtime *rt)
{
    enum gw_err err = GW_OK;

    while (!rt->is_ending && !err) {
        if (rt->pending.document && rt->caller) {
            run_pending(rt);
        } else if (rt->pending.document) { /* its caller went away before it ran */
            varlink_call_free(&rt->pending);
            rt->pending = (struct varlink_call){ 0 };
        } else {
            err = serve(rt, NULL, UINT64_MAX);
        }
    }
    return err;
}

static int open_signals(void)
{
    sigset_t stop;

    sigemptyset(&stop);
    sigaddset(&stop, SIGTERM);
    sigaddset(&stop, SIGINT);
    if (sigprocmask(SIG_BLOCK, &stop, NULL) != 0) {
        return -1;
    }
    return signalfd(-1, &stop, SFD_CLOEXEC | SFD_NONBLOCK);
}

static bool was_given_sockets(void)
{
    const char *fds = getenv("LISTEN_FDS"), *pid = getenv("LISTEN_PID");

    return fds && pid && strcmp(fds, "1") == 0 && strtol(pid, NULL, 10) == (long)getpid();
}

static int run(struct runtime *rt)
{
    const struct varlink_service service = { "gatewayd-router", GW_VERSION, interfaces };
    const struct ipc_server_config config = { .service = &service,
                                              .ops = &server_ops,
                                              .context = rt };

    channel_init(&rt->channel, CHANNEL_FD);
    rt->signal_fd = open_signals();
    if (rt->signal_fd < 0 || ipc_server_open(&rt->server, &config, LISTEN_FD)) {
        log_error(&rt->log.base, "router %s: cannot serve descriptor 3: %s", rt->ops->name,
                  strerror(errno));
        return EXIT_FAILED;
    }
    enum gw_err err = loop(rt);

    ipc_server_close(rt->server);
    varlink_call_free(&rt->pending);
    methods_forget_open(rt);
    (void)close(rt->signal_fd);
    if (rt->has_lost_link) {
        return EXIT_TRY_AGAIN;
    }
    return err ? EXIT_FAILED : EXIT_DONE;
}

int router_main(const struct router_ops *ops, int argc, char **argv)
{
    struct runtime *rt;

    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        return printf("gatewayd-router-%s %s\n", ops->name, GW_VERSION) > 0 ? EXIT_DONE
                                                                            : EXIT_FAILED;
    }
    if (argc > 1 || !was_given_sockets()) {
        (void)fprintf(stderr,
                      "gatewayd-router-%s: gatewayd starts this program: it serves the Varlink "
                      "interface io.gatewayd.Router on descriptor 3 (LISTEN_FDS)\n",
                      ops->name);
        return EXIT_USAGE;
    }
    rt = calloc(1, sizeof *rt);
    if (!rt) {
        return EXIT_FAILED;
    }
    rt->ops = ops;
    rt->waiter = (struct waiter){ waiter_wait, waiter_now_ms };
    rt->call.ops = &call_ops;
    rt->call.log = &rt->log.base;
    log_stderr_init(&rt->log, LOG_LEVEL_INFO, !isatty(STDERR_FILENO));
    int status = run(rt);

    free(rt);
    return status;
}
