#include "images.h"

#include <stdlib.h>
#include <string.h>

#include "cache.h"
#include "images_private.h"

struct image *images_find(const struct images *images, uint64_t handle)
{
    for (struct image *image = images->list; image; image = image->next) {
        if (image->facts.handle == handle) {
            return image;
        }
    }
    return NULL;
}

/* --- what a content says goes to every handle that shares it; a callback may release any --- */

/* The next handle of `content` after number `after`, NULL = none. Handles only grow. */
static struct image *next_user(const struct images *images, const struct content *content,
                               uint64_t after)
{
    struct image *found = NULL;

    for (struct image *image = images->list; image; image = image->next) {
        if (image->content == content && image->facts.handle > after &&
            (!found || image->facts.handle < found->facts.handle)) {
            found = image;
        }
    }
    return found;
}

static void say_ready(struct image *image)
{
    struct image_facts facts = image->facts;

    facts.mode = content_is_streamed(image->content) ? MODE_STREAMED : MODE_CACHED;
    facts.has_state_hash = content_state_hash(image->content, facts.state_hash);
    image->facts = facts;
    image->is_told = true;
    image->events->ready(image->ctx, &facts);
}

static void on_failed(void *ctx, struct content *content, const struct gw_error *error)
{
    struct images *images = ctx;
    struct gw_error copy = *error; /* the content may go in a callback */

    image_channels_wake(images);
    for (struct image *i = next_user(images, content, 0); i;) {
        uint64_t handle = i->facts.handle;

        i->events->failed(i->ctx, handle, &copy);
        i = next_user(images, content, handle);
    }
}

static void on_progress(void *ctx, struct content *content, uint64_t done, uint64_t total)
{
    struct images *images = ctx;

    image_channels_wake(images);
    for (struct image *i = next_user(images, content, 0); i;) {
        uint64_t handle = i->facts.handle;

        if (content_is_ready(content) && !i->is_told) {
            say_ready(i);
        } else if (i->events->progress) {
            i->events->progress(i->ctx, handle, done, total);
        }
        i = next_user(images, content, handle);
    }
}

/* --- open and close --- */

enum gw_err images_open(struct images **out, const struct images_config *config)
{
    *out = calloc(1, sizeof **out);
    if (!*out) {
        return GW_NO_MEMORY;
    }
    (*out)->config = *config;
    return GW_OK;
}

void images_close(struct images *images)
{
    if (!images) {
        return;
    }
    while (images->channels) {
        image_channel_close(images->channels);
    }
    while (images->list) {
        images_release(images, images->list->facts.handle);
    }
    free(images);
}

void images_pin(struct images *images, const uint8_t identity[SHA256_LEN], bool on)
{
    struct cache *cache = images->config.cache;

    if (cache && on) {
        cache_pin(cache, identity);
    } else if (cache) {
        cache_unpin(cache, identity);
    }
}

/* --- prepare and release --- */

static struct content *shared_content(const struct images *images, const uint8_t *identity)
{
    for (const struct image *image = images->list; image; image = image->next) {
        if (image->content && !content_error(image->content)->err &&
            memcmp(content_identity(image->content), identity, SHA256_LEN) == 0) {
            return image->content;
        }
    }
    return NULL;
}

static void fill_facts(struct image *image, const struct image_spec *spec)
{
    const struct image_manifest *m = spec->manifest;
    struct image_facts *facts = &image->facts;

    facts->payload_only = m->delivery == DELIVERY_PAYLOAD;
    facts->mode = spec->mode;
    facts->size = m->payload_size;
    memcpy(facts->token, m->image_digest, SHA256_LEN);
    if (!facts->payload_only) {
        facts->cms_size = (uint32_t)spec->cms.len;
        facts->size += spec->cms.len + (uint64_t)m->block_count * SHA256_LEN;
        sha256_of(facts->token, spec->cms.at, spec->cms.len);
    }
}

static struct content *new_content(struct images *images, const struct image_spec *spec)
{
    static const struct content_ops ops = { on_progress, on_failed };
    struct content_config config = {
        .loop = images->config.loop,
        .cache = images->config.cache,
        .log = images->config.log,
        .ops = &ops,
        .ctx = images,
    };
    struct content *content;

    if (content_open(&content, &config, spec)) {
        abort(); /* a few hundred bytes: nothing sensible is left to do */
    }
    return content;
}

uint64_t images_prepare(struct images *images, const struct image_spec *spec,
                        const struct image_events *events, void *ctx)
{
    struct image *image = calloc(1, sizeof *image);
    uint8_t *cms = malloc(spec->cms.len);

    if (!image || !cms) {
        abort(); /* 8 KiB: nothing sensible is left to do */
    }
    memcpy(cms, spec->cms.at, spec->cms.len);
    *image = (struct image){
        .next = images->list,
        .images = images,
        .cms = cms,
        .cms_len = spec->cms.len,
        .source = spec->source,
        .source_offset = spec->offset,
        .events = events,
        .ctx = ctx,
    };
    image->facts.handle = ++images->last_handle;
    fill_facts(image, spec);
    image->content = shared_content(images, spec->identity);
    if (image->content) {
        content_tell(image->content);
    } else {
        image->content = new_content(images, spec);
    }
    images->list = image;
    return image->facts.handle;
}

/* Another handle of the same content, or NULL. */
static struct image *other_user(const struct images *images, const struct image *than)
{
    for (struct image *image = images->list; image; image = image->next) {
        if (image != than && image->content == than->content) {
            return image;
        }
    }
    return NULL;
}

void images_release(struct images *images, uint64_t handle)
{
    struct image *image = images_find(images, handle);

    if (!image) {
        return;
    }
    const struct image *other = other_user(images, image);

    for (struct image **at = &images->list; *at; at = &(*at)->next) {
        if (*at == image) {
            *at = image->next;
            break;
        }
    }
    if (!other) {
        image_channels_forget(images, image->content);
        content_close(image->content);
    } else if (content_uses(image->content, image->source)) {
        image_channels_forget(images, image->content); /* no window reads the old source */
        content_set_source(image->content, other->source, other->source_offset, other->cms_len);
    }
    free(image->cms);
    free(image);
    image_channels_wake(images); /* requests for the handle are refused now */
}
