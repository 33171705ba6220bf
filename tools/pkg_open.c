#include "pkg_open.h"

#include <stdlib.h>
#include <string.h>
#include <sys/timex.h>
#include <time.h>

#include "intake.h"
#include "pkg_file.h"
#include "pkg_inspect.h"
#include "trust_time.h"
#include "ustar.h"
#include "uuid5.h"

/* A tool has no floor; the kernel says whether somebody keeps the clock (adjtimex(2)). */
static struct trust_time time_now(void)
{
    struct timex kernel = { .modes = 0 };

    return (struct trust_time){ .system_s = (int64_t)time(NULL),
                                .is_synchronised = adjtimex(&kernel) >= 0 &&
                                                   !(kernel.status & STA_UNSYNC) };
}

enum gw_err pkg_trust_load(struct pkg_trust *out, const char *dir, struct gw_error *error)
{
    struct trust_time time = time_now();
    enum gw_err err;

    *out = (struct pkg_trust){ .authority = &pkg_inspect };
    if (!dir) {
        return GW_OK;
    }
    err = trust_load(&out->store, dir, error);
    if (!err && out->store.count == 0) {
        err = gw_fail(error, GW_NO_ANCHOR,
                      "%s: no certificates below package, image/<vendor> or "
                      "timestamp",
                      dir);
    }
    if (err) {
        pkg_trust_free(out);
        return err;
    }
    trust_authority_init(&out->gateway, &out->store, trust_clock(&time), 1);
    out->authority = &out->gateway.base;
    out->now_s = trust_now(&time);
    out->is_verified = true;
    return GW_OK;
}

void pkg_trust_free(struct pkg_trust *trust)
{
    trust_free(&trust->store);
}

const char *pkg_trust_vendor(const struct pkg_trust *trust, const uint8_t vendor_id[16])
{
    for (size_t i = 0; i < trust->store.count; i++) {
        const struct trust_anchor *anchor = &trust->store.anchors[i];
        uint8_t id[UUID_LEN];

        uuid5_vendor(id, anchor->vendor);
        if (anchor->role == TRUST_IMAGE && memcmp(id, vendor_id, sizeof id) == 0) {
            return anchor->vendor;
        }
    }
    return NULL;
}

/* Bring what the intake wants, until it is ready or refuses. */
static enum gw_err feed(struct intake *intake, FILE *file, const char *path, uint64_t size,
                        struct gw_error *error)
{
    enum gw_err err = GW_OK;
    uint64_t offset;
    size_t len;

    while (!err && intake_wants(intake, &offset, &len)) {
        uint64_t left = offset < size ? size - offset : 0;
        size_t n = left < len ? (size_t)left : len;
        uint8_t *bytes = malloc(n ? n : 1);

        if (!bytes) {
            return GW_NO_MEMORY;
        }
        err = pkg_file_read(file, path, offset, bytes, n, error);
        if (!err) {
            err = intake_give(intake, bytes, n, error);
        }
        free(bytes);
    }
    return err;
}

enum gw_err pkg_open(struct package **out, FILE *file, const char *path, uint64_t size,
                     const struct pkg_trust *trust, const char *system, struct gw_error *error)
{
    struct intake_policy policy = { .authority = trust->authority,
                                    .system = system,
                                    .now_s = trust->now_s };
    struct intake *intake = intake_open(&policy, size);
    enum gw_err err = GW_NO_MEMORY;

    *out = NULL;
    if (intake) {
        err = feed(intake, file, path, size, error);
    }
    if (!err) {
        *out = intake_take(intake);
    }
    intake_free(intake);
    return err;
}

enum gw_err pkg_first_member(struct ustar_member *out, FILE *file, const char *path, uint64_t size,
                             struct gw_error *error)
{
    uint8_t header[USTAR_BLOCK] = { 0 };
    size_t len = size < USTAR_BLOCK ? (size_t)size : USTAR_BLOCK;
    enum gw_err err = pkg_file_read(file, path, 0, header, len, error);

    return err ? err : ustar_parse(out, header);
}
