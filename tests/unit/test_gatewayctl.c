/* The program gatewayctl against a scripted control server in this process. Argument: gatewayctl.
 *
 * The server knows one script: a list of calls with the replies to each. Nothing here sleeps: it
 * polls the child's output, the socket, and a deadline that only a failing test reaches. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "ipc_socket.h"
#include "varlink.h"

enum { CONNECTIONS = 4, TEST_DEADLINE_MS = 20000, VANISH_MS = 300 };

/* What the server does after the replies of a call. */
enum after { AFTER_NOTHING, AFTER_CLOSE, AFTER_VANISH, AFTER_INTERRUPT, AFTER_TERMINATE };

struct exchange {
    const char *method;     /* "Job" */
    const char *replies[4]; /* texts of messages, NULL-terminated */
    enum after after;
};

struct server {
    const char *path;
    int listen_fd;
    uint64_t back_ms; /* when to listen again; 0 = it listens */
    const struct exchange *script;
    struct connection {
        int fd; /* -1 = free */
        struct varlink_input in;
    } connections[CONNECTIONS];
    char calls[2000]; /* every call as it came, one on a line */
    int descriptor;   /* the last one that came with a call; -1 = none */
    pid_t child;
};

struct run {
    char out[20000], err[8000];
    int exit_code; /* -1 = ended by a signal */
};

static char socket_path[64];
static const char *gatewayctl; /* set once by main() */

static void listen_now(struct server *s)
{
    CHECK_EQ(ipc_listen(&s->listen_fd, s->path, 0600, NULL), GW_OK);
    s->back_ms = 0;
}

static void close_connection(struct connection *c)
{
    (void)close(c->fd);
    varlink_input_free(&c->in);
    c->fd = -1;
}

static void finish_exchange(struct server *s, struct connection *c, enum after after)
{
    switch (after) {
    case AFTER_NOTHING:
        break;
    case AFTER_VANISH:
        (void)close(s->listen_fd);
        s->listen_fd = -1;
        (void)unlink(s->path);
        s->back_ms = ipc_now_ms() + VANISH_MS;
        close_connection(c);
        break;
    case AFTER_CLOSE:
        close_connection(c);
        break;
    case AFTER_INTERRUPT:
        (void)kill(s->child, SIGINT);
        break;
    case AFTER_TERMINATE:
        (void)kill(s->child, SIGTERM);
        break;
    }
}

static void answer(struct server *s, struct connection *c, const char *text, size_t len)
{
    struct varlink_call call;

    (void)snprintf(s->calls + strlen(s->calls), sizeof s->calls - strlen(s->calls), "%s\n", text);
    if (varlink_call_parse(&call, text, len, NULL) != GW_OK) {
        checks_failed++;
        return;
    }
    const char *dot = strrchr(call.method, '.');

    if (!s->script->method || !dot || strcmp(dot + 1, s->script->method) != 0) {
        checks_failed++;
        fprintf(stderr, "unexpected call: %s\n", text);
        close_connection(c);
    } else {
        const struct exchange *now = s->script++;

        for (const char *const *reply = now->replies; *reply; reply++) {
            CHECK(write(c->fd, *reply, strlen(*reply) + 1) > 0);
        }
        finish_exchange(s, c, now->after);
    }
    varlink_call_free(&call);
}

static void serve(struct server *s, struct connection *c)
{
    char *room;
    size_t len, got;
    int descriptor;

    CHECK_EQ(varlink_input_room(&c->in, &room, &len), GW_OK);
    if (ipc_receive(c->fd, room, len, &got, &descriptor, NULL) != GW_OK || got == 0) {
        close_connection(c);
        return;
    }
    if (descriptor >= 0) {
        s->descriptor = descriptor;
    }
    varlink_input_added(&c->in, got);
    const char *text = varlink_input_next(&c->in, &len);

    if (text) {
        answer(s, c, text, len);
    }
}

