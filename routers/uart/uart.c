#include "uart.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "activation.h"
#include "json.h"
#include "line_test.h"
#include "staging.h"

struct uart {
    struct router base;
    struct uart_device device;
};

static struct uart *self(struct router *r)
{
    return (struct uart *)r;
}

static enum gw_err take_framing(enum smp_framing *out, const struct json *options,
                                struct gw_error *error)
{
    static const char *const words[] = { "auto", "console", "raw" }; /* as enum smp_framing */
    const struct json *member = json_get(options, "framing");
    const char *word = json_string(member);

    *out = SMP_FRAMING_ANY;
    if (!member) {
        return GW_OK;
    }
    for (int i = 0; word && i < 3; i++) {
        if (strcmp(word, words[i]) == 0) {
            *out = (enum smp_framing)i;
            return GW_OK;
        }
    }
    return gw_fail(error, GW_CONFIG, "framing: \"auto\", \"console\" or \"raw\" expected");
}

static enum gw_err take_options(struct uart_device *d, uint32_t *buffer, const struct json *options,
                                struct gw_error *error)
{
    int64_t size = json_get_integer(options, "buf_size", 0);

    for (const struct json *m = json_first(options); m; m = json_next(m)) {
        if (strcmp(json_key(m), "framing") != 0 && strcmp(json_key(m), "buf_size") != 0) {
            return gw_fail(error, GW_CONFIG, "uart: unknown option \"%.40s\"", json_key(m));
        }
    }
    if (json_get(options, "buf_size") && (size < SESSION_BUFFER_MIN || size > 65535)) {
        return gw_fail(error, GW_CONFIG, "buf_size: %d..65535 expected", SESSION_BUFFER_MIN);
    }
    *buffer = (uint32_t)size;
    return take_framing(&d->wanted, options, error);
}

static enum gw_err uart_open(struct router **out, struct link *link,
                             const struct router_config *config, struct gw_error *error)
{
    uint32_t buffer = 0;

    *out = NULL;
    if (config->device_count > 1) {
        return gw_fail(error, GW_CONFIG, "%s: a UART bus has one device, not %zu", config->bus,
                       config->device_count);
    }
    struct uart *u = calloc(1, sizeof *u);

    if (!u) {
        return GW_NO_MEMORY;
    }
    enum gw_err err = take_options(&u->device, &buffer, config->options, error);

    if (err) {
        free(u);
        return err;
    }
    const char *name = config->device_count == 1 ? config->devices[0].name : config->bus;

    u->base.ops = &uart_router_ops;
    (void)snprintf(u->device.name, sizeof u->device.name, "%s", name);
    u->device.is_foreign = config->device_count == 1 && config->devices[0].is_foreign;
    smp_session_init(&u->device.session, link, buffer);
    *out = &u->base;
    return GW_OK;
}

static bool is_ours(const struct uart *u, const char *device)
{
    return strcmp(device, u->device.name) == 0;
}

static void answer_unknown(struct call *c, const char *device)
{
    struct device_result result = { .device = device, .outcome = OUTCOME_FAILED };

    (void)gw_fail(&result.error, GW_NOT_FOUND, "%s: no such device on this bus", device);
    c->ops->result(c, &result);
}

static enum gw_err identify_one(struct uart *u, struct call *c, bool reports_absence)
{
    struct device_info info;
    struct device_result result = { .device = u->device.name };
    enum gw_err err = uart_device_identify(&u->device, &info);

    if (!err) {
        c->ops->device(c, &info);
    }
    if (!err || uart_is_bus_error(err) || !reports_absence) {
        return uart_is_bus_error(err) ? err : GW_OK;
    }
    result.outcome = err == GW_TIMEOUT ? OUTCOME_AWAY : OUTCOME_FAILED;
    (void)gw_fail(&result.error, err, "%s: %s", u->device.name, gw_err_text(err));
    c->ops->result(c, &result);
    return GW_OK;
}

