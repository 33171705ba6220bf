#include "plan_group.h"

#include <string.h>

static const struct system_component *component_of(const struct package *package,
                                                   const struct plan_step *step)
{
    return &package->manifest.components[step->component];
}

/* The error of a step that is refused after all, to be filled by gw_fail(). */
static struct gw_error *refuse(struct plan_step *step)
{
    step->action = PLAN_REFUSE;
    step->bytes = 0;
    step->transfer_ms = 0;
    step->activate_ms = 0;
    return &step->error;
}

/* Will this part of the device have at least `min` before step `index` is activated? */
static bool is_provided(const struct plan *plan, const struct package *package,
                        const struct inventory *inventory, size_t index, uint8_t part, uint32_t min)
{
    const struct plan_step *step = &plan->steps[index];
    const struct device_slot *slot = device_active_slot(&inventory->devices[step->device].info,
                                                        part);

    if (slot && slot->state == SLOT_CONFIRMED && slot->sequence >= min) {
        return true;
    }
    for (size_t i = 0; i < index; i++) {
        const struct plan_step *other = &plan->steps[i];
        const struct system_component *c = component_of(package, other);

        if (other->device == step->device && other->action != PLAN_REFUSE && c->component == part &&
            c->sequence >= min) {
            return true;
        }
    }
    return false;
}

static void check_requires(struct plan *plan, const struct package *package,
                           const struct inventory *inventory, size_t index)
{
    struct plan_step *step = &plan->steps[index];
    struct span list = package->images[step->component].manifest.requires;
    uint8_t part;
    uint32_t min;

    while (step->action == PLAN_UPGRADE && manifest_next_requirement(&list, &part, &min)) {
        if (!is_provided(plan, package, inventory, index, part, min)) {
            (void)gw_fail(refuse(step), GW_PLAN_REQUIRES, "%s: component %u must have sequence %u",
                          inventory->devices[step->device].info.name, part, min);
        }
    }
}

/* Is a component that this one comes after refused somewhere? */
static bool waits_for_refused(const struct system_component *c, const bool *is_refused)
{
    for (uint16_t i = 0; i < c->after_count; i++) {
        if (is_refused[c->after[i]]) {
            return true;
        }
    }
    return false;
}

/* First step after the group that begins at `first`. */
static size_t group_end(const struct plan *plan, const struct package *package, size_t first)
{
    uint16_t unit = component_of(package, &plan->steps[first])->unit;
    size_t end = first + 1;

    while (end < plan->step_count && component_of(package, &plan->steps[end])->unit == unit) {
        end++;
    }
    return end;
}

static size_t count_upgrades(const struct plan *plan, size_t first, size_t end)
{
    size_t count = 0;

    for (size_t i = first; i < end; i++) {
        count += plan->steps[i].action == PLAN_UPGRADE;
    }
    return count;
}

/* Does any component name this one in `after`? */
static bool something_follows(const struct package *package, uint16_t component)
{
    const struct system_manifest *m = &package->manifest;

    for (uint16_t i = 0; i < m->component_count; i++) {
        for (uint16_t k = 0; k < m->components[i].after_count; k++) {
            if (m->components[i].after[k] == component) {
                return true;
            }
        }
    }
    return false;
}

/* In a named group a device without a way back stands alone and last. */
static void check_way_back(struct plan *plan, const struct package *package, size_t first,
                           size_t end)
{
    size_t upgrades = count_upgrades(plan, first, end);

    for (size_t i = first; i < end; i++) {
        struct plan_step *step = &plan->steps[i];

        if (step->action != PLAN_UPGRADE || step->has_way_back ||
            !component_of(package, step)->group) {
            continue;
        }
        if (upgrades > 1) {
            (void)gw_fail(refuse(step), GW_PLAN_NO_WAY_BACK, "its group has other members");
        } else if (something_follows(package, step->component)) {
            (void)gw_fail(refuse(step), GW_PLAN_NO_WAY_BACK, "other components come after it");
        }
    }
}

