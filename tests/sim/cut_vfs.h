/* Cut VFS: files in memory for SQLite, on a disk that keeps only what was flushed.
 *
 * Each write is remembered until its file is synced. A power cut keeps an arbitrary choice of the
 * unsynced writes, in any order of sectors, the last of them torn; kill -9 keeps them all, as the
 * kernel does. Every write, truncation and sync has a number, so that a test can cut at each one.
 * One object is one disk; it is registered with SQLite under its name.
 */
#ifndef TESTS_CUT_VFS_H
#define TESTS_CUT_VFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cut_vfs;

/* Aborts when SQLite refuses it. */
struct cut_vfs *cut_vfs_new(const char *name);
/* Every database on it is closed. */
void cut_vfs_free(struct cut_vfs *vfs);

/* Operations (write, truncate, sync, delete) done so far. */
uint64_t cut_vfs_ops(const struct cut_vfs *vfs);

/* From operation number `op` on (counted from 0) the process is dead: that one and all later ones
 * fail and change nothing. UINT64_MAX: never. The database is then closed as usual; this frees
 * memory and leaves the disk alone. */
void cut_vfs_die_at(struct cut_vfs *vfs, uint64_t op);
bool cut_vfs_is_dead(const struct cut_vfs *vfs);

/* Operation number `op` fails once, with EIO; the next ones succeed. */
void cut_vfs_fail_at(struct cut_vfs *vfs, uint64_t op);

/* After death, once the database is closed: what the next process finds. */
void cut_vfs_kill(struct cut_vfs *vfs);                     /* everything that was written */
void cut_vfs_power_cut(struct cut_vfs *vfs, uint64_t seed); /* what was synced, and some more */

/* Remember the disk as it is, and make it so again; operations are counted from 0 then. */
void cut_vfs_save(struct cut_vfs *vfs);
void cut_vfs_restore(struct cut_vfs *vfs);

/* Flip a bit of a file: bit rot. False: it is not that long. */
bool cut_vfs_flip(struct cut_vfs *vfs, const char *path, size_t byte);
/* A copy of a whole file, to be freed; NULL = it does not exist. */
uint8_t *cut_vfs_read(struct cut_vfs *vfs, const char *path, size_t *len);

#endif
