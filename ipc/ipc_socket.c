#include "ipc_socket.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { DESCRIPTORS_MAX = 253 }; /* SCM_MAX_FD: the kernel passes no more in one message */

uint64_t ipc_now_ms(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static enum gw_err address_of(struct sockaddr_un *address, const char *path, struct gw_error *error)
{
    memset(address, 0, sizeof *address);
    address->sun_family = AF_UNIX;
    if (strlen(path) >= sizeof address->sun_path) {
        return gw_fail(error, GW_USAGE, "%s: a socket path has at most %zu bytes", path,
                       sizeof address->sun_path - 1);
    }
    memcpy(address->sun_path, path, strlen(path));
    return GW_OK;
}

static enum gw_err connect_error(const char *path, struct gw_error *error)
{
    enum gw_err err = errno == EACCES || errno == EPERM ? GW_DENIED : GW_UNREACHABLE;

    return gw_fail(error, err, "%s: %s", path, strerror(errno));
}

enum gw_err ipc_connect(int *fd, const char *path, struct gw_error *error)
{
    struct sockaddr_un address;
    enum gw_err err = address_of(&address, path, error);

    *fd = -1;
    if (err != GW_OK) {
        return err;
    }
    int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (s < 0) {
        return gw_fail(error, GW_IO, "socket: %s", strerror(errno));
    }
    /* On a Unix socket this succeeds or fails at once; EAGAIN = its backlog is full. */
    if (connect(s, (const struct sockaddr *)&address, sizeof address) != 0) {
        err = connect_error(path, error);
        (void)close(s);
        return err;
    }
    *fd = s;
    return GW_OK;
}

/* Remove what stands at `path` if it is a socket that nobody serves. */
static enum gw_err remove_stale(const char *path, struct gw_error *error)
{
    struct stat st;
    int fd;

    if (lstat(path, &st) != 0) {
        return errno == ENOENT ? GW_OK : gw_fail(error, GW_IO, "%s: %s", path, strerror(errno));
    }
    if (!S_ISSOCK(st.st_mode)) {
        return gw_fail(error, GW_IO, "%s: there is a file that is not a socket", path);
    }
    if (ipc_connect(&fd, path, NULL) == GW_OK) {
        (void)close(fd);
        return gw_fail(error, GW_BUSY, "%s: another process serves it", path);
    }
    if (unlink(path) != 0) {
        return gw_fail(error, GW_IO, "%s: %s", path, strerror(errno));
    }
    return GW_OK;
}

enum gw_err ipc_listen(int *fd, const char *path, mode_t mode, struct gw_error *error)
{
    struct sockaddr_un address;
    enum gw_err err = address_of(&address, path, error);

    *fd = -1;
    if (err == GW_OK) {
        err = remove_stale(path, error);
    }
    if (err != GW_OK) {
        return err;
    }
    int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    /* The mode is set before bind(), so that the file is never more open than it should be. */
    if (s < 0 || fchmod(s, mode) != 0 ||
        bind(s, (const struct sockaddr *)&address, sizeof address) != 0 || chmod(path, mode) != 0 ||
        listen(s, SOMAXCONN) != 0) {
        err = gw_fail(error, GW_IO, "%s: %s", path, strerror(errno));
        if (s >= 0) {
            (void)close(s);
        }
        return err;
    }
    *fd = s;
    return GW_OK;
}

enum gw_err ipc_peer_of(int fd, struct ipc_peer *out)
{
    struct ucred credentials;
    socklen_t len = sizeof credentials;

    memset(out, 0, sizeof *out);
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &len) != 0) {
        out->uid = (uid_t)-1;
        out->gid = (gid_t)-1;
        return GW_IO;
    }
    *out = (struct ipc_peer){ credentials.pid, credentials.uid, credentials.gid };
    return GW_OK;
}

static bool in_supplementary_group(int fd, gid_t group)
{
    gid_t none;
    socklen_t len = 0;
    bool found = false;

    if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, &none, &len) == 0 || errno != ERANGE) {
        return false;
    }
    gid_t *groups = malloc(len);

    if (groups && getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &len) == 0) {
        for (size_t i = 0; i < len / sizeof *groups; i++) {
            found = found || groups[i] == group;
        }
    }
    free(groups);
    return found;
}

bool ipc_peer_in_group(int fd, gid_t group)
{
    struct ipc_peer peer;

    if (ipc_peer_of(fd, &peer) != GW_OK) {
        return false;
    }
    return peer.gid == group || in_supplementary_group(fd, group);
}

/* Keep one descriptor where it is wanted, close the others. */
static void sort_descriptors(struct msghdr *message, int *descriptor, unsigned *strays)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) {
            continue;
        }
        for (size_t i = 0; i < (c->cmsg_len - CMSG_LEN(0)) / sizeof(int); i++) {
            int fd;

            memcpy(&fd, CMSG_DATA(c) + i * sizeof fd, sizeof fd);
            if (descriptor && *descriptor < 0) {
                *descriptor = fd;
                continue;
            }
            (void)close(fd);
            *strays += 1;
        }
    }
}

enum gw_err ipc_receive(int fd, void *buf, size_t cap, size_t *got, int *descriptor,
                        unsigned *strays)
{
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(DESCRIPTORS_MAX * sizeof(int))];
    struct iovec part = { buf, cap };
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control
    };
    unsigned closed = 0;
    ssize_t n;

    *got = 0;
    if (descriptor) {
        *descriptor = -1;
    }
    do {
        n = recvmsg(fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    } while (n < 0 && errno == EINTR);
    if (n < 0) {
        return errno == EAGAIN || errno == EWOULDBLOCK ? GW_TIMEOUT : GW_LINK_CLOSED;
    }
    sort_descriptors(&message, descriptor, &closed);
    if (strays) {
        *strays = closed;
    }
    *got = (size_t)n;
    return GW_OK;
}

enum gw_err ipc_send(int fd, const void *bytes, size_t len, int descriptor, size_t *sent)
{
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))] = { 0 };
    struct iovec part = { (void *)(uintptr_t)bytes, len };
    struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };
    ssize_t n;

    *sent = 0;
    if (descriptor >= 0) {
        message.msg_control = control;
        message.msg_controllen = sizeof control;
        struct cmsghdr *c = CMSG_FIRSTHDR(&message);

        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(c), &descriptor, sizeof descriptor);
    }
    do {
        n = sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    } while (n < 0 && errno == EINTR);
    if (n < 0) {
        return errno == EAGAIN || errno == EWOULDBLOCK ? GW_TIMEOUT : GW_LINK_CLOSED;
    }
    *sent = (size_t)n;
    return GW_OK;
}
