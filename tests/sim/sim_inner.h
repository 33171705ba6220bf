/* What the simulation's files share. */
#ifndef TESTS_SIM_INNER_H
#define TESTS_SIM_INNER_H

#include "simulation.h"

#define SIM_MS UINT64_C(1000000) /* ns */

enum sim_event_kind { SIM_IMAGE_READY, SIM_POWER_ON, SIM_BUS_OPEN, SIM_MEND };

enum { SIM_ROWS = 4 };

struct sim_event {
    uint64_t at, order; /* ns */
    enum sim_event_kind kind;
    unsigned index; /* device or bus, or component */
    uint64_t job;
};

/* A line, its device, its router, and the call that runs on it. */
struct sim_line_end {
    struct simulation *sim;
    unsigned index;
    char name[8];
    struct node *node;
    struct fake_line *line;
    uint64_t line_due, node_due;
    struct fake_time time; /* of the link: yields the fiber */
    struct link *link;
    struct router *router;
    struct fiber *fiber;
    uint64_t wake_at;
    bool is_cancelled;
    bool must_die; /* the router is to be killed */
    struct call call;
    uint64_t call_id;
    enum verb verb;
    struct image_ref image;
    enum gw_err result;
};

/* The rows of one job, as they were given to the store. */
struct sim_rows {
    bool exists;
    struct job_row job;
    struct component_row components[SIM_ROWS];
    struct after_row afters[SIM_ROWS];
    struct group_row groups[SIM_ROWS];
    struct step_row steps[SIM_ROWS];
    uint16_t after_count, group_count, step_count;
};

struct simulation {
    struct env env;
    const struct sim_scenario *scenario;
    struct node_images *images;
    struct node_image image;
    struct cut_vfs *vfs;
    struct sim_line_end ends[SIM_DEVICES];
    struct sim_event events[SIM_EVENTS];
    size_t event_count;
    uint64_t now, order, ops, trace;
    bool must_turn;

    struct store *store;
    struct engine *engine;
    uint64_t timer_at;        /* ns; FAKE_NEVER */
    bool is_killed, is_power; /* the core is dead, and still on the stack; the power went, too */
    uint64_t kill_seed;
    bool is_used[SIM_FAULTS];
    struct sim_rows acknowledged, in_flight; /* of the newest job */

    uint64_t broken_rules;
    unsigned violations, calls;
    unsigned judged_trials[SIM_DEVICES];
    bool was_confirmed[SIM_DEVICES], was_passed[SIM_DEVICES];
};

/* ---- simulation.c ---- */
void sim_post(struct simulation *s, uint64_t at, enum sim_event_kind kind, unsigned index,
              uint64_t job);
void sim_drop(struct simulation *s, enum sim_event_kind kind);
/* One more operation: gives it its number, and its faults. */
void sim_op(struct simulation *s, unsigned what);
void sim_note(struct simulation *s, const char *format, ...) __attribute__((format(printf, 2, 3)));
struct node *sim_node(struct simulation *s, unsigned index);
void sim_cut(struct simulation *s, unsigned device);

/* ---- field.c: lines, routers, fibers ---- */
void field_make(struct simulation *s);
void field_free(struct simulation *s);
/* New lines, routers not yet open; devices as they left the factory. */
void field_reset(struct simulation *s);
void field_clear(struct simulation *s);
void field_open_router(struct sim_line_end *end);
/* The router process ends: its call unwinds without effect. */
void field_close_router(struct sim_line_end *end);
/* Begin a call: the fiber runs at the next step. */
void field_call(struct sim_line_end *end, const struct engine_call *call);
void field_cancel(struct sim_line_end *end);
/* What is due by now; fibers go on. */
void field_step(struct simulation *s);
uint64_t field_due(const struct simulation *s);

/* ---- core.c: engine and store ---- */
void core_make(struct simulation *s);
void core_free(struct simulation *s);
/* A new store on a new disk, an engine without a job. */
void core_reset(struct simulation *s);
void core_clear(struct simulation *s);
/* The process died: everything of it is dropped, and it starts again. */
void core_restart(struct simulation *s);
enum gw_err core_install(struct simulation *s);
void core_turn(struct simulation *s);
void core_bus(struct simulation *s, unsigned index, bool is_open);
/* ---- referee.c ---- */
void referee_reset(struct simulation *s);
/* Something changed on a device. */
void referee_see(struct simulation *s, unsigned index);
/* These changes are about to be stored. */
void referee_judge_changes(struct simulation *s, const struct change *changes, size_t n);
/* The store was opened again and holds this as its newest job (NULL: none). */
void referee_judge_recovery(struct simulation *s, const struct job_record *found);
/* Everything is at rest. */
void referee_judge_end(struct simulation *s, struct sim_result *result);
void referee_violate(struct simulation *s, unsigned device, const char *rule);

#endif
