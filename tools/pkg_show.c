#include "pkg_show.h"

#include <string.h>

#include "calendar.h"
#include "ctl_table.h"
#include "pkg_inspect.h"

static struct short_text hex_short(const uint8_t *bytes)
{
    struct short_text out;

    (void)snprintf(out.text, sizeof out.text, "%02x%02x%02x%02x%02x%02x..", bytes[0], bytes[1],
                   bytes[2], bytes[3], bytes[4], bytes[5]);
    return out;
}

static void put_hex_line(struct pkg *pkg, const char *label, const uint8_t digest[SHA256_LEN])
{
    char text[2 * SHA256_LEN + 1];

    for (size_t i = 0; i < SHA256_LEN; i++) {
        (void)snprintf(text + 2 * i, 3, "%02x", digest[i]);
    }
    pkg_put_line(pkg, label, "%s", text);
}

/* UUID in its usual form (RFC 9562 4). */
static void put_uuid_line(struct pkg *pkg, const char *label, const uint8_t id[16])
{
    pkg_put_line(pkg, label, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
                 id[0], id[1], id[2], id[3], id[4], id[5], id[6], id[7], id[8], id[9], id[10],
                 id[11], id[12], id[13], id[14], id[15]);
}

static void put_signer_line(struct pkg *pkg, const struct package_signer *signer, bool verified)
{
    pkg_put_line(pkg, "Signer", "%s: %s", signer->name,
                 verified ? "verified" : "signature right, signer not verified");
    if (verified && signer->is_trial) {
        pkg_put_line(pkg, "Warning", "a trial PKI signed it: not for the field");
    }
}

static void signer_to_json(struct json *json, const struct package_signer *signer, bool verified)
{
    json_set_bool(json, "verified", verified);
    json_set_string(json, "signer", signer->name);
    json_set_hex(json, "signer_key", signer->key, sizeof signer->key);
    if (verified) {
        char time[CALENDAR_TEXT_MAX];

        calendar_print(time, signer->signing_time_s);
        json_set_string(json, "signing_time", signer->signing_time_s ? time : NULL);
        json_set_bool(json, "trial_anchor", signer->is_trial);
    }
}

static void image_to_json(struct json *json, const struct image_manifest *m)
{
    json_set_hex(json, "vendor_id", m->vendor_id, sizeof m->vendor_id);
    json_set_hex(json, "class_id", m->class_id, sizeof m->class_id);
    json_set_integer(json, "component", m->component);
    json_set_integer(json, "sequence", m->sequence);
    json_set_integer(json, "floor", m->floor);
    json_set_integer(json, "payload_size", m->payload_size);
    json_set_integer(json, "block_size", m->block_size);
    json_set_integer(json, "blocks", m->block_count);
    json_set_hex(json, "image_sha256", m->image_digest, sizeof m->image_digest);
    json_set_hex(json, "table_sha256", m->table_digest, sizeof m->table_digest);
    json_set_string(json, "delivery", m->delivery == DELIVERY_PAYLOAD ? "payload" : "gwi");
    if (m->has_hardware) {
        struct json *range = json_set(json, "hardware", json_new_object());

        json_set_integer(range, "min", m->hardware_min);
        json_set_integer(range, "max", m->hardware_max);
    }
    if (m->has_link_address) {
        json_set_integer(json, "link_address", m->link_address);
    }
}

static void version_to_json(struct json *json, const struct image_manifest *m)
{
    char version[MANIFEST_VERSION_MAX + 1];

    (void)snprintf(version, sizeof version, "%.*s", (int)m->version.len,
                   (const char *)m->version.at);
    json_set_string(json, "version", version);
}

static struct json *gwi_to_json(const struct pkg_gwi *g, bool verified)
{
    struct json *json = json_new_object();

    json_set_string(json, "kind", "image");
    json_set_string(json, "file", g->path);
    json_set_integer(json, "size", (int64_t)g->size);
    json_set_bool(json, "signed", g->is_signed);
    json_set_hex(json, "manifest_sha256", g->identity, sizeof g->identity);
    version_to_json(json, &g->manifest);
    image_to_json(json, &g->manifest);
    if (g->is_signed) {
        signer_to_json(json, &g->signer, verified);
    }
    return json;
}

void pkg_show_image(struct pkg *pkg, const struct pkg_gwi *g, bool verified)
{
    const struct image_manifest *m = &g->manifest;

    if (pkg->json) {
        pkg_put_json(pkg, gwi_to_json(g, verified));
        return;
    }
    pkg_put_line(pkg, "Image", "%s   %s", g->path, text_bytes((int64_t)g->size).text);
    if (g->is_signed) {
        put_signer_line(pkg, &g->signer, verified);
    } else {
        pkg_put_line(pkg, "Signer", "none: sign it with gatewaypkg sign");
    }
    pkg_put_line(pkg, "Version", "%.*s   sequence %u, floor %u", (int)m->version.len,
                 (const char *)m->version.at, m->sequence, m->floor);
    pkg_put_line(pkg, "Part", "%u", m->component);
    put_uuid_line(pkg, "Vendor id", m->vendor_id);
    put_uuid_line(pkg, "Class id", m->class_id);
    pkg_put_line(pkg, "Payload", "%u bytes in %u blocks of %u%s", m->payload_size, m->block_count,
                 m->block_size, m->delivery == DELIVERY_PAYLOAD ? ", delivered bare" : "");
    put_hex_line(pkg, "Manifest", g->identity);
    put_hex_line(pkg, "SHA-256", m->image_digest);
}

