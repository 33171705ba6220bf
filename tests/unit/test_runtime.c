/* The runtime around a router of a few lines, in a child process, against a scripted core. */
#include "router.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "ipc_client.h"
#include "ipc_socket.h"
#include "json.h"
#include "varlink.h"

/* ---- the router: its "device" is whoever holds the other end of the link ---- */

struct tiny {
    struct router base;
    struct link *link;
};

static enum gw_err tiny_open(struct router **out, struct link *link,
                             const struct router_config *config, struct gw_error *error)
{
    struct tiny *tiny = calloc(1, sizeof *tiny);
    extern const struct router_ops tiny_ops;

    if (!tiny || config->device_count != 1) {
        free(tiny);
        return gw_fail(error, GW_CONFIG, "one device, please");
    }
    *tiny = (struct tiny){ { &tiny_ops }, link };
    *out = &tiny->base;
    return GW_OK;
}

/* Waits for a byte of the device: 'x' = here I am. */
static enum gw_err tiny_identify(struct router *r, struct call *c, const char *const *devices,
                                 size_t n)
{
    struct link *link = ((struct tiny *)r)->link;
    struct device_info info = { .is_own = true };
    uint8_t byte;
    size_t got;
    enum gw_err err = link->ops->read(link, &byte, 1, &got, link->ops->now_ms(link) + 60000);

    if (!err && n == 1) {
        (void)snprintf(info.name, sizeof info.name, "%s", devices[0]);
        c->ops->device(c, &info);
    }
    return err;
}

static enum gw_err tiny_scan(struct router *r, struct call *c)
{
    return tiny_identify(r, c, (const char *const[]){ "scanned" }, 1);
}

/* Sends the whole image to the device. */
static enum gw_err tiny_stage(struct router *r, struct call *c, const char *const *devices,
                              size_t n, const struct image_ref *image)
{
    struct link *link = ((struct tiny *)r)->link;
    struct device_result result = { .device = devices[0], .outcome = OUTCOME_DONE };
    uint8_t buf[1000];

    for (uint64_t at = 0; at < image->size && n == 1; at += sizeof buf) {
        size_t len = image->size - at < sizeof buf ? (size_t)(image->size - at) : sizeof buf;
        enum gw_err err = c->ops->read_image(c, image->handle, at, buf, len);

        if (!err) {
            err = link->ops->write(link, buf, len, link->ops->now_ms(link) + 60000);
        }
        if (err) {
            return err;
        }
        c->ops->progress(c, devices[0], at + len, image->size);
    }
    c->ops->result(c, &result);
    return GW_OK;
}

static enum gw_err tiny_report(struct router *r, struct call *c, const char *device,
                               const uint8_t nonce[16], struct json **report,
                               struct gw_error *error)
{
    (void)r;
    (void)c;
    (void)error;
    *report = json_new_object();
    json_set_string(*report, "name", device);
    json_set_hex(*report, "nonce", nonce, 16);
    return GW_OK;
}

static enum gw_err tiny_test(struct router *r, struct call *c, const char *device, uint32_t count,
                             struct bus_test *result, struct gw_error *error)
{
    (void)r;
    (void)c;
    (void)device;
    if (count == 13) {
        return gw_fail(error, GW_TIMEOUT, "unlucky");
    }
    result->sent = result->answered = count;
    return GW_OK;
}

static void tiny_close(struct router *r)
{
    free(r);
}

extern const struct router_ops tiny_ops;
const struct router_ops tiny_ops = {
    .name = "tiny",
    .open = tiny_open,
    .identify = tiny_identify,
    .scan = tiny_scan,
    .stage = tiny_stage,
    .activate = tiny_stage,
    .confirm = tiny_stage,
    .revert = tiny_stage,
    .report = tiny_report,
    .test = tiny_test,
    .close = tiny_close,
};

/* ---- the core ---- */

enum { WAIT_MS = 20000, IMAGE_LEN = 100000 };

static char folder[] = "/tmp/test_runtime.XXXXXX";

struct core {
    pid_t pid;
    char bus_path[64], line_path[64];
    int channel, line_listener, line; /* line: the device's end, -1 until the router opened it */
    struct ipc_client *watch;
};

static uint64_t soon(void)
{
    return ipc_now_ms() + WAIT_MS;
}

