#include <stdio.h>
#include <string.h>

#include "der.h"
#include "testpki.h"

enum { VERSION_TOO_LONG = 33, BUS_ID_TOO_LONG = 65 };

static void add_id(struct blob *b, const uint8_t id[MANIFEST_ID_LEN], uint8_t fill, size_t len)
{
    static const uint8_t zero[MANIFEST_ID_LEN];
    uint8_t bytes[MANIFEST_ID_LEN + 1];

    memset(bytes, fill, sizeof bytes);
    if (memcmp(id, zero, sizeof zero) != 0) {
        memcpy(bytes, id, sizeof zero);
    }
    blob_tlv(b, DER_OCTET_STRING, bytes, len);
}

static uint32_t sequence_of(const struct testpki_image_how *how)
{
    return how->sequence ? how->sequence : 1;
}

static uint32_t block_size_of(const struct testpki_image_how *how)
{
    return how->block_size ? how->block_size : 1024;
}

static void add_sequence(struct blob *b, const struct testpki_image_how *how)
{
    switch ((int)how->flaw) {
    case MANIFEST_FLAW_SEQUENCE_0:
        blob_uint(b, DER_INTEGER, 0);
        break;
    case MANIFEST_FLAW_SEQUENCE_2_32:
        blob_uint(b, DER_INTEGER, 1ull << 32);
        break;
    case MANIFEST_FLAW_SEQUENCE_NEGATIVE:
        blob_tlv(b, DER_INTEGER, "\xff", 1);
        break;
    case MANIFEST_FLAW_SEQUENCE_PADDED:
        blob_tlv(b, DER_INTEGER, "\0\1", 2);
        break;
    default:
        blob_uint(b, DER_INTEGER, sequence_of(how));
    }
}

static void add_version(struct blob *b, const struct testpki_image_how *how)
{
    const char *text = how->version ? how->version : "1.0.0";
    char filled[VERSION_TOO_LONG];
    size_t len = strlen(text);

    switch ((int)how->flaw) {
    case MANIFEST_FLAW_NO_VERSION_TEXT:
        len = 0;
        break;
    case MANIFEST_FLAW_LONG_VERSION_TEXT:
        memset(filled, '1', sizeof filled);
        text = filled;
        len = sizeof filled;
        break;
    case MANIFEST_FLAW_VERSION_TEXT_NOT_UTF8:
        text = "\xc0\xaf";
        len = 2;
        break;
    case MANIFEST_FLAW_VERSION_TEXT_CONTROL:
        text = "1\x1b[2J";
        len = 5;
        break;
    default:
        break;
    }
    blob_tlv(b, DER_UTF8_STRING, text, len);
}

static void add_sizes(struct blob *b, const struct testpki_image_how *how)
{
    uint64_t size = how->payload.len, block_size = block_size_of(how);
    uint8_t digest[SHA256_LEN + 1] = { 0 };
    struct blob table = { 0 };

    switch ((int)how->flaw) {
    case MANIFEST_FLAW_IMAGE_SIZE_0:
        size = 0;
        break;
    case MANIFEST_FLAW_TOO_MANY_BLOCKS:
        size = MANIFEST_BLOCKS_MAX * block_size + 1;
        break;
    case MANIFEST_FLAW_BLOCK_SIZE_256:
        block_size = 256;
        break;
    case MANIFEST_FLAW_BLOCK_SIZE_1000:
        block_size = 1000;
        break;
    case MANIFEST_FLAW_BLOCK_SIZE_131072:
        block_size = 131072;
        break;
    default:
        break;
    }
    blob_uint(b, DER_INTEGER, size);
    sha256_of(digest, how->payload.at, how->payload.len);
    blob_tlv(b, DER_OCTET_STRING, digest, how->flaw == MANIFEST_FLAW_IMAGE_DIGEST_31 ? 31 : 32);
    blob_uint(b, DER_INTEGER, size + (how->flaw == MANIFEST_FLAW_PAYLOAD_SIZE_DIFFERS));
    blob_uint(b, DER_INTEGER, block_size);
    testpki_table(&table, how->payload, block_size_of(how));
    sha256_of(digest, table.at, table.len);
    blob_tlv(b, DER_OCTET_STRING, digest, how->flaw == MANIFEST_FLAW_TABLE_DIGEST_33 ? 33 : 32);
    blob_free(&table);
}

static void add_hardware(struct blob *b, const struct testpki_image_how *how)
{
    uint32_t min = how->hardware_min, max = how->hardware_max;
    size_t mark = blob_open(b);
    bool is_flaw = true;

    if (how->flaw == MANIFEST_FLAW_HARDWARE_REVERSED) {
        min = 2;
        max = 1;
    } else if (how->flaw == MANIFEST_FLAW_HARDWARE_65536) {
        max = 65536;
    } else {
        is_flaw = false;
    }
    if (how->has_hardware || is_flaw) {
        blob_uint(b, DER_INTEGER, min);
        blob_uint(b, DER_INTEGER, max);
        blob_close(b, mark, DER_CONTEXT_OPEN(0));
    }
}

