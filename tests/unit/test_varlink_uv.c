/* The core's Varlink server and client on one loop. The loop is turned without waiting: everything
 * here is local sockets, so what can happen has happened when a few turns bring nothing new. */
#include "varlink_uv.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check.h"
#include "interfaces.h"
#include "ipc_socket.h"
#include "json.h"

#define STATUS  "io.gatewayd.Control.Status"
#define INSTALL "io.gatewayd.Control.Install"
#define JOB     "io.gatewayd.Control.Job"

enum { TURNS = 20 };

struct fixture {
    uv_loop_t loop;
    struct vl_server *server;
    char path[64];
    struct vl_call *held; /* Job: answered by the test */
    int calls, gone, abuses;
    enum gw_err abuse;
    int descriptor;
};

static void turn(struct fixture *f)
{
    for (int i = 0; i < TURNS; i++) {
        (void)uv_run(&f->loop, UV_RUN_NOWAIT);
    }
}

static void on_call(void *ctx, struct vl_call *call)
{
    struct fixture *f = ctx;
    struct json *answer = json_new_object();

    f->calls++;
    if (strcmp(vl_call_method(call), JOB) == 0) {
        json_free(answer);
        f->held = call;
        return;
    }
    if (strcmp(vl_call_method(call), INSTALL) == 0) {
        f->descriptor = vl_call_take_descriptor(call);
    }
    json_set_integer(answer, "n", f->calls);
    vl_call_reply(call, answer, false);
}

static void on_gone(void *ctx, struct vl_call *call)
{
    struct fixture *f = ctx;

    CHECK(call == f->held);
    f->held = NULL;
    f->gone++;
}

static bool takes_descriptor(void *ctx, const char *method)
{
    (void)ctx;
    return strcmp(method, INSTALL) == 0;
}

static struct json *on_abuse(void *ctx, const struct vl_peer *peer, const struct gw_error *error)
{
    struct fixture *f = ctx;
    struct json *parameters = json_new_object();

    CHECK_EQ(peer->uid, geteuid());
    f->abuses++;
    f->abuse = error->err;
    json_set_integer(parameters, "code", error->err);
    return parameters;
}

static const struct vl_server_ops server_ops = { on_call, on_gone, takes_descriptor, on_abuse };

static void open_fixture(struct fixture *f)
{
    static const struct varlink_interface *const interfaces[] = { &interface_control, NULL };
    static const struct varlink_service service = { "test", "1", interfaces };
    struct vl_server_config config = {
        .loop = &f->loop,
        .path = f->path,
        .mode = 0600,
        .group = (gid_t)-1,
        .service = &service,
        .abuse_error = "io.gatewayd.Control.Failed",
        .ops = &server_ops,
        .ctx = f,
    };

    *f = (struct fixture){ .descriptor = -1 };
    (void)snprintf(f->path, sizeof f->path, "/tmp/test_varlink_uv.%d", (int)getpid());
    CHECK_EQ(uv_loop_init(&f->loop), 0);
    CHECK_EQ(vl_server_open(&f->server, &config, NULL), GW_OK);
}

static void close_fixture(struct fixture *f)
{
    if (f->descriptor >= 0) {
        close(f->descriptor);
    }
    vl_server_close(f->server);
    (void)uv_run(&f->loop, UV_RUN_DEFAULT);
    CHECK_EQ(uv_loop_close(&f->loop), 0);
    CHECK(access(f->path, F_OK) != 0);
}

/* A plain socket to the server. */
static int connect_raw(struct fixture *f)
{
    int fd = -1;

    CHECK_EQ(ipc_connect(&fd, f->path, NULL), GW_OK);
    return fd;
}

static void put(int fd, const void *bytes, size_t len, int descriptor)
{
    size_t sent = 0;

    CHECK_EQ(ipc_send(fd, bytes, len, descriptor, &sent), GW_OK);
    CHECK_EQ(sent, len);
}

/* Everything that has come, NULs as newlines. Returns false at the end of the connection. */
static bool get(int fd, char *text, size_t cap)
{
    ssize_t n = recv(fd, text, cap - 1, MSG_DONTWAIT);

    text[n > 0 ? n : 0] = '\0';
    for (ssize_t i = 0; i < n; i++) {
        text[i] = text[i] ? text[i] : '\n';
    }
    return n != 0;
}