static void accept_one(struct server *s)
{
    int fd = accept4(s->listen_fd, NULL, NULL, SOCK_CLOEXEC);

    for (int i = 0; i < CONNECTIONS; i++) {
        if (s->connections[i].fd < 0) {
            s->connections[i].fd = fd;
            return;
        }
    }
    checks_failed++;
    (void)close(fd);
}

/* Bytes of the child into `text`; false at their end. */
static bool collect(int fd, char *text, size_t cap)
{
    size_t used = strlen(text);
    ssize_t n = read(fd, text + used, cap - 1 - used);

    text[used + (n > 0 ? (size_t)n : 0)] = '\0';
    return n > 0;
}

/* Serve until the child has closed its output. */
static void attend(struct server *s, struct run *r, int out, int err)
{
    uint64_t deadline_ms = ipc_now_ms() + TEST_DEADLINE_MS;

    while ((out >= 0 || err >= 0) && ipc_now_ms() < deadline_ms) {
        struct pollfd fds[3 + CONNECTIONS] = { { out, POLLIN, 0 },
                                               { err, POLLIN, 0 },
                                               { s->listen_fd, POLLIN, 0 } };

        for (int i = 0; i < CONNECTIONS; i++) {
            fds[3 + i] = (struct pollfd){ s->connections[i].fd, POLLIN, 0 };
        }
        (void)poll(fds, 3 + CONNECTIONS, 50);
        if (s->back_ms && ipc_now_ms() >= s->back_ms) {
            listen_now(s);
        }
        out = fds[0].revents && !collect(out, r->out, sizeof r->out) ? -1 : out;
        err = fds[1].revents && !collect(err, r->err, sizeof r->err) ? -1 : err;
        if (fds[2].revents && s->listen_fd >= 0) {
            accept_one(s);
        }
        for (int i = 0; i < CONNECTIONS; i++) {
            if (fds[3 + i].revents && s->connections[i].fd == fds[3 + i].fd) {
                serve(s, &s->connections[i]);
            }
        }
    }
    if (out >= 0 || err >= 0) {
        checks_failed++;
        fprintf(stderr, "gatewayctl did not end\n");
        (void)kill(s->child, SIGKILL);
    }
}

static void start_server(struct server *s, const struct exchange *script)
{
    memset(s, 0, sizeof *s);
    s->path = socket_path;
    s->script = script;
    s->descriptor = -1;
    for (int i = 0; i < CONNECTIONS; i++) {
        s->connections[i].fd = -1;
    }
    listen_now(s);
}

static void stop_server(struct server *s)
{
    CHECK(s->script->method == NULL); /* everything was asked for */
    for (int i = 0; i < CONNECTIONS; i++) {
        if (s->connections[i].fd >= 0) {
            close_connection(&s->connections[i]);
        }
    }
    if (s->listen_fd >= 0) {
        (void)close(s->listen_fd);
    }
    (void)unlink(s->path);
}

/* In the child: arguments cut at spaces, --socket added; never returns. */
static void become(const char *line)
{
    static char text[400];
    char *argv[20] = { (char *)(uintptr_t)gatewayctl };
    int argc = 1;

    (void)snprintf(text, sizeof text, "%s --socket %s", line, socket_path);
    for (char *word = strtok(text, " "); word; word = strtok(NULL, " ")) {
        argv[argc++] = word;
    }
    (void)execv(gatewayctl, argv);
    _exit(99);
}

