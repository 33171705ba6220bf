#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim_inner.h"

static const char disk[] = "sim-disk";
static const char path[] = "store.db";

static struct simulation *of(struct env *env)
{
    return (struct simulation *)(void *)env;
}

/* ---- rows ---- */

static void keep(struct sim_rows *rows, const struct change *c)
{
    switch (c->kind) {
    case CHANGE_JOB:
        if (rows->job.id != c->row.job->id) {
            memset(rows, 0, sizeof *rows);
        }
        rows->exists = true;
        rows->job = *c->row.job;
        break;
    case CHANGE_COMPONENT:
        rows->components[c->index] = *c->row.component;
        break;
    case CHANGE_AFTER:
        rows->afters[c->index] = *c->row.after;
        rows->after_count = (uint16_t)(c->index + 1);
        break;
    case CHANGE_GROUP:
        rows->groups[c->index] = *c->row.group;
        rows->group_count = c->index >= rows->group_count ? (uint16_t)(c->index + 1)
                                                          : rows->group_count;
        break;
    case CHANGE_STEP:
        rows->steps[c->index] = *c->row.step;
        rows->step_count = c->index >= rows->step_count ? (uint16_t)(c->index + 1)
                                                        : rows->step_count;
        break;
    case CHANGE_FLOOR:
    case CHANGE_SYSTEM:
    case CHANGE_PACKAGE:
    case CHANGE_AUDIT:
        break;
    }
}

/* ---- env ---- */

static uint64_t env_now(struct env *env)
{
    return of(env)->now / SIM_MS;
}

static int64_t env_wall(struct env *env)
{
    return (int64_t)(of(env)->now / SIM_MS / 1000) + 1700000000;
}

static void env_timer(struct env *env, uint64_t at_ms)
{
    of(env)->timer_at = at_ms == ENV_NEVER ? FAKE_NEVER : at_ms * SIM_MS;
}

static void note_changes(struct simulation *s, const struct change *changes, size_t n)
{
    for (size_t i = 0; i < n && s->scenario->is_traced; i++) {
        if (changes[i].kind == CHANGE_STEP) {
            sim_note(s, "store: step %u %s, tries %u, GW%d", changes[i].index,
                     step_state_word(changes[i].row.step->state), changes[i].row.step->tries,
                     (int)changes[i].row.step->error.err);
        } else if (changes[i].kind == CHANGE_JOB) {
            sim_note(s, "store: job %s", job_state_word(changes[i].row.job->state));
        } else if (changes[i].kind == CHANGE_GROUP) {
            sim_note(s, "store: group %u committed %d", changes[i].index,
                     changes[i].row.group->is_committed);
        }
    }
}

static enum gw_err env_commit(struct env *env, const struct change *changes, size_t n)
{
    struct simulation *s = of(env);

    sim_op(s, 1);
    if (s->is_killed) {
        return GW_STORE;
    }
    note_changes(s, changes, n);
    referee_judge_changes(s, changes, n);
    s->in_flight = s->acknowledged;
    for (size_t i = 0; i < n; i++) {
        keep(&s->in_flight, &changes[i]);
    }
    struct gw_error error = { .err = GW_OK };
    enum gw_err err = store_commit(s->store, changes, n, &error);

    if (err) {
        s->is_killed = true;
        if (!cut_vfs_is_dead(s->vfs)) {
            referee_violate(s, 0, error.detail);
        }
        return err;
    }
    s->acknowledged = s->in_flight;
    sim_op(s, 2);
    return GW_OK;
}

static unsigned index_of(const struct engine_call *call)
{
    return (unsigned)(call->bus[1] - '0');
}

static void env_call_start(struct env *env, const struct engine_call *call)
{
    struct simulation *s = of(env);

    if (s->is_killed) {
        return;
    }
    struct sim_line_end *end = &s->ends[index_of(call)];

    if (end->call_id != 0 || !end->router || call->device_count != 1) {
        referee_violate(s, end->index, "I26: a call on a bus that cannot take one");
        return;
    }
    s->calls++;
    sim_note(s, "%s: call %s", end->name, verb_word(call->verb));
    field_call(end, call);
    sim_op(s, 0x500 + end->index);
}

static void env_call_cancel(struct env *env, const char *bus, uint64_t call_id)
{
    struct simulation *s = of(env);
    struct sim_line_end *end = &s->ends[bus[1] - '0'];

    if (!s->is_killed && end->call_id == call_id) {
        field_cancel(end);
    }
}

