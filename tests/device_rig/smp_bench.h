/* The SMP server on the device rig, and a client's hands: messages in, answers out, by one call.
 *
 * Nothing waits: time is the rig's port clock, which the test moves.
 */
#ifndef SMP_BENCH_H
#define SMP_BENCH_H

#include "device_rig.h"
#include "smp_server.h"

enum { SMP_BENCH_BUF = 1024, SMP_BENCH_COUNT = 4, SMP_BENCH_LINE = 16384 };

struct smp_bench {
    struct rig rig;
    struct rig_image old, new; /* sequence 5 confirmed; sequence 6 to be sent */
    struct smp_server server;
    enum smp_framing framing; /* of the client */
    uint8_t seq;
    uint64_t now_ms;

    uint8_t request[SMP_BENCH_BUF], answer[1024];
    uint8_t line[SMP_BENCH_LINE]; /* bytes that the server has sent */
    size_t line_len;
    uint8_t message[SMP_BENCH_BUF]; /* the answer that was read last */
    size_t message_len;
    struct smp_header header; /* of it */
};

void smp_bench_open(struct smp_bench *b, enum smp_framing framing);
void smp_bench_close(struct smp_bench *b);
void smp_bench_boot(struct smp_bench *b);
void smp_bench_wait(struct smp_bench *b, uint32_t ms);

/* Begin a request; write its map to the result; then smp_bench_ask() with the same numbers. */
struct cbor_writer smp_bench_begin(struct smp_bench *b);

/* Finish the request, send it, read the answer. True: one came; its body is b->message + 8. */
bool smp_bench_ask(struct smp_bench *b, struct cbor_writer *w, enum smp_op op, uint16_t group,
                   uint8_t command);

/* Send bytes as they are; what comes back is appended to b->line. */
void smp_bench_push(struct smp_bench *b, const uint8_t *bytes, size_t len);

/* Read the next answer out of b->line. */
bool smp_bench_read(struct smp_bench *b);

/* The last answer's body, and its status. */
const uint8_t *smp_bench_body(const struct smp_bench *b, size_t *len);
struct smp_status smp_bench_status(const struct smp_bench *b);

/* One upload request with as much of `gwi` at `off` as fits: the answered offset, or UINT64_MAX
 * when the answer was an error or none came. */
uint64_t smp_bench_upload(struct smp_bench *b, const struct blob *gwi, uint64_t off, uint8_t token);

/* Send the whole stream, going on from each answered offset. */
bool smp_bench_send(struct smp_bench *b, const struct blob *gwi, uint8_t token);

/* Activate and reset; the device boots. True: it says {} and restarts. */
bool smp_bench_activate(struct smp_bench *b, const uint8_t identity[32], bool retry);
bool smp_bench_reset(struct smp_bench *b);

/* Identify into `facts`, with storage for its arrays. */
struct smp_bench_facts {
    struct smp_device_facts facts;
    struct smp_slot slots[PORT_SLOTS_MAX];
    struct smp_floor floors[PORT_SLOTS_MAX];
};
bool smp_bench_identify(struct smp_bench *b, struct smp_bench_facts *out);

#endif
