#include "ctl_failure.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl_fields.h"
#include "error_json.h"

struct json *failure_of(const struct gw_error *error)
{
    struct json *failure = error_to_json(error);

    json_set_integer(failure, "exit_code", gw_code_of(error->err)->exit_code);
    return failure;
}

struct json *failure_new(enum gw_err err, const char *format, ...)
{
    struct gw_error error = { err, "" };
    va_list args;

    va_start(args, format);
    (void)vsnprintf(error.detail, sizeof error.detail, format, args);
    va_end(args);
    return failure_of(&error);
}

/* The daemon's own object; an older one may not give the exit code. */
static struct json *from_daemon(const struct json *parameters)
{
    const struct gw_code *code = gw_code_parse(text_of(parameters, "code"));
    struct json *failure = json_copy(parameters);

    if (!has(failure, "exit_code")) {
        json_set_integer(failure, "exit_code", code ? (int)code->exit_code : EXIT_FAILED);
    }
    return failure;
}

/* Failed of routers and the fetcher: {code: int, detail: string}. */
static struct json *from_number(const struct json *parameters)
{
    char digits[24];
    const struct gw_code *code;

    (void)snprintf(digits, sizeof digits, "%lld", (long long)number_of(parameters, "code"));
    code = gw_code_parse(digits);
    return failure_new(code ? code->err : GW_PEER_ERROR, "%s", text_of(parameters, "detail"));
}

/* By the last word of the error's name; what nobody knows is GW_PEER_ERROR. */
static enum gw_err err_of_name(const char *name)
{
    static const struct {
        const char *word;
        enum gw_err err;
    } words[] = {
        { "MethodNotFound", GW_NO_METHOD },
        { "InterfaceNotFound", GW_NO_METHOD },
        { "MethodNotImplemented", GW_NO_METHOD },
        { "InvalidParameter", GW_BAD_PARAMETER },
        { "Invalid", GW_BAD_PARAMETER },
        { "ExpectedMore", GW_BAD_PARAMETER },
        { "PermissionDenied", GW_DENIED },
        { "NotFound", GW_NOT_FOUND },
        { "Busy", GW_BUSY },
    };
    const char *dot = strrchr(name, '.');

    for (size_t i = 0; dot && i < sizeof words / sizeof words[0]; i++) {
        if (strcmp(dot + 1, words[i].word) == 0) {
            return words[i].err;
        }
    }
    return GW_PEER_ERROR;
}

struct json *failure_of_reply(const struct varlink_reply *reply)
{
    const struct json *code = json_get(reply->parameters, "code");

    if (json_is_string(code)) {
        return from_daemon(reply->parameters);
    }
    if (json_is_integer(code)) {
        return from_number(reply->parameters);
    }
    char *parameters = reply->parameters ? json_print(reply->parameters) : NULL;
    struct json *failure = failure_new(err_of_name(reply->error), "%s %s", reply->error,
                                       parameters ? parameters : "");

    free(parameters);
    return failure;
}

int failure_exit_code(const struct json *failure)
{
    int64_t code = json_get_integer(failure, "exit_code", EXIT_FAILED);

    return code > 0 && code < 256 ? (int)code : EXIT_FAILED;
}
