#include "engine.h"

#include <stdlib.h>
#include <string.h>

#include "inner.h"

enum gw_err engine_open(struct engine **out, const struct engine_config *config)
{
    *out = calloc(1, sizeof **out);
    if (!*out) {
        return GW_NO_MEMORY;
    }
    (*out)->env = config->env;
    (*out)->config = *config;
    (*out)->next_call_id = 1;
    (*out)->next_job_id = config->next_job_id;
    return GW_OK;
}

void engine_close(struct engine *e)
{
    if (e) {
        job_free(e->current);
        job_free(e->waiting);
        pending_free(&e->pending);
        free(e->buses);
        free(e);
    }
}

struct bus *engine_find_bus(struct engine *e, const char *name)
{
    for (size_t i = 0; i < e->bus_count; i++) {
        if (strcmp(e->buses[i].name, name) == 0) {
            return &e->buses[i];
        }
    }
    struct bus *grown = realloc(e->buses, (e->bus_count + 1) * sizeof *grown);

    if (!grown) {
        abort();
    }
    e->buses = grown;
    struct bus *bus = &e->buses[e->bus_count++];

    *bus = (struct bus){ .state = ENGINE_BUS_DOWN };
    strncpy(bus->name, name, sizeof bus->name - 1);
    return bus;
}

static void know_buses(struct engine *e, const struct job *job)
{
    for (uint16_t i = 0; i < job->record->step_count; i++) {
        (void)engine_find_bus(e, job->record->steps[i].bus);
    }
}

void engine_load(struct engine *e, struct job_record *record)
{
    struct job *job = job_new(record);

    if (!job) {
        abort();
    }
    know_buses(e, job);
    for (uint16_t i = 0; i < record->step_count; i++) {
        job->steps[i].is_missed = step_is_outstanding(&record->steps[i]);
    }
    if (!e->current || !job_is_open(&e->current->record->job)) {
        job_free(e->current);
        e->current = job;
    } else {
        job_free(e->waiting);
        e->waiting = job;
    }
}

const struct job_record *engine_open_job(const struct engine *e)
{
    return e->current && job_is_open(&e->current->record->job) ? e->current->record : NULL;
}

/* ---- operators ---- */

static enum gw_err check_create(const struct engine *e, const struct job_record *record,
                                bool supersede, struct gw_error *error)
{
    const struct job_record *open = engine_open_job(e);

    if (e->is_stopping || e->is_dead) {
        return gw_fail(error, GW_SHUTTING_DOWN, "no new job");
    }
    if (!job_order_is_possible(record)) {
        return gw_fail(error, GW_BAD_PARAMETER, "the components wait for each other");
    }
    if (!open) {
        return GW_OK;
    }
    if (!supersede || e->waiting || record->job.sequence <= open->job.sequence) {
        return gw_fail(error, GW_BUSY, "job %llu is open", (unsigned long long)open->job.id);
    }
    if (!job_can_cancel(e->current)) {
        return gw_fail(error, GW_WRONG_STATE, "job %llu is committed and only goes forward",
                       (unsigned long long)open->job.id);
    }
    return GW_OK;
}

static void start_job(struct engine *e, struct job *job, bool is_new, const char *event)
{
    struct job_row *row = &job->record->job;
    bool must_wait = engine_open_job(e) != NULL;

    row->state = must_wait ? JOB_PREPARING : JOB_RUNNING;
    row->finished_s = 0;
    row->cancel_requested = false;
    row->error = (struct gw_error){ .err = GW_OK };
    job->is_new = is_new;
    job->is_dirty = true;
    know_buses(e, job);
    pending_audit(e, event, row->source, row->id, NULL);
    if (must_wait) {
        e->waiting = job;
    } else {
        job_free(e->current);
        e->current = job;
    }
}

enum gw_err engine_create(struct engine *e, struct job_record *record,
                          const struct package_row *package, bool supersede, uint64_t *id,
                          struct gw_error *error)
{
    enum gw_err err = check_create(e, record, supersede, error);

    if (err) {
        job_record_free(record);
        return err;
    }
    struct job *job = job_new(record);

    if (!job) {
        return gw_fail(error, GW_NO_MEMORY, "job with %u steps", record->step_count);
    }
    record->job.id = e->next_job_id++;
    record->job.created_s = e->env->ops->wall_s(e->env);
    if (engine_open_job(e)) {
        e->current->record->job.cancel_requested = true;
        e->current->is_dirty = true;
        pending_audit(e, "job superseded", NULL, e->current->record->job.id, NULL);
    }
    start_job(e, job, true, "job started");
    e->pending.package = package;
    *id = record->job.id;
    err = engine_turn(e);
    return err ? gw_fail(error, err, "the job could not be stored") : GW_OK;
}

