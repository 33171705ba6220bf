#include "plan.h"

#include <stdlib.h>
#include <string.h>

#include "match.h"
#include "plan_fit.h"
#include "plan_group.h"

/* A plan being made. */
struct maker {
    struct plan *plan;
    const struct package *package;
    const struct inventory *inventory;
    const struct plan_policy *policy;
    size_t step_cap;
};

static bool is_candidate(const struct maker *m, uint16_t component, size_t device)
{
    return match_is_candidate(&m->package->manifest.components[component],
                              &m->package->images[component].manifest,
                              &m->inventory->devices[device]);
}

/* Does the device run exactly this component's image, confirmed? What an absent one ran when it was
 * last seen is no answer: it may have been replaced since. */
static bool is_running(const struct maker *m, uint16_t component, size_t device)
{
    const struct system_component *c = &m->package->manifest.components[component];
    const struct device_slot *slot = device_active_slot(&m->inventory->devices[device].info,
                                                        c->component);

    return m->inventory->devices[device].is_present && slot && slot->state == SLOT_CONFIRMED &&
           slot->has_identity && memcmp(slot->identity, c->identity, sizeof c->identity) == 0;
}

static struct plan_step *add_step(struct maker *m, uint16_t component, size_t device)
{
    struct plan *plan = m->plan;

    if (plan->step_count == m->step_cap) {
        size_t cap = m->step_cap ? 2 * m->step_cap : 16;
        struct plan_step *steps = pool_take(&plan->pool, cap, sizeof *steps);

        if (plan->step_count) {
            memcpy(steps, plan->steps, plan->step_count * sizeof *steps);
        }
        plan->steps = steps;
        m->step_cap = cap;
    }
    plan->steps[plan->step_count] = (struct plan_step){ .component = component,
                                                        .device = device,
                                                        .mode = PLAN_CACHED };
    return &plan->steps[plan->step_count++];
}

static struct plan_step *refuse(struct plan_step *step, const struct gw_error *error)
{
    step->action = PLAN_REFUSE;
    step->error = *error;
    return step;
}

/* One part of one device: among the components meant for it, the one that fits. `first` is the
 * first of them in the manifest. */
static void choose(struct maker *m, uint16_t first, size_t device)
{
    const struct system_manifest *manifest = &m->package->manifest;
    uint16_t fitting = first, fits = 0;
    struct gw_error why = { 0 }, other;

    for (uint16_t i = first; i < manifest->component_count; i++) {
        if (manifest->components[i].component != manifest->components[first].component ||
            !is_candidate(m, i, device)) {
            continue;
        }
        if (is_running(m, i, device)) { /* also the variant of the slot that runs now */
            add_step(m, i, device)->action = PLAN_NONE;
            return;
        }
        if (match_narrow(&manifest->components[i], &m->package->images[i].manifest,
                         &m->inventory->devices[device], why.err ? &other : &why) == GW_OK) {
            fitting = fits++ ? fitting : i;
        }
    }
    if (fits == 1 || !m->inventory->devices[device].is_present) {
        plan_fit(add_step(m, fitting, device), m->package, m->inventory, m->policy);
        return;
    }
    if (fits > 1) {
        (void)gw_fail(&why, GW_PLAN_AMBIGUOUS, "%s: component %s and another",
                      m->inventory->devices[device].info.name, manifest->components[fitting].name);
    }
    (void)refuse(add_step(m, fitting, device), &why);
}

/* Is there an earlier candidate for the same part of the device? */
static bool is_first(const struct maker *m, uint16_t component, size_t device)
{
    const struct system_component *components = m->package->manifest.components;

    for (uint16_t i = 0; i < component; i++) {
        if (components[i].component == components[component].component &&
            is_candidate(m, i, device)) {
            return false;
        }
    }
    return true;
}

/* All steps of one device; notes which components are for some device. */
static void plan_device(struct maker *m, size_t device, bool *has_device)
{
    bool is_matched = false;

    for (uint16_t i = 0; i < m->package->manifest.component_count; i++) {
        if (!is_candidate(m, i, device)) {
            continue;
        }
        is_matched = true;
        has_device[i] = true;
        if (is_first(m, i, device)) {
            choose(m, i, device);
        }
    }
    if (!is_matched) {
        m->plan->unmatched[m->plan->unmatched_count++] = device;
    }
}

static void plan_missing(struct maker *m, const bool *has_device)
{
    const struct system_manifest *manifest = &m->package->manifest;

    for (uint16_t i = 0; i < manifest->component_count; i++) {
        if (!has_device[i] && manifest->components[i].is_required) {
            struct gw_error error;

            (void)gw_fail(&error, GW_PLAN_NO_DEVICE, "component %s", manifest->components[i].name);
            (void)refuse(add_step(m, i, PLAN_NO_DEVICE), &error);
        }
    }
}

/* Sort by order of activation, then by device. `rank[i]` = place of component i. */
static void sort_steps(struct plan *plan, const uint16_t *rank)
{
    struct plan_step *steps = pool_take(&plan->pool, plan->step_count, sizeof *steps);
    size_t at[SYSTEM_COMPONENTS_MAX + 1] = { 0 };

    /* By counting: steps were made device by device, so each component's are in order already. */
    for (size_t i = 0; i < plan->step_count; i++) {
        at[rank[plan->steps[i].component] + 1]++;
    }
    for (size_t i = 1; i <= SYSTEM_COMPONENTS_MAX; i++) {
        at[i] += at[i - 1];
    }
    for (size_t i = 0; i < plan->step_count; i++) {
        steps[at[rank[plan->steps[i].component]]++] = plan->steps[i];
    }
    plan->steps = steps;
}

