/* Tier F alone: a whole signed image through the streaming check and the second round. */
#include <mbedtls/memory_buffer_alloc.h>

#include "board.h"
#include "image_check.h"

enum { ARENA_MAX = 8192, ARENA_STEP = 256, CMS_CAP = 4096, TABLE_CAP = 1024, BLOCK_CAP = 1024 };

static bool take_stream(struct image_check *check)
{
    enum image_check_event event = CHECK_MORE;
    const uint8_t *at = image_gwi;
    uint32_t blocks = 0;

    while (event != CHECK_COMPLETE) {
        size_t used;

        if (image_check_feed(check, at, (size_t)(image_gwi_end - at), &used, &event) != VERIFY_OK ||
            (event == CHECK_MORE && used == 0)) {
            return false;
        }
        at += used;
        blocks += event == CHECK_BLOCK;
    }
    return blocks == check->manifest.block_count;
}

static bool read_payload(void *payload, uint32_t offset, uint8_t *bytes, size_t len)
{
    const uint8_t *from = payload;

    for (size_t i = 0; i < len; i++) {
        bytes[i] = from[offset + i];
    }
    return true;
}

/* What firmware keeps in RAM for it. */
struct state {
    struct image_check check;
    struct cert anchor;
    struct verify_trust trust;
    uint8_t cms[CMS_CAP], table[TABLE_CAP], block[BLOCK_CAP];
};

static bool check_image(struct state *s)
{
    struct image_check_buffers buffers = {
        s->cms, CMS_CAP, s->table, TABLE_CAP, s->block, BLOCK_CAP
    };

    s->trust = (struct verify_trust){ .anchors = &s->anchor, .anchor_count = 1 };
    if (cert_parse(&s->anchor, (struct span){ image_root, (size_t)(image_root_end -
                                                                   image_root) }) != VERIFY_OK) {
        return false;
    }
    image_check_begin(&s->check, &buffers, &s->trust);
    if (!take_stream(&s->check)) {
        return false;
    }
    return image_check_finish((struct span){ s->cms, s->check.cms_len }, &s->trust, read_payload,
                              (void *)(uintptr_t)(image_gwi_end - s->check.manifest.payload_size),
                              s->block, sizeof s->block) == VERIFY_OK;
}

/* The allocator leaves holes, so what it needs is found by trying. */
static size_t smallest_arena(void)
{
    static uint8_t arena[ARENA_MAX];
    static struct state state;

    for (size_t len = ARENA_STEP; len <= sizeof arena; len += ARENA_STEP) {
        mbedtls_memory_buffer_alloc_init(arena, len);
        bool is_enough = check_image(&state);

        mbedtls_memory_buffer_alloc_free();
        if (is_enough) {
            return len;
        }
    }
    return 0;
}

bool board_main(void)
{
    size_t arena = smallest_arena();

    board_say("arena", arena);
    board_say("state", sizeof(struct state));
    return arena > 0;
}