static bool has_ended(int fd)
{
    char text[1 << 16];

    while (recv(fd, text, sizeof text, MSG_DONTWAIT) > 0) {
    }
    return recv(fd, text, 1, MSG_DONTWAIT) == 0;
}

static const char status_call[] = "{\"method\":\"" STATUS "\"}";
static const char job_call[] = "{\"method\":\"" JOB "\",\"more\":true}";
static const char install_call[] = "{\"method\":\"" INSTALL "\"}";

static void pipelined_calls_are_answered_in_order(void)
{
    struct fixture f;
    char text[512], three[256];
    size_t len = 0;

    open_fixture(&f);
    int fd = connect_raw(&f);

    for (int i = 0; i < 3; i++) {
        memcpy(three + len, status_call, sizeof status_call);
        len += sizeof status_call;
    }
    put(fd, three, len, -1);
    turn(&f);
    CHECK(get(fd, text, sizeof text));
    CHECK(strcmp(text, "{\"parameters\":{\"n\":1}}\n{\"parameters\":{\"n\":2}}\n"
                       "{\"parameters\":{\"n\":3}}\n") == 0);
    close(fd);
    close_fixture(&f);
}

static void a_waiting_call_holds_back_the_next_one(void)
{
    struct fixture f;
    char text[512];

    open_fixture(&f);
    int fd = connect_raw(&f);

    put(fd, job_call, sizeof job_call, -1);
    put(fd, status_call, sizeof status_call, -1);
    turn(&f);
    CHECK_EQ(f.calls, 1);
    CHECK(f.held && vl_call_wants_more(f.held));
    vl_call_reply(f.held, NULL, true);
    turn(&f);
    CHECK_EQ(f.calls, 1);
    vl_call_reply(f.held, NULL, false);
    f.held = NULL;
    CHECK_EQ(f.calls, 1); /* not from inside the reply */
    turn(&f);
    CHECK_EQ(f.calls, 2);
    CHECK(get(fd, text, sizeof text));
    CHECK(strstr(text, "\"continues\":true") && strstr(text, "{\"n\":2}"));
    close(fd);
    close_fixture(&f);
}

static void a_peer_that_goes_takes_its_call_with_it(void)
{
    struct fixture f;

    open_fixture(&f);
    int fd = connect_raw(&f);

    put(fd, job_call, sizeof job_call, -1);
    turn(&f);
    CHECK(f.held != NULL);
    close(fd);
    turn(&f);
    CHECK_EQ(f.gone, 1);
    CHECK(!f.held);
    CHECK_EQ(f.abuses, 0);
    close_fixture(&f);
}

static void the_service_and_wrong_parameters_are_answered_without_the_owner(void)
{
    static const char info[] = "{\"method\":\"org.varlink.service.GetInfo\"}";
    static const char wrong[] = "{\"method\":\"" JOB "\",\"parameters\":{\"id\":\"one\"}}";
    static const char none[] = "{\"method\":\"io.gatewayd.Control.Nothing\"}";
    struct fixture f;
    char text[2048];

    open_fixture(&f);
    int fd = connect_raw(&f);

    put(fd, info, sizeof info, -1);
    put(fd, wrong, sizeof wrong, -1);
    put(fd, none, sizeof none, -1);
    turn(&f);
    CHECK(get(fd, text, sizeof text));
    CHECK(strstr(text, "io.gatewayd.Control") && strstr(text, "InvalidParameter") &&
          strstr(text, "MethodNotFound"));
    CHECK_EQ(f.calls, 0);
    close(fd);
    close_fixture(&f);
}

/* Send `bytes`, end our half, and see what the server thinks of it. */
static enum gw_err judge(const void *bytes, size_t len, int *calls)
{
    struct fixture f;
    char text[4096];

    open_fixture(&f);
    int fd = connect_raw(&f);
    int flags = fcntl(fd, F_GETFL);

    (void)fcntl(fd, F_SETFL, flags | O_NONBLOCK);
    for (size_t at = 0; at < len;) {
        ssize_t n = send(fd, (const char *)bytes + at, len - at, MSG_NOSIGNAL);

        if (n < 0 && f.abuses > 0) {
            break;
        }
        at += n > 0 ? (size_t)n : 0;
        turn(&f);
    }
    (void)shutdown(fd, SHUT_WR);
    turn(&f);
    if (f.abuses) {
        CHECK(get(fd, text, sizeof text));
        CHECK(strstr(text, "io.gatewayd.Control.Failed"));
    }
    CHECK(has_ended(fd));
    close(fd);
    close_fixture(&f);
    *calls = f.calls;
    return f.abuse;
}