enum gw_err engine_cancel(struct engine *e, uint64_t id, struct gw_error *error)
{
    struct gw_error why = { .err = GW_CANCELLED };

    if (e->waiting && e->waiting->record->job.id == id) {
        struct job *job = e->waiting;

        job_cancel_waiting(e, job, &why);
        return engine_turn(e);
    }
    if (!engine_open_job(e) || e->current->record->job.id != id) {
        return gw_fail(error, GW_NOT_FOUND, "job %llu is not open", (unsigned long long)id);
    }
    if (!job_can_cancel(e->current)) {
        return gw_fail(error, GW_WRONG_STATE, "job %llu is committed and only goes forward",
                       (unsigned long long)id);
    }
    e->current->record->job.cancel_requested = true;
    e->current->is_dirty = true;
    pending_audit(e, "job cancelled", NULL, id, NULL);
    return engine_turn(e);
}

/* What the plan refused is refused again; only what may have changed meanwhile is tried. */
static bool may_retry(const struct step_row *row)
{
    bool is_planned = row->error.err >= 2500 && row->error.err < 2600;

    if (step_is_outstanding(row)) {
        return true;
    }
    return step_has_ended(row) && !step_has_succeeded(row) &&
           (!is_planned || row->error.err == GW_PLAN_REJECTED || row->error.err == GW_PLAN_ABSENT);
}

static void retry_step(struct engine *e, struct job *job, uint16_t index)
{
    struct step_row *row = &job->record->steps[index];

    row->error = (struct gw_error){ .err = GW_OK };
    row->tries = 0;
    row->activations = 0;
    row->is_retry = true;
    job->steps[index].is_dirty = true;
    (void)step_move(e, job, index, EVENT_RETRY);
}

static bool has_retry(const struct job_record *record)
{
    for (uint16_t i = 0; i < record->step_count; i++) {
        if (may_retry(&record->steps[i])) {
            return true;
        }
    }
    return false;
}

enum gw_err engine_retry(struct engine *e, struct job_record *record, struct gw_error *error)
{
    enum gw_err err = GW_OK;
    uint64_t id = record->job.id;

    if (e->is_stopping || e->is_dead) {
        err = gw_fail(error, GW_SHUTTING_DOWN, "no new job");
    } else if (engine_open_job(e)) {
        err = gw_fail(error, GW_BUSY, "job %llu is open",
                      (unsigned long long)e->current->record->job.id);
    } else if (id + 1 != e->next_job_id) {
        err = gw_fail(error, GW_WRONG_STATE, "a newer job exists");
    } else if (!has_retry(record)) {
        err = gw_fail(error, GW_WRONG_STATE, "nothing to try again");
    }
    if (err) {
        job_record_free(record);
        return err;
    }
    struct job *job = job_new(record);

    if (!job) {
        return gw_fail(error, GW_NO_MEMORY, "job %llu", (unsigned long long)id);
    }
    for (uint16_t i = 0; i < record->step_count; i++) {
        if (may_retry(&record->steps[i])) {
            retry_step(e, job, i);
        }
    }
    start_job(e, job, false, "job retried");
    err = engine_turn(e);
    return err ? gw_fail(error, err, "the job could not be stored") : GW_OK;
}

void engine_stop(struct engine *e)
{
    e->is_stopping = true;
}

bool engine_is_idle(const struct engine *e)
{
    return !calls_are_running(e);
}

/* ---- events that are not of a call ---- */

static void forget_seen(struct engine *e, const char *bus)
{
    for (uint16_t i = 0; e->current && i < e->current->record->step_count; i++) {
        if (strcmp(e->current->record->steps[i].bus, bus) == 0) {
            e->current->steps[i].seen = SEEN_NOTHING;
            e->current->steps[i].due_ms = 0;
        }
    }
}

void engine_bus(struct engine *e, const char *name, enum engine_bus state)
{
    struct bus *bus = engine_find_bus(e, name);

    if (bus->state != state) {
        bus->state = state;
        forget_seen(e, name);
    }
}

void engine_device_appeared(struct engine *e, const char *bus, const char *device)
{
    for (uint16_t i = 0; e->current && i < e->current->record->step_count; i++) {
        const struct step_row *row = &e->current->record->steps[i];

        if (strcmp(row->bus, bus) == 0 && strcmp(row->device, device) == 0) {
            step_resume(e, e->current, i);
            step_wake(e->current, i);
        }
    }
}

