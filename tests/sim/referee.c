#include <stdio.h>
#include <string.h>

#include "sim_inner.h"

enum { ATTEMPTS_MAX = 60 };

void referee_violate(struct simulation *s, unsigned device, const char *rule)
{
    unsigned number = 0;

    (void)sscanf(rule, "I%u", &number);
    s->broken_rules |= UINT64_C(1) << (number < 64 ? number : 0);
    s->violations++;
    fprintf(stderr, "  op %llu, %llu ms: d%u: %s\n", (unsigned long long)s->ops,
            (unsigned long long)(s->now / SIM_MS), device, rule);
}

void referee_reset(struct simulation *s)
{
    s->violations = 0;
    s->broken_rules = 0;
    memset(s->judged_trials, 0, sizeof s->judged_trials);
    memset(s->was_confirmed, 0, sizeof s->was_confirmed);
    memset(s->was_passed, 0, sizeof s->was_passed);
}

static const struct step_row *row_of(const struct simulation *s, unsigned device)
{
    return s->acknowledged.exists ? &s->acknowledged.steps[device] : NULL;
}

/* I10: what it comes after has confirmed, or in its own group runs the new image. */
static void judge_order(struct simulation *s, unsigned device)
{
    const struct sim_rows *rows = &s->acknowledged;
    const struct step_row *row = &rows->steps[device];

    for (uint16_t a = 0; a < rows->after_count; a++) {
        unsigned other = rows->afters[a].after; /* components and devices are one to one */
        bool is_member = rows->steps[other].group == row->group;

        if (rows->afters[a].component == row->component &&
            !node_has_confirmed(s->ends[other].node) && !(is_member && s->was_passed[other])) {
            referee_violate(s, device, "I10: activated before what it comes after");
        }
    }
}

/* The engine's intention is stored before its effect. */
static void judge_trial(struct simulation *s, unsigned device)
{
    const struct step_row *row = row_of(s, device);

    if (!row || (row->state != STEP_ACTIVATING && row->state != STEP_CONFIRMING &&
                 row->state != STEP_REVERTING)) {
        referee_violate(s, device, "I7: activated, and the store does not know of it");
        return;
    }
    if (row->state == STEP_ACTIVATING) {
        judge_order(s, device);
    }
}

static void judge_confirmation(struct simulation *s, unsigned device)
{
    const struct step_row *row = row_of(s, device);

    if (!row || !s->acknowledged.groups[row->group].is_committed) {
        referee_violate(s, device, "I9: confirmed without the commit record");
    }
    if (!node_passed_first(s->ends[device].node)) {
        referee_violate(s, device, "I27: confirmed without a passed self-test in this boot");
    }
}

void referee_see(struct simulation *s, unsigned device)
{
    const struct node *n = s->ends[device].node;
    const char *why;

    if (node_broken(n, &why) > 0) {
        referee_violate(s, device, why);
    }
    if (!node_is_true(n)) {
        referee_violate(s, device, "I6: complete by its log, but not what was signed");
    }
    s->was_passed[device] = s->was_passed[device] || node_has_passed(n);
    if (node_trials(n) > s->judged_trials[device]) {
        s->judged_trials[device] = node_trials(n);
        judge_trial(s, device);
    }
    if (node_has_confirmed(n) && !s->was_confirmed[device]) {
        s->was_confirmed[device] = true;
        judge_confirmation(s, device);
    }
}

/* I7: a row never runs ahead of its device. */
static void judge_step(struct simulation *s, const struct step_row *row, unsigned device)
{
    const struct node *n = s->ends[device].node;

    switch (row->state) {
    case STEP_STAGED:
    case STEP_ACTIVATING:
    case STEP_TRIAL:
    case STEP_PASSED:
    case STEP_CONFIRMING:
        if (!node_holds_new(n)) {
            referee_violate(s, device, "I7: stored as staged, and the device has it not");
        }
        break;
    case STEP_DONE:
        if (!node_has_confirmed(n)) {
            referee_violate(s, device, "I7: stored as done, and the device has not confirmed");
        }
        break;
    case STEP_FAILED:
    case STEP_SKIPPED:
        if (step_has_succeeded(row) != node_has_confirmed(n)) {
            referee_violate(s, device, "I7: stored as ended, and the device says otherwise");
        }
        break;
    case STEP_INVALID:
    case STEP_WAITING:
    case STEP_FETCHING:
    case STEP_STAGING:
    case STEP_REVERTING:
    case STEP_STATES:
        break;
    }
}

