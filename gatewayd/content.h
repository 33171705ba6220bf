/* Content: table and payload of one image, made ready to be read block by block.
 *
 * Cached: the table is fetched and checked, then the payload goes into the cache in one long read
 * behind what is there already. Streamed: the table is held in memory, the payload stays where it
 * is. With delivery payload the whole payload is then read once more: imageDigest, and MCUboot's
 * own hash. A block that rots in the cache is noticed when it is read; the content then fetches
 * itself again while its readers wait. Handles (images.h) share one content for each identity.
 * Callbacks come from the loop, never from inside content_open().
 */
#ifndef GATEWAYD_CONTENT_H
#define GATEWAYD_CONTENT_H

#include "images.h"
#include "source.h"

struct content;

struct content_ops {
    /* More of the payload is in the cache, or the content has become ready (done = total). */
    void (*progress)(void *ctx, struct content *content, uint64_t done, uint64_t total);
    /* It cannot be had. Once, and nothing after it but closing. */
    void (*failed)(void *ctx, struct content *content, const struct gw_error *error);
};

struct content_config {
    uv_loop_t *loop;
    struct cache *cache; /* NULL: streamed only */
    struct log_sink *log;
    const struct content_ops *ops;
    void *ctx;
};

MUST_USE enum gw_err content_open(struct content **out, const struct content_config *config,
                                  const struct image_spec *spec);
void content_close(struct content *content);

const uint8_t *content_identity(const struct content *content);
const struct image_manifest *content_manifest(const struct content *content);

/* Where its bytes come from from now on; what was under way is begun again behind what is there. */
void content_set_source(struct content *content, struct source *source, uint64_t offset,
                        size_t cms_len);
bool content_uses(const struct content *content, const struct source *source);

/* If it is ready: progress() once more, at the next turn of the loop. */
void content_tell(struct content *content);

bool content_is_ready(const struct content *content);
bool content_is_streamed(const struct content *content);
const struct gw_error *content_error(const struct content *content); /* err GW_OK: none */

/* Ready: MCUboot's hash of the payload; false = none. */
bool content_state_hash(const struct content *content, uint8_t hash[SHA256_LEN]);

/* The signed block table, block_count x 32 bytes; NULL while it is fetched. */
const uint8_t *content_table(const struct content *content);

/* Cached: block `index` into `block`, checked now. GW_OK; GW_TIMEOUT: it is being fetched again,
 * progress() comes; else why it failed. */
MUST_USE enum gw_err content_read_block(struct content *content, uint32_t index, uint8_t *block);

/* Streamed: read payload bytes from the source; NULL: there is none. */
struct source_read *content_read_source(struct content *content, uint64_t payload_offset,
                                        uint64_t len, const struct source_events *events,
                                        void *ctx);
void content_cancel_source(struct content *content, struct source_read *read);

#endif
