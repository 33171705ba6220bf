/* Images: makes the bytes of accepted images ready, and hands them to the routers.
 *
 * A prepared image has a handle; routers ask for ranges of its stream by handle on their image
 * channel (docs/SPEC 7). Cached: the whole payload is brought into the cache first. Streamed: the
 * table is held in memory, and each channel has a window of at most 128 KiB that is filled behind
 * the router's reads. Either way every block is checked against the signed table before a byte of
 * it leaves. The stream is the .gwi (CMS | table | payload), or with delivery payload the payload
 * alone; then ready() also means that imageDigest was right.
 * Callbacks come from the loop, never from inside images_prepare().
 */
#ifndef GATEWAYD_IMAGES_H
#define GATEWAYD_IMAGES_H

#include <stdbool.h>
#include <stdint.h>

#include <uv.h>

#include "config.h"
#include "err.h"
#include "manifest.h"

struct cache;
struct images;
struct image_channel;
struct log_sink;
struct source;

/* An image of an accepted package. Everything but the source is copied. */
struct image_spec {
    uint8_t identity[SHA256_LEN];
    struct span cms; /* the whole CMS object as it stands in the package */
    const struct image_manifest *manifest;
    enum config_mode mode; /* auto: streamed when the cache has no room */
    struct source *source; /* of the package; NULL: only what is in the cache can serve */
    uint64_t offset;       /* of the .gwi in the source */
};

/* What io.gatewayd.Router.Image says of it beyond the manifest. */
struct image_facts {
    uint64_t handle;
    enum config_mode mode; /* cached or streamed */
    bool payload_only;
    uint64_t size;                  /* bytes of the stream */
    uint32_t cms_size;              /* bytes of its leading CMS; 0 when payload_only */
    uint8_t token[SHA256_LEN];      /* SHA-256 of the CMS, or imageDigest */
    bool has_state_hash;            /* delivery payload, and the payload is an MCUboot image: */
    uint8_t state_hash[SHA256_LEN]; /* its SHA-256 TLV */
};

struct image_events {
    /* Routers may read now. */
    void (*ready)(void *ctx, const struct image_facts *facts);
    /* It cannot be had; reads are answered with the same code. May come after ready() too. The
     * handle must still be released. GW_CONTENT_DAMAGED, GW_CACHE_FULL, GW_CACHE, GW_SOURCE_*;
     * GW_SOURCE_GONE: not in the cache, and there is no source. */
    void (*failed)(void *ctx, uint64_t handle, const struct gw_error *error);
    /* Bytes of the payload that are in the cache; at most one a turn of the loop. */
    void (*progress)(void *ctx, uint64_t handle, uint64_t done, uint64_t total);
};

struct images_config {
    uv_loop_t *loop;
    struct cache *cache; /* borrowed; NULL: streamed only */
    struct log_sink *log;
};

MUST_USE enum gw_err images_open(struct images **out, const struct images_config *config);

/* Releases every image and closes every channel without callbacks. NULL is fine. */
void images_close(struct images *images);

/* Begin to make it ready. Returns its handle, never 0. The source must live until the release. */
uint64_t images_prepare(struct images *images, const struct image_spec *spec,
                        const struct image_events *events, void *ctx);

/* Stop, forget. What is in the cache stays there. Reads of this handle are refused from now on. */
void images_release(struct images *images, uint64_t handle);

/* While it is pinned, an image that is in the cache is not evicted: for each one that a live job
 * may need. Pins count. */
void images_pin(struct images *images, const uint8_t identity[SHA256_LEN], bool on);

/* Serve reads on `fd`, the core's end of a SOCK_SEQPACKET pair, which becomes the channel's. GW_OK,
 * GW_IO. When the peer closes it the channel falls silent until image_channel_close(). */
MUST_USE enum gw_err image_channel_open(struct image_channel **out, struct images *images, int fd);
void image_channel_close(struct image_channel *channel); /* NULL is fine */

#endif
