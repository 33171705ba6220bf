/* gatewaysim: simulated buses, lines and devices behind sockets, under Varlink control. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "sim_control.h"
#include "sim_socket.h"

static const char help_text[] =
    "Usage: gatewaysim FIELD.json [--socket PATH]\n"
    "\n"
    "Runs the buses and devices of a field description until SIGTERM or SIGINT. Each bus is a\n"
    "socket that takes one client, in place of a serial port; each device runs the real\n"
    "sub-device firmware. Prints \"ready\" when every socket listens.\n"
    "\n"
    "  --socket PATH   serve io.gatewayd.Sim there: power, faults, noise, counters\n"
    "  --help, --version\n"
    "\n"
    "FIELD.json (comments with // are fine; file names are relative to its folder):\n"
    "  { \"buses\": [ {\n"
    "      \"name\": \"cabinet-1\",\n"
    "      \"link\": \"unix:/run/sim/c1\",       or \"tcp://127.0.0.1:7001\"\n"
    "      \"baud\": 115200,                   0 = unpaced      (115200)\n"
    "      \"latency_us\": 1000,               one way          (1000)\n"
    "      \"noise\": { \"loss_ppm\", \"corruption_ppm\", \"duplicate_ppm\", \"seed\" },\n"
    "      \"device\": {\n"
    "        \"name\": \"pump\",                 (the bus's name)\n"
    "        \"kind\": \"own\",                  or \"foreign\": Zephyr over MCUboot; then only "
    "name,\n"
    "                                        buf_*, flash.slot_size, boot_ms, self_test_ms,\n"
    "                                        factory (an MCUboot image) and faults\n"
    "        \"vendor\": \"acme.example\", \"class\": \"pump\", \"hardware\": 2, \"serial\": "
    "\"A-17\",\n"
    "        \"anchors\": [ \"root.pem\" ],      whose images it takes\n"
    "        \"factory\": \"pump-1.0.gwi\",      installed when the flash is blank\n"
    "        \"flash\": { \"file\": \"pump.flash\" (memory), \"slot_size\": 262144, \"sector\": "
    "4096,\n"
    "          \"granule\": 8, \"erase_us\", \"program_us_per_kib\", \"read_us_per_kib\": 0,\n"
    "          \"counters\": false             hardware monotonic counters },\n"
    "        \"max_manifest\": 8192, \"max_table\": 32768, \"max_block\": 4096,\n"
    "        \"buf_size\": 2048, \"buf_count\": 4,\n"
    "        \"boot_ms\": 50, \"self_test_ms\": 100, \"trial_ms\": 60000,\n"
    "        \"faults\": { \"self_test\": \"pass|fail|hang\", \"self_test_sequence\": 0 (any),\n"
    "          \"silent\", \"nonsense\": false, \"reboot_at_offset\", \"dead_after_bytes\": 0 } } "
    "} ] }\n"
    "\n"
    "Exit status: 0 stopped by a signal, 1 failed, 2 wrong usage or description.\n";

struct options {
    const char *field;
    const char *socket; /* NULL = no control */
};

struct simulator {
    struct sim_field *field;
    struct sim_socket *sockets; /* one for each bus */
    struct pollfd *fds;         /* two for each bus, the control server's, the signals' */
    struct sim_control control;
    struct ipc_server *server; /* NULL = no control */
    int signal_fd;
};

static uint64_t clock_us(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}

/* --- one turn of the loop --- */

static uint64_t serve_all(struct simulator *s)
{
    uint64_t due_us = SIM_NEVER;

    for (size_t i = 0; i < s->field->bus_count; i++) {
        uint64_t bus_due_us = sim_socket_serve(&s->sockets[i], clock_us());

        due_us = bus_due_us < due_us ? bus_due_us : due_us;
    }
    return due_us;
}

static size_t collect_fds(struct simulator *s)
{
    size_t n = 0;

    s->fds[n++] = (struct pollfd){ .fd = s->signal_fd, .events = POLLIN };
    for (size_t i = 0; i < s->field->bus_count; i++) {
        const struct sim_socket *socket = &s->sockets[i];

        s->fds[n++] = (struct pollfd){ .fd = socket->listen_fd, .events = POLLIN };
        s->fds[n++] = (struct pollfd){ .fd = socket->client_fd,
                                       .events = sim_socket_events(socket, clock_us()) };
    }
    return s->server ? n + ipc_server_pollfds(s->server, s->fds + n) : n;
}

/* Waits until something comes or is due. GW_CANCELLED: a signal says stop. */
static enum gw_err wait_for(struct simulator *s, uint64_t due_us)
{
    size_t own = 1 + 2 * s->field->bus_count, n = collect_fds(s);
    uint64_t now_us = clock_us(), left_us = due_us > now_us ? due_us - now_us : 0;
    struct timespec timeout = { .tv_sec = (time_t)(left_us / 1000000u),
                                .tv_nsec = (long)(left_us % 1000000u * 1000u) };

    if (ppoll(s->fds, n, due_us == SIM_NEVER ? NULL : &timeout, NULL) < 0) {
        return errno == EINTR ? GW_OK : GW_IO;
    }
    if (s->fds[0].revents) {
        return GW_CANCELLED;
    }
    for (size_t i = 0; i < s->field->bus_count; i++) {
        if (s->fds[1 + 2 * i].revents) {
            sim_socket_accept(&s->sockets[i]);
        }
    }
    if (s->server) {
        ipc_server_handle(s->server, s->fds + own, n - own);
    }
    return GW_OK;
}

