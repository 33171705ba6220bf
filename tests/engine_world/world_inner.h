/* What the world's files share. */
#ifndef TESTS_WORLD_INNER_H
#define TESTS_WORLD_INNER_H

#include "engine_world.h"

enum { CHUNKS = 4, CHUNK_BYTES = 1000, CHUNK_MS = 100, SELF_TEST_MS = 300, TRIAL_MS = 20000 };
enum { DEVICE_TRIALS = 3, OUTAGE_MS = 3000 };

enum what { WHAT_EFFECT, WHAT_RESULT, WHAT_ENDED, WHAT_IMAGE, WHAT_TIMER, WHAT_POWER_ON, WHAT_BUS };

struct event {
    uint64_t at_ms, order; /* order: first come, first served */
    enum what what;
    uint64_t call;
    enum verb verb;
    unsigned device, part;
    bool is_retry;
    uint16_t component;
    uint64_t job;
    enum gw_err err;
};

struct stored_job {
    struct job_row job;
    struct component_row components[WORLD_ROWS];
    struct after_row afters[WORLD_ROWS];
    struct group_row groups[WORLD_ROWS];
    struct step_row steps[WORLD_ROWS];
    uint16_t component_count, after_count, group_count, step_count;
};

struct world {
    struct env base;
    struct engine *engine;
    struct engine_config config;
    uint64_t now_ms, ops, next_order, trace, shuffle;
    struct event events[WORLD_EVENTS];
    size_t event_count;
    struct world_device devices[WORLD_DEVICES];
    unsigned device_count;
    bool one_bus;
    struct job_record *plan;
    struct stored_job stored[WORLD_JOBS];
    unsigned stored_count;
    uint32_t floors[WORLD_DEVICES];
    uint64_t system_floor;
    struct fault faults[4];
    unsigned fault_count;
    bool is_killed; /* the process is dead, but still on the stack */
    enum gw_err image_err;
    unsigned commits_left;
    uint32_t calls;
    unsigned violations;
};

/* ---- engine_world.c: events and faults ---- */
void world_mix(struct world *w, uint64_t value);
void world_violate(struct world *w, const char *what, const char *who);
void world_post(struct world *w, struct event event);
void world_drop(struct world *w, size_t index);
void world_drop_calls(struct world *w, const char *bus, enum gw_err err);
bool world_fault_at(struct world *w, enum fault_kind kind, unsigned *device);
/* The engine is not called back from inside a commit. */
void world_disturb(struct world *w, bool in_commit);

/* ---- world_device.c ---- */
void world_settle(struct world *w, struct world_device *d);
void world_set_power(struct world *w, struct world_device *d, bool on);
const struct world_device *world_device_named(const struct world *w, const char *name);
void world_effect(struct world *w, const struct event *e);
void world_answer(struct world *w, const struct event *e);

/* ---- world_referee.c ---- */
struct stored_job *world_last(const struct world *w);
void world_judge_activate(struct world *w, const struct world_device *d);
void world_judge_confirm(struct world *w, const struct world_device *d);

/* ---- world_env.c ---- */
extern const struct env_ops world_env_ops;

#endif
