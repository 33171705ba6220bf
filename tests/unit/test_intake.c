/* A package from its first byte to `struct package`: who may sign, for whom, when, and whether the
 * bytes are the ones that were signed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "testpackage.h"

static struct testpackage_component two_components[TESTPACKAGE_COMPONENTS_MAX] = {
    { .name = "meter-fw", .image = { .sequence = 21, .version = "2.1.0" } },
    { .name = "bridge-fw", .class_name = "br", .after = "[]", .payload_len = 700 },
};

static void good_package_opens_with_everything_in_place(void)
{
    struct testpackage_world w;
    struct testpackage_how how = { .floor = 40 };
    struct blob gwp = { 0 };
    struct package *p;
    struct gw_error error = { 0 };

    memcpy(how.components, two_components, sizeof how.components);
    testpackage_world_make(&w);
    testpackage_make(&gwp, &w, &how);
    CHECK_EQ(testpackage_open(&p, &w, blob_span(&gwp), &error), GW_OK);
    CHECK(strcmp(error.detail, "") == 0);
    CHECK_EQ(p->size, gwp.len);
    CHECK_EQ(p->manifest.sequence, 42);
    CHECK_EQ(p->manifest.floor, 40);
    CHECK_EQ(p->signer.signers, 1);
    CHECK_EQ(p->signer.signing_time_s, TESTPKI_SIGNING_TIME_S);
    CHECK(strstr(p->signer.name, ", O=gatewayd test") != NULL);
    CHECK(!p->signer.is_trial);
    CHECK_EQ(p->images[0].manifest.sequence, 21);
    CHECK_EQ(p->images[1].manifest.payload_size, 700);
    for (int i = 0; i < 2; i++) {
        const struct package_image *image = &p->images[i];

        CHECK(memcmp(gwp.at + image->data_at, image->cms, image->cms_len) == 0);
        CHECK_EQ(image->header_at % 512, 0);
    }
    CHECK_EQ(testpackage_verify(&w, blob_span(&gwp), &error), GW_OK);
    package_free(p);
    blob_free(&gwp);
    testpackage_world_free(&w);
}

#define ZEROS "0000000000000000000000000000000000000000000000000000000000000000"

/* One way to make or judge a package, and the verdict. */
struct verdict {
    const char *claim;
    enum gw_err want;
    struct testpackage_how how;
    void (*world)(struct testpackage_world *w); /* changes who judges */
    void (*bytes)(struct blob *gwp);            /* changes the file */
};

static struct sequence_known known_42; /* another package with sequence 42 */

static void no_system(struct testpackage_world *w)
{
    w->policy.system = "";
}
static void other_system(struct testpackage_world *w)
{
    w->policy.system = "acme.example/plant-b";
}
static void no_anchors(struct testpackage_world *w)
{
    w->store.count = 0;
}
static void no_image_anchors(struct testpackage_world *w)
{
    w->store.count = 2;
}
static void floor_43(struct testpackage_world *w)
{
    w->policy.sequence.floor = 43;
}
static void floor_42(struct testpackage_world *w)
{
    w->policy.sequence.floor = 42;
}
static void knows_another_42(struct testpackage_world *w)
{
    known_42 = (struct sequence_known){ .sequence = 42 };
    w->policy.sequence.known = &known_42;
    w->policy.sequence.known_count = 1;
}
static void allows_leap(struct testpackage_world *w)
{
    knows_another_42(w);
    w->policy.allow_leap = true;
}
static void year_2029(struct testpackage_world *w)
{
    w->policy.now_s = 1861920000;
    w->authority.clock.now_s = 1861920000;
}
static void year_2050(struct testpackage_world *w)
{
    w->policy.now_s = TESTPKI_NOT_AFTER_S + 86400 * 366;
    w->authority.clock.now_s = w->policy.now_s;
}
static void year_2025(struct testpackage_world *w)
{
    w->policy.now_s = 1735689600;
    w->authority.clock.now_s = 1735689600;
}
static void year_2025_not_synchronised(struct testpackage_world *w)
{
    year_2025(w);
    w->authority.clock.is_synchronised = false;
}
static void two_signers(struct testpackage_world *w)
{
    w->authority.signers_required = 2;
}
static void add_byte(struct blob *gwp)
{
    blob_add_byte(gwp, 0);
}
static void add_record(struct blob *gwp)
{
    static const uint8_t zero[512];

    blob_add(gwp, zero, sizeof zero); /* GNU tar fills its last record like this */
}
static void make_empty(struct blob *gwp)
{
    gwp->len = 0;
}
static void drop_end(struct blob *gwp)
{
    gwp->len -= 1024;
}

