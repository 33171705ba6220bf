/* Unix sockets: connect, listen, who is at the other end, and descriptors that travel with bytes.
 */
#ifndef IPC_SOCKET_H
#define IPC_SOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "err.h"

/* Monotonic milliseconds: the clock of every deadline of ipc/. */
uint64_t ipc_now_ms(void);

/* Stream socket, close-on-exec, non-blocking. GW_OK: *fd is the caller's. GW_UNREACHABLE: nobody
 * listens there, or it does not exist; GW_DENIED: no right to; *error says which. */
MUST_USE enum gw_err ipc_connect(int *fd, const char *path, struct gw_error *error);

/* Listen at `path` with this mode. A stale socket file is replaced; one that a live process serves
 * is GW_BUSY. Any other file there: GW_IO. */
MUST_USE enum gw_err ipc_listen(int *fd, const char *path, mode_t mode, struct gw_error *error);

/* Who connected (SO_PEERCRED), as the kernel saw it then. */
struct ipc_peer {
    pid_t pid;
    uid_t uid;
    gid_t gid;
};
MUST_USE enum gw_err ipc_peer_of(int fd, struct ipc_peer *out);
/* Primary or supplementary group (SO_PEERCRED, SO_PEERGROUPS). */
bool ipc_peer_in_group(int fd, gid_t group);

/* recvmsg() that never leaks a descriptor: at most one is kept, in *descriptor (close-on-exec; -1 =
 * none came; NULL = close what comes), all others are closed and counted in *strays (may be NULL).
 * GW_OK: *got bytes, 0 = end of file. GW_TIMEOUT: nothing there now. GW_LINK_CLOSED: reset. */
MUST_USE enum gw_err ipc_receive(int fd, void *buf, size_t cap, size_t *got, int *descriptor,
                                 unsigned *strays);

/* sendmsg() of what fits now, with `descriptor` (-1 = none) on its first byte. GW_OK: *sent >= 1.
 * GW_TIMEOUT: nothing fits now. GW_LINK_CLOSED. Never raises SIGPIPE. */
MUST_USE enum gw_err ipc_send(int fd, const void *bytes, size_t len, int descriptor, size_t *sent);

#endif
