#include "live_jobs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fleet.h"
#include "image_json.h"
#include "images.h"
#include "json.h"
#include "log.h"
#include "package.h"
#include "source.h"

/* One component of a live job. */
struct live_image {
    struct live_jobs *jobs;
    uint64_t job;
    uint16_t component;                /* index in the job's record */
    const struct package_image *image; /* NULL: the package cannot be opened */
    uint64_t handle;                   /* 0 = not prepared */
    bool is_ready;
    bool has_failed; /* and the engine does not know it yet */
    struct image_facts facts;
    struct gw_error error;
};

struct live_job {
    struct live_job *next;
    uint64_t id;
    struct package *package; /* NULL: see why */
    struct source *source;   /* may be NULL */
    struct gw_error why;
    struct live_image *images; /* one for each component of the record, made when first needed */
    uint16_t image_count;
};

static void release_image(struct live_image *image)
{
    if (image->handle) {
        images_release(image->jobs->images, image->handle);
    }
    image->handle = 0;
    image->is_ready = image->has_failed = false;
}

/* What a live job may still need stays in the cache, prepared or not. */
static void pin_images(struct images *images, const struct package *package, bool on)
{
    for (uint16_t i = 0; package && i < package->manifest.component_count; i++) {
        images_pin(images, package->manifest.components[i].identity, on);
    }
}

static void free_job(struct live_jobs *jobs, struct live_job *job)
{
    for (uint16_t i = 0; i < job->image_count; i++) {
        release_image(&job->images[i]);
    }
    pin_images(jobs->images, job->package, false);
    if (job->source) {
        job->source->ops->close(job->source);
    }
    package_free(job->package);
    free(job->images);
    free(job);
}

static struct live_job *find_job(const struct live_jobs *jobs, uint64_t id)
{
    struct live_job *job = jobs->first;

    while (job && job->id != id) {
        job = job->next;
    }
    return job;
}

/* The image of the package that has this identity. */
static const struct package_image *find_package_image(const struct package *package,
                                                      const uint8_t identity[SHA256_LEN])
{
    for (uint16_t i = 0; package && i < package->manifest.component_count; i++) {
        if (memcmp(package->manifest.components[i].identity, identity, SHA256_LEN) == 0) {
            return &package->images[i];
        }
    }
    return NULL;
}

static bool make_images(struct live_jobs *jobs, struct live_job *job,
                        const struct job_record *record)
{
    job->images = calloc(record->component_count + 1u, sizeof *job->images);
    if (!job->images) {
        return false;
    }
    job->image_count = record->component_count;
    for (uint16_t i = 0; i < job->image_count; i++) {
        job->images[i] = (struct live_image){
            .jobs = jobs,
            .job = job->id,
            .component = i,
            .image = find_package_image(job->package, record->components[i].identity),
        };
    }
    return true;
}

/* The live image of a component; NULL: the job is not attached, or no memory. */
static struct live_image *find_image(struct live_jobs *jobs, uint64_t id, uint16_t component)
{
    struct live_job *job = find_job(jobs, id);
    const struct job_record *record = engine_job(jobs->engine, id);

    if (!job || !record || component >= record->component_count ||
        (!job->images && !make_images(jobs, job, record))) {
        return NULL;
    }
    return &job->images[component];
}

/* Its hash on foreign devices has become known. */
static void learn(const struct live_image *image)
{
    const struct job_record *record = engine_job(image->jobs->engine, image->job);
    struct fleet_image learned = { 0 };

    if (record) {
        const struct component_row *row = &record->components[image->component];

        learned.sequence = row->sequence;
        memcpy(learned.state_hash, image->facts.state_hash, sizeof learned.state_hash);
        memcpy(learned.identity, row->identity, sizeof learned.identity);
        (void)snprintf(learned.version, sizeof learned.version, "%s", row->version);
        fleet_learn(image->jobs->fleet, &learned);
    }
}

static void on_ready(void *ctx, const struct image_facts *facts)
{
    struct live_image *image = ctx;
    struct engine_image told = {
        .is_streamed = facts->mode == MODE_STREAMED,
        .stream_size = facts->size,
        .has_state_hash = facts->has_state_hash,
    };

    image->facts = *facts;
    image->is_ready = true;
    if (facts->has_state_hash) {
        memcpy(told.state_hash, facts->state_hash, sizeof told.state_hash);
        learn(image);
    }
    engine_image_ready(image->jobs->engine, image->job, image->component, &told);
    image->jobs->turn(image->jobs->ctx);
}

