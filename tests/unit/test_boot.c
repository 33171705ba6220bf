/* How a trial ends, and what the bootloader does when bytes have rotted. */
#include <string.h>

#include "check.h"
#include "device_rig.h"
#include "slots.h"

/* Image 5 confirmed in slot 0, image 6 staged in slot 1. */
struct bench {
    struct rig rig;
    struct rig_image old, new;
};

static void open_bench(struct bench *b, uint32_t new_floor, bool has_counters)
{
    rig_init(&b->rig);
    b->rig.config.has_counters = has_counters;
    rig_open(&b->rig);
    rig_image_make(&b->old, &b->rig, 3000, 1, &(struct testpki_image_how){ .sequence = 5 });
    rig_image_make(&b->new, &b->rig, 5000, 2,
                   &(struct testpki_image_how){
                       .sequence = 6, .has_floor = new_floor != 0, .floor = new_floor });
    rig_know(&b->rig, &b->old);
    rig_know(&b->rig, &b->new);
    rig_factory(&b->rig, &b->old);
    CHECK_EQ(rig_send(&b->rig, &b->new.gwi, 512, NULL), UPDATE_OK);
}

static void close_bench(struct bench *b)
{
    CHECK_EQ(rig_broken(&b->rig), 0);
    rig_image_free(&b->old);
    rig_image_free(&b->new);
    rig_close(&b->rig);
}

static enum update_status activate(struct bench *b, bool retry)
{
    enum verify_result reason;

    return trial_activate(&b->rig.trial, 0, b->new.identity, retry, &reason);
}

static enum slot_phase phase(const struct bench *b, uint8_t slot)
{
    return b->rig.log.slots[slot].phase;
}

static void rot(struct bench *b, uint8_t slot, uint32_t at)
{
    b->rig.port.flash[b->rig.config.geometry.slots[slot].offset + at] ^= 4;
}

static void a_staged_image_does_not_run_until_it_is_activated(void)
{
    struct bench b = { 0 };

    open_bench(&b, 0, false);
    CHECK_EQ(rig_boot(&b.rig), BOOT_CONFIRMED);
    CHECK(rig_running(&b.rig) == &b.old);
    CHECK_EQ(activate(&b, false), UPDATE_OK);
    CHECK_EQ(phase(&b, 1), SLOT_PHASE_PENDING);
    CHECK_EQ(activate(&b, false), UPDATE_OK);
    CHECK_EQ(rig_boot(&b.rig), BOOT_TRIAL);
    CHECK(rig_running(&b.rig) == &b.new);
    CHECK(b.rig.trial.is_on);
    CHECK_EQ(activate(&b, false), UPDATE_OK); /* on trial already */
    close_bench(&b);
}

static void a_trial_without_a_verdict_goes_back_and_the_third_is_the_last(void)
{
    struct bench b = { 0 };

    open_bench(&b, 0, false);
    for (int start = 1; start <= SLOTLOG_TRIALS_MAX; start++) {
        CHECK_EQ(activate(&b, false), UPDATE_OK);
        CHECK_EQ(rig_boot(&b.rig), BOOT_TRIAL);
        CHECK_EQ(b.rig.log.slots[1].trials, start);
        CHECK_EQ(rig_boot(&b.rig), BOOT_CONFIRMED); /* watchdog, power cut or deadline */
        CHECK(rig_running(&b.rig) == &b.old);
        CHECK_EQ(phase(&b, 1), start < 3 ? SLOT_PHASE_STAGED : SLOT_PHASE_REJECTED);
    }
    CHECK_EQ(b.rig.log.slots[1].reason, 0);
    CHECK_EQ(activate(&b, false), UPDATE_REFUSED);
    CHECK_EQ(rig_send(&b.rig, &b.new.gwi, 512, NULL), UPDATE_REFUSED);
    CHECK_EQ(b.rig.updater.reason, VERIFY_REJECTED_BEFORE);
    CHECK_EQ(activate(&b, true), UPDATE_OK); /* somebody wants it again */
    CHECK_EQ(rig_boot(&b.rig), BOOT_TRIAL);
    CHECK_EQ(b.rig.log.slots[1].trials, 1);
    close_bench(&b);
}

