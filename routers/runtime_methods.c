#include "runtime_methods.h"

#include <stdlib.h>
#include <string.h>

#include "call_json.h"
#include "ipc_socket.h"
#include "json.h"

enum { INTERFACE_VERSION = 1, OPEN_MS = 10000, TEST_READS_MAX = 10000 };

struct names {
    const char *list[ROUTER_DEVICES_MAX];
    size_t count;
};

static enum gw_err take_names(struct names *out, const struct json *parameters)
{
    out->count = 0;
    for (const struct json *n = json_first(json_get(parameters, "devices")); n; n = json_next(n)) {
        if (out->count == ROUTER_DEVICES_MAX) {
            return GW_BAD_PARAMETER;
        }
        out->list[out->count++] = json_string(n);
    }
    return GW_OK;
}

static enum gw_err open_link(struct runtime *rt, struct gw_error *error)
{
    const char *uri = json_get_string(rt->open_call.parameters, "link");

    return link_open(&rt->link, uri, &rt->waiter, ipc_now_ms() + OPEN_MS, error);
}

/* On a failure nothing is kept, so that Open may be tried again. */
static enum gw_err do_open(struct runtime *rt, struct gw_error *error)
{
    int64_t version = json_get_integer(rt->open_call.parameters, "interface_version", 0);

    if (version != INTERFACE_VERSION) {
        return gw_fail(error, GW_ROUTER_VERSION, "the core speaks version %lld, this router %d",
                       (long long)version, INTERFACE_VERSION);
    }
    rt->config = router_config_from_json(rt->open_call.parameters);
    if (!rt->config) {
        return gw_fail(error, GW_BAD_PARAMETER, "devices: too many, or a name is too long");
    }
    enum gw_err err = open_link(rt, error);

    if (!err) {
        err = rt->ops->open(&rt->router, rt->link, rt->config, error);
    }
    return err;
}

void methods_forget_open(struct runtime *rt)
{
    if (rt->router) {
        rt->ops->close(rt->router);
    }
    if (rt->link) {
        rt->link->ops->close(rt->link);
    }
    free(rt->config);
    varlink_call_free(&rt->open_call);
    rt->router = NULL;
    rt->link = NULL;
    rt->config = NULL;
}

static enum gw_err run_open(struct runtime *rt, const struct json *parameters, struct json **reply,
                            struct gw_error *error)
{
    (void)parameters;
    if (rt->router) {
        return gw_fail(error, GW_WRONG_STATE, "the bus is open");
    }
    rt->open_call = rt->pending; /* moved: the configuration borrows from it */
    rt->pending = (struct varlink_call){ 0 };
    enum gw_err err = do_open(rt, error);

    if (err) {
        methods_forget_open(rt);
        return err;
    }
    *reply = json_new_object();
    json_set_string(*reply, "router", rt->ops->name);
    json_set_string(*reply, "version", GW_VERSION);
    runtime_tell_watch(rt, "ready");
    return GW_OK;
}

static enum gw_err run_scan(struct runtime *rt, const struct json *parameters, struct json **reply,
                            struct gw_error *error)
{
    (void)parameters;
    (void)reply;
    (void)error;
    return rt->ops->scan(rt->router, &rt->call);
}

static enum gw_err run_identify(struct runtime *rt, const struct json *parameters,
                                struct json **reply, struct gw_error *error)
{
    struct names names;
    enum gw_err err = take_names(&names, parameters);

    (void)reply;
    (void)error;
    return err ? err : rt->ops->identify(rt->router, &rt->call, names.list, names.count);
}

typedef enum gw_err (*image_method)(struct router *r, struct call *c, const char *const *devices,
                                    size_t n, const struct image_ref *image);

static enum gw_err run_image_method(struct runtime *rt, image_method method,
                                    const struct json *parameters, struct gw_error *error)
{
    struct names names;
    struct image_ref image;
    enum gw_err err = take_names(&names, parameters);

    if (!err) {
        err = image_ref_from_json(&image, json_get(parameters, "image"));
    }
    if (err) {
        return gw_fail(error, err, "image or devices");
    }
    channel_begin(&rt->channel, image.handle, image.size);
    return method(rt->router, &rt->call, names.list, names.count, &image);
}

static enum gw_err run_stage(struct runtime *rt, const struct json *parameters, struct json **reply,
                             struct gw_error *error)
{
    (void)reply;
    return run_image_method(rt, rt->ops->stage, parameters, error);
}

static enum gw_err run_activate(struct runtime *rt, const struct json *parameters,
                                struct json **reply, struct gw_error *error)
{
    (void)reply;
    return run_image_method(rt, rt->ops->activate, parameters, error);
}

static enum gw_err run_confirm(struct runtime *rt, const struct json *parameters,
                               struct json **reply, struct gw_error *error)
{
    (void)reply;
    return run_image_method(rt, rt->ops->confirm, parameters, error);
}

static enum gw_err run_revert(struct runtime *rt, const struct json *parameters,
                              struct json **reply, struct gw_error *error)
{
    (void)reply;
    return run_image_method(rt, rt->ops->revert, parameters, error);
}

static enum gw_err run_report(struct runtime *rt, const struct json *parameters,
                              struct json **reply, struct gw_error *error)
{
    uint8_t nonce[16];
    struct json *report = NULL;

    if (!json_get_hex(parameters, "nonce", nonce, sizeof nonce)) {
        return gw_fail(error, GW_BAD_PARAMETER, "nonce: 32 lower-case hex digits");
    }
    enum gw_err err = rt->ops->report(rt->router, &rt->call, json_get_string(parameters, "device"),
                                      nonce, &report, error);

    if (!err) {
        *reply = json_new_object();
        (void)json_set(*reply, "report", report);
    }
    return err;
}

static enum gw_err run_test(struct runtime *rt, const struct json *parameters, struct json **reply,
                            struct gw_error *error)
{
    int64_t count = json_get_integer(parameters, "count", 0);
    struct bus_test test = { 0 };

    if (count < 1 || count > TEST_READS_MAX) {
        return gw_fail(error, GW_BAD_PARAMETER, "count: 1 to %d", TEST_READS_MAX);
    }
    enum gw_err err = rt->ops->test(rt->router, &rt->call, json_get_string(parameters, "device"),
                                    (uint32_t)count, &test, error);

    if (!err) {
        *reply = bus_test_to_json(&test);
    }
    return err;
}

static const struct {
    const char *name;
    enum gw_err (*run)(struct runtime *rt, const struct json *parameters, struct json **reply,
                       struct gw_error *error);
    bool needs_open;
} methods[] = {
    { "Open", run_open, false },        { "Scan", run_scan, true },
    { "Identify", run_identify, true }, { "Stage", run_stage, true },
    { "Activate", run_activate, true }, { "Confirm", run_confirm, true },
    { "Revert", run_revert, true },     { "Report", run_report, true },
    { "Test", run_test, true },
};

bool methods_run(struct runtime *rt, enum gw_err *err, struct json **reply, struct gw_error *error)
{
    const char *name = strrchr(rt->pending.method, '.') + 1;

    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
        if (strcmp(methods[i].name, name) != 0) {
            continue;
        }
        *err = methods[i].needs_open && !rt->router
                   ? gw_fail(error, GW_WRONG_STATE, "the bus is not open")
                   : methods[i].run(rt, rt->pending.parameters, reply, error);
        return true;
    }
    return false;
}
