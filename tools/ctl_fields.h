/* Members of a reply, when what is absent is shown as nothing. */
#ifndef TOOLS_CTL_FIELDS_H
#define TOOLS_CTL_FIELDS_H

#include "json.h"

/* A string member, "" when absent. */
static inline const char *text_of(const struct json *object, const char *key)
{
    const char *text = json_get_string(object, key);

    return text ? text : "";
}

static inline int64_t number_of(const struct json *object, const char *key)
{
    return json_get_integer(object, key, 0);
}

static inline bool has(const struct json *object, const char *key)
{
    const struct json *node = json_get(object, key);

    return node && !json_is_null(node);
}

/* Present and not empty. */
static inline bool has_text(const struct json *object, const char *key)
{
    return *text_of(object, key) != '\0';
}

#endif
