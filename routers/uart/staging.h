/* Staging: the image is brought into the spare slot of one device, complete and verified. */
#ifndef UART_STAGING_H
#define UART_STAGING_H

#include "sight.h"

enum { STAGING_ROUNDS = 3 }; /* uploads that the device called complete and then was not */

/* Looks first and sends only what is missing. Fills *result: DONE, FAILED, AWAY or DEFERRED. The
 * return value is an error of the bus or of the caller, and then there is no result; else GW_OK. */
MUST_USE enum gw_err uart_stage(struct uart_device *d, struct call *c,
                                const struct image_ref *image, struct device_result *result);

/* One upload of the whole image to a device that was just seen. Errors as upload_run(). */
MUST_USE enum gw_err uart_send_image(struct uart_device *d, struct call *c,
                                     const struct image_ref *image, const struct device_info *info,
                                     struct device_result *result);

#endif
