/* Images over a source in memory, read as routers do: by requests on a seqpacket socket. */
#include <sys/socket.h>

#include "cache_fixture.h"
#include "check.h"
#include "fake_source.h"
#include "images.h"
#include "uv_fixture.h"

enum { CMS_LEN = 700, GWI_AT = 1234, READ_MAX = 65536 };

/* One image in a package, in the cache or not, and a router that reads it. */
struct bench {
    uv_loop_t loop;
    char folder[64];
    struct fixture_image image;
    uint8_t *package; /* GWI_AT bytes, then the .gwi */
    uint8_t *gwi;
    uint64_t gwi_len;
    struct fake_source source;
    struct cache *cache;
    struct images *images;
    struct image_channel *channel;
    int router; /* its end */
    struct image_spec spec;
    uint64_t handle;
    struct image_facts facts;
    struct gw_error error;
    unsigned ready, failed, progress;
    uint64_t last_progress;
    bool is_settled;
    uint32_t last_id;
};

static void on_ready(void *ctx, const struct image_facts *facts)
{
    struct bench *b = ctx;

    b->facts = *facts;
    b->ready++;
    b->is_settled = true;
}

static void on_failed(void *ctx, uint64_t handle, const struct gw_error *error)
{
    struct bench *b = ctx;

    CHECK_EQ(handle, b->handle);
    b->error = *error;
    b->failed++;
    b->is_settled = true;
}

static void on_progress(void *ctx, uint64_t handle, uint64_t done, uint64_t total)
{
    struct bench *b = ctx;

    CHECK_EQ(handle, b->handle);
    CHECK(done <= total && total == b->image.manifest.payload_size);
    b->progress++;
    b->last_progress = done;
}

static const struct image_events events = { on_ready, on_failed, on_progress };

static void open_cache(struct bench *b, uint64_t quota)
{
    struct cache_config config = { .dir = b->folder, .quota_bytes = quota };

    CHECK_EQ(cache_open(&b->cache, &config, NULL), GW_OK);
}

static void open_images(struct bench *b)
{
    struct images_config config = { .loop = &b->loop, .cache = b->cache };
    int pair[2];

    CHECK_EQ(images_open(&b->images, &config), GW_OK);
    CHECK_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
    CHECK_EQ(image_channel_open(&b->channel, b->images, pair[0]), GW_OK);
    b->router = pair[1];
}

/* Package bytes of `image`; the source hands them out. */
static void make_package(struct bench *b, uint32_t payload, uint32_t block)
{
    size_t table;

    fixture_image_make(&b->image, 9, payload, block);
    table = (size_t)b->image.manifest.block_count * SHA256_LEN;
    b->gwi_len = CMS_LEN + table + payload;
    b->package = malloc(GWI_AT + b->gwi_len + 512);
    memset(b->package, 0xee, GWI_AT + b->gwi_len + 512);
    b->gwi = b->package + GWI_AT;
    memset(b->gwi, 0x30, CMS_LEN);
    memcpy(b->gwi + CMS_LEN, b->image.table, table);
    memcpy(b->gwi + CMS_LEN + table, b->image.payload, payload);
    b->source = (struct fake_source){
        .base.ops = &fake_source_ops,
        .loop = &b->loop,
        .bytes = b->package,
        .len = GWI_AT + b->gwi_len + 512,
    };
    b->spec = (struct image_spec){
        .cms = { b->gwi, CMS_LEN },
        .manifest = &b->image.manifest,
        .mode = MODE_AUTO,
        .source = &b->source.base,
        .offset = GWI_AT,
    };
    memcpy(b->spec.identity, b->image.identity, 32);
}

static void set_up(struct bench *b, uint32_t payload, uint32_t block, enum config_mode mode)
{
    memset(b, 0, sizeof *b);
    CHECK_EQ(uv_loop_init(&b->loop), 0);
    fixture_folder_make(b->folder);
    make_package(b, payload, block);
    b->spec.mode = mode;
    open_cache(b, 64 << 20);
    open_images(b);
}

