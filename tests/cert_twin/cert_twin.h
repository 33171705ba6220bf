/* The safety net under our certificate parser: mbedTLS's X.509 parser as a second opinion.
 *
 * Ours is the stricter one, so whatever it accepts mbedTLS must accept too, and must read the same
 * out of it. Host only; product code never parses certificates with mbedTLS.
 */
#ifndef CERT_TWIN_H
#define CERT_TWIN_H

#include "span.h"

enum cert_twin {
    TWIN_REFUSED,        /* ours refuses it: nothing to compare */
    TWIN_SAME,           /* both accept it and read the same */
    TWIN_NOT_COMPARABLE, /* mbedTLS refuses what ours leaves alone by design: a public key off the
                            curve (ours checks it at use), or the inside of an extension that is
                            not critical and means nothing to us */
    TWIN_DIFFERENT,      /* a defect */
};

enum cert_twin cert_twin_compare(struct span der);

#endif
