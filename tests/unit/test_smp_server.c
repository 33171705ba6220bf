#include <string.h>

#include "check.h"
#include "smp_bench.h"

static void close_sound(struct smp_bench *b)
{
    CHECK_EQ(rig_broken(&b->rig), 0);
    smp_bench_close(b);
}

/* --- group 0 --- */

static void params_and_echo_answer_in_the_framing_of_the_request(void)
{
    for (unsigned framing = SMP_FRAMING_CONSOLE; framing <= SMP_FRAMING_RAW; framing++) {
        struct smp_bench b;
        struct smp_params params;
        struct cbor_string text;
        struct cbor_writer w;
        const uint8_t *body;
        size_t len;

        smp_bench_open(&b, (enum smp_framing)framing);
        for (int i = 0; i < 3; i++) {
            CHECK(smp_wire_ask_empty(&b.wire, SMP_READ, SMP_GROUP_OS, SMP_OS_PARAMS));
            body = smp_wire_body(&b.wire, &len);
            CHECK(smp_get_params(&params, body, len));
            CHECK_EQ(params.buf_size, SMP_BENCH_BUF);
            CHECK_EQ(params.buf_count, SMP_BENCH_COUNT);
            b.wire.framing = b.wire.framing == SMP_FRAMING_RAW ? SMP_FRAMING_CONSOLE
                                                               : SMP_FRAMING_RAW;
        }
        w = smp_wire_begin(&b.wire);
        smp_put_echo_request(&w, "hello", 5);
        CHECK(smp_wire_ask(&b.wire, &w, SMP_WRITE, SMP_GROUP_OS, SMP_OS_ECHO));
        body = smp_wire_body(&b.wire, &len);
        CHECK(smp_get_echo_answer(&text, body, len));
        CHECK(text.len == 5 && memcmp(text.at, "hello", 5) == 0);
        close_sound(&b);
    }
}

static void what_is_not_supported_is_said_in_the_version_of_the_request(void)
{
    struct smp_bench b;
    static const struct {
        enum smp_op op;
        uint16_t group;
        uint8_t command;
    } unknown[] = {
        { SMP_READ, SMP_GROUP_OS, 77 },
        { SMP_READ, SMP_GROUP_OS, SMP_OS_RESET },
        { SMP_WRITE, 99, 0 },
        { SMP_WRITE, SMP_GROUP_GATEWAY, SMP_GATEWAY_TRUST },
        { SMP_WRITE, SMP_GROUP_GATEWAY, SMP_GATEWAY_IDENTIFY },
        { SMP_READ, SMP_GROUP_IMAGE, SMP_IMAGE_UPLOAD },
        { SMP_WRITE, SMP_GROUP_IMAGE, 5 },
    };

    smp_bench_open(&b, SMP_FRAMING_RAW);
    for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++) {
        CHECK(smp_wire_ask_empty(&b.wire, unknown[i].op, unknown[i].group, unknown[i].command));
        CHECK_EQ(smp_wire_status(&b.wire).rc, SMP_RC_NOT_SUPPORTED);
        CHECK(smp_wire_status(&b.wire).is_v2);
    }
    static const uint8_t v1[] = { 0, 0, 0, 1, 0, 99, 5, 0, 0xa0 };

    smp_bench_push(&b, v1, sizeof v1);
    CHECK(smp_wire_read(&b.wire));
    CHECK_EQ(smp_wire_status(&b.wire).rc, SMP_RC_NOT_SUPPORTED);
    CHECK(!smp_wire_status(&b.wire).is_v2);
    close_sound(&b);
}

