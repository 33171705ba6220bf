#include "sim_field.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim_foreign.h"
#include "sim_id.h"
#include "sim_own.h"
#include "sim_spec.h"
#include "slot.h"

enum { PATH_LEN = 1024, MS = 1000, FLASH_MAX = 1 << 29 };

/* What loading works on. */
struct loader {
    struct sim_field *field;
    struct sim_spec spec;
    char folder[PATH_LEN]; /* of the description, with '/', or "" */
};

static void resolve(const struct loader *l, char path[PATH_LEN], const char *name)
{
    (void)snprintf(path, PATH_LEN, "%s%s", name[0] == '/' ? "" : l->folder, name);
}

static void copy_text(struct loader *l, const struct sim_object *o, const char *key, char *out,
                      size_t cap, const char *otherwise)
{
    const char *text = sim_spec_text(&l->spec, o, key, otherwise);

    if (text[0] == '\0' || strlen(text) >= cap) {
        sim_spec_fail(&l->spec, o, key, "is empty or too long");
        return;
    }
    (void)snprintf(out, cap, "%s", text);
}

/* --- anchors --- */

static enum gw_err load_anchor(struct loader *l, const char *name, struct cert *anchor)
{
    struct sim_field *field = l->field;
    struct gw_error *error = l->spec.error;
    char path[PATH_LEN];
    uint8_t *text, *der;
    uint8_t **grown;
    size_t len;
    enum gw_err err;

    resolve(l, path, name);
    err = sim_read_file(&text, &len, path, error);
    if (err) {
        return err;
    }
    err = sim_read_pem(&der, &len, (const char *)text);
    free(text);
    if (err) {
        return gw_fail(error, err, "%s: not one certificate in PEM", path);
    }
    grown = realloc(field->certificates, (field->certificate_count + 1) * sizeof *grown);
    if (!grown) {
        free(der);
        return gw_fail(error, GW_NO_MEMORY, "%s", path);
    }
    field->certificates = grown;
    field->certificates[field->certificate_count++] = der;
    if (cert_parse(anchor, (struct span){ der, len }) != VERIFY_OK || !anchor->is_ca) {
        return gw_fail(error, GW_ANCHOR_BAD, "%s: not a CA certificate that the verifier takes",
                       path);
    }
    return GW_OK;
}

static enum gw_err load_anchors(struct loader *l, const struct sim_object *o,
                                struct sim_own_config *config)
{
    const struct json *array = json_get(o->json, "anchors");
    enum gw_err err = GW_OK;

    if (array && !json_is_array(array)) {
        sim_spec_fail(&l->spec, o, "anchors", "must be an array of file names");
        return l->spec.err;
    }
    for (const struct json *m = json_first(array); m && !err; m = json_next(m)) {
        if (!json_string(m) || config->anchor_count == SIM_ANCHORS_MAX) {
            sim_spec_fail(&l->spec, o, "anchors", "must be an array of at most 8 file names");
            return l->spec.err;
        }
        err = load_anchor(l, json_string(m), &config->anchors[config->anchor_count++]);
    }
    return err;
}

/* --- devices --- */

static struct smp_params read_params(struct loader *l, const struct sim_object *o)
{
    return (struct smp_params){
        .buf_size = (uint32_t)sim_spec_uint(&l->spec, o, "buf_size", 2048, 256, 65535),
        .buf_count = (uint32_t)sim_spec_uint(&l->spec, o, "buf_count", 4, 1, 64),
    };
}

/* Log, then two slots that are as large as their payload, head and CMS. */
static void lay_out_flash(struct host_port_config *port, uint32_t payload)
{
    struct port_geometry *g = &port->geometry;
    uint32_t mask = g->sector_size - 1;
    uint32_t size = ((payload + mask) & ~mask) + ((SLOT_HEAD_LEN + g->cms_max + mask) & ~mask);

    g->log_offset = 0;
    g->slot_count = 2;
    g->slots[0] = (struct port_slot){ .offset = 2 * g->sector_size, .size = size };
    g->slots[1] = (struct port_slot){ .offset = 2 * g->sector_size + size, .size = size };
    port->size = 2 * g->sector_size + 2 * size;
}

static void read_flash(struct loader *l, const struct sim_object *device,
                       struct host_port_config *port, char file[PATH_LEN])
{
    static const char *const keys[] = { "file",     "slot_size",       "sector",
                                        "granule",  "erase_us",        "program_us_per_kib",
                                        "counters", "read_us_per_kib", NULL };
    struct sim_spec *s = &l->spec;
    struct sim_object o = sim_spec_object(s, device, "flash");
    const char *name;

