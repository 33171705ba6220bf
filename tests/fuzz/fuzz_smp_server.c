/* Any bytes into a device's SMP server, at any pace: no bad access, no flash rule broken, nothing
 * unverified in flash, and the device still boots an image that verified.
 *
 * Input: pieces of {u8 silence before it, in 10 ms; u8 length; bytes}. A piece of length 0 is a
 * restart. The device is one whose images the seeds are signed for. */
#include <stdlib.h>
#include <string.h>

#include "smp_bench.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static struct smp_bench *shared_bench(struct rig_state *factory)
{
    static struct smp_bench bench;
    static struct rig_state state;

    if (!state.flash) {
        smp_bench_open(&bench, SMP_FRAMING_RAW);
        rig_save(&bench.rig, &state);
    }
    *factory = state;
    return &bench;
}

static void restart(struct smp_bench *b)
{
    b->rig.confirmed_sequence = UINT32_MAX; /* the input may confirm what it has sent */
    smp_bench_boot(b);
    if (b->rig.verdict == BOOT_NOTHING || rig_broken(&b->rig) != 0) {
        abort();
    }
    if (b->rig.trial.is_on) {
        (void)trial_report_test(&b->rig.trial, TRIAL_TEST_PASSED);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct rig_state factory;
    struct smp_bench *b = shared_bench(&factory);

    rig_restore(&b->rig, &factory);
    b->now_ms = 1000;
    restart(b);
    for (size_t at = 0; at + 2 <= len;) {
        size_t n = bytes[at + 1] < len - at - 2 ? bytes[at + 1] : len - at - 2;

        smp_bench_wait(b, bytes[at] * 10u);
        smp_bench_push(b, bytes + at + 2, n);
        if (bytes[at + 1] == 0 || b->rig.port.wants_reset) {
            restart(b);
        }
        at += 2 + n;
    }
    restart(b);
    return 0;
}
