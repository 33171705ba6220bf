/* gatewayd-launch as its users see it: launch_probe is started under each profile and tries things.
 * Arguments: the launcher, the probe. */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

struct fixture {
    const char *launcher, *probe;
    int landlock; /* ABI of this kernel */
    bool has_seccomp;
    char dir[64], secret[80], other[80]; /* files of ours that no profile names */
    char parent[16];                     /* our pid, as text */
};

struct run {
    char out[4096], err[2048];
    int status; /* as of waitpid() */
};

static void read_all(int fd, char *text, size_t cap)
{
    size_t len = 0;
    ssize_t n;

    while (len + 1 < cap && (n = read(fd, text + len, cap - 1 - len)) > 0) {
        len += (size_t)n;
    }
    text[len] = '\0';
    (void)close(fd);
}

/* A kernel without Landlock, as far as the process can tell. */
static void hide_landlock(void)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_landlock_create_ruleset, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog filter = { 4, code };

    (void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    (void)prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter);
}

struct start {
    int descriptors; /* how many of 3 and 4 are open */
    bool without_landlock;
};

static struct run run(const struct start *start, char *const *argv)
{
    struct run result;
    int out[2], err[2];

    CHECK(pipe(out) == 0 && pipe(err) == 0);
    pid_t pid = fork();

    if (pid == 0) {
        int keep_out = fcntl(out[1], F_DUPFD, 20), keep_err = fcntl(err[1], F_DUPFD, 20);
        int null = open("/dev/null", O_RDWR);

        /* 7 and more stay open: the launcher must close them. */
        for (int fd = 3; fd < 9; fd++) {
            (void)dup2(null, fd);
        }
        for (int fd = 3 + start->descriptors; fd < 5; fd++) {
            (void)close(fd);
        }
        (void)dup2(null, 0);
        (void)dup2(keep_out, 1);
        (void)dup2(keep_err, 2);
        (void)setenv("LISTEN_FDS", "1", 1);
        (void)setenv("ASAN_OPTIONS", "detect_leaks=0", 1);
        if (start->without_landlock) {
            hide_landlock();
        }
        (void)execv(argv[0], argv);
        _exit(99);
    }
    (void)close(out[1]);
    (void)close(err[1]);
    read_all(out[0], result.out, sizeof result.out);
    read_all(err[0], result.err, sizeof result.err);
    (void)waitpid(pid, &result.status, 0);
    return result;
}

static bool says(const struct run *r, const char *line)
{
    const char *at = strstr(r->out, line);

    if (!at || (at != r->out && at[-1] != '\n')) {
        fprintf(stderr, "missing: %s\nin:\n%s%s\n", line, r->out, r->err);
        return false;
    }
    return true;
}

static struct run run_profile(const struct fixture *f, const char *profile, const char *option,
                              const char *value, const char *const *tries)
{
    static const struct start start = { .descriptors = 2 };
    const char *argv[24] = { f->launcher, profile };
    size_t n = 2;

    if (option) {
        argv[n++] = option;
        argv[n++] = value;
    }
    argv[n++] = "--";
    argv[n++] = f->probe;
    while (*tries) {
        argv[n++] = *tries++;
    }
    struct run r = run(&start, (char *const *)(uintptr_t)argv);

    CHECK(WIFEXITED(r.status) && WEXITSTATUS(r.status) == 0);
    return r;
}

static const char *const profiles[] = { "serial", "tcp", "unix", "usb", "fetch" };

static void every_profile_keeps_files_of_others_closed(const struct fixture *f)
{
    char read_secret[100], write_secret[100], create[100], exec[100], want[160];
    const char *const tries[] = {
        read_secret,         write_secret,      create, exec, "read=/etc/passwd",
        "read=/usr/bin/env", "write=/dev/null", NULL
    };

    if (f->landlock == 0) {
        printf("SKIP: this kernel has no Landlock\n");
        return;
    }
    (void)snprintf(read_secret, sizeof read_secret, "read=%s", f->secret);
    (void)snprintf(write_secret, sizeof write_secret, "write=%s", f->secret);
    (void)snprintf(create, sizeof create, "create=%s/new", f->dir);
    (void)snprintf(exec, sizeof exec, "exec=%s", f->other);
    for (size_t i = 0; i < 5; i++) {
        struct run r = run_profile(f, profiles[i], NULL, NULL, tries);

        for (size_t t = 0; t < 4; t++) {
            (void)snprintf(want, sizeof want, "%s: EACCES\n", tries[t]);
            CHECK(says(&r, want));
        }
        CHECK(says(&r, "read=/etc/passwd: EACCES\n"));
        CHECK(says(&r, "read=/usr/bin/env: ok\n"));
        CHECK(says(&r, "write=/dev/null: ok\n"));
    }
}

