#include <stdlib.h>
#include <string.h>

#include "conformance_link.h"
#include "fake.h"

struct fake_harness {
    struct link_harness base;
    struct fake_device device; /* its peer: keeps what comes */
    struct fake_world world;
    struct fake_line *line;
    uint32_t baud;
    uint8_t got[8192];
    size_t len;
    bool is_deaf; /* unused bytes past the buffer are dropped */
};

static struct fake_harness *of_device(struct fake_device *d)
{
    return (struct fake_harness *)((char *)d - offsetof(struct fake_harness, device));
}

static void keep(struct fake_device *d, struct fake_line *line, const uint8_t *bytes, size_t len,
                 uint64_t now_ns)
{
    struct fake_harness *f = of_device(d);

    (void)line;
    (void)now_ns;
    len = len < sizeof f->got - f->len ? len : sizeof f->got - f->len;
    memcpy(f->got + f->len, bytes, len);
    f->len += len;
}

static uint64_t never(struct fake_device *d, struct fake_line *line, uint64_t now_ns)
{
    (void)d;
    (void)line;
    (void)now_ns;
    return FAKE_NEVER;
}

static struct fake_harness *self(struct link_harness *h)
{
    return (struct fake_harness *)h;
}

static struct link *open_fake(struct link_harness *h)
{
    struct fake_harness *f = self(h);
    struct fake_line_config config = { .baud = f->baud, .latency_us = 500, .device = &f->device };

    f->device = (struct fake_device){ .receive = keep, .step = never };
    f->len = 0;
    fake_world_init(&f->world);
    f->line = fake_line_new(&config);
    fake_world_add(&f->world, f->line);
    return fake_link_new(f->line, &f->world.base);
}

static void peer_write(struct link_harness *h, const void *bytes, size_t len)
{
    struct fake_harness *f = self(h);

    fake_line_send(f->line, bytes, len, f->world.now);
}

static size_t peer_read(struct link_harness *h, void *buf, size_t cap)
{
    struct fake_harness *f = self(h);

    for (int i = 0; f->len == 0 && i < 1000; i++) {
        (void)f->world.base.run(&f->world.base, f->world.now + 1000000);
    }
    size_t n = f->len < cap ? f->len : cap;

    memcpy(buf, f->got, n);
    memmove(f->got, f->got + n, f->len - n);
    f->len -= n;
    return n;
}

static void peer_close(struct link_harness *h)
{
    fake_line_hang_up(self(h)->line);
}

static void cancel(struct link_harness *h)
{
    self(h)->world.cancel_at = self(h)->world.now + 1;
}

static void close_fake(struct link_harness *h)
{
    fake_line_free(self(h)->line);
}

int main(void)
{
    static const uint32_t bauds[] = { 115200, 9600, 3000000 };
    int failed = 0;

    for (size_t i = 0; i < sizeof bauds / sizeof bauds[0]; i++) {
        struct fake_harness *f = calloc(1, sizeof *f);

        if (!f) {
            return 1;
        }
        f->baud = bauds[i];
        f->base = (struct link_harness){ "fake",     open_fake, peer_write, peer_read,
                                         peer_close, cancel,    close_fake };
        failed += conformance_link(&f->base);
        free(f);
    }
    return failed != 0;
}
