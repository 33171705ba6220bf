/* The cache when the disk fails or the power does, at each system call in turn. */
#include <errno.h>
#include <sys/wait.h>

#include "cache_fixture.h"
#include "check.h"

static char folder[64];

/* What goes wrong at which call. */
struct fault {
    unsigned at;      /* the call's number, from 1; 0 = never */
    const char *only; /* count only calls of this name; NULL = all */
    int why;          /* errno; 0 = the process ends there */
    bool is_short;    /* every write and read moves one byte less than it could */
    unsigned calls;   /* counted so far */
    char name[20];    /* the call that was hit */
};

static int before(void *context, const char *call, size_t *len)
{
    struct fault *f = context;

    if (f->is_short && len && *len > 1) {
        --*len;
    }
    if (f->only && strcmp(f->only, call) != 0) {
        return 0;
    }
    if (++f->calls != f->at) {
        return 0;
    }
    (void)snprintf(f->name, sizeof f->name, "%s", call);
    if (f->why == 0) {
        _exit(0);
    }
    return f->why;
}

static struct cache *open_cache(struct fault *fault)
{
    struct cache *cache = NULL;
    struct cache_config config = {
        .dir = folder, .quota_bytes = 64 << 20, .before = before, .before_context = fault
    };

    CHECK_EQ(cache_open(&cache, &config, NULL), GW_OK);
    return cache;
}

/* Bring the image in, as far as it goes, the way the core does: go on with what is there. */
static enum gw_err bring_in(struct cache *cache, const struct fixture_image *image)
{
    const struct image_manifest *m = &image->manifest;
    struct cache_entry *entry;
    enum gw_err err = cache_entry_open(&entry, cache, image->identity, m);

    if (err == GW_NOT_FOUND) {
        err = cache_entry_create(&entry, cache, image->identity, m, image->table);
    }
    while (!err && cache_entry_state(entry) == CACHE_CHECKING) {
        cache_entry_check(entry);
    }
    for (size_t at = err ? 0 : (size_t)cache_entry_good_blocks(entry) * m->block_size;
         !err && at < m->payload_size; at += 100000) {
        size_t left = m->payload_size - at;

        err = cache_entry_append(entry, image->payload + at, left < 100000 ? left : 100000);
    }
    if (!err && cache_entry_state(entry) == CACHE_FULL) {
        err = cache_entry_sync(entry);
    }
    cache_entry_close(entry);
    return err;
}

/* Nothing is there, or all of it, and what is there is good. */
static bool is_complete(struct cache *cache, const struct fixture_image *image)
{
    const struct image_manifest *m = &image->manifest;
    struct cache_entry *entry;
    uint8_t *block = malloc(m->block_size);
    bool is_whole = cache_entry_open(&entry, cache, image->identity, m) == GW_OK &&
                    cache_entry_state(entry) == CACHE_COMPLETE;

    for (uint32_t i = 0; is_whole && i < m->block_count; i++) {
        CHECK_EQ(cache_entry_read(entry, i, block), GW_OK);
        CHECK(memcmp(block, image->payload + (size_t)i * m->block_size, image_block_len(m, i)) ==
              0);
    }
    cache_entry_close(entry);
    free(block);
    return is_whole;
}

static unsigned calls_of_a_good_run(const struct fixture_image *image, const char *only)
{
    struct fault none = { .only = only };
    struct cache *cache = open_cache(&none);

    CHECK_EQ(bring_in(cache, image), GW_OK);
    unsigned calls = none.calls;

    CHECK(is_complete(cache, image));
    cache_close(cache);
    fixture_folder_remove(folder);
    CHECK_EQ(mkdir(folder, 0700), 0);
    return calls;
}

static void a_kill_at_any_call_costs_at_most_the_piece_under_way(void)
{
    struct fixture_image image;

    fixture_image_make(&image, 1, 3 << 19, 65536);
    unsigned calls = calls_of_a_good_run(&image, NULL);

    CHECK(calls > 20);
    for (unsigned at = 1; at <= calls; at++) {
        pid_t child = fork();

        if (child == 0) {
            struct fault fault = { .at = at };
            struct cache *cache = open_cache(&fault);

            (void)bring_in(cache, &image);
            _exit(1); /* the fault did not happen */
        }
        int status = -1;

        CHECK_EQ(waitpid(child, &status, 0), child);
        CHECK_EQ(status, 0);

        struct fault none = { 0 };
        struct cache *cache = open_cache(&none);

        CHECK_EQ(bring_in(cache, &image), GW_OK);
        CHECK(is_complete(cache, &image));
        CHECK_EQ(fixture_folder_files(folder), 1);
        cache_close(cache);
        fixture_folder_remove(folder);
        CHECK_EQ(mkdir(folder, 0700), 0);
    }
    fixture_image_free(&image);
}

