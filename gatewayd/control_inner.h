/* What the files of the control socket share. Nothing else includes this. */
#ifndef GATEWAYD_CONTROL_INNER_H
#define GATEWAYD_CONTROL_INNER_H

#include "control.h"
#include "core.h"
#include "job_record.h"

struct json;

/* What a call that is not answered yet works on; vl_call_data() points to it. The first member of
 * each kind. */
struct pending {
    /* The peer has gone: stop, release. */
    void (*drop)(struct pending *pending);
};

struct follower; /* of a job */
struct request;  /* Plan or Install under way */

struct control {
    struct core *core;
    struct vl_server *server;
    struct follower *followers;
    unsigned requests; /* under way */
};

/* Answer with io.gatewayd.Control.Failed. */
void control_fail(struct vl_call *call, enum gw_err err, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void control_fail_with(struct vl_call *call, const struct gw_error *error);

/* A line in the audit log about what a peer did or was refused. */
void control_audit(struct control *control, const struct vl_peer *peer, const char *event,
                   const char *object, const struct gw_error *error);

/* The record of a job, from the engine or the store, until control_release_job(). NULL: none. */
const struct job_record *control_find_job(struct control *control, uint64_t id, bool *is_owned);
void control_release_job(const struct job_record *record, bool is_owned);

/* That of the parameter `id`, absent = the newest; NULL: the call has been answered. */
const struct job_record *control_named_job(struct control *control, struct vl_call *call,
                                           bool *is_owned);

/* control_jobs.c */
void control_plan(struct control *control, struct vl_call *call);
void control_install(struct control *control, struct vl_call *call);
void control_jobs(struct control *control, struct vl_call *call);
void control_job(struct control *control, struct vl_call *call);
void control_cancel(struct control *control, struct vl_call *call);
void control_retry(struct control *control, struct vl_call *call);

/* The answer of Job, Cancel and Retry: {job: Job}. */
struct json *control_job_answer(struct control *control, const struct job_record *record);

/* control_follow.c: answer `call` with each change of the job, until it has ended. */
void control_follow(struct control *control, struct vl_call *call, const struct job_record *record);

/* control_report.c */
void control_report(struct control *control, struct vl_call *call);

/* control_fleet.c */
struct json *control_device_json(struct control *control, const char *device);
void control_devices(struct control *control, struct vl_call *call);
void control_buses(struct control *control, struct vl_call *call);
void control_bus_test(struct control *control, struct vl_call *call);
void control_bus_pause(struct control *control, struct vl_call *call);
void control_bus_resume(struct control *control, struct vl_call *call);

/* control_status.c */
void control_status(struct control *control, struct vl_call *call);
void control_cache(struct control *control, struct vl_call *call);
void control_explain(struct control *control, struct vl_call *call);
void control_audit_lines(struct control *control, struct vl_call *call);

/* The state of a device for people: what it says, and "outdated" when the newest job left it on
 * another image. */
const char *control_device_state(struct control *control, const char *device, const char *state);

#endif
