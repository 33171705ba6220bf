/* The core's half of fetching, with this program itself in the place of gatewayd-fetch: it is
 * started under that name through a launcher that only execs, and does what the URL says. */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cache_fixture.h"
#include "check.h"
#include "child.h"
#include "fetcher.h"
#include "interfaces.h"
#include "ipc_server.h"
#include "ipc_socket.h"
#include "uv_fixture.h"

/* --- as gatewayd-fetch --- */

static void reply_head(struct ipc_connection *c, int status, int size)
{
    struct json *p = json_new_object();

    json_set_integer(p, "status", status);
    json_set_string(p, "etag", "\"v1\"");
    if (size >= 0) {
        json_set_integer(p, "size", size);
    }
    ipc_upgrade(c, p);
}

static void on_call(void *context, struct ipc_connection *c, struct varlink_call *call)
{
    const char *url = json_get_string(call->parameters, "url");
    int64_t from = json_get_integer(call->parameters, "from", 0);
    char *bytes = calloc(1, 100000);

    (void)context;
    if (strcmp(url, "die") == 0) {
        _exit(9);
    } else if (strcmp(url, "fail") == 0) {
        struct json *p = json_new_object();

        json_set_integer(p, "code", GW_SOURCE_STATUS);
        json_set_string(p, "detail", "HTTP status 404");
        json_set_integer(p, "status", 404);
        ipc_reply_error(c, "io.gatewayd.Fetch.Failed", p);
    } else if (strcmp(url, "416") == 0) {
        struct json *p = json_new_object();

        json_set_integer(p, "code", GW_SOURCE_LENGTH);
        json_set_integer(p, "status", 416);
        ipc_reply_error(c, "io.gatewayd.Fetch.Failed", p);
    } else if (strcmp(url, "nonsense") == 0) {
        struct json *p = json_new_object();

        json_set_integer(p, "code", -1);
        ipc_reply_error(c, "io.gatewayd.Fetch.Failed", p);
    } else if (strcmp(url, "odd status") == 0) {
        reply_head(c, 301, 5);
    } else if (strcmp(url, "no size") == 0) {
        reply_head(c, 206, -1);
    } else if (strcmp(url, "beyond") == 0) {
        reply_head(c, 206, 10);
    } else if (strcmp(url, "whole") == 0) {
        reply_head(c, 200, 100000);
        ipc_send_raw(c, bytes, 1000);
        ipc_finish(c);
    } else if (strcmp(url, "hang") == 0) {
        for (;;) {
            (void)pause();
        }
    } else if (strncmp(url, "send ", 5) == 0) { /* so many bytes of a file of 100000 */
        long n = atol(url + 5);

        reply_head(c, 206, 100000);
        bytes[0] = (char)from;
        for (long at = 0; at < n; at += 10000) {
            ipc_send_raw(c, bytes, (size_t)(n - at < 10000 ? n - at : 10000));
        }
        ipc_finish(c);
    } else if (strcmp(url, "drip") == 0) {
        reply_head(c, 206, 100000);
        ipc_send_raw(c, bytes, 3);
    }
    free(bytes);
    varlink_call_free(call);
}

static int run_as_fetch(void)
{
    static const struct varlink_interface *const interfaces[] = { &interface_fetch, NULL };
    static const struct varlink_service service = { "fake", "0", interfaces };
    static const struct ipc_server_ops ops = { .call = on_call };
    struct ipc_server_config config = { .service = &service, .ops = &ops };
    struct ipc_server *server;
    uint64_t used_ms = ipc_now_ms();

    if (ipc_server_open(&server, &config, 3) != GW_OK) {
        return 1;
    }
    while (ipc_now_ms() < used_ms + 100) { /* idle for so long: end */
        if (ipc_server_wait(server, NULL, 0, 100) != GW_OK) {
            return 1;
        }
        if (ipc_server_connections(server) > 0) {
            used_ms = ipc_now_ms();
        }
    }
    ipc_server_close(server);
    return 0;
}