static int exit_code_of(pid_t pid)
{
    int status;

    (void)waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* Run `gatewayctl LINE` with output to pipes and `input` as standard input. */
static struct run run_with(struct server *s, const char *line, int input)
{
    struct run r = { "", "", -1 };
    int out[2], err[2];

    CHECK(pipe2(out, O_CLOEXEC) == 0 && pipe2(err, O_CLOEXEC) == 0);
    s->child = fork();
    if (s->child == 0) {
        (void)dup2(input, 0);
        (void)dup2(out[1], 1);
        (void)dup2(err[1], 2);
        become(line);
    }
    (void)close(out[1]);
    (void)close(err[1]);
    attend(s, &r, out[0], err[0]);
    (void)close(out[0]);
    (void)close(err[0]);
    r.exit_code = exit_code_of(s->child);
    return r;
}

/* The usual case: a script, a line, an empty input. */
static struct run run(const struct exchange *script, const char *line)
{
    struct server s;
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

    start_server(&s, script);
    struct run r = run_with(&s, line, null);

    stop_server(&s);
    (void)close(null);
    return r;
}

static bool contains(const char *text, const char *part)
{
    if (strstr(text, part)) {
        return true;
    }
    fprintf(stderr, "missing: %s\nin:\n%s\n", part, text);
    return false;
}

#define FAILED(code, exit)                                                                         \
    "{\"error\":\"io.gatewayd.Control.Failed\",\"parameters\":{\"code\":\"" code                   \
    "\",\"name\":\"N\",\"message\":\"it says "                                                     \
    "no\",\"cause\":\"c\",\"next\":\"n\",\"exit_code\":" exit "}}"
#define JOB(state, step, done, more, continues)                                                    \
    "{\"parameters\":{\"job\":{\"id\":17,\"state\":\"" state                                       \
    "\",\"system\":\"acme/plant\",\"release\":\"2026.11\",\"sequence\":42,"                        \
    "\"source\":\"plant.gwp\",\"mode\":\"auto\",\"created\":1799999000,\"download_done\":0,"       \
    "\"download_total\":0,\"steps\":[{\"device\":\"boiler\",\"bus\":\"boiler\","                   \
    "\"component\":\"fw\",\"state\":\"" step                                                       \
    "\",\"to_version\":\"1.1.0\",\"to_sequence\":2,\"verified_by\":\"gateway + device\","          \
    "\"done\":" done ",\"total\":100,\"attempts\":1,\"rate\":10,\"eta_s\":5" more                  \
    "}]}},\"continues\":" continues "}"
#define JOB_END JOB("done", "done", "100", "", "false")
#define STARTED                                                                                    \
    {                                                                                              \
        "Install", { "{\"parameters\":{\"job\":17}}" }, AFTER_NOTHING                              \
    }
#define END                                                                                        \
    {                                                                                              \
        NULL, { NULL }, AFTER_NOTHING                                                              \
    }

static void a_reply_is_shown_as_text_and_as_json(void)
{
    static const char reply[] =
        "{\"parameters\":{\"entries\":[],\"bytes\":0,\"quota\":1048576,\"unknown\":1}}";
    static const struct exchange script[] = { { "Cache", { reply }, AFTER_NOTHING }, END };
    struct run r = run(script, "cache list");

    CHECK(r.exit_code == 0 && strcmp(r.out, "0 images, 0 B of 1.0 MiB\n") == 0);
    r = run(script, "cache list --json");
    CHECK(r.exit_code == 0 && strcmp(r.err, "") == 0);
    CHECK(strcmp(r.out, "{\"entries\":[],\"bytes\":0,\"quota\":1048576,\"unknown\":1}\n") == 0);
}

static void a_failure_has_the_daemons_exit_code_and_json_on_stdout(void)
{
    static const struct exchange script[] = {
        { "BusPause", { FAILED("GW7003", "8") }, AFTER_NOTHING }, END
    };
    struct run r = run(script, "bus pause b");

    CHECK(r.exit_code == 8 && strcmp(r.out, "") == 0);
    CHECK(strcmp(r.err, "error: GW7003 it says no\n  Likely cause: c\n  Next: n\n") == 0);
    r = run(script, "bus pause b --json");
    CHECK(r.exit_code == 8 && strcmp(r.err, "") == 0);
    CHECK(strncmp(r.out, "{\"error\":{\"code\":\"GW7003\",", 26) == 0);
}

static void without_a_daemon_it_says_so(void)
{
    static const struct exchange silent[] = { { "Status", { NULL }, AFTER_CLOSE }, END };
    struct server s;
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

    start_server(&s, silent);
    (void)close(s.listen_fd);
    s.listen_fd = -1;
    struct run r = run_with(&s, "install http://x --json", null); /* a socket that nobody serves */

    CHECK(r.exit_code == 7 && contains(r.out, "{\"error\":{\"code\":\"GW7002\""));
    (void)unlink(socket_path);
    r = run_with(&s, "job show 3 -f", null); /* no socket; nothing to wait for */
    CHECK(r.exit_code == 7 && contains(r.err, "No such file or directory\n  Likely cause:"));
    CHECK(contains(r.err, "Next: start gatewayd, or give --socket PATH\n"));
    r = run_with(&s, "version", null);
    CHECK(r.exit_code == 0 && contains(r.out, "gatewayd   does not answer\n"));
    r = run_with(&s, "explain GW7002", null);
    CHECK(r.exit_code == 0 && contains(r.out, "GW7002 gatewayd does not answer"));
    (void)close(null);

    r = run(silent, "status"); /* it closes without an answer */
    CHECK(r.exit_code == 7 && contains(r.err, "closed without an answer"));
}

static void a_silent_daemon_is_not_waited_for_longer_than_asked(void)
{
    static const struct exchange script[] = { { "Status", { NULL }, AFTER_NOTHING }, END };
    struct run r = run(script, "status --timeout 1");

    CHECK(r.exit_code == 7 && contains(r.err, "no answer within 1 s"));
}

static void a_file_is_passed_as_a_descriptor_and_never_as_a_path(void)
{
    static const struct exchange script[] = { STARTED, END };
    char path[] = "/tmp/gw-test-ctl-XXXXXX", line[100], want[200], content[8] = "";
    int file = mkostemp(path, O_CLOEXEC), null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    struct server s;

    CHECK_EQ(write(file, "package", 7), 7);
    (void)snprintf(line, sizeof line, "install %s --no-wait --mode cached --supersede", path);
    start_server(&s, script);
    struct run r = run_with(&s, line, null);

    CHECK_EQ(r.exit_code, 0);
    CHECK(strcmp(r.out, "job 17 has begun; follow it: gatewayctl job show 17 -f\n") == 0);
    CHECK(s.descriptor >= 0 && (fcntl(s.descriptor, F_GETFL) & O_ACCMODE) == O_RDONLY);
    CHECK(pread(s.descriptor, content, 7, 0) == 7 && strcmp(content, "package") == 0);
    (void)snprintf(want, sizeof want,
                   "\"parameters\":{\"mode\":\"cached\",\"name\":\"%s\",\"supersede\":true}",
                   strrchr(path, '/') + 1);
    CHECK(contains(s.calls, want) && !strstr(s.calls, "/tmp/"));
    (void)close(s.descriptor);
    stop_server(&s);
    (void)close(file);
    (void)close(null);
    (void)unlink(path);
}

static void standard_input_may_be_a_pipe_or_a_file(void)
{
    static const struct exchange script[] = { STARTED, END };
    char path[] = "/tmp/gw-test-ctl-XXXXXX";
    int file = mkostemp(path, O_CLOEXEC), ends[2];
    struct server s;
    struct stat st;

    CHECK_EQ(pipe2(ends, O_CLOEXEC), 0);
    for (int i = 0; i < 2; i++) {
        start_server(&s, script);
        struct run r = run_with(&s, "install - --no-wait --json", i ? file : ends[0]);

        CHECK(r.exit_code == 0 && strcmp(r.out, "{\"job\":17}\n") == 0);
        CHECK(s.descriptor >= 0 && fstat(s.descriptor, &st) == 0);
        CHECK(i ? S_ISREG(st.st_mode) : S_ISFIFO(st.st_mode));
        CHECK((fcntl(s.descriptor, F_GETFL) & O_ACCMODE) == O_RDONLY); /* `file` is open for both */
        (void)close(s.descriptor);
        stop_server(&s);
    }
    (void)close(ends[0]);
    (void)close(ends[1]);
    (void)close(file);
    (void)unlink(path);
}

static void what_is_no_package_is_refused_before_anything_is_sent(void)
{
    static const struct {
        const char *line;
        int exit_code;
        const char *error;
    } cases[] = {
        { "install /not/there", 3, "GW5015" },
        { "install /tmp", 1, "GW7009" },
        { "install -", 1, "GW7009" }, /* /dev/null */
        { "plan -", 1, "GW7009" },
        { "job show x", 2, "GW1001" },
        { "job cancel 0", 2, "GW1001" },
        { "call Status [1]", 2, "GW1001" },
        { "call Status {\"a\":1.5}", 2, "column 6" },
        { "explain GW0000", 3, "GW7005" },
        { "instal x", 2, "did you mean 'install'?" },
    };
    static const struct exchange nothing[] = { END };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct run r = run(nothing, cases[i].line);

        CHECK_EQ(r.exit_code, cases[i].exit_code);
        CHECK(contains(r.err, cases[i].error));
    }
}

