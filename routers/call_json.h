/* The types of io.gatewayd.Router as structs: Image and ConfiguredDevice in, Result out. */
#ifndef ROUTERS_CALL_JSON_H
#define ROUTERS_CALL_JSON_H

#include "router.h"

/* GW_OK, or GW_BAD_PARAMETER: a digest that is none, or a number out of range. */
MUST_USE enum gw_err image_ref_from_json(struct image_ref *out, const struct json *json);

/* The caller frees. NULL: a name or address is too long, or there are too many devices. */
struct router_config *router_config_from_json(const struct json *parameters);

struct json *device_result_to_json(const struct device_result *result);
struct json *bus_test_to_json(const struct bus_test *test);

#endif
