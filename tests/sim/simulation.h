/* Simulation: the whole system in one process and in virtual time: the real engine, the real store
 * on a disk that can be cut, the real UART router in fibers, the real firmware on each device.
 *
 * What happens in between has a number (an operation): a commit, a call, an answer, a request that
 * a device handled, an operation of the disk. Faults are put at such numbers. Killing the core
 * drops the engine, its routers and all calls, and opens the store again. A referee watches from
 * outside: it believes the flash of the devices and the rows that were acknowledged, nothing else.
 * The same scenario gives the same trace.
 */
#ifndef TESTS_SIMULATION_H
#define TESTS_SIMULATION_H

#include <stdbool.h>
#include <stdint.h>

#include "cut_vfs.h"
#include "engine.h"
#include "fiber.h"
#include "link.h"
#include "node.h"
#include "router.h"
#include "store.h"

enum { SIM_DEVICES = 3, SIM_FAULTS = 6, SIM_EVENTS = 64, SIM_OUTAGE_MS = 3000 };

/* Who belongs together. */
enum sim_shape {
    SHAPE_GROUP,       /* one group over all lines */
    SHAPE_GROUP_AFTER, /* the same, each after the one before */
    SHAPE_ALONE,       /* each device for itself */
    SHAPE_CHAIN,       /* each for itself, each after the one before */
    SHAPE_PAIR_AFTER,  /* a group of the last two, after the first */
    SHAPES
};

enum sim_fault_kind {
    SIM_FAULT_NONE,
    SIM_KILL_CORE,   /* kill -9 at operation `at` */
    SIM_KILL_DISK,   /* kill -9 at disk operation `at` */
    SIM_POWER_CORE,  /* the gateway loses its power at disk operation `at`, torn by `seed` */
    SIM_KILL_ROUTER, /* of `device`'s bus */
    SIM_CUT,         /* `device` loses its power for 3 s */
    SIM_CUT_FLASH,   /* `device` loses its power at its flash operation `at`, torn by `seed` */
    SIM_BREAK_LINE,  /* bytes vanish for 3 s */
    SIM_FAULT_KINDS
};

struct sim_fault {
    enum sim_fault_kind kind;
    uint64_t at; /* operation, from 0 */
    unsigned device;
    uint64_t seed;
};

struct sim_scenario {
    enum sim_shape shape;
    enum node_fate fates[SIM_DEVICES];
    struct sim_fault faults[SIM_FAULTS];
    unsigned fault_count;
    uint32_t baud;      /* 0 = no time on the line */
    uint32_t noise_ppm; /* bytes lost, damaged, doubled; each */
    bool is_worn;       /* device 0 writes one byte wrongly */
    bool is_repeated;   /* install once more when all is new */
    bool is_traced;     /* print what happens */
    uint64_t seed;      /* of the noise */
};

struct sim_result {
    bool has_ended;
    enum job_state state;
    struct gw_error error;
    bool all_new, all_old;  /* as the devices themselves say, at rest */
    unsigned violations;    /* of invariants; each is printed */
    uint64_t broken_rules;  /* bit n: invariant In was broken; bit 0: another rule */
    uint64_t ops, disk_ops; /* that there were */
    uint64_t flash_ops[SIM_DEVICES];
    uint64_t trace;    /* hash of all that happened */
    uint64_t ended_ms; /* virtual time of the job */
    unsigned calls;
    unsigned attempts; /* of all steps */
};

/* Everything that is made once and used for many runs. */
struct simulation;
struct simulation *simulation_new(void);
void simulation_free(struct simulation *s);

struct sim_result simulation_run(struct simulation *s, const struct sim_scenario *scenario);

#endif