static void judge_group(struct simulation *s, const struct group_row *row, uint16_t group)
{
    for (unsigned i = 0; i < s->acknowledged.step_count && row->is_committed; i++) {
        if (s->acknowledged.steps[i].group == group && !s->was_passed[i]) {
            referee_violate(s, i, "I9: committed before every member passed");
        }
    }
}

void referee_judge_changes(struct simulation *s, const struct change *changes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (changes[i].kind == CHANGE_STEP) {
            judge_step(s, changes[i].row.step, changes[i].index);
        } else if (changes[i].kind == CHANGE_GROUP) {
            judge_group(s, changes[i].row.group, changes[i].index);
        } else if (changes[i].kind == CHANGE_FLOOR) {
            unsigned device = (unsigned)(changes[i].row.floor->device[1] - '0');

            if (!node_has_confirmed(s->ends[device].node)) {
                referee_violate(s, device, "I3: the floor rose before the device confirmed");
            }
        }
    }
}

static bool same_rows(const struct sim_rows *rows, const struct job_record *found)
{
    if (!rows->exists || !found) {
        return !rows->exists && !found;
    }
    bool same = rows->job.id == found->job.id && rows->job.state == found->job.state &&
                rows->step_count == found->step_count && rows->group_count == found->group_count;

    for (unsigned i = 0; same && i < rows->group_count; i++) {
        same = rows->groups[i].is_committed == found->groups[i].is_committed;
    }
    for (unsigned i = 0; same && i < rows->step_count; i++) {
        const struct step_row *a = &rows->steps[i], *b = &found->steps[i];

        same = a->state == b->state && a->error.err == b->error.err && a->tries == b->tries &&
               a->attempts == b->attempts && a->activations == b->activations;
    }
    return same;
}

void referee_judge_recovery(struct simulation *s, const struct job_record *found)
{
    if (same_rows(&s->in_flight, found)) {
        s->acknowledged = s->in_flight; /* it was stored, and nobody was told */
    } else if (!same_rows(&s->acknowledged, found)) {
        referee_violate(s, 0, "I8: the store has lost what it acknowledged");
    }
}

/* What the device says at rest. */
static bool is_new(const struct simulation *s, unsigned device)
{
    return node_is_up(s->ends[device].node) && node_runs_new(s->ends[device].node) &&
           !node_is_on_trial(s->ends[device].node);
}

static bool is_old(const struct simulation *s, unsigned device)
{
    return node_is_up(s->ends[device].node) && !node_runs_new(s->ends[device].node);
}

static void judge_members(struct simulation *s, unsigned a, unsigned b)
{
    if (s->acknowledged.steps[a].group == s->acknowledged.steps[b].group &&
        is_new(s, a) != is_new(s, b)) {
        referee_violate(s, b, "I9: a group ended neither all new nor all old");
    }
}

void referee_judge_end(struct simulation *s, struct sim_result *result)
{
    result->all_new = result->all_old = true;
    for (unsigned i = 0; i < SIM_DEVICES; i++) {
        const struct step_row *row = row_of(s, i);

        result->all_new = result->all_new && is_new(s, i);
        result->all_old = result->all_old && is_old(s, i);
        if (is_new(s, i) == is_old(s, i)) {
            referee_violate(s, i, "I2: not up, or still on trial, at rest");
        }
        if (row && step_has_succeeded(row) != is_new(s, i)) {
            referee_violate(s, i, "I7: the status is not what the device says");
        }
        if (row && row->attempts > ATTEMPTS_MAX) {
            referee_violate(s, i, "I13: too many attempts");
        }
        for (unsigned k = 0; k < i && row; k++) {
            judge_members(s, k, i);
        }
        result->attempts += row ? row->attempts : 0;
        result->flash_ops[i] = node_flash_ops(s->ends[i].node);
    }
}
