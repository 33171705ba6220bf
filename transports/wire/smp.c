#include "smp.h"

bool smp_header_parse(struct smp_header *out, const uint8_t bytes[SMP_HEADER_LEN])
{
    *out = (struct smp_header){
        .version = (enum smp_version)(bytes[0] >> 3 & 3),
        .op = (enum smp_op)(bytes[0] & 7),
        .flags = bytes[1],
        .body_len = (uint16_t)(bytes[2] << 8 | bytes[3]),
        .group = (uint16_t)(bytes[4] << 8 | bytes[5]),
        .seq = bytes[6],
        .command = bytes[7],
    };
    return bytes[0] >> 5 == 0 && out->version <= SMP_V2 && out->op <= SMP_WRITE_ANSWER;
}

void smp_header_pack(uint8_t bytes[SMP_HEADER_LEN], const struct smp_header *h)
{
    bytes[0] = (uint8_t)((unsigned)h->version << 3 | (unsigned)h->op);
    bytes[1] = h->flags;
    bytes[2] = (uint8_t)(h->body_len >> 8);
    bytes[3] = (uint8_t)h->body_len;
    bytes[4] = (uint8_t)(h->group >> 8);
    bytes[5] = (uint8_t)h->group;
    bytes[6] = h->seq;
    bytes[7] = h->command;
}

struct cbor_writer smp_begin(uint8_t *buf, size_t cap)
{
    struct cbor_writer w = cbor_writer_over(buf, cap);

    w.ok = cap >= SMP_HEADER_LEN;
    w.len = w.ok ? SMP_HEADER_LEN : 0;
    return w;
}

size_t smp_finish(struct cbor_writer *w, const struct smp_header *header)
{
    struct smp_header h = *header;

    if (!w->ok || w->len > SMP_MESSAGE_MAX) {
        return 0;
    }
    h.body_len = (uint16_t)(w->len - SMP_HEADER_LEN);
    smp_header_pack(w->bytes, &h);
    return w->len;
}

struct smp_header smp_answer_header(const struct smp_header *request)
{
    struct smp_header answer = *request;

    answer.op = request->op == SMP_READ ? SMP_READ_ANSWER : SMP_WRITE_ANSWER;
    answer.flags = 0;
    return answer;
}

static void get_v2_error(struct cbor_reader *r, struct smp_status *out)
{
    enum { GROUP, RC };
    static const char *const keys[] = { "group", "rc" };
    struct cbor_items map = cbor_enter_map(r);
    int key;

    out->is_v2 = true;
    while ((key = cbor_next_member(r, &map, keys, 2)) >= 0) {
        uint32_t value = cbor_take_u32(r);

        if (key == GROUP) {
            r->ok = r->ok && value <= UINT16_MAX;
            out->group = (uint16_t)value;
        } else {
            out->rc = value;
        }
    }
}

bool smp_get_status(struct smp_status *out, const uint8_t *body, size_t len)
{
    enum { RC, ERR, REASON };
    static const char *const keys[] = { "rc", "err", "reason" };
    struct cbor_reader r = cbor_reader_over(body, len);
    struct cbor_items map = cbor_enter_map(&r);
    uint32_t v1_rc = 0, reason = 0;
    int key;

    *out = (struct smp_status){ 0 };
    while ((key = cbor_next_member(&r, &map, keys, 3)) >= 0) {
        if (key == RC) {
            v1_rc = cbor_take_u32(&r);
        } else if (key == ERR) {
            get_v2_error(&r, out);
        } else {
            reason = cbor_take_u32(&r);
            r.ok = r.ok && reason <= UINT16_MAX;
        }
    }
    if (!cbor_reader_is_done(&r)) {
        *out = (struct smp_status){ 0 };
        return false;
    }
    out->rc = out->is_v2 ? out->rc : v1_rc;
    out->reason = (uint16_t)reason;
    return true;
}

void smp_put_error(struct cbor_writer *w, enum smp_version version, uint16_t group, uint32_t rc,
                   uint16_t reason)
{
    cbor_begin_map(w, reason != 0 ? 2 : 1);
    if (version == SMP_V2) {
        cbor_put_text(w, "err");
        cbor_begin_map(w, 2);
        cbor_member_uint(w, "group", group);
    }
    cbor_member_uint(w, "rc", rc);
    if (reason != 0) {
        cbor_member_uint(w, "reason", reason);
    }
}

void smp_put_empty(struct cbor_writer *w)
{
    cbor_begin_map(w, 0);
}
