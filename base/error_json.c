#include "error_json.h"

#include <stdio.h>

#include "json.h"

struct json *error_to_json(const struct gw_error *error)
{
    const struct gw_code *code = gw_code_of(error->err);
    struct json *json = json_new_object();
    char text[16];

    (void)snprintf(text, sizeof text, "GW%04d", (int)code->err);
    json_set_string(json, "code", text);
    json_set_string(json, "name", code->name);
    json_set_string(json, "message", code->text);
    json_set_string(json, "detail", error->detail[0] ? error->detail : NULL);
    json_set_string(json, "cause", code->cause);
    json_set_string(json, "next", code->next);
    return json;
}