static bool is_cached(const struct plan_policy *policy, const uint8_t identity[32])
{
    for (size_t i = 0; i < policy->cached_count; i++) {
        if (memcmp(policy->cached[i], identity, 32) == 0) {
            return true;
        }
    }
    return false;
}

/* Cached or streamed for one component, taking what it needs from `room`. */
static enum plan_mode pick_mode(const struct plan_policy *policy, uint64_t size, uint64_t *room)
{
    if (policy->mode != PLAN_AUTO) {
        return policy->mode;
    }
    if (size > *room) {
        return PLAN_STREAMED;
    }
    *room -= size;
    return PLAN_CACHED;
}

/* Modes and downloads: each component once, however many devices take it. */
static void plan_downloads(struct maker *m)
{
    struct plan *plan = m->plan;
    uint64_t room = m->policy->cache_room_bytes;

    for (size_t first = 0, end; first < plan->step_count; first = end) {
        const struct system_component *c =
            &m->package->manifest.components[plan->steps[first].component];
        enum plan_mode mode = PLAN_CACHED;
        bool is_needed = false;

        for (end = first;
             end < plan->step_count && plan->steps[end].component == plan->steps[first].component;
             end++) {
            is_needed = is_needed || plan->steps[end].bytes > 0;
        }
        if (is_needed && !is_cached(m->policy, c->identity)) {
            mode = pick_mode(m->policy, c->size, &room);
            plan->download_bytes += c->size;
        }
        for (size_t i = first; i < end; i++) {
            plan->steps[i].mode = mode;
        }
    }
}

/* Time to stage everything that goes over the bus of step `index`; 0 when an earlier step stands
 * for that bus. */
static uint64_t bus_ms(const struct maker *m, size_t index)
{
    const struct plan_step *steps = m->plan->steps;
    const char *bus;
    uint64_t ms = 0;

    if (steps[index].device == PLAN_NO_DEVICE) {
        return 0;
    }
    bus = m->inventory->devices[steps[index].device].bus;
    for (size_t i = 0; i < m->plan->step_count; i++) {
        if (steps[i].device != PLAN_NO_DEVICE &&
            strcmp(m->inventory->devices[steps[i].device].bus, bus) == 0) {
            if (i < index) {
                return 0;
            }
            ms += steps[i].transfer_ms;
        }
    }
    return ms;
}

/* The slowest bus decides when everything is staged; then the groups are activated in turn. */
static void estimate(struct maker *m)
{
    struct plan *plan = m->plan;
    uint64_t slowest_ms = 0;

    for (size_t i = 0; i < plan->step_count; i++) {
        uint64_t ms = bus_ms(m, i);

        slowest_ms = ms > slowest_ms ? ms : slowest_ms;
    }
    plan->estimated_ms = slowest_ms;
    for (size_t first = 0, next; first < plan->step_count; first = next) {
        plan->estimated_ms += plan_group_activate_ms(plan, m->package, m->inventory, first, &next);
    }
}

static bool has_no_required_refusal(const struct maker *m)
{
    for (size_t i = 0; i < m->plan->step_count; i++) {
        const struct plan_step *step = &m->plan->steps[i];

        if (step->action == PLAN_REFUSE &&
            m->package->manifest.components[step->component].is_required) {
            return false;
        }
    }
    return true;
}

void plan_make(struct plan *out, const struct package *package, const struct inventory *inventory,
               const struct plan_policy *policy)
{
    struct maker m = { out, package, inventory, policy, 0 };
    bool has_device[SYSTEM_COMPONENTS_MAX] = { false };
    uint16_t rank[SYSTEM_COMPONENTS_MAX] = { 0 };

    *out = (struct plan){ 0 };
    out->unmatched = pool_take(&out->pool, inventory->count, sizeof *out->unmatched);
    for (size_t i = 0; i < inventory->count; i++) {
        plan_device(&m, i, has_device);
    }
    plan_missing(&m, has_device);
    for (uint16_t i = 0; i < package->manifest.component_count; i++) {
        rank[package->manifest.order[i]] = i;
    }
    sort_steps(out, rank);
    plan_group(out, package, inventory);
    plan_downloads(&m);
    estimate(&m);
    out->is_ok = has_no_required_refusal(&m);
}

void plan_free(struct plan *plan)
{
    pool_free(&plan->pool);
    *plan = (struct plan){ 0 };
}

const char *plan_warning_text(enum plan_warning warning)
{
    switch (warning) {
    case PLAN_WARN_NO_WAY_BACK:
        return "no way back: the device cannot return to its old image";
    case PLAN_WARN_DOWNGRADE:
        return "goes back to a lower sequence; its floor permits it";
    case PLAN_WARN_GATEWAY_ONLY:
        return "only the gateway verifies it; the device does not";
    case PLAN_WARN_NO_READ_BACK:
        return "the device cannot say afterwards what it runs";
    case PLAN_WARN_CANARY:
        return "canary is not carried out by this version: all devices are upgraded at once";
    case PLAN_WARN_UNKNOWN_SPEED:
        return "the bus has no known speed: the estimate assumes 100 kB/s";
    case PLAN_WARNINGS_END:
        break;
    }
    return "?";
}
