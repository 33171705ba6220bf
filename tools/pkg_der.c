#include "pkg_der.h"

#include <stdlib.h>
#include <string.h>

enum { HEADER_MAX = 10 };

static uint8_t *make_room(struct pkg_der *der, size_t len)
{
    if (der->len + len > der->cap) {
        size_t cap = 2 * (der->len + len);
        uint8_t *at = realloc(der->at, cap);

        if (!at) {
            abort();
        }
        der->at = at;
        der->cap = cap;
    }
    return der->at + der->len;
}

/* Tag and minimal length (X.690 8.1.3); returns its own length. */
static size_t write_header(uint8_t header[HEADER_MAX], uint8_t tag, size_t len)
{
    size_t octets = 0;

    header[0] = tag;
    if (len < 0x80) {
        header[1] = (uint8_t)len;
        return 2;
    }
    while (len >> 8 * octets) {
        octets++;
    }
    header[1] = (uint8_t)(0x80 | octets);
    for (size_t i = 0; i < octets; i++) {
        header[2 + i] = (uint8_t)(len >> 8 * (octets - 1 - i));
    }
    return 2 + octets;
}

void pkg_der_tlv(struct pkg_der *der, uint8_t tag, const void *contents, size_t len)
{
    uint8_t header[HEADER_MAX];
    size_t header_len = write_header(header, tag, len);
    uint8_t *at = make_room(der, header_len + len);

    memcpy(at, header, header_len);
    if (len) {
        memcpy(at + header_len, contents, len);
    }
    der->len += header_len + len;
}

void pkg_der_uint(struct pkg_der *der, uint8_t tag, uint64_t value)
{
    uint8_t bytes[9];
    size_t first = 0;

    for (size_t i = 0; i < sizeof bytes; i++) { /* the first octet is always 0 */
        bytes[i] = (uint8_t)(i == 0 ? 0 : value >> 8 * (8 - i));
    }
    while (first < 8 && bytes[first] == 0 && bytes[first + 1] < 0x80) {
        first++;
    }
    pkg_der_tlv(der, tag, bytes + first, sizeof bytes - first);
}

void pkg_der_wrap(struct pkg_der *der, uint8_t tag, size_t mark)
{
    uint8_t header[HEADER_MAX];
    size_t len = der->len - mark, header_len = write_header(header, tag, len);

    (void)make_room(der, header_len);
    memmove(der->at + mark + header_len, der->at + mark, len);
    memcpy(der->at + mark, header, header_len);
    der->len += header_len;
}

void pkg_der_free(struct pkg_der *der)
{
    free(der->at);
    *der = (struct pkg_der){ 0 };
}
