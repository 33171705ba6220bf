#include "uuid5.h"

#include <string.h>

#include <mbedtls/md.h>

enum { SHA1_LEN = 20 };

void uuid5_of(uint8_t id[UUID_LEN], const uint8_t space[UUID_LEN], const char *name)
{
    uint8_t digest[SHA1_LEN] = { 0 };
    mbedtls_md_context_t md;

    /* SHA-1 because RFC 9562 says so: it names, it secures nothing. */
    mbedtls_md_init(&md);
    if (mbedtls_md_setup(&md, mbedtls_md_info_from_type(MBEDTLS_MD_SHA1), 0) == 0) {
        (void)mbedtls_md_starts(&md);
        (void)mbedtls_md_update(&md, space, UUID_LEN);
        (void)mbedtls_md_update(&md, (const uint8_t *)name, strlen(name));
        (void)mbedtls_md_finish(&md, digest);
    }
    mbedtls_md_free(&md);
    memcpy(id, digest, UUID_LEN);
    id[6] = (uint8_t)((id[6] & 0x0f) | 0x50);
    id[8] = (uint8_t)((id[8] & 0x3f) | 0x80);
}

void uuid5_vendor(uint8_t id[UUID_LEN], const char *domain)
{
    static const uint8_t dns[UUID_LEN] = { 0x6b, 0xa7, 0xb8, 0x10, 0x9d, 0xad, 0x11, 0xd1,
                                           0x80, 0xb4, 0x00, 0xc0, 0x4f, 0xd4, 0x30, 0xc8 };

    uuid5_of(id, dns, domain);
}

void uuid5_class(uint8_t id[UUID_LEN], const uint8_t vendor_id[UUID_LEN], const char *class_name)
{
    uuid5_of(id, vendor_id, class_name);
}
