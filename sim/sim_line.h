/* Line: a simulated serial line. Bytes take their time (10 bits each), arrive after a latency, and
 * may be lost, damaged or doubled.
 *
 * Pure: time is passed in, in microseconds of any clock that does not run backwards; nothing waits.
 * Each direction is a queue of bytes with the moments of their arrival; what the line cannot take
 * yet, push() does not accept, so a sender feels the baud rate. Seeded: the same calls give the
 * same bytes.
 */
#ifndef SIM_LINE_H
#define SIM_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SIM_NEVER UINT64_MAX

enum sim_direction { SIM_TO_DEVICE = 0, SIM_FROM_DEVICE = 1 };

enum {
    SIM_LINE_QUEUE = 131072, /* bytes of one direction under way, at most */
    SIM_LINE_RUNS = 128,     /* bursts of one direction under way, at most */
};

/* Events for each million bytes. */
struct sim_noise {
    uint32_t loss_ppm;       /* the byte vanishes */
    uint32_t corruption_ppm; /* one of its bits flips */
    uint32_t duplicate_ppm;  /* it comes twice */
    uint64_t seed;
};

struct sim_line;

/* `baud` 0: as fast as the caller. False: no memory. */
bool sim_line_open(struct sim_line **out, uint32_t baud, uint32_t latency_us);
void sim_line_close(struct sim_line *line); /* NULL is fine */

/* Put bytes on the line. Returns how many it took. */
size_t sim_line_push(struct sim_line *line, enum sim_direction d, uint64_t now_us,
                     const uint8_t *bytes, size_t len);

/* How many bytes push() would take now. */
size_t sim_line_room(const struct sim_line *line, enum sim_direction d, uint64_t now_us);

/* Take bytes that have arrived, at most `cap`. */
size_t sim_line_pull(struct sim_line *line, enum sim_direction d, uint64_t now_us, uint8_t *out,
                     size_t cap);

/* When it is worth pulling again: bytes that follow each other are brought together for up to a
 * millisecond. SIM_NEVER: nothing is under way. */
uint64_t sim_line_due_us(const struct sim_line *line, enum sim_direction d, uint64_t now_us);

/* When the line takes at least a part of its queue again. */
uint64_t sim_line_room_due_us(const struct sim_line *line, enum sim_direction d, uint64_t now_us);

/* Broken: what is under way and what is pushed vanishes, at the same pace. */
void sim_line_set_broken(struct sim_line *line, bool is_broken);
bool sim_line_is_broken(const struct sim_line *line);
void sim_line_set_noise(struct sim_line *line, const struct sim_noise *noise);

/* Forget what is under way in one direction (the sender or receiver has lost its power). */
void sim_line_flush(struct sim_line *line, enum sim_direction d);

uint32_t sim_line_baud(const struct sim_line *line);
uint32_t sim_line_latency_us(const struct sim_line *line);

/* Bytes that were pushed since the start or the last reset. */
uint64_t sim_line_bytes(const struct sim_line *line, enum sim_direction d);
void sim_line_reset_bytes(struct sim_line *line);

#endif
