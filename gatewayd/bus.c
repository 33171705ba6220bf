#include "bus.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bus_call.h"
#include "child.h"
#include "images.h"
#include "ipc_socket.h"
#include "json.h"
#include "log.h"

enum {
    ROUTER_INTERFACE_VERSION = 1,
    RESTART_MS = 200,     /* after a death */
    OPEN_RETRY_MS = 1000, /* after a link that could not be opened; doubles to the next */
    OPEN_RETRY_MAX_MS = 30000,
};

struct bus {
    struct bus_config config;
    char path[108]; /* of the router's socket; sun_path of unix(7) */
    int listen_fd;
    struct child *child;
    struct image_channel *channel;
    struct bus_call *open_call, *watch_call; /* under way, or NULL */
    struct bus_call *queue;                  /* the first one runs */
    uv_timer_t timer;                        /* next start of the router */

    enum bus_state life; /* never BUSY or PAUSED: these are derived */
    bool is_paused;
    bool is_stopping; /* the router was told to end */
    struct gw_error error;
    unsigned restarts, open_failures, death_count;
    uint64_t deaths_ms[BUS_DEATHS_MAX]; /* the latest ones, oldest first */
};

const char *bus_state_word(enum bus_state state)
{
    static const char *const words[] = {
        [BUS_STARTING] = "starting", [BUS_OPEN] = "open",     [BUS_BUSY] = "busy",
        [BUS_PAUSED] = "paused",     [BUS_PARKED] = "parked", [BUS_FAILED] = "failed",
    };

    return words[state];
}

static void set_life(struct bus *bus, enum bus_state life, const struct gw_error *error)
{
    bus->life = life;
    bus->error = error ? *error : (struct gw_error){ .err = GW_OK };
    bus->config.ops->changed(bus->config.ctx, bus);
}

/* ---- the queue of calls ---- */

static void run_next(struct bus *bus)
{
    if (bus->queue && !bus_call_is_running(bus->queue)) {
        bus_call_run(bus->queue);
    }
}

static void unlink_call(struct bus_call *call)
{
    struct bus_call **at = &call->bus->queue;

    while (*at != call) {
        at = &(*at)->next;
    }
    *at = call->next;
}

static void end_call(struct bus_call *call, const struct gw_error *error,
                     const struct json *parameters)
{
    unlink_call(call);
    call->events->end(call->ctx, error, parameters);
    bus_call_free(call);
}

static void fail_calls(struct bus *bus, const struct gw_error *error)
{
    while (bus->queue) {
        end_call(bus->queue, error, NULL);
    }
}

static void call_finished(struct bus_call *call, const struct gw_error *error,
                          const struct json *parameters)
{
    struct bus *bus = call->bus;

    if (error->err == GW_ROUTER_HUNG && bus->child) {
        log_warning(bus->config.log, "bus %s: router hangs: %s", bus_name(bus), error->detail);
        child_stop(bus->child);
    }
    end_call(call, error, parameters);
    run_next(bus);
}

enum gw_err bus_call_start(struct bus_call **out, struct bus *bus, const char *method,
                           struct json *parameters, const struct bus_call_events *events, void *ctx)
{
    struct bus_call **at = &bus->queue, *call;

    *out = NULL;
    if (bus->is_paused || bus->life != BUS_OPEN) {
        json_free(parameters);
        return bus->is_paused ? GW_BUS_PAUSED : bus->error.err ? bus->error.err : GW_LINK_CLOSED;
    }
    call = bus_call_new(bus, bus->config.loop, bus->path, method, parameters);
    if (!call) {
        return GW_NO_MEMORY;
    }
    call->events = events;
    call->ctx = ctx;
    call->finished = call_finished;
    call->silence_ms = bus->config.silence_ms;
    while (*at) {
        at = &(*at)->next;
    }
    *at = call;
    run_next(bus);
    *out = call;
    return GW_OK;
}

void bus_call_cancel(struct bus_call *call)
{
    struct bus *bus = call->bus;

    unlink_call(call);
    bus_call_free(call);
    run_next(bus);
}

