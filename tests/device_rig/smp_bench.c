#include "smp_bench.h"

#include <string.h>

void smp_bench_open(struct smp_bench *b, enum smp_framing framing)
{
    memset(b, 0, sizeof *b);
    b->framing = framing;
    b->now_ms = 1000;
    rig_init(&b->rig);
    rig_open(&b->rig);
    rig_image_make(&b->old, &b->rig, 3000, 1, &(struct testpki_image_how){ .sequence = 5 });
    rig_image_make(&b->new, &b->rig, 5000, 2, &(struct testpki_image_how){ .sequence = 6 });
    rig_know(&b->rig, &b->old);
    rig_know(&b->rig, &b->new);
    rig_factory(&b->rig, &b->old);
    smp_bench_boot(b);
}

void smp_bench_close(struct smp_bench *b)
{
    rig_image_free(&b->old);
    rig_image_free(&b->new);
    rig_close(&b->rig);
}

void smp_bench_boot(struct smp_bench *b)
{
    const struct smp_server_config config = {
        .updater = &b->rig.updater,
        .trial = &b->rig.trial,
        .identity = &b->rig.who,
        .params = { .buf_size = SMP_BENCH_BUF, .buf_count = SMP_BENCH_COUNT },
        .verify_ms = 300,
        .activate_ms = 2000,
        .trial_ms = b->rig.trial_ms,
        .boots = 7,
        .request = b->request,
        .answer = b->answer,
        .answer_cap = sizeof b->answer,
    };

    host_port_set_now(&b->rig.port, b->now_ms * 1000);
    (void)rig_boot(&b->rig);
    smp_server_init(&b->server, &config);
    b->line_len = 0;
}

void smp_bench_wait(struct smp_bench *b, uint32_t ms)
{
    b->now_ms += ms;
    host_port_set_now(&b->rig.port, b->now_ms * 1000);
    (void)smp_server_step(&b->server);
}

struct cbor_writer smp_bench_begin(struct smp_bench *b)
{
    return smp_begin(b->message, sizeof b->message - SMP_MESSAGE_OVERHEAD);
}

static void take_answers(struct smp_bench *b)
{
    b->line_len += smp_server_take(&b->server, b->line + b->line_len, sizeof b->line - b->line_len);
}

void smp_bench_push(struct smp_bench *b, const uint8_t *bytes, size_t len)
{
    while (len > 0) {
        size_t used = smp_server_receive(&b->server, bytes, len);

        bytes += used;
        len -= used;
        take_answers(b);
        if (b->line_len == sizeof b->line) {
            b->line_len = 0; /* nobody reads it */
        }
    }
    (void)smp_server_step(&b->server);
}

bool smp_bench_read(struct smp_bench *b)
{
    struct smp_receiver receiver;
    size_t used;
    bool found;

    smp_receiver_init(&receiver, b->message, sizeof b->message, b->framing);
    found = smp_receive(&receiver, b->line, b->line_len, &used);
    memmove(b->line, b->line + used, b->line_len - used);
    b->line_len -= used;
    b->message_len = found ? receiver.len : 0;
    return found && smp_header_parse(&b->header, b->message);
}

static void push_framed(struct smp_bench *b, const uint8_t *message, size_t len)
{
    struct smp_console_encoder encoder;
    uint8_t line[SMP_LINE_MAX];

    if (b->framing == SMP_FRAMING_RAW) {
        smp_bench_push(b, message, len);
        return;
    }
    smp_console_begin(&encoder, message, len);
    while ((len = smp_console_next(&encoder, line)) > 0) {
        smp_bench_push(b, line, len);
    }
}

bool smp_bench_ask(struct smp_bench *b, struct cbor_writer *w, enum smp_op op, uint16_t group,
                   uint8_t command)
{
    struct smp_header header = {
        .version = SMP_V2, .op = op, .group = group, .seq = ++b->seq, .command = command
    };
    uint8_t message[SMP_BENCH_BUF];
    size_t len = smp_finish(w, &header);

    memcpy(message, b->message, len);
    push_framed(b, message, len);
    return len > 0 && smp_bench_read(b) && b->header.seq == b->seq && b->header.group == group &&
           b->header.command == command &&
           b->header.op == (op == SMP_READ ? SMP_READ_ANSWER : SMP_WRITE_ANSWER);
}

