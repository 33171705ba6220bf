/* gatewayd-launch PROFILE [options] -- PROGRAM [ARGUMENTS]: start a child of gatewayd with nothing
 * but what its profile needs. What this kernel cannot confine is said on standard error, once, and
 * the child runs without it: the daemon shows it in its status. */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "launch_landlock.h"
#include "launch_profile.h"
#include "launch_seccomp.h"

enum {
    FIRST_CLOSED_FD = 5, /* 0, 1, 2; 3 = listening socket; 4 = image channel */
    LISTEN_FD = 3,
    FILES_MAX = 256,
    EXIT_SETUP = 125, /* as env(1) */
    EXIT_NOT_RUN = 126,
    EXIT_NO_PROGRAM = 127,
};

struct launch {
    const struct launch_profile *profile;
    char **options; /* between the profile and "--" */
    char **program; /* NULL-terminated */
    unsigned sockets;
};

static const char usage[] =
    "usage: gatewayd-launch PROFILE [--read PATH] [--write PATH] [--socket unix|inet|netlink]\n"
    "                       -- PROGRAM [ARGUMENT...]\n"
    "       gatewayd-launch --probe\n"
    "PROFILE is serial, tcp, unix, usb or fetch.\n";

/* Journald's prefix for a warning; the daemon's own lines have it too. */
static void complain(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void complain(const char *format, ...)
{
    va_list args;
    char text[500];

    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    (void)dprintf(STDERR_FILENO, "%slaunch: %s\n", isatty(STDERR_FILENO) ? "" : "<4>", text);
}

static bool is_option(char *const *option, const char *name)
{
    return strcmp(*option, name) == 0;
}

static bool parse_options(struct launch *launch)
{
    for (char **option = launch->options; !is_option(option, "--"); option += 2) {
        bool is_socket = is_option(option, "--socket");

        if (!option[1] ||
            (!is_socket && !is_option(option, "--read") && !is_option(option, "--write"))) {
            return false;
        }
        if (is_socket && launch_sockets_parse(option[1]) == 0) {
            return false;
        }
        launch->sockets |= is_socket ? launch_sockets_parse(option[1]) : 0;
        if (!option[2]) {
            return false;
        }
    }
    return true;
}

static bool parse(struct launch *launch, char **argv)
{
    launch->profile = argv[1] ? launch_profile_find(argv[1]) : NULL;
    if (!launch->profile || !argv[2]) {
        return false;
    }
    launch->options = argv + 2;
    launch->sockets = launch->profile->sockets;
    if (!parse_options(launch)) {
        return false;
    }
    launch->program = launch->options;
    while (!is_option(launch->program, "--")) {
        launch->program++;
    }
    launch->program++;
    return *launch->program != NULL;
}

/* LISTEN_FDS is the parent's word for descriptor 3; only we know the process id (sd_listen_fds(3)).
 */
static bool tell_descriptors(void)
{
    char pid[24];

    if (fcntl(LISTEN_FD, F_GETFD) < 0) {
        (void)unsetenv("LISTEN_PID");
        return unsetenv("LISTEN_FDS") == 0;
    }
    (void)snprintf(pid, sizeof pid, "%ld", (long)getpid());
    return setenv("LISTEN_PID", pid, 1) == 0 && setenv("LISTEN_FDS", "1", 1) == 0;
}

static bool set_limits(void)
{
    static const struct {
        int resource;
        rlim_t limit;
    } limits[] = {
        { RLIMIT_CORE, 0 },
        { RLIMIT_NOFILE, FILES_MAX },
        { RLIMIT_DATA, LAUNCH_DATA_BYTES },
    };

    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        struct rlimit now;

        if (getrlimit((__rlimit_resource_t)limits[i].resource, &now) != 0) {
            return false;
        }
        rlim_t limit = limits[i].limit < now.rlim_max ? limits[i].limit : now.rlim_max;
        struct rlimit then = { limit, limit };

        if (setrlimit((__rlimit_resource_t)limits[i].resource, &then) != 0) {
            return false;
        }
    }
    return true;
}

