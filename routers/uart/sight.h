/* What a device has of an image, and how a verb concludes from it. */
#ifndef UART_SIGHT_H
#define UART_SIGHT_H

#include "uart_device.h"

struct sight {
    struct device_info info;
    const struct device_slot *slot; /* in info; NULL = the image is not there */
    bool is_active;
    enum slot_state state; /* SLOT_EMPTY when it is not there */
};

/* What names the image on this device: ours by its manifest identity, a foreign one by the hash of
 * its state list; NULL = nothing does. */
const uint8_t *sight_identity(const struct device_info *info, const struct image_ref *image);

/* Find the image in s->info. */
void sight_find(struct sight *s, const struct image_ref *image);

/* Identify the device and find the image. Errors as uart_device_identify(). */
MUST_USE enum gw_err sight_take(struct sight *s, struct uart_device *d,
                                const struct image_ref *image);

/* Complete and verified, running or not. */
bool sight_is_complete(const struct sight *s);
/* Rejected because it failed its trial, as opposed to a check of its bytes. */
bool sight_failed_trial(const struct sight *s);

/* The bus or the caller failed: the call ends and the device gets no result. */
bool uart_is_bus_error(enum gw_err err);

/* Fill *result; each returns GW_OK. */
enum gw_err conclude_done(struct device_result *result);
enum gw_err conclude_failed(struct device_result *result, const struct uart_device *d,
                            enum gw_err err, const char *why);
/* The device rejected the image. */
enum gw_err conclude_rejected(struct device_result *result, const struct uart_device *d,
                              const struct sight *s);
/* For an error of `what`: silence is AWAY, others FAILED; a detail that is there already stays.
 * Errors of the bus are returned. */
enum gw_err conclude_error(struct device_result *result, const struct uart_device *d,
                           enum gw_err err, const char *what);

#endif