static void a_url_is_passed_as_it_is(void)
{
    static const struct exchange script[] = { STARTED, { "Job", { JOB_END }, AFTER_NOTHING }, END };
    struct server s;
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

    start_server(&s, script);
    struct run r = run_with(&s, "install https://x/plant.gwp", null);

    CHECK_EQ(r.exit_code, 0);
    CHECK(contains(s.calls, "\"parameters\":{\"url\":\"https://x/plant.gwp\"}"));
    CHECK(s.descriptor < 0);
    stop_server(&s);
    (void)close(null);
}

static void off_a_terminal_each_change_is_one_line(void)
{
    static const struct exchange script[] = { STARTED,
                                              { "Job",
                                                { JOB("running", "staging", "10", "", "true"),
                                                  JOB("running", "staging", "50", "", "true"),
                                                  JOB_END },
                                                AFTER_NOTHING },
                                              END };
    struct run r = run(script, "install https://x");

    CHECK_EQ(r.exit_code, 0);
    CHECK(strcmp(r.out,
                 "job 17: running: acme/plant 2026.11, sequence 42\n"
                 "job 17: boiler fw: staging\njob 17: boiler fw: done\njob 17: done\n") == 0);
    r = run(script, "install https://x --json");
    CHECK_EQ(r.exit_code, 0);
    CHECK(strncmp(r.out, "{\"job\":{\"id\":17,\"state\":\"running\"", 33) == 0);
    CHECK(contains(r.out, "}\n{\"job\":{\"id\":17,\"state\":\"done\""));
}

