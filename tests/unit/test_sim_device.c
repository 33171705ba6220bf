/* Simulated devices on simulated lines, in virtual time: the real firmware, and a stock one. */
#include <string.h>

#include "check.h"
#include "sim_bench.h"

static const struct sim_bench_config paced = { .baud = 115200,
                                               .latency_us = 1000,
                                               .framing = SMP_FRAMING_RAW };

static void close_sound(struct sim_bench *b)
{
    CHECK(sim_bench_is_sound(b));
    sim_bench_close(b);
}

static bool stage(struct sim_bench *b)
{
    return smp_wire_send_image(&b->wire, &b->new.gwi, 1);
}

/* Activate and restart; the device is back afterwards. */
static bool start_trial(struct sim_bench *b, bool retry)
{
    bool ok = smp_wire_activate(&b->wire, b->new.identity, retry) && smp_wire_reset(&b->wire);

    sim_bench_wait(b, 60000);
    return ok;
}

static void an_upgrade_runs_in_both_framings_at_the_pace_of_the_line(void)
{
    for (unsigned framing = SMP_FRAMING_CONSOLE; framing <= SMP_FRAMING_RAW; framing++) {
        struct sim_bench_config config = paced;
        struct sim_bench b;
        struct smp_wire_facts f;

        config.framing = (enum smp_framing)framing;
        sim_bench_open(&b, &config);
        CHECK_EQ(sim_bench_running(&b).sequence, 5);
        uint64_t began_us = b.now_us;

        CHECK(stage(&b));
        double line_s = (double)(sim_line_bytes(b.bus.line, SIM_TO_DEVICE)) / 11520;
        double took_s = (double)(b.now_us - began_us) / 1e6;

        CHECK(took_s > line_s && took_s < line_s * 1.15); /* one request at a time */
        CHECK(start_trial(&b, false));
        CHECK(sim_bench_running(&b).on_trial);
        CHECK_EQ(sim_bench_running(&b).sequence, 6);
        CHECK(smp_wire_identify(&b.wire, &f));
        CHECK_EQ(f.facts.trial_test, SMP_TEST_RUNNING);
        sim_bench_wait(&b, 100000);
        CHECK(smp_wire_identify(&b.wire, &f));
        CHECK_EQ(f.facts.trial_test, SMP_TEST_PASSED);
        CHECK(smp_wire_confirm(&b.wire, b.new.identity));
        CHECK(!sim_bench_running(&b).on_trial);
        CHECK_EQ(sim_bench_counters(&b).bytes_flashed, 20000);
        CHECK_EQ(sim_bench_counters(&b).boots, 1);
        close_sound(&b);
    }
}

static void equal_runs_have_equal_traces(void)
{
    uint64_t traces[3];

    for (unsigned i = 0; i < 3; i++) {
        struct sim_bench b;

        sim_bench_open(&b, &paced);
        sim_line_set_noise(b.bus.line, &(struct sim_noise){ .corruption_ppm = 200, .seed = i / 2 });
        b.timeout_us = 300000;
        for (unsigned tries = 0; tries < 50 && !stage(&b); tries++) {
        }
        traces[i] = b.trace;
        CHECK(sim_bench_running(&b).has_image);
        close_sound(&b);
    }
    CHECK(traces[0] == traces[1]);
    CHECK(traces[0] != traces[2]);
}

static void a_power_cut_at_any_flash_operation_is_resumed(void)
{
    struct sim_bench b;

    sim_bench_open(&b, &paced);
    CHECK(stage(&b));
    uint64_t ops = sim_bench_counters(&b).flash_ops;

    sim_bench_close(&b);
    for (uint64_t at = 1; at <= ops; at++) {
        sim_bench_open(&b, &paced);
        b.timeout_us = 200000;
        sim_device_power_off_at(b.bus.device, at, at);
        CHECK(!stage(&b));
        CHECK(!sim_device_is_powered(b.bus.device));
        sim_bench_wait(&b, 100000);
        sim_bus_power(&b.bus, b.now_us, true);
        sim_bench_wait(&b, 100000);
        CHECK_EQ(sim_bench_running(&b).sequence, 5);
        CHECK(stage(&b));
        CHECK(start_trial(&b, false));
        CHECK_EQ(sim_bench_running(&b).sequence, 6);
        close_sound(&b);
    }
}

static void without_power_there_is_silence(void)
{
    struct sim_bench b;

    sim_bench_open(&b, &paced);
    sim_bus_power(&b.bus, b.now_us, false);
    CHECK(!smp_wire_ask_empty(&b.wire, SMP_READ, SMP_GROUP_OS, SMP_OS_PARAMS));
    CHECK(!sim_device_is_powered(b.bus.device));
    CHECK(!sim_bench_running(&b).has_image);
    sim_bus_power(&b.bus, b.now_us, true);
    sim_bus_power(&b.bus, b.now_us, true);
    sim_bench_wait(&b, 49000);
    CHECK(!sim_bench_running(&b).has_image);
    sim_bench_wait(&b, 2000);
    CHECK(sim_bench_running(&b).has_image);
    CHECK(smp_wire_ask_empty(&b.wire, SMP_READ, SMP_GROUP_OS, SMP_OS_PARAMS));
    CHECK_EQ(sim_bench_counters(&b).boots, 1);
    close_sound(&b);
}

