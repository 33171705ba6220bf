#include "uart_rig_check.h"

static struct uart_rig rig;

static void a_silent_device_is_away_in_bounded_time(void)
{
    uart_rig_init(&rig);
    uart_rig_open(&rig);
    rig.model->is_silent = true;
    CHECK_EQ(uart_rig_identify(&rig), GW_OK);
    CHECK(rig.results == 1 && rig.result.outcome == OUTCOME_AWAY);
    CHECK_EQ(rig.result.error.err, GW_TIMEOUT);
    CHECK(uart_rig_now_ms(&rig) < 20000);
    is_failed(&rig, STAGE, GW_TIMEOUT);
    is_failed(&rig, ACTIVATE, GW_TIMEOUT);
    is_failed(&rig, CONFIRM, GW_TIMEOUT);
    is_failed(&rig, REVERT, GW_TIMEOUT);
    CHECK(uart_rig_now_ms(&rig) < 100000);
    uart_rig_close(&rig);
}

static void a_device_that_talks_nonsense_is_a_protocol_error_in_bounded_time(void)
{
    uart_rig_init(&rig);
    uart_rig_open(&rig);
    rig.model->speaks_nonsense = true;
    CHECK_EQ(uart_rig_identify(&rig), GW_OK);
    CHECK_EQ(rig.result.error.err, GW_PROTOCOL);
    is_failed(&rig, STAGE, GW_PROTOCOL);
    CHECK(uart_rig_now_ms(&rig) < 60000);
    uart_rig_close(&rig);
}

static void a_line_that_never_falls_silent_is_a_protocol_error_in_bounded_time(void)
{
    uart_rig_init(&rig);
    rig.device.accepts = SMP_FRAMING_RAW; /* in console framing even that would be read through */
    uart_rig_open(&rig);
    rig.model->babbles = true;
    CHECK_EQ(uart_rig_identify(&rig), GW_OK);
    CHECK_EQ(rig.result.error.err, GW_PROTOCOL);
    CHECK(uart_rig_now_ms(&rig) < 30000);
    rig.model->babbles = false;
    is_done(&rig, STAGE);
    uart_rig_close(&rig);
}

/* Stop or go mad in mid-transfer. */
struct turncoat {
    struct fake_fault base;
    struct uart_rig *rig;
    uint64_t at;
    bool goes_silent;
};

static enum fake_fate turn(struct fake_fault *f, enum fake_from from, uint8_t *bytes, size_t len)
{
    struct turncoat *t = (struct turncoat *)f;

    (void)from;
    (void)bytes;
    (void)len;
    if (t->rig->model->expected >= t->at) {
        t->rig->model->is_silent = t->goes_silent;
        t->rig->model->speaks_nonsense = !t->goes_silent;
    }
    return FAKE_PASS;
}

static void a_device_that_stops_answering_in_mid_transfer_is_away_in_bounded_time(void)
{
    for (int silent = 0; silent < 2; silent++) {
        struct turncoat t = { .base = { turn }, .rig = &rig, .at = 9000, .goes_silent = silent };

        uart_rig_init(&rig);
        rig.line_config.fault = &t.base;
        uart_rig_open(&rig);
        is_failed(&rig, STAGE, silent ? GW_TIMEOUT : GW_PROTOCOL);
        CHECK(rig.result.bytes_sent > 0 && uart_rig_now_ms(&rig) < 60000);
        t.at = UINT64_MAX;
        rig.model->is_silent = rig.model->speaks_nonsense = false;
        is_done(&rig, STAGE); /* and goes on when it is back */
        CHECK(smp_model_is_staged(rig.model));
        uart_rig_close(&rig);
    }
}

static void a_refusal_of_the_verifier_has_its_code_and_is_final(void)
{
    uart_rig_init(&rig);
    uart_rig_open(&rig);
    rig.model->refuse_rc = SMP_RC_CORRUPT;
    rig.model->refuse_reason = 135;
    is_failed(&rig, STAGE, GW_VERIFY_BELOW_FLOOR);
    CHECK_EQ(rig.result.reason, 135);
    CHECK(uart_rig_now_ms(&rig) < 3000);
    /* what noise can cause is tried a few times */
    rig.model->refuse_reason = 26;
    unsigned requests = rig.model->requests;

    is_failed(&rig, STAGE, GW_VERIFY_CMS_SIGNATURE);
    CHECK(rig.model->requests - requests > 4 && rig.model->requests - requests < 30);
    uart_rig_close(&rig);
}

