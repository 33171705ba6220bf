#include "core.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "account.h"
#include "admit.h"
#include "cache.h"
#include "control.h"
#include "env_uv.h"
#include "fetcher.h"
#include "fleet.h"
#include "images.h"
#include "log.h"
#include "source.h"
#include "store.h"

enum {
    FETCH_MIN_RATE = 64, /* bytes a second, */
    FETCH_MIN_TIME_S = 60,
    FETCH_IDLE_S = 60,
    SOURCE_BACKOFF_MS = 1000,
};

static void on_bus(void *ctx, struct bus *bus)
{
    struct core *core = ctx;

    env_uv_bus(core->env, bus_name(bus));
}

static void on_appeared(void *ctx, const char *bus, const char *device)
{
    struct core *core = ctx;

    engine_device_appeared(env_uv_engine(core->env), bus, device);
    env_uv_turn(core->env);
}

static void on_left(void *ctx, const char *bus, const char *device)
{
    struct core *core = ctx;

    engine_device_left(env_uv_engine(core->env), bus, device);
    env_uv_turn(core->env);
}

static void on_job_changed(void *ctx, uint64_t job)
{
    struct core *core = ctx;

    if (core->control) {
        control_job_changed(core->control, job);
    }
}

static void on_fatal(void *ctx, const struct gw_error *error)
{
    struct core *core = ctx;

    log_error(core->log, "store: GW%04d %s: %s", error->err, gw_err_text(error->err),
              error->detail);
    core->ended(core, error->err);
}

static enum gw_err open_storage(struct core *core, struct gw_error *error)
{
    char path[PATH_MAX + 16];
    struct cache_config cache = {
        .dir = core->config->cache_dir,
        .quota_bytes = core->config->cache_quota_bytes,
    };
    enum gw_err err = trust_load(&core->trust, core->config->trust_dir, error);

    if (err) {
        return err;
    }
    (void)snprintf(path, sizeof path, "%s/gatewayd.db", core->config->state_dir);
    err = store_open(&core->store, path, NULL, error);
    return err ? err : cache_open(&core->cache, &cache, error);
}

static enum gw_err open_bytes(struct core *core, struct gw_error *error)
{
    char path[PATH_MAX + 8];
    struct fetcher_config fetcher = {
        .loop = core->loop,
        .programs = &core->programs,
        .socket_path = path,
        .tls_ca = core->config->tls_ca,
        .allow_http = core->config->allow_http,
        .min_rate = FETCH_MIN_RATE,
        .min_time_s = FETCH_MIN_TIME_S,
        .idle_s = FETCH_IDLE_S,
        .log = core->log,
    };
    struct images_config images = { .loop = core->loop, .cache = core->cache, .log = core->log };
    enum gw_err err;

    (void)snprintf(path, sizeof path, "%s/fetch", core->config->run_dir);
    err = fetcher_open(&core->fetcher, &fetcher, error);
    if (err) {
        return err;
    }
    err = images_open(&core->images, &images);
    return err ? gw_fail(error, err, "images") : GW_OK;
}

static enum gw_err open_devices(struct core *core, struct gw_error *error)
{
    static const struct fleet_ops fleet_ops = { on_bus, on_appeared, on_left, on_fatal };
    static const struct env_uv_ops env_ops = { on_job_changed, on_fatal };
    struct fleet_config fleet = {
        .loop = core->loop,
        .config = core->config,
        .programs = &core->programs,
        .images = core->images,
        .store = core->store,
        .log = core->log,
        .ops = &fleet_ops,
        .ctx = core,
    };
    struct env_uv_config env = {
        .loop = core->loop,
        .store = core->store,
        .images = core->images,
        .log = core->log,
        .away_deadline_ms = core->config->away_deadline_s * 1000ull,
        .ops = &env_ops,
        .ctx = core,
    };
    enum gw_err err = fleet_open(&core->fleet, &fleet, error);

    env.fleet = core->fleet;
    return err ? err : env_uv_open(&core->env, &env, error);
}

/* ---- stored jobs ---- */

struct source *core_open_source(struct core *core, const char *name)
{
    struct source *source = NULL;
    struct source_url_config config = {
        .loop = core->loop,
        .url = name,
        .fetcher = core->fetcher,
        .cache = core->cache,
        .retry_ms = core->config->away_deadline_s * 1000ull,
        .backoff_ms = SOURCE_BACKOFF_MS,
        .log = core->log,
    };

    if (strncmp(name, "https://", 8) != 0 && strncmp(name, "http://", 7) != 0) {
        return NULL;
    }
    return source_open_url(&source, &config) == GW_OK ? source : NULL;
}