static void an_error_at_any_call_is_reported_and_never_makes_a_bad_entry(void)
{
    static const int errors[] = { EIO, ENOSPC, EROFS };
    struct fixture_image image;

    fixture_image_make(&image, 2, 3 << 19, 65536);
    unsigned calls = calls_of_a_good_run(&image, NULL);

    for (size_t e = 0; e < sizeof errors / sizeof errors[0]; e++) {
        for (unsigned at = 1; at <= calls; at++) {
            struct fault fault = { .at = at, .why = errors[e] };
            struct cache *cache = open_cache(&fault);
            enum gw_err err = bring_in(cache, &image);

            CHECK(err == GW_CACHE || err == GW_CACHE_FULL);
            CHECK(!is_complete(cache, &image) || strcmp(fault.name, "fsync") == 0);
            cache_close(cache);

            /* After a restart on a mended disk it goes on. */
            fault.at = 0;
            cache = open_cache(&fault);
            CHECK_EQ(bring_in(cache, &image), GW_OK);
            CHECK(is_complete(cache, &image));
            cache_close(cache);
            fixture_folder_remove(folder);
            CHECK_EQ(mkdir(folder, 0700), 0);
        }
    }
    fixture_image_free(&image);
}

static void a_full_disk_is_told_from_a_failing_one(void)
{
    static const struct {
        const char *call;
        int why;
        enum gw_err want;
    } cases[] = {
        { "open", ENOSPC, GW_CACHE_FULL },
        { "open", EIO, GW_CACHE },
        { "fallocate", ENOSPC, GW_CACHE_FULL },
        { "fallocate", EDQUOT, GW_CACHE_FULL },
        { "fallocate", EIO, GW_CACHE },
        { "pwrite", ENOSPC, GW_CACHE_FULL },
        { "pwrite", EIO, GW_CACHE },
    };
    struct fixture_image image;

    fixture_image_make(&image, 3, 1 << 20, 65536);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        /* The third open is the one that creates: the first two look for what is there. */
        unsigned at = strcmp(cases[i].call, "open") == 0 ? 3 : 1;
        struct fault fault = { .at = at, .only = cases[i].call, .why = cases[i].why };
        struct cache *cache = open_cache(&fault);

        CHECK_EQ(bring_in(cache, &image), cases[i].want);
        CHECK(!cache_is_degraded(cache));
        CHECK_EQ(fixture_folder_files(folder), 0);
        cache_close(cache);
    }
    fixture_image_free(&image);
}

/* The next sync of the same file would succeed and mean nothing. */
static void a_failed_sync_is_final_until_the_cache_is_opened_again(void)
{
    static const char *const syncs[] = { "sync_file_range", "fdatasync", "fsync" };
    struct fixture_image image, other;

    fixture_image_make(&image, 4, 2 << 20, 65536);
    fixture_image_make(&other, 5, 1 << 20, 65536);
    for (size_t i = 0; i < 3; i++) {
        struct fault fault = { .at = 1, .only = syncs[i], .why = EIO };
        struct cache *cache = open_cache(&fault);
        struct cache_entry *entry;
        struct cache_spool *spool;

        CHECK_EQ(bring_in(cache, &image), GW_CACHE);
        CHECK(cache_is_degraded(cache));
        CHECK_EQ(fixture_folder_files(folder), 0);
        CHECK_EQ(cache_entry_create(&entry, cache, other.identity, &other.manifest, other.table),
                 GW_CACHE);
        CHECK_EQ(cache_spool_open(cache, &spool), GW_OK);
        CHECK_EQ(cache_spool_append(spool, "x", 1), GW_CACHE);
        cache_spool_close(spool);
        CHECK_EQ(fault.calls, 1); /* not one more sync */
        cache_close(cache);
    }
    fixture_image_free(&image);
    fixture_image_free(&other);
}

static void short_writes_and_reads_are_continued(void)
{
    struct fixture_image image;
    struct fault fault = { .is_short = true };
    struct cache *cache = open_cache(&fault);

    fixture_image_make(&image, 6, 300000, 4096);
    CHECK_EQ(bring_in(cache, &image), GW_OK);
    CHECK(is_complete(cache, &image));
    cache_close(cache);
    fixture_image_free(&image);
}

static void a_cached_block_that_the_disk_cannot_read_is_damaged(void)
{
    struct fixture_image image;
    struct fault fault = { .only = "pread", .why = EIO };
    struct cache *cache = open_cache(&fault);
    struct cache_entry *entry;
    uint8_t block[4096];

    fixture_image_make(&image, 7, 100000, 4096);
    CHECK_EQ(bring_in(cache, &image), GW_OK);
    CHECK_EQ(cache_entry_open(&entry, cache, image.identity, &image.manifest), GW_OK);
    fault.at = fault.calls + 1;
    CHECK_EQ(cache_entry_read(entry, 3, block), GW_CACHE_DAMAGED);
    cache_entry_drop(entry);
    CHECK_EQ(fixture_folder_files(folder), 0);
    cache_close(cache);
    fixture_image_free(&image);
}

static void in_a_new_folder(void (*test)(void))
{
    fixture_folder_make(folder);
    test();
    fixture_folder_remove(folder);
}
#define TEST_IN_FOLDER(fn) (printf("%s\n", #fn), in_a_new_folder(fn))

int main(void)
{
    TEST_IN_FOLDER(a_kill_at_any_call_costs_at_most_the_piece_under_way);
    TEST_IN_FOLDER(an_error_at_any_call_is_reported_and_never_makes_a_bad_entry);
    TEST_IN_FOLDER(a_full_disk_is_told_from_a_failing_one);
    TEST_IN_FOLDER(a_failed_sync_is_final_until_the_cache_is_opened_again);
    TEST_IN_FOLDER(short_writes_and_reads_are_continued);
    TEST_IN_FOLDER(a_cached_block_that_the_disk_cannot_read_is_damaged);
    return checks_failed != 0;
}