/* ---- the router's life ---- */

static void on_start_timer(uv_timer_t *timer);

static void start_later(struct bus *bus, uint64_t delay_ms)
{
    (void)uv_timer_start(&bus->timer, on_start_timer, delay_ms, 0);
}

/* What belongs to one router process. */
static void release_router(struct bus *bus)
{
    bus_call_free(bus->open_call);
    bus_call_free(bus->watch_call);
    bus->open_call = bus->watch_call = NULL;
    image_channel_close(bus->channel);
    bus->channel = NULL;
    if (bus->listen_fd >= 0) {
        close(bus->listen_fd);
        bus->listen_fd = -1;
    }
}

static bool died_too_often(struct bus *bus)
{
    uint64_t now_ms = uv_now(bus->config.loop);

    memmove(bus->deaths_ms, bus->deaths_ms + 1, sizeof bus->deaths_ms - sizeof bus->deaths_ms[0]);
    bus->deaths_ms[BUS_DEATHS_MAX - 1] = now_ms;
    bus->restarts++;
    bus->death_count++;
    return bus->death_count >= BUS_DEATHS_MAX && now_ms - bus->deaths_ms[0] <= BUS_DEATHS_MS;
}

static void link_failed(struct bus *bus, const struct gw_error *error)
{
    if (bus->error.err != error->err) {
        log_warning(bus->config.log, "bus %s: GW%04d %s: %s", bus_name(bus), error->err,
                    gw_err_text(error->err), error->detail);
    }
    set_life(bus, BUS_FAILED, error);
}

static void on_router_exit(void *ctx, int status)
{
    struct bus *bus = ctx;
    bool has_lost_link = status == EXIT_TRY_AGAIN;
    bool has_no_link = bus->is_stopping || has_lost_link;
    struct gw_error error;

    bus->child = NULL;
    bus->is_stopping = false;
    release_router(bus);
    if (has_lost_link) {
        (void)gw_fail(&error, GW_LINK_CLOSED, "%s", bus->config.bus->link);
        link_failed(bus, &error);
        fail_calls(bus, &error);
    }
    if (has_no_link) { /* it could not be opened, or was lost: no death that counts */
        unsigned shift = bus->open_failures < 5 ? bus->open_failures : 5;
        uint64_t delay_ms = (uint64_t)OPEN_RETRY_MS << shift;

        start_later(bus, delay_ms < OPEN_RETRY_MAX_MS ? delay_ms : OPEN_RETRY_MAX_MS);
        bus->open_failures++;
        return;
    }
    (void)gw_fail(&error, GW_ROUTER_DIED, "router %s ended by %s %d", bus->config.bus->router,
                  status < 0 ? "signal" : "exit status", status < 0 ? -status : status);
    log_warning(bus->config.log, "bus %s: %s", bus_name(bus), error.detail);
    if (died_too_often(bus)) {
        (void)gw_fail(&error, GW_BUS_PARKED, "router %s ended %d times in 10 minutes",
                      bus->config.bus->router, BUS_DEATHS_MAX);
        log_error(bus->config.log, "bus %s: parked: %s", bus_name(bus), error.detail);
        set_life(bus, BUS_PARKED, &error);
    } else {
        set_life(bus, BUS_STARTING, &error);
        start_later(bus, RESTART_MS);
    }
    fail_calls(bus, &error);
}

static void on_watch_event(struct bus_call *call, const struct json *parameters)
{
    struct bus *bus = call->bus;
    const char *event = json_get_string(parameters, "event");

    if (!event || strcmp(event, "ready") == 0) {
        return;
    }
    bus->config.ops->event(bus->config.ctx, bus, event, json_get_string(parameters, "device"));
}

/* A router without its Watch ends by itself; one that does not is stopped. */
static void watch_finished(struct bus_call *call, const struct gw_error *error,
                           const struct json *parameters)
{
    struct bus *bus = call->bus;

    (void)error;
    (void)parameters;
    bus->watch_call = NULL;
    bus_call_free(call);
    if (bus->child) {
        child_stop(bus->child);
    }
}