static void tear_down(struct bench *b)
{
    image_channel_close(b->channel);
    images_close(b->images);
    run_turns(&b->loop, 3);
    CHECK_EQ(b->source.open, 0);
    CHECK_EQ(b->source.holds, 0);
    CHECK(close_loop(&b->loop));
    cache_close(b->cache);
    (void)close(b->router);
    fixture_image_free(&b->image);
    free(b->package);
    fixture_folder_remove(b->folder);
}

static void prepare(struct bench *b)
{
    b->is_settled = false;
    b->ready = b->failed = 0;
    b->handle = images_prepare(b->images, &b->spec, &events, b);
    CHECK(b->handle != 0 && !b->is_settled);
    CHECK(run_until(&b->loop, &b->is_settled));
}

/* --- the router's side --- */

static void ask_raw(struct bench *b, uint32_t id, uint32_t len, uint64_t handle, uint64_t offset)
{
    uint8_t m[24];

    for (unsigned i = 0; i < 8; i++) {
        m[i % 4 + (i < 4 ? 0 : 4)] = (uint8_t)((i < 4 ? id : len) >> 8 * (i % 4));
        m[8 + i] = (uint8_t)(handle >> 8 * i);
        m[16 + i] = (uint8_t)(offset >> 8 * i);
    }
    CHECK_EQ(send(b->router, m, sizeof m, MSG_NOSIGNAL), sizeof m);
}

static uint32_t u32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* The next answer, in at most `turns` turns of the loop: its status; 0xffffffff = none. */
static uint32_t answer(struct bench *b, uint8_t *data, size_t want, int turns)
{
    static uint8_t m[8 + READ_MAX];
    ssize_t n = -1;

    for (int i = 0; i < turns && n < 0; i++) {
        (void)uv_run(&b->loop, UV_RUN_NOWAIT);
        n = recv(b->router, m, sizeof m, 0);
    }
    if (n < 8) {
        return UINT32_MAX;
    }
    b->last_id = u32(m);
    if (u32(m + 4) == 0) {
        CHECK_EQ((size_t)n, 8 + want);
        memcpy(data, m + 8, want);
    } else {
        CHECK_EQ(n, 8);
    }
    return u32(m + 4);
}

static uint32_t read_at(struct bench *b, uint64_t offset, uint32_t len, uint8_t *data)
{
    ask_raw(b, 7, len, b->handle, offset);
    return answer(b, data, len, 100000);
}

/* The whole stream in reads of `step`, two ahead, as the runtime does; false: something differs. */
static bool stream_is(struct bench *b, const uint8_t *want, uint64_t len, uint32_t step)
{
    uint8_t *data = malloc(READ_MAX);
    uint64_t asked = 0, got = 0;
    bool same = true;

    while (same && got < len) {
        while (asked < len && asked - got < 3ull * step) {
            uint32_t n = len - asked < step ? (uint32_t)(len - asked) : step;

            ask_raw(b, (uint32_t)(asked / step), n, b->handle, asked);
            asked += n;
        }
        uint32_t n = len - got < step ? (uint32_t)(len - got) : step;

        same = answer(b, data, n, 100000) == 0 && b->last_id == got / step &&
               memcmp(data, want + got, n) == 0;
        got += n;
    }
    free(data);
    return same;
}

/* --- claims --- */

static void every_mode_and_block_size_delivers_the_same_stream(void)
{
    static const uint32_t blocks[] = { 512, 1024, 16384, 32768, 65536 };
    static const uint32_t steps[] = { 1000, 4096, 65536 };
    static const enum config_mode modes[] = { MODE_CACHED, MODE_STREAMED, MODE_AUTO };

    for (size_t i = 0; i < 5 * 3 * 3; i++) {
        struct bench b;

        set_up(&b, 600001, blocks[i % 5], modes[i / 15]);
        prepare(&b);
        CHECK_EQ(b.ready, 1);
        CHECK_EQ(b.facts.handle, b.handle);
        CHECK_EQ(b.facts.mode, modes[i / 15] == MODE_STREAMED ? MODE_STREAMED : MODE_CACHED);
        CHECK_EQ(b.facts.size, b.gwi_len);
        CHECK_EQ(b.facts.cms_size, CMS_LEN);
        CHECK(!b.facts.payload_only && !b.facts.has_state_hash);
        CHECK(stream_is(&b, b.gwi, b.gwi_len, steps[i / 5 % 3]));
        images_release(b.images, b.handle);
        CHECK_EQ(read_at(&b, 0, 10, b.package), GW_NOT_FOUND);
        tear_down(&b);
    }
}

