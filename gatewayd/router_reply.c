#include "router_reply.h"

#include <string.h>

#include "json.h"

enum gw_err router_code(int64_t code)
{
    bool is_known = code > 0 && code < 10000 && gw_code_of((enum gw_err)code)->err == code;

    return is_known ? (enum gw_err)code : GW_PROTOCOL;
}

/* A number of the interface; absent or below 0 is 0, above `max` is `max`. */
static uint64_t number(const struct json *json, const char *key, uint64_t max)
{
    int64_t value = json_get_integer(json, key, 0);

    return value < 0 ? 0 : (uint64_t)value > max ? max : (uint64_t)value;
}

static enum outcome outcome_of(const char *word)
{
    static const char *const words[] = {
        [OUTCOME_DONE] = "done",         [OUTCOME_FAILED] = "failed",   [OUTCOME_AWAY] = "away",
        [OUTCOME_DEFERRED] = "deferred", [OUTCOME_OFFERED] = "offered",
    };

    for (unsigned i = OUTCOME_DONE; word && i <= OUTCOME_OFFERED; i++) {
        if (strcmp(word, words[i]) == 0) {
            return (enum outcome)i;
        }
    }
    return (enum outcome)0;
}

static bool parse_result(struct device_result *out, const struct json *json)
{
    const char *detail = json_get_string(json, "detail");

    out->device = json_get_string(json, "device");
    out->outcome = outcome_of(json_get_string(json, "outcome"));
    out->reason = (uint16_t)number(json, "reason", UINT16_MAX);
    out->bytes_sent = number(json, "bytes_sent", INT64_MAX);
    out->resumed_at = number(json, "resumed_at", INT64_MAX);
    out->verify_ms = (uint32_t)number(json, "verify_ms", UINT32_MAX);
    if (out->outcome == OUTCOME_FAILED || out->outcome == OUTCOME_AWAY) {
        enum gw_err otherwise = out->outcome == OUTCOME_AWAY ? GW_DEVICE_AWAY : GW_REFUSED;
        int64_t code = json_get_integer(json, "code", otherwise);

        (void)gw_fail(&out->error, router_code(code), "%s", detail ? detail : "");
    }
    return out->device && out->outcome;
}

static bool parse_progress(struct router_reply *out, const struct json *json)
{
    out->progress.device = json_get_string(json, "device");
    out->progress.total = number(json, "total", INT64_MAX);
    out->progress.done = number(json, "done", out->progress.total);
    return out->progress.device != NULL;
}

enum gw_err router_reply_parse(struct router_reply *out, const struct json *parameters)
{
    const struct json *progress = json_get(parameters, "progress");
    const struct json *result = json_get(parameters, "result");
    const struct json *device = json_get(parameters, "device");
    bool is_good = true;

    memset(out, 0, sizeof *out);
    if (json_is_object(progress)) {
        out->kind = ROUTER_PROGRESS;
        is_good = parse_progress(out, progress);
    } else if (json_is_object(result)) {
        out->kind = ROUTER_RESULT;
        is_good = parse_result(&out->result, result);
    } else if (json_is_object(device)) {
        out->kind = ROUTER_DEVICE;
        is_good = device_from_json(&out->device, device) == GW_OK;
    }
    return is_good ? GW_OK : GW_PROTOCOL;
}