static void a_refusal_of_a_foreign_device_is_told_with_its_code(void)
{
    static const struct {
        uint32_t rc;
        enum gw_err want;
    } cases[] = { { SMP_RC_NO_MEMORY, GW_DEVICE_FULL },
                  { SMP_RC_BAD_STATE, GW_WRONG_STATE },
                  { 13, GW_DEVICE_FLASH },
                  { SMP_RC_BUSY, GW_BUSY },
                  { 99, GW_REFUSED } };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uart_rig_init_foreign(&rig);
        uart_rig_open(&rig);
        rig.model->refuse_rc = cases[i].rc;
        is_failed(&rig, STAGE, cases[i].want);
        CHECK(uart_rig_now_ms(&rig) < 60000);
        uart_rig_close(&rig);
    }
}

static void offsets_that_lie_end_in_bounded_time_and_bytes(void)
{
    static const uint64_t lies[] = { 1,     1200,  5000,       33000,     34000,
                                     35000, 36000, UINT32_MAX, UINT64_MAX };

    for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
        uart_rig_init(&rig);
        uart_rig_open(&rig);
        rig.model->lie_off = lies[i];
        CHECK_EQ(uart_rig_do(&rig, STAGE), GW_OK);
        CHECK_EQ(rig.result.outcome, OUTCOME_FAILED);
        CHECK(rig.result.error.err == GW_PROTOCOL || rig.result.error.err == GW_DEVICE_LIES);
        CHECK(rig.progress <= rig.image.size);
        CHECK(rig.result.bytes_sent < 14 * rig.image.size && uart_rig_now_ms(&rig) < 180000);
        uart_rig_close(&rig);
    }
    uart_rig_init(&rig);
    uart_rig_open(&rig);
    rig.model->lie_off = rig.image.size; /* "I have it all" */
    is_failed(&rig, STAGE, GW_DEVICE_LIES);
    uart_rig_close(&rig);
}

static void an_upload_is_resumed_where_the_device_says(void)
{
    struct turncoat t = { .base = { turn }, .rig = &rig, .at = 20000, .goes_silent = true };

    uart_rig_init(&rig);
    rig.line_config.fault = &t.base;
    uart_rig_open(&rig);
    is_failed(&rig, STAGE, GW_TIMEOUT);
    uint32_t blocks = rig.model->blocks;

    CHECK(blocks > 10);
    t.at = UINT64_MAX;
    rig.model->is_silent = false;
    smp_model_reboot(rig.model, rig.world.now);
    is_done(&rig, STAGE);
    CHECK_EQ(rig.result.resumed_at, 1200 + 32 * 32 + blocks * 1024);
    CHECK(rig.bytes_read < rig.image.size - blocks * 1024 + 12000);
    CHECK(smp_model_is_staged(rig.model));
    uart_rig_close(&rig);
}

static void a_foreign_upload_is_resumed_by_its_token(void)
{
    struct turncoat t = { .base = { turn }, .rig = &rig, .at = 20000, .goes_silent = true };

    uart_rig_init_foreign(&rig);
    rig.line_config.fault = &t.base;
    uart_rig_open(&rig);
    is_failed(&rig, STAGE, GW_TIMEOUT);
    t.at = UINT64_MAX;
    rig.model->is_silent = false;
    is_done(&rig, STAGE);
    CHECK(rig.result.resumed_at >= 20000 && rig.bytes_read < 20000);
    CHECK_EQ(rig.model->wrong_bytes, 0);
    uart_rig_close(&rig);
}

static void a_device_that_restarts_at_any_block_still_gets_the_image(void)
{
    for (uint64_t at = 1; at < 1200 + 32 * 33; at += 700) {
        uart_rig_init(&rig);
        uart_rig_open(&rig);
        rig.model->reboot_at = at;
        is_done(&rig, STAGE);
        CHECK(smp_model_is_staged(rig.model) && rig.model->boots == 1);
        uart_rig_close(&rig);
    }
    for (uint32_t block = 0; block < 32; block++) {
        uart_rig_init(&rig);
        uart_rig_open(&rig);
        rig.model->reboot_at = 1200 + 32 * 32 + (uint64_t)block * 1024 + 500;
        is_done(&rig, STAGE);
        CHECK(smp_model_is_staged(rig.model) && rig.model->boots == 1);
        CHECK(uart_rig_now_ms(&rig) < 15000);
        uart_rig_close(&rig);
    }
}

