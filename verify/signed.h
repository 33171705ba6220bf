/* A signed object: CMS SignedData in the profile of docs/SPEC, Signed object (RFC 5652, DER only).
 *
 * signed_open() is the only way to its content: nothing of the content is looked at before every
 * signature is right and enough signers lead to an anchor of the role.
 */
#ifndef VERIFY_SIGNED_H
#define VERIFY_SIGNED_H

#include <stdbool.h>
#include <stdint.h>

#include "cert.h"
#include "crypto.h"

enum { SIGNED_CERTS_MAX = 8, SIGNED_SIGNERS_MAX = 4 };

/* What the object claims to be (its eContentType, docs/SPEC). It decides which role may sign. */
enum signed_type {
    SIGNED_SYSTEM_MANIFEST = 1, /* role package */
    SIGNED_IMAGE_MANIFEST,      /* role image of the vendor; signingTime is mandatory */
    SIGNED_TIMESTAMP,           /* role timestamp */
};

struct verify_clock {
    int64_t now_s; /* seconds since 1970; 0 = no clock: no date is checked (microcontrollers) */
    bool is_synchronised;        /* only then does something from the future refuse, beyond 24 h */
    bool expiry_at_signing_time; /* judge notAfter at signingTime instead of now_s (images named by
                                    a package whose signer is valid now) */
};

/* Whom to believe: the anchors of exactly one role (and, for images, one vendor). */
struct verify_trust {
    const struct cert *anchors; /* parsed CA certificates; an anchor's own dates are not judged */
    size_t anchor_count;        /* 0: everything is refused with VERIFY_TOO_FEW_SIGNERS */
    struct verify_clock clock;
    uint8_t signers_required; /* distinct keys that must count; 0 is taken as 1 */
};

/* Borrows from the bytes given to signed_open(). */
struct signed_object {
    struct span content;            /* eContent */
    uint8_t identity[SHA256_LEN];   /* SHA-256 of eContent */
    int64_t signing_time_s;         /* of the first signer that counts; 0 = absent */
    int64_t not_after_s;            /* earliest end in the paths that count */
    uint8_t signer_key[SHA256_LEN]; /* SHA-256 of the first counting signer's SPKI */
    uint8_t signers;                /* how many distinct keys count */
    struct cert signer;             /* the first counting signer's certificate */
    const struct cert *anchor;      /* where its path ends; points into verify_trust.anchors */
};

/* Authenticate `cms`, which must be exactly one object. Returns VERIFY_OK or the first rule broken
 * reading left to right; then `out` is zeroed. Order of the rules: structure, content type,
 * attributes, signatures, chains, count. Too few signers with a certificate inside that names a
 * known issuer who did not sign it: VERIFY_CERT_SIGNATURE. */
VERIFY_MUST_USE enum verify_result signed_open(struct signed_object *out, struct span cms,
                                               enum signed_type type,
                                               const struct verify_trust *trust);

/* How long is the object that starts with these bytes? Reads only the outer DER header.
 * VERIFY_OK: *len is header + contents. VERIFY_DER: not a DER SEQUENCE. VERIFY_NOT_CHECKED: fewer
 * than the 2..6 header bytes are there yet. VERIFY_TOO_LARGE: more than size_t holds. */
VERIFY_MUST_USE enum verify_result signed_length(size_t *len, struct span head);

#endif
