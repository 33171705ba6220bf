#include "package_check.h"

#include <stdlib.h>
#include <string.h>

#include "ustar.h"

/* The parts of one member, in the order of its bytes. */
enum part { PART_HEADER, PART_CMS, PART_TABLE, PART_BLOCK, PART_PADDING, PART_END };

struct package_check {
    const struct package *package;
    enum part part;
    size_t member;       /* 0 = manifest.cms, i + 1 = component i */
    uint32_t block;      /* index of the block that is being filled */
    size_t filled, want; /* bytes of the current part */
    uint64_t offset;     /* in the file, of the current part */
    uint8_t *bytes;      /* the current part */
    uint8_t *table;      /* of the current component */
    struct sha256 whole; /* of the current component's payload */
    enum gw_err verdict; /* the first failure */
};

static const struct package_image *image_of(const struct package_check *c)
{
    return &c->package->images[c->member - 1];
}

static const struct system_component *component_of(const struct package_check *c)
{
    return &c->package->manifest.components[c->member - 1];
}

static uint64_t member_size(const struct package_check *c)
{
    return c->member == 0 ? c->package->cms_len : component_of(c)->size;
}

static size_t part_len(const struct package_check *c)
{
    switch (c->part) {
    case PART_HEADER:
        return USTAR_BLOCK;
    case PART_CMS:
        return c->member == 0 ? c->package->cms_len : image_of(c)->cms_len;
    case PART_TABLE:
        return (size_t)image_of(c)->manifest.block_count * SHA256_LEN;
    case PART_BLOCK:
        return image_block_len(&image_of(c)->manifest, c->block);
    case PART_PADDING:
        return ustar_padding(member_size(c));
    case PART_END:
        return USTAR_END;
    }
    return 0;
}

/* The largest part of any member: what `bytes` and `table` must hold. */
static void part_max(const struct package *p, size_t *part, size_t *table)
{
    *part = p->cms_len > USTAR_END ? p->cms_len : USTAR_END;
    *table = SHA256_LEN;
    for (uint16_t i = 0; i < p->manifest.component_count; i++) {
        const struct package_image *image = &p->images[i];
        size_t table_len = (size_t)image->manifest.block_count * SHA256_LEN;

        *table = table_len > *table ? table_len : *table;
        *part = image->cms_len > *part ? image->cms_len : *part;
        *part = image->manifest.block_size > *part ? image->manifest.block_size : *part;
    }
    *part = *table > *part ? *table : *part;
}

struct package_check *package_check_open(const struct package *package)
{
    struct package_check *c = calloc(1, sizeof *c);
    size_t part, table;

    if (!c) {
        return NULL;
    }
    part_max(package, &part, &table);
    c->package = package;
    c->want = USTAR_BLOCK;
    c->bytes = malloc(part);
    c->table = malloc(table);
    if (!c->bytes || !c->table) {
        package_check_free(c);
        return NULL;
    }
    return c;
}

void package_check_free(struct package_check *check)
{
    if (check) {
        free(check->bytes);
        free(check->table);
        free(check);
    }
}

static enum gw_err damaged(const struct package_check *c, enum gw_err err, const char *what,
                           struct gw_error *error)
{
    char name[MEMBER_NAME_MAX] = PACKAGE_MANIFEST_NAME;

    if (c->member > 0 && c->part != PART_END) {
        package_member_name(name, component_of(c));
    }
    return gw_fail(error, err, "%s: %s at offset %llu is not what was signed",
                   c->part == PART_END ? "end" : name, what, (unsigned long long)c->offset);
}

static enum gw_err check_header(const struct package_check *c, struct gw_error *error)
{
    char name[MEMBER_NAME_MAX] = PACKAGE_MANIFEST_NAME;

    if (c->member > 0) {
        package_member_name(name, component_of(c));
    }
    return ustar_check(c->bytes, name, member_size(c)) == GW_OK
               ? GW_OK
               : damaged(c, GW_PACKAGE_MEMBER, "the header", error);
}

