#include "sim_spec.h"

#include <stdio.h>
#include <string.h>

enum gw_err sim_spec_open(struct sim_spec *spec, const char *file, const char *text, size_t len,
                          struct gw_error *error)
{
    struct json_where where;

    *spec = (struct sim_spec){ .file = file, .text = text, .len = len, .error = error };
    spec->err = json_parse(&spec->root, text, len, JSON_COMMENTS, &where);
    if (spec->err) {
        spec->err = gw_fail(error, GW_CONFIG, "%s:%u:%u: %s", file, where.line, where.column,
                            where.why);
    } else if (!json_is_object(spec->root)) {
        spec->err = gw_fail(error, GW_CONFIG, "%s:1:1: not an object", file);
    }
    return spec->err;
}

void sim_spec_close(struct sim_spec *spec)
{
    json_free(spec->root);
    spec->root = NULL;
}

static void join(char path[120], const struct sim_object *o, const char *key)
{
    bool dot = o->path[0] && key[0] && key[0] != '[';

    (void)snprintf(path, 120, "%.60s%s%.50s", o->path, dot ? "." : "", key);
}

void sim_spec_fail(struct sim_spec *spec, const struct sim_object *o, const char *key,
                   const char *why)
{
    struct json_where where;
    char path[120];

    if (spec->err) {
        return;
    }
    join(path, o, key);
    where = json_locate(spec->text, spec->len, path);
    if (where.line == 0) {
        where = json_locate(spec->text, spec->len, o->path);
    }
    spec->err = gw_fail(spec->error, GW_CONFIG, "%s:%u:%u: %s: %s", spec->file, where.line,
                        where.column, path, why);
}

struct sim_object sim_spec_root(const struct sim_spec *spec)
{
    return (struct sim_object){ .json = spec->root };
}

void sim_spec_keys(struct sim_spec *spec, const struct sim_object *o, const char *const *keys)
{
    for (const struct json *m = json_first(o->json); m; m = json_next(m)) {
        const char *const *key = keys;

        while (*key && strcmp(*key, json_key(m)) != 0) {
            key++;
        }
        if (!*key) {
            sim_spec_fail(spec, o, json_key(m), "unknown key");
        }
    }
}

struct sim_object sim_spec_object(struct sim_spec *spec, const struct sim_object *o,
                                  const char *key)
{
    struct sim_object out = { .json = json_get(o->json, key) };

    join(out.path, o, key);
    if (out.json && !json_is_object(out.json)) {
        sim_spec_fail(spec, o, key, "must be an object");
        out.json = NULL;
    }
    return out;
}

size_t sim_spec_count(struct sim_spec *spec, const struct sim_object *o, const char *key)
{
    const struct json *array = json_get(o->json, key);

    if (array && !json_is_array(array)) {
        sim_spec_fail(spec, o, key, "must be an array");
        return 0;
    }
    return array ? json_count(array) : 0;
}

struct sim_object sim_spec_element(struct sim_spec *spec, const struct sim_object *o,
                                   const char *key, size_t index)
{
    struct sim_object out = { .json = json_first(json_get(o->json, key)) };
    char name[64];

    for (size_t i = 0; i < index; i++) {
        out.json = json_next(out.json);
    }
    (void)snprintf(name, sizeof name, "%.40s[%zu]", key, index);
    join(out.path, o, name);
    if (!json_is_object(out.json)) {
        sim_spec_fail(spec, o, name, "must be an object");
        out.json = NULL;
    }
    return out;
}

const char *sim_spec_text(struct sim_spec *spec, const struct sim_object *o, const char *key,
                          const char *otherwise)
{
    const struct json *value = json_get(o->json, key);

    if (!value && otherwise) {
        return otherwise;
    }
    if (!json_is_string(value)) {
        sim_spec_fail(spec, o, key, value ? "must be a text" : "is missing");
        return otherwise ? otherwise : "";
    }
    return json_string(value);
}

uint64_t sim_spec_uint(struct sim_spec *spec, const struct sim_object *o, const char *key,
                       uint64_t otherwise, uint64_t min, uint64_t max)
{
    const struct json *value = json_get(o->json, key);
    int64_t number = 0;
    char why[80];

    if (!value) {
        return otherwise;
    }
    if (!json_integer(value, &number) || number < 0 || (uint64_t)number < min ||
        (uint64_t)number > max) {
        (void)snprintf(why, sizeof why, "must be a number from %llu to %llu",
                       (unsigned long long)min, (unsigned long long)max);
        sim_spec_fail(spec, o, key, why);
        return otherwise;
    }
    return (uint64_t)number;
}

bool sim_spec_bool(struct sim_spec *spec, const struct sim_object *o, const char *key,
                   bool otherwise)
{
    const struct json *value = json_get(o->json, key);

    if (value && !json_is_bool(value)) {
        sim_spec_fail(spec, o, key, "must be true or false");
    }
    return json_bool(value, otherwise);
}
