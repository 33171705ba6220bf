#include "log.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 1000 };

static void write_stderr(struct log_sink *sink, enum log_level level, const char *text)
{
    const struct log_stderr *self = (const struct log_stderr *)sink;
    char line[LINE_MAX_BYTES + 8];
    int len = self->prefix ? snprintf(line, sizeof line, "<%d>%s\n", (int)level, text)
                           : snprintf(line, sizeof line, "%s\n", text);

    /* A log that cannot be written has nowhere to say so. */
    if (len > 0 && write(STDERR_FILENO, line, (size_t)len) < 0) {
        return;
    }
}

void log_stderr_init(struct log_stderr *sink, enum log_level max_level, int prefix)
{
    sink->base = (struct log_sink){ write_stderr, max_level };
    sink->prefix = prefix;
}

void log_line(struct log_sink *sink, enum log_level level, const char *format, ...)
{
    char text[LINE_MAX_BYTES + 1];
    va_list args;

    if (!sink || level > sink->max_level) {
        return;
    }
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    for (char *c = text; *c; c++) {
        if ((unsigned char)*c < 0x20 || *c == 0x7f) {
            *c = '?';
        }
    }
    sink->line(sink, level, text);
}
