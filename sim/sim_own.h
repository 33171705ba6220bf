/* Own firmware: subdevice-fw (bootloader, core, SMP server) over the host port, in a simulated box.
 */
#ifndef SIM_OWN_H
#define SIM_OWN_H

#include "admit.h"
#include "host_port.h"
#include "sim_firmware.h"
#include "smp_standard.h"

enum { SIM_ANCHORS_MAX = 8 };

struct sim_own_config {
    struct host_port_config port;
    struct device_identity identity;
    struct cert anchors[SIM_ANCHORS_MAX]; /* their DER bytes are the caller's, and must stay */
    size_t anchor_count;
    uint32_t max_table, max_block; /* bytes */
    struct smp_params params;
    uint32_t verify_ms, activate_ms, trial_ms; /* what identify says */
};

/* NULL: no memory, or the flash cannot be opened. */
struct sim_firmware *sim_own_open(const struct sim_own_config *config);

/* A device as it leaves the factory: install this .gwi and confirm it, unless an image is confirmed
 * in its flash already. False: the device refused it; *reason says why (verify_result, 0 = the
 * flash failed). */
bool sim_own_install(struct sim_firmware *f, const uint8_t *gwi, size_t len, uint16_t *reason);

#endif
