/* Server and client over socket pairs and real sockets. Both ends are this process, so every step
 * is taken on purpose and nothing waits. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"
#include "interfaces.h"
#include "ipc_client.h"
#include "ipc_server.h"

struct fixture {
    struct ipc_server *server;
    struct ipc_connection *running; /* connection of the last call that was left open */
    bool answer_at_once;
    int calls, closed, drained;
    char last_method[100];
};

static void on_call(void *context, struct ipc_connection *c, struct varlink_call *call)
{
    struct fixture *f = context;

    f->calls++;
    (void)snprintf(f->last_method, sizeof f->last_method, "%s", call->method);
    f->running = c;
    varlink_call_free(call);
    if (f->answer_at_once) {
        struct json *parameters = json_new_object();

        json_set_integer(parameters, "n", f->calls);
        ipc_reply(c, parameters, false);
    }
}

static void on_closed(void *context, struct ipc_connection *c)
{
    struct fixture *f = context;

    f->closed++;
    if (f->running == c) {
        f->running = NULL;
    }
}

static void on_drained(void *context, struct ipc_connection *c)
{
    struct fixture *f = context;

    (void)c;
    f->drained++;
}

static const struct ipc_server_ops ops = { on_call, on_closed, on_drained };

static struct fixture open_fixture(struct fixture *f, size_t queue_max)
{
    static const struct varlink_interface *const interfaces[] = { &interface_control, NULL };
    static const struct varlink_service service = { "test", "1", interfaces };
    struct ipc_server_config config = { &service, &ops, f, queue_max };

    memset(f, 0, sizeof *f);
    f->answer_at_once = true;
    CHECK_EQ(ipc_server_open(&f->server, &config, -1), GW_OK);
    return *f;
}

/* Connect a raw socket. */
static int connect_raw(struct fixture *f)
{
    int pair[2];

    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
    CHECK_EQ(ipc_server_adopt(f->server, pair[1]), GW_OK);
    return pair[0];
}

static struct ipc_client *connect_client(struct fixture *f)
{
    struct ipc_client *client;

    CHECK_EQ(ipc_client_from_fd(&client, connect_raw(f)), GW_OK);
    return client;
}

/* Turn the loop until nothing is ready any more. */
static void run(struct fixture *f)
{
    for (int i = 0; i < 8; i++) {
        CHECK_EQ(ipc_server_wait(f->server, NULL, 0, 0), GW_OK);
    }
}

static uint64_t soon(void)
{
    return ipc_now_ms() + 2000;
}

static void send_call(struct ipc_client *client, const char *method, unsigned flags)
{
    CHECK_EQ(ipc_client_send(client, method, NULL, flags, -1, soon()), GW_OK);
}

static int64_t reply_number(struct ipc_client *client)
{
    struct varlink_reply reply;

    CHECK_EQ(ipc_client_receive(client, &reply, soon()), GW_OK);
    CHECK(reply.error == NULL);
    int64_t n = json_get_integer(reply.parameters, "n", -1);

    varlink_reply_free(&reply);
    return n;
}

static void a_call_is_answered(void)
{
    struct fixture f;

    open_fixture(&f, 0);
    struct ipc_client *client = connect_client(&f);

    send_call(client, "io.gatewayd.Control.Status", 0);
    run(&f);
    CHECK_EQ(reply_number(client), 1);
    CHECK_EQ(f.drained, 1);
    ipc_client_close(client);
    run(&f);
    CHECK_EQ(f.closed, 1);
    CHECK_EQ(ipc_server_connections(f.server), 0);
    ipc_server_close(f.server);
}

