#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "image_window.h"
#include "images.h"
#include "images_private.h"
#include "ipc_socket.h"
#include "log.h"

enum {
    REQUEST_LEN = 24,
    ANSWER_HEAD_LEN = 8,
    READ_MAX = 65536, /* docs/SPEC 7 */
    REQUESTS_MAX = 8, /* that wait; the rest waits in the socket */
    TURN_MAX = 8,     /* answers in one turn of the loop */
};

struct request {
    uint32_t id, len;
    uint64_t handle, offset;
};

struct image_channel {
    struct image_channel *next;
    struct images *images;
    int fd;
    uv_poll_t poll;
    bool is_silent; /* the router has gone, or broke the format */
    bool wants_turn;
    struct image_window window;
    struct request requests[REQUESTS_MAX]; /* the first is being answered */
    unsigned count;
    uint8_t *answer; /* READ_MAX + head; while there are requests */
    size_t done;     /* data bytes of it that are there */
    size_t unsent;   /* its whole length, while the socket is full */
};

static uint64_t le(const uint8_t *bytes, unsigned n)
{
    uint64_t value = 0;

    while (n-- > 0) {
        value = value << 8 | bytes[n];
    }
    return value;
}

static void put_le32(uint8_t *bytes, uint32_t value)
{
    for (unsigned i = 0; i < 4; i++) {
        bytes[i] = (uint8_t)(value >> 8 * i);
    }
}

/* --- one answer --- */

/* Copy what is next of the stream. GW_OK: *got >= 1. GW_TIMEOUT: not here yet. */
static enum gw_err copy_part(struct image_channel *c, const struct image *image, uint64_t offset,
                             uint8_t *bytes, size_t len, size_t *got)
{
    const struct image_manifest *m = content_manifest(image->content);
    uint64_t table_len = (uint64_t)m->block_count * SHA256_LEN;
    const uint8_t *from = image->cms;
    uint64_t left = image->cms_len;

    if (image->facts.payload_only) {
        return image_window_read(&c->window, image->content, offset, bytes, len, got);
    }
    if (offset >= image->cms_len) {
        offset -= image->cms_len;
        from = content_table(image->content);
        left = table_len;
        if (offset >= table_len) {
            return image_window_read(&c->window, image->content, offset - table_len, bytes, len,
                                     got);
        }
    }
    if (!from) {
        return GW_TIMEOUT;
    }
    *got = left - offset < len ? (size_t)(left - offset) : len;
    memcpy(bytes, from + offset, *got);
    return GW_OK;
}

static enum gw_err check_request(const struct request *r, const struct image *image)
{
    if (r->len == 0 || r->len > READ_MAX) {
        return GW_BAD_PARAMETER;
    }
    if (!image) {
        return GW_NOT_FOUND;
    }
    if (r->offset > image->facts.size || r->len > image->facts.size - r->offset) {
        return GW_BAD_PARAMETER;
    }
    return content_error(image->content)->err;
}

/* The data of the first request, as far as it is here. GW_TIMEOUT: more is to come. */
static enum gw_err collect(struct image_channel *c)
{
    const struct request *r = &c->requests[0];
    struct image *image = images_find(c->images, r->handle);
    enum gw_err err = check_request(r, image);

    if (!err && !content_is_ready(image->content)) {
        return GW_TIMEOUT;
    }
    while (!err && c->done < r->len) {
        size_t got = 0;

        err = copy_part(c, image, r->offset + c->done, c->answer + ANSWER_HEAD_LEN + c->done,
                        r->len - c->done, &got);
        c->done += got;
    }
    return err;
}

static void fall_silent(struct image_channel *c)
{
    c->is_silent = true;
    c->count = 0;
    c->unsent = 0;
    (void)uv_poll_stop(&c->poll);
    (void)shutdown(c->fd, SHUT_RDWR); /* a router whose channel is closed ends */
}

/* False: the socket is full, or gone. */
static bool send_answer(struct image_channel *c)
{
    size_t sent;
    enum gw_err err = ipc_send(c->fd, c->answer, c->unsent, -1, &sent);

    if (err == GW_TIMEOUT) {
        return false;
    }
    if (err) {
        fall_silent(c);
        return false;
    }
    c->unsent = 0;
    c->done = 0;
    c->count--;
    memmove(c->requests, c->requests + 1, c->count * sizeof c->requests[0]);
    return true;
}

