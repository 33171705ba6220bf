#include "inner.h"

static const struct job *find(const struct engine *e, uint64_t id)
{
    if (e->current && e->current->record->job.id == id) {
        return e->current;
    }
    return e->waiting && e->waiting->record->job.id == id ? e->waiting : NULL;
}

const struct job_record *engine_job(const struct engine *e, uint64_t id)
{
    const struct job *job = find(e, id);

    return job ? job->record : NULL;
}

struct step_view engine_step_view(const struct engine *e, uint64_t id, uint16_t index)
{
    const struct job *job = find(e, id);
    struct step_view view = { .state = "invalid" };

    if (!job || index >= job->record->step_count) {
        return view;
    }
    const struct step_row *row = &job->record->steps[index];
    const struct live_step *live = &job->steps[index];
    const struct component_row *component = &job->record->components[row->component];
    bool is_away = step_is_outstanding(row) || (live->is_away && !step_has_ended(row));

    view.state = is_away ? "away" : step_state_word(row->state);
    view.done = row->done;
    view.total = component->size;
    view.done = view.done < view.total ? view.done : view.total;
    view.rate = live->rate;
    view.eta_s = live->rate ? (view.total - view.done) / live->rate : 0;
    view.error = row->error.err ? &row->error : &live->trouble;
    return view;
}

void engine_download_view(const struct engine *e, uint64_t id, uint64_t *done, uint64_t *total)
{
    const struct job *job = find(e, id);

    *done = *total = 0;
    for (uint16_t c = 0; job && c < job->record->component_count; c++) {
        *done += job->images[c].done;
        *total += job->images[c].total;
    }
}
