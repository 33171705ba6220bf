#include "der.h"

#include <string.h>

struct cursor der_over(struct span bytes)
{
    if (!bytes.at) {
        return (struct cursor){ .ok = false };
    }
    return cursor_over(bytes.at, bytes.len);
}

static size_t left(const struct cursor *c)
{
    return c->at ? cursor_left(c) : 0;
}

bool der_done(const struct cursor *c)
{
    return c->ok && left(c) == 0;
}

bool der_next_is(const struct cursor *c, uint8_t tag)
{
    return c->ok && left(c) > 0 && *c->at == tag;
}

static struct span poison(struct cursor *c)
{
    c->ok = false;
    return (struct span){ 0 };
}

static uint8_t take_byte(struct cursor *c)
{
    const uint8_t *p = take_bytes(c, 1);

    return p ? *p : 0;
}

size_t take_der_length(struct cursor *c)
{
    uint8_t first = take_byte(c);
    size_t octets = first & 0x7fu, len = 0;

    if (first < 0x80) {
        return first;
    }
    if (octets == 0 || octets > 4) {
        c->ok = false;
        return 0;
    }
    for (size_t i = 0; i < octets; i++) {
        len = len << 8 | take_byte(c);
    }
    if (len < 0x80 || (octets > 1 && len >> (8 * (octets - 1)) == 0)) {
        c->ok = false;
        return 0;
    }
    return len;
}

struct span take_der_any(struct cursor *c, uint8_t *tag)
{
    *tag = take_byte(c);
    if ((*tag & DER_TAG_NUMBER) == DER_TAG_NUMBER) {
        c->ok = false;
    }
    size_t len = take_der_length(c);
    const uint8_t *at = take_bytes(c, len);

    if (!at) {
        *tag = 0;
        return poison(c);
    }
    return (struct span){ at, len };
}

struct span take_der(struct cursor *c, uint8_t tag)
{
    uint8_t got;
    struct span contents = take_der_any(c, &got);

    return contents.at && got == tag ? contents : poison(c);
}

struct span take_der_whole(struct cursor *c, uint8_t tag)
{
    const uint8_t *start = c->at;
    struct span contents = take_der(c, tag);

    if (!contents.at) {
        return (struct span){ 0 };
    }
    return (struct span){ start, (size_t)(c->at - start) };
}

struct cursor take_der_nested(struct cursor *c, uint8_t tag)
{
    return der_over(take_der(c, tag));
}

static bool is_minimal_integer(struct span v)
{
    if (v.len == 0) {
        return false;
    }
    return v.len == 1 ||
           !((v.at[0] == 0x00 && v.at[1] < 0x80) || (v.at[0] == 0xff && v.at[1] >= 0x80));
}

static struct span take_integer_as(struct cursor *c, uint8_t tag)
{
    struct span contents = take_der(c, tag);

    return is_minimal_integer(contents) ? contents : poison(c);
}

struct span take_der_integer(struct cursor *c)
{
    return take_integer_as(c, DER_INTEGER);
}

uint32_t take_der_uint(struct cursor *c, uint8_t tag, uint32_t max)
{
    struct span v = take_integer_as(c, tag);
    uint64_t value = 0;

    if (!v.at || v.len > 5 || v.at[0] >= 0x80) {
        c->ok = false;
        return 0;
    }
    for (size_t i = 0; i < v.len; i++) {
        value = value << 8 | v.at[i];
    }
    if (value > max) {
        c->ok = false;
        return 0;
    }
    return (uint32_t)value;
}

void take_der_octets(struct cursor *c, uint8_t *out, size_t len)
{
    struct span v = take_der(c, DER_OCTET_STRING);

    if (!v.at || v.len != len) {
        c->ok = false;
        return;
    }
    memcpy(out, v.at, len);
}

struct span take_der_bits(struct cursor *c)
{
    struct span v = take_der(c, DER_BIT_STRING);

    if (v.len == 0 || v.at[0] != 0) {
        return poison(c);
    }
    return (struct span){ v.at + 1, v.len - 1 };
}

bool take_der_true(struct cursor *c)
{
    if (!der_next_is(c, DER_BOOLEAN)) {
        return false;
    }
    struct span v = take_der(c, DER_BOOLEAN);

    if (v.len != 1 || v.at[0] != 0xff) {
        c->ok = false;
        return false;
    }
    return true;
}

bool der_is_strict(struct span bytes)
{
    struct cursor c = der_over(bytes);
    const uint8_t *ends[DER_DEPTH_MAX];
    unsigned depth = 0;

    while (c.ok && left(&c) > 0) {
        uint8_t tag;
        struct span contents = take_der_any(&c, &tag);

        /* A nested value may not reach past the end of the one around it. */
        if (!c.ok || (depth > 0 && c.at > ends[depth - 1])) {
            return false;
        }
        if (tag & DER_CONSTRUCTED) {
            if (depth == DER_DEPTH_MAX) {
                return false;
            }
            ends[depth++] = contents.at + contents.len;
            c.at = contents.at;
        }
        while (depth > 0 && c.at == ends[depth - 1]) {
            depth--;
        }
    }
    return c.ok && depth == 0;
}

int der_compare(struct span a, struct span b)
{
    size_t common = a.len < b.len ? a.len : b.len;
    int order = common ? memcmp(a.at, b.at, common) : 0;

    if (order != 0) {
        return order;
    }
    return (a.len > b.len) - (a.len < b.len);
}

bool span_equal(struct span a, struct span b)
{
    return a.at && b.at && a.len == b.len && memcmp(a.at, b.at, a.len) == 0;
}
