/* Host port: the board of a simulated device. Flash in a file or in memory, with NOR rules enforced
 * and counted; power cuts at any flash operation, torn; delays in simulated time.
 *
 * Time does not pass by itself: the owner sets the clock, and flash operations add to it what they
 * cost (host_port_set_now, host_port_busy_us). While the power is off every operation fails and
 * changes nothing, so firmware that is running then unwinds without effect.
 */
#ifndef HOST_PORT_H
#define HOST_PORT_H

#include "host_referee.h"
#include "port.h"

struct host_delays {
    uint32_t erase_us;           /* one sector */
    uint32_t program_us_per_kib; /* rounded up to whole microseconds */
    uint32_t read_us_per_kib;    /* with hashing: what the second round costs */
};

struct host_port_config {
    struct port_geometry geometry;
    const char *path;  /* flash file, made when missing; NULL = memory only */
    uint32_t size;     /* bytes of flash */
    bool has_counters; /* hardware monotonic counters for the floors */
    struct host_delays delays;
};

struct host_counters {
    uint64_t bytes_flashed;    /* payload bytes programmed into slots */
    uint64_t erases;           /* sectors, the log's included */
    uint64_t flash_ops;        /* program and erase calls */
    uint64_t violations;       /* NOR rules broken: refused */
    uint64_t early_ops;        /* a slot touched without a signed manifest in memory */
    uint64_t unverified_bytes; /* payload programmed that is not what was signed */
};

/* What a power cut leaves of the operation that it hits. */
enum host_tear {
    HOST_TEAR_NOTHING = 0, /* it had not begun */
    HOST_TEAR_PREFIX,      /* a part of it, then nothing */
    HOST_TEAR_MIX,         /* old and new bits anyhow */
    HOST_TEAR_DONE,        /* all of it, but nobody heard */
    HOST_TEARS,
    HOST_TEAR_ANY = HOST_TEARS, /* one of them, by the seed */
};

struct host_port {
    struct port base;
    struct host_delays delays;
    struct host_counters counters;
    struct host_referee referee;
    bool is_off;
    bool wants_reset;   /* firmware called reset: the owner restarts it */
    uint64_t cut_after; /* the power fails at this operation from now; 0 = it does not */
    enum host_tear tear;
    uint32_t worn_at; /* the byte there comes out with one bit wrong; UINT32_MAX = none */

    /* private */
    uint8_t *flash; /* `size` bytes, then the monotonic counters */
    uint32_t size;
    uint8_t *touched; /* one bit for each granule: programmed since the last erase */
    uint64_t now_us, busy_us;
    uint64_t seed;
    int fd;
};

/* False: the geometry is not sound, or the file cannot be opened, sized or mapped (errno). */
bool host_port_open(struct host_port *h, const struct host_port_config *config);
void host_port_close(struct host_port *h);

/* Take every byte that is not ff as programmed: after somebody else wrote the flash. (A granule
 * programmed with ff cannot be told from an erased one.) */
void host_port_find_touched(struct host_port *h);

/* The power fails `after` flash operations from now, 1 = at the next one. */
void host_port_cut_after(struct host_port *h, uint64_t after, enum host_tear tear, uint64_t seed);
void host_port_power_off(struct host_port *h); /* now, between two operations */
void host_port_power_on(struct host_port *h);

/* The simulated time; what operations cost afterwards is added to it. */
void host_port_set_now(struct host_port *h, uint64_t now_us);
uint64_t host_port_busy_us(const struct host_port *h);

#endif
