#include <sys/types.h>

#include "cache_fixture.h"
#include "check.h"

static char folder[64];

static struct cache *open_cache(uint64_t quota)
{
    struct cache *cache = NULL;
    struct cache_config config = { .dir = folder, .quota_bytes = quota };

    CHECK_EQ(cache_open(&cache, &config, NULL), GW_OK);
    return cache;
}

/* Put the image in, in pieces of `piece` bytes. */
static void store(struct cache *cache, const struct fixture_image *image, size_t piece)
{
    struct cache_entry *entry;

    CHECK_EQ(cache_entry_create(&entry, cache, image->identity, &image->manifest, image->table),
             GW_OK);
    if (!entry) {
        return;
    }
    for (size_t at = 0; at < image->manifest.payload_size; at += piece) {
        size_t left = image->manifest.payload_size - at;

        CHECK_EQ(cache_entry_append(entry, image->payload + at, left < piece ? left : piece),
                 GW_OK);
    }
    CHECK_EQ(cache_entry_state(entry), CACHE_FULL);
    CHECK_EQ(cache_entry_sync(entry), GW_OK);
    cache_entry_close(entry);
}

static bool holds_all(struct cache_entry *entry, const struct fixture_image *image)
{
    const struct image_manifest *m = &image->manifest;
    uint8_t *block = malloc(m->block_size);
    bool same = cache_entry_good_blocks(entry) == m->block_count;

    for (uint32_t i = 0; block && same && i < m->block_count; i++) {
        same = cache_entry_read(entry, i, block) == GW_OK &&
               memcmp(block, image->payload + (size_t)i * m->block_size, image_block_len(m, i)) ==
                   0;
    }
    free(block);
    return same;
}

static bool is_stored(struct cache *cache, const struct fixture_image *image)
{
    struct cache_entry *entry;
    bool is_whole = cache_entry_open(&entry, cache, image->identity, &image->manifest) == GW_OK &&
                    cache_entry_state(entry) == CACHE_COMPLETE && holds_all(entry, image);

    cache_entry_close(entry);
    return is_whole;
}

static void what_went_in_comes_out_whatever_the_pieces(void)
{
    static const size_t pieces[] = { 1000, 511, 512, 513, 4096, 1 << 20 };

    for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
        struct fixture_image image;
        struct cache *cache = open_cache(1 << 20);

        fixture_image_make(&image, (uint8_t)i, 70001, 512);
        store(cache, &image, pieces[i]);
        CHECK(is_stored(cache, &image));
        cache_close(cache);
        cache = open_cache(1 << 20);
        CHECK(is_stored(cache, &image));
        cache_close(cache);
        fixture_image_free(&image);
    }
}

static void a_stored_file_is_read_only_and_ours(void)
{
    struct fixture_image image;
    struct cache *cache = open_cache(1 << 20);
    char path[256];
    struct stat st;

    fixture_image_make(&image, 1, 5000, 1024);
    store(cache, &image, 5000);
    fixture_file_path(path, folder, &image, "");
    CHECK(stat(path, &st) == 0 && (st.st_mode & 07777) == 0400);
    CHECK(stat(folder, &st) == 0 && (st.st_mode & 07777) == 0700);
    cache_close(cache);
    fixture_image_free(&image);
}

static void an_unsafe_folder_is_refused(void)
{
    struct cache_config config = { .dir = folder, .quota_bytes = 1 };
    struct cache *cache;
    char path[80];

    CHECK_EQ(chmod(folder, 0770), 0);
    CHECK_EQ(cache_open(&cache, &config, NULL), GW_CACHE_UNSAFE);
    CHECK(!cache);
    CHECK_EQ(chmod(folder, 0702), 0);
    CHECK_EQ(cache_open(&cache, &config, NULL), GW_CACHE_UNSAFE);
    CHECK_EQ(chmod(folder, 0700), 0);
    if (geteuid() == 0) {
        CHECK_EQ(chown(folder, 65534, 65534), 0);
        CHECK_EQ(cache_open(&cache, &config, NULL), GW_CACHE_UNSAFE);
        CHECK_EQ(chown(folder, 0, 0), 0);
    }
    (void)snprintf(path, sizeof path, "%s/link", folder);
    CHECK_EQ(symlink("/tmp", path), 0);
    config.dir = path;
    CHECK_EQ(cache_open(&cache, &config, NULL), GW_CACHE_UNSAFE);
    (void)snprintf(path, sizeof path, "%s/a/b", folder);
    CHECK_EQ(cache_open(&cache, &config, NULL), GW_CACHE);
}

