/* Varlink on libuv: the core's server (control socket) and client (routers, fetcher).
 *
 * Messages are those of ipc/varlink.h; here are sockets, queues and limits. Callbacks come from the
 * loop, never from inside the function that a caller is in; the exceptions say so. Every object may
 * be closed inside any of its callbacks, and after its close no callback comes. JSON that is handed
 * in is taken over; JSON that is handed out is borrowed for the length of the callback.
 */
#ifndef GATEWAYD_VARLINK_UV_H
#define GATEWAYD_VARLINK_UV_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include <uv.h>

#include "err.h"
#include "varlink.h"

enum {
    VL_CONNECTIONS_MAX = 64, /* of one server; one more is accepted and closed */
    VL_QUEUE_MAX = 2 << 20,  /* bytes waiting for a peer: one message more drops the peer */
};

/* ---- server: one outstanding call for each connection, pipelined ones wait in order ---- */

struct vl_server;
struct vl_call; /* one received call; valid until its last reply, or until gone() returns */

/* Who connected, as the kernel saw it then (SO_PEERCRED, SO_PEERGROUPS). */
struct vl_peer {
    pid_t pid;
    uid_t uid;
    bool in_group; /* primary or supplementary member of vl_server_config.group */
};

struct vl_server_ops {
    /* A call whose method and parameters fit the interface. Answer it now or later, exactly once
     * (if it wants more: after any number of continued replies). */
    void (*call)(void *ctx, struct vl_call *call);

    /* The peer of an unanswered call has gone or was dropped. */
    void (*gone)(void *ctx, struct vl_call *call);

    /* May the first call of a connection bring one descriptor? */
    bool (*takes_descriptor)(void *ctx, const char *method);

    /* A peer broke a rule and is being dropped: GW_BAD_MESSAGE, GW_DESCRIPTOR, or GW_BUSY (too many
     * connections; it does not read). The parameters of the error reply that goes to it before, in
     * vain perhaps; NULL = none. */
    struct json *(*abuse)(void *ctx, const struct vl_peer *peer, const struct gw_error *error);
};

struct vl_server_config {
    uv_loop_t *loop;
    const char *path; /* of the socket; a stale one is replaced */
    mode_t mode;      /* 0660 */
    gid_t group;      /* who owns the socket with the daemon's user; (gid_t)-1 = nobody */
    const struct varlink_service *service; /* borrowed */
    const char *abuse_error; /* name of the error reply to abuse: "io.gatewayd.Control.Failed" */
    const struct vl_server_ops *ops; /* borrowed */
    void *ctx;
};

/* GW_OK, GW_IO or GW_BUSY (a live process listens there). */
MUST_USE enum gw_err vl_server_open(struct vl_server **out, const struct vl_server_config *config,
                                    struct gw_error *error);

/* Stops listening, drops every connection (gone() from inside this function), removes the socket.
 * NULL is fine. */
void vl_server_close(struct vl_server *server);

const char *vl_call_method(const struct vl_call *call); /* "io.gatewayd.Control.Status" */
const struct json *vl_call_parameters(const struct vl_call *call); /* NULL = none were given */
bool vl_call_wants_more(const struct vl_call *call);
const struct vl_peer *vl_call_peer(const struct vl_call *call);

/* The descriptor that came with the call, from now on the caller's; -1 = none. */
int vl_call_take_descriptor(struct vl_call *call);

/* Where the owner keeps its own state of the call; NULL at first. */
void vl_call_set_data(struct vl_call *call, void *data);
void *vl_call_data(const struct vl_call *call);

/* Answer. The last reply (`continues` false, or an error) ends `call`. A reply that continues to a
 * peer that does not read drops the peer: gone() follows from the loop. */
void vl_call_reply(struct vl_call *call, struct json *parameters, bool continues);
void vl_call_fail(struct vl_call *call, const char *error, struct json *parameters);

/* Bytes that wait for this peer; progress is left out while there are many. */
size_t vl_call_queued_bytes(const struct vl_call *call);

/* ---- client: calls one after the other on one connection; closing it cancels ---- */

struct vl_client;

/* A reply (also an error reply: reply->error), err GW_OK. Or the connection ended before the last
 * reply, reply NULL: GW_LINK_CLOSED (the peer went away), GW_BAD_MESSAGE (it sent nonsense). */
typedef void (*vl_reply_fn)(void *ctx, enum gw_err err, const struct varlink_reply *reply);

/* Raw bytes of an upgraded connection; len 0 = it ended, nothing more comes. */
typedef void (*vl_bytes_fn)(void *ctx, const void *bytes, size_t len);

/* Connect to the socket at `path`, or take over a connected descriptor (also on failure). GW_OK,
 * GW_UNREACHABLE, GW_DENIED, GW_IO, GW_NO_MEMORY. */
MUST_USE enum gw_err vl_client_connect(struct vl_client **out, uv_loop_t *loop, const char *path);
MUST_USE enum gw_err vl_client_adopt(struct vl_client **out, uv_loop_t *loop, int fd);

/* Send a call (`flags` of enum varlink_flags, not ONEWAY); the previous one must have ended.
 * `reply` comes for each reply; the one without `continues` is the last. */
void vl_client_call(struct vl_client *client, const char *method, struct json *parameters,
                    unsigned flags, vl_reply_fn reply, void *ctx);

/* Inside the reply callback of a VARLINK_UPGRADE call that succeeded: from here on raw bytes. */
void vl_client_read_raw(struct vl_client *client, vl_bytes_fn bytes, void *ctx);

/* Stop and go on reading (back-pressure). */
void vl_client_pause(struct vl_client *client);
void vl_client_resume(struct vl_client *client);

/* Close the connection: the peer cancels what it does. NULL is fine. */
void vl_client_close(struct vl_client *client);

#endif