static void env_image_prepare(struct env *env, uint64_t job, uint16_t component)
{
    struct simulation *s = of(env);

    sim_post(s, s->now + 5 * SIM_MS, SIM_IMAGE_READY, component, job);
}

static void env_image_release(struct env *env, uint64_t job, uint16_t component)
{
    (void)env;
    (void)job;
    (void)component;
}

static void env_changed(struct env *env, uint64_t job)
{
    (void)env;
    (void)job;
}

static const struct env_ops ops = {
    .now_ms = env_now,
    .wall_s = env_wall,
    .set_timer = env_timer,
    .commit = env_commit,
    .call_start = env_call_start,
    .call_cancel = env_call_cancel,
    .image_prepare = env_image_prepare,
    .image_release = env_image_release,
    .changed = env_changed,
};

/* ---- start and death ---- */

/* The next fault of the disk that has not happened yet. */
static void arm_disk(struct simulation *s)
{
    const struct sim_fault *next = NULL;
    const struct sim_scenario *c = s->scenario;

    for (unsigned i = 0; i < c->fault_count; i++) {
        bool is_disk = c->faults[i].kind == SIM_KILL_DISK || c->faults[i].kind == SIM_POWER_CORE;

        if (is_disk && !s->is_used[i] && c->faults[i].at >= cut_vfs_ops(s->vfs) &&
            (!next || c->faults[i].at < next->at)) {
            next = &c->faults[i];
        }
    }
    if (next) {
        cut_vfs_die_at(s->vfs, next->at);
        s->is_used[next - c->faults] = true;
        s->is_power = next->kind == SIM_POWER_CORE;
        s->kill_seed = next->seed;
    } else {
        s->is_power = false;
    }
}

static void die(struct simulation *s)
{
    bool is_power = cut_vfs_is_dead(s->vfs) && s->is_power;

    cut_vfs_die_at(s->vfs, 0);
    store_close(s->store);
    s->store = NULL;
    engine_close(s->engine);
    s->engine = NULL;
    if (is_power) {
        cut_vfs_power_cut(s->vfs, s->kill_seed);
    } else {
        cut_vfs_kill(s->vfs);
    }
    s->timer_at = FAKE_NEVER;
    s->is_killed = false;
}

/* Open jobs and the newest one, oldest first, as the engine wants them. */
static enum gw_err load(struct simulation *s)
{
    uint64_t ids[8];
    size_t n;
    enum gw_err err = store_job_ids(s->store, ids, 8, &n);
    struct engine_config config = { .env = &s->env,
                                    .away_deadline_ms = 600000,
                                    .next_job_id = n ? ids[0] + 1 : 1 };

    if (err || engine_open(&s->engine, &config) != GW_OK) {
        return err ? err : GW_NO_MEMORY;
    }
    for (size_t i = n; !err && i-- > 0;) {
        struct job_record *record;

        err = store_load_job(s->store, ids[i], &record);
        if (!err && i == 0) {
            referee_judge_recovery(s, record);
        }
        if (!err && (i == 0 || job_is_open(&record->job))) {
            engine_load(s->engine, record);
        } else if (!err) {
            job_record_free(record);
        }
    }
    if (!err && n == 0) {
        referee_judge_recovery(s, NULL);
    }
    return err;
}

static void start(struct simulation *s)
{
    struct gw_error error = { .err = GW_OK };
    enum gw_err err;

    arm_disk(s);
    err = store_open(&s->store, path, disk, &error);
    err = err ? err : load(s);
    if (err && !cut_vfs_is_dead(s->vfs)) {
        referee_violate(s, 0, error.err ? error.detail : "I8: the store cannot be read");
        abort();
    }
    s->is_killed = err != GW_OK;
}

void core_restart(struct simulation *s)
{
    sim_note(s, "core: killed");
    for (unsigned i = 0; i < SIM_DEVICES; i++) {
        field_close_router(&s->ends[i]);
    }
    sim_drop(s, SIM_IMAGE_READY);
    sim_drop(s, SIM_BUS_OPEN);
    do {
        die(s);
        start(s);
    } while (s->is_killed); /* the disk may fail while it starts */
    for (unsigned i = 0; i < SIM_DEVICES; i++) {
        sim_post(s, s->now + 300 * SIM_MS, SIM_BUS_OPEN, i, 0);
    }
    s->must_turn = true;
}