static enum gw_err run(struct simulator *s)
{
    enum gw_err err = GW_OK;

    for (size_t i = 0; i < s->field->bus_count; i++) {
        sim_bus_power(&s->field->buses[i].bus, clock_us(), true);
    }
    (void)puts("ready");
    (void)fflush(stdout);
    while (!err) {
        err = wait_for(s, serve_all(s));
    }
    return err == GW_CANCELLED ? GW_OK : err;
}

/* --- start --- */

static enum gw_err open_control(struct simulator *s, const char *path, struct gw_error *error)
{
    struct ipc_server_config config = { .service = sim_control_service(),
                                        .ops = sim_control_ops(),
                                        .context = &s->control };
    int fd;
    enum gw_err err = ipc_listen(&fd, path, 0600, error);

    if (err) {
        return err;
    }
    s->control = (struct sim_control){ .field = s->field, .now_us = clock_us };
    err = ipc_server_open(&s->server, &config, fd);
    return err ? gw_fail(error, err, "%s", path) : GW_OK;
}

static enum gw_err open_sockets(struct simulator *s, struct gw_error *error)
{
    size_t count = s->field->bus_count;
    enum gw_err err = GW_OK;

    s->sockets = calloc(count, sizeof *s->sockets);
    s->fds = calloc(1 + 2 * count + IPC_POLL_MAX, sizeof *s->fds);
    if (!s->sockets || !s->fds) {
        return gw_fail(error, GW_NO_MEMORY, "sockets");
    }
    for (size_t i = 0; i < count; i++) {
        s->sockets[i].listen_fd = s->sockets[i].client_fd = -1;
    }
    for (size_t i = 0; i < count && !err; i++) {
        struct sim_field_bus *bus = &s->field->buses[i];

        err = sim_socket_open(&s->sockets[i], bus->link, &bus->bus, error);
        if (!err) {
            (void)fprintf(stderr, "gatewaysim: bus %s: %s: device %s\n", bus->name, bus->link,
                          bus->device);
        }
    }
    return err;
}

static int open_signals(void)
{
    sigset_t set;

    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGINT);
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
    return signalfd(-1, &set, SFD_CLOEXEC);
}

static enum gw_err open_all(struct simulator *s, const struct options *options,
                            struct gw_error *error)
{
    enum gw_err err = sim_field_load(&s->field, options->field, error);

    err = err ? err : open_sockets(s, error);
    if (!err && options->socket) {
        err = open_control(s, options->socket, error);
    }
    s->signal_fd = open_signals();
    (void)prctl(PR_SET_TIMERSLACK, 1); /* nanoseconds: paced bytes leave when they are due */
    return err;
}

static void close_all(struct simulator *s, const struct options *options)
{
    ipc_server_close(s->server);
    if (s->server) {
        (void)unlink(options->socket);
    }
    for (size_t i = 0; s->sockets && i < s->field->bus_count; i++) {
        bool is_unix = s->sockets[i].listen_fd >= 0 &&
                       strncmp(s->field->buses[i].link, "unix:", 5) == 0;

        if (is_unix) {
            (void)unlink(s->field->buses[i].link + 5);
        }
        sim_socket_close(&s->sockets[i]);
    }
    free(s->sockets);
    free(s->fds);
    sim_field_close(s->field);
    (void)close(s->signal_fd);
}

/* 0, or the exit status plus one: there is nothing to run. */
static int read_options(int argc, char **argv, struct options *out)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0) {
            (void)fputs(help_text, stdout);
            return EXIT_DONE + 1;
        }
        if (strcmp(argv[i], "--version") == 0) {
            (void)puts("gatewaysim " GW_VERSION);
            return EXIT_DONE + 1;
        }
        if (strcmp(argv[i], "--socket") == 0 && i + 1 < argc) {
            out->socket = argv[++i];
        } else if (argv[i][0] != '-' && !out->field) {
            out->field = argv[i];
        } else {
            (void)fprintf(stderr, "gatewaysim: %s: not understood; see gatewaysim --help\n",
                          argv[i]);
            return EXIT_USAGE + 1;
        }
    }
    if (!out->field) {
        (void)fputs("gatewaysim: a field description is missing; see gatewaysim --help\n", stderr);
        return EXIT_USAGE + 1;
    }
    return 0;
}

int main(int argc, char **argv)
{
    struct options options = { 0 };
    struct simulator s = { .signal_fd = -1 };
    struct gw_error error = { 0 };
    int status = read_options(argc, argv, &options);
    enum gw_err err;

    if (status) {
        return status - 1;
    }
    err = open_all(&s, &options, &error);
    err = err ? err : run(&s);
    if (err) {
        (void)fprintf(stderr, "gatewaysim: %s: %s\n", gw_err_text(err), error.detail);
    }
    close_all(&s, &options);
    if (err) {
        return gw_code_of(err)->exit_code == EXIT_USAGE ? EXIT_USAGE : EXIT_FAILED;
    }
    return EXIT_DONE;
}
