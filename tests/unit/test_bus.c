/* A bus with a real router process that plays a part (scripted_router.c), started by the launcher.
 */
#include "bus.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"
#include "child.h"
#include "images.h"
#include "json.h"

enum { TIMEOUT_MS = 20000, SILENCE_MS = 300 };

static const char *programs_dir;

/* The image channel is images.c's; here it only stays open. */
struct image_channel {
    int fd;
};

enum gw_err image_channel_open(struct image_channel **out, struct images *images, int fd)
{
    (void)images;
    *out = calloc(1, sizeof **out);
    (*out)->fd = fd;
    return GW_OK;
}

void image_channel_close(struct image_channel *channel)
{
    if (channel) {
        close(channel->fd);
        free(channel);
    }
}

struct fixture {
    uv_loop_t loop;
    uv_timer_t timeout;
    bool is_late;
    char run_dir[64];
    struct config_bus config;
    struct child_programs programs;
    struct bus *bus;

    enum bus_state states[64];
    int state_count, ready;
    int progress, results, ends;
    uint64_t done;
    struct gw_error error;
    enum outcome outcome;
};

static void on_changed(void *ctx, struct bus *bus)
{
    struct fixture *f = ctx;

    if (f->state_count < 64) {
        f->states[f->state_count++] = bus_state(bus);
    }
}

static void on_event(void *ctx, struct bus *bus, const char *event, const char *device)
{
    struct fixture *f = ctx;

    (void)bus;
    (void)device;
    f->ready += strcmp(event, "ready") == 0;
}

static void on_timeout(uv_timer_t *timer)
{
    struct fixture *f = timer->data;

    f->is_late = true;
}

static void open_fixture(struct fixture *f, const char *part)
{
    static const struct bus_ops ops = { on_changed, on_event };
    char path[128];

    *f = (struct fixture){ .config = { .name = "line", .router = "scripted" } };
    (void)snprintf(f->config.link, sizeof f->config.link, "unix:/%s", part);
    (void)snprintf(f->programs.dir, sizeof f->programs.dir, "%s", programs_dir);
    (void)snprintf(f->run_dir, sizeof f->run_dir, "/tmp/test_bus.XXXXXX");
    CHECK(mkdtemp(f->run_dir) != NULL);
    (void)snprintf(path, sizeof path, "%s/bus", f->run_dir);
    CHECK_EQ(mkdir(path, 0700), 0);
    CHECK_EQ(uv_loop_init(&f->loop), 0);
    CHECK_EQ(uv_timer_init(&f->loop, &f->timeout), 0);
    f->timeout.data = f;
    struct bus_config config = {
        .loop = &f->loop,
        .bus = &f->config,
        .run_dir = f->run_dir,
        .programs = &f->programs,
        .silence_ms = SILENCE_MS,
        .ops = &ops,
        .ctx = f,
    };
    CHECK_EQ(bus_open(&f->bus, &config, NULL), GW_OK);
}

static void close_fixture(struct fixture *f)
{
    char path[128];

    bus_close(f->bus);
    uv_close((uv_handle_t *)&f->timeout, NULL);
    (void)uv_run(&f->loop, UV_RUN_DEFAULT);
    CHECK_EQ(uv_loop_close(&f->loop), 0);
    (void)snprintf(path, sizeof path, "%s/bus", f->run_dir);
    CHECK_EQ(rmdir(path), 0); /* the socket has gone too */
    CHECK_EQ(rmdir(f->run_dir), 0);
}

/* Turn the loop until `condition`, or say that it never came. */
#define RUN_UNTIL(f, condition)                                                                    \
    do {                                                                                           \
        (f)->is_late = false;                                                                      \
        (void)uv_timer_start(&(f)->timeout, on_timeout, TIMEOUT_MS, 0);                            \
        while (!(condition) && !(f)->is_late) {                                                    \
            (void)uv_run(&(f)->loop, UV_RUN_ONCE);                                                 \
        }                                                                                          \
        (void)uv_timer_stop(&(f)->timeout);                                                        \
        CHECK(condition);                                                                          \
    } while (0)

static void on_progress(void *ctx, const char *device, uint64_t done, uint64_t total)
{
    struct fixture *f = ctx;

    CHECK(strcmp(device, "one") == 0);
    CHECK_EQ(total, 100);
    f->progress++;
    f->done = done;
}

static void on_result(void *ctx, const struct device_result *result)
{
    struct fixture *f = ctx;

    f->results++;
    f->outcome = result->outcome;
}

static void on_end(void *ctx, const struct gw_error *error, const struct json *parameters)
{
    struct fixture *f = ctx;

    (void)parameters;
    f->ends++;
    f->error = *error;
}

static const struct bus_call_events events = { .progress = on_progress,
                                               .result = on_result,
                                               .end = on_end };