static const struct verdict verdicts[] = {
    { .claim = "good package is accepted", .want = GW_OK },
    { .claim = "neg_no_configured_system", .want = GW_NO_SYSTEM, .world = no_system },
    { .claim = "neg_package_for_another_system", .want = GW_OTHER_SYSTEM, .world = other_system },
    { .claim = "neg_no_anchors", .want = GW_NO_ANCHOR, .world = no_anchors },
    { .claim = "neg_no_anchor_of_the_images_vendor",
      .want = GW_NO_ANCHOR,
      .world = no_image_anchors },
    { .claim = "neg_package_signed_by_a_stranger", .want = GW_VERIFY_TOO_FEW_SIGNERS },
    { .claim = "neg_package_signed_by_an_image_signer", .want = GW_VERIFY_TOO_FEW_SIGNERS },
    { .claim = "neg_package_signed_by_the_timestamp_role", .want = GW_VERIFY_TOO_FEW_SIGNERS },
    { .claim = "neg_image_signed_under_another_vendors_anchor", .want = GW_VERIFY_TOO_FEW_SIGNERS },
    { .claim = "neg_image_signed_by_the_package_role", .want = GW_VERIFY_TOO_FEW_SIGNERS },
    { .claim = "neg_image_signed_by_a_stranger", .want = GW_VERIFY_TOO_FEW_SIGNERS },
    { .claim = "neg_two_signers_are_required",
      .want = GW_VERIFY_TOO_FEW_SIGNERS,
      .world = two_signers },
    { .claim = "neg_unsigned", .want = GW_PACKAGE_UNSIGNED, .how = { .is_unsigned = true } },
    { .claim = "neg_wrong_content_type",
      .want = GW_VERIFY_CMS_CONTENT_TYPE,
      .how = { .cms = { .type = SIGNED_IMAGE_MANIFEST } } },
    { .claim = "neg_content_type_id_data",
      .want = GW_VERIFY_CMS_CONTENT_TYPE,
      .how = { .cms = { .flaw = CMS_FLAW_CONTENT_ID_DATA } } },
    { .claim = "neg_signed_attributes_missing",
      .want = GW_VERIFY_CMS_SIGNED_ATTRS_MISSING,
      .how = { .cms = { .flaw = CMS_FLAW_NO_SIGNED_ATTRS } } },
    { .claim = "neg_message_digest_wrong",
      .want = GW_VERIFY_CMS_MESSAGE_DIGEST,
      .how = { .cms = { .flaw = CMS_FLAW_OTHER_MESSAGE_DIGEST } } },
    { .claim = "neg_signature_wrong",
      .want = GW_VERIFY_CMS_SIGNATURE,
      .how = { .cms = { .flaw = CMS_FLAW_SIGNATURE } } },
    { .claim = "neg_trailing_bytes_in_the_manifests_member",
      .want = GW_VERIFY_TRAILING_BYTES,
      .how = { .cms = { .flaw = CMS_FLAW_TRAILING_BYTE } } },
    { .claim = "neg_ber_lengths",
      .want = GW_VERIFY_DER,
      .how = { .cms = { .flaw = CMS_FLAW_BER_LONG_LENGTH } } },
    { .claim = "neg_cms_with_crls",
      .want = GW_VERIFY_CRL_NOT_SUPPORTED,
      .how = { .cms = { .flaw = CMS_FLAW_CRLS } } },
    { .claim = "neg_package_with_crls",
      .want = GW_NOT_SUPPORTED_YET,
      .how = { .more_json = ",\"crls\":[{}]" } },
    { .claim = "neg_package_expired", .want = GW_PACKAGE_EXPIRED, .world = year_2029 },
    { .claim = "neg_certificate_expired", .want = GW_VERIFY_CERT_EXPIRED, .world = year_2050 },
    { .claim = "neg_signed_in_the_future_of_a_synchronised_clock",
      .want = GW_VERIFY_CMS_SIGNING_TIME,
      .world = year_2025 },
    { .claim = "a clock that nobody keeps does not refuse what is signed later",
      .want = GW_OK,
      .world = year_2025_not_synchronised },
    { .claim = "neg_sequence_below_the_floor", .want = GW_PACKAGE_SEQUENCE, .world = floor_43 },
    { .claim = "the floor itself is accepted", .want = GW_OK, .world = floor_42 },
    { .claim = "neg_equal_sequence_with_another_identity",
      .want = GW_PACKAGE_EQUIVOCATION,
      .world = knows_another_42 },
    { .claim = "neg_sequence_leaps",
      .want = GW_SEQUENCE_LEAP,
      .how = { .sequence = 42 + SEQUENCE_LEAP_MAX + 1 },
      .world = knows_another_42 },
    { .claim = "the longest step is accepted",
      .want = GW_OK,
      .how = { .sequence = 42 + SEQUENCE_LEAP_MAX },
      .world = knows_another_42 },
    { .claim = "an operator may permit a leap",
      .want = GW_OK,
      .how = { .sequence = 1ULL << 50 },
      .world = allows_leap },
    { .claim = "neg_version_differs_between_the_manifests",
      .want = GW_IMAGE_MISMATCH,
      .how = { .replace = { { "\"version\":\"1.0.0\"", "\"version\":\"1.0.1\"" } } } },
    { .claim = "neg_sequence_differs_between_the_manifests",
      .want = GW_IMAGE_MISMATCH,
      .how = { .replace = { { "\"sequence\":1}", "\"sequence\":2}" } } } },
    { .claim = "neg_class_differs_between_the_manifests",
      .want = GW_IMAGE_MISMATCH,
      .how = { .replace = { { "\"pm1\"", "\"pm2\"" } } } },
    { .claim = "neg_component_differs_between_the_manifests",
      .want = GW_IMAGE_MISMATCH,
      .how = { .replace = { { "\"component\":0", "\"component\":1" } } } },
    { .claim = "neg_vendor_differs_between_the_manifests",
      .want = GW_VERIFY_TOO_FEW_SIGNERS,
      .how = { .replace = { { "acme.example\",\"class\"", "other.example\",\"class\"" } } } },
    { .claim = "neg_image_of_another_package",
      .want = GW_IMAGE_MISMATCH,
      .how = { .replace = { { "\"manifest_sha256\":",
                              "\"manifest_sha256\":\"" ZEROS "\",\"x-was\":" } } } },
    { .claim = "neg_bytes_after_the_end", .want = GW_PACKAGE_MEMBER, .bytes = add_byte },
    { .claim = "neg_padded_to_a_tape_record", .want = GW_PACKAGE_MEMBER, .bytes = add_record },
    { .claim = "neg_empty_file", .want = GW_PACKAGE_TRUNCATED, .bytes = make_empty },
    { .claim = "neg_no_end_blocks", .want = GW_PACKAGE_TRUNCATED, .bytes = drop_end },
    { .claim = "neg_image_manifest_with_a_critical_field",
      .want = GW_VERIFY_MANIFEST_CRITICAL_TAG },
    { .claim = "neg_image_without_signing_time", .want = GW_VERIFY_CMS_SIGNING_TIME },
};