enum gw_err core_open_package(struct core *core, const uint8_t identity[32], struct package **out,
                              struct gw_error *error)
{
    struct admit admit;
    struct package_row *row;
    struct span *heads;
    enum gw_err err = store_load_package(core->store, identity, &row);

    *out = NULL;
    if (err) {
        return gw_fail(error, err, "the accepted package is not in the store");
    }
    heads = calloc(row->head_count + 1, sizeof *heads);
    for (size_t i = 0; heads && i < row->head_count; i++) {
        heads[i] = (struct span){ row->heads[i].cms, row->heads[i].cms_len };
    }
    err = heads ? admit_open(&admit, core->config, &core->trust, core->store) : GW_NO_MEMORY;
    if (!err) {
        err = intake_restore(out, &admit.intake,
                             (struct span){ row->manifest_cms, row->manifest_cms_len }, heads,
                             row->head_count, error);
        admit_close(&admit);
    }
    free(heads);
    free(row);
    return err;
}

enum gw_err core_attach_job(struct core *core, const struct job_record *record)
{
    struct package *package;
    struct gw_error why = { .err = GW_OK };
    enum gw_err err = core_open_package(core, record->job.identity, &package, &why);

    why.err = err;
    if (err) {
        log_warning(core->log, "job %llu: its package cannot be opened again: GW%04d %s",
                    (unsigned long long)record->job.id, err, why.detail);
    }
    return env_uv_attach(core->env, record->job.id, package,
                         core_open_source(core, record->job.source), &why);
}

static void learn_hashes(struct core *core, const struct job_record *record)
{
    for (uint16_t i = 0; i < record->component_count; i++) {
        const struct component_row *row = &record->components[i];
        struct fleet_image image = { .sequence = row->sequence };

        if (row->has_state_hash) {
            memcpy(image.state_hash, row->state_hash, sizeof image.state_hash);
            memcpy(image.identity, row->identity, sizeof image.identity);
            (void)snprintf(image.version, sizeof image.version, "%s", row->version);
            fleet_learn(core->fleet, &image);
        }
    }
}

static bool has_outstanding(const struct job_record *record)
{
    for (uint16_t i = 0; i < record->step_count; i++) {
        if (step_is_outstanding(&record->steps[i])) {
            return true;
        }
    }
    return false;
}

static enum gw_err load_job(struct core *core, uint64_t id, bool is_newest)
{
    struct job_record *record;
    enum gw_err err = store_load_job(core->store, id, &record);

    if (err) {
        return err;
    }
    learn_hashes(core, record);
    if (!job_is_open(&record->job) && !(is_newest && has_outstanding(record))) {
        job_record_free(record);
        return GW_OK;
    }
    log_notice(core->log, "job %llu: goes on after the restart", (unsigned long long)id);
    err = core_attach_job(core, record);
    if (err) {
        job_record_free(record);
        return err;
    }
    engine_load(env_uv_engine(core->env), record);
    return GW_OK;
}

static enum gw_err load_jobs(struct core *core, struct gw_error *error)
{
    uint64_t ids[STORE_JOBS_MAX];
    size_t n = 0;
    enum gw_err err = store_job_ids(core->store, ids, STORE_JOBS_MAX, &n);

    for (size_t i = n; !err && i-- > 0;) {
        err = load_job(core, ids[i], i == 0);
    }
    return err ? gw_fail(error, err, "jobs") : GW_OK;
}

/* ---- life ---- */

enum gw_err core_open(struct core *core, struct gw_error *error)
{
    enum gw_err err = open_storage(core, error);

    core->started_ms = uv_hrtime() / 1000000;
    if (!err) {
        err = open_bytes(core, error);
    }
    if (!err) {
        err = open_devices(core, error);
    }
    if (!err) {
        err = load_jobs(core, error);
    }
    if (!err) {
        err = control_open(&core->control, core, error);
    }
    if (!err) {
        err = fleet_start(core->fleet, error);
    }
    if (err) {
        core_close(core);
        return err;
    }
    env_uv_turn(core->env);
    return GW_OK;
}

static void on_idle(void *ctx)
{
    struct core *core = ctx;

    core->ended(core, GW_OK);
}

void core_stop(struct core *core)
{
    if (!core->is_stopping) {
        core->is_stopping = true;
        env_uv_stop(core->env, on_idle, core);
    }
}

void core_close(struct core *core)
{
    control_close(core->control);
    core->control = NULL;
    env_uv_close(core->env);
    core->env = NULL;
    fleet_close(core->fleet);
    core->fleet = NULL;
    images_close(core->images);
    core->images = NULL;
    fetcher_close(core->fetcher);
    core->fetcher = NULL;
    cache_close(core->cache);
    core->cache = NULL;
    store_close(core->store);
    core->store = NULL;
    trust_free(&core->trust);
}
