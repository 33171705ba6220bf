#include "json.h"

#include <assert.h>
#include <cjson/cJSON.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json_scan.h"

/* struct json is cJSON under another name, so that no other file depends on it. Integers of 10^15
 * and more are kept as decimal text (cJSON_Raw), because cJSON prints them rounded. */
#define EXACT_LIMIT 1e15

static cJSON *node_of(const struct json *node)
{
    return (cJSON *)(uintptr_t)(const void *)node;
}

static struct json *json_of(const cJSON *node)
{
    return (struct json *)(uintptr_t)(const void *)node;
}

static void *must(void *memory)
{
    if (!memory) {
        abort();
    }
    return memory;
}

static bool keep_as_text(cJSON *node)
{
    char text[24];
    size_t len = (size_t)snprintf(text, sizeof text, "%lld", (long long)node->valuedouble) + 1;

    node->valuestring = malloc(len);
    if (!node->valuestring) {
        return false;
    }
    memcpy(node->valuestring, text, len);
    node->type = cJSON_Raw;
    return true;
}

/* Depth is bounded by the scanner. */
static bool keep_exact_integers(cJSON *node)
{
    for (; node; node = node->next) {
        node->valuedouble += 0.0; /* -0 becomes 0 */
        if (cJSON_IsNumber(node) && fabs(node->valuedouble) >= EXACT_LIMIT && !keep_as_text(node)) {
            return false;
        }
        if (node->child && !keep_exact_integers(node->child)) {
            return false;
        }
    }
    return true;
}

static enum gw_err build(struct json **out, const char *text, size_t len)
{
    cJSON *root = cJSON_ParseWithLengthOpts(text, len + 1, NULL, 1);

    /* The scanner accepted the text, so only memory can be missing. */
    if (!root || !keep_exact_integers(root)) {
        cJSON_Delete(root);
        return GW_NO_MEMORY;
    }
    *out = json_of(root);
    return GW_OK;
}

static char *copy_text(const char *text, size_t len)
{
    char *copy = malloc(len + 1);

    if (copy) {
        memcpy(copy, text, len);
        copy[len] = '\0';
    }
    return copy;
}

enum gw_err json_parse(struct json **out, const char *text, size_t len, enum json_flags flags,
                       struct json_where *where)
{
    struct json_where here;

    *out = NULL;
    where = where ? where : &here;
    memset(where, 0, sizeof *where);
    if (len > JSON_BYTES_MAX) {
        (void)snprintf(where->why, sizeof where->why, "longer than %d bytes", JSON_BYTES_MAX);
        return GW_BAD_MESSAGE;
    }
    char *copy = copy_text(text, len);

    if (!copy) {
        return GW_NO_MEMORY;
    }
    enum gw_err err = json_scan(copy, len, flags, NULL, where);

    if (err == GW_OK) {
        err = build(out, copy, len);
    }
    free(copy);
    return err;
}

void json_free(struct json *root)
{
    cJSON_Delete(node_of(root));
}

char *json_print(const struct json *node)
{
    return cJSON_PrintUnformatted(node_of(node));
}

/* Where the pretty form of a compact text breaks its lines. */
struct pretty {
    FILE *to;
    unsigned depth;
    bool in_string, escaped, fresh; /* fresh: right after an opening bracket */
};

static void new_line(struct pretty *p)
{
    (void)fprintf(p->to, "\n%*s", (int)(2 * p->depth), "");
}

static void pretty_char(struct pretty *p, char c)
{
    bool was_fresh = p->fresh;

    p->fresh = false;
    if (p->in_string) {
        p->in_string = p->escaped || c != '"';
        p->escaped = !p->escaped && c == '\\';
        (void)fputc(c, p->to);
        return;
    }
    if (c == '}' || c == ']') {
        p->depth--;
        if (!was_fresh) {
            new_line(p);
        }
        (void)fputc(c, p->to);
        return;
    }
    if (was_fresh) {
        new_line(p);
    }
    (void)fputc(c, p->to);
    if (c == '{' || c == '[') {
        p->depth++;
        p->fresh = true;
    } else if (c == ',') {
        new_line(p);
    } else if (c == ':') {
        (void)fputc(' ', p->to);
    }
    p->in_string = c == '"';
}

char *json_print_pretty(const struct json *node)
{
    char *text = NULL, *compact = json_print(node);
    size_t len;
    struct pretty p = { .to = open_memstream(&text, &len) };

    if (!compact || !p.to) {
        free(compact);
        if (p.to) {
            (void)fclose(p.to);
        }
        free(text);
        return NULL;
    }
    for (const char *c = compact; *c; c++) {
        pretty_char(&p, *c);
    }
    free(compact);
    if (fclose(p.to) != 0) {
        free(text);
        return NULL;
    }
    return text;
}

struct json_where json_locate(const char *text, size_t len, const char *path)
{
    struct json_where where = { 0 };
    char *copy = len <= JSON_BYTES_MAX ? copy_text(text, len) : NULL;

    if (!copy || json_scan(copy, len, JSON_COMMENTS, path, &where) != GW_OK) {
        memset(&where, 0, sizeof where);
    }
    free(copy);
    return where;
}

bool json_is_object(const struct json *node)
{
    return cJSON_IsObject(node_of(node));
}

bool json_is_array(const struct json *node)
{
    return cJSON_IsArray(node_of(node));
}

