#include <string.h>

#include "inner.h"

bool seen_is_same_device(const struct step_row *row, const struct device_info *info)
{
    if (row->has_ids && info->has_ids &&
        (memcmp(row->vendor_id, info->vendor_id, sizeof row->vendor_id) != 0 ||
         memcmp(row->class_id, info->class_id, sizeof row->class_id) != 0)) {
        return false;
    }
    return row->serial_len == 0 || (row->serial_len == info->serial_len &&
                                    memcmp(row->serial, info->serial, row->serial_len) == 0);
}

bool seen_reads_back(const struct component_row *component, const struct device_info *info)
{
    return info->caps.reads_back_identity && (info->is_own || component->has_state_hash);
}

enum seen seen_after(enum verb verb)
{
    switch (verb) {
    case VERB_STAGE:
    case VERB_REVERT:
        return SEEN_STAGED;
    case VERB_ACTIVATE:
        return SEEN_PASSED;
    case VERB_CONFIRM:
        return SEEN_CONFIRMED;
    case VERB_NONE:
    case VERB_IDENTIFY:
    case VERB_POLL:
    case VERBS:
        break;
    }
    return SEEN_NOTHING;
}

/* A device that cannot say what it has is taken to be where the last stored state left it. */
static enum seen implied(enum step_state state)
{
    static const enum seen as[STEP_STATES] = {
        [STEP_INVALID] = SEEN_OLD,       [STEP_WAITING] = SEEN_OLD,
        [STEP_FETCHING] = SEEN_OLD,      [STEP_STAGING] = SEEN_OLD,
        [STEP_STAGED] = SEEN_STAGED,     [STEP_ACTIVATING] = SEEN_STAGED,
        [STEP_TRIAL] = SEEN_PASSED,      [STEP_PASSED] = SEEN_PASSED,
        [STEP_CONFIRMING] = SEEN_PASSED, [STEP_DONE] = SEEN_CONFIRMED,
        [STEP_REVERTING] = SEEN_STAGED,  [STEP_FAILED] = SEEN_OLD,
        [STEP_SKIPPED] = SEEN_OLD,
    };

    return as[state];
}

static bool is_early(enum step_state state)
{
    return state == STEP_WAITING || state == STEP_FETCHING || state == STEP_STAGING ||
           state == STEP_STAGED;
}

static enum seen seen_active(const struct device_slot *slot, const struct device_info *info)
{
    if (slot->state != SLOT_TRIAL) {
        return SEEN_CONFIRMED;
    }
    /* A foreign device has no self-test to tell of: that it runs and answers is the proof. */
    if (info->self_test == SELF_TEST_PASSED ||
        (info->self_test == SELF_TEST_NONE && !info->is_own)) {
        return SEEN_PASSED;
    }
    return SEEN_TRIAL;
}

/* An operator asked again, and the device has not answered that yet: an image that failed its trial
 * is whole and can be activated anew, one that failed its check is sent anew. */
static enum seen seen_rejected(const struct step_row *row, const struct device_slot *slot)
{
    if (!row->is_retry || (!is_early(row->state) && row->state != STEP_ACTIVATING)) {
        return SEEN_REJECTED;
    }
    if (slot->reason == 0) {
        return SEEN_STAGED;
    }
    return is_early(row->state) ? SEEN_OLD : SEEN_REJECTED;
}

static enum seen seen_inactive(const struct step_row *row, const struct device_slot *slot,
                               const struct device_info *info, bool is_deferred)
{
    /* An image that was confirmed before and is still there needs no bytes, only its turn. */
    if (slot && (slot->state == SLOT_STAGED || slot->state == SLOT_CONFIRMED)) {
        return SEEN_STAGED;
    }
    if (slot && slot->state == SLOT_REJECTED) {
        return seen_rejected(row, slot);
    }
    /* Without a spare slot nothing can be seen of an image that is to flow in Activate. */
    bool flows_later = !info->caps.spare_slot &&
                       (is_deferred || row->state == STEP_STAGED || row->state == STEP_ACTIVATING);

    return flows_later ? SEEN_STAGED : SEEN_OLD;
}

enum seen seen_of(const struct step_row *row, const struct component_row *component,
                  const struct device_info *info, bool is_deferred)
{
    if (!seen_reads_back(component, info)) {
        return implied(row->state);
    }
    const uint8_t *identity = info->is_own ? component->identity : component->state_hash;
    const struct device_slot *slot = device_slot_of(info, component->component, identity);
    const struct device_slot *active = device_active_slot(info, component->component);

    if (slot && slot->is_active) {
        return seen_active(slot, info);
    }
    /* On trial with another image: taken back first, or waited for. */
    if (active && active->state == SLOT_TRIAL &&
        (is_early(row->state) || row->state == STEP_REVERTING || row->state == STEP_CONFIRMING)) {
        return SEEN_TRIAL;
    }
    return seen_inactive(row, slot, info, is_deferred);
}
