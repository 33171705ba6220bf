/* File, pipe and URL sources; the fetcher is a scripted one. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cache_fixture.h"
#include "check.h"
#include "fetcher.h"
#include "source.h"
#include "uv_fixture.h"

enum { FILE_LEN = 700001 };

static char folder[64];
static uint8_t file[FILE_LEN];

static void fill_file(void)
{
    for (uint32_t i = 0, x = 1; i < FILE_LEN; i++) {
        x = x * 1664525u + 1013904223u;
        file[i] = (uint8_t)(x >> 24);
    }
}

/* What one read got. */
struct result {
    uint8_t bytes[FILE_LEN];
    size_t len, largest;
    bool is_done;
    struct gw_error error;
    struct source *source;
    struct source_read *read;
    size_t cancel_at; /* cancel as soon as so many bytes came; 0 = never */
};

static void on_data(void *ctx, const uint8_t *bytes, size_t len)
{
    struct result *r = ctx;

    CHECK(!r->is_done && len <= SOURCE_PIECE_MAX && r->len + len <= FILE_LEN);
    memcpy(r->bytes + r->len, bytes, len);
    r->len += len;
    r->largest = len > r->largest ? len : r->largest;
    if (r->cancel_at && r->len >= r->cancel_at) {
        r->source->ops->cancel(r->read);
        r->is_done = true;
    }
}

static void on_done(void *ctx, const struct gw_error *error)
{
    struct result *r = ctx;

    CHECK(!r->is_done);
    r->is_done = true;
    r->error = *error;
}

static const struct source_events events = { on_data, on_done };

static void begin(struct result *r, struct source *s, uint64_t offset, uint64_t len)
{
    memset(r, 0, sizeof *r);
    r->source = s;
    r->read = source_read(s, offset, len, &events, r);
    CHECK(!r->is_done && r->len == 0); /* never from inside */
}

static struct result results[3];

static void read_whole(uv_loop_t *loop, struct source *s, uint64_t offset, uint64_t len)
{
    begin(&results[0], s, offset, len);
    CHECK(run_until(loop, &results[0].is_done));
}

static bool got(const struct result *r, uint64_t offset, size_t len)
{
    return r->len == len && memcmp(r->bytes, file + offset, len) == 0;
}

/* --- file --- */

static int open_file(void)
{
    char path[100];
    int fd;

    (void)snprintf(path, sizeof path, "%s/file", folder);
    fd = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
    CHECK(write(fd, file, FILE_LEN) == FILE_LEN);
    (void)close(fd);
    return open(path, O_RDONLY | O_CLOEXEC);
}

static void a_file_is_read_at_any_place_in_pieces(uv_loop_t *loop)
{
    struct source *s;

    CHECK_EQ(source_open_file(&s, loop, open_file(), NULL), GW_OK);
    CHECK_EQ(s->ops->size(s), FILE_LEN);
    read_whole(loop, s, 0, FILE_LEN);
    CHECK(got(&results[0], 0, FILE_LEN) && results[0].error.err == GW_OK);
    CHECK_EQ(results[0].largest, SOURCE_PIECE_MAX);
    read_whole(loop, s, 12345, 1);
    CHECK(got(&results[0], 12345, 1));
    read_whole(loop, s, FILE_LEN - 10, 11);
    CHECK(got(&results[0], FILE_LEN - 10, 10));
    CHECK_EQ(results[0].error.err, GW_PACKAGE_TRUNCATED);
    read_whole(loop, s, FILE_LEN + 5, 1);
    CHECK(results[0].len == 0 && results[0].error.err == GW_PACKAGE_TRUNCATED);
    read_whole(loop, s, 5, UINT64_MAX - 2);
    CHECK(got(&results[0], 5, FILE_LEN - 5));
    s->ops->close(s);
}

static void several_reads_share_the_turns_and_any_may_be_cancelled(uv_loop_t *loop)
{
    struct source *s;

    CHECK_EQ(source_open_file(&s, loop, open_file(), NULL), GW_OK);
    begin(&results[0], s, 0, FILE_LEN);
    begin(&results[1], s, 100, FILE_LEN - 100);
    begin(&results[2], s, 200, 300000);
    results[1].cancel_at = 1;
    CHECK(run_until(loop, &results[0].is_done));
    CHECK(run_until(loop, &results[2].is_done));
    CHECK(got(&results[0], 0, FILE_LEN) && got(&results[2], 200, 300000));
    CHECK_EQ(results[1].len, SOURCE_PIECE_MAX);
    begin(&results[0], s, 0, 10);
    s->ops->cancel(results[0].read);
    begin(&results[0], s, 0, 10);
    results[0].cancel_at = 1;
    CHECK(run_until(loop, &results[0].is_done));
    run_turns(loop, 3);
    s->ops->close(s);
}