static void the_service_answers_without_the_handler(void)
{
    struct fixture f;
    struct varlink_reply reply;

    open_fixture(&f, 0);
    struct ipc_client *client = connect_client(&f);

    send_call(client, "org.varlink.service.GetInfo", 0);
    send_call(client, "io.gatewayd.Control.Cancel", 0); /* id is missing */
    run(&f);
    CHECK_EQ(ipc_client_receive(client, &reply, soon()), GW_OK);
    CHECK(strcmp(json_get_string(reply.parameters, "product"), "test") == 0);
    varlink_reply_free(&reply);
    CHECK_EQ(ipc_client_receive(client, &reply, soon()), GW_OK);
    CHECK(strcmp(reply.error, VARLINK_INVALID_PARAMETER) == 0);
    varlink_reply_free(&reply);
    CHECK_EQ(f.calls, 0);
    ipc_client_close(client);
    ipc_server_close(f.server);
}

static void pipelined_calls_wait_for_their_turn(void)
{
    struct fixture f;

    open_fixture(&f, 0);
    f.answer_at_once = false;
    struct ipc_client *client = connect_client(&f);

    for (int i = 0; i < 3; i++) {
        send_call(client, "io.gatewayd.Control.Status", 0);
    }
    for (int i = 1; i <= 3; i++) {
        run(&f);
        CHECK_EQ(f.calls, i);
        CHECK(ipc_is_busy(f.running));
        ipc_reply(f.running, NULL, false); /* outside a callback */
    }
    run(&f);
    CHECK_EQ(f.calls, 3);
    ipc_client_close(client);
    ipc_server_close(f.server);
}

static void continued_replies_go_to_those_who_asked(void)
{
    for (int more = 0; more <= 1; more++) {
        struct fixture f;
        struct varlink_reply reply;
        int continued = 0;

        open_fixture(&f, 0);
        f.answer_at_once = false;
        struct ipc_client *client = connect_client(&f);

        send_call(client, "io.gatewayd.Control.Status", more ? VARLINK_MORE : 0);
        run(&f);
        ipc_reply(f.running, NULL, true);
        ipc_reply(f.running, NULL, true);
        ipc_reply(f.running, NULL, false);
        CHECK(!ipc_is_busy(f.running));
        do {
            CHECK_EQ(ipc_client_receive(client, &reply, soon()), GW_OK);
            continued += reply.continues;
            varlink_reply_free(&reply);
        } while (continued < 2 * more);
        CHECK_EQ(continued, 2 * more);
        ipc_client_close(client);
        ipc_server_close(f.server);
    }
}

static void a_oneway_call_gets_nothing(void)
{
    struct fixture f;

    open_fixture(&f, 0);
    struct ipc_client *client = connect_client(&f);

    send_call(client, "io.gatewayd.Control.Status", VARLINK_ONEWAY);
    send_call(client, "io.gatewayd.Control.Nothing", VARLINK_ONEWAY);
    send_call(client, "io.gatewayd.Control.Status", 0);
    run(&f);
    CHECK_EQ(f.calls, 2);
    CHECK_EQ(reply_number(client), 2);
    ipc_client_close(client);
    ipc_server_close(f.server);
}

static void closing_the_connection_cancels_the_call(void)
{
    struct fixture f;

    open_fixture(&f, 0);
    f.answer_at_once = false;
    struct ipc_client *client = connect_client(&f);

    send_call(client, "io.gatewayd.Control.Status", 0);
    run(&f);
    CHECK(f.running != NULL);
    ipc_client_close(client);
    run(&f);
    CHECK(f.running == NULL);
    CHECK_EQ(f.closed, 1);
    ipc_server_close(f.server);
}

static void a_peer_that_only_stops_sending_still_gets_its_answer(void)
{
    struct fixture f;

    open_fixture(&f, 0);
    f.answer_at_once = false;
    struct ipc_client *client = connect_client(&f);

    send_call(client, "io.gatewayd.Control.Status", 0);
    CHECK_EQ(shutdown(ipc_client_fd(client), SHUT_WR), 0);
    run(&f);
    CHECK(f.running != NULL);
    ipc_reply(f.running, NULL, false);
    run(&f);
    CHECK_EQ(f.closed, 1);
    CHECK_EQ(reply_number(client), -1);
    ipc_client_close(client);
    ipc_server_close(f.server);
}

