#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "sim_line.h"

static uint8_t pattern(size_t i)
{
    return (uint8_t)(i * 197 + (i >> 8));
}

/* Push `total` bytes as fast as the line takes them and pull as they come, in steps of due time.
 * Returns when the last byte came. */
static uint64_t pump(struct sim_line *line, enum sim_direction d, size_t total, size_t *wrong)
{
    uint64_t now_us = 1000000, last_us = 0;
    size_t in = 0, out = 0;
    uint8_t bytes[5000];

    *wrong = 0;
    for (unsigned long turns = 0; out < total && turns < 10000000; turns++) {
        size_t want = total - in < sizeof bytes ? total - in : sizeof bytes, got;

        for (size_t i = 0; i < want; i++) {
            bytes[i] = pattern(in + i);
        }
        in += sim_line_push(line, d, now_us, bytes, want);
        got = sim_line_pull(line, d, now_us, bytes, sizeof bytes);
        for (size_t i = 0; i < got; i++) {
            *wrong += bytes[i] != pattern(out++);
        }
        last_us = got > 0 ? now_us : last_us;

        uint64_t due_us = sim_line_due_us(line, d, now_us);
        uint64_t room_us = in < total ? sim_line_room_due_us(line, d, now_us) : SIM_NEVER;

        due_us = room_us < due_us ? room_us : due_us;
        CHECK(due_us > now_us || line == NULL || got == sizeof bytes || room_us <= now_us);
        now_us = due_us > now_us && due_us != SIM_NEVER ? due_us : now_us + (got == 0);
    }
    return last_us - 1000000;
}

static void bytes_take_ten_bits_each_and_the_latency_once(void)
{
    static const uint32_t bauds[] = { 9600, 115200, 921600, 3000000 };

    for (size_t i = 0; i < sizeof bauds / sizeof bauds[0]; i++) {
        struct sim_line *line;
        size_t wrong, total = bauds[i] / 4; /* 2.5 seconds */
        uint64_t want_us, took_us;

        CHECK(sim_line_open(&line, bauds[i], 1000));
        took_us = pump(line, SIM_TO_DEVICE, total, &wrong);
        want_us = total * 10000000ull / bauds[i] + 1000;
        CHECK_EQ(wrong, 0);
        CHECK(took_us >= want_us && took_us <= want_us + 2);
        CHECK_EQ(sim_line_bytes(line, SIM_TO_DEVICE), total);
        CHECK_EQ(sim_line_bytes(line, SIM_FROM_DEVICE), 0);
        sim_line_close(line);
    }
}

static void a_line_that_is_never_silent_keeps_its_pace_for_minutes(void)
{
    struct sim_line *line;
    size_t wrong, total = 115200 / 10 * 100;

    CHECK(sim_line_open(&line, 115200, 0));
    uint64_t took_us = pump(line, SIM_FROM_DEVICE, total, &wrong);

    CHECK_EQ(wrong, 0);
    CHECK(took_us >= 100000000 && took_us <= 100000002);
    sim_line_close(line);
}

static void a_line_without_a_rate_brings_everything_at_once(void)
{
    struct sim_line *line;
    size_t wrong;

    CHECK(sim_line_open(&line, 0, 500));
    CHECK_EQ(sim_line_room(line, SIM_TO_DEVICE, 0), 65536);
    uint64_t took_us = pump(line, SIM_TO_DEVICE, 1000000, &wrong);

    CHECK_EQ(wrong, 0);
    CHECK(took_us <= 200000);
    sim_line_close(line);
}

static void the_sender_is_held_back_by_the_rate(void)
{
    struct sim_line *line;
    uint8_t bytes[4096] = { 0 };

    CHECK(sim_line_open(&line, 115200, 1000));
    CHECK_EQ(sim_line_push(line, SIM_TO_DEVICE, 0, bytes, sizeof bytes), 230); /* 20 ms */
    CHECK_EQ(sim_line_push(line, SIM_TO_DEVICE, 0, bytes, sizeof bytes), 0);
    CHECK_EQ(sim_line_room(line, SIM_TO_DEVICE, 10000), 115);
    CHECK_EQ(sim_line_room(line, SIM_TO_DEVICE, 20000), 230);
    CHECK_EQ(sim_line_pull(line, SIM_TO_DEVICE, 1086, bytes, sizeof bytes), 0);
    CHECK_EQ(sim_line_pull(line, SIM_TO_DEVICE, 1087, bytes, sizeof bytes), 1);
    CHECK_EQ(sim_line_pull(line, SIM_TO_DEVICE, 11000, bytes, sizeof bytes), 114);
    sim_line_close(line);
}

