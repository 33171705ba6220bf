/* The keys of the configuration as data: name, type, range, and what a nested object may hold. */
#ifndef GATEWAYD_CONFIG_SCHEMA_H
#define GATEWAYD_CONFIG_SCHEMA_H

#include "err.h"

struct json;

enum config_type {
    CONFIG_STRING,  /* min..max bytes */
    CONFIG_PATH,    /* a string that starts with '/' */
    CONFIG_WORD,    /* a string out of `words` */
    CONFIG_INTEGER, /* min..max */
    CONFIG_SIZE,    /* bytes: an integer, or a string like "512M" (K, M, G) */
    CONFIG_BOOL,
    CONFIG_LIST,   /* of strings */
    CONFIG_TEXTS,  /* an object whose values are strings; keys are free */
    CONFIG_OBJECT, /* an object with the keys of `members` */
    CONFIG_NAMED,  /* an object whose keys are names and whose values are objects of `members` */
};

struct config_key {
    const char *name; /* NULL ends a table */
    enum config_type type;
    long long min, max;
    const char *const *words;         /* CONFIG_WORD, ends with NULL */
    const struct config_key *members; /* CONFIG_OBJECT, CONFIG_NAMED */
};

/* The top level of gatewayd.json. */
extern const struct config_key config_keys[];

/* The value of a CONFIG_SIZE node in bytes; -1 when it is not one. */
long long config_size_bytes(const struct json *node);

/* Check one file's tree against config_keys. GW_CONFIG: *error says file:line:column, what is
 * wrong, and the closest known key. `text` is the file's text, for the place. */
MUST_USE enum gw_err config_check(const struct json *root, const char *file, const char *text,
                                  size_t len, struct gw_error *error);

#endif