static void a_failed_self_test_rejects_the_image_at_once(void)
{
    struct bench b = { 0 };

    open_bench(&b, 0, false);
    CHECK_EQ(trial_report_test(&b.rig.trial, TRIAL_TEST_FAILED), UPDATE_WRONG_STATE);
    CHECK_EQ(activate(&b, false), UPDATE_OK);
    CHECK_EQ(rig_boot(&b.rig), BOOT_TRIAL);
    CHECK_EQ(trial_report_test(&b.rig.trial, TRIAL_TEST_FAILED), UPDATE_OK);
    CHECK_EQ(rig_boot(&b.rig), BOOT_CONFIRMED);
    CHECK(rig_running(&b.rig) == &b.old);
    CHECK_EQ(phase(&b, 1), SLOT_PHASE_REJECTED);
    CHECK_EQ(b.rig.log.slots[1].reason, 0);
    CHECK_EQ(slotlog_floor(&b.rig.log, 0), 5);
    close_bench(&b);
}

static void confirm_needs_a_passed_self_test_of_this_boot(void)
{
    struct bench b = { 0 };

    open_bench(&b, 0, false);
    CHECK_EQ(trial_confirm(&b.rig.trial, b.new.identity), UPDATE_NOT_FOUND); /* not running */
    CHECK_EQ(trial_confirm(&b.rig.trial, b.old.identity), UPDATE_OK);        /* is already */
    CHECK_EQ(activate(&b, false), UPDATE_OK);
    CHECK_EQ(rig_boot(&b.rig), BOOT_TRIAL);
    CHECK_EQ(trial_confirm(&b.rig.trial, b.new.identity), UPDATE_WRONG_STATE);
    CHECK_EQ(trial_report_test(&b.rig.trial, TRIAL_TEST_PASSED), UPDATE_OK);
    CHECK_EQ(trial_confirm(&b.rig.trial, b.old.identity), UPDATE_NOT_FOUND);
    CHECK_EQ(slotlog_floor(&b.rig.log, 0), 5);
    b.rig.confirmed_sequence = 6;
    CHECK_EQ(trial_confirm(&b.rig.trial, b.new.identity), UPDATE_OK);
    CHECK_EQ(slotlog_floor(&b.rig.log, 0), 6);
    uint64_t ops = b.rig.port.counters.flash_ops;

    CHECK_EQ(trial_confirm(&b.rig.trial, b.new.identity), UPDATE_OK);
    CHECK_EQ(b.rig.port.counters.flash_ops, ops);
    CHECK_EQ(rig_boot(&b.rig), BOOT_CONFIRMED);
    CHECK(rig_running(&b.rig) == &b.new);
    CHECK_EQ(phase(&b, 0), SLOT_PHASE_CONFIRMED); /* the way back for rotten bytes */
    close_bench(&b);
}

static void revert_ends_a_trial_or_an_activation_and_forgets_the_starts(void)
{
    struct bench b = { 0 };
    bool needs_reset = true;

    open_bench(&b, 0, false);
    uint64_t ops = b.rig.port.counters.flash_ops;

    CHECK_EQ(trial_revert(&b.rig.trial, 0, &needs_reset), UPDATE_OK);
    CHECK(!needs_reset);
    CHECK_EQ(b.rig.port.counters.flash_ops, ops);
    CHECK_EQ(activate(&b, false), UPDATE_OK);
    CHECK_EQ(trial_revert(&b.rig.trial, 0, &needs_reset), UPDATE_OK);
    CHECK(!needs_reset);
    CHECK_EQ(rig_boot(&b.rig), BOOT_CONFIRMED);
    CHECK_EQ(phase(&b, 1), SLOT_PHASE_STAGED);

    for (int i = 0; i < 2 * SLOTLOG_TRIALS_MAX; i++) {
        CHECK_EQ(activate(&b, false), UPDATE_OK);
        CHECK_EQ(rig_boot(&b.rig), BOOT_TRIAL);
        CHECK_EQ(trial_revert(&b.rig.trial, 1, &needs_reset), UPDATE_OK); /* another component */
        CHECK(!needs_reset);
        CHECK_EQ(trial_revert(&b.rig.trial, 0, &needs_reset), UPDATE_OK);
        CHECK(needs_reset);
        CHECK_EQ(rig_boot(&b.rig), BOOT_CONFIRMED);
        CHECK(rig_running(&b.rig) == &b.old);
        CHECK_EQ(phase(&b, 1), SLOT_PHASE_STAGED);
    }
    CHECK_EQ(activate(&b, false), UPDATE_OK);
    CHECK_EQ(rig_boot(&b.rig), BOOT_TRIAL);
    CHECK_EQ(rig_boot(&b.rig), BOOT_CONFIRMED); /* the first start without a verdict */
    CHECK_EQ(phase(&b, 1), SLOT_PHASE_STAGED);
    close_bench(&b);
}

