/* Job record: a job as it is stored, and the changes that the engine makes to the store.
 *
 * Plain data. A record is one allocation, filled by its maker, then owned by the engine; strings
 * are NUL-terminated. Times are seconds since 1970. Numbers of enums are stored: never renumber.
 */
#ifndef ENGINE_JOB_RECORD_H
#define ENGINE_JOB_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "device.h"
#include "err.h"
#include "step_state.h"

enum {
    JOB_SOURCE_MAX = 1024,  /* bytes with NUL */
    JOB_NAME_MAX = 129,     /* system names; with NUL */
    JOB_RELEASE_MAX = 65,   /* with NUL */
    JOB_COMPONENT_MAX = 33, /* names of components and groups, with NUL */
    JOB_BUS_MAX = 33,       /* with NUL */
    JOB_VERIFIED_BY_MAX = 24,
};

enum job_state {
    JOB_PREPARING = 1, /* accepted, waits until the job that it supersedes has ended */
    JOB_RUNNING,
    JOB_COMMITTED, /* what is not yet ended only goes forward */
    JOB_DONE,
    JOB_PARTIAL, /* some steps succeeded */
    JOB_FAILED,  /* none did */
    JOB_CANCELLED,
};

enum job_mode { JOB_MODE_AUTO, JOB_MODE_CACHED, JOB_MODE_STREAMED };

struct job_row {
    uint64_t id; /* 1.. */
    enum job_state state;
    char system[JOB_NAME_MAX];
    char release[JOB_RELEASE_MAX];
    uint64_t sequence, floor; /* of the package */
    uint8_t identity[32];     /* of the system manifest */
    char source[JOB_SOURCE_MAX];
    enum job_mode mode;
    int64_t created_s, finished_s; /* finished 0: open */
    bool cancel_requested;
    struct gw_error error; /* of the job as a whole: the culprit */
};

/* One component that some device of the job needs. */
struct component_row {
    char name[JOB_COMPONENT_MAX];
    uint8_t identity[32]; /* of the image manifest */
    uint8_t vendor_id[16], class_id[16];
    uint8_t component; /* part of the device */
    uint32_t sequence, floor;
    char version[DEVICE_VERSION_MAX];
    uint64_t size; /* bytes of the .gwi */
    bool is_required;
    bool has_state_hash; /* foreign MCUboot: what the device shows for this image; known once the */
    uint8_t state_hash[32]; /* image was ready */
    uint64_t stream_size;   /* bytes that flow to a device; 0 until the image was ready */
    enum job_mode mode;     /* how its bytes come; AUTO until the image was ready */
};

/* `component` only starts when `after` (index into components) has confirmed; within one group:
 * has passed its trial. */
struct after_row {
    uint16_t component, after;
};

/* Steps that succeed or fail together. A step whose component has no group is a group of one. */
struct group_row {
    char name[JOB_COMPONENT_MAX]; /* "" = a group of one */
    bool is_committed;            /* the commit record: from here only forward */
    int64_t committed_s;
};

struct step_row {
    uint16_t component; /* index */
    uint16_t group;     /* index */
    char device[DEVICE_NAME_MAX];
    char bus[JOB_BUS_MAX];
    enum step_state state;
    struct gw_error error;
    uint32_t attempts;    /* Stage, Activate, Confirm and Revert calls in all */
    uint32_t tries;       /* of these, since the step last came forward */
    uint32_t activations; /* Activate calls since the step was staged */
    bool is_retry;        /* an operator asked again, and the device has not tried it since: what it
                             rejected before is staged or activated anew */
    uint64_t resumed_at;  /* stream offset where the last transfer began */
    uint64_t done;        /* payload bytes that the device has safely */

    /* The device that the plan meant; another one at this place is refused. */
    bool has_ids;
    uint8_t vendor_id[16], class_id[16];
    uint8_t serial[DEVICE_SERIAL_MAX];
    uint8_t serial_len;

    char from_version[DEVICE_VERSION_MAX]; /* "" = unknown */
    char verified_by[JOB_VERIFIED_BY_MAX]; /* "gateway + device" */
};

struct job_record {
    struct job_row job;
    struct component_row *components;
    struct after_row *afters;
    struct group_row *groups;
    struct step_row *steps;
    uint16_t component_count, after_count, group_count, step_count;
};

/* A zeroed record with room for so many rows; NULL = no memory. */
struct job_record *job_record_new(uint16_t components, uint16_t afters, uint16_t groups,
                                  uint16_t steps);
void job_record_free(struct job_record *record); /* NULL is fine */

/* Open = not ended: preparing, running or committed. */
bool job_is_open(const struct job_row *job);
/* The step is past the commit record and its device did not answer in time: GW_COMMIT_OUTSTANDING.
 * It does not hold the job open; it goes on when the device appears. */
bool step_is_outstanding(const struct step_row *step);
/* It will not move any more: done, failed, skipped, or outstanding. */
bool step_has_ended(const struct step_row *step);
/* The job is open, or may be taken up again by itself: a step is outstanding. Until then its
 * package may be needed. */
bool job_is_live(const struct job_record *record);
/* The device runs what the job wants: done, or skipped because it had it already. */
bool step_has_succeeded(const struct step_row *step);
/* The words of io.gatewayd.Control: job "running" ..., mode "cached". */
const char *job_state_word(enum job_state state);
const char *job_mode_word(enum job_mode mode);

/* Lowest sequence that is still accepted for a device, and what was confirmed last. */
struct floor_row {
    uint8_t vendor_id[16], class_id[16];
    uint8_t component;
    char device[DEVICE_NAME_MAX];
    uint32_t floor, sequence;
    uint8_t identity[32];
};

/* The same for this gateway's packages. */
struct system_row {
    char system[JOB_NAME_MAX];
    char release[JOB_RELEASE_MAX];
    uint64_t floor, sequence;
    uint8_t identity[32];
};

/* An accepted package: what a restart needs to go on without asking anybody. Borrowed bytes. */
struct package_row {
    uint8_t identity[32]; /* of the system manifest */
    uint64_t sequence;
    const uint8_t *manifest_cms;
    size_t manifest_cms_len;
    size_t head_count;
    const struct package_head {
        char component[JOB_COMPONENT_MAX];
        const uint8_t *cms;
        size_t cms_len;
    } * heads;
};

/* One line of the audit log. Lines with an error that repeat (event, object and code) within a
 * minute are one line with a count. */
struct audit_row {
    int64_t time_s;
    char event[32];  /* "job started", "group committed", "refused" ... */
    char object[80]; /* what it is about: identity in hex, device, group */
    uint64_t job;    /* 0 = none */
    enum gw_err err;
    char detail[240];
};

enum change_kind {
    CHANGE_JOB = 1,   /* insert or update the row of a job */
    CHANGE_COMPONENT, /* row `index` of the job */
    CHANGE_AFTER,
    CHANGE_GROUP,
    CHANGE_STEP,
    CHANGE_FLOOR,
    CHANGE_SYSTEM,
    CHANGE_PACKAGE,
    CHANGE_AUDIT,
};

/* Everything is borrowed until commit() returns. */
struct change {
    enum change_kind kind;
    uint64_t job;   /* COMPONENT, AFTER, GROUP, STEP: id of the job */
    uint16_t index; /* of the row in its job */
    union {
        const struct job_row *job;
        const struct component_row *component;
        const struct after_row *after;
        const struct group_row *group;
        const struct step_row *step;
        const struct floor_row *floor;
        const struct system_row *system;
        const struct package_row *package;
        const struct audit_row *audit;
    } row;
};

#endif
