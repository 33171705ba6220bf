#include "cache.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "cache_disk.h"

/* --- the folder --- */

static enum gw_err open_dir(int *dir, const char *path, struct gw_error *error)
{
    if (mkdir(path, 0700) && errno != EEXIST) {
        return gw_fail(error, GW_CACHE, "%s: cannot be made: %s", path, strerror(errno));
    }
    *dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (*dir < 0 && (errno == ENOTDIR || errno == ELOOP)) {
        return gw_fail(error, GW_CACHE_UNSAFE, "%s: not a folder", path);
    }
    if (*dir < 0) {
        return gw_fail(error, GW_CACHE, "%s: %s", path, strerror(errno));
    }
    return GW_OK;
}

static enum gw_err check_dir(int dir, const char *path, struct gw_error *error)
{
    struct stat st;

    if (fstat(dir, &st)) {
        return gw_fail(error, GW_CACHE, "%s: %s", path, strerror(errno));
    }
    if (st.st_uid != geteuid()) {
        return gw_fail(error, GW_CACHE_UNSAFE, "%s: belongs to user %u, not %u", path,
                       (unsigned)st.st_uid, (unsigned)geteuid());
    }
    if (st.st_mode & (S_IWGRP | S_IWOTH)) {
        return gw_fail(error, GW_CACHE_UNSAFE, "%s: mode %04o: others may write it", path,
                       (unsigned)(st.st_mode & 07777));
    }
    return GW_OK;
}

enum gw_err cache_open(struct cache **out, const struct cache_config *config,
                       struct gw_error *error)
{
    int dir = -1;
    enum gw_err err = open_dir(&dir, config->dir, error);

    *out = NULL;
    if (!err) {
        err = check_dir(dir, config->dir, error);
    }
    struct cache *c = err ? NULL : calloc(1, sizeof *c);

    if (!c) {
        if (dir >= 0) {
            (void)close(dir);
        }
        return err ? err : gw_fail(error, GW_NO_MEMORY, "%s", config->dir);
    }
    c->disk = (struct cache_disk){ dir, config->before, config->before_context };
    c->quota_bytes = config->quota_bytes;
    *out = c;
    return GW_OK;
}

static void free_unused(struct cache *c)
{
    if (c->is_closed && c->open_entries == 0) {
        (void)close(c->disk.dir);
        free(c->holds);
        free(c);
    }
}

void cache_close(struct cache *c)
{
    if (c) {
        c->is_closed = true;
        free_unused(c);
    }
}

uint64_t cache_quota(const struct cache *c)
{
    return c->quota_bytes;
}

bool cache_is_degraded(const struct cache *c)
{
    return c->is_degraded;
}

/* --- holds --- */

static struct cache_hold *find_hold(struct cache *c, const uint8_t *identity)
{
    for (size_t i = 0; i < c->hold_count; i++) {
        if (memcmp(c->holds[i].identity, identity, CACHE_ID_LEN) == 0) {
            return &c->holds[i];
        }
    }
    return NULL;
}

static struct cache_hold *need_hold(struct cache *c, const uint8_t *identity)
{
    struct cache_hold *hold = find_hold(c, identity);

    if (hold) {
        return hold;
    }
    if (c->hold_count == c->hold_cap) {
        size_t cap = c->hold_cap ? 2 * c->hold_cap : 16;
        struct cache_hold *grown = realloc(c->holds, cap * sizeof *grown);

        if (!grown) {
            abort(); /* a few dozen bytes: nothing sensible is left to do */
        }
        c->holds = grown;
        c->hold_cap = cap;
    }
    hold = &c->holds[c->hold_count++];
    *hold = (struct cache_hold){ .pins = 0 };
    memcpy(hold->identity, identity, CACHE_ID_LEN);
    return hold;
}

static void forget_unused_hold(struct cache *c, struct cache_hold *hold)
{
    if (hold->pins == 0 && !hold->is_open) {
        *hold = c->holds[--c->hold_count];
    }
}

void cache_pin(struct cache *c, const uint8_t identity[CACHE_ID_LEN])
{
    need_hold(c, identity)->pins++;
}

void cache_unpin(struct cache *c, const uint8_t identity[CACHE_ID_LEN])
{
    struct cache_hold *hold = find_hold(c, identity);

    if (hold && hold->pins > 0) {
        hold->pins--;
        forget_unused_hold(c, hold);
    }
}

enum gw_err cache_hold_open(struct cache *c, const uint8_t identity[CACHE_ID_LEN])
{
    struct cache_hold *hold = need_hold(c, identity);

    if (hold->is_open) {
        return GW_BUSY;
    }
    hold->is_open = true;
    c->open_entries++;
    return GW_OK;
}