static void streaming_never_reads_more_than_the_payload_once_when_read_in_order(void)
{
    struct bench b;

    set_up(&b, 2 << 20, 4096, MODE_STREAMED);
    prepare(&b);
    CHECK_EQ(b.source.holds, 1);
    CHECK(stream_is(&b, b.gwi, b.gwi_len, 3000));
    CHECK_EQ(b.source.handed_out, b.gwi_len - CMS_LEN);
    CHECK(b.source.reads <= 2 + (2 << 20) / (64 << 10));
    CHECK_EQ(fixture_folder_files(b.folder), 0);
    tear_down(&b);
}

/* A slow line asks for little at a time: the next bytes are there before it asks. */
static void a_slow_reader_never_waits_once_the_window_is_filled(void)
{
    struct bench b;
    static uint8_t data[2048];

    set_up(&b, 1 << 20, 1024, MODE_STREAMED);
    prepare(&b);
    CHECK_EQ(read_at(&b, CMS_LEN + 1024 * 32, 2048, data), 0);
    run_turns(&b.loop, 20);
    for (uint64_t at = 2048; at + 2048 <= 1 << 20; at += 2048) {
        b.source.is_stalled = true;
        ask_raw(&b, 1, 2048, b.handle, CMS_LEN + 1024 * 32 + at);
        CHECK_EQ(answer(&b, data, 2048, 3), 0); /* at once: from the window */
        CHECK(memcmp(data, b.image.payload + at, 2048) == 0);
        b.source.is_stalled = false;
        run_turns(&b.loop, 4); /* time passes */
    }
    tear_down(&b);
}

static void a_reader_may_jump_back_and_forth(void)
{
    static const uint64_t places[] = { 0, 900000, 100, 65536, 65535, 500000, 0, 999999, 131072 };
    struct bench b;
    uint8_t data[1];

    for (int mode = 0; mode < 2; mode++) {
        for (uint32_t block = 512; block <= 65536; block *= 128) {
            set_up(&b, 1000000, block, mode ? MODE_STREAMED : MODE_CACHED);
            prepare(&b);
            for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
                uint64_t at = CMS_LEN + 32ull * b.image.manifest.block_count + places[i];

                CHECK_EQ(read_at(&b, at, 1, data), 0);
                CHECK_EQ(data[0], b.gwi[at]);
            }
            tear_down(&b);
        }
    }
}

/* Wherever it jumps, and however much of the window is being overwritten just then. */
static void a_restless_reader_gets_the_right_bytes(void)
{
    static uint8_t data[READ_MAX];
    uint32_t x = 7;

    for (uint32_t block = 512; block <= 65536; block *= 8) {
        struct bench b;

        set_up(&b, 400001, block, MODE_STREAMED);
        prepare(&b);
        b.source.piece = 5000;
        for (int i = 0; i < 1500; i++) {
            x = x * 1664525u + 1013904223u;
            uint32_t len = 1 + (x >> 20) % (i % 3 ? 500 : 40000);
            uint64_t at = i % 2 ? (x >> 4) % (b.gwi_len - len) : (x >> 8) % 100000 + 100000;

            CHECK_EQ(read_at(&b, at, len, data), 0);
            CHECK(memcmp(data, b.gwi + at, len) == 0);
            run_turns(&b.loop, (int)(x >> 28) % 6);
        }
        tear_down(&b);
    }
}

static void requests_that_make_no_sense_are_refused(void)
{
    struct bench b;
    static uint8_t data[READ_MAX];

    set_up(&b, 100000, 1024, MODE_CACHED);
    prepare(&b);
    CHECK_EQ(read_at(&b, 0, 0, data), GW_BAD_PARAMETER);
    CHECK_EQ(read_at(&b, 0, READ_MAX + 1, data), GW_BAD_PARAMETER);
    CHECK_EQ(read_at(&b, b.gwi_len, 1, data), GW_BAD_PARAMETER);
    CHECK_EQ(read_at(&b, b.gwi_len - 1, 2, data), GW_BAD_PARAMETER);
    CHECK_EQ(read_at(&b, UINT64_MAX, 1, data), GW_BAD_PARAMETER);
    CHECK_EQ(read_at(&b, UINT64_MAX - 10, 20, data), GW_BAD_PARAMETER);
    CHECK_EQ(read_at(&b, b.gwi_len - 1, 1, data), 0);
    ask_raw(&b, 9, 10, b.handle + 1, 0);
    CHECK_EQ(answer(&b, data, 10, 100), GW_NOT_FOUND);
    CHECK_EQ(b.last_id, 9);
    tear_down(&b);
}

