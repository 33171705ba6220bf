#include "pkg_description.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pkg_file.h"

enum gw_err pkg_description_load(struct pkg_description *out, const char *path,
                                 struct gw_error *error)
{
    struct json_where where;
    enum gw_err err;

    *out = (struct pkg_description){ .path = path };
    err = pkg_file_load((uint8_t **)&out->text, &out->len, path, JSON_BYTES_MAX, error);
    if (err) {
        return err;
    }
    err = json_parse(&out->json, out->text, out->len, JSON_COMMENTS, &where);
    if (err == GW_BAD_MESSAGE) {
        err = gw_fail(error, GW_DESCRIPTION, "%s:%u:%u: %s", path, where.line, where.column,
                      where.why);
    }
    if (err) {
        pkg_description_free(out);
    }
    return err;
}

void pkg_description_free(struct pkg_description *d)
{
    json_free(d->json);
    free(d->text);
    *d = (struct pkg_description){ 0 };
}

/* Where `path` stands; a missing member does not, then the object around it is shown. */
static struct json_where locate(const struct pkg_description *d, const char *path)
{
    struct json_where where;
    char place[160], *dot;

    (void)snprintf(place, sizeof place, "%s", path);
    where = json_locate(d->text, d->len, place);
    while (where.line == 0 && (dot = strrchr(place, '.')) != NULL) {
        *dot = '\0';
        where = json_locate(d->text, d->len, place);
    }
    return where.line ? where : (struct json_where){ .line = 1, .column = 1 };
}

enum gw_err pkg_description_fail(const struct pkg_description *d, const struct strict *s,
                                 struct gw_error *error)
{
    struct json_where where = locate(d, s->where);
    char detail[sizeof error->detail];

    (void)snprintf(detail, sizeof detail, "%s", error->detail);
    return gw_fail(error, s->err, "%s:%u:%u: %s", d->path, where.line, where.column, detail);
}