/* When all of us are root, at least without its privileges. */
static void drop_capabilities(void)
{
    struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
    struct __user_cap_data_struct none[2] = { { 0, 0, 0 }, { 0, 0, 0 } };

    if (geteuid() == 0 &&
        prctl(PR_SET_SECUREBITS, SECBIT_NOROOT | SECBIT_NOROOT_LOCKED, 0, 0, 0) != 0) {
        complain("root's privileges cannot be dropped: %s", strerror(errno));
    }
    (void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    if (syscall(SYS_capset, &header, none) != 0) {
        complain("capabilities cannot be dropped: %s", strerror(errno));
    }
}

static bool grant_all(struct landlock *l, const char *const *paths, enum landlock_grant grant)
{
    for (; *paths; paths++) {
        if (!landlock_grant(l, *paths, grant) && errno != ENOENT && errno != EACCES) {
            complain("landlock: %s: %s", *paths, strerror(errno));
            return false;
        }
    }
    return true;
}

/* A file that is asked for by name and missing is worth a line: it stays closed when it comes. */
static void grant_options(struct landlock *l, const struct launch *launch)
{
    for (char **option = launch->options; !is_option(option, "--"); option += 2) {
        bool is_write = is_option(option, "--write");

        if (!is_option(option, "--socket") &&
            !landlock_grant(l, option[1], is_write ? GRANT_WRITE : GRANT_READ)) {
            complain("%s %s: %s", option[0], option[1], strerror(errno));
        }
    }
}

static bool confine_files(const struct launch *launch)
{
    static const char *const null_device[] = { "/dev/null", NULL };
    const char *const program[] = { launch->program[0], NULL };
    struct landlock l;

    if (!landlock_begin(&l, launch->sockets & SOCKETS_INET)) {
        complain("landlock: %s", strerror(errno));
        return false;
    }
    if (l.abi == 0) {
        complain("this kernel has no landlock: files are not confined");
        return true;
    }
    if (!grant_all(&l, launch_read_execute, GRANT_READ_EXECUTE) ||
        !grant_all(&l, launch_read, GRANT_READ) || !grant_all(&l, null_device, GRANT_WRITE) ||
        !grant_all(&l, launch->profile->read, GRANT_READ) ||
        !grant_all(&l, launch->profile->write, GRANT_WRITE) ||
        !grant_all(&l, program, GRANT_READ_EXECUTE)) {
        return false;
    }
    grant_options(&l, launch);
    if (!landlock_enforce(&l)) {
        complain("landlock: %s", strerror(errno));
        return false;
    }
    return true;
}

static void confine_calls(unsigned sockets)
{
    if (!seccomp_has_table()) {
        complain("no seccomp table for this processor: system calls are not confined");
    } else if (!seccomp_enforce(sockets)) {
        complain("seccomp: %s: system calls are not confined", strerror(errno));
    }
}

static int run(const struct launch *launch)
{
    if (!tell_descriptors() || close_range(FIRST_CLOSED_FD, ~0u, 0) != 0 || !set_limits() ||
        prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0 ||
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
        complain("%s", strerror(errno));
        return EXIT_SETUP;
    }
    drop_capabilities();
    if (!confine_files(launch)) {
        return EXIT_SETUP;
    }
    confine_calls(launch->sockets);
    (void)execv(launch->program[0], launch->program);
    int why = errno;

    complain("%s: %s", launch->program[0], strerror(why));
    return why == ENOENT ? EXIT_NO_PROGRAM : EXIT_NOT_RUN;
}

int main(int argc, char **argv)
{
    struct launch launch;

    if (argc == 2 && strcmp(argv[1], "--probe") == 0) {
        (void)printf("landlock %d, seccomp %s\n", landlock_abi(),
                     seccomp_has_table() ? "yes" : "no table for this processor");
        return 0;
    }
    if (!parse(&launch, argv)) {
        (void)dprintf(STDERR_FILENO, "%s", usage);
        return EXIT_SETUP;
    }
    return run(&launch);
}