static void reset_answers_first_and_resets_after(void)
{
    struct smp_bench b;
    static const uint8_t reset[] = { 0x0a, 0, 0, 1, 0, 0, 5, SMP_OS_RESET, 0xa0 };
    uint8_t out[64];

    smp_bench_open(&b, SMP_FRAMING_RAW);
    CHECK_EQ(smp_server_receive(&b.server, reset, sizeof reset), sizeof reset);
    (void)smp_server_step(&b.server);
    CHECK(!b.rig.port.wants_reset);
    CHECK_EQ(smp_server_receive(&b.server, reset, sizeof reset), 0); /* the answer comes first */
    while (smp_server_take(&b.server, out, 1) > 0) {
        (void)smp_server_step(&b.server);
    }
    (void)smp_server_step(&b.server);
    CHECK(b.rig.port.wants_reset);
    close_sound(&b);
}

static void answers_are_nobodys_request(void)
{
    struct smp_bench b;
    static const uint8_t echoed[] = { 0x0b, 0, 0, 1, 0, 0, 5, SMP_OS_RESET, 0xa0 };

    smp_bench_open(&b, SMP_FRAMING_RAW);
    smp_bench_push(&b, echoed, sizeof echoed);
    CHECK_EQ(b.wire.line_len, 0);
    CHECK_EQ(b.server.requests, 0);
    close_sound(&b);
}

/* --- the whole way --- */

static void an_upgrade_goes_from_upload_to_confirm(void)
{
    for (unsigned framing = SMP_FRAMING_CONSOLE; framing <= SMP_FRAMING_RAW; framing++) {
        struct smp_bench b;
        struct smp_wire_facts f;
        struct cbor_writer w;

        smp_bench_open(&b, (enum smp_framing)framing);
        CHECK(smp_wire_identify(&b.wire, &f));
        CHECK(memcmp(f.facts.vendor, b.rig.who.vendor_id, 16) == 0);
        CHECK(memcmp(f.facts.class_id, b.rig.who.class_id, 16) == 0);
        CHECK_EQ(f.facts.hardware, 3);
        CHECK_EQ(f.facts.serial.len, 2);
        CHECK(f.facts.has_caps && f.facts.caps.spare && f.facts.caps.revert);
        CHECK_EQ(f.facts.caps.manifest, RIG_CMS_MAX);
        CHECK_EQ(f.facts.caps.table, RIG_TABLE_MAX);
        CHECK_EQ(f.facts.caps.block, RIG_BLOCK_MAX);
        CHECK_EQ(f.facts.caps.trial, 60000);
        CHECK(!f.facts.has_trial);
        CHECK_EQ(f.facts.slot_count, 2);
        CHECK_EQ(f.slots[0].state, SMP_SLOT_CONFIRMED);
        CHECK(f.slots[0].active);
        CHECK_EQ(f.slots[0].sequence, 5);
        CHECK_EQ(f.slots[0].size, 8192);
        CHECK_EQ(f.slots[1].state, SMP_SLOT_EMPTY);
        CHECK_EQ(f.facts.floor_count, 1);
        CHECK_EQ(f.floors[0].floor, 5);

        CHECK(smp_wire_send_image(&b.wire, &b.new.gwi, 1));
        CHECK(smp_wire_identify(&b.wire, &f));
        CHECK_EQ(f.slots[1].state, SMP_SLOT_STAGED);
        CHECK(memcmp(f.slots[1].id, b.new.identity, 32) == 0);

        CHECK(smp_bench_activate(&b, b.new.identity, false));
        CHECK(smp_wire_identify(&b.wire, &f));
        CHECK(f.facts.has_trial);
        CHECK_EQ(f.facts.trial_test, SMP_TEST_RUNNING);
        CHECK_EQ(f.slots[1].state, SMP_SLOT_TRIAL);
        CHECK(f.slots[1].active && !f.slots[0].active);
        CHECK_EQ(f.floors[0].floor, 5);

        w = smp_wire_begin(&b.wire);
        smp_put_state_write(
            &w, &(struct smp_state_write){ .hash = { b.new.identity, 32 }, .confirm = true });
        CHECK(smp_wire_ask(&b.wire, &w, SMP_WRITE, SMP_GROUP_IMAGE, SMP_IMAGE_STATE));
        CHECK_EQ(smp_wire_status(&b.wire).rc, SMP_RC_BAD_STATE); /* self-test has not passed yet */
        CHECK_EQ(trial_report_test(&b.rig.trial, TRIAL_TEST_PASSED), UPDATE_OK);
        w = smp_wire_begin(&b.wire);
        b.rig.confirmed_sequence = 6;
        smp_put_state_write(
            &w, &(struct smp_state_write){ .hash = { b.new.identity, 32 }, .confirm = true });
        CHECK(smp_wire_ask(&b.wire, &w, SMP_WRITE, SMP_GROUP_IMAGE, SMP_IMAGE_STATE));
        CHECK_EQ(smp_wire_status(&b.wire).rc, 0);
        CHECK(smp_wire_identify(&b.wire, &f));
        CHECK_EQ(f.slots[1].state, SMP_SLOT_CONFIRMED);
        CHECK_EQ(f.floors[0].floor, 6);
        CHECK(!f.facts.has_trial);
        close_sound(&b);
    }
}

