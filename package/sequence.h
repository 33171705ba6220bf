/* Anti-rollback: which sequence numbers are still acceptable (docs/SPEC 2).
 *
 * One rule for both places: system packages on a gateway, and images of one component on one
 * device. A floor rises only when something is confirmed, and only to the floor that was signed.
 */
#ifndef PACKAGE_SEQUENCE_H
#define PACKAGE_SEQUENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"

#define SEQUENCE_LEAP_MAX (1ULL << 20)

/* An object that was accepted before. */
struct sequence_known {
    uint64_t sequence;
    uint8_t identity[32];
};

struct sequence_state {
    uint64_t floor; /* lowest acceptable; 0 = none */
    const struct sequence_known *known;
    size_t known_count;
};

/* May this object follow? GW_OK, GW_PACKAGE_SEQUENCE (below the floor), GW_PACKAGE_EQUIVOCATION
 * (the number is known with another identity), GW_SEQUENCE_LEAP (more than SEQUENCE_LEAP_MAX over
 * the highest known one, and not `allow_leap`). */
MUST_USE enum gw_err sequence_check(const struct sequence_state *state, uint64_t sequence,
                                    const uint8_t identity[32], bool allow_leap);

/* Was exactly this object accepted before? */
bool sequence_is_known(const struct sequence_state *state, const uint8_t identity[32]);

#endif
