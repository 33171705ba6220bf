#include "config_schema.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"

static const char *const modes[] = { "auto", "cached", "streamed", NULL };
static const char *const stale_crls[] = { "warn", "refuse", NULL };
static const char *const framings[] = { "auto", "console", "raw", NULL };

static const struct config_key foreign_keys[] = {
    { "vendor", CONFIG_STRING, 1, 64, NULL, NULL },
    { "class", CONFIG_STRING, 1, 64, NULL, NULL },
    { "component", CONFIG_INTEGER, 0, 255, NULL, NULL },
    { "hardware", CONFIG_INTEGER, 0, 65535, NULL, NULL },
    { NULL, CONFIG_BOOL, 0, 0, NULL, NULL },
};

static const struct config_key device_keys[] = {
    { "address", CONFIG_STRING, 1, 64, NULL, NULL },
    { "foreign", CONFIG_OBJECT, 0, 0, NULL, foreign_keys },
    { NULL, CONFIG_BOOL, 0, 0, NULL, NULL },
};

static const struct config_key sandbox_keys[] = {
    { "read", CONFIG_LIST, 0, 0, NULL, NULL },
    { "write", CONFIG_LIST, 0, 0, NULL, NULL },
    { "sockets", CONFIG_LIST, 0, 0, NULL, NULL },
    { NULL, CONFIG_BOOL, 0, 0, NULL, NULL },
};

static const struct config_key bus_keys[] = {
    { "router", CONFIG_STRING, 1, 32, NULL, NULL },
    { "link", CONFIG_STRING, 1, 255, NULL, NULL },
    { "framing", CONFIG_WORD, 0, 0, framings, NULL },
    { "buf_size", CONFIG_INTEGER, 64, 65535, NULL, NULL },
    { "environment", CONFIG_TEXTS, 0, 0, NULL, NULL },
    { "sandbox", CONFIG_OBJECT, 0, 0, NULL, sandbox_keys },
    { "devices", CONFIG_NAMED, 0, 0, NULL, device_keys },
    { NULL, CONFIG_BOOL, 0, 0, NULL, NULL },
};

const struct config_key config_keys[] = {
    { "system", CONFIG_STRING, 1, 128, NULL, NULL },
    { "state_dir", CONFIG_PATH, 0, 0, NULL, NULL },
    { "cache_dir", CONFIG_PATH, 0, 0, NULL, NULL },
    { "run_dir", CONFIG_PATH, 0, 0, NULL, NULL },
    { "trust_dir", CONFIG_PATH, 0, 0, NULL, NULL },
    { "tls_ca", CONFIG_PATH, 0, 0, NULL, NULL },
    { "allow_http", CONFIG_BOOL, 0, 0, NULL, NULL },
    { "mode", CONFIG_WORD, 0, 0, modes, NULL },
    { "cache_quota", CONFIG_SIZE, 0, 0, NULL, NULL },
    { "stale_crl", CONFIG_WORD, 0, 0, stale_crls, NULL },
    { "signers_required", CONFIG_INTEGER, 1, 4, NULL, NULL },
    { "away_deadline", CONFIG_INTEGER, 1, 31536000, NULL, NULL },
    { "admin_group", CONFIG_STRING, 1, 32, NULL, NULL },
    { "buses", CONFIG_NAMED, 0, 0, NULL, bus_keys },
    { NULL, CONFIG_BOOL, 0, 0, NULL, NULL },
};

/* What is being checked, and how to say where. */
struct checker {
    const char *file, *text;
    size_t len;
    struct gw_error *error;
    char path[300]; /* "buses.cabinet-1.link" */
};

static enum gw_err refuse(const struct checker *c, const char *what)
{
    struct json_where at = json_locate(c->text, c->len, c->path);

    return gw_fail(c->error, GW_CONFIG, "%s:%u:%u: %s: %s", c->file, at.line, at.column,
                   c->path[0] ? c->path : "the file", what);
}

