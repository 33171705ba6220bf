#include "job_plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NOT_IN_JOB = 0xffff };

struct maker {
    const struct plan *plan;
    const struct package *package;
    const struct inventory *inventory;
    struct job_record *record;
    uint16_t index[SYSTEM_COMPONENTS_MAX]; /* in the record, of each component of the manifest */
    uint16_t components, groups, steps;
};

static bool waits_for_device(const struct plan_step *step)
{
    return step->action == PLAN_REFUSE && step->error.err == GW_PLAN_ABSENT;
}

enum gw_err job_plan_check(const struct plan *plan, const struct package *package,
                           struct gw_error *error)
{
    size_t devices = 0;

    for (size_t i = 0; i < plan->step_count; i++) {
        const struct plan_step *step = &plan->steps[i];
        const struct system_component *component = &package->manifest.components[step->component];

        if (step->action == PLAN_REFUSE && component->is_required && !waits_for_device(step)) {
            return step->device == PLAN_NO_DEVICE
                       ? gw_fail(error, step->error.err, "%s", step->error.detail)
                       : gw_fail(error, step->error.err, "component %s: %s", component->name,
                                 step->error.detail);
        }
        devices += step->device != PLAN_NO_DEVICE;
    }
    return devices ? GW_OK : gw_fail(error, GW_PLAN_NO_DEVICE, "no component is for any device");
}

/* Which components have a step, and how many steps and groups that makes. */
static void count(struct maker *m)
{
    for (size_t i = 0; i < SYSTEM_COMPONENTS_MAX; i++) {
        m->index[i] = NOT_IN_JOB;
    }
    for (size_t i = 0; i < m->plan->step_count; i++) {
        const struct plan_step *step = &m->plan->steps[i];

        if (step->device == PLAN_NO_DEVICE) {
            continue;
        }
        if (m->index[step->component] == NOT_IN_JOB) {
            m->index[step->component] = m->components++;
        }
        m->steps++;
    }
    m->groups = m->steps; /* at most */
}

static void fill_component(struct component_row *row, const struct system_component *component,
                           const struct image_manifest *image)
{
    (void)snprintf(row->name, sizeof row->name, "%s", component->name);
    memcpy(row->identity, component->identity, sizeof row->identity);
    memcpy(row->vendor_id, component->vendor_id, sizeof row->vendor_id);
    memcpy(row->class_id, component->class_id, sizeof row->class_id);
    row->component = component->component;
    row->sequence = component->sequence;
    row->floor = image->floor;
    (void)snprintf(row->version, sizeof row->version, "%s", component->version);
    row->size = component->size;
    row->is_required = component->is_required;
}

/* `component` of the manifest comes after the components of the job that can be reached from it
 * through components that are not in the job. */
static uint16_t fill_afters(const struct maker *m, uint16_t component, struct after_row *rows)
{
    const struct system_manifest *manifest = &m->package->manifest;
    bool seen[SYSTEM_COMPONENTS_MAX] = { false };
    uint16_t todo[SYSTEM_COMPONENTS_MAX], todo_count = 0, count = 0;

    todo[todo_count++] = component;
    while (todo_count > 0) {
        const struct system_component *c = &manifest->components[todo[--todo_count]];

        for (uint16_t i = 0; i < c->after_count; i++) {
            uint16_t before = c->after[i];

            if (seen[before]) {
                continue;
            }
            seen[before] = true;
            if (m->index[before] == NOT_IN_JOB) {
                todo[todo_count++] = before;
            } else {
                if (rows) {
                    rows[count] = (struct after_row){ m->index[component], m->index[before] };
                }
                count++;
            }
        }
    }
    return count;
}

static uint16_t each_after(const struct maker *m, struct after_row *rows)
{
    uint16_t count = 0;

    for (uint16_t c = 0; c < m->package->manifest.component_count; c++) {
        if (m->index[c] != NOT_IN_JOB) {
            count = (uint16_t)(count + fill_afters(m, c, rows ? rows + count : NULL));
        }
    }
    return count;
}

/* The group row of a step: that of its component's group, or a new one for itself. */
static uint16_t group_of(struct maker *m, const struct system_component *component)
{
    const char *name = component->group ? component->group : "";

    for (uint16_t g = 0; *name && g < m->groups; g++) {
        if (strcmp(m->record->groups[g].name, name) == 0) {
            return g;
        }
    }
    (void)snprintf(m->record->groups[m->groups].name, sizeof m->record->groups[m->groups].name,
                   "%s", name);
    return m->groups++;
}

static void fill_step(struct maker *m, const struct plan_step *step)
{
    struct step_row *row = &m->record->steps[m->steps++];
    const struct system_component *component = &m->package->manifest.components[step->component];
    const struct inventory_device *device = &m->inventory->devices[step->device];
    const struct device_slot *active = device_active_slot(&device->info, component->component);

    row->component = m->index[step->component];
    row->group = group_of(m, component);
    (void)snprintf(row->device, sizeof row->device, "%s", device->info.name);
    (void)snprintf(row->bus, sizeof row->bus, "%s", device->bus);
    row->state = step->action == PLAN_UPGRADE || waits_for_device(step) ? STEP_WAITING
                                                                        : STEP_SKIPPED;
    if (step->action == PLAN_REFUSE && !waits_for_device(step)) {
        row->error = step->error;
    }
    row->has_ids = device->info.has_ids;
    memcpy(row->vendor_id, device->info.vendor_id, sizeof row->vendor_id);
    memcpy(row->class_id, device->info.class_id, sizeof row->class_id);
    memcpy(row->serial, device->info.serial, sizeof row->serial);
    row->serial_len = device->info.serial_len;
    (void)snprintf(row->from_version, sizeof row->from_version, "%s",
                   active ? active->version : "");
    (void)snprintf(row->verified_by, sizeof row->verified_by, "%s", inventory_verified_by(device));
}

static void fill(struct maker *m)
{
    const struct system_manifest *manifest = &m->package->manifest;
    struct job_row *job = &m->record->job;

    job->state = JOB_RUNNING;
    (void)snprintf(job->system, sizeof job->system, "%s", manifest->system);
    (void)snprintf(job->release, sizeof job->release, "%s", manifest->release);
    job->sequence = manifest->sequence;
    job->floor = manifest->floor;
    memcpy(job->identity, m->package->identity, sizeof job->identity);
    for (uint16_t c = 0; c < manifest->component_count; c++) {
        if (m->index[c] != NOT_IN_JOB) {
            fill_component(&m->record->components[m->index[c]], &manifest->components[c],
                           &m->package->images[c].manifest);
        }
    }
    (void)each_after(m, m->record->afters);
    m->groups = m->steps = 0;
    for (size_t i = 0; i < m->plan->step_count; i++) {
        if (m->plan->steps[i].device != PLAN_NO_DEVICE) {
            fill_step(m, &m->plan->steps[i]);
        }
    }
    m->record->group_count = m->groups;
}

struct job_record *job_from_plan(const struct plan *plan, const struct package *package,
                                 const struct inventory *inventory)
{
    struct maker m = { .plan = plan, .package = package, .inventory = inventory };

    count(&m);
    m.record = job_record_new(m.components, each_after(&m, NULL), m.groups, m.steps);
    if (m.record) {
        fill(&m);
    }
    return m.record;
}
