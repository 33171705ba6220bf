#include "launch_profile.h"

#include <string.h>

const char *const launch_read_execute[] = { "/usr",    "/lib", "/lib32", "/lib64",
                                            "/libx32", "/bin", NULL };

/* /proc/self: the sanitizers' runtimes and glibc read their own maps. */
const char *const launch_read[] = { "/etc/ld.so.cache", "/etc/ld.so.preload",
                                    "/etc/ld.so.conf",  "/etc/ld.so.conf.d",
                                    "/dev/null",        "/dev/urandom",
                                    "/proc/self",       NULL };

static const char *const nothing[] = { NULL };
static const char *const serial_read[] = { "/sys/class/tty", "/sys/devices", NULL };
static const char *const usb_read[] = { "/sys", "/run/udev", NULL };
static const char *const usb_write[] = { "/dev/bus/usb", NULL };
static const char *const network_read[] = {
    "/etc/hosts",    "/etc/host.conf", "/etc/resolv.conf",     "/etc/nsswitch.conf",
    "/etc/gai.conf", "/etc/ssl",       "/run/systemd/resolve", NULL,
};

static const struct launch_profile profiles[] = {
    { "serial", serial_read, nothing, 0 },
    { "tcp", network_read, nothing, SOCKETS_INET },
    { "unix", nothing, nothing, SOCKETS_UNIX },
    { "usb", usb_read, usb_write, SOCKETS_NETLINK },
    { "fetch", network_read, nothing, SOCKETS_INET },
};

const struct launch_profile *launch_profile_find(const char *name)
{
    for (size_t i = 0; i < sizeof profiles / sizeof profiles[0]; i++) {
        if (strcmp(profiles[i].name, name) == 0) {
            return &profiles[i];
        }
    }
    return NULL;
}

unsigned launch_sockets_parse(const char *word)
{
    static const struct {
        const char *word;
        unsigned sockets;
    } words[] = {
        { "unix", SOCKETS_UNIX },
        { "inet", SOCKETS_INET },
        { "netlink", SOCKETS_NETLINK },
    };

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcmp(words[i].word, word) == 0) {
            return words[i].sockets;
        }
    }
    return 0;
}
