#include "system_manifest.h"

#include <stdio.h>
#include <string.h>

#include "calendar.h"
#include "component_order.h"
#include "json.h"
#include "strict_object.h"
#include "ustar.h"
#include "uuid5.h"

static bool is_hex4(const char *text)
{
    uint8_t bytes[2];
    size_t len;

    return hex_decode(text, bytes, sizeof bytes, &len) && len == 2;
}

/* Four hex digits, as lsusb and bus ids write them; NULL when absent. */
static const char *take_hex4(struct strict *s, struct pool *pool, const struct json *object,
                             const char *key)
{
    const char *text = json_get_string(object, key);

    if (json_get(object, key) && !is_hex4(text)) {
        strict_refuse(s, key, "must be 4 lower-case hex digits");
        return NULL;
    }
    return pool_text(pool, text);
}

static const char *take_bus_text(struct strict *s, struct pool *pool, const struct json *object,
                                 const char *key)
{
    return pool_text(pool, strict_text_or_null(s, object, key, 1, 64));
}

/* Enter the object of one bus kind inside `match`, its keys checked; NULL when absent. */
static const struct json *enter_kind(struct strict *s, struct bus_match *match,
                                     const struct json *object, const char *name,
                                     enum bus_kind kind, const char *const keys[])
{
    const struct json *node = json_get(object, name);

    (void)strict_enter(s, name);
    if (node) {
        strict_keys(s, node, keys);
        match->kinds |= kind;
    }
    return node;
}

static void take_modbus(struct strict *s, struct pool *pool, struct bus_match *match,
                        const struct json *object)
{
    static const char *const keys[] = { "vendor_name", "product_code", NULL };
    size_t mark = strlen(s->path);
    const struct json *node = enter_kind(s, match, object, "modbus", BUS_MODBUS, keys);

    match->modbus.vendor_name = take_bus_text(s, pool, node, "vendor_name");
    match->modbus.product_code = take_bus_text(s, pool, node, "product_code");
    strict_leave(s, mark);
}

static void take_usb(struct strict *s, struct pool *pool, struct bus_match *match,
                     const struct json *object)
{
    static const char *const keys[] = { "vid", "pid", "bcd_device", "serial", NULL };
    size_t mark = strlen(s->path);
    const struct json *node = enter_kind(s, match, object, "usb", BUS_USB, keys);

    match->usb.vid = take_hex4(s, pool, node, "vid");
    match->usb.pid = take_hex4(s, pool, node, "pid");
    match->usb.bcd_device = take_hex4(s, pool, node, "bcd_device");
    match->usb.serial = take_bus_text(s, pool, node, "serial");
    strict_leave(s, mark);
}

static void take_zigbee(struct strict *s, struct pool *pool, struct bus_match *match,
                        const struct json *object)
{
    static const char *const keys[] = { "manufacturer", "image_type", "model", NULL };
    size_t mark = strlen(s->path);
    const struct json *node = enter_kind(s, match, object, "zigbee", BUS_ZIGBEE, keys);

    match->zigbee.manufacturer = take_hex4(s, pool, node, "manufacturer");
    match->zigbee.image_type = take_hex4(s, pool, node, "image_type");
    match->zigbee.model = take_bus_text(s, pool, node, "model");
    strict_leave(s, mark);
}

static void take_uart(struct strict *s, struct bus_match *match, const struct json *object)
{
    static const char *const keys[] = { NULL };
    size_t mark = strlen(s->path);

    (void)enter_kind(s, match, object, "uart", BUS_UART, keys);
    strict_leave(s, mark);
}

static void take_serials(struct strict *s, struct pool *pool, struct bus_match *match,
                         const struct json *object)
{
    const struct json *array = strict_array(s, object, "serials", SYSTEM_SERIALS_MAX);
    struct span *serials = pool_take(pool, json_count(array), sizeof *serials);

    if (array && json_count(array) == 0) {
        strict_refuse(s, "serials", "must not be empty: leave it out to match any serial");
    }
    for (const struct json *e = json_first(array); e && s->err == GW_OK; e = json_next(e)) {
        uint8_t bytes[32];
        size_t len;

        if (!hex_decode(json_string(e), bytes, sizeof bytes, &len)) {
            strict_refuse(s, "serials", "each must be 1 to 32 bytes in lower-case hex");
            return;
        }
        serials[match->serial_count++] = (struct span){ pool_copy(pool, bytes, len), len };
    }
    match->serials = serials;
}

