#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config_schema.h"
#include "json.h"

enum { CONFIG_FILE_MAX = 1 << 20 };

static const char default_state_dir[] = "/var/lib/gatewayd";
static const char default_cache_dir[] = "/var/cache/gatewayd";
static const char default_run_dir[] = "/run/gatewayd";
static const char default_trust_dir[] = "/etc/gatewayd/trust.d";
static const char default_admin_group[] = "gatewayd-admin";
enum { DEFAULT_QUOTA_MIB = 512, DEFAULT_AWAY_DEADLINE_S = 600 };

static enum gw_err refuse_file(struct gw_error *error, const char *path, const char *why)
{
    return gw_fail(error, GW_CONFIG_FILE, "%s: %s", path, why);
}

/* Whoever can write the configuration decides what is installed: only root and its owner may. */
static enum gw_err check_mode(int fd, const char *path, struct gw_error *error)
{
    struct stat st;

    if (fstat(fd, &st) != 0) {
        return refuse_file(error, path, strerror(errno));
    }
    if (!S_ISREG(st.st_mode)) {
        return refuse_file(error, path, "not a regular file");
    }
    if (st.st_uid != 0 && st.st_uid != geteuid()) {
        return refuse_file(error, path, "owned by another user; chown it to root");
    }
    if (st.st_mode & (S_IWGRP | S_IWOTH)) {
        return refuse_file(error, path, "group or others may write it; chmod go-w");
    }
    return GW_OK;
}

static enum gw_err read_all(int fd, const char *path, char **text, size_t *len,
                            struct gw_error *error)
{
    size_t used = 0;
    char *bytes = malloc(CONFIG_FILE_MAX);

    if (!bytes) {
        return gw_fail(error, GW_NO_MEMORY, "%s", path);
    }
    for (;;) {
        ssize_t n = read(fd, bytes + used, CONFIG_FILE_MAX - used);

        if (n == 0 && used < CONFIG_FILE_MAX) {
            *text = bytes;
            *len = used;
            return GW_OK;
        }
        if (n <= 0) {
            free(bytes);
            return refuse_file(error, path, n == 0 ? "larger than 1 MiB" : strerror(errno));
        }
        used += (size_t)n;
    }
}

static enum gw_err read_file(const char *path, char **text, size_t *len, struct gw_error *error)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

    if (fd < 0) {
        return refuse_file(error, path, strerror(errno));
    }
    enum gw_err err = check_mode(fd, path, error);

    if (!err) {
        err = read_all(fd, path, text, len, error);
    }
    (void)close(fd);
    return err;
}

/* Add the members of `from` to `into`; objects merge, anything else may stand only once. */
static enum gw_err merge(struct json *into, const struct json *from, const char *prefix,
                         const char *file, const char *text, size_t len, struct gw_error *error)
{
    for (const struct json *m = json_first(from); m; m = json_next(m)) {
        const struct json *there = json_get(into, json_key(m));
        char path[200];

        (void)snprintf(path, sizeof path, "%s%s%s", prefix, prefix[0] ? "." : "", json_key(m));
        if (!there) {
            (void)json_set(into, json_key(m), json_copy(m));
        } else if (strcmp(path, "buses") == 0) {
            struct json *buses = json_copy(there);
            enum gw_err err = merge(buses, m, path, file, text, len, error);

            if (err) {
                json_free(buses);
                return err;
            }
            (void)json_set(into, json_key(m), buses);
        } else {
            struct json_where at = json_locate(text, len, path);

            return gw_fail(error, GW_CONFIG, "%s:%u:%u: %s: stands in another file already", file,
                           at.line, at.column, path);
        }
    }
    return GW_OK;
}

static enum gw_err add_file(struct json *tree, const char *path, struct gw_error *error)
{
    char *text = NULL;
    size_t len = 0;
    struct json *root = NULL;
    struct json_where where = { 0 };
    enum gw_err err = read_file(path, &text, &len, error);

