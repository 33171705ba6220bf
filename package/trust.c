#include "trust.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cert_name.h"
#include "package.h"
#include "pem.h"

enum { PATH_CAP = 1024, ANCHOR_FILE_MAX = 65536, ANCHORS_MAX = 1024 };

static enum gw_err bad(struct gw_error *error, const char *path, const char *why)
{
    return gw_fail(error, GW_ANCHOR_BAD, "%s: %s", path, why);
}

/* The whole file, which nobody but its owner and group may write. The caller frees *text. */
static enum gw_err read_file(char **text, size_t *len, const char *path, struct gw_error *error)
{
    FILE *file = fopen(path, "re");
    struct stat st;
    enum gw_err err = GW_OK;

    *text = NULL;
    if (!file) {
        return bad(error, path, strerror(errno));
    }
    if (fstat(fileno(file), &st) != 0 || !S_ISREG(st.st_mode)) {
        err = bad(error, path, "is not a regular file");
    } else if (st.st_mode & S_IWOTH) {
        err = bad(error, path, "may be written by everybody");
    } else {
        *text = malloc(ANCHOR_FILE_MAX + 1);
        *len = *text ? fread(*text, 1, ANCHOR_FILE_MAX + 1, file) : 0;
        if (!*text) {
            err = GW_NO_MEMORY;
        } else if (ferror(file) || *len > ANCHOR_FILE_MAX) {
            err = bad(error, path, "cannot be read, or is too long for one certificate");
        }
    }
    (void)fclose(file);
    if (err) {
        free(*text);
        *text = NULL;
    }
    return err;
}

static enum gw_err judge(const struct cert *cert, enum verify_result result, const char *path,
                         struct gw_error *error)
{
    if (result != VERIFY_OK) {
        return bad(error, path, gw_err_text(package_verdict(result)));
    }
    if (!cert->is_ca || !(cert->key_usage & KEY_USAGE_CERT_SIGN)) {
        return bad(error, path, "is not the certificate of a CA that may sign certificates");
    }
    return GW_OK;
}

/* Room for one more in both arrays. */
static bool grow(struct trust_store *store)
{
    size_t count = store->count + 1;
    struct trust_anchor *anchors = realloc(store->anchors, count * sizeof *anchors);

    if (anchors) {
        store->anchors = anchors;
    }
    struct cert *certs = realloc(store->certs, count * sizeof *certs);

    if (certs) {
        store->certs = certs;
    }
    return anchors && certs;
}

static enum gw_err add_anchor(struct trust_store *store, enum trust_role role, const char *vendor,
                              const char *path, struct gw_error *error)
{
    struct trust_anchor anchor = { .role = role };
    struct cert cert;
    const char *why = "";
    size_t text_len = 0, der_len = 0;
    char *text;
    enum gw_err err = read_file(&text, &text_len, path, error);

    if (err) {
        return err;
    }
    err = pem_certificate(&anchor.der, &der_len, text, text_len, &why);
    free(text);
    if (err) {
        return err == GW_ANCHOR_BAD ? bad(error, path, why) : err;
    }
    err = judge(&cert, cert_parse(&cert, (struct span){ anchor.der, der_len }), path, error);
    anchor.file = err ? NULL : strdup(path);
    if (!err && (!anchor.file || store->count == ANCHORS_MAX || !grow(store))) {
        err = store->count == ANCHORS_MAX ? bad(error, path, "too many anchors") : GW_NO_MEMORY;
    }
    if (err) {
        free(anchor.file);
        free(anchor.der);
        return err;
    }
    (void)snprintf(anchor.vendor, sizeof anchor.vendor, "%s", vendor);
    cert_key_digest(&cert, anchor.key);
    anchor.is_trial = cert_name_is_of(cert.subject, TRUST_TRIAL_ORGANIZATION);
    store->certs[store->count] = cert;
    store->anchors[store->count++] = anchor;
    return GW_OK;
}

static int is_visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static int is_pem(const struct dirent *entry)
{
    size_t len = strlen(entry->d_name);

    return is_visible(entry) && len > 4 && strcmp(entry->d_name + len - 4, ".pem") == 0;
}

static void free_names(struct dirent **names, int count)
{
    for (int i = 0; i < count; i++) {
        free(names[i]);
    }
    free(names);
}

/* Whoever may write a folder decides which anchors lie in it. A missing one is no harm. */
static enum gw_err check_folder(const char *folder, struct gw_error *error)
{
    struct stat st;

    if (stat(folder, &st) != 0) {
        return errno == ENOENT ? GW_OK : bad(error, folder, strerror(errno));
    }
    return st.st_mode & S_IWOTH ? bad(error, folder, "may be written by everybody") : GW_OK;
}

