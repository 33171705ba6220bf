#include "slot.h"

#include <string.h>

#include "cursor.h"
#include "flash_record.h"

static const uint8_t head_magic[4] = { 'G', 'W', 'S', 'H' };

enum { HEAD_FORMAT = 1 };

uint32_t slot_capacity(const struct port_geometry *g, uint8_t index)
{
    uint32_t trailer = SLOT_HEAD_LEN + g->cms_max + g->sector_size - 1;

    return g->slots[index].size - (trailer & ~(g->sector_size - 1));
}

static uint32_t head_offset(const struct port_geometry *g, uint8_t index)
{
    return g->slots[index].offset + slot_capacity(g, index);
}

static void pack_head(uint8_t bytes[SLOT_HEAD_LEN], const struct slot_head *head)
{
    memset(bytes, 0, SLOT_HEAD_LEN);
    memcpy(bytes, head_magic, sizeof head_magic);
    bytes[4] = HEAD_FORMAT;
    bytes[5] = head->version_len;
    memcpy(bytes + 8, head->identity, SHA256_LEN);
    memcpy(bytes + 40, head->image_digest, SHA256_LEN);
    put_u32(bytes + 72, head->image_size);
    put_u32(bytes + 76, head->block_size);
    put_u32(bytes + 80, head->sequence);
    put_u32(bytes + 84, head->floor);
    put_u32(bytes + 88, head->cms_len);
    memcpy(bytes + 92, head->version, head->version_len);
    flash_record_seal(bytes, SLOT_HEAD_LEN);
}

static bool unpack_head(struct slot_head *head, const uint8_t bytes[SLOT_HEAD_LEN])
{
    struct cursor c = cursor_over(bytes + 72, SLOT_HEAD_LEN - 72);

    if (!flash_record_is_whole(bytes, SLOT_HEAD_LEN) ||
        memcmp(bytes, head_magic, sizeof head_magic) != 0 || bytes[4] != HEAD_FORMAT ||
        bytes[5] > MANIFEST_VERSION_MAX) {
        return false;
    }
    memcpy(head->identity, bytes + 8, SHA256_LEN);
    memcpy(head->image_digest, bytes + 40, SHA256_LEN);
    head->image_size = take_u32(&c);
    head->block_size = take_u32(&c);
    head->sequence = take_u32(&c);
    head->floor = take_u32(&c);
    head->cms_len = take_u32(&c);
    head->version_len = bytes[5];
    memcpy(head->version, bytes + 92, MANIFEST_VERSION_MAX);
    return true;
}

/* Program whole granules, and the rest filled up with 0xff. */
static bool program_padded(struct port *p, uint32_t offset, const uint8_t *bytes, size_t len)
{
    size_t granule = p->geometry.program_size, whole = len & ~(granule - 1);
    uint8_t last[PORT_PROGRAM_MAX];

    p->ops->kick(p);
    if (whole && !p->ops->program(p, offset, bytes, whole)) {
        return false;
    }
    if (whole == len) {
        return true;
    }
    memset(last, 0xff, sizeof last);
    memcpy(last, bytes + whole, len - whole);
    return p->ops->program(p, offset + (uint32_t)whole, last, granule);
}

bool slot_erase(struct port *p, uint8_t index, uint32_t from, uint32_t to)
{
    const struct port_geometry *g = &p->geometry;
    uint32_t mask = g->sector_size - 1;

    for (uint32_t at = from & ~mask; at < to; at += g->sector_size) {
        p->ops->kick(p);
        if (!p->ops->erase(p, g->slots[index].offset + at)) {
            return false;
        }
    }
    return true;
}

/* The head is written last: where a whole head lies, the CMS is whole too. */
bool slot_write_head(struct port *p, uint8_t index, const struct slot_head *head,
                     const uint8_t *cms)
{
    const struct port_geometry *g = &p->geometry;
    uint32_t offset = head_offset(g, index);
    uint8_t bytes[SLOT_HEAD_LEN];

    pack_head(bytes, head);
    return slot_erase(p, index, slot_capacity(g, index),
                      slot_capacity(g, index) + SLOT_HEAD_LEN + g->cms_max) &&
           program_padded(p, offset + SLOT_HEAD_LEN, cms, head->cms_len) &&
           program_padded(p, offset, bytes, sizeof bytes);
}

bool slot_read_head(struct port *p, uint8_t index, struct slot_head *head)
{
    const struct port_geometry *g = &p->geometry;
    uint8_t bytes[SLOT_HEAD_LEN];

    memset(head, 0, sizeof *head);
    if (!p->ops->read(p, head_offset(g, index), bytes, sizeof bytes) || !unpack_head(head, bytes) ||
        head->cms_len > g->cms_max || head->image_size > slot_capacity(g, index)) {
        memset(head, 0, sizeof *head);
        return false;
    }
    return true;
}

bool slot_read_cms(struct port *p, uint8_t index, const struct slot_head *head, uint8_t *cms,
                   size_t cap)
{
    return head->cms_len <= cap &&
           p->ops->read(p, head_offset(&p->geometry, index) + SLOT_HEAD_LEN, cms, head->cms_len);
}

bool slot_program(struct port *p, uint8_t index, uint32_t offset, const uint8_t *bytes, size_t len)
{
    return program_padded(p, p->geometry.slots[index].offset + offset, bytes, len);
}

bool slot_read_image(void *slot_reader, uint32_t offset, uint8_t *bytes, size_t len)
{
    const struct slot_reader *reader = slot_reader;
    struct port *p = reader->port;

    p->ops->kick(p);
    return p->ops->read(p, p->geometry.slots[reader->index].offset + offset, bytes, len);
}

enum verify_result slot_check_digest(struct port *p, uint8_t index, const struct slot_head *head,
                                     uint8_t *scratch, size_t scratch_len)
{
    struct slot_reader reader = { .port = p, .index = index };
    uint8_t digest[SHA256_LEN];
    struct sha256 sha;
    size_t n;

    sha256_begin(&sha);
    for (uint32_t at = 0; at < head->image_size; at += (uint32_t)n) {
        n = head->image_size - at < scratch_len ? head->image_size - at : scratch_len;
        if (!slot_read_image(&reader, at, scratch, n)) {
            return VERIFY_NOT_CHECKED;
        }
        sha256_feed(&sha, scratch, n);
    }
    sha256_finish(&sha, digest);
    return memcmp(digest, head->image_digest, SHA256_LEN) == 0 ? VERIFY_OK : VERIFY_IMAGE_DIGEST;
}