static void every_truncation_is_refused(void)
{
    int calls;

    for (size_t len = 1; len < sizeof status_call; len++) {
        CHECK_EQ(judge(status_call, len, &calls), GW_BAD_MESSAGE);
        CHECK_EQ(calls, 0);
    }
    CHECK_EQ(judge(status_call, sizeof status_call, &calls), GW_OK);
    CHECK_EQ(calls, 1);
}

static void oversized_deep_and_odd_messages_are_refused(void)
{
    static const char not_utf8[] = "{\"method\":\"\xff\xfe\"}";
    static const char not_json[] = "hello";
    static const char doubled[] = "{\"method\":\"" STATUS "\",\"method\":\"" STATUS "\"}";
    size_t len = (2 << 20);
    char *big = malloc(len), deep[256];
    int calls;

    memset(big, ' ', len);
    CHECK_EQ(judge(big, len, &calls), GW_BAD_MESSAGE);
    CHECK_EQ(calls, 0);
    free(big);
    len = (size_t)snprintf(deep, sizeof deep, "{\"method\":\"" STATUS "\",\"parameters\":{\"a\":");
    memset(deep + len, '[', 64);
    deep[len + 64] = '\0';
    CHECK_EQ(judge(deep, len + 65, &calls), GW_BAD_MESSAGE);
    CHECK_EQ(judge(not_utf8, sizeof not_utf8, &calls), GW_BAD_MESSAGE);
    CHECK_EQ(judge(not_json, sizeof not_json, &calls), GW_BAD_MESSAGE);
    CHECK_EQ(judge(doubled, sizeof doubled, &calls), GW_BAD_MESSAGE);
    CHECK_EQ(judge("", 1, &calls), GW_BAD_MESSAGE);
    CHECK_EQ(calls, 0);
}

static int open_descriptors(void)
{
    int n = 0;

    for (int fd = 0; fd < 256; fd++) {
        n += fcntl(fd, F_GETFD) >= 0;
    }
    return n;
}

static void one_descriptor_comes_with_the_first_call_that_takes_one(void)
{
    struct fixture f;

    open_fixture(&f);
    int fd = connect_raw(&f), file = open("/dev/null", O_RDONLY);

    put(fd, install_call, sizeof install_call, file);
    turn(&f);
    CHECK(f.descriptor >= 0);
    CHECK_EQ(f.abuses, 0);
    close(file);
    close(fd);
    close_fixture(&f);
}

static void a_descriptor_anywhere_else_is_closed_and_refused(void)
{
    struct fixture f;
    int file = open("/dev/null", O_RDONLY);

    open_fixture(&f);
    int fd = connect_raw(&f), before;

    turn(&f);
    before = open_descriptors();
    put(fd, status_call, sizeof status_call, file); /* a call that takes none */
    turn(&f);
    CHECK_EQ(f.abuse, GW_DESCRIPTOR);
    CHECK_EQ(f.calls, 0);
    CHECK(!has_ended(fd) || 1);
    close(fd);

    fd = connect_raw(&f);
    turn(&f);
    put(fd, status_call, sizeof status_call, -1);
    turn(&f);
    put(fd, install_call, sizeof install_call, file); /* not with the first byte */
    turn(&f);
    CHECK_EQ(f.abuses, 2);
    CHECK_EQ(f.calls, 1);
    CHECK_EQ(f.descriptor, -1);
    close(fd);
    turn(&f);
    CHECK_EQ(open_descriptors(), before - 2); /* neither socket, no stray */
    close(file);
    close_fixture(&f);
}

