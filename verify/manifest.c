#include "manifest.h"

#include <string.h>

#include "der.h"
#include "utf8.h"

enum { FIRST_SKIPPED_FIELD = 16 };

static bool is_text(struct span text, size_t max)
{
    return text.len >= 1 && text.len <= max && utf8_is_text(text);
}

static bool is_power_of_two(uint32_t n)
{
    return n != 0 && (n & (n - 1)) == 0;
}

bool manifest_next_serial(struct span *list, struct span *serial)
{
    struct cursor c = der_over(*list);

    *serial = take_der(&c, DER_OCTET_STRING);
    *list = (struct span){ c.at, c.ok ? cursor_left(&c) : 0 };
    return c.ok;
}

bool manifest_next_bus_id(struct span *list, struct span *bus_id)
{
    struct cursor c = der_over(*list);

    *bus_id = take_der(&c, DER_UTF8_STRING);
    *list = (struct span){ c.at, c.ok ? cursor_left(&c) : 0 };
    return c.ok;
}

bool manifest_next_requirement(struct span *list, uint8_t *component, uint32_t *min_sequence)
{
    struct cursor c = der_over(*list);
    struct cursor one = take_der_nested(&c, DER_SEQUENCE);

    *component = (uint8_t)take_der_uint(&one, DER_INTEGER, UINT8_MAX);
    *min_sequence = take_der_uint(&one, DER_INTEGER, UINT32_MAX);
    *list = (struct span){ c.at, c.ok ? cursor_left(&c) : 0 };
    return c.ok && der_done(&one);
}

static enum verify_result read_hardware(struct image_manifest *out, struct cursor *c)
{
    struct cursor range = take_der_nested(c, DER_CONTEXT_OPEN(0));
    uint32_t min = take_der_uint(&range, DER_INTEGER, UINT32_MAX);
    uint32_t max = take_der_uint(&range, DER_INTEGER, UINT32_MAX);

    if (!der_done(&range)) {
        return VERIFY_MANIFEST_SYNTAX;
    }
    if (max > UINT16_MAX || min > max) {
        return VERIFY_MANIFEST_FIELD;
    }
    out->has_hardware = true;
    out->hardware_min = (uint16_t)min;
    out->hardware_max = (uint16_t)max;
    return VERIFY_OK;
}

static enum verify_result read_serials(struct image_manifest *out, struct cursor *c)
{
    struct span list = take_der(c, DER_CONTEXT_OPEN(1)), serial;
    unsigned count = 0;

    for (out->serials = list; list.len > 0; count++) {
        if (!manifest_next_serial(&list, &serial)) {
            return VERIFY_MANIFEST_SYNTAX;
        }
        if (serial.len < 1 || serial.len > MANIFEST_SERIAL_MAX) {
            return VERIFY_MANIFEST_FIELD;
        }
    }
    return count >= 1 && count <= MANIFEST_SERIALS_MAX ? VERIFY_OK : VERIFY_MANIFEST_FIELD;
}

static enum verify_result read_requires(struct image_manifest *out, struct cursor *c)
{
    struct span list = take_der(c, DER_CONTEXT_OPEN(2));
    unsigned count = 0;

    for (out->requires = list; list.len > 0; count++) {
        uint8_t component;
        uint32_t min_sequence;

        if (!manifest_next_requirement(&list, &component, &min_sequence)) {
            return VERIFY_MANIFEST_SYNTAX;
        }
    }
    return count >= 1 && count <= MANIFEST_REQUIRES_MAX ? VERIFY_OK : VERIFY_MANIFEST_FIELD;
}

/* DEFAULT gwi is not encoded (X.690 11.5), so payload is the only value there can be. */
static enum verify_result read_delivery(struct image_manifest *out, struct cursor *c)
{
    uint32_t value = take_der_uint(c, DER_CONTEXT(4), UINT32_MAX);

    if (!c->ok) {
        return VERIFY_MANIFEST_SYNTAX;
    }
    if (value != DELIVERY_PAYLOAD) {
        return VERIFY_MANIFEST_FIELD;
    }
    out->delivery = DELIVERY_PAYLOAD;
    return VERIFY_OK;
}

static enum verify_result read_floor(struct image_manifest *out, struct cursor *c)
{
    out->floor = take_der_uint(c, DER_CONTEXT(5), UINT32_MAX);
    if (!c->ok) {
        return VERIFY_MANIFEST_SYNTAX;
    }
    return out->floor <= out->sequence ? VERIFY_OK : VERIFY_MANIFEST_FIELD;
}

static enum verify_result read_bus_ids(struct image_manifest *out, struct cursor *c)
{
    struct span list = take_der(c, DER_CONTEXT_OPEN(6)), bus_id;
    unsigned count = 0;

    for (out->bus_ids = list; list.len > 0; count++) {
        if (!manifest_next_bus_id(&list, &bus_id)) {
            return VERIFY_MANIFEST_SYNTAX;
        }
        if (!is_text(bus_id, MANIFEST_BUS_ID_MAX)) {
            return VERIFY_MANIFEST_FIELD;
        }
    }
    return count >= 1 && count <= MANIFEST_BUS_IDS_MAX ? VERIFY_OK : VERIFY_MANIFEST_FIELD;
}

static enum verify_result read_link_address(struct image_manifest *out, struct cursor *c)
{
    out->link_address = take_der_uint(c, DER_CONTEXT(7), UINT32_MAX);
    out->has_link_address = true;
    return c->ok ? VERIFY_OK : VERIFY_MANIFEST_SYNTAX;
}