    sim_spec_keys(s, &o, keys);
    name = sim_spec_text(s, &o, "file", "");
    if (name[0]) {
        resolve(l, file, name);
        port->path = file;
    }
    port->geometry.sector_size = (uint32_t)sim_spec_uint(s, &o, "sector", 4096, PORT_SECTOR_MIN,
                                                         1 << 20);
    port->geometry.program_size = (uint32_t)sim_spec_uint(s, &o, "granule", 8, 1, PORT_PROGRAM_MAX);
    port->has_counters = sim_spec_bool(s, &o, "counters", false);
    port->delays = (struct host_delays){
        .erase_us = (uint32_t)sim_spec_uint(s, &o, "erase_us", 0, 0, 60000000),
        .program_us_per_kib = (uint32_t)sim_spec_uint(s, &o, "program_us_per_kib", 0, 0, 60000000),
        .read_us_per_kib = (uint32_t)sim_spec_uint(s, &o, "read_us_per_kib", 0, 0, 60000000),
    };
    lay_out_flash(port, (uint32_t)sim_spec_uint(s, &o, "slot_size", 262144, 1024, FLASH_MAX));
    if (!s->err && !port_geometry_is_sound(&port->geometry)) {
        sim_spec_fail(s, device, "flash", "sector and granule must be powers of two");
    }
}

static void read_identity(struct loader *l, const struct sim_object *o, struct device_identity *who)
{
    struct sim_spec *s = &l->spec;
    const char *serial = sim_spec_text(s, o, "serial", "");

    sim_vendor_id(who->vendor_id, sim_spec_text(s, o, "vendor", NULL));
    sim_class_id(who->class_id, who->vendor_id, sim_spec_text(s, o, "class", NULL));
    who->hardware = (uint16_t)sim_spec_uint(s, o, "hardware", 0, 0, UINT16_MAX);
    if (strlen(serial) > MANIFEST_SERIAL_MAX) {
        sim_spec_fail(s, o, "serial", "is longer than 32 bytes");
        return;
    }
    who->serial_len = (uint8_t)strlen(serial);
    memcpy(who->serial, serial, who->serial_len);
}

/* The file named by `factory`; absent: *bytes NULL. */
static enum gw_err read_factory(struct loader *l, const struct sim_object *o, uint8_t **bytes,
                                size_t *len)
{
    const char *name = sim_spec_text(&l->spec, o, "factory", "");
    char path[PATH_LEN];

    *bytes = NULL;
    if (!name[0]) {
        return GW_OK;
    }
    resolve(l, path, name);
    return sim_read_file(bytes, len, path, l->spec.error);
}

static enum gw_err install_own(struct loader *l, const struct sim_object *o,
                               struct sim_firmware *firmware)
{
    uint8_t *bytes;
    uint16_t reason = 0;
    size_t len;
    enum gw_err err = read_factory(l, o, &bytes, &len);

    if (!err && bytes && !sim_own_install(firmware, bytes, len, &reason)) {
        char why[60];

        (void)snprintf(why, sizeof why, "the device refuses this image: GW%u", 2200u + reason);
        sim_spec_fail(&l->spec, o, "factory", why);
        err = l->spec.err;
    }
    free(bytes);
    return err;
}

static enum gw_err make_own(struct loader *l, const struct sim_object *o,
                            struct sim_firmware **firmware)
{
    struct sim_spec *s = &l->spec;
    struct sim_own_config config = { .params = read_params(l, o) };
    char file[PATH_LEN];
    enum gw_err err = load_anchors(l, o, &config);

    config.port.geometry.cms_max = (uint32_t)sim_spec_uint(s, o, "max_manifest", 8192, 4096, 65536);
    config.max_table = (uint32_t)sim_spec_uint(s, o, "max_table", 32768, 32, 2097152);
    config.max_block = (uint32_t)sim_spec_uint(s, o, "max_block", 4096, 512, 65536);
    config.trial_ms = (uint32_t)sim_spec_uint(s, o, "trial_ms", 60000, 1, UINT32_MAX);
    config.activate_ms = (uint32_t)(sim_spec_uint(s, o, "boot_ms", 50, 0, 3600000) +
                                    sim_spec_uint(s, o, "self_test_ms", 100, 0, 3600000));
    read_identity(l, o, &config.identity);
    read_flash(l, o, &config.port, file);
    config.verify_ms = (uint32_t)(((uint64_t)config.port.geometry.slots[0].size / 1024 *
                                       config.port.delays.read_us_per_kib +
                                   MS - 1) /
                                  MS);
    if (err || s->err) {
        return err ? err : s->err;
    }
    *firmware = sim_own_open(&config);
    if (!*firmware) {
        return gw_fail(s->error, GW_IO, "%s: the flash cannot be opened",
                       config.port.path ? config.port.path : "memory");
    }
    return install_own(l, o, *firmware);
}