/* One message, by its number, in one direction, meets a fate. */
struct nth {
    struct fake_fault base;
    enum fake_from from;
    unsigned at, seen;
    enum { LOST, DOUBLED, DAMAGED, LENGTHENED, SHORTENED } fate;
    uint32_t random;
};

static enum fake_fate nth_fate(struct fake_fault *f, enum fake_from from, uint8_t *bytes,
                               size_t len)
{
    struct nth *n = (struct nth *)f;

    if (from != n->from || n->seen++ != n->at) {
        return FAKE_PASS;
    }
    n->random = n->random * 1664525 + 1013904223;
    switch (n->fate) {
    case LOST:
        return FAKE_DROP;
    case DOUBLED:
        return FAKE_DOUBLE;
    case DAMAGED:
        bytes[(n->random >> 8) % len] ^= (uint8_t)(1u << (n->random >> 28) % 8);
        return FAKE_PASS;
    case LENGTHENED:
        bytes[2] ^= 0x04;
        return FAKE_PASS;
    case SHORTENED:
        bytes[3] ^= 0x10;
        return FAKE_PASS;
    }
    return FAKE_PASS;
}

/* A whole upgrade with one message damaged, for each message of either direction. */
static unsigned one_fault_everywhere(enum smp_framing framing, unsigned fate)
{
    unsigned runs = 0;
    int failed_before = checks_failed;

    for (unsigned from = 0; from < 2; from++) {
        for (unsigned at = 0;; at++) {
            struct nth n = { .base = { nth_fate },
                             .from = (enum fake_from)from,
                             .at = at,
                             .fate = fate,
                             .random = at * 77 + from };

            uart_rig_init(&rig);
            rig.payload_size = 12 << 10;
            rig.device.accepts = framing;
            rig.line_config.fault = &n.base;
            uart_rig_open(&rig);
            is_done(&rig, STAGE);
            CHECK(smp_model_is_staged(rig.model));
            is_done(&rig, ACTIVATE);
            CHECK(rig.model->runs_new);
            is_done(&rig, CONFIRM);
            CHECK(!rig.model->is_trial && rig.model->runs_new);
            CHECK_EQ(rig.model->overruns, 0);
            CHECK(uart_rig_now_ms(&rig) < 25000);
            bool was_hit = n.seen > at;

            uart_rig_close(&rig);
            runs++;
            if (checks_failed > failed_before) {
                printf("framing %d, from %u, message %u, fate %u\n", framing, from, at, fate);
                return runs;
            }
            if (!was_hit) {
                break;
            }
        }
    }
    return runs;
}

static void each_message_may_be_lost_doubled_or_damaged_in_either_direction(void)
{
    unsigned runs = 0;

    for (enum smp_framing f = SMP_FRAMING_CONSOLE; f <= SMP_FRAMING_RAW; f++) {
        for (unsigned fate = LOST; fate <= SHORTENED; fate++) {
            if (f == SMP_FRAMING_RAW || fate < LENGTHENED) {
                runs += one_fault_everywhere(f, fate);
            }
        }
    }
    printf("%u upgrades\n", runs);
    CHECK(runs > 300);
}

static void a_damaged_block_costs_itself_and_what_was_in_flight(void)
{
    for (unsigned at = 8; at < 20; at++) {
        struct nth n = { .base = { nth_fate }, .at = at, .fate = DAMAGED, .random = at * 7 };
        uint64_t begun, clean = 32 << 10;

        uart_rig_init(&rig);
        rig.device.accepts = SMP_FRAMING_RAW;
        rig.line_config.fault = &n.base;
        uart_rig_open(&rig);
        CHECK_EQ(uart_rig_identify(&rig), GW_OK);
        n.seen = 0;
        begun = uart_rig_now_ms(&rig);
        is_done(&rig, STAGE);
        CHECK(n.seen > at);
        /* head and table 2.2 KiB, 2 % headers, three messages in flight, the block */
        CHECK(rig.result.bytes_sent < clean + 2300 + 700 + 3 * 2044 + 1024 + 200);
        CHECK(uart_rig_now_ms(&rig) - begun < 4200);
        uart_rig_close(&rig);
    }
}

