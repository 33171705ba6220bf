#include "mcuboot.h"

#include <string.h>

#define MAGIC 0x96f3b83du

enum {
    TLV_MAGIC = 0x6907,
    PROTECTED_TLV_MAGIC = 0x6908,
    TLV_SHA256 = 0x10,
};

static uint32_t le16(const uint8_t *p)
{
    return (uint32_t)(p[0] | p[1] << 8);
}

static uint32_t le32(const uint8_t *p)
{
    return le16(p) | le16(p + 2) << 16;
}

/* struct image_header: magic, load address, header size, protected TLV size, image size, ... */
static void read_header(struct mcuboot_scan *s)
{
    uint32_t header_len = le16(s->header + 8);

    s->is_image = le32(s->header) == MAGIC && header_len >= MCUBOOT_HEADER_LEN;
    s->tlvs_at = (uint64_t)header_len + le32(s->header + 12);
}

static void take_header(struct mcuboot_scan *s, const uint8_t *bytes, size_t len)
{
    size_t room = MCUBOOT_HEADER_LEN - (size_t)s->at;

    memcpy(s->header + s->at, bytes, len < room ? len : room);
    if (len >= room) {
        read_header(s);
    }
}

static void take_tlvs(struct mcuboot_scan *s, const uint8_t *bytes, size_t len)
{
    uint64_t skip = s->tlvs_at > s->at ? s->tlvs_at - s->at : 0;
    size_t room = sizeof s->tlvs - s->tlvs_len;

    if (skip >= len) {
        return;
    }
    size_t n = len - (size_t)skip;

    n = n < room ? n : room;
    memcpy(s->tlvs + s->tlvs_len, bytes + skip, n);
    s->tlvs_len += n;
}

void mcuboot_scan_feed(struct mcuboot_scan *s, const uint8_t *bytes, size_t len)
{
    if (s->at < MCUBOOT_HEADER_LEN) {
        take_header(s, bytes, len);
    }
    if (s->is_image) {
        take_tlvs(s, bytes, len);
    }
    s->at += len;
}

/* The area at `at`: magic, total length with these 4 bytes. 0 = none. */
static size_t area_len(const struct mcuboot_scan *s, size_t at, uint32_t magic)
{
    if (s->tlvs_len - at < 4 || le16(s->tlvs + at) != magic) {
        return 0;
    }
    size_t len = le16(s->tlvs + at + 2);

    return len >= 4 && len <= s->tlvs_len - at ? len : 0;
}

bool mcuboot_scan_hash(const struct mcuboot_scan *s, uint8_t hash[MCUBOOT_HASH_LEN])
{
    size_t at = s->is_image ? area_len(s, 0, PROTECTED_TLV_MAGIC) : 0;
    size_t end = s->is_image ? at + area_len(s, at, TLV_MAGIC) : 0;

    for (at += 4; at + 4 <= end;) {
        size_t len = le16(s->tlvs + at + 2);

        if (len > end - at - 4) {
            return false;
        }
        if (le16(s->tlvs + at) == TLV_SHA256 && len == MCUBOOT_HASH_LEN) {
            memcpy(hash, s->tlvs + at + 4, len);
            return true;
        }
        at += 4 + len;
    }
    return false;
}
