#include "uart_rig.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum { CMS_BYTES = 1200 };

static struct uart_rig *of_call(struct call *c)
{
    return (struct uart_rig *)((char *)c - offsetof(struct uart_rig, call));
}

uint64_t uart_rig_now_ms(const struct uart_rig *r)
{
    return r->world.now / 1000000;
}

static void on_progress(struct call *c, const char *device, uint64_t done, uint64_t total)
{
    struct uart_rig *r = of_call(c);

    (void)device;
    (void)total;
    r->went_back = r->went_back || done < r->progress;
    r->progress = done > r->progress ? done : r->progress;
    r->progress_steps++;
    r->last_progress_ms = uart_rig_now_ms(r);
}

static void on_result(struct call *c, const struct device_result *result)
{
    struct uart_rig *r = of_call(c);

    r->result = *result;
    r->results++;
}

static void on_device(struct call *c, const struct device_info *info)
{
    struct uart_rig *r = of_call(c);

    r->info = *info;
    r->infos++;
}

static enum gw_err on_read(struct call *c, uint64_t handle, uint64_t offset, void *buf, size_t len)
{
    struct uart_rig *r = of_call(c);

    if (r->read_fails) {
        return r->read_fails;
    }
    if (handle != r->image.handle || offset + len > r->image.size || len > IMAGE_READ_MAX) {
        abort();
    }
    if (r->bytes_read == 0) {
        r->first_read_ms = uart_rig_now_ms(r);
    }
    r->bytes_read += len;
    memcpy(buf, r->stream + offset, len);
    return GW_OK;
}

void uart_rig_init(struct uart_rig *r)
{
    *r = (struct uart_rig){ .payload_size = 32 << 10 };
    r->device = (struct smp_model_config){
        .is_own = true,
        .accepts = SMP_FRAMING_ANY,
        .has_params = true,
        .has_echo = true,
        .buf_size = 2048,
        .buf_count = 4,
        .service_us = 300,
        .verify_ms = 40,
        .boot_ms = 300,
        .self_test_ms = 700,
        .has_spare = true,
        .block_size = 1024,
    };
    r->line_config = (struct fake_line_config){ .baud = 115200, .latency_us = 1000 };
}

void uart_rig_init_foreign(struct uart_rig *r)
{
    uart_rig_init(r);
    r->device.is_own = false;
    r->device.accepts = SMP_FRAMING_CONSOLE;
    r->payload_only = true;
}

static void make_stream(struct uart_rig *r)
{
    uint32_t blocks = (r->payload_size + r->device.block_size - 1) / r->device.block_size;
    uint32_t head = r->payload_only ? 0 : CMS_BYTES + 32 * blocks;
    uint32_t x = 12345;

    r->image = (struct image_ref){
        .handle = 77,
        .payload_only = r->payload_only,
        .size = head + r->payload_size,
        .cms_size = r->payload_only ? 0 : CMS_BYTES,
        .payload_size = r->payload_size,
        .block_size = r->device.block_size,
        .has_state_hash = r->payload_only,
        .sequence = 2,
        .version = "2.0.0",
    };
    memset(r->image.token, 0x70, sizeof r->image.token);
    memset(r->image.identity, 0x1d, sizeof r->image.identity);
    memset(r->image.state_hash, 0x5a, sizeof r->image.state_hash);
    memcpy(r->device.identity, r->payload_only ? r->image.state_hash : r->image.identity, 32);
    r->stream = malloc(r->image.size);
    for (uint64_t i = 0; r->stream && i < r->image.size; i++) {
        x = x * 1664525 + 1013904223;
        r->stream[i] = (uint8_t)(x >> 24);
    }
    r->device.stream = r->stream;
    r->device.size = (uint32_t)r->image.size;
    r->device.cms_size = r->image.cms_size;
}

void uart_rig_open(struct uart_rig *r)
{
    static const struct call_ops ops = { on_progress, on_result, on_device, on_read };
    struct gw_error error = { 0 };

    if (!r->other_device) {
        make_stream(r);
        r->model = smp_model_new(&r->device);
    }
    r->config = calloc(1, sizeof *r->config + sizeof r->config->devices[0]);
    if (!r->stream || (!r->model && !r->other_device) || !r->config) {
        abort();
    }
    r->config->bus = "cabinet-1";
    r->config->device_count = 1;
    (void)strcpy(r->config->devices[0].name, "meter");
    r->config->devices[0].is_foreign = !r->device.is_own;
    r->call.ops = &ops;
    fake_world_init(&r->world);
    r->line_config.device = r->other_device ? r->other_device : &r->model->base;
    r->line = fake_line_new(&r->line_config);
    fake_world_add(&r->world, r->line);
    r->link = fake_link_new(r->line, &r->world.base);
    if (uart_router_ops.open(&r->router, r->link, r->config, &error) != GW_OK) {
        abort();
    }
}

void uart_rig_close(struct uart_rig *r)
{
    r->router->ops->close(r->router);
    r->link->ops->close(r->link);
    fake_line_free(r->line);
    free(r->model);
    free(r->config);
    free(r->stream);
}

static void clear(struct uart_rig *r)
{
    r->result = (struct device_result){ 0 };
    r->results = r->infos = r->progress_steps = 0;
    r->progress = r->bytes_read = 0;
    r->went_back = false;
}

enum gw_err uart_rig_do(struct uart_rig *r, uart_rig_verb verb)
{
    static const char *const devices[] = { "meter" };

    clear(r);
    return verb(r->router, &r->call, devices, 1, &r->image);
}

enum gw_err uart_rig_identify(struct uart_rig *r)
{
    static const char *const devices[] = { "meter" };

    clear(r);
    return r->router->ops->identify(r->router, &r->call, devices, 1);
}