/* One bit in 3 % of the messages, and bytes that vanish, come twice or change. A verb may fail;
 * what it says is true, and repeating it as the core does brings the upgrade to its end. */
struct storm {
    struct fake_fault base;
    uint64_t random;
};

static enum fake_fate storm_fate(struct fake_fault *f, enum fake_from from, uint8_t *bytes,
                                 size_t len)
{
    struct storm *s = (struct storm *)f;

    (void)from;
    s->random = s->random * 6364136223846793005u + 1442695040888963407u;
    if ((s->random >> 33) % 100 < 3) {
        bytes[(s->random >> 40) % len] ^= (uint8_t)(1u << (s->random >> 61));
    }
    return FAKE_PASS;
}

static bool verb_ends_done(uart_rig_verb verb)
{
    for (unsigned attempt = 0; attempt < 5; attempt++) {
        uint64_t begun_ms = uart_rig_now_ms(&rig);

        CHECK_EQ(uart_rig_do(&rig, verb), GW_OK);
        CHECK(rig.results == 1 && uart_rig_now_ms(&rig) - begun_ms < 120000);
        if (rig.result.outcome == OUTCOME_DONE) {
            return true;
        }
    }
    return false;
}

static void in_a_storm_each_result_is_true_and_repeating_ends_the_upgrade(void)
{
    for (uint64_t seed = 1; seed <= 150; seed++) {
        enum smp_framing framing = seed % 3 ? SMP_FRAMING_RAW : SMP_FRAMING_CONSOLE;
        struct storm storm = { .base = { storm_fate }, .random = seed * 7919 };
        int failed_before = checks_failed;

        uart_rig_init(&rig);
        rig.device.accepts = framing;
        rig.payload_size = 16 << 10;
        rig.line_config.fault = &storm.base;
        rig.line_config.noise = (struct fake_noise){ 30, 30, 30, seed };
        uart_rig_open(&rig);
        CHECK(verb_ends_done(STAGE));
        CHECK(smp_model_is_staged(rig.model));
        CHECK(verb_ends_done(ACTIVATE));
        CHECK(rig.model->runs_new);
        CHECK(verb_ends_done(CONFIRM));
        CHECK(rig.model->runs_new && !rig.model->is_trial);
        uart_rig_close(&rig);
        if (checks_failed > failed_before) {
            printf("seed %llu: GW%d %s\n", (unsigned long long)seed, rig.result.error.err,
                   rig.result.error.detail);
        }
    }
}

static void a_device_with_small_buffers_gets_small_messages(void)
{
    static const uint32_t sizes[] = { 96, 256, 384, 1024 };

    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        uart_rig_init_foreign(&rig);
        rig.device.buf_size = sizes[i];
        rig.payload_size = 3000;
        uart_rig_open(&rig);
        is_done(&rig, STAGE);
        CHECK(rig.model->wrong_bytes == 0 && rig.model->expected == rig.image.size);
        uart_rig_close(&rig);
    }
    uart_rig_init_foreign(&rig);
    rig.device.buf_size = 70; /* not even the first request fits */
    uart_rig_open(&rig);
    is_failed(&rig, STAGE, GW_DEVICE_FULL);
    uart_rig_close(&rig);
}

static void a_source_that_fails_is_told_and_the_device_is_left_resumable(void)
{
    uart_rig_init(&rig);
    uart_rig_open(&rig);
    rig.read_fails = GW_SOURCE_BROKEN;
    is_failed(&rig, STAGE, GW_SOURCE_BROKEN);
    rig.read_fails = GW_OK;
    is_done(&rig, STAGE);
    uart_rig_close(&rig);
}

static void a_cancelled_call_ends_at_once_and_without_a_result(void)
{
    uart_rig_init(&rig);
    uart_rig_open(&rig);
    rig.world.cancel_at = 1500000000;
    CHECK_EQ(uart_rig_do(&rig, STAGE), GW_CANCELLED);
    CHECK_EQ(rig.results, 0);
    CHECK_EQ(uart_rig_now_ms(&rig), 1500);
    rig.world.cancel_at = 0;
    is_done(&rig, STAGE);
    uart_rig_close(&rig);
}

