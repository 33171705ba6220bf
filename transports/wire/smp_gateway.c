#include "smp_gateway.h"

void smp_put_report_request(struct cbor_writer *w, const uint8_t nonce[SMP_NONCE_LEN])
{
    cbor_begin_map(w, 1);
    cbor_member_bytes(w, "nonce", nonce, SMP_NONCE_LEN);
}

bool smp_get_report_request(const uint8_t **nonce, const uint8_t *body, size_t len)
{
    static const char *const keys[] = { "nonce" };
    struct cbor_reader r = cbor_reader_over(body, len);
    struct cbor_items map = cbor_enter_map(&r);

    *nonce = NULL;
    while (cbor_next_member(&r, &map, keys, 1) >= 0) {
        *nonce = cbor_take_fixed(&r, SMP_NONCE_LEN);
    }
    if (!cbor_reader_is_done(&r)) {
        *nonce = NULL;
    }
    return *nonce != NULL;
}

/* The request {key: number}, which revert and log share. */
static bool get_number(uint32_t *out, const char *key, const uint8_t *body, size_t len)
{
    struct cbor_reader r = cbor_reader_over(body, len);
    struct cbor_items map = cbor_enter_map(&r);

    *out = 0;
    while (cbor_next_member(&r, &map, &key, 1) >= 0) {
        *out = cbor_take_u32(&r);
    }
    if (!cbor_reader_is_done(&r) || map.seen == 0) {
        *out = 0;
        return false;
    }
    return true;
}

void smp_put_revert(struct cbor_writer *w, uint32_t image)
{
    cbor_begin_map(w, 1);
    cbor_member_uint(w, "image", image);
}

bool smp_get_revert(uint32_t *image, const uint8_t *body, size_t len)
{
    return get_number(image, "image", body, len);
}

void smp_put_activate(struct cbor_writer *w, const struct smp_activate *activate)
{
    cbor_begin_map(w, activate->retry ? 3 : 2);
    cbor_member_uint(w, "image", activate->image);
    cbor_member_bytes(w, "id", activate->id, SMP_DIGEST_LEN);
    if (activate->retry) {
        cbor_member_bool(w, "retry", true);
    }
}

bool smp_get_activate(struct smp_activate *out, const uint8_t *body, size_t len)
{
    enum { IMAGE, ID, RETRY, KEYS };
    static const char *const keys[KEYS] = { "image", "id", "retry" };
    struct cbor_reader r = cbor_reader_over(body, len);
    struct cbor_items map = cbor_enter_map(&r);
    int key;

    *out = (struct smp_activate){ 0 };
    while ((key = cbor_next_member(&r, &map, keys, KEYS)) >= 0) {
        if (key == IMAGE) {
            out->image = cbor_take_u32(&r);
        } else if (key == ID) {
            out->id = cbor_take_fixed(&r, SMP_DIGEST_LEN);
        } else {
            out->retry = cbor_take_bool(&r);
        }
    }
    if (!cbor_reader_is_done(&r) || !out->id) {
        *out = (struct smp_activate){ 0 };
        return false;
    }
    return true;
}

void smp_put_log_request(struct cbor_writer *w, uint32_t from)
{
    cbor_begin_map(w, 1);
    cbor_member_uint(w, "from", from);
}

bool smp_get_log_request(uint32_t *from, const uint8_t *body, size_t len)
{
    return get_number(from, "from", body, len);
}

void smp_put_log_answer(struct cbor_writer *w, uint32_t next, const struct smp_log_entry *entries,
                        size_t count)
{
    cbor_begin_map(w, 2);
    cbor_member_uint(w, "next", next);
    cbor_put_text(w, "entries");
    cbor_begin_array(w, (uint32_t)count);
    for (size_t i = 0; i < count; i++) {
        cbor_begin_map(w, 5);
        cbor_member_uint(w, "n", entries[i].number);
        cbor_member_uint(w, "event", entries[i].event);
        cbor_member_uint(w, "image", entries[i].image);
        cbor_member_uint(w, "sequence", entries[i].sequence);
        cbor_member_uint(w, "reason", entries[i].reason);
    }
}

static void take_log_entry(struct cbor_reader *r, struct smp_log_entry *e)
{
    static const char *const keys[] = { "n", "event", "image", "sequence", "reason" };
    uint32_t *const members[] = { &e->number, &e->event, &e->image, &e->sequence, &e->reason };
    enum { KEYS = sizeof keys / sizeof keys[0] };
    struct cbor_items map = cbor_enter_map(r);
    int key;

    *e = (struct smp_log_entry){ 0 };
    while ((key = cbor_next_member(r, &map, keys, KEYS)) >= 0) {
        *members[key] = cbor_take_u32(r);
    }
    r->ok = r->ok && map.seen == (1u << KEYS) - 1;
}

bool smp_get_log_answer(uint32_t *next, struct smp_log_entry *entries, size_t cap, size_t *count,
                        const uint8_t *body, size_t len)
{
    enum { NEXT, ENTRIES, KEYS };
    static const char *const keys[KEYS] = { "next", "entries" };
    struct cbor_reader r = cbor_reader_over(body, len);
    struct cbor_items map = cbor_enter_map(&r);
    int key;

    *next = 0;
    *count = 0;
    while ((key = cbor_next_member(&r, &map, keys, KEYS)) >= 0) {
        if (key == NEXT) {
            *next = cbor_take_u32(&r);
            continue;
        }
        struct cbor_items array = cbor_enter_array(&r);

        while (cbor_next_element(&r, &array)) {
            r.ok = *count < cap;
            if (r.ok) {
                take_log_entry(&r, &entries[(*count)++]);
            }
        }
    }
    if (!cbor_reader_is_done(&r) || map.seen != (1u << KEYS) - 1) {
        *next = 0;
        *count = 0;
        return false;
    }
    return true;
}
