#include "json_scan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INTEGER_LIMIT (1ll << 53)

/* One key that was met, for the search for duplicates after the scan. */
struct key {
    const char *text; /* after its opening quote */
    size_t object;    /* number of the object that it stands in */
};

struct scan {
    char *text;
    size_t len, at;
    bool comments;
    size_t objects;
    struct key *keys;
    size_t key_count, key_cap;
    bool found; /* the wanted path */
    size_t found_at;
    enum gw_err err;
    const char *why;
};

static bool fail(struct scan *s, const char *why)
{
    s->err = GW_BAD_MESSAGE;
    s->why = why;
    return false;
}

static int peek(const struct scan *s)
{
    return s->at < s->len ? (unsigned char)s->text[s->at] : -1;
}

static bool take(struct scan *s, char c)
{
    if (peek(s) != c) {
        return false;
    }
    s->at++;
    return true;
}

static void skip_comment(struct scan *s)
{
    while (s->at < s->len && s->text[s->at] != '\n') {
        s->text[s->at++] = ' ';
    }
}

static void skip_space(struct scan *s)
{
    for (; s->at < s->len; s->at++) {
        if (s->comments && s->len - s->at >= 2 && memcmp(&s->text[s->at], "//", 2) == 0) {
            skip_comment(s);
        }
        if (s->at == s->len || !strchr(" \t\r\n", s->text[s->at]) || s->text[s->at] == '\0') {
            return;
        }
    }
}

