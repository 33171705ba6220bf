/* SMP server: the device's side of docs/SPEC 5, over any pair of byte streams.
 *
 * The platform owns the UART: it gives received bytes to smp_server_receive(), sends what
 * smp_server_take() returns, and calls smp_server_step() when no received bytes are left. One
 * request is handled at a time, to its end: while its answer waits, received bytes stay with the
 * platform (params promises it buf_count buffers of buf_size). Answers go out in the framing of
 * their request. The same server runs in the application and in a bootloader that found nothing to
 * run. No heap, no globals.
 */
#ifndef SUBDEVICE_SMP_SERVER_H
#define SUBDEVICE_SMP_SERVER_H

#include "smp_frame.h"
#include "smp_gateway.h"
#include "smp_standard.h"
#include "trial.h"
#include "updater.h"

enum { SMP_SERVER_ANSWER_MIN = 1024 }; /* bytes of the answer buffer: identify with two slots */

struct smp_server_config {
    struct updater *updater;
    struct trial *trial; /* same log as the updater's */
    const struct device_identity *identity;
    struct smp_params params; /* buf_size: also the longest request; buf_count: 1 + those that the
                                 platform can hold back */
    uint32_t verify_ms;       /* second round of a full slot, as the maker measured it */
    uint32_t activate_ms;     /* reset to self-test passed */
    uint32_t trial_ms;        /* how long a trial lasts */
    uint32_t boots;           /* since manufacture, where the device counts them; else 0 */
    uint8_t *request;         /* params.buf_size bytes */
    uint8_t *answer;
    size_t answer_cap; /* >= SMP_SERVER_ANSWER_MIN */
};

struct smp_server {
    struct smp_server_config config;
    struct smp_receiver receiver;
    uint64_t heard_ms; /* when bytes came last */
    bool wants_reset;  /* once the answer is out */
    uint32_t requests; /* handled since the start */

    /* the upload's token; has_token false = none given */
    bool has_token;
    uint8_t token[SMP_DIGEST_LEN];

    /* the answer on its way out */
    size_t answer_len, answer_at;       /* raw framing */
    struct smp_console_encoder encoder; /* console framing */
    uint8_t line[SMP_LINE_MAX];
    size_t line_len, line_at;
};

void smp_server_init(struct smp_server *s, const struct smp_server_config *config);

/* Take received bytes; returns how many were used. Fewer than `len`: an answer waits to be taken.
 */
size_t smp_server_receive(struct smp_server *s, const uint8_t *bytes, size_t len);

/* The next bytes to send, at most `cap`; 0 = nothing waits. */
size_t smp_server_take(struct smp_server *s, uint8_t *out, size_t cap);

/* Time passed: drops a fragment after silence, resets after the last answer went out, when asked
 * to, or when a trial's time is over. Returns the milliseconds until it must be called again at the
 * latest, UINT32_MAX = not before bytes come. */
uint32_t smp_server_step(struct smp_server *s);

#endif
