#include "cbor.h"

#include <string.h>

enum major {
    MAJOR_UINT = 0,
    MAJOR_NEGATIVE = 1,
    MAJOR_BYTES = 2,
    MAJOR_TEXT = 3,
    MAJOR_ARRAY = 4,
    MAJOR_MAP = 5,
    MAJOR_TAG = 6,
    MAJOR_SIMPLE = 7
};
enum { INFO_INDEFINITE = 31, BREAK_BYTE = 0xff, SIMPLE_FALSE = 20, SIMPLE_TRUE = 21 };

struct head {
    uint8_t major;
    uint8_t info;   /* low five bits of the first byte */
    uint64_t value; /* argument; 0 when indefinite */
};

struct cbor_reader cbor_reader_over(const uint8_t *bytes, size_t len)
{
    return (struct cbor_reader){ .at = bytes, .end = bytes + len, .ok = true };
}

bool cbor_reader_is_done(const struct cbor_reader *r)
{
    return r->ok && r->at == r->end;
}

static size_t left(const struct cbor_reader *r)
{
    return (size_t)(r->end - r->at);
}

static const uint8_t *take(struct cbor_reader *r, uint64_t n)
{
    if (!r->ok || n > left(r)) {
        r->ok = false;
        return NULL;
    }
    const uint8_t *p = r->at;

    r->at += n;
    return p;
}

static uint64_t take_argument(struct cbor_reader *r, uint8_t info)
{
    if (info < 24) {
        return info;
    }
    if (info > 27) {
        r->ok = r->ok && info == INFO_INDEFINITE;
        return 0;
    }
    size_t n = (size_t)1 << (info - 24);
    const uint8_t *p = take(r, n);
    uint64_t value = 0;

    for (size_t i = 0; p && i < n; i++) {
        value = value << 8 | p[i];
    }
    return value;
}

static struct head take_head(struct cbor_reader *r)
{
    const uint8_t *first = take(r, 1);
    struct head h = { 0 };

    if (!first) {
        return h;
    }
    h.major = *first >> 5;
    h.info = *first & 31;
    h.value = take_argument(r, h.info);
    return h;
}

/* A head of this type with a definite argument. */
static uint64_t take_typed(struct cbor_reader *r, enum major major)
{
    struct head h = take_head(r);

    r->ok = r->ok && h.major == major && h.info != INFO_INDEFINITE;
    return r->ok ? h.value : 0;
}

uint64_t cbor_take_uint(struct cbor_reader *r)
{
    return take_typed(r, MAJOR_UINT);
}

uint32_t cbor_take_u32(struct cbor_reader *r)
{
    uint64_t value = cbor_take_uint(r);

    r->ok = r->ok && value <= UINT32_MAX;
    return r->ok ? (uint32_t)value : 0;
}

bool cbor_take_bool(struct cbor_reader *r)
{
    const uint8_t *p = take(r, 1);

    r->ok = p &&
            (*p == (MAJOR_SIMPLE << 5 | SIMPLE_FALSE) || *p == (MAJOR_SIMPLE << 5 | SIMPLE_TRUE));
    return r->ok && (*p & 31) == SIMPLE_TRUE;
}

static struct cbor_string take_string(struct cbor_reader *r, enum major major)
{
    uint64_t len = take_typed(r, major);
    const uint8_t *at = take(r, len);

    return (struct cbor_string){ .at = at, .len = at ? (size_t)len : 0 };
}

struct cbor_string cbor_take_bytes(struct cbor_reader *r)
{
    return take_string(r, MAJOR_BYTES);
}

struct cbor_string cbor_take_text(struct cbor_reader *r)
{
    return take_string(r, MAJOR_TEXT);
}

const uint8_t *cbor_take_fixed(struct cbor_reader *r, size_t len)
{
    struct cbor_string s = cbor_take_bytes(r);

    r->ok = r->ok && s.len == len;
    return r->ok ? s.at : NULL;
}

