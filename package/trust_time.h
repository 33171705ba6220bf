/* The time that trust decisions are made at (docs/SPEC 4): never before the floor.
 *
 * A gateway without a network has no time; one with a wrong clock must neither accept what expired
 * nor be locked out for ever. The floor only rises, by what trusted signers say. Pure functions.
 */
#ifndef PACKAGE_TRUST_TIME_H
#define PACKAGE_TRUST_TIME_H

#include "signed.h"

/* All in seconds since 1970. */
struct trust_time {
    int64_t system_s;     /* the system's clock */
    int64_t floor_s;      /* stored; 0 = none */
    int64_t horizon_s;    /* build date or last synchronised time, whichever is later */
    bool is_synchronised; /* the kernel says that the clock is kept by NTP or PTP */
};

/* max(system clock, floor). */
int64_t trust_now(const struct trust_time *time);

/* The clock for verify_trust. */
struct verify_clock trust_clock(const struct trust_time *time);

/* The floor after an accepted object of role package or timestamp (or a CRL of their CAs) that says
 * `evidence_s`. Never lower than before; never beyond the clock + 24 h when it is synchronised, nor
 * beyond horizon + 5 years when it is not. */
int64_t trust_raised_floor(const struct trust_time *time, int64_t evidence_s);

#endif
