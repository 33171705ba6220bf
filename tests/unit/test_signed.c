#include <string.h>

#include "check.h"
#include "testpki.h"

static const struct span HELLO = { (const uint8_t *)"hello", 5 };

/* What breaking each rule must answer. */
static const enum verify_result wanted[CMS_FLAWS] = {
    [CMS_FLAW_NONE] = VERIFY_OK,
    [CMS_FLAW_ENVELOPED] = VERIFY_CMS_NOT_SIGNED_DATA,
    [CMS_FLAW_TRAILING_BYTE] = VERIFY_TRAILING_BYTES,
    [CMS_FLAW_INNER_TRAILING_BYTE] = VERIFY_DER,
    [CMS_FLAW_BER_INDEFINITE] = VERIFY_DER,
    [CMS_FLAW_BER_LONG_LENGTH] = VERIFY_DER,
    [CMS_FLAW_BER_CONSTRUCTED_CONTENT] = VERIFY_DER,
    [CMS_FLAW_NESTING_BOMB] = VERIFY_DER,
    [CMS_FLAW_VERSION] = VERIFY_CMS_VERSION,
    [CMS_FLAW_SIGNER_VERSION] = VERIFY_CMS_VERSION,
    [CMS_FLAW_DIGEST_SHA1] = VERIFY_CMS_DIGEST_ALGORITHM,
    [CMS_FLAW_DIGEST_MD5] = VERIFY_CMS_DIGEST_ALGORITHM,
    [CMS_FLAW_DIGEST_DIFFERS] = VERIFY_CMS_DIGEST_ALGORITHM,
    [CMS_FLAW_TWO_DIGESTS] = VERIFY_CMS_DIGEST_ALGORITHM,
    [CMS_FLAW_CONTENT_ID_DATA] = VERIFY_CMS_CONTENT_TYPE,
    [CMS_FLAW_DETACHED] = VERIFY_CMS_CONTENT_MISSING,
    [CMS_FLAW_MANY_CERTS] = VERIFY_CMS_CERTIFICATES,
    [CMS_FLAW_NINE_CERTS] = VERIFY_CMS_CERTIFICATES,
    [CMS_FLAW_DUPLICATE_CERT] = VERIFY_CMS_CERTIFICATES,
    [CMS_FLAW_UNSORTED_CERTS] = VERIFY_CMS_CERTIFICATES,
    [CMS_FLAW_NO_CERTS] = VERIFY_CMS_SIGNER_ID,
    [CMS_FLAW_ATTRIBUTE_CERT] = VERIFY_CMS_CERTIFICATES,
    [CMS_FLAW_CRLS] = VERIFY_CRL_NOT_SUPPORTED,
    [CMS_FLAW_NO_SIGNERS] = VERIFY_CMS_NO_SIGNER,
    [CMS_FLAW_UNSORTED_SIGNERS] = VERIFY_DER,
    [CMS_FLAW_SIGNER_TWICE] = VERIFY_OK, /* counts once: see below */
    [CMS_FLAW_FIVE_SIGNERS] = VERIFY_TOO_LARGE,
    [CMS_FLAW_OTHER_KEY_ID] = VERIFY_CMS_SIGNER_ID,
    [CMS_FLAW_NO_SIGNED_ATTRS] = VERIFY_CMS_SIGNED_ATTRS_MISSING,
    [CMS_FLAW_UNSORTED_ATTRS] = VERIFY_CMS_ATTRIBUTES,
    [CMS_FLAW_DUPLICATE_ATTR] = VERIFY_CMS_ATTRIBUTES,
    [CMS_FLAW_NO_CONTENT_TYPE] = VERIFY_CMS_ATTR_CONTENT_TYPE,
    [CMS_FLAW_OTHER_CONTENT_TYPE] = VERIFY_CMS_ATTR_CONTENT_TYPE,
    [CMS_FLAW_TWO_CONTENT_TYPES] = VERIFY_CMS_ATTRIBUTES,
    [CMS_FLAW_NO_MESSAGE_DIGEST] = VERIFY_CMS_MESSAGE_DIGEST,
    [CMS_FLAW_OTHER_MESSAGE_DIGEST] = VERIFY_CMS_MESSAGE_DIGEST,
    [CMS_FLAW_MESSAGE_DIGEST_TYPE] = VERIFY_CMS_MESSAGE_DIGEST,
    [CMS_FLAW_MESSAGE_DIGEST_SHORT] = VERIFY_CMS_MESSAGE_DIGEST,
    [CMS_FLAW_TWO_MESSAGE_DIGESTS] = VERIFY_CMS_ATTRIBUTES,
    [CMS_FLAW_SIGNING_TIME_TYPE] = VERIFY_CMS_SIGNING_TIME,
    [CMS_FLAW_UNSIGNED_ATTRS] = VERIFY_CMS_UNSIGNED_ATTRS,
    [CMS_FLAW_PROTECTION_DIGEST] = VERIFY_CMS_ALGORITHM_PROTECTION,
    [CMS_FLAW_PROTECTION_SIGNATURE] = VERIFY_CMS_ALGORITHM_PROTECTION,
    [CMS_FLAW_RSA] = VERIFY_CMS_SIGNATURE_ALGORITHM,
    [CMS_FLAW_SHA1_ECDSA] = VERIFY_CMS_SIGNATURE_ALGORITHM,
    [CMS_FLAW_SIGNATURE] = VERIFY_CMS_SIGNATURE,
    [CMS_FLAW_R_ZERO] = VERIFY_CMS_SIGNATURE,
    [CMS_FLAW_S_ZERO] = VERIFY_CMS_SIGNATURE,
    [CMS_FLAW_R_ORDER] = VERIFY_CMS_SIGNATURE,
    [CMS_FLAW_S_ORDER] = VERIFY_CMS_SIGNATURE,
    [CMS_FLAW_R_PADDED] = VERIFY_CMS_SIGNATURE,
    [CMS_FLAW_S_NEGATIVE] = VERIFY_CMS_SIGNATURE,
    [CMS_FLAW_SIGNATURE_TRAILING] = VERIFY_CMS_SIGNATURE,
};

