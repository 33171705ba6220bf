/* What images.c and image_channel.c share. */
#ifndef GATEWAYD_IMAGES_PRIVATE_H
#define GATEWAYD_IMAGES_PRIVATE_H

#include "content.h"

/* One handle: the CMS of its package before a content that it may share. */
struct image {
    struct image *next;
    struct images *images;
    struct image_facts facts; /* handle, size, cms_size, payload_only from the start */
    uint8_t *cms;
    size_t cms_len;
    struct source *source;
    uint64_t source_offset;
    struct content *content;
    bool is_told; /* ready() has been called */
    const struct image_events *events;
    void *ctx;
};

struct images {
    struct images_config config;
    struct image *list;
    struct image_channel *channels; /* linked by image_channel_next() */
    uint64_t last_handle;
};

/* NULL: no such handle. */
struct image *images_find(const struct images *images, uint64_t handle);

/* Go on with requests that wait, from the loop. */
void image_channels_wake(struct images *images);

/* `content` is going: nothing of it stays in a window, no read of its source goes on. */
void image_channels_forget(struct images *images, const struct content *content);

#endif
