#include "host_referee.h"

#include <string.h>

void host_referee_watch(struct host_referee *r, const struct image_check *check)
{
    *r = (struct host_referee){ .watched = check };
}

bool host_referee_permits_slot(struct host_referee *r)
{
    const struct image_check *c = r->watched;
    struct signed_object object;
    uint8_t digest[SHA256_LEN];

    if (!c || c->cms_len == 0 || c->cms_len > c->buffers.cms_cap) {
        return false;
    }
    sha256_of(digest, c->buffers.cms, c->cms_len);
    if (r->is_known && memcmp(digest, r->cms_digest, sizeof digest) == 0) {
        return true;
    }
    r->is_known = signed_open(&object, (struct span){ c->buffers.cms, c->cms_len },
                              SIGNED_IMAGE_MANIFEST, c->trust) == VERIFY_OK &&
                  image_manifest_parse(&r->manifest, object.content) == VERIFY_OK;
    memcpy(r->cms_digest, digest, sizeof digest);
    return r->is_known;
}

bool host_referee_permits_payload(struct host_referee *r, uint32_t offset, const uint8_t *bytes,
                                  size_t len)
{
    const struct image_manifest *m = &r->manifest;

    if (!host_referee_permits_slot(r) || offset % m->block_size != 0 ||
        offset / m->block_size >= m->block_count) {
        return false;
    }
    uint32_t index = offset / m->block_size, block_len = image_block_len(m, index);
    const uint8_t *table = r->watched->buffers.table;

    return len >= block_len &&
           image_table_check(m, table, (size_t)m->block_count * SHA256_LEN) == VERIFY_OK &&
           image_block_check(m, table, index, bytes, block_len) == VERIFY_OK;
}