static size_t at_least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Edits between two words (Levenshtein), for "did you mean". Words are short. */
static size_t distance(const char *a, const char *b)
{
    enum { WORD_MAX = 40 };
    size_t row[WORD_MAX + 1], la = strlen(a), lb = strlen(b);

    if (la > WORD_MAX || lb > WORD_MAX) {
        return WORD_MAX;
    }
    for (size_t j = 0; j <= lb; j++) {
        row[j] = j;
    }
    for (size_t i = 1; i <= la; i++) {
        size_t diagonal = row[0];

        row[0] = i;
        for (size_t j = 1; j <= lb; j++) {
            size_t change = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);

            diagonal = row[j];
            row[j] = at_least(change, at_least(row[j], row[j - 1]) + 1);
        }
    }
    return row[lb];
}

static enum gw_err refuse_unknown(const struct checker *c, const char *key,
                                  const struct config_key *known)
{
    const char *closest = NULL;
    size_t best = 4;
    char what[160];

    for (; known->name; known++) {
        size_t edits = distance(key, known->name);

        if (edits < best) {
            best = edits;
            closest = known->name;
        }
    }
    if (closest) {
        (void)snprintf(what, sizeof what, "unknown key; did you mean \"%s\"?", closest);
    } else {
        (void)snprintf(what, sizeof what, "unknown key");
    }
    return refuse(c, what);
}

long long config_size_bytes(const struct json *node)
{
    static const char units[] = "KMG";
    int64_t value = -1;
    const char *text = json_string(node);

    if (json_integer(node, &value)) {
        return value;
    }
    if (!text || *text < '0' || *text > '9') {
        return -1;
    }
    char *end;
    long long number = strtoll(text, &end, 10);
    const char *unit = *end ? strchr(units, *end) : NULL;

    if (!unit || end[1] != '\0' || number > (1LL << 32)) {
        return -1;
    }
    return number << (10 * (unit - units + 1));
}

static bool is_word(const char *text, const char *const *words)
{
    for (; text && *words; words++) {
        if (strcmp(text, *words) == 0) {
            return true;
        }
    }
    return false;
}

static enum gw_err refuse_words(const struct checker *c, const char *const *words)
{
    char what[160] = "must be one of";

    for (; *words; words++) {
        size_t at = strlen(what);

        (void)snprintf(what + at, sizeof what - at, " \"%s\"", *words);
    }
    return refuse(c, what);
}

static enum gw_err refuse_range(const struct checker *c, const struct config_key *key,
                                const char *unit)
{
    char what[160];

    (void)snprintf(what, sizeof what, "must be %lld to %lld%s", key->min, key->max, unit);
    return refuse(c, what);
}

static enum gw_err check_string(const struct checker *c, const struct json *node,
                                const struct config_key *key)
{
    const char *text = json_string(node);

    if (!text) {
        return refuse(c, "must be a string");
    }
    size_t len = strlen(text);

    return len < (size_t)key->min || len > (size_t)key->max ? refuse_range(c, key, " bytes")
                                                            : GW_OK;
}

static enum gw_err check_integer(const struct checker *c, const struct json *node,
                                 const struct config_key *key)
{
    int64_t value;

    if (!json_integer(node, &value)) {
        return refuse(c, "must be an integer");
    }
    return value < key->min || value > key->max ? refuse_range(c, key, "") : GW_OK;
}

static enum gw_err check_strings(const struct checker *c, const struct json *container)
{
    for (const struct json *n = json_first(container); n; n = json_next(n)) {
        if (!json_is_string(n)) {
            return refuse(c, "must hold strings only");
        }
    }
    return GW_OK;
}

static enum gw_err check_value(const struct checker *c, const struct json *node,
                               const struct config_key *key)
{
    const char *text = json_string(node);

    switch (key->type) {
    case CONFIG_STRING:
        return check_string(c, node, key);
    case CONFIG_PATH:
        return text && text[0] == '/' ? GW_OK : refuse(c, "must be an absolute path");
    case CONFIG_WORD:
        return is_word(text, key->words) ? GW_OK : refuse_words(c, key->words);
    case CONFIG_INTEGER:
        return check_integer(c, node, key);
    case CONFIG_SIZE:
        return config_size_bytes(node) > 0 ? GW_OK
                                           : refuse(c, "must be bytes, or a string like \"512M\"");
    case CONFIG_BOOL:
        return json_is_bool(node) ? GW_OK : refuse(c, "must be true or false");
    case CONFIG_LIST:
        return json_is_array(node) ? check_strings(c, node) : refuse(c, "must be a list");
    case CONFIG_TEXTS:
        return json_is_object(node) ? check_strings(c, node) : refuse(c, "must be an object");
    case CONFIG_OBJECT:
    case CONFIG_NAMED:
        return json_is_object(node) ? GW_OK : refuse(c, "must be an object");
    }
    return GW_OK;
}

