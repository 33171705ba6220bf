/* A PKI for tests: keys, certificates, signed objects and images, good ones and ones that break
 * exactly one rule.
 *
 * Deterministic: the same call makes the same bytes (keys from seeds, ECDSA nonces from RFC 6979).
 * In every "how" struct zero means the good default, so a test names only what it is about:
 *
 *     struct testpki pki;
 *     struct blob gwi = { 0 };
 *     testpki_make(&pki, "acme.example");
 *     testpki_image(&gwi, &(struct testpki_image_how){ .payload = payload, .sequence = 7 }, &pki);
 *     ... image_check_begin(&check, &buffers, &pki.trust) ...
 *     blob_free(&gwi);
 *     testpki_free(&pki);
 *
 * Host only. A failure inside aborts: it would be a bug of the test.
 */
#ifndef TESTPKI_H
#define TESTPKI_H

#include "blob.h"
#include "manifest.h"
#include "signed.h"

/* The moments that the defaults use, in seconds since 1970. */
#define TESTPKI_NOT_BEFORE_S   1704067200LL /* 2024-01-01 00:00:00 */
#define TESTPKI_SIGNING_TIME_S 1767225600LL /* 2026-01-01 00:00:00 */
#define TESTPKI_NOW_S          1798761600LL /* 2027-01-01 00:00:00 */
#define TESTPKI_NOT_AFTER_S    2493072000LL /* 2049-01-01 00:00:00 */

struct testpki_key {
    uint8_t secret[32];
    uint8_t point[P256_POINT_LEN];
};

/* Someone who has a key and a certificate. */
struct testpki_party {
    char name[64]; /* commonName */
    struct testpki_key key;
    struct blob cert;   /* DER */
    struct cert parsed; /* of `cert`; zeroed when cert_parse() refuses it */
};

/* Each value breaks one rule of a certificate. */
enum testpki_cert_flaw {
    CERT_FLAW_NONE = 0,
    CERT_FLAW_VERSION_1, /* and no extensions */
    CERT_FLAW_VERSION_2,
    CERT_FLAW_SERIAL_ZERO,
    CERT_FLAW_SERIAL_NEGATIVE,
    CERT_FLAW_SERIAL_LONG,    /* 30 octets */
    CERT_FLAW_SERIAL_PADDED,  /* a leading zero too many */
    CERT_FLAW_SHA1,           /* ecdsa-with-SHA1, in both places */
    CERT_FLAW_RSA_SIGNATURE,  /* sha256WithRSAEncryption, in both places */
    CERT_FLAW_ALGORITHM_NULL, /* parameters NULL where they must be absent */
    CERT_FLAW_ALGORITHMS_DIFFER,
    CERT_FLAW_SIGNATURE, /* one bit of the signed part flipped afterwards */
    CERT_FLAW_KEY_P224,
    CERT_FLAW_KEY_K256, /* secp256k1 */
    CERT_FLAW_KEY_EXPLICIT_CURVE,
    CERT_FLAW_KEY_EMPTY_POINT,
    CERT_FLAW_KEY_COMPRESSED,
    CERT_FLAW_KEY_HYBRID,    /* the point begins with 06 or 07 */
    CERT_FLAW_KEY_OFF_CURVE, /* parses; no signature verifies with it */
    CERT_FLAW_KEY_RSA,
    CERT_FLAW_EMPTY_ISSUER,
    CERT_FLAW_DATE_1949_GENERALIZED,
    CERT_FLAW_DATE_2030_GENERALIZED, /* must be UTCTime until 2049 */
    CERT_FLAW_DATE_FEBRUARY_30,
    CERT_FLAW_DATE_NO_SECONDS,
    CERT_FLAW_DATE_NO_Z,
    CERT_FLAW_NO_EXTENSIONS,
    CERT_FLAW_NO_KEY_USAGE,
    CERT_FLAW_KEY_ENCIPHERMENT_ONLY, /* neither digitalSignature nor keyCertSign */
    CERT_FLAW_KEY_USAGE_NO_BITS,
    CERT_FLAW_KEY_USAGE_TRAILING_ZEROS, /* not the DER of a named bit list */
    CERT_FLAW_NO_EKU,
    CERT_FLAW_EKU_ANY,
    CERT_FLAW_EKU_SERVER_AUTH,
    CERT_FLAW_EKU_EMPTY,
    CERT_FLAW_NO_BASIC_CONSTRAINTS,
    CERT_FLAW_BASIC_CONSTRAINTS_TRUNCATED, /* CVE-2026-49300, first form */
    CERT_FLAW_BASIC_CONSTRAINTS_INTEGER,   /* CVE-2026-49300, second form: only a path length */
    CERT_FLAW_BASIC_CONSTRAINTS_FALSE,     /* FALSE written out */
    CERT_FLAW_BASIC_CONSTRAINTS_TRUE_1,    /* BOOLEAN 01 */
    CERT_FLAW_UNKNOWN_CRITICAL,
    CERT_FLAW_NAME_CONSTRAINTS,
    CERT_FLAW_CRL_POINT,
    CERT_FLAW_DUPLICATE_EXTENSION,
    CERT_FLAW_EMPTY_KEY_ID,   /* subjectKeyIdentifier without a byte */
    CERT_FLAW_CRITICAL_FALSE, /* critical FALSE written out */
    CERT_FLAW_UNIQUE_ID,      /* issuerUniqueID */
    CERT_FLAW_TRAILING_BYTE,  /* inside the outer SEQUENCE */
    CERT_FLAWS
};

