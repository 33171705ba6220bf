/* The router against the real firmware (subdevice-fw in a simulated box), in virtual time. */
#include <stdlib.h>

#include "json.h"
#include "sim_bench.h"
#include "uart_rig_check.h"

enum { US = 1000 }; /* ns */

struct box {
    struct fake_device base; /* first */
    struct sim_bench bench;  /* its device is used, its line is not */
};

static struct uart_rig rig;
static struct box box;

static struct sim_device *device(void)
{
    return box.bench.bus.device;
}

static void box_receive(struct fake_device *d, struct fake_line *line, const uint8_t *bytes,
                        size_t len, uint64_t now_ns)
{
    (void)d;
    (void)line;
    sim_device_receive(device(), now_ns / US, bytes, len);
}

static uint64_t box_step(struct fake_device *d, struct fake_line *line, uint64_t now_ns)
{
    static uint8_t out[8192];
    uint64_t due_us;
    size_t n;

    (void)d;
    do {
        due_us = sim_device_step(device(), now_ns / US);
        n = sim_device_transmit(device(), now_ns / US, out, sizeof out);
        if (n > 0) {
            fake_line_send(line, out, n, now_ns);
        }
    } while (n > 0);
    return due_us == UINT64_MAX ? FAKE_NEVER : (due_us + 1) * US;
}

/* The rig on the device that the bench made. */
static void attach(struct fake_fault *fault)
{
    box.base = (struct fake_device){ box_receive, box_step };
    rig.other_device = &box.base;
    rig.line_config.fault = fault;
    uart_rig_open(&rig);
    rig.world.now = box.bench.now_us * US;
}

static void copy_stream(const struct blob *stream)
{
    rig.stream = malloc(stream->len);
    if (!rig.stream) {
        abort();
    }
    memcpy(rig.stream, stream->at, stream->len);
    rig.image = (struct image_ref){ .handle = 5, .size = stream->len, .sequence = 6 };
    memset(rig.image.token, 0x70, sizeof rig.image.token);
}

static void open_own(uint32_t image_len, enum smp_framing framing, struct fake_fault *fault)
{
    const struct sim_bench_config config = { .image_len = image_len };

    sim_bench_open(&box.bench, &config);
    uart_rig_init(&rig);
    copy_stream(&box.bench.new.gwi);
    memcpy(rig.image.identity, box.bench.new.identity, sizeof rig.image.identity);
    attach(fault);
    CHECK_EQ(uart_rig_identify(&rig), GW_OK);
    if (framing == SMP_FRAMING_CONSOLE) { /* the device takes both: hold the router to one */
        struct json *options = json_new_object();

        json_set_string(options, "framing", "console");
        rig.router->ops->close(rig.router);
        rig.config->options = options;
        CHECK_EQ(uart_router_ops.open(&rig.router, rig.link, rig.config, NULL), GW_OK);
        json_free(options);
    }
}

static void open_foreign(void)
{
    const struct sim_bench_config config = { 0 };
    struct blob old = { 0 }, new = { 0 };

    sim_bench_mcuboot(&old, 9000, 1);
    sim_bench_mcuboot(&new, 12000, 2);
    sim_bench_open_foreign(&box.bench, &config, &old);
    uart_rig_init_foreign(&rig);
    copy_stream(&new);
    rig.image.payload_only = rig.image.has_state_hash = true;
    memcpy(rig.image.state_hash, new.at + new.len - 32, 32); /* the SHA-256 TLV is its end */
    attach(NULL);
    blob_free(&old);
    blob_free(&new);
}

static void close_all(void)
{
    CHECK(sim_bench_is_sound(&box.bench));
    uart_rig_close(&rig);
    sim_bench_close(&box.bench);
}

static uint32_t running_sequence(void)
{
    return sim_bench_running(&box.bench).sequence;
}

static void an_upgrade_of_the_real_firmware_goes_through_all_its_verbs(void)
{
    for (enum smp_framing f = SMP_FRAMING_CONSOLE; f <= SMP_FRAMING_RAW; f++) {
        open_own(0, f, NULL);
        is_done(&rig, STAGE);
        CHECK_EQ(sim_bench_counters(&box.bench).bytes_flashed, box.bench.new.payload.len);
        is_done(&rig, STAGE);
        CHECK_EQ(rig.bytes_read, 0);
        is_done(&rig, ACTIVATE);
        CHECK(running_sequence() == 6 && sim_bench_running(&box.bench).on_trial);
        is_done(&rig, CONFIRM);
        CHECK(running_sequence() == 6 && !sim_bench_running(&box.bench).on_trial);
        CHECK_EQ(uart_rig_identify(&rig), GW_OK);
        CHECK(rig.info.floor_count == 1 && rig.info.floors[0].floor == 6);
        CHECK_EQ(sim_bench_counters(&box.bench).overruns, 0);
        is_failed(&rig, REVERT, GW_WRONG_STATE);
        close_all();
    }
}

static void a_trial_of_the_real_firmware_is_taken_back(void)
{
    open_own(0, SMP_FRAMING_RAW, NULL);
    is_done(&rig, STAGE);
    is_done(&rig, ACTIVATE);
    is_done(&rig, REVERT);
    CHECK_EQ(running_sequence(), 5);
    is_done(&rig, ACTIVATE);
    CHECK_EQ(running_sequence(), 6);
    is_done(&rig, CONFIRM);
    close_all();
}

