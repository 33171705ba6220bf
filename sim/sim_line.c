#include "sim_line.h"

#include <stdlib.h>
#include <string.h>

enum {
    FIFO_MS = 20,     /* the sender's driver holds this much of the line's time ... */
    FIFO_MIN = 64,    /* ... and at least this many bytes */
    GATHER_US = 1000, /* bytes are handed over together for this long */
    BITS_PER_BYTE = 10,
};

#define NS_PER_S 1000000000ull

/* Bytes that left one after another without a gap. */
struct run {
    uint64_t start_ns; /* when its first byte began to leave */
    uint32_t count;    /* bytes not pulled yet */
    uint32_t pulled;   /* bytes before them */
};

struct wire {
    uint8_t bytes[SIM_LINE_QUEUE];
    size_t head, len;
    struct run runs[SIM_LINE_RUNS];
    size_t run_head, run_count;
    uint64_t free_ns; /* when the last byte has left */
    uint64_t pushed;
    uint64_t random;
};

struct sim_line {
    uint32_t baud, latency_us;
    bool is_broken;
    struct sim_noise noise;
    struct wire wires[2];
};

bool sim_line_open(struct sim_line **out, uint32_t baud, uint32_t latency_us)
{
    *out = calloc(1, sizeof **out);
    if (!*out) {
        return false;
    }
    (*out)->baud = baud;
    (*out)->latency_us = latency_us;
    return true;
}

void sim_line_close(struct sim_line *line)
{
    free(line);
}

/* --- time --- */

static uint64_t bytes_ns(const struct sim_line *line, uint64_t count)
{
    return line->baud ? (count * BITS_PER_BYTE * NS_PER_S + line->baud - 1) / line->baud : 0;
}

/* When byte `index` of the run, counted from those not pulled yet, is there. */
static uint64_t arrival_us(const struct sim_line *line, const struct run *run, uint64_t index)
{
    uint64_t ns = run->start_ns + bytes_ns(line, run->pulled + index + 1);

    return (ns + 999) / 1000 + line->latency_us;
}

static size_t fifo_len(const struct sim_line *line)
{
    size_t len = line->baud / BITS_PER_BYTE * FIFO_MS / 1000;

    if (line->baud == 0) {
        return SIM_LINE_QUEUE / 2;
    }
    return len > FIFO_MIN ? len : FIFO_MIN;
}

size_t sim_line_room(const struct sim_line *line, enum sim_direction d, uint64_t now_us)
{
    const struct wire *w = &line->wires[d];
    uint64_t now_ns = now_us * 1000, fifo = fifo_len(line), waiting = 0;
    size_t space = SIM_LINE_QUEUE - w->len;

    if (w->run_count == SIM_LINE_RUNS) {
        return 0;
    }
    if (line->baud == 0) {
        return space < fifo ? space : fifo;
    }
    if (w->free_ns > now_ns) {
        waiting = ((w->free_ns - now_ns) * line->baud + BITS_PER_BYTE * NS_PER_S - 1) /
                  (BITS_PER_BYTE * NS_PER_S);
    }
    if (waiting >= fifo) {
        return 0;
    }
    return space < fifo - waiting ? space : (size_t)(fifo - waiting);
}

uint64_t sim_line_room_due_us(const struct sim_line *line, enum sim_direction d, uint64_t now_us)
{
    const struct wire *w = &line->wires[d];
    uint64_t half_ns = bytes_ns(line, fifo_len(line) / 2);

    if (sim_line_room(line, d, now_us) >= fifo_len(line) / 2) {
        return now_us;
    }
    if (line->baud == 0 || w->run_count == SIM_LINE_RUNS || w->free_ns < half_ns) {
        return now_us + GATHER_US; /* the receiver is behind */
    }
    uint64_t due = (w->free_ns - half_ns + 999) / 1000;

    return due > now_us ? due : now_us + GATHER_US;
}

/* --- noise --- */

static bool happens(struct wire *w, uint32_t ppm)
{
    w->random = w->random * 6364136223846793005u + 1442695040888963407u;
    return ppm > 0 && (w->random >> 33) % 1000000 < ppm;
}

