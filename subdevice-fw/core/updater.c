#include "updater.h"

#include <string.h>

#include "slots.h"

void updater_init(struct updater *u, const struct updater_config *config)
{
    memset(u, 0, sizeof *u);
    u->config = *config;
    if (u->config.buffers.cms_cap > config->log->port->geometry.cms_max) {
        u->config.buffers.cms_cap = config->log->port->geometry.cms_max;
    }
}

void updater_begin(struct updater *u, uint64_t len)
{
    image_check_begin(&u->check, &u->config.buffers, u->config.trust);
    u->phase = UPDATER_RECEIVING;
    u->status = UPDATE_OK;
    u->reason = VERIFY_OK;
    u->stream_len = len;
}

uint64_t updater_offset(const struct updater *u)
{
    switch (u->phase) {
    case UPDATER_RECEIVING:
        return image_check_offset(&u->check);
    case UPDATER_COMPLETE:
        return u->stream_len;
    case UPDATER_IDLE:
    case UPDATER_FAILED:
        break;
    }
    return 0;
}

static enum update_status fail(struct updater *u, enum update_status status,
                               enum verify_result reason)
{
    u->phase = UPDATER_FAILED;
    u->status = status;
    u->reason = reason;
    return status;
}

static enum update_status refuse(struct updater *u, enum verify_result reason)
{
    return fail(u, UPDATE_REFUSED, reason);
}

static enum update_status flash_failed(struct updater *u)
{
    u->progress.is_known = false;
    return fail(u, UPDATE_FLASH, VERIFY_OK);
}

static enum update_status complete(struct updater *u)
{
    u->phase = UPDATER_COMPLETE;
    u->skips = true;
    return UPDATE_OK;
}

static bool note(struct updater *u, enum slot_event event, struct slot_record now)
{
    return slotlog_append(u->config.log, u->slot, event, &now, 0);
}

/* --- first round: where does it go? --- */

/* Give the slot to this image: from here on flash changes. */
static enum update_status open_slot(struct updater *u)
{
    const struct image_manifest *m = &u->check.manifest;
    struct port *p = u->config.log->port;
    struct slot_head head = {
        .image_size = m->image_size,
        .block_size = m->block_size,
        .sequence = m->sequence,
        .floor = m->floor,
        .cms_len = (uint32_t)u->check.cms_len,
        .version_len = (uint8_t)m->version.len,
    };

    memcpy(head.identity, u->check.object.identity, SHA256_LEN);
    memcpy(head.image_digest, m->image_digest, SHA256_LEN);
    memcpy(head.version, m->version.at, m->version.len);
    u->progress = (struct updater_progress){ .is_known = true, .slot = u->slot };
    if (u->config.log->slots[u->slot].phase != SLOT_PHASE_EMPTY &&
        !note(u, SLOT_EVENT_ERASED, (struct slot_record){ 0 })) {
        return flash_failed(u);
    }
    if (!slot_write_head(p, u->slot, &head, u->config.buffers.cms) ||
        !note(u, SLOT_EVENT_RECEIVING, (struct slot_record){ .sequence = m->sequence })) {
        return flash_failed(u);
    }
    return UPDATE_OK;
}

/* The partial image of this stream lies in u->slot. After a restart only whole sectors count; the
 * rest is erased again before it is programmed. */
static enum update_status resume_slot(struct updater *u)
{
    uint32_t durable = u->config.log->slots[u->slot].next_block;

    if (!u->progress.is_known || u->progress.slot != u->slot) {
        u->progress = (struct updater_progress){
            .is_known = true,
            .slot = u->slot,
            .next_block = durable,
            .erased_to = durable * u->check.manifest.block_size,
        };
    }
    return UPDATE_OK;
}

/* The device has this image already, whole or in part. */
static enum update_status meet_again(struct updater *u)
{
    const struct slot_record *slot = &u->config.log->slots[u->slot];

    switch (slot->phase) {
    case SLOT_PHASE_RECEIVING:
        return resume_slot(u);
    case SLOT_PHASE_STAGED:
    case SLOT_PHASE_PENDING:
    case SLOT_PHASE_TRIAL:
    case SLOT_PHASE_CONFIRMED:
        return complete(u);
    case SLOT_PHASE_REJECTED:
        return refuse(u,
                      VERIFY_REJECTED_BEFORE); /* it is here; only `activate` can want it again */
    case SLOT_PHASE_BROKEN:
    case SLOT_PHASE_EMPTY:
    case SLOT_PHASES:
        break;
    }
    return open_slot(u);
}

static bool stream_len_is_right(const struct updater *u)
{
    const struct image_manifest *m = &u->check.manifest;

    return u->stream_len ==
           u->check.cms_len + (uint64_t)m->block_count * SHA256_LEN + m->payload_size;
}

static enum update_status first_round(struct updater *u)
{
    const struct image_manifest *m = &u->check.manifest;
    const uint8_t *identity = u->check.object.identity;
    struct slotlog *log = u->config.log;
    enum verify_result verdict;
    uint8_t other;

