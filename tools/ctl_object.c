#include "ctl_object.h"

#include <stdlib.h>
#include <string.h>

static bool is_flat(const struct json *object)
{
    for (const struct json *m = json_first(object); m; m = json_next(m)) {
        if (json_is_object(m) || json_is_array(m)) {
            return false;
        }
    }
    return json_is_object(object);
}

/* Is this member a time? Their names end so in every interface of ours. */
static bool is_time(const char *key)
{
    static const char *const names[] = { "created",   "finished", "last_seen", "last_used",
                                         "not_after", "signed",   "made",      "time" };

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

/* A flat object in one line: "slot: 0, state: confirmed". */
static void render_flat(FILE *out, const struct json *object, unsigned indent,
                        const struct style *style)
{
    char *text = NULL;
    size_t len;
    FILE *line = open_memstream(&text, &len);

    if (!line) {
        return;
    }
    for (const struct json *m = json_first(object); m; m = json_next(m)) {
        (void)fputs(json_key(m), line);
        (void)fputs(": ", line);
        put_scalar(line, m);
        (void)fputs(json_next(m) ? ", " : "", line);
    }
    if (fclose(line) == 0) {
        text_wrap(out, indent, style->width, text);
    }
    free(text);
}

static void render_elements(FILE *out, const struct json *array, unsigned indent,
                            const struct style *style)
{
    for (const struct json *e = json_first(array); e; e = json_next(e)) {
        if (is_flat(e)) {
            render_flat(out, e, indent, style);
        } else if (json_is_object(e)) {
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
        text_put(out, json_key(m));
        (void)fputc(':', out);
        if (json_is_object(m)) {
            (void)fputc('\n', out);
            render_object(out, m, indent + 2, style);
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
