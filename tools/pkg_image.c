/* gatewaypkg image: one binary and its description become a .gwi. */
#include <stdlib.h>
#include <string.h>

#include "package.h"
#include "pkg.h"
#include "pkg_file.h"
#include "pkg_manifest.h"
#include "pkg_openssl.h"
#include "pkg_show.h"

/* What is being made. */
struct making {
    struct pkg *pkg;
    const char *payload_path;
    FILE *payload;
    struct pkg_payload facts;
    struct pkg_description description;
    struct pkg_der manifest;
    uint8_t *cms; /* NULL: unsigned */
    size_t cms_len;
};

static enum gw_err open_payload(struct making *m, struct gw_error *error)
{
    uint64_t size, blocks;
    enum gw_err err = pkg_file_open(&m->payload, &size, m->payload_path, error);

    if (err) {
        return err;
    }
    blocks = (size + m->facts.block_size - 1) / m->facts.block_size;
    if (size == 0 || size > UINT32_MAX || blocks > MANIFEST_BLOCKS_MAX) {
        return gw_fail(error, GW_DESCRIPTION,
                       "%s: %llu bytes; an image has 1 byte to 65536 blocks of block_size %u",
                       m->payload_path, (unsigned long long)size, m->facts.block_size);
    }
    m->facts.size = (uint32_t)size;
    m->facts.table_len = (size_t)blocks * SHA256_LEN;
    m->facts.table = malloc(m->facts.table_len);
    return m->facts.table ? GW_OK : GW_NO_MEMORY;
}

/* Read the payload block by block: with `out`, copy it, else hash it into the table. Both times
 * `digest` is the whole's. */
static enum gw_err pass(struct making *m, uint8_t *block, struct pkg_output *out,
                        uint8_t digest[SHA256_LEN], struct gw_error *error)
{
    const struct pkg_payload *f = &m->facts;
    struct sha256 whole;
    enum gw_err err = GW_OK;

    sha256_begin(&whole);
    for (uint64_t at = 0; at < f->size && !err; at += f->block_size) {
        uint64_t left = f->size - at;
        size_t len = left < f->block_size ? (size_t)left : f->block_size;

        err = pkg_file_read(m->payload, m->payload_path, at, block, len, error);
        sha256_feed(&whole, block, len);
        if (out) {
            pkg_output_write(out, block, len);
        } else {
            sha256_of(f->table + at / f->block_size * SHA256_LEN, block, len);
        }
        pkg_progress(m->pkg, out ? "writing" : "hashing", at + len, f->size);
    }
    sha256_finish(&whole, digest);
    return err;
}

static enum gw_err write_image(struct making *m, uint8_t *block, const char *path,
                               struct gw_error *error)
{
    uint8_t digest[SHA256_LEN];
    struct pkg_output out;
    enum gw_err err = pkg_output_open(&out, path, error);

    if (err) {
        return err;
    }
    pkg_output_write(&out, m->cms ? m->cms : m->manifest.at, m->cms ? m->cms_len : m->manifest.len);
    pkg_output_write(&out, m->facts.table, m->facts.table_len);
    err = pass(m, block, &out, digest, error);
    if (!err && memcmp(digest, m->facts.digest, sizeof digest) != 0) {
        err = gw_fail(error, GW_SOURCE_READ, "%s: it changed while it was read", m->payload_path);
    }
    return pkg_output_close(&out, err, error);
}

static enum gw_err sign(struct making *m, const struct pkg_arguments *a, struct gw_error *error)
{
    struct span content = { m->manifest.at, m->manifest.len };
    enum gw_err err;

    if (a->cert_count == 0) {
        return GW_OK;
    }
    err = pkg_openssl_sign(&m->cms, &m->cms_len, content, SIGNED_IMAGE_MANIFEST, a, error);
    if (!err && m->cms_len > IMAGE_CMS_MAX) {
        err = gw_fail(error, GW_VERIFY_TOO_LARGE, "the signed manifest has %zu bytes, at most %d",
                      m->cms_len, IMAGE_CMS_MAX);
    }
    return err;
}

/* "meter.bin" -> "meter.gwi" */
static char *default_output(const char *payload, bool is_signed)
{
    const char *slash = strrchr(payload, '/'), *dot = strrchr(payload, '.');
    size_t len = dot && dot > payload && (!slash || dot > slash + 1) ? (size_t)(dot - payload)
                                                                     : strlen(payload);
    char *path = NULL;

    return asprintf(&path, "%.*s.gwi%s", (int)len, payload, is_signed ? "" : ".unsigned") < 0
               ? NULL
               : path;
}

static enum gw_err make(struct making *m, const struct pkg_arguments *a, uint8_t *block,
                        const char *path, struct gw_error *error)
{
    enum gw_err err = pass(m, block, NULL, m->facts.digest, error);

    if (!err) {
        err = pkg_manifest_write(&m->manifest, &m->description, &m->facts, error);
    }
    if (!err) {
        err = sign(m, a, error);
    }
    if (!err) {
        err = write_image(m, block, path, error);
    }
    return err ? err : pkg_show_gwi(m->pkg, path, error);
}

enum gw_err pkg_image(struct pkg *pkg, const struct pkg_arguments *a, struct gw_error *error)
{
    struct making m = { .pkg = pkg, .payload_path = a->words[0] };
    char *path = a->output ? strdup(a->output) : default_output(a->words[0], a->cert_count > 0);
    uint8_t *block = malloc(MANIFEST_BLOCK_SIZE_MAX);
    enum gw_err err = path && block ? GW_OK : GW_NO_MEMORY;

    if (!err) {
        err = pkg_description_load(&m.description, a->words[1], error);
    }
    if (!err) {
        err = pkg_manifest_block_size(&m.facts.block_size, &m.description, error);
    }
    if (!err) {
        err = open_payload(&m, error);
    }
    if (!err) {
        err = make(&m, a, block, path, error);
    }
    if (m.payload) {
        (void)fclose(m.payload);
    }
    pkg_description_free(&m.description);
    pkg_der_free(&m.manifest);
    free(m.facts.table);
    free(m.cms);
    free(block);
    free(path);
    return err;
}
