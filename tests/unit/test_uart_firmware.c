/* The router against the real firmware (subdevice-fw in a simulated box), in virtual time. */
#include <stdlib.h>
#include <string.h>

#include "firmware_box.h"
#include "json.h"
#include "uart_rig_check.h"

enum { US = 1000 }; /* ns */

static struct firmware_box box;

static struct sim_device *device(void)
{
    return firmware_box_device(&box);
}

static void open_own(uint32_t image_len, enum smp_framing framing, struct fake_fault *fault)
{
    const struct sim_bench_config config = { .image_len = image_len };

    firmware_box_open(&box, &config, framing, fault);
}

static void close_all(void)
{
    CHECK(sim_bench_is_sound(&box.bench));
    firmware_box_close(&box);
}

static uint32_t running_sequence(void)
{
    return sim_bench_running(&box.bench).sequence;
}

static void an_upgrade_of_the_real_firmware_goes_through_all_its_verbs(void)
{
    for (enum smp_framing f = SMP_FRAMING_CONSOLE; f <= SMP_FRAMING_RAW; f++) {
        open_own(0, f, NULL);
        is_done(&box.rig, STAGE);
        CHECK_EQ(sim_bench_counters(&box.bench).bytes_flashed, box.bench.new.payload.len);
        is_done(&box.rig, STAGE);
        CHECK_EQ(box.rig.bytes_read, 0);
        is_done(&box.rig, ACTIVATE);
        CHECK(running_sequence() == 6 && sim_bench_running(&box.bench).on_trial);
        is_done(&box.rig, CONFIRM);
        CHECK(running_sequence() == 6 && !sim_bench_running(&box.bench).on_trial);
        CHECK_EQ(uart_rig_identify(&box.rig), GW_OK);
        CHECK(box.rig.info.floor_count == 1 && box.rig.info.floors[0].floor == 6);
        CHECK_EQ(sim_bench_counters(&box.bench).overruns, 0);
        is_failed(&box.rig, REVERT, GW_WRONG_STATE);
        close_all();
    }
}

static void a_trial_of_the_real_firmware_is_taken_back(void)
{
    open_own(0, SMP_FRAMING_RAW, NULL);
    is_done(&box.rig, STAGE);
    is_done(&box.rig, ACTIVATE);
    is_done(&box.rig, REVERT);
    CHECK_EQ(running_sequence(), 5);
    is_done(&box.rig, ACTIVATE);
    CHECK_EQ(running_sequence(), 6);
    is_done(&box.rig, CONFIRM);
    close_all();
}

/* Whatever the verbs are asked from now on is about the image that was installed first. */
static void want_old_image(void)
{
    const struct rig_image *old = &box.bench.old;

    free(box.rig.stream);
    box.rig.stream = malloc(old->gwi.len);
    CHECK(box.rig.stream);
    memcpy(box.rig.stream, old->gwi.at, old->gwi.len);
    box.rig.image.size = old->gwi.len;
    box.rig.image.sequence = old->sequence;
    memset(box.rig.image.token, 0x71, sizeof box.rig.image.token);
    memcpy(box.rig.image.identity, old->identity, sizeof box.rig.image.identity);
}

static void an_earlier_image_that_is_still_there_is_activated_where_its_maker_permits(void)
{
    for (uint32_t floor = 5; floor <= 6; floor++) {
        const struct sim_bench_config config = { .new_floor = floor };

        firmware_box_open(&box, &config, SMP_FRAMING_RAW, NULL);
        is_done(&box.rig, STAGE);
        is_done(&box.rig, ACTIVATE);
        is_done(&box.rig, CONFIRM);
        want_old_image();
        if (floor == 5) {
            is_done(&box.rig, STAGE);
            is_done(&box.rig, ACTIVATE);
            CHECK(running_sequence() == 5 && sim_bench_running(&box.bench).on_trial);
            is_done(&box.rig, REVERT);
            CHECK_EQ(running_sequence(), 6);
            is_done(&box.rig, ACTIVATE);
            is_done(&box.rig, CONFIRM);
            CHECK(running_sequence() == 5 && !sim_bench_running(&box.bench).on_trial);
        } else {
            is_failed(&box.rig, ACTIVATE, GW_VERIFY_BELOW_FLOOR);
            CHECK_EQ(running_sequence(), 6);
        }
        close_all();
    }
}

