#include "fake.h"

#include <stdlib.h>
#include <string.h>

enum { FIFO_BYTES = 16, BACKLOG_BYTES = 4096, PIECE_BYTES = 1024 };
enum { BITS_A_BYTE = 10, NS_A_MS = 1000000, MILLION = 1000000 };

/* Bytes that follow each other on the line without a gap. */
struct run {
    size_t len;       /* not handed over yet */
    uint64_t arrives; /* when the first of them arrives */
};

/* One direction: what was sent and has not arrived. */
struct direction {
    uint8_t *bytes; /* bytes[at..len) are on their way */
    size_t at, len, cap;
    struct run *runs; /* runs[run_at..run_len) describe them */
    size_t run_at, run_len, run_cap;
    uint64_t free_at; /* when the line has sent its last bit */
    uint64_t total;
};

struct fake_line {
    struct fake_line_config config;
    uint64_t byte_ns;
    uint64_t random;
    struct direction to_device, to_router;
    uint8_t *input; /* arrived for the link: input[input_at..input_len) */
    size_t input_at, input_len, input_cap;
    uint64_t device_due;
    bool is_cut, is_hung_up;
};

struct fake_link {
    struct link base;
    struct fake_line *line;
    struct fake_time *time;
};

static void *grow(void *array, size_t *cap, size_t want, size_t item)
{
    if (want <= *cap) {
        return array;
    }
    *cap = want * 2;
    array = realloc(array, *cap * item);
    if (!array) {
        abort(); /* a test without memory has nothing to say */
    }
    return array;
}

static uint64_t next_random(uint64_t *state) /* splitmix64 */
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static bool happens(struct fake_line *line, uint32_t ppm)
{
    return ppm > 0 && next_random(&line->random) % MILLION < ppm;
}

struct fake_line *fake_line_new(const struct fake_line_config *config)
{
    struct fake_line *line = calloc(1, sizeof *line);

    if (line) {
        line->config = *config;
        line->byte_ns = config->baud ? (uint64_t)BITS_A_BYTE * 1000000000u / config->baud : 0;
        line->random = config->noise.seed;
        line->device_due = 0;
    }
    return line;
}

void fake_line_free(struct fake_line *line)
{
    if (line) {
        free(line->to_device.bytes);
        free(line->to_device.runs);
        free(line->to_router.bytes);
        free(line->to_router.runs);
        free(line->input);
        free(line);
    }
}

static void append(struct direction *d, uint8_t byte)
{
    if (d->at == d->len) {
        d->at = d->len = 0;
    }
    d->bytes = grow(d->bytes, &d->cap, d->len + 1, 1);
    d->bytes[d->len++] = byte;
}

/* Put one byte on the line with its noise; how many arrive of it. */
static size_t append_noisy(struct fake_line *line, struct direction *d, uint8_t byte)
{
    const struct fake_noise *n = &line->config.noise;

    if (happens(line, n->loss_ppm)) {
        return 0;
    }
    if (happens(line, n->corruption_ppm)) {
        byte ^= (uint8_t)(1u << next_random(&line->random) % 8);
    }
    append(d, byte);
    if (happens(line, n->duplicate_ppm)) {
        append(d, byte);
        return 2;
    }
    return 1;
}

static void put(struct fake_line *line, struct direction *d, const uint8_t *bytes, size_t len,
                uint64_t now)
{
    uint64_t start = d->free_at > now ? d->free_at : now;
    size_t arriving = 0;

    d->free_at = start + len * line->byte_ns;
    d->total += len;
    for (size_t i = 0; i < len && !line->is_cut; i++) {
        arriving += append_noisy(line, d, bytes[i]);
    }
    if (arriving == 0) {
        return;
    }
    if (d->run_at == d->run_len) {
        d->run_at = d->run_len = 0;
    }
    d->runs = grow(d->runs, &d->run_cap, d->run_len + 1, sizeof *d->runs);
    d->runs[d->run_len++] = (struct run){
        .len = arriving,
        .arrives = start + line->byte_ns + (uint64_t)line->config.latency_us * 1000,
    };
}

/* The fate of a whole write, then its bytes: the number of copies, damaged in `copy`. */
static unsigned decide(struct fake_line *line, enum fake_from from, uint8_t *copy, size_t len)
{
    struct fake_fault *f = line->config.fault;

    switch (f ? f->fate(f, from, copy, len) : FAKE_PASS) {
    case FAKE_DROP:
        return 0;
    case FAKE_DOUBLE:
        return 2;
    case FAKE_PASS:
        break;
    }
    return 1;
}

