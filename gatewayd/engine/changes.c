#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "inner.h"

/* Room for one more row; the daemon cannot go on without storing what it does. */
static void *grow(void *rows, size_t count, size_t size)
{
    void *grown = realloc(rows, (count + 1) * size);

    if (!grown) {
        abort();
    }
    return grown;
}

void pending_audit(struct engine *e, const char *event, const char *object, uint64_t job,
                   const struct gw_error *error)
{
    struct pending *p = &e->pending;

    p->audits = grow(p->audits, p->audit_count, sizeof *p->audits);
    struct audit_row *row = &p->audits[p->audit_count++];

    *row = (struct audit_row){ .time_s = e->env->ops->wall_s(e->env), .job = job };
    (void)snprintf(row->event, sizeof row->event, "%s", event);
    (void)snprintf(row->object, sizeof row->object, "%s", object ? object : "");
    if (error) {
        row->err = error->err;
        (void)snprintf(row->detail, sizeof row->detail, "%s", error->detail);
    }
}

void pending_floor(struct engine *e, const struct job *job, const struct step_row *row)
{
    struct pending *p = &e->pending;
    const struct component_row *component = &job->record->components[row->component];

    p->floors = grow(p->floors, p->floor_count, sizeof *p->floors);
    struct floor_row *floor = &p->floors[p->floor_count++];

    *floor = (struct floor_row){ .component = component->component,
                                 .floor = component->floor,
                                 .sequence = component->sequence };
    memcpy(floor->vendor_id, component->vendor_id, sizeof floor->vendor_id);
    memcpy(floor->class_id, component->class_id, sizeof floor->class_id);
    memcpy(floor->device, row->device, sizeof floor->device);
    memcpy(floor->identity, component->identity, sizeof floor->identity);
}

static void pending_clear(struct pending *p)
{
    p->audit_count = 0;
    p->floor_count = 0;
    p->has_system = false;
    p->package = NULL;
}

void pending_free(struct pending *pending)
{
    free(pending->audits);
    free(pending->floors);
}

struct list {
    struct change *changes;
    size_t count;
};

static struct change *add(struct list *list, enum change_kind kind, uint64_t job, size_t index)
{
    list->changes = grow(list->changes, list->count, sizeof *list->changes);
    struct change *change = &list->changes[list->count++];

    *change = (struct change){ .kind = kind, .job = job, .index = (uint16_t)index };
    return change;
}

/* The job's own row comes first: the others refer to it. */
static void add_job(struct list *list, const struct job *job)
{
    const struct job_record *r = job->record;
    uint64_t id = r->job.id;

    if (job->is_new || job->is_dirty) {
        add(list, CHANGE_JOB, id, 0)->row.job = &r->job;
    }
    for (uint16_t i = 0; i < r->component_count; i++) {
        if (job->is_new || job->images[i].is_dirty) {
            add(list, CHANGE_COMPONENT, id, i)->row.component = &r->components[i];
        }
    }
    for (uint16_t i = 0; i < r->after_count && job->is_new; i++) {
        add(list, CHANGE_AFTER, id, i)->row.after = &r->afters[i];
    }
    for (uint16_t i = 0; i < r->group_count; i++) {
        if (job->is_new || job->groups[i].is_dirty) {
            add(list, CHANGE_GROUP, id, i)->row.group = &r->groups[i];
        }
    }
    for (uint16_t i = 0; i < r->step_count; i++) {
        if (job->is_new || job->steps[i].is_dirty) {
            add(list, CHANGE_STEP, id, i)->row.step = &r->steps[i];
        }
    }
}

static void clean_job(struct job *job)
{
    job->is_new = false;
    job->is_dirty = false;
    for (uint16_t i = 0; i < job->record->component_count; i++) {
        job->images[i].is_dirty = false;
    }
    for (uint16_t i = 0; i < job->record->group_count; i++) {
        job->groups[i].is_dirty = false;
    }
    for (uint16_t i = 0; i < job->record->step_count; i++) {
        job->steps[i].is_dirty = false;
    }
}

static void add_pending(struct list *list, const struct pending *p)
{
    if (p->package) {
        add(list, CHANGE_PACKAGE, 0, 0)->row.package = p->package;
    }
    for (size_t i = 0; i < p->floor_count; i++) {
        add(list, CHANGE_FLOOR, 0, 0)->row.floor = &p->floors[i];
    }
    if (p->has_system) {
        add(list, CHANGE_SYSTEM, 0, 0)->row.system = &p->system;
    }
    for (size_t i = 0; i < p->audit_count; i++) {
        add(list, CHANGE_AUDIT, 0, 0)->row.audit = &p->audits[i];
    }
}

enum gw_err changes_commit(struct engine *e, bool *changed)
{
    struct job *jobs[] = { e->current, e->waiting };
    struct list list = { 0 };
    enum gw_err err = GW_OK;

    for (size_t i = 0; i < 2; i++) {
        if (jobs[i]) {
            add_job(&list, jobs[i]);
        }
    }
    add_pending(&list, &e->pending);
    *changed = list.count > 0;
    if (list.count > 0) {
        err = e->env->ops->commit(e->env, list.changes, list.count);
    }
    free(list.changes);
    if (err) {
        return err;
    }
    for (size_t i = 0; i < 2; i++) {
        if (jobs[i]) {
            clean_job(jobs[i]);
        }
    }
    pending_clear(&e->pending);
    return GW_OK;
}