static void a_job_that_fails_gives_its_exit_code(void)
{
#define STEP_ERROR                                                                                 \
    ",\"error\":{\"code\":\"GW4004\",\"message\":\"self-test\",\"cause\":\"c\",\"next\":\"n\"}"
    static const struct exchange partial[] = {
        { "Job", { JOB("partial", "failed", "1", STEP_ERROR, "false") }, AFTER_NOTHING }, END
    };
    static const struct exchange gone[] = { { "Job", { FAILED("GW7005", "3") }, AFTER_NOTHING },
                                            END };
    struct run r = run(partial, "job show 17 -f");

    CHECK_EQ(r.exit_code, 5);
    CHECK(contains(r.err, "error: GW4004 self-test\n"));
    r = run(partial, "job show 17 -f --json");
    CHECK(r.exit_code == 5 && contains(r.out, "}\n{\"error\":{\"code\":\"GW4004\""));
    r = run(partial, "job show 17"); /* only looks: that succeeds */
    CHECK_EQ(r.exit_code, 0);
    r = run(gone, "job show 99 -f");
    CHECK_EQ(r.exit_code, 3);
}

static void a_restarted_daemon_is_found_again(void)
{
    static const struct exchange script[] = {
        STARTED,
        { "Job", { JOB("running", "staging", "40", "", "true") }, AFTER_VANISH },
        { "Job", { JOB("running", "staging", "41", "", "true") }, AFTER_CLOSE },
        { "Job", { FAILED("GW7010", "75") }, AFTER_NOTHING }, /* is stopping */
        { "Job", { JOB_END }, AFTER_NOTHING },
        END
    };
    struct run r = run(script, "install https://x");

    CHECK_EQ(r.exit_code, 0);
    CHECK(contains(r.err, "gatewayd went away; trying to reach it again for 30 s\n"));
    CHECK(strcmp(r.out,
                 "job 17: running: acme/plant 2026.11, sequence 42\n"
                 "job 17: boiler fw: staging\njob 17: boiler fw: done\njob 17: done\n") == 0);
}