static enum gw_err uart_identify(struct router *r, struct call *c, const char *const *devices,
                                 size_t n)
{
    enum gw_err err = GW_OK;

    for (size_t i = 0; !err && i < n; i++) {
        if (is_ours(self(r), devices[i])) {
            err = identify_one(self(r), c, true);
        } else {
            answer_unknown(c, devices[i]);
        }
    }
    return err;
}

static enum gw_err uart_scan(struct router *r, struct call *c)
{
    return identify_one(self(r), c, false);
}

/* The four verbs that act on devices differ in one function. */
typedef enum gw_err (*verb)(struct uart_device *d, struct call *c, const struct image_ref *image,
                            struct device_result *result);

static enum gw_err for_each(struct router *r, struct call *c, const char *const *devices, size_t n,
                            const struct image_ref *image, verb act)
{
    for (size_t i = 0; i < n; i++) {
        struct device_result result = { .device = devices[i] };

        if (!is_ours(self(r), devices[i])) {
            answer_unknown(c, devices[i]);
            continue;
        }
        enum gw_err err = act(&self(r)->device, c, image, &result);

        if (err) {
            return err;
        }
        c->ops->result(c, &result);
    }
    return GW_OK;
}

static enum gw_err uart_stage_all(struct router *r, struct call *c, const char *const *devices,
                                  size_t n, const struct image_ref *image)
{
    return for_each(r, c, devices, n, image, uart_stage);
}

static enum gw_err uart_activate_all(struct router *r, struct call *c, const char *const *devices,
                                     size_t n, const struct image_ref *image)
{
    return for_each(r, c, devices, n, image, uart_activate);
}

static enum gw_err confirm_one(struct uart_device *d, struct call *c, const struct image_ref *image,
                               struct device_result *result)
{
    (void)c;
    return uart_confirm(d, image, result);
}

static enum gw_err uart_confirm_all(struct router *r, struct call *c, const char *const *devices,
                                    size_t n, const struct image_ref *image)
{
    return for_each(r, c, devices, n, image, confirm_one);
}

static enum gw_err revert_one(struct uart_device *d, struct call *c, const struct image_ref *image,
                              struct device_result *result)
{
    (void)c;
    return uart_revert(d, image, result);
}

static enum gw_err uart_revert_all(struct router *r, struct call *c, const char *const *devices,
                                   size_t n, const struct image_ref *image)
{
    return for_each(r, c, devices, n, image, revert_one);
}

static enum gw_err uart_report(struct router *r, struct call *c, const char *device,
                               const uint8_t nonce[16], struct json **report,
                               struct gw_error *error)
{
    struct uart_device *d = &self(r)->device;
    struct device_info info;
    uint32_t boots;

    (void)c;
    *report = NULL;
    if (!is_ours(self(r), device)) {
        return gw_fail(error, GW_NOT_FOUND, "%s: no such device on this bus", device);
    }
    /* first identify: it finds the framing, and whose device it is */
    enum gw_err err = uart_device_identify(d, &info);

    err = err || !info.is_own ? err : uart_device_report(d, nonce, &info, &boots);
    if (err) {
        return gw_fail(error, err, "%s: report: %s", device, gw_err_text(err));
    }
    *report = device_to_json(&info);
    if (info.is_own) { /* others cannot echo it */
        json_set_hex(*report, "nonce", nonce, 16);
        json_set_integer(*report, "boots", boots);
    }
    return GW_OK;
}

static enum gw_err uart_test(struct router *r, struct call *c, const char *device, uint32_t count,
                             struct bus_test *result, struct gw_error *error)
{
    (void)c;
    if (!is_ours(self(r), device)) {
        return gw_fail(error, GW_NOT_FOUND, "%s: no such device on this bus", device);
    }
    return line_test_run(&self(r)->device, count, result, error);
}

static void uart_close(struct router *r)
{
    free(r);
}

const struct router_ops uart_router_ops = {
    .name = "uart",
    .open = uart_open,
    .identify = uart_identify,
    .scan = uart_scan,
    .stage = uart_stage_all,
    .activate = uart_activate_all,
    .confirm = uart_confirm_all,
    .revert = uart_revert_all,
    .report = uart_report,
    .test = uart_test,
    .close = uart_close,
};
