/* image_manifest_parse(): what it accepts is in range, field by field and list by list. */
#include <stdlib.h>
#include <string.h>

#include "manifest.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void must(bool condition)
{
    if (!condition) {
        abort();
    }
}

static void check_lists(const struct image_manifest *m)
{
    struct span list, item;
    unsigned count = 0;
    uint8_t component;
    uint32_t min_sequence;

    for (list = m->serials; manifest_next_serial(&list, &item); count++) {
        must(item.len >= 1 && item.len <= MANIFEST_SERIAL_MAX);
    }
    must(count <= MANIFEST_SERIALS_MAX && list.len == 0);
    count = 0;
    for (list = m->bus_ids; manifest_next_bus_id(&list, &item); count++) {
        must(item.len >= 1 && item.len <= MANIFEST_BUS_ID_MAX);
    }
    must(count <= MANIFEST_BUS_IDS_MAX && list.len == 0);
    count = 0;
    for (list = m->requires; manifest_next_requirement(&list, &component, &min_sequence); count++) {
    }
    must(count <= MANIFEST_REQUIRES_MAX && list.len == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static const struct image_manifest zero;
    struct image_manifest m;
    uint64_t sum = 0;

    if (image_manifest_parse(&m, (struct span){ bytes, len }) != VERIFY_OK) {
        must(memcmp(&m, &zero, sizeof zero) == 0);
        return 0;
    }
    must(m.sequence >= 1 && m.floor <= m.sequence && m.hardware_min <= m.hardware_max);
    must(m.version.len >= 1 && m.version.len <= MANIFEST_VERSION_MAX);
    must(m.block_count >= 1 && m.block_count <= MANIFEST_BLOCKS_MAX);
    for (uint32_t i = 0; i < m.block_count; i++) {
        must(image_block_len(&m, i) >= 1 && image_block_len(&m, i) <= m.block_size);
        sum += image_block_len(&m, i);
    }
    must(sum == m.payload_size && image_block_len(&m, m.block_count) == 0);
    check_lists(&m);
    must(image_manifest_fits(&m, 0, (struct span){ bytes, 1 }) != VERIFY_NOT_CHECKED);
    return 0;
}
