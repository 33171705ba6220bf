#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "accept.h"
#include "control_inner.h"
#include "engine.h"
#include "env_uv.h"
#include "job_json.h"
#include "job_plan.h"
#include "json.h"
#include "source.h"
#include "store.h"

enum {
    REQUESTS_MAX = 8,       /* Plans and Installs under way */
    ACCEPT_RETRY_MS = 5000, /* a server that does not answer while a person waits */
    BACKOFF_MS = 1000,
    JOBS_LISTED = 20,
};

static void audit_job(struct control *control, struct vl_call *call, const char *event, uint64_t id)
{
    char object[32];

    (void)snprintf(object, sizeof object, "job %llu", (unsigned long long)id);
    control_audit(control, vl_call_peer(call), event, object, NULL);
}

/* ---- Plan and Install ---- */

struct request {
    struct pending pending;
    struct control *control;
    struct vl_call *call;
    struct acceptance *acceptance;
    enum config_mode mode;
    bool is_install, supersede;
    char source[JOB_SOURCE_MAX]; /* as jobs show it */
};

static void free_request(struct request *request)
{
    request->control->requests--;
    free(request);
}

static void drop_request(struct pending *pending)
{
    struct request *request = (struct request *)pending;

    accept_cancel(request->acceptance);
    free_request(request);
}

static void reply_plan(struct request *request, const struct accepted *accepted)
{
    struct json *answer = json_new_object();

    (void)json_set(answer, "plan",
                   plan_to_json(&accepted->plan, accepted->package, &accepted->inventory));
    vl_call_reply(request->call, answer, false);
}

static enum job_mode job_mode_of(enum config_mode mode)
{
    return mode == MODE_CACHED     ? JOB_MODE_CACHED
           : mode == MODE_STREAMED ? JOB_MODE_STREAMED
                                   : JOB_MODE_AUTO;
}

/* Store the job and what a restart needs of its package. Takes the record. */
static enum gw_err create_job(struct request *request, const struct package *package,
                              struct job_record *record, uint64_t *id, struct gw_error *error)
{
    const struct core *core = request->control->core;
    uint16_t count = package->manifest.component_count;
    struct package_head *heads = calloc(count, sizeof *heads);
    struct package_row row = {
        .sequence = package->manifest.sequence,
        .manifest_cms = package->cms,
        .manifest_cms_len = package->cms_len,
        .head_count = count,
        .heads = heads,
    };

    if (!heads) {
        job_record_free(record);
        return gw_fail(error, GW_NO_MEMORY, "job");
    }
    memcpy(row.identity, package->identity, sizeof row.identity);
    for (uint16_t i = 0; i < count; i++) {
        (void)snprintf(heads[i].component, sizeof heads[i].component, "%s",
                       package->manifest.components[i].name);
        heads[i].cms = package->images[i].cms;
        heads[i].cms_len = package->images[i].cms_len;
    }
    enum gw_err err = engine_create(env_uv_engine(core->env), record, &row, request->supersede, id,
                                    error);

    free(heads);
    return err;
}

static enum gw_err install(struct request *request, struct accepted *accepted, uint64_t *id,
                           struct gw_error *error)
{
    struct core *core = request->control->core;
    struct job_record *record;
    enum gw_err err = job_plan_check(&accepted->plan, accepted->package, error);

    if (err) {
        return err;
    }
    record = job_from_plan(&accepted->plan, accepted->package, &accepted->inventory);
    if (!record) {
        return gw_fail(error, GW_NO_MEMORY, "job");
    }
    (void)snprintf(record->job.source, sizeof record->job.source, "%s", request->source);
    record->job.mode = job_mode_of(request->mode);
    record->job.created_s = time(NULL);
    err = create_job(request, accepted->package, record, id, error);
    if (err) {
        return err;
    }
    err = admit_note_time(&accepted->admit, core->store, accepted->package->signer.signing_time_s);
    if (err) {
        core->ended(core, err);
    }
    /* A job may wait longer for its server than a person does. */
    source_url_set_retry(accepted->source, core->config->away_deadline_s * 1000ull);
    err = env_uv_attach(core->env, *id, accepted->package, accepted->source, NULL);
    accepted->source = NULL;
    accepted->package = NULL;
    env_uv_turn(core->env);
    return err;
}