enum gw_err pkg_show_gwi(struct pkg *pkg, const char *path, struct gw_error *error)
{
    struct pkg_gwi gwi;
    enum gw_err err = pkg_gwi_open(&gwi, path, &pkg_inspect, NULL, error);

    if (!err) {
        pkg_show_image(pkg, &gwi, false);
        pkg_gwi_close(&gwi);
    }
    return err;
}

static struct json *component_to_json(const struct system_component *c,
                                      const struct package_image *image, bool verified)
{
    struct json *json = json_new_object();

    json_set_string(json, "name", c->name);
    json_set_string(json, "vendor", c->vendor);
    json_set_string(json, "class", c->class_name);
    json_set_integer(json, "component", c->component);
    json_set_string(json, "version", c->version);
    json_set_integer(json, "sequence", c->sequence);
    json_set_integer(json, "size", (int64_t)c->size);
    json_set_hex(json, "manifest_sha256", c->identity, sizeof c->identity);
    json_set_bool(json, "required", c->is_required);
    json_set_string(json, "group", c->group);
    if (image) {
        json_set_integer(json, "offset", (int64_t)image->data_at);
        image_to_json(json, &image->manifest);
        signer_to_json(json, &image->signer, verified);
    }
    return json;
}

static struct json *manifest_to_json(const char *path, const struct system_manifest *m,
                                     const uint8_t identity[SHA256_LEN])
{
    struct json *json = json_new_object();
    char expires[CALENDAR_TEXT_MAX];

    calendar_print(expires, m->expires_s);
    json_set_string(json, "kind", "package");
    json_set_string(json, "file", path);
    json_set_string(json, "system", m->system);
    json_set_string(json, "release", m->release);
    json_set_integer(json, "sequence", (int64_t)m->sequence);
    json_set_integer(json, "floor", (int64_t)m->floor);
    json_set_string(json, "expires", expires);
    json_set_hex(json, "identity", identity, SHA256_LEN);
    return json;
}

static struct json *components_to_json(const struct system_manifest *m,
                                       const struct package_image *images, bool verified)
{
    struct json *array = json_new_array();

    for (uint16_t i = 0; i < m->component_count; i++) {
        (void)json_append(
            array, component_to_json(&m->components[i], images ? &images[i] : NULL, verified));
    }
    return array;
}

static void put_manifest(struct pkg *pkg, const struct system_manifest *m,
                         const uint8_t identity[SHA256_LEN])
{
    char expires[CALENDAR_TEXT_MAX];

    calendar_print(expires, m->expires_s);
    pkg_put_line(pkg, "Sequence", "%llu, floor %llu, expires %s", (unsigned long long)m->sequence,
                 (unsigned long long)m->floor, expires);
    put_hex_line(pkg, "Manifest", identity);
}

/* In order of activation. */
static void put_components(struct pkg *pkg, const struct system_manifest *m,
                           const struct package_image *images)
{
    static const struct column columns[] = {
        { "COMPONENT", COLUMN_CUT },  { "FOR", COLUMN_CUT },    { "PART", COLUMN_RIGHT },
        { "VERSION", COLUMN_CUT },    { "SEQ", COLUMN_RIGHT },  { "SIZE", COLUMN_RIGHT },
        { "GROUP", COLUMN_OPTIONAL }, { "SIGNER", COLUMN_CUT }, { "MANIFEST", COLUMN_OPTIONAL },
    };
    struct table t;

    table_init(&t, columns, sizeof columns / sizeof columns[0]);
    for (uint16_t i = 0; i < m->component_count; i++) {
        const struct system_component *c = &m->components[m->order[i]];

        table_cell(&t, c->name);
        table_cellf(&t, "%s %s", c->vendor, c->class_name);
        table_cellf(&t, "%u", c->component);
        table_cell(&t, c->version);
        table_cellf(&t, "%u", c->sequence);
        table_cell(&t, text_bytes((int64_t)c->size).text);
        table_cell(&t, c->group);
        table_cell(&t, images ? images[m->order[i]].signer.name : "");
        table_cell(&t, hex_short(c->identity).text);
    }
    (void)fputc('\n', pkg->out);
    table_finish(&t, pkg->out, &pkg->style);
}

void pkg_show_package(struct pkg *pkg, const char *path, const struct package *p, bool verified)
{
    if (pkg->json) {
        struct json *json = manifest_to_json(path, &p->manifest, p->identity);

        json_set_integer(json, "size", (int64_t)p->size);
        json_set_bool(json, "signed", true);
        signer_to_json(json, &p->signer, verified);
        (void)json_set(json, "components", components_to_json(&p->manifest, p->images, verified));
        pkg_put_json(pkg, json);
        return;
    }
    pkg_put_line(pkg, "Package", "%s %s   %s", p->manifest.system, p->manifest.release,
                 text_bytes((int64_t)p->size).text);
    put_signer_line(pkg, &p->signer, verified);
    put_manifest(pkg, &p->manifest, p->identity);
    put_components(pkg, &p->manifest, p->images);
}

void pkg_show_manifest(struct pkg *pkg, const char *path, const struct system_manifest *manifest,
                       const uint8_t identity[SHA256_LEN])
{
    if (pkg->json) {
        struct json *json = manifest_to_json(path, manifest, identity);

        json_set_bool(json, "signed", false);
        (void)json_set(json, "components", components_to_json(manifest, NULL, false));
        pkg_put_json(pkg, json);
        return;
    }
    pkg_put_line(pkg, "Package", "%s %s   %s", manifest->system, manifest->release, path);
    pkg_put_line(pkg, "Signer", "none: sign it with gatewaypkg sign");
    put_manifest(pkg, manifest, identity);
    put_components(pkg, manifest, NULL);
}
