/* Whole system packages for tests, good ones and ones that break exactly one rule, and the world
 * that judges them: roots, a trust store, a policy.
 *
 *     struct testpackage_world w;
 *     struct blob gwp = { 0 };
 *     testpackage_world_make(&w);
 *     testpackage_make(&gwp, &w, &(struct testpackage_how){ .sequence = 42 });
 *     err = testpackage_open(&package, &w, &gwp, &error);
 *
 * Deterministic. In "how" structs zero means the good default. Host only.
 */
#ifndef TESTPACKAGE_H
#define TESTPACKAGE_H

#include "intake.h"
#include "testpki.h"
#include "trust.h"

enum { TESTPACKAGE_COMPONENTS_MAX = 12, TESTPACKAGE_REPLACE_MAX = 4 };

#define TESTPACKAGE_SYSTEM       "acme.example/plant-a"
#define TESTPACKAGE_VENDOR       "acme.example"
#define TESTPACKAGE_OTHER_VENDOR "other.example"

/* Remembers objects that its inner authority accepted, so that a test may open the same one ten
 * thousand times: a signature takes milliseconds. Any other bytes go to the inner authority. */
struct testpackage_memo {
    struct authority base;
    const struct authority *inner;
    struct testpackage_memo_entry *entries; /* private */
};

void testpackage_memo_init(struct testpackage_memo *memo, const struct authority *inner);
void testpackage_memo_free(struct testpackage_memo *memo);

/* Do not copy it: it points into itself. */
struct testpackage_world {
    struct testpki package, image, other, timestamp, stranger; /* one root and one leaf each */
    struct trust_anchor anchors[4];
    struct cert certs[4];
    struct trust_store store; /* package, timestamp, image of the two vendors */
    struct trust_authority authority;
    struct intake_policy policy; /* for TESTPACKAGE_SYSTEM, TESTPKI_NOW_S, nothing stored */
};

void testpackage_world_make(struct testpackage_world *w);
void testpackage_world_free(struct testpackage_world *w);

struct testpackage_component {
    const char *name;       /* NULL ends the list */
    const char *vendor;     /* NULL: TESTPACKAGE_VENDOR */
    const char *class_name; /* NULL: "pm1" */
    const char *match;      /* JSON, NULL: left out */
    const char *after;      /* JSON, NULL: left out */
    const char *group;
    bool is_optional;
    size_t payload_len;              /* 0: 3000 */
    struct testpki_image_how image;  /* ids, payload and version are filled in */
    const struct testpki *image_pki; /* NULL: world.image */
};

struct testpackage_how {
    struct testpackage_component components[TESTPACKAGE_COMPONENTS_MAX]; /* none: one, "meter-fw" */
    uint64_t sequence;                                                   /* 0: 42 */
    uint64_t floor;                                                      /* 0: left out */
    const char *system;    /* NULL: TESTPACKAGE_SYSTEM */
    const char *expires;   /* NULL: 2028 */
    const char *more_json; /* appended to the manifest: ", \"canary\": ..." */
    struct {
        const char *from, *to;
    } replace[TESTPACKAGE_REPLACE_MAX]; /* in the JSON, before it is signed */
    struct testpki_cms_how cms;         /* how to sign; `content` is filled in */
    const struct testpki *package_pki;  /* NULL: world.package */
    bool is_unsigned;                   /* manifest.json in place of manifest.cms */
};

/* Append a whole package to `out`. */
void testpackage_make(struct blob *out, const struct testpackage_world *w,
                      const struct testpackage_how *how);

/* Append a member: header, data, padding. */
void testpackage_member(struct blob *out, const char *name, struct span data);

/* Run the intake over the bytes. */
MUST_USE enum gw_err testpackage_open(struct package **out, const struct testpackage_world *w,
                                      struct span file, struct gw_error *error);

/* Intake, then the full check: GW_OK only if every byte is right. */
MUST_USE enum gw_err testpackage_verify(const struct testpackage_world *w, struct span file,
                                        struct gw_error *error);

#endif
