#include "uart_rig_check.h"

static struct uart_rig rig;

static void an_upgrade_goes_through_all_its_verbs(void)
{
    uart_rig_init(&rig);
    uart_rig_open(&rig);
    CHECK_EQ(uart_rig_identify(&rig), GW_OK);
    CHECK(rig.infos == 1 && rig.info.is_own && rig.info.has_ids && rig.info.hardware == 3);
    CHECK(rig.info.slot_count == 2 && rig.info.slots[0].state == SLOT_CONFIRMED);
    is_done(&rig, STAGE);
    CHECK(smp_model_is_staged(rig.model));
    CHECK(!rig.went_back && rig.progress == rig.image.size);
    CHECK(rig.result.verify_ms >= 40 && rig.result.verify_ms < 60);
    CHECK(rig.result.bytes_sent > rig.image.size && rig.result.resumed_at == 0);
    is_done(&rig, ACTIVATE);
    CHECK(rig.model->runs_new && rig.model->is_trial && rig.model->resets == 1);
    is_done(&rig, CONFIRM);
    CHECK(rig.model->runs_new && !rig.model->is_trial);
    CHECK_EQ(uart_rig_identify(&rig), GW_OK);
    CHECK(rig.info.slots[1].is_active && rig.info.slots[1].state == SLOT_CONFIRMED);
    CHECK_EQ(rig.model->overruns, 0);
    uart_rig_close(&rig);
}

static void each_verb_is_idempotent(void)
{
    uart_rig_init(&rig);
    uart_rig_open(&rig);
    is_done(&rig, STAGE);
    unsigned uploads = rig.model->uploads_begun;

    is_done(&rig, STAGE);
    CHECK(rig.model->uploads_begun == uploads && rig.bytes_read == 0);
    is_done(&rig, ACTIVATE);
    is_done(&rig, ACTIVATE);
    is_done(&rig, STAGE);
    is_done(&rig, CONFIRM);
    is_done(&rig, CONFIRM);
    is_done(&rig, ACTIVATE);
    is_done(&rig, STAGE);
    CHECK(rig.model->resets == 1 && rig.model->uploads_begun == uploads);
    is_failed(&rig, REVERT, GW_WRONG_STATE);
    uart_rig_close(&rig);
}

static void a_trial_is_reverted_and_may_be_activated_again(void)
{
    uart_rig_init(&rig);
    uart_rig_open(&rig);
    is_done(&rig, STAGE);
    is_done(&rig, REVERT); /* nothing runs: nothing to do */
    is_done(&rig, ACTIVATE);
    is_done(&rig, REVERT);
    CHECK(!rig.model->runs_new && rig.model->spare == SMP_SLOT_STAGED);
    is_done(&rig, REVERT);
    is_failed(&rig, CONFIRM, GW_TRIAL_LOST);
    is_done(&rig, ACTIVATE);
    is_done(&rig, CONFIRM);
    uart_rig_close(&rig);
}

static void an_image_that_is_not_staged_is_not_activated(void)
{
    uart_rig_init(&rig);
    uart_rig_open(&rig);
    is_failed(&rig, ACTIVATE, GW_WRONG_STATE);
    CHECK_EQ(rig.model->resets, 0);
    uart_rig_close(&rig);
}

static void a_failed_self_test_is_told_and_only_a_retry_tries_again(void)
{
    uart_rig_init(&rig);
    uart_rig_open(&rig);
    is_done(&rig, STAGE);
    rig.model->self_test = MODEL_FAILS;
    is_failed(&rig, ACTIVATE, GW_SELF_TEST);
    CHECK(!rig.model->runs_new && rig.model->spare == SMP_SLOT_REJECTED);
    is_failed(&rig, ACTIVATE, GW_VERIFY_REJECTED_BEFORE);
    is_failed(&rig, STAGE, GW_VERIFY_REJECTED_BEFORE);
    rig.model->self_test = MODEL_PASSES;
    rig.image.retry = true;
    is_done(&rig, STAGE);
    is_done(&rig, ACTIVATE);
    CHECK(rig.model->runs_new);
    uart_rig_close(&rig);
}

