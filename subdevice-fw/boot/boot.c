#include "boot.h"

#include "slots.h"

struct boot {
    struct slotlog *log;
    const struct verify_trust *trust;
    const struct boot_memory *memory;
    uint8_t component;
};

static bool note(const struct boot *b, uint8_t slot, enum slot_event event, struct slot_record now)
{
    return slotlog_append(b->log, slot, event, &now, 0);
}

static bool reject(const struct boot *b, uint8_t slot, uint16_t reason)
{
    struct slot_record now = b->log->slots[slot];

    now.reason = reason;
    return note(b, slot, SLOT_EVENT_REJECTED, now);
}

/* A trial that this boot finds was not confirmed in the last one. */
static void end_trial(const struct boot *b)
{
    uint8_t slot;

    if (!slots_find_phase(b->log, b->component, SLOT_PHASE_TRIAL, &slot)) {
        return;
    }
    if (b->log->slots[slot].trials >= SLOTLOG_TRIALS_MAX) {
        (void)reject(b, slot, 0);
    } else {
        (void)note(b, slot, SLOT_EVENT_REVERTED, b->log->slots[slot]);
    }
    /* a log that cannot be written leaves the slot on trial, and a trial is never resumed */
}

/* The second round once more, on what lies in flash now. */
static enum verify_result check_image(const struct boot *b, uint8_t slot)
{
    struct port *p = b->log->port;
    struct slot_reader reader = { .port = p, .index = slot };
    struct slot_head head;

    if (!slot_read_head(p, slot, &head) ||
        !slot_read_cms(p, slot, &head, b->memory->cms, b->memory->cms_cap)) {
        return VERIFY_IMAGE_DIGEST;
    }
    if (head.sequence < slotlog_floor(b->log, b->component)) {
        return VERIFY_BELOW_FLOOR;
    }
    return image_check_finish((struct span){ b->memory->cms, head.cms_len }, b->trust,
                              slot_read_image, &reader, b->memory->scratch, b->memory->scratch_len);
}

/* Start the activated image, if there is one and it verifies. The start is noted first: an image
 * that crashes at once has still used one of its starts. */
static bool start_trial(const struct boot *b, uint8_t *slot)
{
    struct slot_record now;
    enum verify_result verdict;

    if (!slots_find_phase(b->log, b->component, SLOT_PHASE_PENDING, slot)) {
        return false;
    }
    verdict = check_image(b, *slot);
    if (verdict != VERIFY_OK) {
        (void)reject(b, *slot, (uint16_t)verdict);
        return false;
    }
    now = b->log->slots[*slot];
    now.trials++;
    return note(b, *slot, SLOT_EVENT_TRIAL, now);
}

/* It was authenticated when it was first run and confirmed; now its bytes must still be those.
 * VERIFY_NOT_CHECKED: they cannot be read. */
static enum verify_result check_confirmed(const struct boot *b, uint8_t slot)
{
    struct port *p = b->log->port;
    struct slot_head head;

    if (!slot_read_head(p, slot, &head)) {
        return VERIFY_NOT_CHECKED;
    }
    if (head.sequence < slotlog_floor(b->log, b->component)) {
        return VERIFY_BELOW_FLOOR;
    }
    return slot_check_digest(p, slot, &head, b->memory->scratch, b->memory->scratch_len);
}

/* Another confirmed image, when the one in `home` can neither run nor be called rotten. */
static bool start_other(const struct boot *b, uint8_t home, uint8_t *slot)
{
    const struct port_geometry *g = &b->log->port->geometry;

    for (uint8_t other = 0; other < g->slot_count; other++) {
        if (other != home && g->slots[other].component == b->component &&
            b->log->slots[other].phase == SLOT_PHASE_CONFIRMED &&
            check_confirmed(b, other) == VERIFY_OK) {
            (void)reject(b, home, VERIFY_IMAGE_DIGEST);
            *slot = other;
            return true;
        }
    }
    return false;
}

/* The image that was confirmed last, or the one before it when that one has rotted. What has rotted
 * is rejected even when nothing is left to run: else the device would not want it again. */
static bool start_confirmed(const struct boot *b, uint8_t *slot)
{
    uint8_t home;

    while (slotlog_home(b->log, b->component, &home)) {
        enum verify_result verdict = check_confirmed(b, home);

        if (verdict == VERIFY_OK) {
            *slot = home;
            return true;
        }
        if (verdict != VERIFY_IMAGE_DIGEST || !reject(b, home, (uint16_t)verdict)) {
            return start_other(b, home, slot);
        }
    }
    return false;
}

enum boot_verdict boot_select(struct slotlog *log, const struct verify_trust *trust,
                              const struct boot_memory *memory, uint8_t component, uint8_t *slot)
{
    const struct boot b = { .log = log, .trust = trust, .memory = memory, .component = component };
    struct port *p = log->port;

    if (p->ops->counter_raise) {
        (void)p->ops->counter_raise(p, component, slotlog_floor(log, component));
    }
    end_trial(&b);
    if (start_trial(&b, slot)) {
        return BOOT_TRIAL;
    }
    return start_confirmed(&b, slot) ? BOOT_CONFIRMED : BOOT_NOTHING;
}