void cache_hold_close(struct cache *c, const uint8_t identity[CACHE_ID_LEN])
{
    struct cache_hold *hold = find_hold(c, identity);

    if (hold && hold->is_open) {
        hold->is_open = false;
        forget_unused_hold(c, hold);
        c->open_entries--;
        free_unused(c);
    }
}

/* --- list --- */

struct item_list {
    struct cache_item *items;
    size_t count, cap;
};

static enum gw_err add_item(struct item_list *list, const struct cache_item *item)
{
    if (list->count == list->cap) {
        size_t cap = list->cap ? 2 * list->cap : 32;
        struct cache_item *grown = realloc(list->items, cap * sizeof *grown);

        if (!grown) {
            return GW_NO_MEMORY;
        }
        list->items = grown;
        list->cap = cap;
    }
    list->items[list->count++] = *item;
    return GW_OK;
}

/* False: a name that is not the cache's, or a file that has gone meanwhile. */
static bool read_item(struct cache *c, const char *name, struct cache_item *item)
{
    struct stat st;
    bool is_partial;

    if (!cache_name_parse(name, item->identity, &is_partial) ||
        fstatat(c->disk.dir, name, &st, AT_SYMLINK_NOFOLLOW)) {
        return false;
    }
    item->bytes = S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0;
    item->is_complete = !is_partial;
    item->is_in_use = find_hold(c, item->identity) != NULL;
    item->last_used_s = st.st_mtime;
    return true;
}

static int by_last_use(const void *a, const void *b)
{
    const struct cache_item *x = a, *y = b;

    return (x->last_used_s > y->last_used_s) - (x->last_used_s < y->last_used_s);
}

static enum gw_err read_folder(struct cache *c, DIR *dir, struct item_list *list)
{
    enum gw_err err = GW_OK;

    for (const struct dirent *e = readdir(dir); e && !err; e = readdir(dir)) {
        struct cache_item item;

        if (read_item(c, e->d_name, &item)) {
            err = add_item(list, &item);
        }
    }
    return err;
}

enum gw_err cache_list(struct cache *c, struct cache_item **items, size_t *count)
{
    struct item_list list = { 0 };
    /* A descriptor of its own: readdir() moves the position that dup() would share. */
    int fd = openat(c->disk.dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);

    *items = NULL;
    *count = 0;
    if (!dir) {
        if (fd >= 0) {
            (void)close(fd);
        }
        return GW_CACHE;
    }
    enum gw_err err = read_folder(c, dir, &list);

    (void)closedir(dir);
    if (err) {
        free(list.items);
        return err;
    }
    if (list.count > 1) {
        qsort(list.items, list.count, sizeof *list.items, by_last_use);
    }
    *items = list.items;
    *count = list.count;
    return GW_OK;
}

/* --- room --- */

/* How much must go so that `need` bytes fit; beyond `evictable` it cannot. */
static enum gw_err room_missing(const struct cache *c, uint64_t used, uint64_t need,
                                uint64_t *missing)
{
    struct statvfs fs;

    *missing = 0;
    if (fstatvfs(c->disk.dir, &fs)) {
        return GW_CACHE;
    }
    if (need > c->quota_bytes) {
        return GW_CACHE_FULL;
    }
    uint64_t on_disk = (uint64_t)fs.f_bavail * fs.f_frsize;
    uint64_t wanted = need + CACHE_DISK_RESERVE;

    if (used > c->quota_bytes - need) {
        *missing = used - (c->quota_bytes - need);
    }
    if (wanted > on_disk && wanted - on_disk > *missing) {
        *missing = wanted - on_disk;
    }
    return GW_OK;
}

static enum gw_err evict(struct cache *c, const struct cache_item *items, size_t count,
                         uint64_t missing)
{
    for (size_t i = 0; i < count && missing > 0; i++) {
        char name[CACHE_NAME_MAX];

        if (items[i].is_in_use) {
            continue;
        }
        cache_name(name, items[i].identity, !items[i].is_complete);
        if (disk_remove(&c->disk, name)) {
            return GW_CACHE;
        }
        missing -= items[i].bytes < missing ? items[i].bytes : missing;
    }
    return GW_OK;
}

enum gw_err cache_make_room(struct cache *c, uint64_t need)
{
    struct cache_item *items;
    size_t count;
    uint64_t used = c->spooled_bytes, evictable = 0, missing;
    enum gw_err err = cache_list(c, &items, &count);

    if (err) {
        return err;
    }
    for (size_t i = 0; i < count; i++) {
        used += items[i].bytes;
        evictable += items[i].is_in_use ? 0 : items[i].bytes;
    }
    err = room_missing(c, used, need, &missing);
    if (!err) {
        err = missing > evictable ? GW_CACHE_FULL : evict(c, items, count, missing);
    }
    free(items);
    return err;
}
