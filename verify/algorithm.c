#include "algorithm.h"

#include <string.h>

#include "der.h"
#include "oid.h"

static bool names(struct cursor *c, const struct oid *oid)
{
    return oid_is(take_der(c, DER_OID), oid);
}

bool algorithm_is_sha256(struct span algorithm)
{
    struct cursor c = der_over(algorithm);
    bool is_sha256 = names(&c, &OID_SHA256);

    if (der_next_is(&c, DER_NULL) && take_der(&c, DER_NULL).len != 0) {
        return false;
    }
    return is_sha256 && der_done(&c);
}

bool algorithm_is_ecdsa_sha256(struct span algorithm)
{
    struct cursor c = der_over(algorithm);

    return names(&c, &OID_ECDSA_SHA256) && der_done(&c);
}

bool algorithm_is_p256_key(struct span algorithm)
{
    struct cursor c = der_over(algorithm);

    return names(&c, &OID_EC_PUBLIC_KEY) && names(&c, &OID_P256) && der_done(&c);
}

/* One number of a signature as 32 bytes, big-endian. */
static void take_scalar(struct cursor *c, uint8_t out[32])
{
    struct span v = take_der_integer(c);

    if (v.at && v.at[0] == 0) { /* the sign octet; it is not there without a reason */
        v.at++;
        v.len--;
    } else if (v.at && v.at[0] >= 0x80) {
        c->ok = false;
    }
    if (!c->ok || v.len > 32) {
        c->ok = false;
        return;
    }
    memset(out, 0, 32 - v.len);
    memcpy(out + 32 - v.len, v.at, v.len);
}

enum verify_result algorithm_verify(struct span point, const uint8_t digest[SHA256_LEN],
                                    struct span signature)
{
    uint8_t raw[P256_SIGNATURE_LEN];
    struct cursor outer = der_over(signature);
    struct cursor c = take_der_nested(&outer, DER_SEQUENCE);

    take_scalar(&c, raw);
    take_scalar(&c, raw + 32);
    if (!der_done(&c) || !der_done(&outer) || point.len != P256_POINT_LEN) {
        return VERIFY_CMS_SIGNATURE;
    }
    return crypto_verify_p256(point.at, digest, raw);
}
