/* gatewaypkg info: what a package or image says of itself. */
#include <stdlib.h>
#include <string.h>

#include "pkg.h"
#include "pkg_file.h"
#include "pkg_open.h"
#include "pkg_show.h"
#include "ustar.h"

static enum gw_err show_unsigned(struct pkg *pkg, FILE *file, const char *path, uint64_t len,
                                 struct gw_error *error)
{
    struct system_manifest manifest;
    uint8_t identity[SHA256_LEN], *text;
    enum gw_err err;

    if (len > JSON_BYTES_MAX) {
        return gw_fail(error, GW_PACKAGE_FORMAT, "%s: its manifest has more than 1 MiB", path);
    }
    text = malloc(len ? (size_t)len : 1);
    if (!text) {
        return GW_NO_MEMORY;
    }
    err = pkg_file_read(file, path, USTAR_BLOCK, text, (size_t)len, error);
    if (!err) {
        err = system_manifest_parse(&manifest, (struct span){ text, (size_t)len }, error);
    }
    if (!err) {
        sha256_of(identity, text, (size_t)len);
        pkg_show_manifest(pkg, path, &manifest, identity);
        system_manifest_free(&manifest);
    }
    free(text);
    return err;
}

static enum gw_err show_signed(struct pkg *pkg, FILE *file, const char *path, uint64_t size,
                               struct gw_error *error)
{
    struct pkg_trust nobody;
    struct package *package;
    enum gw_err err = pkg_trust_load(&nobody, NULL, error);

    if (!err) {
        err = pkg_open(&package, file, path, size, &nobody, NULL, error);
    }
    if (!err) {
        pkg_show_package(pkg, path, package, false);
        package_free(package);
    }
    return err;
}

enum gw_err pkg_info(struct pkg *pkg, const struct pkg_arguments *a, struct gw_error *error)
{
    const char *path = a->words[0];
    struct ustar_member member;
    uint64_t size;
    FILE *file;
    enum gw_err err = pkg_file_open(&file, &size, path, error);

    if (err) {
        return err;
    }
    err = pkg_first_member(&member, file, path, size, error);
    if (err == GW_PACKAGE_FORMAT) {
        err = pkg_show_gwi(pkg, path, error);
    } else if (!err && strcmp(member.name, PACKAGE_UNSIGNED_NAME) == 0) {
        err = show_unsigned(pkg, file, path, member.size, error);
    } else if (!err) {
        err = show_signed(pkg, file, path, size, error);
    }
    (void)fclose(file);
    return err;
}