static void a_broken_download_goes_on_behind_its_last_whole_block(void)
{
    struct fixture_image image;
    struct cache *cache = open_cache(8 << 20);
    struct cache_entry *entry;
    size_t sent = 700000;

    fixture_image_make(&image, 2, 1 << 20, 1024);
    CHECK_EQ(cache_entry_create(&entry, cache, image.identity, &image.manifest, image.table),
             GW_OK);
    CHECK_EQ(cache_entry_append(entry, image.payload, sent), GW_OK);
    CHECK_EQ(cache_entry_good_blocks(entry), sent / 1024);
    cache_entry_close(entry);
    cache_close(cache);

    cache = open_cache(8 << 20);
    CHECK_EQ(cache_entry_open(&entry, cache, image.identity, &image.manifest), GW_OK);
    while (cache_entry_state(entry) == CACHE_CHECKING) {
        cache_entry_check(entry);
    }
    CHECK_EQ(cache_entry_state(entry), CACHE_FILLING);
    CHECK_EQ(cache_entry_good_blocks(entry), sent / 1024);
    sent = sent / 1024 * 1024;
    CHECK_EQ(cache_entry_append(entry, image.payload + sent, (1 << 20) - sent), GW_OK);
    CHECK_EQ(cache_entry_sync(entry), GW_OK);
    CHECK(holds_all(entry, &image));
    cache_entry_close(entry);
    cache_close(cache);
    fixture_image_free(&image);
}

static void after_a_rewind_appending_goes_on_at_a_whole_block(void)
{
    struct fixture_image image;
    struct cache *cache = open_cache(8 << 20);
    struct cache_entry *entry;

    fixture_image_make(&image, 8, 50000, 1024);
    CHECK_EQ(cache_entry_create(&entry, cache, image.identity, &image.manifest, image.table),
             GW_OK);
    CHECK_EQ(cache_entry_append(entry, image.payload, 10 * 1024 + 77), GW_OK);
    cache_entry_rewind(entry);
    CHECK_EQ(cache_entry_append(entry, image.payload + 10 * 1024, 50000 - 10 * 1024), GW_OK);
    CHECK_EQ(cache_entry_state(entry), CACHE_FULL);
    cache_entry_close(entry);
    cache_close(cache);
    fixture_image_free(&image);
}

static void one_check_reads_no_more_than_it_says(void)
{
    struct fixture_image image;
    struct cache *cache = open_cache(8 << 20);
    struct cache_entry *entry;
    unsigned calls = 0;

    fixture_image_make(&image, 3, 1 << 20, 65536);
    CHECK_EQ(cache_entry_create(&entry, cache, image.identity, &image.manifest, image.table),
             GW_OK);
    CHECK_EQ(cache_entry_append(entry, image.payload, 1 << 20), GW_OK);
    cache_entry_close(entry);
    CHECK_EQ(cache_entry_open(&entry, cache, image.identity, &image.manifest), GW_OK);
    while (cache_entry_state(entry) == CACHE_CHECKING) {
        uint32_t good = cache_entry_good_blocks(entry);

        cache_entry_check(entry);
        CHECK((cache_entry_good_blocks(entry) - good) * 65536u <= CACHE_CHECK_BYTES);
        calls++;
    }
    CHECK_EQ(calls, 5);
    CHECK_EQ(cache_entry_state(entry), CACHE_FULL);
    cache_entry_close(entry);
    cache_close(cache);
    fixture_image_free(&image);
}

