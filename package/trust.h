/* Trust store: the anchors of this gateway, by role and vendor.
 *
 *     trust.d/package/NAME.pem          may sign system packages
 *     trust.d/timestamp/NAME.pem        may sign a repository's timestamp
 *     trust.d/image/<domain>/NAME.pem   may sign images of that vendor
 *
 * Each file is one CA certificate in PEM. An anchor is good for its role and vendor and for nothing
 * else; the same key in two places is an error. Other files than *.pem are ignored.
 */
#ifndef PACKAGE_TRUST_H
#define PACKAGE_TRUST_H

#include "authority.h"
#include "names.h"

#define TRUST_TRIAL_ORGANIZATION "gatewayd trial PKI"

enum trust_role { TRUST_PACKAGE, TRUST_TIMESTAMP, TRUST_IMAGE };

struct trust_anchor {
    enum trust_role role;
    char vendor[VENDOR_DOMAIN_MAX]; /* TRUST_IMAGE; "" otherwise */
    char *file;                     /* path it was read from */
    uint8_t key[SHA256_LEN];        /* SHA-256 of its SPKI */
    bool is_trial;                  /* made by `gatewaypkg pki`: anybody may have its key */
    uint8_t *der;                   /* what its struct cert borrows from */
};

struct trust_store {
    struct trust_anchor *anchors; /* sorted by role, vendor, file */
    struct cert *certs;           /* certs[i] belongs to anchors[i] */
    size_t count;
};

/* Read every anchor below `dir`. A folder that does not exist holds no anchors. GW_OK, or
 * GW_ANCHOR_BAD with the file and the reason in *error; then *out is empty. */
MUST_USE enum gw_err trust_load(struct trust_store *out, const char *dir, struct gw_error *error);
void trust_free(struct trust_store *store);

/* The anchors of one role; `vendor` counts for TRUST_IMAGE only. Borrows from the store. */
struct verify_trust trust_of(const struct trust_store *store, enum trust_role role,
                             const char *vendor);

const char *trust_role_word(enum trust_role role);

/* The authority of a gateway. `store` must outlive it. */
struct trust_authority {
    struct authority base;
    const struct trust_store *store;
    struct verify_clock clock;
    uint8_t signers_required;
};

void trust_authority_init(struct trust_authority *a, const struct trust_store *store,
                          struct verify_clock clock, uint8_t signers_required);

#endif