static void the_standard_verbs_do_the_same(void)
{
    struct smp_bench b;
    struct smp_image_state images[4];
    struct cbor_writer w;
    const uint8_t *body;
    size_t len, count;

    smp_bench_open(&b, SMP_FRAMING_CONSOLE);
    CHECK(smp_wire_send_image(&b.wire, &b.new.gwi, 1));
    w = smp_wire_begin(&b.wire);
    smp_put_state_write(&w, &(struct smp_state_write){ .hash = { b.new.identity, 32 } });
    CHECK(smp_wire_ask(&b.wire, &w, SMP_WRITE, SMP_GROUP_IMAGE, SMP_IMAGE_STATE));
    body = smp_wire_body(&b.wire, &len);
    CHECK(smp_get_state_answer(images, 4, &count, body, len));
    CHECK_EQ(count, 2);
    CHECK(images[0].active && images[0].confirmed && !images[0].pending);
    CHECK(images[1].pending && !images[1].active && !images[1].confirmed && images[1].bootable);
    CHECK(memcmp(images[1].hash.at, b.new.identity, 32) == 0);
    CHECK_EQ(images[1].version.len, 5);
    CHECK(smp_bench_reset(&b));
    CHECK_EQ(trial_report_test(&b.rig.trial, TRIAL_TEST_PASSED), UPDATE_OK);
    w = smp_wire_begin(&b.wire);
    b.rig.confirmed_sequence = 6;
    smp_put_state_write(&w, &(struct smp_state_write){ .confirm = true });
    CHECK(smp_wire_ask(&b.wire, &w, SMP_WRITE, SMP_GROUP_IMAGE, SMP_IMAGE_STATE));
    body = smp_wire_body(&b.wire, &len);
    CHECK(smp_get_state_answer(images, 4, &count, body, len));
    CHECK(images[1].active && images[1].confirmed && !images[1].pending);
    close_sound(&b);
}

static void a_state_write_that_says_nothing_does_nothing(void)
{
    struct smp_bench b;
    uint8_t hash[33] = { 1 };
    static const struct {
        size_t hash_len;
        bool confirm;
        enum smp_rc want;
    } cases[] = {
        { 0, false, SMP_RC_INVALID },   { 31, false, SMP_RC_INVALID },
        { 33, true, SMP_RC_INVALID },   { 32, false, SMP_RC_NOT_FOUND },
        { 32, true, SMP_RC_NOT_FOUND },
    };

    smp_bench_open(&b, SMP_FRAMING_RAW);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct cbor_writer w = smp_wire_begin(&b.wire);

        smp_put_state_write(&w, &(struct smp_state_write){ .hash = { hash, cases[i].hash_len },
                                                           .confirm = cases[i].confirm });
        CHECK(smp_wire_ask(&b.wire, &w, SMP_WRITE, SMP_GROUP_IMAGE, SMP_IMAGE_STATE));
        CHECK_EQ(smp_wire_status(&b.wire).rc, cases[i].want);
    }
    CHECK_EQ(b.rig.port.counters.flash_ops, 0);
    close_sound(&b);
}

/* --- upload --- */

