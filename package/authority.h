/* Authority: who decides whether a signed object is to be believed.
 *
 * The package reader asks it and decides nothing itself. trust.h has the one that gateways use;
 * tests and `gatewaypkg info` have their own.
 */
#ifndef PACKAGE_AUTHORITY_H
#define PACKAGE_AUTHORITY_H

#include "err.h"
#include "signed.h"

struct authority {
    const struct authority_ops {
        /* Authenticate a system manifest. With `at_signing_time` the end of certificates is judged
         * at the time of signing: only for what this gateway accepted before. GW_OK, GW_NO_ANCHOR,
         * or GW2200 + verify_result; then *out is zeroed and *error has the facts. */
        enum gw_err (*open_package)(const struct authority *a, struct signed_object *out,
                                    struct span cms, bool at_signing_time, struct gw_error *error);

        /* Authenticate an image manifest of `vendor`, named by a package that was accepted. */
        enum gw_err (*open_image)(const struct authority *a, struct signed_object *out,
                                  struct span cms, const char *vendor, struct gw_error *error);

        /* Is this anchor one of a trial PKI? */
        bool (*is_trial)(const struct authority *a, const struct cert *anchor);
    } * ops;
};

#endif
