/* LD_PRELOAD for tests: lets libserialport take a pseudo terminal for a serial port.
 *
 * It answers what libserialport asks before it opens a port (the links of /sys/class/tty) and what
 * a pseudo terminal has not: modem lines, and the driver's settings. TIOCEXCL is swallowed: a
 * pseudo terminal would keep it beyond the life of its holder, as no serial port does. All else
 * goes to the kernel.
 */
#include <dlfcn.h>
#include <errno.h>
#include <linux/serial.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

static int is_pty_entry(const char *path)
{
    return strncmp(path, "/sys/class/tty/pts/", 19) == 0;
}

static int pretend_link(struct stat *st)
{
    memset(st, 0, sizeof *st);
    st->st_mode = S_IFLNK | 0777;
    return 0;
}

int __lxstat(int version, const char *path, struct stat *st);
int __lxstat(int version, const char *path, struct stat *st)
{
    int (*real)(int, const char *, struct stat *) = (int (*)(
        int, const char *, struct stat *))dlsym(RTLD_NEXT, "__lxstat");

    return is_pty_entry(path) ? pretend_link(st) : real(version, path, st);
}

int lstat(const char *path, struct stat *st)
{
    int (*real)(const char *,
                struct stat *) = (int (*)(const char *, struct stat *))dlsym(RTLD_NEXT, "lstat");

    return is_pty_entry(path) ? pretend_link(st) : real(path, st);
}

ssize_t readlink(const char *path, char *buf, size_t len)
{
    static const char target[] = "../../devices/virtual/tty/pts";
    ssize_t (*real)(const char *, char *, size_t) = (ssize_t(*)(const char *, char *, size_t))dlsym(
        RTLD_NEXT, "readlink");

    if (!is_pty_entry(path)) {
        return real(path, buf, len);
    }
    size_t n = sizeof target - 1 < len ? sizeof target - 1 : len;

    memcpy(buf, target, n);
    return (ssize_t)n;
}

int ioctl(int fd, unsigned long request, ...)
{
    static int driver_flags; /* what TIOCSSERIAL set last */
    int (*real)(int, unsigned long, ...) = (int (*)(int, unsigned long, ...))dlsym(RTLD_NEXT,
                                                                                   "ioctl");
    va_list args;
    void *argument;

    va_start(args, request);
    argument = va_arg(args, void *);
    va_end(args);
    if (request == TIOCEXCL) {
        return 0;
    }
    int result = real(fd, request, argument);

    if (result == 0 || (errno != ENOTTY && errno != EINVAL)) {
        return result;
    }
    switch (request) {
    case TIOCMGET:
        *(int *)argument = 0;
        return 0;
    case TIOCMSET:
    case TIOCMBIS:
    case TIOCMBIC:
        return 0;
    case TIOCGSERIAL:
        memset(argument, 0, sizeof(struct serial_struct));
        ((struct serial_struct *)argument)->flags = driver_flags;
        return 0;
    case TIOCSSERIAL:
        driver_flags = ((struct serial_struct *)argument)->flags;
        return 0;
    default:
        return result;
    }
}
