#include "pkg.h"

#include <stdarg.h>
#include <stdlib.h>

void pkg_put_json(struct pkg *pkg, struct json *json)
{
    char *text = json_print_pretty(json);

    if (text) {
        (void)fprintf(pkg->out, "%s\n", text);
    }
    free(text);
    json_free(json);
}

void pkg_put_line(struct pkg *pkg, const char *label, const char *format, ...)
{
    char text[512];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    (void)fprintf(pkg->out, "%-10s", label);
    text_put(pkg->out, text);
    (void)fputc('\n', pkg->out);
}

void pkg_progress(struct pkg *pkg, const char *what, uint64_t done, uint64_t total)
{
    enum { WORTH_SHOWING = 4 << 20 };
    uint64_t percent = total ? done * 100 / total : 100;

    if (!pkg->is_terminal || total < WORTH_SHOWING || percent == pkg->percent) {
        return;
    }
    pkg->percent = percent;
    (void)fprintf(pkg->notes, "\r%s %3u %%%s", what, (unsigned)percent,
                  done >= total ? "\r\033[K" : "");
    (void)fflush(pkg->notes);
}