static void a_trial_has_a_deadline(void)
{
    struct bench b = { 0 };

    open_bench(&b, 0, false);
    CHECK_EQ(activate(&b, false), UPDATE_OK);
    host_port_set_now(&b.rig.port, 5000000);
    CHECK_EQ(rig_boot(&b.rig), BOOT_TRIAL);
    CHECK_EQ(trial_left_ms(&b.rig.trial), 60000);
    host_port_set_now(&b.rig.port, 64999000);
    CHECK_EQ(trial_left_ms(&b.rig.trial), 1);
    host_port_set_now(&b.rig.port, 65000000);
    CHECK_EQ(trial_left_ms(&b.rig.trial), 0);
    close_bench(&b);
}

static void activation_of_what_is_not_there_is_refused(void)
{
    struct bench b = { 0 };
    struct rig_image seven;
    enum verify_result reason;

    open_bench(&b, 0, false);
    rig_image_make(&seven, &b.rig, 5000, 3, &(struct testpki_image_how){ .sequence = 7 });
    CHECK_EQ(trial_activate(&b.rig.trial, 0, seven.identity, false, &reason), UPDATE_NOT_FOUND);
    CHECK_EQ(trial_activate(&b.rig.trial, 1, b.new.identity, false, &reason), UPDATE_NOT_FOUND);
    updater_begin(&b.rig.updater, seven.gwi.len);
    CHECK_EQ(updater_feed(&b.rig.updater, seven.gwi.at, seven.gwi.len - 1), UPDATE_OK);
    CHECK_EQ(trial_activate(&b.rig.trial, 0, seven.identity, true, &reason), UPDATE_WRONG_STATE);
    CHECK_EQ(trial_activate(&b.rig.trial, 0, b.old.identity, false, &reason), UPDATE_OK); /* runs */
    CHECK_EQ(rig_boot(&b.rig), BOOT_CONFIRMED);
    CHECK(rig_running(&b.rig) == &b.old);
    rig_image_free(&seven);
    close_bench(&b);
}

static void an_image_that_rotted_between_staging_and_boot_never_runs(void)
{
    static const uint32_t places[] = { 0, 4999, 8192 + 40, 8192 + SLOT_HEAD_LEN + 30 };

    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        struct bench b = { 0 };

        open_bench(&b, 0, false);
        CHECK_EQ(activate(&b, false), UPDATE_OK);
        rot(&b, 1, places[i]);
        CHECK_EQ(rig_boot(&b.rig), BOOT_CONFIRMED);
        CHECK(rig_running(&b.rig) == &b.old);
        CHECK_EQ(phase(&b, 1), SLOT_PHASE_BROKEN);
        CHECK(b.rig.log.slots[1].reason != 0);
        CHECK_EQ(rig_send(&b.rig, &b.new.gwi, 512, NULL), UPDATE_OK); /* sent again, it is good */
        CHECK_EQ(phase(&b, 1), SLOT_PHASE_STAGED);
        close_bench(&b);
    }
}