static void a_file_that_shrinks_is_an_error(uv_loop_t *loop)
{
    struct source *s;
    char path[100];

    CHECK_EQ(source_open_file(&s, loop, open_file(), NULL), GW_OK);
    (void)snprintf(path, sizeof path, "%s/file", folder);
    CHECK_EQ(truncate(path, 1000), 0);
    read_whole(loop, s, 0, FILE_LEN);
    CHECK_EQ(results[0].error.err, GW_SOURCE_READ);
    s->ops->close(s);
}

static void only_files_and_pipes_for_reading_are_taken(uv_loop_t *loop)
{
    struct cache_config config = { .dir = folder, .quota_bytes = 1 << 20 };
    struct cache *cache;
    struct source *s;
    char path[100];
    int ends[2];

    CHECK_EQ(cache_open(&cache, &config, NULL), GW_OK);
    (void)close(open_file());
    (void)snprintf(path, sizeof path, "%s/file", folder);
    CHECK_EQ(source_open_file(&s, loop, open(path, O_RDWR | O_CLOEXEC), NULL), GW_DESCRIPTOR);
    CHECK_EQ(source_open_file(&s, loop, open(path, O_WRONLY | O_CLOEXEC), NULL), GW_DESCRIPTOR);
    CHECK_EQ(source_open_file(&s, loop, open(folder, O_RDONLY | O_CLOEXEC), NULL), GW_DESCRIPTOR);
    CHECK_EQ(source_open_file(&s, loop, open("/dev/null", O_RDONLY | O_CLOEXEC), NULL),
             GW_DESCRIPTOR);
    CHECK_EQ(source_open_file(&s, loop, -1, NULL), GW_DESCRIPTOR);
    CHECK_EQ(pipe(ends), 0);
    CHECK_EQ(source_open_file(&s, loop, dup(ends[0]), NULL), GW_DESCRIPTOR);
    CHECK_EQ(source_open_pipe(&s, loop, ends[1], cache, NULL), GW_DESCRIPTOR);
    CHECK_EQ(source_open_pipe(&s, loop, open(path, O_RDONLY | O_CLOEXEC), cache, NULL),
             GW_DESCRIPTOR);
    CHECK(!s);
    (void)close(ends[0]);
    cache_close(cache);
}

/* --- pipe --- */

static void a_pipe_is_kept_and_may_be_read_again_while_it_still_comes(uv_loop_t *loop)
{
    struct cache_config config = { .dir = folder, .quota_bytes = 1 << 20 };
    struct cache *cache;
    struct source *s;
    int ends[2];

    CHECK_EQ(cache_open(&cache, &config, NULL), GW_OK);
    CHECK_EQ(pipe2(ends, O_CLOEXEC), 0);
    CHECK_EQ(source_open_pipe(&s, loop, ends[0], cache, NULL), GW_OK);
    begin(&results[1], s, 100, FILE_LEN - 100);
    begin(&results[2], s, FILE_LEN - 5, 10);
    for (size_t at = 0; at < FILE_LEN;) {
        size_t n = FILE_LEN - at < 5000 ? FILE_LEN - at : 5000;

        CHECK(write(ends[1], file + at, n) == (ssize_t)n);
        at += n;
        run_turns(loop, 2);
        CHECK(results[1].len <= at);
    }
    CHECK(!results[2].is_done);
    CHECK_EQ(s->ops->size(s), 0);
    (void)close(ends[1]);
    CHECK(run_until(loop, &results[2].is_done));
    CHECK(run_until(loop, &results[1].is_done));
    CHECK(got(&results[1], 100, FILE_LEN - 100));
    CHECK(got(&results[2], FILE_LEN - 5, 5) && results[2].error.err == GW_PACKAGE_TRUNCATED);
    CHECK_EQ(s->ops->size(s), FILE_LEN);
    read_whole(loop, s, 7, 1000);
    CHECK(got(&results[0], 7, 1000));
    s->ops->close(s);
    cache_close(cache);
}

