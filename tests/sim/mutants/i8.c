/* The store acknowledges every fifth commit without doing it. */
#include "store.h"

enum gw_err __real_store_commit(struct store *store, const struct change *changes, size_t n,
                                struct gw_error *error);
enum gw_err __wrap_store_commit(struct store *store, const struct change *changes, size_t n,
                                struct gw_error *error);

enum gw_err __wrap_store_commit(struct store *store, const struct change *changes, size_t n,
                                struct gw_error *error)
{
    static unsigned count;

    return ++count % 5 == 0 ? GW_OK : __real_store_commit(store, changes, n, error);
}
