/* A client's hands for tests: SMP requests out, answers in, one at a time, over any byte transport.
 *
 * The same helpers drive a server in memory (smp_bench.h), a simulated bus in virtual time and a
 * socket of gatewaysim.
 */
#ifndef SMP_WIRE_H
#define SMP_WIRE_H

#include "blob.h"
#include "smp_frame.h"
#include "smp_gateway.h"
#include "smp_standard.h"

enum { SMP_WIRE_MAX = 4096, SMP_WIRE_SLOTS = 8 };

struct smp_wire {
    /* Send bytes; and get some that came, waiting as long as the transport thinks fit: 0 = none. */
    void (*send)(struct smp_wire *w, const uint8_t *bytes, size_t len);
    size_t (*receive)(struct smp_wire *w, uint8_t *out, size_t cap);

    enum smp_framing framing;
    size_t message_max; /* longest request */
    uint8_t seq;

    uint8_t line[2 * SMP_WIRE_MAX]; /* received and not read yet */
    size_t line_len;
    uint8_t message[SMP_WIRE_MAX]; /* the answer that was read last */
    size_t message_len;
    struct smp_header header; /* of it */
};

/* Begin a request; write its map to the result; then smp_wire_ask(). */
struct cbor_writer smp_wire_begin(struct smp_wire *w);

/* Finish the request, send it, read its answer. False: none came, or another's. */
bool smp_wire_ask(struct smp_wire *w, struct cbor_writer *body, enum smp_op op, uint16_t group,
                  uint8_t command);
bool smp_wire_ask_empty(struct smp_wire *w, enum smp_op op, uint16_t group, uint8_t command);

/* Read the next answer. */
bool smp_wire_read(struct smp_wire *w);

/* The last answer: its body; its status (rc UINT32_MAX = not even a map). */
const uint8_t *smp_wire_body(const struct smp_wire *w, size_t *len);
struct smp_status smp_wire_status(const struct smp_wire *w);

/* One upload request with as much of `image` at `off` as fits; the token is `token` 32 times. The
 * answered offset; UINT64_MAX when the answer was an error or none came. */
uint64_t smp_wire_upload(struct smp_wire *w, const struct blob *image, uint64_t off, uint8_t token);

/* The whole stream, going on from each answered offset. */
bool smp_wire_send_image(struct smp_wire *w, const struct blob *image, uint8_t token);

bool smp_wire_reset(struct smp_wire *w);
bool smp_wire_activate(struct smp_wire *w, const uint8_t identity[32], bool retry);
bool smp_wire_confirm(struct smp_wire *w, const uint8_t identity[32]);
bool smp_wire_revert(struct smp_wire *w);

struct smp_wire_facts {
    struct smp_device_facts facts;
    struct smp_slot slots[SMP_WIRE_SLOTS];
    struct smp_floor floors[SMP_WIRE_SLOTS];
};
bool smp_wire_identify(struct smp_wire *w, struct smp_wire_facts *out);

#endif
