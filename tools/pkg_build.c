/* gatewaypkg build: a release description and signed images become an unsigned package. */
#include <stdlib.h>
#include <string.h>

#include "pkg.h"
#include "pkg_description.h"
#include "pkg_file.h"
#include "pkg_gwi.h"
#include "pkg_inspect.h"
#include "pkg_show.h"
#include "ustar.h"

struct building {
    struct pkg *pkg;
    struct pkg_description description;
    struct pkg_gwi *images; /* of the components, in order */
    size_t image_count;
    char **paths;
    char *text; /* the system manifest, exactly as it will be signed */
    size_t len;
    struct system_manifest manifest; /* parsed back from it */
    char *gwp, *json;                /* paths of the results */
};

/* The keys of a component that go into the manifest as they are. */
static void copy_keys(struct json *out, const struct json *in, const char *const keys[])
{
    for (size_t i = 0; keys[i]; i++) {
        if (json_get(in, keys[i])) {
            (void)json_set(out, keys[i], json_copy(json_get(in, keys[i])));
        }
    }
}

/* A path of the description is relative to the description. */
static char *resolve(const char *description, const char *path)
{
    const char *slash = strrchr(description, '/');
    char *joined = NULL;

    if (path[0] == '/' || !slash) {
        return strdup(path);
    }
    return asprintf(&joined, "%.*s/%s", (int)(slash - description), description, path) < 0 ? NULL
                                                                                           : joined;
}

static enum gw_err open_image(struct building *b, const char *file, struct gw_error *error)
{
    struct pkg_gwi *image = &b->images[b->image_count];
    char *path = resolve(b->description.path, file);
    enum gw_err err;

    if (!path) {
        return GW_NO_MEMORY;
    }
    b->paths[b->image_count] = path;
    err = pkg_gwi_open(image, path, &pkg_inspect, NULL, error);
    b->image_count++;
    if (!err && !image->is_signed) {
        err = gw_fail(error, GW_PACKAGE_UNSIGNED, "%s: the image itself is not signed", path);
    }
    return err;
}

/* One component of the manifest: what the description says and what the image is. */
static struct json *component_of(const struct json *in, const struct pkg_gwi *image)
{
    static const char *const named[] = { "name", NULL };
    static const char *const kind[] = { "vendor", "class", NULL };
    static const char *const rules[] = { "match", "required", "after", "group", NULL };
    struct json *out = json_new_object();
    char version[MANIFEST_VERSION_MAX + 1];

    (void)snprintf(version, sizeof version, "%.*s", (int)image->manifest.version.len,
                   (const char *)image->manifest.version.at);
    copy_keys(out, in, named);
    json_set_integer(out, "size", (int64_t)image->size);
    json_set_hex(out, "manifest_sha256", image->identity, sizeof image->identity);
    copy_keys(out, in, kind);
    json_set_integer(out, "component", image->manifest.component);
    json_set_string(out, "version", version);
    json_set_integer(out, "sequence", image->manifest.sequence);
    copy_keys(out, in, rules);
    return out;
}

static enum gw_err add_components(struct building *b, struct json *root, struct strict *s,
                                  struct gw_error *error)
{
    static const char *const keys[] = { "name",     "image", "vendor", "class", "match",
                                        "required", "after", "group",  NULL };
    const struct json *list = strict_array(s, b->description.json, "components",
                                           SYSTEM_COMPONENTS_MAX);
    struct json *out = json_set(root, "components", json_new_array());
    size_t index = 0;
    enum gw_err err = s->err;

    b->images = calloc(json_count(list) + 1, sizeof *b->images);
    b->paths = calloc(json_count(list) + 1, sizeof *b->paths);
    if (!b->images || !b->paths) {
        return GW_NO_MEMORY;
    }
    for (const struct json *e = json_first(list); e && !err; e = json_next(e)) {
        size_t mark = strict_enter(s, "components");

        (void)strict_enter_index(s, index);
        strict_keys(s, e, keys);
        const char *file = strict_text(s, e, "image", 1, 4000);

        strict_leave(s, mark);
        err = s->err ? s->err : open_image(b, file, error);
        if (!err) {
            (void)json_append(out, component_of(e, &b->images[index++]));
        }
    }
    return err;
}

/* The manifest's JSON from description and images. Keys have a fixed order: the same input gives
 * the same bytes. */
static enum gw_err compose(struct building *b, struct gw_error *error)
{
    static const char *const keys[] = { "system",  "release",    "sequence", "floor",
                                        "expires", "components", "canary",   NULL };
    static const char *const head[] = { "system", "release", "sequence", "floor", "expires", NULL };
    static const char *const tail[] = { "canary", NULL };
    struct strict s = { .code = GW_DESCRIPTION, .error = error };
    struct json *root = json_new_object();
    enum gw_err err;

    strict_keys(&s, b->description.json, keys);
    json_set_string(root, "format", SYSTEM_MANIFEST_FORMAT);
    copy_keys(root, b->description.json, head);
    err = add_components(b, root, &s, error);
    copy_keys(root, b->description.json, tail);
    if (!err) {
        b->text = json_print_pretty(root);
        err = b->text ? GW_OK : GW_NO_MEMORY;
    }
    json_free(root);
    return s.err ? pkg_description_fail(&b->description, &s, error) : err;
}

/* The reader of gateways judges; its places stand in the description under the same names. */
static enum gw_err judge(struct building *b, struct gw_error *error)
{
    struct strict s = { .code = GW_DESCRIPTION, .error = error };
    enum gw_err err;

