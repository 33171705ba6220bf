/* The verbs of gatewayctl: one const table makes dispatch, help, the check of options and the
 * suggestions for misspelled words. */
#ifndef TOOLS_CTL_VERBS_H
#define TOOLS_CTL_VERBS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "err.h"

struct ctl;

/* A bit each, in struct verb.options. */
enum option {
    OPTION_JSON = 1 << 0,
    OPTION_SOCKET = 1 << 1,
    OPTION_TIMEOUT = 1 << 2,
    OPTION_NO_COLOR = 1 << 3,
    OPTION_HELP = 1 << 4,
    OPTION_GLOBAL = (1 << 5) - 1, /* the ones above go with every verb */
    OPTION_FOLLOW = 1 << 5,
    OPTION_NO_WAIT = 1 << 6,
    OPTION_MODE = 1 << 7,
    OPTION_SUPERSEDE = 1 << 8,
    OPTION_REFRESH = 1 << 9,
    OPTION_COUNT = 1 << 10,
    OPTION_LIMIT = 1 << 11,
    OPTION_MORE = 1 << 12,
};

struct arguments {
    const struct verb *verb;
    const char *words[2]; /* after the verb; NULL = not given */
    unsigned given;       /* of enum option */
    const char *socket, *mode;
    int64_t timeout_s, count, limit; /* 0 = not given */
};

struct verb {
    const char *name;     /* "job show" */
    const char *synopsis; /* what follows it: "[ID]" */
    const char *summary;  /* one line */
    const char *details;  /* more, for its own help; "" = nothing */
    unsigned words_min, words_max;
    unsigned options;                                               /* besides OPTION_GLOBAL */
    int (*run)(struct ctl *ctl, const struct arguments *arguments); /* returns the exit code */
};

/* Verb number `index`, NULL past the last. */
const struct verb *verb_at(size_t index);

/* GW_OK. With OPTION_HELP in out->given only words[0] and `verb` say what help is wanted for; both
 * may be NULL. GW_USAGE: *error says what and suggests. Nothing is printed. */
MUST_USE enum gw_err verbs_parse(struct arguments *out, int argc, char *const *argv,
                                 struct gw_error *error);

/* Help for one verb, for the verbs that begin with a word ("job"), or for all. */
void verbs_help(FILE *out, const struct arguments *arguments);

#endif
