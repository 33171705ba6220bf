#include <string.h>

#include "check.h"
#include "smp_gateway.h"
#include "smp_standard.h"

static const uint8_t digest[SMP_DIGEST_LEN] = { 1, 2, 3 };
static const uint8_t id_a[SMP_ID_LEN] = { 0xaa }, id_b[SMP_ID_LEN] = { 0xbb };

static struct cbor_string text(const char *s)
{
    return (struct cbor_string){ (const uint8_t *)s, strlen(s) };
}

static bool same(struct cbor_string s, const char *want)
{
    return s.len == strlen(want) && memcmp(s.at, want, s.len) == 0;
}

static void a_header_survives_packing_and_bad_ones_are_refused(void)
{
    struct smp_header h = { SMP_V2, SMP_WRITE, 0, 0x1234, 26487, 77, 5 }, back;
    uint8_t bytes[SMP_HEADER_LEN];

    smp_header_pack(bytes, &h);
    CHECK(memcmp(bytes, "\x0a\x00\x12\x34\x67\x77\x4d\x05", sizeof bytes) == 0);
    CHECK(smp_header_parse(&back, bytes));
    CHECK(back.body_len == 0x1234 && back.group == 26487 && back.seq == 77 && back.command == 5);
    for (unsigned first = 0; first < 256; first++) {
        bytes[0] = (uint8_t)first;
        CHECK_EQ(smp_header_parse(&back, bytes), (first & 0xf4) == 0);
    }
}

static void an_error_is_read_as_it_was_written_in_either_version(void)
{
    for (enum smp_version v = SMP_V1; v <= SMP_V2; v++) {
        uint8_t bytes[64];
        struct cbor_writer w = cbor_writer_over(bytes, sizeof bytes);
        struct smp_status s;

        smp_put_error(&w, v, SMP_GROUP_IMAGE, SMP_RC_CORRUPT, 26);
        CHECK(w.ok && smp_get_status(&s, bytes, w.len));
        CHECK_EQ(s.rc, SMP_RC_CORRUPT);
        CHECK_EQ(s.reason, 26);
        CHECK_EQ(s.group, v == SMP_V2 ? SMP_GROUP_IMAGE : 0);
    }
}

static void an_answer_without_error_is_success(void)
{
    struct smp_status s;

    CHECK(smp_get_status(&s, (const uint8_t *)"\xbf\xff", 2) && s.rc == SMP_RC_OK);
    CHECK(smp_get_status(&s, (const uint8_t *)"\xa1\x62rc\x00", 5) && s.rc == SMP_RC_OK);
    CHECK(!smp_get_status(&s, (const uint8_t *)"", 0));
    CHECK(!smp_get_status(&s, (const uint8_t *)"\xa0\xa0", 2));
}

static size_t make_upload(uint8_t *bytes, size_t cap, const struct smp_upload *u)
{
    struct cbor_writer w = smp_begin(bytes, cap);
    struct smp_header h = { .version = SMP_V2, .op = SMP_WRITE, .group = 1, .command = 1 };

    (void)smp_put_upload(&w, u);
    return smp_finish(&w, &h);
}

static void upload_requests_come_back(void)
{
    struct smp_upload u = { .has_start = true,
                            .image = 3,
                            .len = 1u << 20,
                            .sha = { digest, sizeof digest },
                            .data = text("payload") },
                      back;
    uint8_t bytes[256];
    size_t len = make_upload(bytes, sizeof bytes, &u);

    CHECK(smp_get_upload(&back, bytes + SMP_HEADER_LEN, len - SMP_HEADER_LEN));
    CHECK(back.has_start && back.image == 3 && back.len == 1u << 20 && back.off == 0);
    CHECK(back.sha.len == 32 && same(back.data, "payload"));
    u = (struct smp_upload){ .off = 70000, .data = text("more") };
    len = make_upload(bytes, sizeof bytes, &u);
    CHECK(smp_get_upload(&back, bytes + SMP_HEADER_LEN, len - SMP_HEADER_LEN));
    CHECK(!back.has_start && back.off == 70000 && same(back.data, "more"));
}

static void a_start_without_its_length_is_refused(void)
{
    static const uint8_t body[] = {
        0xa2, 0x63, 'o', 'f', 'f', 0, 0x64, 'd', 'a', 't', 'a', 0x41, 9
    };
    struct smp_upload u;

    CHECK(!smp_get_upload(&u, body, sizeof body));
}

