/* gatewayd-fetch: serves io.gatewayd.Fetch on descriptor 3; the one program that uses the network.
 *
 * One loop, one thread: the server's sockets and libcurl's are polled together. Keeps nothing.
 */
#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "curl_loop.h"
#include "interfaces.h"
#include "ipc_server.h"
#include "transfer.h"

enum { LISTEN_FD = 3 };

struct fetch {
    struct ipc_server *server;
    struct curl_loop curl;
    struct transfer_limits limits;
    struct transfer *transfers[IPC_CONNECTIONS_MAX];
    size_t count;
    uint64_t idle_ms;
    uint64_t last_used_ms;
};

/* --- transfers --- */

static void end_transfer(struct fetch *f, struct transfer *t)
{
    for (size_t i = 0; i < f->count; i++) {
        if (f->transfers[i] == t) {
            f->transfers[i] = f->transfers[--f->count];
            transfer_free(t);
            return;
        }
    }
}

static void on_call(void *context, struct ipc_connection *connection, struct varlink_call *call)
{
    struct fetch *f = context;
    struct transfer *t;

    f->curl.now_ms = ipc_now_ms();
    if (transfer_start(&t, f->curl.multi, connection, call, &f->limits, f->curl.now_ms) == GW_OK) {
        assert(f->count < IPC_CONNECTIONS_MAX); /* one a connection; ended ones leave each turn */
        f->transfers[f->count++] = t;
    }
    varlink_call_free(call);
}

static void on_closed(void *context, struct ipc_connection *connection)
{
    struct transfer *t = ipc_user(connection);

    if (t) {
        end_transfer(context, t);
    }
}

static void on_drained(void *context, struct ipc_connection *connection)
{
    (void)context;
    if (ipc_user(connection)) {
        transfer_resume(ipc_user(connection));
    }
}

static void check_transfers(struct fetch *f, uint64_t now_ms)
{
    CURL *easy;
    CURLcode result;

    while ((easy = curl_loop_finished(&f->curl, &result)) != NULL) {
        transfer_finish(transfer_of(easy), result);
        end_transfer(f, transfer_of(easy));
    }
    for (size_t i = 0; i < f->count;) {
        transfer_check_rate(f->transfers[i], now_ms);
        if (!transfer_connection(f->transfers[i])) {
            end_transfer(f, f->transfers[i]);
        } else {
            i++;
        }
    }
}

/* --- the loop --- */

static uint64_t next_due_ms(const struct fetch *f)
{
    uint64_t due = f->curl.due_ms;

    for (size_t i = 0; i < f->count; i++) {
        uint64_t own = transfer_due_ms(f->transfers[i]);

        due = own < due ? own : due;
    }
    if (ipc_server_connections(f->server) == 0 && f->last_used_ms + f->idle_ms < due) {
        due = f->last_used_ms + f->idle_ms;
    }
    return due;
}

static int timeout_ms(uint64_t due_ms, uint64_t now_ms)
{
    if (due_ms <= now_ms) {
        return 0;
    }
    return due_ms - now_ms > INT_MAX ? INT_MAX : (int)(due_ms - now_ms);
}

/* False: nothing works any more. */
static bool turn(struct fetch *f)
{
    size_t n = f->curl.count;
    struct pollfd *fds = calloc(IPC_POLL_MAX + n, sizeof *fds);

    if (!fds) {
        return false;
    }
    size_t own = ipc_server_pollfds(f->server, fds);

    if (n > 0) {
        memcpy(fds + own, f->curl.sockets, n * sizeof *fds);
    }
    bool is_ok = poll(fds, own + n, timeout_ms(next_due_ms(f), ipc_now_ms())) >= 0 ||
                 errno == EINTR;
    uint64_t now_ms = ipc_now_ms();

    if (is_ok) {
        f->curl.now_ms = now_ms;
        ipc_server_handle(f->server, fds, own);
        curl_loop_handle(&f->curl, fds + own, n, now_ms);
        check_transfers(f, now_ms);
    }
    if (ipc_server_connections(f->server) > 0) {
        f->last_used_ms = now_ms;
    }
    free(fds);
    return is_ok;
}

