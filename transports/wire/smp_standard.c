#include "smp_standard.h"

#include <string.h>

static void put_text_member(struct cbor_writer *w, const char *key, const char *text, size_t len)
{
    cbor_begin_map(w, 1);
    cbor_put_text(w, key);
    cbor_put_text_span(w, text, len);
}

static bool get_text_member(struct cbor_string *out, const char *key, const uint8_t *body,
                            size_t len)
{
    struct cbor_reader r = cbor_reader_over(body, len);
    struct cbor_items map = cbor_enter_map(&r);

    *out = (struct cbor_string){ 0 };
    while (cbor_next_member(&r, &map, &key, 1) >= 0) {
        *out = cbor_take_text(&r);
    }
    if (!cbor_reader_is_done(&r) || !out->at) {
        *out = (struct cbor_string){ 0 };
        return false;
    }
    return true;
}

void smp_put_echo_request(struct cbor_writer *w, const char *text, size_t len)
{
    put_text_member(w, "d", text, len);
}

bool smp_get_echo_request(struct cbor_string *out, const uint8_t *body, size_t len)
{
    return get_text_member(out, "d", body, len);
}

void smp_put_echo_answer(struct cbor_writer *w, const char *text, size_t len)
{
    put_text_member(w, "r", text, len);
}

bool smp_get_echo_answer(struct cbor_string *out, const uint8_t *body, size_t len)
{
    return get_text_member(out, "r", body, len);
}

void smp_put_params(struct cbor_writer *w, const struct smp_params *params)
{
    cbor_begin_map(w, 2);
    cbor_member_uint(w, "buf_size", params->buf_size);
    cbor_member_uint(w, "buf_count", params->buf_count);
}

bool smp_get_params(struct smp_params *out, const uint8_t *body, size_t len)
{
    enum { BUF_SIZE, BUF_COUNT, KEYS };
    static const char *const keys[KEYS] = { "buf_size", "buf_count" };
    struct cbor_reader r = cbor_reader_over(body, len);
    struct cbor_items map = cbor_enter_map(&r);
    int key;

    *out = (struct smp_params){ 0 };
    while ((key = cbor_next_member(&r, &map, keys, KEYS)) >= 0) {
        *(key == BUF_SIZE ? &out->buf_size : &out->buf_count) = cbor_take_u32(&r);
    }
    if (!cbor_reader_is_done(&r) || map.seen != (1u << KEYS) - 1) {
        *out = (struct smp_params){ 0 };
        return false;
    }
    return true;
}

uint8_t *smp_put_upload(struct cbor_writer *w, const struct smp_upload *u)
{
    bool has_sha = u->has_start && u->sha.len > 0;

    cbor_begin_map(w, (u->has_start ? 4u : 2u) + (has_sha ? 1u : 0u));
    if (u->has_start) {
        cbor_member_uint(w, "image", u->image);
        cbor_member_uint(w, "len", u->len);
    }
    cbor_member_uint(w, "off", u->off);
    if (has_sha) {
        cbor_member_bytes(w, "sha", u->sha.at, u->sha.len);
    }
    cbor_put_text(w, "data");
    uint8_t *room = cbor_put_bytes_room(w, u->data.len);

    if (room && u->data.at) {
        memcpy(room, u->data.at, u->data.len);
    }
    return room;
}

enum upload_key { UPLOAD_IMAGE, UPLOAD_LEN, UPLOAD_OFF, UPLOAD_SHA, UPLOAD_DATA, UPLOAD_KEYS };

static void take_upload(struct cbor_reader *r, enum upload_key key, struct smp_upload *out)
{
    switch (key) {
    case UPLOAD_IMAGE:
        out->image = cbor_take_u32(r);
        break;
    case UPLOAD_LEN:
        out->len = cbor_take_uint(r);
        break;
    case UPLOAD_OFF:
        out->off = cbor_take_uint(r);
        break;
    case UPLOAD_SHA:
        out->sha = cbor_take_bytes(r);
        break;
    case UPLOAD_DATA:
        out->data = cbor_take_bytes(r);
        break;
    case UPLOAD_KEYS:
        break;
    }
}

bool smp_get_upload(struct smp_upload *out, const uint8_t *body, size_t len)
{
    static const char *const keys[UPLOAD_KEYS] = { "image", "len", "off", "sha", "data" };
    struct cbor_reader r = cbor_reader_over(body, len);
    struct cbor_items map = cbor_enter_map(&r);
    int key;

    *out = (struct smp_upload){ 0 };
    while ((key = cbor_next_member(&r, &map, keys, UPLOAD_KEYS)) >= 0) {
        take_upload(&r, (enum upload_key)key, out);
    }
    out->has_start = out->off == 0;
    uint32_t needed = 1u << UPLOAD_OFF | 1u << UPLOAD_DATA;

    needed |= out->has_start ? 1u << UPLOAD_LEN : 0;
    if (!cbor_reader_is_done(&r) || (map.seen & needed) != needed) {
        *out = (struct smp_upload){ 0 };
        return false;
    }
    return true;
}

size_t smp_upload_room(const struct smp_upload *upload, size_t message_max)
{
    uint8_t bytes[128];
    struct smp_upload empty = *upload;
    struct cbor_writer w = smp_begin(bytes, sizeof bytes);

    empty.data = (struct cbor_string){ .at = bytes, .len = 0 };
    (void)smp_put_upload(&w, &empty);
    size_t head = w.len - 1; /* without the head of the data */

    if (!w.ok || message_max <= head) {
        return 0;
    }
    size_t room = message_max - head;

    /* the head takes 1 byte below 24, 2 below 256, 3 below 65536 */
    return room <= 24 ? room - 1 : room <= 257 ? room - 2 : room - 3;
}

