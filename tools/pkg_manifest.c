#include "pkg_manifest.h"

#include <string.h>

#include "der.h"
#include "manifest.h"
#include "names.h"
#include "package.h"
#include "uuid5.h"

enum { DEFAULT_BLOCK_SIZE = 1024, MANIFEST_FORMAT = 1 };

/* Tags of the optional fields. */
enum {
    TAG_HARDWARE = 0,
    TAG_SERIALS = 1,
    TAG_REQUIRES = 2,
    TAG_DELIVERY = 4,
    TAG_FLOOR = 5,
    TAG_BUS_IDS = 6,
    TAG_LINK_ADDRESS = 7,
};

static uint32_t take_block_size(struct strict *s, const struct json *root)
{
    uint64_t size = strict_uint_or(s, root, "block_size", MANIFEST_BLOCK_SIZE_MIN,
                                   MANIFEST_BLOCK_SIZE_MAX, DEFAULT_BLOCK_SIZE);

    if ((size & (size - 1)) != 0) {
        strict_refuse(s, "block_size", "must be a power of two");
    }
    return (uint32_t)size;
}

enum gw_err pkg_manifest_block_size(uint32_t *block_size, const struct pkg_description *d,
                                    struct gw_error *error)
{
    struct strict s = { .code = GW_DESCRIPTION, .error = error };

    *block_size = take_block_size(&s, d->json);
    return s.err ? pkg_description_fail(d, &s, error) : GW_OK;
}

static void write_text(struct pkg_der *der, const char *text)
{
    pkg_der_tlv(der, DER_UTF8_STRING, text, strlen(text));
}

static void write_ids(struct pkg_der *der, struct strict *s, const struct json *root)
{
    uint8_t vendor_id[UUID_LEN], class_id[UUID_LEN];

    uuid5_vendor(vendor_id, strict_name(s, root, "vendor", name_is_domain));
    uuid5_class(class_id, vendor_id, strict_text(s, root, "class", 1, CLASS_NAME_MAX - 1));
    pkg_der_tlv(der, DER_OCTET_STRING, vendor_id, sizeof vendor_id);
    pkg_der_tlv(der, DER_OCTET_STRING, class_id, sizeof class_id);
}

static void write_payload(struct pkg_der *der, const struct pkg_payload *payload)
{
    uint8_t table_digest[SHA256_LEN];

    sha256_of(table_digest, payload->table, payload->table_len);
    pkg_der_uint(der, DER_INTEGER, payload->size);
    pkg_der_tlv(der, DER_OCTET_STRING, payload->digest, sizeof payload->digest);
    pkg_der_uint(der, DER_INTEGER, payload->size);
    pkg_der_uint(der, DER_INTEGER, payload->block_size);
    pkg_der_tlv(der, DER_OCTET_STRING, table_digest, sizeof table_digest);
}

static void write_hardware(struct pkg_der *der, struct strict *s, const struct json *root)
{
    static const char *const keys[] = { "min", "max", NULL };
    const struct json *object = json_get(root, "hardware");
    size_t mark = der->len, path = strlen(s->path);

    if (!object) {
        return;
    }
    (void)strict_enter(s, "hardware");
    strict_keys(s, object, keys);
    uint64_t min = strict_uint(s, object, "min", 0, UINT16_MAX);

    pkg_der_uint(der, DER_INTEGER, min);
    pkg_der_uint(der, DER_INTEGER, strict_uint(s, object, "max", min, UINT16_MAX));
    strict_leave(s, path);
    pkg_der_wrap(der, DER_CONTEXT_OPEN(TAG_HARDWARE), mark);
}

/* A list that must not be empty when it is there; NULL when it is not. */
static const struct json *take_list(struct strict *s, const struct json *root, const char *key,
                                    size_t max)
{
    const struct json *list = strict_array(s, root, key, max);

    if (list && json_count(list) == 0) {
        strict_refuse(s, key, "must not be empty: leave it out");
    }
    return list;
}

static void write_serials(struct pkg_der *der, struct strict *s, const struct json *root)
{
    const struct json *list = take_list(s, root, "serials", MANIFEST_SERIALS_MAX);
    size_t mark = der->len;

    if (!list) {
        return;
    }
    for (const struct json *e = json_first(list); e; e = json_next(e)) {
        uint8_t bytes[MANIFEST_SERIAL_MAX];
        size_t len = 0;

        if (!hex_decode(json_string(e), bytes, sizeof bytes, &len)) {
            strict_refuse(s, "serials", "each must be 1 to 32 bytes in lower-case hex");
        }
        pkg_der_tlv(der, DER_OCTET_STRING, bytes, len);
    }
    pkg_der_wrap(der, DER_CONTEXT_OPEN(TAG_SERIALS), mark);
}

