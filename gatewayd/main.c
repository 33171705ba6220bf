/* gatewayd: options, account, signals; everything else is in core.c. */
#include <fcntl.h>
#include <getopt.h>
#include <malloc.h>
#include <pwd.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <uv.h>

#include "account.h"
#include "config.h"
#include "core.h"
#include "log.h"
#include "notify.h"

#define DEFAULT_CONFIG "/etc/gatewayd/gatewayd.json"

enum { STOP_MS = 20000 }; /* for calls that are under way; nothing is lost when they take longer */

static const char usage[] =
    "usage: gatewayd [--config FILE] [--user NAME] [--check-config] [--version] [--help]\n"
    "\n"
    "  --config FILE    read FILE and FILE.d/*.json (" DEFAULT_CONFIG ")\n"
    "  --user NAME      started as root: become NAME (gatewayd)\n"
    "  --check-config   read the configuration, say what is wrong with it, end\n"
    "\n"
    "Signals: SIGTERM and SIGINT stop at the next safe point; jobs go on after the next start.\n"
    "Operate it with gatewayctl.\n";

struct options {
    const char *config, *user;
    bool check_only;
};

struct daemon {
    uv_loop_t loop;
    struct core core;
    uv_signal_t term, interrupt;
    uv_timer_t watchdog, stop;
    enum gw_err ended;
    bool has_ended;
};

static int report_error(struct log_sink *log, const struct gw_error *error)
{
    const struct gw_code *code = gw_code_of(error->err);

    log_error(log, "gatewayd: GW%04d %s: %s; next: %s", (int)error->err, code->text, error->detail,
              code->next);
    return code->exit_code == EXIT_DONE ? EXIT_FAILED : (int)code->exit_code;
}

/* True: *status is the exit status. */
static bool parse_options(struct options *options, int argc, char **argv, int *status)
{
    static const struct option known[] = {
        { "config", required_argument, NULL, 'c' }, { "user", required_argument, NULL, 'u' },
        { "check-config", no_argument, NULL, 'k' }, { "version", no_argument, NULL, 'v' },
        { "help", no_argument, NULL, 'h' },         { 0 },
    };

    *options = (struct options){ .config = DEFAULT_CONFIG };
    *status = EXIT_DONE;
    for (int c; (c = getopt_long(argc, argv, "c:u:h", known, NULL)) != -1;) {
        switch (c) {
        case 'c':
            options->config = optarg;
            break;
        case 'u':
            options->user = optarg;
            break;
        case 'k':
            options->check_only = true;
            break;
        case 'v':
            (void)printf("gatewayd %s\n", GW_VERSION);
            return true;
        case 'h':
            (void)printf("%s", usage);
            return true;
        default:
            (void)fprintf(stderr, "%s", usage);
            *status = EXIT_USAGE;
            return true;
        }
    }
    if (optind < argc) {
        (void)fprintf(stderr, "gatewayd: unexpected argument %s\n%s", argv[optind], usage);
        *status = EXIT_USAGE;
        return true;
    }
    return false;
}

static void on_ended(struct core *core, enum gw_err err)
{
    struct daemon *daemon = (struct daemon *)((char *)core - offsetof(struct daemon, core));

    if (!daemon->has_ended) {
        daemon->has_ended = true;
        daemon->ended = err;
        uv_stop(&daemon->loop);
    }
}

static void on_stop_late(uv_timer_t *timer)
{
    struct daemon *daemon = timer->data;

    log_notice(daemon->core.log, "gatewayd: a call is still under way; its job goes on later");
    on_ended(&daemon->core, GW_OK);
}

static void on_signal(uv_signal_t *signal, int number)
{
    struct daemon *daemon = signal->data;

    log_notice(daemon->core.log, "gatewayd: signal %d: stopping", number);
    notify_send("STOPPING=1");
    (void)uv_timer_start(&daemon->stop, on_stop_late, STOP_MS, 0);
    core_stop(&daemon->core);
}

static void on_watchdog(uv_timer_t *timer)
{
    (void)timer;
    notify_send("WATCHDOG=1");
}

static void start_signals(struct daemon *daemon)
{
    uint64_t watchdog_ms = notify_watchdog_ms();

    (void)uv_signal_init(&daemon->loop, &daemon->term);
    (void)uv_signal_init(&daemon->loop, &daemon->interrupt);
    (void)uv_timer_init(&daemon->loop, &daemon->watchdog);
    (void)uv_timer_init(&daemon->loop, &daemon->stop);
    daemon->term.data = daemon->interrupt.data = daemon->stop.data = daemon;
    (void)uv_signal_start(&daemon->term, on_signal, SIGTERM);
    (void)uv_signal_start(&daemon->interrupt, on_signal, SIGINT);
    if (watchdog_ms) {
        (void)uv_timer_start(&daemon->watchdog, on_watchdog, watchdog_ms, watchdog_ms);
    }
}