static void a_self_test_fails_for_the_image_that_it_is_told_to(void)
{
    for (uint32_t sequence = 6; sequence <= 7; sequence++) {
        struct sim_bench b;
        struct smp_wire_facts f;

        sim_bench_open(&b, &paced);
        sim_device_set_faults(b.bus.device, &(struct sim_faults){ .self_test = SIM_TEST_FAIL,
                                                                  .self_test_sequence = sequence });
        CHECK(stage(&b));
        CHECK(start_trial(&b, false));
        sim_bench_wait(&b, 300000);
        CHECK_EQ(sim_bench_running(&b).sequence, sequence == 6 ? 5 : 6);
        CHECK(smp_wire_identify(&b.wire, &f));
        CHECK_EQ(f.slots[1].state, sequence == 6 ? SMP_SLOT_REJECTED : SMP_SLOT_TRIAL);
        close_sound(&b);
    }
}

static void a_hanging_self_test_ends_with_the_trials_deadline(void)
{
    struct sim_bench b;
    struct smp_wire_facts f;

    sim_bench_open(&b, &paced);
    sim_device_set_faults(b.bus.device, &(struct sim_faults){ .self_test = SIM_TEST_HANG });
    CHECK(stage(&b));
    CHECK(start_trial(&b, false));
    sim_bench_wait(&b, 30000000);
    CHECK(smp_wire_identify(&b.wire, &f));
    CHECK_EQ(f.facts.trial_test, SMP_TEST_RUNNING);
    CHECK(f.facts.trial_left_ms > 29000 && f.facts.trial_left_ms < 31000);
    sim_bench_wait(&b, 31000000);
    CHECK_EQ(sim_bench_running(&b).sequence, 5);
    CHECK(smp_wire_identify(&b.wire, &f));
    CHECK_EQ(f.slots[1].state, SMP_SLOT_STAGED);
    close_sound(&b);
}

static void a_device_can_be_silent_talk_nonsense_or_die(void)
{
    struct sim_bench b;

    sim_bench_open(&b, &paced);
    sim_device_set_faults(b.bus.device, &(struct sim_faults){ .is_silent = true });
    CHECK(!smp_wire_ask_empty(&b.wire, SMP_READ, SMP_GROUP_OS, SMP_OS_PARAMS));
    CHECK_EQ(sim_bench_counters(&b).requests, 1);
    sim_device_set_faults(b.bus.device, &(struct sim_faults){ .talks_nonsense = true });
    b.wire.line_len = 0;
    CHECK(!smp_wire_ask_empty(&b.wire, SMP_READ, SMP_GROUP_OS, SMP_OS_PARAMS));
    sim_device_set_faults(b.bus.device, &(struct sim_faults){ .dead_after_bytes = 5000 });
    b.wire.line_len = 0;
    CHECK(!stage(&b));
    CHECK(sim_bench_counters(&b).bytes_flashed < 5000);
    sim_bus_power(&b.bus, b.now_us, false);
    sim_bus_power(&b.bus, b.now_us, true);
    sim_bench_wait(&b, 100000);
    b.wire.line_len = 0;
    CHECK(stage(&b));
    close_sound(&b);
}

static void a_device_reboots_once_at_an_offset_and_the_upload_resumes(void)
{
    struct sim_bench b;

    sim_bench_open(&b, &paced);
    b.timeout_us = 200000;
    sim_device_set_faults(b.bus.device, &(struct sim_faults){ .reboot_at_offset = 10000 });
    CHECK(!stage(&b));
    sim_bench_wait(&b, 100000);
    CHECK_EQ(sim_bench_counters(&b).boots, 1);
    CHECK(stage(&b));
    CHECK(sim_bench_counters(&b).bytes_flashed <= 20000 + 4096);
    close_sound(&b);
}

static void flash_takes_the_time_that_it_is_told_to(void)
{
    struct sim_bench_config config = paced;
    struct sim_bench b;
    uint64_t began_us;

    config.baud = 0;
    config.delays = (struct host_delays){ .erase_us = 20000,
                                          .program_us_per_kib = 2000,
                                          .read_us_per_kib = 100 };
    sim_bench_open(&b, &config);
    began_us = b.now_us;
    CHECK(stage(&b));
    /* 5 sectors of payload and 2 of head, 20 blocks, the second round over 20000 bytes */
    double took_ms = (double)(b.now_us - began_us) / 1000;

    CHECK(took_ms > 7 * 20 + 20 * 2 + 2 && took_ms < 7 * 20 + 20 * 2 + 2 + 60);
    close_sound(&b);
}

/* While the firmware works its receive buffer fills; a sender that keeps to params loses nothing.
 */
