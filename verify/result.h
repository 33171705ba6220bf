/* What the verifier says: one value for each rule.
 *
 * The values are explicit and never reused: they cross the wire (docs/SPEC, Verify results) and
 * firmware lives 30 years. Zero means "not checked", so zeroed memory never passes; compare with
 * `== VERIFY_OK`. The gateway shows value v as GW2200 + v.
 */
#ifndef VERIFY_RESULT_H
#define VERIFY_RESULT_H

#define VERIFY_MUST_USE __attribute__((warn_unused_result))

enum verify_result {
    VERIFY_NOT_CHECKED = 0,
    VERIFY_OK = 0x5ac3, /* odd, needs many bit flips to reach by accident */
    /* generic */
    VERIFY_DER = 1,            /* not strict DER */
    VERIFY_TRAILING_BYTES = 2, /* bytes follow the end of the object */
    VERIFY_TOO_LARGE = 3,      /* the object exceeds a limit of its format */

    /* CMS (RFC 5652 and docs/SPEC, Signed object) */
    VERIFY_CMS_NOT_SIGNED_DATA = 10, /* not a CMS SignedData */
    VERIFY_CMS_VERSION = 11, /* the version of SignedData or SignerInfo does not fit its content */
    /* the digest algorithm is not acceptable, or named differently in two places */
    VERIFY_CMS_DIGEST_ALGORITHM = 12,
    VERIFY_CMS_CONTENT_TYPE = 13,         /* the signed content is of another type */
    VERIFY_CMS_CONTENT_MISSING = 14,      /* the signed content is not inside */
    VERIFY_CMS_CERTIFICATES = 15,         /* the embedded certificates are not acceptable */
    VERIFY_CMS_NO_SIGNER = 16,            /* there is no signature */
    VERIFY_CMS_SIGNER_ID = 17,            /* a signature names no embedded certificate */
    VERIFY_CMS_SIGNED_ATTRS_MISSING = 18, /* the signed attributes are missing */
    VERIFY_CMS_ATTRIBUTES = 19,           /* the signed attributes are not acceptable */
    /* the attribute contentType is missing or differs from the content's type */
    VERIFY_CMS_ATTR_CONTENT_TYPE = 20,
    /* the attribute messageDigest is missing or differs from the content's digest */
    VERIFY_CMS_MESSAGE_DIGEST = 21,
    VERIFY_CMS_SIGNING_TIME = 22,   /* the attribute signingTime is missing or not valid */
    VERIFY_CMS_UNSIGNED_ATTRS = 23, /* unsigned attributes are refused */
    /* the attribute CMSAlgorithmProtection contradicts the signature */
    VERIFY_CMS_ALGORITHM_PROTECTION = 24,
    VERIFY_CMS_SIGNATURE_ALGORITHM = 25, /* the signature algorithm is not acceptable */
    VERIFY_CMS_SIGNATURE = 26,           /* the signature is wrong */
    VERIFY_TOO_FEW_SIGNERS = 27,         /* too few signatures lead to a trusted root */

    /* X.509 (RFC 5280) */
    VERIFY_CERT_SYNTAX = 50,    /* a certificate is not valid DER X.509 v3 */
    VERIFY_CERT_SIGNATURE = 51, /* a certificate's signature is wrong */
    /* a certificate is signed with an algorithm that is not acceptable */
    VERIFY_CERT_SIGNATURE_ALGORITHM = 52,
    VERIFY_CERT_KEY = 53,           /* a certificate's key is not acceptable */
    VERIFY_CERT_EXPIRED = 54,       /* a certificate has expired */
    VERIFY_CERT_NOT_YET_VALID = 55, /* a certificate is not valid yet */
    /* basicConstraints is missing, malformed, or says that this is no CA */
    VERIFY_CERT_BASIC_CONSTRAINTS = 56,
    VERIFY_CERT_PATH_LENGTH = 57, /* a path is longer than its CA permits */
    VERIFY_CERT_KEY_USAGE = 58,   /* keyUsage is missing or does not permit this use */
    /* extendedKeyUsage is missing or does not contain codeSigning */
    VERIFY_CERT_EXT_KEY_USAGE = 59,
    /* a certificate has a critical extension that is not known */
    VERIFY_CERT_CRITICAL_EXTENSION = 60,
    VERIFY_CERT_NAME_CONSTRAINTS = 61, /* name constraints are refused */
    /* the signing time lies outside the validity of a certificate of the path */
    VERIFY_CERT_SIGNING_TIME = 62,
    VERIFY_CERT_EXTENSIONS = 63, /* a certificate's extensions are not acceptable */

    /* image manifest */
    VERIFY_MANIFEST_SYNTAX = 90,  /* the image manifest is not valid */
    VERIFY_MANIFEST_VERSION = 91, /* the image manifest is of another version */
    VERIFY_MANIFEST_FIELD = 92,   /* a field of the image manifest is out of its range */
    /* the image manifest has a critical field that is not known */
    VERIFY_MANIFEST_CRITICAL_TAG = 93,
    VERIFY_MANIFEST_SIZES = 94, /* the sizes in the image manifest contradict each other */

    /* stream and content */
    VERIFY_TABLE_DIGEST = 110,  /* the block table is not the one that was signed */
    VERIFY_BLOCK_DIGEST = 111,  /* a block is not the one that was signed */
    VERIFY_IMAGE_DIGEST = 112,  /* the installed bytes are not the ones that were signed */
    VERIFY_STREAM_LENGTH = 113, /* the stream is longer or shorter than the manifest says */

    /* what a device decides on an authenticated manifest */
    VERIFY_FOR_OTHER_VENDOR = 130,    /* the image is of another vendor */
    VERIFY_FOR_OTHER_CLASS = 131,     /* the image is for another class of device */
    VERIFY_FOR_OTHER_HARDWARE = 132,  /* the image is for another hardware revision */
    VERIFY_FOR_OTHER_SERIAL = 133,    /* the image is for other serial numbers */
    VERIFY_FOR_OTHER_COMPONENT = 134, /* the device has no such component */
    VERIFY_BELOW_FLOOR = 135,         /* the image's sequence is below the floor */
    VERIFY_EQUIVOCATION = 136,        /* another image has this sequence number */
    VERIFY_IMAGE_TOO_LARGE = 137,     /* the image is larger than the slot */
    /* the block table or the block size is more than the device can take */
    VERIFY_TABLE_TOO_LARGE = 138,
    VERIFY_REQUIRES = 139,          /* another component of the device is too old */
    VERIFY_PAYLOAD_DELIVERY = 140,  /* this device takes only a .gwi */
    VERIFY_REJECTED_BEFORE = 141,   /* the image failed its trial on this device */
    VERIFY_FOR_OTHER_ADDRESS = 142, /* the image is linked for another slot's address */

    /* fail closed until supported */
    VERIFY_CRL_NOT_SUPPORTED = 200, /* revocation lists are not supported yet */
    /* a CA names a CRL distribution point; revocation is not supported yet */
    VERIFY_CRL_DP_NOT_SUPPORTED = 201,
    /* minCrlNumber and revokedKeys are not supported yet */
    VERIFY_MANIFEST_TAG_NOT_SUPPORTED = 202,
};

#endif
