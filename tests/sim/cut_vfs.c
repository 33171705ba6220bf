#include "cut_vfs.h"

#include <assert.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SECTOR = 512, FILES_MAX = 8, PATH_BYTES = 128 };

struct bytes {
    uint8_t *at;
    size_t len, room;
};

/* An unsynced change of a file: a write, or (len 0) a truncation to `offset`. */
struct change_of_file {
    size_t offset, len;
    uint8_t *data;
};

struct disk_file {
    char path[PATH_BYTES]; /* "" = unused */
    struct bytes now;      /* what the processes see */
    struct bytes safe;     /* what was flushed */
    struct change_of_file *changes;
    size_t change_count, change_room;
};

struct cut_vfs {
    sqlite3_vfs base;
    char name[32];
    struct disk_file files[FILES_MAX], saved[FILES_MAX];
    uint64_t ops, die_at, fail_at;
    uint64_t random; /* SQLite's: the same stream in every run */
    bool is_dead;
};

struct open_file {
    sqlite3_file base;
    struct cut_vfs *vfs;
    struct disk_file *file;
};

/* ---- bytes ---- */

static void bytes_resize(struct bytes *b, size_t len)
{
    if (len > b->room) {
        b->room = len * 2;
        b->at = realloc(b->at, b->room);
        assert(b->at);
    }
    if (len > b->len) {
        memset(b->at + b->len, 0, len - b->len);
    }
    b->len = len;
}

static void bytes_write(struct bytes *b, size_t offset, const void *data, size_t len)
{
    if (offset + len > b->len) {
        bytes_resize(b, offset + len);
    }
    if (len > 0) {
        memcpy(b->at + offset, data, len);
    }
}

static void bytes_copy(struct bytes *to, const struct bytes *from)
{
    bytes_resize(to, 0);
    bytes_write(to, 0, from->at, from->len);
}

/* ---- files ---- */

static void forget_changes(struct disk_file *f)
{
    for (size_t i = 0; i < f->change_count; i++) {
        free(f->changes[i].data);
    }
    f->change_count = 0;
}

static void remember(struct disk_file *f, size_t offset, const void *data, size_t len)
{
    if (f->change_count == f->change_room) {
        f->change_room = f->change_room ? 2 * f->change_room : 16;
        f->changes = realloc(f->changes, f->change_room * sizeof *f->changes);
        assert(f->changes);
    }
    struct change_of_file *c = &f->changes[f->change_count++];

    *c = (struct change_of_file){ .offset = offset, .len = len };
    if (len > 0) {
        c->data = malloc(len);
        assert(c->data);
        memcpy(c->data, data, len);
    }
}

static struct disk_file *find(struct cut_vfs *vfs, const char *path)
{
    for (size_t i = 0; i < FILES_MAX; i++) {
        if (strcmp(vfs->files[i].path, path) == 0) {
            return &vfs->files[i];
        }
    }
    return NULL;
}

static void erase_file(struct disk_file *f)
{
    forget_changes(f);
    bytes_resize(&f->now, 0);
    bytes_resize(&f->safe, 0);
    f->path[0] = '\0';
}

/* Count one operation; false = it must not happen. */
static bool may_do(struct cut_vfs *vfs)
{
    uint64_t op = vfs->ops;

    if (vfs->is_dead || op >= vfs->die_at) {
        vfs->is_dead = true;
        return false;
    }
    vfs->ops++;
    return op != vfs->fail_at;
}

/* ---- sqlite3_io_methods ---- */

static struct open_file *self(sqlite3_file *file)
{
    return (struct open_file *)(void *)file;
}

static int file_close(sqlite3_file *file)
{
    (void)file;
    return SQLITE_OK;
}

static int file_read(sqlite3_file *file, void *buf, int len, sqlite3_int64 offset)
{
    const struct bytes *b = &self(file)->file->now;
    size_t from = (size_t)offset, want = (size_t)len;
    size_t got = from >= b->len ? 0 : b->len - from < want ? b->len - from : want;

    memset(buf, 0, want);
    if (got > 0) {
        memcpy(buf, b->at + from, got);
    }
    return got == want ? SQLITE_OK : SQLITE_IOERR_SHORT_READ;
}

static int file_write(sqlite3_file *file, const void *buf, int len, sqlite3_int64 offset)
{
    struct disk_file *f = self(file)->file;

    if (!may_do(self(file)->vfs)) {
        return SQLITE_IOERR_WRITE;
    }
    bytes_write(&f->now, (size_t)offset, buf, (size_t)len);
    remember(f, (size_t)offset, buf, (size_t)len);
    return SQLITE_OK;
}

