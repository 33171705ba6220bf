#include "image_channel.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "link.h"

struct request {
    uint32_t id, length;
    uint64_t handle, offset;
};

struct answer {
    uint32_t id, status;
};

void channel_init(struct image_reader *reader, int fd)
{
    memset(reader, 0, sizeof *reader);
    reader->fd = fd;
}

void channel_begin(struct image_reader *reader, uint64_t handle, uint64_t size)
{
    reader->handle = handle;
    reader->size = size;
    for (size_t i = 0; i < CHANNEL_CHUNKS; i++) {
        reader->chunks[i].id = 0;
    }
}

static enum gw_err wait_for(const struct image_reader *reader, struct waiter *waiter, short events)
{
    return waiter->wait(waiter, reader->fd, events, UINT64_MAX);
}

/* A chunk that failed is asked for again. */
static struct channel_chunk *find(struct image_reader *reader, uint64_t offset)
{
    for (size_t i = 0; i < CHANNEL_CHUNKS; i++) {
        struct channel_chunk *chunk = &reader->chunks[i];

        if (chunk->id && chunk->offset == offset && !(chunk->is_filled && chunk->status)) {
            return chunk;
        }
    }
    return NULL;
}

/* A free one, or the one farthest from what is being read at `offset`. */
static struct channel_chunk *victim(struct image_reader *reader, uint64_t offset)
{
    struct channel_chunk *farthest = &reader->chunks[0];
    uint64_t most = 0;

    for (size_t i = 0; i < CHANNEL_CHUNKS; i++) {
        struct channel_chunk *chunk = &reader->chunks[i];
        uint64_t distance = chunk->offset < offset ? UINT64_MAX - chunk->offset
                                                   : chunk->offset - offset;

        if (!chunk->id) {
            return chunk;
        }
        if (distance > most) {
            most = distance;
            farthest = chunk;
        }
    }
    return farthest;
}

static enum gw_err ask(struct image_reader *reader, struct waiter *waiter, uint64_t offset,
                       uint64_t reading)
{
    uint64_t left = reader->size - offset;
    struct channel_chunk *chunk = victim(reader, reading);

    *chunk = (struct channel_chunk){
        .id = ++reader->last_id ? reader->last_id : ++reader->last_id,
        .length = left < CHANNEL_CHUNK ? (uint32_t)left : CHANNEL_CHUNK,
        .offset = offset,
    };
    struct request request = { chunk->id, chunk->length, reader->handle, offset };

    while (send(reader->fd, &request, sizeof request, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
        enum gw_err err = errno == EAGAIN ? wait_for(reader, waiter, POLLOUT) : GW_IO;

        if (err) {
            chunk->id = 0;
            return err;
        }
    }
    return GW_OK;
}

/* Ask for the chunk at `offset` and the two behind it, unless they are there or on their way. */
static enum gw_err ask_ahead(struct image_reader *reader, struct waiter *waiter, uint64_t offset)
{
    enum gw_err err = GW_OK;

    for (uint64_t at = offset; at < reader->size && !err; at += CHANNEL_CHUNK) {
        if (at - offset >= (uint64_t)CHANNEL_CHUNKS * CHANNEL_CHUNK) {
            break;
        }
        if (!find(reader, at)) {
            err = ask(reader, waiter, at, offset);
        }
    }
    return err;
}

static struct channel_chunk *find_id(struct image_reader *reader, uint32_t id)
{
    for (size_t i = 0; i < CHANNEL_CHUNKS; i++) {
        if (reader->chunks[i].id == id) {
            return &reader->chunks[i];
        }
    }
    return NULL;
}

/* Take one answer in. One to a request that was given up is dropped. */
static enum gw_err take_answer(struct image_reader *reader, struct waiter *waiter)
{
    struct answer answer = { 0, 0 };
    enum gw_err err = wait_for(reader, waiter, POLLIN);

    if (err) {
        return err;
    }
    ssize_t n = recv(reader->fd, &answer, sizeof answer, MSG_PEEK | MSG_DONTWAIT);

    if (n < 0 && errno == EAGAIN) {
        return GW_OK;
    }
    if (n != (ssize_t)sizeof answer) {
        return n > 0 ? GW_PROTOCOL : GW_IO;
    }
    struct channel_chunk *chunk = answer.id ? find_id(reader, answer.id) : NULL;
    struct iovec parts[2] = {
        { &answer, sizeof answer },
        { chunk ? chunk->data : NULL, chunk ? chunk->length : 0 },
    };
    struct msghdr message = { .msg_iov = parts, .msg_iovlen = chunk ? 2 : 1 };

    n = recvmsg(reader->fd, &message, MSG_DONTWAIT);
    if (!chunk) {
        return n < 0 ? GW_IO : GW_OK;
    }
    size_t expected = sizeof answer + (answer.status ? 0 : chunk->length);

    if (n < 0 || (size_t)n != expected || message.msg_flags & MSG_TRUNC) {
        return n < 0 ? GW_IO : GW_PROTOCOL;
    }
    chunk->status = (enum gw_err)answer.status;
    chunk->is_filled = true;
    return GW_OK;
}

static enum gw_err get_chunk(struct image_reader *reader, struct waiter *waiter, uint64_t offset,
                             const struct channel_chunk **out)
{
    enum gw_err err = ask_ahead(reader, waiter, offset);
    struct channel_chunk *chunk = err ? NULL : find(reader, offset);

    while (!err && !chunk->is_filled) {
        err = take_answer(reader, waiter);
    }
    *out = chunk;
    return err ? err : chunk->status;
}

enum gw_err channel_read(struct image_reader *reader, struct waiter *waiter, uint64_t offset,
                         void *buf, size_t len)
{
    uint8_t *to = buf;

    if (offset > reader->size || len > reader->size - offset) {
        return GW_PROTOCOL;
    }
    while (len > 0) {
        const struct channel_chunk *chunk;
        uint64_t start = offset - offset % CHANNEL_CHUNK;
        enum gw_err err = get_chunk(reader, waiter, start, &chunk);

        if (err) {
            return err;
        }
        size_t skip = (size_t)(offset - start), n = chunk->length - skip;

        n = n < len ? n : len;
        memcpy(to, chunk->data + skip, n);
        to += n;
        offset += n;
        len -= n;
    }
    return GW_OK;
}