static void add_serials(struct blob *b, const struct testpki_image_how *how)
{
    static const uint8_t bytes[MANIFEST_SERIAL_MAX + 1] = { 1 };
    size_t mark = blob_open(b);
    bool is_flaw = true;

    switch ((int)how->flaw) {
    case MANIFEST_FLAW_NO_SERIALS:
        break;
    case MANIFEST_FLAW_65_SERIALS:
        for (unsigned i = 0; i < MANIFEST_SERIALS_MAX + 1; i++) {
            blob_tlv(b, DER_OCTET_STRING, bytes, 1);
        }
        break;
    case MANIFEST_FLAW_EMPTY_SERIAL:
        blob_tlv(b, DER_OCTET_STRING, bytes, 0);
        break;
    case MANIFEST_FLAW_LONG_SERIAL:
        blob_tlv(b, DER_OCTET_STRING, bytes, sizeof bytes);
        break;
    default:
        is_flaw = false;
    }
    for (size_t i = 0; i < MANIFEST_SERIALS_MAX && how->serials[i].len > 0; i++) {
        blob_tlv(b, DER_OCTET_STRING, how->serials[i].at, how->serials[i].len);
    }
    if (is_flaw || how->serials[0].len > 0) {
        blob_close(b, mark, DER_CONTEXT_OPEN(1));
    }
}

static void add_requirement(struct blob *b, uint8_t component, uint32_t min_sequence)
{
    size_t mark = blob_open(b);

    blob_uint(b, DER_INTEGER, component);
    blob_uint(b, DER_INTEGER, min_sequence);
    blob_close(b, mark, DER_SEQUENCE);
}

static void add_requires(struct blob *b, const struct testpki_image_how *how)
{
    bool is_flaw = how->flaw == MANIFEST_FLAW_NO_REQUIRES;
    size_t mark = blob_open(b);

    if (how->flaw == MANIFEST_FLAW_17_REQUIRES) {
        is_flaw = true;
        for (unsigned i = 0; i < MANIFEST_REQUIRES_MAX + 1; i++) {
            add_requirement(b, 1, i);
        }
    }
    for (size_t i = 0; i < MANIFEST_REQUIRES_MAX && how->requires[i].used; i++) {
        add_requirement(b, how->requires[i].component, how->requires[i].min_sequence);
    }
    if (is_flaw || how->requires[0].used) {
        blob_close(b, mark, DER_CONTEXT_OPEN(2));
    }
}

static void add_delivery(struct blob *b, const struct testpki_image_how *how)
{
    if (how->flaw == MANIFEST_FLAW_ENCODING) {
        blob_tlv(b, DER_CONTEXT_OPEN(3), "\x05\x00", 2);
    }
    if (how->flaw == MANIFEST_FLAW_DELIVERY_DEFAULT) {
        blob_uint(b, DER_CONTEXT(4), DELIVERY_GWI);
    } else if (how->flaw == MANIFEST_FLAW_DELIVERY_2) {
        blob_uint(b, DER_CONTEXT(4), 2);
    } else if (how->delivery != DELIVERY_GWI) {
        blob_uint(b, DER_CONTEXT(4), how->delivery);
    }
}

static void add_bus_ids(struct blob *b, const struct testpki_image_how *how)
{
    char filled[BUS_ID_TOO_LONG];
    size_t mark = blob_open(b);
    bool is_flaw = true;

    memset(filled, 'x', sizeof filled);
    if (how->flaw == MANIFEST_FLAW_LONG_BUS_ID) {
        blob_tlv(b, DER_UTF8_STRING, filled, sizeof filled);
    } else if (how->flaw == MANIFEST_FLAW_17_BUS_IDS) {
        for (unsigned i = 0; i < MANIFEST_BUS_IDS_MAX + 1; i++) {
            blob_tlv(b, DER_UTF8_STRING, filled, 1);
        }
    } else {
        is_flaw = false;
    }
    for (size_t i = 0; i < MANIFEST_BUS_IDS_MAX && how->bus_ids[i]; i++) {
        blob_tlv(b, DER_UTF8_STRING, how->bus_ids[i], strlen(how->bus_ids[i]));
    }
    if (is_flaw || how->bus_ids[0]) {
        blob_close(b, mark, DER_CONTEXT_OPEN(6));
    }
}