static void a_self_test_of_the_real_firmware_that_fails_is_told(void)
{
    const struct sim_faults fails = { .self_test = SIM_TEST_FAIL };
    const struct sim_faults none = { 0 };

    open_own(0, SMP_FRAMING_RAW, NULL);
    is_done(&box.rig, STAGE);
    sim_device_set_faults(device(), &fails);
    is_failed(&box.rig, ACTIVATE, GW_SELF_TEST);
    CHECK_EQ(running_sequence(), 5);
    is_failed(&box.rig, ACTIVATE, GW_VERIFY_REJECTED_BEFORE);
    is_failed(&box.rig, STAGE, GW_VERIFY_REJECTED_BEFORE);
    sim_device_set_faults(device(), &none);
    box.rig.image.retry = true;
    is_done(&box.rig, STAGE);
    is_done(&box.rig, ACTIVATE);
    CHECK_EQ(running_sequence(), 6);
    close_all();
}

static void a_tampered_image_is_refused_by_the_real_firmware_and_nothing_is_flashed(void)
{
    open_own(0, SMP_FRAMING_RAW, NULL);
    box.rig.stream[200] ^= 1; /* in the CMS */
    CHECK_EQ(uart_rig_do(&box.rig, STAGE), GW_OK);
    CHECK(box.rig.result.outcome == OUTCOME_FAILED && box.rig.result.reason > 0);
    CHECK_EQ(box.rig.result.error.err, 2200 + box.rig.result.reason);
    CHECK_EQ(sim_bench_counters(&box.bench).bytes_flashed, 0);
    CHECK_EQ(sim_bench_counters(&box.bench).erases, 0);
    close_all();
}

/* The core never lets such a block out; if it did, the device would ask for it for ever. */
static void a_tampered_block_never_gets_past_the_real_firmware(void)
{
    open_own(0, SMP_FRAMING_RAW, NULL);
    box.rig.stream[box.rig.image.size / 2] ^= 1;
    is_failed(&box.rig, STAGE, GW_PROTOCOL);
    CHECK(uart_rig_now_ms(&box.rig) < 120000);
    CHECK(sim_bench_counters(&box.bench).bytes_flashed < box.bench.new.payload.len / 2 + 1024);
    close_all();
}

static void a_stock_mcuboot_device_is_upgraded_with_the_bare_payload(void)
{
    firmware_box_open_foreign(&box);
    CHECK_EQ(uart_rig_identify(&box.rig), GW_OK);
    CHECK(!box.rig.info.is_own && box.rig.info.is_mcuboot);
    is_done(&box.rig, STAGE);
    is_done(&box.rig, STAGE);
    CHECK_EQ(box.rig.bytes_read, 0);
    is_done(&box.rig, ACTIVATE);
    CHECK(sim_bench_running(&box.bench).on_trial);
    is_done(&box.rig, REVERT);
    CHECK(!sim_bench_running(&box.bench).on_trial);
    is_done(&box.rig, ACTIVATE);
    is_done(&box.rig, CONFIRM);
    CHECK(!sim_bench_running(&box.bench).on_trial);
    CHECK(memcmp(sim_bench_running(&box.bench).identity, box.rig.image.state_hash, 32) == 0);
    firmware_box_close(&box);
}

static void a_restart_at_any_offset_is_survived(void)
{
    for (uint64_t at = 1; at < 24000; at += 517) {
        const struct sim_faults reboots = { .reboot_at_offset = at };

        open_own(0, SMP_FRAMING_RAW, NULL);
        sim_device_set_faults(device(), &reboots);
        is_done(&box.rig, STAGE);
        is_done(&box.rig, ACTIVATE);
        CHECK_EQ(running_sequence(), 6);
        CHECK_EQ(sim_bench_counters(&box.bench).overruns, 0);
        close_all();
    }
}

/* One verb; when the power fails in it, it comes back and the verb is repeated. True: it failed. */
static bool do_over_a_cut(uart_rig_verb verb)
{
    CHECK_EQ(uart_rig_do(&box.rig, verb), GW_OK);
    bool was_cut = !sim_device_is_powered(device());

    if (was_cut) {
        CHECK_EQ(box.rig.result.outcome, OUTCOME_AWAY);
        sim_device_power_off_at(device(), 0, 0);
        sim_device_power_on(device(), box.rig.world.now / US);
        (void)uart_rig_do(&box.rig, verb);
    }
    return was_cut;
}

/* A cut inside Activate may end the trial; the core then activates again. */
static void a_power_cut_at_any_flash_operation_is_survived(void)
{
    unsigned cuts = 0;
    bool was_cut = true;

    for (uint64_t op = 1; was_cut; op++) {
        open_own(6000, SMP_FRAMING_RAW, NULL);
        sim_device_power_off_at(device(), op, op);
        was_cut = do_over_a_cut(STAGE);
        CHECK_EQ(box.rig.result.outcome, OUTCOME_DONE);
        was_cut |= do_over_a_cut(ACTIVATE);
        is_done(&box.rig, ACTIVATE);
        CHECK_EQ(running_sequence(), 6);
        was_cut |= do_over_a_cut(CONFIRM);
        if (box.rig.result.outcome != OUTCOME_DONE) { /* the cut came before it was kept */
            CHECK_EQ(box.rig.result.error.err, GW_TRIAL_LOST);
            is_done(&box.rig, ACTIVATE);
            is_done(&box.rig, CONFIRM);
        }
        CHECK(running_sequence() == 6 && !sim_bench_running(&box.bench).on_trial);
        cuts += was_cut;
        close_all();
    }
    printf("%u cuts\n", cuts);
    CHECK(cuts > 10);
}

