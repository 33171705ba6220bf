#include "mcuboot_image.h"

#include <stdio.h>
#include <string.h>

#include "crypto.h"

enum { TLV_INFO_LEN = 4, TLV_HEAD_LEN = 4, PROTECTED_TLV_MAGIC = 0x6908 };

static uint32_t le(const uint8_t *at, size_t len)
{
    uint32_t value = 0;

    for (size_t i = 0; i < len; i++) {
        value |= (uint32_t)at[i] << 8 * i;
    }
    return value;
}

bool mcuboot_is_header(const uint8_t *bytes, size_t len)
{
    return len >= MCUBOOT_HEADER_LEN && le(bytes, 4) == MCUBOOT_MAGIC;
}

/* Header, image and protected TLVs: what the hash covers. */
static bool find_hashed_len(const uint8_t *bytes, size_t len, uint32_t *hashed_len)
{
    uint64_t image = (uint64_t)le(bytes + 8, 2) + le(bytes + 12, 4);
    uint32_t protected_len = le(bytes + 10, 2);

    if (le(bytes + 8, 2) < MCUBOOT_HEADER_LEN || image + protected_len + TLV_INFO_LEN > len) {
        return false;
    }
    if (protected_len > 0 && (le(bytes + image, 2) != PROTECTED_TLV_MAGIC ||
                              le(bytes + image + 2, 2) != protected_len)) {
        return false;
    }
    *hashed_len = (uint32_t)image + protected_len;
    return true;
}

static const uint8_t *find_hash(const uint8_t *tlvs, size_t len)
{
    size_t total = le(tlvs + 2, 2);

    if (le(tlvs, 2) != MCUBOOT_TLV_MAGIC || total > len) {
        return NULL;
    }
    for (size_t at = TLV_INFO_LEN; at + TLV_HEAD_LEN <= total;) {
        size_t value_len = le(tlvs + at + 2, 2);

        if (value_len > total - at - TLV_HEAD_LEN) {
            return NULL;
        }
        if (le(tlvs + at, 2) == MCUBOOT_TLV_SHA256) {
            return value_len == MCUBOOT_HASH_LEN ? tlvs + at + TLV_HEAD_LEN : NULL;
        }
        at += TLV_HEAD_LEN + value_len;
    }
    return NULL;
}

bool mcuboot_image_check(struct mcuboot_image *out, const uint8_t *bytes, size_t len)
{
    uint8_t digest[SHA256_LEN];
    const uint8_t *hash;

    memset(out, 0, sizeof *out);
    if (!mcuboot_is_header(bytes, len) || !find_hashed_len(bytes, len, &out->hashed_len)) {
        return false;
    }
    hash = find_hash(bytes + out->hashed_len, len - out->hashed_len);
    sha256_of(digest, bytes, out->hashed_len);
    if (!hash || memcmp(hash, digest, sizeof digest) != 0) {
        memset(out, 0, sizeof *out);
        return false;
    }
    memcpy(out->hash, digest, sizeof digest);
    (void)snprintf(out->version, sizeof out->version, "%u.%u.%u", bytes[20], bytes[21],
                   (unsigned)le(bytes + 22, 2));
    if (le(bytes + 24, 4) != 0) {
        size_t n = strlen(out->version);

        (void)snprintf(out->version + n, sizeof out->version - n, ".%u",
                       (unsigned)le(bytes + 24, 4));
    }
    return true;
}
