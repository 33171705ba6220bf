/* Payload digest: reads a whole payload once as it passes: imageDigest, and MCUboot's own hash.
 *
 * For delivery payload, where no verifier of ours stands at the other end.
 */
#ifndef GATEWAYD_PAYLOAD_DIGEST_H
#define GATEWAYD_PAYLOAD_DIGEST_H

#include "manifest.h"
#include "mcuboot.h"

struct payload_digest;

/* NULL: no memory. `manifest` must outlive it. */
struct payload_digest *payload_digest_open(const struct image_manifest *manifest);
void payload_digest_close(struct payload_digest *d); /* NULL is fine */

/* The block that is next, and where the caller may put its bytes; no block is left = block_count.
 */
uint32_t payload_digest_next(const struct payload_digest *d);
uint8_t *payload_digest_block(struct payload_digest *d);

/* The block in payload_digest_block() has been checked: take it. */
void payload_digest_take(struct payload_digest *d);

/* The next bytes of the payload, in pieces of any size; each block is checked against `table`
 * before it is taken. False: block payload_digest_next() is not the signed one. */
bool payload_digest_feed(struct payload_digest *d, const uint8_t *table, const uint8_t *bytes,
                         size_t len);

/* All blocks were taken. False: the payload is not imageDigest's. */
bool payload_digest_finish(struct payload_digest *d, bool *has_hash,
                           uint8_t hash[MCUBOOT_HASH_LEN]);

#endif
