/* MCUboot's image hash, read from a payload that passes by.
 *
 * A foreign device with MCUboot names its images by the SHA-256 in their TLV area (type 0x10). The
 * payload has been authenticated; it is nevertheless read like any input. Source: MCUboot,
 * docs/design.md, Image format. Pure, a fixed amount of memory.
 */
#ifndef GATEWAYD_MCUBOOT_H
#define GATEWAYD_MCUBOOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    MCUBOOT_HEADER_LEN = 32,
    MCUBOOT_TLVS_MAX = 8192, /* bytes of TLVs that are looked at */
    MCUBOOT_HASH_LEN = 32,
};

/* Zero-initialise. */
struct mcuboot_scan {
    uint64_t at; /* bytes fed so far */
    uint8_t header[MCUBOOT_HEADER_LEN];
    uint64_t tlvs_at;               /* where the TLV area begins; known after the header */
    bool is_image;                  /* the header is one */
    uint8_t tlvs[MCUBOOT_TLVS_MAX]; /* from tlvs_at on */
    size_t tlvs_len;
};

/* The payload from its first byte on, in pieces of any size. */
void mcuboot_scan_feed(struct mcuboot_scan *scan, const uint8_t *bytes, size_t len);

/* After the last: false when it is no MCUboot image, or one without a SHA-256. */
bool mcuboot_scan_hash(const struct mcuboot_scan *scan, uint8_t hash[MCUBOOT_HASH_LEN]);

#endif
