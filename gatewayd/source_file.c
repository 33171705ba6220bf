#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fd_reads.h"
#include "source.h"

struct file_source {
    struct source base;
    struct fd_reads *reads;
    int fd;
    uint64_t size;
};

static struct file_source *self(struct source *s)
{
    return (struct file_source *)s;
}

static struct source_read *file_read(struct source *s, uint64_t offset, uint64_t len,
                                     const struct source_events *events, void *ctx)
{
    return (struct source_read *)fd_reads_start(self(s)->reads, offset, len, events, ctx);
}

static void file_cancel(struct source_read *read)
{
    fd_reads_cancel((struct fd_read *)read);
}

static uint64_t file_size(const struct source *s)
{
    return ((const struct file_source *)s)->size;
}

static void file_close(struct source *s)
{
    fd_reads_close(self(s)->reads);
    (void)close(self(s)->fd);
    free(s);
}

static const struct source_ops file_ops = {
    .name = "file",
    .read = file_read,
    .cancel = file_cancel,
    .size = file_size,
    .close = file_close,
};

static enum gw_err open_checked(struct file_source *f, uv_loop_t *loop, struct gw_error *error)
{
    struct gw_error end = { .err = GW_OK };
    struct stat st;
    int flags = fcntl(f->fd, F_GETFL);

    if (flags < 0 || (flags & O_ACCMODE) != O_RDONLY || fstat(f->fd, &st) || !S_ISREG(st.st_mode)) {
        return gw_fail(error, GW_DESCRIPTOR, "not a regular file that is open for reading only");
    }
    enum gw_err err = fd_reads_open(&f->reads, loop, f->fd);

    if (!err) {
        f->size = (uint64_t)st.st_size;
        fd_reads_grow(f->reads, f->size);
        fd_reads_end(f->reads, &end);
    }
    return err;
}

enum gw_err source_open_file(struct source **out, uv_loop_t *loop, int fd, struct gw_error *error)
{
    struct file_source *f = calloc(1, sizeof *f);
    enum gw_err err = GW_NO_MEMORY;

    *out = NULL;
    if (f) {
        f->base.ops = &file_ops;
        f->fd = fd;
        err = open_checked(f, loop, error);
    }
    if (err) {
        (void)close(fd);
        free(f);
        return err;
    }
    *out = &f->base;
    return GW_OK;
}
