/* Image manifest: who a binary is for, its sequence number, and the digests that bind its bytes.
 * Shape: docs/SPEC, Signed image (ASN.1 module GatewayImage). DER, read strictly.
 */
#ifndef VERIFY_MANIFEST_H
#define VERIFY_MANIFEST_H

#include <stdbool.h>
#include <stdint.h>

#include "crypto.h"

enum {
    MANIFEST_ID_LEN = 16,      /* RFC 9124 vendor and class ids */
    MANIFEST_VERSION_MAX = 32, /* bytes of imageVersion */
    MANIFEST_SERIALS_MAX = 64,
    MANIFEST_SERIAL_MAX = 32, /* bytes of one serial */
    MANIFEST_REQUIRES_MAX = 16,
    MANIFEST_BUS_IDS_MAX = 16,
    MANIFEST_BUS_ID_MAX = 64, /* bytes of one bus id */
    MANIFEST_BLOCK_SIZE_MIN = 512,
    MANIFEST_BLOCK_SIZE_MAX = 65536,
    MANIFEST_BLOCKS_MAX = 65536,
};

enum image_delivery { DELIVERY_GWI = 0, DELIVERY_PAYLOAD = 1 };

/* Spans borrow from the manifest's bytes. */
struct image_manifest {
    uint8_t vendor_id[MANIFEST_ID_LEN];
    uint8_t class_id[MANIFEST_ID_LEN];
    uint8_t component;   /* part of the device: 0 application, 1.. the maker's */
    uint32_t sequence;   /* 1.. */
    struct span version; /* UTF-8, 1..32 bytes, for people */
    uint32_t image_size; /* bytes as installed */
    uint8_t image_digest[SHA256_LEN];
    uint32_t payload_size; /* bytes as transported; = image_size while encoding is reserved */
    uint32_t block_size;   /* bytes, power of two */
    uint32_t block_count;  /* ceil(payload_size / block_size), 1..65536 */
    uint8_t table_digest[SHA256_LEN];
    bool has_hardware;
    uint16_t hardware_min, hardware_max;
    struct span serials;  /* contents of [1], walk with manifest_next_*(); len 0 = absent */
    struct span requires; /* contents of [2] */
    struct span bus_ids;  /* contents of [6] */
    enum image_delivery delivery;
    uint32_t floor; /* lowest sequence allowed once confirmed; default = sequence */
    bool has_link_address;
    uint32_t link_address;
};

/* Parse exactly `content`, which signed_open() has authenticated. Every field is range-checked, the
 * lists too. On a defect `out` is zeroed. */
VERIFY_MUST_USE enum verify_result image_manifest_parse(struct image_manifest *out,
                                                        struct span content);

/* Walk a list: `list` starts as a copy of the manifest's span and shrinks; false at its end. */
bool manifest_next_serial(struct span *list, struct span *serial);
bool manifest_next_bus_id(struct span *list, struct span *bus_id);
bool manifest_next_requirement(struct span *list, uint8_t *component, uint32_t *min_sequence);

/* Does the image's hardware range and serial list permit this device? VERIFY_OK,
 * VERIFY_FOR_OTHER_HARDWARE or VERIFY_FOR_OTHER_SERIAL. */
VERIFY_MUST_USE enum verify_result image_manifest_fits(const struct image_manifest *m,
                                                       uint16_t hardware, struct span serial);

/* Length of block `index`: block_size, or less for the last. */
uint32_t image_block_len(const struct image_manifest *m, uint32_t index);

/* Is `bytes` block `index` of the payload, as `table` says? The table is block_count x 32 bytes and
 * image_table_check() has passed on it. VERIFY_OK or VERIFY_BLOCK_DIGEST. */
VERIFY_MUST_USE enum verify_result image_block_check(const struct image_manifest *m,
                                                     const uint8_t *table, uint32_t index,
                                                     const uint8_t *bytes, size_t len);

/* Is `table` (block_count x 32 bytes) the one that was signed? VERIFY_OK or VERIFY_TABLE_DIGEST. */
VERIFY_MUST_USE enum verify_result image_table_check(const struct image_manifest *m,
                                                     const uint8_t *table, size_t len);

#endif