struct testpki_cert_how {
    const char *name;                   /* commonName; the key's seed too, unless key_seed is set */
    const char *key_seed;               /* NULL: name */
    const struct testpki_party *issuer; /* NULL: self-signed */
    bool is_ca;
    bool has_path_length; /* CA only */
    uint8_t path_length;
    bool no_key_ids;      /* leave subjectKeyIdentifier and authorityKeyIdentifier out */
    int64_t not_before_s; /* 0: TESTPKI_NOT_BEFORE_S */
    int64_t not_after_s;  /* 0: TESTPKI_NOT_AFTER_S */
    enum testpki_cert_flaw flaw;
};

/* Make a key from its seed. */
void testpki_key(struct testpki_key *key, const char *seed);

/* ECDSA P-256 over a digest, r | s; `high_s` picks the other of the two valid forms. */
void testpki_sign(uint8_t signature[P256_SIGNATURE_LEN], const struct testpki_key *key,
                  const uint8_t digest[SHA256_LEN], bool high_s);

/* Issue a certificate. Free with testpki_party_free(). */
void testpki_issue(struct testpki_party *out, const struct testpki_cert_how *how);
void testpki_ca(struct testpki_party *out, const char *name, const struct testpki_party *issuer);
void testpki_leaf(struct testpki_party *out, const char *name, const struct testpki_party *issuer);
void testpki_party_free(struct testpki_party *party);