static void an_offset_that_is_not_expected_changes_nothing(void)
{
    struct smp_bench b;
    uint64_t off;

    smp_bench_open(&b, SMP_FRAMING_RAW);
    CHECK_EQ(smp_wire_upload(&b.wire, &b.new.gwi, 700, 1), 0); /* none has begun */
    off = smp_wire_upload(&b.wire, &b.new.gwi, 0, 1);
    CHECK(off > 0);
    CHECK_EQ(smp_wire_upload(&b.wire, &b.new.gwi, off + 1, 1), off);
    CHECK_EQ(smp_wire_upload(&b.wire, &b.new.gwi, off - 1, 1), off);
    CHECK_EQ(smp_wire_upload(&b.wire, &b.new.gwi, 0, 1), off); /* the first request, sent again */
    CHECK_EQ(smp_wire_upload(&b.wire, &b.new.gwi, 1000000, 1), off);
    CHECK(smp_wire_send_image(&b.wire, &b.new.gwi, 1));
    CHECK_EQ(smp_wire_upload(&b.wire, &b.new.gwi, b.new.gwi.len - 10, 1), b.new.gwi.len);
    CHECK_EQ(smp_wire_upload(&b.wire, &b.new.gwi, 0, 1), b.new.gwi.len);
    close_sound(&b);
}

static void requests_in_flight_are_answered_in_order_with_the_expected_offset(void)
{
    struct smp_bench b;
    uint8_t burst[4 * SMP_BENCH_BUF];
    size_t len = 0;
    uint64_t off, sent;

    smp_bench_open(&b, SMP_FRAMING_RAW);
    off = sent = smp_wire_upload(&b.wire, &b.new.gwi, 0, 1);
    for (uint8_t i = 0; i < 3; i++) { /* three requests back to back, then the answers */
        struct cbor_writer w = smp_begin(burst + len, SMP_BENCH_BUF);
        struct smp_header header = { .version = SMP_V2,
                                     .op = SMP_WRITE,
                                     .group = SMP_GROUP_IMAGE,
                                     .seq = (uint8_t)(100 + i),
                                     .command = SMP_IMAGE_UPLOAD };

        (void)smp_put_upload(
            &w, &(struct smp_upload){ .off = sent, .data = { b.new.gwi.at + sent, 600 } });
        len += smp_finish(&w, &header);
        sent += 600;
    }
    smp_bench_push(&b, burst, len);
    for (uint8_t i = 0; i < 3; i++) {
        size_t body_len;
        uint64_t answered;

        CHECK(smp_wire_read(&b.wire));
        CHECK_EQ(b.wire.header.seq, 100 + i);
        const uint8_t *body = smp_wire_body(&b.wire, &body_len);

        CHECK(smp_get_upload_answer(&answered, body, body_len));
        CHECK_EQ(answered, off + 600u * (i + 1u));
    }
    CHECK(smp_wire_send_image(&b.wire, &b.new.gwi, 1));
    CHECK_EQ(b.rig.log.slots[1].phase, SLOT_PHASE_STAGED);
    close_sound(&b);
}

static void another_token_starts_again_and_resumes_by_identity(void)
{
    struct smp_bench b;
    uint64_t off;
    size_t head;

    smp_bench_open(&b, SMP_FRAMING_RAW);
    head = b.new.gwi.len - b.new.payload.len;
    off = smp_wire_upload(&b.wire, &b.new.gwi, 0, 1);
    while (off < head + 3000) {
        off = smp_wire_upload(&b.wire, &b.new.gwi, off, 1);
    }
    CHECK(off > head + 3072 && off < head + 4096);
    off = smp_wire_upload(&b.wire, &b.new.gwi, 0, 2);
    CHECK(off < head);
    while (off < head) {
        off = smp_wire_upload(&b.wire, &b.new.gwi, off, 2);
    }
    CHECK_EQ(off, head + 3072); /* the jump over three blocks */
    smp_bench_boot(&b);         /* and over a restart */
    CHECK_EQ(smp_wire_upload(&b.wire, &b.new.gwi, off, 2), 0);
    CHECK(smp_wire_send_image(&b.wire, &b.new.gwi, 3));
    close_sound(&b);
}

