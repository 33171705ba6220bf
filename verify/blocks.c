#include <string.h>

#include "manifest.h"

uint32_t image_block_len(const struct image_manifest *m, uint32_t index)
{
    if (index >= m->block_count) {
        return 0;
    }
    uint32_t rest = m->payload_size - index * m->block_size;

    return rest < m->block_size ? rest : m->block_size;
}

static bool has_digest(const uint8_t *bytes, size_t len, const uint8_t want[SHA256_LEN])
{
    uint8_t digest[SHA256_LEN];

    sha256_of(digest, bytes, len);
    return memcmp(digest, want, SHA256_LEN) == 0;
}

enum verify_result image_block_check(const struct image_manifest *m, const uint8_t *table,
                                     uint32_t index, const uint8_t *bytes, size_t len)
{
    if (index >= m->block_count || len != image_block_len(m, index)) {
        return VERIFY_BLOCK_DIGEST;
    }
    return has_digest(bytes, len, table + (size_t)index * SHA256_LEN) ? VERIFY_OK
                                                                      : VERIFY_BLOCK_DIGEST;
}

enum verify_result image_table_check(const struct image_manifest *m, const uint8_t *table,
                                     size_t len)
{
    if (len != (size_t)m->block_count * SHA256_LEN) {
        return VERIFY_TABLE_DIGEST;
    }
    return has_digest(table, len, m->table_digest) ? VERIFY_OK : VERIFY_TABLE_DIGEST;
}
