/* Foreign firmware: a stock device, Zephyr's SMP server over MCUboot with two slots that swap.
 *
 * It knows no manifest and no group of ours. What it checks is what MCUboot checks: the image
 * header's magic, and the SHA-256 TLV over the image at boot. Slots are in memory and survive power
 * cuts of the simulated device, not the end of the simulator.
 */
#ifndef SIM_FOREIGN_H
#define SIM_FOREIGN_H

#include "sim_firmware.h"
#include "smp_standard.h"

struct sim_foreign_config {
    uint32_t slot_size; /* bytes */
    struct smp_params params;
};

/* NULL: no memory. */
struct sim_firmware *sim_foreign_open(const struct sim_foreign_config *config);

/* Put an MCUboot image into slot 0, confirmed. False: it is none, or too large. */
bool sim_foreign_install(struct sim_firmware *f, const uint8_t *image, size_t len);

#endif
