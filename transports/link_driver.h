/* Private to transports/: how link_open() reaches its drivers, and what they share. */
#ifndef TRANSPORTS_LINK_DRIVER_H
#define TRANSPORTS_LINK_DRIVER_H

#include "link.h"
#include "link_uri.h"

/* One opener for each scheme; contract as link_open(). */
typedef enum gw_err (*link_driver_open)(struct link **out, const struct link_uri *uri,
                                        struct waiter *waiter, uint64_t deadline_ms,
                                        struct gw_error *error);
enum gw_err link_open_serial(struct link **out, const struct link_uri *uri, struct waiter *waiter,
                             uint64_t deadline_ms, struct gw_error *error);
enum gw_err link_open_tcp(struct link **out, const struct link_uri *uri, struct waiter *waiter,
                          uint64_t deadline_ms, struct gw_error *error);
enum gw_err link_open_unix(struct link **out, const struct link_uri *uri, struct waiter *waiter,
                           uint64_t deadline_ms, struct gw_error *error);

/* link_ops.drain for every driver, by its own read. */
enum gw_err link_drain_by_reading(struct link *l, uint32_t quiet_ms, uint64_t deadline_ms);

/* What errno means for a link in use: unplugged or hung up, or another failure. */
enum gw_err link_err_of(int error_number);

#endif
