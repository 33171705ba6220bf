/* Slot: what lies in one slot of the flash.
 *
 *   offset                                                             offset + size
 *   | payload, from the first byte ... (slot_capacity bytes) | head | CMS | free |
 *                                                            ^ whole sectors
 *
 * The head (docs/SPEC, Slot head) names the image and keeps what the bootloader and status need
 * without parsing the CMS. Head and CMS are written once, after the first round, before the first
 * payload byte. No globals, no heap.
 */
#ifndef SUBDEVICE_SLOT_H
#define SUBDEVICE_SLOT_H

#include "manifest.h"
#include "port.h"

enum { SLOT_HEAD_LEN = 128 };

struct slot_head {
    uint8_t identity[SHA256_LEN]; /* of the image manifest */
    uint8_t image_digest[SHA256_LEN];
    uint32_t image_size;
    uint32_t block_size;
    uint32_t sequence;
    uint32_t floor; /* what the component's floor becomes when this image is confirmed */
    uint32_t cms_len;
    uint8_t version_len;
    uint8_t version[MANIFEST_VERSION_MAX];
};

/* Bytes of payload that slot `index` can hold. */
uint32_t slot_capacity(const struct port_geometry *g, uint8_t index);

/* Erase the sectors of head and CMS and write both. `cms` is <= cms_max bytes. */
bool slot_write_head(struct port *p, uint8_t index, const struct slot_head *head,
                     const uint8_t *cms);

/* False: the flash failed, or no whole head lies there; then *head is zeroed. */
bool slot_read_head(struct port *p, uint8_t index, struct slot_head *head);

/* Read the CMS that belongs to `head` into `cms`, which holds `cap` bytes. */
bool slot_read_cms(struct port *p, uint8_t index, const struct slot_head *head, uint8_t *cms,
                   size_t cap);

/* Erase the sectors that hold bytes `from` <= at < `to` of the slot. */
bool slot_erase(struct port *p, uint8_t index, uint32_t from, uint32_t to);

/* Program `len` payload bytes at `offset` of slot `index`; offset is a multiple of program_size, a
 * last odd piece is filled up with 0xff. */
bool slot_program(struct port *p, uint8_t index, uint32_t offset, const uint8_t *bytes, size_t len);

/* Is SHA-256 over the image's installed bytes the head's digest? Reads through `scratch`.
 * VERIFY_IMAGE_DIGEST: it is not; VERIFY_NOT_CHECKED: the flash failed. */
VERIFY_MUST_USE enum verify_result slot_check_digest(struct port *p, uint8_t index,
                                                     const struct slot_head *head, uint8_t *scratch,
                                                     size_t scratch_len);

/* An image_read (image_check.h) over one slot. */
struct slot_reader {
    struct port *port;
    uint8_t index;
};
bool slot_read_image(void *slot_reader, uint32_t offset, uint8_t *bytes, size_t len);

#endif