static void upload_room_is_what_fits_and_wastes_at_most_two_bytes(void)
{
    static uint8_t bytes[3000], data[3000];

    for (int is_start = 0; is_start < 2; is_start++) {
        struct smp_upload u = { .has_start = is_start,
                                .image = 0,
                                .len = 300000,
                                .off = is_start ? 0 : 123456,
                                .sha = { digest, sizeof digest } };
        for (size_t max = 0; max < sizeof bytes; max++) {
            size_t room = smp_upload_room(&u, max);

            u.data = (struct cbor_string){ data, room };
            CHECK(room == 0 || make_upload(bytes, max, &u) > 0);
            u.data.len = room + 3;
            CHECK_EQ(make_upload(bytes, max, &u), 0);
        }
    }
}

static void state_lists_come_back_and_too_many_are_refused(void)
{
    struct smp_image_state images[2] = {
        { .slot = 0, .version = text("1.0.0"), .hash = { digest, 32 }, .bootable = true, .active = true, .confirmed = true },
        { .slot = 1, .version = text("1.1.0"), .pending = true },
    }, back[3];
    uint8_t bytes[512];
    struct cbor_writer w = cbor_writer_over(bytes, sizeof bytes);
    size_t count = 9;

    smp_put_state_answer(&w, images, 2);
    CHECK(w.ok && smp_get_state_answer(back, 3, &count, bytes, w.len));
    CHECK_EQ(count, 2);
    CHECK(back[0].active && back[0].confirmed && back[0].hash.len == 32 &&
          same(back[0].version, "1.0.0"));
    CHECK(back[1].pending && !back[1].active && back[1].hash.len == 0);
    CHECK(!smp_get_state_answer(back, 1, &count, bytes, w.len));
    CHECK_EQ(count, 0);
}

static void small_bodies_come_back(void)
{
    uint8_t bytes[128];
    struct cbor_writer w = cbor_writer_over(bytes, sizeof bytes);
    struct smp_params p = { 2048, 4 };
    struct smp_state_write sw = { { digest, 32 }, true };
    struct smp_activate act = { 2, digest, true };
    struct cbor_string s;
    const uint8_t *nonce;
    uint32_t n;

    smp_put_params(&w, &p);
    CHECK(smp_get_params(&p, bytes, w.len) && p.buf_size == 2048 && p.buf_count == 4);
    w.len = 0;
    smp_put_state_write(&w, &sw);
    CHECK(smp_get_state_write(&sw, bytes, w.len) && sw.confirm && sw.hash.len == 32);
    w.len = 0;
    smp_put_activate(&w, &act);
    CHECK(smp_get_activate(&act, bytes, w.len) && act.image == 2 && act.retry && act.id[0] == 1);
    w.len = 0;
    smp_put_echo_request(&w, "ping", 4);
    CHECK(smp_get_echo_request(&s, bytes, w.len) && same(s, "ping"));
    CHECK(!smp_get_echo_answer(&s, bytes, w.len));
    w.len = 0;
    smp_put_report_request(&w, id_a);
    CHECK(smp_get_report_request(&nonce, bytes, w.len) && nonce[0] == 0xaa);
    w.len = 0;
    smp_put_revert(&w, 4);
    CHECK(smp_get_revert(&n, bytes, w.len) && n == 4);
    w.len = 0;
    smp_put_upload_answer(&w, 1ull << 33);
    uint64_t off;
    CHECK(smp_get_upload_answer(&off, bytes, w.len) && off == 1ull << 33);
}

static size_t make_identify(uint8_t *bytes, size_t cap)
{
    struct smp_slot slots[2] = {
        { .slot = 0,
          .state = SMP_SLOT_CONFIRMED,
          .active = true,
          .size = 1 << 18,
          .id = digest,
          .sequence = 7,
          .version = text("1.2.3") },
        { .slot = 1,
          .state = SMP_SLOT_RECEIVING,
          .offset = 4096,
          .has_address = true,
          .address = 0x8020000 },
    };
    struct smp_floor floors[1] = { { 0, 6 } };
    struct smp_device_facts f = {
        .vendor = id_a,
        .class_id = id_b,
        .has_hardware = true,
        .hardware = 3,
        .serial = text("S1"),
        .slots = slots,
        .slot_count = 2,
        .floors = floors,
        .floor_count = 1,
        .has_caps = true,
        .caps = { .spare = true, .manifest = 4096, .trial = 60000 },
        .has_trial = true,
        .trial_test = SMP_TEST_PASSED,
        .trial_left_ms = 5000,
    };
    struct cbor_writer w = cbor_writer_over(bytes, cap);

    smp_put_identify_answer(&w, &f);
    CHECK(w.ok);
    return w.len;
}

