/* Link URI: which line a bus is on, as the configuration writes it. Pure.
 *
 *   serial:/dev/NODE?baud=115200[&parity=none|even|odd][&stop=1|2][&flow=none|rtscts]
 *   tcp://host:port[?baud=N]     host: name, IPv4, or IPv6 in []
 *   unix:/path[?baud=N]
 * Strict: an unknown, repeated or empty option is refused.
 */
#ifndef TRANSPORTS_LINK_URI_H
#define TRANSPORTS_LINK_URI_H

#include <stdbool.h>
#include <stdint.h>

#include "err.h"

enum {
    LINK_TARGET_MAX = 108, /* path or host with NUL; sun_path is as long */
    LINK_BAUD_MIN = 50,
    LINK_BAUD_MAX = 20000000,
    LINK_BAUD_DEFAULT = 115200, /* serial without baud= */
};

enum link_scheme { LINK_SERIAL = 1, LINK_TCP, LINK_UNIX };
enum link_parity { LINK_PARITY_NONE = 0, LINK_PARITY_EVEN, LINK_PARITY_ODD };

struct link_uri {
    enum link_scheme scheme;
    char target[LINK_TARGET_MAX]; /* device node, host, or socket path */
    char port[6];                 /* tcp: decimal 1..65535 */
    uint32_t baud;                /* 0 = not stated (tcp, unix) */
    enum link_parity parity;
    uint8_t stop_bits; /* 1 or 2 */
    bool has_rtscts;
};

/* GW_OK, or GW_LINK_URI with *error (may be NULL) and *out zeroed. */
MUST_USE enum gw_err link_uri_parse(struct link_uri *out, const char *text, struct gw_error *error);

#endif