static enum gw_err stage(struct fixture *f, struct bus_call **call)
{
    struct json *parameters;
    static const char text[] =
        "{\"devices\":[\"one\"],\"image\":{\"handle\":1,\"identity\":\"00\",\"payload_only\":false,"
        "\"size\":1,\"cms_size\":1,\"payload_size\":1,\"block_size\":512,\"token\":\"00\","
        "\"component\":0,\"sequence\":1,\"version\":\"1\"}}";

    CHECK_EQ(json_parse(&parameters, text, sizeof text - 1, JSON_STRICT, NULL), GW_OK);
    return bus_call_start(call, f->bus, "Stage", parameters, &events, f);
}

static void a_call_brings_progress_result_and_end(void)
{
    struct fixture f;
    struct bus_call *call;

    open_fixture(&f, "good");
    CHECK_EQ(stage(&f, &call), GW_LINK_CLOSED); /* not open yet */
    RUN_UNTIL(&f, f.ready);
    CHECK_EQ(bus_state(f.bus), BUS_OPEN);
    CHECK_EQ(stage(&f, &call), GW_OK);
    CHECK_EQ(bus_state(f.bus), BUS_BUSY);
    RUN_UNTIL(&f, f.ends);
    CHECK_EQ(f.progress, 2);
    CHECK_EQ(f.done, 100);
    CHECK_EQ(f.results, 1);
    CHECK_EQ(f.outcome, OUTCOME_DONE);
    CHECK_EQ(f.error.err, GW_OK);
    CHECK_EQ(bus_state(f.bus), BUS_OPEN);
    close_fixture(&f);
}

static void calls_run_one_after_the_other(void)
{
    struct fixture f;
    struct bus_call *one, *two, *three;

    open_fixture(&f, "good");
    RUN_UNTIL(&f, f.ready);
    CHECK_EQ(stage(&f, &one), GW_OK);
    CHECK_EQ(stage(&f, &two), GW_OK);
    CHECK_EQ(stage(&f, &three), GW_OK);
    bus_call_cancel(two);
    RUN_UNTIL(&f, f.ends == 2);
    CHECK_EQ(f.results, 2);
    close_fixture(&f);
}

static void a_busy_router_is_asked_again(void)
{
    struct fixture f;
    struct bus_call *call;

    open_fixture(&f, "busy");
    RUN_UNTIL(&f, f.ready);
    CHECK_EQ(stage(&f, &call), GW_OK);
    RUN_UNTIL(&f, f.ends);
    CHECK_EQ(f.error.err, GW_OK);
    CHECK_EQ(f.results, 1);
    close_fixture(&f);
}

static void a_router_that_dies_is_restarted_and_parked_after_three_deaths(void)
{
    struct fixture f;
    struct bus_call *call;

    open_fixture(&f, "dies");
    for (int death = 1; death <= BUS_DEATHS_MAX; death++) {
        RUN_UNTIL(&f, f.ready == death);
        CHECK_EQ(stage(&f, &call), GW_OK);
        RUN_UNTIL(&f, f.ends == death);
        CHECK(f.error.err == GW_ROUTER_DIED || f.error.err == GW_BUS_PARKED);
    }
    RUN_UNTIL(&f, bus_state(f.bus) == BUS_PARKED);
    CHECK_EQ(bus_error(f.bus)->err, GW_BUS_PARKED);
    CHECK_EQ(bus_restarts(f.bus), BUS_DEATHS_MAX);
    CHECK_EQ(stage(&f, &call), GW_BUS_PARKED);
    bus_resume(f.bus);
    RUN_UNTIL(&f, f.ready == BUS_DEATHS_MAX + 1);
    CHECK_EQ(bus_state(f.bus), BUS_OPEN);
    close_fixture(&f);
}

static void a_killed_router_comes_back(void)
{
    struct fixture f;
    struct bus_call *call;

    open_fixture(&f, "alive");
    RUN_UNTIL(&f, f.ready);
    CHECK_EQ(stage(&f, &call), GW_OK);
    CHECK_EQ(kill(bus_router_pid(f.bus), SIGKILL), 0);
    RUN_UNTIL(&f, f.ends);
    CHECK_EQ(f.error.err, GW_ROUTER_DIED);
    RUN_UNTIL(&f, f.ready == 2);
    close_fixture(&f);
}

static void silence_is_a_hang_and_signs_of_life_are_not(void)
{
    struct fixture f;
    struct bus_call *call;
    uint64_t from;

    open_fixture(&f, "alive");
    RUN_UNTIL(&f, f.ready);
    CHECK_EQ(stage(&f, &call), GW_OK);
    from = uv_now(&f.loop);
    RUN_UNTIL(&f, uv_now(&f.loop) - from > 3 * SILENCE_MS);
    CHECK_EQ(f.ends, 0);
    close_fixture(&f);

    open_fixture(&f, "mute");
    RUN_UNTIL(&f, f.ready);
    CHECK_EQ(stage(&f, &call), GW_OK);
    RUN_UNTIL(&f, f.ends);
    CHECK_EQ(f.error.err, GW_ROUTER_HUNG);
    RUN_UNTIL(&f, f.ready == 2); /* it was ended and started again */
    CHECK_EQ(bus_restarts(f.bus), 1);
    close_fixture(&f);
}