static int file_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    struct disk_file *f = self(file)->file;

    if (!may_do(self(file)->vfs)) {
        return SQLITE_IOERR_TRUNCATE;
    }
    bytes_resize(&f->now, (size_t)size);
    remember(f, (size_t)size, NULL, 0);
    return SQLITE_OK;
}

static int file_sync(sqlite3_file *file, int flags)
{
    struct disk_file *f = self(file)->file;

    (void)flags;
    if (!may_do(self(file)->vfs)) {
        return SQLITE_IOERR_FSYNC;
    }
    bytes_copy(&f->safe, &f->now);
    forget_changes(f);
    return SQLITE_OK;
}

static int file_size(sqlite3_file *file, sqlite3_int64 *size)
{
    *size = (sqlite3_int64)self(file)->file->now.len;
    return SQLITE_OK;
}

static int file_lock(sqlite3_file *file, int level)
{
    (void)file;
    (void)level;
    return SQLITE_OK;
}

static int file_check_reserved(sqlite3_file *file, int *out)
{
    (void)file;
    *out = 0;
    return SQLITE_OK;
}

static int file_control(sqlite3_file *file, int op, void *arg)
{
    (void)file;
    (void)op;
    (void)arg;
    return SQLITE_NOTFOUND;
}

static int file_sector_size(sqlite3_file *file)
{
    (void)file;
    return SECTOR;
}

/* The worst disk: nothing is atomic, nothing in order, a write may damage its sector's rest. */
static int file_characteristics(sqlite3_file *file)
{
    (void)file;
    return 0;
}

static const sqlite3_io_methods methods = {
    .iVersion = 1,
    .xClose = file_close,
    .xRead = file_read,
    .xWrite = file_write,
    .xTruncate = file_truncate,
    .xSync = file_sync,
    .xFileSize = file_size,
    .xLock = file_lock,
    .xUnlock = file_lock,
    .xCheckReservedLock = file_check_reserved,
    .xFileControl = file_control,
    .xSectorSize = file_sector_size,
    .xDeviceCharacteristics = file_characteristics,
};

/* ---- sqlite3_vfs ---- */

static struct cut_vfs *of(sqlite3_vfs *base)
{
    return (struct cut_vfs *)(void *)base;
}

static int vfs_open(sqlite3_vfs *base, sqlite3_filename name, sqlite3_file *file, int flags,
                    int *out_flags)
{
    struct cut_vfs *vfs = of(base);
    struct disk_file *f = find(vfs, name);

    file->pMethods = NULL;
    if (!f && (flags & SQLITE_OPEN_CREATE)) {
        f = find(vfs, "");
        assert(f && strlen(name) < PATH_BYTES);
        strcpy(f->path, name);
    }
    if (!f) {
        return SQLITE_CANTOPEN;
    }
    *self(file) = (struct open_file){ .vfs = vfs, .file = f };
    file->pMethods = &methods;
    if (out_flags) {
        *out_flags = flags;
    }
    return SQLITE_OK;
}

static int vfs_delete(sqlite3_vfs *base, const char *name, int sync)
{
    struct disk_file *f = find(of(base), name);

    (void)sync;
    if (!f) {
        return SQLITE_IOERR_DELETE_NOENT;
    }
    if (!may_do(of(base))) {
        return SQLITE_IOERR_DELETE;
    }
    erase_file(f);
    return SQLITE_OK;
}

static int vfs_access(sqlite3_vfs *base, const char *name, int flags, int *out)
{
    const struct disk_file *f = find(of(base), name);

    *out = f != NULL && (flags != SQLITE_ACCESS_EXISTS || f->now.len > 0);
    return SQLITE_OK;
}

static int vfs_full_path(sqlite3_vfs *base, const char *name, int size, char *out)
{
    (void)base;
    (void)snprintf(out, (size_t)size, "%s", name);
    return SQLITE_OK;
}