static void on_accepted(void *ctx, struct accepted *accepted, const struct gw_error *refusal)
{
    struct request *request = ctx;
    struct gw_error error = *refusal;
    uint64_t id = 0;

    if (!error.err && request->is_install) {
        error.err = install(request, accepted, &id, &error);
    }
    if (error.err) {
        control_audit(request->control, vl_call_peer(request->call),
                      request->is_install ? "install refused" : "plan refused", request->source,
                      &error);
        control_fail_with(request->call, &error);
    } else if (request->is_install) {
        struct json *answer = json_new_object();

        audit_job(request->control, request->call, "install", id);
        json_set_integer(answer, "job", (int64_t)id);
        vl_call_reply(request->call, answer, false);
    } else {
        reply_plan(request, accepted);
    }
    accepted_free(accepted);
    free_request(request);
}

/* Where the package comes from: exactly one of a URL and a descriptor. */
static enum gw_err open_source(struct request *request, struct source **out, struct gw_error *error)
{
    struct core *core = request->control->core;
    const struct json *parameters = vl_call_parameters(request->call);
    const char *url = json_get_string(parameters, "url");
    const char *name = json_get_string(parameters, "name");
    int fd = vl_call_take_descriptor(request->call);
    struct source_url_config config = {
        .loop = core->loop,
        .url = url,
        .fetcher = core->fetcher,
        .cache = core->cache,
        .retry_ms = ACCEPT_RETRY_MS,
        .backoff_ms = BACKOFF_MS,
        .log = core->log,
    };
    struct stat st;

    if (url ? fd >= 0 : fd < 0) {
        if (fd >= 0) {
            close(fd);
        }
        return gw_fail(error, GW_BAD_PARAMETER, "give either a url or one descriptor");
    }
    if (url) {
        (void)snprintf(request->source, sizeof request->source, "%s", url);
        return strlen(url) < sizeof request->source ? source_open_url(out, &config)
                                                    : gw_fail(error, GW_SOURCE_URL, "too long");
    }
    (void)snprintf(request->source, sizeof request->source, "%s%s", name ? "file:" : "file",
                   name ? name : "");
    if (request->is_install && fstat(fd, &st) == 0 && S_ISFIFO(st.st_mode)) {
        return source_open_pipe(out, core->loop, fd, core->cache, error);
    }
    return source_open_file(out, core->loop, fd, error);
}

static bool parse_mode(const char *word, enum config_mode otherwise, enum config_mode *mode)
{
    static const char *const words[] = {
        [MODE_AUTO] = "auto", [MODE_CACHED] = "cached", [MODE_STREAMED] = "streamed"
    };

    *mode = otherwise;
    for (unsigned i = 0; word && i < sizeof words / sizeof words[0]; i++) {
        if (strcmp(words[i], word) == 0) {
            *mode = (enum config_mode)i;
            return true;
        }
    }
    return !word;
}

static enum gw_err begin(struct request *request, struct gw_error *error)
{
    struct core *core = request->control->core;
    const struct job_record *open = engine_open_job(env_uv_engine(core->env));
    const struct json *parameters = vl_call_parameters(request->call);
    struct accept_context context = {
        .loop = core->loop,
        .config = core->config,
        .trust = &core->trust,
        .store = core->store,
        .fleet = core->fleet,
        .cache = core->cache,
    };
    struct source *source = NULL;

    if (request->control->requests > REQUESTS_MAX) {
        return gw_fail(error, GW_BUSY, "%d packages are being opened", REQUESTS_MAX);
    }
    if (!parse_mode(json_get_string(parameters, "mode"), core->config->mode, &request->mode)) {
        return gw_fail(error, GW_BAD_PARAMETER, "mode: auto, cached or streamed");
    }
    if (request->is_install && open && !request->supersede) {
        return gw_fail(error, GW_BUSY, "job %llu is open", (unsigned long long)open->job.id);
    }
    enum gw_err err = open_source(request, &source, error);

    if (err) {
        return err;
    }
    request->acceptance = accept_start(&context, source, request->mode, on_accepted, request);
    return request->acceptance ? GW_OK : gw_fail(error, GW_NO_MEMORY, "package");
}

static void start_request(struct control *control, struct vl_call *call, bool is_install)
{
    struct request *request = calloc(1, sizeof *request);
    struct gw_error error = { .err = GW_OK };

    if (!request) {
        control_fail(call, GW_NO_MEMORY, "request");
        return;
    }
    request->pending.drop = drop_request;
    request->control = control;
    request->call = call;
    request->is_install = is_install;
    request->supersede = json_get_bool(vl_call_parameters(call), "supersede", false);
    control->requests++;
    error.err = begin(request, &error);
    if (error.err) {
        control_audit(control, vl_call_peer(call), is_install ? "install refused" : "plan refused",
                      request->source[0] ? request->source : "request", &error);
        control_fail_with(call, &error);
        free_request(request);
        return;
    }
    vl_call_set_data(call, &request->pending);
}

void control_plan(struct control *control, struct vl_call *call)
{
    start_request(control, call, false);
}

