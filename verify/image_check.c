#include "image_check.h"

#include <string.h>

/* PART_DONE_BLOCK: the block was handed out, the caller has not fed again yet. */
enum { PART_CMS, PART_TABLE, PART_BLOCK, PART_DONE_BLOCK, PART_END };

void image_check_begin(struct image_check *c, const struct image_check_buffers *buffers,
                       const struct verify_trust *trust)
{
    memset(c, 0, sizeof *c);
    c->buffers = *buffers;
    c->trust = trust;
}

static size_t table_len(const struct image_check *c)
{
    return (size_t)c->manifest.block_count * SHA256_LEN;
}

/* Move bytes into `buffer` until it holds `want` of them. */
static bool fill(struct image_check *c, uint8_t *buffer, size_t want, struct span *input)
{
    size_t missing = want - c->filled, take = input->len < missing ? input->len : missing;

    if (take > 0) {
        memcpy(buffer + c->filled, input->at, take);
        c->filled += take;
        input->at += take;
        input->len -= take;
    }
    return c->filled == want;
}

/* Byte by byte until the outer header says how long the object is. VERIFY_NOT_CHECKED: more bytes
 * are needed. */
static enum verify_result learn_cms_len(struct image_check *c, struct span *input)
{
    enum verify_result result;
    size_t len;

    for (;;) {
        result = signed_length(&len, (struct span){ c->buffers.cms, c->filled });
        if (result != VERIFY_NOT_CHECKED || !fill(c, c->buffers.cms, c->filled + 1, input)) {
            break;
        }
    }
    if (result == VERIFY_OK && len > c->buffers.cms_cap) {
        return VERIFY_TOO_LARGE;
    }
    c->cms_len = len;
    return result;
}

static enum verify_result open_manifest(struct signed_object *object,
                                        struct image_manifest *manifest, struct span cms,
                                        const struct verify_trust *trust)
{
    enum verify_result result = signed_open(object, cms, SIGNED_IMAGE_MANIFEST, trust);

    return result == VERIFY_OK ? image_manifest_parse(manifest, object->content) : result;
}

static void next_part(struct image_check *c, uint8_t part)
{
    c->part = part;
    c->filled = 0;
}

static enum verify_result feed_cms(struct image_check *c, struct span *input,
                                   enum image_check_event *event)
{
    if (c->cms_len == 0) {
        enum verify_result result = learn_cms_len(c, input);

        if (result != VERIFY_OK) {
            return result == VERIFY_NOT_CHECKED ? VERIFY_OK : result;
        }
    }
    if (!fill(c, c->buffers.cms, c->cms_len, input)) {
        return VERIFY_OK;
    }
    enum verify_result result = open_manifest(
        &c->object, &c->manifest, (struct span){ c->buffers.cms, c->cms_len }, c->trust);

    if (result != VERIFY_OK) {
        return result;
    }
    if (table_len(c) > c->buffers.table_cap || c->manifest.block_size > c->buffers.block_cap) {
        return VERIFY_TABLE_TOO_LARGE;
    }
    next_part(c, PART_TABLE);
    *event = CHECK_MANIFEST;
    return VERIFY_OK;
}

static enum verify_result feed_table(struct image_check *c, struct span *input,
                                     enum image_check_event *event)
{
    if (!fill(c, c->buffers.table, table_len(c), input)) {
        return VERIFY_OK;
    }
    enum verify_result result = image_table_check(&c->manifest, c->buffers.table, table_len(c));

    if (result == VERIFY_OK) {
        next_part(c, PART_BLOCK);
        *event = CHECK_TABLE;
    }
    return result;
}

static enum verify_result feed_block(struct image_check *c, struct span *input,
                                     enum image_check_event *event)
{
    uint32_t len = image_block_len(&c->manifest, c->block_index);

    if (!fill(c, c->buffers.block, len, input)) {
        return VERIFY_OK;
    }
    enum verify_result result = image_block_check(&c->manifest, c->buffers.table, c->block_index,
                                                  c->buffers.block, len);

    if (result == VERIFY_OK) {
        c->block_len = len;
        next_part(c, PART_DONE_BLOCK);
        *event = CHECK_BLOCK;
    }
    return result;
}

enum verify_result image_check_feed(struct image_check *c, const uint8_t *bytes, size_t len,
                                    size_t *used, enum image_check_event *event)
{
    struct span input = { bytes, len };
    enum verify_result result = VERIFY_NOT_CHECKED;

    *event = CHECK_MORE;
    if (c->part == PART_DONE_BLOCK) {
        image_check_seek(c, c->block_index + 1);
    }
    switch (c->part) {
    case PART_CMS:
        result = feed_cms(c, &input, event);
        break;
    case PART_TABLE:
        result = feed_table(c, &input, event);
        break;
    case PART_BLOCK:
        result = feed_block(c, &input, event);
        break;
    case PART_END:
        *event = CHECK_COMPLETE;
        result = len == 0 ? VERIFY_OK : VERIFY_STREAM_LENGTH;
        break;
    }
    *used = len - input.len;
    return result;
}

void image_check_rewind(struct image_check *c)
{
    c->filled = 0;
    if (c->part == PART_DONE_BLOCK) {
        c->part = PART_BLOCK;
    }
    if (c->part == PART_CMS) {
        c->cms_len = 0;
    }
}

void image_check_seek(struct image_check *c, uint32_t index)
{
    c->block_index = index;
    c->block_len = 0;
    next_part(c, index < c->manifest.block_count ? PART_BLOCK : PART_END);
}

uint64_t image_check_offset(const struct image_check *c)
{
    uint64_t blocks = (uint64_t)c->cms_len + table_len(c);

    switch (c->part) {
    case PART_CMS:
        return c->filled;
    case PART_TABLE:
        return (uint64_t)c->cms_len + c->filled;
    case PART_BLOCK:
        return blocks + (uint64_t)c->block_index * c->manifest.block_size + c->filled;
    case PART_DONE_BLOCK:
        return blocks + (uint64_t)c->block_index * c->manifest.block_size + c->block_len;
    default:
        return blocks + c->manifest.payload_size;
    }
}

static enum verify_result check_installed(const struct image_manifest *m, image_read read,
                                          void *context, uint8_t *scratch, size_t scratch_len)
{
    uint8_t digest[SHA256_LEN];
    struct sha256 s;
    bool is_read = scratch_len > 0;

    sha256_begin(&s);
    for (uint32_t at = 0; is_read && at < m->image_size;) {
        uint32_t left = m->image_size - at;
        uint32_t len = left < scratch_len ? left : (uint32_t)scratch_len;

        is_read = read(context, at, scratch, len);
        if (is_read) {
            sha256_feed(&s, scratch, len);
        }
        at += len;
    }
    sha256_finish(&s, digest);
    return is_read && memcmp(digest, m->image_digest, SHA256_LEN) == 0 ? VERIFY_OK
                                                                       : VERIFY_IMAGE_DIGEST;
}

enum verify_result image_check_finish(struct span cms, const struct verify_trust *trust,
                                      image_read read, void *context, uint8_t *scratch,
                                      size_t scratch_len)
{
    struct signed_object object;
    struct image_manifest manifest;
    enum verify_result result = open_manifest(&object, &manifest, cms, trust);

    if (result != VERIFY_OK) {
        return result;
    }
    return check_installed(&manifest, read, context, scratch, scratch_len);
}