static enum verify_result refuse_for_now(struct image_manifest *out, struct cursor *c)
{
    (void)out;
    (void)c;
    return VERIFY_MANIFEST_TAG_NOT_SUPPORTED;
}

static enum verify_result (*const fields[FIRST_SKIPPED_FIELD])(struct image_manifest *out,
                                                               struct cursor *c) = {
    [0] = read_hardware,     [1] = read_serials,   [2] = read_requires,
    [4] = read_delivery,     [5] = read_floor,     [6] = read_bus_ids,
    [7] = read_link_address, [8] = refuse_for_now, [9] = refuse_for_now,
};

/* The optional fields: context tags, ascending, each once; [0]..[15] must be known. */
static enum verify_result read_fields(struct image_manifest *out, struct cursor *c)
{
    int last = -1;

    while (c->ok && !der_done(c)) {
        uint8_t tag = *c->at, number = tag & DER_TAG_NUMBER;
        enum verify_result result = VERIFY_OK;

        if ((tag & DER_CLASS) != DER_CLASS_CONTEXT || number <= last) {
            return VERIFY_MANIFEST_SYNTAX;
        }
        if (number >= FIRST_SKIPPED_FIELD) {
            (void)take_der_any(c, &tag);
        } else if (fields[number]) {
            result = fields[number](out, c);
        } else {
            result = VERIFY_MANIFEST_CRITICAL_TAG;
        }
        if (result != VERIFY_OK) {
            return c->ok ? result : VERIFY_MANIFEST_SYNTAX;
        }
        last = number;
    }
    return c->ok ? VERIFY_OK : VERIFY_MANIFEST_SYNTAX;
}

static enum verify_result check_ranges(const struct image_manifest *m)
{
    if (m->sequence == 0 || m->image_size == 0 || m->payload_size == 0 ||
        !is_text(m->version, MANIFEST_VERSION_MAX) || !is_power_of_two(m->block_size) ||
        m->block_size < MANIFEST_BLOCK_SIZE_MIN || m->block_size > MANIFEST_BLOCK_SIZE_MAX) {
        return VERIFY_MANIFEST_FIELD;
    }
    return VERIFY_OK;
}

/* While [3] encoding is reserved, what is transported is what is installed. */
static enum verify_result check_sizes(struct image_manifest *m)
{
    m->block_count = (m->payload_size - 1) / m->block_size + 1;
    return m->payload_size == m->image_size && m->block_count <= MANIFEST_BLOCKS_MAX
               ? VERIFY_OK
               : VERIFY_MANIFEST_SIZES;
}

static enum verify_result read_mandatory(struct image_manifest *out, struct cursor *c)
{
    uint32_t version = take_der_uint(c, DER_INTEGER, UINT32_MAX);

    if (c->ok && version != 1) {
        return VERIFY_MANIFEST_VERSION;
    }
    take_der_octets(c, out->vendor_id, sizeof out->vendor_id);
    take_der_octets(c, out->class_id, sizeof out->class_id);
    uint32_t component = take_der_uint(c, DER_INTEGER, UINT32_MAX);
    out->sequence = take_der_uint(c, DER_INTEGER, UINT32_MAX);
    out->version = take_der(c, DER_UTF8_STRING);
    out->image_size = take_der_uint(c, DER_INTEGER, UINT32_MAX);
    take_der_octets(c, out->image_digest, sizeof out->image_digest);
    out->payload_size = take_der_uint(c, DER_INTEGER, UINT32_MAX);
    out->block_size = take_der_uint(c, DER_INTEGER, UINT32_MAX);
    take_der_octets(c, out->table_digest, sizeof out->table_digest);
    if (!c->ok) {
        return VERIFY_MANIFEST_SYNTAX;
    }
    out->component = (uint8_t)component;
    out->floor = out->sequence;
    return component <= UINT8_MAX ? check_ranges(out) : VERIFY_MANIFEST_FIELD;
}

static enum verify_result parse(struct image_manifest *out, struct span content)
{
    struct cursor outer = der_over(content);
    struct cursor c = take_der_nested(&outer, DER_SEQUENCE);

    if (!der_done(&outer) || !der_is_strict(content)) {
        return VERIFY_MANIFEST_SYNTAX;
    }
    enum verify_result result = read_mandatory(out, &c);

    if (result == VERIFY_OK) {
        result = read_fields(out, &c);
    }
    return result == VERIFY_OK ? check_sizes(out) : result;
}

enum verify_result image_manifest_parse(struct image_manifest *out, struct span content)
{
    memset(out, 0, sizeof *out);
    enum verify_result result = parse(out, content);

    if (result != VERIFY_OK) {
        memset(out, 0, sizeof *out);
    }
    return result;
}

enum verify_result image_manifest_fits(const struct image_manifest *m, uint16_t hardware,
                                       struct span serial)
{
    struct span list = m->serials, listed;

    if (m->has_hardware && (hardware < m->hardware_min || hardware > m->hardware_max)) {
        return VERIFY_FOR_OTHER_HARDWARE;
    }
    if (list.len == 0) {
        return VERIFY_OK;
    }
    while (manifest_next_serial(&list, &listed)) {
        if (span_equal(listed, serial)) {
            return VERIFY_OK;
        }
    }
    return VERIFY_FOR_OTHER_SERIAL;
}
