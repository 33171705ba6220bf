#include "cache_entry.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cache_disk.h"

enum { PUSH_BYTES = 1 << 20 }; /* written back in pieces of this size */

struct cache_entry {
    struct cache *cache;
    const struct image_manifest *manifest;
    uint8_t identity[CACHE_ID_LEN];
    enum cache_state state;
    bool has_failed; /* the disk did: nothing more is written */
    int fd;
    uint8_t *table;       /* block_count x 32 bytes, checked */
    uint32_t good_blocks; /* leading blocks that are on disk and were checked */
    uint8_t *block;       /* the block that is being collected or checked */
    size_t filled;        /* bytes of it */
    uint64_t pushed;      /* bytes of the file whose write-back has begun */
};

static size_t table_len(const struct image_manifest *m)
{
    return (size_t)m->block_count * SHA256_LEN;
}

static uint64_t file_len(const struct image_manifest *m)
{
    return (uint64_t)table_len(m) + m->payload_size;
}

static uint64_t block_at(const struct image_manifest *m, uint32_t index)
{
    return (uint64_t)table_len(m) + (uint64_t)index * m->block_size;
}

enum cache_state cache_entry_state(const struct cache_entry *e)
{
    return e->state;
}

const uint8_t *cache_entry_table(const struct cache_entry *e)
{
    return e->table;
}

uint32_t cache_entry_good_blocks(const struct cache_entry *e)
{
    return e->good_blocks;
}

int cache_entry_fd(const struct cache_entry *e)
{
    return e->fd;
}

/* --- open and create --- */

static void free_entry(struct cache_entry *e)
{
    if (e->fd >= 0) {
        (void)close(e->fd);
    }
    cache_hold_close(e->cache, e->identity);
    free(e->table);
    free(e->block);
    free(e);
}

static enum gw_err new_entry(struct cache_entry **out, struct cache *cache, const uint8_t *identity,
                             const struct image_manifest *m)
{
    enum gw_err err = cache_hold_open(cache, identity);

    *out = NULL;
    if (err) {
        return err;
    }
    struct cache_entry *e = calloc(1, sizeof *e);

    if (!e) {
        cache_hold_close(cache, identity);
        return GW_NO_MEMORY;
    }
    e->cache = cache;
    e->manifest = m;
    e->fd = -1;
    memcpy(e->identity, identity, CACHE_ID_LEN);
    e->table = malloc(table_len(m));
    e->block = malloc(m->block_size);
    if (!e->table || !e->block) {
        free_entry(e);
        return GW_NO_MEMORY;
    }
    *out = e;
    return GW_OK;
}