static bool is_noisy(const struct sim_noise *n)
{
    return n->loss_ppm || n->corruption_ppm || n->duplicate_ppm;
}

/* --- queue --- */

static struct run *last_run(struct wire *w)
{
    return &w->runs[(w->run_head + w->run_count - 1) % SIM_LINE_RUNS];
}

static uint64_t run_end_ns(const struct sim_line *line, const struct run *run)
{
    return run->start_ns + bytes_ns(line, (uint64_t)run->pulled + run->count);
}

/* The run that bytes which leave now belong to: the last one when they follow it without a gap. */
static struct run *open_run(const struct sim_line *line, struct wire *w, uint64_t now_ns)
{
    if (w->run_count > 0 && w->free_ns >= now_ns && run_end_ns(line, last_run(w)) == w->free_ns) {
        return last_run(w);
    }
    if (w->run_count == SIM_LINE_RUNS) {
        return NULL;
    }
    w->run_count++;
    *last_run(w) = (struct run){ .start_ns = w->free_ns > now_ns ? w->free_ns : now_ns };
    return last_run(w);
}

static void queue_bytes(struct wire *w, const uint8_t *bytes, size_t len)
{
    size_t tail = (w->head + w->len) % SIM_LINE_QUEUE;
    size_t first = SIM_LINE_QUEUE - tail < len ? SIM_LINE_QUEUE - tail : len;

    memcpy(w->bytes + tail, bytes, first);
    memcpy(w->bytes, bytes + first, len - first);
    w->len += len;
}

static void lay(const struct sim_line *line, struct wire *w, uint64_t now_ns, const uint8_t *bytes,
                size_t len)
{
    struct run *run = open_run(line, w, now_ns);

    if (!run || w->len + len > SIM_LINE_QUEUE) {
        return; /* only noise gets here: it may have doubled what had room once */
    }
    queue_bytes(w, bytes, len);
    run->count += (uint32_t)len;
    w->free_ns = run_end_ns(line, run);
}

/* The line's time passes, and nothing arrives. */
static void lose(const struct sim_line *line, struct wire *w, uint64_t now_ns, size_t len)
{
    uint64_t from = w->free_ns > now_ns ? w->free_ns : now_ns;

    w->free_ns = from + bytes_ns(line, len);
}

static void lay_noisy_byte(const struct sim_line *line, struct wire *w, uint64_t now_ns,
                           uint8_t byte)
{
    if (happens(w, line->noise.loss_ppm)) {
        lose(line, w, now_ns, 1);
        return;
    }
    if (happens(w, line->noise.corruption_ppm)) {
        byte ^= (uint8_t)(1u << (w->random >> 40 & 7));
    }
    lay(line, w, now_ns, &byte, 1);
    if (happens(w, line->noise.duplicate_ppm)) {
        lay(line, w, now_ns, &byte, 1);
    }
}

size_t sim_line_push(struct sim_line *line, enum sim_direction d, uint64_t now_us,
                     const uint8_t *bytes, size_t len)
{
    struct wire *w = &line->wires[d];
    size_t room = sim_line_room(line, d, now_us);

    len = len < room ? len : room;
    if (len == 0) {
        return 0;
    }
    w->pushed += len;
    if (line->is_broken) {
        lose(line, w, now_us * 1000, len);
    } else if (is_noisy(&line->noise)) {
        for (size_t i = 0; i < len; i++) {
            lay_noisy_byte(line, w, now_us * 1000, bytes[i]);
        }
    } else {
        lay(line, w, now_us * 1000, bytes, len);
    }
    return len;
}

/* Bytes of the run that are there now. */
static size_t arrived(const struct sim_line *line, const struct run *run, uint64_t now_us)
{
    uint64_t elapsed_ns, count;

    if (now_us < line->latency_us || (now_us - line->latency_us) * 1000 < run->start_ns) {
        return 0;
    }
    if (line->baud == 0) {
        return run->count;
    }
    elapsed_ns = (now_us - line->latency_us) * 1000 - run->start_ns;
    count = elapsed_ns * line->baud / (BITS_PER_BYTE * NS_PER_S);
    count = count > run->pulled ? count - run->pulled : 0;
    return count < run->count ? (size_t)count : run->count;
}

