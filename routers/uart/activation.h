/* From a staged image to a running one and back: activate, confirm and revert one device.
 *
 * Each looks at the device first and does only what is missing, so each is idempotent and may be
 * repeated after any failure. Each fills *result but its device name: DONE, FAILED or AWAY with
 * code and detail. The return value is an error of the bus or of the caller (GW_CANCELLED,
 * GW_LINK_CLOSED, GW_IO) and then there is no result; else GW_OK.
 */
#ifndef UART_ACTIVATION_H
#define UART_ACTIVATION_H

#include "uart_device.h"

/* The image runs, on trial or confirmed, and its self-test has passed or still runs. */
MUST_USE enum gw_err uart_activate(struct uart_device *d, struct call *c,
                                   const struct image_ref *image, struct device_result *result);

/* The image runs and is confirmed. */
MUST_USE enum gw_err uart_confirm(struct uart_device *d, const struct image_ref *image,
                                  struct device_result *result);

/* The image does not run, and will not at the next restart. */
MUST_USE enum gw_err uart_revert(struct uart_device *d, const struct image_ref *image,
                                 struct device_result *result);

#endif