static void nonsense_closes_the_connection(void)
{
    static const char *const nonsense[] = { "hello", "{\"method\":7}", "{} {}", "\"\xff\"" };

    for (size_t i = 0; i < sizeof nonsense / sizeof nonsense[0]; i++) {
        struct fixture f;

        open_fixture(&f, 0);
        int fd = connect_raw(&f);

        CHECK(write(fd, nonsense[i], strlen(nonsense[i]) + 1) > 0);
        run(&f);
        CHECK_EQ(f.closed, 1);
        CHECK_EQ(f.calls, 0);
        (void)close(fd);
        ipc_server_close(f.server);
    }
}

static void an_endless_message_is_cut_off_at_the_limit(void)
{
    struct fixture f;
    static char block[65536];
    size_t sent = 0;

    memset(block, ' ', sizeof block);
    open_fixture(&f, 0);
    int fd = connect_raw(&f);

    while (f.closed == 0 && sent < 4u * VARLINK_MESSAGE_MAX) {
        ssize_t n = send(fd, block, sizeof block, MSG_NOSIGNAL);

        sent += n > 0 ? (size_t)n : 0;
        run(&f);
    }
    CHECK_EQ(f.closed, 1);
    CHECK(sent <= VARLINK_MESSAGE_MAX + sizeof block * 8);
    (void)close(fd);
    ipc_server_close(f.server);
}

static void a_call_may_come_byte_by_byte(void)
{
    static const char text[] = "{\"method\":\"io.gatewayd.Control.Status\"}";
    struct fixture f;

    open_fixture(&f, 0);
    int fd = connect_raw(&f);

    for (size_t i = 0; i < sizeof text; i++) {
        CHECK_EQ(f.calls, 0);
        CHECK_EQ(write(fd, text + i, 1), 1);
        run(&f);
    }
    CHECK_EQ(f.calls, 1);
    (void)close(fd);
    ipc_server_close(f.server);
}

static void a_slow_peer_is_dropped_at_the_cap(void)
{
    struct fixture f;
    struct json *parameters = json_new_object();
    static char big[30000];

    memset(big, 'x', sizeof big - 1);
    json_set_string(parameters, "big", big);
    open_fixture(&f, 100000);
    f.answer_at_once = false;
    struct ipc_client *client = connect_client(&f);

    send_call(client, "io.gatewayd.Control.Status", VARLINK_MORE);
    run(&f);
    for (int i = 0; i < 100 && f.running; i++) {
        CHECK(ipc_queued(f.running) <= 100000);
        ipc_reply(f.running, json_copy(parameters), true);
        run(&f);
    }
    CHECK_EQ(f.closed, 1);
    json_free(parameters);
    ipc_client_close(client);
    ipc_server_close(f.server);
}

static int open_descriptors(void)
{
    int count = 0;

    for (int fd = 0; fd < 256; fd++) {
        count += fcntl(fd, F_GETFD) >= 0;
    }
    return count;
}

static void a_stray_descriptor_is_closed_and_its_call_refused(void)
{
    struct fixture f;
    struct varlink_reply reply;

    open_fixture(&f, 0);
    struct ipc_client *client = connect_client(&f);
    int before = open_descriptors();

    CHECK_EQ(ipc_client_send(client, "io.gatewayd.Control.Status", NULL, 0, STDIN_FILENO, soon()),
             GW_OK);
    send_call(client, "io.gatewayd.Control.Status", 0);
    run(&f);
    CHECK_EQ(ipc_client_receive(client, &reply, soon()), GW_OK);
    CHECK(strcmp(reply.error, VARLINK_INVALID_PARAMETER) == 0);
    varlink_reply_free(&reply);
    CHECK_EQ(reply_number(client), 1);
    CHECK_EQ(f.calls, 1);
    CHECK_EQ(open_descriptors(), before);
    ipc_client_close(client);
    ipc_server_close(f.server);
}

