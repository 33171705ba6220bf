/* What content.c (states, cache, reading) and content_fetch.c (reads of the source) share. */
#ifndef GATEWAYD_CONTENT_PRIVATE_H
#define GATEWAYD_CONTENT_PRIVATE_H

#include "cache_entry.h"
#include "content.h"
#include "payload_digest.h"

/* Each state says what is under way; on_turn() begins it. */
enum content_state {
    CONTENT_OPENING,   /* look into the cache */
    CONTENT_CHECKING,  /* a partial entry: how much of it is good */
    CONTENT_TABLE,     /* the block table is being fetched */
    CONTENT_FILLING,   /* the payload is being fetched into the cache */
    CONTENT_SYNCING,   /* the entry is being made durable */
    CONTENT_DIGESTING, /* delivery payload: the whole payload is read once */
    CONTENT_READY,
    CONTENT_FAILED,
};

struct content {
    struct content_config config;
    uint8_t identity[SHA256_LEN];
    struct image_manifest manifest; /* its spans are cleared: they borrow */
    enum config_mode mode;
    struct source *source; /* NULL: only the cache */
    uint64_t gwi_at;       /* offset of the .gwi in the source */
    size_t cms_len;
    enum content_state state;
    bool is_streamed;
    bool was_ready, was_digested;
    unsigned damages;
    struct cache_entry *entry;
    uint8_t *table; /* while there is no entry */
    size_t table_filled;
    struct source_read *read; /* the one that `state` is about */
    struct payload_digest *digest;
    bool has_hash;
    uint8_t hash[SHA256_LEN];
    struct gw_error error;
    uv_idle_t turn;
    uv_fs_t sync;
    bool is_syncing, is_closed;
};

size_t content_table_len(const struct content *c);
uint64_t content_payload_at(const struct content *c); /* in the source */

/* Change the state; what it means begins at the next turn of the loop. */
void content_enter(struct content *c, enum content_state state);
void content_fail(struct content *c, const struct gw_error *error);
void content_fail_with(struct content *c, enum gw_err err, const char *detail);
void content_fail_block(struct content *c, uint32_t index); /* GW_CONTENT_DAMAGED */

/* Table and payload are where they must be: ready, or digested first. */
void content_enter_ready(struct content *c);
void content_enter_state_of_entry(struct content *c);
void content_become_streamed(struct content *c);

/* The cache cannot take it (`err`): streamed, or failed when it must be cached. */
void content_do_without_cache(struct content *c, enum gw_err err);

/* What was cached has rotted: fetch it again, or fail. */
void content_drop_damaged(struct content *c);

void content_cancel_read(struct content *c);

/* Begin what the state of that name says. */
void content_begin_table(struct content *c);
void content_begin_fill(struct content *c);
void content_begin_digest(struct content *c);

#endif
