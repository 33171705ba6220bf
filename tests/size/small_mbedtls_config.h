/* mbedTLS as firmware needs it: SHA-256 and the check of P-256 signatures, memory from one arena.
 *
 * MBEDTLS_ECP_NIST_OPTIM stays on: without it a check takes five times as long for 0.8 KiB less.
 * A window of 2 saves most RAM (about 1.5 KiB) for a tenth more time.
 */
#ifndef SMALL_MBEDTLS_CONFIG_H
#define SMALL_MBEDTLS_CONFIG_H

#define MBEDTLS_PLATFORM_C
#define MBEDTLS_PLATFORM_MEMORY
#define MBEDTLS_PLATFORM_NO_STD_FUNCTIONS
#define MBEDTLS_PLATFORM_EXIT_ALT
#define MBEDTLS_PLATFORM_PRINTF_ALT
#define MBEDTLS_PLATFORM_FPRINTF_ALT
#define MBEDTLS_PLATFORM_SNPRINTF_ALT
#define MBEDTLS_MEMORY_BUFFER_ALLOC_C

#define MBEDTLS_HAVE_ASM
#define MBEDTLS_NO_UDBL_DIVISION
#define MBEDTLS_BIGNUM_C
#define MBEDTLS_ASN1_PARSE_C
#define MBEDTLS_ASN1_WRITE_C
#define MBEDTLS_ECP_C
#define MBEDTLS_ECP_DP_SECP256R1_ENABLED
#define MBEDTLS_ECP_NIST_OPTIM
#define MBEDTLS_ECP_WINDOW_SIZE 2
#define MBEDTLS_ECDSA_C
#define MBEDTLS_SHA256_C
#define MBEDTLS_SHA256_SMALLER

#endif