static void one_descriptor_can_be_kept(void)
{
    int pair[2], kept = -1;
    char byte;
    size_t sent, got;
    unsigned strays;

    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    CHECK_EQ(ipc_send(pair[0], "x", 1, STDIN_FILENO, &sent), GW_OK);
    CHECK_EQ(ipc_receive(pair[1], &byte, 1, &got, &kept, &strays), GW_OK);
    CHECK(kept >= 0 && strays == 0 && got == 1);
    CHECK(fcntl(kept, F_GETFD) & FD_CLOEXEC);
    CHECK_EQ(ipc_receive(pair[1], &byte, 1, &got, NULL, NULL), GW_TIMEOUT);
    (void)close(kept);
    (void)close(pair[0]);
    CHECK_EQ(ipc_receive(pair[1], &byte, 1, &got, NULL, NULL), GW_OK);
    CHECK_EQ(got, 0);
    (void)close(pair[1]);
}

static void one_connection_too_many_is_closed(void)
{
    struct fixture f;
    int fds[IPC_CONNECTIONS_MAX], pair[2];
    char byte;

    open_fixture(&f, 0);
    for (int i = 0; i < IPC_CONNECTIONS_MAX; i++) {
        fds[i] = connect_raw(&f);
    }
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    CHECK_EQ(ipc_server_adopt(f.server, pair[1]), GW_BUSY);
    CHECK_EQ(read(pair[0], &byte, 1), 0);
    (void)close(pair[0]);
    (void)close(fds[7]);
    run(&f);
    CHECK_EQ(ipc_server_connections(f.server), IPC_CONNECTIONS_MAX - 1);
    for (int i = 0; i < IPC_CONNECTIONS_MAX; i++) {
        (void)(i == 7 ? 0 : close(fds[i]));
    }
    ipc_server_close(f.server);
}

static void an_upgraded_connection_carries_raw_bytes(void)
{
    struct fixture f;
    struct varlink_reply reply;
    char buf[100];
    size_t got;

    open_fixture(&f, 0);
    f.answer_at_once = false;
    struct ipc_client *client = connect_client(&f);

    send_call(client, "io.gatewayd.Control.Status", VARLINK_UPGRADE);
    run(&f);
    ipc_upgrade(f.running, NULL);
    ipc_send_raw(f.running, "raw\0bytes", 9);
    ipc_finish(f.running);
    run(&f);
    CHECK_EQ(f.closed, 1);
    CHECK_EQ(ipc_client_receive(client, &reply, soon()), GW_OK);
    varlink_reply_free(&reply);
    CHECK_EQ(ipc_client_read_raw(client, buf, 3, &got, soon()), GW_OK);
    CHECK_EQ(got, 3);
    CHECK_EQ(ipc_client_read_raw(client, buf + 3, sizeof buf - 3, &got, soon()), GW_OK);
    CHECK(got == 6 && memcmp(buf, "raw\0bytes", 9) == 0);
    CHECK_EQ(ipc_client_read_raw(client, buf, sizeof buf, &got, soon()), GW_LINK_CLOSED);
    ipc_client_close(client);
    ipc_server_close(f.server);
}

static void a_wait_ends_by_deadline_and_by_the_cancel_descriptor(void)
{
    struct fixture f;
    struct varlink_reply reply;
    int cancel[2];

    open_fixture(&f, 0);
    struct ipc_client *client = connect_client(&f);

    CHECK_EQ(ipc_client_receive(client, &reply, ipc_now_ms()), GW_TIMEOUT);
    CHECK_EQ(pipe(cancel), 0);
    CHECK_EQ(write(cancel[1], "x", 1), 1);
    ipc_client_set_cancel(client, cancel[0]);
    CHECK_EQ(ipc_client_receive(client, &reply, soon()), GW_CANCELLED);
    (void)close(cancel[0]);
    (void)close(cancel[1]);
    ipc_client_close(client);
    ipc_server_close(f.server);
}