static void fail(struct live_image *image, const struct gw_error *error)
{
    image->error = *error;
    image->is_ready = false;
    image->has_failed = true;
    image->jobs->turn(image->jobs->ctx);
}

static void on_failed(void *ctx, uint64_t handle, const struct gw_error *error)
{
    (void)handle;
    fail(ctx, error);
}

static void on_progress(void *ctx, uint64_t handle, uint64_t done, uint64_t total)
{
    struct live_image *image = ctx;

    (void)handle;
    engine_image_progress(image->jobs->engine, image->job, image->component, done, total);
    image->jobs->turn(image->jobs->ctx);
}

static enum config_mode mode_of(enum job_mode mode)
{
    return mode == JOB_MODE_CACHED     ? MODE_CACHED
           : mode == JOB_MODE_STREAMED ? MODE_STREAMED
                                       : MODE_AUTO;
}

void live_jobs_prepare(struct live_jobs *jobs, uint64_t id, uint16_t component)
{
    static const struct image_events events = {
        .ready = on_ready,
        .failed = on_failed,
        .progress = on_progress,
    };
    struct live_image *image = find_image(jobs, id, component);
    const struct live_job *job = find_job(jobs, id);

    if (!image) { /* no memory: as good as a power cut */
        log_error(jobs->log, "job %llu: no memory for its images", (unsigned long long)id);
        abort();
    }
    if (!image->image) {
        fail(image, &job->why);
        return;
    }
    const struct job_record *record = engine_job(jobs->engine, id);
    struct image_spec spec = {
        .cms = { image->image->cms, image->image->cms_len },
        .manifest = &image->image->manifest,
        .mode = mode_of(record->job.mode),
        .source = job->source,
        .offset = image->image->data_at,
    };

    memcpy(spec.identity, record->components[component].identity, sizeof spec.identity);
    image->handle = images_prepare(jobs->images, &spec, &events, image);
}

void live_jobs_release(struct live_jobs *jobs, uint64_t id, uint16_t component)
{
    struct live_image *image = find_image(jobs, id, component);

    if (image) {
        release_image(image);
    }
}

struct json *live_jobs_image_json(struct live_jobs *jobs, uint64_t id, uint16_t component)
{
    const struct job_record *record = engine_job(jobs->engine, id);
    const struct live_image *image = find_image(jobs, id, component);

    return image_to_json(&record->components[component], image ? image->image : NULL,
                         image && image->is_ready ? &image->facts : NULL);
}

enum gw_err live_jobs_attach(struct live_jobs *jobs, uint64_t id, struct package *package,
                             struct source *source, const struct gw_error *why)
{
    struct live_job *job = calloc(1, sizeof *job);

    if (!job) {
        package_free(package);
        if (source) {
            source->ops->close(source);
        }
        return GW_NO_MEMORY;
    }
    job->id = id;
    job->package = package;
    job->source = source;
    if (why) {
        job->why = *why;
    }
    job->next = jobs->first;
    jobs->first = job;
    pin_images(jobs->images, package, true);
    return GW_OK;
}

void live_jobs_tell_failures(struct live_jobs *jobs)
{
    for (struct live_job *job = jobs->first; job; job = job->next) {
        for (uint16_t i = 0; i < job->image_count; i++) {
            if (job->images[i].has_failed) {
                job->images[i].has_failed = false;
                engine_image_failed(jobs->engine, job->id, i, &job->images[i].error);
            }
        }
    }
}

void live_jobs_free_ended(struct live_jobs *jobs)
{
    struct live_job **at = &jobs->first;

    while (*at) {
        struct live_job *job = *at;
        const struct job_record *record = engine_job(jobs->engine, job->id);

        if (record && job_is_live(record)) {
            at = &job->next;
            continue;
        }
        *at = job->next;
        free_job(jobs, job);
    }
}

void live_jobs_close(struct live_jobs *jobs)
{
    while (jobs->first) {
        struct live_job *job = jobs->first;

        jobs->first = job->next;
        free_job(jobs, job);
    }
}
