/* The object identifiers that the verifier knows, as DER content octets. */
#ifndef VERIFY_OID_H
#define VERIFY_OID_H

#include <stdbool.h>

#include "span.h"

enum { OID_LEN_MAX = 20 };

struct oid {
    uint8_t len;
    uint8_t bytes[OID_LEN_MAX];
};

/* eContentType (docs/SPEC, Signed object) */
extern const struct oid OID_SYSTEM_MANIFEST; /* 2.25.227721284026299374982227856948092535230 */
extern const struct oid OID_IMAGE_MANIFEST;  /* 2.25.37081677888920538387708366831134028020 */
extern const struct oid OID_TIMESTAMP;       /* 2.25.107110910132257841678995741780181712202 */

/* CMS (RFC 5652) */
extern const struct oid OID_SIGNED_DATA;          /* 1.2.840.113549.1.7.2 */
extern const struct oid OID_CONTENT_TYPE;         /* 1.2.840.113549.1.9.3 */
extern const struct oid OID_MESSAGE_DIGEST;       /* 1.2.840.113549.1.9.4 */
extern const struct oid OID_SIGNING_TIME;         /* 1.2.840.113549.1.9.5 */
extern const struct oid OID_ALGORITHM_PROTECTION; /* 1.2.840.113549.1.9.52, RFC 6211 */

/* Algorithms (RFC 5758, RFC 5480) */
extern const struct oid OID_SHA256;        /* 2.16.840.1.101.3.4.2.1 */
extern const struct oid OID_ECDSA_SHA256;  /* 1.2.840.10045.4.3.2 */
extern const struct oid OID_EC_PUBLIC_KEY; /* 1.2.840.10045.2.1 */
extern const struct oid OID_P256;          /* 1.2.840.10045.3.1.7 */

/* Certificate extensions (RFC 5280 4.2.1) */
extern const struct oid OID_SUBJECT_KEY_ID;    /* 2.5.29.14 */
extern const struct oid OID_KEY_USAGE;         /* 2.5.29.15 */
extern const struct oid OID_BASIC_CONSTRAINTS; /* 2.5.29.19 */
extern const struct oid OID_NAME_CONSTRAINTS;  /* 2.5.29.30 */
extern const struct oid OID_CRL_POINTS;        /* 2.5.29.31 */
extern const struct oid OID_AUTHORITY_KEY_ID;  /* 2.5.29.35 */
extern const struct oid OID_EXT_KEY_USAGE;     /* 2.5.29.37 */
extern const struct oid OID_CODE_SIGNING;      /* 1.3.6.1.5.5.7.3.3 */

/* Are these content octets that identifier? */
bool oid_is(struct span contents, const struct oid *oid);

#endif
