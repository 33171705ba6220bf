/* Acceptance: opens a package from a source, authenticates it, and plans it for the fleet.
 *
 * Nothing is stored and no device is touched but by questions. Callbacks come from the loop.
 */
#ifndef GATEWAYD_ACCEPT_H
#define GATEWAYD_ACCEPT_H

#include <uv.h>

#include "admit.h"
#include "config.h"
#include "inventory.h"
#include "package.h"
#include "plan.h"

struct acceptance;
struct cache;
struct fleet;
struct source;
struct store;
struct trust_store;

struct accept_context {
    uv_loop_t *loop;
    const struct config *config; /* borrowed, like all below */
    const struct trust_store *trust;
    struct store *store;
    struct fleet *fleet;
    struct cache *cache; /* may be NULL */
};

/* A package that may be installed, and what that would do. */
struct accepted {
    struct admit admit;
    struct package *package;
    struct source *source; /* still open */
    struct inventory inventory;
    struct plan plan;
};

/* error->err GW_OK: *accepted is the callee's from now on, accepted_free() what it does not take.
 * Else the refusal, `accepted` NULL, the source is closed. */
typedef void (*accept_fn)(void *ctx, struct accepted *accepted, const struct gw_error *error);

/* Begin. Takes `source` over, also on failure. NULL: no memory, or the store failed. */
struct acceptance *accept_start(const struct accept_context *context, struct source *source,
                                enum config_mode mode, accept_fn done, void *ctx);

/* Stop without a callback. */
void accept_cancel(struct acceptance *acceptance);

/* Releases what is not NULL, and the struct itself. */
void accepted_free(struct accepted *accepted);

#endif