/* A root, an intermediate and two leaves. */
struct people {
    struct testpki_party root, middle, leaf, second;
    struct verify_trust trust;
};

static void make_people(struct people *p)
{
    testpki_ca(&p->root, "root", NULL);
    testpki_ca(&p->middle, "middle", &p->root);
    testpki_leaf(&p->leaf, "leaf", &p->middle);
    testpki_leaf(&p->second, "second", &p->middle);
    p->trust = (struct verify_trust){ .anchors = &p->root.parsed, .anchor_count = 1 };
}

static void free_people(struct people *p)
{
    testpki_party_free(&p->root);
    testpki_party_free(&p->middle);
    testpki_party_free(&p->leaf);
    testpki_party_free(&p->second);
}

static struct testpki_cms_how signed_by_leaf(const struct people *p)
{
    return (struct testpki_cms_how){ .content = HELLO,
                                     .signers = { &p->leaf },
                                     .others = { &p->middle } };
}

static enum verify_result open_made(const struct testpki_cms_how *how, struct signed_object *out,
                                    const struct verify_trust *trust)
{
    struct blob cms = { 0 };

    testpki_sign_cms(&cms, how);
    enum verify_result result = signed_open(out, blob_span(&cms), SIGNED_IMAGE_MANIFEST, trust);

    blob_free(&cms);
    return result;
}

static void a_good_object_opens_and_says_who_signed(void)
{
    uint8_t digest[SHA256_LEN];
    struct signed_object object;
    struct blob cms = { 0 };
    struct people p;

    make_people(&p);
    struct testpki_cms_how how = signed_by_leaf(&p);

    testpki_sign_cms(&cms, &how);
    CHECK_EQ(signed_open(&object, blob_span(&cms), SIGNED_IMAGE_MANIFEST, &p.trust), VERIFY_OK);
    CHECK_EQ(object.content.len, HELLO.len);
    CHECK(memcmp(object.content.at, HELLO.at, HELLO.len) == 0);
    CHECK(object.content.at > cms.at && object.content.at < cms.at + cms.len);
    sha256_of(digest, HELLO.at, HELLO.len);
    CHECK(memcmp(object.identity, digest, sizeof digest) == 0);
    cert_key_digest(&p.leaf.parsed, digest);
    CHECK(memcmp(object.signer_key, digest, sizeof digest) == 0);
    CHECK_EQ(object.signing_time_s, TESTPKI_SIGNING_TIME_S);
    CHECK_EQ(object.not_after_s, TESTPKI_NOT_AFTER_S);
    CHECK_EQ(object.signers, 1);
    CHECK(object.anchor == p.trust.anchors);
    CHECK_EQ(object.signer.serial.len, p.leaf.parsed.serial.len);
    blob_free(&cms);
    free_people(&p);
}

