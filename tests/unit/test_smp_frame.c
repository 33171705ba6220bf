#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "smp_frame.h"

enum { CAP = 4096, LINE_CAP = 8192 };

/* A message of `len` bytes whose body begins like a map. */
static void make_message(uint8_t *out, size_t len, unsigned seed)
{
    struct smp_header h = { .version = SMP_V2, .op = SMP_WRITE, .group = 1, .command = 1 };

    for (size_t i = SMP_HEADER_LEN; i < len; i++) {
        out[i] = (uint8_t)(i * 31 + seed);
    }
    if (len > SMP_HEADER_LEN) {
        out[SMP_HEADER_LEN] = 0xa1;
    }
    h.body_len = (uint16_t)(len - SMP_HEADER_LEN);
    smp_header_pack(out, &h);
}

static size_t encode(enum smp_framing framing, const uint8_t *message, size_t len, uint8_t *out)
{
    struct smp_console_encoder e;
    size_t total = 0, n;

    if (framing == SMP_FRAMING_RAW) {
        memcpy(out, message, len);
        return len;
    }
    smp_console_begin(&e, message, len);
    while ((n = smp_console_next(&e, out + total)) > 0) {
        total += n;
    }
    return total;
}

/* Feed all bytes in pieces of `step`; how many messages equal `want`. */
static unsigned feed(struct smp_receiver *r, const uint8_t *bytes, size_t len, size_t step,
                     const uint8_t *want, size_t want_len)
{
    unsigned good = 0;

    for (size_t at = 0; at < len;) {
        size_t used, n = len - at < step ? len - at : step;
        bool is_message = smp_receive(r, bytes + at, n, &used);

        at += used;
        if (is_message) {
            CHECK_EQ(r->len, want_len);
            CHECK(r->len == want_len && memcmp(r->buf, want, want_len) == 0);
            good++;
        }
    }
    return good;
}

static void every_length_comes_back_in_both_framings_and_any_pieces(void)
{
    static uint8_t message[CAP], line[LINE_CAP], buf[CAP];

    for (size_t len = SMP_HEADER_LEN + 1; len < 600; len++) {
        make_message(message, len, 0);
        for (enum smp_framing f = SMP_FRAMING_CONSOLE; f <= SMP_FRAMING_RAW; f++) {
            size_t n = encode(f, message, len, line);

            CHECK_EQ(n, smp_frame_len(f, len));
            for (size_t step = 1; step < n; step = step * 3 + 1) {
                struct smp_receiver own, any;

                smp_receiver_init(&own, buf, sizeof buf, f);
                CHECK_EQ(feed(&own, line, n, step, message, len), 1);
                smp_receiver_init(&any, buf, sizeof buf, SMP_FRAMING_ANY);
                CHECK_EQ(feed(&any, line, n, step, message, len), 1);
                CHECK_EQ(any.framing, f);
                CHECK(!smp_receiver_is_partial(&any));
            }
        }
    }
}

static void console_lines_have_their_marks_and_length(void)
{
    static uint8_t message[1000], line[LINE_CAP];
    struct smp_console_encoder e;
    size_t n, lines = 0;

    make_message(message, sizeof message, 0);
    smp_console_begin(&e, message, sizeof message);
    while ((n = smp_console_next(&e, line)) > 0) {
        CHECK(n <= SMP_LINE_MAX && line[n - 1] == '\n');
        CHECK(memcmp(line, lines == 0 ? "\x06\x09" : "\x04\x14", 2) == 0);
        lines++;
    }
    CHECK_EQ(lines, 11); /* 1004 bytes at 93 */
}

static void the_crc_is_xmodems(void)
{
    CHECK_EQ(smp_crc16(0, (const uint8_t *)"123456789", 9), 0x31c3);
}

static void a_known_frame_is_written_as_mcumgr_writes_it(void)
{
    /* echo {"d": "hi"} */
    static const uint8_t message[] = { 0x0a, 0, 0, 6, 0, 0, 1, 0, 0xa1, 0x61, 'd', 0x62, 'h', 'i' };
    static uint8_t line[LINE_CAP];
    static const char want[] = "\x06\x09"
                               "ABAKAAAGAAABAKFhZGJoaaWv\n";

    CHECK_EQ(encode(SMP_FRAMING_CONSOLE, message, sizeof message, line), sizeof want - 1);
    CHECK(memcmp(line, want, sizeof want - 1) == 0);
}

static void logs_before_between_and_after_the_lines_are_skipped(void)
{
    static uint8_t message[400], frame[LINE_CAP], line[LINE_CAP * 2], buf[CAP];
    static const char *const logs[] = {
        "[00:01] <inf> boot\r\n", "\n", "\n\n", "x\n", "\x04 no\n", "\x06 no\n"
    };
    size_t n, at = 0;
    struct smp_console_encoder e;
    struct smp_receiver r;

    make_message(message, sizeof message, 0);
    for (size_t i = 0; i < sizeof logs / sizeof logs[0]; i++) {
        smp_receiver_init(&r, buf, sizeof buf, SMP_FRAMING_CONSOLE);
        smp_console_begin(&e, message, sizeof message);
        at = 0;
        do {
            /* "\x06 no" inside a frame begins nothing */
            memcpy(line + at, logs[i], strlen(logs[i]));
            at += strlen(logs[i]);
            n = smp_console_next(&e, frame);
            memcpy(line + at, frame, n);
            at += n;
        } while (n > 0);
        CHECK_EQ(feed(&r, line, at, at, message, sizeof message), 1);
    }
}

