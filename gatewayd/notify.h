/* Notify: tells systemd how the daemon is (sd_notify(3)), without libsystemd. */
#ifndef GATEWAYD_NOTIFY_H
#define GATEWAYD_NOTIFY_H

#include <stdint.h>

/* Send `state` ("READY=1") to $NOTIFY_SOCKET; nothing when there is none. */
void notify_send(const char *state);

/* How often WATCHDOG=1 is wanted, in milliseconds: half of $WATCHDOG_USEC; 0 = never. */
uint64_t notify_watchdog_ms(void);

#endif
