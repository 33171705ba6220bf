/* The one table of everything that can go wrong: stable codes GWnnnn with cause and next step.
 *
 * base/codes.def is the table. It makes this enum, `gatewayctl explain`, the man page and the exit
 * codes of the tools. A code is never reused or renumbered. GW2200 + v is verify_result v.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <stddef.h>

#define MUST_USE __attribute__((warn_unused_result))

#define GW_CODE_ENUM(name, value, exit_code, text, cause, next) name = (value),
enum gw_err {
    GW_OK = 0,
#include "codes.def"
};
#undef GW_CODE_ENUM

/* Exit codes of the tools (docs/SPEC, Exit codes). */
enum gw_exit {
    EXIT_DONE = 0,
    EXIT_FAILED = 1,
    EXIT_USAGE = 2,
    EXIT_NOT_FOUND = 3,
    EXIT_REFUSED = 4, /* verification refused: signature, chain, rollback, wrong class */
    EXIT_PARTIAL = 5,
    EXIT_BUSY = 6,
    EXIT_UNREACHABLE = 7, /* the daemon does not answer */
    EXIT_DENIED = 8,
    EXIT_STALE = 9,
    EXIT_TRY_AGAIN = 75,
    EXIT_DETACHED = 130,
};

struct gw_code {
    enum gw_err err;
    const char *name; /* "GW_TIMEOUT" */
    enum gw_exit exit_code;
    const char *text;  /* one line: what happened */
    const char *cause; /* the usual causes */
    const char *next;  /* what to do now */
};

/* The entry of `err`; an unknown value gets the entry of GW_INTERNAL. Never NULL. */
const struct gw_code *gw_code_of(enum gw_err err);

/* Its text, for logs. */
const char *gw_err_text(enum gw_err err);

/* The entry whose code is written `GW2201`, `gw2201` or `2201`; NULL when there is none. */
const struct gw_code *gw_code_parse(const char *text);

/* Entry number `index` in the order of the codes, NULL past the last. */
const struct gw_code *gw_code_at(size_t index);

/* A failure on its way to a person: code, and the facts of this one case. */
struct gw_error {
    enum gw_err err;
    char detail[240]; /* "bus cabinet-1: /dev/ttyUSB0: held by process 812 (minicom)"; "" = none */
};

/* Fill `out` (may be NULL) and return `err`: `return gw_fail(error, GW_IO, "%s: %s", path, why);`
 */
enum gw_err gw_fail(struct gw_error *out, enum gw_err err, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