static void an_image_that_never_starts_is_a_lost_trial(void)
{
    uart_rig_init(&rig);
    uart_rig_open(&rig);
    is_done(&rig, STAGE);
    rig.model->self_test = MODEL_NEVER_STARTS;
    is_failed(&rig, ACTIVATE, GW_TRIAL_LOST);
    CHECK_EQ(rig.model->resets, 1); /* it had restarted: no second one */
    uart_rig_close(&rig);
}

static void a_device_that_ignores_resets_is_asked_three_times(void)
{
    uart_rig_init(&rig);
    uart_rig_open(&rig);
    is_done(&rig, STAGE);
    rig.model->ignores_reset = true;
    is_failed(&rig, ACTIVATE, GW_TRIAL_LOST);
    CHECK_EQ(rig.model->resets, 3);
    CHECK(uart_rig_now_ms(&rig) < 60000);
    uart_rig_close(&rig);
}

static void a_self_test_that_hangs_leaves_the_device_on_trial(void)
{
    uart_rig_init(&rig);
    uart_rig_open(&rig);
    is_done(&rig, STAGE);
    rig.model->self_test = MODEL_HANGS;
    is_done(&rig, ACTIVATE);
    CHECK_EQ(uart_rig_identify(&rig), GW_OK);
    CHECK(rig.info.self_test == SELF_TEST_RUNNING);
    CHECK(uart_rig_now_ms(&rig) < 60000);
    uart_rig_close(&rig);
}

static void both_framings_are_found_and_raw_is_preferred(void)
{
    for (enum smp_framing f = SMP_FRAMING_ANY; f <= SMP_FRAMING_RAW; f++) {
        uart_rig_init(&rig);
        rig.device.accepts = f;
        uart_rig_open(&rig);
        is_done(&rig, STAGE);
        CHECK(smp_model_is_staged(rig.model));
        /* console costs a third more bytes */
        CHECK_EQ(rig.result.bytes_sent > rig.image.size * 5 / 4, f == SMP_FRAMING_CONSOLE);
        uart_rig_close(&rig);
    }
}

static void a_foreign_device_gets_the_payload_and_is_never_asked_in_our_group(void)
{
    uart_rig_init_foreign(&rig);
    rig.device.erase_ms = 9000;
    uart_rig_open(&rig);
    CHECK_EQ(uart_rig_identify(&rig), GW_OK);
    CHECK(!rig.info.is_own && rig.info.is_mcuboot && rig.info.caps.spare_slot);
    is_done(&rig, STAGE);
    CHECK(rig.model->expected == rig.image.size && rig.model->wrong_bytes == 0);
    CHECK_EQ(rig.model->uploads_begun, 1);
    is_done(&rig, ACTIVATE);
    CHECK(rig.model->runs_new && rig.model->is_trial);
    is_done(&rig, CONFIRM);
    CHECK(!rig.model->is_trial);
    CHECK_EQ(uart_rig_identify(&rig), GW_OK);
    CHECK(device_active_slot(&rig.info, 0)->identity[0] == 0x5a);
    CHECK_EQ(rig.model->own_group_requests, 0);
    uart_rig_close(&rig);
}

static void a_foreign_device_gets_console_framing_unless_raw_is_configured(void)
{
    uart_rig_init_foreign(&rig);
    rig.device.accepts = SMP_FRAMING_ANY;
    uart_rig_open(&rig);
    is_done(&rig, STAGE);
    CHECK(rig.result.bytes_sent > rig.image.size * 5 / 4);
    uart_rig_close(&rig);
    uart_rig_init_foreign(&rig);
    rig.device.accepts = SMP_FRAMING_RAW;
    uart_rig_open(&rig);
    is_failed(&rig, STAGE, GW_TIMEOUT);
    uart_rig_close(&rig);
}

