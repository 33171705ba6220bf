#include "intake.h"

#include <stdlib.h>
#include <string.h>

#include "calendar.h"
#include "cert_name.h"
#include "ustar.h"

enum stage {
    STAGE_HEADER,   /* the first header */
    STAGE_MANIFEST, /* manifest.cms and its padding */
    STAGE_HEAD,     /* padding before component `at`, its header, its CMS */
    STAGE_END,      /* padding after the last component, zero blocks, nothing more */
    STAGE_READY,
    STAGE_REFUSED,
};

struct intake {
    struct intake_policy policy;
    uint64_t file_size; /* 0 = not known */
    enum stage stage;
    uint16_t at; /* component whose head is wanted */
    struct package *package;
};

struct intake *intake_open(const struct intake_policy *policy, uint64_t file_size)
{
    struct intake *intake = calloc(1, sizeof *intake);

    if (intake) {
        intake->policy = *policy;
        intake->file_size = file_size;
        intake->package = calloc(1, sizeof *intake->package);
    }
    if (intake && !intake->package) {
        free(intake);
        return NULL;
    }
    return intake;
}

void intake_free(struct intake *intake)
{
    if (intake) {
        package_free(intake->package);
        free(intake);
    }
}

/* Offset of the first byte after the data of the member before component `at`. */
static uint64_t data_end_before(const struct package *p, uint16_t at)
{
    return at == 0 ? USTAR_BLOCK + p->cms_len
                   : p->images[at - 1].data_at + p->manifest.components[at - 1].size;
}

/* How much of the component's start is read: enough for any CMS. */
static size_t head_len(const struct package *p, uint16_t at)
{
    uint64_t size = p->manifest.components[at].size;

    return size < IMAGE_CMS_MAX ? (size_t)size : IMAGE_CMS_MAX;
}

bool intake_wants(const struct intake *intake, uint64_t *offset, size_t *len)
{
    const struct package *p = intake->package;

    switch (intake->stage) {
    case STAGE_HEADER:
        *offset = 0;
        *len = USTAR_BLOCK;
        return true;
    case STAGE_MANIFEST:
        *offset = USTAR_BLOCK;
        *len = p->cms_len;
        return true;
    case STAGE_HEAD:
        *offset = data_end_before(p, intake->at);
        *len = (size_t)(p->images[intake->at].data_at - *offset) + head_len(p, intake->at);
        return true;
    case STAGE_END:
        *offset = data_end_before(p, p->manifest.component_count);
        *len = (size_t)(p->size - *offset) + (intake->file_size == 0); /* one more must not come */
        return true;
    case STAGE_READY:
    case STAGE_REFUSED:
        break;
    }
    return false;
}

static enum gw_err give_header(struct intake *intake, const uint8_t *bytes, struct gw_error *error)
{
    struct ustar_member member;
    enum gw_err err = ustar_parse(&member, bytes);

    if (err) {
        return gw_fail(error, err, "the first 512 bytes are not a member's header");
    }
    if (strcmp(member.name, PACKAGE_UNSIGNED_NAME) == 0) {
        return gw_fail(error, GW_PACKAGE_UNSIGNED, "its first member is %s", member.name);
    }
    if (strcmp(member.name, PACKAGE_MANIFEST_NAME) != 0) {
        return gw_fail(error, GW_PACKAGE_FORMAT, "its first member is %s", member.name);
    }
    if (member.size == 0 || member.size > PACKAGE_CMS_MAX) {
        return gw_fail(error, GW_PACKAGE_FORMAT, "manifest.cms has %llu bytes",
                       (unsigned long long)member.size);
    }
    intake->package->cms_len = (size_t)member.size;
    intake->stage = STAGE_MANIFEST;
    return GW_OK;
}

static uint8_t *copy(const uint8_t *bytes, size_t len)
{
    uint8_t *out = malloc(len);

    if (out) {
        memcpy(out, bytes, len);
    }
    return out;
}

static void note_signer(const struct intake *intake, struct package_signer *signer,
                        const struct signed_object *object)
{
    const struct authority *a = intake->policy.authority;

    cert_name_text(signer->name, sizeof signer->name, object->signer.subject);
    memcpy(signer->key, object->signer_key, sizeof signer->key);
    signer->signers = object->signers;
    signer->signing_time_s = object->signing_time_s;
    signer->not_after_s = object->not_after_s;
    signer->is_trial = object->anchor && a->ops->is_trial(a, object->anchor);
}

/* Authenticate manifest.cms. What was accepted before may go on after its certificates' end. */
static enum gw_err authenticate(const struct intake *intake, struct signed_object *object,
                                struct gw_error *error)
{
    const struct intake_policy *policy = &intake->policy;
    const struct authority *a = policy->authority;
    struct span cms = { intake->package->cms, intake->package->cms_len };
    enum gw_err err = a->ops->open_package(a, object, cms, false, error);