static void every_profile_keeps_other_processes_out_of_reach(const struct fixture *f)
{
    char kill[40], ptrace[40], peek[40], limit[40], want[60];
    const char *const tries[] = { kill,   ptrace,    peek,    limit,       "kill=0", "kill=-1",
                                  "fork", "unshare", "mount", "kill-self", "thread", NULL };

    if (!f->has_seccomp) {
        printf("SKIP: no seccomp table for this processor\n");
        return;
    }
    (void)snprintf(kill, sizeof kill, "kill=%s", f->parent);
    (void)snprintf(ptrace, sizeof ptrace, "ptrace=%s", f->parent);
    (void)snprintf(peek, sizeof peek, "peek=%s", f->parent);
    (void)snprintf(limit, sizeof limit, "limit=%s", f->parent);
    for (size_t i = 0; i < 5; i++) {
        struct run r = run_profile(f, profiles[i], NULL, NULL, tries);

        (void)snprintf(want, sizeof want, "%s: EPERM\n", kill);
        CHECK(says(&r, want));
        (void)snprintf(want, sizeof want, "%s: ENOSYS\n", ptrace);
        CHECK(says(&r, want));
        (void)snprintf(want, sizeof want, "%s: ENOSYS\n", peek);
        CHECK(says(&r, want));
        (void)snprintf(want, sizeof want, "%s: EPERM\n", limit);
        CHECK(says(&r, want));
        CHECK(says(&r, "kill=0: EPERM\n"));
        CHECK(says(&r, "kill=-1: EPERM\n"));
        CHECK(says(&r, "fork: EPERM\n"));
        CHECK(says(&r, "unshare: ENOSYS\n"));
        CHECK(says(&r, "mount: ENOSYS\n"));
        CHECK(says(&r, "kill-self: ok\n"));
        CHECK(says(&r, "thread: ok\n"));
    }
}

/* SIGIO, or any signal that F_SETSIG names, may go to a descriptor's owner: no seccomp rule of
 * kill() sees that. TIOCSTI types into the terminal that the daemon was started from. */
static void every_profile_keeps_descriptors_from_signalling_others(const struct fixture *f)
{
    char own[40], own_ex[40], own_socket[40], want[60];
    const char *const tries[] = { own, own_ex, own_socket, "type=x", NULL };

    if (!f->has_seccomp) {
        printf("SKIP: no seccomp table for this processor\n");
        return;
    }
    (void)snprintf(own, sizeof own, "own=%s", f->parent);
    (void)snprintf(own_ex, sizeof own_ex, "own-ex=%s", f->parent);
    (void)snprintf(own_socket, sizeof own_socket, "own-socket=%s", f->parent);
    for (size_t i = 0; i < 5; i++) {
        struct run r = run_profile(f, profiles[i], NULL, NULL, tries);

        for (size_t t = 0; tries[t]; t++) {
            (void)snprintf(want, sizeof want, "%s: EPERM\n", tries[t]);
            CHECK(says(&r, want));
        }
    }
}

static void sockets_are_those_of_the_profile(const struct fixture *f)
{
    static const int families[] = { AF_UNIX, AF_INET, AF_INET6, AF_NETLINK, AF_PACKET };
    static const struct {
        const char *profile, *option;
        bool open[5];
    } cases[] = {
        { "serial", NULL, { 0, 0, 0, 0, 0 } },   { "unix", NULL, { 1, 0, 0, 0, 0 } },
        { "tcp", NULL, { 0, 1, 1, 0, 0 } },      { "fetch", NULL, { 0, 1, 1, 0, 0 } },
        { "usb", NULL, { 0, 0, 0, 1, 0 } },      { "serial", "unix", { 1, 0, 0, 0, 0 } },
        { "serial", "inet", { 0, 1, 1, 0, 0 } }, { "unix", "netlink", { 1, 0, 0, 1, 0 } },
    };
    char tries[5][32], want[48];
    const char *list[7] = { tries[0], tries[1], tries[2], tries[3], tries[4], "socketpair", NULL };

    for (size_t i = 0; i < 5; i++) {
        (void)snprintf(tries[i], sizeof tries[i], "socket=%d", families[i]);
    }
    for (size_t c = 0; f->has_seccomp && c < sizeof cases / sizeof cases[0]; c++) {
        struct run r = run_profile(f, cases[c].profile, cases[c].option ? "--socket" : NULL,
                                   cases[c].option, list);

        for (size_t i = 0; i < 5; i++) {
            (void)snprintf(want, sizeof want, "socket=%d: %s\n", families[i],
                           cases[c].open[i] ? "ok" : "EAFNOSUPPORT");
            CHECK(says(&r, want));
        }
        CHECK(says(&r, "socketpair: ok\n"));
    }
}

