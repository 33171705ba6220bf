/* The device at the end of a UART line: how it is reached, who it is, what it has.
 *
 * Ours answers group 26487 and is read with one request; any other device that speaks SMP is
 * foreign and is read through the state list of group 1. A device that the configuration declares
 * foreign is never asked in group 26487. Over raw framing, which has no check sum, what a device
 * says of itself counts when it has said it twice. docs/SPEC 5.
 */
#ifndef UART_DEVICE_H
#define UART_DEVICE_H

#include "router.h"
#include "smp_gateway.h"
#include "smp_session.h"

/* A time that a device states of itself is believed up to here. */
enum { UART_STATED_MAX_MS = 600000 };

struct uart_device {
    char name[DEVICE_NAME_MAX];
    bool is_foreign;         /* declared by the configuration */
    enum smp_framing wanted; /* by the configuration; SMP_FRAMING_ANY = find it */
    bool prefers_console;    /* ours, and raw framing was tried in vain */
    struct smp_session session;
};

/* Who is there and what it has; searches for the framing when it must. No side effect; bounded.
 * GW_OK; GW_TIMEOUT: silence; GW_PROTOCOL: something that is no SMP device of a kind we know;
 * GW_REFUSED: it speaks SMP and has no images; GW_CANCELLED, GW_LINK_CLOSED, GW_IO. */
MUST_USE enum gw_err uart_device_identify(struct uart_device *d, struct device_info *info);

/* The same without a search, one question: for a device that is restarting. */
MUST_USE enum gw_err uart_device_look(struct uart_device *d, bool is_own, struct device_info *info);

/* Our device's report: as identify, with its number of boots. GW_DEVICE_LIES: the nonce is not
 * ours. Others as uart_device_identify(). */
MUST_USE enum gw_err uart_device_report(struct uart_device *d, const uint8_t nonce[SMP_NONCE_LEN],
                                        struct device_info *info, uint32_t *boots);

/* Read the device's buffers again: another one may be there since. Errors as identify. */
MUST_USE enum gw_err uart_device_greet(struct uart_device *d);

/* A request that changes something, from the writer of smp_session_begin(). GW_OK: done. The
 * device's refusal: its code, with *status. Silence and bus errors as above. */
MUST_USE enum gw_err uart_device_tell(struct uart_device *d, struct cbor_writer *w, uint16_t group,
                                      uint8_t command, struct smp_status *status);

/* The GW code for a refusal: that of the verifier's reason, or of the result code. */
enum gw_err uart_err_of_status(const struct smp_status *status, bool is_own);

/* Ask it to restart; sent once, because a second restart would end a trial. An answer may be
 * missing. *was_answered says; errors are those of the bus only. */
MUST_USE enum gw_err uart_device_reset(struct uart_device *d, bool *was_answered);

/* What it states, within reason. */
uint32_t uart_stated_ms(uint32_t ms);

/* Let `ms` pass. */
MUST_USE enum gw_err uart_device_pause(struct uart_device *d, uint32_t ms);

#endif