    if (!stream_len_is_right(u)) {
        return refuse(u, VERIFY_STREAM_LENGTH);
    }
    verdict = admit_image(u->config.identity, log, m, identity);
    if (verdict != VERIFY_OK) {
        return refuse(u, verdict);
    }
    if (slots_find_image(log, m->component, identity, &u->slot)) {
        return meet_again(u);
    }
    if (slots_find_phase(log, m->component, SLOT_PHASE_TRIAL, &other)) {
        return fail(u, UPDATE_BUSY, VERIFY_OK);
    }
    if (!slots_find_spare(log, u->config.running, m->component, &u->slot)) {
        return fail(u, UPDATE_WRONG_STATE, VERIFY_OK);
    }
    verdict = admit_slot(&log->port->geometry, u->slot, m);
    return verdict == VERIFY_OK ? open_slot(u) : refuse(u, verdict);
}

/* --- blocks --- */

/* The second round reads everything back: what the bootloader will see is what is judged. */
static enum update_status second_round(struct updater *u)
{
    struct slotlog *log = u->config.log;
    const struct image_check_buffers *b = &u->config.buffers;
    struct slot_reader reader = { .port = log->port, .index = u->slot };
    struct slot_record now = log->slots[u->slot];
    enum verify_result verdict;
    struct slot_head head;

    u->progress.is_known = false;
    if (!slot_read_head(log->port, u->slot, &head) ||
        !slot_read_cms(log->port, u->slot, &head, b->cms, b->cms_cap)) {
        return flash_failed(u);
    }
    verdict = image_check_finish((struct span){ b->cms, head.cms_len }, u->config.trust,
                                 slot_read_image, &reader, b->block, b->block_cap);
    if (verdict != VERIFY_OK) {
        now.reason = (uint16_t)verdict;
        return note(u, SLOT_EVENT_REJECTED, now) ? refuse(u, verdict) : flash_failed(u);
    }
    return note(u, SLOT_EVENT_STAGED, now) ? complete(u) : flash_failed(u);
}

/* After the table: blocks that are in flash already are not wanted again. */
static enum update_status skip_known_blocks(struct updater *u)
{
    uint32_t next = u->progress.next_block;

    if (next == 0) {
        return UPDATE_OK;
    }
    u->skips = true;
    if (next >= u->check.manifest.block_count) {
        return second_round(u);
    }
    image_check_seek(&u->check, next);
    return UPDATE_OK;
}

static bool is_sector_border(const struct updater *u, uint32_t offset)
{
    return (offset & (u->config.log->port->geometry.sector_size - 1)) == 0;
}

/* Erases what lies ahead of the block, programs it, and notes progress at each sector border. */
static bool store_block(struct updater *u)
{
    struct port *p = u->config.log->port;
    struct updater_progress *progress = &u->progress;
    const struct image_manifest *m = &u->check.manifest;
    uint8_t *block = u->config.buffers.block;
    uint32_t offset = u->check.block_index * m->block_size;
    uint32_t granule = p->geometry.program_size;
    uint32_t len = (u->check.block_len + granule - 1) & ~(granule - 1);
    struct slot_record now = u->config.log->slots[u->slot];

    if (offset + len > progress->erased_to) {
        if (!slot_erase(p, u->slot, progress->erased_to, offset + len)) {
            return false;
        }
        progress->erased_to = (offset + len + p->geometry.sector_size - 1) &
                              ~(p->geometry.sector_size - 1);
    }
    memset(block + u->check.block_len, 0xff, len - u->check.block_len);
    if (!slot_program(p, u->slot, offset, block, len)) {
        return false;
    }
    progress->next_block = now.next_block = u->check.block_index + 1;
    return !is_sector_border(u, offset + len) || now.next_block == m->block_count ||
           note(u, SLOT_EVENT_PROGRESS, now);
}

/* --- the stream --- */

static enum update_status act(struct updater *u, enum image_check_event event)
{
    switch (event) {
    case CHECK_MANIFEST:
        return first_round(u);
    case CHECK_TABLE:
        return skip_known_blocks(u);
    case CHECK_BLOCK:
        return store_block(u) ? UPDATE_OK : flash_failed(u);
    case CHECK_COMPLETE:
        return second_round(u);
    case CHECK_MORE:
        break;
    }
    return UPDATE_OK;
}

enum update_status updater_feed(struct updater *u, const uint8_t *bytes, size_t len)
{
    enum image_check_event event = CHECK_MORE;
    enum update_status status = UPDATE_OK;

    if (u->phase != UPDATER_RECEIVING) {
        return u->phase == UPDATER_IDLE ? UPDATE_WRONG_STATE : u->status;
    }
    u->skips = false;
    while (status == UPDATE_OK && !u->skips && (len > 0 || event == CHECK_BLOCK)) {
        size_t used;
        enum verify_result result = image_check_feed(&u->check, bytes, len, &used, &event);

        if (result == VERIFY_TABLE_DIGEST || result == VERIFY_BLOCK_DIGEST) {
            image_check_rewind(&u->check);
            return UPDATE_REPEAT;
        }
        if (result != VERIFY_OK) {
            return refuse(u, result);
        }
        bytes += used;
        len -= used;
        status = act(u, event);
    }
    return status;
}