    if (err) {
        return err;
    }
    err = json_parse(&root, text, len, JSON_COMMENTS, &where);
    if (err) {
        err = gw_fail(error, err == GW_NO_MEMORY ? err : GW_CONFIG, "%s:%u:%u: %s", path,
                      where.line, where.column, where.why);
    } else {
        err = config_check(root, path, text, len, error);
    }
    if (!err) {
        err = merge(tree, root, "", path, text, len, error);
    }
    json_free(root);
    free(text);
    return err;
}

static int is_drop_in(const struct dirent *entry)
{
    size_t len = strlen(entry->d_name);

    return entry->d_name[0] != '.' && len > 5 && strcmp(entry->d_name + len - 5, ".json") == 0;
}

static enum gw_err add_drop_ins(struct json *tree, const char *path, struct gw_error *error)
{
    char folder[PATH_MAX];
    struct dirent **names = NULL;
    enum gw_err err = GW_OK;

    if (snprintf(folder, sizeof folder, "%s.d", path) >= (int)sizeof folder) {
        return refuse_file(error, path, "path too long");
    }
    int count = scandir(folder, &names, is_drop_in, alphasort);

    if (count < 0) {
        return errno == ENOENT ? GW_OK : refuse_file(error, folder, strerror(errno));
    }
    for (int i = 0; i < count; i++) {
        char file[PATH_MAX];

        if (!err &&
            snprintf(file, sizeof file, "%s/%s", folder, names[i]->d_name) >= (int)sizeof file) {
            err = refuse_file(error, folder, "path too long");
        }
        if (!err) {
            err = add_file(tree, file, error);
        }
        free(names[i]);
    }
    free(names);
    return err;
}

static void copy_text(char *out, size_t cap, const struct json *object, const char *key,
                      const char *otherwise)
{
    const char *text = json_get_string(object, key);

    (void)snprintf(out, cap, "%s", text ? text : otherwise);
}

static void fill_device(struct config_device *d, const struct json *json)
{
    const struct json *foreign = json_get(json, "foreign");
    int64_t hardware;

    copy_text(d->name, sizeof d->name, NULL, "", json_key(json));
    copy_text(d->address, sizeof d->address, json, "address", "");
    d->is_foreign = foreign != NULL;
    copy_text(d->vendor, sizeof d->vendor, foreign, "vendor", "");
    copy_text(d->class_name, sizeof d->class_name, foreign, "class", "");
    d->component = (uint8_t)json_get_integer(foreign, "component", 0);
    d->has_hardware = json_integer(json_get(foreign, "hardware"), &hardware);
    d->hardware = d->has_hardware ? (uint16_t)hardware : 0;
}

static struct json *copy_of(const struct json *node)
{
    return node ? json_copy(node) : NULL;
}

static enum gw_err fill_devices(struct config_bus *bus, const struct json *devices,
                                struct gw_error *error)
{
    size_t count = json_count(devices);
    bool is_point_to_point = strcmp(bus->router, "uart") == 0;

    if (is_point_to_point && count > 1) {
        return gw_fail(error, GW_CONFIG, "buses.%s.devices: a uart bus has one device", bus->name);
    }
    bus->devices = calloc(count ? count : 1, sizeof *bus->devices);
    if (!bus->devices) {
        return gw_fail(error, GW_NO_MEMORY, "buses.%s", bus->name);
    }
    for (const struct json *d = json_first(devices); d; d = json_next(d)) {
        struct config_device *device = &bus->devices[bus->device_count++];

        fill_device(device, d);
        if (device->is_foreign && (!device->vendor[0] || !device->class_name[0])) {
            return gw_fail(error, GW_CONFIG,
                           "buses.%s.devices.%s.foreign: needs \"vendor\" and \"class\"", bus->name,
                           device->name);
        }
    }
    return GW_OK;
}

static enum gw_err fill_bus(struct config_bus *bus, const struct json *json, struct gw_error *error)
{
    static const char *const option_keys[] = { "framing", "buf_size" };

