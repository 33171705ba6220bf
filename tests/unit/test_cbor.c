#include <string.h>

#include "cbor.h"
#include "check.h"

static void integers_come_back_with_the_shortest_head(void)
{
    static const struct {
        uint64_t value;
        size_t len;
    } cases[] = { { 0, 1 },          { 23, 1 },        { 24, 2 },    { 255, 2 },
                  { 256, 3 },        { 65535, 3 },     { 65536, 5 }, { UINT32_MAX, 5 },
                  { 1ull << 32, 9 }, { UINT64_MAX, 9 } };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t bytes[16];
        struct cbor_writer w = cbor_writer_over(bytes, sizeof bytes);

        cbor_put_uint(&w, cases[i].value);
        struct cbor_reader r = cbor_reader_over(bytes, w.len);

        CHECK_EQ(w.len, cases[i].len);
        CHECK(cbor_take_uint(&r) == cases[i].value);
        CHECK(cbor_reader_is_done(&r));
    }
}

static void a_negative_integer_is_refused_where_an_unsigned_one_is_asked(void)
{
    struct cbor_reader r = cbor_reader_over((const uint8_t[]){ 0x20 }, 1);

    CHECK_EQ(cbor_take_uint(&r), 0);
    CHECK(!r.ok);
}

static void a_number_above_32_bits_poisons_take_u32(void)
{
    static const uint8_t bytes[] = { 0x1b, 0, 0, 0, 1, 0, 0, 0, 0 };
    struct cbor_reader r = cbor_reader_over(bytes, sizeof bytes);

    CHECK_EQ(cbor_take_u32(&r), 0);
    CHECK(!r.ok);
}

/* {"a": 7, "skip": [1, {"x": -3}, "text", h'0102', 1.5, tag 1(2)], "b": true} */
static size_t make_map(uint8_t *out, bool is_indefinite)
{
    static const uint8_t definite[] = { 0xa3, 0x61, 'a',  0x07, 0x64, 's', 'k',  'i',
                                        'p',  0x86, 0x01, 0xa1, 0x61, 'x', 0x22, 0x64,
                                        't',  'e',  'x',  't',  0x42, 1,   2,    0xf9,
                                        0x3e, 0x00, 0xc1, 0x02, 0x61, 'b', 0xf5 };
    static const uint8_t indefinite[] = { 0xbf, 0x61, 'a',  0x07, 0x64, 's',  'k',  'i',
                                          'p',  0x9f, 0x01, 0xbf, 0x61, 'x',  0x22, 0xff,
                                          0x7f, 0x62, 't',  'e',  0x62, 'x',  't',  0xff,
                                          0x5f, 0x41, 1,    0x41, 2,    0xff, 0xf9, 0x3e,
                                          0x00, 0xc1, 0x02, 0xff, 0x61, 'b',  0xf5, 0xff };
    size_t len = is_indefinite ? sizeof indefinite : sizeof definite;

    memcpy(out, is_indefinite ? indefinite : definite, len);
    return len;
}

static bool read_map(const uint8_t *bytes, size_t len, uint64_t *a, bool *b)
{
    static const char *const keys[] = { "a", "b" };
    struct cbor_reader r = cbor_reader_over(bytes, len);
    struct cbor_items map = cbor_enter_map(&r);
    int key;

    *a = 0;
    *b = false;
    while ((key = cbor_next_member(&r, &map, keys, 2)) >= 0) {
        if (key == 0) {
            *a = cbor_take_uint(&r);
        } else {
            *b = cbor_take_bool(&r);
        }
    }
    return cbor_reader_is_done(&r);
}

static void unknown_members_of_any_shape_are_skipped(void)
{
    for (int indefinite = 0; indefinite < 2; indefinite++) {
        uint8_t bytes[64];
        uint64_t a;
        bool b;

        CHECK(read_map(bytes, make_map(bytes, indefinite), &a, &b));
        CHECK_EQ(a, 7);
        CHECK(b);
    }
}