/* After a power cut the tail of a partial file may be anything. */
static void a_partial_file_is_believed_only_as_far_as_it_is_good(void)
{
    struct fixture_image image;
    struct cache *cache = open_cache(1 << 20);
    struct cache_entry *entry;
    char path[256];

    fixture_image_make(&image, 4, 20 * 512, 512);
    fixture_file_path(path, folder, &image, ".part");
    for (uint32_t bad = 0; bad < 20; bad++) {
        CHECK_EQ(cache_entry_create(&entry, cache, image.identity, &image.manifest, image.table),
                 GW_OK);
        CHECK_EQ(cache_entry_append(entry, image.payload, 20 * 512), GW_OK);
        cache_entry_close(entry);
        fixture_flip(path, 20 * 32 + (off_t)bad * 512 + 100);
        CHECK_EQ(cache_entry_open(&entry, cache, image.identity, &image.manifest), GW_OK);
        cache_entry_check(entry);
        CHECK_EQ(cache_entry_state(entry), CACHE_FILLING);
        CHECK_EQ(cache_entry_good_blocks(entry), bad);
        cache_entry_drop(entry);
        CHECK(!fixture_exists(path));
    }
    cache_close(cache);
    fixture_image_free(&image);
}

static void a_file_that_is_not_what_it_should_be_is_removed(void)
{
    static const char *const suffixes[] = { "", ".part" };

    for (size_t i = 0; i < 2; i++) {
        for (unsigned flaw = 0; flaw < 5; flaw++) {
            struct fixture_image image;
            struct cache *cache = open_cache(1 << 20);
            struct cache_entry *entry;
            char path[256], other[300];

            fixture_image_make(&image, 5, 3000, 1024);
            fixture_file_path(path, folder, &image, suffixes[i]);
            (void)snprintf(other, sizeof other, "%s.other", path);
            store(cache, &image, 3000);
            if (i == 1) {
                char whole[256];

                fixture_file_path(whole, folder, &image, "");
                CHECK_EQ(rename(whole, path), 0);
            }
            CHECK_EQ(chmod(path, 0600), 0);
            if (flaw == 0) {
                CHECK_EQ(truncate(path, 3000), 0); /* too short */
            } else if (flaw == 1) {
                fixture_flip(path, 40); /* another table */
            } else if (flaw == 2) {
                CHECK_EQ(link(path, other), 0); /* somebody else has it too */
            } else if (flaw == 3) {
                CHECK_EQ(rename(path, other), 0);
                CHECK_EQ(symlink(other, path), 0);
            } else {
                CHECK_EQ(chmod(path, 0620), 0); /* others may write it */
            }
            CHECK_EQ(cache_entry_open(&entry, cache, image.identity, &image.manifest),
                     GW_NOT_FOUND);
            CHECK(!entry);
            CHECK(!fixture_exists(path));
            (void)unlink(other);
            cache_close(cache);
            fixture_image_free(&image);
        }
    }
}

static void a_flipped_bit_is_found_when_it_is_read_and_nothing_of_its_block_leaves(void)
{
    struct fixture_image image;
    struct cache *cache = open_cache(1 << 20);
    struct cache_entry *entry;
    char path[256];
    uint8_t block[1024], zero[1024] = { 0 };

    fixture_image_make(&image, 6, 10 * 1024, 1024);
    fixture_file_path(path, folder, &image, "");
    store(cache, &image, 10240);
    CHECK_EQ(cache_entry_open(&entry, cache, image.identity, &image.manifest), GW_OK);
    CHECK_EQ(cache_entry_read(entry, 7, block), GW_OK);
    fixture_flip(path, 10 * 32 + 7 * 1024 + 1023);
    CHECK_EQ(cache_entry_read(entry, 7, block), GW_CACHE_DAMAGED);
    CHECK(memcmp(block, zero, sizeof zero) == 0);
    CHECK_EQ(cache_entry_read(entry, 6, block), GW_OK);
    CHECK_EQ(cache_entry_read(entry, 10, zero), GW_CACHE_DAMAGED);
    cache_entry_drop(entry);
    CHECK(!fixture_exists(path));
    CHECK_EQ(cache_entry_open(&entry, cache, image.identity, &image.manifest), GW_NOT_FOUND);
    cache_close(cache);
    fixture_image_free(&image);
}