    b->len = strlen(b->text);
    err = system_manifest_parse(&b->manifest, (struct span){ (const uint8_t *)b->text, b->len },
                                error);
    if (err != GW_MANIFEST) {
        return err;
    }
    (void)snprintf(s.where, sizeof s.where, "%.*s", (int)strcspn(error->detail, ":"),
                   error->detail);
    s.err = GW_DESCRIPTION;
    return pkg_description_fail(&b->description, &s, error);
}

static enum gw_err check_images(const struct building *b, struct gw_error *error)
{
    enum gw_err err = GW_OK;

    for (uint16_t i = 0; i < b->manifest.component_count && !err; i++) {
        const struct pkg_gwi *image = &b->images[i];

        if (image->head_len > IMAGE_CMS_MAX) {
            return gw_fail(error, GW_VERIFY_TOO_LARGE, "%s", image->path);
        }
        err = package_image_check(&b->manifest.components[i], &image->manifest, image->identity,
                                  image->head_len, error);
    }
    return err;
}

static void write_padding(struct pkg_output *out, uint64_t size)
{
    static const uint8_t zero[USTAR_BLOCK];

    pkg_output_write(out, zero, ustar_padding(size));
}

static enum gw_err write_members(struct building *b, struct pkg_output *out, struct gw_error *error)
{
    static const uint8_t end[USTAR_END];
    uint8_t header[USTAR_BLOCK];
    enum gw_err err = GW_OK;

    ustar_header(header, PACKAGE_UNSIGNED_NAME, b->len);
    pkg_output_write(out, header, sizeof header);
    pkg_output_write(out, b->text, b->len);
    write_padding(out, b->len);
    for (uint16_t i = 0; i < b->manifest.component_count && !err; i++) {
        struct pkg_gwi *image = &b->images[i];
        char name[MEMBER_NAME_MAX];

        package_member_name(name, &b->manifest.components[i]);
        ustar_header(header, name, image->size);
        pkg_output_write(out, header, sizeof header);
        pkg_output_write(out, image->head, image->head_len);
        err = pkg_gwi_copy_body(b->pkg, image, out, error);
        write_padding(out, image->size);
    }
    pkg_output_write(out, end, sizeof end);
    return err;
}

/* "acme.example/plant-a", "2026.11" -> "plant-a-2026.11.gwp"; what is no file name becomes '-'. */
static char *default_output(const struct system_manifest *m)
{
    const char *slash = strrchr(m->system, '/');
    char *path = NULL;

    if (asprintf(&path, "%s-%s.gwp", slash ? slash + 1 : m->system, m->release) < 0) {
        return NULL;
    }
    for (char *c = path; *c; c++) {
        *c = *c == '/' || *c == ' ' ? '-' : *c;
    }
    return path;
}

static enum gw_err name_outputs(struct building *b, const char *output, struct gw_error *error)
{
    size_t len;

    b->gwp = output ? strdup(output) : default_output(&b->manifest);
    if (!b->gwp) {
        return GW_NO_MEMORY;
    }
    len = strlen(b->gwp);
    if (len > 4 && strcmp(b->gwp + len - 4, ".gwp") == 0) {
        len -= 4;
    }
    if (asprintf(&b->json, "%.*s.json", (int)len, b->gwp) < 0) {
        b->json = NULL;
        return GW_NO_MEMORY;
    }
    if (strcmp(b->json, b->description.path) == 0) {
        return gw_fail(error, GW_USAGE, "%s would be overwritten; give another name with -o",
                       b->json);
    }
    return GW_OK;
}

static enum gw_err write_outputs(struct building *b, struct gw_error *error)
{
    struct pkg_output out;
    enum gw_err err = pkg_output_open(&out, b->gwp, error);

    if (err) {
        return err;
    }
    err = pkg_output_close(&out, write_members(b, &out, error), error);
    if (!err) {
        err = pkg_output_open(&out, b->json, error);
    }
    if (err) {
        return err;
    }
    pkg_output_write(&out, b->text, b->len);
    return pkg_output_close(&out, GW_OK, error);
}

static void show(const struct building *b)
{
    uint8_t identity[SHA256_LEN];

    sha256_of(identity, (const uint8_t *)b->text, b->len);
    pkg_show_manifest(b->pkg, b->gwp, &b->manifest, identity);
    if (!b->pkg->json) {
        (void)fprintf(b->pkg->notes,
                      "To be signed: %s\nNext: gatewaypkg sign %s --cert CERT "
                      "--key KEY --chain INTERMEDIATES\n",
                      b->json, b->gwp);
    }
}

static enum gw_err build(struct building *b, const char *output, struct gw_error *error)
{
    enum gw_err err = compose(b, error);

    if (!err) {
        err = judge(b, error);
    }
    if (!err) {
        err = check_images(b, error);
    }
    if (!err) {
        err = name_outputs(b, output, error);
    }
    if (!err) {
        err = write_outputs(b, error);
    }
    if (!err) {
        show(b);
    }
    return err;
}

enum gw_err pkg_build(struct pkg *pkg, const struct pkg_arguments *a, struct gw_error *error)
{
    struct building b = { .pkg = pkg };
    enum gw_err err = pkg_description_load(&b.description, a->words[0], error);

    if (!err) {
        err = build(&b, a->output, error);
    }
    for (size_t i = 0; i < b.image_count; i++) {
        pkg_gwi_close(&b.images[i]);
        free(b.paths[i]);
    }
    free(b.images);
    free(b.paths);
    free(b.text);
    free(b.gwp);
    free(b.json);
    system_manifest_free(&b.manifest);
    pkg_description_free(&b.description);
    return err;
}