/* What the table cannot say in an initialiser: pointers into the world. */
static void point_into_world(struct testpackage_how *how, const char *claim,
                             const struct testpackage_world *w)
{
    static const struct {
        const char *claim;
        size_t package, image; /* offset of a struct testpki in the world; 0 = the default */
    } signers[] = {
        { "neg_package_signed_by_a_stranger", offsetof(struct testpackage_world, stranger), 0 },
        { "neg_package_signed_by_an_image_signer", offsetof(struct testpackage_world, image), 0 },
        { "neg_package_signed_by_the_timestamp_role", offsetof(struct testpackage_world, timestamp),
          0 },
        { "neg_image_signed_under_another_vendors_anchor", 0,
          offsetof(struct testpackage_world, other) },
        { "neg_image_signed_by_a_stranger", 0, offsetof(struct testpackage_world, stranger) },
    };

    for (size_t i = 0; i < sizeof signers / sizeof signers[0]; i++) {
        if (strcmp(signers[i].claim, claim) == 0 && signers[i].package) {
            how->package_pki = (const void *)((const char *)w + signers[i].package);
        }
        if (strcmp(signers[i].claim, claim) == 0 && signers[i].image) {
            how->components[0].image_pki = (const void *)((const char *)w + signers[i].image);
        }
    }
    if (strcmp(claim, "neg_image_signed_by_the_package_role") == 0) {
        how->components[0].image_pki = &w->package;
    }
    if (strcmp(claim, "neg_image_manifest_with_a_critical_field") == 0) {
        how->components[0].image.flaw = MANIFEST_FLAW_TAG_15;
    }
    if (strcmp(claim, "neg_image_without_signing_time") == 0) {
        how->components[0].image.cms.no_signing_time = true;
    }
    how->components[0].name = "meter-fw";
}

