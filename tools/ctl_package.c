#include "ctl_package.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl_failure.h"

/* Standard input as a descriptor of our own. The daemon takes files only when they are open for
 * reading alone, so `<> file` is opened again. */
static int open_input(void)
{
    int flags = fcntl(STDIN_FILENO, F_GETFL);

    if (flags >= 0 && (flags & O_ACCMODE) == O_RDWR) {
        return open("/proc/self/fd/0", O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    }
    return fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
}

static struct json *check_kind(int fd, const char *name, bool takes_pipe)
{
    struct stat st;

    if (fstat(fd, &st) != 0) {
        return failure_new(GW_SOURCE_OPEN, "%s: %s", name, strerror(errno));
    }
    if (S_ISREG(st.st_mode) || (takes_pipe && S_ISFIFO(st.st_mode))) {
        return NULL;
    }
    return failure_new(GW_DESCRIPTOR, "%s: not a regular file%s", name,
                       takes_pipe ? " and not a pipe" : "");
}

struct json *package_open(struct package_argument *out, const char *argument, bool takes_pipe)
{
    bool is_input = strcmp(argument, "-") == 0;
    const char *slash = strrchr(argument, '/'), *name = is_input ? "standard input" : argument;

    *out = (struct package_argument){ .descriptor = -1 };
    if (strstr(argument, "://")) {
        out->url = argument;
        return NULL;
    }
    /* O_NONBLOCK: a FIFO without a writer must not hold us up before its kind is known. */
    int fd = is_input ? open_input() : open(argument, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

    if (fd < 0) {
        return failure_new(GW_SOURCE_OPEN, "%s: %s", name, strerror(errno));
    }
    struct json *failure = check_kind(fd, name, takes_pipe && is_input);

    if (failure) {
        (void)close(fd);
        return failure;
    }
    out->descriptor = fd;
    if (!is_input) {
        (void)snprintf(out->name, sizeof out->name, "%s", slash ? slash + 1 : argument);
    }
    return NULL;
}

void package_close(struct package_argument *package)
{
    if (package->descriptor >= 0) {
        (void)close(package->descriptor);
    }
    package->descriptor = -1;
}
