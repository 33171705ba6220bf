/* A borrowed range of bytes. Whoever holds a span keeps the bytes alive. */
#ifndef VERIFY_SPAN_H
#define VERIFY_SPAN_H

#include <stddef.h>
#include <stdint.h>

struct span {
    const uint8_t *at; /* NULL when absent */
    size_t len;
};

#endif
