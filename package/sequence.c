#include "sequence.h"

#include <string.h>

enum gw_err sequence_check(const struct sequence_state *state, uint64_t sequence,
                           const uint8_t identity[32], bool allow_leap)
{
    uint64_t highest = state->floor;

    if (sequence < state->floor) {
        return GW_PACKAGE_SEQUENCE;
    }
    for (size_t i = 0; i < state->known_count; i++) {
        const struct sequence_known *known = &state->known[i];

        if (known->sequence == sequence && memcmp(known->identity, identity, 32) != 0) {
            return GW_PACKAGE_EQUIVOCATION;
        }
        if (known->sequence > highest) {
            highest = known->sequence;
        }
    }
    /* On a new gateway nothing is stored yet, and any first number is as good as another. */
    if (highest > 0 && !allow_leap && sequence > highest &&
        sequence - highest > SEQUENCE_LEAP_MAX) {
        return GW_SEQUENCE_LEAP;
    }
    return GW_OK;
}

bool sequence_is_known(const struct sequence_state *state, const uint8_t identity[32])
{
    for (size_t i = 0; i < state->known_count; i++) {
        if (memcmp(state->known[i].identity, identity, 32) == 0) {
            return true;
        }
    }
    return false;
}