static void take_match(struct strict *s, struct pool *pool, struct bus_match *match,
                       const struct json *component)
{
    static const char *const keys[] = { "modbus", "usb", "zigbee", "uart", "serials", NULL };
    const struct json *object = json_get(component, "match");

    if (!object) {
        return;
    }
    size_t mark = strict_enter(s, "match");

    strict_keys(s, object, keys);
    take_modbus(s, pool, match, object);
    take_usb(s, pool, match, object);
    take_zigbee(s, pool, match, object);
    take_uart(s, match, object);
    take_serials(s, pool, match, object);
    strict_leave(s, mark);
}

static void take_component(struct strict *s, struct pool *pool, struct system_component *c,
                           const struct json *object)
{
    static const char *const keys[] = { "name",  "size",      "manifest_sha256", "vendor",
                                        "class", "component", "version",         "sequence",
                                        "match", "required",  "after",           "group",
                                        NULL };

    strict_keys(s, object, keys);
    c->name = pool_text(pool, strict_name(s, object, "name", name_is_component));
    c->size = strict_uint(s, object, "size", 1, USTAR_SIZE_MAX);
    strict_hex(s, object, "manifest_sha256", c->identity, sizeof c->identity);
    c->vendor = pool_text(pool, strict_name(s, object, "vendor", name_is_domain));
    c->class_name = pool_text(pool, strict_text(s, object, "class", 1, CLASS_NAME_MAX - 1));
    uuid5_vendor(c->vendor_id, c->vendor);
    uuid5_class(c->class_id, c->vendor_id, c->class_name);
    c->component = (uint8_t)strict_uint(s, object, "component", 0, 255);
    c->version = pool_text(pool, strict_text(s, object, "version", 1, 32));
    c->sequence = (uint32_t)strict_uint(s, object, "sequence", 1, UINT32_MAX);
    c->is_required = strict_bool_or(s, object, "required", true);
    take_match(s, pool, &c->match, object);
    if (json_get(object, "group")) {
        c->group = pool_text(pool, strict_name(s, object, "group", name_is_component));
    }
}

static void take_components(struct strict *s, struct system_manifest *m, const struct json *root)
{
    const struct json *array = strict_array(s, root, "components", SYSTEM_COMPONENTS_MAX);

    if (json_count(array) == 0) {
        strict_refuse(s, "components", "must be an array with at least one component");
        return;
    }
    m->components = pool_take(&m->pool, json_count(array), sizeof *m->components);
    for (const struct json *e = json_first(array); e && s->err == GW_OK; e = json_next(e)) {
        struct system_component *c = &m->components[m->component_count];
        size_t mark = strict_enter(s, "components");

        (void)strict_enter_index(s, m->component_count);
        take_component(s, &m->pool, c, e);
        if (s->err == GW_OK && system_manifest_find(m, c->name)) {
            strict_refuse(s, "name", "stands twice");
        }
        strict_leave(s, mark);
        m->component_count++;
    }
}

/* `after` of one component, now that every name is known. */
static void take_after(struct strict *s, struct system_manifest *m, struct system_component *c,
                       const struct json *object)
{
    const struct json *array = strict_array(s, object, "after", SYSTEM_COMPONENTS_MAX);
    uint16_t *after = pool_take(&m->pool, json_count(array), sizeof *after);

    c->after = after;
    for (const struct json *e = json_first(array); e && s->err == GW_OK; e = json_next(e)) {
        const struct system_component *other = system_manifest_find(m, json_string(e));

        if (!other || other == c) {
            strict_refuse(s, "after", "each must be the name of another component");
            return;
        }
        for (uint16_t i = 0; i < c->after_count; i++) {
            if (after[i] == other - m->components) {
                strict_refuse(s, "after", "a name stands twice");
                return;
            }
        }
        after[c->after_count++] = (uint16_t)(other - m->components);
    }
}