static void each_broken_rule_has_its_code(void)
{
    struct testpackage_world w;

    for (size_t i = 0; i < sizeof verdicts / sizeof verdicts[0]; i++) {
        const struct verdict *v = &verdicts[i];
        struct testpackage_how how = v->how;
        struct gw_error error = { 0 };
        struct blob gwp = { 0 };

        testpackage_world_make(&w);
        point_into_world(&how, v->claim, &w);
        testpackage_make(&gwp, &w, &how);
        if (v->world) {
            v->world(&w);
        }
        if (v->bytes) {
            v->bytes(&gwp);
        }
        enum gw_err err = testpackage_verify(&w, blob_span(&gwp), &error);

        if (err != v->want) {
            (void)fprintf(stderr, "%s: %s\n", v->claim, error.detail);
        }
        CHECK_EQ(err, v->want);
        CHECK_EQ(error.err, v->want);
        blob_free(&gwp);
        testpackage_world_free(&w);
    }
}

static void what_was_accepted_before_is_applied_again_after_its_end(void)
{
    struct testpackage_world w;
    struct blob gwp = { 0 };
    struct package *p;
    struct sequence_known known = { .sequence = 42 };

    testpackage_world_make(&w);
    testpackage_make(&gwp, &w, &(struct testpackage_how){ 0 });
    CHECK_EQ(testpackage_open(&p, &w, blob_span(&gwp), NULL), GW_OK);
    memcpy(known.identity, p->identity, sizeof known.identity);
    package_free(p);
    w.policy.sequence = (struct sequence_state){ .floor = 42, .known = &known, .known_count = 1 };
    year_2050(&w);
    CHECK_EQ(testpackage_verify(&w, blob_span(&gwp), NULL), GW_OK);
    known.identity[0] ^= 1; /* not this one */
    CHECK_EQ(testpackage_verify(&w, blob_span(&gwp), NULL), GW_VERIFY_CERT_EXPIRED);
    blob_free(&gwp);
    testpackage_world_free(&w);
}

