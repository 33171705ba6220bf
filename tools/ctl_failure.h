/* Failures of gatewayctl: objects of type Error (io.gatewayd.Control) with an exit_code, whoever
 * found them: this program, the daemon, or another Varlink service. Pure. */
#ifndef TOOLS_CTL_FAILURE_H
#define TOOLS_CTL_FAILURE_H

#include "err.h"
#include "json.h"
#include "varlink.h"

/* A failure of our own. Each returns a new object. */
struct json *failure_of(const struct gw_error *error);
struct json *failure_new(enum gw_err err, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* What an error reply means: Failed of our interfaces, the standard errors, anybody's. */
struct json *failure_of_reply(const struct varlink_reply *reply);

/* Its exit code, never 0. */
int failure_exit_code(const struct json *failure);

#endif
