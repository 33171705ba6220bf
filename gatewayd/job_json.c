#include "job_json.h"

#include <string.h>

#include "error_json.h"
#include "json.h"

/* What a job that the engine does not hold looks like: as it was stored. */
static struct step_view view_of(const struct job_record *record, const struct engine *engine,
                                uint16_t index)
{
    const struct step_row *row = &record->steps[index];
    struct step_view view = {
        .state = step_is_outstanding(row) ? "away" : step_state_word(row->state),
        .done = row->done,
        .total = record->components[row->component].size,
        .error = &row->error,
    };

    if (engine && engine_job(engine, record->job.id) == record) {
        view = engine_step_view(engine, record->job.id, index);
    }
    return view;
}

static struct json *step_to_json(const struct job_record *record, const struct engine *engine,
                                 uint16_t index)
{
    const struct step_row *row = &record->steps[index];
    const struct component_row *component = &record->components[row->component];
    const char *group = record->groups[row->group].name;
    struct step_view view = view_of(record, engine, index);
    struct json *json = json_new_object();

    json_set_string(json, "device", row->device);
    json_set_string(json, "bus", row->bus);
    json_set_string(json, "component", component->name);
    json_set_string(json, "group", group[0] ? group : NULL);
    json_set_string(json, "state", view.state);
    json_set_string(json, "from_version", row->from_version[0] ? row->from_version : NULL);
    json_set_string(json, "to_version", component->version);
    json_set_integer(json, "to_sequence", component->sequence);
    json_set_string(json, "mode",
                    component->mode == JOB_MODE_AUTO ? NULL : job_mode_word(component->mode));
    json_set_string(json, "verified_by", row->verified_by);
    json_set_integer(json, "done", (int64_t)view.done);
    json_set_integer(json, "total", (int64_t)view.total);
    if (view.rate) {
        json_set_integer(json, "rate", (int64_t)view.rate);
        json_set_integer(json, "eta_s", (int64_t)view.eta_s);
    }
    json_set_integer(json, "attempts", row->attempts);
    if (row->resumed_at) {
        json_set_integer(json, "resumed_at", (int64_t)row->resumed_at);
    }
    if (view.error && view.error->err) {
        (void)json_set(json, "error", error_to_json(view.error));
    }
    return json;
}

struct json *job_to_json(const struct job_record *record, const struct engine *engine)
{
    const struct job_row *job = &record->job;
    struct json *json = json_new_object(), *steps = json_new_array();
    uint64_t done = 0, total = 0;

    if (engine) {
        engine_download_view(engine, job->id, &done, &total);
    }
    json_set_integer(json, "id", (int64_t)job->id);
    json_set_string(json, "state", job_state_word(job->state));
    json_set_string(json, "system", job->system);
    json_set_string(json, "release", job->release);
    json_set_integer(json, "sequence", (int64_t)job->sequence);
    json_set_string(json, "source", job->source);
    json_set_string(json, "mode", job_mode_word(job->mode));
    json_set_integer(json, "created", job->created_s);
    if (job->finished_s) {
        json_set_integer(json, "finished", job->finished_s);
    }
    for (uint16_t i = 0; i < record->step_count; i++) {
        (void)json_append(steps, step_to_json(record, engine, i));
    }
    (void)json_set(json, "steps", steps);
    json_set_integer(json, "download_done", (int64_t)done);
    json_set_integer(json, "download_total", (int64_t)total);
    if (job->error.err) {
        (void)json_set(json, "error", error_to_json(&job->error));
    }
    return json;
}

/* FNV-1a */
static uint64_t mix(uint64_t hash, const void *bytes, size_t len)
{
    const uint8_t *at = bytes;

    for (size_t i = 0; i < len; i++) {
        hash = (hash ^ at[i]) * 0x100000001b3ULL;
    }
    return hash;
}

uint64_t job_print_of(const struct job_record *record, const struct engine *engine)
{
    uint64_t hash = 0xcbf29ce484222325ULL;

    hash = mix(hash, &record->job.state, sizeof record->job.state);
    hash = mix(hash, &record->job.error.err, sizeof record->job.error.err);
    for (uint16_t i = 0; i < record->step_count; i++) {
        struct step_view view = view_of(record, engine, i);
        enum gw_err err = view.error ? view.error->err : GW_OK;

        hash = mix(hash, view.state, strlen(view.state));
        hash = mix(hash, &err, sizeof err);
        hash = mix(hash, &record->steps[i].attempts, sizeof record->steps[i].attempts);
    }
    return hash;
}
