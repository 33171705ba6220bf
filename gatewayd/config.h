/* Configuration: /etc/gatewayd/gatewayd.json with // comments, then gatewayd.json.d/NAME.json in
 * the order of their names; a later file adds keys, and a key that stands in two files is an error.
 *
 * Everything is checked at once: an unknown key, a duplicate, a wrong type or a value out of range
 * is refused with file:line:column, and a suggestion where one is close. Files that others may
 * write are refused. Keys: README.md.
 */
#ifndef GATEWAYD_CONFIG_H
#define GATEWAYD_CONFIG_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "device.h"
#include "err.h"

struct json;

enum { CONFIG_NAME_MAX = 33, CONFIG_URI_MAX = 256, CONFIG_BUSES_MAX = 64, CONFIG_SYSTEM_MAX = 129 };

enum config_mode { MODE_AUTO, MODE_CACHED, MODE_STREAMED };

struct config_device {
    char name[DEVICE_NAME_MAX];
    char address[DEVICE_NAME_MAX]; /* "" on a point-to-point bus */
    bool is_foreign;               /* the following members are stated by the operator */
    char vendor[DEVICE_NAME_MAX];  /* domain, "acme.example" */
    char class_name[DEVICE_NAME_MAX];
    uint8_t component;
    bool has_hardware;
    uint16_t hardware;
};

struct config_bus {
    char name[CONFIG_NAME_MAX];   /* [a-z0-9][a-z0-9_-]{0,31} */
    char router[CONFIG_NAME_MAX]; /* "uart": the program gatewayd-router-uart */
    char link[CONFIG_URI_MAX];
    struct json *options;     /* what only the router understands (framing, buf_size); object */
    struct json *environment; /* object of strings, or NULL */
    struct json *sandbox;     /* {read: [], write: [], sockets: []}, or NULL */
    struct config_device *devices;
    unsigned device_count;
};

struct config {
    char system[CONFIG_SYSTEM_MAX]; /* "" = none: nothing is installed */
    char state_dir[PATH_MAX], cache_dir[PATH_MAX], run_dir[PATH_MAX], trust_dir[PATH_MAX];
    char tls_ca[PATH_MAX]; /* "" = the system's */
    bool allow_http;
    enum config_mode mode;
    uint64_t cache_quota_bytes;
    unsigned signers_required; /* 1.. */
    bool stale_crl_refuses;
    unsigned away_deadline_s; /* how long a step waits for a device that does not answer */
    char admin_group[CONFIG_NAME_MAX];
    struct config_bus *buses;
    unsigned bus_count;
};

/* Read `path` and its drop-in folder `path`.d. GW_OK: *out owns everything, config_free() releases
 * it. GW_CONFIG or GW_CONFIG_FILE: *error names file, line, column, cause and suggestion. */
MUST_USE enum gw_err config_load(struct config *out, const char *path, struct gw_error *error);

void config_free(struct config *config);

/* The bus of that name, or NULL. */
const struct config_bus *config_find_bus(const struct config *config, const char *name);

#endif