static void the_65th_connection_is_refused(void)
{
    struct fixture f;
    int fds[VL_CONNECTIONS_MAX + 1];
    char text[512];

    open_fixture(&f);
    for (int i = 0; i <= VL_CONNECTIONS_MAX; i++) {
        fds[i] = connect_raw(&f);
        turn(&f);
    }
    CHECK_EQ(f.abuse, GW_BUSY);
    CHECK_EQ(f.abuses, 1);
    CHECK(has_ended(fds[VL_CONNECTIONS_MAX]));
    put(fds[0], status_call, sizeof status_call, -1);
    turn(&f);
    CHECK(get(fds[0], text, sizeof text) && strstr(text, "\"n\":1"));
    close(fds[1]);
    close(fds[VL_CONNECTIONS_MAX]);
    turn(&f);
    fds[1] = connect_raw(&f); /* a place is free again */
    turn(&f);
    CHECK_EQ(f.abuses, 1);
    for (int i = 0; i < VL_CONNECTIONS_MAX; i++) {
        close(fds[i]);
    }
    close_fixture(&f);
}

static void a_monitor_that_does_not_read_is_dropped(void)
{
    struct fixture f;
    size_t queued_max = 0;
    char pad[10000];

    memset(pad, 'x', sizeof pad);
    pad[sizeof pad - 1] = '\0';
    open_fixture(&f);
    int fd = connect_raw(&f);

    put(fd, job_call, sizeof job_call, -1);
    turn(&f);
    for (int i = 0; i < 1000 && f.held; i++) {
        struct json *parameters = json_new_object();

        json_set_string(parameters, "pad", pad);
        vl_call_reply(f.held, parameters, true);
        if (vl_call_queued_bytes(f.held) > queued_max) {
            queued_max = vl_call_queued_bytes(f.held);
        }
        (void)uv_run(&f.loop, UV_RUN_NOWAIT);
    }
    CHECK_EQ(f.gone, 1);
    CHECK_EQ(f.abuse, GW_BUSY);
    CHECK_EQ(f.abuses, 1);
    CHECK(queued_max <= VL_QUEUE_MAX);
    close(fd);
    close_fixture(&f);
}

/* ---- client ---- */

struct heard {
    struct vl_client *client;
    int replies, ends;
    enum gw_err err;
    char error[64];
    size_t raw;
    bool raw_ended, close_inside;
};

static void on_reply(void *ctx, enum gw_err err, const struct varlink_reply *reply)
{
    struct heard *h = ctx;

    if (err) {
        h->err = err;
        h->ends++;
        return;
    }
    h->replies++;
    (void)snprintf(h->error, sizeof h->error, "%s", reply->error ? reply->error : "");
    if (h->close_inside) {
        vl_client_close(h->client);
        h->client = NULL;
    }
}

static void a_client_hears_replies_and_errors(void)
{
    struct fixture f;
    struct heard h = { 0 };

    open_fixture(&f);
    CHECK_EQ(vl_client_connect(&h.client, &f.loop, f.path), GW_OK);
    vl_client_call(h.client, JOB, NULL, VARLINK_MORE, on_reply, &h);
    CHECK_EQ(h.replies, 0);
    turn(&f);
    vl_call_reply(f.held, NULL, true);
    vl_call_reply(f.held, NULL, true);
    vl_call_fail(f.held, "io.gatewayd.Control.Failed", NULL);
    f.held = NULL;
    turn(&f);
    CHECK_EQ(h.replies, 3);
    CHECK(strcmp(h.error, "io.gatewayd.Control.Failed") == 0);
    vl_client_call(h.client, STATUS, NULL, 0, on_reply, &h); /* the connection is good for more */
    turn(&f);
    CHECK_EQ(h.replies, 4);
    CHECK(h.error[0] == '\0');
    vl_client_close(h.client);
    close_fixture(&f);
}

static void closing_the_client_cancels_and_is_safe_inside_a_callback(void)
{
    struct fixture f;
    struct heard h = { .close_inside = true };

    open_fixture(&f);
    CHECK_EQ(vl_client_connect(&h.client, &f.loop, f.path), GW_OK);
    vl_client_call(h.client, JOB, NULL, VARLINK_MORE, on_reply, &h);
    turn(&f);
    vl_call_reply(f.held, NULL, true);
    vl_call_reply(f.held, NULL, true);
    turn(&f);
    CHECK_EQ(h.replies, 1);
    CHECK_EQ(h.ends, 0);
    CHECK_EQ(f.gone, 1);
    close_fixture(&f);
}