static void a_broken_link_ends_the_call_and_a_new_one_goes_on(void)
{
    uart_rig_init(&rig);
    uart_rig_open(&rig);
    CHECK_EQ(uart_rig_identify(&rig), GW_OK);
    fake_line_hang_up(rig.line);
    CHECK_EQ(uart_rig_do(&rig, STAGE), GW_LINK_CLOSED);
    CHECK_EQ(rig.results, 0);
    rig.link->ops->close(rig.link);
    fake_line_free(rig.line);
    rig.line = fake_line_new(&rig.line_config);
    rig.world.lines[0] = rig.line;
    rig.link = fake_link_new(rig.line, &rig.world.base);
    rig.router->ops->close(rig.router);
    CHECK_EQ(uart_router_ops.open(&rig.router, rig.link, rig.config, NULL), GW_OK);
    is_done(&rig, STAGE);
    uart_rig_close(&rig);
}

static void the_line_test_counts_and_advises(void)
{
    struct bus_test t;
    struct nth n = { .base = { nth_fate }, .from = FAKE_FROM_DEVICE, .at = 20, .fate = LOST };

    uart_rig_init(&rig);
    rig.line_config.fault = &n.base;
    uart_rig_open(&rig);
    CHECK_EQ(rig.router->ops->test(rig.router, &rig.call, "meter", 200, &t, NULL), GW_OK);
    CHECK(t.sent == 200 && t.answered == 200 && t.repeated == 1);
    CHECK(t.turnaround_us_min >= 1000 && t.turnaround_us_median <= 4000);
    CHECK(t.advice[0] == '\0');
    rig.model->is_silent = true;
    CHECK_EQ(rig.router->ops->test(rig.router, &rig.call, "meter", 200, &t, NULL), GW_TIMEOUT);
    CHECK_EQ(rig.router->ops->test(rig.router, &rig.call, "meter", 0, &t, NULL), GW_BAD_PARAMETER);
    uart_rig_close(&rig);

    uart_rig_init(&rig);
    rig.line_config.latency_us = 16000;
    uart_rig_open(&rig);
    CHECK_EQ(rig.router->ops->test(rig.router, &rig.call, "meter", 50, &t, NULL), GW_OK);
    CHECK(strstr(t.advice, "latency timer") != NULL);
    uart_rig_close(&rig);

    uart_rig_init(&rig);
    rig.line_config.noise = (struct fake_noise){ .loss_ppm = 5000, .seed = 3 };
    uart_rig_open(&rig);
    CHECK_EQ(rig.router->ops->test(rig.router, &rig.call, "meter", 200, &t, NULL), GW_OK);
    CHECK(t.repeated > 0 && strstr(t.advice, "cable") != NULL);
    uart_rig_close(&rig);
}

int main(void)
{
    TEST(a_silent_device_is_away_in_bounded_time);
    TEST(a_device_that_talks_nonsense_is_a_protocol_error_in_bounded_time);
    TEST(a_line_that_never_falls_silent_is_a_protocol_error_in_bounded_time);
    TEST(a_device_that_stops_answering_in_mid_transfer_is_away_in_bounded_time);
    TEST(a_refusal_of_the_verifier_has_its_code_and_is_final);
    TEST(a_refusal_of_a_foreign_device_is_told_with_its_code);
    TEST(offsets_that_lie_end_in_bounded_time_and_bytes);
    TEST(an_upload_is_resumed_where_the_device_says);
    TEST(a_foreign_upload_is_resumed_by_its_token);
    TEST(a_device_that_restarts_at_any_block_still_gets_the_image);
    TEST(each_message_may_be_lost_doubled_or_damaged_in_either_direction);
    TEST(a_damaged_block_costs_itself_and_what_was_in_flight);
    TEST(in_a_storm_each_result_is_true_and_repeating_ends_the_upgrade);
    TEST(a_device_with_small_buffers_gets_small_messages);
    TEST(a_source_that_fails_is_told_and_the_device_is_left_resumable);
    TEST(a_cancelled_call_ends_at_once_and_without_a_result);
    TEST(a_broken_link_ends_the_call_and_a_new_one_goes_on);
    TEST(the_line_test_counts_and_advises);
    return checks_failed != 0;
}
