/* Port: everything that the firmware needs of its board. One struct, filled in once per board.
 *
 * Flash follows NOR rules: erased bytes read 0xff, a byte is programmed at most once between two
 * erases, erasing is by whole sectors. All calls block. A call that returns false means that the
 * hardware failed or that power is going away; the caller gives up and the log tells the truth at
 * the next boot. Addresses are offsets from the start of the flash device.
 */
#ifndef SUBDEVICE_PORT_H
#define SUBDEVICE_PORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    PORT_SLOTS_MAX = 8,     /* slots of all components together */
    PORT_PROGRAM_MAX = 64,  /* largest program granularity, bytes */
    PORT_SECTOR_MIN = 1024, /* smallest sector: holds a log that is worth its erases */
};

/* One place for an image: payload first (so that it can execute in place), head and CMS in its last
 * sectors (slot.h). */
struct port_slot {
    uint8_t component; /* which part of the device; two slots of one component take turns */
    uint32_t offset;   /* multiple of the sector size */
    uint32_t size;     /* multiple of the sector size; payload room is slot_capacity() */
    bool has_link_address;
    uint32_t
        link_address; /* where code of this slot executes; images linked elsewhere are refused */
};

struct port_geometry {
    uint32_t sector_size;  /* bytes, power of two, >= PORT_SECTOR_MIN: what one erase clears */
    uint32_t program_size; /* bytes, power of two, 1..PORT_PROGRAM_MAX: every program call starts at
                              a multiple of it and is a multiple long */
    uint32_t log_offset;   /* two sectors here belong to the state log (slotlog.h) */
    uint32_t cms_max;   /* bytes, >= 4096: the largest CMS that a slot keeps for the bootloader */
    uint8_t slot_count; /* 1..PORT_SLOTS_MAX */
    struct port_slot slots[PORT_SLOTS_MAX];
};

struct port;

struct port_ops {
    /* Read `len` bytes. */
    bool (*read)(struct port *p, uint32_t offset, void *bytes, size_t len);

    /* Program erased bytes; offset and len are multiples of program_size. Power lost inside leaves
     * any mixture of old and new bits in that range and nowhere else. */
    bool (*program)(struct port *p, uint32_t offset, const void *bytes, size_t len);

    /* Erase the sector at `offset`, a multiple of sector_size. Power lost inside leaves any mixture
     * in that sector and nowhere else. */
    bool (*erase)(struct port *p, uint32_t offset);

    /* Milliseconds since the start of this boot; only grows, wraps after 584 million years. */
    uint64_t (*now_ms)(struct port *p);

    /* Restart through the bootloader. Does not return on hardware; on a host the caller returns to
     * its loop, which restarts it. */
    void (*reset)(struct port *p);

    /* Feed the watchdog. Called at least once for each sector erased, block programmed and scratch
     * buffer hashed; a watchdog slower than that resets a healthy device. */
    void (*kick)(struct port *p);

    /* Monotonic counters in hardware, one for each component: the floor survives even a restored
     * copy of the flash. Both NULL: the floor lives in the log alone. counter_raise never lowers.
     */
    uint32_t (*counter_read)(struct port *p, uint8_t component);
    bool (*counter_raise)(struct port *p, uint8_t component, uint32_t value);
};

/* First member of every board's port. */
struct port {
    const struct port_ops *ops;
    struct port_geometry geometry;
};

/* Is the geometry one that the firmware can work with: ranges and alignment as stated above, every
 * slot larger than its head, nothing overlapping? Check it once at start. */
bool port_geometry_is_sound(const struct port_geometry *g);

#endif