/* Sorted names in a folder; a missing folder is an empty one. */
static enum gw_err list(struct dirent ***names, int *count, const char *folder,
                        int (*filter)(const struct dirent *), struct gw_error *error)
{
    enum gw_err err = check_folder(folder, error);

    *names = NULL;
    *count = 0;
    if (err) {
        return err;
    }
    *count = scandir(folder, names, filter, alphasort);
    if (*count < 0) {
        *names = NULL;
        *count = 0;
        return errno == ENOENT ? GW_OK : bad(error, folder, strerror(errno));
    }
    return GW_OK;
}

static enum gw_err join(char path[PATH_CAP], const char *folder, const char *name,
                        struct gw_error *error)
{
    int len = snprintf(path, PATH_CAP, "%s/%s", folder, name);

    return len < PATH_CAP ? GW_OK : bad(error, folder, "the path is too long");
}

static enum gw_err load_folder(struct trust_store *store, enum trust_role role, const char *vendor,
                               const char *folder, struct gw_error *error)
{
    struct dirent **names;
    int count;
    enum gw_err err = list(&names, &count, folder, is_pem, error);

    for (int i = 0; i < count && !err; i++) {
        char path[PATH_CAP];

        err = join(path, folder, names[i]->d_name, error);
        if (!err) {
            err = add_anchor(store, role, vendor, path, error);
        }
    }
    free_names(names, count);
    return err;
}

static enum gw_err load_vendors(struct trust_store *store, const char *folder,
                                struct gw_error *error)
{
    struct dirent **names;
    int count;
    enum gw_err err = list(&names, &count, folder, is_visible, error);

    for (int i = 0; i < count && !err; i++) {
        const char *vendor = names[i]->d_name;
        char path[PATH_CAP];

        err = join(path, folder, vendor, error);
        if (!err && !name_is_domain(vendor)) {
            err = bad(error, path, "the folder's name is not a vendor's domain");
        }
        if (!err) {
            err = load_folder(store, TRUST_IMAGE, vendor, path, error);
        }
    }
    free_names(names, count);
    return err;
}

/* One key in one place: else whoever holds it could act in a role that was not meant. */
static enum gw_err check_keys(const struct trust_store *store, struct gw_error *error)
{
    for (size_t i = 0; i < store->count; i++) {
        const struct trust_anchor *a = &store->anchors[i];

        for (size_t k = 0; k < i; k++) {
            const struct trust_anchor *b = &store->anchors[k];

            if (memcmp(a->key, b->key, sizeof a->key) == 0 &&
                (a->role != b->role || strcmp(a->vendor, b->vendor) != 0)) {
                return gw_fail(error, GW_ANCHOR_BAD, "%s: the same key stands in %s", a->file,
                               b->file);
            }
        }
    }
    return GW_OK;
}

enum gw_err trust_load(struct trust_store *out, const char *dir, struct gw_error *error)
{
    char path[PATH_CAP];
    enum gw_err err = join(path, dir, "package", error);

    *out = (struct trust_store){ 0 };
    if (!err) {
        err = check_folder(dir, error);
    }
    if (!err) {
        err = load_folder(out, TRUST_PACKAGE, "", path, error);
    }
    if (!err) {
        err = join(path, dir, "timestamp", error);
    }
    if (!err) {
        err = load_folder(out, TRUST_TIMESTAMP, "", path, error);
    }
    if (!err) {
        err = join(path, dir, "image", error);
    }
    if (!err) {
        err = load_vendors(out, path, error);
    }
    if (!err) {
        err = check_keys(out, error);
    }
    if (err) {
        trust_free(out);
    }
    return err;
}

void trust_free(struct trust_store *store)
{
    for (size_t i = 0; i < store->count; i++) {
        free(store->anchors[i].file);
        free(store->anchors[i].der);
    }
    free(store->anchors);
    free(store->certs);
    *store = (struct trust_store){ 0 };
}

struct verify_trust trust_of(const struct trust_store *store, enum trust_role role,
                             const char *vendor)
{
    struct verify_trust trust = { 0 };

    for (size_t i = 0; i < store->count; i++) {
        const struct trust_anchor *a = &store->anchors[i];

        /* They were loaded role by role and vendor by vendor, so they stand together. */
        if (a->role == role && (role != TRUST_IMAGE || strcmp(a->vendor, vendor) == 0)) {
            trust.anchors = trust.anchor_count ? trust.anchors : &store->certs[i];
            trust.anchor_count++;
        }
    }
    return trust;
}

const char *trust_role_word(enum trust_role role)
{
    switch (role) {
    case TRUST_PACKAGE:
        return "package";
    case TRUST_TIMESTAMP:
        return "timestamp";
    case TRUST_IMAGE:
        return "image";
    }
    return "?";
}
