/* Replies of a router: any JSON ends as a refusal, or as numbers, codes and names within their
 * ranges. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "router_reply.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct router_reply *reply)
{
    const struct device_result *result = &reply->result;

    if (reply->kind == ROUTER_PROGRESS && reply->progress.done > reply->progress.total) {
        abort();
    }
    if (reply->kind == ROUTER_RESULT &&
        (!result->device || result->outcome < OUTCOME_DONE || result->outcome > OUTCOME_OFFERED ||
         gw_code_of(result->error.err)->err != result->error.err)) {
        abort();
    }
    if (reply->kind == ROUTER_DEVICE && (reply->device.slot_count > DEVICE_SLOTS_MAX ||
                                         reply->device.floor_count > DEVICE_FLOORS_MAX ||
                                         strlen(reply->device.name) >= DEVICE_NAME_MAX)) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct json *json;
    struct router_reply reply;

    if (json_parse(&json, (const char *)data, size, JSON_STRICT, NULL) == GW_OK) {
        if (router_reply_parse(&reply, json) == GW_OK) {
            check(&reply);
        }
        (void)router_code(json_get_integer(json, "code", 0));
        json_free(json);
    }
    return 0;
}
