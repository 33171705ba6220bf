/* Files that gatewaypkg reads and writes. A written file appears whole under its name or not at
 * all.
 */
#ifndef TOOLS_PKG_FILE_H
#define TOOLS_PKG_FILE_H

#include <stdint.h>
#include <stdio.h>

#include "err.h"

/* Open for reading; *size is its length. GW_SOURCE_OPEN, or GW_SOURCE_READ: not a regular file. */
MUST_USE enum gw_err pkg_file_open(FILE **out, uint64_t *size, const char *path,
                                   struct gw_error *error);

/* Read exactly `len` bytes at `offset`. */
MUST_USE enum gw_err pkg_file_read(FILE *file, const char *path, uint64_t offset, uint8_t *bytes,
                                   size_t len, struct gw_error *error);

/* The whole of a small file (at most `max` bytes) or of standard input ("-"); a NUL is put behind.
 * The caller frees *bytes. GW_SOURCE_OPEN, GW_SOURCE_READ. */
MUST_USE enum gw_err pkg_file_load(uint8_t **bytes, size_t *len, const char *path, size_t max,
                                   struct gw_error *error);

/* A file being written beside its final name. */
struct pkg_output {
    FILE *file;
    char *path, *temporary;
};

MUST_USE enum gw_err pkg_output_open(struct pkg_output *out, const char *path,
                                     struct gw_error *error);
/* Errors are kept in the stream and found by pkg_output_close(). */
void pkg_output_write(struct pkg_output *out, const void *bytes, size_t len);
/* Flush to the disk and rename when *err is GW_OK, else remove. Returns *err or GW_FILE_WRITE. */
enum gw_err pkg_output_close(struct pkg_output *out, enum gw_err err, struct gw_error *error);

/* Write a new file; GW_FILE_WRITE when it exists already. */
MUST_USE enum gw_err pkg_file_create(const char *path, const char *text, struct gw_error *error);

#endif
