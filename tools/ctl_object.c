#include "ctl_object.h"

#include <string.h>

#include "ctl_table.h"

static bool is_flat(const struct json *object)
{
    for (const struct json *m = json_first(object); m; m = json_next(m)) {
        if (json_is_object(m) || json_is_array(m)) {
            return false;
        }
    }
    return json_is_object(object);
}

/* Elements that are flat objects with the keys of the first one. */
static bool is_table(const struct json *array)
{
    const struct json *first = json_first(array);

    for (const struct json *e = first; e; e = json_next(e)) {
        if (!is_flat(e) || json_count(e) > TABLE_COLUMNS_MAX) {
            return false;
        }
        for (const struct json *m = json_first(e); m; m = json_next(m)) {
            if (!json_get(first, json_key(m))) {
                return false;
            }
        }
    }
    return first != NULL;
}

/* Is this member a time? Their names end so in every interface of ours. */
static bool is_time(const char *key)
{
    static const char *const names[] = { "created",   "finished",  "last_seen", "last_used",
                                         "not_after", "signed_at", "time" };

    for (size_t i = 0; key && i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(key, names[i]) == 0) {
            return true;
        }
    }
    return false;
}

static void put_scalar(FILE *out, const struct json *node)
{
    int64_t number;

    if (json_is_string(node)) {
        text_put(out, json_string(node));
    } else if (json_integer(node, &number)) {
        (void)fprintf(out, is_time(json_key(node)) ? "%s" : "%.0s%lld", text_time(number).text,
                      (long long)number);
    } else if (json_is_bool(node)) {
        (void)fputs(json_bool(node, false) ? "yes" : "no", out);
    } else {
        (void)fputc('-', out);
    }
}

static void scalar_cell(struct table *t, const struct json *node)
{
    char text[400] = "";
    FILE *out = fmemopen(text, sizeof text, "w");

    if (out) {
        put_scalar(out, node);
        (void)fclose(out);
    }
    table_cell(t, text);
}

static void render_table(FILE *out, const struct json *array, const struct style *style)
{
    struct column columns[TABLE_COLUMNS_MAX];
    unsigned count = 0;
    struct table t;

    for (const struct json *m = json_first(json_first(array)); m; m = json_next(m)) {
        columns[count++] = (struct column){ json_key(m), COLUMN_CUT };
    }
    table_init(&t, columns, count);
    for (const struct json *e = json_first(array); e; e = json_next(e)) {
        for (unsigned c = 0; c < count; c++) {
            scalar_cell(&t, json_get(e, columns[c].title));
        }
    }
    table_finish(&t, out, style);
}

static void render_elements(FILE *out, const struct json *array, unsigned indent,
                            const struct style *style)
{
    for (const struct json *e = json_first(array); e; e = json_next(e)) {
        if (json_is_object(e)) {
            (void)fprintf(out, "%*s-\n", (int)indent, "");
            render_object(out, e, indent + 2, style);
        } else {
            (void)fprintf(out, "%*s", (int)indent, "");
            put_scalar(out, e);
            (void)fputc('\n', out);
        }
    }
}

/* The depth of the JSON is bounded by its parser. */
void render_object(FILE *out, const struct json *object, unsigned indent, const struct style *style)
{
    for (const struct json *m = json_first(object); m; m = json_next(m)) {
        (void)fprintf(out, "%*s", (int)indent, "");
        text_begin(out, style, TONE_BOLD);
        text_put(out, json_key(m));
        text_end(out, style, TONE_BOLD);
        (void)fputc(':', out);
        if (json_is_object(m)) {
            (void)fputc('\n', out);
            render_object(out, m, indent + 2, style);
        } else if (json_is_array(m) && is_table(m)) {
            (void)fputc('\n', out);
            render_table(out, m, style);
        } else if (json_is_array(m)) {
            (void)fputs(json_count(m) ? "\n" : " none\n", out);
            render_elements(out, m, indent + 2, style);
        } else {
            (void)fputc(' ', out);
            put_scalar(out, m);
            (void)fputc('\n', out);
        }
    }
}
