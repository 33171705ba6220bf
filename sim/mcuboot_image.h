/* MCUboot image: the header and trailer that a stock bootloader looks at (MCUboot design, Image
 * format). All integers little-endian.
 */
#ifndef SIM_MCUBOOT_IMAGE_H
#define SIM_MCUBOOT_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MCUBOOT_MAGIC     0x96f3b83du
#define MCUBOOT_TLV_MAGIC 0x6907u

enum { MCUBOOT_HEADER_LEN = 32, MCUBOOT_HASH_LEN = 32, MCUBOOT_TLV_SHA256 = 0x10 };

struct mcuboot_image {
    uint8_t hash[MCUBOOT_HASH_LEN]; /* of the SHA-256 TLV */
    char version[33];               /* "major.minor.revision[.build]" */
    uint32_t hashed_len;            /* bytes that the hash covers */
};

/* Does a header start here? */
bool mcuboot_is_header(const uint8_t *bytes, size_t len);

/* Read header and TLVs, and check the hash over the image. False: it is no whole, right image. */
bool mcuboot_image_check(struct mcuboot_image *out, const uint8_t *bytes, size_t len);

#endif