static void a_pipe_that_the_cache_cannot_hold_fails(uv_loop_t *loop)
{
    struct cache_config config = { .dir = folder, .quota_bytes = 100000 };
    struct cache *cache;
    struct source *s;
    int ends[2];

    CHECK_EQ(cache_open(&cache, &config, NULL), GW_OK);
    CHECK_EQ(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    CHECK_EQ(source_open_pipe(&s, loop, ends[0], cache, NULL), GW_OK);
    begin(&results[0], s, 0, FILE_LEN);
    for (size_t at = 0; at < FILE_LEN && !results[0].is_done; at += 5000) {
        if (write(ends[1], file + at, 5000) < 0) {
            break;
        }
        run_turns(loop, 2);
    }
    CHECK(run_until(loop, &results[0].is_done));
    CHECK_EQ(results[0].error.err, GW_CACHE_FULL);
    s->ops->close(s);
    (void)close(ends[1]);
    cache_close(cache);
}

/* --- URL, over a scripted fetcher --- */

/* What the server does with one request, and with all after the last one. */
struct act {
    enum gw_err refuse; /* before the head */
    size_t break_after; /* bytes of the body, then broken; 0 = whole */
    enum gw_err end;    /* with what it breaks: GW_SOURCE_BROKEN when 0 */
    const char *etag;   /* "\"v1\"" when NULL */
    bool ignores_range;
    bool has_no_size;
    uint64_t size; /* it claims; FILE_LEN when 0 */
};

struct script {
    struct fetcher base;
    uv_loop_t *loop;
    const struct act *acts;
    size_t count, used;
    uint64_t froms[64];
    bool had_condition[64];
    int holds;
};

struct fetch_get {
    struct script *script;
    struct act act;
    uv_idle_t idle;
    uint64_t at, end;
    size_t sent;
    bool has_head;
    const struct fetch_events *events;
    void *ctx;
    bool is_dead;
};

static void free_get(uv_handle_t *handle)
{
    free(handle->data);
}

static void bury(struct fetch_get *g)
{
    g->is_dead = true;
    uv_close((uv_handle_t *)&g->idle, free_get);
}

static void end(struct fetch_get *g, enum gw_err err)
{
    struct gw_error error = { .err = err, .detail = "scripted" };

    bury(g);
    g->events->end(g->ctx, &error);
}

static void send_head(struct fetch_get *g)
{
    struct fetch_head head = {
        .status = g->act.ignores_range ? 200 : 206,
        .has_size = !g->act.has_no_size,
        .size = g->act.size ? g->act.size : FILE_LEN,
    };

    (void)snprintf(head.etag, sizeof head.etag, "%s", g->act.etag ? g->act.etag : "\"v1\"");
    g->has_head = true;
    g->events->head(g->ctx, &head);
}

static void on_get_turn(uv_idle_t *idle)
{
    struct fetch_get *g = idle->data;
    size_t n = 30000;

    if (g->act.refuse) {
        end(g, g->act.refuse);
        return;
    }
    if (!g->has_head) {
        send_head(g);
        return;
    }
    n = g->end - g->at < n ? (size_t)(g->end - g->at) : n;
    if (g->act.break_after && g->act.break_after - g->sent < n) {
        n = g->act.break_after - g->sent;
    }
    if (n == 0) {
        end(g, g->at == g->end ? GW_OK : g->act.end ? g->act.end : GW_SOURCE_BROKEN);
        return;
    }
    g->sent += n;
    g->at += n;
    g->events->data(g->ctx, file + g->at - n, n);
}

static struct fetch_get *script_get(struct fetcher *f, const struct fetch_request *r,
                                    const struct fetch_events *fetch_events, void *ctx)
{
    struct script *s = (struct script *)f;
    struct fetch_get *g = calloc(1, sizeof *g);

    g->script = s;
    g->act = s->acts[s->used < s->count ? s->used : s->count - 1];
    s->froms[s->used % 64] = r->from;
    s->had_condition[s->used % 64] = r->if_range != NULL;
    s->used++;
    g->at = g->act.ignores_range ? 0 : r->from;
    g->end = r->to && r->to < FILE_LEN ? r->to : FILE_LEN;
    if (r->from >= FILE_LEN && !g->act.refuse) {
        g->act.refuse = GW_PACKAGE_TRUNCATED;
    }
    g->events = fetch_events;
    g->ctx = ctx;
    (void)uv_idle_init(s->loop, &g->idle);
    g->idle.data = g;
    (void)uv_idle_start(&g->idle, on_get_turn);
    return g;
}

static void script_cancel(struct fetch_get *g)
{
    CHECK(!g->is_dead);
    bury(g);
}

static void script_hold(struct fetcher *f, bool on)
{
    ((struct script *)f)->holds += on ? 1 : -1;
}

static const struct fetcher_ops script_ops = { script_get, script_cancel, script_hold };

static struct source *open_url(struct script *script, uv_loop_t *loop, const struct act *acts,
                               size_t count, struct cache *cache)
{
    struct source_url_config config = {
        .loop = loop,
        .url = "https://server/file",
        .fetcher = &script->base,
        .cache = cache,
        .retry_ms = 60,
        .backoff_ms = 1,
    };
    struct source *s;

    *script = (struct script){
        .base.ops = &script_ops, .loop = loop, .acts = acts, .count = count
    };
    CHECK_EQ(source_open_url(&s, &config), GW_OK);
    return s;
}
#define OPEN_URL(script, loop, acts, cache)                                                        \
    open_url(script, loop, acts, sizeof acts / sizeof acts[0], cache)

static void a_url_is_read_by_ranges(uv_loop_t *loop)
{
    static const struct act good[] = { { 0 } };
    struct script script;
    struct source *s = OPEN_URL(&script, loop, good, NULL);

    CHECK_EQ(s->ops->size(s), 0);
    read_whole(loop, s, 5, 100000);
    CHECK(got(&results[0], 5, 100000) && results[0].error.err == GW_OK);
    CHECK_EQ(s->ops->size(s), FILE_LEN);
    CHECK(!script.had_condition[0]);
    read_whole(loop, s, FILE_LEN - 10, 20);
    CHECK(got(&results[0], FILE_LEN - 10, 10));
    CHECK_EQ(results[0].error.err, GW_PACKAGE_TRUNCATED);
    CHECK(script.had_condition[1] && script.froms[1] == FILE_LEN - 10);
    read_whole(loop, s, FILE_LEN, 20);
    CHECK_EQ(results[0].error.err, GW_PACKAGE_TRUNCATED);
    CHECK_EQ(script.used, 3);
    s->ops->hold(s, true);
    CHECK_EQ(script.holds, 1);
    s->ops->close(s);
}

static void a_broken_download_goes_on_where_it_broke(uv_loop_t *loop)
{
    static const struct act breaks[] = { { .break_after = 70000 } };
    struct script script;
    struct source *s = OPEN_URL(&script, loop, breaks, NULL);

    read_whole(loop, s, 0, FILE_LEN);
    CHECK(got(&results[0], 0, FILE_LEN) && results[0].error.err == GW_OK);
    CHECK_EQ(script.used, 11);
    for (uint64_t i = 0; i < script.used; i++) {
        CHECK_EQ(script.froms[i], i * 70000);
        CHECK(script.had_condition[i] == (i > 0));
    }
    s->ops->close(s);
}

static void failures_that_may_pass_are_retried_and_others_are_not(uv_loop_t *loop)
{
    static const enum gw_err passing[] = { GW_SOURCE_BUSY, GW_SOURCE_CONNECT, GW_SOURCE_SLOW,
                                           GW_SOURCE_BROKEN, GW_FETCH_DIED };
    static const enum gw_err final[] = { GW_SOURCE_STATUS, GW_SOURCE_TLS, GW_SOURCE_URL,
                                         GW_SOURCE_PLAIN_HTTP, GW_SOURCE_LENGTH };

    for (size_t i = 0; i < 5; i++) {
        struct act acts[] = { { .refuse = passing[i] }, { .refuse = passing[i] }, { 0 } };
        struct script script;
        struct source *s = OPEN_URL(&script, loop, acts, NULL);

        read_whole(loop, s, 0, 1000);
        CHECK(got(&results[0], 0, 1000));
        CHECK_EQ(script.used, 3);
        s->ops->close(s);
    }
    for (size_t i = 0; i < 5; i++) {
        struct act acts[] = { { .refuse = final[i] }, { 0 } };
        struct script script;
        struct source *s = OPEN_URL(&script, loop, acts, NULL);

        read_whole(loop, s, 0, 1000);
        CHECK_EQ(results[0].error.err, final[i]);
        CHECK_EQ(script.used, 1);
        s->ops->close(s);
    }
}

static void retries_end(uv_loop_t *loop)
{
    static const struct act dead[] = { { .refuse = GW_SOURCE_CONNECT } };
    /* A server that drips never comes to its end, though it sends a little each time. */
    static const struct act drips[] = { { .break_after = 10, .end = GW_SOURCE_SLOW } };
    struct script script;
    struct source *s = OPEN_URL(&script, loop, dead, NULL);

    read_whole(loop, s, 0, 1000);
    CHECK_EQ(results[0].error.err, GW_SOURCE_CONNECT);
    CHECK(script.used >= 3 && script.used < 40);
    source_url_set_retry(s, 0);
    script.used = 0;
    read_whole(loop, s, 0, 1000);
    CHECK_EQ(results[0].error.err, GW_SOURCE_CONNECT);
    CHECK_EQ(script.used, 1);
    s->ops->close(s);

    s = OPEN_URL(&script, loop, drips, NULL);
    read_whole(loop, s, 0, 10000);
    CHECK_EQ(results[0].error.err, GW_SOURCE_SLOW);
    CHECK(results[0].len < 1000);
    s->ops->close(s);
}

static void another_file_under_the_same_url_is_refused(uv_loop_t *loop)
{
    static const struct act etag[] = { { .break_after = 1000 }, { .etag = "\"v2\"" } };
    static const struct act whole[] = { { .break_after = 1000 },
                                        { .etag = "\"v2\"", .ignores_range = true } };
    static const struct act size[] = { { .break_after = 1000, .etag = "" },
                                       { .etag = "", .size = FILE_LEN + 1 } };
    const struct act *const cases[] = { etag, whole, size };

    for (size_t i = 0; i < 3; i++) {
        struct script script;
        struct source *s = open_url(&script, loop, cases[i], 2, NULL);

        read_whole(loop, s, 0, 5000);
        CHECK_EQ(results[0].error.err, GW_SOURCE_CHANGED);
        CHECK_EQ(results[0].len, 1000);
        s->ops->close(s);
    }
}

static void a_weak_etag_is_never_a_condition(uv_loop_t *loop)
{
    static const struct act weak[] = { { .break_after = 1000, .etag = "W/\"v1\"" } };
    struct script script;
    struct source *s = OPEN_URL(&script, loop, weak, NULL);

    read_whole(loop, s, 0, 3000);
    CHECK(got(&results[0], 0, 3000));
    CHECK(!script.had_condition[1] && !script.had_condition[2]);
    s->ops->close(s);
}

static void a_server_without_ranges_is_kept_whole_or_refused(uv_loop_t *loop)
{
    static const struct act ignores[] = { { .ignores_range = true } };
    static const struct act ignores_and_breaks[] = {
        { .ignores_range = true },
        { .ignores_range = true, .break_after = 400000 },
        { .ignores_range = true },
    };
    static const struct act endless[] = { { .ignores_range = true, .has_no_size = true } };
    struct cache_config config = { .dir = folder, .quota_bytes = 1 << 20 };
    struct cache *cache;
    struct script script;

    CHECK_EQ(cache_open(&cache, &config, NULL), GW_OK);
    struct source *s = OPEN_URL(&script, loop, ignores, cache);

    begin(&results[0], s, 1000, 200000);
    begin(&results[1], s, FILE_LEN - 100, 200);
    CHECK(run_until(loop, &results[0].is_done));
    CHECK(run_until(loop, &results[1].is_done));
    CHECK(got(&results[0], 1000, 200000) && got(&results[1], FILE_LEN - 100, 100));
    CHECK_EQ(results[1].error.err, GW_PACKAGE_TRUNCATED);
    CHECK_EQ(script.used, 3); /* two ranges, then the whole file once */
    read_whole(loop, s, 300, 400);
    CHECK(got(&results[0], 300, 400));
    CHECK_EQ(script.used, 3);
    s->ops->close(s);

    s = OPEN_URL(&script, loop, ignores_and_breaks, cache);
    read_whole(loop, s, 0, FILE_LEN);
    CHECK(got(&results[0], 0, FILE_LEN));
    CHECK_EQ(script.used, 3);
    s->ops->close(s);

    s = OPEN_URL(&script, loop, endless, cache);
    read_whole(loop, s, 0, FILE_LEN);
    CHECK(got(&results[0], 0, FILE_LEN));
    s->ops->close(s);
    cache_close(cache);

    config.quota_bytes = 300000;
    CHECK_EQ(cache_open(&cache, &config, NULL), GW_OK);
    s = OPEN_URL(&script, loop, ignores, cache);
    read_whole(loop, s, 0, FILE_LEN);
    CHECK_EQ(results[0].error.err, GW_SOURCE_NO_RANGE);
    s->ops->close(s);
    cache_close(cache);
    s = OPEN_URL(&script, loop, ignores, NULL);
    read_whole(loop, s, 0, 10);
    CHECK_EQ(results[0].error.err, GW_SOURCE_NO_RANGE);
    s->ops->close(s);
}

/* A server may stop honouring ranges in the middle (N16): what was handed out is not sent twice. */
static void a_200_after_a_resume_goes_on_at_the_right_byte(uv_loop_t *loop)
{
    static const struct act acts[] = { { .break_after = 70000 },
                                       { .ignores_range = true },
                                       { .ignores_range = true } };
    struct cache_config config = { .dir = folder, .quota_bytes = 2 << 20 };
    struct cache *cache;
    struct script script;

    CHECK_EQ(cache_open(&cache, &config, NULL), GW_OK);
    struct source *s = OPEN_URL(&script, loop, acts, cache);

    read_whole(loop, s, 11, FILE_LEN - 11);
    CHECK(got(&results[0], 11, FILE_LEN - 11));
    s->ops->close(s);
    cache_close(cache);
}

static void a_read_may_be_cancelled_at_any_time(uv_loop_t *loop)
{
    static const struct act breaks[] = { { .break_after = 70000 } };
    static const struct act ignores[] = { { .ignores_range = true } };
    struct cache_config config = { .dir = folder, .quota_bytes = 2 << 20 };
    struct cache *cache;
    struct script script;

    CHECK_EQ(cache_open(&cache, &config, NULL), GW_OK);
    for (int turns = 0; turns < 30; turns++) {
        for (int i = 0; i < 2; i++) {
            struct source *s = i ? OPEN_URL(&script, loop, ignores, cache)
                                 : OPEN_URL(&script, loop, breaks, cache);

            begin(&results[0], s, 0, FILE_LEN);
            run_turns(loop, turns);
            if (!results[0].is_done) {
                s->ops->cancel(results[0].read);
            }
            s->ops->close(s);
            s = i ? OPEN_URL(&script, loop, ignores, cache)
                  : OPEN_URL(&script, loop, breaks, cache);
            begin(&results[0], s, 0, FILE_LEN);
            results[0].cancel_at = 1 + (size_t)turns * 10000;
            CHECK(run_until(loop, &results[0].is_done));
            s->ops->close(s);
            run_turns(loop, 3);
        }
    }
    cache_close(cache);
}

static void on_a_loop(void (*test)(uv_loop_t *loop))
{
    uv_loop_t loop;

    fixture_folder_make(folder);
    CHECK_EQ(uv_loop_init(&loop), 0);
    test(&loop);
    CHECK(close_loop(&loop));
    fixture_folder_remove(folder);
}
#define TEST_ON_LOOP(fn) (printf("%s\n", #fn), on_a_loop(fn))

int main(void)
{
    fill_file();
    TEST_ON_LOOP(a_file_is_read_at_any_place_in_pieces);
    TEST_ON_LOOP(several_reads_share_the_turns_and_any_may_be_cancelled);
    TEST_ON_LOOP(a_file_that_shrinks_is_an_error);
    TEST_ON_LOOP(only_files_and_pipes_for_reading_are_taken);
    TEST_ON_LOOP(a_pipe_is_kept_and_may_be_read_again_while_it_still_comes);
    TEST_ON_LOOP(a_pipe_that_the_cache_cannot_hold_fails);
    TEST_ON_LOOP(a_url_is_read_by_ranges);
    TEST_ON_LOOP(a_broken_download_goes_on_where_it_broke);
    TEST_ON_LOOP(failures_that_may_pass_are_retried_and_others_are_not);
    TEST_ON_LOOP(retries_end);
    TEST_ON_LOOP(another_file_under_the_same_url_is_refused);
    TEST_ON_LOOP(a_weak_etag_is_never_a_condition);
    TEST_ON_LOOP(a_server_without_ranges_is_kept_whole_or_refused);
    TEST_ON_LOOP(a_200_after_a_resume_goes_on_at_the_right_byte);
    TEST_ON_LOOP(a_read_may_be_cancelled_at_any_time);
    return checks_failed != 0;
}
