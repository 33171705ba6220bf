/* A system package, opened: the authenticated manifests and where everything lies in the file.
 *
 * intake.h makes it from bytes; nothing in it came from an object that was not authenticated. The
 * offset of every member follows from the signed sizes, so any image can be fetched alone.
 */
#ifndef PACKAGE_PACKAGE_H
#define PACKAGE_PACKAGE_H

#include "manifest.h"
#include "system_manifest.h"

enum {
    PACKAGE_CMS_MAX = (1 << 20) + (64 << 10), /* manifest.cms: 1 MiB of content, certificates */
    IMAGE_CMS_MAX = 8192,                     /* CMS of an image, on the gateway */
    SIGNER_NAME_MAX = 160,                    /* bytes of a signer's name, with NUL */
};

#define PACKAGE_MANIFEST_NAME "manifest.cms"
#define PACKAGE_UNSIGNED_NAME                                                                      \
    "manifest.json" /* what `gatewaypkg build` writes; never installed                             \
                     */

/* Who signed an object, for people, reports and remembered verdicts. */
struct package_signer {
    char name[SIGNER_NAME_MAX]; /* "CN=Acme Release 2026, O=Acme" */
    uint8_t key[SHA256_LEN];    /* SHA-256 of the SPKI */
    uint8_t signers;            /* distinct keys that count */
    int64_t signing_time_s;     /* 0 = absent */
    int64_t not_after_s;        /* earliest end in the paths that count */
    bool is_trial;              /* the path ends at a trial anchor */
};

/* One component's image: its authenticated head. */
struct package_image {
    uint8_t *cms; /* owned */
    size_t cms_len;
    uint8_t cms_digest[SHA256_LEN]; /* SHA-256 of the CMS: names an upload on the wire */
    struct image_manifest manifest; /* borrows from cms; its identity is the component's */
    struct package_signer signer;
    uint64_t header_at; /* offset of the member's header in the file */
    uint64_t data_at;   /* offset of the .gwi: CMS, then table, then payload; size is signed */
};

struct package {
    uint8_t *cms; /* manifest.cms, owned */
    size_t cms_len;
    uint8_t identity[SHA256_LEN];
    struct package_signer signer;
    struct system_manifest manifest;
    struct package_image *images; /* manifest.component_count of them, same order */
    uint64_t end_at;              /* offset of the zero blocks after the last member */
    uint64_t size;                /* bytes of the whole file */
};

void package_free(struct package *package); /* NULL is fine */

/* Name of a component's member: "images/<name>.gwi". */
void package_member_name(char name[MEMBER_NAME_MAX], const struct system_component *component);

/* Compute header_at, data_at, end_at and size from cms_len and the signed sizes. GW_OK or
 * GW_PACKAGE_MEMBER when a sum does not fit 63 bits. */
MUST_USE enum gw_err package_lay_out(struct package *package);

/* Does the authenticated image manifest say what the system manifest says? Ids, component, version,
 * sequence, identity, and size = len(CMS) + 32 n + payload in 64 bits. GW_OK or GW_IMAGE_MISMATCH
 * with the field in *error. */
MUST_USE enum gw_err package_image_check(const struct system_component *component,
                                         const struct image_manifest *image,
                                         const uint8_t identity[SHA256_LEN], size_t cms_len,
                                         struct gw_error *error);

/* GW2200 + v for a verdict that is not VERIFY_OK; GW_OK for VERIFY_OK. */
enum gw_err package_verdict(enum verify_result result);

#endif
