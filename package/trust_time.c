#include "trust_time.h"

enum { DAY_S = 86400 };

#define FIVE_YEARS_S (5LL * 365 * DAY_S + DAY_S)

int64_t trust_now(const struct trust_time *time)
{
    return time->system_s > time->floor_s ? time->system_s : time->floor_s;
}

struct verify_clock trust_clock(const struct trust_time *time)
{
    int64_t now_s = trust_now(time);

    /* 0 would mean "no clock" to the verifier, and a gateway always has one. */
    return (struct verify_clock){ .now_s = now_s > 0 ? now_s : 1,
                                  .is_synchronised = time->is_synchronised };
}

int64_t trust_raised_floor(const struct trust_time *time, int64_t evidence_s)
{
    int64_t limit_s = time->is_synchronised ? time->system_s + DAY_S
                                            : time->horizon_s + FIVE_YEARS_S;
    int64_t raised_s = evidence_s < limit_s ? evidence_s : limit_s;

    return raised_s > time->floor_s ? raised_s : time->floor_s;
}
