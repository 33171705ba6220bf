/* A blocking Varlink client on one connection: one call at a time, replies with a deadline.
 *
 * Deadlines are milliseconds of ipc_now_ms(). Text from the peer is checked by base/json.
 */
#ifndef IPC_CLIENT_H
#define IPC_CLIENT_H

#include <stddef.h>
#include <stdint.h>

#include "err.h"
#include "ipc_socket.h"
#include "varlink.h"

struct ipc_client;

/* Connect to `path`, or take `fd` over (a connected stream socket). */
MUST_USE enum gw_err ipc_client_connect(struct ipc_client **out, const char *path,
                                        struct gw_error *error);
MUST_USE enum gw_err ipc_client_from_fd(struct ipc_client **out, int fd);
void ipc_client_close(struct ipc_client *client); /* NULL is fine */

/* For a poll loop of the caller. */
int ipc_client_fd(const struct ipc_client *client);

/* When `fd` (a signalfd, a pipe) gets readable, every wait ends with GW_CANCELLED. -1 = none. */
void ipc_client_set_cancel(struct ipc_client *client, int fd);

/* Send a call. Takes `parameters` over. `flags` of enum varlink_flags; `descriptor` (-1 = none)
 * goes with the first byte and stays the caller's. GW_OK, GW_TIMEOUT, GW_CANCELLED, GW_LINK_CLOSED,
 * GW_BAD_MESSAGE (too long). */
MUST_USE enum gw_err ipc_client_send(struct ipc_client *client, const char *method,
                                     struct json *parameters, unsigned flags, int descriptor,
                                     uint64_t deadline_ms);

/* The next reply; the caller frees it. GW_TIMEOUT, GW_CANCELLED, GW_LINK_CLOSED, GW_BAD_MESSAGE. */
MUST_USE enum gw_err ipc_client_receive(struct ipc_client *client, struct varlink_reply *reply,
                                        uint64_t deadline_ms);

/* Both in one step, for a call with one reply and no descriptor. */
MUST_USE enum gw_err ipc_client_call(struct ipc_client *client, const char *method,
                                     struct json *parameters, struct varlink_reply *reply,
                                     uint64_t deadline_ms);

/* After a reply to a call with VARLINK_UPGRADE: raw bytes. GW_OK: *got >= 1. GW_LINK_CLOSED is the
 * end of the stream. */
MUST_USE enum gw_err ipc_client_read_raw(struct ipc_client *client, void *buf, size_t cap,
                                         size_t *got, uint64_t deadline_ms);

#endif