    copy_text(bus->name, sizeof bus->name, NULL, "", json_key(json));
    copy_text(bus->router, sizeof bus->router, json, "router", "");
    copy_text(bus->link, sizeof bus->link, json, "link", "");
    bus->options = json_new_object();
    bus->environment = copy_of(json_get(json, "environment"));
    bus->sandbox = copy_of(json_get(json, "sandbox"));
    for (size_t i = 0; i < sizeof option_keys / sizeof option_keys[0]; i++) {
        if (json_get(json, option_keys[i])) {
            (void)json_set(bus->options, option_keys[i], json_copy(json_get(json, option_keys[i])));
        }
    }
    if (!bus->router[0] || !bus->link[0]) {
        return gw_fail(error, GW_CONFIG, "buses.%s: needs \"router\" and \"link\"", bus->name);
    }
    return fill_devices(bus, json_get(json, "devices"), error);
}

static enum gw_err fill_buses(struct config *c, const struct json *buses, struct gw_error *error)
{
    size_t count = json_count(buses);
    enum gw_err err = GW_OK;

    if (count > CONFIG_BUSES_MAX) {
        return gw_fail(error, GW_CONFIG, "buses: %zu, at most %d", count, CONFIG_BUSES_MAX);
    }
    c->buses = calloc(count ? count : 1, sizeof *c->buses);
    if (!c->buses) {
        return gw_fail(error, GW_NO_MEMORY, "buses");
    }
    for (const struct json *b = json_first(buses); b && !err; b = json_next(b)) {
        err = fill_bus(&c->buses[c->bus_count++], b, error);
    }
    return err;
}

static enum config_mode mode_of(const char *word)
{
    if (word && strcmp(word, "cached") == 0) {
        return MODE_CACHED;
    }
    return word && strcmp(word, "streamed") == 0 ? MODE_STREAMED : MODE_AUTO;
}

static enum gw_err fill(struct config *c, const struct json *tree, struct gw_error *error)
{
    const struct json *quota = json_get(tree, "cache_quota");
    const char *stale_crl = json_get_string(tree, "stale_crl");

    copy_text(c->system, sizeof c->system, tree, "system", "");
    copy_text(c->state_dir, sizeof c->state_dir, tree, "state_dir", default_state_dir);
    copy_text(c->cache_dir, sizeof c->cache_dir, tree, "cache_dir", default_cache_dir);
    copy_text(c->run_dir, sizeof c->run_dir, tree, "run_dir", default_run_dir);
    copy_text(c->trust_dir, sizeof c->trust_dir, tree, "trust_dir", default_trust_dir);
    copy_text(c->tls_ca, sizeof c->tls_ca, tree, "tls_ca", "");
    copy_text(c->admin_group, sizeof c->admin_group, tree, "admin_group", default_admin_group);
    c->allow_http = json_get_bool(tree, "allow_http", false);
    c->mode = mode_of(json_get_string(tree, "mode"));
    c->cache_quota_bytes = quota ? (uint64_t)config_size_bytes(quota)
                                 : (uint64_t)DEFAULT_QUOTA_MIB << 20;
    c->signers_required = (unsigned)json_get_integer(tree, "signers_required", 1);
    c->stale_crl_refuses = stale_crl && strcmp(stale_crl, "refuse") == 0;
    c->away_deadline_s = (unsigned)json_get_integer(tree, "away_deadline", DEFAULT_AWAY_DEADLINE_S);
    return fill_buses(c, json_get(tree, "buses"), error);
}

enum gw_err config_load(struct config *out, const char *path, struct gw_error *error)
{
    struct json *tree = json_new_object();
    enum gw_err err = add_file(tree, path, error);

    memset(out, 0, sizeof *out);
    if (!err) {
        err = add_drop_ins(tree, path, error);
    }
    if (!err) {
        err = fill(out, tree, error);
    }
    json_free(tree);
    if (err) {
        config_free(out);
    }
    return err;
}

void config_free(struct config *config)
{
    for (unsigned i = 0; config->buses && i < config->bus_count; i++) {
        struct config_bus *bus = &config->buses[i];

        json_free(bus->options);
        json_free(bus->environment);
        json_free(bus->sandbox);
        free(bus->devices);
    }
    free(config->buses);
    memset(config, 0, sizeof *config);
}

const struct config_bus *config_find_bus(const struct config *config, const char *name)
{
    for (unsigned i = 0; i < config->bus_count; i++) {
        if (strcmp(config->buses[i].name, name) == 0) {
            return &config->buses[i];
        }
    }
    return NULL;
}
