/* The cache's system calls, each behind the test hook of cache.h, and the names of its files.
 *
 * Results are 0 or an errno. Private to cache/.
 */
#ifndef CACHE_CACHE_DISK_H
#define CACHE_CACHE_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "cache.h"

enum { CACHE_NAME_MAX = 2 * CACHE_ID_LEN + sizeof ".part" };

struct cache_disk {
    int dir; /* the folder */
    int (*before)(void *context, const char *call, size_t *len);
    void *before_context;
};

/* The file name of an image. */
void cache_name(char out[CACHE_NAME_MAX], const uint8_t identity[CACHE_ID_LEN], bool is_partial);
/* The other way; false: it is no name of the cache's. */
bool cache_name_parse(const char *name, uint8_t identity[CACHE_ID_LEN], bool *is_partial);

int disk_open(const struct cache_disk *d, const char *name, int flags, int *fd);
/* Give the file `len` bytes of place now (or, where the file system cannot, at least that length).
 */
int disk_allocate(const struct cache_disk *d, int fd, uint64_t len);
int disk_write(const struct cache_disk *d, int fd, const void *bytes, size_t len, uint64_t offset);
/* A short file is EIO. */
int disk_read(const struct cache_disk *d, int fd, void *bytes, size_t len, uint64_t offset);
/* Start writing this range back; does not wait. */
int disk_push(const struct cache_disk *d, int fd, uint64_t offset, uint64_t len);
int disk_sync(const struct cache_disk *d, int fd);
int disk_rename(const struct cache_disk *d, const char *from, const char *to);
int disk_sync_dir(const struct cache_disk *d);
/* A missing file is fine. */
int disk_remove(const struct cache_disk *d, const char *name);

/* What a failed call means to the caller: GW_CACHE_FULL for a full disk, else GW_CACHE. */
enum gw_err disk_err(int why);

/* The folder and what the cache knows of it beyond what lies in it. */
struct cache {
    struct cache_disk disk;
    uint64_t quota_bytes;
    uint64_t spooled_bytes; /* promised to spools */
    bool is_degraded;
    bool is_closed; /* and goes with its last entry */
    unsigned open_entries;
    struct cache_hold *holds;
    size_t hold_count, hold_cap;
};

/* An image that must not be evicted. */
struct cache_hold {
    uint8_t identity[CACHE_ID_LEN];
    unsigned pins;
    bool is_open; /* a cache_entry has it */
};

/* Mark an image as open. GW_BUSY: it is. */
MUST_USE enum gw_err cache_hold_open(struct cache *cache, const uint8_t identity[CACHE_ID_LEN]);
void cache_hold_close(struct cache *cache, const uint8_t identity[CACHE_ID_LEN]);

/* Evict until `need` more bytes fit under the quota and on the disk. GW_CACHE_FULL: they cannot,
 * and nothing was evicted. GW_CACHE. */
MUST_USE enum gw_err cache_make_room(struct cache *cache, uint64_t need);

#endif
