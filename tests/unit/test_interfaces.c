/* The interface descriptions themselves: a small reader of the whole grammar (varlink.org,
 * Interface Definition), independent of ipc/idl.c, so that a slip in a .varlink file is found here.
 */
#include <ctype.h>
#include <string.h>

#include "check.h"
#include "interfaces.h"

enum { NAMES_MAX = 100 };

struct text {
    const char *at;
    int ok;
    char defined[NAMES_MAX][64], used[NAMES_MAX][64];
    int defined_count, used_count;
};

static void space(struct text *t)
{
    while (*t->at == '#' || isspace((unsigned char)*t->at)) {
        t->at += *t->at == '#' ? strcspn(t->at, "\n") : 1;
    }
}

static int is(struct text *t, const char *token)
{
    space(t);
    if (strncmp(t->at, token, strlen(token)) != 0) {
        return 0;
    }
    t->at += strlen(token);
    return 1;
}

static void must(struct text *t, const char *token)
{
    if (t->ok && !is(t, token)) {
        t->ok = 0;
        fprintf(stderr, "'%s' expected before: %.40s\n", token, t->at);
    }
}

static void word(struct text *t, char out[64], const char *characters)
{
    space(t);
    size_t len = strspn(t->at, characters);

    if (len == 0 || len > 63) {
        t->ok = 0;
        strcpy(out, "?");
        return;
    }
    memcpy(out, t->at, len);
    out[len] = '\0';
    t->at += len;
}

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS  "0123456789"

static void structure(struct text *t);

static void type(struct text *t)
{
    char name[64];

    if (is(t, "?")) {
        /* one mark only: `??` is not a type */
        t->ok = t->ok && *t->at != '?';
    }
    while (is(t, "[]") || is(t, "[string]")) {
    }
    space(t);
    if (*t->at == '(') {
        structure(t);
        return;
    }
    word(t, name, LETTERS DIGITS);
    static const char *const builtin[] = { "bool", "int", "float", "string", "object" };

    for (size_t i = 0; i < 5; i++) {
        if (strcmp(name, builtin[i]) == 0) {
            return;
        }
    }
    t->ok = t->ok && isupper((unsigned char)name[0]) && t->used_count < NAMES_MAX;
    if (t->ok) {
        memcpy(t->used[t->used_count++], name, 64);
    }
}

static void structure(struct text *t)
{
    char field[64];

    must(t, "(");
    if (!t->ok || is(t, ")")) {
        return;
    }
    do {
        word(t, field, LETTERS DIGITS "_");
        t->ok = t->ok && isalpha((unsigned char)field[0]) && !strstr(field, "__") &&
                field[strlen(field) - 1] != '_';
        must(t, ":");
        type(t);
    } while (t->ok && is(t, ","));
    must(t, ")");
}

static void definition(struct text *t)
{
    char name[64];
    int is_method = is(t, "method "), is_type = !is_method && is(t, "type ");

    if (!is_method && !is_type) {
        must(t, "error ");
    }
    word(t, name, LETTERS DIGITS);
    for (int i = 0; i < t->defined_count; i++) {
        t->ok = t->ok && strcmp(t->defined[i], name) != 0;
    }
    t->ok = t->ok && isupper((unsigned char)name[0]) && t->defined_count < NAMES_MAX;
    if (t->ok) {
        memcpy(t->defined[t->defined_count++], name, 64);
    }
    structure(t);
    if (is_method) {
        must(t, "->");
        structure(t);
    }
}

static int is_defined(const struct text *t, const char *name)
{
    for (int i = 0; i < t->defined_count; i++) {
        if (strcmp(t->defined[i], name) == 0) {
            return 1;
        }
    }
    fprintf(stderr, "%s is not defined\n", name);
    return 0;
}

static void check_interface(const struct varlink_interface *interface)
{
    struct text t = { .at = interface->description, .ok = 1 };
    char name[64];

    must(&t, "interface ");
    word(&t, name, LETTERS DIGITS ".-");
    CHECK(strcmp(name, interface->name) == 0);
    for (space(&t); t.ok && *t.at; space(&t)) {
        definition(&t);
    }
    if (!t.ok) {
        fprintf(stderr, "%s: at: %.60s\n", interface->name, t.at);
    }
    CHECK(t.ok);
    for (int i = 0; i < t.used_count; i++) {
        CHECK(is_defined(&t, t.used[i]));
    }
}

static void every_interface_description_is_sound(void)
{
    check_interface(&interface_service);
    check_interface(&interface_control);
    check_interface(&interface_router);
    check_interface(&interface_fetch);
    check_interface(&interface_sim);
}

int main(void)
{
    TEST(every_interface_description_is_sound);
    return checks_failed != 0;
}