/* Answer the first request, if it can be. False: not now. */
static bool answer_first(struct image_channel *c)
{
    if (c->unsent == 0) {
        enum gw_err err = collect(c);

        if (err == GW_TIMEOUT) {
            return false;
        }
        put_le32(c->answer, c->requests[0].id);
        put_le32(c->answer + 4, (uint32_t)err);
        c->unsent = ANSWER_HEAD_LEN + (err ? 0 : c->done);
    }
    return send_answer(c);
}

/* --- the socket --- */

static bool take_request(struct image_channel *c)
{
    uint8_t bytes[REQUEST_LEN + 1];
    size_t got = 0;
    enum gw_err err = ipc_receive(c->fd, bytes, sizeof bytes, &got, NULL, NULL);

    if (err == GW_TIMEOUT) {
        return false;
    }
    if (err || got != REQUEST_LEN) {
        if (!err && got > 0) {
            log_warning(c->images->config.log, "image channel: a request of %zu bytes", got);
        }
        fall_silent(c);
        return false;
    }
    c->requests[c->count++] = (struct request){
        .id = (uint32_t)le(bytes, 4),
        .len = (uint32_t)le(bytes + 4, 4),
        .handle = le(bytes + 8, 8),
        .offset = le(bytes + 16, 8),
    };
    return true;
}

static void on_ready(uv_poll_t *poll, int status, int events);

static void watch(struct image_channel *c)
{
    int events = UV_DISCONNECT;

    if (c->is_silent) {
        return;
    }
    events |= c->count < REQUESTS_MAX ? UV_READABLE : 0;
    events |= c->unsent > 0 || c->wants_turn ? UV_WRITABLE : 0;
    (void)uv_poll_start(&c->poll, events, on_ready);
}

static void pump(struct image_channel *c)
{
    int answers = 0;

    c->wants_turn = false;
    while (c->count < REQUESTS_MAX && !c->is_silent && take_request(c)) {
    }
    if (c->count > 0 && !c->answer) {
        c->answer = malloc(ANSWER_HEAD_LEN + READ_MAX);
        if (!c->answer) {
            fall_silent(c);
        }
    }
    while (c->count > 0 && answers < TURN_MAX && answer_first(c)) {
        answers++;
    }
    c->wants_turn = answers == TURN_MAX && c->count > 0;
    watch(c);
}

static void on_ready(uv_poll_t *poll, int status, int events)
{
    struct image_channel *c = poll->data;

    if (status < 0 || ((events & UV_DISCONNECT) && !(events & UV_READABLE))) {
        fall_silent(c);
        return;
    }
    pump(c);
}

/* --- channels --- */

static void on_wake(void *ctx)
{
    struct image_channel *c = ctx;

    if (!c->is_silent && c->count > 0) {
        c->wants_turn = true; /* not from inside whoever woke us */
        watch(c);
    }
}

void image_channels_wake(struct images *images)
{
    for (struct image_channel *c = images->channels; c; c = c->next) {
        on_wake(c);
    }
}

void image_channels_forget(struct images *images, const struct content *content)
{
    for (struct image_channel *c = images->channels; c; c = c->next) {
        if (c->window.content == content) {
            image_window_reset(&c->window);
        }
        if (c->count == 0) {
            free(c->answer);
            c->answer = NULL;
        }
    }
}

enum gw_err image_channel_open(struct image_channel **out, struct images *images, int fd)
{
    struct image_channel *c = calloc(1, sizeof *c);
    int size = 2 * (ANSWER_HEAD_LEN + READ_MAX);

    *out = NULL;
    if (!c || uv_poll_init(images->config.loop, &c->poll, fd)) {
        (void)close(fd);
        free(c);
        return GW_IO;
    }
    /* Two answers fit: one is read while the next is made. */
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    c->images = images;
    c->fd = fd;
    c->poll.data = c;
    c->window.wake = on_wake;
    c->window.ctx = c;
    c->next = images->channels;
    images->channels = c;
    watch(c);
    *out = c;
    return GW_OK;
}

static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void image_channel_close(struct image_channel *c)
{
    if (!c) {
        return;
    }
    for (struct image_channel **at = &c->images->channels; *at; at = &(*at)->next) {
        if (*at == c) {
            *at = c->next;
            break;
        }
    }
    image_window_reset(&c->window);
    free(c->answer);
    uv_close((uv_handle_t *)&c->poll, on_closed);
    (void)close(c->fd);
}
