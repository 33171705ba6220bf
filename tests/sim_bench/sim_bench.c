#include "sim_bench.h"

#include <stdlib.h>
#include <string.h>

#include "mcuboot_image.h"

static void trace(struct sim_bench *b, const void *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        b->trace = (b->trace ^ ((const uint8_t *)bytes)[i]) * 1099511628211u;
    }
}

/* To the next due moment, or to `limit_us`. */
static void advance(struct sim_bench *b, uint64_t limit_us)
{
    uint64_t due_us = sim_bus_step(&b->bus, b->now_us);

    b->steps++;
    b->now_us = due_us <= b->now_us ? b->now_us + 1 : due_us < limit_us ? due_us : limit_us;
    (void)sim_bus_step(&b->bus, b->now_us);
}

static void send_bytes(struct smp_wire *w, const uint8_t *bytes, size_t len)
{
    struct sim_bench *b = (struct sim_bench *)w;

    trace(b, bytes, len);
    while (len > 0) {
        size_t n = sim_bus_write(&b->bus, b->now_us, bytes, len);

        bytes += n;
        len -= n;
        if (len > 0) {
            advance(b, sim_line_room_due_us(b->bus.line, SIM_TO_DEVICE, b->now_us));
        }
    }
}

static size_t receive_bytes(struct smp_wire *w, uint8_t *out, size_t cap)
{
    struct sim_bench *b = (struct sim_bench *)w;
    uint64_t deadline_us = b->now_us + b->timeout_us;
    size_t got = 0;

    while (got == 0 && b->now_us < deadline_us) {
        advance(b, deadline_us);
        got = sim_bus_read(&b->bus, b->now_us, out, cap);
    }
    trace(b, out, got);
    trace(b, &b->now_us, sizeof b->now_us);
    return got;
}

static void open_common(struct sim_bench *b, const struct sim_bench_config *config,
                        struct sim_firmware *firmware)
{
    struct smp_params params = config->params.buf_size
                                   ? config->params
                                   : (struct smp_params){ .buf_size = 2048, .buf_count = 4 };
    const struct sim_device_config device = { .boot_us = 50000,
                                              .self_test_us = 100000,
                                              .receive_cap = params.buf_size * params.buf_count *
                                                             3 / 2 };

    b->wire.send = send_bytes;
    b->wire.receive = receive_bytes;
    b->wire.framing = config->framing;
    b->wire.message_max = params.buf_size - SMP_MESSAGE_OVERHEAD;
    b->timeout_us = 2000000;
    b->now_us = 1000000;
    if (!firmware || !sim_line_open(&b->bus.line, config->baud, config->latency_us) ||
        !sim_device_open(&b->bus.device, firmware, &device)) {
        abort();
    }
    sim_bus_power(&b->bus, b->now_us, true);
    sim_bench_wait(b, 100000);
    sim_device_reset_counters(b->bus.device);
}

static void make_image(struct sim_bench *b, struct rig_image *image,
                       const struct sim_bench_config *config, uint32_t sequence)
{
    struct rig rig; /* only its PKI is used */

    rig.pki = b->pki;
    rig_image_make(
        image, &rig, config->image_len ? config->image_len : 20000, sequence,
        &(struct testpki_image_how){ .sequence = sequence,
                                     .block_size = config->block_size,
                                     .has_floor = sequence == 6 && config->new_floor != 0,
                                     .floor = config->new_floor });
}

