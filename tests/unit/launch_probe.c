/* Tries things from inside a sandbox: each argument is one try, each answer one line "try: result",
 * where the result is "ok" or the name of an errno. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

typedef int (*try_fn)(const char *argument); /* 0, or -1 with errno */

static int try_read(const char *path)
{
    int fd = open(path, O_RDONLY);
    char byte;

    return fd < 0 ? -1 : read(fd, &byte, 1) < 0 && errno != EISDIR ? -1 : close(fd);
}

static int try_write(const char *path)
{
    int fd = open(path, O_WRONLY);

    return fd < 0 ? -1 : close(fd);
}

static int try_create(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);

    return fd < 0 ? -1 : close(fd);
}

static int try_socket(const char *family)
{
    int fd = socket(atoi(family), atoi(family) == AF_NETLINK ? SOCK_RAW : SOCK_STREAM, 0);

    return fd < 0 ? -1 : close(fd);
}

static int try_socketpair(const char *argument)
{
    int pair[2];

    (void)argument;
    return socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
}

static int try_listen_tcp(const char *argument)
{
    struct sockaddr_in address = { .sin_family = AF_INET };
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    (void)argument;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return fd < 0 ? -1 : bind(fd, (struct sockaddr *)&address, sizeof address);
}

static int try_kill(const char *pid)
{
    return kill((pid_t)atoi(pid), 0);
}

/* A descriptor that becomes readable signals whoever owns it: kill(2) by another name. */
static int try_own(const char *pid)
{
    return fcntl(STDIN_FILENO, F_SETOWN, atoi(pid));
}

static int try_own_ex(const char *pid)
{
    struct f_owner_ex owner = { F_OWNER_PID, (pid_t)atoi(pid) };

    return fcntl(STDIN_FILENO, F_SETOWN_EX, &owner);
}

static int try_own_socket(const char *pid)
{
    int pair[2], owner = atoi(pid);

    return socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0 ? -1 : ioctl(pair[0], FIOSETOWN, &owner);
}

static int try_type(const char *text)
{
    return ioctl(STDIN_FILENO, TIOCSTI, text);
}

static int try_kill_self(const char *argument)
{
    (void)argument;
    return kill(getpid(), 0) != 0 ? -1 : raise(SIGCONT);
}

static int try_ptrace(const char *pid)
{
    return ptrace(PTRACE_ATTACH, (pid_t)atoi(pid), NULL, NULL) < 0 ? -1 : 0;
}

static int try_peek(const char *pid)
{
    char byte;
    struct iovec here = { &byte, 1 }, there = { &byte, 1 };

    return process_vm_readv((pid_t)atoi(pid), &here, 1, &there, 1, 0) < 0 ? -1 : 0;
}

static int try_limit(const char *pid)
{
    struct rlimit limit = { 0, 0 };

    return prlimit((__pid_t)atoi(pid), RLIMIT_NOFILE, &limit, NULL);
}

static int try_fork(const char *argument)
{
    (void)argument;
    pid_t pid = fork();

    if (pid == 0) {
        _exit(0);
    }
    return pid < 0 ? -1 : 0;
}

static void *thread_main(void *argument)
{
    return argument;
}

static int try_thread(const char *argument)
{
    pthread_t thread;

    (void)argument;
    errno = pthread_create(&thread, NULL, thread_main, NULL);
    return errno ? -1 : pthread_join(thread, NULL);
}

static int try_unshare(const char *argument)
{
    (void)argument;
    return unshare(CLONE_NEWUSER);
}

static int try_mount(const char *argument)
{
    (void)argument;
    return syscall(SYS_mount, "none", "/mnt", "tmpfs", 0, NULL) < 0 ? -1 : 0;
}

static int try_exec(const char *path)
{
    char *const argv[] = { (char[]){ "x" }, NULL };

    return execv(path, argv);
}

/* Exactly the descriptors that are named: "01234". */
static int try_descriptors(const char *want)
{
    char got[16] = "";
    size_t len = 0;

    for (int fd = 0; fd < 10; fd++) {
        if (fcntl(fd, F_GETFD) >= 0) {
            got[len++] = (char)('0' + fd);
        }
    }
    for (int fd = 10; fd < 200; fd++) {
        len += fcntl(fd, F_GETFD) >= 0;
    }
    errno = EBADF;
    return strcmp(got, want) == 0 && len == strlen(want) ? 0 : -1;
}

static int try_listen_variables(const char *want)
{
    const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS");

    errno = EINVAL;
    if (*want == '0') {
        return !pid && !fds ? 0 : -1;
    }
    return pid && fds && atoi(pid) == getpid() && strcmp(fds, "1") == 0 ? 0 : -1;
}

static int try_privileges(const char *argument)
{
    char line[200];
    FILE *status = fopen("/proc/self/status", "r");
    int none = 0;

    (void)argument;
    while (status && fgets(line, sizeof line, status)) {
        none |= strcmp(line, "CapEff:\t0000000000000000\n") == 0;
    }
    if (status) {
        (void)fclose(status);
    }
    errno = EPERM;
    return none && prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ? 0 : -1;
}

/* Says that it runs, and stays until it is killed. */
static int try_stay(const char *argument)
{
    (void)argument;
    (void)!write(STDOUT_FILENO, "here\n", 5);
    while (pause() == 0 || errno == EINTR) {
    }
    return -1;
}

static const struct {
    const char *name;
    try_fn fn;
} tries[] = {
    { "read", try_read },
    { "write", try_write },
    { "create", try_create },
    { "socket", try_socket },
    { "socketpair", try_socketpair },
    { "listen-tcp", try_listen_tcp },
    { "kill", try_kill },
    { "own", try_own },
    { "own-ex", try_own_ex },
    { "own-socket", try_own_socket },
    { "type", try_type },
    { "kill-self", try_kill_self },
    { "ptrace", try_ptrace },
    { "peek", try_peek },
    { "limit", try_limit },
    { "fork", try_fork },
    { "thread", try_thread },
    { "unshare", try_unshare },
    { "mount", try_mount },
    { "exec", try_exec },
    { "descriptors", try_descriptors },
    { "listen-variables", try_listen_variables },
    { "privileges", try_privileges },
    { "stay", try_stay },
};

/* "name" or "name=argument" */
static void attempt(const char *text)
{
    size_t len = strcspn(text, "=");

    for (size_t i = 0; i < sizeof tries / sizeof tries[0]; i++) {
        if (strlen(tries[i].name) == len && memcmp(tries[i].name, text, len) == 0) {
            int result = tries[i].fn(text[len] ? text + len + 1 : "");

            printf("%s: %s\n", text, result == 0 ? "ok" : strerrorname_np(errno));
            return;
        }
    }
    printf("%s: ?\n", text);
}

int main(int argc, char **argv)
{
    (void)setvbuf(stdout, NULL, _IONBF, 0);
    for (int i = 1; i < argc; i++) {
        attempt(argv[i]);
    }
    return 0;
}
