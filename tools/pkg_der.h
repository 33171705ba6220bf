/* A small DER writer (X.690): just what an image manifest needs. Zero-initialise; pkg_der_free().
 * Running out of memory aborts. */
#ifndef TOOLS_PKG_DER_H
#define TOOLS_PKG_DER_H

#include <stddef.h>
#include <stdint.h>

struct pkg_der {
    uint8_t *at;
    size_t len, cap;
};

/* One TLV with a minimal length. */
void pkg_der_tlv(struct pkg_der *der, uint8_t tag, const void *contents, size_t len);

/* An unsigned number in minimal two's complement; `tag` is INTEGER or what IMPLICIT puts there. */
void pkg_der_uint(struct pkg_der *der, uint8_t tag, uint64_t value);

/* A constructed value around all that was written since `mark` (der->len at its beginning). */
void pkg_der_wrap(struct pkg_der *der, uint8_t tag, size_t mark);

void pkg_der_free(struct pkg_der *der);

#endif
