#include "varlink.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "interfaces.h"

enum {
    INPUT_FIRST = 4096,
    INPUT_MAX = VARLINK_MESSAGE_MAX + 1,
    INPUT_KEEP = 65536, /* a larger buffer is given back when it is empty */
};

/* --- received bytes --- */

enum gw_err varlink_input_room(struct varlink_input *in, char **room, size_t *len)
{
    if (in->start > 0) {
        memmove(in->bytes, in->bytes + in->start, in->len - in->start);
        in->len -= in->start;
        in->scanned -= in->start;
        in->start = 0;
    }
    if (in->len == INPUT_MAX) {
        return GW_BAD_MESSAGE;
    }
    if (in->len == in->cap) {
        size_t cap = in->cap ? 2 * in->cap : INPUT_FIRST;
        char *bytes = realloc(in->bytes, cap < INPUT_MAX ? cap : INPUT_MAX);

        if (!bytes) {
            return GW_NO_MEMORY;
        }
        in->bytes = bytes;
        in->cap = cap < INPUT_MAX ? cap : INPUT_MAX;
    }
    *room = in->bytes + in->len;
    *len = in->cap - in->len;
    return GW_OK;
}

void varlink_input_added(struct varlink_input *in, size_t len)
{
    in->len += len;
}

static void give_back_when_empty(struct varlink_input *in)
{
    if (in->start == in->len && in->cap > INPUT_KEEP) {
        varlink_input_free(in);
    }
}

const char *varlink_input_next(struct varlink_input *in, size_t *len)
{
    const char *end = in->len > in->scanned
                          ? memchr(in->bytes + in->scanned, '\0', in->len - in->scanned)
                          : NULL;

    *len = 0;
    if (!end) {
        in->scanned = in->len;
        give_back_when_empty(in);
        return NULL;
    }
    const char *message = in->bytes + in->start;

    *len = (size_t)(end - message);
    in->start += *len + 1;
    in->scanned = in->start;
    return message;
}

size_t varlink_input_take(struct varlink_input *in, void *buf, size_t cap)
{
    size_t len = in->len - in->start < cap ? in->len - in->start : cap;

    if (len > 0) {
        memcpy(buf, in->bytes + in->start, len);
        in->start += len;
        in->scanned = in->start;
    }
    give_back_when_empty(in);
    return len;
}

void varlink_input_free(struct varlink_input *in)
{
    free(in->bytes);
    memset(in, 0, sizeof *in);
}

/* --- calls and replies --- */

static enum gw_err refuse(struct json_where *where, const char *why)
{
    if (where) {
        memset(where, 0, sizeof *where);
        (void)snprintf(where->why, sizeof where->why, "%s", why);
    }
    return GW_BAD_MESSAGE;
}

/* An optional member of `document` that must be a boolean. */
static bool is_flag(const struct json *document, const char *key)
{
    const struct json *node = json_get(document, key);

    return !node || json_is_bool(node) || json_is_null(node);
}

/* Absent and null are the same: NULL. */
static const struct json *parameters_of(const struct json *document)
{
    const struct json *node = json_get(document, "parameters");

    return node && !json_is_null(node) ? node : NULL;
}

static const char *fault_of(const struct json *document)
{
    const struct json *parameters = parameters_of(document);

    if (!json_is_object(document)) {
        return "not an object";
    }
    return parameters && !json_is_object(parameters) ? "parameters: not an object" : NULL;
}

static const char *fault_of_call(const struct json *document)
{
    const char *fault = fault_of(document);

    if (fault) {
        return fault;
    }
    if (!json_get_string(document, "method")) {
        return "method: missing, or not a string";
    }
    return is_flag(document, "more") && is_flag(document, "oneway") && is_flag(document, "upgrade")
               ? NULL
               : "more, oneway, upgrade: not a boolean";
}

static const char *fault_of_reply(const struct json *document)
{
    const struct json *error = json_get(document, "error");
    const char *fault = fault_of(document);

    if (fault) {
        return fault;
    }
    if (error && !json_is_string(error) && !json_is_null(error)) {
        return "error: not a string";
    }
    return is_flag(document, "continues") ? NULL : "continues: not a boolean";
}

static enum gw_err parse(struct json **document, const char *text, size_t len,
                         const char *(*fault_in)(const struct json *), struct json_where *where)
{
    enum gw_err err = json_parse(document, text, len, JSON_STRICT, where);

    if (err != GW_OK) {
        return err;
    }
    const char *fault = fault_in(*document);

    if (fault) {
        json_free(*document);
        *document = NULL;
        return refuse(where, fault);
    }
    return GW_OK;
}

enum gw_err varlink_call_parse(struct varlink_call *out, const char *text, size_t len,
                               struct json_where *where)
{
    memset(out, 0, sizeof *out);
    enum gw_err err = parse(&out->document, text, len, fault_of_call, where);

    if (err == GW_OK) {
        out->method = json_get_string(out->document, "method");
        out->parameters = parameters_of(out->document);
        out->more = json_get_bool(out->document, "more", false);
        out->oneway = json_get_bool(out->document, "oneway", false);
        out->upgrade = json_get_bool(out->document, "upgrade", false);
    }
    return err;
}