static void a_request_of_another_length_ends_the_channel(void)
{
    static const size_t lens[] = { 1, 23, 25, 100 };

    for (size_t i = 0; i < 4; i++) {
        struct bench b;
        uint8_t m[100] = { 1 };

        set_up(&b, 100000, 1024, MODE_CACHED);
        CHECK_EQ(send(b.router, m, lens[i], 0), lens[i]);
        run_turns(&b.loop, 3);
        CHECK_EQ(recv(b.router, m, sizeof m, 0), 0);
        run_turns(&b.loop, 3);
        tear_down(&b);
    }
}

/* More requests than it keeps, and a router that does not read its answers. */
static void a_flood_of_requests_waits_in_the_socket(void)
{
    struct bench b;
    static uint8_t data[READ_MAX];
    unsigned sent = 0;
    uint8_t m[24] = { 0 };

    set_up(&b, 1 << 20, 65536, MODE_CACHED);
    prepare(&b);
    m[4] = 1;
    m[6] = 0;
    m[8] = (uint8_t)b.handle;
    while (send(b.router, m, sizeof m, MSG_NOSIGNAL) == sizeof m) {
        sent++;
    }
    run_turns(&b.loop, 50);
    while (send(b.router, m, sizeof m, MSG_NOSIGNAL) == sizeof m && sent < 10000) {
        sent++;
    }
    CHECK(sent > 20 && sent < 10000);
    for (unsigned i = 0; i < sent; i++) {
        CHECK_EQ(answer(&b, data, 1, 1000), 0);
    }
    CHECK_EQ(answer(&b, data, 1, 20), UINT32_MAX);
    tear_down(&b);
}

static void a_router_that_goes_leaves_the_others_alone(void)
{
    struct bench b;
    struct image_channel *second;
    int pair[2], first_router;

    set_up(&b, 1 << 20, 1024, MODE_STREAMED);
    prepare(&b);
    CHECK_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
    CHECK_EQ(image_channel_open(&second, b.images, pair[0]), GW_OK);
    b.source.is_stalled = true;
    ask_raw(&b, 1, 1000, b.handle, b.gwi_len - 5000);
    run_turns(&b.loop, 3);
    CHECK_EQ(b.source.open, 1);
    (void)close(b.router);
    run_turns(&b.loop, 3);
    b.source.is_stalled = false;
    first_router = pair[1];
    b.router = first_router;
    CHECK(stream_is(&b, b.gwi, b.gwi_len, 5000));
    image_channel_close(second);
    tear_down(&b);
}

/* --- what is not what was signed --- */

static void of_a_tampered_block_nothing_leaves_when_streamed(void)
{
    static const uint32_t blocks[] = { 512, 4096, 65536 };

    for (size_t i = 0; i < 3; i++) {
        struct bench b;
        static uint8_t data[READ_MAX];
        uint32_t block = blocks[i], bad = 300000 / block;
        uint64_t payload_at;

        set_up(&b, 600000, block, MODE_STREAMED);
        payload_at = CMS_LEN + 32ull * b.image.manifest.block_count;
        b.gwi[payload_at + 300000] ^= 0x10;
        prepare(&b);
        CHECK_EQ(b.ready, 1);
        /* What lies before its slot comes, and nothing that touches the block does. */
        uint64_t slot = block > 16384 ? block : 16384, clean = 300000 / slot * slot;

        CHECK(stream_is(&b, b.gwi, payload_at + clean, 4096));
        CHECK(b.source.reads < 15); /* fetching ahead does not try the bad block again and again */
        for (int tries = 0; tries < 3; tries++) {
            uint64_t at = payload_at + (uint64_t)bad * block;

            CHECK_EQ(read_at(&b, at, 100, data), GW_CONTENT_DAMAGED);
            CHECK_EQ(read_at(&b, at + block - 1, 1, data), GW_CONTENT_DAMAGED);
            CHECK_EQ(read_at(&b, at - 10, 20, data), GW_CONTENT_DAMAGED);
        }
        /* And what lies behind it can be had, and the block itself once it is right. */
        CHECK_EQ(read_at(&b, payload_at + clean + slot, 1000, data), 0);
        b.gwi[payload_at + 300000] ^= 0x10;
        CHECK(stream_is(&b, b.gwi, b.gwi_len, 4096));
        CHECK_EQ(b.failed, 0);
        tear_down(&b);
    }
}

