#include <string.h>

#include "inner.h"

/* Calls that brought nothing forward count; a question does not. */
static void count_try(struct job *job, uint16_t index, enum verb verb)
{
    struct step_row *row = &job->record->steps[index];

    if (verb == VERB_IDENTIFY) {
        return;
    }
    row->attempts++;
    row->tries++;
    row->activations += verb == VERB_ACTIVATE;
    job->steps[index].is_dirty = true;
    /* Whatever becomes of the call, the device is asked before anything else is done. */
    job->steps[index].seen = SEEN_NOTHING;
}

void calls_choose(struct engine *e, uint64_t now)
{
    struct job *job = e->current;

    if (!job || e->is_stopping) {
        return;
    }
    for (size_t i = 0; i < e->bus_count; i++) {
        struct bus *bus = &e->buses[i];
        struct choice choice;

        if (bus->call.id != 0 || bus->state != ENGINE_BUS_UP) {
            continue;
        }
        decide(&choice, job, bus->name, now);
        if (choice.verb == VERB_NONE) {
            continue;
        }
        bus->call = (struct bus_running){ .id = e->next_call_id++,
                                          .job = job->record->job.id,
                                          .verb = choice.verb,
                                          .component = choice.component,
                                          .step_count = choice.step_count };
        memcpy(bus->call.steps, choice.steps, sizeof choice.steps);
        for (uint16_t s = 0; s < choice.step_count; s++) {
            count_try(job, choice.steps[s], choice.verb);
        }
    }
}

static bool has_name(const char *const *names, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(names[i], name) == 0) {
            return true;
        }
    }
    return false;
}

static void start(struct engine *e, struct bus *bus)
{
    const char *names[CALL_DEVICES_MAX];
    struct engine_call call = { .id = bus->call.id,
                                .verb = bus->call.verb,
                                .bus = bus->name,
                                .devices = names,
                                .job = bus->call.job,
                                .component = bus->call.component };

    for (uint16_t i = 0; i < bus->call.step_count; i++) {
        const struct step_row *row = &e->current->record->steps[bus->call.steps[i]];

        call.is_retry = call.is_retry || row->is_retry;
        if (!has_name(names, call.device_count, row->device)) {
            names[call.device_count++] = row->device;
        }
    }
    bus->call.is_started = true;
    e->env->ops->call_start(e->env, &call);
}

/* Some step of the running transfer still wants it. */
static bool is_wanted(const struct engine *e, const struct bus *bus)
{
    for (uint16_t i = 0; i < bus->call.step_count; i++) {
        const struct step_row *row = &e->current->record->steps[bus->call.steps[i]];

        if (row->state == STEP_STAGING ||
            (row->state == STEP_CONFIRMING && !step_is_outstanding(row))) {
            return true;
        }
    }
    return false;
}

/* Only transfers are cut short: they take minutes, can be resumed, and leave the running image
 * alone. The other calls are short, and their end says more than their loss. */
static void cancel_unwanted(struct engine *e, struct bus *bus)
{
    bool is_unwanted = e->is_stopping || bus->state == ENGINE_BUS_PAUSED || !is_wanted(e, bus);

    if (bus->call.verb == VERB_STAGE && !bus->call.is_cancelled && is_unwanted) {
        bus->call.is_cancelled = true;
        e->env->ops->call_cancel(e->env, bus->name, bus->call.id);
    }
}

void calls_start(struct engine *e)
{
    for (size_t i = 0; i < e->bus_count; i++) {
        struct bus *bus = &e->buses[i];

        if (bus->call.id != 0 && !bus->call.is_started) {
            start(e, bus);
        } else if (bus->call.id != 0) {
            cancel_unwanted(e, bus);
        }
    }
}

static bool bus_waits(struct engine *e, const char *name)
{
    const struct bus *bus = engine_find_bus(e, name);

    return bus->state == ENGINE_BUS_UP && bus->call.id == 0;
}

uint64_t calls_due(struct engine *e)
{
    const struct job *job = e->current;
    uint64_t at = ENV_NEVER;

    if (!job || e->is_stopping) {
        return at;
    }
    for (uint16_t i = 0; i < job->record->step_count; i++) {
        uint64_t due = job->steps[i].due_ms, deadline = step_deadline(e, job, i);

        if (decide_step(job, i) != VERB_NONE && due > engine_now(e) && due < at &&
            bus_waits(e, job->record->steps[i].bus)) {
            at = due;
        }
        at = deadline < at ? deadline : at;
    }
    return at;
}

