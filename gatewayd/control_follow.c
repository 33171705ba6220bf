/* Followers: peers that asked for a job with `more`. */
#include <stdlib.h>

#include "control_inner.h"
#include "engine.h"
#include "env_uv.h"
#include "job_json.h"
#include "json.h"

enum {
    PROGRESS_MS = 500,      /* between two replies that tell only progress */
    QUEUED_MAX = 256 << 10, /* bytes: a follower that reads slower misses progress */
};

struct follower {
    struct pending pending;
    struct follower *next;
    struct control *control;
    struct vl_call *call;
    uint64_t job;
    uint64_t told; /* job_print_of() what was told last */
    uint64_t told_ms;
    uv_timer_t timer; /* progress that waits */
};

static void on_follower_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static void free_follower(struct follower *follower)
{
    struct follower **at = &follower->control->followers;

    while (*at != follower) {
        at = &(*at)->next;
    }
    *at = follower->next;
    uv_close((uv_handle_t *)&follower->timer, on_follower_closed);
}

static void drop_follower(struct pending *pending)
{
    free_follower((struct follower *)pending);
}

/* Tell where the job is; the last reply when it has ended. */
static void tell(struct follower *follower, const struct job_record *record)
{
    struct control *control = follower->control;
    bool is_open = job_is_open(&record->job);

    follower->told = job_print_of(record, env_uv_engine(control->core->env));
    follower->told_ms = uv_now(control->core->loop);
    vl_call_reply(follower->call, control_job_answer(control, record), is_open);
    if (!is_open) {
        free_follower(follower);
    }
}

static void on_follower_timer(uv_timer_t *timer);

static void consider(struct follower *follower)
{
    struct control *control = follower->control;
    bool is_owned;
    const struct job_record *record = control_find_job(control, follower->job, &is_owned);
    uint64_t now_ms = uv_now(control->core->loop), due_ms = follower->told_ms + PROGRESS_MS;

    if (!record) {
        control_fail(follower->call, GW_NOT_FOUND, "job %llu", (unsigned long long)follower->job);
        free_follower(follower);
        return;
    }
    bool is_news = !job_is_open(&record->job) ||
                   job_print_of(record, env_uv_engine(control->core->env)) != follower->told;

    if (is_news || (now_ms >= due_ms && vl_call_queued_bytes(follower->call) < QUEUED_MAX)) {
        tell(follower, record);
    } else if (!uv_is_active((uv_handle_t *)&follower->timer)) {
        (void)uv_timer_start(&follower->timer, on_follower_timer,
                             now_ms < due_ms ? due_ms - now_ms : PROGRESS_MS, 0);
    }
    control_release_job(record, is_owned);
}

static void on_follower_timer(uv_timer_t *timer)
{
    consider(timer->data);
}

void control_job_changed(struct control *control, uint64_t job)
{
    struct follower *next;

    for (struct follower *f = control->followers; f; f = next) {
        next = f->next;
        if (f->job == job) {
            consider(f);
        }
    }
}

void control_follow(struct control *control, struct vl_call *call, const struct job_record *record)
{
    struct follower *follower = calloc(1, sizeof *follower);

    if (!follower) {
        control_fail(call, GW_NO_MEMORY, "follower");
        return;
    }
    *follower = (struct follower){ .pending = { drop_follower },
                                   .next = control->followers,
                                   .control = control,
                                   .call = call,
                                   .job = record->job.id };
    (void)uv_timer_init(control->core->loop, &follower->timer);
    follower->timer.data = follower;
    control->followers = follower;
    vl_call_set_data(call, &follower->pending);
    tell(follower, record);
}