static void a_tampered_block_never_gets_into_the_cache(void)
{
    struct bench b;
    static uint8_t data[100];

    set_up(&b, 600000, 4096, MODE_CACHED);
    b.gwi[CMS_LEN + 32ull * b.image.manifest.block_count + 300000] ^= 1;
    prepare(&b);
    CHECK_EQ(b.failed, 1);
    CHECK_EQ(b.error.err, GW_CONTENT_DAMAGED);
    CHECK(strcmp(b.error.detail, "block 73") == 0);
    CHECK_EQ(read_at(&b, 0, 100, data), GW_CONTENT_DAMAGED);
    images_release(b.images, b.handle);
    tear_down(&b);
}

static void a_tampered_table_is_refused(void)
{
    static const enum config_mode modes[] = { MODE_CACHED, MODE_STREAMED, MODE_AUTO };

    for (size_t i = 0; i < 3; i++) {
        struct bench b;

        set_up(&b, 600000, 4096, modes[i]);
        b.gwi[CMS_LEN + 77] ^= 1;
        prepare(&b);
        CHECK_EQ(b.error.err, GW_CONTENT_DAMAGED);
        CHECK_EQ(fixture_folder_files(b.folder), 0);
        tear_down(&b);
    }
}

/* --- cache --- */

static void what_is_cached_is_not_fetched_again(void)
{
    struct bench b;

    set_up(&b, 600000, 4096, MODE_CACHED);
    prepare(&b);
    CHECK_EQ(b.source.handed_out, b.gwi_len - CMS_LEN);
    CHECK_EQ(b.source.reads, 2);
    CHECK_EQ(b.last_progress, 600000);
    images_release(b.images, b.handle);
    b.spec.source = NULL; /* as after a restart, the file gone */
    prepare(&b);
    CHECK_EQ(b.ready, 1);
    CHECK(stream_is(&b, b.gwi, b.gwi_len, 10000));
    images_release(b.images, b.handle);
    b.spec.mode = MODE_STREAMED; /* it is here: no reason to stream it */
    prepare(&b);
    CHECK_EQ(b.facts.mode, MODE_CACHED);
    tear_down(&b);
}

static void after_a_break_only_the_rest_is_fetched(void)
{
    struct bench b;

    set_up(&b, 1 << 20, 4096, MODE_CACHED);
    b.source.fail = GW_SOURCE_BROKEN;
    b.source.fail_at = GWI_AT + CMS_LEN + 32ull * b.image.manifest.block_count + 700001;
    prepare(&b);
    CHECK_EQ(b.error.err, GW_SOURCE_BROKEN);
    images_release(b.images, b.handle);
    b.source.fail = GW_OK;
    b.source.handed_out = 0;
    b.source.reads = 0;
    prepare(&b);
    CHECK_EQ(b.ready, 1);
    CHECK_EQ(b.source.reads, 1);
    CHECK_EQ(b.source.handed_out, (1 << 20) - 700001 / 4096 * 4096);
    CHECK(stream_is(&b, b.gwi, b.gwi_len, 10000));
    tear_down(&b);
}

static void a_failed_image_does_not_stand_in_the_way_of_the_next_try(void)
{
    struct bench b;
    uint64_t first;

    set_up(&b, 1 << 20, 4096, MODE_CACHED);
    b.source.fail = GW_SOURCE_BROKEN;
    b.source.fail_at = GWI_AT + CMS_LEN + 500000;
    prepare(&b);
    CHECK_EQ(b.failed, 1);
    first = b.handle;
    b.source.fail = GW_OK;
    prepare(&b);
    CHECK_EQ(b.ready, 1);
    CHECK(stream_is(&b, b.gwi, b.gwi_len, 10000));
    images_release(b.images, first);
    tear_down(&b);
}

