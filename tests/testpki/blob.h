/* Growing bytes for tests, and a DER writer over them that may also write what DER forbids.
 *
 * Zero-initialise, blob_free() at the end. Out of memory aborts.
 */
#ifndef TESTPKI_BLOB_H
#define TESTPKI_BLOB_H

#include "span.h"

struct blob {
    uint8_t *at;
    size_t len;
    size_t cap;
};

void blob_add(struct blob *b, const void *bytes, size_t len);
void blob_add_span(struct blob *b, struct span bytes);
void blob_add_byte(struct blob *b, uint8_t byte);
void blob_free(struct blob *b);

/* Borrow the bytes; valid until the next blob_add(). */
struct span blob_span(const struct blob *b);

/* One TLV with a minimal length. */
void blob_tlv(struct blob *b, uint8_t tag, const void *contents, size_t len);

/* INTEGER (or another tag) with the minimal encoding of an unsigned number. */
void blob_uint(struct blob *b, uint8_t tag, uint64_t value);

/* INTEGER with the minimal encoding of unsigned big-endian bytes. */
void blob_big_uint(struct blob *b, const uint8_t *bytes, size_t len);

/* UTCTime until 2049, GeneralizedTime after (RFC 5280 4.1.2.5). */
void blob_time(struct blob *b, int64_t time_s);

/* A constructed TLV: size_t mark = blob_open(b); ... its contents ...; blob_close(b, mark, tag); */
size_t blob_open(const struct blob *b);
void blob_close(struct blob *b, size_t mark, uint8_t tag);

/* The same for SET OF: the elements written since `mark` are put into DER order. */
void blob_close_set(struct blob *b, size_t mark, uint8_t tag);

#endif
