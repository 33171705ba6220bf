/* Bus: one line with the device at its end, as one step-driven object. gatewaysim drives it with a
 * socket and the clock; a test, with its own bytes and virtual time.
 */
#ifndef SIM_BUS_H
#define SIM_BUS_H

#include "sim_device.h"
#include "sim_line.h"

struct sim_bus {
    struct sim_line *line;
    struct sim_device *device;
};

/* Closes line and device. */
void sim_bus_close(struct sim_bus *bus);

/* The gateway's end: bytes onto the line; returns how many it took. */
size_t sim_bus_write(struct sim_bus *bus, uint64_t now_us, const uint8_t *bytes, size_t len);

/* The gateway's end: bytes that have arrived, at most `cap`. */
size_t sim_bus_read(struct sim_bus *bus, uint64_t now_us, uint8_t *out, size_t cap);

/* Everything that is due: the device gets what has arrived, works and answers. Returns when it must
 * be called again at the latest, SIM_NEVER = not before a write or a change from outside. Reading
 * is due then, too. */
uint64_t sim_bus_step(struct sim_bus *bus, uint64_t now_us);

/* The plug of the device: what it was sending is lost. */
void sim_bus_power(struct sim_bus *bus, uint64_t now_us, bool on);

#endif
