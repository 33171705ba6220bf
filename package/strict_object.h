/* Members of JSON objects whose shape is a rule: each reader checks type and range, and says place
 * and rule when it refuses.
 *
 * A reader poisons its context at the first refusal and then does nothing, so a parser reads a
 * whole object in straight line and asks `err` once. Absent members: see each function.
 */
#ifndef PACKAGE_STRICT_OBJECT_H
#define PACKAGE_STRICT_OBJECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"
#include "json.h"

struct strict {
    enum gw_err err;        /* the first refusal; GW_OK so far */
    enum gw_err code;       /* what refusals are: GW_MANIFEST, GW_BAD_PARAMETER */
    struct gw_error *error; /* may be NULL */
    char path[120];         /* of the object being read: "components[2].match"; "" at the root */
    char where[160];        /* path and key of the first refusal, for json_locate() */
};

/* Refuse: "<path>.<key>: <rule>". `key` may be NULL. */
void strict_refuse(struct strict *s, const char *key, const char *rule);

/* `object` must be an object whose keys are all among `keys` (NULL-terminated) or begin with "x-".
 */
void strict_keys(struct strict *s, const struct json *object, const char *const keys[]);

/* Append ".key" or "[index]" to the path; the result restores it with strict_leave(). */
size_t strict_enter(struct strict *s, const char *key);
size_t strict_enter_index(struct strict *s, size_t index);
void strict_leave(struct strict *s, size_t mark);

/* An integer min..max; must be present. 0 when refused. */
uint64_t strict_uint(struct strict *s, const struct json *object, const char *key, uint64_t min,
                     uint64_t max);

/* The same, `otherwise` when absent. */
uint64_t strict_uint_or(struct strict *s, const struct json *object, const char *key, uint64_t min,
                        uint64_t max, uint64_t otherwise);

/* A boolean, `otherwise` when absent. */
bool strict_bool_or(struct strict *s, const struct json *object, const char *key, bool otherwise);

/* A string that satisfies `is_good`; must be present. "" when refused. */
const char *strict_name(struct strict *s, const struct json *object, const char *key,
                        bool (*is_good)(const char *name));

/* Printable text of min..max bytes; must be present. "" when refused. */
const char *strict_text(struct strict *s, const struct json *object, const char *key, size_t min,
                        size_t max);

/* The same, NULL when absent. */
const char *strict_text_or_null(struct strict *s, const struct json *object, const char *key,
                                size_t min, size_t max);

/* Exactly `len` bytes in lower-case hex; must be present. */
void strict_hex(struct strict *s, const struct json *object, const char *key, uint8_t *bytes,
                size_t len);

/* An array of at most `max` elements; NULL when absent or refused. */
const struct json *strict_array(struct strict *s, const struct json *object, const char *key,
                                size_t max);

/* Lower-case hex of 1..cap bytes, NUL-terminated. False for anything else. */
bool hex_decode(const char *text, uint8_t *bytes, size_t cap, size_t *len);

#endif
