/* Cache entry: one image in the cache, being filled or complete.
 *
 * Filled from the first block to the last; each block is checked against the signed table before it
 * is written and again each time it is read. A partial entry survives a restart: opened again, it
 * is checked from its start and goes on behind its last whole block.
 *
 *   create   CACHE_FILLING
 *   open     CACHE_COMPLETE, or CACHE_CHECKING -> cache_entry_check() ... -> CACHE_FILLING
 *   append   ... -> CACHE_FULL -> caller syncs cache_entry_fd() -> cache_entry_publish() ->
 * CACHE_COMPLETE
 *
 * `manifest` is the authenticated image manifest; only its sizes and tableDigest are used, and it
 * must outlive the entry.
 */
#ifndef CACHE_CACHE_ENTRY_H
#define CACHE_CACHE_ENTRY_H

#include "cache.h"
#include "manifest.h"

enum { CACHE_CHECK_BYTES = 256 << 10 }; /* read at most in one cache_entry_check() */

enum cache_state {
    CACHE_CHECKING = 1, /* found partial: how much of it is good is not known yet */
    CACHE_FILLING,      /* blocks [0, good) are there, appending goes on behind them */
    CACHE_FULL,         /* all blocks are there, not synced yet */
    CACHE_COMPLETE,     /* has its name */
};

struct cache_entry;

/* GW_OK: what is there of this image. GW_NOT_FOUND: nothing usable (a file whose size or table is
 * wrong, or that is no plain file of ours, was removed). GW_CACHE. GW_BUSY: it is open already. */
MUST_USE enum gw_err cache_entry_open(struct cache_entry **out, struct cache *cache,
                                      const uint8_t identity[CACHE_ID_LEN],
                                      const struct image_manifest *manifest);

/* A new one, with room for the whole image. `table` (block_count x 32 bytes) is copied and checked.
 * GW_OK. GW_CACHE_FULL: there is no room even without all that is unused; nothing was evicted.
 * GW_CONTENT_DAMAGED: the table is not the signed one. GW_CACHE. GW_BUSY: it is open already. */
MUST_USE enum gw_err cache_entry_create(struct cache_entry **out, struct cache *cache,
                                        const uint8_t identity[CACHE_ID_LEN],
                                        const struct image_manifest *manifest,
                                        const uint8_t *table);

enum cache_state cache_entry_state(const struct cache_entry *entry);
const uint8_t *cache_entry_table(const struct cache_entry *entry);

/* Leading blocks that may be read now. */
uint32_t cache_entry_good_blocks(const struct cache_entry *entry);

/* CHECKING: read and check at most CACHE_CHECK_BYTES (one block at least). Ends as FILLING or FULL.
 */
void cache_entry_check(struct cache_entry *entry);

/* FILLING: the next bytes of the payload, in pieces of any size. GW_OK. GW_CONTENT_DAMAGED: a block
 * is not the signed one; the blocks before it are kept, its own bytes are not, and appending goes
 * on at its start. GW_CACHE_FULL, GW_CACHE: the disk failed. Bytes past the end: GW_SOURCE_LENGTH.
 */
MUST_USE enum gw_err cache_entry_append(struct cache_entry *entry, const uint8_t *bytes,
                                        size_t len);

/* FILLING: forget the bytes of a block that is not whole: appending goes on at that block's start.
 */
void cache_entry_rewind(struct cache_entry *entry);

/* FULL: the descriptor to fdatasync(), on a thread of the caller's if it likes. */
int cache_entry_fd(const struct cache_entry *entry);

/* FULL: `sync_errno` is the result of that sync (0 = good). GW_OK: the image is COMPLETE, and stays
 * so whatever happens. GW_CACHE: the sync or the rename failed, the cache is degraded, the entry
 * can only be closed. */
MUST_USE enum gw_err cache_entry_publish(struct cache_entry *entry, int sync_errno);

/* Both in one step; blocks for the sync. */
MUST_USE enum gw_err cache_entry_sync(struct cache_entry *entry);

/* Block `index` < good blocks into `block` (image_block_len() bytes). GW_OK: read and checked now.
 * GW_CACHE_DAMAGED: it is not the signed one or cannot be read; cache_entry_drop() is next. */
MUST_USE enum gw_err cache_entry_read(struct cache_entry *entry, uint32_t index, uint8_t *block);

/* Close; a partial one stays for later. Marks it as used now. NULL is fine. */
void cache_entry_close(struct cache_entry *entry);

/* Close and remove the file. */
void cache_entry_drop(struct cache_entry *entry);

#endif