/* A plain file of ours and of the right length, with the signed table at its start? */
static bool is_usable(struct cache_entry *e)
{
    struct stat st;

    return fstat(e->fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == geteuid() &&
           st.st_nlink == 1 && (st.st_mode & (S_IWGRP | S_IWOTH)) == 0 &&
           (uint64_t)st.st_size == file_len(e->manifest) &&
           disk_read(&e->cache->disk, e->fd, e->table, table_len(e->manifest), 0) == 0 &&
           image_table_check(e->manifest, e->table, table_len(e->manifest)) == VERIFY_OK;
}

/* GW_NOT_FOUND: there is no such file, or it was of no use and has been removed. */
static enum gw_err open_file(struct cache_entry *e, bool is_partial)
{
    const struct cache_disk *disk = &e->cache->disk;
    char name[CACHE_NAME_MAX];

    cache_name(name, e->identity, is_partial);
    int why = disk_open(disk, name, is_partial ? O_RDWR : O_RDONLY, &e->fd);

    if (why == ENOENT) {
        return GW_NOT_FOUND;
    }
    if (!why && is_usable(e)) {
        return GW_OK;
    }
    if (e->fd >= 0) {
        (void)close(e->fd);
        e->fd = -1;
    } else if (why != ELOOP && why != EACCES && why != ENXIO) {
        return GW_CACHE; /* the disk, not the file */
    }
    return disk_remove(disk, name) ? GW_CACHE : GW_NOT_FOUND;
}

static enum gw_err open_existing(struct cache_entry *e)
{
    enum gw_err err = open_file(e, false);

    if (!err) {
        e->state = CACHE_COMPLETE;
        e->good_blocks = e->manifest->block_count;
        return GW_OK;
    }
    if (err == GW_NOT_FOUND) {
        err = open_file(e, true);
        e->state = CACHE_CHECKING;
    }
    return err;
}

enum gw_err cache_entry_open(struct cache_entry **out, struct cache *cache,
                             const uint8_t identity[CACHE_ID_LEN],
                             const struct image_manifest *manifest)
{
    enum gw_err err = new_entry(out, cache, identity, manifest);

    if (err) {
        return err;
    }
    err = open_existing(*out);
    if (err) {
        free_entry(*out);
        *out = NULL;
    }
    return err;
}

static enum gw_err create_file(struct cache_entry *e)
{
    const struct cache_disk *disk = &e->cache->disk;
    char name[CACHE_NAME_MAX];

    cache_name(name, e->identity, true);
    int why = disk_remove(disk, name);

    if (!why) {
        why = disk_open(disk, name, O_RDWR | O_CREAT | O_EXCL, &e->fd);
    }
    if (!why) {
        why = disk_allocate(disk, e->fd, file_len(e->manifest));
    }
    if (!why) {
        why = disk_write(disk, e->fd, e->table, table_len(e->manifest), 0);
    }
    if (why && e->fd >= 0) {
        (void)disk_remove(disk, name);
    }
    return why ? disk_err(why) : GW_OK;
}

enum gw_err cache_entry_create(struct cache_entry **out, struct cache *cache,
                               const uint8_t identity[CACHE_ID_LEN],
                               const struct image_manifest *manifest, const uint8_t *table)
{
    enum gw_err err = cache->is_degraded ? GW_CACHE : GW_OK;

    *out = NULL;
    if (!err && image_table_check(manifest, table, table_len(manifest)) != VERIFY_OK) {
        err = GW_CONTENT_DAMAGED;
    }
    if (!err) {
        err = new_entry(out, cache, identity, manifest);
    }
    if (!err) {
        memcpy((*out)->table, table, table_len(manifest));
        (*out)->state = CACHE_FILLING;
        err = cache_make_room(cache, file_len(manifest));
    }
    if (!err) {
        err = create_file(*out);
    }
    if (err && *out) {
        free_entry(*out);
        *out = NULL;
    }
    return err;
}

/* --- fill --- */

static void set_good(struct cache_entry *e, uint32_t good)
{
    e->good_blocks = good;
    e->state = good == e->manifest->block_count ? CACHE_FULL : CACHE_FILLING;
}

static bool block_is_good(const struct cache_entry *e, uint32_t index, const uint8_t *bytes)
{
    return image_block_check(e->manifest, e->table, index, bytes,
                             image_block_len(e->manifest, index)) == VERIFY_OK;
}

static bool read_is_good(struct cache_entry *e, uint32_t index, uint8_t *block)
{
    return disk_read(&e->cache->disk, e->fd, block, image_block_len(e->manifest, index),
                     block_at(e->manifest, index)) == 0 &&
           block_is_good(e, index, block);
}

void cache_entry_check(struct cache_entry *e)
{
    uint32_t index = e->good_blocks;

    for (size_t left = CACHE_CHECK_BYTES; left >= e->manifest->block_size;
         left -= e->manifest->block_size) {
        if (index == e->manifest->block_count || !read_is_good(e, index, e->block)) {
            set_good(e, index);
            return;
        }
        index++;
    }
    e->good_blocks = index;
}

/* Start the write-back of whole pieces, so that the final sync has little left to do. */
static int push_written(struct cache_entry *e)
{
    uint64_t end = block_at(e->manifest, e->good_blocks) / PUSH_BYTES * PUSH_BYTES;
    int why = 0;

    if (end > e->pushed) {
        why = disk_push(&e->cache->disk, e->fd, e->pushed, end - e->pushed);
        e->pushed = end;
    }
    return why;
}

/* Write the next `count` blocks, which have been checked. */
static enum gw_err write_blocks(struct cache_entry *e, const uint8_t *bytes, size_t len,
                                uint32_t count)
{
    int why = disk_write(&e->cache->disk, e->fd, bytes, len, block_at(e->manifest, e->good_blocks));

    if (why) {
        e->has_failed = true;
        return disk_err(why);
    }
    set_good(e, e->good_blocks + count);
    if (push_written(e)) { /* write-back errors are sync errors: what they hit is not known */
        e->has_failed = true;
        e->cache->is_degraded = true;
        return GW_CACHE;
    }
    return GW_OK;
}

/* Whole blocks straight from the caller's bytes. *used may be 0: not one is whole. */
static enum gw_err append_whole(struct cache_entry *e, const uint8_t *bytes, size_t len,
                                size_t *used)
{
    uint32_t count = 0;
    size_t end = 0;
    bool is_bad = false;

    while (e->good_blocks + count < e->manifest->block_count) {
        size_t n = image_block_len(e->manifest, e->good_blocks + count);

        if (n > len - end) {
            break;
        }
        is_bad = !block_is_good(e, e->good_blocks + count, bytes + end);
        if (is_bad) {
            break;
        }
        end += n;
        count++;
    }
    enum gw_err err = count ? write_blocks(e, bytes, end, count) : GW_OK;

    *used = end;
    return !err && is_bad ? GW_CONTENT_DAMAGED : err;
}

/* Collect a block that comes in pieces. */
static enum gw_err append_piece(struct cache_entry *e, const uint8_t *bytes, size_t len,
                                size_t *used)
{
    size_t block_len = image_block_len(e->manifest, e->good_blocks);
    size_t n = len < block_len - e->filled ? len : block_len - e->filled;

    memcpy(e->block + e->filled, bytes, n);
    e->filled += n;
    *used = n;
    if (e->filled < block_len) {
        return GW_OK;
    }
    e->filled = 0;
    if (!block_is_good(e, e->good_blocks, e->block)) {
        return GW_CONTENT_DAMAGED;
    }
    return write_blocks(e, e->block, block_len, 1);
}

enum gw_err cache_entry_append(struct cache_entry *e, const uint8_t *bytes, size_t len)
{
    while (len > 0) {
        size_t used = 0;
        enum gw_err err = GW_OK;

        if (e->has_failed || e->cache->is_degraded) {
            return GW_CACHE;
        }
        if (e->state != CACHE_FILLING) {
            return GW_SOURCE_LENGTH;
        }
        if (e->filled == 0) {
            err = append_whole(e, bytes, len, &used);
        }
        if (!err && used == 0) {
            err = append_piece(e, bytes, len, &used);
        }
        if (err) {
            return err;
        }
        bytes += used;
        len -= used;
    }
    return GW_OK;
}

void cache_entry_rewind(struct cache_entry *e)
{
    e->filled = 0;
}

/* --- complete --- */

static int give_name(struct cache_entry *e)
{
    char from[CACHE_NAME_MAX], to[CACHE_NAME_MAX];

    cache_name(from, e->identity, true);
    cache_name(to, e->identity, false);
    int why = fchmod(e->fd, 0400) ? errno : 0;

    if (!why) {
        why = disk_rename(&e->cache->disk, from, to);
    }
    return why ? why : disk_sync_dir(&e->cache->disk);
}

enum gw_err cache_entry_publish(struct cache_entry *e, int sync_errno)
{
    if (e->state != CACHE_FULL || e->has_failed || e->cache->is_degraded) {
        return GW_CACHE;
    }
    if (sync_errno || give_name(e)) {
        e->has_failed = true;
        e->cache->is_degraded = true;
        return GW_CACHE;
    }
    e->state = CACHE_COMPLETE;
    return GW_OK;
}

enum gw_err cache_entry_sync(struct cache_entry *e)
{
    return cache_entry_publish(e, disk_sync(&e->cache->disk, e->fd));
}

enum gw_err cache_entry_read(struct cache_entry *e, uint32_t index, uint8_t *block)
{
    if (index >= e->good_blocks || !read_is_good(e, index, block)) {
        memset(block, 0, image_block_len(e->manifest, index));
        return GW_CACHE_DAMAGED;
    }
    return GW_OK;
}

/* --- close --- */

static void remove_files(struct cache_entry *e)
{
    char name[CACHE_NAME_MAX];

    cache_name(name, e->identity, true);
    (void)disk_remove(&e->cache->disk, name);
    cache_name(name, e->identity, false);
    (void)disk_remove(&e->cache->disk, name);
}

void cache_entry_close(struct cache_entry *e)
{
    if (!e) {
        return;
    }
    if (e->has_failed && e->cache->is_degraded) {
        remove_files(e); /* after a failed sync the page cache may lie about the disk */
    } else {
        (void)futimens(e->fd, NULL);
    }
    free_entry(e);
}

void cache_entry_drop(struct cache_entry *e)
{
    remove_files(e);
    free_entry(e);
}
