#include "accept.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "fleet.h"
#include "source.h"

struct acceptance {
    struct accept_context context;
    enum config_mode mode;
    accept_fn done;
    void *ctx;
    struct accepted *result; /* under construction; owns the source */
    struct intake *intake;
    struct source_read *read; /* under way, or NULL */
    uint8_t *bytes;           /* what the intake asked for, filled so far */
    size_t wanted, got;
    struct fleet_refresh *refresh; /* under way, or NULL */
};

void accepted_free(struct accepted *accepted)
{
    if (!accepted) {
        return;
    }
    if (accepted->source) {
        accepted->source->ops->close(accepted->source);
    }
    package_free(accepted->package);
    plan_free(&accepted->plan);
    inventory_free(&accepted->inventory);
    admit_close(&accepted->admit);
    free(accepted);
}

static void free_all(struct acceptance *a)
{
    accepted_free(a->result);
    intake_free(a->intake);
    free(a->bytes);
    free(a);
}

static void refuse(struct acceptance *a, const struct gw_error *error)
{
    struct gw_error copy = *error;
    accept_fn done = a->done;
    void *ctx = a->ctx;

    free_all(a);
    done(ctx, NULL, &copy);
}

/* All questions are answered: make the plan and hand everything over. */
static void on_refreshed(void *ctx)
{
    struct acceptance *a = ctx;
    struct accepted *result = a->result;
    struct plan_policy policy;
    uint8_t(*cached)[32];
    struct gw_error error = { .err = GW_OK };

    a->refresh = NULL;
    if (fleet_inventory(a->context.fleet, &result->inventory)) {
        (void)gw_fail(&error, GW_NO_MEMORY, "inventory");
        refuse(a, &error);
        return;
    }
    admit_plan_policy(&policy, a->context.cache, a->mode, &cached);
    plan_make(&result->plan, result->package, &result->inventory, &policy);
    free(cached);
    a->result = NULL;
    accept_fn done = a->done;
    void *done_ctx = a->ctx;

    free_all(a);
    done(done_ctx, result, &error);
}

static void on_opened(struct acceptance *a)
{
    a->result->package = intake_take(a->intake);
    a->refresh = fleet_refresh_start(a->context.fleet, true, on_refreshed, a);
    if (!a->refresh) {
        struct gw_error error;

        (void)gw_fail(&error, GW_NO_MEMORY, "refresh");
        refuse(a, &error);
    }
}

static void read_more(struct acceptance *a);

static void on_data(void *ctx, const uint8_t *bytes, size_t len)
{
    struct acceptance *a = ctx;

    assert(len <= a->wanted - a->got);
    memcpy(a->bytes + a->got, bytes, len);
    a->got += len;
}

static void on_done(void *ctx, const struct gw_error *error)
{
    struct acceptance *a = ctx;
    struct gw_error refusal = { .err = GW_OK };

    a->read = NULL;
    /* A source that ends early is the intake's to judge: it knows what should have been there. */
    if (error->err && error->err != GW_PACKAGE_TRUNCATED) {
        refuse(a, error);
        return;
    }
    enum gw_err err = intake_give(a->intake, a->bytes, a->got, &refusal);

    if (err) {
        refusal.err = err;
        refuse(a, &refusal);
        return;
    }
    free(a->bytes);
    a->bytes = NULL;
    read_more(a);
}

static void read_more(struct acceptance *a)
{
    static const struct source_events events = { on_data, on_done };
    uint64_t offset;

    if (!intake_wants(a->intake, &offset, &a->wanted)) {
        on_opened(a);
        return;
    }
    a->got = 0;
    a->bytes = malloc(a->wanted);
    if (!a->bytes) {
        struct gw_error error;

        (void)gw_fail(&error, GW_NO_MEMORY, "%zu bytes", a->wanted);
        refuse(a, &error);
        return;
    }
    a->read = source_read(a->result->source, offset, a->wanted, &events, a);
}

struct acceptance *accept_start(const struct accept_context *context, struct source *source,
                                enum config_mode mode, accept_fn done, void *ctx)
{
    struct acceptance *a = calloc(1, sizeof *a);
    struct accepted *result = calloc(1, sizeof *result);

    if (!a || !result) {
        source->ops->close(source);
        free(a);
        free(result);
        return NULL;
    }
    *a = (struct acceptance){
        .context = *context, .mode = mode, .done = done, .ctx = ctx, .result = result
    };
    result->source = source;
    if (admit_open(&result->admit, context->config, context->trust, context->store)) {
        free_all(a);
        return NULL;
    }
    a->intake = intake_open(&result->admit.intake, source->ops->size(source));
    if (!a->intake) {
        free_all(a);
        return NULL;
    }
    read_more(a);
    return a;
}

void accept_cancel(struct acceptance *acceptance)
{
    if (acceptance->read) {
        acceptance->result->source->ops->cancel(acceptance->read);
    }
    fleet_refresh_cancel(acceptance->refresh);
    free_all(acceptance);
}
