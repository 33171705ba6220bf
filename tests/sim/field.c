#include <stdlib.h>
#include <string.h>

#include "sim_inner.h"
#include "uart.h"

static struct sim_line_end *end_of_time(struct fake_time *t)
{
    return (struct sim_line_end *)(void *)((char *)t - offsetof(struct sim_line_end, time));
}

static struct sim_line_end *end_of_call(struct call *c)
{
    return (struct sim_line_end *)(void *)((char *)c - offsetof(struct sim_line_end, call));
}

/* ---- time: waiting leaves the fiber ---- */

static uint64_t time_now(struct fake_time *t)
{
    return end_of_time(t)->sim->now;
}

static enum gw_err time_run(struct fake_time *t, uint64_t until)
{
    struct sim_line_end *end = end_of_time(t);

    if (end->is_cancelled) {
        return GW_CANCELLED;
    }
    if (until <= end->sim->now) {
        end->line_due = fake_line_step(end->line, end->sim->now);
        return GW_OK;
    }
    end->wake_at = until;
    fiber_yield(end->fiber);
    return end->is_cancelled ? GW_CANCELLED : GW_OK;
}

/* ---- the running call ---- */

static bool is_heard(const struct sim_line_end *end)
{
    return !end->is_cancelled && !end->must_die && !end->sim->is_killed;
}

static void call_progress(struct call *c, const char *device, uint64_t done, uint64_t total)
{
    struct sim_line_end *end = end_of_call(c);

    if (is_heard(end)) {
        engine_call_progress(end->sim->engine, end->call_id, device, done, total);
        end->sim->must_turn = true;
    }
}

static void call_result(struct call *c, const struct device_result *result)
{
    struct sim_line_end *end = end_of_call(c);

    if (!is_heard(end)) {
        return;
    }
    sim_note(end->sim, "%s: %s: outcome %d, GW%d %s", result->device, verb_word(end->verb),
             (int)result->outcome, (int)result->error.err, result->error.detail);
    sim_op(end->sim, 0x100 + end->index);
    if (is_heard(end)) {
        engine_call_result(end->sim->engine, end->call_id, result);
        end->sim->must_turn = true;
    }
}

static void call_device(struct call *c, const struct device_info *info)
{
    struct sim_line_end *end = end_of_call(c);

    if (!is_heard(end)) {
        return;
    }
    sim_op(end->sim, 0x200 + end->index);
    if (is_heard(end)) {
        engine_call_device(end->sim->engine, end->call_id, info);
        end->sim->must_turn = true;
    }
}

static enum gw_err call_read(struct call *c, uint64_t handle, uint64_t offset, void *buf,
                             size_t len)
{
    const struct node_image *image = &end_of_call(c)->sim->image;

    (void)handle;
    if (offset > image->len || len > image->len - offset) {
        return GW_BAD_PARAMETER;
    }
    memcpy(buf, image->gwi + offset, len);
    return GW_OK;
}

static const struct call_ops call_ops = {
    .progress = call_progress,
    .result = call_result,
    .device = call_device,
    .read_image = call_read,
};

static void run_call(void *ctx)
{
    struct sim_line_end *end = ctx;
    const char *name = end->name;
    struct router *r = end->router;

    switch (end->verb) {
    case VERB_STAGE:
        end->result = r->ops->stage(r, &end->call, &name, 1, &end->image);
        break;
    case VERB_ACTIVATE:
        end->result = r->ops->activate(r, &end->call, &name, 1, &end->image);
        break;
    case VERB_CONFIRM:
        end->result = r->ops->confirm(r, &end->call, &name, 1, &end->image);
        break;
    case VERB_REVERT:
        end->result = r->ops->revert(r, &end->call, &name, 1, &end->image);
        break;
    case VERB_IDENTIFY:
    case VERB_POLL:
    case VERB_NONE:
    case VERBS:
        end->result = r->ops->identify(r, &end->call, &name, 1);
        break;
    }
}

