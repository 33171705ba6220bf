/* Updater: takes the stream of a .gwi, whatever bus it comes over, and puts the image into the
 * spare slot.
 *
 *   first round    the CMS is collected, authenticated and admitted (admit.h)  nothing erased
 * before per block      each block is checked in RAM                                nothing bad
 * programmed second round   signature again, digest of the flash as it reads back       nothing
 * staged before
 *
 * Progress is durable at sector borders, as (identity, next block): a stream of the same image goes
 * on from there after any power cut, even inside another CMS wrapper. Memory is the caller's; no
 * heap, no globals; flash and clock through struct port.
 */
#ifndef SUBDEVICE_UPDATER_H
#define SUBDEVICE_UPDATER_H

#include "admit.h"

/* How a request to the core fared. */
enum update_status {
    UPDATE_OK = 0,
    UPDATE_REPEAT,      /* a table or block was damaged on its way: go on from updater_offset() */
    UPDATE_REFUSED,     /* the verifier or a rule said no: `reason` */
    UPDATE_BUSY,        /* a trial is under way: its way back must not be overwritten */
    UPDATE_NOT_FOUND,   /* no such image or component */
    UPDATE_WRONG_STATE, /* not possible now */
    UPDATE_FLASH,       /* the flash failed */
};

struct updater_config {
    struct slotlog *log; /* open; shared with trial.h */
    const struct verify_trust *trust;
    const struct device_identity *identity;
    struct image_check_buffers buffers; /* block_cap >= program_size */
    uint8_t running; /* bit i: slot i is being executed now; it is never written */
};

struct updater {
    struct updater_config config;
    struct image_check check;

    enum updater_phase {
        UPDATER_IDLE = 0,
        UPDATER_RECEIVING,
        UPDATER_COMPLETE, /* the image of this stream is on the device */
        UPDATER_FAILED,   /* ended with `status` and `reason` */
    } phase;
    enum update_status status;
    enum verify_result reason;
    uint64_t stream_len; /* bytes, as announced */
    uint8_t slot;        /* where the stream goes, from the first round on */
    bool skips;          /* the offset jumped: the rest of this piece is not wanted */

    /* What this power cycle knows better than the log: slot `slot` is programmed up to next_block,
     * and erased up to byte erased_to. */
    struct updater_progress {
        bool is_known;
        uint8_t slot;
        uint32_t next_block;
        uint32_t erased_to;
    } progress;
};

void updater_init(struct updater *u, const struct updater_config *config);

/* Start a stream of `len` bytes; one that was under way is dropped, its blocks are kept. */
void updater_begin(struct updater *u, uint64_t len);

/* Take the bytes at updater_offset(). UPDATE_OK or UPDATE_REPEAT: go on at the offset that holds
 * now; it may have jumped over blocks that are there already. Anything else ends the stream. A call
 * after its end answers as that end did. UPDATE_WRONG_STATE: none has begun. */
enum update_status updater_feed(struct updater *u, const uint8_t *bytes, size_t len);

/* Offset in the stream of the next byte wanted; the stream's length when it is complete, 0 when
 * none has begun. */
uint64_t updater_offset(const struct updater *u);

#endif
