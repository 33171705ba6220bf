/* Restart: a device is told to restart, and watched until it is back.
 *
 * The reset is sent once, and again only while the device shows that it has not restarted: a second
 * restart would end a trial.
 */
#ifndef UART_RESTART_H
#define UART_RESTART_H

#include "sight.h"

enum {
    RESTART_POLL_MS = 250, /* between two looks */
    RESTART_RESETS_MAX = 3,
    RESTART_REPEAT_MS = 3000,
    RESTART_MS = 10000,          /* beyond twice what the device's maker states */
    RESTART_FOREIGN_MS = 120000, /* MCUboot may swap two slots first */
};

struct restart {
    struct uart_device *d;
    const struct image_ref *image;
    bool is_own;
    uint32_t boots; /* ours: before the restart; 0 where it does not count them */
    unsigned resets;
    uint64_t reset_ms; /* when the last was sent */
    uint64_t deadline_ms;
    bool was_seen; /* it has answered since */
    bool is_over;  /* it has restarted, or will not */
};

/* Before anything is changed: how often has it booted? Errors as uart_device_report(). */
MUST_USE enum gw_err restart_begin(struct restart *r, struct uart_device *d,
                                   const struct image_ref *image, const struct sight *s);

/* Reset it and wait until the image is active (or no longer), is rejected, or the restart has
 * changed nothing. GW_OK: *s shows how it came back; GW_TIMEOUT: it never answered; else the bus's.
 */
MUST_USE enum gw_err restart_until(struct restart *r, bool wanted_active, struct sight *s);

/* Wait a little and look once. GW_TIMEOUT: no answer, and *s is what it was. `look` counts. */
MUST_USE enum gw_err restart_look(struct restart *r, unsigned look, struct sight *s);

/* Is the time over that a restart may take? */
bool restart_is_late(const struct restart *r);

#endif