static void a_block_that_is_not_the_signed_one_never_gets_to_the_disk(void)
{
    static const size_t pieces[] = { 1, 100, 1024, 3000, 10240 };

    for (size_t p = 0; p < sizeof pieces / sizeof pieces[0]; p++) {
        struct fixture_image image;
        struct cache *cache = open_cache(1 << 20);
        struct cache_entry *entry;
        enum gw_err err = GW_OK;

        fixture_image_make(&image, 7, 10240, 1024);
        CHECK_EQ(cache_entry_create(&entry, cache, image.identity, &image.manifest, image.table),
                 GW_OK);
        image.payload[5 * 1024 + 17] ^= 4;
        for (size_t at = 0; at < 10240 && !err; at += pieces[p]) {
            size_t n = 10240 - at < pieces[p] ? 10240 - at : pieces[p];

            err = cache_entry_append(entry, image.payload + at, n);
        }
        CHECK_EQ(err, GW_CONTENT_DAMAGED);
        CHECK_EQ(cache_entry_good_blocks(entry), 5);
        image.payload[5 * 1024 + 17] ^= 4;
        CHECK_EQ(cache_entry_append(entry, image.payload + 5 * 1024, 5 * 1024), GW_OK);
        CHECK_EQ(cache_entry_append(entry, image.payload, 1), GW_SOURCE_LENGTH);
        CHECK_EQ(cache_entry_sync(entry), GW_OK);
        CHECK(holds_all(entry, &image));
        cache_entry_drop(entry);
        image.table[3] ^= 1;
        CHECK_EQ(cache_entry_create(&entry, cache, image.identity, &image.manifest, image.table),
                 GW_CONTENT_DAMAGED);
        CHECK(!entry);
        CHECK_EQ(fixture_folder_files(folder), 0);
        cache_close(cache);
        fixture_image_free(&image);
    }
}

static void set_age(const struct fixture_image *image, time_t when)
{
    char path[256];
    struct timespec times[2] = { { .tv_sec = when }, { .tv_sec = when } };

    fixture_file_path(path, folder, image, "");
    CHECK_EQ(utimensat(AT_FDCWD, path, times, 0), 0);
}

static void the_longest_unused_makes_room_and_what_is_pinned_or_open_stays(void)
{
    struct fixture_image images[4];
    struct cache_entry *entry;
    struct cache_item *items;
    size_t count;
    uint64_t one = 10000 + 32 * 10;
    struct cache *cache = open_cache(3 * one + 100);

    for (uint8_t i = 0; i < 4; i++) {
        fixture_image_make(&images[i], (uint8_t)(20 + i), 10000, 1024);
    }
    for (int i = 0; i < 3; i++) {
        store(cache, &images[i], 10000);
        set_age(&images[i], 1000 + i);
    }
    cache_pin(cache, images[0].identity);
    CHECK_EQ(cache_list(cache, &items, &count), GW_OK);
    CHECK_EQ(count, 3);
    CHECK(count == 3 && memcmp(items[0].identity, images[0].identity, 32) == 0);
    CHECK(count == 3 && items[0].is_in_use && !items[1].is_in_use && items[2].is_complete);
    CHECK(count == 3 && items[2].bytes == one && items[2].last_used_s == 1002);
    free(items);

    store(cache, &images[3], 10000);
    CHECK(is_stored(cache, &images[0]));
    CHECK(!is_stored(cache, &images[1]));
    CHECK(is_stored(cache, &images[2]));
    CHECK(is_stored(cache, &images[3]));

    cache_pin(cache, images[3].identity);
    CHECK_EQ(cache_entry_open(&entry, cache, images[2].identity, &images[2].manifest), GW_OK);
    struct cache_entry *none;

    CHECK_EQ(
        cache_entry_create(&none, cache, images[1].identity, &images[1].manifest, images[1].table),
        GW_CACHE_FULL);
    CHECK(!none);
    CHECK_EQ(fixture_folder_files(folder), 3);
    cache_entry_close(entry);
    cache_unpin(cache, images[0].identity);
    cache_unpin(cache, images[3].identity);
    cache_close(cache);
    for (int i = 0; i < 4; i++) {
        fixture_image_free(&images[i]);
    }
}

static void an_image_that_can_never_fit_evicts_nothing(void)
{
    struct fixture_image small, large;
    struct cache *cache = open_cache(20000);
    struct cache_entry *entry;

    fixture_image_make(&small, 30, 10000, 1024);
    fixture_image_make(&large, 31, 19999, 1024);
    store(cache, &small, 10000);
    CHECK_EQ(cache_entry_create(&entry, cache, large.identity, &large.manifest, large.table),
             GW_CACHE_FULL);
    CHECK(is_stored(cache, &small));
    cache_close(cache);
    fixture_image_free(&small);
    fixture_image_free(&large);
}

