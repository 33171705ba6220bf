/* Admit: what this gateway accepts at this moment, put together from configuration, anchors, clock
 * and store: the policy of package/intake.h, and of package/plan.h.
 */
#ifndef GATEWAYD_ADMIT_H
#define GATEWAYD_ADMIT_H

#include <stdbool.h>
#include <stdint.h>

#include "config.h"
#include "intake.h"
#include "plan.h"
#include "trust.h"
#include "trust_time.h"

struct cache;
struct store;

/* Does the kernel say that the clock is kept by NTP or PTP? adjtimex(2), STA_UNSYNC. */
bool admit_clock_is_synchronised(void);

struct admit {
    struct trust_time time;
    struct trust_authority authority;
    struct sequence_known *known; /* owned */
    struct intake_policy intake;
};

/* `config`, `trust` and `store` must outlive it. GW_OK; GW_STORE, GW_NO_MEMORY. */
MUST_USE enum gw_err admit_open(struct admit *out, const struct config *config,
                                const struct trust_store *trust, struct store *store);
void admit_close(struct admit *admit);

/* After a package signed at `evidence_s` was accepted: raise the stored time floor (docs/SPEC,
 * Time), and note a synchronised clock. GW_STORE. */
MUST_USE enum gw_err admit_note_time(const struct admit *admit, struct store *store,
                                     int64_t evidence_s);

/* What plan may count on from the cache (NULL: none); free *identities. */
void admit_plan_policy(struct plan_policy *out, struct cache *cache, enum config_mode mode,
                       uint8_t (**identities)[32]);

#endif
