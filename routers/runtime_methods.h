/* The methods of io.gatewayd.Router between the runtime's loop and a router's struct router_ops,
 * and the state that both share. Private to routers/runtime*.c.
 */
#ifndef ROUTERS_RUNTIME_METHODS_H
#define ROUTERS_RUNTIME_METHODS_H

#include "image_channel.h"
#include "ipc_server.h"
#include "log.h"
#include "router.h"

struct runtime {
    const struct router_ops *ops;
    struct log_stderr log;
    struct waiter waiter;
    struct call call;
    struct ipc_server *server;
    struct image_reader channel;
    int signal_fd;
    bool is_ending; /* told to stop, or the core or the link has gone */
    bool has_lost_link;

    struct ipc_connection *watch;
    struct ipc_connection *caller; /* of the pending or running call; NULL: it went away */
    struct varlink_call pending;   /* document NULL: none */
    bool is_running, is_cancelled;
    uint64_t said_ms, progress_ms; /* when the running call last said something */

    struct varlink_call open_call; /* keeps what `config` borrows */
    struct router_config *config;
    struct link *link; /* NULL: not opened yet */
    struct router *router;
};

/* Run the pending call. False: no method of ours. *err GW_OK: *reply is the last reply (NULL = {});
 * else *error holds the facts. */
bool methods_run(struct runtime *rt, enum gw_err *err, struct json **reply, struct gw_error *error);

/* Close router and link, forget the configuration: Open may be called again. */
void methods_forget_open(struct runtime *rt);

/* An event for the core's Watch. */
void runtime_tell_watch(struct runtime *rt, const char *event);

#endif