    if (err != GW_VERIFY_CERT_EXPIRED) {
        return err;
    }
    if (a->ops->open_package(a, object, cms, true, NULL) == GW_OK &&
        sequence_is_known(&policy->sequence, object->identity)) {
        return GW_OK;
    }
    return err;
}

/* Is this package for this gateway, now? Decided on the authenticated manifest alone. */
static enum gw_err admit(const struct intake *intake, struct gw_error *error)
{
    const struct intake_policy *policy = &intake->policy;
    const struct package *p = intake->package;
    const struct system_manifest *m = &p->manifest;
    enum gw_err err;

    if (policy->system && strcmp(policy->system, m->system) != 0) {
        return gw_fail(error, GW_OTHER_SYSTEM, "it is for %s, this is %s", m->system,
                       policy->system);
    }
    err = sequence_check(&policy->sequence, m->sequence, p->identity, policy->allow_leap);
    if (err) {
        return gw_fail(error, err, "sequence %llu, floor %llu", (unsigned long long)m->sequence,
                       (unsigned long long)policy->sequence.floor);
    }
    if (policy->now_s > m->expires_s && !sequence_is_known(&policy->sequence, p->identity)) {
        char expires[CALENDAR_TEXT_MAX], now[CALENDAR_TEXT_MAX];

        calendar_print(expires, m->expires_s);
        calendar_print(now, policy->now_s);
        return gw_fail(error, GW_PACKAGE_EXPIRED, "it expired at %s, now is %s", expires, now);
    }
    return GW_OK;
}

static enum gw_err check_file_size(const struct intake *intake, struct gw_error *error)
{
    uint64_t size = intake->package->size;

    if (intake->file_size == 0 || intake->file_size == size) {
        return GW_OK;
    }
    return gw_fail(error, intake->file_size < size ? GW_PACKAGE_TRUNCATED : GW_PACKAGE_MEMBER,
                   "the file has %llu bytes, the signed sizes make %llu",
                   (unsigned long long)intake->file_size, (unsigned long long)size);
}

static enum gw_err give_manifest(struct intake *intake, const uint8_t *bytes, size_t len,
                                 struct gw_error *error)
{
    struct package *p = intake->package;
    struct signed_object object;
    enum gw_err err;

    p->cms = copy(bytes, len);
    if (!p->cms) {
        return GW_NO_MEMORY;
    }
    err = authenticate(intake, &object, error);
    if (err) {
        return err;
    }
    memcpy(p->identity, object.identity, sizeof p->identity);
    note_signer(intake, &p->signer, &object);
    err = system_manifest_parse(&p->manifest, object.content, error);
    if (!err) {
        err = admit(intake, error);
    }
    if (err) {
        return err;
    }
    p->images = calloc(p->manifest.component_count, sizeof *p->images);
    if (!p->images) {
        return GW_NO_MEMORY;
    }
    err = package_lay_out(p);
    if (err) {
        return gw_fail(error, err, "the sizes of its members do not fit 63 bits");
    }
    intake->stage = STAGE_HEAD;
    return check_file_size(intake, error);
}

static bool is_zero(const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (bytes[i] != 0) {
            return false;
        }
    }
    return true;
}

/* Authenticate the image that begins with `head`. */
static enum gw_err open_image(struct intake *intake, const uint8_t *head, size_t len,
                              struct gw_error *error)
{
    const struct authority *a = intake->policy.authority;
    const struct system_component *component = &intake->package->manifest.components[intake->at];
    struct package_image *image = &intake->package->images[intake->at];
    struct signed_object object;
    enum verify_result result = signed_length(&image->cms_len, (struct span){ head, len });

    if (result != VERIFY_OK || image->cms_len > len) {
        enum gw_err err = len == IMAGE_CMS_MAX ? GW_VERIFY_TOO_LARGE : GW_IMAGE_MISMATCH;

        return gw_fail(error, result == VERIFY_DER ? GW_VERIFY_DER : err,
                       "component %s: no CMS object of at most %zu bytes", component->name, len);
    }
    image->cms = copy(head, image->cms_len);
    if (!image->cms) {
        return GW_NO_MEMORY;
    }
    struct span cms = { image->cms, image->cms_len };
    enum gw_err err = a->ops->open_image(a, &object, cms, component->vendor, error);

    if (err) {
        return err;
    }
    err = package_verdict(image_manifest_parse(&image->manifest, object.content));
    if (err) {
        return gw_fail(error, err, "component %s", component->name);
    }
    sha256_of(image->cms_digest, image->cms, image->cms_len);
    note_signer(intake, &image->signer, &object);
    return package_image_check(component, &image->manifest, object.identity, image->cms_len, error);
}

static enum gw_err give_head(struct intake *intake, const uint8_t *bytes, size_t len,
                             struct gw_error *error)
{
    const struct package *p = intake->package;
    const struct system_component *component = &p->manifest.components[intake->at];
    size_t head = head_len(p, intake->at), padding = len - USTAR_BLOCK - head;
    char name[MEMBER_NAME_MAX];