void engine_device_left(struct engine *e, const char *bus, const char *device)
{
    struct gw_error error = { .err = GW_DEVICE_AWAY, .detail = "it left the bus" };

    for (uint16_t i = 0; e->current && i < e->current->record->step_count; i++) {
        const struct step_row *row = &e->current->record->steps[i];

        if (strcmp(row->bus, bus) == 0 && strcmp(row->device, device) == 0 &&
            !step_has_ended(row)) {
            step_lose(e, e->current, i, &error);
        }
    }
}

static struct job *job_of(struct engine *e, uint64_t id, uint16_t component)
{
    struct job *job = e->current;

    return job && job->record->job.id == id && component < job->record->component_count ? job
                                                                                        : NULL;
}

static void learn_state_hash(struct job *job, uint16_t component, const struct engine_image *image)
{
    struct component_row *row = &job->record->components[component];

    row->has_state_hash = true;
    memcpy(row->state_hash, image->state_hash, sizeof row->state_hash);
    for (uint16_t i = 0; i < job->record->step_count; i++) {
        if (job->record->steps[i].component == component) {
            job->steps[i].seen = SEEN_NOTHING; /* now its answer can be understood */
        }
    }
}

void engine_image_ready(struct engine *e, uint64_t id, uint16_t component,
                        const struct engine_image *image)
{
    struct job *job = job_of(e, id, component);

    if (!job || job->images[component].state != IMAGE_PREPARING) {
        return;
    }
    struct component_row *row = &job->record->components[component];

    row->mode = image->is_streamed ? JOB_MODE_STREAMED : JOB_MODE_CACHED;
    row->stream_size = image->stream_size;
    if (image->has_state_hash && !row->has_state_hash) {
        learn_state_hash(job, component, image);
    }
    job->images[component].state = IMAGE_READY;
    job->images[component].is_dirty = true;
}

void engine_image_failed(struct engine *e, uint64_t id, uint16_t component,
                         const struct gw_error *error)
{
    struct job *job = job_of(e, id, component);

    if (job && job->images[component].state != IMAGE_NONE) {
        job->images[component].state = IMAGE_FAILED;
        job->images[component].error = *error;
    }
}

void engine_image_progress(struct engine *e, uint64_t id, uint16_t component, uint64_t done,
                           uint64_t total)
{
    struct job *job = job_of(e, id, component);

    if (job) {
        job->images[component].done = done;
        job->images[component].total = total;
    }
}

/* ---- the turn ---- */

/* Only after the commit: prepare what is wanted, release what is not. */
static void follow_wishes(struct engine *e)
{
    struct job *job = e->current;
    bool is_open = job && job_is_open(&job->record->job) && !e->is_stopping;

    for (uint16_t c = 0; job && c < job->record->component_count; c++) {
        struct live_image *image = &job->images[c];
        bool is_wanted = is_open && image->is_wanted;

        if (is_wanted && image->state == IMAGE_NONE) {
            image->state = IMAGE_PREPARING;
            e->env->ops->image_prepare(e->env, job->record->job.id, c);
        } else if (!is_wanted && image->state != IMAGE_NONE && !calls_are_running(e)) {
            image->state = IMAGE_NONE;
            e->env->ops->image_release(e->env, job->record->job.id, c);
        }
    }
}

static void follow(struct engine *e)
{
    bool moved = true;

    while (moved && engine_open_job(e)) {
        moved = job_follow(e, e->current);
    }
}

/* A job that waits takes its turn when the one before it has ended and that is stored. */
static bool take_turn(struct engine *e)
{
    if (e->waiting && !job_is_open(&e->waiting->record->job)) {
        job_free(e->waiting); /* cancelled before its turn */
        e->waiting = NULL;
    }
    if (!e->waiting || engine_open_job(e)) {
        return false;
    }
    job_free(e->current);
    e->current = e->waiting;
    e->waiting = NULL;
    return true;
}

enum gw_err engine_turn(struct engine *e)
{
    bool again = true;

    while (again) {
        bool changed = false;

        if (e->is_dead) {
            return GW_STORE;
        }
        follow(e);
        calls_choose(e, engine_now(e));
        if (changes_commit(e, &changed)) {
            e->is_dead = true;
            return GW_STORE;
        }
        follow_wishes(e);
        calls_start(e);
        if (changed && e->current) {
            e->env->ops->changed(e->env, e->current->record->job.id);
        }
        again = take_turn(e);
    }
    e->env->ops->set_timer(e->env, calls_due(e));
    return GW_OK;
}