static int serve(struct fetch *f)
{
    f->last_used_ms = ipc_now_ms();
    while (ipc_server_connections(f->server) > 0 || ipc_now_ms() < f->last_used_ms + f->idle_ms) {
        if (!turn(f)) {
            return EXIT_FAILED;
        }
    }
    return EXIT_DONE;
}

static int run(struct fetch *f)
{
    static const struct varlink_interface *const interfaces[] = { &interface_fetch, NULL };
    static const struct varlink_service service = { "gatewayd-fetch", GW_VERSION, interfaces };
    static const struct ipc_server_ops ops = { on_call, on_closed, on_drained };
    struct ipc_server_config config = { .service = &service, .ops = &ops, .context = f };

    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK || !curl_loop_open(&f->curl) ||
        ipc_server_open(&f->server, &config, LISTEN_FD) != GW_OK) {
        (void)fprintf(stderr, "gatewayd-fetch: cannot start: out of memory\n");
        return EXIT_FAILED;
    }
    int status = serve(f);

    for (size_t i = 0; i < f->count; i++) {
        transfer_free(f->transfers[i]);
    }
    ipc_server_close(f->server);
    curl_loop_close(&f->curl);
    curl_global_cleanup();
    return status;
}

/* --- options --- */

static const char help[] =
    "usage: gatewayd-fetch [--connect-s N] [--min-rate BYTES] [--min-time S] [--idle-s S]\n"
    "Downloads for gatewayd, which starts it: serves io.gatewayd.Fetch on descriptor 3.\n";

static bool read_number(const char *text, unsigned *value)
{
    char *end;
    unsigned long number = strtoul(text, &end, 10);

    if (*text < '0' || *text > '9' || *end || number > 86400 * 30) {
        return false;
    }
    *value = (unsigned)number;
    return true;
}

static bool read_options(struct fetch *f, int argc, char **argv)
{
    unsigned idle_s = 60;
    bool is_ok = true;

    for (int i = 1; i < argc && is_ok; i += 2) {
        const struct {
            const char *name;
            unsigned *value;
        } options[] = {
            { "--connect-s", &f->limits.connect_s },
            { "--min-rate", &f->limits.min_rate },
            { "--min-time", &f->limits.min_time_s },
            { "--idle-s", &idle_s },
        };
        bool is_known = false;

        for (size_t o = 0; o < sizeof options / sizeof options[0] && i + 1 < argc; o++) {
            if (strcmp(argv[i], options[o].name) == 0) {
                is_known = read_number(argv[i + 1], options[o].value);
            }
        }
        is_ok = is_known;
    }
    f->idle_ms = (uint64_t)idle_s * 1000;
    return is_ok && f->limits.min_time_s > 0 && f->limits.connect_s > 0;
}

static bool is_listening(int fd)
{
    int value = 0;
    socklen_t len = sizeof value;

    return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &value, &len) == 0 && value;
}

int main(int argc, char **argv)
{
    struct fetch fetch = { .limits = { .connect_s = 30, .min_rate = 64, .min_time_s = 60 } };

    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        (void)printf("gatewayd-fetch %s\n", GW_VERSION);
        return EXIT_DONE;
    }
    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        (void)fputs(help, stdout);
        return EXIT_DONE;
    }
    if (!read_options(&fetch, argc, argv)) {
        (void)fputs(help, stderr);
        return EXIT_USAGE;
    }
    if (!is_listening(LISTEN_FD)) {
        (void)fprintf(stderr, "gatewayd-fetch: descriptor 3 is no listening socket: "
                              "it is started by gatewayd\n");
        return EXIT_USAGE;
    }
    return run(&fetch);
}
