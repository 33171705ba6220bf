#include "sight.h"

#include <string.h>

bool uart_is_bus_error(enum gw_err err)
{
    return err == GW_CANCELLED || err == GW_LINK_CLOSED || err == GW_IO;
}

enum gw_err conclude_done(struct device_result *result)
{
    result->outcome = OUTCOME_DONE;
    result->error = (struct gw_error){ 0 };
    return GW_OK;
}

enum gw_err conclude_failed(struct device_result *result, const struct uart_device *d,
                            enum gw_err err, const char *why)
{
    result->outcome = OUTCOME_FAILED;
    (void)gw_fail(&result->error, err, "%s: %s", d->name, why);
    return GW_OK;
}

enum gw_err conclude_error(struct device_result *result, const struct uart_device *d,
                           enum gw_err err, const char *what)
{
    if (uart_is_bus_error(err)) {
        return err;
    }
    result->outcome = err == GW_TIMEOUT ? OUTCOME_AWAY : OUTCOME_FAILED;
    if (result->error.err == GW_OK) {
        (void)gw_fail(&result->error, err, "%s: %s: %s", d->name, what, gw_err_text(err));
    }
    return GW_OK;
}

const uint8_t *sight_identity(const struct device_info *info, const struct image_ref *image)
{
    return info->is_own ? image->identity : image->has_state_hash ? image->state_hash : NULL;
}

void sight_find(struct sight *s, const struct image_ref *image)
{
    const uint8_t *identity = sight_identity(&s->info, image);

    s->slot = identity ? device_slot_of(&s->info, image->component, identity) : NULL;
    s->is_active = s->slot && s->slot->is_active;
    s->state = s->slot ? s->slot->state : SLOT_EMPTY;
}

enum gw_err sight_take(struct sight *s, struct uart_device *d, const struct image_ref *image)
{
    enum gw_err err = uart_device_identify(d, &s->info);

    sight_find(s, image);
    return err;
}

bool sight_is_complete(const struct sight *s)
{
    return s->state == SLOT_STAGED || s->state == SLOT_TRIAL || s->state == SLOT_CONFIRMED;
}

bool sight_failed_trial(const struct sight *s)
{
    return s->state == SLOT_REJECTED && s->slot->reason == 0;
}

enum gw_err conclude_rejected(struct device_result *result, const struct uart_device *d,
                              const struct sight *s)
{
    enum gw_err err = s->slot->reason ? (enum gw_err)(2200 + s->slot->reason)
                                      : GW_VERIFY_REJECTED_BEFORE;

    result->reason = s->slot->reason;
    err = gw_code_of(err)->err == err ? err : GW_REFUSED;
    return conclude_failed(result, d, err, gw_err_text(err));
}