static void a_refusal_says_its_reason_until_a_new_start(void)
{
    struct smp_bench b;
    struct rig_image bad;

    smp_bench_open(&b, SMP_FRAMING_RAW);
    rig_image_make(&bad, &b.rig, 100, 9, &(struct testpki_image_how){ .sequence = 4 });
    CHECK(!smp_wire_send_image(&b.wire, &bad.gwi, 1));
    CHECK_EQ(smp_wire_status(&b.wire).rc, SMP_RC_CORRUPT);
    CHECK_EQ(smp_wire_status(&b.wire).reason, VERIFY_BELOW_FLOOR);
    CHECK_EQ(smp_wire_upload(&b.wire, &bad.gwi, 500, 1), UINT64_MAX);
    CHECK_EQ(smp_wire_status(&b.wire).reason, VERIFY_BELOW_FLOOR);
    CHECK_EQ(b.rig.port.counters.flash_ops, 0);
    CHECK(smp_wire_send_image(&b.wire, &b.new.gwi, 1));
    rig_image_free(&bad);
    close_sound(&b);
}

static void a_damaged_block_goes_back_and_a_damaged_cms_starts_again(void)
{
    struct smp_bench b;
    size_t head;

    smp_bench_open(&b, SMP_FRAMING_RAW);
    head = b.new.gwi.len - b.new.payload.len;
    b.new.gwi.at[100] ^= 1;
    CHECK(!smp_wire_send_image(&b.wire, &b.new.gwi, 1));
    CHECK(smp_wire_status(&b.wire).reason < 100);
    b.new.gwi.at[100] ^= 1;
    b.new.gwi.at[head + 1500] ^= 1;
    uint64_t off = smp_wire_upload(&b.wire, &b.new.gwi, 0, 1), last = 0;

    while (off != UINT64_MAX && off >= last) {
        last = off;
        off = smp_wire_upload(&b.wire, &b.new.gwi, off, 1);
    }
    CHECK_EQ(off, head + 1024);
    b.new.gwi.at[head + 1500] ^= 1;
    while (off < b.new.gwi.len) {
        off = smp_wire_upload(&b.wire, &b.new.gwi, off, 1);
    }
    CHECK_EQ(b.rig.log.slots[1].phase, SLOT_PHASE_STAGED);
    close_sound(&b);
}

/* Any one bit of a raw upload request: nothing wrong is kept, and after silence the upload goes on
 * to its end. */
static void every_flipped_bit_of_a_request_is_survived(void)
{
    struct smp_bench b;
    struct rig_state factory;
    uint8_t message[SMP_BENCH_BUF];
    struct smp_header header = {
        .version = SMP_V2, .op = SMP_WRITE, .group = SMP_GROUP_IMAGE, .command = SMP_IMAGE_UPLOAD
    };

    smp_bench_open(&b, SMP_FRAMING_RAW);
    rig_save(&b.rig, &factory);
    for (unsigned first = 0; first < 2; first++) {
        for (size_t bit = 0; bit < 8 * 90; bit++) { /* header, map, and the first data */
            struct cbor_writer w = smp_begin(message, sizeof message);
            uint64_t off;
            size_t len;

            rig_restore(&b.rig, &factory);
            smp_bench_boot(&b);
            off = first ? 0 : smp_wire_upload(&b.wire, &b.new.gwi, 0, 1);
            struct smp_upload request = { .off = off,
                                          .has_start = off == 0,
                                          .len = b.new.gwi.len,
                                          .sha = { message, off ? 0 : SMP_DIGEST_LEN },
                                          .data = { b.new.gwi.at + off, 200 } };

            (void)smp_put_upload(&w, &request);
            len = smp_finish(&w, &header);
            message[bit / 8] ^= (uint8_t)(1u << bit % 8);
            smp_bench_push(&b, message, len);
            b.wire.line_len = 0;
            smp_bench_wait(&b, SMP_CONSOLE_SILENCE_MS);
            if (b.rig.port.wants_reset) {
                smp_bench_boot(&b);
            }
            CHECK(smp_wire_send_image(&b.wire, &b.new.gwi, 1));
            CHECK_EQ(b.rig.log.slots[1].phase, SLOT_PHASE_STAGED);
            CHECK_EQ(rig_broken(&b.rig), 0);
        }
    }
    rig_state_free(&factory);
    close_sound(&b);
}