void sim_bench_open(struct sim_bench *b, const struct sim_bench_config *config)
{
    uint32_t slot_size = config->slot_size ? config->slot_size : 65536;
    struct sim_own_config own = {
        .port = { .geometry = { .sector_size = 4096,
                                .program_size = 8,
                                .cms_max = 4096,
                                .slot_count = 2,
                                .slots = { { .offset = 8192, .size = slot_size + 8192 },
                                           { .offset = 16384 + slot_size,
                                             .size = slot_size + 8192 } } },
                  .size = 24576 + 2 * slot_size,
                  .delays = config->delays },
        .identity = { .hardware = 3 },
        .anchor_count = 1,
        .max_table = 32768,
        .max_block = 4096,
        .params = config->params.buf_size ? config->params
                                          : (struct smp_params){ .buf_size = 2048, .buf_count = 4 },
        .trial_ms = 60000,
    };
    struct sim_firmware *firmware;
    uint16_t reason;

    memset(b, 0, sizeof *b);
    testpki_make(&b->pki, "acme.example");
    make_image(b, &b->old, config, 5);
    make_image(b, &b->new, config, 6);
    memset(own.identity.vendor_id, 0x11, sizeof own.identity.vendor_id);
    memset(own.identity.class_id, 0x22, sizeof own.identity.class_id);
    own.anchors[0] = b->pki.anchor;
    firmware = sim_own_open(&own);
    if (!firmware || !sim_own_install(firmware, b->old.gwi.at, b->old.gwi.len, &reason)) {
        abort();
    }
    open_common(b, config, firmware);
}

void sim_bench_open_foreign(struct sim_bench *b, const struct sim_bench_config *config,
                            const struct blob *image)
{
    const struct sim_foreign_config foreign = { .slot_size = 65536,
                                                .params = { .buf_size = 2048, .buf_count = 4 } };
    struct sim_firmware *firmware = sim_foreign_open(&foreign);

    memset(b, 0, sizeof *b);
    testpki_make(&b->pki, "acme.example");
    if (!firmware || !sim_foreign_install(firmware, image->at, image->len)) {
        abort();
    }
    open_common(b, config, firmware);
}

void sim_bench_close(struct sim_bench *b)
{
    sim_bus_close(&b->bus);
    rig_image_free(&b->old);
    rig_image_free(&b->new);
    testpki_free(&b->pki);
}

void sim_bench_wait(struct sim_bench *b, uint64_t us)
{
    uint64_t until_us = b->now_us + us;

    while (b->now_us < until_us) {
        advance(b, until_us);
    }
}

struct sim_counters sim_bench_counters(const struct sim_bench *b)
{
    struct sim_counters out;

    sim_device_count(b->bus.device, &out);
    return out;
}

struct sim_running sim_bench_running(const struct sim_bench *b)
{
    struct sim_running out;

    (void)sim_device_running(b->bus.device, &out);
    return out;
}

bool sim_bench_is_sound(const struct sim_bench *b)
{
    struct sim_counters c = sim_bench_counters(b);

    return c.violations == 0 && c.early_ops == 0 && c.unverified_bytes == 0;
}

/* --- MCUboot images --- */

static void add_le(struct blob *out, uint32_t value, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        blob_add_byte(out, (uint8_t)(value >> 8 * i));
    }
}

void sim_bench_mcuboot(struct blob *out, size_t len, uint8_t minor)
{
    size_t start = out->len;
    uint8_t digest[SHA256_LEN];

    add_le(out, MCUBOOT_MAGIC, 4);
    add_le(out, 0, 4); /* load address */
    add_le(out, MCUBOOT_HEADER_LEN, 2);
    add_le(out, 0, 2); /* protected TLVs */
    add_le(out, (uint32_t)len, 4);
    add_le(out, 0, 4); /* flags */
    blob_add_byte(out, 1);
    blob_add_byte(out, minor);
    add_le(out, 0, 2); /* revision */
    add_le(out, 0, 4); /* build */
    add_le(out, 0, 4); /* padding */
    for (size_t i = 0; i < len; i++) {
        blob_add_byte(out, (uint8_t)(i * 31 + minor));
    }
    sha256_of(digest, out->at + start, out->len - start);
    add_le(out, MCUBOOT_TLV_MAGIC, 2);
    add_le(out, 4 + 4 + SHA256_LEN, 2);
    add_le(out, MCUBOOT_TLV_SHA256, 2);
    add_le(out, SHA256_LEN, 2);
    blob_add(out, digest, sizeof digest);
}
