/* Image window: at most 128 KiB of one image's payload in memory, each block of it checked.
 *
 * One for each image channel. The payload is cut into slots of a block or 16 KiB, whichever is
 * larger; a slot is handed out only when every block in it has been checked against the signed
 * table. Cached images fill a slot at once; streamed ones by range requests that run ahead of the
 * reader as soon as half of the window is free.
 */
#ifndef GATEWAYD_IMAGE_WINDOW_H
#define GATEWAYD_IMAGE_WINDOW_H

#include "content.h"

enum { WINDOW_BYTES = 128 << 10, WINDOW_SLOT_MIN = 16 << 10, WINDOW_SLOTS_MAX = 8 };

struct image_window {
    struct content *content; /* NULL: empty */
    uint8_t *bytes;          /* WINDOW_BYTES */
    uint32_t slot_bytes, slot_count;
    uint64_t tags[WINDOW_SLOTS_MAX]; /* slot that lies there, plus 1; 0 = none */
    struct source_read *read;        /* fills the slots next..end */
    uint64_t next, end;
    size_t filled;         /* bytes of slot `next` */
    struct gw_error error; /* why slot `error_slot` cannot be had, told once */
    uint64_t error_slot;
    void (*wake)(void *ctx); /* more is there, or an error */
    void *ctx;
};

/* Copy up to `len` payload bytes from `offset` on. GW_OK: *got >= 1. GW_TIMEOUT: not here yet,
 * wake() follows. Else why these bytes cannot be had; a later call tries again. */
MUST_USE enum gw_err image_window_read(struct image_window *w, struct content *content,
                                       uint64_t offset, uint8_t *bytes, size_t len, size_t *got);

/* Forget the content and give the memory back. */
void image_window_reset(struct image_window *w);

#endif
