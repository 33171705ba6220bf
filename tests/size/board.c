#include "board.h"

enum { SEMIHOSTING_WRITE0 = 0x04, SEMIHOSTING_EXIT = 0x18, PAINT = 0xa5, STACK_MARGIN = 64 };

/* ARM semihosting, reasons for SYS_EXIT: ADP_Stopped_ApplicationExit, ADP_Stopped_RunTimeError. */
static const uintptr_t EXIT_GOOD = 0x20026, EXIT_BAD = 0x20023;

/* From board.ld. */
extern uint32_t board_data_from[], board_data[], board_data_end[], board_bss[], board_bss_end[],
    board_stack_top[];

void board_reset(void);

static void semihosting(uintptr_t operation, uintptr_t argument)
{
    register uintptr_t r0 __asm__("r0") = operation;
    register uintptr_t r1 __asm__("r1") = argument;

    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
}

static void fault(void)
{
    semihosting(SEMIHOSTING_EXIT, EXIT_BAD);
}

/* ARMv7-M vector table: stack, reset, NMI, HardFault. */
__attribute__((section(".vectors"), used)) static const struct {
    uint32_t *stack;
    void (*handlers[3])(void);
} vectors = { board_stack_top, { board_reset, fault, fault } };

void board_say(const char *name, size_t value)
{
    char digits[12] = "";
    char *at = digits + sizeof digits - 1;

    do {
        *--at = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    semihosting(SEMIHOSTING_WRITE0, (uintptr_t)name);
    semihosting(SEMIHOSTING_WRITE0, (uintptr_t) " ");
    semihosting(SEMIHOSTING_WRITE0, (uintptr_t)at);
    semihosting(SEMIHOSTING_WRITE0, (uintptr_t) "\n");
}

/* How deep the stack went: it grows down over the paint between the end of .bss and itself. */
static void say_stack(const uint8_t *floor)
{
    size_t untouched = 0;

    while (floor[untouched] == PAINT) {
        untouched++;
    }
    board_say("stack", (size_t)((const uint8_t *)board_stack_top - floor) - untouched);
}

void board_reset(void)
{
    uint8_t *floor = (uint8_t *)board_bss_end;

    for (uint32_t *to = board_data, *from = board_data_from; to < board_data_end;) {
        *to++ = *from++;
    }
    for (uint32_t *to = board_bss; to < board_bss_end;) {
        *to++ = 0;
    }
    for (uint8_t *at = floor; at < (uint8_t *)__builtin_frame_address(0) - STACK_MARGIN;) {
        *at++ = PAINT;
    }
    bool is_good = board_main();

    say_stack(floor);
    semihosting(SEMIHOSTING_EXIT, is_good ? EXIT_GOOD : EXIT_BAD);
    for (;;) {
    }
}