static void a_peer_that_goes_or_talks_nonsense_ends_the_call(void)
{
    static const struct {
        const char *bytes;
        size_t len;
        enum gw_err err;
    } cases[] = {
        { "", 0, GW_LINK_CLOSED },
        { "{\"par", 5, GW_LINK_CLOSED },
        { "nonsense", 9, GW_BAD_MESSAGE },
        { "[]", 3, GW_BAD_MESSAGE },
        { "{\"error\":1}", 12, GW_BAD_MESSAGE },
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fixture f;
        struct heard h = { 0 };
        int pair[2];

        open_fixture(&f);
        CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
        CHECK_EQ(vl_client_adopt(&h.client, &f.loop, pair[0]), GW_OK);
        vl_client_call(h.client, STATUS, NULL, 0, on_reply, &h);
        turn(&f);
        if (cases[i].len) {
            put(pair[1], cases[i].bytes, cases[i].len, -1);
        }
        close(pair[1]);
        turn(&f);
        CHECK_EQ(h.ends, 1);
        CHECK_EQ(h.err, cases[i].err);
        CHECK_EQ(h.replies, 0);
        vl_client_close(h.client);
        close_fixture(&f);
    }
}

static void on_bytes(void *ctx, const void *bytes, size_t len)
{
    struct heard *h = ctx;
    const char *text = bytes;

    for (size_t i = 0; i < len; i++) {
        CHECK_EQ((unsigned char)text[i], (unsigned char)((h->raw + i) % 251));
    }
    h->raw += len;
    h->raw_ended = len == 0;
}

static void on_upgraded(void *ctx, enum gw_err err, const struct varlink_reply *reply)
{
    struct heard *h = ctx;

    CHECK(err == GW_OK && !reply->error);
    h->replies++;
    vl_client_read_raw(h->client, on_bytes, h);
}

static void an_upgraded_connection_carries_raw_bytes(void)
{
    enum { RAW = 100000 };
    struct fixture f;
    struct heard h = { 0 };
    char *bytes = malloc(RAW + 3);
    int pair[2];

    open_fixture(&f);
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
    CHECK_EQ(vl_client_adopt(&h.client, &f.loop, pair[0]), GW_OK);
    vl_client_call(h.client, "io.gatewayd.Fetch.Get", NULL, VARLINK_UPGRADE, on_upgraded, &h);
    turn(&f);
    memcpy(bytes, "{}", 3); /* reply and first raw bytes in one piece */
    for (size_t i = 0; i < RAW; i++) {
        bytes[3 + i] = (char)(i % 251);
    }
    put(pair[1], bytes, 5003, -1);
    turn(&f);
    CHECK_EQ(h.replies, 1);
    CHECK_EQ(h.raw, 5000);
    vl_client_pause(h.client);
    put(pair[1], bytes + 5003, RAW - 5000, -1);
    turn(&f);
    CHECK_EQ(h.raw, 5000);
    vl_client_resume(h.client);
    turn(&f);
    CHECK_EQ(h.raw, RAW);
    CHECK(!h.raw_ended);
    close(pair[1]);
    turn(&f);
    CHECK(h.raw_ended);
    free(bytes);
    vl_client_close(h.client);
    close_fixture(&f);
}

static void nobody_there_is_unreachable(void)
{
    struct fixture f;
    struct vl_client *client;

    open_fixture(&f);
    CHECK_EQ(vl_client_connect(&client, &f.loop, "/tmp/test_varlink_uv.none"), GW_UNREACHABLE);
    CHECK(!client);
    close_fixture(&f);
}

int main(void)
{
    TEST(pipelined_calls_are_answered_in_order);
    TEST(a_waiting_call_holds_back_the_next_one);
    TEST(a_peer_that_goes_takes_its_call_with_it);
    TEST(the_service_and_wrong_parameters_are_answered_without_the_owner);
    TEST(every_truncation_is_refused);
    TEST(oversized_deep_and_odd_messages_are_refused);
    TEST(one_descriptor_comes_with_the_first_call_that_takes_one);
    TEST(a_descriptor_anywhere_else_is_closed_and_refused);
    TEST(the_65th_connection_is_refused);
    TEST(a_monitor_that_does_not_read_is_dropped);
    TEST(a_client_hears_replies_and_errors);
    TEST(closing_the_client_cancels_and_is_safe_inside_a_callback);
    TEST(a_peer_that_goes_or_talks_nonsense_ends_the_call);
    TEST(an_upgraded_connection_carries_raw_bytes);
    TEST(nobody_there_is_unreachable);
    return checks_failed != 0;
}
