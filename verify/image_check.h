/* The streaming check of a .gwi: CMS | block table | payload, in this order, byte by byte.
 *
 * image_check_feed() takes the stream in pieces of any size and stops at each event, so that the
 * caller acts between them:
 *   CHECK_MANIFEST  first round: signature, chain and manifest are right, table and block fit the
 *                   buffers (else VERIFY_TABLE_TOO_LARGE). The caller now decides whether the
 *                   image is for it, and only then may erase.
 *   CHECK_TABLE     the block table is the signed one.
 *   CHECK_BLOCK     one whole block has passed and lies in the caller's block buffer: program it.
 *   CHECK_COMPLETE  the last block was handed out (reported by the feed call after that block).
 * No payload byte is handed out before its digest was right. image_check_finish() is the second
 * round. Memory is the caller's; no malloc, no I/O, no clock.
 */
#ifndef VERIFY_IMAGE_CHECK_H
#define VERIFY_IMAGE_CHECK_H

#include "manifest.h"
#include "signed.h"

enum image_check_event {
    CHECK_MORE = 1, /* all bytes are used, more are needed */
    CHECK_MANIFEST,
    CHECK_TABLE,
    CHECK_BLOCK,
    CHECK_COMPLETE,
};

/* The caller's memory; it must outlive the check. */
struct image_check_buffers {
    uint8_t *cms;   /* holds the whole CMS object; the manifest borrows from it */
    size_t cms_cap; /* bytes; >= 4096; what Identify states as max_manifest */
    uint8_t *table;
    size_t table_cap; /* bytes; what Identify states as max_table */
    uint8_t *block;
    size_t block_cap; /* bytes; what Identify states as max_block */
};

struct image_check {
    struct image_check_buffers buffers;
    const struct verify_trust *trust;
    struct signed_object object;    /* valid from CHECK_MANIFEST on */
    struct image_manifest manifest; /* valid from CHECK_MANIFEST on */
    size_t cms_len;                 /* 0 until the outer header was read */
    uint32_t block_index;           /* block that is being filled, or that CHECK_BLOCK hands out */
    uint32_t block_len;             /* at CHECK_BLOCK: bytes in buffers.block */
    size_t filled;                  /* bytes of the current part */
    uint8_t part;                   /* private */
};

/* Start a stream. `trust` must outlive the check. */
void image_check_begin(struct image_check *c, const struct image_check_buffers *buffers,
                       const struct verify_trust *trust);

/* Take up to `len` bytes; *used says how many. VERIFY_OK: *event says why it stopped. Anything else
 * is final for this part: after VERIFY_TABLE_DIGEST or VERIFY_BLOCK_DIGEST the caller may go on
 * with image_check_rewind(); after any other, only image_check_begin() helps. */
VERIFY_MUST_USE enum verify_result image_check_feed(struct image_check *c, const uint8_t *bytes,
                                                    size_t len, size_t *used,
                                                    enum image_check_event *event);

/* Forget the bytes of the current table or block and expect that part again from its first byte. */
void image_check_rewind(struct image_check *c);

/* After CHECK_TABLE: go on at payload block `index` (resume: the blocks before it are programmed).
 */
void image_check_seek(struct image_check *c, uint32_t index);

/* Offset in the stream of the next byte that image_check_feed() expects. */
uint64_t image_check_offset(const struct image_check *c);

/* Reads installed bytes back; false = the flash failed. */
typedef bool (*image_read)(void *context, uint32_t offset, uint8_t *bytes, size_t len);

/* Second round: authenticate `cms` again, and hash image_size installed bytes through `read`, in
 * pieces of `scratch_len` bytes. VERIFY_OK only when the signature is right and the digest is
 * imageDigest. The bootloader uses the same function. */
VERIFY_MUST_USE enum verify_result image_check_finish(struct span cms,
                                                      const struct verify_trust *trust,
                                                      image_read read, void *context,
                                                      uint8_t *scratch, size_t scratch_len);

#endif