static void without_room_auto_streams_and_cached_fails(void)
{
    struct bench b;

    for (int i = 0; i < 2; i++) {
        set_up(&b, 600000, 4096, i ? MODE_CACHED : MODE_AUTO);
        images_close(b.images);
        image_channel_close(NULL);
        cache_close(b.cache);
        (void)close(b.router);
        open_cache(&b, 100000);
        open_images(&b);
        prepare(&b);
        if (i) {
            CHECK_EQ(b.error.err, GW_CACHE_FULL);
        } else {
            CHECK_EQ(b.facts.mode, MODE_STREAMED);
            CHECK(stream_is(&b, b.gwi, b.gwi_len, 10000));
        }
        tear_down(&b);
    }
}

/* What is cached and pinned stays, also while nobody has it open. */
static void a_pinned_image_is_not_evicted_by_another(void)
{
    struct bench b;
    uint8_t first[32];

    set_up(&b, 600000, 4096, MODE_CACHED);
    images_close(b.images);
    cache_close(b.cache);
    (void)close(b.router);
    open_cache(&b, 1000000);
    open_images(&b);
    prepare(&b);
    images_release(b.images, b.handle);
    memcpy(first, b.image.identity, sizeof first);
    images_pin(b.images, first, true);
    b.spec.identity[0] ^= 1; /* the same content under another identity */
    prepare(&b);
    CHECK_EQ(b.error.err, GW_CACHE_FULL);
    images_release(b.images, b.handle);
    CHECK_EQ(fixture_folder_files(b.folder), 1);
    images_pin(b.images, first, false);
    prepare(&b);
    CHECK_EQ(b.ready, 1);
    CHECK_EQ(fixture_folder_files(b.folder), 1);
    tear_down(&b);
}

static void without_a_source_and_a_cached_copy_it_is_gone(void)
{
    struct bench b;

    set_up(&b, 600000, 4096, MODE_AUTO);
    b.spec.source = NULL;
    prepare(&b);
    CHECK_EQ(b.error.err, GW_SOURCE_GONE);
    tear_down(&b);
}

/* Bit rot after it was stored, found by the reader: it waits, and gets the right bytes. */
static void a_rotten_block_is_fetched_again_while_its_reader_waits(void)
{
    struct bench b;
    char path[256];

    set_up(&b, 600000, 4096, MODE_CACHED);
    prepare(&b);
    fixture_file_path(path, b.folder, &b.image, "");
    fixture_flip(path, 32 * b.image.manifest.block_count + 333333);
    CHECK(stream_is(&b, b.gwi, b.gwi_len, 10000));
    CHECK_EQ(b.ready, 1);
    CHECK_EQ(b.failed, 0);
    CHECK_EQ(b.source.reads, 4);
    images_release(b.images, b.handle);

    b.spec.source = NULL;
    prepare(&b);
    CHECK_EQ(b.ready, 1);
    fixture_flip(path, 32 * b.image.manifest.block_count + 333333);
    static uint8_t data[100];

    CHECK_EQ(read_at(&b, CMS_LEN + 32ull * b.image.manifest.block_count + 333333, 10, data),
             GW_CACHE_DAMAGED);
    run_turns(&b.loop, 3);
    CHECK_EQ(b.failed, 1);
    CHECK_EQ(b.error.err, GW_CACHE_DAMAGED);
    tear_down(&b);
}

static void releasing_at_any_moment_leaves_nothing_behind(void)
{
    for (int turns = 0; turns < 40; turns++) {
        for (int mode = 0; mode < 2; mode++) {
            struct bench b;

            set_up(&b, 600000, 4096, mode ? MODE_STREAMED : MODE_CACHED);
            b.source.piece = 30000;
            b.handle = images_prepare(b.images, &b.spec, &events, &b);
            ask_raw(&b, 1, 1000, b.handle, 100000);
            run_turns(&b.loop, turns);
            images_release(b.images, b.handle);
            CHECK_EQ(b.source.open, 0);
            uint8_t data[1000];
            uint32_t status = answer(&b, data, 1000, 100);

            CHECK(status == GW_NOT_FOUND || status == 0);
            prepare(&b);
            CHECK_EQ(b.ready, 1);
            CHECK(stream_is(&b, b.gwi, b.gwi_len, 20000));
            tear_down(&b);
        }
    }
}