/* The break that ends an indefinite container, if it comes next. */
static bool take_break(struct cbor_reader *r)
{
    if (!r->ok || left(r) == 0 || *r->at != BREAK_BYTE) {
        return false;
    }
    r->at++;
    return true;
}

/* What is still open while one item is skipped. */
struct skip_level {
    uint32_t left; /* items; of an indefinite one unused */
    bool is_indefinite;
    uint8_t pieces_of; /* strings in pieces: their major type; else 0 */
};

static void open_level(struct cbor_reader *r, const struct head *h, struct skip_level *level)
{
    bool is_indefinite = h->info == INFO_INDEFINITE;
    uint64_t items = h->major == MAJOR_MAP ? 2 * h->value : h->value;

    /* every item takes a byte, so a larger count is a lie (and 2 * value cannot wrap) */
    if (h->value > left(r)) {
        r->ok = false;
        return;
    }
    *level = (struct skip_level){ .left = (uint32_t)items, .is_indefinite = is_indefinite };
    if (h->major == MAJOR_BYTES || h->major == MAJOR_TEXT) {
        level->pieces_of = h->major;
    }
}

/* One head inside a skipped item. True: it opened `level`. */
static bool skip_head(struct cbor_reader *r, uint8_t pieces_of, struct skip_level *level)
{
    struct head h = take_head(r);
    bool is_indefinite = h.info == INFO_INDEFINITE;

    if (pieces_of != 0 && (h.major != pieces_of || is_indefinite)) {
        r->ok = false; /* pieces are definite strings of the same type */
    }
    if (!r->ok) {
        return false;
    }
    switch ((enum major)h.major) {
    case MAJOR_BYTES:
    case MAJOR_TEXT:
        if (!is_indefinite) {
            (void)take(r, h.value);
            return false;
        }
        break;
    case MAJOR_ARRAY:
    case MAJOR_MAP:
        break;
    case MAJOR_TAG:
        h.value = 1; /* one item follows */
        r->ok = !is_indefinite;
        h.major = MAJOR_ARRAY;
        break;
    case MAJOR_UINT:
    case MAJOR_NEGATIVE:
    case MAJOR_SIMPLE:
        r->ok = !is_indefinite;
        return false;
    }
    open_level(r, &h, level);
    return r->ok;
}

void cbor_skip(struct cbor_reader *r)
{
    struct skip_level levels[CBOR_DEPTH_MAX + 1] = { { .left = 1 } };
    size_t depth = 1;

    while (r->ok && depth > 0) {
        struct skip_level *top = &levels[depth - 1];

        if (top->is_indefinite ? take_break(r) : top->left == 0) {
            depth--;
            continue;
        }
        top->left -= top->is_indefinite ? 0 : 1;
        struct skip_level inner;

        if (skip_head(r, top->pieces_of, &inner)) {
            r->ok = depth <= CBOR_DEPTH_MAX;
            if (r->ok) {
                levels[depth++] = inner;
            }
        }
    }
}

static struct cbor_items enter(struct cbor_reader *r, enum major major)
{
    struct head h = take_head(r);
    struct cbor_items items = { 0 };

    r->ok = r->ok && h.major == major && h.value <= left(r);
    if (r->ok) {
        items.is_indefinite = h.info == INFO_INDEFINITE;
        items.left = (uint32_t)h.value;
    }
    return items;
}

struct cbor_items cbor_enter_map(struct cbor_reader *r)
{
    return enter(r, MAJOR_MAP);
}

struct cbor_items cbor_enter_array(struct cbor_reader *r)
{
    return enter(r, MAJOR_ARRAY);
}

bool cbor_next_element(struct cbor_reader *r, struct cbor_items *items)
{
    if (!r->ok || (items->is_indefinite ? take_break(r) : items->left == 0)) {
        return false;
    }
    items->left -= items->is_indefinite ? 0 : 1;
    return true;
}

static int index_of(struct cbor_string key, const char *const *keys, size_t key_count)
{
    for (size_t i = 0; i < key_count; i++) {
        if (strlen(keys[i]) == key.len && memcmp(keys[i], key.at, key.len) == 0) {
            return (int)i;
        }
    }
    return -1;
}