static void a_log_without_its_newline_does_not_hide_a_frame(void)
{
    static uint8_t message[50], line[LINE_CAP], buf[CAP];
    struct smp_receiver r;
    size_t n = 3;

    memcpy(line, "log", n);
    make_message(message, sizeof message, 0);
    n += encode(SMP_FRAMING_CONSOLE, message, sizeof message, line + n);
    smp_receiver_init(&r, buf, sizeof buf, SMP_FRAMING_CONSOLE);
    CHECK_EQ(feed(&r, line, n, n, message, sizeof message), 1);
}

static void every_flipped_bit_of_a_console_frame_loses_it_and_the_next_one_is_whole(void)
{
    static uint8_t message[119], next[90], line[LINE_CAP], buf[CAP];
    size_t n, both;

    make_message(message, sizeof message, 0);
    make_message(next, sizeof next, 9);
    n = encode(SMP_FRAMING_CONSOLE, message, sizeof message, line);
    both = n + encode(SMP_FRAMING_CONSOLE, next, sizeof next, line + n);
    for (size_t bit = 0; bit < 8 * n; bit++) {
        struct smp_receiver r;
        uint8_t saved = line[bit / 8];

        line[bit / 8] ^= (uint8_t)(1u << bit % 8);
        smp_receiver_init(&r, buf, sizeof buf, SMP_FRAMING_CONSOLE);
        /* feed() checks that nothing but `next` comes out; a damaged last newline may cost it */
        CHECK(feed(&r, line, both, both, next, sizeof next) == 1 || bit / 8 == n - 1);
        line[bit / 8] = saved;
    }
}

static void every_dropped_and_doubled_byte_of_a_console_frame_loses_it(void)
{
    static uint8_t message[120], line[LINE_CAP], bad[LINE_CAP], buf[CAP];
    size_t n;

    make_message(message, sizeof message, 0);
    n = encode(SMP_FRAMING_CONSOLE, message, sizeof message, line);
    for (size_t at = 0; at + 1 < n; at++) {
        struct smp_receiver r;

        memcpy(bad, line, at);
        memcpy(bad + at, line + at + 1, n - at - 1);
        smp_receiver_init(&r, buf, sizeof buf, SMP_FRAMING_CONSOLE);
        CHECK_EQ(feed(&r, bad, n - 1, n, message, 0), 0);
        memcpy(bad, line, at + 1);
        memcpy(bad + at + 1, line + at, n - at);
        smp_receiver_init(&r, buf, sizeof buf, SMP_FRAMING_CONSOLE);
        /* a doubled first byte begins the frame again, a doubled newline is an empty line */
        CHECK_EQ(feed(&r, bad, n + 1, n, message, sizeof message), at == 0 || line[at] == '\n');
    }
}

static void an_impossible_raw_header_is_discarded_until_silence(void)
{
    static const struct {
        size_t at;
        uint8_t value;
    } bad[] = { { 0, 0x0c }, { 0, 0x12 }, { 0, 0x2a }, { 1, 1 }, { 2, 0xff }, { 8, 0x61 } };
    static uint8_t message[64], line[200], buf[CAP];

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct smp_receiver r;

        make_message(message, sizeof message, 0);
        memcpy(line, message, sizeof message);
        memcpy(line + sizeof message, message, sizeof message);
        line[bad[i].at] = bad[i].value;
        smp_receiver_init(&r, buf, sizeof buf, SMP_FRAMING_ANY);
        /* the second message is not looked for inside what may be payload */
        CHECK_EQ(feed(&r, line, 128, 128, message, sizeof message), 0);
        CHECK(smp_receiver_is_partial(&r));
        smp_receiver_drop(&r);
        CHECK(!smp_receiver_is_partial(&r));
        CHECK_EQ(r.dropped, 1);
        CHECK_EQ(feed(&r, message, sizeof message, 7, message, sizeof message), 1);
    }
}

static void a_raw_body_of_no_bytes_is_refused(void)
{
    static uint8_t message[SMP_HEADER_LEN], buf[CAP];
    struct smp_receiver r;

    make_message(message, sizeof message, 0);
    smp_receiver_init(&r, buf, sizeof buf, SMP_FRAMING_RAW);
    CHECK_EQ(feed(&r, message, sizeof message, 8, message, 0), 0);
    CHECK(smp_receiver_is_partial(&r));
}

static void a_message_larger_than_the_buffer_is_dropped(void)
{
    static uint8_t message[500], line[LINE_CAP], buf[CAP];

    make_message(message, sizeof message, 0);
    for (enum smp_framing f = SMP_FRAMING_CONSOLE; f <= SMP_FRAMING_RAW; f++) {
        size_t n = encode(f, message, sizeof message, line);

        for (size_t cap = SMP_HEADER_LEN + 1; cap < sizeof message + 2; cap++) {
            uint8_t *exact = malloc(cap); /* so that ASan sees a write past the end */
            struct smp_receiver r;

            smp_receiver_init(&r, exact, cap, f);
            CHECK_EQ(feed(&r, line, n, n, message, sizeof message), cap >= sizeof message);
            free(exact);
        }
    }
    (void)buf;
}

int main(void)
{
    TEST(every_length_comes_back_in_both_framings_and_any_pieces);
    TEST(console_lines_have_their_marks_and_length);
    TEST(the_crc_is_xmodems);
    TEST(a_known_frame_is_written_as_mcumgr_writes_it);
    TEST(logs_before_between_and_after_the_lines_are_skipped);
    TEST(a_log_without_its_newline_does_not_hide_a_frame);
    TEST(every_flipped_bit_of_a_console_frame_loses_it_and_the_next_one_is_whole);
    TEST(every_dropped_and_doubled_byte_of_a_console_frame_loses_it);
    TEST(an_impossible_raw_header_is_discarded_until_silence);
    TEST(a_raw_body_of_no_bytes_is_refused);
    TEST(a_message_larger_than_the_buffer_is_dropped);
    return checks_failed != 0;
}
