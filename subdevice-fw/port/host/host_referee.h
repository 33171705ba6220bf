/* Referee: judges each flash operation of a simulated device by the signed truth, not by what the
 * firmware believes.
 *
 * It looks at the CMS and the block table in the memory of the running updater, authenticates both
 * by itself, and says whether a slot may be touched at all and whether these payload bytes are
 * those that were signed. It finds an updater that skips a check, not one that lies about its
 * memory.
 */
#ifndef HOST_REFEREE_H
#define HOST_REFEREE_H

#include "image_check.h"

struct host_referee {
    const struct image_check *watched; /* of the running updater; NULL = none runs */
    bool is_known;                     /* the two below belong to the last CMS that passed */
    uint8_t cms_digest[SHA256_LEN];
    struct image_manifest manifest; /* numbers and digests only: its spans are stale */
};

/* From now on `check` is the one that must have authenticated what is written. */
void host_referee_watch(struct host_referee *r, const struct image_check *check);

/* Is a signed manifest in memory that permits to touch a slot? */
bool host_referee_permits_slot(struct host_referee *r);

/* Are these the signed bytes for this place of the payload, by the signed table? `len` may be
 * filled up beyond the last block. */
bool host_referee_permits_payload(struct host_referee *r, uint32_t offset, const uint8_t *bytes,
                                  size_t len);

#endif
