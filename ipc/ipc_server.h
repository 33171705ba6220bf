/* A Varlink server for a poll loop: routers, fetcher, simulator, tests. It never blocks.
 *
 * The loop polls the server's descriptors together with its own and hands them back, so the same
 * server can be driven from a program's main loop and from inside a struct waiter while protocol
 * code waits. Callbacks run only from inside ipc_server_handle() and ipc_server_wait(); neither may
 * be called from a callback: a handler that takes long keeps the call (it owns it) and works later.
 *
 * Calls of one connection are handled one after another: the next is read when the last one has its
 * final reply. Methods of org.varlink.service and faulty parameters are answered here. A descriptor
 * that a peer sends is closed, and the call that it came with refused. A peer that does not read is
 * dropped when more than `queue_max` bytes wait for it.
 */
#ifndef IPC_SERVER_H
#define IPC_SERVER_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>

#include "err.h"
#include "ipc_socket.h"
#include "varlink.h"

enum { IPC_CONNECTIONS_MAX = 64, IPC_POLL_MAX = IPC_CONNECTIONS_MAX + 1 };

struct ipc_server;
struct ipc_connection;

struct ipc_server_ops {
    /* A sound call of one of the service's interfaces. The handler owns `call` from now on
     * (varlink_call_free) and answers with ipc_reply() / ipc_reply_error(), now or later. */
    void (*call)(void *context, struct ipc_connection *connection, struct varlink_call *call);

    /* The connection has gone (peer, drop or ipc_close): forget the pointer, cancel its call. Never
     * called by ipc_server_close(). NULL = not wanted. */
    void (*closed)(void *context, struct ipc_connection *connection);

    /* Everything queued on it has been handed to the kernel. NULL = not wanted. */
    void (*drained)(void *context, struct ipc_connection *connection);
};

struct ipc_server_config {
    const struct varlink_service *service; /* borrowed */
    const struct ipc_server_ops *ops;      /* borrowed */
    void *context;
    size_t queue_max; /* bytes; 0 = 2 * VARLINK_MESSAGE_MAX */
};

/* `listen_fd` is a listening stream socket that becomes the server's; -1 = none. */
MUST_USE enum gw_err ipc_server_open(struct ipc_server **out,
                                     const struct ipc_server_config *config, int listen_fd);
void ipc_server_close(struct ipc_server *server); /* NULL is fine; closes all connections */

/* Serve an already connected socket as well (socketpair). GW_BUSY: no place left; fd is closed. */
MUST_USE enum gw_err ipc_server_adopt(struct ipc_server *server, int fd);

/* Number of open connections. */
size_t ipc_server_connections(const struct ipc_server *server);

/* What to poll for now: fills at most IPC_POLL_MAX entries, returns how many. */
size_t ipc_server_pollfds(const struct ipc_server *server, struct pollfd *fds);
/* Act on their revents: accept, read, call back, write, drop. */
void ipc_server_handle(struct ipc_server *server, const struct pollfd *fds, size_t n);

/* One turn of a loop: poll the server's descriptors and `extra` (its revents are set) until one of
 * them is ready or `timeout_ms` passed (-1 = for ever), and handle the server's. GW_OK, GW_IO.
 * An interrupted poll returns GW_OK with nothing ready. */
MUST_USE enum gw_err ipc_server_wait(struct ipc_server *server, struct pollfd *extra, size_t n,
                                     int timeout_ms);

/* --- one connection --- */

/* Answer the running call. Takes `parameters` over (NULL = {}). A reply that continues is dropped
 * unless the caller asked for more; a call that is oneway gets nothing. */
void ipc_reply(struct ipc_connection *connection, struct json *parameters, bool continues);
void ipc_reply_error(struct ipc_connection *connection, const char *error, struct json *parameters);

/* Does a call wait for its final reply here? */
bool ipc_is_busy(const struct ipc_connection *connection);

/* Bytes that wait to be sent: drop progress, or stop producing, when it is high. */
size_t ipc_queued(const struct ipc_connection *connection);

/* Final reply to a call with `upgrade`; from then on the connection carries what ipc_send_raw()
 * queues and nothing that comes in is read. */
void ipc_upgrade(struct ipc_connection *connection, struct json *parameters);
void ipc_send_raw(struct ipc_connection *connection, const void *bytes, size_t len);

/* Close when everything queued is sent / at once. */
void ipc_finish(struct ipc_connection *connection);
void ipc_close(struct ipc_connection *connection);

/* The handler's own pointer, NULL at first. */
void ipc_set_user(struct ipc_connection *connection, void *user);
void *ipc_user(const struct ipc_connection *connection);
int ipc_connection_fd(const struct ipc_connection *connection); /* for ipc_peer_of() */

#endif
