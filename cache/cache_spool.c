#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "cache_disk.h"

enum { ROOM_STEP = 1 << 20 }; /* bytes: the folder is counted once for so many */

static const char spool_name[] = ".spool"; /* only between two calls of cache_spool_open() */

struct cache_spool {
    struct cache *cache;
    int fd;
    uint64_t size;
    uint64_t promised; /* of the quota; >= size */
};

enum gw_err cache_spool_open(struct cache *c, struct cache_spool **out)
{
    struct cache_spool *s = calloc(1, sizeof *s);
    int why = s ? disk_remove(&c->disk, spool_name) : ENOMEM;

    *out = NULL;
    if (!why) {
        why = disk_open(&c->disk, spool_name, O_RDWR | O_CREAT | O_EXCL, &s->fd);
    }
    if (!why) {
        why = disk_remove(&c->disk, spool_name);
        if (why) {
            (void)close(s->fd);
        }
    }
    if (why) {
        free(s);
        return disk_err(why);
    }
    s->cache = c;
    *out = s;
    return GW_OK;
}

static enum gw_err promise(struct cache_spool *s, uint64_t size)
{
    if (size <= s->promised) {
        return GW_OK;
    }
    uint64_t more = (size - s->promised + ROOM_STEP - 1) / ROOM_STEP * ROOM_STEP;
    enum gw_err err = cache_make_room(s->cache, more);

    if (err == GW_CACHE_FULL && more > size - s->promised) {
        more = size - s->promised; /* the last step may be a small one */
        err = cache_make_room(s->cache, more);
    }
    if (!err) {
        s->promised += more;
        s->cache->spooled_bytes += more;
    }
    return err;
}

enum gw_err cache_spool_append(struct cache_spool *s, const void *bytes, size_t len)
{
    enum gw_err err = s->cache->is_degraded ? GW_CACHE : promise(s, s->size + len);

    if (err) {
        return err;
    }
    int why = disk_write(&s->cache->disk, s->fd, bytes, len, s->size);

    if (why) {
        return disk_err(why);
    }
    s->size += len;
    return GW_OK;
}

uint64_t cache_spool_size(const struct cache_spool *s)
{
    return s->size;
}

int cache_spool_fd(const struct cache_spool *s)
{
    return s->fd;
}

void cache_spool_close(struct cache_spool *s)
{
    if (s) {
        s->cache->spooled_bytes -= s->promised;
        (void)close(s->fd);
        free(s);
    }
}
