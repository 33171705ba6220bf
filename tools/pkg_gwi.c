#include "pkg_gwi.h"

#include <stdlib.h>
#include <string.h>

#include "cert_name.h"

/* An unsigned image begins with the manifest itself. */
static enum gw_err open_head(struct pkg_gwi *g, const struct authority *authority,
                             const char *vendor, struct gw_error *error)
{
    struct span head = { g->head, g->head_len };
    struct signed_object object;
    enum verify_result result = image_manifest_parse(&g->manifest, head);
    enum gw_err err;

    if (result == VERIFY_OK) {
        sha256_of(g->identity, head.at, head.len);
        return GW_OK;
    }
    err = authority->ops->open_image(authority, &object, head, vendor, error);
    if (err) {
        return gw_fail(error, err, "%s", g->path);
    }
    err = package_verdict(image_manifest_parse(&g->manifest, object.content));
    if (err) {
        return gw_fail(error, err, "%s", g->path);
    }
    g->is_signed = true;
    memcpy(g->identity, object.identity, sizeof g->identity);
    cert_name_text(g->signer.name, sizeof g->signer.name, object.signer.subject);
    memcpy(g->signer.key, object.signer_key, sizeof g->signer.key);
    g->signer.signing_time_s = object.signing_time_s;
    g->signer.not_after_s = object.not_after_s;
    g->signer.signers = object.signers;
    g->signer.is_trial = object.anchor && authority->ops->is_trial(authority, object.anchor);
    return GW_OK;
}

static enum gw_err read_head(struct pkg_gwi *g, struct gw_error *error)
{
    size_t len = g->size < IMAGE_CMS_MAX ? (size_t)g->size : IMAGE_CMS_MAX;
    enum gw_err err = pkg_file_read(g->file, g->path, 0, g->head, len, error);

    if (err) {
        return err;
    }
    if (signed_length(&g->head_len, (struct span){ g->head, len }) != VERIFY_OK ||
        g->head_len > len) {
        return gw_fail(error, GW_PACKAGE_FORMAT, "%s: neither a package nor an image", g->path);
    }
    return GW_OK;
}

static enum gw_err check_size(const struct pkg_gwi *g, struct gw_error *error)
{
    uint64_t size = (uint64_t)g->head_len + (uint64_t)SHA256_LEN * g->manifest.block_count +
                    g->manifest.payload_size;

    if (g->size == size) {
        return GW_OK;
    }
    return gw_fail(error, g->size < size ? GW_PACKAGE_TRUNCATED : GW_CONTENT_DAMAGED,
                   "%s: %llu bytes, its manifest makes %llu", g->path, (unsigned long long)g->size,
                   (unsigned long long)size);
}

enum gw_err pkg_gwi_open(struct pkg_gwi *out, const char *path, const struct authority *authority,
                         const char *vendor, struct gw_error *error)
{
    enum gw_err err;

    *out = (struct pkg_gwi){ .path = path };
    err = pkg_file_open(&out->file, &out->size, path, error);
    if (!err) {
        err = read_head(out, error);
    }
    if (!err) {
        err = open_head(out, authority, vendor, error);
    }
    if (!err) {
        err = check_size(out, error);
    }
    if (err) {
        pkg_gwi_close(out);
    }
    return err;
}

void pkg_gwi_close(struct pkg_gwi *gwi)
{
    if (gwi->file) {
        (void)fclose(gwi->file);
    }
    gwi->file = NULL;
}

static enum gw_err damaged(const struct pkg_gwi *g, const char *what, uint64_t offset,
                           struct gw_error *error)
{
    return gw_fail(error, GW_CONTENT_DAMAGED, "%s: %s at offset %llu is not what the manifest says",
                   g->path, what, (unsigned long long)offset);
}

/* `table` and `block` are buffers of the right sizes. */
static enum gw_err copy_body(struct pkg *pkg, struct pkg_gwi *g, struct pkg_output *out,
                             uint8_t *table, uint8_t *block, struct gw_error *error)
{
    const struct image_manifest *m = &g->manifest;
    size_t table_len = (size_t)m->block_count * SHA256_LEN;
    uint64_t at = g->head_len;
    uint8_t digest[SHA256_LEN];
    struct sha256 whole;
    enum gw_err err = pkg_file_read(g->file, g->path, at, table, table_len, error);

    if (!err && image_table_check(m, table, table_len) != VERIFY_OK) {
        err = damaged(g, "the block table", at, error);
    }
    if (!err && out) {
        pkg_output_write(out, table, table_len);
    }
    sha256_begin(&whole);
    at += table_len;
    for (uint32_t i = 0; i < m->block_count && !err; i++) {
        uint32_t len = image_block_len(m, i);

        err = pkg_file_read(g->file, g->path, at, block, len, error);
        if (!err && image_block_check(m, table, i, block, len) != VERIFY_OK) {
            err = damaged(g, "a block", at, error);
        }
        if (!err && out) {
            pkg_output_write(out, block, len);
        }
        sha256_feed(&whole, block, len);
        at += len;
        pkg_progress(pkg, g->path, at, g->size);
    }
    sha256_finish(&whole, digest);
    if (!err && memcmp(digest, m->image_digest, sizeof digest) != 0) {
        err = damaged(g, "the image", g->head_len + table_len, error);
    }
    return err;
}

enum gw_err pkg_gwi_copy_body(struct pkg *pkg, struct pkg_gwi *gwi, struct pkg_output *out,
                              struct gw_error *error)
{
    uint8_t *table = malloc((size_t)gwi->manifest.block_count * SHA256_LEN);
    uint8_t *block = malloc(gwi->manifest.block_size);
    enum gw_err err = GW_NO_MEMORY;

    if (table && block) {
        err = copy_body(pkg, gwi, out, table, block, error);
    }
    free(table);
    free(block);
    return err;
}
