#include <string.h>

#include "check.h"
#include "fake.h"

/* A device that echoes, and remembers when the first and last byte came. */
struct echo {
    struct fake_device base;
    uint64_t first_ns, last_ns;
    size_t count;
};

static void echo_receive(struct fake_device *d, struct fake_line *line, const uint8_t *bytes,
                         size_t len, uint64_t now_ns)
{
    struct echo *e = (struct echo *)d;

    e->first_ns = e->count == 0 ? now_ns : e->first_ns;
    e->last_ns = now_ns;
    e->count += len;
    fake_line_send(line, bytes, len, now_ns);
}

static uint64_t echo_step(struct fake_device *d, struct fake_line *line, uint64_t now_ns)
{
    (void)d;
    (void)line;
    (void)now_ns;
    return FAKE_NEVER;
}

struct bench {
    struct echo echo;
    struct fake_world world;
    struct fake_line *line;
    struct link *link;
};

static void bench_open(struct bench *b, struct fake_line_config config)
{
    *b = (struct bench){ .echo = { .base = { echo_receive, echo_step } } };
    config.device = &b->echo.base;
    fake_world_init(&b->world);
    b->line = fake_line_new(&config);
    fake_world_add(&b->world, b->line);
    b->link = fake_link_new(b->line, &b->world.base);
}

static void bench_close(struct bench *b)
{
    b->link->ops->close(b->link);
    fake_line_free(b->line);
}

static size_t read_all(struct bench *b, uint8_t *buf, size_t cap, uint64_t deadline_ms)
{
    size_t at = 0, n;

    while (at < cap && b->link->ops->read(b->link, buf + at, cap - at, &n, deadline_ms) == GW_OK) {
        at += n;
    }
    return at;
}

static void a_byte_takes_ten_bits_and_the_latency(void)
{
    static uint8_t bytes[11520], back[11520];
    struct bench b;

    bench_open(&b, (struct fake_line_config){ .baud = 115200, .latency_us = 1000 });
    CHECK_EQ(b.link->ops->write(b.link, bytes, sizeof bytes, 10000), GW_OK);
    CHECK_EQ(read_all(&b, back, sizeof back, 10000), sizeof back);
    /* 1 s of bytes, 1 ms there, the last 16 back, 1 ms back */
    CHECK(b.echo.last_ns > 1000900000 && b.echo.last_ns < 1001100000);
    CHECK(b.world.now > 1003200000 && b.world.now < 1003600000);
    bench_close(&b);
}

static void writing_runs_at_most_a_few_kib_ahead_of_the_line(void)
{
    static uint8_t bytes[20000];
    struct bench b;

    bench_open(&b, (struct fake_line_config){ .baud = 115200 });
    CHECK_EQ(b.link->ops->write(b.link, bytes, sizeof bytes, 10000), GW_OK);
    CHECK(b.world.now / 86805 > 20000 - 4200 && b.world.now / 86805 < 20000);
    bench_close(&b);
}

static void noise_is_what_was_asked_for_and_the_same_for_the_same_seed(void)
{
    static uint8_t bytes[100000], back[2][130000];
    size_t len[2], flipped = 0;

    for (int run = 0; run < 2; run++) {
        struct bench b;

        bench_open(&b, (struct fake_line_config){
                           .noise = { .loss_ppm = 5000, .duplicate_ppm = 5000, .seed = 42 } });
        CHECK_EQ(b.link->ops->write(b.link, bytes, sizeof bytes, 1000), GW_OK);
        len[run] = read_all(&b, back[run], sizeof back[run], 1000);
        bench_close(&b);
    }
    CHECK(len[0] == len[1] && len[0] > 99700 && len[0] < 100300 && len[0] != 100000);
    struct bench b;

    bench_open(&b, (struct fake_line_config){ .noise = { .corruption_ppm = 10000, .seed = 1 } });
    CHECK_EQ(b.link->ops->write(b.link, bytes, sizeof bytes, 1000), GW_OK);
    CHECK_EQ(read_all(&b, back[0], sizeof back[0], 1000), sizeof bytes);
    for (size_t i = 0; i < sizeof bytes; i++) {
        flipped += back[0][i] != 0;
        CHECK((back[0][i] & (back[0][i] - 1)) == 0 || flipped > 0);
    }
    CHECK(flipped > 1700 && flipped < 2300); /* both ways */
    bench_close(&b);
}

static void a_cut_line_is_silent_and_a_mended_one_speaks(void)
{
    uint8_t back[10];
    struct bench b;

    bench_open(&b, (struct fake_line_config){ .baud = 9600 });
    fake_line_set_cut(b.line, true);
    CHECK_EQ(b.link->ops->write(b.link, "lost", 4, 1000), GW_OK);
    CHECK_EQ(read_all(&b, back, sizeof back, 100), 0);
    fake_line_set_cut(b.line, false);
    CHECK_EQ(b.link->ops->write(b.link, "here", 4, 1000), GW_OK);
    CHECK_EQ(read_all(&b, back, 4, 1000), 4);
    CHECK(memcmp(back, "here", 4) == 0);
    bench_close(&b);
}

struct every_second {
    struct fake_fault base;
    unsigned n;
};

static enum fake_fate second(struct fake_fault *f, enum fake_from from, uint8_t *bytes, size_t len)
{
    struct every_second *s = (struct every_second *)f;

    (void)bytes;
    (void)len;
    return from == FAKE_FROM_DEVICE ? FAKE_PASS : ++s->n % 2 ? FAKE_DROP : FAKE_DOUBLE;
}

static void a_fault_decides_about_whole_writes(void)
{
    struct every_second fault = { .base = { second } };
    uint8_t back[20];
    struct bench b;

    bench_open(&b, (struct fake_line_config){ .fault = &fault.base });
    CHECK_EQ(b.link->ops->write(b.link, "one", 3, 1000), GW_OK);
    CHECK_EQ(b.link->ops->write(b.link, "two", 3, 1000), GW_OK);
    CHECK_EQ(read_all(&b, back, sizeof back, 50), 6);
    CHECK(memcmp(back, "twotwo", 6) == 0);
    bench_close(&b);
}

int main(void)
{
    TEST(a_byte_takes_ten_bits_and_the_latency);
    TEST(writing_runs_at_most_a_few_kib_ahead_of_the_line);
    TEST(noise_is_what_was_asked_for_and_the_same_for_the_same_seed);
    TEST(a_cut_line_is_silent_and_a_mended_one_speaks);
    TEST(a_fault_decides_about_whole_writes);
    return checks_failed != 0;
}