static void nobody_listens_on_tcp(const struct fixture *f)
{
    static const char *const tries[] = { "listen-tcp", NULL };

    if (f->landlock < 4) {
        printf("SKIP: this kernel's Landlock (ABI %d) does not know ports\n", f->landlock);
        return;
    }
    struct run r = run_profile(f, "tcp", NULL, NULL, tries);

    CHECK(says(&r, "listen-tcp: EACCES\n"));
}

static void a_path_can_be_added(const struct fixture *f)
{
    char read_secret[100], write_secret[100], create[100], want[160];
    const char *const tries[] = { read_secret, write_secret, create, NULL };

    if (f->landlock == 0) {
        return;
    }
    (void)snprintf(read_secret, sizeof read_secret, "read=%s", f->secret);
    (void)snprintf(write_secret, sizeof write_secret, "write=%s", f->secret);
    (void)snprintf(create, sizeof create, "create=%s/new", f->dir);

    struct run r = run_profile(f, "serial", "--read", f->secret, tries);

    (void)snprintf(want, sizeof want, "%s: ok\n", read_secret);
    CHECK(says(&r, want));
    (void)snprintf(want, sizeof want, "%s: EACCES\n", write_secret);
    CHECK(says(&r, want));

    r = run_profile(f, "serial", "--write", f->secret, tries);
    CHECK(says(&r, strncat(strcpy(want, write_secret), ": ok\n", 8)));
    CHECK(says(&r, strncat(strcpy(want, create), ": EACCES\n", 12)));

    r = run_profile(f, "serial", "--write", f->dir, tries);
    CHECK(says(&r, strncat(strcpy(want, create), ": ok\n", 8)));
    (void)snprintf(want, sizeof want, "%s/new", f->dir);
    (void)unlink(want);
}

static void a_path_that_is_not_there_is_said(const struct fixture *f)
{
    static const char *const tries[] = { "thread", NULL };
    struct run r = run_profile(f, "serial", "--write", "/dev/ttyUSB-not-there", tries);

    CHECK(says(&r, "thread: ok\n"));
    CHECK(strcmp(r.err, "<4>launch: --write /dev/ttyUSB-not-there: No such file or directory\n") ==
          0);
}

static void descriptors_variables_and_privileges_are_as_promised(const struct fixture *f)
{
    static const char *const wants[3][2] = {
        { "descriptors=012", "listen-variables=0" },
        { "descriptors=0123", "listen-variables=1" },
        { "descriptors=01234", "listen-variables=1" },
    };

    for (int n = 0; n <= 2; n++) {
        const char *argv[] = { f->launcher, "unix",      "--",         f->probe,
                               wants[n][0], wants[n][1], "privileges", NULL };
        const struct start start = { .descriptors = n };
        struct run r = run(&start, (char *const *)(uintptr_t)argv);

        CHECK(strstr(r.out, "E") == NULL && says(&r, "privileges: ok\n"));
        if (strstr(r.out, "E")) {
            fprintf(stderr, "%s", r.out);
        }
        CHECK(strcmp(r.err, "") == 0);
    }
}

static void without_landlock_the_child_runs_and_it_is_said(const struct fixture *f)
{
    static const struct start start = { .descriptors = 2, .without_landlock = true };
    char read_secret[100], want[120];
    const char *argv[] = { f->launcher, "serial", "--", f->probe, read_secret, "fork", NULL };

    (void)snprintf(read_secret, sizeof read_secret, "read=%s", f->secret);
    (void)snprintf(want, sizeof want, "%s: ok\n", read_secret);
    struct run r = run(&start, (char *const *)(uintptr_t)argv);

    CHECK(says(&r, want));
    CHECK(!f->has_seccomp || says(&r, "fork: EPERM\n"));
    CHECK(strcmp(r.err, "<4>launch: this kernel has no landlock: files are not confined\n") == 0);
}