/* The daemon stops at any moment, a sync under way included. */
static void closing_everything_at_any_moment_is_clean(void)
{
    for (int turns = 0; turns < 30; turns++) {
        struct bench b;

        set_up(&b, 300000, 65536, MODE_CACHED);
        b.handle = images_prepare(b.images, &b.spec, &events, &b);
        run_turns(&b.loop, turns);
        image_channel_close(b.channel);
        images_close(b.images);
        cache_close(b.cache);
        (void)uv_run(&b.loop, UV_RUN_DEFAULT);
        CHECK_EQ(uv_loop_close(&b.loop), 0);
        CHECK_EQ(b.source.open, 0);
        (void)close(b.router);
        fixture_image_free(&b.image);
        free(b.package);
        fixture_folder_remove(b.folder);
    }
}

/* --- two handles of one image --- */

static void two_handles_share_one_download_and_survive_each_other(void)
{
    for (int mode = 0; mode < 2; mode++) {
        struct bench b;
        struct fake_source other;
        uint64_t first;

        set_up(&b, 600000, 4096, mode ? MODE_STREAMED : MODE_CACHED);
        b.source.piece = 20000;
        other = b.source;
        first = images_prepare(b.images, &b.spec, &events, &b);
        b.handle = first;
        run_turns(&b.loop, 6);
        struct image_spec spec = b.spec;
        struct bench second = { .image = b.image };

        spec.source = &other.base;
        second.handle = images_prepare(b.images, &spec, &events, &second);
        CHECK(second.handle != first);
        images_release(b.images, first); /* the one whose source is being read */
        CHECK_EQ(b.source.open, 0);
        CHECK_EQ(b.source.holds, 0);
        CHECK(run_until(&b.loop, &second.is_settled));
        CHECK_EQ(second.ready, 1);
        CHECK(b.source.handed_out + other.handed_out <= b.gwi_len + 40000 || mode == 1);
        b.handle = second.handle;
        CHECK(stream_is(&b, b.gwi, b.gwi_len, 20000));

        struct bench third = { .image = b.image };

        third.handle = images_prepare(b.images, &spec, &events, &third);
        CHECK(run_until(&b.loop, &third.is_settled)); /* it is there already */
        CHECK_EQ(third.ready, 1);
        images_release(b.images, second.handle);
        b.handle = third.handle;
        CHECK(stream_is(&b, b.gwi, b.gwi_len, 20000));
        images_release(b.images, third.handle);
        CHECK_EQ(other.open, 0);
        CHECK_EQ(other.holds, 0);
        tear_down(&b);
    }
}

/* --- delivery payload --- */

/* An MCUboot image of `len` bytes in all with its SHA-256 TLV. */
static void put_mcuboot(uint8_t *bytes, size_t len, const uint8_t hash[32])
{
    size_t image = len - 32 - 8 - 40;
    uint8_t *tlv = bytes + 32 + image;
    static const uint8_t magic[4] = { 0x3d, 0xb8, 0xf3, 0x96 };

    memset(bytes, 0, 32);
    memcpy(bytes, magic, 4);
    bytes[8] = 32;
    for (int i = 0; i < 4; i++) {
        bytes[12 + i] = (uint8_t)(image >> 8 * i);
    }
    memset(tlv, 0, 48);
    tlv[0] = 0x07;
    tlv[1] = 0x69;
    tlv[2] = 48;
    tlv[4] = 0x01; /* another TLV first */
    tlv[6] = 4;
    tlv[12] = 0x10;
    tlv[14] = 32;
    memcpy(tlv + 16, hash, 32);
}

