/* gatewaypkg pki: a trial PKI, made by openssl. Each authority is a root, an intermediate and a
 * signer; the gateway gets the roots as trust.d. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "names.h"
#include "pkg.h"
#include "pkg_file.h"
#include "pkg_openssl.h"
#include "trust.h"

enum { PATH_CAP = 1024 };

/* 20 years for CAs, 5 for signers: a trial lasts as long as somebody forgets about it. */
#define CA_DAYS     "7300"
#define SIGNER_DAYS "1825"

/* The configuration that `openssl req` reads from its standard input. */
#define REQUEST                                                                                    \
    "[req]\ndistinguished_name=dn\nx509_extensions=ext\nprompt=no\n[dn]"                           \
    "\nO=" TRUST_TRIAL_ORGANIZATION "\nCN=%s %s\n[ext]\nsubjectKeyIdentifier=hash\n"               \
    "authorityKeyIdentifier=keyid\n%s"
#define CA_USAGE "keyUsage=critical,keyCertSign,cRLSign\n"
#define SIGNER_EXTENSIONS                                                                          \
    "basicConstraints=critical,CA:FALSE\n"                                                         \
    "keyUsage=critical,digitalSignature\n"                                                         \
    "extendedKeyUsage=critical,codeSigning\n"

/* One authority: for a role, and with images for a vendor. */
struct authority_place {
    const char *role;   /* "package", "timestamp", "image" */
    const char *vendor; /* images only */
    char folder[PATH_CAP], trust[PATH_CAP];
};

static enum gw_err make_folder(const char *path, struct gw_error *error)
{
    if (mkdir(path, 0777) != 0 && errno != EEXIST) {
        return gw_fail(error, GW_FILE_WRITE, "%s: %s", path, strerror(errno));
    }
    return GW_OK;
}

/* All folders of a path, which must fit PATH_CAP. */
static enum gw_err make_folders(const char *path, struct gw_error *error)
{
    char part[PATH_CAP];
    enum gw_err err = GW_OK;

    for (const char *slash = strchr(path + 1, '/'); slash && !err; slash = strchr(slash + 1, '/')) {
        (void)snprintf(part, sizeof part, "%.*s", (int)(slash - path), path);
        err = make_folder(part, error);
    }
    return err ? err : make_folder(path, error);
}

/* Keys are written under this umask: readable for their owner only. */
static enum gw_err make_key(const char *path, struct gw_error *error)
{
    const char *const argv[] = { "openssl", "genpkey",  "-algorithm",
                                 "EC",      "-pkeyopt", "ec_paramgen_curve:P-256",
                                 "-out",    path,       NULL };
    mode_t mask = umask(077);
    uint8_t *out;
    size_t len;
    enum gw_err err = pkg_openssl(&out, &len, argv, (struct span){ 0 }, error);

    (void)umask(mask);
    free(out);
    return err;
}

/* "root", "intermediate" and "signer" name PLACE/<name>.key and .pem. */
struct certificate {
    const char *name;
    const char *issuer; /* NULL: self-signed */
    const char *days;
    const char *extensions;
};

static enum gw_err make_certificate(const struct authority_place *place,
                                    const struct certificate *c, struct gw_error *error)
{
    char key[PATH_CAP + 32], cert[PATH_CAP + 32], ca[PATH_CAP + 32], ca_key[PATH_CAP + 32];
    char config[1024];
    const char *argv[20] = { "openssl", "req", "-new", "-x509", "-config", "/dev/stdin", "-sha256",
                             "-key",    key,   "-out", cert,    "-days",   c->days };
    uint8_t *out = NULL;
    size_t len;

    (void)snprintf(key, sizeof key, "%s/%s.key", place->folder, c->name);
    (void)snprintf(cert, sizeof cert, "%s/%s.pem", place->folder, c->name);
    (void)snprintf(config, sizeof config, REQUEST, place->vendor ? place->vendor : place->role,
                   c->name, c->extensions);
    if (c->issuer) {
        (void)snprintf(ca, sizeof ca, "%s/%s.pem", place->folder, c->issuer);
        (void)snprintf(ca_key, sizeof ca_key, "%s/%s.key", place->folder, c->issuer);
        argv[13] = "-CA";
        argv[14] = ca;
        argv[15] = "-CAkey";
        argv[16] = ca_key;
    }
    enum gw_err err = make_key(key, error);

    if (!err) {
        err = pkg_openssl(&out, &len, argv,
                          (struct span){ (const uint8_t *)config, strlen(config) }, error);
    }
    free(out);
    return err;
}

/* The root goes into trust.d. */
static enum gw_err publish(const struct authority_place *place, struct gw_error *error)
{
    enum { PEM_MAX = 65536 };
    char from[PATH_CAP + 32], to[PATH_CAP + 32];
    uint8_t *pem;
    size_t len;
    enum gw_err err;

