#include "cache_disk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int before(const struct cache_disk *d, const char *call, size_t *len)
{
    return d->before ? d->before(d->before_context, call, len) : 0;
}

void cache_name(char out[CACHE_NAME_MAX], const uint8_t identity[CACHE_ID_LEN], bool is_partial)
{
    for (size_t i = 0; i < CACHE_ID_LEN; i++) {
        (void)snprintf(out + 2 * i, 3, "%02x", identity[i]);
    }
    if (is_partial) {
        memcpy(out + 2 * CACHE_ID_LEN, ".part", sizeof ".part");
    }
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool cache_name_parse(const char *name, uint8_t identity[CACHE_ID_LEN], bool *is_partial)
{
    size_t digits = 2 * (size_t)CACHE_ID_LEN;

    if (strlen(name) < digits) {
        return false;
    }
    for (size_t i = 0; i < CACHE_ID_LEN; i++) {
        int hi = hex_value(name[2 * i]), lo = hex_value(name[2 * i + 1]);

        if (hi < 0 || lo < 0) {
            return false;
        }
        identity[i] = (uint8_t)(hi << 4 | lo);
    }
    *is_partial = strcmp(name + digits, ".part") == 0;
    return *is_partial || name[digits] == '\0';
}

int disk_open(const struct cache_disk *d, const char *name, int flags, int *fd)
{
    int why = before(d, "open", NULL);

    *fd = -1;
    if (why) {
        return why;
    }
    *fd = openat(d->dir, name, flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
    return *fd < 0 ? errno : 0;
}

int disk_allocate(const struct cache_disk *d, int fd, uint64_t len)
{
    int why = before(d, "fallocate", NULL);

    if (why) {
        return why;
    }
    if (fallocate(fd, 0, 0, (off_t)len) == 0) {
        return 0;
    }
    if (errno == EOPNOTSUPP) {
        return ftruncate(fd, (off_t)len) ? errno : 0;
    }
    return errno;
}

int disk_write(const struct cache_disk *d, int fd, const void *bytes, size_t len, uint64_t offset)
{
    const uint8_t *at = bytes;

    while (len > 0) {
        size_t n = len;
        int why = before(d, "pwrite", &n);
        ssize_t done = why ? -1 : pwrite(fd, at, n, (off_t)offset);

        if (!why && done < 0) {
            why = errno;
        }
        if (why == EINTR) {
            continue;
        }
        if (why) {
            return why;
        }
        at += done;
        offset += (uint64_t)done;
        len -= (size_t)done;
    }
    return 0;
}

int disk_read(const struct cache_disk *d, int fd, void *bytes, size_t len, uint64_t offset)
{
    uint8_t *at = bytes;

    while (len > 0) {
        size_t n = len;
        int why = before(d, "pread", &n);
        ssize_t done = why ? -1 : pread(fd, at, n, (off_t)offset);

        if (!why && done < 0) {
            why = errno;
        }
        if (why == EINTR) {
            continue;
        }
        if (why || done == 0) {
            return why ? why : EIO;
        }
        at += done;
        offset += (uint64_t)done;
        len -= (size_t)done;
    }
    return 0;
}

int disk_push(const struct cache_disk *d, int fd, uint64_t offset, uint64_t len)
{
    int why = before(d, "sync_file_range", NULL);

    if (why) {
        return why;
    }
    if (sync_file_range(fd, (off_t)offset, (off_t)len, SYNC_FILE_RANGE_WRITE) == 0) {
        return 0;
    }
    return errno == ENOSYS || errno == EINVAL || errno == ESPIPE ? 0 : errno;
}

int disk_sync(const struct cache_disk *d, int fd)
{
    int why = before(d, "fdatasync", NULL);

    if (why) {
        return why;
    }
    return fdatasync(fd) ? errno : 0;
}

int disk_rename(const struct cache_disk *d, const char *from, const char *to)
{
    int why = before(d, "rename", NULL);

    if (why) {
        return why;
    }
    return renameat(d->dir, from, d->dir, to) ? errno : 0;
}

int disk_sync_dir(const struct cache_disk *d)
{
    int why = before(d, "fsync", NULL);

    if (why) {
        return why;
    }
    return fsync(d->dir) ? errno : 0;
}

int disk_remove(const struct cache_disk *d, const char *name)
{
    int why = before(d, "unlink", NULL);

    if (why) {
        return why;
    }
    return unlinkat(d->dir, name, 0) && errno != ENOENT ? errno : 0;
}

enum gw_err disk_err(int why)
{
    return why == ENOSPC || why == EDQUOT || why == EFBIG ? GW_CACHE_FULL : GW_CACHE;
}
