#include "pool.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct pool_piece {
    struct pool_piece *next;
    alignas(max_align_t) uint8_t bytes[];
};

void *pool_take(struct pool *pool, size_t count, size_t size)
{
    struct pool_piece *piece;

    if (size && count > (SIZE_MAX - sizeof *piece) / size) {
        abort();
    }
    piece = calloc(1, sizeof *piece + count * size);
    if (!piece) {
        abort();
    }
    piece->next = pool->pieces;
    pool->pieces = piece;
    return piece->bytes;
}

void *pool_copy(struct pool *pool, const void *bytes, size_t len)
{
    void *copy = pool_take(pool, len, 1);

    if (len) {
        memcpy(copy, bytes, len);
    }
    return copy;
}

char *pool_text(struct pool *pool, const char *text)
{
    return text ? pool_copy(pool, text, strlen(text) + 1) : NULL;
}

void pool_free(struct pool *pool)
{
    while (pool->pieces) {
        struct pool_piece *piece = pool->pieces;

        pool->pieces = piece->next;
        free(piece);
    }
}