static void write_requires(struct pkg_der *der, struct strict *s, const struct json *root)
{
    static const char *const keys[] = { "component", "min_sequence", NULL };
    const struct json *list = take_list(s, root, "requires", MANIFEST_REQUIRES_MAX);
    size_t mark = der->len, index = 0;

    if (!list) {
        return;
    }
    for (const struct json *e = json_first(list); e; e = json_next(e)) {
        size_t inner = der->len, path = strict_enter(s, "requires");

        (void)strict_enter_index(s, index++);
        strict_keys(s, e, keys);
        pkg_der_uint(der, DER_INTEGER, strict_uint(s, e, "component", 0, UINT8_MAX));
        pkg_der_uint(der, DER_INTEGER, strict_uint(s, e, "min_sequence", 1, UINT32_MAX));
        pkg_der_wrap(der, DER_SEQUENCE, inner);
        strict_leave(s, path);
    }
    pkg_der_wrap(der, DER_CONTEXT_OPEN(TAG_REQUIRES), mark);
}

static void write_delivery(struct pkg_der *der, struct strict *s, const struct json *root)
{
    const char *word = json_get_string(root, "delivery");

    if (!json_get(root, "delivery") || (word && strcmp(word, "gwi") == 0)) {
        return; /* DER leaves a default out */
    }
    if (!word || strcmp(word, "payload") != 0) {
        strict_refuse(s, "delivery", "must be \"gwi\" or \"payload\"");
        return;
    }
    pkg_der_uint(der, DER_CONTEXT(TAG_DELIVERY), DELIVERY_PAYLOAD);
}

static void write_floor(struct pkg_der *der, struct strict *s, const struct json *root,
                        uint64_t sequence)
{
    uint64_t floor = strict_uint_or(s, root, "floor", 0, sequence, sequence);

    if (floor != sequence) {
        pkg_der_uint(der, DER_CONTEXT(TAG_FLOOR), floor);
    }
}

static void write_bus_ids(struct pkg_der *der, struct strict *s, const struct json *root)
{
    const struct json *list = take_list(s, root, "bus_ids", MANIFEST_BUS_IDS_MAX);
    size_t mark = der->len;

    if (!list) {
        return;
    }
    for (const struct json *e = json_first(list); e; e = json_next(e)) {
        if (!text_is_printable(json_string(e), 1, MANIFEST_BUS_ID_MAX)) {
            strict_refuse(s, "bus_ids", "each must be text of 1 to 64 bytes, like usb:1209:0001");
            return;
        }
        write_text(der, json_string(e));
    }
    pkg_der_wrap(der, DER_CONTEXT_OPEN(TAG_BUS_IDS), mark);
}

static void write_link_address(struct pkg_der *der, struct strict *s, const struct json *root)
{
    if (json_get(root, "link_address")) {
        pkg_der_uint(der, DER_CONTEXT(TAG_LINK_ADDRESS),
                     strict_uint(s, root, "link_address", 0, UINT32_MAX));
    }
}

static void write_manifest(struct pkg_der *der, struct strict *s, const struct json *root,
                           const struct pkg_payload *payload)
{
    static const char *const keys[] = { "vendor",       "class",    "component",  "version",
                                        "sequence",     "floor",    "block_size", "hardware",
                                        "serials",      "requires", "delivery",   "bus_ids",
                                        "link_address", NULL };
    size_t mark = der->len;

    strict_keys(s, root, keys);
    pkg_der_uint(der, DER_INTEGER, MANIFEST_FORMAT);
    write_ids(der, s, root);
    pkg_der_uint(der, DER_INTEGER, strict_uint_or(s, root, "component", 0, UINT8_MAX, 0));
    uint64_t sequence = strict_uint(s, root, "sequence", 1, UINT32_MAX);

    pkg_der_uint(der, DER_INTEGER, sequence);
    write_text(der, strict_text(s, root, "version", 1, MANIFEST_VERSION_MAX));
    write_payload(der, payload);
    write_hardware(der, s, root);
    write_serials(der, s, root);
    write_requires(der, s, root);
    write_delivery(der, s, root);
    write_floor(der, s, root, sequence);
    write_bus_ids(der, s, root);
    write_link_address(der, s, root);
    pkg_der_wrap(der, DER_SEQUENCE, mark);
}

enum gw_err pkg_manifest_write(struct pkg_der *der, const struct pkg_description *d,
                               const struct pkg_payload *payload, struct gw_error *error)
{
    struct strict s = { .code = GW_DESCRIPTION, .error = error };
    struct image_manifest parsed;
    enum verify_result result;

    write_manifest(der, &s, d->json, payload);
    if (s.err) {
        return pkg_description_fail(d, &s, error);
    }
    /* The reader that gateways and devices have is the judge. */
    result = image_manifest_parse(&parsed, (struct span){ der->at, der->len });
    return result == VERIFY_OK ? GW_OK
                               : gw_fail(error, GW_DESCRIPTION, "%s: %s", d->path,
                                         gw_err_text(package_verdict(result)));
}