static struct bus_call *run_own_call(struct bus *bus, const char *method, struct json *parameters,
                                     void (*finished)(struct bus_call *, const struct gw_error *,
                                                      const struct json *))
{
    struct bus_call *call = bus_call_new(bus, bus->config.loop, bus->path, method, parameters);

    if (call) {
        call->finished = finished;
        call->silence_ms = bus->config.silence_ms;
    }
    return call;
}

static void opened(struct bus *bus)
{
    bus->watch_call = run_own_call(bus, "Watch", NULL, watch_finished);
    if (bus->watch_call) {
        bus->watch_call->raw = on_watch_event;
        bus->watch_call->silence_ms = 0;
        bus_call_run(bus->watch_call);
    }
    bus->open_failures = 0;
    log_info(bus->config.log, "bus %s: open: %s", bus_name(bus), bus->config.bus->link);
    set_life(bus, BUS_OPEN, NULL);
    bus->config.ops->event(bus->config.ctx, bus, "ready", NULL);
}

static void open_finished(struct bus_call *call, const struct gw_error *error,
                          const struct json *parameters)
{
    struct bus *bus = call->bus;

    (void)parameters;
    bus->open_call = NULL;
    if (!error->err) {
        opened(bus);
    } else if (error->err != GW_ROUTER_DIED) { /* that one comes with its exit status */
        link_failed(bus, error);
        bus->is_stopping = true;
        child_stop(bus->child);
    }
    bus_call_free(call);
}

static struct json *open_parameters(const struct config_bus *config)
{
    struct json *parameters = json_new_object(), *devices = json_new_array();

    json_set_integer(parameters, "interface_version", ROUTER_INTERFACE_VERSION);
    json_set_string(parameters, "bus", config->name);
    json_set_string(parameters, "link", config->link);
    json_set(parameters, "options",
             config->options ? json_copy(config->options) : json_new_object());
    for (unsigned i = 0; i < config->device_count; i++) {
        struct json *device = json_append(devices, json_new_object());

        json_set_string(device, "name", config->devices[i].name);
        json_set_string(device, "address",
                        config->devices[i].address[0] ? config->devices[i].address : NULL);
        json_set_bool(device, "foreign", config->devices[i].is_foreign);
    }
    json_set(parameters, "devices", devices);
    return parameters;
}

/* The sandbox profile and, for a serial port, its node: both stand in the link's URI. */
static const char *profile_of(const char *link, char node[CONFIG_URI_MAX])
{
    static const char serial[] = "serial:";

    node[0] = '\0';
    if (strncmp(link, serial, sizeof serial - 1) == 0) {
        (void)snprintf(node, CONFIG_URI_MAX, "%s", link + sizeof serial - 1);
        node[strcspn(node, "?")] = '\0';
        return "serial";
    }
    return strncmp(link, "usb:", 4) == 0 ? "usb" : strncmp(link, "tcp:", 4) == 0 ? "tcp" : "unix";
}

static enum gw_err spawn_router(struct bus *bus, int channel_fd, struct gw_error *error)
{
    char program[64], node[CONFIG_URI_MAX];
    const struct config_bus *config = bus->config.bus;
    struct child_config child = {
        .loop = bus->config.loop,
        .programs = bus->config.programs,
        .program = program,
        .profile = profile_of(config->link, node),
        .node = node[0] ? node : NULL,
        .environment = config->environment,
        .sandbox = config->sandbox,
        .listen_fd = bus->listen_fd,
        .channel_fd = channel_fd,
        .on_exit = on_router_exit,
        .ctx = bus,
    };

    (void)snprintf(program, sizeof program, "gatewayd-router-%s", config->router);
    return child_start(&bus->child, &child, error);
}

/* Each router gets a socket of its own: a call that its dead predecessor left waiting in the old
 * one is gone with it. */
static enum gw_err start_router(struct bus *bus, struct gw_error *error)
{
    int pair[2];
    enum gw_err err = ipc_listen(&bus->listen_fd, bus->path, 0600, error);