static void what_was_stored_of_a_package_opens_again(void)
{
    struct testpackage_world w;
    struct testpackage_how how = { 0 };
    struct blob gwp = { 0 };
    struct package *p, *again;

    memcpy(how.components, two_components, sizeof how.components);
    testpackage_world_make(&w);
    testpackage_make(&gwp, &w, &how);
    CHECK_EQ(testpackage_open(&p, &w, blob_span(&gwp), NULL), GW_OK);

    struct span manifest = { p->cms, p->cms_len };
    struct span heads[2] = { { p->images[0].cms, p->images[0].cms_len },
                             { p->images[1].cms, p->images[1].cms_len } };

    CHECK_EQ(intake_restore(&again, &w.policy, manifest, heads, 2, NULL), GW_OK);
    CHECK_EQ(again->size, p->size);
    CHECK_EQ(again->images[1].data_at, p->images[1].data_at);
    CHECK_EQ(again->images[1].manifest.payload_size, 700);
    package_free(again);
    CHECK_EQ(intake_restore(&again, &w.policy, manifest, heads, 1, NULL), GW_IMAGE_MISMATCH);
    CHECK(again == NULL);

    uint8_t longer[IMAGE_CMS_MAX] = { 0 };

    CHECK(heads[1].len < sizeof longer);
    memcpy(longer, heads[1].at, heads[1].len);
    heads[1] = (struct span){ longer, heads[1].len + 1 };
    CHECK_EQ(intake_restore(&again, &w.policy, manifest, heads, 2, NULL), GW_VERIFY_TRAILING_BYTES);
    CHECK(again == NULL);
    heads[1] = (struct span){ longer, heads[1].len - 2 };
    CHECK(intake_restore(&again, &w.policy, manifest, heads, 2, NULL) != GW_OK);
    heads[1] = heads[0];
    CHECK_EQ(intake_restore(&again, &w.policy, manifest, heads, 2, NULL), GW_IMAGE_MISMATCH);
    w.store.count = 0;
    CHECK_EQ(intake_restore(&again, &w.policy, manifest, heads, 2, NULL), GW_NO_ANCHOR);
    package_free(p);
    blob_free(&gwp);
    testpackage_world_free(&w);
}

/* Nothing after manifest.cms is asked for before it was authenticated and admitted. */
static void nothing_is_read_before_the_signature_is_right(void)
{
    struct testpackage_world w;
    struct testpackage_how how = { 0 };
    struct blob gwp = { 0 };
    struct intake *intake;
    uint64_t offset, furthest = 0;
    size_t len, cms_len;
    enum gw_err err = GW_OK;

    testpackage_world_make(&w);
    how.package_pki = &w.stranger;
    testpackage_make(&gwp, &w, &how);
    CHECK_EQ(signed_length(&cms_len, (struct span){ gwp.at + 512, 16 }), VERIFY_OK);
    intake = intake_open(&w.policy, gwp.len);
    while (!err && intake_wants(intake, &offset, &len)) {
        furthest = offset + len;
        err = intake_give(intake, gwp.at + offset, len, NULL);
    }
    CHECK_EQ(err, GW_VERIFY_TOO_FEW_SIGNERS);
    CHECK_EQ(furthest, 512 + cms_len);
    CHECK(!intake_wants(intake, &offset, &len)); /* the refusal is final */
    CHECK_EQ(intake_give(intake, gwp.at, 512, NULL), GW_INTERNAL);
    CHECK(intake_take(intake) == NULL);
    intake_free(intake);
    blob_free(&gwp);
    testpackage_world_free(&w);
}

/* A source that cannot tell its size: one byte more is asked for, and must not come. */
static void end_is_found_without_knowing_the_size(void)
{
    struct testpackage_world w;
    struct blob gwp = { 0 };

    testpackage_world_make(&w);
    testpackage_make(&gwp, &w, &(struct testpackage_how){ 0 });
    for (int extra = -1; extra <= 1; extra++) {
        struct intake *intake = intake_open(&w.policy, 0);
        size_t size = (size_t)((long long)gwp.len + extra), len;
        enum gw_err err = GW_OK;
        uint64_t offset;

        blob_add_byte(&gwp, 0);
        gwp.len--;
        while (!err && intake_wants(intake, &offset, &len)) {
            size_t left = size > offset ? size - (size_t)offset : 0;

            err = intake_give(intake, gwp.at + offset, len < left ? len : left, NULL);
        }
        CHECK_EQ(err, extra < 0 ? GW_PACKAGE_TRUNCATED : extra > 0 ? GW_PACKAGE_MEMBER : GW_OK);
        intake_free(intake);
    }
    blob_free(&gwp);
    testpackage_world_free(&w);
}

int main(void)
{
    TEST(good_package_opens_with_everything_in_place);
    TEST(each_broken_rule_has_its_code);
    TEST(what_was_accepted_before_is_applied_again_after_its_end);
    TEST(what_was_stored_of_a_package_opens_again);
    TEST(nothing_is_read_before_the_signature_is_right);
    TEST(end_is_found_without_knowing_the_size);
    return checks_failed != 0;
}
