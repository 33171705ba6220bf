/* Fiber: straight-line code that can be left in the middle and gone on with, on its own stack.
 *
 * A router's method is blocking code; in the simulation its waiting is fiber_yield(), and time
 * passes until somebody calls fiber_resume(). One fiber runs at a time; there are no threads.
 */
#ifndef TESTS_FIBER_H
#define TESTS_FIBER_H

#include <stdbool.h>

struct fiber;

/* Aborts without memory. */
struct fiber *fiber_new(void);
/* It has ended, or never began. */
void fiber_free(struct fiber *fiber);

/* Begin `run(ctx)`; it runs at the next resume. */
void fiber_start(struct fiber *fiber, void (*run)(void *ctx), void *ctx);
/* Run it until it yields or ends. */
void fiber_resume(struct fiber *fiber);
/* Called inside: back to who resumed it. */
void fiber_yield(struct fiber *fiber);
/* It was started and has not ended. */
bool fiber_is_alive(const struct fiber *fiber);

#endif