static void a_self_test_of_the_real_firmware_that_fails_is_told(void)
{
    const struct sim_faults fails = { .self_test = SIM_TEST_FAIL };
    const struct sim_faults none = { 0 };

    open_own(0, SMP_FRAMING_RAW, NULL);
    is_done(&rig, STAGE);
    sim_device_set_faults(device(), &fails);
    is_failed(&rig, ACTIVATE, GW_SELF_TEST);
    CHECK_EQ(running_sequence(), 5);
    is_failed(&rig, ACTIVATE, GW_VERIFY_REJECTED_BEFORE);
    is_failed(&rig, STAGE, GW_VERIFY_REJECTED_BEFORE);
    sim_device_set_faults(device(), &none);
    rig.image.retry = true;
    is_done(&rig, STAGE);
    is_done(&rig, ACTIVATE);
    CHECK_EQ(running_sequence(), 6);
    close_all();
}

static void a_tampered_image_is_refused_by_the_real_firmware_and_nothing_is_flashed(void)
{
    open_own(0, SMP_FRAMING_RAW, NULL);
    rig.stream[200] ^= 1; /* in the CMS */
    CHECK_EQ(uart_rig_do(&rig, STAGE), GW_OK);
    CHECK(rig.result.outcome == OUTCOME_FAILED && rig.result.reason > 0);
    CHECK_EQ(rig.result.error.err, 2200 + rig.result.reason);
    CHECK_EQ(sim_bench_counters(&box.bench).bytes_flashed, 0);
    CHECK_EQ(sim_bench_counters(&box.bench).erases, 0);
    close_all();
}

/* The core never lets such a block out; if it did, the device would ask for it for ever. */
static void a_tampered_block_never_gets_past_the_real_firmware(void)
{
    open_own(0, SMP_FRAMING_RAW, NULL);
    rig.stream[rig.image.size / 2] ^= 1;
    is_failed(&rig, STAGE, GW_PROTOCOL);
    CHECK(uart_rig_now_ms(&rig) < 120000);
    CHECK(sim_bench_counters(&box.bench).bytes_flashed < box.bench.new.payload.len / 2 + 1024);
    close_all();
}

static void a_stock_mcuboot_device_is_upgraded_with_the_bare_payload(void)
{
    open_foreign();
    CHECK_EQ(uart_rig_identify(&rig), GW_OK);
    CHECK(!rig.info.is_own && rig.info.is_mcuboot);
    is_done(&rig, STAGE);
    is_done(&rig, STAGE);
    CHECK_EQ(rig.bytes_read, 0);
    is_done(&rig, ACTIVATE);
    CHECK(sim_bench_running(&box.bench).on_trial);
    is_done(&rig, REVERT);
    CHECK(!sim_bench_running(&box.bench).on_trial);
    is_done(&rig, ACTIVATE);
    is_done(&rig, CONFIRM);
    CHECK(!sim_bench_running(&box.bench).on_trial);
    CHECK(memcmp(sim_bench_running(&box.bench).identity, rig.image.state_hash, 32) == 0);
    uart_rig_close(&rig);
    sim_bench_close(&box.bench);
}

static void a_restart_at_any_offset_is_survived(void)
{
    for (uint64_t at = 1; at < 24000; at += 517) {
        const struct sim_faults reboots = { .reboot_at_offset = at };

        open_own(0, SMP_FRAMING_RAW, NULL);
        sim_device_set_faults(device(), &reboots);
        is_done(&rig, STAGE);
        is_done(&rig, ACTIVATE);
        CHECK_EQ(running_sequence(), 6);
        CHECK_EQ(sim_bench_counters(&box.bench).overruns, 0);
        close_all();
    }
}

/* One verb; when the power fails in it, it comes back and the verb is repeated. True: it failed. */
static bool do_over_a_cut(uart_rig_verb verb)
{
    CHECK_EQ(uart_rig_do(&rig, verb), GW_OK);
    bool was_cut = !sim_device_is_powered(device());

    if (was_cut) {
        CHECK_EQ(rig.result.outcome, OUTCOME_AWAY);
        sim_device_power_off_at(device(), 0, 0);
        sim_device_power_on(device(), rig.world.now / US);
        (void)uart_rig_do(&rig, verb);
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
        CHECK_EQ(rig.result.outcome, OUTCOME_DONE);
        was_cut |= do_over_a_cut(ACTIVATE);
        is_done(&rig, ACTIVATE);
        CHECK_EQ(running_sequence(), 6);
        was_cut |= do_over_a_cut(CONFIRM);
        if (rig.result.outcome != OUTCOME_DONE) { /* the cut came before it was kept */
            CHECK_EQ(rig.result.error.err, GW_TRIAL_LOST);
            is_done(&rig, ACTIVATE);
            is_done(&rig, CONFIRM);
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
    is_done(&rig, STAGE);
    is_done(&rig, ACTIVATE);
    CHECK_EQ(running_sequence(), 6);
    is_done(&rig, CONFIRM);
    CHECK(!sim_bench_running(&box.bench).on_trial && running_sequence() == 6);
    CHECK_EQ(sim_bench_counters(&box.bench).overruns, 0);
    CHECK(uart_rig_now_ms(&rig) < 30000);
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

int main(void)
{
    TEST(an_upgrade_of_the_real_firmware_goes_through_all_its_verbs);
    TEST(a_trial_of_the_real_firmware_is_taken_back);
    TEST(a_self_test_of_the_real_firmware_that_fails_is_told);
    TEST(a_tampered_image_is_refused_by_the_real_firmware_and_nothing_is_flashed);
    TEST(a_tampered_block_never_gets_past_the_real_firmware);
    TEST(a_stock_mcuboot_device_is_upgraded_with_the_bare_payload);
    TEST(a_restart_at_any_offset_is_survived);
    TEST(a_power_cut_at_any_flash_operation_is_survived);
    TEST(each_message_may_be_lost_doubled_or_damaged);
    return checks_failed != 0;
}