static void identify_comes_back_whole(void)
{
    uint8_t bytes[512];
    size_t len = make_identify(bytes, sizeof bytes);
    struct smp_slot slots[4];
    struct smp_floor floors[4];
    struct smp_device_facts f = { .slots = slots, .slot_cap = 4, .floors = floors, .floor_cap = 4 };

    CHECK(smp_get_identify_answer(&f, bytes, len));
    CHECK(f.vendor[0] == 0xaa && f.class_id[0] == 0xbb && f.has_hardware && f.hardware == 3);
    CHECK(same(f.serial, "S1") && f.slot_count == 2 && f.floor_count == 1);
    CHECK(slots[0].active && slots[0].sequence == 7 && same(slots[0].version, "1.2.3") &&
          slots[0].id[0] == 1);
    CHECK(slots[1].state == SMP_SLOT_RECEIVING && slots[1].offset == 4096 &&
          slots[1].address == 0x8020000);
    CHECK(floors[0].floor == 6 && f.caps.spare && f.caps.manifest == 4096 && f.caps.trial == 60000);
    CHECK(f.has_trial && f.trial_test == SMP_TEST_PASSED && f.trial_left_ms == 5000);
    for (size_t cap = 0; cap < 2; cap++) {
        f.slot_cap = cap;
        CHECK(!smp_get_identify_answer(&f, bytes, len));
        CHECK(f.slot_count == 0 && !f.vendor && f.slots == slots);
    }
}

static void every_truncated_identify_is_refused_and_leaves_nothing(void)
{
    uint8_t bytes[512];
    size_t len = make_identify(bytes, sizeof bytes);
    struct smp_slot slots[4];
    struct smp_floor floors[4];
    struct smp_device_facts f = { .slots = slots, .slot_cap = 4, .floors = floors, .floor_cap = 4 };

    for (size_t cut = 0; cut < len; cut++) {
        CHECK(!smp_get_identify_answer(&f, bytes, cut));
        CHECK(!f.vendor && !f.has_caps && f.slot_count == 0);
    }
}

static void an_identify_without_the_magic_is_not_ours(void)
{
    uint8_t bytes[512];
    size_t len = make_identify(bytes, sizeof bytes);
    struct smp_slot slots[4];
    struct smp_floor floors[4];
    struct smp_device_facts f = { .slots = slots, .slot_cap = 4, .floors = floors, .floor_cap = 4 };

    bytes[10] ^= 1; /* inside "magic" or its value */
    CHECK(!smp_get_identify_answer(&f, bytes, len));
}

static void report_and_log_come_back(void)
{
    uint8_t bytes[256];
    struct cbor_writer w = cbor_writer_over(bytes, sizeof bytes);
    struct smp_slot slots[1];
    struct smp_floor floors[1];
    struct smp_device_facts f = { .vendor = id_a, .class_id = id_b, .nonce = id_b, .boots = 12 };
    struct smp_log_entry entries[2] = { { 5, 1, 0, 7, 0 }, { 6, 2, 0, 8, 26 } }, back[2];
    uint32_t next = 0;
    size_t count = 0;

    smp_put_report_answer(&w, &f);
    f = (struct smp_device_facts){
        .slots = slots, .slot_cap = 1, .floors = floors, .floor_cap = 1
    };
    CHECK(w.ok && smp_get_report_answer(&f, bytes, w.len));
    CHECK(f.boots == 12 && f.nonce[0] == 0xbb && f.slot_count == 0);
    w.len = 0;
    smp_put_log_answer(&w, 7, entries, 2);
    CHECK(w.ok && smp_get_log_answer(&next, back, 2, &count, bytes, w.len));
    CHECK(next == 7 && count == 2 && back[1].number == 6 && back[1].reason == 26);
    CHECK(!smp_get_log_answer(&next, back, 1, &count, bytes, w.len));
}

int main(void)
{
    TEST(a_header_survives_packing_and_bad_ones_are_refused);
    TEST(an_error_is_read_as_it_was_written_in_either_version);
    TEST(an_answer_without_error_is_success);
    TEST(upload_requests_come_back);
    TEST(a_start_without_its_length_is_refused);
    TEST(upload_room_is_what_fits_and_wastes_at_most_two_bytes);
    TEST(state_lists_come_back_and_too_many_are_refused);
    TEST(small_bodies_come_back);
    TEST(identify_comes_back_whole);
    TEST(every_truncated_identify_is_refused_and_leaves_nothing);
    TEST(an_identify_without_the_magic_is_not_ours);
    TEST(report_and_log_come_back);
    return checks_failed != 0;
}
