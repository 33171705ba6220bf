/* What the engine's files share: the job in memory, and who does what to it.
 *
 * `row` is what is stored, `live` is what is not. Whoever changes a row marks it dirty; changes.c
 * stores all dirty rows in one transaction. Nothing outside of gatewayd/engine includes this.
 */
#ifndef ENGINE_INNER_H
#define ENGINE_INNER_H

#include "engine.h"

enum { CALL_DEVICES_MAX = 250 };

struct live_step {
    bool is_dirty;
    enum seen seen;
    bool is_away;            /* the last question was not answered */
    bool revert_answered;    /* since it was last seen on trial */
    bool is_deferred;        /* no spare slot: the bytes flow in Activate */
    bool is_missed;          /* outstanding because it did not answer: asked again now and then */
    bool cannot_say;         /* its answers do not tell which image it has */
    uint64_t absent_ms;      /* since when it cannot be reached; 0 = it can */
    uint64_t due_ms;         /* no call before this time; 0 = at once */
    uint32_t backoff_ms;     /* the last wait; 0 = none */
    uint64_t trial_ends_ms;  /* latest end of the running trial; 0 = none runs */
    struct gw_error trouble; /* why it is away, or why its last call did not succeed */
    uint64_t best_done;      /* most bytes that it ever had */
    uint64_t rate, rate_from_ms, rate_from_done;
};

enum image_state { IMAGE_NONE, IMAGE_PREPARING, IMAGE_READY, IMAGE_FAILED };

struct live_image {
    bool is_dirty; /* its component_row */
    enum image_state state;
    bool is_wanted;        /* decided in this turn */
    struct gw_error error; /* FAILED: why */
    uint64_t done, total;  /* download */
};

struct live_group {
    bool is_dirty;
};

struct job {
    struct job_record *record; /* owned */
    struct live_step *steps;
    struct live_image *images;
    struct live_group *groups;
    bool is_dirty; /* its job_row */
    bool is_new;   /* none of its rows is stored yet */
};

struct bus {
    char name[JOB_BUS_MAX];
    enum engine_bus state;
    struct bus_running {
        uint64_t id; /* 0: no call runs */
        uint64_t job;
        enum verb verb;
        bool is_started;   /* handed to the env */
        bool is_cancelled; /* by us */
        uint16_t component;
        uint16_t step_count;
        uint16_t steps[CALL_DEVICES_MAX]; /* indices; several steps may be of one device */
        bool has_answer[CALL_DEVICES_MAX];
    } call;
};

/* Rows that exist only until they are stored. */
struct pending {
    struct audit_row *audits;
    struct floor_row *floors;
    size_t audit_count, floor_count;
    bool has_system;
    struct system_row system;
    const struct package_row *package; /* borrowed */
};

struct engine {
    struct env *env;
    struct engine_config config;
    struct job *current; /* the open job, or the one that ended last; NULL = none */
    struct job *waiting; /* accepted, supersedes current */
    struct bus *buses;
    size_t bus_count;
    uint64_t next_call_id, next_job_id;
    struct pending pending;
    bool is_stopping, is_dead;
};

static inline uint64_t engine_now(const struct engine *e)
{
    return e->env->ops->now_ms(e->env);
}

/* The bus of that name; made when it is not known yet (down). */
struct bus *engine_find_bus(struct engine *e, const char *name);

/* ---- changes.c ---- */

/* A line for the audit log; `object` and `detail` may be NULL. */
void pending_audit(struct engine *e, const char *event, const char *object, uint64_t job,
                   const struct gw_error *error);
void pending_floor(struct engine *e, const struct job *job, const struct step_row *row);
/* Store everything that is dirty or pending. *changed = there was something. */
MUST_USE enum gw_err changes_commit(struct engine *e, bool *changed);
void pending_free(struct pending *pending);

/* ---- step.c: one step. ---- */

/* Move by `event`; false when the table forbids it (the step stays). */
bool step_move(struct engine *e, struct job *job, uint16_t index, enum step_event event);
/* It cannot succeed: failed, reverting, or outstanding, as its state demands. */
void step_give_up(struct engine *e, struct job *job, uint16_t index, const struct gw_error *error);
/* What its device says of itself. */
void step_observe(struct engine *e, struct job *job, uint16_t index,
                  const struct device_info *info);
/* It did not answer. */
void step_lose(struct engine *e, struct job *job, uint16_t index, const struct gw_error *error);
/* A call for it did not succeed, but may next time. */
void step_delay(struct engine *e, struct job *job, uint16_t index, const struct gw_error *error);
/* It may answer again: ask at once. */
void step_wake(struct job *job, uint16_t index);
/* An outstanding step takes up its way again, and its job with it. */
void step_resume(struct engine *e, struct job *job, uint16_t index);
/* Deadlines that have passed. */
void step_check_deadlines(struct engine *e, struct job *job, uint16_t index);
/* When its next deadline passes; ENV_NEVER = none. */
uint64_t step_deadline(struct engine *e, const struct job *job, uint16_t index);
/* Its bus is up and its device answered last time. */
bool step_is_reachable(struct engine *e, const struct job *job, uint16_t index);

/* ---- seen.c: pure. ---- */

/* What `info` says of the image of this step. */
enum seen seen_of(const struct step_row *row, const struct component_row *component,
                  const struct device_info *info, bool is_deferred);
/* Is it the device that the plan meant? */
bool seen_is_same_device(const struct step_row *row, const struct device_info *info);
/* The device cannot say which image it has: what a successful call makes of it. */
enum seen seen_after(enum verb verb);
bool seen_reads_back(const struct component_row *component, const struct device_info *info);

/* ---- group.c ---- */

/* Nothing that can be reached is still being fetched or staged. */
bool group_staging_is_over(struct engine *e, const struct job *job);
/* Follow what its members' states mean for group `index`; true when something moved. */
bool group_follow(struct engine *e, struct job *job, uint16_t index, bool staging_is_over);

/* ---- job.c ---- */

/* NULL = no memory (the record is freed). */
struct job *job_new(struct job_record *record);
void job_free(struct job *job);
bool job_order_is_possible(const struct job_record *record);
/* Images, groups, state and end of the job; true when something moved. */
bool job_follow(struct engine *e, struct job *job);
/* A group that can still be taken back has steps that have not ended. */
bool job_can_cancel(const struct job *job);
void job_cancel_waiting(struct engine *e, struct job *job, const struct gw_error *error);

/* ---- call.c: what goes on on the buses. ---- */

/* Give each idle bus its next call, in memory and in the rows. */
void calls_choose(struct engine *e, uint64_t now);
/* After the commit: start what was chosen, cancel what nobody wants. */
void calls_start(struct engine *e);
/* When the next call of an idle bus is due. */
uint64_t calls_due(struct engine *e);
bool calls_are_running(const struct engine *e);

/* ---- decide.c: pure. ---- */

struct choice {
    enum verb verb; /* VERB_NONE: nothing is due */
    uint16_t component;
    uint16_t step_count;
    uint16_t steps[CALL_DEVICES_MAX];
};
/* What bus `bus` is to do for this job at `now`. */
void decide(struct choice *out, const struct job *job, const char *bus, uint64_t now);
/* What step `index` wants from its bus once it is due (VERB_POLL appears as VERB_IDENTIFY). */
enum verb decide_step(const struct job *job, uint16_t index);

#endif