static void every_truncation_is_refused(void)
{
    for (int indefinite = 0; indefinite < 2; indefinite++) {
        uint8_t bytes[64];
        size_t len = make_map(bytes, indefinite);
        uint64_t a;
        bool b;

        for (size_t cut = 0; cut < len; cut++) {
            CHECK(!read_map(bytes, cut, &a, &b));
        }
        bytes[len] = 0;
        CHECK(!read_map(bytes, len + 1, &a, &b)); /* and so is a trailing byte */
    }
}

static void a_key_that_stands_twice_is_refused(void)
{
    static const uint8_t bytes[] = { 0xa2, 0x61, 'a', 1, 0x61, 'a', 2 };
    uint64_t a;
    bool b;

    CHECK(!read_map(bytes, sizeof bytes, &a, &b));
}

static void a_count_larger_than_the_message_is_refused_at_once(void)
{
    static const uint8_t heads[] = { 0xbb, 0x9b, 0x5b, 0x7b };

    for (size_t i = 0; i < sizeof heads; i++) {
        uint8_t bytes[12] = { heads[i], 0x80, 0, 0, 0, 0, 0, 0, 1 };
        struct cbor_reader r = cbor_reader_over(bytes, sizeof bytes);

        cbor_skip(&r);
        CHECK(!r.ok);
    }
}

static void nesting_is_followed_to_its_limit_and_no_further(void)
{
    for (size_t depth = 1; depth < 40; depth++) {
        uint8_t bytes[64];
        struct cbor_reader r = cbor_reader_over(bytes, depth + 1);

        memset(bytes, 0x81, depth);
        bytes[depth] = 0;
        cbor_skip(&r);
        CHECK_EQ(cbor_reader_is_done(&r), depth <= CBOR_DEPTH_MAX);
    }
}

static void pieces_of_a_string_must_be_strings_of_its_type(void)
{
    static const uint8_t bad[][5] = { { 0x5f, 0x61, 'a', 0xff },
                                      { 0x7f, 0x41, 1, 0xff },
                                      { 0x5f, 0x01, 0xff },
                                      { 0x5f, 0x5f, 0xff, 0xff } };

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct cbor_reader r = cbor_reader_over(bad[i], sizeof bad[i]);

        cbor_skip(&r);
        CHECK(!r.ok);
    }
}

static void what_does_not_fit_is_not_written_in_part(void)
{
    uint8_t bytes[8];

    for (size_t cap = 0; cap < 6; cap++) {
        struct cbor_writer w = cbor_writer_over(bytes, cap);

        cbor_put_bytes(&w, (const uint8_t *)"12345", 5);
        CHECK(!w.ok);
        CHECK_EQ(w.len, 0);
        cbor_put_uint(&w, 1); /* poisoned: nothing more */
        CHECK_EQ(w.len, 0);
    }
}

static void reserved_heads_are_refused(void)
{
    for (unsigned major = 0; major < 8; major++) {
        for (unsigned info = 28; info < 31; info++) {
            uint8_t bytes[4] = { (uint8_t)(major << 5 | info) };
            struct cbor_reader r = cbor_reader_over(bytes, sizeof bytes);

            cbor_skip(&r);
            CHECK(!r.ok);
        }
    }
}

int main(void)
{
    TEST(integers_come_back_with_the_shortest_head);
    TEST(a_negative_integer_is_refused_where_an_unsigned_one_is_asked);
    TEST(a_number_above_32_bits_poisons_take_u32);
    TEST(unknown_members_of_any_shape_are_skipped);
    TEST(every_truncation_is_refused);
    TEST(a_key_that_stands_twice_is_refused);
    TEST(a_count_larger_than_the_message_is_refused_at_once);
    TEST(nesting_is_followed_to_its_limit_and_no_further);
    TEST(pieces_of_a_string_must_be_strings_of_its_type);
    TEST(what_does_not_fit_is_not_written_in_part);
    TEST(reserved_heads_are_refused);
    return checks_failed != 0;
}
