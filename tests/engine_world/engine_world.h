/* World: a model of buses, devices and a store around the real engine, in virtual time.
 *
 * Everything that happens is an operation with a number: a commit, the start of a call, an effect
 * on a device, an answer. A fault may be put at any number. A referee outside of the engine watches
 * the devices and the store, and counts each broken invariant (facts about devices, never the
 * engine's own word). Same arguments, same run.
 */
#ifndef TESTS_ENGINE_WORLD_H
#define TESTS_ENGINE_WORLD_H

#include <stdbool.h>
#include <stdint.h>

#include "engine.h"

enum { WORLD_DEVICES = 6, WORLD_ROWS = 8, WORLD_JOBS = 4, WORLD_EVENTS = 256 };

enum self_test_fate { FATE_PASS, FATE_FAIL, FATE_HANG };

struct world_device {
    char name[DEVICE_NAME_MAX], bus[JOB_BUS_MAX];
    uint8_t serial;
    enum self_test_fate fate; /* of the new image on this device */
    bool is_on;
    enum { RUNS_OLD, RUNS_TRIAL, RUNS_NEW } runs;
    enum {
        SLOT_NOTHING,
        SLOT_PART,
        SLOT_FULL,
        SLOT_BAD
    } slot;             /* the new image's, when not running */
    bool was_confirmed; /* SLOT_FULL: it ran here before, and its maker permits going back to it */
    uint64_t offset;
    uint64_t trial_from_ms;
    uint32_t trial_starts;
    uint32_t flashed; /* chunks */
    bool never_answers;
    bool lies;         /* takes everything, keeps nothing */
    bool has_no_spare; /* the bytes flow when it is activated */
    bool cannot_say;   /* which image it has */
};

enum fault_kind {
    FAULT_NONE,
    FAULT_KILL,       /* the core dies before this operation */
    FAULT_KILL_AFTER, /* right after a commit, before anything is started */
    FAULT_CUT,        /* device `device` loses power for 3 s */
    FAULT_LOSE,       /* an answer is lost */
    FAULT_BUS,        /* the device's bus is down for 3 s */
    FAULT_GONE,       /* the device loses power for ever */
};

struct fault {
    enum fault_kind kind;
    uint64_t op;
    unsigned device;
};

struct world;

/* The plan: `n` devices on buses of their own (or all on "bus"), one component for each or one for
 * all; the caller sets groups and afters before world_run(). */
struct world *world_new(unsigned devices, bool one_bus);
void world_free(struct world *w);
struct world_device *world_device(struct world *w, unsigned i);
/* Rows to be adjusted before world_install(). */
struct job_record *world_plan(struct world *w);
/* Calls take any time, by this seed; 0 = the same always. */
void world_shuffle(struct world *w, uint64_t seed);
void world_fault(struct world *w, struct fault fault); /* up to 4 */

/* Give the plan to the engine. */
enum gw_err world_install(struct world *w);
/* Until the job has ended and nothing is left to happen, at most `limit_ms` of virtual time. True:
 * the job ended. */
bool world_run(struct world *w, uint64_t limit_ms);
/* The same, but until operation `op`. */
void world_run_until(struct world *w, uint64_t op);

struct engine *world_engine(struct world *w);
uint64_t world_now(const struct world *w);
uint64_t world_ops(const struct world *w);
uint32_t world_calls(const struct world *w);      /* calls that were started */
unsigned world_violations(const struct world *w); /* each one is printed */
uint64_t world_trace(const struct world *w);      /* hash of all that happened */

/* What the store holds. */
const struct job_row *world_job(const struct world *w);
const struct step_row *world_step(const struct world *w, unsigned i);
uint32_t world_floor(const struct world *w, unsigned device); /* 0 = none */
uint64_t world_system_floor(const struct world *w);
/* A fresh record of the stored job, as store_load_job() would give it. */
struct job_record *world_load(const struct world *w);

/* All devices run the new image confirmed / the old one, as they themselves would say. */
bool world_all_new(const struct world *w);
bool world_all_old(const struct world *w);
/* What the stored state says of each device is what the device says. */
bool world_status_is_true(const struct world *w);

/* Power as an operator has it. */
void world_power(struct world *w, unsigned device, bool on);
/* The same, on a bus that does not notice. */
void world_power_silently(struct world *w, unsigned device, bool on);
void world_kill(struct world *w);
void world_image_fails(struct world *w, enum gw_err err);
/* After the n-th commit from now the store is broken. */
void world_store_breaks(struct world *w, unsigned after);

#endif