/* --- framing and time --- */

static void a_partial_raw_message_is_dropped_after_50_ms_of_silence(void)
{
    struct smp_bench b;
    static const uint8_t params[] = { 0x08, 0, 0, 1, 0, 0, 9, SMP_OS_PARAMS, 0xa0 };

    smp_bench_open(&b, SMP_FRAMING_RAW);
    for (size_t cut = 1; cut < sizeof params; cut++) {
        smp_bench_push(&b, params, cut);
        CHECK_EQ(smp_server_step(&b.server), 50);
        smp_bench_wait(&b, 49);
        CHECK_EQ(smp_server_step(&b.server), 1);
        smp_bench_wait(&b, 1);
        CHECK_EQ(smp_server_step(&b.server), UINT32_MAX);
        smp_bench_push(&b, params, sizeof params);
        CHECK(smp_wire_read(&b.wire));
    }
    smp_bench_push(&b, params, 4); /* a short gap does no harm */
    smp_bench_wait(&b, 49);
    smp_bench_push(&b, params + 4, sizeof params - 4);
    CHECK(smp_wire_read(&b.wire));
    close_sound(&b);
}

static void an_impossible_header_is_discarded_until_silence(void)
{
    struct smp_bench b;
    static const uint8_t params[] = { 0x08, 0, 0, 1, 0, 0, 9, SMP_OS_PARAMS, 0xa0 };
    static const uint8_t too_long[] = { 0x08, 0, 0x10, 0, 0, 0, 9, SMP_OS_PARAMS };

    smp_bench_open(&b, SMP_FRAMING_RAW);
    smp_bench_push(&b, too_long, sizeof too_long);
    smp_bench_push(&b, params, sizeof params);
    CHECK_EQ(b.wire.line_len, 0);
    smp_bench_wait(&b, 50);
    smp_bench_push(&b, params, sizeof params);
    CHECK(smp_wire_read(&b.wire));
    close_sound(&b);
}

static void the_answer_does_not_depend_on_how_bytes_arrive_or_leave(void)
{
    struct smp_bench b;
    static const uint8_t identify[] = { 0x08, 0, 0, 1, 0x67, 0x77, 9, 0, 0xa0 };
    uint8_t whole[1024], pieces[1024];
    size_t whole_len, len = 0;

    smp_bench_open(&b, SMP_FRAMING_RAW);
    CHECK_EQ(smp_server_receive(&b.server, identify, sizeof identify), sizeof identify);
    whole_len = smp_server_take(&b.server, whole, sizeof whole);
    CHECK(whole_len > 100 && whole_len < 1024);
    for (size_t i = 0; i < sizeof identify; i++) {
        CHECK_EQ(smp_server_receive(&b.server, identify + i, 1), 1);
    }
    while (smp_server_take(&b.server, pieces + len, 1) == 1) {
        len++;
    }
    CHECK_EQ(len, whole_len);
    CHECK(memcmp(whole, pieces, len) == 0);
    close_sound(&b);
}

/* --- our group --- */

static void a_trial_past_its_deadline_restarts_the_device(void)
{
    struct smp_bench b;

    smp_bench_open(&b, SMP_FRAMING_RAW);
    CHECK(smp_wire_send_image(&b.wire, &b.new.gwi, 1));
    CHECK(smp_bench_activate(&b, b.new.identity, false));
    CHECK_EQ(smp_server_step(&b.server), 60000);
    smp_bench_wait(&b, 59999);
    CHECK(!b.rig.port.wants_reset);
    smp_bench_wait(&b, 1);
    CHECK(b.rig.port.wants_reset);
    smp_bench_boot(&b);
    CHECK(rig_running(&b.rig) == &b.old);
    close_sound(&b);
}