static enum gw_err make_foreign(struct loader *l, const struct sim_object *o,
                                struct sim_firmware **firmware)
{
    struct sim_foreign_config config = { .params = read_params(l, o) };
    struct sim_object flash = sim_spec_object(&l->spec, o, "flash");
    static const char *const keys[] = { "slot_size", NULL };
    uint8_t *bytes;
    size_t len;
    enum gw_err err;

    sim_spec_keys(&l->spec, &flash, keys);
    config.slot_size = (uint32_t)sim_spec_uint(&l->spec, &flash, "slot_size", 262144, 1024,
                                               FLASH_MAX);
    if (l->spec.err) {
        return l->spec.err;
    }
    *firmware = sim_foreign_open(&config);
    if (!*firmware) {
        return gw_fail(l->spec.error, GW_NO_MEMORY, "%s", l->spec.file);
    }
    err = read_factory(l, o, &bytes, &len);
    if (!err && bytes && !sim_foreign_install(*firmware, bytes, len)) {
        sim_spec_fail(&l->spec, o, "factory", "is no MCUboot image, or too large");
        err = l->spec.err;
    }
    free(bytes);
    return err;
}

static enum gw_err make_device(struct loader *l, const struct sim_object *o,
                               struct sim_field_bus *bus)
{
    static const char *const own_keys[] = { "name",      "kind",      "vendor",    "class",
                                            "hardware",  "serial",    "anchors",   "flash",
                                            "buf_size",  "max_table", "max_block", "max_manifest",
                                            "buf_count", "boot_ms",   "trial_ms",  "self_test_ms",
                                            "factory",   "faults",    NULL };
    static const char *const foreign_keys[] = { "name",   "kind",    "buf_size",     "buf_count",
                                                "flash",  "boot_ms", "self_test_ms", "factory",
                                                "faults", NULL };
    struct sim_spec *s = &l->spec;
    const char *kind = sim_spec_text(s, o, "kind", "own");
    struct sim_firmware *firmware = NULL;
    struct sim_device_config config = {
        .boot_us = (uint32_t)sim_spec_uint(s, o, "boot_ms", 50, 0, 3600000) * MS,
        .self_test_us = (uint32_t)sim_spec_uint(s, o, "self_test_ms", 100, 0, 3600000) * MS,
    };
    struct smp_params params = read_params(l, o);
    struct sim_faults faults;
    struct gw_error why;
    enum gw_err err;

    if (sim_faults_read(&faults, json_get(o->json, "faults"), &why)) {
        sim_spec_fail(s, o, "faults", why.detail);
    }
    bus->is_foreign = strcmp(kind, "foreign") == 0;
    config.receive_cap = params.buf_size * params.buf_count * 3 / 2; /* console framing is longer */
    copy_text(l, o, "name", bus->device, sizeof bus->device, bus->name);
    sim_spec_keys(s, o, bus->is_foreign ? foreign_keys : own_keys);
    if (!bus->is_foreign && strcmp(kind, "own") != 0) {
        sim_spec_fail(s, o, "kind", "must be \"own\" or \"foreign\"");
    }
    if (s->err) {
        return s->err;
    }
    err = bus->is_foreign ? make_foreign(l, o, &firmware) : make_own(l, o, &firmware);
    if (err) {
        if (firmware) {
            firmware->ops->close(firmware);
        }
        return err;
    }
    if (!sim_device_open(&bus->bus.device, firmware, &config)) {
        return gw_fail(s->error, GW_NO_MEMORY, "%s", s->file);
    }
    sim_device_set_faults(bus->bus.device, &faults);
    return GW_OK;
}

/* --- buses --- */

static void read_noise(struct loader *l, const struct sim_object *bus, struct sim_noise *noise)
{
    static const char *const keys[] = { "loss_ppm", "corruption_ppm", "duplicate_ppm", "seed",
                                        NULL };
    struct sim_spec *s = &l->spec;
    struct sim_object o = sim_spec_object(s, bus, "noise");

    sim_spec_keys(s, &o, keys);
    noise->loss_ppm = (uint32_t)sim_spec_uint(s, &o, "loss_ppm", 0, 0, 1000000);
    noise->corruption_ppm = (uint32_t)sim_spec_uint(s, &o, "corruption_ppm", 0, 0, 1000000);
    noise->duplicate_ppm = (uint32_t)sim_spec_uint(s, &o, "duplicate_ppm", 0, 0, 1000000);
    noise->seed = sim_spec_uint(s, &o, "seed", 1, 0, INT64_MAX);
}

