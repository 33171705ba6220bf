#include "admit.h"

#include <stdlib.h>
#include <string.h>
#include <sys/timex.h>
#include <time.h>

#include "cache.h"
#include "store.h"

bool admit_clock_is_synchronised(void)
{
    struct timex state = { 0 };

    return adjtimex(&state) >= 0 && !(state.status & STA_UNSYNC);
}

static enum gw_err load_time(struct trust_time *out, struct store *store)
{
    struct store_time stored;
    enum gw_err err = store_time(store, &stored);

    if (err) {
        return err;
    }
    out->system_s = time(NULL);
    out->floor_s = stored.floor_s;
    out->is_synchronised = admit_clock_is_synchronised();
    out->horizon_s = stored.synchronised_s > GW_BUILD_TIME_S ? stored.synchronised_s
                                                             : GW_BUILD_TIME_S;
    return GW_OK;
}

static enum gw_err load_known(struct admit *admit, struct store *store)
{
    struct store_package *packages;
    struct system_row system;
    size_t n;
    enum gw_err err = store_packages(store, &packages, &n);

    if (err) {
        return err;
    }
    admit->known = calloc(n + 1, sizeof *admit->known);
    for (size_t i = 0; admit->known && i < n; i++) {
        admit->known[i].sequence = packages[i].sequence;
        memcpy(admit->known[i].identity, packages[i].identity, sizeof admit->known[i].identity);
    }
    free(packages);
    if (!admit->known) {
        return GW_NO_MEMORY;
    }
    admit->intake.sequence.known = admit->known;
    admit->intake.sequence.known_count = n;
    err = store_system(store, &system);
    if (err == GW_OK) {
        admit->intake.sequence.floor = system.floor;
    }
    return err == GW_NOT_FOUND ? GW_OK : err;
}

enum gw_err admit_open(struct admit *out, const struct config *config,
                       const struct trust_store *trust, struct store *store)
{
    enum gw_err err;

    *out = (struct admit){ .intake = { .system = config->system } };
    err = load_time(&out->time, store);
    if (err) {
        return err;
    }
    trust_authority_init(&out->authority, trust, trust_clock(&out->time),
                         (uint8_t)config->signers_required);
    out->intake.authority = &out->authority.base;
    out->intake.now_s = trust_now(&out->time);
    err = load_known(out, store);
    if (err) {
        admit_close(out);
    }
    return err;
}

void admit_close(struct admit *admit)
{
    free(admit->known);
    *admit = (struct admit){ 0 };
}

enum gw_err admit_note_time(const struct admit *admit, struct store *store, int64_t evidence_s)
{
    struct store_time stored = {
        .floor_s = trust_raised_floor(&admit->time, evidence_s),
        .synchronised_s = admit->time.is_synchronised ? admit->time.system_s : 0,
    };
    struct store_time before;
    enum gw_err err = store_time(store, &before);

    if (err) {
        return err;
    }
    if (!stored.synchronised_s) {
        stored.synchronised_s = before.synchronised_s;
    }
    return store_put_time(store, &stored);
}

void admit_plan_policy(struct plan_policy *out, struct cache *cache, enum config_mode mode,
                       uint8_t (**identities)[32])
{
    struct cache_item *items = NULL;
    size_t n = 0;
    uint64_t held = 0;

    *identities = NULL;
    *out = (struct plan_policy){ .mode = mode == MODE_CACHED     ? PLAN_CACHED
                                         : mode == MODE_STREAMED ? PLAN_STREAMED
                                                                 : PLAN_AUTO };
    if (!cache || cache_list(cache, &items, &n)) {
        return;
    }
    *identities = calloc(n + 1, sizeof **identities);
    for (size_t i = 0; *identities && i < n; i++) {
        held += items[i].is_in_use ? items[i].bytes : 0;
        if (items[i].is_complete) {
            memcpy((*identities)[out->cached_count++], items[i].identity, 32);
        }
    }
    free(items);
    out->cached = (const uint8_t(*)[32]) * identities;
    out->cache_room_bytes = cache_quota(cache) > held ? cache_quota(cache) - held : 0;
}