static void revert_on_trial_answers_resets_and_goes_back(void)
{
    struct smp_bench b;
    struct cbor_writer w;
    struct smp_wire_facts f;

    smp_bench_open(&b, SMP_FRAMING_RAW);
    w = smp_wire_begin(&b.wire);
    smp_put_revert(&w, 0);
    CHECK(smp_wire_ask(&b.wire, &w, SMP_WRITE, SMP_GROUP_GATEWAY, SMP_GATEWAY_REVERT));
    CHECK_EQ(smp_wire_status(&b.wire).rc, 0);
    CHECK(!b.rig.port.wants_reset);
    CHECK_EQ(b.rig.port.counters.flash_ops, 0);

    CHECK(smp_wire_send_image(&b.wire, &b.new.gwi, 1));
    CHECK(smp_bench_activate(&b, b.new.identity, false));
    w = smp_wire_begin(&b.wire);
    smp_put_revert(&w, 0);
    CHECK(smp_wire_ask(&b.wire, &w, SMP_WRITE, SMP_GROUP_GATEWAY, SMP_GATEWAY_REVERT));
    CHECK_EQ(smp_wire_status(&b.wire).rc, 0);
    CHECK(b.rig.port.wants_reset);
    smp_bench_boot(&b);
    CHECK(smp_wire_identify(&b.wire, &f));
    CHECK_EQ(f.slots[1].state, SMP_SLOT_STAGED);
    CHECK(f.slots[0].active);
    close_sound(&b);
}

static void activate_tells_why_not(void)
{
    struct smp_bench b;
    uint8_t unknown[32] = { 0 };

    smp_bench_open(&b, SMP_FRAMING_RAW);
    CHECK(!smp_bench_activate(&b, unknown, false));
    CHECK_EQ(smp_wire_status(&b.wire).rc, SMP_RC_NOT_FOUND);
    CHECK(smp_wire_send_image(&b.wire, &b.new.gwi, 1));
    CHECK(smp_bench_activate(&b, b.new.identity, false));
    CHECK_EQ(trial_report_test(&b.rig.trial, TRIAL_TEST_FAILED), UPDATE_OK);
    smp_bench_boot(&b);
    CHECK(!smp_bench_activate(&b, b.new.identity, false));
    CHECK_EQ(smp_wire_status(&b.wire).rc, SMP_RC_CORRUPT);
    CHECK_EQ(smp_wire_status(&b.wire).reason, VERIFY_REJECTED_BEFORE);
    CHECK(smp_bench_activate(&b, b.new.identity, true));
    CHECK(rig_running(&b.rig) == &b.new);
    close_sound(&b);
}

static void report_echoes_the_nonce(void)
{
    struct smp_bench b;
    uint8_t nonce[16];
    struct smp_wire_facts f = { 0 };
    struct cbor_writer w;
    const uint8_t *body;
    size_t len;

    smp_bench_open(&b, SMP_FRAMING_RAW);
    memset(nonce, 0x5a, sizeof nonce);
    w = smp_wire_begin(&b.wire);
    smp_put_report_request(&w, nonce);
    CHECK(smp_wire_ask(&b.wire, &w, SMP_READ, SMP_GROUP_GATEWAY, SMP_GATEWAY_REPORT));
    body = smp_wire_body(&b.wire, &len);
    f.facts.slots = f.slots;
    f.facts.slot_cap = SMP_WIRE_SLOTS;
    f.facts.floors = f.floors;
    f.facts.floor_cap = SMP_WIRE_SLOTS;
    CHECK(smp_get_report_answer(&f.facts, body, len));
    CHECK(f.facts.nonce && memcmp(f.facts.nonce, nonce, sizeof nonce) == 0);
    CHECK_EQ(f.facts.boots, 7);
    CHECK_EQ(f.slots[0].sequence, 5);
    CHECK(smp_wire_ask_empty(&b.wire, SMP_READ, SMP_GROUP_GATEWAY, SMP_GATEWAY_REPORT));
    CHECK_EQ(smp_wire_status(&b.wire).rc, SMP_RC_INVALID);
    close_sound(&b);
}

