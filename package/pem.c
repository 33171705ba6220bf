#include "pem.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static const char begin_any[] = "-----BEGIN ";
static const char begin_certificate[] = "-----BEGIN CERTIFICATE-----";
static const char end_certificate[] = "-----END CERTIFICATE-----";

static const char *find(const char *text, size_t len, const char *what)
{
    return memmem(text, len, what, strlen(what));
}

static int base64_value(char c)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *at = c ? strchr(digits, c) : NULL;

    return at ? (int)(at - digits) : -1;
}

/* Decode RFC 4648 4 with line breaks; false for anything else. `out` holds 3/4 of `len`. */
static bool decode(uint8_t *out, size_t *out_len, const char *text, size_t len)
{
    uint32_t bits = 0;
    unsigned count = 0, padding = 0;

    *out_len = 0;
    for (size_t i = 0; i < len; i++) {
        int value = base64_value(text[i]);

        if (text[i] == '\n' || text[i] == '\r' || text[i] == ' ') {
            continue;
        }
        padding += text[i] == '=';
        if ((value < 0 && text[i] != '=') || (value >= 0 && padding > 0)) {
            return false;
        }
        bits = bits << 6 | (uint32_t)(value < 0 ? 0 : value);
        if (++count % 4 == 0) {
            out[(*out_len)++] = (uint8_t)(bits >> 16);
            out[(*out_len)++] = (uint8_t)(bits >> 8);
            out[(*out_len)++] = (uint8_t)bits;
        }
    }
    if (count == 0 || count % 4 != 0 || padding > 2) {
        return false;
    }
    *out_len -= padding;
    return true;
}

/* The base64 between the armour lines of the only block. */
static const char *find_body(const char *text, size_t len, size_t *body_len, const char **why)
{
    const char *begin = find(text, len, begin_any), *end;
    size_t left;

    if (!begin) {
        *why = "holds no certificate in PEM";
        return NULL;
    }
    left = len - (size_t)(begin - text);
    if (find(begin, left, begin_certificate) != begin) {
        *why = "holds something else than a certificate (a private key does not belong here)";
        return NULL;
    }
    begin += sizeof begin_certificate - 1;
    left -= sizeof begin_certificate - 1;
    end = find(begin, left, end_certificate);
    if (!end || find(begin, left, begin_any)) {
        *why = end ? "holds more than one thing; each anchor has a file of its own" : "ends early";
        return NULL;
    }
    *body_len = (size_t)(end - begin);
    return begin;
}

enum gw_err pem_certificate(uint8_t **der, size_t *der_len, const char *text, size_t len,
                            const char **why)
{
    size_t body_len;
    const char *body = find_body(text, len, &body_len, why);

    *der = NULL;
    *der_len = 0;
    if (!body) {
        return GW_ANCHOR_BAD;
    }
    *der = malloc(body_len + 3);
    if (!*der) {
        return GW_NO_MEMORY;
    }
    if (!decode(*der, der_len, body, body_len)) {
        free(*der);
        *der = NULL;
        *der_len = 0;
        *why = "holds broken base64";
        return GW_ANCHOR_BAD;
    }
    return GW_OK;
}
