#include <mbedtls/ecdsa.h>
#include <mbedtls/version.h>

#include "crypto.h"

/* 2.28 keeps the plain names for functions that cannot say that they failed. */
#if MBEDTLS_VERSION_MAJOR < 3
#define mbedtls_sha256_starts mbedtls_sha256_starts_ret
#define mbedtls_sha256_update mbedtls_sha256_update_ret
#define mbedtls_sha256_finish mbedtls_sha256_finish_ret
#endif

/* The results are dropped: the software implementation has no way to fail. */
void sha256_begin(struct sha256 *s)
{
    mbedtls_sha256_init(&s->mbedtls);
    (void)mbedtls_sha256_starts(&s->mbedtls, 0);
}

void sha256_feed(struct sha256 *s, const uint8_t *bytes, size_t len)
{
    (void)mbedtls_sha256_update(&s->mbedtls, bytes, len);
}

void sha256_finish(struct sha256 *s, uint8_t digest[SHA256_LEN])
{
    (void)mbedtls_sha256_finish(&s->mbedtls, digest);
    mbedtls_sha256_free(&s->mbedtls);
}

void sha256_of(uint8_t digest[SHA256_LEN], const uint8_t *bytes, size_t len)
{
    struct sha256 s;

    sha256_begin(&s);
    sha256_feed(&s, bytes, len);
    sha256_finish(&s, digest);
}

struct numbers {
    mbedtls_ecp_group group;
    mbedtls_ecp_point key;
    mbedtls_mpi r, s;
};

/* mbedTLS checks the range of r and s; that the key lies on the curve is the caller's. */
static int verify(struct numbers *n, const uint8_t point[P256_POINT_LEN],
                  const uint8_t digest[SHA256_LEN], const uint8_t signature[P256_SIGNATURE_LEN])
{
    int failed = mbedtls_ecp_group_load(&n->group, MBEDTLS_ECP_DP_SECP256R1);

    if (!failed) {
        failed = mbedtls_ecp_point_read_binary(&n->group, &n->key, point, P256_POINT_LEN);
    }
    if (!failed) {
        failed = mbedtls_ecp_check_pubkey(&n->group, &n->key);
    }
    if (!failed) {
        failed = mbedtls_mpi_read_binary(&n->r, signature, 32);
    }
    if (!failed) {
        failed = mbedtls_mpi_read_binary(&n->s, signature + 32, 32);
    }
    if (!failed) {
        failed = mbedtls_ecdsa_verify(&n->group, digest, SHA256_LEN, &n->key, &n->r, &n->s);
    }
    return failed;
}

enum verify_result crypto_verify_p256(const uint8_t point[P256_POINT_LEN],
                                      const uint8_t digest[SHA256_LEN],
                                      const uint8_t signature[P256_SIGNATURE_LEN])
{
    struct numbers n;

    mbedtls_ecp_group_init(&n.group);
    mbedtls_ecp_point_init(&n.key);
    mbedtls_mpi_init(&n.r);
    mbedtls_mpi_init(&n.s);
    int failed = verify(&n, point, digest, signature);
    mbedtls_mpi_free(&n.s);
    mbedtls_mpi_free(&n.r);
    mbedtls_ecp_point_free(&n.key);
    mbedtls_ecp_group_free(&n.group);
    return failed == 0 ? VERIFY_OK : VERIFY_CMS_SIGNATURE;
}