static enum gw_err check_zero(const struct package_check *c, struct gw_error *error)
{
    for (size_t i = 0; i < c->want; i++) {
        if (c->bytes[i] != 0) {
            return damaged(c, GW_PACKAGE_MEMBER, "the padding", error);
        }
    }
    return GW_OK;
}

/* The CMS is the one that intake authenticated. */
static enum gw_err check_cms(const struct package_check *c, struct gw_error *error)
{
    const uint8_t *cms = c->member == 0 ? c->package->cms : image_of(c)->cms;

    return memcmp(cms, c->bytes, c->want) == 0
               ? GW_OK
               : damaged(c, GW_CONTENT_DAMAGED, "the CMS object", error);
}

static enum gw_err check_table(struct package_check *c, struct gw_error *error)
{
    memcpy(c->table, c->bytes, c->want);
    sha256_begin(&c->whole);
    return image_table_check(&image_of(c)->manifest, c->table, c->want) == VERIFY_OK
               ? GW_OK
               : damaged(c, GW_CONTENT_DAMAGED, "the block table", error);
}

/* A block against the table; with the last one the whole payload against imageDigest, which devices
 * check when all is flashed. */
static enum gw_err check_block(struct package_check *c, struct gw_error *error)
{
    const struct image_manifest *m = &image_of(c)->manifest;
    uint8_t digest[SHA256_LEN];

    if (image_block_check(m, c->table, c->block, c->bytes, c->want) != VERIFY_OK) {
        return damaged(c, GW_CONTENT_DAMAGED, "a block", error);
    }
    sha256_feed(&c->whole, c->bytes, c->want);
    if (c->block + 1 < m->block_count) {
        return GW_OK;
    }
    sha256_finish(&c->whole, digest);
    return memcmp(digest, m->image_digest, sizeof digest) == 0
               ? GW_OK
               : damaged(c, GW_CONTENT_DAMAGED, "the whole payload", error);
}

static enum gw_err check_part(struct package_check *c, struct gw_error *error)
{
    switch (c->part) {
    case PART_HEADER:
        return check_header(c, error);
    case PART_CMS:
        return check_cms(c, error);
    case PART_TABLE:
        return check_table(c, error);
    case PART_BLOCK:
        return check_block(c, error);
    case PART_PADDING:
    case PART_END:
        return check_zero(c, error);
    }
    return GW_INTERNAL;
}

/* Go to the next part that has bytes. */
static void advance(struct package_check *c)
{
    c->offset += c->want;
    c->filled = 0;
    do {
        if (c->part == PART_CMS && c->member == 0) {
            c->part = PART_PADDING;
        } else if (c->part == PART_BLOCK && c->block + 1 < image_of(c)->manifest.block_count) {
            c->block++;
        } else if (c->part == PART_PADDING) {
            c->part = c->member == c->package->manifest.component_count ? PART_END : PART_HEADER;
            c->member += c->part == PART_HEADER;
            c->block = 0;
        } else {
            c->part++;
        }
        c->want = part_len(c);
    } while (c->want == 0);
}

static bool is_over(const struct package_check *c)
{
    return c->part == PART_END && c->filled == c->want;
}

enum gw_err package_check_feed(struct package_check *c, const uint8_t *bytes, size_t len,
                               struct gw_error *error)
{
    while (len > 0 && c->verdict == GW_OK) {
        size_t left = c->want - c->filled, n = len < left ? len : left;

        if (is_over(c)) {
            c->verdict = gw_fail(error, GW_PACKAGE_MEMBER, "bytes follow the end of the package");
            break;
        }
        memcpy(c->bytes + c->filled, bytes, n);
        c->filled += n;
        bytes += n;
        len -= n;
        if (c->filled == c->want) {
            c->verdict = check_part(c, error);
            if (c->part != PART_END) {
                advance(c);
            }
        }
    }
    return c->verdict;
}

enum gw_err package_check_finish(struct package_check *c, struct gw_error *error)
{
    if (c->verdict == GW_OK && !is_over(c)) {
        c->verdict = gw_fail(error, GW_PACKAGE_TRUNCATED, "it ends at byte %llu of %llu",
                             (unsigned long long)(c->offset + c->filled),
                             (unsigned long long)c->package->size);
    }
    return c->verdict;
}