    package_member_name(name, component);
    if (!is_zero(bytes, padding) || ustar_check(bytes + padding, name, component->size) != GW_OK) {
        return gw_fail(error, GW_PACKAGE_MEMBER, "%s (%llu bytes) is not at offset %llu", name,
                       (unsigned long long)component->size,
                       (unsigned long long)p->images[intake->at].header_at);
    }
    enum gw_err err = open_image(intake, bytes + padding + USTAR_BLOCK, head, error);

    if (!err && ++intake->at == p->manifest.component_count) {
        intake->stage = STAGE_END;
    }
    return err;
}

static enum gw_err give_end(struct intake *intake, const uint8_t *bytes, size_t len,
                            struct gw_error *error)
{
    if (!is_zero(bytes, len)) {
        return gw_fail(error, GW_PACKAGE_MEMBER, "what follows the last member is not zero");
    }
    intake->stage = STAGE_READY;
    return GW_OK;
}

static enum gw_err give(struct intake *intake, const uint8_t *bytes, size_t len,
                        struct gw_error *error)
{
    switch (intake->stage) {
    case STAGE_HEADER:
        return give_header(intake, bytes, error);
    case STAGE_MANIFEST:
        return give_manifest(intake, bytes, len, error);
    case STAGE_HEAD:
        return give_head(intake, bytes, len, error);
    case STAGE_END:
        return give_end(intake, bytes, len, error);
    case STAGE_READY:
    case STAGE_REFUSED:
        break;
    }
    return gw_fail(error, GW_INTERNAL, "bytes that were not asked for");
}

/* Did as many bytes come as the signed sizes say? At the end of a file of unknown size one more was
 * asked for, and must not have come. */
static enum gw_err check_len(const struct intake *intake, uint64_t offset, size_t wanted,
                             size_t len, struct gw_error *error)
{
    bool is_probe = intake->stage == STAGE_END && intake->file_size == 0;

    if (is_probe && len == wanted) {
        return gw_fail(error, GW_PACKAGE_MEMBER, "bytes follow the end of the package");
    }
    if (len + is_probe < wanted) {
        return gw_fail(error, GW_PACKAGE_TRUNCATED, "it ends at byte %llu",
                       (unsigned long long)(offset + len));
    }
    return len <= wanted ? GW_OK : gw_fail(error, GW_INTERNAL, "more bytes than asked for");
}

enum gw_err intake_give(struct intake *intake, const uint8_t *bytes, size_t len,
                        struct gw_error *error)
{
    uint64_t offset;
    size_t wanted;
    enum gw_err err;

    if (!intake_wants(intake, &offset, &wanted)) {
        return gw_fail(error, GW_INTERNAL, "bytes that were not asked for");
    }
    if (intake->policy.system && intake->policy.system[0] == '\0') {
        err = gw_fail(error, GW_NO_SYSTEM, "packages are installed only on a named system");
    } else {
        err = check_len(intake, offset, wanted, len, error);
    }
    if (!err) {
        err = give(intake, bytes, len, error);
    }
    if (err) {
        intake->stage = STAGE_REFUSED;
    }
    return err;
}

struct package *intake_take(struct intake *intake)
{
    struct package *package = intake->stage == STAGE_READY ? intake->package : NULL;

    if (package) {
        intake->package = NULL;
    }
    return package;
}

static enum gw_err restore(struct intake *intake, struct span manifest_cms,
                           const struct span *image_cms, size_t image_count, struct gw_error *error)
{
    enum gw_err err;

    intake->package->cms_len = manifest_cms.len;
    err = give_manifest(intake, manifest_cms.at, manifest_cms.len, error);
    if (!err && image_count != intake->package->manifest.component_count) {
        return gw_fail(error, GW_IMAGE_MISMATCH, "%zu images were kept of %u components",
                       image_count, intake->package->manifest.component_count);
    }
    for (; !err && intake->at < image_count; intake->at++) {
        err = open_image(intake, image_cms[intake->at].at, image_cms[intake->at].len, error);
        if (!err && intake->package->images[intake->at].cms_len != image_cms[intake->at].len) {
            err = gw_fail(error, GW_VERIFY_TRAILING_BYTES, "component %s",
                          intake->package->manifest.components[intake->at].name);
        }
    }
    return err;
}

enum gw_err intake_restore(struct package **out, const struct intake_policy *policy,
                           struct span manifest_cms, const struct span *image_cms,
                           size_t image_count, struct gw_error *error)
{
    struct intake *intake = intake_open(policy, 0);
    enum gw_err err = GW_NO_MEMORY;

    *out = NULL;
    if (intake) {
        err = restore(intake, manifest_cms, image_cms, image_count, error);
    }
    if (!err) {
        *out = intake->package;
        intake->package = NULL;
    }
    intake_free(intake);
    return err;
}
