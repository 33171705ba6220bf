/* Outcome: how one device fared in one call of a router, as the router reports it and the engine
 * reads it (io.gatewayd.Router type Result).
 */
#ifndef BASE_OUTCOME_H
#define BASE_OUTCOME_H

#include <stdint.h>

#include "err.h"

/* How one device fared in Stage, Activate, Confirm, Revert, Withdraw or Trust. */
enum outcome {
    OUTCOME_DONE = 1, /* staged, active, confirmed, reverted, ... as the method promises */
    OUTCOME_FAILED,   /* final: `err` and `detail` say why */
    OUTCOME_AWAY,     /* does not answer: the core parks the step */
    OUTCOME_DEFERRED, /* no spare slot: the bytes flow in Activate */
    OUTCOME_OFFERED,  /* a sleepy device: offered until Withdraw */
};

struct device_result {
    const char *device; /* name */
    enum outcome outcome;
    struct gw_error error; /* outcome FAILED or AWAY */
    uint16_t reason;       /* verify_result that the device gave; 0 = none */
    uint64_t bytes_sent;   /* on the wire, repetitions included */
    uint64_t resumed_at;   /* stream offset where the device let us begin; 0 = from the start */
    uint32_t verify_ms;    /* second round, where it was seen */
};

#endif
