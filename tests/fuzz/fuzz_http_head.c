/* Lines of an answer into the reader of heads; what it believes must be usable. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "http_head.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void check_claims(const struct http_head *h)
{
    size_t etag = strnlen(h->etag, sizeof h->etag);

    if (etag == sizeof h->etag || strpbrk(h->etag, "\r\n") || h->status > 999 ||
        (h->has_range &&
         (h->first > h->last || h->last >= h->total || h->total > (uint64_t)INT64_MAX)) ||
        (h->has_length && h->length > (uint64_t)INT64_MAX)) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct http_head head = { 0 };
    size_t at = 0;

    while (at < len) {
        const uint8_t *end = memchr(bytes + at, '\n', len - at);
        size_t n = end ? (size_t)(end - bytes) - at + 1 : len - at;
        char *line = malloc(n); /* exact, so that ASan sees a read past the end */

        if (!line) {
            abort();
        }
        memcpy(line, bytes + at, n);
        http_head_line(&head, line, n);
        check_claims(&head);
        free(line);
        at += n;
    }
    return 0;
}
