/* gatewaypkg sign: a package's or an image's manifest is signed; nothing else changes. */
#include <stdlib.h>
#include <string.h>

#include "pkg.h"
#include "pkg_file.h"
#include "pkg_inspect.h"
#include "pkg_open.h"
#include "pkg_openssl.h"
#include "pkg_show.h"
#include "ustar.h"

enum { PIECE = 256 << 10 };

/* One signing. */
struct signing {
    struct pkg *pkg;
    const struct pkg_arguments *a;
    const char *path;
    FILE *file;
    uint64_t size;
    uint8_t *cms;
    size_t cms_len;
};

/* Copy everything from `from` on. */
static enum gw_err copy_rest(struct signing *s, uint64_t from, struct pkg_output *out,
                             struct gw_error *error)
{
    uint8_t *piece = malloc(PIECE);
    enum gw_err err = piece ? GW_OK : GW_NO_MEMORY;

    for (uint64_t at = from; at < s->size && !err;) {
        size_t len = s->size - at < PIECE ? (size_t)(s->size - at) : PIECE;

        err = pkg_file_read(s->file, s->path, at, piece, len, error);
        if (!err) {
            pkg_output_write(out, piece, len);
        }
        at += len;
        pkg_progress(s->pkg, "writing", at, s->size);
    }
    free(piece);
    return err;
}

static enum gw_err write_package(struct signing *s, uint64_t rest, const char *path,
                                 struct gw_error *error)
{
    static const uint8_t zero[USTAR_BLOCK];
    uint8_t header[USTAR_BLOCK];
    struct pkg_output out;
    enum gw_err err = pkg_output_open(&out, path, error);

    if (err) {
        return err;
    }
    ustar_header(header, PACKAGE_MANIFEST_NAME, s->cms_len);
    pkg_output_write(&out, header, sizeof header);
    pkg_output_write(&out, s->cms, s->cms_len);
    pkg_output_write(&out, zero, ustar_padding(s->cms_len));
    err = copy_rest(s, rest, &out, error);
    return pkg_output_close(&out, err, error);
}

/* Would a gateway open the result, if it trusted the signer? */
static enum gw_err check_package(struct signing *s, const char *path, struct gw_error *error)
{
    struct pkg_trust nobody;
    struct package *package;
    uint64_t size;
    FILE *file;
    enum gw_err err = pkg_trust_load(&nobody, NULL, error);

    if (!err) {
        err = pkg_file_open(&file, &size, path, error);
    }
    if (err) {
        return err;
    }
    err = pkg_open(&package, file, path, size, &nobody, NULL, error);
    (void)fclose(file);
    if (!err) {
        pkg_show_package(s->pkg, path, package, false);
        package_free(package);
    }
    return err;
}

static enum gw_err sign_package(struct signing *s, const struct ustar_member *member,
                                struct gw_error *error)
{
    const char *output = s->a->output ? s->a->output : s->path;
    struct system_manifest manifest;
    uint8_t *text;
    enum gw_err err;

    if (strcmp(member->name, PACKAGE_UNSIGNED_NAME) != 0) {
        return gw_fail(error, GW_PACKAGE_FORMAT,
                       "%s: its first member is %s; a package is signed "
                       "once, right after build",
                       s->path, member->name);
    }
    if (member->size > JSON_BYTES_MAX) {
        return gw_fail(error, GW_PACKAGE_FORMAT, "%s: its manifest has more than 1 MiB", s->path);
    }
    text = malloc((size_t)member->size + 1);
    if (!text) {
        return GW_NO_MEMORY;
    }
    struct span content = { text, (size_t)member->size };

    err = pkg_file_read(s->file, s->path, USTAR_BLOCK, text, content.len, error);
    if (!err) {
        err = system_manifest_parse(&manifest, content, error); /* no signature for nonsense */
    }
    if (!err) {
        system_manifest_free(&manifest);
        err = pkg_openssl_sign(&s->cms, &s->cms_len, content, SIGNED_SYSTEM_MANIFEST, s->a, error);
    }
    free(text);
    if (!err) {
        err = write_package(s, USTAR_BLOCK + member->size + ustar_padding(member->size), output,
                            error);
    }
    return err ? err : check_package(s, output, error);
}

/* "meter.gwi.unsigned" -> "meter.gwi" */
static char *image_output(const char *path)
{
    static const char suffix[] = ".unsigned";
    size_t len = strlen(path), cut = sizeof suffix - 1;
    char *out = NULL;

    if (len > cut && strcmp(path + len - cut, suffix) == 0) {
        return strndup(path, len - cut);
    }
    return asprintf(&out, "%s.gwi", path) < 0 ? NULL : out;
}

static enum gw_err write_image(struct signing *s, struct pkg_gwi *gwi, const char *path,
                               struct gw_error *error)
{
    struct pkg_output out;
    enum gw_err err = pkg_output_open(&out, path, error);

    if (err) {
        return err;
    }
    pkg_output_write(&out, s->cms, s->cms_len);
    err = pkg_gwi_copy_body(s->pkg, gwi, &out, error);
    return pkg_output_close(&out, err, error);
}

static enum gw_err sign_image(struct signing *s, struct gw_error *error)
{
    struct pkg_gwi gwi;
    char *path;
    enum gw_err err = pkg_gwi_open(&gwi, s->path, &pkg_inspect, NULL, error);

    if (err) {
        return err;
    }
    path = s->a->output ? strdup(s->a->output) : image_output(s->path);
    if (!path) {
        err = GW_NO_MEMORY;
    } else if (gwi.is_signed) {
        err = gw_fail(error, GW_PACKAGE_FORMAT, "%s: the image is signed already", s->path);
    } else {
        err = pkg_openssl_sign(&s->cms, &s->cms_len, (struct span){ gwi.head, gwi.head_len },
                               SIGNED_IMAGE_MANIFEST, s->a, error);
    }
    if (!err && s->cms_len > IMAGE_CMS_MAX) {
        err = gw_fail(error, GW_VERIFY_TOO_LARGE, "the signed manifest has %zu bytes, at most %d",
                      s->cms_len, IMAGE_CMS_MAX);
    }
    if (!err) {
        err = write_image(s, &gwi, path, error);
    }
    pkg_gwi_close(&gwi);
    if (!err) {
        err = pkg_show_gwi(s->pkg, path, error);
    }
    free(path);
    return err;
}

enum gw_err pkg_sign(struct pkg *pkg, const struct pkg_arguments *a, struct gw_error *error)
{
    struct signing s = { .pkg = pkg, .a = a, .path = a->words[0] };
    struct ustar_member member;
    enum gw_err err;

    if (a->cert_count == 0) {
        return gw_fail(error, GW_USAGE, "sign needs --cert and --key");
    }
    err = pkg_file_open(&s.file, &s.size, s.path, error);
    if (err) {
        return err;
    }
    err = pkg_first_member(&member, s.file, s.path, s.size, error);
    if (err == GW_PACKAGE_FORMAT) {
        err = sign_image(&s, error);
    } else if (!err) {
        err = sign_package(&s, &member, error);
    }
    (void)fclose(s.file);
    free(s.cms);
    return err;
}
