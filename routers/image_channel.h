/* The router's end of the image channel (descriptor 4; docs/SPEC, Image channel).
 *
 * Reads in chunks of CHANNEL_CHUNK bytes and keeps two chunks ahead of the reader in flight, so
 * that a line never waits for the core. Chunks are of one stream at a time: channel_begin() names
 * it.
 */
#ifndef ROUTERS_IMAGE_CHANNEL_H
#define ROUTERS_IMAGE_CHANNEL_H

#include <stdbool.h>
#include <stdint.h>

#include "err.h"

struct waiter;

enum { CHANNEL_CHUNK = 32 << 10, CHANNEL_CHUNKS = 3 };

struct channel_chunk {
    uint32_t id;     /* of the request that fills it; 0 = free */
    uint32_t length; /* bytes asked for */
    uint64_t offset; /* in the stream */
    enum gw_err status;
    bool is_filled; /* the answer is there: data, or a status */
    uint8_t data[CHANNEL_CHUNK];
};

struct image_reader {
    int fd; /* borrowed */
    uint32_t last_id;
    uint64_t handle, size; /* of the current stream */
    struct channel_chunk chunks[CHANNEL_CHUNKS];
};

/* `fd` is a connected SOCK_SEQPACKET socket. */
void channel_init(struct image_reader *reader, int fd);

/* Read from stream `handle` of `size` bytes from now on; answers that are still on their way to an
 * earlier one are dropped when they come. */
void channel_begin(struct image_reader *reader, uint64_t handle, uint64_t size);

/* Fill `buf` with `len` bytes at `offset`. GW_OK; GW_CANCELLED or GW_IO from the waiter; the status
 * that the core answered; GW_PROTOCOL: an answer that is none, or a range outside the stream. */
MUST_USE enum gw_err channel_read(struct image_reader *reader, struct waiter *waiter,
                                  uint64_t offset, void *buf, size_t len);

#endif
