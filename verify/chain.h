/* From a signer's certificate to an anchor of the role (RFC 5280 6).
 *
 * The search goes down from the anchors: a certificate is looked at only when it names as its
 * issuer one that is already reached, and one signature check then settles it. So strangers'
 * certificates, loops and cross-signed crowds cost nothing, the order of the embedded certificates
 * does not matter, and the work is bounded without recursion.
 */
#ifndef VERIFY_CHAIN_H
#define VERIFY_CHAIN_H

#include "cms.h"
#include "signed.h"

/* How the embedded certificates hang together, by their signatures alone. */
struct chain {
    const struct cms *cms;
    const struct verify_trust *trust;
    const struct cert *anchors[SIGNED_CERTS_MAX]; /* the anchor that issued this one, or NULL */
    uint8_t issuers[SIGNED_CERTS_MAX]; /* bit i: certificate i is reached and issued this one */
    uint8_t reached;                   /* bit i: certificate i leads to an anchor */
    uint8_t forged; /* bit i: it is not reached, and an issuer that it names, by name and key id,
                       and that is reached did not sign it */
};

/* A path that passed. */
struct chain_path {
    const struct cert *anchor;
    int64_t not_after_s; /* earliest end of the certificates below the anchor */
};

/* Find out who issued whom. `cms` and `trust` must outlive `out`. */
void chain_connect(struct chain *out, const struct cms *cms, const struct verify_trust *trust);

/* Judge the signer whose certificate has index `leaf` and who says to have signed at
 * `signing_time_s` (NULL: says nothing). VERIFY_OK: a path holds every rule.
 * VERIFY_TOO_FEW_SIGNERS: no path ends at an anchor. Anything else: a path ends at an anchor, but
 * this rule is broken. */
VERIFY_MUST_USE enum verify_result chain_judge(const struct chain *chain, uint8_t leaf,
                                               const int64_t *signing_time_s,
                                               struct chain_path *path);

#endif