bool calls_are_running(const struct engine *e)
{
    for (size_t i = 0; i < e->bus_count; i++) {
        if (e->buses[i].call.id != 0) {
            return true;
        }
    }
    return false;
}

/* The bus on which call `id` of the current job runs; NULL = an answer that nobody waits for. */
static struct bus *bus_of_call(struct engine *e, uint64_t id)
{
    for (size_t i = 0; i < e->bus_count && id != 0 && e->current; i++) {
        if (e->buses[i].call.id == id && e->buses[i].call.job == e->current->record->job.id) {
            return &e->buses[i];
        }
    }
    return NULL;
}

void engine_call_device(struct engine *e, uint64_t call_id, const struct device_info *info)
{
    struct bus *bus = bus_of_call(e, call_id);

    for (uint16_t i = 0; bus && bus->call.verb == VERB_IDENTIFY && i < bus->call.step_count; i++) {
        uint16_t index = bus->call.steps[i];
        const struct step_row *row = &e->current->record->steps[index];

        if (strcmp(row->device, info->name) == 0 && !bus->call.has_answer[i]) {
            bus->call.has_answer[i] = true;
            step_resume(e, e->current, index);
            if (!step_has_ended(row)) {
                step_observe(e, e->current, index, info);
            }
        }
    }
}

/* No verdict on the image or the device: the device is asked what came of it. A trial that was lost
 * to a power cut is one of these; how often is bounded by ENGINE_TRIES_MAX and
 * ENGINE_ACTIVATIONS_MAX. */
static bool is_transient(const struct gw_error *error)
{
    bool is_of_bus = error->err >= 3000 && error->err < 4000; /* link and bus: codes.def */

    return is_of_bus || gw_code_of(error->err)->exit_code == EXIT_TRY_AGAIN ||
           error->err == GW_CANCELLED || error->err == GW_TRIAL_LOST ||
           error->err == GW_WRONG_STATE || error->err == GW_BUSY || error->err == GW_DEVICE_LIES;
}

static struct gw_error error_of(const struct device_result *result)
{
    struct gw_error error = result->error;
    enum gw_err verdict = (enum gw_err)(2200 + result->reason);

    if (error.err == GW_OK) {
        error.err = GW_REFUSED;
    }
    if (result->reason != 0 && error.err == GW_REFUSED && gw_code_of(verdict)->err == verdict) {
        error.err = verdict;
    }
    return error;
}

static void succeed(struct engine *e, struct bus *bus, uint16_t index, bool is_deferred)
{
    struct job *job = e->current;
    struct live_step *live = &job->steps[index];
    struct step_row *row = &job->record->steps[index];

    live->is_deferred = live->is_deferred || is_deferred;
    live->revert_answered = live->revert_answered || bus->call.verb == VERB_REVERT;
    live->seen = SEEN_NOTHING;
    live->due_ms = 0;
    live->backoff_ms = 0;
    if (live->cannot_say) {
        live->seen = seen_after(bus->call.verb);
        enum step_event event = row->state == STEP_REVERTING ? EVENT_REVERTED
                                                             : step_event_of(live->seen);
        (void)step_move(e, job, index, event);
    }
}

/* What is on its only way forward or back is asked again; a bound ends it. */
static void fail(struct engine *e, uint16_t index, const struct gw_error *error)
{
    const struct step_row *row = &e->current->record->steps[index];

    if (is_transient(error) || row->state == STEP_CONFIRMING || row->state == STEP_REVERTING) {
        step_delay(e, e->current, index, error);
    } else {
        e->current->steps[index].trouble = *error;
        step_give_up(e, e->current, index, error);
    }
}

