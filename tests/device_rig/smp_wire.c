#include "smp_wire.h"

#include <string.h>

enum { REQUESTS_MAX = 100000 };

struct cbor_writer smp_wire_begin(struct smp_wire *w)
{
    return smp_begin(w->message, w->message_max);
}

static void send_framed(struct smp_wire *w, const uint8_t *message, size_t len)
{
    struct smp_console_encoder encoder;
    uint8_t line[SMP_LINE_MAX];

    if (w->framing == SMP_FRAMING_RAW) {
        w->send(w, message, len);
        return;
    }
    smp_console_begin(&encoder, message, len);
    while ((len = smp_console_next(&encoder, line)) > 0) {
        w->send(w, line, len);
    }
}

bool smp_wire_read(struct smp_wire *w)
{
    struct smp_receiver receiver;
    size_t used, got;

    smp_receiver_init(&receiver, w->message, sizeof w->message, w->framing);
    for (;;) {
        bool found = smp_receive(&receiver, w->line, w->line_len, &used);

        memmove(w->line, w->line + used, w->line_len - used);
        w->line_len -= used;
        w->message_len = found ? receiver.len : 0;
        if (found) {
            return smp_header_parse(&w->header, w->message);
        }
        got = w->receive(w, w->line + w->line_len, sizeof w->line - w->line_len);
        if (got == 0) {
            return false;
        }
        w->line_len += got;
    }
}

bool smp_wire_ask(struct smp_wire *w, struct cbor_writer *body, enum smp_op op, uint16_t group,
                  uint8_t command)
{
    struct smp_header header = {
        .version = SMP_V2, .op = op, .group = group, .seq = ++w->seq, .command = command
    };
    uint8_t message[SMP_WIRE_MAX];
    size_t len = smp_finish(body, &header);

    memcpy(message, w->message, len);
    if (len > 0) {
        send_framed(w, message, len);
    }
    return len > 0 && smp_wire_read(w) && w->header.seq == w->seq && w->header.group == group &&
           w->header.command == command &&
           w->header.op == (op == SMP_READ ? SMP_READ_ANSWER : SMP_WRITE_ANSWER);
}

bool smp_wire_ask_empty(struct smp_wire *w, enum smp_op op, uint16_t group, uint8_t command)
{
    struct cbor_writer body = smp_wire_begin(w);

    smp_put_empty(&body);
    return smp_wire_ask(w, &body, op, group, command);
}

const uint8_t *smp_wire_body(const struct smp_wire *w, size_t *len)
{
    *len = w->message_len - SMP_HEADER_LEN;
    return w->message + SMP_HEADER_LEN;
}

struct smp_status smp_wire_status(const struct smp_wire *w)
{
    struct smp_status status;

    if (w->message_len < SMP_HEADER_LEN ||
        !smp_get_status(&status, w->message + SMP_HEADER_LEN, w->message_len - SMP_HEADER_LEN)) {
        return (struct smp_status){ .rc = UINT32_MAX };
    }
    return status;
}

uint64_t smp_wire_upload(struct smp_wire *w, const struct blob *image, uint64_t off, uint8_t token)
{
    struct cbor_writer body = smp_wire_begin(w);
    uint8_t sha[SMP_DIGEST_LEN];
    struct smp_upload request = { .off = off, .has_start = off == 0, .len = image->len };
    uint64_t answered;

    memset(sha, token, sizeof sha);
    if (off == 0) {
        request.sha = (struct cbor_string){ sha, sizeof sha };
    }
    size_t room = smp_upload_room(&request, w->message_max);
    size_t left = off < image->len ? image->len - (size_t)off : 0;

    request.data = (struct cbor_string){ image->at + off, left < room ? left : room };
    (void)smp_put_upload(&body, &request);
    if (!smp_wire_ask(w, &body, SMP_WRITE, SMP_GROUP_IMAGE, SMP_IMAGE_UPLOAD) ||
        smp_wire_status(w).rc != 0) {
        return UINT64_MAX;
    }
    size_t len;
    const uint8_t *at = smp_wire_body(w, &len);

    return smp_get_upload_answer(&answered, at, len) ? answered : UINT64_MAX;
}

bool smp_wire_send_image(struct smp_wire *w, const struct blob *image, uint8_t token)
{
    uint64_t off = 0;

    for (unsigned i = 0; i < REQUESTS_MAX && off < image->len; i++) {
        off = smp_wire_upload(w, image, off, token);
    }
    return off == image->len;
}

/* --- verbs --- */

bool smp_wire_reset(struct smp_wire *w)
{
    return smp_wire_ask_empty(w, SMP_WRITE, SMP_GROUP_OS, SMP_OS_RESET) &&
           smp_wire_status(w).rc == 0;
}

bool smp_wire_activate(struct smp_wire *w, const uint8_t identity[32], bool retry)
{
    struct cbor_writer body = smp_wire_begin(w);

    smp_put_activate(&body, &(struct smp_activate){ .id = identity, .retry = retry });
    return smp_wire_ask(w, &body, SMP_WRITE, SMP_GROUP_GATEWAY, SMP_GATEWAY_ACTIVATE) &&
           smp_wire_status(w).rc == 0;
}

bool smp_wire_confirm(struct smp_wire *w, const uint8_t identity[32])
{
    struct cbor_writer body = smp_wire_begin(w);

    smp_put_state_write(&body,
                        &(struct smp_state_write){ .hash = { identity, 32 }, .confirm = true });
    return smp_wire_ask(w, &body, SMP_WRITE, SMP_GROUP_IMAGE, SMP_IMAGE_STATE) &&
           smp_wire_status(w).rc == 0;
}

bool smp_wire_revert(struct smp_wire *w)
{
    struct cbor_writer body = smp_wire_begin(w);

    smp_put_revert(&body, 0);
    return smp_wire_ask(w, &body, SMP_WRITE, SMP_GROUP_GATEWAY, SMP_GATEWAY_REVERT) &&
           smp_wire_status(w).rc == 0;
}

bool smp_wire_identify(struct smp_wire *w, struct smp_wire_facts *out)
{
    const uint8_t *body;
    size_t len;

    if (!smp_wire_ask_empty(w, SMP_READ, SMP_GROUP_GATEWAY, SMP_GATEWAY_IDENTIFY)) {
        return false;
    }
    body = smp_wire_body(w, &len);
    out->facts = (struct smp_device_facts){ .slots = out->slots,
                                            .slot_cap = SMP_WIRE_SLOTS,
                                            .floors = out->floors,
                                            .floor_cap = SMP_WIRE_SLOTS };
    return smp_get_identify_answer(&out->facts, body, len);
}
