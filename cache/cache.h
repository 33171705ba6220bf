/* Cache: the folder of images that the gateway keeps, one file for each image.
 *
 * A file is named by the image's identity in hex and holds block table and payload;
 * `<identity>.part` is one that is still being filled. A file gets its place on disk before its
 * first byte is fetched, and its name without `.part` only after it was synced, so power may fail
 * at any call. The sum of all files stays below the quota; the ones used longest ago make room,
 * never one that is pinned or open. Nothing in the folder is believed: table and blocks are checked
 * each time they are read. After a failed sync the cache is degraded: it reads, and writes nothing
 * more until it is opened again (a second fsync would lie). One thread; calls block for one disk
 * access, not for a sync. Entries: cache_entry.h.
 */
#ifndef CACHE_CACHE_H
#define CACHE_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"

enum {
    CACHE_ID_LEN = 32,
    CACHE_DISK_RESERVE = 4 << 20, /* bytes of the file system that the cache leaves free */
};

struct cache;

struct cache_config {
    const char *dir;      /* made with mode 0700 when missing; its parent must exist */
    uint64_t quota_bytes; /* of all files together, spools included */

    /* For tests; NULL = none. Called before each system call that opens, allocates, writes, syncs,
     * renames or removes, with the call's name: a result other than 0 is the errno with which it
     * fails instead of being made. `len` (NULL where there is none) may be lowered: a short write.
     */
    int (*before)(void *context, const char *call, size_t *len);
    void *before_context;
};

/* GW_OK: *out is the caller's. GW_CACHE_UNSAFE: the folder is not a folder, another user owns it,
 * or others may write it. GW_CACHE: it cannot be made or read. Removes nothing. */
MUST_USE enum gw_err cache_open(struct cache **out, const struct cache_config *config,
                                struct gw_error *error);

/* Spools must be closed; an entry that is still open keeps it alive until it is closed too. NULL is
 * fine. */
void cache_close(struct cache *cache);

/* A pinned image is not evicted: each one that a live job needs. Pins count and are not stored. */
void cache_pin(struct cache *cache, const uint8_t identity[CACHE_ID_LEN]);
void cache_unpin(struct cache *cache, const uint8_t identity[CACHE_ID_LEN]);

struct cache_item {
    uint8_t identity[CACHE_ID_LEN];
    uint64_t bytes;      /* on disk, reserved ones included */
    bool is_complete;    /* false: partial, a later fetch goes on with it */
    bool is_in_use;      /* pinned or open */
    int64_t last_used_s; /* seconds since 1970 */
};

/* Every image in the folder, the longest unused first; the caller frees *items. GW_CACHE. */
MUST_USE enum gw_err cache_list(struct cache *cache, struct cache_item **items, size_t *count);

uint64_t cache_quota(const struct cache *cache);

/* Has a sync failed? */
bool cache_is_degraded(const struct cache *cache);

/* --- spools: unnamed files for what must be kept whole but is no image --- */

struct cache_spool;

/* GW_OK, GW_CACHE. */
MUST_USE enum gw_err cache_spool_open(struct cache *cache, struct cache_spool **out);

/* Add bytes at its end, making room first. GW_CACHE_FULL: they do not fit, and nothing was added.
 * GW_CACHE. */
MUST_USE enum gw_err cache_spool_append(struct cache_spool *spool, const void *bytes, size_t len);

uint64_t cache_spool_size(const struct cache_spool *spool);
int cache_spool_fd(const struct cache_spool *spool); /* to pread() from; stays the spool's */
void cache_spool_close(struct cache_spool *spool);   /* gives its bytes back; NULL is fine */

#endif