static void make_payload_image(struct bench *b, bool is_mcuboot)
{
    struct image_manifest *m = &b->image.manifest;
    uint8_t hash[32];

    memset(hash, 0xa7, sizeof hash);
    m->delivery = DELIVERY_PAYLOAD;
    if (is_mcuboot) {
        put_mcuboot(b->image.payload, m->payload_size, hash);
    }
    for (uint32_t i = 0; i < m->block_count; i++) {
        sha256_of(b->image.table + 32 * i, b->image.payload + (size_t)i * m->block_size,
                  image_block_len(m, i));
    }
    sha256_of(m->table_digest, b->image.table, 32ull * m->block_count);
    sha256_of(m->image_digest, b->image.payload, m->payload_size);
    memcpy(b->gwi + CMS_LEN, b->image.table, 32ull * m->block_count);
    memcpy(b->gwi + CMS_LEN + 32ull * m->block_count, b->image.payload, m->payload_size);
}

static void delivery_payload_is_the_payload_alone_and_digested_before_it_is_ready(void)
{
    for (int i = 0; i < 8; i++) {
        struct bench b;
        bool is_mcuboot = i & 2, is_wrong = i & 4;

        set_up(&b, 300001, 4096, i & 1 ? MODE_STREAMED : MODE_CACHED);
        make_payload_image(&b, is_mcuboot);
        b.image.manifest.image_digest[5] ^= is_wrong;
        prepare(&b);
        if (is_wrong) {
            CHECK_EQ(b.error.err, GW_CONTENT_DAMAGED);
        } else {
            CHECK_EQ(b.ready, 1);
            CHECK(b.facts.payload_only && b.facts.size == 300001 && b.facts.cms_size == 0);
            CHECK(memcmp(b.facts.token, b.image.manifest.image_digest, 32) == 0);
            CHECK_EQ(b.facts.has_state_hash, is_mcuboot);
            CHECK(!is_mcuboot || b.facts.state_hash[31] == 0xa7);
            CHECK(stream_is(&b, b.image.payload, 300001, 5000));
        }
        tear_down(&b);
    }
}

static void a_rotten_cache_is_noticed_before_a_payload_is_ready(void)
{
    struct bench b;
    char path[256];

    set_up(&b, 300001, 4096, MODE_CACHED);
    make_payload_image(&b, false);
    prepare(&b);
    images_release(b.images, b.handle);
    fixture_file_path(path, b.folder, &b.image, "");
    fixture_flip(path, 32 * b.image.manifest.block_count + 7);
    prepare(&b);
    CHECK_EQ(b.ready, 1);
    CHECK_EQ(b.source.reads, 4);
    CHECK(stream_is(&b, b.image.payload, 300001, 5000));
    tear_down(&b);
}

int main(void)
{
    TEST(every_mode_and_block_size_delivers_the_same_stream);
    TEST(streaming_never_reads_more_than_the_payload_once_when_read_in_order);
    TEST(a_slow_reader_never_waits_once_the_window_is_filled);
    TEST(a_reader_may_jump_back_and_forth);
    TEST(a_restless_reader_gets_the_right_bytes);
    TEST(requests_that_make_no_sense_are_refused);
    TEST(a_request_of_another_length_ends_the_channel);
    TEST(a_flood_of_requests_waits_in_the_socket);
    TEST(a_router_that_goes_leaves_the_others_alone);
    TEST(of_a_tampered_block_nothing_leaves_when_streamed);
    TEST(a_tampered_block_never_gets_into_the_cache);
    TEST(a_tampered_table_is_refused);
    TEST(what_is_cached_is_not_fetched_again);
    TEST(after_a_break_only_the_rest_is_fetched);
    TEST(a_failed_image_does_not_stand_in_the_way_of_the_next_try);
    TEST(without_room_auto_streams_and_cached_fails);
    TEST(a_pinned_image_is_not_evicted_by_another);
    TEST(without_a_source_and_a_cached_copy_it_is_gone);
    TEST(a_rotten_block_is_fetched_again_while_its_reader_waits);
    TEST(releasing_at_any_moment_leaves_nothing_behind);
    TEST(closing_everything_at_any_moment_is_clean);
    TEST(two_handles_share_one_download_and_survive_each_other);
    TEST(delivery_payload_is_the_payload_alone_and_digested_before_it_is_ready);
    TEST(a_rotten_cache_is_noticed_before_a_payload_is_ready);
    return checks_failed != 0;
}
