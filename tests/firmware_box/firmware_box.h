/* The UART router's rig with the real firmware (subdevice-fw in a simulated box) at the far end of
 * the fake line, in virtual time.
 */
#ifndef TESTS_FIRMWARE_BOX_H
#define TESTS_FIRMWARE_BOX_H

#include "sim_bench.h"
#include "uart_rig.h"

struct firmware_box {
    struct fake_device base; /* first */
    struct uart_rig rig;
    struct sim_bench bench; /* its device is used, its line is not */
};

/* Our device with bench.old running; the rig's image is bench.new. The router takes `framing`
 * (SMP_FRAMING_ANY: whichever it finds). `fault` may be NULL. */
void firmware_box_open(struct firmware_box *b, const struct sim_bench_config *config,
                       enum smp_framing framing, struct fake_fault *fault);

/* A stock MCUboot device, and an image for it. */
void firmware_box_open_foreign(struct firmware_box *b);

void firmware_box_close(struct firmware_box *b);

struct sim_device *firmware_box_device(struct firmware_box *b);

#endif