enum gw_err varlink_reply_parse(struct varlink_reply *out, const char *text, size_t len,
                                struct json_where *where)
{
    memset(out, 0, sizeof *out);
    enum gw_err err = parse(&out->document, text, len, fault_of_reply, where);

    if (err == GW_OK) {
        out->error = json_get_string(out->document, "error");
        out->parameters = parameters_of(out->document);
        out->continues = !out->error && json_get_bool(out->document, "continues", false);
    }
    return err;
}

void varlink_call_free(struct varlink_call *call)
{
    json_free(call->document);
    memset(call, 0, sizeof *call);
}

void varlink_reply_free(struct varlink_reply *reply)
{
    json_free(reply->document);
    memset(reply, 0, sizeof *reply);
}

/* Print and free `message`. */
static char *print(struct json *message)
{
    char *text = json_print(message);

    json_free(message);
    if (text && strlen(text) > VARLINK_MESSAGE_MAX) {
        free(text);
        return NULL;
    }
    return text;
}

static void set_flag(struct json *message, const char *key, bool value)
{
    if (value) {
        json_set_bool(message, key, true);
    }
}

char *varlink_print_call(const char *method, struct json *parameters, unsigned flags)
{
    struct json *message = json_new_object();

    json_set_string(message, "method", method);
    if (parameters) {
        (void)json_set(message, "parameters", parameters);
    }
    set_flag(message, "more", flags & VARLINK_MORE);
    set_flag(message, "oneway", flags & VARLINK_ONEWAY);
    set_flag(message, "upgrade", flags & VARLINK_UPGRADE);
    return print(message);
}

char *varlink_print_reply(struct json *parameters, bool continues)
{
    struct json *message = json_new_object();

    (void)json_set(message, "parameters", parameters ? parameters : json_new_object());
    set_flag(message, "continues", continues);
    return print(message);
}

char *varlink_print_error(const char *error, struct json *parameters)
{
    struct json *message = json_new_object();

    json_set_string(message, "error", error);
    (void)json_set(message, "parameters", parameters ? parameters : json_new_object());
    return print(message);
}

/* --- what every server answers --- */

static const struct varlink_interface *find_interface(const struct varlink_service *service,
                                                      const char *name, size_t len)
{
    if (strlen(interface_service.name) == len && memcmp(interface_service.name, name, len) == 0) {
        return &interface_service;
    }
    for (const struct varlink_interface *const *i = service->interfaces; *i; i++) {
        if (strlen((*i)->name) == len && memcmp((*i)->name, name, len) == 0) {
            return *i;
        }
    }
    return NULL;
}

static char *print_named(const char *error, const char *key, const char *value)
{
    struct json *parameters = json_new_object();

    json_set_string(parameters, key, value);
    return varlink_print_error(error, parameters);
}

static char *info_reply(const struct varlink_service *service)
{
    struct json *info = json_new_object();
    struct json *names;

    json_set_string(info, "vendor", "gatewayd");
    json_set_string(info, "product", service->product);
    json_set_string(info, "version", service->version);
    json_set_string(info, "url", "https://varlink.org");
    names = json_set(info, "interfaces", json_new_array());
    (void)json_append(names, json_new_string(interface_service.name));
    for (const struct varlink_interface *const *i = service->interfaces; *i; i++) {
        (void)json_append(names, json_new_string((*i)->name));
    }
    return varlink_print_reply(info, false);
}

static char *description_reply(const struct varlink_service *service, const char *name)
{
    const struct varlink_interface *interface = find_interface(service, name, strlen(name));
    struct json *parameters;

    if (!interface) {
        return print_named(VARLINK_INTERFACE_NOT_FOUND, "interface", name);
    }
    parameters = json_new_object();
    json_set_string(parameters, "description", interface->description);
    return varlink_print_reply(parameters, false);
}

char *varlink_service_reply(const struct varlink_service *service, const struct varlink_call *call)
{
    const char *dot = strrchr(call->method, '.');
    size_t interface_len = dot ? (size_t)(dot - call->method) : strlen(call->method);
    const struct varlink_interface *interface = find_interface(service, call->method,
                                                               interface_len);
    char path[200];

    if (!interface) {
        char name[200];

        (void)snprintf(name, sizeof name, "%.*s", (int)interface_len, call->method);
        return print_named(VARLINK_INTERFACE_NOT_FOUND, "interface", name);
    }
    if (!dot) {
        return print_named(VARLINK_METHOD_NOT_FOUND, "method", call->method);
    }
    const char *error = varlink_check_parameters(interface->description, dot + 1, call->parameters,
                                                 path, sizeof path);

    if (error) {
        bool is_method = strcmp(error, VARLINK_METHOD_NOT_FOUND) == 0;

        return print_named(error, is_method ? "method" : "parameter",
                           is_method ? call->method : path);
    }
    if (interface != &interface_service) {
        return NULL;
    }
    return strcmp(dot + 1, "GetInfo") == 0
               ? info_reply(service)
               : description_reply(service, json_get_string(call->parameters, "interface"));
}
