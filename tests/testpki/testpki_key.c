#include <mbedtls/ecdsa.h>
#include <stdlib.h>
#include <string.h>

#include "testpki.h"

/* Blinding only: what it returns does not change any result, so it need not be random here. */
static int not_random(void *context, unsigned char *out, size_t len)
{
    (void)context;
    for (size_t i = 0; i < len; i++) {
        out[i] = (unsigned char)(0x5a + i * 7);
    }
    return 0;
}

static void must(int failed)
{
    if (failed) {
        abort();
    }
}

void testpki_key(struct testpki_key *key, const char *seed)
{
    mbedtls_ecp_group group;
    mbedtls_ecp_point point;
    mbedtls_mpi secret;
    size_t len;

    mbedtls_ecp_group_init(&group);
    mbedtls_ecp_point_init(&point);
    mbedtls_mpi_init(&secret);
    sha256_of(key->secret, (const uint8_t *)seed, strlen(seed));
    key->secret[0] &= 0x7f; /* below the group's order */
    must(mbedtls_ecp_group_load(&group, MBEDTLS_ECP_DP_SECP256R1));
    must(mbedtls_mpi_read_binary(&secret, key->secret, sizeof key->secret));
    must(mbedtls_ecp_mul(&group, &point, &secret, &group.G, not_random, NULL));
    must(mbedtls_ecp_point_write_binary(&group, &point, MBEDTLS_ECP_PF_UNCOMPRESSED, &len,
                                        key->point, sizeof key->point));
    mbedtls_mpi_free(&secret);
    mbedtls_ecp_point_free(&point);
    mbedtls_ecp_group_free(&group);
}

/* Of s and n - s, the one that is asked for. */
static void choose_s(mbedtls_mpi *s, const mbedtls_ecp_group *group, bool high)
{
    mbedtls_mpi other;

    mbedtls_mpi_init(&other);
    must(mbedtls_mpi_sub_mpi(&other, &group->N, s));
    if ((mbedtls_mpi_cmp_mpi(s, &other) > 0) != high) {
        must(mbedtls_mpi_copy(s, &other));
    }
    mbedtls_mpi_free(&other);
}

void testpki_sign(uint8_t signature[P256_SIGNATURE_LEN], const struct testpki_key *key,
                  const uint8_t digest[SHA256_LEN], bool high_s)
{
    mbedtls_ecp_group group;
    mbedtls_mpi secret, r, s;

    mbedtls_ecp_group_init(&group);
    mbedtls_mpi_init(&secret);
    mbedtls_mpi_init(&r);
    mbedtls_mpi_init(&s);
    must(mbedtls_ecp_group_load(&group, MBEDTLS_ECP_DP_SECP256R1));
    must(mbedtls_mpi_read_binary(&secret, key->secret, sizeof key->secret));
    must(mbedtls_ecdsa_sign_det_ext(&group, &r, &s, &secret, digest, SHA256_LEN, MBEDTLS_MD_SHA256,
                                    not_random, NULL));
    choose_s(&s, &group, high_s);
    must(mbedtls_mpi_write_binary(&r, signature, 32));
    must(mbedtls_mpi_write_binary(&s, signature + 32, 32));
    mbedtls_mpi_free(&s);
    mbedtls_mpi_free(&r);
    mbedtls_mpi_free(&secret);
    mbedtls_ecp_group_free(&group);
}