static void add_last_fields(struct blob *b, const struct testpki_image_how *how)
{
    switch ((int)how->flaw) {
    case MANIFEST_FLAW_MIN_CRL_NUMBER:
        blob_tlv(b, DER_CONTEXT_OPEN(8), "\x02\x01\x01", 3);
        break;
    case MANIFEST_FLAW_REVOKED_KEYS:
        blob_tlv(b, DER_CONTEXT_OPEN(9), "\x04\x01\x01", 3);
        break;
    case MANIFEST_FLAW_TAG_10:
        blob_tlv(b, DER_CONTEXT(10), "\x01", 1);
        break;
    case MANIFEST_FLAW_TAG_15:
        blob_tlv(b, DER_CONTEXT_OPEN(15), "", 0);
        break;
    case MANIFEST_FLAW_TAG_DESCENDING:
        blob_tlv(b, DER_CONTEXT(17), "\x01", 1);
        blob_tlv(b, DER_CONTEXT(16), "\x01", 1);
        break;
    case MANIFEST_FLAW_TAG_TWICE:
        blob_tlv(b, DER_CONTEXT(16), "\x01", 1);
        blob_tlv(b, DER_CONTEXT(16), "\x01", 1);
        break;
    case MANIFEST_FLAW_TAG_31:
        blob_add(b, "\x9f\x1f\x01\x01", 4);
        break;
    case MANIFEST_FLAW_SKIPPED_NOT_DER:
        blob_tlv(b, DER_CONTEXT_OPEN(16), "\x04\x81\x00", 3);
        break;
    case MANIFEST_FLAW_UNIVERSAL_TAG:
        blob_tlv(b, DER_NULL, NULL, 0);
        break;
    default:
        if (how->tag_16) {
            blob_tlv(b, DER_CONTEXT(16), "\x01", 1);
        }
    }
}

static void add_optional_fields(struct blob *b, const struct testpki_image_how *how)
{
    add_hardware(b, how);
    add_serials(b, how);
    add_requires(b, how);
    add_delivery(b, how);
    if (how->flaw == MANIFEST_FLAW_FLOOR_ABOVE_SEQUENCE) {
        blob_uint(b, DER_CONTEXT(5), (uint64_t)sequence_of(how) + 1);
    } else if (how->has_floor) {
        blob_uint(b, DER_CONTEXT(5), how->floor);
    }
    add_bus_ids(b, how);
    if (how->has_link_address) {
        blob_uint(b, DER_CONTEXT(7), how->link_address);
    }
    add_last_fields(b, how);
}

void testpki_manifest(struct blob *out, const struct testpki_image_how *how)
{
    size_t mark = blob_open(out);

    blob_uint(out, DER_INTEGER, how->flaw == MANIFEST_FLAW_VERSION_2 ? 2 : 1);
    add_id(out, how->vendor_id, 0x11, how->flaw == MANIFEST_FLAW_VENDOR_ID_SHORT ? 15 : 16);
    add_id(out, how->class_id, 0x22, how->flaw == MANIFEST_FLAW_CLASS_ID_LONG ? 17 : 16);
    blob_uint(out, DER_INTEGER, how->flaw == MANIFEST_FLAW_COMPONENT_256 ? 256 : how->component);
    add_sequence(out, how);
    add_version(out, how);
    add_sizes(out, how);
    add_optional_fields(out, how);
    blob_close(out, mark, DER_SEQUENCE);
    if (how->flaw == MANIFEST_FLAW_TRAILING_BYTE) {
        blob_add_byte(out, 0);
    }
}

void testpki_table(struct blob *out, struct span payload, uint32_t block_size)
{
    for (size_t at = 0; at < payload.len; at += block_size) {
        size_t left = payload.len - at;
        uint8_t digest[SHA256_LEN];

        sha256_of(digest, payload.at + at, left < block_size ? left : block_size);
        blob_add(out, digest, sizeof digest);
    }
}

void testpki_make(struct testpki *pki, const char *name)
{
    char seed[64];

    memset(pki, 0, sizeof *pki);
    (void)snprintf(seed, sizeof seed, "signer of %s", name);
    testpki_ca(&pki->root, name, NULL);
    testpki_issue(&pki->leaf, &(struct testpki_cert_how){
                                  .name = "signer", .key_seed = seed, .issuer = &pki->root });
    pki->anchor = pki->root.parsed;
    pki->trust.anchors = &pki->anchor;
    pki->trust.anchor_count = 1;
}

void testpki_free(struct testpki *pki)
{
    testpki_party_free(&pki->leaf);
    testpki_party_free(&pki->root);
    memset(pki, 0, sizeof *pki);
}

void testpki_image(struct blob *out, const struct testpki_image_how *how, const struct testpki *pki)
{
    struct testpki_cms_how cms = how->cms;
    struct blob manifest = { 0 };

    testpki_manifest(&manifest, how);
    cms.type = SIGNED_IMAGE_MANIFEST;
    cms.content = blob_span(&manifest);
    if (!cms.signers[0]) {
        cms.signers[0] = &pki->leaf;
    }
    testpki_sign_cms(out, &cms);
    testpki_table(out, how->payload, block_size_of(how));
    blob_add_span(out, how->payload);
    blob_free(&manifest);
}