static void ctrl_c_detaches_and_says_how_to_follow(void)
{
    static const enum after signals[] = { AFTER_INTERRUPT, AFTER_TERMINATE };

    for (int i = 0; i < 2; i++) {
        const struct exchange script[] = {
            STARTED,
            { "Job", { JOB("running", "staging", "40", "", "true") }, signals[i] },
            END,
        };
        struct run r = run(script, "install https://x");

        CHECK_EQ(r.exit_code, 130);
        CHECK(strcmp(r.err, "job 17 keeps running; follow it again: gatewayctl job show 17 -f\n") ==
              0);
    }
}

/* The same while it waits for a daemon that went away. */
static void ctrl_c_ends_the_wait_for_a_daemon(void)
{
    static const struct exchange script[] = {
        { "Job", { JOB("running", "staging", "40", "", "true") }, AFTER_VANISH }, END
    };
    struct server s;
    struct run r = { "", "", -1 };
    int err[2];

    CHECK_EQ(pipe2(err, O_CLOEXEC), 0);
    start_server(&s, script);
    s.child = fork();
    if (s.child == 0) {
        (void)dup2(err[1], 2);
        (void)dup2(open("/dev/null", O_WRONLY), 1);
        become("job show -f");
    }
    (void)close(err[1]);
    while (!strstr(r.err, "went away")) {
        struct pollfd fds[3] = { { s.listen_fd, POLLIN, 0 },
                                 { s.connections[0].fd, POLLIN, 0 },
                                 { err[0], POLLIN, 0 } };

        if (poll(fds, 3, TEST_DEADLINE_MS) <= 0) {
            checks_failed++;
            break;
        }
        if (fds[0].revents) {
            accept_one(&s);
        } else if (fds[1].revents) {
            serve(&s, &s.connections[0]);
        } else if (!collect(err[0], r.err, sizeof r.err)) {
            break;
        }
    }
    (void)kill(s.child, SIGINT);
    CHECK_EQ(exit_code_of(s.child), 130);
    (void)close(err[0]);
    stop_server(&s);
}

static struct run run_on_terminal(const struct exchange *script, const char *line, bool no_color)
{
    struct winsize size = { .ws_row = 24, .ws_col = 80 };
    struct run r = { "", "", -1 };
    struct server s;
    int terminal;

    start_server(&s, script);
    s.child = forkpty(&terminal, NULL, NULL, &size);
    if (s.child == 0) {
        (void)setenv("TERM", "xterm", 1);
        (void)(no_color ? setenv("NO_COLOR", "1", 1) : unsetenv("NO_COLOR"));
        become(line);
    }
    attend(&s, &r, terminal, -1);
    r.exit_code = exit_code_of(s.child);
    (void)close(terminal);
    stop_server(&s);
    return r;
}

static void on_a_terminal_bars_are_drawn_in_place(void)
{
    static const struct exchange script[] = {
        STARTED,
        { "Job", { JOB("running", "staging", "10", "", "true") }, AFTER_VANISH },
        { "Job", { JOB("running", "staging", "50", "", "true"), JOB_END }, AFTER_NOTHING },
        END
    };
    struct run r = run_on_terminal(script, "install https://x", false);

    CHECK_EQ(r.exit_code, 0);
    CHECK(contains(r.out, "boiler  fw  ? -> 1.1.0  [##"));
    CHECK(contains(r.out, "]  10%        10 B/s     0:05\033[K"));
    CHECK(contains(r.out, "gatewayd went away; trying to reach it again"));
    CHECK(contains(r.out, "\033[2A\r")); /* back over the block */
    CHECK(contains(r.out, "\033[3A\r")); /* ... and over the line about the daemon */
    CHECK(contains(r.out, "]  50%"));
    CHECK(contains(r.out, "\033[32mdone\033[0m"));

    r = run_on_terminal(script, "install https://x", true);
    CHECK_EQ(r.exit_code, 0);
    CHECK(strstr(r.out, "\033[3") == NULL || strstr(r.out, "\033[3A") != NULL);
    CHECK(strstr(r.out, "\033[32m") == NULL && strstr(r.out, "\033[33m") == NULL);
}

