/* Strict DER (X.690) over a cursor, the one reader under CMS, certificates and manifests.
 *
 * take_der_*() reads one TLV. Whatever is not exactly the DER of what was asked for poisons the
 * cursor, so a parser reads a record in straight line and asks der_done() once. Refused: indefinite
 * and non-minimal lengths, tag numbers above 30, lengths past the end. All spans borrow.
 */
#ifndef VERIFY_DER_H
#define VERIFY_DER_H

#include "cursor.h"
#include "span.h"

enum {
    DER_BOOLEAN = 0x01,
    DER_INTEGER = 0x02,
    DER_BIT_STRING = 0x03,
    DER_OCTET_STRING = 0x04,
    DER_NULL = 0x05,
    DER_OID = 0x06,
    DER_ENUMERATED = 0x0a,
    DER_UTF8_STRING = 0x0c,
    DER_PRINTABLE_STRING = 0x13,
    DER_TELETEX_STRING = 0x14,
    DER_IA5_STRING = 0x16,
    DER_UTC_TIME = 0x17,
    DER_GENERALIZED_TIME = 0x18,
    DER_UNIVERSAL_STRING = 0x1c,
    DER_BMP_STRING = 0x1e,
    DER_SEQUENCE = 0x30,
    DER_SET = 0x31,

    DER_CONSTRUCTED = 0x20,
    DER_CLASS = 0xc0,
    DER_CLASS_CONTEXT = 0x80,
    DER_TAG_NUMBER = 0x1f,

    DER_DEPTH_MAX = 24, /* nested constructed values in one object */
};

/* Context-specific tags. */
#define DER_CONTEXT(n) ((uint8_t)(DER_CLASS_CONTEXT | (n)))
#define DER_CONTEXT_OPEN(n)                                                                        \
    ((uint8_t)(DER_CLASS_CONTEXT | DER_CONSTRUCTED | (n))) /* constructed                          \
                                                            */

/* A cursor over a span; poisoned when the span is absent. */
struct cursor der_over(struct span bytes);

/* Was everything read, and nothing wrong? */
bool der_done(const struct cursor *c);

/* Does a TLV with this tag come next? Never poisons. */
bool der_next_is(const struct cursor *c, uint8_t tag);

/* The length octets of a TLV: definite, minimal (X.690 8.1.3, 10.1), at most four after the first.
 */
size_t take_der_length(struct cursor *c);

/* Contents of the next TLV, which must have this tag. Absent when poisoned. */
struct span take_der(struct cursor *c, uint8_t tag);

/* The next TLV with its header, which must have this tag. */
struct span take_der_whole(struct cursor *c, uint8_t tag);

/* The next TLV, whatever it is: contents, and its tag in *tag. */
struct span take_der_any(struct cursor *c, uint8_t *tag);

/* A cursor over the contents of the next TLV. It is poisoned by itself; test both. */
struct cursor take_der_nested(struct cursor *c, uint8_t tag);

/* Contents of an INTEGER: two's complement, minimal (X.690 8.3.2). */
struct span take_der_integer(struct cursor *c);

/* A number 0..max. `tag` is DER_INTEGER or what IMPLICIT puts in its place. */
uint32_t take_der_uint(struct cursor *c, uint8_t tag, uint32_t max);

/* An OCTET STRING of exactly `len` bytes, copied to `out`. */
void take_der_octets(struct cursor *c, uint8_t *out, size_t len);

/* Contents of a BIT STRING whose number of bits is a multiple of eight. */
struct span take_der_bits(struct cursor *c);

/* DEFAULT FALSE: TRUE when a BOOLEAN TRUE comes next. A written FALSE poisons (X.690 11.5). */
bool take_der_true(struct cursor *c);

/* A Time in the form of RFC 5280 4.1.2.5: UTCTime through 2049, GeneralizedTime from 2050 on, both
 * with seconds and Z. Seconds since 1970. */
int64_t take_der_time(struct cursor *c);

/* Is every TLV in `bytes`, at each level down to DER_DEPTH_MAX, well formed? */
bool der_is_strict(struct span bytes);

/* Order of two encodings in a SET OF (X.690 11.6): < 0, 0, > 0. */
int der_compare(struct span a, struct span b);

/* Same bytes? Two absent spans are equal to nothing. */
bool span_equal(struct span a, struct span b);

#endif
