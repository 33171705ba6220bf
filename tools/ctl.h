/* gatewayctl: what its commands share: where to print, how, and the way to the daemon. */
#ifndef TOOLS_CTL_H
#define TOOLS_CTL_H

#include <stdbool.h>
#include <stdio.h>

#include "ctl_text.h"
#include "ipc_client.h"
#include "json.h"

#define CTL_DEFAULT_SOCKET "/run/gatewayd/control"
#define CTL_INTERFACE      "io.gatewayd.Control."

/* How long a call may take, in seconds, when --timeout does not say. */
enum { CTL_QUICK_S = 30, CTL_SLOW_S = 300 };

struct ctl {
    FILE *out, *err;
    bool json;        /* JSON on out, nothing on err */
    bool is_terminal; /* out is one: live bars */
    struct style style, err_style;
    const char *socket;
    int64_t timeout_s; /* 0 = the call's default */
};

/* Print `failure` (taken over) where it belongs; returns its exit code. */
int ctl_fail(struct ctl *ctl, struct json *failure);

/* One JSON object on one line of out. */
void ctl_print_json(struct ctl *ctl, const struct json *object);

/* A new object with one member, as --json prints it. Takes `value` over. */
struct json *ctl_wrap(const char *key, struct json *value);

/* Connect to the daemon. NULL: *out is open; else the failure. */
struct json *ctl_connect(struct ctl *ctl, struct ipc_client **out);

/* One call on a connection of its own, `descriptor` (-1 = none) with it. `method` without
 * interface; takes `parameters` over. NULL: the caller frees *reply; else the failure. */
struct json *ctl_call(struct ctl *ctl, const char *method, struct json *parameters, int descriptor,
                      int64_t default_s, struct varlink_reply *reply);

/* What `err` of an ipc_client_*() means to the user. */
struct json *ctl_transport_failure(const struct ctl *ctl, enum gw_err err, int64_t waited_s);

#endif