static void an_image_is_open_only_once(void)
{
    struct fixture_image image;
    struct cache *cache = open_cache(1 << 20);
    struct cache_entry *first, *second;

    fixture_image_make(&image, 32, 3000, 512);
    CHECK_EQ(cache_entry_create(&first, cache, image.identity, &image.manifest, image.table),
             GW_OK);
    CHECK_EQ(cache_entry_open(&second, cache, image.identity, &image.manifest), GW_BUSY);
    CHECK_EQ(cache_entry_create(&second, cache, image.identity, &image.manifest, image.table),
             GW_BUSY);
    cache_entry_drop(first);
    cache_close(cache);
    fixture_image_free(&image);
}

static void a_spool_counts_and_leaves_nothing(void)
{
    struct fixture_image image;
    struct cache *cache = open_cache(3 << 20);
    struct cache_spool *spool;
    static uint8_t bytes[100000], back[100000];
    enum gw_err err = GW_OK;

    fixture_image_make(&image, 33, 1 << 20, 4096);
    store(cache, &image, 1 << 20);
    CHECK_EQ(cache_spool_open(cache, &spool), GW_OK);
    CHECK_EQ(fixture_folder_files(folder), 1);
    memset(bytes, 0x5a, sizeof bytes);
    while (!err) {
        err = cache_spool_append(spool, bytes, sizeof bytes);
    }
    CHECK_EQ(err, GW_CACHE_FULL);
    CHECK(cache_spool_size(spool) > (3 << 20) - sizeof bytes); /* the image made room */
    CHECK_EQ(fixture_folder_files(folder), 0);
    CHECK_EQ(pread(cache_spool_fd(spool), back, sizeof back, 1000000), sizeof back);
    CHECK(memcmp(bytes, back, sizeof back) == 0);
    cache_spool_close(spool);
    store(cache, &image, 1 << 20); /* there is room again */
    cache_close(cache);
    fixture_image_free(&image);
}

static void names_of_others_are_left_alone(void)
{
    static const char *const names[] = { "README", "0123", "lost+found.part" };
    struct fixture_image image;
    struct cache *cache = open_cache(20000);
    struct cache_item *items;
    size_t count;
    char path[128];

    fixture_image_make(&image, 34, 15000, 1024);
    for (size_t i = 0; i < 3; i++) {
        (void)snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

        CHECK(fd >= 0 && write(fd, path, 10) == 10);
        (void)close(fd);
    }
    store(cache, &image, 15000);
    CHECK_EQ(cache_list(cache, &items, &count), GW_OK);
    CHECK_EQ(count, 1);
    free(items);
    CHECK_EQ(fixture_folder_files(folder), 4);
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
    TEST_IN_FOLDER(what_went_in_comes_out_whatever_the_pieces);
    TEST_IN_FOLDER(a_stored_file_is_read_only_and_ours);
    TEST_IN_FOLDER(an_unsafe_folder_is_refused);
    TEST_IN_FOLDER(a_broken_download_goes_on_behind_its_last_whole_block);
    TEST_IN_FOLDER(after_a_rewind_appending_goes_on_at_a_whole_block);
    TEST_IN_FOLDER(one_check_reads_no_more_than_it_says);
    TEST_IN_FOLDER(a_partial_file_is_believed_only_as_far_as_it_is_good);
    TEST_IN_FOLDER(a_file_that_is_not_what_it_should_be_is_removed);
    TEST_IN_FOLDER(a_flipped_bit_is_found_when_it_is_read_and_nothing_of_its_block_leaves);
    TEST_IN_FOLDER(a_block_that_is_not_the_signed_one_never_gets_to_the_disk);
    TEST_IN_FOLDER(the_longest_unused_makes_room_and_what_is_pinned_or_open_stays);
    TEST_IN_FOLDER(an_image_that_can_never_fit_evicts_nothing);
    TEST_IN_FOLDER(an_image_is_open_only_once);
    TEST_IN_FOLDER(a_spool_counts_and_leaves_nothing);
    TEST_IN_FOLDER(names_of_others_are_left_alone);
    return checks_failed != 0;
}
