/* CBOR (RFC 8949), the subset that SMP needs: integers, byte and text strings, booleans, null, maps
 * and arrays. Shared with firmware: no malloc, no recursion, no I/O.
 *
 * Reader: a cursor that poisons. The first malformed, missing or wrongly typed item clears `ok`;
 * every later take_* returns zero, so a caller reads a whole message and tests `ok` once. Maps and
 * arrays of definite and indefinite length are accepted; strings in pieces (indefinite length) are
 * only skipped. Strings are borrowed from the message.
 * Writer: into the caller's buffer, definite lengths and shortest heads only; what does not fit
 * clears `ok`, and `len` stays at what was written before.
 */
#ifndef WIRE_CBOR_H
#define WIRE_CBOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CBOR_DEPTH_MAX = 8 }; /* levels inside one skipped item; deeper poisons */

/* Borrowed string. */
struct cbor_string {
    const uint8_t *at; /* NULL = absent */
    size_t len;
};

struct cbor_reader {
    const uint8_t *at;  /* next unread byte */
    const uint8_t *end; /* one past the last byte */
    bool ok;
};

/* A map or array that is being walked; kept by the caller, one for each level. */
struct cbor_items {
    uint32_t left;      /* items still to come: pairs of a map, elements of an array */
    uint32_t seen;      /* keys met so far, by their index in the caller's list */
    bool is_indefinite; /* ends with a break instead; `left` is then unused */
};

struct cbor_reader cbor_reader_over(const uint8_t *bytes, size_t len);

/* Everything was read and nothing was wrong: no trailing bytes. */
bool cbor_reader_is_done(const struct cbor_reader *r);

/* One item of that type. A negative integer is refused where an unsigned one is asked. */
uint64_t cbor_take_uint(struct cbor_reader *r);
uint32_t cbor_take_u32(struct cbor_reader *r); /* a value above 2^32 - 1 poisons */
bool cbor_take_bool(struct cbor_reader *r);
struct cbor_string cbor_take_bytes(struct cbor_reader *r);
struct cbor_string cbor_take_text(struct cbor_reader *r); /* bytes as they are, UTF-8 unchecked */

/* A byte string of exactly `len` bytes; NULL and poison otherwise. */
const uint8_t *cbor_take_fixed(struct cbor_reader *r, size_t len);

/* Step over one item of any type, with all that it contains. */
void cbor_skip(struct cbor_reader *r);

/* Begin a map or array. */
struct cbor_items cbor_enter_map(struct cbor_reader *r);
struct cbor_items cbor_enter_array(struct cbor_reader *r);

/* Is there another element? The caller then takes or skips exactly one item. False at the end. */
bool cbor_next_element(struct cbor_reader *r, struct cbor_items *array);

/* Go to the next member whose key is in `keys` (at most 32; members with other keys are skipped).
 * Its index, and the caller takes exactly one item; -1 at the end of the map or when poisoned. A
 * listed key that stands twice and a key that is no text poison. */
int cbor_next_member(struct cbor_reader *r, struct cbor_items *map, const char *const *keys,
                     size_t key_count);

struct cbor_writer {
    uint8_t *bytes;
    size_t cap;
    size_t len; /* bytes written */
    bool ok;    /* false once something did not fit */
};

struct cbor_writer cbor_writer_over(uint8_t *bytes, size_t cap);
void cbor_put_uint(struct cbor_writer *w, uint64_t value);
void cbor_put_bool(struct cbor_writer *w, bool value);
void cbor_put_bytes(struct cbor_writer *w, const uint8_t *bytes, size_t len);
void cbor_put_text(struct cbor_writer *w, const char *text);
void cbor_put_text_span(struct cbor_writer *w, const char *text, size_t len);
/* A byte string whose `len` bytes the caller fills in; NULL when it does not fit. */
uint8_t *cbor_put_bytes_room(struct cbor_writer *w, size_t len);
/* The caller then writes exactly `pairs` keys and values / `elements` items. */
void cbor_begin_map(struct cbor_writer *w, uint32_t pairs);
void cbor_begin_array(struct cbor_writer *w, uint32_t elements);

/* Key and value of one member. */
void cbor_member_uint(struct cbor_writer *w, const char *key, uint64_t value);
void cbor_member_bool(struct cbor_writer *w, const char *key, bool value);
void cbor_member_bytes(struct cbor_writer *w, const char *key, const uint8_t *bytes, size_t len);

#endif
