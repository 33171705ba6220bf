/* A failure as JSON: io.gatewayd.Control type Error, the same in replies, plans and reports. */
#ifndef BASE_ERROR_JSON_H
#define BASE_ERROR_JSON_H

#include "err.h"

struct json;

/* A new object: code "GW2007", name, message, detail (left out when empty), cause, next. */
struct json *error_to_json(const struct gw_error *error);

#endif
