/* The receiver in all three modes: pieces of any size give the same messages, each message has a
 * valid header of its length, and a frame that we encode comes back after any garbage and a drop.
 */
#include <stdlib.h>
#include <string.h>

#include "smp_frame.h"

enum { CAP = 300 };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static uint32_t feed(struct smp_receiver *r, const uint8_t *bytes, size_t len, size_t step)
{
    uint32_t sum = 0;

    for (size_t at = 0; at < len;) {
        size_t used, n = len - at < step ? len - at : step;
        bool is_message = smp_receive(r, bytes + at, n, &used);

        if (used == 0 || used > n) {
            abort();
        }
        at += used;
        if (is_message) {
            struct smp_header h;

            if (!smp_header_parse(&h, r->buf) || h.body_len + (size_t)SMP_HEADER_LEN != r->len) {
                abort();
            }
            sum = sum * 31 + smp_crc16((uint16_t)r->framing, r->buf, r->len) + 1;
        }
    }
    return sum;
}

static void round_trip(struct smp_receiver *r, enum smp_framing framing)
{
    static const uint8_t message[] = { 0x0b, 0, 0, 1, 0, 0, 7, 6, 0xa0 };
    uint8_t line[SMP_LINE_MAX];
    struct smp_console_encoder e;
    size_t n = sizeof message, used;

    smp_receiver_drop(r);
    smp_console_begin(&e, message, sizeof message);
    if (framing == SMP_FRAMING_RAW) {
        memcpy(line, message, sizeof message);
    } else {
        n = smp_console_next(&e, line);
    }
    if (!smp_receive(r, line, n, &used) || used != n ||
        memcmp(r->buf, message, sizeof message) != 0) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    for (enum smp_framing f = SMP_FRAMING_ANY; f <= SMP_FRAMING_RAW; f++) {
        uint8_t *buf = malloc(CAP);
        struct smp_receiver whole, pieces;

        smp_receiver_init(&whole, buf, CAP, f);
        uint32_t sum = feed(&whole, bytes, len, len + 1);

        round_trip(&whole, f);
        smp_receiver_init(&pieces, buf, CAP, f);
        if (feed(&pieces, bytes, len, 1) != sum) {
            abort();
        }
        free(buf);
    }
    return 0;
}