static void each_permitted_form_opens(void)
{
    static const struct testpki_cms_how forms[] = {
        { .by_key_id = true },
        { .high_s = true },
        { .protection = true },
        { .unknown_attribute = true },
        { .signing_time_s = 2600000000 }, /* after 2049: GeneralizedTime */
    };
    struct signed_object object;
    struct people p;

    make_people(&p);
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        struct testpki_cms_how how = forms[i];

        how.content = HELLO;
        how.signers[0] = &p.leaf;
        how.others[0] = &p.middle;
        CHECK_EQ(open_made(&how, &object, &p.trust), VERIFY_OK);
    }
    free_people(&p);
}

static void each_broken_rule_has_its_own_answer_and_leaves_nothing(void)
{
    static const struct signed_object zero;
    struct signed_object object;
    struct people p;

    make_people(&p);
    for (int flaw = 0; flaw < CMS_FLAWS; flaw++) {
        struct testpki_cms_how how = signed_by_leaf(&p);

        how.flaw = (enum testpki_cms_flaw)flaw;
        how.signers[1] = flaw == CMS_FLAW_UNSORTED_SIGNERS ? &p.second : NULL;
        enum verify_result result = open_made(&how, &object, &p.trust);

        if (wanted[flaw] == VERIFY_NOT_CHECKED || result != wanted[flaw]) {
            fprintf(stderr, "CMS flaw %d: %d, want %d\n", flaw, result, wanted[flaw]);
            checks_failed++;
        }
        CHECK(result == VERIFY_OK || memcmp(&object, &zero, sizeof object) == 0);
    }
    free_people(&p);
}

static void every_truncation_is_refused(void)
{
    struct signed_object object;
    struct blob cms = { 0 };
    struct people p;

    make_people(&p);
    struct testpki_cms_how how = signed_by_leaf(&p);

    testpki_sign_cms(&cms, &how);
    for (size_t len = 0; len < cms.len; len++) {
        CHECK_EQ(
            signed_open(&object, (struct span){ cms.at, len }, SIGNED_IMAGE_MANIFEST, &p.trust),
            VERIFY_DER);
    }
    CHECK_EQ(signed_open(&object, (struct span){ 0 }, SIGNED_IMAGE_MANIFEST, &p.trust), VERIFY_DER);
    blob_free(&cms);
    free_people(&p);
}

static void three_flipped_bits_of_every_byte_are_refused(void)
{
    static const uint8_t masks[] = { 0x01, 0x10, 0x80 };
    struct signed_object object;
    struct blob cms = { 0 };
    struct people p;

    make_people(&p);
    struct testpki_cms_how how = signed_by_leaf(&p);

    testpki_sign_cms(&cms, &how);
    for (size_t i = 0; i < 3 * cms.len; i++) {
        cms.at[i / 3] ^= masks[i % 3];
        CHECK(signed_open(&object, blob_span(&cms), SIGNED_IMAGE_MANIFEST, &p.trust) != VERIFY_OK);
        cms.at[i / 3] ^= masks[i % 3];
    }
    CHECK_EQ(signed_open(&object, blob_span(&cms), SIGNED_IMAGE_MANIFEST, &p.trust), VERIFY_OK);
    blob_free(&cms);
    free_people(&p);
}

static void the_content_type_decides_what_the_object_is(void)
{
    static const enum signed_type types[] = { SIGNED_SYSTEM_MANIFEST, SIGNED_IMAGE_MANIFEST,
                                              SIGNED_TIMESTAMP };
    struct people p;

    make_people(&p);
    for (size_t i = 0; i < 9; i++) {
        struct testpki_cms_how how = signed_by_leaf(&p);
        struct signed_object object;
        struct blob cms = { 0 };

        how.type = types[i / 3];
        testpki_sign_cms(&cms, &how);
        CHECK_EQ(signed_open(&object, blob_span(&cms), types[i % 3], &p.trust),
                 i / 3 == i % 3 ? VERIFY_OK : VERIFY_CMS_CONTENT_TYPE);
        blob_free(&cms);
    }
    free_people(&p);
}

static void signing_time_is_mandatory_in_images_alone(void)
{
    struct signed_object object;
    struct blob cms = { 0 };
    struct people p;

    make_people(&p);
    struct testpki_cms_how how = signed_by_leaf(&p);

    how.no_signing_time = true;
    CHECK_EQ(open_made(&how, &object, &p.trust), VERIFY_CMS_SIGNING_TIME);
    how.type = SIGNED_SYSTEM_MANIFEST;
    testpki_sign_cms(&cms, &how);
    CHECK_EQ(signed_open(&object, blob_span(&cms), SIGNED_SYSTEM_MANIFEST, &p.trust), VERIFY_OK);
    CHECK_EQ(object.signing_time_s, 0);
    blob_free(&cms);
    free_people(&p);
}

/* The attack on CMS without mandatory attributes: the attributes of a good object become the
 * content of another, under the same signature. */
