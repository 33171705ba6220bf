/* UART goodput in virtual time: bench_uart uart.raw | uart.console | uart.raw.noise
 *
 * Goodput = .gwi bytes / time from the first upload request to the last block's acknowledgement.
 * The line is 115200 8N1 with 1 ms latency each way; the device has 4 buffers of 2048 bytes. One
 * JSON line on stdout; exit status 1 below the limit.
 */
#include <stdio.h>
#include <string.h>

#include "firmware_box.h"

enum { LINE_RATE = 11520, PERCENT = 100, SEEDS = 4, DAMAGED_PER_MESSAGES = 100 };

/* One flipped bit, anywhere in the message, in one message of each 100 of either direction. */
struct noise {
    struct fake_fault base;
    uint64_t random;
    unsigned messages, damaged;
    unsigned next; /* the one that is damaged, of the 100 that are passing */
};

static uint64_t next_random(uint64_t *state) /* xorshift64* */
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * 0x2545f4914f6cdd1du >> 16;
}

static enum fake_fate flip(struct fake_fault *f, enum fake_from from, uint8_t *bytes, size_t len)
{
    struct noise *n = (struct noise *)f;

    (void)from;
    if (n->messages % DAMAGED_PER_MESSAGES == 0) {
        n->next = n->messages + (unsigned)(next_random(&n->random) % DAMAGED_PER_MESSAGES);
    }
    if (n->messages++ == n->next) {
        uint64_t bit = next_random(&n->random) % (len * 8);

        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        n->damaged++;
    }
    return FAKE_PASS;
}

/* Bytes a second; 0 = the image did not arrive. Opens and closes the box. */
static double goodput(struct firmware_box *b, uint32_t image_len, enum smp_framing framing,
                      struct fake_fault *fault)
{
    const struct sim_bench_config config = { .image_len = image_len,
                                             .slot_size = image_len + (64 << 10) };
    struct uart_rig *rig = &b->rig;

    firmware_box_open(b, &config, framing, fault);
    bool ok = uart_rig_identify(rig) == GW_OK && rig->infos == 1 &&
              uart_rig_do(rig, uart_router_ops.stage) == GW_OK &&
              rig->result.outcome == OUTCOME_DONE &&
              sim_bench_counters(&b->bench).bytes_flashed >= image_len &&
              sim_bench_counters(&b->bench).overruns == 0 && sim_bench_is_sound(&b->bench);
    double ms = (double)(rig->last_progress_ms - rig->first_read_ms);
    double bytes = (double)rig->image.size;

    if (!ok) {
        fprintf(stderr, "bench_uart: GW%d %s\n", rig->result.error.err, rig->result.error.detail);
    }
    firmware_box_close(b);
    return ok ? bytes * 1000 / ms : 0;
}

static int print(const char *name, double value, double limit, const char *note)
{
    printf("{\"bench\": \"%s\", \"value\": %.0f, \"unit\": \"B/s\", \"limit\": %.0f, "
           "\"ratio\": %.3f, \"note\": \"%s\"}\n",
           name, value, limit, value / limit, note);
    return value >= limit ? 0 : 1;
}

static int bench_framing(const char *name, enum smp_framing framing, double limit)
{
    enum { IMAGE = 256 << 10 };
    static struct firmware_box box;
    char note[160];
    double value = goodput(&box, IMAGE, framing, NULL);

    (void)snprintf(note, sizeof note,
                   "256 KiB image, 115200 8N1, our firmware, virtual time; payload %.0f B/s",
                   value * IMAGE / (double)box.rig.image.size);
    return print(name, value, limit, note);
}

static int bench_noise(const char *name, double limit)
{
    static struct firmware_box box;
    double worst = 0;
    char note[200];
    unsigned messages = 0, damaged = 0;

    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct noise noise = { .base = { flip }, .random = seed * 0x9e3779b97f4a7c15u };
        double value = goodput(&box, 1 << 20, SMP_FRAMING_RAW, &noise.base);

        fprintf(stderr, "%s: seed %u: %.0f B/s, %u of %u messages damaged\n", name, (unsigned)seed,
                value, noise.damaged, noise.messages);
        worst = seed == 1 || value < worst ? value : worst;
        messages += noise.messages;
        damaged += noise.damaged;
    }
    (void)snprintf(note, sizeof note,
                   "worst of 4 seeds over 1 MiB, one bit in %u of %u messages, virtual time",
                   damaged, messages);
    return print(name, worst, limit, note);
}

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "";
    /* console: 2044-byte messages are 2788 bytes on the line, 2016 of them image */
    double console = (double)LINE_RATE * 2016 / 2788;

    if (strcmp(name, "uart.raw") == 0) {
        return bench_framing(name, SMP_FRAMING_RAW, LINE_RATE * 95.0 / PERCENT);
    }
    if (strcmp(name, "uart.console") == 0) {
        return bench_framing(name, SMP_FRAMING_CONSOLE, console * 95 / PERCENT);
    }
    if (strcmp(name, "uart.raw.noise") == 0) {
        return bench_noise(name, LINE_RATE * 80.0 / PERCENT);
    }
    fprintf(stderr, "usage: bench_uart uart.raw | uart.console | uart.raw.noise\n");
    return 2;
}