void field_call(struct sim_line_end *end, const struct engine_call *call)
{
    const struct node_image *image = &end->sim->image;

    end->image = (struct image_ref){ .handle = 1,
                                     .size = image->len,
                                     .cms_size = (uint32_t)image->cms_len,
                                     .payload_size = (uint32_t)image->payload_len,
                                     .block_size = image->block_size,
                                     .sequence = NODE_NEW_SEQUENCE,
                                     .version = "1.0.0",
                                     .retry = call->is_retry };
    memcpy(end->image.identity, image->identity, sizeof end->image.identity);
    memcpy(end->image.token, image->token, sizeof end->image.token);
    end->call_id = call->id;
    end->verb = call->verb;
    end->is_cancelled = false;
    end->wake_at = end->sim->now;
    fiber_start(end->fiber, run_call, end);
}

static void end_call(struct sim_line_end *end)
{
    struct gw_error error = { .err = end->is_cancelled ? GW_CANCELLED : end->result };
    uint64_t id = end->call_id;

    end->call_id = 0;
    if (!end->sim->is_killed) {
        sim_op(end->sim, 0x300 + end->index);
    }
    if (!end->sim->is_killed) {
        error.err = end->must_die ? GW_ROUTER_DIED : error.err;
        engine_call_ended(end->sim->engine, id, &error);
        end->sim->must_turn = true;
    }
}

/* Its waiting says cancelled from now on, so it unwinds at once and without effect. */
static void unwind(struct sim_line_end *end)
{
    end->is_cancelled = true;
    while (fiber_is_alive(end->fiber)) {
        fiber_resume(end->fiber);
    }
}

void field_cancel(struct sim_line_end *end)
{
    if (fiber_is_alive(end->fiber)) {
        unwind(end);
        end->wake_at = end->sim->now; /* its end is told in the next step */
    }
}

/* ---- routers ---- */

void field_open_router(struct sim_line_end *end)
{
    struct router_config *config = calloc(1, sizeof *config + sizeof config->devices[0]);
    struct gw_error error;

    if (!config) {
        abort();
    }
    config->bus = end->name;
    config->device_count = 1;
    memcpy(config->devices[0].name, end->name, sizeof end->name);
    end->link = fake_link_new(end->line, &end->time);
    if (!end->link || uart_router_ops.open(&end->router, end->link, config, &error) != GW_OK) {
        abort();
    }
    free(config);
    end->is_cancelled = end->must_die = false;
}

void field_close_router(struct sim_line_end *end)
{
    if (!end->router) {
        return;
    }
    unwind(end);
    end->call_id = 0;
    end->router->ops->close(end->router);
    end->link->ops->close(end->link);
    end->router = NULL;
    end->link = NULL;
}

/* ---- lines and devices ---- */

static void on_request(void *ctx, struct node *node)
{
    struct sim_line_end *end = ctx;

    (void)node;
    sim_op(end->sim, 0x400 + end->index);
}

static void on_changed(void *ctx, struct node *node)
{
    struct sim_line_end *end = ctx;

    (void)node;
    referee_see(end->sim, end->index);
}

static void on_failed(void *ctx, struct node *node)
{
    struct sim_line_end *end = ctx;

    (void)node;
    sim_note(end->sim, "%s: power failed at a flash operation", end->name);
    sim_post(end->sim, end->sim->now + SIM_OUTAGE_MS * SIM_MS, SIM_POWER_ON, end->index, 0);
}

void field_make(struct simulation *s)
{
    static const struct node_events events = { on_request, on_changed, on_failed };

    for (unsigned i = 0; i < SIM_DEVICES; i++) {
        struct sim_line_end *end = &s->ends[i];

        end->sim = s;
        end->index = i;
        end->name[0] = 'd';
        end->name[1] = (char)('0' + i);
        end->node = node_new(s->images, (uint8_t)(10 + i), &events, end);
        end->fiber = fiber_new();
        end->time = (struct fake_time){ time_now, time_run };
        end->call.ops = &call_ops;
    }
}