/* --- as the core --- */

static char folder[64];

static void put_link(const char *name)
{
    char self[256], path[128];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);

    self[n > 0 ? n : 0] = '\0';
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    CHECK_EQ(symlink(self, path), 0);
}

static void put_launcher(void)
{
    static const char script[] = "#!/bin/sh\nwhile [ \"$1\" != -- ]; do shift; done\nshift\n"
                                 "exec \"$@\"\n";
    char path[128];

    (void)snprintf(path, sizeof path, "%s/gatewayd-launch", folder);
    int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0700);

    CHECK(write(fd, script, sizeof script - 1) == sizeof script - 1);
    (void)close(fd);
}

struct result {
    struct fetch_head head;
    bool has_head, is_done;
    uint64_t bytes;
    uint8_t first;
    struct gw_error error;
    struct fetcher *fetcher;
    struct fetch_get *get;
    int cancel_in; /* 1 = in head(), 2 = in data() */
};

static void cancel(struct result *r)
{
    r->fetcher->ops->cancel(r->get);
    r->is_done = true;
}

static void on_head(void *ctx, const struct fetch_head *head)
{
    struct result *r = ctx;

    CHECK(!r->has_head && !r->is_done);
    r->head = *head;
    r->has_head = true;
    if (r->cancel_in == 1) {
        cancel(r);
    }
}

static void on_data(void *ctx, const uint8_t *bytes, size_t len)
{
    struct result *r = ctx;

    CHECK(r->has_head && !r->is_done && len > 0);
    r->first = r->bytes == 0 ? bytes[0] : r->first;
    r->bytes += len;
    if (r->cancel_in == 2) {
        cancel(r);
    }
}

static void on_end(void *ctx, const struct gw_error *error)
{
    struct result *r = ctx;

    CHECK(!r->is_done);
    r->error = *error;
    r->is_done = true;
}

static const struct fetch_events events = { on_head, on_data, on_end };

static void begin(struct result *r, struct fetcher *f, const char *url, uint64_t from, uint64_t to)
{
    struct fetch_request request = { .url = url, .from = from, .to = to };
    int cancel_in = r->cancel_in;

    *r = (struct result){ .fetcher = f, .cancel_in = cancel_in };
    r->get = f->ops->get(f, &request, &events, r);
    CHECK(!r->is_done && !r->has_head);
}

static struct result fetch(uv_loop_t *loop, struct fetcher *f, const char *url, uint64_t from,
                           uint64_t to)
{
    struct result r = { .cancel_in = 0 };

    begin(&r, f, url, from, to);
    CHECK(run_until(loop, &r.is_done));
    return r;
}

static void a_range_comes_whole(uv_loop_t *loop, struct fetcher *f)
{
    struct result r = fetch(loop, f, "send 500", 33, 533);

    CHECK_EQ(r.error.err, GW_OK);
    CHECK(r.bytes == 500 && r.first == 33);
    CHECK(r.head.status == 206 && r.head.has_size && r.head.size == 100000);
    CHECK(strcmp(r.head.etag, "\"v1\"") == 0);
    r = fetch(loop, f, "send 99990", 10, 0);
    CHECK(r.error.err == GW_OK && r.bytes == 99990);
    r = fetch(loop, f, "send 10", 99990, 200000); /* the file ends before the range */
    CHECK(r.error.err == GW_OK && r.bytes == 10);
    r = fetch(loop, f, "whole", 0, 1000);
    CHECK(r.error.err == GW_OK && r.bytes == 1000 && r.head.status == 200);
}

static void too_few_bytes_are_a_broken_download_and_too_many_are_refused(uv_loop_t *loop,
                                                                         struct fetcher *f)
{
    struct result r = fetch(loop, f, "send 499", 33, 533);