static void a_device_that_restarts_late_is_reset_once(void)
{
    uart_rig_init(&rig);
    uart_rig_open(&rig);
    is_done(&rig, STAGE);
    rig.model->reset_delay_ms = 2000;
    is_done(&rig, ACTIVATE);
    CHECK(rig.model->resets == 1 && rig.model->runs_new);
    uart_rig_close(&rig);
}

static void a_foreign_trial_is_taken_back_by_a_restart(void)
{
    uart_rig_init_foreign(&rig);
    uart_rig_open(&rig);
    is_done(&rig, STAGE);
    is_done(&rig, ACTIVATE);
    is_done(&rig, REVERT);
    CHECK(!rig.model->runs_new);
    uart_rig_close(&rig);
}

/* MCUboot's serial recovery: one slot, no params, no echo, takes what its flash aligns. */
static void a_device_without_a_spare_slot_gets_its_bytes_when_it_is_activated(void)
{
    uart_rig_init_foreign(&rig);
    rig.device.has_params = rig.device.has_echo = false;
    rig.device.takes_at_most = 72;
    rig.payload_size = 4000;
    uart_rig_open(&rig);
    CHECK_EQ(uart_rig_identify(&rig), GW_OK);
    CHECK(!rig.info.caps.spare_slot && !rig.info.caps.can_revert);
    CHECK_EQ(uart_rig_do(&rig, STAGE), GW_OK);
    CHECK_EQ(rig.result.outcome, OUTCOME_DEFERRED);
    CHECK_EQ(rig.model->uploads_begun, 0);
    uart_rig_close(&rig);
}

static void an_image_of_the_wrong_delivery_is_refused_before_a_byte_is_sent(void)
{
    uart_rig_init(&rig);
    uart_rig_open(&rig);
    rig.image.payload_only = true;
    is_failed(&rig, STAGE, GW_PLAN_FOREIGN);
    CHECK(rig.bytes_read == 0);
    uart_rig_close(&rig);
    uart_rig_init_foreign(&rig);
    uart_rig_open(&rig);
    rig.image.payload_only = false;
    is_failed(&rig, STAGE, GW_PLAN_FOREIGN);
    CHECK(rig.bytes_read == 0);
    uart_rig_close(&rig);
}

static void an_unknown_device_name_is_not_found(void)
{
    static const char *const devices[] = { "other" };

    uart_rig_init(&rig);
    uart_rig_open(&rig);
    CHECK_EQ(rig.router->ops->stage(rig.router, &rig.call, devices, 1, &rig.image), GW_OK);
    CHECK(rig.results == 1 && rig.result.outcome == OUTCOME_FAILED);
    CHECK_EQ(rig.result.error.err, GW_NOT_FOUND);
    uart_rig_close(&rig);
}

int main(void)
{
    TEST(an_upgrade_goes_through_all_its_verbs);
    TEST(each_verb_is_idempotent);
    TEST(a_trial_is_reverted_and_may_be_activated_again);
    TEST(an_image_that_is_not_staged_is_not_activated);
    TEST(a_failed_self_test_is_told_and_only_a_retry_tries_again);
    TEST(an_image_that_never_starts_is_a_lost_trial);
    TEST(a_device_that_ignores_resets_is_asked_three_times);
    TEST(a_self_test_that_hangs_leaves_the_device_on_trial);
    TEST(both_framings_are_found_and_raw_is_preferred);
    TEST(a_foreign_device_gets_the_payload_and_is_never_asked_in_our_group);
    TEST(a_foreign_device_gets_console_framing_unless_raw_is_configured);
    TEST(a_device_that_restarts_late_is_reset_once);
    TEST(a_foreign_trial_is_taken_back_by_a_restart);
    TEST(a_device_without_a_spare_slot_gets_its_bytes_when_it_is_activated);
    TEST(an_image_of_the_wrong_delivery_is_refused_before_a_byte_is_sent);
    TEST(an_unknown_device_name_is_not_found);
    return checks_failed != 0;
}