static void stripped_attributes_shown_as_content_are_refused(void)
{
    struct signed_object object;
    struct blob good = { 0 };
    struct people p;
    size_t at;

    make_people(&p);
    struct testpki_cms_how how = signed_by_leaf(&p);

    testpki_sign_cms(&good, &how);
    for (at = good.len; at-- > 0;) { /* the [0] of the signer; its first attribute is contentType */
        if (good.at[at] == 0xa0 && good.at[at + 2] == 0x30 && good.at[at + 4] == 0x06) {
            break;
        }
    }
    struct blob attributes = { 0 };

    blob_add(&attributes, good.at + at, 2u + good.at[at + 1]);
    attributes.at[0] = 0x31;
    how.content = blob_span(&attributes);
    how.flaw = CMS_FLAW_NO_SIGNED_ATTRS;
    CHECK_EQ(open_made(&how, &object, &p.trust), VERIFY_CMS_SIGNED_ATTRS_MISSING);
    blob_free(&attributes);
    blob_free(&good);
    free_people(&p);
}

static void a_signature_made_with_another_key_is_wrong(void)
{
    struct signed_object object;
    struct people p;

    make_people(&p);
    struct testpki_cms_how how = signed_by_leaf(&p);

    how.wrong_key = &p.second.key;
    how.others[1] = &p.second;
    CHECK_EQ(open_made(&how, &object, &p.trust), VERIFY_CMS_SIGNATURE);
    free_people(&p);
}

static void a_key_off_the_curve_verifies_nothing(void)
{
    struct testpki_party broken;
    struct signed_object object;
    struct people p;

    make_people(&p);
    testpki_issue(&broken, &(struct testpki_cert_how){ .name = "broken",
                                                       .issuer = &p.middle,
                                                       .flaw = CERT_FLAW_KEY_OFF_CURVE });
    struct testpki_cms_how how = signed_by_leaf(&p);

    how.signers[0] = &broken;
    CHECK_EQ(open_made(&how, &object, &p.trust), VERIFY_CMS_SIGNATURE);
    testpki_party_free(&broken);
    free_people(&p);
}

static void each_key_counts_once(void)
{
    struct signed_object object;
    struct people p;

    make_people(&p);
    struct testpki_cms_how how = signed_by_leaf(&p);

    how.flaw = CMS_FLAW_SIGNER_TWICE;
    CHECK_EQ(open_made(&how, &object, &p.trust), VERIFY_OK);
    CHECK_EQ(object.signers, 1);
    p.trust.signers_required = 2;
    CHECK_EQ(open_made(&how, &object, &p.trust), VERIFY_TOO_FEW_SIGNERS);
    how.flaw = CMS_FLAW_NONE;
    how.signers[1] = &p.second;
    CHECK_EQ(open_made(&how, &object, &p.trust), VERIFY_OK);
    CHECK_EQ(object.signers, 2);
    p.trust.signers_required = 3;
    CHECK_EQ(open_made(&how, &object, &p.trust), VERIFY_TOO_FEW_SIGNERS);
    free_people(&p);
}

static void one_key_in_two_certificates_counts_once(void)
{
    struct testpki_party again;
    struct signed_object object;
    struct people p;

    make_people(&p);
    testpki_issue(&again, &(struct testpki_cert_how){
                              .name = "again", .key_seed = "leaf", .issuer = &p.middle });
    struct testpki_cms_how how = signed_by_leaf(&p);

    how.signers[1] = &again;
    CHECK_EQ(open_made(&how, &object, &p.trust), VERIFY_OK);
    CHECK_EQ(object.signers, 1);
    testpki_party_free(&again);
    free_people(&p);
}

static void a_stranger_beside_a_known_signer_does_no_harm(void)
{
    struct testpki_party other_root, stranger;
    struct signed_object object;
    struct people p;

    make_people(&p);
    testpki_ca(&other_root, "future root", NULL);
    testpki_leaf(&stranger, "stranger", &other_root);
    struct testpki_cms_how how = signed_by_leaf(&p);

    how.signers[1] = &stranger;
    CHECK_EQ(open_made(&how, &object, &p.trust), VERIFY_OK);
    CHECK_EQ(object.signers, 1);
    p.trust.signers_required = 2;
    CHECK_EQ(open_made(&how, &object, &p.trust), VERIFY_TOO_FEW_SIGNERS);
    testpki_party_free(&stranger);
    testpki_party_free(&other_root);
    free_people(&p);
}