static void any_method_of_any_socket_can_be_called(void)
{
    static const struct exchange script[] = { { "PowerCut",
                                                { "{\"parameters\":{\"a\":1},\"continues\":true}",
                                                  "{\"parameters\":{}}" },
                                                AFTER_NOTHING },
                                              END };
    static const struct exchange odd[] = {
        { "GetInfo",
          { "{\"error\":\"com.example.Odd\",\"parameters\":{\"x\":1}}" },
          AFTER_NOTHING },
        END
    };
    struct server s;
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

    start_server(&s, script);
    struct run r = run_with(&s, "call io.gatewayd.Sim.PowerCut {\"device\":\"boiler\"} --more",
                            null);

    CHECK(r.exit_code == 0 && strcmp(r.out, "{\"a\":1}\n{}\n") == 0);
    CHECK(strcmp(s.calls, "{\"method\":\"io.gatewayd.Sim.PowerCut\",\"parameters\":{\"device\":"
                          "\"boiler\"},\"more\":true}\n") == 0);
    stop_server(&s);
    (void)close(null);
    r = run(odd, "call org.varlink.service.GetInfo");
    CHECK(r.exit_code == 1 && contains(r.err, "GW7012"));
    CHECK(contains(r.err, "com.example.Odd {\"x\":1}"));
}

static void lost_output_is_not_success(void)
{
    static const struct exchange script[] = { { "Cache", { "{\"parameters\":{}}" }, AFTER_NOTHING },
                                              END };
    struct server s;
    struct run r = { "", "", -1 };
    int err[2];

    CHECK_EQ(pipe2(err, O_CLOEXEC), 0);
    start_server(&s, script);
    s.child = fork();
    if (s.child == 0) {
        (void)dup2(open("/dev/full", O_WRONLY), 1);
        (void)dup2(err[1], 2);
        become("cache list");
    }
    (void)close(err[1]);
    attend(&s, &r, -1, err[0]);
    CHECK_EQ(exit_code_of(s.child), 1);
    CHECK(contains(r.err, "No space left on device"));
    (void)close(err[0]);
    stop_server(&s);
}

int main(int argc, char **argv)
{
    char dir[] = "/tmp/gw-test-ctl-XXXXXX";

    if (argc != 2 || !mkdtemp(dir)) {
        return 2;
    }
    gatewayctl = argv[1];
    (void)snprintf(socket_path, sizeof socket_path, "%s/control", dir);
    (void)signal(SIGPIPE, SIG_IGN);
    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    TEST(a_reply_is_shown_as_text_and_as_json);
    TEST(a_failure_has_the_daemons_exit_code_and_json_on_stdout);
    TEST(without_a_daemon_it_says_so);
    TEST(a_silent_daemon_is_not_waited_for_longer_than_asked);
    TEST(a_file_is_passed_as_a_descriptor_and_never_as_a_path);
    TEST(standard_input_may_be_a_pipe_or_a_file);
    TEST(what_is_no_package_is_refused_before_anything_is_sent);
    TEST(a_url_is_passed_as_it_is);
    TEST(off_a_terminal_each_change_is_one_line);
    TEST(a_job_that_fails_gives_its_exit_code);
    TEST(a_restarted_daemon_is_found_again);
    TEST(ctrl_c_detaches_and_says_how_to_follow);
    TEST(ctrl_c_ends_the_wait_for_a_daemon);
    TEST(on_a_terminal_bars_are_drawn_in_place);
    TEST(any_method_of_any_socket_can_be_called);
    TEST(lost_output_is_not_success);
    (void)rmdir(dir);
    return checks_failed != 0;
}
