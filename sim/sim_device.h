/* Device: a simulated box with a plug. Power, boot time, receive buffer, and faults around one
 * firmware.
 *
 * Pure and step-driven: the caller passes the time in microseconds, gives received bytes, calls
 * step() when it is due or bytes came, and takes what is sent. It never waits.
 */
#ifndef SIM_DEVICE_H
#define SIM_DEVICE_H

#include "sim_firmware.h"

enum sim_self_test { SIM_TEST_PASS = 0, SIM_TEST_FAIL, SIM_TEST_HANG };

/* What is wrong with the device. All zero: nothing. */
struct sim_faults {
    enum sim_self_test self_test;
    uint32_t self_test_sequence; /* only of this image; 0 = of any */
    bool is_silent;              /* works, and never answers */
    bool talks_nonsense;         /* answers with random bytes */
    uint64_t reboot_at_offset;   /* restarts once when an upload gets there; 0 = never */
    uint64_t
        dead_after_bytes; /* received from now on; then it hangs until its power goes; 0 = not */
};

struct sim_device_config {
    uint32_t boot_us;      /* reset to the first byte understood */
    uint32_t self_test_us; /* from there to the verdict */
    uint32_t receive_cap;  /* bytes that wait while the firmware works; more are lost */
};

struct sim_device;

/* Takes the firmware over. It is off. False: no memory; the firmware is closed. */
bool sim_device_open(struct sim_device **out, struct sim_firmware *firmware,
                     const struct sim_device_config *config);
void sim_device_close(struct sim_device *d); /* NULL is fine */

/* Bytes that receive() has room for; what comes beyond it is lost, and counted. */
size_t sim_device_room(const struct sim_device *d);

/* Bytes from the line. */
void sim_device_receive(struct sim_device *d, uint64_t now_us, const uint8_t *bytes, size_t len);

/* Work. Returns when it is due again, UINT64_MAX = not before bytes come or are taken. */
uint64_t sim_device_step(struct sim_device *d, uint64_t now_us);

/* Bytes for the line, at most `cap`. */
size_t sim_device_transmit(struct sim_device *d, uint64_t now_us, uint8_t *out, size_t cap);

/* The plug. On twice or off twice is fine. */
void sim_device_power_on(struct sim_device *d, uint64_t now_us);
void sim_device_power_off(struct sim_device *d);
/* The power fails at the `ops`-th flash operation from now; stays armed over restarts. */
void sim_device_power_off_at(struct sim_device *d, uint64_t ops, uint64_t seed);
bool sim_device_is_powered(const struct sim_device *d);

void sim_device_set_faults(struct sim_device *d, const struct sim_faults *faults);
const struct sim_faults *sim_device_faults(const struct sim_device *d);

/* False: it is off or starting. */
bool sim_device_running(const struct sim_device *d, struct sim_running *out);
void sim_device_count(const struct sim_device *d, struct sim_counters *out);
void sim_device_reset_counters(struct sim_device *d);

#endif
