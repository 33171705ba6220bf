#include "restart.h"

static uint64_t now_ms(const struct uart_device *d)
{
    return d->session.link->ops->now_ms(d->session.link);
}

static enum gw_err read_boots(struct uart_device *d, uint32_t *boots)
{
    static const uint8_t nonce[SMP_NONCE_LEN] = "gatewayd restart";
    struct device_info ignored;

    return uart_device_report(d, nonce, &ignored, boots);
}

static enum gw_err send_reset(struct restart *r)
{
    bool was_answered;

    r->resets++;
    enum gw_err err = uart_device_reset(r->d, &was_answered);

    r->reset_ms = now_ms(r->d);
    return err;
}

enum gw_err restart_begin(struct restart *r, struct uart_device *d, const struct image_ref *image,
                          const struct sight *s)
{
    uint32_t limit = s->info.is_own ? 2 * uart_stated_ms(s->info.caps.activate_ms) + RESTART_MS
                                    : RESTART_FOREIGN_MS;

    *r = (struct restart){ .d = d, .image = image, .is_own = s->info.is_own };
    r->deadline_ms = now_ms(d) + limit;
    return r->is_own ? read_boots(d, &r->boots) : GW_OK;
}

/* The device answers and the image is where it was: has it restarted, or is that still to come? */
static enum gw_err judge_unchanged(struct restart *r)
{
    uint32_t boots = r->boots;
    enum gw_err err = r->is_own ? read_boots(r->d, &boots) : GW_OK;
    bool is_due = now_ms(r->d) - r->reset_ms >= RESTART_REPEAT_MS;

    if (err) {
        return err;
    }
    r->is_over = boots != r->boots || (is_due && r->resets >= RESTART_RESETS_MAX);
    return is_due && !r->is_over ? send_reset(r) : GW_OK;
}

enum gw_err restart_look(struct restart *r, unsigned look, struct sight *s)
{
    enum { SEARCH_EVERY = 16 }; /* the new image may speak in another framing */
    struct device_info info;
    enum gw_err err = uart_device_pause(r->d, RESTART_POLL_MS);

    if (err) {
        return err;
    }
    err = look % SEARCH_EVERY == SEARCH_EVERY - 1 ? uart_device_identify(r->d, &info)
                                                  : uart_device_look(r->d, r->is_own, &info);
    if (err) {
        return uart_is_bus_error(err) ? err : GW_TIMEOUT;
    }
    r->was_seen = true;
    s->info = info;
    sight_find(s, r->image);
    return GW_OK;
}

bool restart_is_late(const struct restart *r)
{
    return now_ms(r->d) >= r->deadline_ms;
}

enum gw_err restart_until(struct restart *r, bool wanted_active, struct sight *s)
{
    enum gw_err err = send_reset(r);

    for (unsigned look = 0; !uart_is_bus_error(err); look++) {
        bool was_over = r->is_over; /* what is seen after that is how it came back */

        err = restart_look(r, look, s);
        if (!err && (was_over || s->is_active == wanted_active || s->state == SLOT_REJECTED)) {
            return GW_OK;
        }
        if (!err) {
            err = judge_unchanged(r);
        }
        if (!uart_is_bus_error(err) && restart_is_late(r)) {
            return r->was_seen ? GW_OK : GW_TIMEOUT;
        }
    }
    return err;
}
