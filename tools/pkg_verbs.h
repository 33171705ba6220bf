/* The verbs of gatewaypkg: one const table makes dispatch, help and the check of options. */
#ifndef TOOLS_PKG_VERBS_H
#define TOOLS_PKG_VERBS_H

#include "pkg.h"

struct pkg_verb {
    const char *name, *synopsis, *summary, *details;
    unsigned words_min, words_max;
    const char *options; /* long names it takes besides json and help: "output cert key" */
    enum gw_err (*run)(struct pkg *pkg, const struct pkg_arguments *a, struct gw_error *error);
};

/* Verb number `index`, NULL past the last. */
const struct pkg_verb *pkg_verb_at(size_t index);

/* Read the command line. GW_OK: *verb is set, or NULL when only help was asked for. GW_USAGE: the
 * detail says what is wrong. */
MUST_USE enum gw_err pkg_verbs_parse(const struct pkg_verb **verb, struct pkg_arguments *out,
                                     int argc, char *const *argv, struct gw_error *error);

/* Help for one verb, or with NULL the overview. */
void pkg_verbs_help(FILE *out, const struct pkg_verb *verb);

#endif