static void close_signals(struct daemon *daemon)
{
    uv_close((uv_handle_t *)&daemon->term, NULL);
    uv_close((uv_handle_t *)&daemon->interrupt, NULL);
    uv_close((uv_handle_t *)&daemon->watchdog, NULL);
    uv_close((uv_handle_t *)&daemon->stop, NULL);
}

/* What the launcher says of this kernel. */
static void probe_sandbox(struct core *core)
{
    char path[PATH_MAX + 20];
    int ends[2];

    (void)snprintf(path, sizeof path, "%s/gatewayd-launch", core->programs.dir);
    if (pipe2(ends, O_CLOEXEC)) {
        return;
    }
    pid_t pid = fork();

    if (pid == 0) {
        (void)dup2(ends[1], STDOUT_FILENO);
        execl(path, path, "--probe", (char *)NULL);
        _exit(EXIT_FAILED);
    }
    close(ends[1]);
    (void)!read(ends[0], core->sandbox, sizeof core->sandbox - 1);
    close(ends[0]);
    (void)waitpid(pid, NULL, 0);
    core->sandbox[strcspn(core->sandbox, "\n")] = '\0';
}

static void name_user(struct core *core)
{
    const struct passwd *user = getpwuid(geteuid());

    if (user) {
        (void)snprintf(core->user, sizeof core->user, "%s", user->pw_name);
    } else {
        (void)snprintf(core->user, sizeof core->user, "uid %u", (unsigned)geteuid());
    }
}

static int run(struct daemon *daemon, const struct config *config, struct log_sink *log)
{
    struct gw_error error = { .err = GW_OK };
    enum gw_err err;

    (void)uv_loop_init(&daemon->loop);
    daemon->core.loop = &daemon->loop;
    daemon->core.config = config;
    daemon->core.log = log;
    daemon->core.ended = on_ended;
    start_signals(daemon);
    err = core_open(&daemon->core, &error);
    if (!err) {
        log_notice(log, "gatewayd %s: system %s, %u buses, user %s, %s", GW_VERSION,
                   config->system[0] ? config->system : "(none)", config->bus_count,
                   daemon->core.user, daemon->core.sandbox);
        notify_send("READY=1");
        (void)malloc_trim(0);
        (void)uv_run(&daemon->loop, UV_RUN_DEFAULT);
        core_close(&daemon->core);
        err = daemon->ended;
    }
    close_signals(daemon);
    (void)uv_run(&daemon->loop, UV_RUN_DEFAULT);
    (void)uv_loop_close(&daemon->loop);
    error.err = err;
    return err ? report_error(log, &error) : EXIT_DONE;
}

static int start(const struct options *options, struct log_sink *log)
{
    struct daemon *daemon = calloc(1, sizeof *daemon);
    struct config config;
    struct gw_error error = { .err = GW_OK };
    int status;

    if (!daemon) {
        return EXIT_FAILED;
    }
    error.err = config_load(&config, options->config, &error);
    if (error.err || options->check_only) {
        free(daemon);
        if (!error.err) {
            config_free(&config);
        }
        return error.err ? report_error(log, &error) : EXIT_DONE;
    }
    error.err = child_find_programs(&daemon->core.programs, &error);
    if (!error.err) {
        error.err = account_become(&config, options->user, &error);
    }
    if (!error.err) {
        error.err = account_lock(&config, &error);
    }
    if (error.err) {
        status = report_error(log, &error);
    } else {
        probe_sandbox(&daemon->core);
        name_user(&daemon->core);
        status = run(daemon, &config, log);
    }
    config_free(&config);
    free(daemon);
    return status;
}

int main(int argc, char **argv)
{
    struct options options;
    struct log_stderr log;
    int status;

    if (parse_options(&options, argc, argv, &status)) {
        return status;
    }
    log_stderr_init(&log, LOG_LEVEL_INFO, !isatty(STDERR_FILENO));
    (void)signal(SIGPIPE, SIG_IGN);
    (void)mallopt(M_ARENA_MAX, 1); /* one thread allocates; libuv's pool only syncs */
    (void)mallopt(M_TRIM_THRESHOLD, 128 << 10);
    return start(&options, &log.base);
}
