/* UART router: SMP with the one device at the end of a serial line (docs/SPEC 5).
 *
 * Options of the bus: "framing": "auto" | "console" | "raw"; "buf_size": bytes of the device's
 * receive buffer, for devices that do not tell.
 */
#ifndef ROUTERS_UART_H
#define ROUTERS_UART_H

#include "router.h"

extern const struct router_ops uart_router_ops;

#endif