static void a_forged_image_in_the_slot_never_runs(void)
{
    struct bench b = { 0 };
    struct slot_head head;

    open_bench(&b, 0, false);
    CHECK_EQ(activate(&b, false), UPDATE_OK);
    /* other bytes, and a head that agrees with them: only the signature does not */
    rot(&b, 1, 100);
    CHECK(slot_read_head(&b.rig.port.base, 1, &head));
    sha256_of(head.image_digest, b.rig.port.flash + b.rig.config.geometry.slots[1].offset,
              head.image_size);
    CHECK(slot_read_cms(&b.rig.port.base, 1, &head, b.rig.cms, sizeof b.rig.cms));
    CHECK(slot_write_head(&b.rig.port.base, 1, &head, b.rig.cms));
    b.rig.port.counters = (struct host_counters){ 0 }; /* the forger's writes are not counted */
    CHECK_EQ(rig_boot(&b.rig), BOOT_CONFIRMED);
    CHECK(rig_running(&b.rig) == &b.old);
    CHECK_EQ(b.rig.log.slots[1].reason, VERIFY_IMAGE_DIGEST);
    close_bench(&b);
}

static void a_rotten_image_gives_way_to_the_one_before_if_the_floor_permits(void)
{
    for (int permits = 0; permits < 2; permits++) {
        struct bench b = { 0 };

        open_bench(&b, permits ? 5 : 6, false);
        CHECK(rig_upgrade(&b.rig, &b.new));
        CHECK_EQ(slotlog_floor(&b.rig.log, 0), permits ? 5 : 6);
        rot(&b, 1, 4000);
        b.rig.expects_to_run = permits;
        CHECK_EQ(rig_boot(&b.rig), permits ? BOOT_CONFIRMED : BOOT_NOTHING);
        CHECK(!permits || rig_running(&b.rig) == &b.old);
        CHECK_EQ(phase(&b, 1), SLOT_PHASE_BROKEN);
        CHECK_EQ(rig_boot(&b.rig), permits ? BOOT_CONFIRMED : BOOT_NOTHING);
        close_bench(&b);
    }
}

static void a_device_with_nothing_to_run_takes_an_image_and_runs_it(void)
{
    struct bench b = { 0 };
    struct rig_image seven;

    open_bench(&b, 0, false);
    CHECK(rig_upgrade(&b.rig, &b.new));
    rot(&b, 0, 0);
    rot(&b, 1, 0);
    b.rig.expects_to_run = false;
    CHECK_EQ(rig_boot(&b.rig), BOOT_NOTHING);
    rig_image_make(&seven, &b.rig, 2000, 9, &(struct testpki_image_how){ .sequence = 7 });
    rig_know(&b.rig, &seven);
    CHECK(rig_upgrade(&b.rig, &seven));
    CHECK_EQ(rig_boot(&b.rig), BOOT_CONFIRMED);
    CHECK(rig_running(&b.rig) == &seven);
    rig_image_free(&seven);
    close_bench(&b);
}

/* The same release again is what a field engineer has at hand: the device must not call rotten
 * bytes a confirmed image, and must want them again. */
static void a_device_whose_only_image_rotted_is_mended_with_that_image(void)
{
    struct bench b = { 0 };
    size_t sent;

    open_bench(&b, 0, false);
    CHECK(rig_upgrade(&b.rig, &b.new));
    rot(&b, 0, 0);
    rot(&b, 1, 4000);
    b.rig.expects_to_run = false;
    CHECK_EQ(rig_boot(&b.rig), BOOT_NOTHING);
    CHECK_EQ(phase(&b, 1), SLOT_PHASE_BROKEN);
    CHECK_EQ(b.rig.log.slots[1].reason, VERIFY_IMAGE_DIGEST);
    CHECK_EQ(rig_send(&b.rig, &b.new.gwi, 512, &sent), UPDATE_OK);
    CHECK(sent > b.new.payload.len);
    CHECK(rig_upgrade(&b.rig, &b.new));
    CHECK_EQ(rig_boot(&b.rig), BOOT_CONFIRMED);
    CHECK(rig_running(&b.rig) == &b.new);
    close_bench(&b);
}

