/* A simulated bus in virtual time, with a client's hands on its gateway end (smp_wire.h).
 *
 * Time moves only while something is sent or awaited, from one due moment to the next.
 */
#ifndef SIM_BENCH_H
#define SIM_BENCH_H

#include "device_rig.h"
#include "sim_bus.h"
#include "sim_foreign.h"
#include "sim_own.h"
#include "smp_wire.h"

struct sim_bench {
    struct smp_wire wire; /* first: the transport finds the bench behind it */
    struct sim_bus bus;
    uint64_t now_us;
    uint64_t timeout_us; /* how long an answer is awaited */
    uint64_t steps;      /* turns of the virtual loop */
    uint64_t trace;      /* digest of every byte and moment: equal runs have equal ones */
    struct testpki pki;
    struct rig_image old, new; /* sequence 5, installed; sequence 6 */
};

/* What the tests vary. */
struct sim_bench_config {
    uint32_t baud, latency_us;
    enum smp_framing framing;
    uint32_t image_len, block_size; /* 0: 20000, 1024 */
    struct host_delays delays;
    struct smp_params params; /* 0: 2048 x 4 */
    uint32_t slot_size;       /* 0: 65536 */
    uint32_t new_floor;       /* of the new image; 0: its sequence */
};

void sim_bench_open(struct sim_bench *b, const struct sim_bench_config *config);

/* A stock device instead: `image` in slot 0. */
void sim_bench_open_foreign(struct sim_bench *b, const struct sim_bench_config *config,
                            const struct blob *image);
void sim_bench_close(struct sim_bench *b);

/* Let time pass. */
void sim_bench_wait(struct sim_bench *b, uint64_t us);

/* What the device's counters and running image are now. */
struct sim_counters sim_bench_counters(const struct sim_bench *b);
struct sim_running sim_bench_running(const struct sim_bench *b);

/* Nothing happened that never may. */
bool sim_bench_is_sound(const struct sim_bench *b);

/* An MCUboot image around `len` bytes of payload. */
void sim_bench_mcuboot(struct blob *out, size_t len, uint8_t minor);

#endif
