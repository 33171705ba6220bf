#include "activation.h"

#include "restart.h"
#include "staging.h"

/* The image runs. Wait for the verdict of its self-test, as long as the device may take. */
static enum gw_err wait_for_self_test(struct restart *r, struct sight *s,
                                      struct device_result *result)
{
    enum gw_err err = GW_OK;

    while (s->is_active && s->state == SLOT_TRIAL && s->info.self_test == SELF_TEST_RUNNING &&
           !restart_is_late(r)) {
        err = restart_look(r, 0, s);
        if (uart_is_bus_error(err)) {
            return err;
        }
    }
    if (err == GW_TIMEOUT) {
        return conclude_error(result, r->d, err, "self-test");
    }
    if (s->info.self_test == SELF_TEST_FAILED || sight_failed_trial(s)) {
        return conclude_failed(result, r->d, GW_SELF_TEST, "the self-test of the new image failed");
    }
    if (s->state == SLOT_REJECTED) {
        return conclude_rejected(result, r->d, s);
    }
    return s->is_active
               ? conclude_done(result)
               : conclude_failed(result, r->d, GW_TRIAL_LOST, "it runs its old image again");
}

/* Mark the staged image, so that the next restart tries it. */
static enum gw_err mark(struct uart_device *d, const struct image_ref *image, const struct sight *s,
                        struct device_result *result)
{
    struct cbor_writer w = smp_session_begin(&d->session);
    struct smp_status status;
    enum gw_err err;

    if (s->info.is_own) {
        struct smp_activate m = { image->component, image->identity, image->retry };

        smp_put_activate(&w, &m);
        err = uart_device_tell(d, &w, SMP_GROUP_GATEWAY, SMP_GATEWAY_ACTIVATE, &status);
    } else {
        struct smp_state_write m = { { image->state_hash, sizeof image->state_hash }, false };

        smp_put_state_write(&w, &m);
        err = uart_device_tell(d, &w, SMP_GROUP_IMAGE, SMP_IMAGE_STATE, &status);
    }
    result->reason = s->info.is_own ? status.reason : 0;
    return err;
}

static enum gw_err start_image(struct uart_device *d, const struct image_ref *image,
                               struct sight *s, bool needs_mark, struct device_result *result)
{
    struct restart r;
    enum gw_err err = restart_begin(&r, d, image, s);

    err = err ? err : needs_mark ? mark(d, image, s, result) : GW_OK;
    if (err) {
        return conclude_error(result, d, err, "activate");
    }
    err = restart_until(&r, true, s);
    return err ? conclude_error(result, d, err, "restart") : wait_for_self_test(&r, s, result);
}

/* No spare slot: the bytes flow now, and the restart runs them. */
static enum gw_err replace_image(struct uart_device *d, struct call *c,
                                 const struct image_ref *image, struct sight *s,
                                 struct device_result *result)
{
    struct restart r;
    enum gw_err err = restart_begin(&r, d, image, s);

    err = err ? err : uart_send_image(d, c, image, &s->info, result);
    if (err) {
        return conclude_error(result, d, err, "upload");
    }
    r.deadline_ms = d->session.link->ops->now_ms(d->session.link) + RESTART_FOREIGN_MS;
    err = restart_until(&r, true, s);
    if (err) {
        return conclude_error(result, d, err, "restart");
    }
    return s->is_active || !sight_identity(&s->info, image)
               ? conclude_done(result)
               : conclude_failed(result, d, GW_TRIAL_LOST, "it does not run the new image");
}

enum gw_err uart_activate(struct uart_device *d, struct call *c, const struct image_ref *image,
                          struct device_result *result)
{
    struct sight s;
    enum gw_err err = sight_take(&s, d, image);

    if (err) {
        return conclude_error(result, d, err, "identify");
    }
    if (s.is_active) {
        struct restart r = { .d = d, .image = image, .is_own = s.info.is_own };

        r.deadline_ms = d->session.link->ops->now_ms(d->session.link) +
                        2 * uart_stated_ms(s.info.caps.activate_ms) + RESTART_MS;
        return wait_for_self_test(&r, &s, result);
    }
    if (s.state == SLOT_STAGED || s.state == SLOT_CONFIRMED ||
        (sight_failed_trial(&s) && image->retry)) {
        return start_image(d, image, &s, true, result);
    }
    if (s.state == SLOT_REJECTED) {
        return conclude_rejected(result, d, &s);
    }
    if (!s.info.caps.spare_slot && image->payload_only != s.info.is_own) {
        return replace_image(d, c, image, &s, result);
    }
    return conclude_failed(result, d, GW_WRONG_STATE, "the image is not staged");
}

enum gw_err uart_confirm(struct uart_device *d, const struct image_ref *image,
                         struct device_result *result)
{
    struct sight s;
    struct smp_status status;
    enum gw_err err = sight_take(&s, d, image);

    if (err) {
        return conclude_error(result, d, err, "identify");
    }
    if (!s.is_active) {
        return conclude_failed(result, d, GW_TRIAL_LOST, "the image does not run");
    }
    if (s.state == SLOT_CONFIRMED) {
        return conclude_done(result);
    }
    struct cbor_writer w = smp_session_begin(&d->session);
    struct smp_state_write m = { { sight_identity(&s.info, image), SMP_DIGEST_LEN }, true };

    smp_put_state_write(&w, &m);
    err = uart_device_tell(d, &w, SMP_GROUP_IMAGE, SMP_IMAGE_STATE, &status);
    result->reason = s.info.is_own ? status.reason : 0;
    err = err ? err : sight_take(&s, d, image);
    if (err) {
        return conclude_error(result, d, err, "confirm");
    }
    return s.is_active && s.state == SLOT_CONFIRMED
               ? conclude_done(result)
               : conclude_failed(result, d, GW_DEVICE_LIES, "it said yes and has not confirmed");
}

/* Our device restarts by itself when it is told; a foreign one that is restarted unconfirmed goes
 * back. */
static enum gw_err give_up_trial(struct uart_device *d, const struct image_ref *image,
                                 struct sight *s)
{
    struct smp_status status;

    if (!s->info.is_own) {
        return GW_OK;
    }
    struct cbor_writer w = smp_session_begin(&d->session);

    smp_put_revert(&w, image->component);
    return uart_device_tell(d, &w, SMP_GROUP_GATEWAY, SMP_GATEWAY_REVERT, &status);
}

static enum gw_err wait_until_inactive(struct restart *r, struct sight *s)
{
    enum gw_err err;
    unsigned look = 0;

    if (!r->is_own) {
        return restart_until(r, false, s);
    }
    do {
        err = restart_look(r, look++, s);
    } while ((err == GW_TIMEOUT || (!err && s->is_active)) && !restart_is_late(r));
    return err;
}

enum gw_err uart_revert(struct uart_device *d, const struct image_ref *image,
                        struct device_result *result)
{
    struct sight s;
    struct restart r;
    enum gw_err err = sight_take(&s, d, image);

    if (err) {
        return conclude_error(result, d, err, "identify");
    }
    if (s.is_active && s.state == SLOT_CONFIRMED) {
        return conclude_failed(result, d, GW_WRONG_STATE,
                               "the image is confirmed: there is no way back");
    }
    bool was_active = s.is_active;

    err = restart_begin(&r, d, image, &s);
    err = err ? err : give_up_trial(d, image, &s);
    err = err || !was_active ? err : wait_until_inactive(&r, &s);
    if (err) {
        return conclude_error(result, d, err, "revert");
    }
    return s.is_active && was_active
               ? conclude_failed(result, d, GW_DEVICE_LIES, "it still runs the image")
               : conclude_done(result);
}