static void bytes_beyond_the_receive_buffer_are_lost_and_counted(void)
{
    struct sim_bench_config config = paced;
    struct sim_bench b;
    static uint8_t flood[20000];

    config.delays.erase_us = 1500000;
    sim_bench_open(&b, &config);
    b.timeout_us = 10000000;
    CHECK(stage(&b));
    CHECK_EQ(sim_bench_counters(&b).overruns, 0);
    close_sound(&b);

    sim_bench_open(&b, &config);
    b.timeout_us = 1000;
    (void)smp_wire_upload(&b.wire, &b.new.gwi, 0, 1); /* the erase begins */
    b.wire.send(&b.wire, flood, sizeof flood);
    CHECK(sim_bench_counters(&b).overruns > 0);
    close_sound(&b);
}

static void a_stock_device_swaps_and_swaps_back(void)
{
    for (int confirms = 0; confirms < 2; confirms++) {
        struct sim_bench b;
        struct blob old = { 0 }, new = { 0 };
        struct mcuboot_view {
            uint8_t hash[32];
        } image;
        struct cbor_writer w;
        struct smp_image_state states[4];
        const uint8_t *body;
        size_t len, count;

        sim_bench_mcuboot(&old, 9000, 0);
        sim_bench_mcuboot(&new, 12000, 1);
        memcpy(image.hash, new.at + new.len - 32, 32);
        sim_bench_open_foreign(&b, &paced, &old);
        CHECK(!smp_wire_identify(&b.wire, &(struct smp_wire_facts){ 0 }));
        CHECK_EQ(smp_wire_status(&b.wire).rc, SMP_RC_NOT_SUPPORTED);
        CHECK(smp_wire_send_image(&b.wire, &new, 1));
        CHECK_EQ(sim_bench_counters(&b).bytes_flashed, new.len);

        w = smp_wire_begin(&b.wire);
        smp_put_state_write(&w, &(struct smp_state_write){ .hash = { image.hash, 32 } });
        CHECK(smp_wire_ask(&b.wire, &w, SMP_WRITE, SMP_GROUP_IMAGE, SMP_IMAGE_STATE));
        body = smp_wire_body(&b.wire, &len);
        CHECK(smp_get_state_answer(states, 4, &count, body, len));
        CHECK_EQ(count, 2);
        CHECK(states[0].active && states[1].pending);
        CHECK(smp_wire_reset(&b.wire));
        sim_bench_wait(&b, 100000);
        CHECK(strcmp(sim_bench_running(&b).version, "1.1.0") == 0);
        CHECK(sim_bench_running(&b).on_trial);
        if (confirms) {
            CHECK(smp_wire_confirm(&b.wire, image.hash));
        }
        CHECK(smp_wire_reset(&b.wire));
        sim_bench_wait(&b, 100000);
        CHECK(strcmp(sim_bench_running(&b).version, confirms ? "1.1.0" : "1.0.0") == 0);
        CHECK(!sim_bench_running(&b).on_trial);
        blob_free(&old);
        blob_free(&new);
        close_sound(&b);
    }
}

static void a_stock_device_refuses_what_is_no_image_and_does_not_run_a_damaged_one(void)
{
    struct sim_bench b;
    struct blob old = { 0 }, new = { 0 };
    uint8_t hash[32];
    struct cbor_writer w;

    sim_bench_mcuboot(&old, 9000, 0);
    sim_bench_mcuboot(&new, 12000, 1);
    memcpy(hash, new.at + new.len - 32, 32);
    sim_bench_open_foreign(&b, &paced, &old);
    new.at[0] ^= 1;
    CHECK(!smp_wire_send_image(&b.wire, &new, 1));
    CHECK_EQ(smp_wire_status(&b.wire).rc, 23);
    new.at[0] ^= 1;
    new.at[5000] ^= 1;
    CHECK(smp_wire_send_image(&b.wire, &new, 2)); /* it does not look */
    w = smp_wire_begin(&b.wire);
    smp_put_state_write(&w, &(struct smp_state_write){ .hash = { hash, 32 } });
    CHECK(smp_wire_ask(&b.wire, &w, SMP_WRITE, SMP_GROUP_IMAGE, SMP_IMAGE_STATE));
    CHECK_EQ(smp_wire_status(&b.wire).rc, 3); /* but its list does not show it */
    blob_free(&old);
    blob_free(&new);
    close_sound(&b);
}

int main(void)
{
    TEST(an_upgrade_runs_in_both_framings_at_the_pace_of_the_line);
    TEST(equal_runs_have_equal_traces);
    TEST(a_power_cut_at_any_flash_operation_is_resumed);
    TEST(without_power_there_is_silence);
    TEST(a_self_test_fails_for_the_image_that_it_is_told_to);
    TEST(a_hanging_self_test_ends_with_the_trials_deadline);
    TEST(a_device_can_be_silent_talk_nonsense_or_die);
    TEST(a_device_reboots_once_at_an_offset_and_the_upload_resumes);
    TEST(flash_takes_the_time_that_it_is_told_to);
    TEST(bytes_beyond_the_receive_buffer_are_lost_and_counted);
    TEST(a_stock_device_swaps_and_swaps_back);
    TEST(a_stock_device_refuses_what_is_no_image_and_does_not_run_a_damaged_one);
    return checks_failed != 0;
}