    (void)snprintf(from, sizeof from, "%s/root.pem", place->folder);
    (void)snprintf(to, sizeof to, "%s/trial.pem", place->trust);
    err = pkg_file_load(&pem, &len, from, PEM_MAX, error);
    if (!err) {
        err = pkg_file_create(to, (const char *)pem, error);
    }
    free(pem);
    return err;
}

static enum gw_err make_authority(const char *dir, const char *role, const char *vendor,
                                  struct gw_error *error)
{
    static const struct certificate certificates[] = {
        { "root", NULL, CA_DAYS, "basicConstraints=critical,CA:TRUE\n" CA_USAGE },
        { "intermediate", "root", CA_DAYS,
          "basicConstraints=critical,CA:TRUE,pathlen:0\n" CA_USAGE },
        { "signer", "intermediate", SIGNER_DAYS, SIGNER_EXTENSIONS },
    };
    struct authority_place place = { .role = role, .vendor = vendor };
    const char *slash = vendor ? "/" : "", *inner = vendor ? vendor : "";
    enum gw_err err;

    if (snprintf(place.folder, PATH_CAP, "%s/%s%s%s", dir, role, slash, inner) >= PATH_CAP ||
        snprintf(place.trust, PATH_CAP, "%s/trust.d/%s%s%s", dir, role, slash, inner) >= PATH_CAP) {
        return gw_fail(error, GW_USAGE, "%s: the path is too long", dir);
    }
    err = make_folders(place.folder, error);
    if (!err) {
        err = make_folders(place.trust, error);
    }
    for (size_t i = 0; i < sizeof certificates / sizeof certificates[0] && !err; i++) {
        err = make_certificate(&place, &certificates[i], error);
    }
    return err ? err : publish(&place, error);
}

static enum gw_err make_all(const char *dir, const char *const *vendors, unsigned count,
                            struct gw_error *error)
{
    char trust[PATH_CAP];
    struct stat st;
    enum gw_err err;

    (void)snprintf(trust, sizeof trust, "%s/trust.d", dir);
    if (stat(trust, &st) == 0) {
        return gw_fail(error, GW_USAGE, "%s: there is a PKI already; give a new folder", dir);
    }
    err = make_authority(dir, "package", NULL, error);
    if (!err) {
        err = make_authority(dir, "timestamp", NULL, error);
    }
    for (unsigned i = 0; i < count && !err; i++) {
        err = make_authority(dir, "image", vendors[i], error);
    }
    return err;
}

static void show(struct pkg *pkg, const char *dir, const char *const *vendors, unsigned count)
{
    if (pkg->json) {
        struct json *result = json_new_object();
        struct json *list = json_set(result, "vendors", json_new_array());

        json_set_string(result, "folder", dir);
        for (unsigned i = 0; i < count; i++) {
            (void)json_append(list, json_new_string(vendors[i]));
        }
        pkg_put_json(pkg, result);
        return;
    }
    pkg_put_line(pkg, "Package", "%s/package/{root,intermediate,signer}.{pem,key}", dir);
    for (unsigned i = 0; i < count; i++) {
        pkg_put_line(pkg, "Images", "%s/image/%s/{root,intermediate,signer}.{pem,key}", dir,
                     vendors[i]);
    }
    pkg_put_line(pkg, "Timestamp", "%s/timestamp/{root,intermediate,signer}.{pem,key}", dir);
    pkg_put_line(pkg, "Anchors", "%s/trust.d, ready for /etc/gatewayd/trust.d", dir);
    pkg_put_line(pkg, "Warning", "for trials only: every private key lies in these folders");
    (void)fprintf(pkg->notes,
                  "Next: gatewaypkg image PAYLOAD image.json --cert %s/image/%s/signer.pem "
                  "--key %s/image/%s/signer.key --chain %s/image/%s/intermediate.pem\n",
                  dir, vendors[0], dir, vendors[0], dir, vendors[0]);
}

enum gw_err pkg_pki(struct pkg *pkg, const struct pkg_arguments *a, struct gw_error *error)
{
    static const char *const usual[] = { "acme.example" };
    const char *const *vendors = a->vendor_count ? a->vendors : usual;
    unsigned count = a->vendor_count ? a->vendor_count : 1;
    enum gw_err err;

    for (unsigned i = 0; i < count; i++) {
        if (!name_is_domain(vendors[i])) {
            return gw_fail(error, GW_USAGE, "--vendor %s: not a domain name in lower case",
                           vendors[i]);
        }
    }
    err = make_all(a->words[0], vendors, count, error);
    if (!err) {
        show(pkg, a->words[0], vendors, count);
    }
    return err;
}