size_t json_utf8_length(const char *p, size_t left)
{
    const unsigned char *b = (const unsigned char *)p;
    size_t len = b[0] < 0x80 ? 1 : b[0] >= 0xf0 ? 4 : b[0] >= 0xe0 ? 3 : 2;

    if (len == 1) {
        return 1;
    }
    if (b[0] < 0xc2 || b[0] > 0xf4 || len > left) {
        return 0;
    }
    for (size_t i = 1; i < len; i++) {
        if ((b[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    if ((b[0] == 0xe0 && b[1] < 0xa0) || (b[0] == 0xed && b[1] > 0x9f) ||
        (b[0] == 0xf0 && b[1] < 0x90) || (b[0] == 0xf4 && b[1] > 0x8f)) {
        return 0;
    }
    return len;
}

/* Four hex digits at `p`, or -1. */
static long hex4(const char *p, size_t left)
{
    long value = 0;

    if (left < 4) {
        return -1;
    }
    for (int i = 0; i < 4; i++) {
        static const char digits[] = "0123456789abcdef";
        char lower = p[i] >= 'A' && p[i] <= 'F' ? (char)(p[i] + 32) : p[i];
        const char *digit = lower ? strchr(digits, lower) : NULL;

        if (!digit) {
            return -1;
        }
        value = value * 16 + (digit - digits);
    }
    return value;
}

static bool is_low_surrogate(long unit)
{
    return unit >= 0xdc00 && unit <= 0xdfff;
}

/* After "\u": one code unit, or a pair. */
static bool scan_unicode_escape(struct scan *s)
{
    long unit = hex4(&s->text[s->at], s->len - s->at);

    if (unit < 0) {
        return fail(s, "\\u needs four hex digits");
    }
    if (unit == 0) {
        return fail(s, "\\u0000 in a string");
    }
    if (is_low_surrogate(unit)) {
        return fail(s, "half of a surrogate pair");
    }
    s->at += 4;
    if (unit < 0xd800 || unit > 0xdfff) {
        return true;
    }
    if (s->len - s->at < 6 || memcmp(&s->text[s->at], "\\u", 2) != 0 ||
        !is_low_surrogate(hex4(&s->text[s->at + 2], 4))) {
        return fail(s, "half of a surrogate pair");
    }
    s->at += 6;
    return true;
}

static bool scan_escape(struct scan *s)
{
    int c = peek(s);

    if (c < 1 || !strchr("\"\\/bfnrtu", c)) {
        return fail(s, "unknown escape in a string");
    }
    s->at++;
    return c == 'u' ? scan_unicode_escape(s) : true;
}

/* UTF-8 was checked before. */
static bool scan_string(struct scan *s)
{
    if (!take(s, '"')) {
        return fail(s, "a string was expected");
    }
    for (;;) {
        int c = peek(s);

        if (c < 0) {
            return fail(s, "a string does not end");
        }
        if (c < 0x20) {
            return fail(s, "control character in a string");
        }
        s->at++;
        if (c == '"') {
            return true;
        }
        if (c == '\\' && !scan_escape(s)) {
            return false;
        }
    }
}

static bool is_digit(int c)
{
    return c >= '0' && c <= '9';
}

static bool scan_number(struct scan *s)
{
    size_t begin = s->at;
    long long value = 0;

    (void)take(s, '-');
    if (!is_digit(peek(s))) {
        return fail(s, "a digit was expected");
    }
    if (peek(s) == '0' && s->at + 1 < s->len && is_digit((unsigned char)s->text[s->at + 1])) {
        return fail(s, "a number begins with 0");
    }
    for (; is_digit(peek(s)); s->at++) {
        value = value * 10 + (peek(s) - '0');
        if (value >= INTEGER_LIMIT) {
            s->at = begin;
            return fail(s, "a number of 2^53 or more");
        }
    }
    if (peek(s) == '.' || peek(s) == 'e' || peek(s) == 'E') {
        s->at = begin;
        return fail(s, "a number that is not written as a whole decimal number");
    }
    return true;
}

static bool scan_word(struct scan *s, const char *word)
{
    size_t len = strlen(word);

    if (s->len - s->at < len || memcmp(&s->text[s->at], word, len) != 0) {
        return fail(s, "a value was expected");
    }
    s->at += len;
    return true;
}

/* The code point at *p, *p moved past it. */
static unsigned long utf8_point(const char **p)
{
    const char *at = *p;
    size_t len = json_utf8_length(at, strnlen(at, 4));
    unsigned long point = (unsigned char)*at & (len < 2 ? 0xffu : 0xffu >> (len + 1));

    for (size_t i = 1; i < len; i++) {
        point = point << 6 | ((unsigned char)at[i] & 0x3f);
    }
    *p = at + (len ? len : 1);
    return point;
}

/* The code point at *p inside a checked string, *p moved past it; 0 at the closing quote. */
static unsigned long string_point(const char **p)
{
    static const char escapes[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
    const char *at = *p;

    if (*at == '"') {
        return 0;
    }
    if (*at != '\\') {
        return utf8_point(p);
    }
    if (at[1] != 'u') {
        *p = at + 2;
        return (unsigned long)meanings[strchr(escapes, at[1]) - escapes];
    }
    unsigned long unit = (unsigned long)hex4(at + 2, 4);

    *p = at + 6;
    if (unit < 0xd800 || unit > 0xdfff) {
        return unit;
    }
    *p = at + 12;
    return 0x10000 + ((unit - 0xd800) << 10) + ((unsigned long)hex4(at + 8, 4) - 0xdc00);
}

/* What is left of `path` behind the key at `key`; NULL when it names another member. */
static const char *path_after_key(const char *path, const char *key)
{
    unsigned long point;

    if (!path) {
        return NULL;
    }
    path += *path == '.';
    while ((point = string_point(&key)) != 0) {
        if (*path == '\0' || utf8_point(&path) != point) {
            return NULL;
        }
    }
    return *path == '\0' || *path == '.' || *path == '[' ? path : NULL;
}

static const char *path_after_index(const char *path, unsigned long index)
{
    char *end;

    if (!path || *path != '[' || strtoul(path + 1, &end, 10) != index || *end != ']') {
        return NULL;
    }
    return end + 1;
}

/* A path ends at `at`: its place is known, and nothing below is wanted. */
static const char *note_place(struct scan *s, const char *rest, size_t at)
{
    if (!rest || *rest != '\0') {
        return rest;
    }
    if (!s->found) {
        s->found = true;
        s->found_at = at;
    }
    return NULL;
}

static bool remember_key(struct scan *s, size_t object, size_t key_at)
{
    if (s->key_count == s->key_cap) {
        size_t cap = s->key_cap ? 2 * s->key_cap : 64;
        struct key *keys = realloc(s->keys, cap * sizeof *keys);

        if (!keys) {
            s->err = GW_NO_MEMORY;
            return false;
        }
        s->keys = keys;
        s->key_cap = cap;
    }
    s->keys[s->key_count++] = (struct key){ &s->text[key_at], object };
    return true;
}

static bool scan_value(struct scan *s, unsigned depth, const char *path);

static bool scan_member(struct scan *s, unsigned depth, const char *path, size_t object)
{
    size_t at = s->at;

    if (!scan_string(s) || !remember_key(s, object, at + 1)) {
        return false;
    }
    const char *rest = note_place(s, path_after_key(path, &s->text[at + 1]), at);

    skip_space(s);
    if (!take(s, ':')) {
        return fail(s, "':' was expected");
    }
    return scan_value(s, depth, rest);
}

static bool scan_element(struct scan *s, unsigned depth, const char *path, unsigned long index)
{
    const char *rest = path_after_index(path, index);

    skip_space(s);
    return scan_value(s, depth, note_place(s, rest, s->at));
}

/* The inside of an object (close '}') or array (']'). */
static bool scan_container(struct scan *s, unsigned depth, const char *path, char close)
{
    size_t object = s->objects++;

    if (depth == JSON_DEPTH_MAX) {
        return fail(s, "nested too deeply");
    }
    s->at++;
    skip_space(s);
    if (take(s, close)) {
        return true;
    }
    for (unsigned long index = 0;; index++) {
        skip_space(s);
        if (close == '}' ? !scan_member(s, depth + 1, path, object)
                         : !scan_element(s, depth + 1, path, index)) {
            return false;
        }
        skip_space(s);
        if (take(s, close)) {
            return true;
        }
        if (!take(s, ',')) {
            return fail(s, close == '}' ? "',' or '}' was expected" : "',' or ']' was expected");
        }
    }
}

static bool scan_value(struct scan *s, unsigned depth, const char *path)
{
    skip_space(s);
    switch (peek(s)) {
    case '{':
        return scan_container(s, depth, path, '}');
    case '[':
        return scan_container(s, depth, path, ']');
    case '"':
        return scan_string(s);
    case 't':
        return scan_word(s, "true");
    case 'f':
        return scan_word(s, "false");
    case 'n':
        return scan_word(s, "null");
    case '-':
    case '0':
    case '1':
    case '2':
    case '3':
    case '4':
    case '5':
    case '6':
    case '7':
    case '8':
    case '9':
        return scan_number(s);
    default:
        return fail(s, "a value was expected");
    }
}

static bool check_utf8(struct scan *s)
{
    while (s->at < s->len) {
        size_t len = json_utf8_length(&s->text[s->at], s->len - s->at);

        if (len == 0) {
            return fail(s, "not UTF-8");
        }
        s->at += len;
    }
    s->at = 0;
    return true;
}

static int compare_text(const char *a, const char *b)
{
    for (;;) {
        unsigned long x = string_point(&a), y = string_point(&b);

        if (x != y) {
            return x < y ? -1 : 1;
        }
        if (x == 0) {
            return 0;
        }
    }
}

static int compare_keys(const void *left, const void *right)
{
    const struct key *a = left, *b = right;

    if (a->object != b->object) {
        return a->object < b->object ? -1 : 1;
    }
    int order = compare_text(a->text, b->text);

    return order ? order : a->text < b->text ? -1 : a->text > b->text;
}

/* Sorting keeps an object with a hundred thousand keys cheap. */
static bool check_duplicates(struct scan *s)
{
    size_t first = s->len;

    if (s->key_count > 1) {
        qsort(s->keys, s->key_count, sizeof s->keys[0], compare_keys);
    }
    for (size_t i = 1; i < s->key_count; i++) {
        const struct key *a = &s->keys[i - 1], *b = &s->keys[i];
        size_t at = (size_t)(b->text - s->text) - 1;

        if (a->object == b->object && compare_text(a->text, b->text) == 0 && at < first) {
            first = at;
        }
    }
    if (first < s->len) {
        s->at = first;
        return fail(s, "duplicate key");
    }
    return true;
}

static bool scan_document(struct scan *s, const char *path)
{
    if (s->len > JSON_BYTES_MAX) {
        return fail(s, "longer than 1048576 bytes");
    }
    if (!check_utf8(s)) {
        return false;
    }
    skip_space(s);
    if (!scan_value(s, 0, note_place(s, path, s->at))) {
        return false;
    }
    skip_space(s);
    if (s->at != s->len) {
        return fail(s, "text after the end");
    }
    return check_duplicates(s);
}

static struct json_where place_of(const struct scan *s, size_t at)
{
    struct json_where where = { .line = 1, .column = 1 };

    for (size_t i = 0; i < at; i++) {
        where.column++;
        if (s->text[i] == '\n') {
            where.line++;
            where.column = 1;
        }
    }
    return where;
}

enum gw_err json_scan(char *text, size_t len, enum json_flags flags, const char *path,
                      struct json_where *where)
{
    struct scan s = { .text = text, .len = len, .comments = (flags & JSON_COMMENTS) != 0 };

    memset(where, 0, sizeof *where);
    if (!scan_document(&s, path)) {
        *where = place_of(&s, s.at);
        (void)snprintf(where->why, sizeof where->why, "%s",
                       s.err == GW_NO_MEMORY ? "out of memory" : s.why);
    } else if (s.found) {
        *where = place_of(&s, s.found_at);
    }
    free(s.keys);
    return s.err;
}