static enum gw_err make_bus(struct loader *l, const struct sim_object *o, struct sim_field_bus *bus)
{
    static const char *const keys[] = { "name",  "link",   "baud", "latency_us",
                                        "noise", "device", NULL };
    struct sim_spec *s = &l->spec;
    struct sim_object device = sim_spec_object(s, o, "device");
    struct sim_noise noise;
    uint32_t baud = (uint32_t)sim_spec_uint(s, o, "baud", 115200, 0, 100000000);
    uint32_t latency_us = (uint32_t)sim_spec_uint(s, o, "latency_us", 1000, 0, 10000000);

    sim_spec_keys(s, o, keys);
    copy_text(l, o, "name", bus->name, sizeof bus->name, NULL);
    copy_text(l, o, "link", bus->link, sizeof bus->link, NULL);
    read_noise(l, o, &noise);
    if (!device.json) {
        sim_spec_fail(s, o, "device", "is missing");
    }
    if (s->err) {
        return s->err;
    }
    if (!sim_line_open(&bus->bus.line, baud, latency_us)) {
        return gw_fail(s->error, GW_NO_MEMORY, "%s", s->file);
    }
    sim_line_set_noise(bus->bus.line, &noise);
    return make_device(l, &device, bus);
}

static enum gw_err make_buses(struct loader *l)
{
    static const char *const keys[] = { "buses", NULL };
    struct sim_object root = sim_spec_root(&l->spec);
    size_t count = sim_spec_count(&l->spec, &root, "buses");
    enum gw_err err;

    sim_spec_keys(&l->spec, &root, keys);
    if (count == 0) {
        sim_spec_fail(&l->spec, &root, "buses", "must name at least one bus");
    }
    if (l->spec.err) {
        return l->spec.err;
    }
    l->field->buses = calloc(count, sizeof *l->field->buses);
    if (!l->field->buses) {
        return gw_fail(l->spec.error, GW_NO_MEMORY, "%s", l->spec.file);
    }
    for (size_t i = 0; i < count; i++) {
        struct sim_object o = sim_spec_element(&l->spec, &root, "buses", i);
        struct sim_field_bus *bus = &l->field->buses[l->field->bus_count++];

        err = make_bus(l, &o, bus);
        if (err) {
            return err;
        }
        if (sim_field_find_bus(l->field, bus->name) != bus ||
            sim_field_find_device(l->field, bus->device) != bus) {
            sim_spec_fail(&l->spec, &o, "name", "stands twice");
            return l->spec.err;
        }
    }
    return GW_OK;
}

enum gw_err sim_field_load(struct sim_field **out, const char *path, struct gw_error *error)
{
    struct loader l = { .field = calloc(1, sizeof *l.field) };
    const char *slash = strrchr(path, '/');
    uint8_t *text;
    size_t len;
    enum gw_err err;

    *out = NULL;
    if (!l.field) {
        return gw_fail(error, GW_NO_MEMORY, "%s", path);
    }
    (void)snprintf(l.folder, sizeof l.folder, "%.*s", slash ? (int)(slash - path + 1) : 0, path);
    err = sim_read_file(&text, &len, path, error);
    if (!err) {
        err = sim_spec_open(&l.spec, path, (const char *)text, len, error);
        err = err ? err : make_buses(&l);
        sim_spec_close(&l.spec);
        free(text);
    }
    if (err) {
        sim_field_close(l.field);
        return err;
    }
    *out = l.field;
    return GW_OK;
}

void sim_field_close(struct sim_field *field)
{
    if (!field) {
        return;
    }
    for (size_t i = 0; i < field->bus_count; i++) {
        sim_bus_close(&field->buses[i].bus);
    }
    for (size_t i = 0; i < field->certificate_count; i++) {
        free(field->certificates[i]);
    }
    free(field->certificates);
    free(field->buses);
    free(field);
}

struct sim_field_bus *sim_field_find_bus(struct sim_field *field, const char *name)
{
    for (size_t i = 0; i < field->bus_count; i++) {
        if (strcmp(field->buses[i].name, name) == 0) {
            return &field->buses[i];
        }
    }
    return NULL;
}

struct sim_field_bus *sim_field_find_device(struct sim_field *field, const char *name)
{
    for (size_t i = 0; i < field->bus_count; i++) {
        if (strcmp(field->buses[i].device, name) == 0) {
            return &field->buses[i];
        }
    }
    return NULL;
}
