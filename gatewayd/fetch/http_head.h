/* What a server says of a body before it sends it: status, length, range, ETag.
 *
 * Fed line by line as libcurl hands the lines out; each status line starts anew, so that after
 * redirects the last answer counts. A field that stands twice, or that is not well-formed, counts
 * as malformed or absent, never as its first value. Source: RFC 9110 14.4 (Content-Range), 8.8.3
 * (ETag), 8.6 (Content-Length). Pure.
 */
#ifndef FETCH_HTTP_HEAD_H
#define FETCH_HTTP_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { HTTP_ETAG_MAX = 128 }; /* with NUL; a longer one is taken as absent */

struct http_head {
    unsigned status;          /* 0 = no status line yet */
    char etag[HTTP_ETAG_MAX]; /* as written, with quotes and W/; "" = none */
    bool has_length;
    uint64_t length; /* Content-Length */
    bool has_range;
    uint64_t first, last; /* Content-Range: bytes first-last/total; first <= last < total */
    uint64_t total;
    bool redirects_to_http; /* Location starts with http: */
    bool has_twice;         /* Content-Range, Content-Length or ETag stood twice */
};

/* One line, with or without its CRLF. Zero-initialise before the first. */
void http_head_line(struct http_head *head, const char *line, size_t len);

#endif