static void wrong_usage_starts_nothing(const struct fixture *f)
{
    static const struct start start = { .descriptors = 2 };
    const char *const lines[][7] = {
        { f->launcher, NULL },
        { f->launcher, "radio", "--", f->probe, "thread", NULL },
        { f->launcher, "serial", f->probe, "thread", NULL },
        { f->launcher, "serial", "--", NULL },
        { f->launcher, "serial", "--read", NULL },
        { f->launcher, "serial", "--read", "--", f->probe, NULL },
        { f->launcher, "serial", "--socket", "packet", "--", f->probe, NULL },
        { f->launcher, "serial", "--execute", "/", "--", f->probe, NULL },
    };

    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        struct run r = run(&start, (char *const *)(uintptr_t)lines[i]);

        CHECK(WIFEXITED(r.status) && WEXITSTATUS(r.status) == 125);
        CHECK(strcmp(r.out, "") == 0 && strstr(r.err, "usage: ") != NULL);
    }
    const char *missing[] = { f->launcher, "serial", "--", "/usr/bin/not-there", NULL };
    struct run r = run(&start, (char *const *)(uintptr_t)missing);

    CHECK(WIFEXITED(r.status) && WEXITSTATUS(r.status) == 127);
}

/* A middle process starts the launcher and dies; the probe must die with it. */
static void the_child_dies_with_its_parent(const struct fixture *f)
{
    int out[2];
    char text[16] = "";

    CHECK_EQ(pipe2(out, O_CLOEXEC), 0);
    pid_t middle = fork();

    if (middle == 0) {
        if (fork() == 0) {
            (void)dup2(out[1], STDOUT_FILENO);
            (void)execl(f->launcher, f->launcher, "unix", "--", f->probe, "stay", (char *)NULL);
            _exit(99);
        }
        (void)close(out[1]);
        for (;;) {
            (void)pause();
        }
    }
    (void)close(out[1]);
    CHECK_EQ(read(out[0], text, 5), 5);
    CHECK(strcmp(text, "here\n") == 0);
    CHECK_EQ(kill(middle, SIGKILL), 0);
    CHECK_EQ(waitpid(middle, NULL, 0), middle);
    CHECK_EQ(read(out[0], text, 1), 0); /* end of file: nobody holds the pipe */
    (void)close(out[0]);
}

static void make_files(struct fixture *f)
{
    strcpy(f->dir, "/tmp/gw-test-launch-XXXXXX");
    CHECK(mkdtemp(f->dir) != NULL);
    (void)snprintf(f->secret, sizeof f->secret, "%s/secret", f->dir);
    (void)snprintf(f->other, sizeof f->other, "%s/program", f->dir);
    (void)close(open(f->secret, O_CREAT | O_WRONLY, 0600));

    int fd = open(f->other, O_CREAT | O_WRONLY, 0700);

    CHECK_EQ(write(fd, "#!/bin/sh\n", 10), 10);
    (void)close(fd);
}

static void remove_files(const struct fixture *f)
{
    (void)unlink(f->secret);
    (void)unlink(f->other);
    (void)rmdir(f->dir);
}

static void ask_probe(struct fixture *f)
{
    static const struct start start = { 0 };
    const char *argv[] = { f->launcher, "--probe", NULL };
    struct run r = run(&start, (char *const *)(uintptr_t)argv);

    CHECK(sscanf(r.out, "landlock %d, ", &f->landlock) == 1);
    f->has_seccomp = strstr(r.out, "seccomp yes") != NULL;
    printf("%s", r.out);
}

#define TEST_WITH(fn) (printf("%s\n", #fn), fn(&f))

int main(int argc, char **argv)
{
    struct fixture f = { .launcher = argv[1], .probe = argv[2] };

    if (argc != 3) {
        return 2;
    }
    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    (void)snprintf(f.parent, sizeof f.parent, "%ld", (long)getpid());
    make_files(&f);
    ask_probe(&f);
    TEST_WITH(every_profile_keeps_files_of_others_closed);
    TEST_WITH(every_profile_keeps_other_processes_out_of_reach);
    TEST_WITH(every_profile_keeps_descriptors_from_signalling_others);
    TEST_WITH(sockets_are_those_of_the_profile);
    TEST_WITH(nobody_listens_on_tcp);
    TEST_WITH(a_path_can_be_added);
    TEST_WITH(a_path_that_is_not_there_is_said);
    TEST_WITH(descriptors_variables_and_privileges_are_as_promised);
    TEST_WITH(without_landlock_the_child_runs_and_it_is_said);
    TEST_WITH(wrong_usage_starts_nothing);
    TEST_WITH(the_child_dies_with_its_parent);
    remove_files(&f);
    return checks_failed != 0;
}
