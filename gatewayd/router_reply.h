/* What a router says while a call of io.gatewayd.Router runs, as a struct. Pure.
 *
 * A router may be anybody's program: numbers are brought into range, codes that are in no table are
 * replaced, and what breaks the interface is refused.
 */
#ifndef GATEWAYD_ROUTER_REPLY_H
#define GATEWAYD_ROUTER_REPLY_H

#include "device.h"
#include "err.h"
#include "outcome.h"

struct json;

enum router_reply_kind {
    ROUTER_ALIVE, /* nothing but a sign of life */
    ROUTER_PROGRESS,
    ROUTER_RESULT,
    ROUTER_DEVICE,
};

struct router_reply {
    enum router_reply_kind kind;
    struct {
        const char *device; /* borrowed from the JSON */
        uint64_t done, total;
    } progress;
    struct device_result result; /* device is borrowed, too */
    struct device_info device;
};

/* GW_OK or GW_PROTOCOL. */
MUST_USE enum gw_err router_reply_parse(struct router_reply *out, const struct json *parameters);

/* The code of the error Failed that a router gives, or GW_PROTOCOL when there is no such code. */
enum gw_err router_code(int64_t code);

#endif
