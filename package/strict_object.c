#include "strict_object.h"

#include <stdio.h>
#include <string.h>

#include "names.h"

void strict_refuse(struct strict *s, const char *key, const char *rule)
{
    const char *dot = s->path[0] && key ? "." : "";

    if (s->err == GW_OK) {
        (void)snprintf(s->where, sizeof s->where, "%s%s%s", s->path, dot, key ? key : "");
        s->err = gw_fail(s->error, s->code, "%s%s%s", s->where, s->where[0] ? ": " : "", rule);
    }
}

void strict_keys(struct strict *s, const struct json *object, const char *const keys[])
{
    if (!json_is_object(object)) {
        strict_refuse(s, NULL, "must be an object");
        return;
    }
    for (const struct json *m = json_first(object); m; m = json_next(m)) {
        const char *name = json_key(m);
        size_t i = 0;

        while (keys[i] && strcmp(keys[i], name) != 0) {
            i++;
        }
        if (!keys[i] && strncmp(name, "x-", 2) != 0) {
            strict_refuse(s, name, "unknown key");
        }
    }
}

size_t strict_enter(struct strict *s, const char *key)
{
    size_t mark = strlen(s->path);

    (void)snprintf(s->path + mark, sizeof s->path - mark, "%s%s", mark ? "." : "", key);
    return mark;
}

size_t strict_enter_index(struct strict *s, size_t index)
{
    size_t mark = strlen(s->path);

    (void)snprintf(s->path + mark, sizeof s->path - mark, "[%zu]", index);
    return mark;
}

void strict_leave(struct strict *s, size_t mark)
{
    s->path[mark] = '\0';
}

uint64_t strict_uint(struct strict *s, const struct json *object, const char *key, uint64_t min,
                     uint64_t max)
{
    int64_t value;

    if (!json_integer(json_get(object, key), &value) || value < 0 || (uint64_t)value < min ||
        (uint64_t)value > max) {
        char rule[80];

        (void)snprintf(rule, sizeof rule, "must be an integer from %llu to %llu",
                       (unsigned long long)min, (unsigned long long)max);
        strict_refuse(s, key, rule);
        return 0;
    }
    return (uint64_t)value;
}

uint64_t strict_uint_or(struct strict *s, const struct json *object, const char *key, uint64_t min,
                        uint64_t max, uint64_t otherwise)
{
    return json_get(object, key) ? strict_uint(s, object, key, min, max) : otherwise;
}

bool strict_bool_or(struct strict *s, const struct json *object, const char *key, bool otherwise)
{
    const struct json *node = json_get(object, key);

    if (node && !json_is_bool(node)) {
        strict_refuse(s, key, "must be true or false");
    }
    return json_bool(node, otherwise);
}

const char *strict_name(struct strict *s, const struct json *object, const char *key,
                        bool (*is_good)(const char *name))
{
    const char *name = json_get_string(object, key);

    if (!is_good(name)) {
        strict_refuse(s, key, name ? "this name is not permitted" : "must be a name");
        return "";
    }
    return name;
}

const char *strict_text(struct strict *s, const struct json *object, const char *key, size_t min,
                        size_t max)
{
    const char *text = json_get_string(object, key);

    if (!text_is_printable(text, min, max)) {
        char rule[80];

        (void)snprintf(rule, sizeof rule, "must be printable text of %zu to %zu bytes", min, max);
        strict_refuse(s, key, rule);
        return "";
    }
    return text;
}

const char *strict_text_or_null(struct strict *s, const struct json *object, const char *key,
                                size_t min, size_t max)
{
    return json_get(object, key) ? strict_text(s, object, key, min, max) : NULL;
}

void strict_hex(struct strict *s, const struct json *object, const char *key, uint8_t *bytes,
                size_t len)
{
    if (!json_get_hex(object, key, bytes, len)) {
        char rule[64];

        (void)snprintf(rule, sizeof rule, "must be %zu lower-case hex digits", 2 * len);
        strict_refuse(s, key, rule);
    }
}

const struct json *strict_array(struct strict *s, const struct json *object, const char *key,
                                size_t max)
{
    const struct json *array = json_get(object, key);

    if (!array) {
        return NULL;
    }
    if (!json_is_array(array) || json_count(array) > max) {
        char rule[64];

        (void)snprintf(rule, sizeof rule, "must be an array of at most %zu elements", max);
        strict_refuse(s, key, rule);
        return NULL;
    }
    return array;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool hex_decode(const char *text, uint8_t *bytes, size_t cap, size_t *len)
{
    size_t digits = text ? strlen(text) : 0;

    if (digits == 0 || digits % 2 != 0 || digits / 2 > cap) {
        return false;
    }
    for (size_t i = 0; i < digits / 2; i++) {
        int high = hex_value(text[2 * i]), low = hex_value(text[2 * i + 1]);

        if (high < 0 || low < 0) {
            return false;
        }
        bytes[i] = (uint8_t)(high << 4 | low);
    }
    *len = digits / 2;
    return true;
}
