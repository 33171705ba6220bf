/* JSON, read strictly (RFC 8259 and docs/SPEC, System manifest) and written canonically.
 *
 * The scanner refuses before anything is built: duplicate keys, trailing bytes, invalid UTF-8,
 * control characters and \u0000 in strings, depth over the limit, and any number that is not a
 * decimal integer of magnitude below 2^53. Keys are case-sensitive. Comments (// to the end of
 * the line) only where the caller permits them: configuration files.
 * A document owns all of its nodes: json_free() takes the root only. `const struct json *`
 * arguments may be NULL wherever a missing member is meant; getters then answer "absent".
 */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"

enum { JSON_DEPTH_MAX = 32, JSON_BYTES_MAX = 1 << 20 };

struct json; /* one node; opaque */

/* Where and why a text was refused, or where a node stands in it. */
struct json_where {
    unsigned line, column; /* from 1; 0 = unknown */
    char why[120];
};

enum json_flags { JSON_STRICT = 0, JSON_COMMENTS = 1 };

/* Parse exactly `len` bytes. GW_OK: *out owns the document. GW_BAD_MESSAGE: *out is NULL and *where
 * (may be NULL) says why. GW_NO_MEMORY. Limits: JSON_BYTES_MAX bytes, JSON_DEPTH_MAX levels. */
MUST_USE enum gw_err json_parse(struct json **out, const char *text, size_t len,
                                enum json_flags flags, struct json_where *where);
void json_free(struct json *root); /* NULL is fine */

/* Print on one line without spaces / indented for people. The caller frees; NULL = no memory. */
char *json_print(const struct json *node);
char *json_print_pretty(const struct json *node);

/* Line and column of `path` ("buses.cabinet-1.link", "components[2].size") in a text that
 * json_parse() accepted with the same flags; {0, 0} when it does not stand there. */
struct json_where json_locate(const char *text, size_t len, const char *path);

/* Type questions. */
bool json_is_object(const struct json *node);
bool json_is_array(const struct json *node);
bool json_is_string(const struct json *node);
bool json_is_integer(const struct json *node);
bool json_is_bool(const struct json *node);
bool json_is_null(const struct json *node);

/* Walk: members of an object and elements of an array, in order. */
size_t json_count(const struct json *container);
const struct json *json_get(const struct json *object, const char *key); /* NULL = absent */
const struct json *json_first(const struct json *container);
const struct json *json_next(const struct json *node);
const char *json_key(const struct json *member); /* NULL for array elements */

/* Values. The pointer stays valid as long as the document. */
const char *json_string(const struct json *node);           /* NULL unless a string */
bool json_integer(const struct json *node, int64_t *value); /* false unless an integer */
bool json_bool(const struct json *node, bool otherwise);    /* `otherwise` unless a boolean */

/* Members in one step, for messages whose shape is known: absent or another type = otherwise. */
const char *json_get_string(const struct json *object, const char *key);
int64_t json_get_integer(const struct json *object, const char *key, int64_t otherwise);
bool json_get_bool(const struct json *object, const char *key, bool otherwise);
/* Lower-case hex of exactly `len` bytes; false when absent or anything else. */
bool json_get_hex(const struct json *object, const char *key, uint8_t *bytes, size_t len);

/* Build. Adding takes ownership of `value` and returns it, so that nesting reads well; running out
 * of memory aborts the process (small messages only, never payload). */
struct json *json_new_object(void);
struct json *json_new_array(void);
struct json *json_new_string(const char *text);
struct json *json_new_integer(int64_t value);
struct json *json_new_bool(bool value);
struct json *json_new_null(void);
struct json *json_copy(const struct json *node);
struct json *json_set(struct json *object, const char *key, struct json *value); /* replaces */
struct json *json_append(struct json *array, struct json *value);
void json_set_string(struct json *object, const char *key, const char *text); /* NULL: left out */
void json_set_integer(struct json *object, const char *key, int64_t value);
void json_set_bool(struct json *object, const char *key, bool value);
void json_set_hex(struct json *object, const char *key, const uint8_t *bytes, size_t len);

#endif
