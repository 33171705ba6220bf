#include "simulation.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim_inner.h"

enum {
    PAYLOAD_BYTES = 5000,
    LIMIT_MS = 900000,              /* I11: in this time every job has ended */
    REST_MS = NODE_TRIAL_MS + 5000, /* after that nothing moves by itself any more */
    STEPS_MAX = 2000000,
};

static void mix(struct simulation *s, uint64_t value)
{
    s->trace = (s->trace ^ value) * UINT64_C(0x100000001b3);
}

void sim_note(struct simulation *s, const char *format, ...)
{
    va_list args;

    if (!s->scenario->is_traced) {
        return;
    }
    printf("%8llu ms op %4llu: ", (unsigned long long)(s->now / SIM_MS),
           (unsigned long long)s->ops);
    va_start(args, format);
    (void)vprintf(format, args);
    va_end(args);
    printf("\n");
}

void sim_post(struct simulation *s, uint64_t at, enum sim_event_kind kind, unsigned index,
              uint64_t job)
{
    if (s->event_count == SIM_EVENTS) {
        abort();
    }
    s->events[s->event_count++] = (struct sim_event){ at, s->order++, kind, index, job };
}

void sim_drop(struct simulation *s, enum sim_event_kind kind)
{
    for (size_t i = s->event_count; i-- > 0;) {
        if (s->events[i].kind == kind) {
            s->events[i] = s->events[--s->event_count];
        }
    }
}

void sim_cut(struct simulation *s, unsigned device)
{
    if (node_is_powered(s->ends[device].node)) {
        sim_note(s, "d%u: power cut", device);
        node_power(s->ends[device].node, s->now, false);
        sim_post(s, s->now + SIM_OUTAGE_MS * SIM_MS, SIM_POWER_ON, device, 0);
    }
}

static void inflict(struct simulation *s, const struct sim_fault *fault)
{
    struct sim_line_end *end = &s->ends[fault->device];

    switch (fault->kind) {
    case SIM_KILL_CORE:
        s->is_killed = true;
        break;
    case SIM_KILL_ROUTER:
        end->must_die = end->router != NULL;
        break;
    case SIM_CUT:
        sim_cut(s, fault->device);
        break;
    case SIM_BREAK_LINE:
        fake_line_set_cut(end->line, true);
        sim_post(s, s->now + SIM_OUTAGE_MS * SIM_MS, SIM_MEND, fault->device, 0);
        break;
    case SIM_KILL_DISK:
    case SIM_POWER_CORE:
    case SIM_CUT_FLASH:
    case SIM_FAULT_NONE:
    case SIM_FAULT_KINDS:
        break;
    }
}

void sim_op(struct simulation *s, unsigned what)
{
    uint64_t op = s->ops++;

    mix(s, what);
    mix(s, s->now);
    for (unsigned i = 0; i < s->scenario->fault_count; i++) {
        if (s->scenario->faults[i].at == op) {
            inflict(s, &s->scenario->faults[i]);
        }
    }
}

static void happen(struct simulation *s, const struct sim_event *e)
{
    struct engine_image image = { .stream_size = s->image.len };

    switch (e->kind) {
    case SIM_IMAGE_READY:
        engine_image_ready(s->engine, e->job, (uint16_t)e->index, &image);
        s->must_turn = true;
        break;
    case SIM_POWER_ON:
        sim_note(s, "d%u: power on", e->index);
        node_power(s->ends[e->index].node, s->now, true);
        s->ends[e->index].node_due = s->now;
        break;
    case SIM_BUS_OPEN:
        field_open_router(&s->ends[e->index]);
        core_bus(s, e->index, true);
        break;
    case SIM_MEND:
        fake_line_set_cut(s->ends[e->index].line, false);
        break;
    }
}

static size_t earliest(const struct simulation *s)
{
    size_t best = 0;

    for (size_t i = 1; i < s->event_count; i++) {
        const struct sim_event *a = &s->events[i], *b = &s->events[best];

        if (a->at < b->at || (a->at == b->at && a->order < b->order)) {
            best = i;
        }
    }
    return best;
}

static void do_events(struct simulation *s)
{
    while (s->event_count > 0 && !s->is_killed) {
        size_t i = earliest(s);
        struct sim_event event = s->events[i];

        if (event.at > s->now) {
            return;
        }
        s->events[i] = s->events[--s->event_count];
        happen(s, &event);
    }
}