uint64_t plan_group_activate_ms(const struct plan *plan, const struct package *package,
                                const struct inventory *inventory, size_t first, size_t *next)
{
    size_t end = group_end(plan, package, first);
    uint64_t total_ms = 0, component_ms = 0;

    for (size_t i = first; i < end; i++) {
        uint64_t bus_ms = 0;

        for (size_t k = first; k < end; k++) { /* this step's bus, this step's component */
            if (plan->steps[k].component == plan->steps[i].component &&
                plan->steps[k].device != PLAN_NO_DEVICE &&
                plan->steps[i].device != PLAN_NO_DEVICE &&
                strcmp(inventory->devices[plan->steps[k].device].bus,
                       inventory->devices[plan->steps[i].device].bus) == 0) {
                bus_ms += plan->steps[k].activate_ms;
            }
        }
        component_ms = bus_ms > component_ms ? bus_ms : component_ms;
        if (i + 1 == end || plan->steps[i + 1].component != plan->steps[i].component) {
            total_ms += component_ms;
            component_ms = 0;
        }
    }
    *next = end;
    return total_ms;
}

/* All members must be on trial at the same time before the first of them gives up. */
static void check_trial_time(struct plan *plan, const struct package *package,
                             const struct inventory *inventory, size_t first, size_t end)
{
    size_t next;
    uint64_t needed_ms = plan_group_activate_ms(plan, package, inventory, first, &next);

    if (count_upgrades(plan, first, end) < 2) {
        return;
    }
    for (size_t i = first; i < end; i++) {
        struct plan_step *step = &plan->steps[i];
        uint32_t trial_ms = step->action == PLAN_UPGRADE
                                ? inventory->devices[step->device].info.caps.trial_ms
                                : 0;

        if (trial_ms != 0 && needed_ms > trial_ms) {
            (void)gw_fail(refuse(step), GW_PLAN_TRIAL_TIME,
                          "the group takes %llu ms to activate, the trial of %s lasts %u ms",
                          (unsigned long long)needed_ms, inventory->devices[step->device].info.name,
                          trial_ms);
        }
    }
}

/* Each activation restarts its device, and a restart ends every trial on it: two members of a group
 * can never be on trial on one device at the same time. */
static void check_one_trial(struct plan *plan, const struct package *package,
                            const struct inventory *inventory, size_t first, size_t end)
{
    for (size_t i = first; i < end; i++) {
        struct plan_step *step = &plan->steps[i];

        for (size_t k = first; k < i && step->action == PLAN_UPGRADE; k++) {
            if (plan->steps[k].action == PLAN_UPGRADE && plan->steps[k].device == step->device) {
                (void)gw_fail(refuse(step), GW_PLAN_ONE_TRIAL, "%s: components %s and %s",
                              inventory->devices[step->device].info.name,
                              component_of(package, &plan->steps[k])->name,
                              component_of(package, step)->name);
            }
        }
    }
}

/* One refused member refuses the group. */
static void spread(struct plan *plan, const char *group, size_t first, size_t end)
{
    bool is_refused = false;

    for (size_t i = first; i < end; i++) {
        is_refused = is_refused || plan->steps[i].action == PLAN_REFUSE;
    }
    for (size_t i = first; i < end && is_refused; i++) {
        if (plan->steps[i].action == PLAN_UPGRADE) {
            (void)gw_fail(refuse(&plan->steps[i]), GW_PLAN_GROUP, "group %s", group);
        }
    }
}

static void check_order(struct plan *plan, const struct package *package,
                        const struct inventory *inventory, const bool *is_refused, size_t first,
                        size_t end)
{
    for (size_t i = first; i < end; i++) {
        struct plan_step *step = &plan->steps[i];
        const struct system_component *c = component_of(package, step);

        if (step->action == PLAN_UPGRADE && waits_for_refused(c, is_refused)) {
            (void)gw_fail(refuse(step), GW_PLAN_AFTER, "component %s", c->name);
        }
        check_requires(plan, package, inventory, i);
    }
}

void plan_group(struct plan *plan, const struct package *package, const struct inventory *inventory)
{
    bool is_refused[SYSTEM_COMPONENTS_MAX] = { false };

    for (size_t first = 0, end; first < plan->step_count; first = end) {
        const char *group = component_of(package, &plan->steps[first])->group;

        end = group_end(plan, package, first);
        check_order(plan, package, inventory, is_refused, first, end);
        if (group) {
            check_one_trial(plan, package, inventory, first, end);
            check_way_back(plan, package, first, end);
            check_trial_time(plan, package, inventory, first, end);
            spread(plan, group, first, end);
        }
        for (size_t i = first; i < end; i++) {
            is_refused[plan->steps[i].component] |= plan->steps[i].action == PLAN_REFUSE;
        }
    }
}
