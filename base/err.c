#include "err.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#define GW_CODE_ENUM(name, value, exit_code, text, cause, next)                                    \
    { name, #name, exit_code, text, cause, next },
static const struct gw_code codes[] = {
    { GW_OK, "GW_OK", EXIT_DONE, "ok", "", "" },
#include "codes.def"
};
#undef GW_CODE_ENUM

enum { CODES = sizeof codes / sizeof codes[0] };

static const struct gw_code *find(enum gw_err err)
{
    for (size_t i = 0; i < CODES; i++) {
        if (codes[i].err == err) {
            return &codes[i];
        }
    }
    return NULL;
}

const struct gw_code *gw_code_of(enum gw_err err)
{
    const struct gw_code *code = find(err);

    return code ? code : find(GW_INTERNAL);
}

const char *gw_err_text(enum gw_err err)
{
    return gw_code_of(err)->text;
}

const struct gw_code *gw_code_parse(const char *text)
{
    char *end;

    if (strncasecmp(text, "GW", 2) == 0) {
        text += 2;
    }
    unsigned long value = strtoul(text, &end, 10);

    if (end == text || *end != '\0' || value == 0 || value > 9999) {
        return NULL;
    }
    return find((enum gw_err)value);
}

const struct gw_code *gw_code_at(size_t index)
{
    return index < CODES ? &codes[index] : NULL;
}

enum gw_err gw_fail(struct gw_error *out, enum gw_err err, const char *format, ...)
{
    if (out) {
        va_list args;

        va_start(args, format);
        out->err = err;
        (void)vsnprintf(out->detail, sizeof out->detail, format, args);
        va_end(args);
    }
    return err;
}