/* Each value breaks one rule of a signed object. */
enum testpki_cms_flaw {
    CMS_FLAW_NONE = 0,
    CMS_FLAW_ENVELOPED, /* the content type of the outer ContentInfo is EnvelopedData */
    CMS_FLAW_TRAILING_BYTE,
    CMS_FLAW_INNER_TRAILING_BYTE, /* NULL after the last field of SignedData */
    CMS_FLAW_BER_INDEFINITE,
    CMS_FLAW_BER_LONG_LENGTH,         /* the outer length on 4 octets */
    CMS_FLAW_BER_CONSTRUCTED_CONTENT, /* eContent as a constructed OCTET STRING */
    CMS_FLAW_NESTING_BOMB,            /* 2000 nested SEQUENCEs as an unknown attribute's value */
    CMS_FLAW_VERSION,                 /* SignedData version 1 */
    CMS_FLAW_SIGNER_VERSION,          /* SignerInfo version 3 with issuerAndSerialNumber */
    CMS_FLAW_DIGEST_SHA1,             /* in all places */
    CMS_FLAW_DIGEST_MD5,
    CMS_FLAW_DIGEST_DIFFERS, /* digestAlgorithms says SHA-384, the SignerInfo SHA-256 */
    CMS_FLAW_TWO_DIGESTS,
    CMS_FLAW_CONTENT_ID_DATA, /* eContentType id-data */
    CMS_FLAW_DETACHED,
    CMS_FLAW_MANY_CERTS, /* 10000 of them */
    CMS_FLAW_NINE_CERTS,
    CMS_FLAW_DUPLICATE_CERT,
    CMS_FLAW_UNSORTED_CERTS, /* needs two certificates or more */
    CMS_FLAW_NO_CERTS,
    CMS_FLAW_ATTRIBUTE_CERT, /* an attribute certificate among them */
    CMS_FLAW_CRLS,           /* one CRL inside */
    CMS_FLAW_NO_SIGNERS,
    CMS_FLAW_UNSORTED_SIGNERS, /* needs two signers or more */
    CMS_FLAW_SIGNER_TWICE,     /* the first SignerInfo once more */
    CMS_FLAW_FIVE_SIGNERS,     /* the first SignerInfo five times */
    CMS_FLAW_OTHER_KEY_ID,     /* names a certificate that is not inside */
    CMS_FLAW_NO_SIGNED_ATTRS,  /* the signature is right over the content itself */
    CMS_FLAW_UNSORTED_ATTRS,
    CMS_FLAW_DUPLICATE_ATTR, /* signingTime twice */
    CMS_FLAW_NO_CONTENT_TYPE,
    CMS_FLAW_OTHER_CONTENT_TYPE,
    CMS_FLAW_TWO_CONTENT_TYPES, /* two values */
    CMS_FLAW_NO_MESSAGE_DIGEST,
    CMS_FLAW_OTHER_MESSAGE_DIGEST,
    CMS_FLAW_MESSAGE_DIGEST_TYPE,  /* BOOLEAN in place of the OCTET STRING (CVE-2026-22796) */
    CMS_FLAW_MESSAGE_DIGEST_SHORT, /* 31 octets */
    CMS_FLAW_TWO_MESSAGE_DIGESTS,  /* two values */
    CMS_FLAW_SIGNING_TIME_TYPE,    /* an INTEGER */
    CMS_FLAW_UNSIGNED_ATTRS,
    CMS_FLAW_PROTECTION_DIGEST,    /* CMSAlgorithmProtection names SHA-384 */
    CMS_FLAW_PROTECTION_SIGNATURE, /* CMSAlgorithmProtection names ecdsa-with-SHA384 */
    CMS_FLAW_RSA,                  /* signatureAlgorithm rsaEncryption */
    CMS_FLAW_SHA1_ECDSA,           /* signatureAlgorithm ecdsa-with-SHA1 */
    CMS_FLAW_SIGNATURE,            /* one bit of s flipped */
    CMS_FLAW_R_ZERO,
    CMS_FLAW_S_ZERO,
    CMS_FLAW_R_ORDER, /* r = n */
    CMS_FLAW_S_ORDER,
    CMS_FLAW_R_PADDED,           /* a leading zero too many */
    CMS_FLAW_S_NEGATIVE,         /* the sign octet of a high s is missing */
    CMS_FLAW_SIGNATURE_TRAILING, /* a byte after the ECDSA-Sig-Value */
    CMS_FLAWS
};

struct testpki_cms_how {
    enum signed_type type; /* 0: SIGNED_IMAGE_MANIFEST */
    struct span content;
    const struct testpki_party *signers[SIGNED_SIGNERS_MAX]; /* until the first NULL */
    const struct testpki_party *others[SIGNED_CERTS_MAX];    /* further certificates */
    const struct testpki_key *wrong_key; /* signs in place of the first signer's key */
    int64_t signing_time_s;              /* 0: TESTPKI_SIGNING_TIME_S */
    bool no_signing_time;
    bool by_key_id;  /* name the signer by subjectKeyIdentifier */
    bool high_s;     /* default: low */
    bool protection; /* add a right CMSAlgorithmProtection */
    bool unknown_attribute;
    enum testpki_cms_flaw flaw;
};

/* Append one signed object to `out`. */
void testpki_sign_cms(struct blob *out, const struct testpki_cms_how *how);