void fake_line_send(struct fake_line *line, const uint8_t *bytes, size_t len, uint64_t now)
{
    uint8_t *copy = malloc(len ? len : 1);

    if (!copy) {
        abort();
    }
    memcpy(copy, bytes, len);
    for (unsigned n = decide(line, FAKE_FROM_DEVICE, copy, len); n > 0; n--) {
        put(line, &line->to_router, copy, len, now);
    }
    free(copy);
}

/* How many bytes of the first run have arrived, and in *next when more will have. */
static size_t arrived(const struct fake_line *line, const struct direction *d, uint64_t now,
                      uint64_t *next)
{
    if (d->run_at == d->run_len) {
        *next = FAKE_NEVER;
        return 0;
    }
    const struct run *run = &d->runs[d->run_at];
    size_t piece = run->len < FIFO_BYTES ? run->len : FIFO_BYTES;
    uint64_t piece_at = run->arrives + (piece - 1) * line->byte_ns;

    *next = piece_at;
    return piece_at <= now ? piece : 0;
}

static void consume(const struct fake_line *line, struct direction *d, size_t n)
{
    struct run *run = &d->runs[d->run_at];

    d->at += n;
    run->len -= n;
    run->arrives += n * line->byte_ns;
    if (run->len == 0) {
        d->run_at++;
    }
}

static void give_to_router(struct fake_line *line, const uint8_t *bytes, size_t n)
{
    if (line->input_at == line->input_len) {
        line->input_at = line->input_len = 0;
    }
    line->input = grow(line->input, &line->input_cap, line->input_len + n, 1);
    memcpy(line->input + line->input_len, bytes, n);
    line->input_len += n;
}

uint64_t fake_line_step(struct fake_line *line, uint64_t now)
{
    struct fake_device *d = line->config.device;
    uint64_t due_in, due_out;
    size_t n;

    while ((n = arrived(line, &line->to_device, now, &due_in)) > 0) {
        uint8_t piece[FIFO_BYTES];

        memcpy(piece, line->to_device.bytes + line->to_device.at, n);
        consume(line, &line->to_device, n);
        d->receive(d, line, piece, n, now);
        line->device_due = 0;
    }
    if (line->device_due <= now) {
        line->device_due = d->step(d, line, now);
    }
    while ((n = arrived(line, &line->to_router, now, &due_out)) > 0) {
        give_to_router(line, line->to_router.bytes + line->to_router.at, n);
        consume(line, &line->to_router, n);
    }
    uint64_t due = due_in < due_out ? due_in : due_out;

    return due < line->device_due ? due : line->device_due;
}

void fake_line_set_cut(struct fake_line *line, bool is_cut)
{
    line->is_cut = is_cut;
}

void fake_line_hang_up(struct fake_line *line)
{
    line->is_hung_up = true;
}

uint64_t fake_line_bytes(const struct fake_line *line, enum fake_from from)
{
    return (from == FAKE_FROM_ROUTER ? &line->to_device : &line->to_router)->total;
}

static struct fake_link *self(struct link *l)
{
    return (struct fake_link *)l;
}

static uint64_t fake_now_ms(struct link *l)
{
    struct fake_time *t = self(l)->time;

    return t->now_ns(t) / NS_A_MS;
}

static enum gw_err fake_read(struct link *l, void *buf, size_t cap, size_t *got,
                             uint64_t deadline_ms)
{
    struct fake_line *line = self(l)->line;
    struct fake_time *t = self(l)->time;
    uint64_t until = t->now_ns(t); /* first, only what is due */

    *got = 0;
    for (;;) {
        enum gw_err err = t->run(t, until);
        size_t n = line->input_len - line->input_at;

        if (err) {
            return err;
        }
        if (n > 0) {
            *got = n < cap ? n : cap;
            memcpy(buf, line->input + line->input_at, *got);
            line->input_at += *got;
            return GW_OK;
        }
        if (line->is_hung_up) {
            return GW_LINK_CLOSED;
        }
        if (t->now_ns(t) / NS_A_MS >= deadline_ms) {
            return GW_TIMEOUT;
        }
        until = deadline_ms < UINT64_MAX / NS_A_MS ? deadline_ms * NS_A_MS : UINT64_MAX;
    }
}