static void a_socket_file_is_private_and_a_stale_one_replaced(void)
{
    char dir[] = "/tmp/gw-test-ipc-XXXXXX", path[64];
    struct gw_error error;
    struct ipc_client *client;
    struct ipc_peer peer;
    struct stat st;
    int fd, second;

    CHECK(mkdtemp(dir) != NULL);
    (void)snprintf(path, sizeof path, "%s/socket", dir);
    CHECK_EQ(ipc_client_connect(&client, path, &error), GW_UNREACHABLE);
    CHECK_EQ(ipc_listen(&fd, path, 0600, &error), GW_OK);
    CHECK_EQ(stat(path, &st), 0);
    CHECK_EQ(st.st_mode & 07777, 0600);
    CHECK_EQ(ipc_listen(&second, path, 0600, &error), GW_BUSY);
    CHECK_EQ(ipc_client_connect(&client, path, &error), GW_OK);
    CHECK_EQ(ipc_peer_of(ipc_client_fd(client), &peer), GW_OK);
    CHECK(peer.pid == getpid() && peer.uid == geteuid());
    CHECK(ipc_peer_in_group(ipc_client_fd(client), getegid()));
    CHECK(!ipc_peer_in_group(ipc_client_fd(client), 54321));
    ipc_client_close(client);
    (void)close(fd);
    CHECK_EQ(ipc_client_connect(&client, path, &error), GW_UNREACHABLE);
    CHECK_EQ(ipc_listen(&fd, path, 0660, &error), GW_OK); /* nobody served it any more */
    (void)close(fd);
    (void)unlink(path);

    int file = open(path, O_CREAT | O_WRONLY, 0600);

    (void)close(file);
    CHECK_EQ(ipc_listen(&fd, path, 0600, &error), GW_IO); /* not a socket: left alone */
    CHECK_EQ(stat(path, &st), 0);
    (void)unlink(path);
    (void)rmdir(dir);
}

static void a_listening_server_accepts(void)
{
    char dir[] = "/tmp/gw-test-ipc-XXXXXX", path[64];
    static const struct varlink_interface *const interfaces[] = { &interface_control, NULL };
    static const struct varlink_service service = { "test", "1", interfaces };
    struct fixture f = { .answer_at_once = true };
    struct ipc_server_config config = { &service, &ops, &f, 0 };
    struct ipc_client *client;
    int fd;

    CHECK(mkdtemp(dir) != NULL);
    (void)snprintf(path, sizeof path, "%s/socket", dir);
    CHECK_EQ(ipc_listen(&fd, path, 0600, NULL), GW_OK);
    CHECK_EQ(ipc_server_open(&f.server, &config, fd), GW_OK);
    CHECK_EQ(ipc_client_connect(&client, path, NULL), GW_OK);
    send_call(client, "io.gatewayd.Control.Status", 0);
    run(&f);
    CHECK_EQ(reply_number(client), 1);
    ipc_client_close(client);
    ipc_server_close(f.server);
    (void)unlink(path);
    (void)rmdir(dir);
}

int main(void)
{
    TEST(a_call_is_answered);
    TEST(the_service_answers_without_the_handler);
    TEST(pipelined_calls_wait_for_their_turn);
    TEST(continued_replies_go_to_those_who_asked);
    TEST(a_oneway_call_gets_nothing);
    TEST(closing_the_connection_cancels_the_call);
    TEST(a_peer_that_only_stops_sending_still_gets_its_answer);
    TEST(nonsense_closes_the_connection);
    TEST(an_endless_message_is_cut_off_at_the_limit);
    TEST(a_call_may_come_byte_by_byte);
    TEST(a_slow_peer_is_dropped_at_the_cap);
    TEST(a_stray_descriptor_is_closed_and_its_call_refused);
    TEST(one_descriptor_can_be_kept);
    TEST(one_connection_too_many_is_closed);
    TEST(an_upgraded_connection_carries_raw_bytes);
    TEST(a_wait_ends_by_deadline_and_by_the_cancel_descriptor);
    TEST(a_socket_file_is_private_and_a_stale_one_replaced);
    TEST(a_listening_server_accepts);
    return checks_failed != 0;
}
