#include "staging.h"

#include "upload.h"

enum gw_err uart_send_image(struct uart_device *d, struct call *c, const struct image_ref *image,
                            const struct device_info *info, struct device_result *result)
{
    struct upload upload = {
        .image = image,
        .device = d->name,
        .verify_ms = uart_stated_ms(info->caps.verify_ms),
        .is_own = info->is_own,
        .result = result,
    };
    enum gw_err err = uart_device_greet(d); /* its buffers, as they are now */

    return err ? err : upload_run(&upload, &d->session, c);
}

/* GW_OK with result->outcome set: nothing needs to be sent, or it must not be. */
static void judge_before_upload(struct uart_device *d, const struct image_ref *image,
                                const struct sight *s, struct device_result *result)
{
    if (sight_is_complete(s) || (sight_failed_trial(s) && image->retry)) {
        (void)conclude_done(result);
    } else if (sight_failed_trial(s)) {
        (void)conclude_rejected(result, d, s);
    } else if (image->payload_only == s->info.is_own) {
        (void)conclude_failed(result, d, GW_PLAN_FOREIGN,
                              s->info.is_own ? "ours takes only a .gwi"
                                             : "foreign: takes only the payload");
    } else if (!s->info.caps.spare_slot) {
        result->outcome = OUTCOME_DEFERRED;
    }
}

static enum gw_err upload_and_see(struct uart_device *d, struct call *c,
                                  const struct image_ref *image, struct sight *s,
                                  struct device_result *result)
{
    for (unsigned round = 0; round < STAGING_ROUNDS; round++) {
        enum gw_err err = uart_send_image(d, c, image, &s->info, result);

        err = err ? err : sight_take(s, d, image);
        if (err) {
            return conclude_error(result, d, err, "upload");
        }
        if (sight_is_complete(s) || !sight_identity(&s->info, image)) {
            return conclude_done(result);
        }
        if (s->state == SLOT_REJECTED) {
            return conclude_rejected(result, d, s);
        }
    }
    return conclude_failed(result, d, GW_DEVICE_LIES,
                           "it took the whole image and does not have it");
}

enum gw_err uart_stage(struct uart_device *d, struct call *c, const struct image_ref *image,
                       struct device_result *result)
{
    struct sight s;
    enum gw_err err = sight_take(&s, d, image);

    if (err) {
        return conclude_error(result, d, err, "identify");
    }
    judge_before_upload(d, image, &s, result);
    return result->outcome ? GW_OK : upload_and_see(d, c, image, &s, result);
}
