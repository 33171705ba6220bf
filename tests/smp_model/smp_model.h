/* A small model of a device that speaks SMP, for tests of the router in virtual time.
 *
 * It knows the true stream and compares instead of verifying; it has no flash. What it does on the
 * wire is docs/SPEC 5. It can be ours or a foreign MCUboot device, and it can be bad on purpose.
 */
#ifndef TESTS_SMP_MODEL_H
#define TESTS_SMP_MODEL_H

#include "fake.h"
#include "smp_frame.h"
#include "smp_gateway.h"
#include "smp_standard.h"

enum { MODEL_BUFFERS_MAX = 8, MODEL_BUFFER_MAX = 70000 };

struct smp_model_config {
    bool is_own;
    enum smp_framing accepts;
    bool has_params, has_echo;
    uint32_t buf_size, buf_count;
    uint32_t service_us; /* to handle one request */
    uint32_t erase_ms;   /* before the first answer of an upload */
    uint32_t verify_ms;  /* before the last */
    uint32_t boot_ms;    /* silent after a reset */
    uint32_t self_test_ms;
    bool has_spare;
    uint32_t takes_at_most; /* bytes of one upload request, as MCUboot truncates; 0 = all */

    /* the true stream */
    const uint8_t *stream;
    uint32_t size, cms_size, block_size; /* own: cms | table | payload */
    uint8_t identity[32];                /* own: manifest; foreign: the hash in its state */
};

enum model_self_test { MODEL_PASSES = 0, MODEL_FAILS, MODEL_HANGS, MODEL_NEVER_STARTS };

struct smp_model {
    struct fake_device base;
    struct smp_model_config config;

    /* faults, set by the test */
    uint64_t reboot_at; /* resets itself when the stream first reaches this offset; 0 = never */
    bool is_silent;
    bool speaks_nonsense;
    bool babbles;            /* sends junk without end */
    uint32_t reset_delay_ms; /* after its answer; 0 = 20 */
    bool ignores_reset;
    enum model_self_test self_test;
    uint32_t refuse_rc;     /* every upload request is answered so; 0 = none */
    uint16_t refuse_reason; /* and with this reason */
    uint64_t lie_off;       /* every upload answer says this offset; 0 = the truth */

    /* what it has */
    uint64_t expected; /* stream offset; 0 = no upload */
    bool has_session;
    uint8_t token[32];
    uint32_t blocks;           /* payload blocks that survive a reset; foreign: bytes that do */
    enum smp_slot_state spare; /* the slot that does not run */
    bool runs_new, is_pending, is_trial;
    enum smp_self_test test;
    uint64_t test_at_ns;
    uint32_t boots;

    /* what happened */
    unsigned overruns; /* messages lost because all buffers were full */
    unsigned requests, resets, uploads_begun, own_group_requests;
    uint64_t wrong_bytes; /* accepted although they were not those of the stream */

    /* private */
    struct smp_receiver receiver;
    uint64_t babble_ns, heard_ns, busy_until_ns, reset_at_ns, up_at_ns;
    unsigned queued;
    struct model_message {
        enum smp_framing framing;
        size_t len;
        uint8_t bytes[MODEL_BUFFER_MAX];
    } queue[MODEL_BUFFERS_MAX];
    uint8_t receive[MODEL_BUFFER_MAX];
    uint8_t block[MODEL_BUFFER_MAX]; /* the unfinished part: CMS, table or block */
    size_t block_len;
};

/* NULL = no memory. Free with free(). */
struct smp_model *smp_model_new(const struct smp_model_config *config);

/* Power cut and on again. */
void smp_model_reboot(struct smp_model *m, uint64_t now_ns);

/* The stream is complete and its bytes were right. */
bool smp_model_is_staged(const struct smp_model *m);

#endif