void smp_put_upload_answer(struct cbor_writer *w, uint64_t off)
{
    cbor_begin_map(w, 1);
    cbor_member_uint(w, "off", off);
}

bool smp_get_upload_answer(uint64_t *off, const uint8_t *body, size_t len)
{
    static const char *const keys[] = { "off" };
    struct cbor_reader r = cbor_reader_over(body, len);
    struct cbor_items map = cbor_enter_map(&r);

    *off = 0;
    while (cbor_next_member(&r, &map, keys, 1) >= 0) {
        *off = cbor_take_uint(&r);
    }
    if (!cbor_reader_is_done(&r) || map.seen == 0) {
        *off = 0;
        return false;
    }
    return true;
}

static void put_image_state(struct cbor_writer *w, const struct smp_image_state *s)
{
    cbor_begin_map(w, s->hash.len > 0 ? 9 : 8);
    cbor_member_uint(w, "image", s->image);
    cbor_member_uint(w, "slot", s->slot);
    cbor_put_text(w, "version");
    cbor_put_text_span(w, (const char *)s->version.at, s->version.len);
    if (s->hash.len > 0) {
        cbor_member_bytes(w, "hash", s->hash.at, s->hash.len);
    }
    cbor_member_bool(w, "bootable", s->bootable);
    cbor_member_bool(w, "pending", s->pending);
    cbor_member_bool(w, "confirmed", s->confirmed);
    cbor_member_bool(w, "active", s->active);
    cbor_member_bool(w, "permanent", s->permanent);
}

void smp_put_state_answer(struct cbor_writer *w, const struct smp_image_state *images, size_t count)
{
    cbor_begin_map(w, 1);
    cbor_put_text(w, "images");
    cbor_begin_array(w, (uint32_t)count);
    for (size_t i = 0; i < count; i++) {
        put_image_state(w, &images[i]);
    }
}

enum state_key {
    STATE_IMAGE,
    STATE_SLOT,
    STATE_VERSION,
    STATE_HASH,
    STATE_BOOTABLE,
    STATE_PENDING,
    STATE_CONFIRMED,
    STATE_ACTIVE,
    STATE_PERMANENT,
    STATE_KEYS
};

static void take_state(struct cbor_reader *r, enum state_key key, struct smp_image_state *out)
{
    switch (key) {
    case STATE_IMAGE:
        out->image = cbor_take_u32(r);
        break;
    case STATE_SLOT:
        out->slot = cbor_take_u32(r);
        break;
    case STATE_VERSION:
        out->version = cbor_take_text(r);
        break;
    case STATE_HASH:
        out->hash = cbor_take_bytes(r);
        break;
    case STATE_BOOTABLE:
        out->bootable = cbor_take_bool(r);
        break;
    case STATE_PENDING:
        out->pending = cbor_take_bool(r);
        break;
    case STATE_CONFIRMED:
        out->confirmed = cbor_take_bool(r);
        break;
    case STATE_ACTIVE:
        out->active = cbor_take_bool(r);
        break;
    case STATE_PERMANENT:
        out->permanent = cbor_take_bool(r);
        break;
    case STATE_KEYS:
        break;
    }
}

static void take_image_state(struct cbor_reader *r, struct smp_image_state *out)
{
    static const char *const keys[STATE_KEYS] = { "image",     "slot",     "version",
                                                  "hash",      "bootable", "pending",
                                                  "confirmed", "active",   "permanent" };
    struct cbor_items map = cbor_enter_map(r);
    int key;

    *out = (struct smp_image_state){ 0 };
    while ((key = cbor_next_member(r, &map, keys, STATE_KEYS)) >= 0) {
        take_state(r, (enum state_key)key, out);
    }
    r->ok = r->ok && map.seen & 1u << STATE_SLOT;
}

bool smp_get_state_answer(struct smp_image_state *images, size_t cap, size_t *count,
                          const uint8_t *body, size_t len)
{
    static const char *const keys[] = { "images" };
    struct cbor_reader r = cbor_reader_over(body, len);
    struct cbor_items map = cbor_enter_map(&r);

    *count = 0;
    while (cbor_next_member(&r, &map, keys, 1) >= 0) {
        struct cbor_items array = cbor_enter_array(&r);

        while (cbor_next_element(&r, &array)) {
            r.ok = *count < cap;
            if (r.ok) {
                take_image_state(&r, &images[(*count)++]);
            }
        }
    }
    if (!cbor_reader_is_done(&r) || map.seen == 0) {
        *count = 0;
        return false;
    }
    return true;
}

void smp_put_state_write(struct cbor_writer *w, const struct smp_state_write *write)
{
    cbor_begin_map(w, write->hash.len > 0 ? 2 : 1);
    if (write->hash.len > 0) {
        cbor_member_bytes(w, "hash", write->hash.at, write->hash.len);
    }
    cbor_member_bool(w, "confirm", write->confirm);
}

bool smp_get_state_write(struct smp_state_write *out, const uint8_t *body, size_t len)
{
    enum { HASH, CONFIRM, KEYS };
    static const char *const keys[KEYS] = { "hash", "confirm" };
    struct cbor_reader r = cbor_reader_over(body, len);
    struct cbor_items map = cbor_enter_map(&r);
    int key;

    *out = (struct smp_state_write){ 0 };
    while ((key = cbor_next_member(&r, &map, keys, KEYS)) >= 0) {
        if (key == HASH) {
            out->hash = cbor_take_bytes(&r);
        } else {
            out->confirm = cbor_take_bool(&r);
        }
    }
    if (!cbor_reader_is_done(&r)) {
        *out = (struct smp_state_write){ 0 };
        return false;
    }
    return true;
}