static uint64_t next_random(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static int vfs_randomness(sqlite3_vfs *base, int len, char *out)
{
    for (int i = 0; i < len; i++) {
        out[i] = (char)next_random(&of(base)->random);
    }
    return len;
}

static int vfs_sleep(sqlite3_vfs *base, int microseconds)
{
    (void)base;
    return microseconds;
}

static int vfs_time(sqlite3_vfs *base, double *out)
{
    (void)base;
    *out = 2460000.5;
    return SQLITE_OK;
}

struct cut_vfs *cut_vfs_new(const char *name)
{
    struct cut_vfs *vfs = calloc(1, sizeof *vfs);

    assert(vfs);
    (void)snprintf(vfs->name, sizeof vfs->name, "%s", name);
    vfs->die_at = vfs->fail_at = UINT64_MAX;
    vfs->base = (sqlite3_vfs){ .iVersion = 1,
                               .szOsFile = sizeof(struct open_file),
                               .mxPathname = PATH_BYTES,
                               .zName = vfs->name,
                               .xOpen = vfs_open,
                               .xDelete = vfs_delete,
                               .xAccess = vfs_access,
                               .xFullPathname = vfs_full_path,
                               .xRandomness = vfs_randomness,
                               .xSleep = vfs_sleep,
                               .xCurrentTime = vfs_time };
    int result = sqlite3_vfs_register(&vfs->base, 0);

    if (result != SQLITE_OK) {
        abort();
    }
    return vfs;
}

void cut_vfs_free(struct cut_vfs *vfs)
{
    (void)sqlite3_vfs_unregister(&vfs->base);
    for (size_t i = 0; i < FILES_MAX; i++) {
        erase_file(&vfs->files[i]);
        free(vfs->files[i].now.at);
        free(vfs->files[i].safe.at);
        free(vfs->files[i].changes);
        free(vfs->saved[i].safe.at);
    }
    free(vfs);
}

uint64_t cut_vfs_ops(const struct cut_vfs *vfs)
{
    return vfs->ops;
}

void cut_vfs_die_at(struct cut_vfs *vfs, uint64_t op)
{
    vfs->die_at = op;
}

bool cut_vfs_is_dead(const struct cut_vfs *vfs)
{
    return vfs->is_dead;
}

void cut_vfs_fail_at(struct cut_vfs *vfs, uint64_t op)
{
    vfs->fail_at = op;
}

/* Each unsynced write: kept, lost, or some of its sectors kept. */
static void keep_some(struct disk_file *f, uint64_t *random)
{
    for (size_t i = 0; i < f->change_count; i++) {
        const struct change_of_file *c = &f->changes[i];
        uint64_t fate = next_random(random) % 3;

        if (c->len == 0) {
            bytes_resize(&f->safe, fate == 0 ? f->safe.len : c->offset);
        } else if (fate == 1) {
            bytes_write(&f->safe, c->offset, c->data, c->len);
        }
        for (size_t at = 0; fate == 2 && at < c->len; at += SECTOR) {
            size_t n = c->len - at < SECTOR ? c->len - at : SECTOR;

            if (next_random(random) & 1) {
                bytes_write(&f->safe, c->offset + at, c->data + at, n);
            }
        }
    }
}

static void revive(struct cut_vfs *vfs)
{
    vfs->is_dead = false;
    vfs->die_at = vfs->fail_at = UINT64_MAX;
}

void cut_vfs_kill(struct cut_vfs *vfs)
{
    revive(vfs);
}

void cut_vfs_power_cut(struct cut_vfs *vfs, uint64_t seed)
{
    uint64_t random = seed;

    for (size_t i = 0; i < FILES_MAX; i++) {
        struct disk_file *f = &vfs->files[i];

        if (f->path[0]) {
            keep_some(f, &random);
            bytes_copy(&f->now, &f->safe);
            forget_changes(f);
        }
    }
    revive(vfs);
}

void cut_vfs_save(struct cut_vfs *vfs)
{
    for (size_t i = 0; i < FILES_MAX; i++) {
        memcpy(vfs->saved[i].path, vfs->files[i].path, PATH_BYTES);
        bytes_copy(&vfs->saved[i].safe, &vfs->files[i].now);
    }
}

void cut_vfs_restore(struct cut_vfs *vfs)
{
    for (size_t i = 0; i < FILES_MAX; i++) {
        erase_file(&vfs->files[i]);
        memcpy(vfs->files[i].path, vfs->saved[i].path, PATH_BYTES);
        bytes_copy(&vfs->files[i].now, &vfs->saved[i].safe);
        bytes_copy(&vfs->files[i].safe, &vfs->saved[i].safe);
    }
    vfs->ops = 0;
    vfs->random = 0;
    revive(vfs);
}

bool cut_vfs_flip(struct cut_vfs *vfs, const char *path, size_t byte)
{
    struct disk_file *f = find(vfs, path);

    if (!f || byte >= f->now.len) {
        return false;
    }
    f->now.at[byte] ^= 1;
    bytes_copy(&f->safe, &f->now);
    return true;
}

uint8_t *cut_vfs_read(struct cut_vfs *vfs, const char *path, size_t *len)
{
    const struct disk_file *f = find(vfs, path);
    uint8_t *copy = f ? malloc(f->now.len + 1) : NULL;

    if (copy) {
        *len = f->now.len;
        memcpy(copy, f->now.at, f->now.len);
    }
    return copy;
}