bool json_is_string(const struct json *node)
{
    return cJSON_IsString(node_of(node));
}

bool json_is_integer(const struct json *node)
{
    return cJSON_IsNumber(node_of(node)) || cJSON_IsRaw(node_of(node));
}

bool json_is_bool(const struct json *node)
{
    return cJSON_IsBool(node_of(node));
}

bool json_is_null(const struct json *node)
{
    return cJSON_IsNull(node_of(node));
}

size_t json_count(const struct json *container)
{
    return container ? (size_t)cJSON_GetArraySize(node_of(container)) : 0;
}

const struct json *json_get(const struct json *object, const char *key)
{
    if (!json_is_object(object)) {
        return NULL;
    }
    return json_of(cJSON_GetObjectItemCaseSensitive(node_of(object), key));
}

const struct json *json_first(const struct json *container)
{
    return container ? json_of(node_of(container)->child) : NULL;
}

const struct json *json_next(const struct json *node)
{
    return json_of(node_of(node)->next);
}

const char *json_key(const struct json *member)
{
    return node_of(member)->string;
}

const char *json_string(const struct json *node)
{
    return cJSON_GetStringValue(node_of(node));
}

bool json_integer(const struct json *node, int64_t *value)
{
    if (!json_is_integer(node)) {
        return false;
    }
    *value = cJSON_IsRaw(node_of(node)) ? strtoll(node_of(node)->valuestring, NULL, 10)
                                        : (int64_t)node_of(node)->valuedouble;
    return true;
}

bool json_bool(const struct json *node, bool otherwise)
{
    return json_is_bool(node) ? cJSON_IsTrue(node_of(node)) : otherwise;
}

const char *json_get_string(const struct json *object, const char *key)
{
    return json_string(json_get(object, key));
}

int64_t json_get_integer(const struct json *object, const char *key, int64_t otherwise)
{
    int64_t value;

    return json_integer(json_get(object, key), &value) ? value : otherwise;
}

bool json_get_bool(const struct json *object, const char *key, bool otherwise)
{
    return json_bool(json_get(object, key), otherwise);
}

static const char hex_digits[] = "0123456789abcdef";

bool json_get_hex(const struct json *object, const char *key, uint8_t *bytes, size_t len)
{
    const char *text = json_get_string(object, key);

    memset(bytes, 0, len);
    if (!text || strlen(text) != 2 * len || strspn(text, hex_digits) != 2 * len) {
        return false;
    }
    for (size_t i = 0; i < 2 * len; i++) {
        bytes[i / 2] = (uint8_t)(bytes[i / 2] << 4 | (strchr(hex_digits, text[i]) - hex_digits));
    }
    return true;
}

struct json *json_new_object(void)
{
    return json_of(must(cJSON_CreateObject()));
}

struct json *json_new_array(void)
{
    return json_of(must(cJSON_CreateArray()));
}

struct json *json_new_string(const char *text)
{
    cJSON *node = must(cJSON_CreateString(text));

    /* Text of files and devices may be anything; what we send is always UTF-8. */
    for (char *p = node->valuestring; *p;) {
        size_t len = json_utf8_length(p, strnlen(p, 4));

        if (len == 0) {
            *p = '?';
        }
        p += len ? len : 1;
    }
    return json_of(node);
}

struct json *json_new_integer(int64_t value)
{
    assert(value > -(1ll << 53) && value < 1ll << 53);
    cJSON *node = must(cJSON_CreateNumber((double)value));

    if (fabs(node->valuedouble) >= EXACT_LIMIT && !keep_as_text(node)) {
        abort();
    }
    return json_of(node);
}

struct json *json_new_bool(bool value)
{
    return json_of(must(cJSON_CreateBool(value)));
}

struct json *json_new_null(void)
{
    return json_of(must(cJSON_CreateNull()));
}

struct json *json_copy(const struct json *node)
{
    return json_of(must(cJSON_Duplicate(node_of(node), 1)));
}

struct json *json_set(struct json *object, const char *key, struct json *value)
{
    if (json_get(object, key)) {
        if (!cJSON_ReplaceItemInObjectCaseSensitive(node_of(object), key, node_of(value))) {
            abort();
        }
    } else if (!cJSON_AddItemToObject(node_of(object), key, node_of(value))) {
        abort();
    }
    return value;
}

struct json *json_append(struct json *array, struct json *value)
{
    if (!cJSON_AddItemToArray(node_of(array), node_of(value))) {
        abort();
    }
    return value;
}

void json_set_string(struct json *object, const char *key, const char *text)
{
    if (text) {
        (void)json_set(object, key, json_new_string(text));
    }
}

void json_set_integer(struct json *object, const char *key, int64_t value)
{
    (void)json_set(object, key, json_new_integer(value));
}

void json_set_bool(struct json *object, const char *key, bool value)
{
    (void)json_set(object, key, json_new_bool(value));
}

void json_set_hex(struct json *object, const char *key, const uint8_t *bytes, size_t len)
{
    char *text = must(malloc(2 * len + 1));

    for (size_t i = 0; i < len; i++) {
        text[2 * i] = hex_digits[bytes[i] >> 4];
        text[2 * i + 1] = hex_digits[bytes[i] & 15];
    }
    text[2 * len] = '\0';
    json_set_string(object, key, text);
    free(text);
}
