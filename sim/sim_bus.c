#include "sim_bus.h"

enum { CHUNK = 4096 };

void sim_bus_close(struct sim_bus *bus)
{
    sim_line_close(bus->line);
    sim_device_close(bus->device);
    *bus = (struct sim_bus){ 0 };
}

size_t sim_bus_write(struct sim_bus *bus, uint64_t now_us, const uint8_t *bytes, size_t len)
{
    return sim_line_push(bus->line, SIM_TO_DEVICE, now_us, bytes, len);
}

size_t sim_bus_read(struct sim_bus *bus, uint64_t now_us, uint8_t *out, size_t cap)
{
    return sim_line_pull(bus->line, SIM_FROM_DEVICE, now_us, out, cap);
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* One round: in, work, out. Returns whether bytes moved. */
static bool turn(struct sim_bus *bus, uint64_t now_us, uint64_t *due_us)
{
    uint8_t bytes[CHUNK];
    size_t room = sizeof bytes, in, out;

    /* a line without a rate is one with flow control */
    if (sim_line_baud(bus->line) == 0 && sim_device_room(bus->device) < room) {
        room = sim_device_room(bus->device);
    }
    in = sim_line_pull(bus->line, SIM_TO_DEVICE, now_us, bytes, room);

    sim_device_receive(bus->device, now_us, bytes, in);
    *due_us = sim_device_step(bus->device, now_us);
    room = sim_line_room(bus->line, SIM_FROM_DEVICE, now_us);
    room = room < sizeof bytes ? room : sizeof bytes;
    out = sim_device_transmit(bus->device, now_us, bytes, room);
    (void)sim_line_push(bus->line, SIM_FROM_DEVICE, now_us, bytes, out);
    if (room == 0) {
        *due_us = earlier(*due_us, sim_line_room_due_us(bus->line, SIM_FROM_DEVICE, now_us));
    }
    return in > 0 || out > 0;
}

uint64_t sim_bus_step(struct sim_bus *bus, uint64_t now_us)
{
    uint64_t due_us;

    while (turn(bus, now_us, &due_us)) {
    }
    due_us = earlier(due_us, sim_line_due_us(bus->line, SIM_TO_DEVICE, now_us));
    return earlier(due_us, sim_line_due_us(bus->line, SIM_FROM_DEVICE, now_us));
}

void sim_bus_power(struct sim_bus *bus, uint64_t now_us, bool on)
{
    if (on) {
        sim_device_power_on(bus->device, now_us);
        return;
    }
    sim_device_power_off(bus->device);
    sim_line_flush(bus->line, SIM_FROM_DEVICE);
}
