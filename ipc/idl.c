/* Parameters against an interface description, straight from its text (varlink.org, Interface
 * Definition). The text is ours and sound (tests/unit/test_interfaces.c); the JSON is the peer's.
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "varlink.h"

/* A place in the JSON, spelled for people; what does not fit is cut. */
struct place {
    char *text;
    size_t cap;
};

static const char *skip_space(const char *at)
{
    for (;;) {
        if (*at == '#') {
            at += strcspn(at, "\n");
        } else if (isspace((unsigned char)*at)) {
            at++;
        } else {
            return at;
        }
    }
}

static size_t word_length(const char *at)
{
    size_t len = 0;

    while (isalnum((unsigned char)at[len]) || at[len] == '_' || at[len] == '.' || at[len] == '-') {
        len++;
    }
    return len;
}

static bool is_word(const char *at, size_t len, const char *word)
{
    return strlen(word) == len && memcmp(at, word, len) == 0;
}

/* From an opening parenthesis to behind its closing one. */
static const char *skip_parentheses(const char *at)
{
    unsigned depth = 0;

    do {
        at = skip_space(at);
        depth += *at == '(';
        depth -= *at == ')';
        at += *at != '\0';
    } while (depth > 0 && *at);
    return at;
}

static const char *skip_type(const char *at)
{
    at = skip_space(at);
    while (*at == '?' || *at == '[') {
        at += *at == '?' ? 1 : strcspn(at, "]") + 1;
        at = skip_space(at);
    }
    return *at == '(' ? skip_parentheses(at) : at + word_length(at);
}

/* The opening parenthesis of `keyword name (`, or NULL. */
static const char *find_definition(const char *description, const char *keyword, const char *name,
                                   size_t name_len)
{
    for (const char *at = skip_space(description); *at; at = skip_space(at)) {
        size_t len = word_length(at);
        bool is_keyword = is_word(at, len, keyword);
        const char *found = skip_space(at + len);
        size_t found_len = word_length(found);

        at = skip_space(found + found_len);
        if (is_keyword && found_len == name_len && memcmp(found, name, name_len) == 0) {
            return at;
        }
        if (len == 0 || found_len == 0) {
            return NULL;
        }
        while (*at == '(' || *at == '-') {
            at = skip_space(*at == '(' ? skip_parentheses(at) : at + 2);
        }
    }
    return NULL;
}

static bool check_type(const char *description, const char *type, const struct json *value,
                       struct place *place);

static void append_name(struct place *place, const char *name)
{
    size_t len = strlen(place->text);

    (void)snprintf(place->text + len, place->cap - len, "%s%s", len ? "." : "", name);
}

static void append_index(struct place *place, unsigned long index)
{
    size_t len = strlen(place->text);

    (void)snprintf(place->text + len, place->cap - len, "[%lu]", index);
}

/* `value` at `type`, one level deeper; the place stays where the fault is. */
static bool check_elements(const char *description, const char *type, const struct json *container,
                           struct place *place)
{
    size_t len = strlen(place->text);
    unsigned long index = 0;

    for (const struct json *e = json_first(container); e; e = json_next(e), index++) {
        if (json_key(e)) {
            append_name(place, json_key(e));
        } else {
            append_index(place, index);
        }
        if (!check_type(description, type, e, place)) {
            return false;
        }
        place->text[len] = '\0';
    }
    return true;
}

static bool check_enum(const char *at, const struct json *value)
{
    const char *string = json_string(value);

    for (at = skip_space(at + 1); string && *at && *at != ')'; at = skip_space(at)) {
        size_t len = word_length(at);

        if (is_word(at, len, string)) {
            return true;
        }
        at += len + (at[len] == ',');
        at += len == 0;
    }
    return false;
}

/* Is the text at '(' a struct? `(a: t)` or `()`; else it is an enum. */
static bool is_struct(const char *at)
{
    at = skip_space(at + 1);
    return *at == ')' || *skip_space(at + word_length(at)) == ':';
}

/* The next field of a struct; *at stands at its '(', and moves to the ',' or ')' behind the field.
 * The name, with its type; NULL at the end. */
static const char *next_field(const char **at, size_t *name_len, const char **type)
{
    bool at_end = **at == ')';
    const char *name = at_end ? *at : skip_space(*at + 1);

    *name_len = at_end ? 0 : word_length(name);
    if (*name_len == 0) {
        return NULL;
    }
    *type = skip_space(skip_space(name + *name_len) + 1);
    *at = skip_space(skip_type(*type));
    return name;
}

static bool check_struct(const char *description, const char *at, const struct json *object,
                         struct place *place)
{
    size_t len = strlen(place->text), name_len;
    const char *name, *type;

    while ((name = next_field(&at, &name_len, &type)) != NULL) {
        char key[64];

        (void)snprintf(key, sizeof key, "%.*s", (int)name_len, name);
        append_name(place, key);
        if (!check_type(description, type, json_get(object, key), place)) {
            return false;
        }
        place->text[len] = '\0';
    }
    return true;
}

static bool check_named(const char *description, const char *type, const struct json *value,
                        struct place *place)
{
    size_t len = word_length(type);
    const char *definition;

    if (is_word(type, len, "bool")) {
        return json_is_bool(value);
    }
    if (is_word(type, len, "int")) {
        return json_is_integer(value);
    }
    if (is_word(type, len, "string")) {
        return json_is_string(value);
    }
    if (is_word(type, len, "object")) {
        return json_is_object(value);
    }
    definition = find_definition(description, "type", type, len);
    return definition && check_type(description, definition, value, place);
}

/* Recursion ends with the JSON, whose depth is bounded. `value` NULL = absent. */
static bool check_type(const char *description, const char *type, const struct json *value,
                       struct place *place)
{
    if (*type == '?') {
        return !value || json_is_null(value) || check_type(description, type + 1, value, place);
    }
    if (*type == '[') {
        bool is_array = type[1] == ']';

        return (is_array ? json_is_array(value) : json_is_object(value)) &&
               check_elements(description, type + strcspn(type, "]") + 1, value, place);
    }
    if (*type == '(') {
        return is_struct(type)
                   ? json_is_object(value) && check_struct(description, type, value, place)
                   : check_enum(type, value);
    }
    return check_named(description, type, value, place);
}

/* The first member that the method does not have: a misspelled option must not be ignored. Below
 * the top, unknown members are: a newer peer may say more of a thing. */
static const char *unknown_parameter(const char *at, const struct json *parameters)
{
    for (const struct json *p = json_first(parameters); p; p = json_next(p)) {
        const char *fields = at, *name, *type;
        bool known = false;
        size_t len;

        while (!known && (name = next_field(&fields, &len, &type)) != NULL) {
            known = is_word(name, len, json_key(p));
        }
        if (!known) {
            return json_key(p);
        }
    }
    return NULL;
}

const char *varlink_check_parameters(const char *description, const char *method,
                                     const struct json *value, char *path, size_t path_cap)
{
    const char *at = find_definition(description, "method", method, strlen(method));
    struct place place = { path, path_cap };

    path[0] = '\0';
    if (!at) {
        return VARLINK_METHOD_NOT_FOUND;
    }
    const char *unknown = unknown_parameter(at, value);

    if (unknown) {
        (void)snprintf(path, path_cap, "%s", unknown);
        return VARLINK_INVALID_PARAMETER;
    }
    return check_struct(description, at, value, &place) ? NULL : VARLINK_INVALID_PARAMETER;
}