void core_turn(struct simulation *s)
{
    s->must_turn = false;
    if (engine_turn(s->engine) != GW_OK && !s->is_killed) {
        referee_violate(s, 0, "a turn failed without a fault");
    }
}

void core_bus(struct simulation *s, unsigned index, bool is_open)
{
    engine_bus(s->engine, s->ends[index].name, is_open ? ENGINE_BUS_UP : ENGINE_BUS_DOWN);
    s->must_turn = true;
}

/* ---- the job ---- */

static void after(struct job_record *r, uint16_t component, uint16_t other)
{
    r->afters[r->after_count++] = (struct after_row){ component, other };
}

static void shape(struct job_record *r, enum sim_shape shape_wanted)
{
    static const uint16_t groups[SHAPES][SIM_DEVICES] = {
        [SHAPE_GROUP] = { 0, 0, 0 }, [SHAPE_GROUP_AFTER] = { 0, 0, 0 }, [SHAPE_ALONE] = { 0, 1, 2 },
        [SHAPE_CHAIN] = { 0, 1, 2 }, [SHAPE_PAIR_AFTER] = { 0, 1, 1 },
    };

    r->after_count = 0;
    for (uint16_t i = 0; i < SIM_DEVICES; i++) {
        r->steps[i].group = groups[shape_wanted][i];
    }
    if (shape_wanted == SHAPE_CHAIN || shape_wanted == SHAPE_GROUP_AFTER) {
        after(r, 1, 0);
        after(r, 2, 1);
    } else if (shape_wanted == SHAPE_PAIR_AFTER) {
        after(r, 1, 0);
        after(r, 2, 0);
    }
}

enum gw_err core_install(struct simulation *s)
{
    struct job_record *r = job_record_new(SIM_DEVICES, SIM_DEVICES, SIM_DEVICES, SIM_DEVICES);
    uint64_t id;

    if (!r) {
        abort();
    }
    r->job = (struct job_row){ .system = "acme.example/plant", .sequence = 42, .floor = 42 };
    for (uint16_t i = 0; i < SIM_DEVICES; i++) {
        struct component_row *c = &r->components[i];
        struct step_row *row = &r->steps[i];

        *c = (struct component_row){ .sequence = NODE_NEW_SEQUENCE,
                                     .floor = NODE_NEW_SEQUENCE,
                                     .size = s->image.len,
                                     .is_required = true };
        (void)snprintf(c->name, sizeof c->name, "c%u", i);
        memcpy(c->identity, s->image.identity, sizeof c->identity);
        memcpy(c->vendor_id, s->image.vendor_id, sizeof c->vendor_id);
        memcpy(c->class_id, s->image.class_id, sizeof c->class_id);
        *row = (struct step_row){ .component = i,
                                  .state = STEP_WAITING,
                                  .has_ids = true,
                                  .serial = { (uint8_t)(10 + i) },
                                  .serial_len = 1 };
        memcpy(row->vendor_id, c->vendor_id, sizeof row->vendor_id);
        memcpy(row->class_id, c->class_id, sizeof row->class_id);
        memcpy(row->device, s->ends[i].name, sizeof s->ends[i].name);
        memcpy(row->bus, s->ends[i].name, sizeof s->ends[i].name);
    }
    shape(r, s->scenario->shape);
    return engine_create(s->engine, r, NULL, false, &id, NULL);
}

void core_make(struct simulation *s)
{
    s->env.ops = &ops;
    s->vfs = cut_vfs_new(disk);
    if (store_open(&s->store, path, disk, NULL) != GW_OK) {
        abort();
    }
    store_close(s->store);
    s->store = NULL;
    cut_vfs_save(s->vfs);
}

void core_free(struct simulation *s)
{
    cut_vfs_free(s->vfs);
}

void core_reset(struct simulation *s)
{
    cut_vfs_restore(s->vfs);
    s->timer_at = FAKE_NEVER;
    memset(s->is_used, 0, sizeof s->is_used);
    memset(&s->acknowledged, 0, sizeof s->acknowledged);
    memset(&s->in_flight, 0, sizeof s->in_flight);
    start(s);
    while (s->is_killed) {
        die(s);
        start(s);
    }
}

void core_clear(struct simulation *s)
{
    die(s);
}
