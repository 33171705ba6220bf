/* The engine calls a step staged as soon as its image is ready. */
#include "step_state.h"

enum step_state __real_step_next(enum step_state state, enum step_event event);
enum step_state __wrap_step_next(enum step_state state, enum step_event event);

enum step_state __wrap_step_next(enum step_state state, enum step_event event)
{
    enum step_state next = __real_step_next(state, event);

    return next == STEP_STAGING ? STEP_STAGED : next;
}
