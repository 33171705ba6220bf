#include "testpackage.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "package_check.h"
#include "ustar.h"
#include "uuid5.h"

enum { DEFAULT_PAYLOAD = 3000, DEFAULT_SEQUENCE = 42 };

static void add_anchor(struct testpackage_world *w, enum trust_role role, const char *vendor,
                       const struct testpki *pki)
{
    struct trust_anchor *anchor = &w->anchors[w->store.count];

    anchor->role = role;
    (void)snprintf(anchor->vendor, sizeof anchor->vendor, "%s", vendor);
    cert_key_digest(&pki->anchor, anchor->key);
    w->certs[w->store.count++] = pki->anchor;
}

void testpackage_world_make(struct testpackage_world *w)
{
    *w = (struct testpackage_world){ 0 };
    testpki_make(&w->package, "package");
    testpki_make(&w->timestamp, "timestamp");
    testpki_make(&w->image, TESTPACKAGE_VENDOR);
    testpki_make(&w->other, TESTPACKAGE_OTHER_VENDOR);
    testpki_make(&w->stranger, "stranger");
    w->store.anchors = w->anchors;
    w->store.certs = w->certs;
    add_anchor(w, TRUST_PACKAGE, "", &w->package);
    add_anchor(w, TRUST_TIMESTAMP, "", &w->timestamp);
    add_anchor(w, TRUST_IMAGE, TESTPACKAGE_VENDOR, &w->image);
    add_anchor(w, TRUST_IMAGE, TESTPACKAGE_OTHER_VENDOR, &w->other);
    trust_authority_init(&w->authority, &w->store,
                         (struct verify_clock){ .now_s = TESTPKI_NOW_S, .is_synchronised = true },
                         1);
    w->policy.authority = &w->authority.base;
    w->policy.system = TESTPACKAGE_SYSTEM;
    w->policy.now_s = TESTPKI_NOW_S;
}

void testpackage_world_free(struct testpackage_world *w)
{
    testpki_free(&w->package);
    testpki_free(&w->timestamp);
    testpki_free(&w->image);
    testpki_free(&w->other);
    testpki_free(&w->stranger);
}

static void add_text(struct blob *b, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void add_text(struct blob *b, const char *format, ...)
{
    char text[4096];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    blob_add(b, text, strlen(text));
}

static void add_hex(struct blob *b, const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        add_text(b, "%02x", bytes[i]);
    }
}

void testpackage_member(struct blob *out, const char *name, struct span data)
{
    static const uint8_t zero[USTAR_BLOCK];
    uint8_t header[USTAR_BLOCK];

    ustar_header(header, name, data.len);
    blob_add(out, header, sizeof header);
    blob_add_span(out, data);
    blob_add(out, zero, ustar_padding(data.len));
}

/* The image of a component, and the identity of its manifest. */
static void make_image(struct blob *gwi, uint8_t identity[SHA256_LEN],
                       const struct testpackage_world *w, const struct testpackage_component *c)
{
    size_t len = c->payload_len ? c->payload_len : DEFAULT_PAYLOAD;
    struct testpki_image_how how = c->image;
    struct blob payload = { 0 }, manifest = { 0 };

    for (size_t i = 0; i < len; i++) {
        blob_add_byte(&payload, (uint8_t)(i * 7 + (i >> 8) + (uint8_t)c->name[0]));
    }
    how.payload = blob_span(&payload);
    uuid5_vendor(how.vendor_id, c->vendor ? c->vendor : TESTPACKAGE_VENDOR);
    uuid5_class(how.class_id, how.vendor_id, c->class_name ? c->class_name : "pm1");
    testpki_image(gwi, &how, c->image_pki ? c->image_pki : &w->image);
    testpki_manifest(&manifest, &how);
    sha256_of(identity, manifest.at, manifest.len);
    blob_free(&payload);
    blob_free(&manifest);
}

static void add_component(struct blob *json, const struct testpackage_component *c, size_t size,
                          const uint8_t identity[SHA256_LEN])
{
    add_text(json, "{\"name\":\"%s\",\"size\":%zu,\"manifest_sha256\":\"", c->name, size);
    add_hex(json, identity, SHA256_LEN);
    add_text(json,
             "\",\"vendor\":\"%s\",\"class\":\"%s\",\"component\":%u,\"version\":\"%s\","
             "\"sequence\":%u",
             c->vendor ? c->vendor : TESTPACKAGE_VENDOR, c->class_name ? c->class_name : "pm1",
             c->image.component, c->image.version ? c->image.version : "1.0.0",
             c->image.sequence ? c->image.sequence : 1);
    if (c->match) {
        add_text(json, ",\"match\":%s", c->match);
    }
    if (c->after) {
        add_text(json, ",\"after\":%s", c->after);
    }
    if (c->group) {
        add_text(json, ",\"group\":\"%s\"", c->group);
    }
    add_text(json, "%s}", c->is_optional ? ",\"required\":false" : "");
}

