/* A loop for tests: runs until something is true, or says that it never was. */
#ifndef TESTS_UV_FIXTURE_H
#define TESTS_UV_FIXTURE_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include <uv.h>

enum { UV_FIXTURE_LIMIT_MS = 20000 };

static inline void uv_fixture_limit(uv_timer_t *timer)
{
    *(bool *)timer->data = true;
}

static inline void uv_fixture_closed(uv_handle_t *handle)
{
    free(handle);
}

/* Run the loop until *done, or for UV_FIXTURE_LIMIT_MS. Returns *done. */
static inline bool run_until(uv_loop_t *loop, const bool *done)
{
    uv_timer_t *timer = malloc(sizeof *timer);
    bool is_over = false;

    if (!timer || uv_timer_init(loop, timer)) {
        abort();
    }
    timer->data = &is_over;
    (void)uv_timer_start(timer, uv_fixture_limit, UV_FIXTURE_LIMIT_MS, 0);
    while (!*done && !is_over) {
        (void)uv_run(loop, UV_RUN_ONCE);
    }
    uv_close((uv_handle_t *)timer, uv_fixture_closed);
    if (!*done) {
        (void)fprintf(stderr, "waited %d ms in vain\n", UV_FIXTURE_LIMIT_MS);
    }
    return *done;
}

/* Turns of the loop that do not wait. */
static inline void run_turns(uv_loop_t *loop, int turns)
{
    while (turns-- > 0) {
        (void)uv_run(loop, UV_RUN_NOWAIT);
    }
}

/* Close: everything on the loop must have been closed before. False: it was not. */
static inline bool close_loop(uv_loop_t *loop)
{
    run_turns(loop, 4);
    return uv_loop_close(loop) == 0;
}

#endif
