/* Fd reads: reads of ranges of a descriptor whose content may still be growing.
 *
 * The half that file, pipe and spooled URL share: each read gets one piece a turn of the loop, as
 * far as there are bytes, and waits for more. Callbacks are those of source.h.
 */
#ifndef GATEWAYD_FD_READS_H
#define GATEWAYD_FD_READS_H

#include "source.h"

struct fd_reads;

/* The descriptor stays the caller's and must live as long. */
MUST_USE enum gw_err fd_reads_open(struct fd_reads **out, uv_loop_t *loop, int fd);

/* Every read must have ended. */
void fd_reads_close(struct fd_reads *reads); /* NULL is fine */

/* Now the first `available` bytes are there. */
void fd_reads_grow(struct fd_reads *reads, uint64_t available);

/* Nothing more will come: reads that want more end with `error`, or when its err is GW_OK with
 * GW_PACKAGE_TRUNCATED. */
void fd_reads_end(struct fd_reads *reads, const struct gw_error *error);

struct fd_read;
struct fd_read *fd_reads_start(struct fd_reads *reads, uint64_t offset, uint64_t len,
                               const struct source_events *events, void *ctx);
void fd_reads_cancel(struct fd_read *read);

#endif