static bool is_name(const char *text)
{
    size_t len = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_-");

    return text[0] != '_' && text[0] != '-' && len >= 1 && len <= 32 && text[len] == '\0';
}

static const struct config_key *find_key(const struct config_key *keys, const char *name)
{
    for (; keys->name; keys++) {
        if (strcmp(keys->name, name) == 0) {
            return keys;
        }
    }
    return NULL;
}

/* One object of the tree that waits for its check. */
struct pending {
    const struct json *object;
    const struct config_key *keys; /* its members' table */
    bool is_named;                 /* its members are names of objects of `keys` */
    char path[200];
};

/* The tree is checked breadth first, with a list instead of recursion: an object that passes adds
 * the objects in it. */
struct agenda {
    struct pending *list;
    size_t count, cap;
};

static bool agenda_add(struct agenda *a, const struct json *object, const struct config_key *keys,
                       bool is_named, const char *path)
{
    if (a->count == a->cap) {
        size_t cap = a->cap ? a->cap * 2 : 16;
        struct pending *list = realloc(a->list, cap * sizeof *list);

        if (!list) {
            return false;
        }
        a->list = list;
        a->cap = cap;
    }
    struct pending *p = &a->list[a->count++];

    *p = (struct pending){ .object = object, .keys = keys, .is_named = is_named };
    (void)snprintf(p->path, sizeof p->path, "%s", path);
    return true;
}

static enum gw_err check_member(struct checker *c, struct agenda *a, const struct pending *in,
                                const struct json *member)
{
    const char *name = json_key(member);

    if (in->is_named) {
        if (!is_name(name)) {
            return refuse(c, "a name is 1 to 32 of a-z 0-9 - _ and starts with a letter or digit");
        }
        if (!json_is_object(member)) {
            return refuse(c, "must be an object");
        }
        return agenda_add(a, member, in->keys, false, c->path) ? GW_OK : GW_NO_MEMORY;
    }
    const struct config_key *key = find_key(in->keys, name);

    if (!key) {
        return refuse_unknown(c, name, in->keys);
    }
    enum gw_err err = check_value(c, member, key);

    if (!err && key->members &&
        !agenda_add(a, member, key->members, key->type == CONFIG_NAMED, c->path)) {
        return GW_NO_MEMORY;
    }
    return err;
}

static enum gw_err check_object(struct checker *c, struct agenda *a, const struct pending *in)
{
    enum gw_err err = GW_OK;

    for (const struct json *m = json_first(in->object); m && !err; m = json_next(m)) {
        (void)snprintf(c->path, sizeof c->path, "%s%s%s", in->path, in->path[0] ? "." : "",
                       json_key(m));
        err = check_member(c, a, in, m);
    }
    return err;
}

enum gw_err config_check(const struct json *root, const char *file, const char *text, size_t len,
                         struct gw_error *error)
{
    struct checker c = { .file = file, .text = text, .len = len, .error = error };
    struct agenda agenda = { 0 };
    enum gw_err err = GW_OK;

    if (!json_is_object(root)) {
        return refuse(&c, "must be an object");
    }
    if (!agenda_add(&agenda, root, config_keys, false, "")) {
        return gw_fail(error, GW_NO_MEMORY, "%s", file);
    }
    for (size_t i = 0; i < agenda.count && !err; i++) {
        struct pending in = agenda.list[i]; /* a copy: the list may move */

        err = check_object(&c, &agenda, &in);
    }
    free(agenda.list);
    return err;
}
