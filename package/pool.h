/* Small pieces of memory that live and die together: the contents of a parsed manifest or a plan.
 *
 * Zero-initialise; pool_free() releases every piece. Running out of memory aborts, as in json.h:
 * never for payload, only for what a limit of the format bounds.
 */
#ifndef PACKAGE_POOL_H
#define PACKAGE_POOL_H

#include <stddef.h>

struct pool {
    struct pool_piece *pieces; /* private */
};

/* `count` zeroed elements of `size` bytes, aligned for anything. Never NULL. */
void *pool_take(struct pool *pool, size_t count, size_t size);

/* A copy of `len` bytes. */
void *pool_copy(struct pool *pool, const void *bytes, size_t len);

/* A copy of `text`; NULL stays NULL. */
char *pool_text(struct pool *pool, const char *text);

void pool_free(struct pool *pool);

#endif