static void run_router(int listener, int far_end)
{
    char pid[16], *argv[] = { (char *)(uintptr_t) "tiny", NULL };
    int a = dup(listener), b = dup(far_end);

    (void)dup2(a, 3);
    (void)dup2(b, 4);
    (void)close_range(5, ~0u, 0);
    (void)snprintf(pid, sizeof pid, "%ld", (long)getpid());
    (void)setenv("LISTEN_FDS", "1", 1);
    (void)setenv("LISTEN_PID", pid, 1);
    exit(router_main(&tiny_ops, 1, argv));
}

static void start(struct core *core)
{
    int listener, pair[2];
    struct gw_error error;

    (void)snprintf(core->bus_path, sizeof core->bus_path, "%s/bus", folder);
    (void)snprintf(core->line_path, sizeof core->line_path, "%s/line", folder);
    CHECK_EQ(ipc_listen(&listener, core->bus_path, 0600, &error), GW_OK);
    CHECK_EQ(ipc_listen(&core->line_listener, core->line_path, 0600, &error), GW_OK);
    CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0);
    core->line = -1;
    core->watch = NULL;
    core->channel = pair[0];
    (void)fflush(stdout);
    core->pid = fork();
    if (core->pid == 0) {
        run_router(listener, pair[1]);
    }
    CHECK(core->pid > 0 && close(listener) == 0 && close(pair[1]) == 0);
}

static struct ipc_client *connect_to(const struct core *core)
{
    struct ipc_client *client = NULL;
    struct gw_error error;

    CHECK_EQ(ipc_client_connect(&client, core->bus_path, &error), GW_OK);
    return client;
}

static struct ipc_client *begin(const struct core *core, const char *method,
                                struct json *parameters)
{
    struct ipc_client *client = connect_to(core);
    char name[64];

    (void)snprintf(name, sizeof name, "io.gatewayd.Router.%s", method);
    CHECK_EQ(ipc_client_send(client, name, parameters, VARLINK_MORE, -1, soon()), GW_OK);
    return client;
}

/* The next reply: its error name in `error` ("" = none), and one integer of its parameters. */
static bool next(struct ipc_client *client, char error[64], const char *member, int64_t *value)
{
    struct varlink_reply reply;
    enum gw_err err = ipc_client_receive(client, &reply, soon());

    CHECK_EQ(err, GW_OK);
    if (err) {
        return false;
    }
    (void)snprintf(error, 64, "%s", reply.error ? strrchr(reply.error, '.') + 1 : "");
    *value = json_get_integer(reply.parameters, member, -1);
    bool continues = reply.continues;

    varlink_reply_free(&reply);
    return continues;
}

/* A whole call; returns its GW code, or -1 for another error. */
static int64_t call(const struct core *core, const char *method, struct json *parameters)
{
    struct ipc_client *client = begin(core, method, parameters);
    char error[64] = "";
    int64_t code = 0;

    while (next(client, error, "code", &code)) {
    }
    ipc_client_close(client);
    if (strcmp(error, "Failed") == 0) {
        return code;
    }
    return error[0] ? -1 : GW_OK;
}

static struct json *open_parameters(const struct core *core, int64_t version, const char *link)
{
    struct json *parameters = json_new_object(), *devices = json_new_array();
    char uri[80];

    (void)snprintf(uri, sizeof uri, "unix:%s", link ? link : core->line_path);
    json_set_integer(parameters, "interface_version", version);
    json_set_string(parameters, "bus", "b");
    json_set_string(parameters, "link", uri);
    (void)json_set(parameters, "options", json_new_object());
    json_set_string(json_append(devices, json_new_object()), "name", "d");
    (void)json_set(parameters, "devices", devices);
    return parameters;
}

static void accept_line(struct core *core)
{
    struct pollfd p = { core->line_listener, POLLIN, 0 };

    CHECK(poll(&p, 1, WAIT_MS) == 1);
    core->line = accept(core->line_listener, NULL, NULL);
    CHECK(core->line >= 0);
}

static void open_bus(struct core *core)
{
    CHECK_EQ(call(core, "Open", open_parameters(core, 1, NULL)), GW_OK);
    accept_line(core);
}

static struct json *devices_of(const char *name)
{
    struct json *parameters = json_new_object();

    (void)json_append(json_set(parameters, "devices", json_new_array()), json_new_string(name));
    return parameters;
}

static struct json *stage_parameters(void)
{
    static const uint8_t digest[32] = { 1 };
    struct json *parameters = devices_of("d"), *image = json_new_object();