/* Wait until the line has room for `len` more bytes. */
static enum gw_err wait_for_room(struct fake_link *f, size_t len, uint64_t deadline_ms)
{
    struct fake_line *line = f->line;
    struct fake_time *t = f->time;

    for (;;) {
        uint64_t now = t->now_ns(t);
        uint64_t room_at = line->to_device.free_at + len * line->byte_ns;
        uint64_t lead = BACKLOG_BYTES * line->byte_ns;

        room_at = room_at > lead ? room_at - lead : 0;
        if (line->is_hung_up) {
            return GW_LINK_CLOSED;
        }
        if (room_at > now && now / NS_A_MS >= deadline_ms) {
            return GW_TIMEOUT;
        }
        enum gw_err err = t->run(t, room_at);

        if (err || room_at <= now) {
            return err;
        }
    }
}

static enum gw_err write_pieces(struct fake_link *f, const uint8_t *bytes, size_t len,
                                uint64_t deadline_ms)
{
    while (len > 0) {
        size_t n = len < PIECE_BYTES ? len : PIECE_BYTES;
        enum gw_err err = wait_for_room(f, n, deadline_ms);

        if (err) {
            return err;
        }
        put(f->line, &f->line->to_device, bytes, n, f->time->now_ns(f->time));
        bytes += n;
        len -= n;
    }
    return GW_OK;
}

static enum gw_err fake_write(struct link *l, const void *buf, size_t len, uint64_t deadline_ms)
{
    struct fake_link *f = self(l);
    uint8_t *copy = malloc(len ? len : 1);
    enum gw_err err = GW_OK;

    if (!copy) {
        abort();
    }
    memcpy(copy, buf, len);
    unsigned copies = decide(f->line, FAKE_FROM_ROUTER, copy, len);

    for (unsigned i = 0; !err && i < copies; i++) {
        err = write_pieces(f, copy, len, deadline_ms);
    }
    free(copy);
    return err;
}

static enum gw_err fake_drain(struct link *l, uint32_t quiet_ms, uint64_t deadline_ms)
{
    uint8_t sink[256];
    size_t got;

    for (;;) {
        uint64_t until = fake_now_ms(l) + quiet_ms;
        enum gw_err err = fake_read(l, sink, sizeof sink, &got,
                                    until < deadline_ms ? until : deadline_ms);

        if (err == GW_TIMEOUT && until <= deadline_ms) {
            return GW_OK;
        }
        if (err) {
            return err;
        }
        if (fake_now_ms(l) >= deadline_ms) {
            return GW_TIMEOUT;
        }
    }
}

static void fake_close(struct link *l)
{
    free(l);
}

static const struct link_ops fake_ops = {
    .name = "fake",
    .read = fake_read,
    .write = fake_write,
    .drain = fake_drain,
    .now_ms = fake_now_ms,
    .close = fake_close,
};

struct link *fake_link_new(struct fake_line *line, struct fake_time *time)
{
    struct fake_link *f = calloc(1, sizeof *f);

    if (!f) {
        return NULL;
    }
    f->base.ops = &fake_ops;
    f->base.baud = line->config.baud;
    f->line = line;
    f->time = time;
    return &f->base;
}

static uint64_t world_now(struct fake_time *t)
{
    return ((struct fake_world *)t)->now;
}

static enum gw_err world_run(struct fake_time *t, uint64_t until)
{
    struct fake_world *w = (struct fake_world *)t;
    uint64_t next = FAKE_NEVER;

    for (size_t i = 0; i < w->line_count; i++) {
        uint64_t due = fake_line_step(w->lines[i], w->now);

        next = due < next ? due : next;
    }
    next = next < until ? next : until;
    if (w->cancel_at > 0) {
        next = next < w->cancel_at ? next : w->cancel_at;
    }
    if (next > w->now && next != FAKE_NEVER) {
        w->now = next;
        for (size_t i = 0; i < w->line_count; i++) {
            (void)fake_line_step(w->lines[i], w->now);
        }
    }
    return w->cancel_at > 0 && w->now >= w->cancel_at ? GW_CANCELLED : GW_OK;
}

void fake_world_init(struct fake_world *w)
{
    *w = (struct fake_world){ .base = { .now_ns = world_now, .run = world_run } };
}

void fake_world_add(struct fake_world *w, struct fake_line *line)
{
    if (w->line_count == FAKE_WORLD_LINES) {
        abort();
    }
    w->lines[w->line_count++] = line;
}