/* One message, by its number, in one direction, meets a fate. */
struct nth {
    struct fake_fault base;
    enum fake_from from;
    unsigned at, seen;
    enum { LOST, DOUBLED, DAMAGED, FATES } fate;
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
    if (n->fate == DAMAGED) {
        bytes[(n->random >> 8) % len] ^= (uint8_t)(1u << (n->random >> 28) % 8);
    }
    return n->fate == LOST ? FAKE_DROP : n->fate == DOUBLED ? FAKE_DOUBLE : FAKE_PASS;
}

/* True: the message existed. */
static bool upgrade_with_fault(struct nth *n, enum smp_framing framing)
{
    open_own(6000, framing, &n->base);
    is_done(&box.rig, STAGE);
    is_done(&box.rig, ACTIVATE);
    CHECK_EQ(running_sequence(), 6);
    is_done(&box.rig, CONFIRM);
    CHECK(!sim_bench_running(&box.bench).on_trial && running_sequence() == 6);
    CHECK_EQ(sim_bench_counters(&box.bench).overruns, 0);
    CHECK(uart_rig_now_ms(&box.rig) < 30000);
    close_all();
    return n->seen > n->at;
}

static void each_message_may_be_lost_doubled_or_damaged(void)
{
    unsigned runs = 0;

    for (unsigned i = 0; i < 2u * 2 * FATES; i++) {
        enum smp_framing framing = i % 2 ? SMP_FRAMING_CONSOLE : SMP_FRAMING_RAW;
        struct nth n = { .base = { nth_fate }, .from = (enum fake_from)(i / 2 % 2) };
        int failed_before = checks_failed;
        unsigned at = 0;

        do {
            n.fate = i / 4;
            n.at = at++;
            n.seen = 0;
            n.random = n.at * 91 + i;
            runs++;
        } while (upgrade_with_fault(&n, framing) && checks_failed == failed_before);
        if (checks_failed > failed_before) {
            printf("framing %d from %d message %u fate %d\n", framing, n.from, n.at, n.fate);
        }
    }
    printf("%u upgrades\n", runs);
    CHECK(runs > 200);
}

/* A device that answers with what it said to an earlier question. */
struct replay {
    struct fake_fault base;
    const uint8_t *nonce; /* NULL: it is honest */
};

static enum fake_fate replay_fate(struct fake_fault *f, enum fake_from from, uint8_t *bytes,
                                  size_t len)
{
    const struct replay *r = (struct replay *)f;
    uint8_t *at = r->nonce && from == FAKE_FROM_DEVICE ? memmem(bytes, len, r->nonce, 16) : NULL;

    if (at) {
        at[15] ^= 1;
    }
    return FAKE_PASS;
}

static void a_report_that_does_not_answer_this_nonce_is_a_lie(void)
{
    static const uint8_t nonce[16] = "which one?";
    struct replay replay = { { replay_fate }, nonce };
    struct gw_error error = { 0 };
    struct json *report;

    open_own(6000, SMP_FRAMING_RAW, &replay.base);
    CHECK_EQ(uart_router_ops.report(box.rig.router, &box.rig.call, "meter", nonce, &report, &error),
             GW_DEVICE_LIES);
    CHECK(report == NULL);
    replay.nonce = NULL;
    CHECK_EQ(uart_router_ops.report(box.rig.router, &box.rig.call, "meter", nonce, &report, &error),
             GW_OK);
    CHECK(json_get(report, "boots"));
    json_free(report);
    close_all();
}

int main(void)
{
    TEST(a_report_that_does_not_answer_this_nonce_is_a_lie);
    TEST(an_upgrade_of_the_real_firmware_goes_through_all_its_verbs);
    TEST(a_trial_of_the_real_firmware_is_taken_back);
    TEST(an_earlier_image_that_is_still_there_is_activated_where_its_maker_permits);
    TEST(a_self_test_of_the_real_firmware_that_fails_is_told);
    TEST(a_tampered_image_is_refused_by_the_real_firmware_and_nothing_is_flashed);
    TEST(a_tampered_block_never_gets_past_the_real_firmware);
    TEST(a_stock_mcuboot_device_is_upgraded_with_the_bare_payload);
    TEST(a_restart_at_any_offset_is_survived);
    TEST(a_power_cut_at_any_flash_operation_is_survived);
    TEST(each_message_may_be_lost_doubled_or_damaged);
    return checks_failed != 0;
}
