#include "smp_bench.h"

#include <string.h>

static void send_bytes(struct smp_wire *w, const uint8_t *bytes, size_t len)
{
    smp_bench_push((struct smp_bench *)w, bytes, len);
}

/* Whatever the server had to say is in the line already. */
static size_t receive_bytes(struct smp_wire *w, uint8_t *out, size_t cap)
{
    (void)w;
    (void)out;
    (void)cap;
    return 0;
}

void smp_bench_open(struct smp_bench *b, enum smp_framing framing)
{
    memset(b, 0, sizeof *b);
    b->wire.send = send_bytes;
    b->wire.receive = receive_bytes;
    b->wire.framing = framing;
    b->wire.message_max = SMP_BENCH_BUF - SMP_MESSAGE_OVERHEAD;
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
    b->wire.line_len = 0;
}

void smp_bench_wait(struct smp_bench *b, uint32_t ms)
{
    b->now_ms += ms;
    host_port_set_now(&b->rig.port, b->now_ms * 1000);
    (void)smp_server_step(&b->server);
}

void smp_bench_push(struct smp_bench *b, const uint8_t *bytes, size_t len)
{
    struct smp_wire *w = &b->wire;

    while (len > 0) {
        size_t used = smp_server_receive(&b->server, bytes, len);

        bytes += used;
        len -= used;
        w->line_len += smp_server_take(&b->server, w->line + w->line_len,
                                       sizeof w->line - w->line_len);
        if (w->line_len == sizeof w->line) {
            w->line_len = 0; /* nobody reads it */
        }
    }
    (void)smp_server_step(&b->server);
}

bool smp_bench_reset(struct smp_bench *b)
{
    if (!smp_wire_reset(&b->wire) || !b->rig.port.wants_reset) {
        return false;
    }
    smp_bench_boot(b);
    return true;
}

bool smp_bench_activate(struct smp_bench *b, const uint8_t identity[32], bool retry)
{
    return smp_wire_activate(&b->wire, identity, retry) && smp_bench_reset(b);
}