void control_install(struct control *control, struct vl_call *call)
{
    start_request(control, call, true);
}

/* ---- Jobs ---- */

const struct job_record *control_named_job(struct control *control, struct vl_call *call,
                                           bool *is_owned)
{
    int64_t id = json_get_integer(vl_call_parameters(call), "id", 0);
    uint64_t newest = 0;
    size_t n = 0;

    if (id == 0 && store_job_ids(control->core->store, &newest, 1, &n) == GW_OK && n == 1) {
        id = (int64_t)newest;
    }
    const struct job_record *record = id > 0 ? control_find_job(control, (uint64_t)id, is_owned)
                                             : NULL;

    if (!record) {
        control_fail(call, GW_NOT_FOUND, id ? "job %lld" : "no job yet", (long long)id);
    }
    return record;
}

struct json *control_job_answer(struct control *control, const struct job_record *record)
{
    struct json *answer = json_new_object();

    (void)json_set(answer, "job", job_to_json(record, env_uv_engine(control->core->env)));
    return answer;
}

void control_jobs(struct control *control, struct vl_call *call)
{
    int64_t limit = json_get_integer(vl_call_parameters(call), "limit", JOBS_LISTED);
    uint64_t ids[STORE_JOBS_MAX];
    size_t n = 0;

    if (limit < 1 || limit > STORE_JOBS_MAX) {
        control_fail(call, GW_BAD_PARAMETER, "limit: 1..%d", STORE_JOBS_MAX);
        return;
    }
    if (store_job_ids(control->core->store, ids, (size_t)limit, &n)) {
        control_fail(call, GW_STORE, "jobs");
        return;
    }
    struct json *answer = json_new_object();
    struct json *jobs = json_set(answer, "jobs", json_new_array());

    for (size_t i = 0; i < n; i++) {
        bool is_owned;
        const struct job_record *record = control_find_job(control, ids[i], &is_owned);

        if (record) {
            (void)json_append(jobs, job_to_json(record, env_uv_engine(control->core->env)));
            control_release_job(record, is_owned);
        }
    }
    vl_call_reply(call, answer, false);
}

void control_job(struct control *control, struct vl_call *call)
{
    bool is_owned;
    const struct job_record *record = control_named_job(control, call, &is_owned);

    if (!record) {
        return;
    }
    if (vl_call_wants_more(call)) {
        control_follow(control, call, record);
    } else {
        vl_call_reply(call, control_job_answer(control, record), false);
    }
    control_release_job(record, is_owned);
}

/* ---- what operators do to a job ---- */

static void reply_job(struct control *control, struct vl_call *call, uint64_t id)
{
    bool is_owned;
    const struct job_record *record = control_find_job(control, id, &is_owned);

    if (!record) {
        control_fail(call, GW_NOT_FOUND, "job %llu", (unsigned long long)id);
        return;
    }
    vl_call_reply(call, control_job_answer(control, record), false);
    control_release_job(record, is_owned);
}

void control_cancel(struct control *control, struct vl_call *call)
{
    uint64_t id = (uint64_t)json_get_integer(vl_call_parameters(call), "id", 0);
    struct gw_error error = { .err = GW_OK };

    error.err = engine_cancel(env_uv_engine(control->core->env), id, &error);
    if (error.err) {
        control_fail_with(call, &error);
        return;
    }
    audit_job(control, call, "cancel", id);
    env_uv_turn(control->core->env);
    reply_job(control, call, id);
}

/* The engine takes a record of its own, with its package and source. */
static enum gw_err retry(struct control *control, uint64_t id, struct gw_error *error)
{
    struct core *core = control->core;
    struct job_record *record;
    enum gw_err err = store_load_job(core->store, id, &record);

    if (err) {
        return gw_fail(error, err, "job %llu", (unsigned long long)id);
    }
    if (job_is_open(&record->job)) {
        job_record_free(record);
        return gw_fail(error, GW_WRONG_STATE, "job %llu is open", (unsigned long long)id);
    }
    err = core_attach_job(core, record);
    if (err) {
        job_record_free(record);
        return gw_fail(error, err, "job %llu", (unsigned long long)id);
    }
    return engine_retry(env_uv_engine(core->env), record, error);
}

void control_retry(struct control *control, struct vl_call *call)
{
    uint64_t id = (uint64_t)json_get_integer(vl_call_parameters(call), "id", 0);
    struct gw_error error = { .err = GW_OK };

    error.err = retry(control, id, &error);
    env_uv_turn(control->core->env); /* also lets go of what was attached in vain */
    if (error.err) {
        control_fail_with(call, &error);
        return;
    }
    audit_job(control, call, "retry", id);
    reply_job(control, call, id);
}
