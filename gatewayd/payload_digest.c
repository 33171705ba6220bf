#include "payload_digest.h"

#include <stdlib.h>
#include <string.h>

struct payload_digest {
    const struct image_manifest *manifest;
    struct sha256 sha;
    struct mcuboot_scan mcuboot;
    uint32_t next;
    size_t filled; /* bytes of block `next` that are there */
    uint8_t block[];
};

struct payload_digest *payload_digest_open(const struct image_manifest *manifest)
{
    struct payload_digest *d = calloc(1, sizeof *d + manifest->block_size);

    if (d) {
        d->manifest = manifest;
        sha256_begin(&d->sha);
    }
    return d;
}

void payload_digest_close(struct payload_digest *d)
{
    free(d);
}

uint32_t payload_digest_next(const struct payload_digest *d)
{
    return d->next;
}

uint8_t *payload_digest_block(struct payload_digest *d)
{
    return d->block;
}

void payload_digest_take(struct payload_digest *d)
{
    size_t len = image_block_len(d->manifest, d->next);

    sha256_feed(&d->sha, d->block, len);
    mcuboot_scan_feed(&d->mcuboot, d->block, len);
    d->next++;
    d->filled = 0;
}

bool payload_digest_feed(struct payload_digest *d, const uint8_t *table, const uint8_t *bytes,
                         size_t len)
{
    while (len > 0 && d->next < d->manifest->block_count) {
        size_t block_len = image_block_len(d->manifest, d->next);
        size_t n = len < block_len - d->filled ? len : block_len - d->filled;

        memcpy(d->block + d->filled, bytes, n);
        d->filled += n;
        bytes += n;
        len -= n;
        if (d->filled < block_len) {
            break;
        }
        if (image_block_check(d->manifest, table, d->next, d->block, block_len) != VERIFY_OK) {
            return false;
        }
        payload_digest_take(d);
    }
    return true;
}

bool payload_digest_finish(struct payload_digest *d, bool *has_hash, uint8_t hash[MCUBOOT_HASH_LEN])
{
    uint8_t digest[SHA256_LEN];

    sha256_finish(&d->sha, digest);
    *has_hash = mcuboot_scan_hash(&d->mcuboot, hash);
    return memcmp(digest, d->manifest->image_digest, SHA256_LEN) == 0;
}
