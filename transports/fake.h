/* Fake line: a serial line in virtual time, with true pacing and faults on purpose.
 *
 * For tests and for simulations of a whole system. The line is a plain object that is stepped: time
 * is passed in, nothing waits. At one end is a device model (struct fake_device), at the other a
 * struct link, whose waiting is struct fake_time: either the small world below, which moves its
 * clock from event to event, or a scheduler of fibers.
 *
 * Pacing: 10 bits a byte in each direction; a byte arrives `latency_us` after its last bit. Input
 * is handed over in pieces of at most 16 bytes, as a UART's FIFO does. Writing blocks while more
 * than 4 KiB wait for the line. Same seed, same calls: same bytes at the same times.
 */
#ifndef TRANSPORTS_FAKE_H
#define TRANSPORTS_FAKE_H

#include <stdbool.h>

#include "link.h"

#define FAKE_NEVER UINT64_MAX

/* Who lets time pass for the link's end. */
struct fake_time {
    uint64_t (*now_ns)(struct fake_time *t);
    /* Let the world go on to its next event, at the latest to `until_ns` (a past time: only what is
     * due now). GW_OK, or GW_CANCELLED now and from then on. */
    enum gw_err (*run)(struct fake_time *t, uint64_t until_ns);
};

struct fake_line;

/* The model at the other end. */
struct fake_device {
    /* Bytes have arrived; it may call fake_line_send(). */
    void (*receive)(struct fake_device *d, struct fake_line *line, const uint8_t *bytes, size_t len,
                    uint64_t now_ns);
    /* Do what is due; when it wants to be called again (FAKE_NEVER). Called after receive, too. */
    uint64_t (*step)(struct fake_device *d, struct fake_line *line, uint64_t now_ns);
};

enum fake_from { FAKE_FROM_ROUTER = 0, FAKE_FROM_DEVICE = 1 };
enum fake_fate { FAKE_PASS = 0, FAKE_DROP, FAKE_DOUBLE };

/* Decides about each write as a whole, before the byte noise; may damage `bytes` in place. */
struct fake_fault {
    enum fake_fate (*fate)(struct fake_fault *f, enum fake_from from, uint8_t *bytes, size_t len);
};

/* Of a million bytes, in both directions. */
struct fake_noise {
    uint32_t loss_ppm, corruption_ppm, duplicate_ppm; /* corruption: one bit */
    uint64_t seed;
};

struct fake_line_config {
    uint32_t baud; /* 0 = no time on the line */
    uint32_t latency_us;
    struct fake_noise noise;
    struct fake_fault *fault;   /* borrowed; NULL = none */
    struct fake_device *device; /* borrowed */
};

/* NULL = no memory. */
struct fake_line *fake_line_new(const struct fake_line_config *config);
void fake_line_free(struct fake_line *line);

/* The device sends. */
void fake_line_send(struct fake_line *line, const uint8_t *bytes, size_t len, uint64_t now_ns);

/* Hand over what has arrived by `now_ns` and step the device; the time of the next event. */
uint64_t fake_line_step(struct fake_line *line, uint64_t now_ns);

/* Cut: bytes vanish in both directions. Hang up: the link says GW_LINK_CLOSED from now on. */
void fake_line_set_cut(struct fake_line *line, bool is_cut);
void fake_line_hang_up(struct fake_line *line);

/* Bytes put on the line so far. */
uint64_t fake_line_bytes(const struct fake_line *line, enum fake_from from);

/* The router's end; `line` and `time` must outlive it. NULL = no memory. */
struct link *fake_link_new(struct fake_line *line, struct fake_time *time);

/* A world of few lines. Zeroed is a good start; add lines, then use &world.base. */
enum { FAKE_WORLD_LINES = 8 };
struct fake_world {
    struct fake_time base;
    uint64_t now;       /* ns */
    uint64_t cancel_at; /* ns: run() says GW_CANCELLED from then on; 0 = never */
    struct fake_line *lines[FAKE_WORLD_LINES];
    size_t line_count;
};
void fake_world_init(struct fake_world *w);
void fake_world_add(struct fake_world *w, struct fake_line *line);

#endif