int cbor_next_member(struct cbor_reader *r, struct cbor_items *map, const char *const *keys,
                     size_t key_count)
{
    while (cbor_next_element(r, map)) {
        struct cbor_string key = cbor_take_text(r);
        int index = r->ok ? index_of(key, keys, key_count) : -1;

        if (index < 0) {
            cbor_skip(r);
            continue;
        }
        if (map->seen & 1u << index) {
            r->ok = false;
            return -1;
        }
        map->seen |= 1u << index;
        return index;
    }
    return -1;
}

struct cbor_writer cbor_writer_over(uint8_t *bytes, size_t cap)
{
    return (struct cbor_writer){ .bytes = bytes, .cap = cap, .ok = true };
}

static uint8_t *room(struct cbor_writer *w, size_t n)
{
    if (!w->ok || n > w->cap - w->len) {
        w->ok = false;
        return NULL;
    }
    uint8_t *p = w->bytes + w->len;

    w->len += n;
    return p;
}

static void put_head(struct cbor_writer *w, enum major major, uint64_t value)
{
    unsigned info = value < 24            ? (unsigned)value
                    : value <= 0xff       ? 24
                    : value <= 0xffff     ? 25
                    : value <= 0xffffffff ? 26
                                          : 27;
    size_t n = info < 24 ? 0 : (size_t)1 << (info - 24);
    uint8_t *p = room(w, 1 + n);

    if (!p) {
        return;
    }
    *p++ = (uint8_t)((unsigned)major << 5 | info);
    for (size_t i = 0; i < n; i++) {
        p[i] = (uint8_t)(value >> 8 * (n - 1 - i));
    }
}

void cbor_put_uint(struct cbor_writer *w, uint64_t value)
{
    put_head(w, MAJOR_UINT, value);
}

void cbor_put_bool(struct cbor_writer *w, bool value)
{
    put_head(w, MAJOR_SIMPLE, value ? SIMPLE_TRUE : SIMPLE_FALSE);
}

/* Head and body of a string fit together or not at all. */
static uint8_t *put_string_room(struct cbor_writer *w, enum major major, size_t len)
{
    struct cbor_writer before = *w;

    put_head(w, major, len);
    uint8_t *p = room(w, len);

    if (!p) {
        *w = before;
        w->ok = false;
    }
    return p;
}

static void put_string(struct cbor_writer *w, enum major major, const void *bytes, size_t len)
{
    uint8_t *p = put_string_room(w, major, len);

    if (p && len > 0) {
        memcpy(p, bytes, len);
    }
}

void cbor_put_bytes(struct cbor_writer *w, const uint8_t *bytes, size_t len)
{
    put_string(w, MAJOR_BYTES, bytes, len);
}

void cbor_put_text(struct cbor_writer *w, const char *text)
{
    put_string(w, MAJOR_TEXT, text, strlen(text));
}

void cbor_put_text_span(struct cbor_writer *w, const char *text, size_t len)
{
    put_string(w, MAJOR_TEXT, text, len);
}

uint8_t *cbor_put_bytes_room(struct cbor_writer *w, size_t len)
{
    return put_string_room(w, MAJOR_BYTES, len);
}

void cbor_begin_map(struct cbor_writer *w, uint32_t pairs)
{
    put_head(w, MAJOR_MAP, pairs);
}

void cbor_begin_array(struct cbor_writer *w, uint32_t elements)
{
    put_head(w, MAJOR_ARRAY, elements);
}

void cbor_member_uint(struct cbor_writer *w, const char *key, uint64_t value)
{
    cbor_put_text(w, key);
    cbor_put_uint(w, value);
}

void cbor_member_bool(struct cbor_writer *w, const char *key, bool value)
{
    cbor_put_text(w, key);
    cbor_put_bool(w, value);
}

void cbor_member_bytes(struct cbor_writer *w, const char *key, const uint8_t *bytes, size_t len)
{
    cbor_put_text(w, key);
    cbor_put_bytes(w, bytes, len);
}