/* The JSON, and the images' members in `members`. */
static void make_content(struct blob *json, struct blob *members, const struct testpackage_world *w,
                         const struct testpackage_how *how,
                         const struct testpackage_component *components)
{
    add_text(json, "{\"format\":\"gatewayd.system/1\",\"system\":\"%s\",\"release\":\"2026.11\"",
             how->system ? how->system : TESTPACKAGE_SYSTEM);
    add_text(json, ",\"sequence\":%llu",
             (unsigned long long)(how->sequence ? how->sequence : DEFAULT_SEQUENCE));
    if (how->floor) {
        add_text(json, ",\"floor\":%llu", (unsigned long long)how->floor);
    }
    add_text(json, ",\"expires\":\"%s\",\"components\":[",
             how->expires ? how->expires : "2028-01-01T00:00:00Z");
    for (size_t i = 0; i < TESTPACKAGE_COMPONENTS_MAX && components[i].name; i++) {
        struct blob gwi = { 0 };
        uint8_t identity[SHA256_LEN];
        char name[MEMBER_NAME_MAX];

        make_image(&gwi, identity, w, &components[i]);
        add_text(json, "%s", i ? "," : "");
        add_component(json, &components[i], gwi.len, identity);
        (void)snprintf(name, sizeof name, "images/%s.gwi", components[i].name);
        testpackage_member(members, name, blob_span(&gwi));
        blob_free(&gwi);
    }
    add_text(json, "]%s}", how->more_json ? how->more_json : "");
}

static void replace(struct blob *json, const char *from, const char *to)
{
    char *at = memmem(json->at, json->len, from, strlen(from));
    struct blob edited = { 0 };

    if (!at) {
        (void)fprintf(stderr, "the manifest has no %s\n", from);
        abort();
    }
    blob_add(&edited, json->at, (size_t)((uint8_t *)at - json->at));
    blob_add(&edited, to, strlen(to));
    at += strlen(from);
    blob_add(&edited, at, (size_t)(json->at + json->len - (uint8_t *)at));
    blob_free(json);
    *json = edited;
}

static void add_manifest(struct blob *out, const struct testpackage_world *w,
                         const struct testpackage_how *how, struct span json)
{
    const struct testpki *pki = how->package_pki ? how->package_pki : &w->package;
    struct testpki_cms_how cms_how = how->cms;
    struct blob cms = { 0 };

    if (how->is_unsigned) {
        testpackage_member(out, PACKAGE_UNSIGNED_NAME, json);
        return;
    }
    cms_how.type = cms_how.type ? cms_how.type : SIGNED_SYSTEM_MANIFEST;
    cms_how.content = json;
    cms_how.signers[0] = cms_how.signers[0] ? cms_how.signers[0] : &pki->leaf;
    testpki_sign_cms(&cms, &cms_how);
    testpackage_member(out, PACKAGE_MANIFEST_NAME, blob_span(&cms));
    blob_free(&cms);
}

void testpackage_make(struct blob *out, const struct testpackage_world *w,
                      const struct testpackage_how *how)
{
    static const struct testpackage_component one[TESTPACKAGE_COMPONENTS_MAX] = {
        { .name = "meter-fw" }
    };
    static const uint8_t end[USTAR_END];
    struct blob json = { 0 }, members = { 0 };

    make_content(&json, &members, w, how, how->components[0].name ? how->components : one);
    for (size_t i = 0; i < TESTPACKAGE_REPLACE_MAX && how->replace[i].from; i++) {
        replace(&json, how->replace[i].from, how->replace[i].to);
    }
    add_manifest(out, w, how, blob_span(&json));
    blob_add_span(out, blob_span(&members));
    blob_add(out, end, sizeof end);
    blob_free(&json);
    blob_free(&members);
}

enum gw_err testpackage_open(struct package **out, const struct testpackage_world *w,
                             struct span file, struct gw_error *error)
{
    struct intake *intake = intake_open(&w->policy, file.len);
    enum gw_err err = GW_OK;
    uint64_t offset;
    size_t len;

    *out = NULL;
    while (!err && intake_wants(intake, &offset, &len)) {
        size_t left = offset < file.len ? file.len - (size_t)offset : 0;
        size_t n = len < left ? len : left;
        uint8_t *exact = malloc(n ? n : 1); /* so that ASan sees a read past the end */

        if (!exact) {
            abort();
        }
        if (n) {
            memcpy(exact, file.at + offset, n);
        }
        err = intake_give(intake, exact, n, error);
        free(exact);
    }
    if (!err) {
        *out = intake_take(intake);
    }
    intake_free(intake);
    return err;
}

enum gw_err testpackage_verify(const struct testpackage_world *w, struct span file,
                               struct gw_error *error)
{
    struct package *package;
    struct package_check *check;
    enum gw_err err = testpackage_open(&package, w, file, error);

    if (err) {
        return err;
    }
    check = package_check_open(package);
    if (!check) {
        abort();
    }
    err = package_check_feed(check, file.at, file.len, error);
    if (!err) {
        err = package_check_finish(check, error);
    }
    package_check_free(check);
    package_free(package);
    return err;
}
