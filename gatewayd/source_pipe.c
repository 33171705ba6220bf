#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cache.h"
#include "fd_reads.h"
#include "source.h"

enum { TAKE_BYTES = 64 << 10 }; /* from the pipe in one turn of the loop */

struct pipe_source {
    struct source base;
    struct fd_reads *reads;
    struct cache_spool *spool;
    uv_poll_t poll;
    int fd; /* -1 = the pipe has ended */
    bool is_whole;
};

static struct pipe_source *self(struct source *s)
{
    return (struct pipe_source *)s;
}

static struct source_read *pipe_read(struct source *s, uint64_t offset, uint64_t len,
                                     const struct source_events *events, void *ctx)
{
    return (struct source_read *)fd_reads_start(self(s)->reads, offset, len, events, ctx);
}

static void pipe_cancel(struct source_read *read)
{
    fd_reads_cancel((struct fd_read *)read);
}

static uint64_t pipe_size(const struct source *s)
{
    const struct pipe_source *p = (const struct pipe_source *)s;

    return p->is_whole ? cache_spool_size(p->spool) : 0;
}

static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

/* libuv must not watch a closed descriptor. */
static void close_pipe(struct pipe_source *p)
{
    if (p->fd >= 0) {
        (void)uv_poll_stop(&p->poll);
        (void)close(p->fd);
        p->fd = -1;
    }
}

static void pipe_close(struct source *s)
{
    struct pipe_source *p = self(s);

    close_pipe(p);
    fd_reads_close(p->reads);
    cache_spool_close(p->spool);
    uv_close((uv_handle_t *)&p->poll, on_closed);
}

static const struct source_ops pipe_ops = {
    .name = "pipe",
    .read = pipe_read,
    .cancel = pipe_cancel,
    .size = pipe_size,
    .close = pipe_close,
};

static void end_pipe(struct pipe_source *p, const struct gw_error *error)
{
    p->is_whole = !error->err;
    close_pipe(p);
    fd_reads_end(p->reads, error);
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    struct pipe_source *p = poll->data;
    struct gw_error error = { .err = GW_OK };
    uint8_t bytes[TAKE_BYTES];
    ssize_t got = read(p->fd, bytes, sizeof bytes);

    (void)status; /* read() says it better */
    (void)events;
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    if (got <= 0) {
        if (got < 0) {
            (void)gw_fail(&error, GW_SOURCE_READ, "pipe: %s", strerror(errno));
        }
        end_pipe(p, &error);
        return;
    }
    enum gw_err err = cache_spool_append(p->spool, bytes, (size_t)got);

    if (err) {
        (void)gw_fail(&error, err, "what comes from the pipe is kept in the cache");
        end_pipe(p, &error);
        return;
    }
    fd_reads_grow(p->reads, cache_spool_size(p->spool));
}

static enum gw_err check_pipe(int fd, struct gw_error *error)
{
    struct stat st;
    int flags = fcntl(fd, F_GETFL);

    if (flags < 0 || (flags & O_ACCMODE) != O_RDONLY || fstat(fd, &st) || !S_ISFIFO(st.st_mode)) {
        return gw_fail(error, GW_DESCRIPTOR, "not a pipe that is open for reading");
    }
    return GW_OK;
}

static enum gw_err open_parts(struct pipe_source *p, uv_loop_t *loop, struct cache *cache)
{
    enum gw_err err = cache_spool_open(cache, &p->spool);

    if (err) {
        return err;
    }
    err = fd_reads_open(&p->reads, loop, cache_spool_fd(p->spool));
    if (!err && uv_poll_init(loop, &p->poll, p->fd)) { /* also makes it non-blocking */
        err = GW_IO;
    }
    if (err) {
        fd_reads_close(p->reads);
        cache_spool_close(p->spool);
    }
    return err;
}

enum gw_err source_open_pipe(struct source **out, uv_loop_t *loop, int fd, struct cache *cache,
                             struct gw_error *error)
{
    struct pipe_source *p = calloc(1, sizeof *p);
    enum gw_err err = p ? check_pipe(fd, error) : GW_NO_MEMORY;

    *out = NULL;
    if (!err) {
        p->base.ops = &pipe_ops;
        p->fd = fd;
        p->poll.data = p;
        err = open_parts(p, loop, cache);
    }
    if (err) {
        (void)close(fd);
        free(p);
        return err == GW_DESCRIPTOR ? err : gw_fail(error, err, "pipe");
    }
    p->poll.data = p;
    (void)uv_poll_start(&p->poll, UV_READABLE, on_readable);
    *out = &p->base;
    return GW_OK;
}