static void a_link_that_cannot_be_opened_is_tried_again_and_never_parked(void)
{
    struct fixture f;
    struct bus_call *call;

    open_fixture(&f, "no-link");
    RUN_UNTIL(&f, bus_state(f.bus) == BUS_FAILED);
    CHECK_EQ(bus_error(f.bus)->err, GW_LINK_OPEN);
    CHECK(strstr(bus_error(f.bus)->detail, "unix:/no-link"));
    CHECK_EQ(stage(&f, &call), GW_LINK_OPEN);
    (void)snprintf(f.config.link, sizeof f.config.link, "unix:/good"); /* plugged in */
    RUN_UNTIL(&f, f.ready);
    CHECK_EQ(bus_restarts(f.bus), 0);
    close_fixture(&f);
}

static void a_link_that_is_lost_again_and_again_is_opened_again_and_never_parked(void)
{
    struct fixture f;
    struct bus_call *call;

    open_fixture(&f, "loses");
    for (int loss = 1; loss <= BUS_DEATHS_MAX + 1; loss++) {
        RUN_UNTIL(&f, f.ready == loss);
        CHECK_EQ(stage(&f, &call), GW_OK);
        RUN_UNTIL(&f, f.ends == loss && bus_state(f.bus) == BUS_FAILED);
        CHECK_EQ(bus_error(f.bus)->err, GW_LINK_CLOSED);
    }
    CHECK_EQ(bus_restarts(f.bus), 0);
    close_fixture(&f);
}

static void a_router_that_never_lives_is_parked(void)
{
    struct fixture f;

    open_fixture(&f, "stillborn");
    RUN_UNTIL(&f, bus_state(f.bus) == BUS_PARKED);
    CHECK_EQ(f.ready, 0);
    close_fixture(&f);
}

static void nonsense_is_a_protocol_error(void)
{
    struct fixture f;
    struct bus_call *call;

    open_fixture(&f, "nonsense");
    RUN_UNTIL(&f, f.ready);
    CHECK_EQ(stage(&f, &call), GW_OK);
    RUN_UNTIL(&f, f.ends);
    CHECK_EQ(f.error.err, GW_PROTOCOL);
    CHECK_EQ(f.results, 0);
    close_fixture(&f);
}

static void a_paused_bus_starts_nothing(void)
{
    struct fixture f;
    struct bus_call *call;

    open_fixture(&f, "alive");
    RUN_UNTIL(&f, f.ready);
    CHECK_EQ(stage(&f, &call), GW_OK);
    bus_pause(f.bus);
    CHECK_EQ(f.ends, 1);
    CHECK_EQ(f.error.err, GW_BUS_PAUSED);
    CHECK_EQ(bus_state(f.bus), BUS_PAUSED);
    CHECK_EQ(stage(&f, &call), GW_BUS_PAUSED);
    bus_resume(f.bus);
    CHECK_EQ(bus_state(f.bus), BUS_OPEN);
    CHECK_EQ(stage(&f, &call), GW_OK);
    close_fixture(&f);
    CHECK_EQ(f.error.err, GW_SHUTTING_DOWN);
}

static void an_unknown_method_is_said_to_be_one(void)
{
    struct fixture f;
    struct bus_call *call;

    open_fixture(&f, "good");
    RUN_UNTIL(&f, f.ready);
    CHECK_EQ(bus_call_start(&call, f.bus, "Nothing", NULL, &events, &f), GW_OK);
    RUN_UNTIL(&f, f.ends);
    CHECK_EQ(f.error.err, GW_NO_METHOD);
    close_fixture(&f);
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        return 2;
    }
    programs_dir = argv[1];
    (void)signal(SIGPIPE, SIG_IGN);
    TEST(a_call_brings_progress_result_and_end);
    TEST(calls_run_one_after_the_other);
    TEST(a_busy_router_is_asked_again);
    TEST(a_router_that_dies_is_restarted_and_parked_after_three_deaths);
    TEST(a_killed_router_comes_back);
    TEST(silence_is_a_hang_and_signs_of_life_are_not);
    TEST(a_link_that_cannot_be_opened_is_tried_again_and_never_parked);
    TEST(a_link_that_is_lost_again_and_again_is_opened_again_and_never_parked);
    TEST(a_router_that_never_lives_is_parked);
    TEST(nonsense_is_a_protocol_error);
    TEST(a_paused_bus_starts_nothing);
    TEST(an_unknown_method_is_said_to_be_one);
    return checks_failed != 0;
}