static uint64_t next_time(const struct simulation *s)
{
    uint64_t at = field_due(s);

    if (s->event_count > 0 && s->events[earliest(s)].at < at) {
        at = s->events[earliest(s)].at;
    }
    return s->timer_at < at ? s->timer_at : at;
}

static void step(struct simulation *s)
{
    if (s->is_killed) {
        core_restart(s);
    }
    do_events(s);
    field_step(s);
    if (s->timer_at <= s->now) {
        s->timer_at = FAKE_NEVER;
        s->must_turn = true;
    }
    if (s->must_turn && !s->is_killed) {
        core_turn(s);
    }
}

static bool has_ended(const struct simulation *s)
{
    return s->acknowledged.exists && !job_is_open(&s->acknowledged.job);
}

/* Until `until`, or until the job has ended (unless it may rest on). True: it has. */
static bool run_until(struct simulation *s, uint64_t until, bool stops_at_end)
{
    for (unsigned i = 0; i < STEPS_MAX; i++) {
        uint64_t at = next_time(s);

        step(s);
        if (s->is_killed) {
            continue;
        }
        if (stops_at_end && has_ended(s)) {
            return true;
        }
        at = next_time(s);
        if (at > until) {
            s->now = until;
            return has_ended(s);
        }
        s->now = at > s->now ? at : s->now;
    }
    referee_violate(s, 0, "I11: it does not come to an end");
    return false;
}

/* A core that died before the job was stored knows nothing of it: the operator asks again. */
static void install(struct simulation *s)
{
    uint64_t before = s->acknowledged.job.id;

    for (unsigned i = 0; i <= s->scenario->fault_count && s->acknowledged.job.id == before; i++) {
        if (core_install(s) != GW_OK && !s->is_killed) {
            referee_violate(s, 0, "the install was refused");
        }
        if (s->is_killed) {
            (void)run_until(s, s->now + 2000 * SIM_MS, false);
        }
    }
}

static void open_buses(struct simulation *s)
{
    for (unsigned i = 0; i < SIM_DEVICES; i++) {
        field_open_router(&s->ends[i]);
        core_bus(s, i, true);
    }
}

/* I18: the same package again reaches no flash. */
static void repeat(struct simulation *s, const struct sim_result *result)
{
    install(s);
    if (!run_until(s, s->now + LIMIT_MS * SIM_MS, true) || s->acknowledged.job.state != JOB_DONE) {
        referee_violate(s, 0, "I18: the same package is not done");
    }
    for (unsigned i = 0; i < SIM_DEVICES; i++) {
        if (node_flash_ops(s->ends[i].node) != result->flash_ops[i]) {
            referee_violate(s, i, "I18: the same package was flashed again");
        }
    }
}

struct sim_result simulation_run(struct simulation *s, const struct sim_scenario *scenario)
{
    struct sim_result result = { .has_ended = false };

    s->scenario = scenario;
    s->now = 1000 * SIM_MS;
    s->event_count = 0;
    s->ops = s->order = s->trace = s->calls = 0;
    s->is_killed = s->must_turn = false;
    referee_reset(s);
    field_reset(s);
    core_reset(s);
    uint64_t from = s->now;

    open_buses(s);
    install(s);
    result.has_ended = run_until(s, from + LIMIT_MS * SIM_MS, true);
    result.ended_ms = (s->now - from) / SIM_MS;
    (void)run_until(s, s->now + REST_MS * SIM_MS, false);
    if (!result.has_ended) {
        referee_violate(s, 0, "I11: the job has not ended");
    }
    result.state = s->acknowledged.job.state;
    result.error = s->acknowledged.job.error;
    referee_judge_end(s, &result);
    if (scenario->is_repeated && result.all_new) {
        repeat(s, &result);
    }
    result.violations = s->violations;
    result.broken_rules = s->broken_rules;
    result.ops = s->ops;
    result.disk_ops = cut_vfs_ops(s->vfs);
    result.trace = s->trace;
    result.calls = s->calls;
    field_clear(s);
    core_clear(s);
    return result;
}

struct simulation *simulation_new(void)
{
    struct simulation *s = calloc(1, sizeof *s);

    if (!s) {
        abort();
    }
    s->images = node_images_make(PAYLOAD_BYTES);
    s->image = node_images_new(s->images);
    field_make(s);
    core_make(s);
    return s;
}

void simulation_free(struct simulation *s)
{
    field_free(s);
    core_free(s);
    node_images_free(s->images);
    free(s);
}
