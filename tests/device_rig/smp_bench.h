/* The SMP server on the device rig, with a client's hands on it (smp_wire.h), in memory.
 *
 * Nothing waits: time is the rig's port clock, which the test moves.
 */
#ifndef SMP_BENCH_H
#define SMP_BENCH_H

#include "device_rig.h"
#include "smp_server.h"
#include "smp_wire.h"

enum { SMP_BENCH_BUF = 1024, SMP_BENCH_COUNT = 4 };

struct smp_bench {
    struct smp_wire wire; /* first: the transport finds the bench behind it */
    struct rig rig;
    struct rig_image old, new; /* sequence 5 confirmed; sequence 6 to be sent */
    struct smp_server server;
    uint64_t now_ms;
    uint8_t request[SMP_BENCH_BUF], answer[SMP_SERVER_ANSWER_MIN];
};

void smp_bench_open(struct smp_bench *b, enum smp_framing framing);
void smp_bench_close(struct smp_bench *b);
void smp_bench_boot(struct smp_bench *b);
void smp_bench_wait(struct smp_bench *b, uint32_t ms);

/* Bytes onto the line as they are; what the server answers is in b->wire.line. */
void smp_bench_push(struct smp_bench *b, const uint8_t *bytes, size_t len);

/* Activate and restart / only restart, as the device does after its answer. */
bool smp_bench_activate(struct smp_bench *b, const uint8_t identity[32], bool retry);
bool smp_bench_reset(struct smp_bench *b);

#endif
