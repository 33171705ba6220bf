#include "firmware_box.h"

#include <stdlib.h>
#include <string.h>

#include "json.h"

enum { NS_A_US = 1000 };

static struct firmware_box *self(struct fake_device *d)
{
    return (struct firmware_box *)d;
}

struct sim_device *firmware_box_device(struct firmware_box *b)
{
    return b->bench.bus.device;
}

static void receive(struct fake_device *d, struct fake_line *line, const uint8_t *bytes, size_t len,
                    uint64_t now_ns)
{
    (void)line;
    sim_device_receive(firmware_box_device(self(d)), now_ns / NS_A_US, bytes, len);
}

static uint64_t step(struct fake_device *d, struct fake_line *line, uint64_t now_ns)
{
    struct sim_device *device = firmware_box_device(self(d));
    uint8_t out[8192];
    uint64_t due_us;
    size_t n;

    do {
        due_us = sim_device_step(device, now_ns / NS_A_US);
        n = sim_device_transmit(device, now_ns / NS_A_US, out, sizeof out);
        if (n > 0) {
            fake_line_send(line, out, n, now_ns);
        }
    } while (n > 0);
    return due_us == UINT64_MAX ? FAKE_NEVER : (due_us + 1) * NS_A_US;
}

static void attach(struct firmware_box *b, struct fake_fault *fault)
{
    b->base = (struct fake_device){ receive, step };
    b->rig.other_device = &b->base;
    b->rig.line_config.fault = fault;
    uart_rig_open(&b->rig);
    b->rig.world.now = b->bench.now_us * NS_A_US;
}

static void copy_stream(struct uart_rig *rig, const struct blob *stream)
{
    rig->stream = malloc(stream->len);
    if (!rig->stream) {
        abort();
    }
    memcpy(rig->stream, stream->at, stream->len);
    rig->image = (struct image_ref){ .handle = 5, .size = stream->len, .sequence = 6 };
    memset(rig->image.token, 0x70, sizeof rig->image.token);
}

/* The device takes both framings: hold the router to one. */
static void open_router_again(struct uart_rig *rig, const char *framing)
{
    struct json *options = json_new_object();

    json_set_string(options, "framing", framing);
    rig->router->ops->close(rig->router);
    rig->config->options = options;
    if (uart_router_ops.open(&rig->router, rig->link, rig->config, NULL) != GW_OK) {
        abort();
    }
    rig->config->options = NULL;
    json_free(options);
}

void firmware_box_open(struct firmware_box *b, const struct sim_bench_config *config,
                       enum smp_framing framing, struct fake_fault *fault)
{
    sim_bench_open(&b->bench, config);
    uart_rig_init(&b->rig);
    copy_stream(&b->rig, &b->bench.new.gwi);
    memcpy(b->rig.image.identity, b->bench.new.identity, sizeof b->rig.image.identity);
    attach(b, fault);
    if (framing != SMP_FRAMING_ANY) {
        open_router_again(&b->rig, framing == SMP_FRAMING_RAW ? "raw" : "console");
    }
}

void firmware_box_open_foreign(struct firmware_box *b)
{
    const struct sim_bench_config config = { 0 };
    struct blob old = { 0 }, new = { 0 };

    sim_bench_mcuboot(&old, 9000, 1);
    sim_bench_mcuboot(&new, 12000, 2);
    sim_bench_open_foreign(&b->bench, &config, &old);
    uart_rig_init_foreign(&b->rig);
    copy_stream(&b->rig, &new);
    b->rig.image.payload_only = b->rig.image.has_state_hash = true;
    memcpy(b->rig.image.state_hash, new.at + new.len - 32, 32); /* the SHA-256 TLV is its end */
    attach(b, NULL);
    blob_free(&old);
    blob_free(&new);
}

void firmware_box_close(struct firmware_box *b)
{
    uart_rig_close(&b->rig);
    sim_bench_close(&b->bench);
}
