/* gatewaypkg verify: a package or image, checked as a gateway checks it, every byte. */
#include <stdlib.h>

#include "package_check.h"
#include "pkg.h"
#include "pkg_file.h"
#include "pkg_open.h"
#include "pkg_show.h"
#include "ustar.h"

enum { PIECE = 256 << 10 };

/* Every byte from the first to the last. */
static enum gw_err walk(struct pkg *pkg, struct package_check *check, FILE *file, const char *path,
                        uint64_t size, struct gw_error *error)
{
    uint8_t *piece = malloc(PIECE);
    enum gw_err err = piece ? GW_OK : GW_NO_MEMORY;

    for (uint64_t at = 0; at < size && !err;) {
        size_t len = size - at < PIECE ? (size_t)(size - at) : PIECE;

        err = pkg_file_read(file, path, at, piece, len, error);
        if (!err) {
            err = package_check_feed(check, piece, len, error);
        }
        at += len;
        pkg_progress(pkg, "verifying", at, size);
    }
    free(piece);
    return err ? err : package_check_finish(check, error);
}

static enum gw_err verify_package(struct pkg *pkg, FILE *file, const char *path, uint64_t size,
                                  const struct pkg_trust *trust, const char *system,
                                  struct gw_error *error)
{
    struct package *package;
    struct package_check *check;
    enum gw_err err = pkg_open(&package, file, path, size, trust, system, error);

    if (err) {
        return err;
    }
    check = package_check_open(package);
    err = check ? walk(pkg, check, file, path, size, error) : GW_NO_MEMORY;
    if (!err) {
        pkg_show_package(pkg, path, package, true);
        if (!pkg->json) {
            (void)fprintf(pkg->notes, "All %llu bytes are what was signed.\n",
                          (unsigned long long)size);
        }
    }
    package_check_free(check);
    package_free(package);
    return err;
}

/* An image alone: its ids say whose anchors it needs. */
static enum gw_err verify_image(struct pkg *pkg, const char *path, const struct pkg_trust *trust,
                                struct gw_error *error)
{
    struct pkg_trust nobody;
    struct pkg_gwi gwi;
    const char *vendor;
    enum gw_err err = pkg_trust_load(&nobody, NULL, error);

    if (!err) {
        err = pkg_gwi_open(&gwi, path, nobody.authority, NULL, error);
    }
    if (err) {
        return err;
    }
    vendor = pkg_trust_vendor(trust, gwi.manifest.vendor_id);
    err = gwi.is_signed ? GW_OK : gw_fail(error, GW_PACKAGE_UNSIGNED, "%s", path);
    pkg_gwi_close(&gwi);
    if (!err && !vendor) {
        err = gw_fail(error, GW_NO_ANCHOR, "%s: no folder below trust.d/image is its vendor's",
                      path);
    }
    if (!err) {
        err = pkg_gwi_open(&gwi, path, trust->authority, vendor, error);
    }
    if (err) {
        return err;
    }
    err = pkg_gwi_copy_body(pkg, &gwi, NULL, error);
    if (!err) {
        pkg_show_image(pkg, &gwi, true);
    }
    pkg_gwi_close(&gwi);
    return err;
}

static enum gw_err verify(struct pkg *pkg, const char *path, const struct pkg_trust *trust,
                          const char *system, struct gw_error *error)
{
    struct ustar_member member;
    uint64_t size;
    FILE *file;
    enum gw_err err = pkg_file_open(&file, &size, path, error);

    if (err) {
        return err;
    }
    if (size >= USTAR_BLOCK &&
        pkg_first_member(&member, file, path, size, error) == GW_PACKAGE_FORMAT &&
        fseek(file, 0, SEEK_SET) == 0 && fgetc(file) == 0x30) { /* SEQUENCE: an image */
        err = verify_image(pkg, path, trust, error);
    } else {
        err = verify_package(pkg, file, path, size, trust, system, error);
    }
    (void)fclose(file);
    return err;
}

enum gw_err pkg_verify(struct pkg *pkg, const struct pkg_arguments *a, struct gw_error *error)
{
    struct pkg_trust trust;
    enum gw_err err;

    if (!a->trust) {
        return gw_fail(error, GW_USAGE, "verify needs --trust DIR; info shows without trusting");
    }
    err = pkg_trust_load(&trust, a->trust, error);
    if (!err) {
        err = verify(pkg, a->words[0], &trust, a->system, error);
        pkg_trust_free(&trust);
    }
    return err;
}