static void the_log_tells_the_story_page_by_page(void)
{
    struct smp_bench b;
    static const uint8_t want[] = { SLOT_EVENT_RECEIVING, SLOT_EVENT_STAGED, SLOT_EVENT_ACTIVATED,
                                    SLOT_EVENT_TRIAL, SLOT_EVENT_CONFIRMED };
    struct smp_log_entry entries[32];
    uint32_t from = 0, last = 0;
    size_t seen = 0, count;

    smp_bench_open(&b, SMP_FRAMING_RAW);
    CHECK(smp_wire_send_image(&b.wire, &b.new.gwi, 1));
    do {
        struct cbor_writer w = smp_wire_begin(&b.wire);
        const uint8_t *body;
        size_t len;

        smp_put_log_request(&w, from);
        CHECK(smp_wire_ask(&b.wire, &w, SMP_READ, SMP_GROUP_GATEWAY, SMP_GATEWAY_LOG));
        body = smp_wire_body(&b.wire, &len);
        CHECK(smp_get_log_answer(&from, entries, 32, &count, body, len));
        for (size_t i = 0; i < count; i++, seen++) {
            CHECK_EQ(entries[i].event, want[seen % 5]); /* factory, then receiving and staged */
            CHECK_EQ(entries[i].sequence, seen < 5 ? 5 : 6);
            CHECK(entries[i].number > last);
            last = entries[i].number;
        }
    } while (count > 0);
    CHECK_EQ(seen, 7);
    close_sound(&b);
}

/* The largest identify that a device can have fits the answer buffer that it has, or says so. */
static void an_answer_that_does_not_fit_is_an_error(void)
{
    struct smp_bench b;

    smp_bench_open(&b, SMP_FRAMING_RAW);
    b.server.config.answer_cap = 64;
    CHECK(smp_wire_ask_empty(&b.wire, SMP_READ, SMP_GROUP_GATEWAY, SMP_GATEWAY_IDENTIFY));
    CHECK_EQ(smp_wire_status(&b.wire).rc, SMP_RC_NO_MEMORY);
    close_sound(&b);
}

int main(void)
{
    TEST(params_and_echo_answer_in_the_framing_of_the_request);
    TEST(what_is_not_supported_is_said_in_the_version_of_the_request);
    TEST(reset_answers_first_and_resets_after);
    TEST(answers_are_nobodys_request);
    TEST(an_upgrade_goes_from_upload_to_confirm);
    TEST(the_standard_verbs_do_the_same);
    TEST(a_state_write_that_says_nothing_does_nothing);
    TEST(an_offset_that_is_not_expected_changes_nothing);
    TEST(requests_in_flight_are_answered_in_order_with_the_expected_offset);
    TEST(another_token_starts_again_and_resumes_by_identity);
    TEST(a_refusal_says_its_reason_until_a_new_start);
    TEST(a_damaged_block_goes_back_and_a_damaged_cms_starts_again);
    TEST(every_flipped_bit_of_a_request_is_survived);
    TEST(a_partial_raw_message_is_dropped_after_50_ms_of_silence);
    TEST(an_impossible_header_is_discarded_until_silence);
    TEST(the_answer_does_not_depend_on_how_bytes_arrive_or_leave);
    TEST(a_trial_past_its_deadline_restarts_the_device);
    TEST(revert_on_trial_answers_resets_and_goes_back);
    TEST(activate_tells_why_not);
    TEST(report_echoes_the_nonce);
    TEST(the_log_tells_the_story_page_by_page);
    TEST(an_answer_that_does_not_fit_is_an_error);
    return checks_failed != 0;
}