static void an_earlier_image_comes_back_where_its_maker_permits(void)
{
    for (int permits = 0; permits < 2; permits++) {
        struct bench b = { 0 };
        enum verify_result reason;
        enum update_status want = permits ? UPDATE_OK : UPDATE_REFUSED;

        open_bench(&b, permits ? 5 : 6, false);
        CHECK(rig_upgrade(&b.rig, &b.new));
        CHECK_EQ(rig_boot(&b.rig), BOOT_CONFIRMED);
        CHECK_EQ(rig_send(&b.rig, &b.old.gwi, 512, NULL), want);
        CHECK_EQ(trial_activate(&b.rig.trial, 0, b.old.identity, false, &reason), want);
        CHECK(permits || reason == VERIFY_BELOW_FLOOR);
        if (permits) {
            CHECK_EQ(rig_boot(&b.rig), BOOT_TRIAL);
            CHECK(rig_running(&b.rig) == &b.old);
            CHECK(rig_upgrade(&b.rig, &b.old));
            CHECK_EQ(rig_boot(&b.rig), BOOT_CONFIRMED);
            CHECK(rig_running(&b.rig) == &b.old);
        }
        close_bench(&b);
    }
}

/* A copy of the whole flash, put back later, brings the old image and the old log with it. */
static void a_hardware_counter_outlives_a_restored_flash(void)
{
    for (int has_counters = 0; has_counters < 2; has_counters++) {
        struct bench b = { 0 };
        uint8_t copy[28 * 1024];

        open_bench(&b, 0, has_counters);
        memcpy(copy, b.rig.port.flash, sizeof copy);
        CHECK(rig_upgrade(&b.rig, &b.new));
        memcpy(b.rig.port.flash, copy, sizeof copy);
        b.rig.expects_to_run = !has_counters;
        b.rig.floor = 0;
        CHECK_EQ(rig_boot(&b.rig), has_counters ? BOOT_NOTHING : BOOT_CONFIRMED);
        CHECK_EQ(slotlog_floor(&b.rig.log, 0), has_counters ? 6 : 5);
        close_bench(&b);
    }
}

static void a_counter_that_missed_a_confirm_catches_up_at_boot(void)
{
    struct bench b = { 0 };
    uint32_t zero = 0;

    open_bench(&b, 0, true);
    CHECK(rig_upgrade(&b.rig, &b.new));
    memcpy(b.rig.port.flash + b.rig.config.size, &zero, sizeof zero); /* cut before it rose */
    CHECK_EQ(b.rig.port.base.ops->counter_read(&b.rig.port.base, 0), 0);
    CHECK_EQ(rig_boot(&b.rig), BOOT_CONFIRMED);
    CHECK_EQ(b.rig.port.base.ops->counter_read(&b.rig.port.base, 0), 6);
    close_bench(&b);
}

int main(void)
{
    TEST(a_staged_image_does_not_run_until_it_is_activated);
    TEST(a_trial_without_a_verdict_goes_back_and_the_third_is_the_last);
    TEST(a_failed_self_test_rejects_the_image_at_once);
    TEST(confirm_needs_a_passed_self_test_of_this_boot);
    TEST(revert_ends_a_trial_or_an_activation_and_forgets_the_starts);
    TEST(a_trial_has_a_deadline);
    TEST(activation_of_what_is_not_there_is_refused);
    TEST(an_image_that_rotted_between_staging_and_boot_never_runs);
    TEST(a_forged_image_in_the_slot_never_runs);
    TEST(a_rotten_image_gives_way_to_the_one_before_if_the_floor_permits);
    TEST(a_device_with_nothing_to_run_takes_an_image_and_runs_it);
    TEST(a_device_whose_only_image_rotted_is_mended_with_that_image);
    TEST(an_earlier_image_comes_back_where_its_maker_permits);
    TEST(a_hardware_counter_outlives_a_restored_flash);
    TEST(a_counter_that_missed_a_confirm_catches_up_at_boot);
    return checks_failed != 0;
}