static void unqueue_bytes(struct wire *w, uint8_t *out, size_t len)
{
    size_t first = SIM_LINE_QUEUE - w->head < len ? SIM_LINE_QUEUE - w->head : len;

    memcpy(out, w->bytes + w->head, first);
    memcpy(out + first, w->bytes, len - first);
    w->head = (w->head + len) % SIM_LINE_QUEUE;
    w->len -= len;
}

/* `baud` bytes take exactly ten seconds: keeps the numbers small on a line that is never silent. */
static void rebase(const struct sim_line *line, struct run *run)
{
    while (line->baud && run->pulled >= line->baud) {
        run->pulled -= line->baud;
        run->start_ns += BITS_PER_BYTE * NS_PER_S;
    }
}

size_t sim_line_pull(struct sim_line *line, enum sim_direction d, uint64_t now_us, uint8_t *out,
                     size_t cap)
{
    struct wire *w = &line->wires[d];
    size_t got = 0;

    while (got < cap && w->run_count > 0) {
        struct run *run = &w->runs[w->run_head];
        size_t n = arrived(line, run, now_us);

        n = n < cap - got ? n : cap - got;
        if (n == 0) {
            break;
        }
        unqueue_bytes(w, out + got, n);
        got += n;
        run->pulled += (uint32_t)n;
        run->count -= (uint32_t)n;
        rebase(line, run);
        if (run->count > 0) {
            continue; /* the rest has not arrived, or there is no room for it */
        }
        if (w->run_count > 1 || w->free_ns <= now_us * 1000) {
            w->run_head = (w->run_head + 1) % SIM_LINE_RUNS;
            w->run_count--;
        } else {
            break; /* the last run may still grow */
        }
    }
    return got;
}

uint64_t sim_line_due_us(const struct sim_line *line, enum sim_direction d, uint64_t now_us)
{
    const struct wire *w = &line->wires[d];
    const struct run *run = &w->runs[w->run_head];

    if (w->len == 0) {
        return SIM_NEVER;
    }
    if (run->count == 0) {
        run = &w->runs[(w->run_head + 1) % SIM_LINE_RUNS];
    }
    uint64_t first = arrival_us(line, run, 0), last = arrival_us(line, run, run->count - 1);
    uint64_t gathered = (first > now_us ? first : now_us) + GATHER_US;

    return last < gathered ? last : gathered;
}

/* --- settings --- */

void sim_line_flush(struct sim_line *line, enum sim_direction d)
{
    struct wire *w = &line->wires[d];

    w->head = w->len = 0;
    w->run_head = w->run_count = 0;
}

void sim_line_set_broken(struct sim_line *line, bool is_broken)
{
    line->is_broken = is_broken;
    if (is_broken) {
        sim_line_flush(line, SIM_TO_DEVICE);
        sim_line_flush(line, SIM_FROM_DEVICE);
    }
}

bool sim_line_is_broken(const struct sim_line *line)
{
    return line->is_broken;
}

void sim_line_set_noise(struct sim_line *line, const struct sim_noise *noise)
{
    line->noise = *noise;
    line->wires[SIM_TO_DEVICE].random = noise->seed * 2 + 1;
    line->wires[SIM_FROM_DEVICE].random = noise->seed * 2 + 2;
}

uint32_t sim_line_baud(const struct sim_line *line)
{
    return line->baud;
}

uint32_t sim_line_latency_us(const struct sim_line *line)
{
    return line->latency_us;
}

uint64_t sim_line_bytes(const struct sim_line *line, enum sim_direction d)
{
    return line->wires[d].pushed;
}

void sim_line_reset_bytes(struct sim_line *line)
{
    line->wires[0].pushed = line->wires[1].pushed = 0;
}