static void take_result(struct engine *e, struct bus *bus, uint16_t index,
                        const struct device_result *result)
{
    struct gw_error error = error_of(result);

    if (bus->call.verb == VERB_STAGE && result->resumed_at > 0) {
        e->current->record->steps[index].resumed_at = result->resumed_at;
        e->current->steps[index].is_dirty = true;
    }
    if (bus->call.verb == VERB_ACTIVATE && result->outcome == OUTCOME_DONE) {
        e->current->record->steps[index].is_retry = false;
        e->current->steps[index].is_dirty = true;
    }
    switch (result->outcome) {
    case OUTCOME_DONE:
    case OUTCOME_DEFERRED:
        succeed(e, bus, index, result->outcome == OUTCOME_DEFERRED);
        break;
    case OUTCOME_AWAY:
        step_lose(e, e->current, index, &error);
        break;
    case OUTCOME_OFFERED: /* it takes the image when it wakes: asked again now and then */
        step_delay(e, e->current, index, &(struct gw_error){ .err = GW_DEVICE_AWAY });
        break;
    case OUTCOME_FAILED:
        if (bus->call.verb == VERB_IDENTIFY) {
            step_lose(e, e->current, index, &error);
        } else {
            fail(e, index, &error);
        }
        break;
    }
}

void engine_call_result(struct engine *e, uint64_t call_id, const struct device_result *result)
{
    struct bus *bus = bus_of_call(e, call_id);

    for (uint16_t i = 0; bus && i < bus->call.step_count; i++) {
        uint16_t index = bus->call.steps[i];
        const struct step_row *row = &e->current->record->steps[index];

        if (strcmp(row->device, result->device) == 0 && !bus->call.has_answer[i]) {
            bus->call.has_answer[i] = true;
            if (!step_has_ended(row)) {
                take_result(e, bus, index, result);
            }
        }
    }
}

static void measure(struct live_step *live, uint64_t now, uint64_t done)
{
    uint64_t elapsed = now - live->rate_from_ms;

    if (live->rate_from_ms == 0 || done < live->rate_from_done) {
        live->rate_from_ms = now;
        live->rate_from_done = done;
    } else if (elapsed >= 2000) {
        uint64_t rate = (done - live->rate_from_done) * 1000 / elapsed;

        live->rate = live->rate ? (live->rate + rate) / 2 : rate;
        live->rate_from_ms = now;
        live->rate_from_done = done;
    }
}

void engine_call_progress(struct engine *e, uint64_t call_id, const char *device, uint64_t done,
                          uint64_t total)
{
    struct bus *bus = bus_of_call(e, call_id);

    for (uint16_t i = 0; bus && i < bus->call.step_count; i++) {
        uint16_t index = bus->call.steps[i];
        struct step_row *row = &e->current->record->steps[index];
        struct live_step *live = &e->current->steps[index];

        if (strcmp(row->device, device) != 0 || done > total) {
            continue;
        }
        row->done = done;
        if (done > live->best_done) {
            live->best_done = done;
            row->tries = 0; /* the next attempt starts nearer to the end */
        }
        measure(live, engine_now(e), done);
    }
}

/* The device of this step said nothing in a call that has ended. */
static void miss(struct engine *e, struct bus *bus, uint16_t index, const struct gw_error *error)
{
    struct live_step *live = &e->current->steps[index];
    struct gw_error silent = { .err = GW_TIMEOUT, .detail = "the router had no answer for it" };
    const struct gw_error *why = error->err == GW_OK ? &silent : error;

    live->seen = SEEN_NOTHING;
    if (bus->call.is_cancelled) {
        e->current->record->steps[index].tries -= e->current->record->steps[index].tries > 0;
    } else if (bus->call.verb == VERB_IDENTIFY) {
        step_lose(e, e->current, index, why);
    } else {
        fail(e, index, why);
    }
}

static void ask_later(struct engine *e, uint16_t index)
{
    if (step_is_outstanding(&e->current->record->steps[index])) {
        e->current->steps[index].due_ms = engine_now(e) + ENGINE_OUTSTANDING_MS;
    }
}

void engine_call_ended(struct engine *e, uint64_t call_id, const struct gw_error *error)
{
    struct bus *bus = bus_of_call(e, call_id);

    for (uint16_t i = 0; bus && i < bus->call.step_count; i++) {
        uint16_t index = bus->call.steps[i];

        e->current->steps[index].rate = 0;
        e->current->steps[index].rate_from_ms = 0;
        if (!bus->call.has_answer[i] && !step_has_ended(&e->current->record->steps[index])) {
            miss(e, bus, index, error);
        }
        ask_later(e, index);
    }
    for (size_t i = 0; i < e->bus_count; i++) {
        if (e->buses[i].call.id == call_id) {
            e->buses[i].call.id = 0;
        }
    }
}
