/* Every body decoder on the same bytes, and cbor_skip() on each suffix: no read outside, and what
 * was decoded lies inside the body. */
#include <stdlib.h>

#include "smp_gateway.h"
#include "smp_standard.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void inside(struct cbor_string s, const uint8_t *bytes, size_t len)
{
    if (s.len > 0 && (s.at < bytes || s.len > len || s.at > bytes + len - s.len)) {
        abort();
    }
}

static void standard(const uint8_t *bytes, size_t len)
{
    struct smp_image_state images[4];
    struct smp_state_write write;
    struct smp_upload upload;
    struct smp_params params;
    struct smp_status status;
    struct cbor_string s;
    uint64_t off;
    size_t count;

    (void)smp_get_status(&status, bytes, len);
    (void)smp_get_params(&params, bytes, len);
    (void)smp_get_upload_answer(&off, bytes, len);
    if (smp_get_echo_request(&s, bytes, len) || smp_get_echo_answer(&s, bytes, len)) {
        inside(s, bytes, len);
    }
    if (smp_get_upload(&upload, bytes, len)) {
        inside(upload.sha, bytes, len);
        inside(upload.data, bytes, len);
    }
    if (smp_get_state_write(&write, bytes, len)) {
        inside(write.hash, bytes, len);
    }
    if (smp_get_state_answer(images, 4, &count, bytes, len)) {
        for (size_t i = 0; i < count; i++) {
            inside(images[i].hash, bytes, len);
            inside(images[i].version, bytes, len);
        }
    }
}

static void gateway(const uint8_t *bytes, size_t len)
{
    struct smp_slot slots[4];
    struct smp_floor floors[4];
    struct smp_device_facts f = { .slots = slots, .slot_cap = 4, .floors = floors, .floor_cap = 4 };
    struct smp_log_entry entries[4];
    struct smp_activate activate;
    const uint8_t *nonce;
    uint32_t number;
    size_t count;

    if (smp_get_identify_answer(&f, bytes, len)) {
        for (size_t i = 0; i < f.slot_count; i++) {
            inside((struct cbor_string){ slots[i].id, slots[i].id ? 32 : 0 }, bytes, len);
            inside(slots[i].version, bytes, len);
        }
    }
    (void)smp_get_report_answer(&f, bytes, len);
    (void)smp_get_report_request(&nonce, bytes, len);
    (void)smp_get_revert(&number, bytes, len);
    (void)smp_get_activate(&activate, bytes, len);
    (void)smp_get_log_request(&number, bytes, len);
    (void)smp_get_log_answer(&number, entries, 4, &count, bytes, len);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    standard(bytes, len);
    gateway(bytes, len);
    for (size_t at = 0; at < len && at < 64; at++) {
        struct cbor_reader r = cbor_reader_over(bytes + at, len - at);

        cbor_skip(&r);
    }
    return 0;
}
