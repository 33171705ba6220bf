#include "sim_id.h"

#include <errno.h>
#include <mbedtls/base64.h>
#include <mbedtls/md.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SHA1_LEN = 20, NAME_MAX_LEN = 253, FILE_MAX = 1 << 30 };

static const uint8_t dns_namespace[MANIFEST_ID_LEN] = { 0x6b, 0xa7, 0xb8, 0x10, 0x9d, 0xad,
                                                        0x11, 0xd1, 0x80, 0xb4, 0x00, 0xc0,
                                                        0x4f, 0xd4, 0x30, 0xc8 };

static void uuid5(uint8_t id[MANIFEST_ID_LEN], const uint8_t space[MANIFEST_ID_LEN],
                  const char *name)
{
    uint8_t input[MANIFEST_ID_LEN + NAME_MAX_LEN], digest[SHA1_LEN] = { 0 };
    size_t len = strnlen(name, NAME_MAX_LEN);

    memcpy(input, space, MANIFEST_ID_LEN);
    memcpy(input + MANIFEST_ID_LEN, name, len);
    (void)mbedtls_md(mbedtls_md_info_from_type(MBEDTLS_MD_SHA1), input, MANIFEST_ID_LEN + len,
                     digest);
    memcpy(id, digest, MANIFEST_ID_LEN);
    id[6] = (uint8_t)((id[6] & 0x0f) | 0x50);
    id[8] = (uint8_t)((id[8] & 0x3f) | 0x80);
}

void sim_vendor_id(uint8_t id[MANIFEST_ID_LEN], const char *domain)
{
    uuid5(id, dns_namespace, domain);
}

void sim_class_id(uint8_t id[MANIFEST_ID_LEN], const uint8_t vendor[MANIFEST_ID_LEN],
                  const char *name)
{
    uuid5(id, vendor, name);
}

enum gw_err sim_read_pem(uint8_t **der, size_t *len, const char *text)
{
    static const char begin[] = "-----BEGIN CERTIFICATE-----", end[] = "-----END CERTIFICATE-----";
    const char *from = strstr(text, begin), *to = from ? strstr(from, end) : NULL;
    size_t chars;

    *der = NULL;
    *len = 0;
    if (!to || strstr(to, begin)) {
        return GW_ANCHOR_BAD;
    }
    from += sizeof begin - 1;
    chars = (size_t)(to - from);
    *der = malloc(chars + 1);
    if (!*der) {
        return GW_NO_MEMORY;
    }
    if (mbedtls_base64_decode(*der, chars + 1, len, (const uint8_t *)from, chars) != 0) {
        free(*der);
        *der = NULL;
        *len = 0;
        return GW_ANCHOR_BAD;
    }
    return GW_OK;
}

static enum gw_err read_stream(uint8_t **bytes, size_t *len, FILE *file)
{
    size_t cap = 4096;

    *bytes = NULL;
    *len = 0;
    for (;;) {
        uint8_t *grown = realloc(*bytes, cap + 1);

        if (!grown) {
            return GW_NO_MEMORY;
        }
        *bytes = grown;
        *len += fread(*bytes + *len, 1, cap - *len, file);
        if (*len < cap || cap >= FILE_MAX) {
            break;
        }
        cap *= 2;
    }
    (*bytes)[*len] = '\0';
    return ferror(file) || *len == FILE_MAX ? GW_IO : GW_OK;
}

enum gw_err sim_read_file(uint8_t **bytes, size_t *len, const char *path, struct gw_error *error)
{
    FILE *file = fopen(path, "rbe");
    enum gw_err err;

    *bytes = NULL;
    *len = 0;
    if (!file) {
        return gw_fail(error, GW_IO, "%s: %s", path, strerror(errno));
    }
    err = read_stream(bytes, len, file);
    (void)fclose(file);
    if (err) {
        free(*bytes);
        *bytes = NULL;
        *len = 0;
        return gw_fail(error, err, "%s: cannot be read", path);
    }
    return GW_OK;
}
