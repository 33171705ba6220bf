#include "trial.h"

#include <string.h>

#include "slots.h"

static uint64_t now_ms(const struct trial *t)
{
    return t->log->port->ops->now_ms(t->log->port);
}

void trial_init(struct trial *t, struct slotlog *log, uint8_t running, uint32_t trial_ms)
{
    memset(t, 0, sizeof *t);
    t->log = log;
    t->running = running;
    for (uint8_t i = 0; i < log->port->geometry.slot_count; i++) {
        if ((running >> i & 1) && log->slots[i].phase == SLOT_PHASE_TRIAL) {
            t->is_on = true;
            t->slot = i;
            t->test = TRIAL_TEST_RUNNING;
            t->deadline_ms = now_ms(t) + trial_ms;
        }
    }
}

static enum update_status note(struct trial *t, uint8_t slot, enum slot_event event,
                               struct slot_record now, uint32_t floor)
{
    return slotlog_append(t->log, slot, event, &now, floor) ? UPDATE_OK : UPDATE_FLASH;
}

/* --- activate --- */

static enum update_status refuse(enum verify_result *reason, enum verify_result why)
{
    *reason = why;
    return UPDATE_REFUSED;
}

static enum update_status mark(struct trial *t, uint8_t slot, uint8_t trials,
                               enum verify_result *reason)
{
    const struct slot_record *was = &t->log->slots[slot];
    uint8_t component = t->log->port->geometry.slots[slot].component;

    if (was->sequence < slotlog_floor(t->log, component)) {
        return refuse(reason, VERIFY_BELOW_FLOOR);
    }
    return note(t, slot, SLOT_EVENT_ACTIVATED,
                (struct slot_record){ .sequence = was->sequence, .trials = trials }, 0);
}

enum update_status trial_activate(struct trial *t, uint8_t component,
                                  const uint8_t identity[SHA256_LEN], bool retry,
                                  enum verify_result *reason)
{
    uint8_t slot, other;

    *reason = VERIFY_NOT_CHECKED;
    if (!slots_find_image(t->log, component, identity, &slot)) {
        return UPDATE_NOT_FOUND;
    }
    if (t->running >> slot & 1) {
        return UPDATE_OK;
    }
    if (slots_find_phase(t->log, component, SLOT_PHASE_TRIAL, &other)) {
        return UPDATE_BUSY;
    }
    switch (t->log->slots[slot].phase) {
    case SLOT_PHASE_PENDING:
        return UPDATE_OK;
    case SLOT_PHASE_STAGED:
    case SLOT_PHASE_CONFIRMED:
        return mark(t, slot, t->log->slots[slot].trials, reason);
    case SLOT_PHASE_REJECTED:
        return retry ? mark(t, slot, 0, reason) : refuse(reason, VERIFY_REJECTED_BEFORE);
    case SLOT_PHASE_BROKEN:
        return refuse(reason, (enum verify_result)t->log->slots[slot].reason);
    case SLOT_PHASE_EMPTY:
    case SLOT_PHASE_RECEIVING:
    case SLOT_PHASE_TRIAL:
    case SLOT_PHASES:
        break;
    }
    return UPDATE_WRONG_STATE;
}

/* --- confirm, revert --- */

/* One record confirms the image and raises the floor, so no power cut comes between. A hardware
 * counter follows; the bootloader lets it catch up when the power went in between. */
static enum update_status keep(struct trial *t, const struct slot_head *head)
{
    struct port *p = t->log->port;
    uint8_t component = p->geometry.slots[t->slot].component;
    enum update_status status = note(t, t->slot, SLOT_EVENT_CONFIRMED,
                                     (struct slot_record){ .sequence = head->sequence },
                                     head->floor);

    if (status) {
        return status;
    }
    t->is_on = false;
    if (p->ops->counter_raise && !p->ops->counter_raise(p, component, head->floor)) {
        return UPDATE_FLASH;
    }
    return UPDATE_OK;
}

enum update_status trial_confirm(struct trial *t, const uint8_t identity[SHA256_LEN])
{
    struct port *p = t->log->port;
    struct slot_head head;

    for (uint8_t i = 0; i < p->geometry.slot_count; i++) {
        if (!(t->running >> i & 1) || !slot_read_head(p, i, &head) ||
            memcmp(head.identity, identity, SHA256_LEN) != 0) {
            continue;
        }
        if (!t->is_on || i != t->slot) {
            return t->log->slots[i].phase == SLOT_PHASE_CONFIRMED ? UPDATE_OK : UPDATE_WRONG_STATE;
        }
        return t->test == TRIAL_TEST_PASSED ? keep(t, &head) : UPDATE_WRONG_STATE;
    }
    return UPDATE_NOT_FOUND;
}

enum update_status trial_revert(struct trial *t, uint8_t component, bool *needs_reset)
{
    const struct port_geometry *g = &t->log->port->geometry;
    uint8_t slot;

    *needs_reset = t->is_on && g->slots[t->slot].component == component;
    if (*needs_reset) {
        slot = t->slot;
    } else if (!slots_find_phase(t->log, component, SLOT_PHASE_PENDING, &slot)) {
        return UPDATE_OK;
    }
    t->is_on = t->is_on && !*needs_reset;
    return note(t, slot, SLOT_EVENT_REVERTED,
                (struct slot_record){ .sequence = t->log->slots[slot].sequence }, 0);
}

/* --- the application's verdict and the deadline --- */

enum update_status trial_report_test(struct trial *t, enum trial_test test)
{
    if (!t->is_on) {
        return UPDATE_WRONG_STATE;
    }
    t->test = test;
    if (test != TRIAL_TEST_FAILED) {
        return UPDATE_OK;
    }
    return note(t, t->slot, SLOT_EVENT_REJECTED,
                (struct slot_record){ .sequence = t->log->slots[t->slot].sequence }, 0);
}

uint32_t trial_left_ms(const struct trial *t)
{
    uint64_t now = now_ms(t);

    return now < t->deadline_ms ? (uint32_t)(t->deadline_ms - now) : 0;
}
