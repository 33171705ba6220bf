/* Admission: may this image, whose manifest has been authenticated, come onto this device?
 *
 * The device's half of the first round; nothing is erased before it has passed. Each rule has its
 * own verify_result (docs/SPEC, Verify results 130..142). Reads the log and slot heads; no writes.
 */
#ifndef SUBDEVICE_ADMIT_H
#define SUBDEVICE_ADMIT_H

#include "image_check.h"
#include "slotlog.h"

/* Who the device is. */
struct device_identity {
    uint8_t vendor_id[MANIFEST_ID_LEN]; /* RFC 9124 */
    uint8_t class_id[MANIFEST_ID_LEN];
    uint16_t hardware; /* revision */
    uint8_t serial[MANIFEST_SERIAL_MAX];
    uint8_t serial_len; /* 0 = has none; then images with a serial list are refused */
};

/* Is the image for this device, and new enough? VERIFY_OK or the first rule broken. */
VERIFY_MUST_USE enum verify_result admit_image(const struct device_identity *who,
                                               const struct slotlog *log,
                                               const struct image_manifest *m,
                                               const uint8_t identity[SHA256_LEN]);

/* Does it fit slot `index`? VERIFY_OK or the first limit exceeded. (Table and block size against
 * the device's buffers: image_check_feed().) */
VERIFY_MUST_USE enum verify_result admit_slot(const struct port_geometry *g, uint8_t index,
                                              const struct image_manifest *m);

#endif
