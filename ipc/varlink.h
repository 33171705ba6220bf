/* Varlink messages as bytes and structs: the pure half of ipc/. No I/O, no clock.
 *
 * A message is one JSON object and a NUL, at most VARLINK_MESSAGE_MAX bytes. Everything goes
 * through base/json, so what it refuses never reaches a handler. Source: the Varlink protocol
 * (varlink.org, UAPI.20) and docs/SPEC.
 */
#ifndef IPC_VARLINK_H
#define IPC_VARLINK_H

#include <stdbool.h>
#include <stddef.h>

#include "err.h"
#include "json.h"

enum { VARLINK_MESSAGE_MAX = 1 << 20 }; /* bytes, without the NUL */

#define VARLINK_INTERFACE_NOT_FOUND    "org.varlink.service.InterfaceNotFound"
#define VARLINK_METHOD_NOT_FOUND       "org.varlink.service.MethodNotFound"
#define VARLINK_METHOD_NOT_IMPLEMENTED "org.varlink.service.MethodNotImplemented"
#define VARLINK_INVALID_PARAMETER      "org.varlink.service.InvalidParameter"
#define VARLINK_PERMISSION_DENIED      "org.varlink.service.PermissionDenied"
#define VARLINK_EXPECTED_MORE          "org.varlink.service.ExpectedMore"

/* --- received bytes, cut into messages --- */

/* Zeroed = empty. Grows to one message and no further. */
struct varlink_input {
    char *bytes;
    size_t start, len, cap; /* bytes[start..len) are not consumed yet */
    size_t scanned;         /* bytes[start..scanned) hold no NUL */
};

/* Where to put the next bytes: *len > 0 bytes at *room; then varlink_input_added() says how many
 * came. GW_BAD_MESSAGE: the message is longer than permitted. GW_NO_MEMORY. */
MUST_USE enum gw_err varlink_input_room(struct varlink_input *in, char **room, size_t *len);
void varlink_input_added(struct varlink_input *in, size_t len);

/* The next whole message without its NUL, or NULL. It stays valid until the next call here. */
const char *varlink_input_next(struct varlink_input *in, size_t *len);

/* After a protocol upgrade: take up to `cap` bytes as they are. Returns how many. */
size_t varlink_input_take(struct varlink_input *in, void *buf, size_t cap);
void varlink_input_free(struct varlink_input *in);

/* --- calls and replies --- */

enum varlink_flags { VARLINK_MORE = 1, VARLINK_ONEWAY = 2, VARLINK_UPGRADE = 4 };

struct varlink_call {
    struct json *document;         /* owns everything below */
    const char *method;            /* "io.gatewayd.Control.Status" */
    const struct json *parameters; /* an object, or NULL when none came */
    bool more, oneway, upgrade;
};

struct varlink_reply {
    struct json *document;
    const char *error;             /* "io.gatewayd.Control.Failed"; NULL = success */
    const struct json *parameters; /* as above */
    bool continues;                /* more replies to this call follow */
};

/* GW_OK: the caller frees *out. GW_BAD_MESSAGE with *where (may be NULL); *out is zeroed. */
MUST_USE enum gw_err varlink_call_parse(struct varlink_call *out, const char *text, size_t len,
                                        struct json_where *where);
MUST_USE enum gw_err varlink_reply_parse(struct varlink_reply *out, const char *text, size_t len,
                                         struct json_where *where);
void varlink_call_free(struct varlink_call *call);
void varlink_reply_free(struct varlink_reply *reply);

/* The message as text; the caller frees; strlen() + 1 bytes go on the wire. Takes `parameters` over
 * (NULL = none). NULL when the text would exceed VARLINK_MESSAGE_MAX. */
char *varlink_print_call(const char *method, struct json *parameters, unsigned flags);
char *varlink_print_reply(struct json *parameters, bool continues);
char *varlink_print_error(const char *error, struct json *parameters);

/* --- what every server answers --- */

struct varlink_interface {
    const char *name;        /* "io.gatewayd.Control" */
    const char *description; /* the text of its .varlink file */
};

struct varlink_service {
    const char *product; /* "gatewayd-router-uart" */
    const char *version; /* GW_VERSION */
    const struct varlink_interface *const
        *interfaces; /* NULL-terminated, without org.varlink.service */
};

/* What the service itself has to say to `call`: the answer to a method of org.varlink.service, or
 * the standard error for an unknown interface or method or for parameters that do not fit the
 * interface description (a member missing, unknown or of a wrong type). The caller sends and frees
 * it. NULL: the call is sound, and its handler may rely on the shape of the parameters. */
char *varlink_service_reply(const struct varlink_service *service, const struct varlink_call *call);

/* Check `value` (NULL = {}) against the parameters of `method` ("Install") in `description`.
 * NULL = fits; else the first member that does not, in *path ("image.size", "devices[2]"), and the
 * standard error that says so. A member that is optional may be absent or null. */
const char *varlink_check_parameters(const char *description, const char *method,
                                     const struct json *value, char *path, size_t path_cap);

#endif
