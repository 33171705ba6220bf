/* The engine takes a staged step for one that has succeeded. */
#include "job_record.h"

bool __real_step_has_succeeded(const struct step_row *step);
bool __wrap_step_has_succeeded(const struct step_row *step);

bool __wrap_step_has_succeeded(const struct step_row *step)
{
    return step->state == STEP_STAGED || __real_step_has_succeeded(step);
}