    CHECK_EQ(r.error.err, GW_SOURCE_BROKEN);
    CHECK_EQ(r.bytes, 499);
    r = fetch(loop, f, "send 501", 33, 533);
    CHECK_EQ(r.error.err, GW_SOURCE_LENGTH);
    CHECK(r.bytes <= 500);
    r = fetch(loop, f, "send 0", 33, 533);
    CHECK_EQ(r.error.err, GW_SOURCE_BROKEN);
}

static void what_the_fetcher_says_is_passed_on_and_nonsense_is_not(uv_loop_t *loop,
                                                                   struct fetcher *f)
{
    struct result r = fetch(loop, f, "fail", 0, 10);

    CHECK_EQ(r.error.err, GW_SOURCE_STATUS);
    CHECK(strcmp(r.error.detail, "HTTP status 404") == 0 && !r.has_head);
    CHECK_EQ(fetch(loop, f, "416", 0, 10).error.err, GW_PACKAGE_TRUNCATED);
    CHECK_EQ(fetch(loop, f, "nonsense", 0, 10).error.err, GW_FETCH_DIED);
    CHECK_EQ(fetch(loop, f, "odd status", 0, 10).error.err, GW_SOURCE_LENGTH);
    CHECK_EQ(fetch(loop, f, "no size", 0, 10).error.err, GW_SOURCE_LENGTH);
    CHECK_EQ(fetch(loop, f, "beyond", 10, 20).error.err, GW_SOURCE_LENGTH);
}

static void its_death_ends_what_is_under_way_and_the_next_get_starts_it_again(uv_loop_t *loop,
                                                                              struct fetcher *f)
{
    for (int i = 0; i < 3; i++) {
        struct result slow = { .cancel_in = 0 };

        begin(&slow, f, "drip", 0, 1000);
        CHECK_EQ(fetch(loop, f, "die", 0, 10).error.err, GW_FETCH_DIED);
        CHECK(run_until(loop, &slow.is_done));
        CHECK(slow.error.err == GW_FETCH_DIED || slow.error.err == GW_SOURCE_BROKEN);
        /* The closed connection may be noticed before the death: then one more get is lost to it.
         */
        struct result next = fetch(loop, f, "send 10", 0, 10);

        CHECK(next.error.err == GW_OK || next.error.err == GW_FETCH_DIED);
        CHECK(next.error.err == GW_OK || fetch(loop, f, "send 10", 0, 10).error.err == GW_OK);
    }
}

/* Asked at the moment when it ends by itself: its successor answers. */
static void a_get_that_meets_the_idle_end_is_served(uv_loop_t *loop, struct fetcher *f)
{
    for (unsigned wait_ms = 60; wait_ms < 140; wait_ms += 4) {
        CHECK_EQ(fetch(loop, f, "send 10", 0, 10).error.err, GW_OK);
        uint64_t until = ipc_now_ms() + wait_ms;

        while (ipc_now_ms() < until) { /* the loop does not run: nothing is noticed */
            (void)usleep(1000);
        }
        CHECK_EQ(fetch(loop, f, "send 10", 0, 10).error.err, GW_OK);
    }
}

static void a_body_that_drips_is_too_slow(uv_loop_t *loop, struct fetcher *f)
{
    struct result r = fetch(loop, f, "drip", 0, 1000);

    CHECK_EQ(r.error.err, GW_SOURCE_SLOW);
    CHECK_EQ(r.bytes, 3);
}

static void any_get_may_be_cancelled_at_any_time(uv_loop_t *loop, struct fetcher *f)
{
    for (int in = 1; in <= 2; in++) {
        struct result r = { .cancel_in = in };

        begin(&r, f, "send 500", 0, 500);
        CHECK(run_until(loop, &r.is_done));
    }
    for (int turns = 0; turns < 12; turns++) {
        struct result r = { .cancel_in = 0 };

        begin(&r, f, "drip", 0, 500);
        run_turns(loop, turns);
        f->ops->cancel(r.get);
        run_turns(loop, 2);
        CHECK(!r.is_done);
    }
    struct result left = { .cancel_in = 0 };

    begin(&left, f, "drip", 0, 500); /* fetcher_close() ends it silently */
    run_turns(loop, 3);
    begin(&left, f, "hang", 0, 500);
}