void field_free(struct simulation *s)
{
    for (unsigned i = 0; i < SIM_DEVICES; i++) {
        node_free(s->ends[i].node);
        fiber_free(s->ends[i].fiber);
    }
}

void field_reset(struct simulation *s)
{
    const struct sim_scenario *c = s->scenario;

    for (unsigned i = 0; i < SIM_DEVICES; i++) {
        struct sim_line_end *end = &s->ends[i];
        const struct fake_line_config config = {
            .baud = c->baud,
            .latency_us = 500,
            .noise = { c->noise_ppm, c->noise_ppm, c->noise_ppm, c->seed * 16 + i },
            .device = node_device(end->node),
        };

        end->line = fake_line_new(&config);
        if (!end->line) {
            abort();
        }
        node_reset(end->node, c->fates[i], s->now);
        if (c->is_worn && i == 0) {
            node_wear(end->node);
        }
        end->line_due = end->node_due = s->now;
        end->call_id = 0;
        end->router = NULL;
        end->must_die = end->is_cancelled = false;
    }
    for (unsigned i = 0; i < c->fault_count; i++) {
        if (c->faults[i].kind == SIM_CUT_FLASH) {
            node_cut_at_flash(s->ends[c->faults[i].device].node, c->faults[i].at + 1,
                              c->faults[i].seed);
        }
    }
}

void field_clear(struct simulation *s)
{
    for (unsigned i = 0; i < SIM_DEVICES; i++) {
        field_close_router(&s->ends[i]);
        fake_line_free(s->ends[i].line);
        s->ends[i].line = NULL;
    }
}

static void step_end(struct sim_line_end *end)
{
    struct simulation *s = end->sim;
    bool has_news = end->line_due <= s->now;

    if (has_news) {
        end->line_due = fake_line_step(end->line, s->now);
    }
    if (has_news || end->node_due <= s->now) {
        end->node_due = node_step(end->node, end->line, s->now);
    }
    if (fiber_is_alive(end->fiber) && (has_news || end->wake_at <= s->now)) {
        end->wake_at = FAKE_NEVER;
        fiber_resume(end->fiber);
        end->line_due = fake_line_step(end->line, s->now);
        end->node_due = node_step(end->node, end->line, s->now);
    }
    if (!fiber_is_alive(end->fiber) && end->call_id != 0) {
        end_call(end);
    }
}

static void kill_router(struct sim_line_end *end)
{
    struct gw_error error = { .err = GW_ROUTER_DIED };
    uint64_t id = end->call_id;

    sim_note(end->sim, "%s: router killed", end->name);
    field_close_router(end);
    if (id != 0) {
        engine_call_ended(end->sim->engine, id, &error);
    }
    core_bus(end->sim, end->index, false);
    sim_post(end->sim, end->sim->now + 500 * SIM_MS, SIM_BUS_OPEN, end->index, 0);
}

void field_step(struct simulation *s)
{
    for (unsigned i = 0; i < SIM_DEVICES && !s->is_killed; i++) {
        struct sim_line_end *end = &s->ends[i];

        step_end(end);
        if (end->must_die && end->router && !s->is_killed) {
            kill_router(end);
        }
    }
}

uint64_t field_due(const struct simulation *s)
{
    uint64_t at = FAKE_NEVER;

    for (unsigned i = 0; i < SIM_DEVICES; i++) {
        const struct sim_line_end *end = &s->ends[i];
        uint64_t fiber = end->call_id == 0            ? FAKE_NEVER
                         : fiber_is_alive(end->fiber) ? end->wake_at
                                                      : s->now;

        at = end->line_due < at ? end->line_due : at;
        at = end->node_due < at ? end->node_due : at;
        at = fiber < at ? fiber : at;
    }
    return at;
}