const uint8_t *smp_bench_body(const struct smp_bench *b, size_t *len)
{
    *len = b->message_len - SMP_HEADER_LEN;
    return b->message + SMP_HEADER_LEN;
}

struct smp_status smp_bench_status(const struct smp_bench *b)
{
    struct smp_status status;

    if (b->message_len < SMP_HEADER_LEN ||
        !smp_get_status(&status, b->message + SMP_HEADER_LEN, b->message_len - SMP_HEADER_LEN)) {
        status.rc = UINT32_MAX;
    }
    return status;
}

uint64_t smp_bench_upload(struct smp_bench *b, const struct blob *gwi, uint64_t off, uint8_t token)
{
    struct cbor_writer w = smp_bench_begin(b);
    uint8_t sha[SMP_DIGEST_LEN];
    struct smp_upload request = { .off = off, .has_start = off == 0, .len = gwi->len };
    uint64_t answered;

    memset(sha, token, sizeof sha);
    if (off == 0) {
        request.sha = (struct cbor_string){ sha, sizeof sha };
    }
    size_t room = smp_upload_room(&request, SMP_BENCH_BUF - SMP_MESSAGE_OVERHEAD);
    size_t left = off < gwi->len ? gwi->len - (size_t)off : 0;

    request.data = (struct cbor_string){ gwi->at + off, left < room ? left : room };
    (void)smp_put_upload(&w, &request);
    if (!smp_bench_ask(b, &w, SMP_WRITE, SMP_GROUP_IMAGE, SMP_IMAGE_UPLOAD)) {
        return UINT64_MAX;
    }
    size_t len;
    const uint8_t *body = smp_bench_body(b, &len);

    return smp_bench_status(b).rc == 0 && smp_get_upload_answer(&answered, body, len) ? answered
                                                                                      : UINT64_MAX;
}

bool smp_bench_send(struct smp_bench *b, const struct blob *gwi, uint8_t token)
{
    uint64_t off = 0;

    for (unsigned i = 0; i < 1000 && off < gwi->len; i++) {
        off = smp_bench_upload(b, gwi, off, token);
    }
    return off == gwi->len;
}

bool smp_bench_reset(struct smp_bench *b)
{
    struct cbor_writer w = smp_bench_begin(b);

    smp_put_empty(&w);
    if (!smp_bench_ask(b, &w, SMP_WRITE, SMP_GROUP_OS, SMP_OS_RESET) || !b->rig.port.wants_reset) {
        return false;
    }
    smp_bench_boot(b);
    return true;
}

bool smp_bench_activate(struct smp_bench *b, const uint8_t identity[32], bool retry)
{
    struct cbor_writer w = smp_bench_begin(b);

    smp_put_activate(&w, &(struct smp_activate){ .id = identity, .retry = retry });
    return smp_bench_ask(b, &w, SMP_WRITE, SMP_GROUP_GATEWAY, SMP_GATEWAY_ACTIVATE) &&
           smp_bench_status(b).rc == 0 && smp_bench_reset(b);
}

bool smp_bench_identify(struct smp_bench *b, struct smp_bench_facts *out)
{
    struct cbor_writer w = smp_bench_begin(b);
    const uint8_t *body;
    size_t len;

    smp_put_empty(&w);
    if (!smp_bench_ask(b, &w, SMP_READ, SMP_GROUP_GATEWAY, SMP_GATEWAY_IDENTIFY)) {
        return false;
    }
    body = smp_bench_body(b, &len);
    out->facts = (struct smp_device_facts){ .slots = out->slots,
                                            .slot_cap = PORT_SLOTS_MAX,
                                            .floors = out->floors,
                                            .floor_cap = PORT_SLOTS_MAX };
    return smp_get_identify_answer(&out->facts, body, len);
}