static void while_held_it_does_not_end(uv_loop_t *loop, struct fetcher *f)
{
    struct result r = { .cancel_in = 0 };
    uint64_t until;

    f->ops->hold(f, true);
    f->ops->hold(f, true);
    CHECK_EQ(fetch(loop, f, "send 10", 0, 10).error.err, GW_OK);
    f->ops->hold(f, false);
    begin(&r, f, "drip", 0, 10);
    f->ops->cancel(r.get);
    until = ipc_now_ms() + 300;
    while (ipc_now_ms() < until) {
        run_turns(loop, 1);
        (void)usleep(1000);
    }
    CHECK_EQ(fetch(loop, f, "send 10", 0, 10).error.err, GW_OK);
    f->ops->hold(f, false);
}

static void a_program_that_is_not_there_is_a_failure_and_no_crash(uv_loop_t *loop,
                                                                  struct fetcher *f)
{
    char path[128];

    (void)snprintf(path, sizeof path, "%s/gatewayd-fetch", folder);
    CHECK_EQ(unlink(path), 0);
    struct result r = fetch(loop, f, "send 10", 0, 10);

    CHECK_EQ(r.error.err, GW_FETCH_DIED);
    CHECK(strstr(r.error.detail, "gatewayd-fetch"));
    put_link("gatewayd-fetch");
    CHECK_EQ(fetch(loop, f, "send 10", 0, 10).error.err, GW_OK);
}

static void with_a_fetcher(void (*test)(uv_loop_t *loop, struct fetcher *f))
{
    struct child_programs programs = { .must_be_roots = false };
    char socket_path[100];
    struct fetcher *f;
    uv_loop_t loop;

    fixture_folder_make(folder);
    put_launcher();
    put_link("gatewayd-fetch");
    (void)snprintf(programs.dir, sizeof programs.dir, "%s", folder);
    (void)snprintf(socket_path, sizeof socket_path, "%s/fetch", folder);
    struct fetcher_config config = {
        .loop = &loop,
        .programs = &programs,
        .socket_path = socket_path,
        .tls_ca = "/ca.pem",
        .min_rate = 64,
        .min_time_s = 1,
        .idle_s = 60,
    };
    CHECK_EQ(uv_loop_init(&loop), 0);
    CHECK_EQ(fetcher_open(&f, &config, NULL), GW_OK);
    if (f) {
        test(&loop, f);
    }
    fetcher_close(f);
    (void)uv_run(&loop, UV_RUN_DEFAULT); /* until the process has ended */
    CHECK_EQ(uv_loop_close(&loop), 0);
    fixture_folder_remove(folder);
}
#define TEST_WITH_FETCHER(fn) (printf("%s\n", #fn), with_a_fetcher(fn))

int main(int argc, char **argv)
{
    const char *name = strrchr(argv[0], '/');

    (void)argc;
    if (name && strcmp(name, "/gatewayd-fetch") == 0) {
        return run_as_fetch();
    }
    TEST_WITH_FETCHER(a_range_comes_whole);
    TEST_WITH_FETCHER(too_few_bytes_are_a_broken_download_and_too_many_are_refused);
    TEST_WITH_FETCHER(what_the_fetcher_says_is_passed_on_and_nonsense_is_not);
    TEST_WITH_FETCHER(its_death_ends_what_is_under_way_and_the_next_get_starts_it_again);
    TEST_WITH_FETCHER(a_get_that_meets_the_idle_end_is_served);
    TEST_WITH_FETCHER(a_body_that_drips_is_too_slow);
    TEST_WITH_FETCHER(any_get_may_be_cancelled_at_any_time);
    TEST_WITH_FETCHER(while_held_it_does_not_end);
    TEST_WITH_FETCHER(a_program_that_is_not_there_is_a_failure_and_no_crash);
    return checks_failed != 0;
}