static void take_order(struct strict *s, struct system_manifest *m, const struct json *root)
{
    const struct json *e = json_first(json_get(root, "components"));
    uint16_t *order = pool_take(&m->pool, m->component_count, sizeof *order);
    uint16_t stuck;

    for (uint16_t i = 0; i < m->component_count && s->err == GW_OK; i++, e = json_next(e)) {
        size_t mark = strict_enter(s, "components");

        (void)strict_enter_index(s, i);
        take_after(s, m, &m->components[i], e);
        strict_leave(s, mark);
    }
    if (s->err == GW_OK && !component_order(m->components, m->component_count, order, &stuck)) {
        (void)strict_enter(s, m->components[stuck].name);
        strict_refuse(s, "after", "the order of the components, or of their groups, is a circle");
    }
    m->order = order;
}

static void take_canary(struct strict *s, struct system_manifest *m, const struct json *root)
{
    static const char *const keys[] = { "count", "soak", "max_failures", NULL };
    const struct json *object = json_get(root, "canary");

    if (!object) {
        return;
    }
    size_t mark = strict_enter(s, "canary");

    strict_keys(s, object, keys);
    m->canary.is_present = true;
    m->canary.count = (uint32_t)strict_uint(s, object, "count", 1, UINT16_MAX);
    m->canary.max_failures = (uint32_t)strict_uint(s, object, "max_failures", 0, UINT16_MAX);
    if (!calendar_parse_duration(&m->canary.soak_s, json_get_string(object, "soak"))) {
        strict_refuse(s, "soak", "must be a duration like \"10m\"");
    }
    strict_leave(s, mark);
}

static void refuse_crls(struct strict *s, const struct json *root)
{
    const struct json *crls = strict_array(s, root, "crls", SYSTEM_COMPONENTS_MAX);

    if (json_count(crls) > 0) {
        s->code = GW_NOT_SUPPORTED_YET;
        strict_refuse(s, "crls", "revocation lists are not supported yet");
    }
}

static void take_root(struct strict *s, struct system_manifest *m, const struct json *root)
{
    static const char *const keys[] = { "format",  "system", "release",    "sequence", "floor",
                                        "expires", "crls",   "components", "canary",   NULL };
    const char *format = json_get_string(root, "format");

    if (!format || strcmp(format, SYSTEM_MANIFEST_FORMAT) != 0) {
        strict_refuse(s, "format", "must be \"" SYSTEM_MANIFEST_FORMAT "\"");
        return;
    }
    strict_keys(s, root, keys);
    m->system = pool_text(&m->pool, strict_name(s, root, "system", name_is_system));
    m->release = pool_text(&m->pool, strict_text(s, root, "release", 1, SYSTEM_RELEASE_MAX));
    m->sequence = strict_uint(s, root, "sequence", 1, SYSTEM_SEQUENCE_MAX);
    m->floor = strict_uint_or(s, root, "floor", 1, m->sequence, m->sequence);
    if (!calendar_parse(&m->expires_s, json_get_string(root, "expires"))) {
        strict_refuse(s, "expires", "must be a time like \"2028-01-01T00:00:00Z\"");
    }
    refuse_crls(s, root);
    take_canary(s, m, root);
    take_components(s, m, root);
    if (s->err == GW_OK) {
        take_order(s, m, root);
    }
}

enum gw_err system_manifest_parse(struct system_manifest *out, struct span content,
                                  struct gw_error *error)
{
    struct strict s = { .code = GW_MANIFEST, .error = error };
    struct json_where where;
    struct json *root;
    enum gw_err err = json_parse(&root, (const char *)content.at, content.len, JSON_STRICT, &where);

    *out = (struct system_manifest){ 0 };
    if (err == GW_BAD_MESSAGE) {
        return gw_fail(error, GW_MANIFEST, "system manifest: line %u column %u: %s", where.line,
                       where.column, where.why);
    }
    if (err) {
        return err;
    }
    take_root(&s, out, root);
    json_free(root);
    if (s.err) {
        system_manifest_free(out);
    }
    return s.err;
}

void system_manifest_free(struct system_manifest *manifest)
{
    pool_free(&manifest->pool);
    *manifest = (struct system_manifest){ 0 };
}

const struct system_component *system_manifest_find(const struct system_manifest *manifest,
                                                    const char *name)
{
    for (uint16_t i = 0; name && i < manifest->component_count; i++) {
        if (strcmp(manifest->components[i].name, name) == 0) {
            return &manifest->components[i];
        }
    }
    return NULL;
}