static void a_gap_stays_a_gap(void)
{
    struct sim_line *line;
    uint8_t byte = 7, out[8];

    CHECK(sim_line_open(&line, 10000, 0)); /* 1 ms a byte */
    for (uint64_t at = 0; at < 5; at++) {
        CHECK_EQ(sim_line_push(line, SIM_TO_DEVICE, at * 100000, &byte, 1), 1);
    }
    for (uint64_t at = 0; at < 5; at++) {
        CHECK_EQ(sim_line_due_us(line, SIM_TO_DEVICE, at * 100000), at * 100000 + 1000);
        CHECK_EQ(sim_line_pull(line, SIM_TO_DEVICE, at * 100000 + 999, out, sizeof out), 0);
        CHECK_EQ(sim_line_pull(line, SIM_TO_DEVICE, at * 100000 + 1000, out, sizeof out), 1);
    }
    CHECK_EQ(sim_line_due_us(line, SIM_TO_DEVICE, 0), SIM_NEVER);
    sim_line_close(line);
}

/* One second of bytes with noise; counts what came and how much of it was changed. */
static size_t noisy(const struct sim_noise *noise, uint8_t *out, size_t cap)
{
    struct sim_line *line;
    uint64_t now_us = 0;
    size_t in = 0, got = 0;
    uint8_t zeros[4096] = { 0 };

    CHECK(sim_line_open(&line, 1000000, 0));
    sim_line_set_noise(line, noise);
    while (in < 100000 || sim_line_due_us(line, SIM_TO_DEVICE, now_us) != SIM_NEVER) {
        size_t left = 100000 - in;

        in += sim_line_push(line, SIM_TO_DEVICE, now_us, zeros,
                            left < sizeof zeros ? left : sizeof zeros);
        now_us += 5000;
        got += sim_line_pull(line, SIM_TO_DEVICE, now_us, out + got, cap - got);
    }
    sim_line_close(line);
    return got;
}

static void noise_is_as_frequent_as_it_says_and_the_same_for_the_same_seed(void)
{
    enum { CAP = 300000 };
    uint8_t *a = malloc(CAP), *b = malloc(CAP);
    size_t len, changed = 0;

    CHECK(a && b);
    len = noisy(&(struct sim_noise){ .loss_ppm = 50000, .seed = 3 }, a, CAP);
    CHECK(len > 94000 && len < 96000);
    len = noisy(&(struct sim_noise){ .duplicate_ppm = 50000, .seed = 3 }, a, CAP);
    CHECK(len > 104000 && len < 106000);
    len = noisy(&(struct sim_noise){ .corruption_ppm = 50000, .seed = 3 }, a, CAP);
    CHECK_EQ(len, 100000);
    for (size_t i = 0; i < len; i++) {
        changed += a[i] != 0;
        CHECK((a[i] & (a[i] - 1)) == 0); /* one bit */
    }
    CHECK(changed > 4700 && changed < 5300);
    CHECK_EQ(noisy(&(struct sim_noise){ .corruption_ppm = 50000, .seed = 3 }, b, CAP), len);
    CHECK(memcmp(a, b, len) == 0);
    CHECK_EQ(noisy(&(struct sim_noise){ .corruption_ppm = 50000, .seed = 4 }, b, CAP), len);
    CHECK(memcmp(a, b, len) != 0);
    CHECK_EQ(noisy(&(struct sim_noise){ .loss_ppm = 1000000 }, b, CAP), 0);
    CHECK(noisy(&(struct sim_noise){ .duplicate_ppm = 1000000 }, b, CAP) > 100000);
    free(a);
    free(b);
}

static void a_broken_line_swallows_at_its_own_pace(void)
{
    struct sim_line *line;
    uint8_t bytes[512] = { 0 };

    CHECK(sim_line_open(&line, 115200, 1000));
    CHECK_EQ(sim_line_push(line, SIM_TO_DEVICE, 0, bytes, 100), 100);
    sim_line_set_broken(line, true);
    CHECK(sim_line_is_broken(line));
    CHECK_EQ(sim_line_pull(line, SIM_TO_DEVICE, 1000000, bytes, sizeof bytes), 0);
    CHECK_EQ(sim_line_push(line, SIM_TO_DEVICE, 1000000, bytes, 500), 230);
    CHECK_EQ(sim_line_push(line, SIM_TO_DEVICE, 1000000, bytes, 500), 0);
    sim_line_set_broken(line, false);
    CHECK_EQ(sim_line_push(line, SIM_TO_DEVICE, 2000000, bytes, 10), 10);
    CHECK_EQ(sim_line_pull(line, SIM_TO_DEVICE, 3000000, bytes, sizeof bytes), 10);
    sim_line_close(line);
}

int main(void)
{
    TEST(bytes_take_ten_bits_each_and_the_latency_once);
    TEST(a_line_that_is_never_silent_keeps_its_pace_for_minutes);
    TEST(a_line_without_a_rate_brings_everything_at_once);
    TEST(the_sender_is_held_back_by_the_rate);
    TEST(a_gap_stays_a_gap);
    TEST(noise_is_as_frequent_as_it_says_and_the_same_for_the_same_seed);
    TEST(a_broken_line_swallows_at_its_own_pace);
    return checks_failed != 0;
}