/* Each value breaks one rule of an image manifest. */
enum testpki_manifest_flaw {
    MANIFEST_FLAW_NONE = 0,
    MANIFEST_FLAW_TRAILING_BYTE,
    MANIFEST_FLAW_VERSION_2,
    MANIFEST_FLAW_VENDOR_ID_SHORT,
    MANIFEST_FLAW_CLASS_ID_LONG,
    MANIFEST_FLAW_COMPONENT_256,
    MANIFEST_FLAW_SEQUENCE_0,
    MANIFEST_FLAW_SEQUENCE_2_32,
    MANIFEST_FLAW_SEQUENCE_NEGATIVE,
    MANIFEST_FLAW_SEQUENCE_PADDED,
    MANIFEST_FLAW_NO_VERSION_TEXT,   /* "" */
    MANIFEST_FLAW_LONG_VERSION_TEXT, /* 33 bytes */
    MANIFEST_FLAW_VERSION_TEXT_NOT_UTF8,
    MANIFEST_FLAW_VERSION_TEXT_CONTROL, /* an escape character */
    MANIFEST_FLAW_IMAGE_SIZE_0,
    MANIFEST_FLAW_IMAGE_DIGEST_31,
    MANIFEST_FLAW_PAYLOAD_SIZE_DIFFERS,
    MANIFEST_FLAW_BLOCK_SIZE_256,
    MANIFEST_FLAW_BLOCK_SIZE_1000,
    MANIFEST_FLAW_BLOCK_SIZE_131072,
    MANIFEST_FLAW_TOO_MANY_BLOCKS,
    MANIFEST_FLAW_TABLE_DIGEST_33,
    MANIFEST_FLAW_HARDWARE_REVERSED, /* min > max */
    MANIFEST_FLAW_HARDWARE_65536,
    MANIFEST_FLAW_NO_SERIALS, /* [1] with an empty list */
    MANIFEST_FLAW_65_SERIALS,
    MANIFEST_FLAW_EMPTY_SERIAL,
    MANIFEST_FLAW_LONG_SERIAL, /* 33 bytes */
    MANIFEST_FLAW_NO_REQUIRES,
    MANIFEST_FLAW_17_REQUIRES,
    MANIFEST_FLAW_ENCODING,         /* [3] */
    MANIFEST_FLAW_DELIVERY_DEFAULT, /* [4] written with its default value */
    MANIFEST_FLAW_DELIVERY_2,
    MANIFEST_FLAW_FLOOR_ABOVE_SEQUENCE,
    MANIFEST_FLAW_17_BUS_IDS,
    MANIFEST_FLAW_LONG_BUS_ID,    /* 65 bytes */
    MANIFEST_FLAW_MIN_CRL_NUMBER, /* [8] */
    MANIFEST_FLAW_REVOKED_KEYS,   /* [9] */
    MANIFEST_FLAW_TAG_10,
    MANIFEST_FLAW_TAG_15,
    MANIFEST_FLAW_TAG_DESCENDING,
    MANIFEST_FLAW_TAG_TWICE,
    MANIFEST_FLAW_TAG_31,          /* a tag number on two octets */
    MANIFEST_FLAW_SKIPPED_NOT_DER, /* the inside of a field that is skipped */
    MANIFEST_FLAW_UNIVERSAL_TAG,   /* NULL after the mandatory fields */
    MANIFEST_FLAWS
};

struct testpki_image_how {
    struct span payload;                /* must not be empty */
    uint8_t vendor_id[MANIFEST_ID_LEN]; /* all zero: 0x11 repeated */
    uint8_t class_id[MANIFEST_ID_LEN];  /* all zero: 0x22 repeated */
    uint8_t component;
    uint32_t sequence;   /* 0: 1 */
    const char *version; /* NULL: "1.0.0" */
    uint32_t block_size; /* 0: 1024 */
    bool has_hardware;
    uint16_t hardware_min, hardware_max;
    struct span serials[MANIFEST_SERIALS_MAX]; /* until the first empty one */
    struct {
        bool used;
        uint8_t component;
        uint32_t min_sequence;
    } requires[MANIFEST_REQUIRES_MAX];
    enum image_delivery delivery;
    bool has_floor;
    uint32_t floor;
    const char *bus_ids[MANIFEST_BUS_IDS_MAX]; /* until the first NULL */
    bool has_link_address;
    uint32_t link_address;
    bool tag_16; /* append a field that readers skip */
    enum testpki_manifest_flaw flaw;
    struct testpki_cms_how cms; /* how to sign it; `type`, `content` and `signers` are filled in */
};

/* Append the DER of the image manifest. */
void testpki_manifest(struct blob *out, const struct testpki_image_how *how);

/* Append the block table of a payload. */
void testpki_table(struct blob *out, struct span payload, uint32_t block_size);

/* A root, a leaf for signing under it, and the trust that a verifier with no clock needs. Do not
 * copy it: `trust` points into it. */
struct testpki {
    struct testpki_party root;
    struct testpki_party leaf;
    struct cert anchor;
    struct verify_trust trust;
};

void testpki_make(struct testpki *pki, const char *name);
void testpki_free(struct testpki *pki);

/* Append a whole .gwi: CMS | block table | payload, signed by pki->leaf. */
void testpki_image(struct blob *out, const struct testpki_image_how *how,
                   const struct testpki *pki);

#endif
