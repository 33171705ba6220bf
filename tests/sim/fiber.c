#include "fiber.h"

#include <stdint.h>
#include <stdlib.h>
#include <ucontext.h>

enum { STACK_BYTES = 256 * 1024 };

struct fiber {
    ucontext_t here, there; /* the fiber; who resumed it */
    void (*run)(void *ctx);
    void *ctx;
    bool is_alive;
    char *stack;
};

struct fiber *fiber_new(void)
{
    struct fiber *f = calloc(1, sizeof *f);

    if (f) {
        f->stack = malloc(STACK_BYTES);
    }
    if (!f || !f->stack) {
        abort();
    }
    return f;
}

void fiber_free(struct fiber *f)
{
    if (f->is_alive) {
        abort();
    }
    free(f->stack);
    free(f);
}

/* makecontext() passes ints. */
static void enter(unsigned high, unsigned low)
{
    struct fiber *f = (struct fiber *)((uintptr_t)high << 32 | low);

    f->run(f->ctx);
    f->is_alive = false;
}

void fiber_start(struct fiber *f, void (*run)(void *ctx), void *ctx)
{
    uintptr_t self = (uintptr_t)f;

    if (getcontext(&f->here) != 0) {
        abort();
    }
    f->run = run;
    f->ctx = ctx;
    f->is_alive = true;
    f->here.uc_stack.ss_sp = f->stack;
    f->here.uc_stack.ss_size = STACK_BYTES;
    f->here.uc_link = &f->there;
    makecontext(&f->here, (void (*)(void))enter, 2, (unsigned)(self >> 32),
                (unsigned)(self & 0xffffffffu));
}

void fiber_resume(struct fiber *f)
{
    if (swapcontext(&f->there, &f->here) != 0) {
        abort();
    }
}

void fiber_yield(struct fiber *f)
{
    if (swapcontext(&f->here, &f->there) != 0) {
        abort();
    }
}

bool fiber_is_alive(const struct fiber *f)
{
    return f->is_alive;
}