    json_set_integer(image, "handle", 5);
    json_set_hex(image, "identity", digest, 32);
    json_set_bool(image, "payload_only", false);
    json_set_integer(image, "size", IMAGE_LEN);
    json_set_integer(image, "cms_size", 100);
    json_set_integer(image, "payload_size", 1000);
    json_set_integer(image, "block_size", 512);
    json_set_hex(image, "token", digest, 32);
    json_set_integer(image, "component", 0);
    json_set_integer(image, "sequence", 2);
    json_set_string(image, "version", "2.0");
    (void)json_set(parameters, "image", image);
    return parameters;
}

/* Its exit status, once it has ended; -1 when it does not end. */
static int ended(struct core *core)
{
    int status;
    uint64_t end_ms = soon();

    while (waitpid(core->pid, &status, WNOHANG) == 0) {
        if (ipc_now_ms() > end_ms) {
            return -1;
        }
        (void)poll(NULL, 0, 5);
    }
    core->pid = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void stop(struct core *core)
{
    if (core->pid) {
        CHECK(kill(core->pid, SIGTERM) == 0);
        CHECK_EQ(ended(core), 0);
    }
    ipc_client_close(core->watch);
    if (core->line >= 0) {
        CHECK(close(core->line) == 0);
    }
    CHECK(close(core->channel) == 0 && close(core->line_listener) == 0);
    CHECK(unlink(core->bus_path) == 0 && unlink(core->line_path) == 0);
}

static void open_refuses_another_version_and_a_dead_link_and_may_be_repeated(void)
{
    struct core core;

    start(&core);
    CHECK_EQ(call(&core, "Identify", devices_of("d")), GW_WRONG_STATE);
    CHECK_EQ(call(&core, "Open", open_parameters(&core, 2, NULL)), GW_ROUTER_VERSION);
    CHECK_EQ(call(&core, "Open", open_parameters(&core, 1, "/nowhere/line")), GW_LINK_OPEN);
    open_bus(&core);
    CHECK_EQ(call(&core, "Open", open_parameters(&core, 1, NULL)), GW_WRONG_STATE);
    stop(&core);
}

static void while_a_call_runs_only_watch_and_the_service_are_answered(void)
{
    struct core core;
    char error[64];
    int64_t value;

    start(&core);
    open_bus(&core);
    struct ipc_client *running = begin(&core, "Identify", devices_of("d"));

    struct ipc_client *other = connect_to(&core);
    struct varlink_reply reply;

    /* its answer also tells that Identify was read: connections have no order among each other */
    CHECK_EQ(ipc_client_call(other, "org.varlink.service.GetInfo", NULL, &reply, soon()), GW_OK);
    CHECK(!reply.error);
    varlink_reply_free(&reply);
    ipc_client_close(other);
    CHECK_EQ(call(&core, "Scan", NULL), -1);
    core.watch = begin(&core, "Watch", NULL);
    CHECK(next(core.watch, error, "x", &value) && !error[0]);
    CHECK_EQ(call(&core, "Watch", NULL), -1); /* one is enough */
    CHECK(write(core.line, "x", 1) == 1);
    CHECK(next(running, error, "x", &value) && !error[0]);
    CHECK(!next(running, error, "x", &value) && !error[0]);
    ipc_client_close(running);
    stop(&core);
}

/* Identify waits for a byte of the line, which does not come: only the cancellation ends it. */
static void closing_the_connection_cancels_the_call(void)
{
    struct core core;
    struct varlink_reply reply;
    int64_t result = -1;

    start(&core);
    open_bus(&core);
    struct ipc_client *running = begin(&core, "Identify", devices_of("d"));
    struct ipc_client *other = connect_to(&core);

    /* its answer tells that Identify was read */
    CHECK_EQ(ipc_client_call(other, "org.varlink.service.GetInfo", NULL, &reply, soon()), GW_OK);
    varlink_reply_free(&reply);
    ipc_client_close(other);
    ipc_client_close(running);
    for (int tries = 0; result != GW_OK && tries < 1000; tries++) { /* Busy until it wound up */
        struct json *test = json_new_object();

        json_set_string(test, "device", "d");
        json_set_integer(test, "count", 20);
        (void)poll(NULL, 0, 2);
        result = call(&core, "Test", test);
    }
    CHECK_EQ(result, GW_OK);
    CHECK(write(core.line, "x", 1) == 1);
    CHECK_EQ(call(&core, "Identify", devices_of("d")), GW_OK);
    stop(&core);
}

static void image_bytes_flow_from_the_channel_to_the_line(void)
{
    static uint8_t image[IMAGE_LEN], seen[IMAGE_LEN], message[8 + 65536];
    struct core core;
    size_t have = 0;

    for (size_t i = 0; i < sizeof image; i++) {
        image[i] = (uint8_t)(i * 31 + i / 256);
    }
    start(&core);
    open_bus(&core);
    struct ipc_client *running = begin(&core, "Stage", stage_parameters());

    while (have < sizeof seen) {
        struct pollfd fds[2] = { { core.channel, POLLIN, 0 }, { core.line, POLLIN, 0 } };
        struct {
            uint32_t id, length;
            uint64_t handle, offset;
        } request;

        CHECK(poll(fds, 2, WAIT_MS) > 0);
        if (fds[0].revents & POLLIN) {
            CHECK(recv(core.channel, &request, sizeof request, 0) == 24 && request.handle == 5);
            CHECK(request.offset + request.length <= sizeof image);
            memcpy(message, &(uint32_t[2]){ request.id, 0 }, 8);
            memcpy(message + 8, image + request.offset, request.length);
            CHECK(send(core.channel, message, 8 + request.length, 0) > 0);
        }
        if (fds[1].revents & POLLIN) {
            ssize_t n = read(core.line, seen + have, sizeof seen - have);

            CHECK(n > 0);
            have += n > 0 ? (size_t)n : sizeof seen;
        }
    }
    CHECK(memcmp(image, seen, sizeof seen) == 0);
    char error[64];
    int64_t value;

    while (next(running, error, "x", &value)) {
    }
    CHECK(!error[0]);
    ipc_client_close(running);
    stop(&core);
}

static void report_and_test_answer_once_and_failures_carry_their_code(void)
{
    struct core core;
    struct json *report = json_new_object(), *good = json_new_object(), *bad = json_new_object(),
                *unlucky = json_new_object();
    static const uint8_t nonce[16] = { 9 };

    json_set_string(report, "device", "d");
    json_set_hex(report, "nonce", nonce, 16);
    json_set_string(good, "device", "d");
    json_set_integer(good, "count", 20);
    json_set_string(bad, "device", "d");
    json_set_integer(bad, "count", 0);
    json_set_string(unlucky, "device", "d");
    json_set_integer(unlucky, "count", 13);
    start(&core);
    open_bus(&core);
    CHECK_EQ(call(&core, "Report", report), GW_OK);
    CHECK_EQ(call(&core, "Test", good), GW_OK);
    CHECK_EQ(call(&core, "Test", bad), GW_BAD_PARAMETER);
    CHECK_EQ(call(&core, "Test", unlucky), GW_TIMEOUT);
    CHECK_EQ(call(&core, "Withdraw", devices_of("d")), -1);
    stop(&core);
}

static void a_lost_link_ends_the_router(void)
{
    struct core core;
    char error[64];
    int64_t value;

    start(&core);
    core.watch = begin(&core, "Watch", NULL);
    open_bus(&core);
    CHECK(next(core.watch, error, "x", &value)); /* ready */
    struct ipc_client *running = begin(&core, "Identify", devices_of("d"));

    CHECK(close(core.line) == 0);
    core.line = -1;
    CHECK(!next(running, error, "code", &value));
    CHECK(strcmp(error, "Failed") == 0 && value == GW_LINK_CLOSED);
    ipc_client_close(running);
    CHECK_EQ(ended(&core), EXIT_TRY_AGAIN);
    stop(&core);
}

static void the_router_ends_with_the_core(void)
{
    for (int way = 0; way < 3; way++) {
        struct core core;
        char error[64];
        int64_t value;

        start(&core);
        core.watch = begin(&core, "Watch", NULL);
        open_bus(&core);
        CHECK(next(core.watch, error, "x", &value));
        struct ipc_client *running = begin(&core, "Identify", devices_of("d"));

        if (way == 0) {
            ipc_client_close(core.watch);
            core.watch = NULL;
        } else if (way == 1) {
            CHECK(shutdown(core.channel, SHUT_RDWR) == 0);
        } else {
            CHECK(kill(core.pid, SIGTERM) == 0);
        }
        CHECK_EQ(ended(&core), 0);
        ipc_client_close(running);
        stop(&core);
    }
}

int main(void)
{
    CHECK(mkdtemp(folder) != NULL);
    TEST(open_refuses_another_version_and_a_dead_link_and_may_be_repeated);
    TEST(while_a_call_runs_only_watch_and_the_service_are_answered);
    TEST(closing_the_connection_cancels_the_call);
    TEST(image_bytes_flow_from_the_channel_to_the_line);
    TEST(report_and_test_answer_once_and_failures_carry_their_code);
    TEST(a_lost_link_ends_the_router);
    TEST(the_router_ends_with_the_core);
    CHECK(rmdir(folder) == 0);
    return checks_failed != 0;
}