static void a_known_signer_who_breaks_a_rule_refuses_the_object(void)
{
    struct testpki_party server;
    struct signed_object object;
    struct people p;

    make_people(&p);
    testpki_issue(&server, &(struct testpki_cert_how){ .name = "tls server",
                                                       .issuer = &p.middle,
                                                       .flaw = CERT_FLAW_EKU_SERVER_AUTH });
    struct testpki_cms_how how = signed_by_leaf(&p);

    how.signers[1] = &server;
    CHECK_EQ(open_made(&how, &object, &p.trust), VERIFY_CERT_EXT_KEY_USAGE);
    testpki_party_free(&server);
    free_people(&p);
}

static void one_wrong_signature_among_two_refuses_the_object(void)
{
    struct signed_object object;
    struct people p;

    make_people(&p);
    struct testpki_cms_how how = signed_by_leaf(&p);

    how.signers[1] = &p.second;
    how.wrong_key = &p.middle.key; /* for the first; whichever DER sorts in front */
    CHECK_EQ(open_made(&how, &object, &p.trust), VERIFY_CMS_SIGNATURE);
    how.signers[0] = &p.second;
    how.signers[1] = &p.leaf;
    CHECK_EQ(open_made(&how, &object, &p.trust), VERIFY_CMS_SIGNATURE);
    free_people(&p);
}

static void without_an_anchor_everything_is_refused(void)
{
    struct signed_object object;
    struct people p;

    make_people(&p);
    struct testpki_cms_how how = signed_by_leaf(&p);

    p.trust = (struct verify_trust){ 0 };
    CHECK_EQ(open_made(&how, &object, &p.trust), VERIFY_TOO_FEW_SIGNERS);
    free_people(&p);
}

static void the_outer_header_tells_the_length(void)
{
    static const struct {
        uint8_t head[6];
        size_t head_len, want_len;
        enum verify_result want;
    } cases[] = {
        { { 0 }, 0, 0, VERIFY_NOT_CHECKED },
        { { 0x30 }, 1, 0, VERIFY_NOT_CHECKED },
        { { 0x31 }, 1, 0, VERIFY_DER },
        { { 0x30, 0x00 }, 2, 2, VERIFY_OK },
        { { 0x30, 0x7f }, 2, 129, VERIFY_OK },
        { { 0x30, 0x80 }, 2, 0, VERIFY_DER },
        { { 0x30, 0x81 }, 2, 0, VERIFY_NOT_CHECKED },
        { { 0x30, 0x81, 0x80 }, 3, 131, VERIFY_OK },
        { { 0x30, 0x81, 0x7f }, 3, 0, VERIFY_DER },
        { { 0x30, 0x82, 0x01 }, 3, 0, VERIFY_NOT_CHECKED },
        { { 0x30, 0x82, 0x01, 0x00 }, 4, 260, VERIFY_OK },
        { { 0x30, 0x82, 0x00, 0xff }, 4, 0, VERIFY_DER },
        { { 0x30, 0x83, 0x00, 0xff, 0xff }, 5, 0, VERIFY_DER },
        { { 0x30, 0x84, 0x01, 0x00, 0x00, 0x00 }, 6, 16777222, VERIFY_OK },
        { { 0x30, 0x84, 0x01, 0x00, 0x00 }, 5, 0, VERIFY_NOT_CHECKED },
        { { 0x30, 0x85 }, 2, 0, VERIFY_DER },
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t len = 99;

        CHECK_EQ(signed_length(&len, (struct span){ cases[i].head, cases[i].head_len }),
                 cases[i].want);
        CHECK_EQ(len, cases[i].want_len);
    }
}

int main(void)
{
    TEST(a_good_object_opens_and_says_who_signed);
    TEST(each_permitted_form_opens);
    TEST(each_broken_rule_has_its_own_answer_and_leaves_nothing);
    TEST(every_truncation_is_refused);
    TEST(three_flipped_bits_of_every_byte_are_refused);
    TEST(the_content_type_decides_what_the_object_is);
    TEST(signing_time_is_mandatory_in_images_alone);
    TEST(stripped_attributes_shown_as_content_are_refused);
    TEST(a_signature_made_with_another_key_is_wrong);
    TEST(a_key_off_the_curve_verifies_nothing);
    TEST(each_key_counts_once);
    TEST(one_key_in_two_certificates_counts_once);
    TEST(a_stranger_beside_a_known_signer_does_no_harm);
    TEST(a_known_signer_who_breaks_a_rule_refuses_the_object);
    TEST(one_wrong_signature_among_two_refuses_the_object);
    TEST(without_an_anchor_everything_is_refused);
    TEST(the_outer_header_tells_the_length);
    return checks_failed != 0;
}