    if (err) {
        bus->listen_fd = -1;
        return err;
    }
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair)) {
        return gw_fail(error, GW_IO, "image channel");
    }
    err = image_channel_open(&bus->channel, bus->config.images, pair[0]);
    if (!err) {
        err = spawn_router(bus, pair[1], error);
    }
    close(pair[1]);
    if (err) {
        return err;
    }
    bus->open_call = run_own_call(bus, "Open", open_parameters(bus->config.bus), open_finished);
    if (!bus->open_call) {
        return gw_fail(error, GW_NO_MEMORY, "router");
    }
    bus_call_run(bus->open_call);
    return GW_OK;
}

static void on_start_timer(uv_timer_t *timer)
{
    struct bus *bus = timer->data;
    struct gw_error error = { .err = GW_OK };

    if (bus->child) { /* it is still ending; its exit starts the next one */
        return;
    }
    if (start_router(bus, &error)) {
        release_router(bus);
        link_failed(bus, &error);
        start_later(bus, OPEN_RETRY_MAX_MS);
    }
}

/* ---- public ---- */

enum gw_err bus_open(struct bus **out, const struct bus_config *config, struct gw_error *error)
{
    struct bus *bus = calloc(1, sizeof *bus);
    int len;

    *out = NULL;
    if (!bus) {
        return gw_fail(error, GW_NO_MEMORY, "bus %s", config->bus->name);
    }
    bus->config = *config;
    bus->listen_fd = -1;
    len = snprintf(bus->path, sizeof bus->path, "%s/bus/%s", config->run_dir, config->bus->name);
    if (len < 0 || (size_t)len >= sizeof bus->path) {
        free(bus);
        return gw_fail(error, GW_CONFIG, "run_dir is too long for a socket: %s", config->run_dir);
    }
    (void)uv_timer_init(config->loop, &bus->timer);
    bus->timer.data = bus;
    start_later(bus, 0);
    *out = bus;
    return GW_OK;
}

static void on_timer_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void bus_close(struct bus *bus)
{
    struct gw_error error;

    if (!bus) {
        return;
    }
    (void)gw_fail(&error, GW_SHUTTING_DOWN, "bus %s", bus_name(bus));
    fail_calls(bus, &error);
    child_abandon(bus->child);
    release_router(bus);
    (void)unlink(bus->path);
    uv_close((uv_handle_t *)&bus->timer, on_timer_closed);
}

void bus_pause(struct bus *bus)
{
    struct gw_error error;

    if (bus->is_paused) {
        return;
    }
    (void)gw_fail(&error, GW_BUS_PAUSED, "bus %s", bus_name(bus));
    bus->is_paused = true;
    bus->config.ops->changed(bus->config.ctx, bus);
    fail_calls(bus, &error);
}

void bus_resume(struct bus *bus)
{
    bool was_paused = bus->is_paused;

    bus->is_paused = false;
    if (bus->life == BUS_PARKED || bus->life == BUS_FAILED) {
        bus->death_count = 0;
        bus->open_failures = 0;
        start_later(bus, 0);
        if (bus->life == BUS_PARKED) {
            set_life(bus, BUS_STARTING, NULL);
        }
    } else if (was_paused) {
        bus->config.ops->changed(bus->config.ctx, bus);
    }
}

const struct config_bus *bus_config_of(const struct bus *bus)
{
    return bus->config.bus;
}

const char *bus_name(const struct bus *bus)
{
    return bus->config.bus->name;
}

enum bus_state bus_state(const struct bus *bus)
{
    if (bus->is_paused) {
        return BUS_PAUSED;
    }
    return bus->life == BUS_OPEN && bus->queue ? BUS_BUSY : bus->life;
}

const struct gw_error *bus_error(const struct bus *bus)
{
    return &bus->error;
}

unsigned bus_restarts(const struct bus *bus)
{
    return bus->restarts;
}

int bus_router_pid(const struct bus *bus)
{
    return bus->child ? child_pid(bus->child) : 0;
}
