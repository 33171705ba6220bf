#include "blob.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "der.h"

void blob_add(struct blob *b, const void *bytes, size_t len)
{
    if (b->len + len > b->cap) {
        b->cap = 2 * (b->len + len) + 64;
        b->at = realloc(b->at, b->cap);
        if (!b->at) {
            perror("blob");
            abort();
        }
    }
    if (len > 0) {
        memmove(b->at + b->len, bytes, len);
        b->len += len;
    }
}

void blob_add_span(struct blob *b, struct span bytes)
{
    blob_add(b, bytes.at, bytes.len);
}

void blob_add_byte(struct blob *b, uint8_t byte)
{
    blob_add(b, &byte, 1);
}

void blob_free(struct blob *b)
{
    free(b->at);
    *b = (struct blob){ 0 };
}

struct span blob_span(const struct blob *b)
{
    return (struct span){ b->at, b->len };
}

/* Tag and length; returns how many bytes of `out` they take. */
static size_t header(uint8_t out[6], uint8_t tag, size_t len)
{
    size_t octets = 0;

    out[0] = tag;
    if (len < 0x80) {
        out[1] = (uint8_t)len;
        return 2;
    }
    for (size_t rest = len; rest > 0; rest >>= 8) {
        octets++;
    }
    out[1] = (uint8_t)(0x80 | octets);
    for (size_t i = 0; i < octets; i++) {
        out[2 + i] = (uint8_t)(len >> 8 * (octets - 1 - i));
    }
    return 2 + octets;
}

void blob_tlv(struct blob *b, uint8_t tag, const void *contents, size_t len)
{
    uint8_t head[6];

    blob_add(b, head, header(head, tag, len));
    blob_add(b, contents, len);
}

void blob_uint(struct blob *b, uint8_t tag, uint64_t value)
{
    uint8_t bytes[9] = { 0 };
    size_t skip = 0;

    for (size_t i = 0; i < 8; i++) {
        bytes[1 + i] = (uint8_t)(value >> 8 * (7 - i));
    }
    while (skip < 8 && bytes[skip] == 0 && bytes[skip + 1] < 0x80) {
        skip++;
    }
    blob_tlv(b, tag, bytes + skip, sizeof bytes - skip);
}

void blob_big_uint(struct blob *b, const uint8_t *bytes, size_t len)
{
    size_t mark;

    while (len > 1 && *bytes == 0) {
        bytes++;
        len--;
    }
    mark = blob_open(b);
    if (*bytes >= 0x80) {
        blob_add_byte(b, 0);
    }
    blob_add(b, bytes, len);
    blob_close(b, mark, DER_INTEGER);
}

/* Proleptic Gregorian date of a day number since 1970 (not before it). */
static void date_of(int64_t days, int *year, int *month, int *day)
{
    static const int lengths[12] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    int leap;

    for (*year = 1970;; (*year)++) {
        leap = (*year % 4 == 0 && *year % 100 != 0) || *year % 400 == 0;
        if (days < 365 + leap) {
            break;
        }
        days -= 365 + leap;
    }
    for (*month = 1; days >= lengths[*month - 1] + (*month == 2 && leap); (*month)++) {
        days -= lengths[*month - 1] + (*month == 2 && leap);
    }
    *day = (int)days + 1;
}

void blob_time(struct blob *b, int64_t time_s)
{
    char text[80];
    int year, month, day, second = (int)(time_s % 86400);

    date_of(time_s / 86400, &year, &month, &day);
    (void)snprintf(text, sizeof text, "%04d%02d%02d%02d%02d%02dZ", year, month, day, second / 3600,
                   second / 60 % 60, second % 60);
    if (year < 2050) {
        blob_tlv(b, DER_UTC_TIME, text + 2, strlen(text + 2));
    } else {
        blob_tlv(b, DER_GENERALIZED_TIME, text, strlen(text));
    }
}

size_t blob_open(const struct blob *b)
{
    return b->len;
}

void blob_close(struct blob *b, size_t mark, uint8_t tag)
{
    uint8_t head[6];
    size_t len = b->len - mark, head_len = header(head, tag, len);

    blob_add(b, head, head_len); /* makes the room */
    memmove(b->at + mark + head_len, b->at + mark, len);
    memcpy(b->at + mark, head, head_len);
}

static int by_der_order(const void *a, const void *b)
{
    return der_compare(*(const struct span *)a, *(const struct span *)b);
}

void blob_close_set(struct blob *b, size_t mark, uint8_t tag)
{
    struct blob copy = { 0 };
    struct span elements[64];
    size_t count = 0;

    blob_add(&copy, b->at + mark, b->len - mark);
    struct cursor c = cursor_over(copy.at, copy.len);

    while (cursor_left(&c) > 0) {
        const uint8_t *start = c.at;
        uint8_t element_tag;

        (void)take_der_any(&c, &element_tag);
        if (!c.ok || count == sizeof elements / sizeof elements[0]) {
            abort();
        }
        elements[count++] = (struct span){ start, (size_t)(c.at - start) };
    }
    qsort(elements, count, sizeof elements[0], by_der_order);
    b->len = mark;
    for (size_t i = 0; i < count; i++) {
        blob_add_span(b, elements[i]);
    }
    blob_free(&copy);
    blob_close(b, mark, tag);
}
