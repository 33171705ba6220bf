#include <string.h>

#include "check.h"
#include "testpki.h"

enum { DAY_S = 86400, YEAR_S = 365 * DAY_S };

static const struct span HELLO = { (const uint8_t *)"hello", 5 };

/* Open an object with one signer and further certificates under one anchor. The signed content is a
 * system manifest, where signingTime may be left out. */
struct scene {
    const struct testpki_party *leaf;
    const struct testpki_party *others[SIGNED_CERTS_MAX];
    const struct testpki_party *anchor;
    struct verify_clock clock;
    int64_t signing_time_s;
    bool no_signing_time;
};

static enum verify_result play_into(const struct scene *s, struct signed_object *object)
{
    struct testpki_cms_how how = { .type = SIGNED_SYSTEM_MANIFEST,
                                   .content = HELLO,
                                   .signers = { s->leaf },
                                   .signing_time_s = s->signing_time_s,
                                   .no_signing_time = s->no_signing_time };
    struct verify_trust trust = { .anchors = &s->anchor->parsed,
                                  .anchor_count = 1,
                                  .clock = s->clock };
    struct blob cms = { 0 };

    memcpy(how.others, s->others, sizeof how.others);
    testpki_sign_cms(&cms, &how);
    enum verify_result result = signed_open(object, blob_span(&cms), SIGNED_SYSTEM_MANIFEST,
                                            &trust);

    blob_free(&cms);
    return result;
}

static enum verify_result play(const struct scene *s)
{
    struct signed_object object;

    return play_into(s, &object);
}

static void a_path_is_found_whatever_order_the_certificates_have(void)
{
    /* DER sorts the certificates; the names change how. */
    for (char seed = 'a'; seed <= 'z'; seed++) {
        struct testpki_party root, upper, lower, leaf;
        char names[4][8] = { "x root", "x upper", "x lower", "x leaf" };

        for (size_t i = 0; i < 4; i++) {
            names[i][0] = seed;
        }
        testpki_ca(&root, names[0], NULL);
        testpki_ca(&upper, names[1], &root);
        testpki_ca(&lower, names[2], &upper);
        testpki_leaf(&leaf, names[3], &lower);
        struct scene s = { .leaf = &leaf, .others = { &upper, &lower }, .anchor = &root };

        CHECK_EQ(play(&s), VERIFY_OK);
        s.others[1] = NULL; /* a gap in the path */
        CHECK_EQ(play(&s), VERIFY_TOO_FEW_SIGNERS);
        testpki_party_free(&leaf);
        testpki_party_free(&lower);
        testpki_party_free(&upper);
        testpki_party_free(&root);
    }
}

static void the_longest_path_that_fits_is_accepted(void)
{
    struct testpki_party parties[9];
    struct scene s = { .leaf = &parties[8], .anchor = &parties[0] };

    testpki_ca(&parties[0], "ca 0", NULL);
    for (int i = 1; i < 8; i++) {
        char name[8];

        (void)snprintf(name, sizeof name, "ca %d", i);
        testpki_ca(&parties[i], name, &parties[i - 1]);
        s.others[i - 1] = &parties[i];
    }
    testpki_leaf(&parties[8], "leaf", &parties[7]);
    CHECK_EQ(play(&s), VERIFY_OK);
    for (int i = 0; i < 9; i++) {
        testpki_party_free(&parties[i]);
    }
}

static void the_anchor_itself_may_be_inside(void)
{
    struct testpki_party root, leaf;

    testpki_ca(&root, "root", NULL);
    testpki_leaf(&leaf, "leaf", &root);
    struct scene s = { .leaf = &leaf, .others = { &root }, .anchor = &root };

    CHECK_EQ(play(&s), VERIFY_OK);
    testpki_party_free(&leaf);
    testpki_party_free(&root);
}

static void an_expired_anchor_still_holds_inside_or_not(void)
{
    struct testpki_party root, leaf;

    testpki_issue(&root, &(struct testpki_cert_how){ .name = "root",
                                                     .is_ca = true,
                                                     .not_after_s = TESTPKI_NOW_S - YEAR_S });
    testpki_leaf(&leaf, "leaf", &root);
    struct scene s = { .leaf = &leaf, .anchor = &root, .clock = { .now_s = TESTPKI_NOW_S } };

    CHECK_EQ(play(&s), VERIFY_OK);
    s.others[0] = &root;
    CHECK_EQ(play(&s), VERIFY_OK);
    testpki_party_free(&leaf);
    testpki_party_free(&root);
}

static void an_anchor_of_another_role_is_no_anchor(void)
{
    struct testpki_party root, other, leaf;

    testpki_ca(&root, "image root", NULL);
    testpki_ca(&other, "package root", NULL);
    testpki_leaf(&leaf, "leaf", &root);
    struct scene s = { .leaf = &leaf, .others = { &root }, .anchor = &other };

    CHECK_EQ(play(&s), VERIFY_TOO_FEW_SIGNERS);
    testpki_party_free(&leaf);
    testpki_party_free(&other);
    testpki_party_free(&root);
}

/* A name proves nothing. Where the key ids tell the two roots apart the signer is a stranger; where
 * there are none, the signature on its certificate is wrong. */
static void an_anchor_of_the_same_name_with_another_key_is_no_anchor(void)
{
    for (int no_key_ids = 0; no_key_ids <= 1; no_key_ids++) {
        struct testpki_cert_how how = { .name = "root", .is_ca = true, .no_key_ids = no_key_ids };
        struct testpki_party root, twin, leaf;

        testpki_issue(&root, &how);
        how.key_seed = "twin";
        testpki_issue(&twin, &how);
        testpki_issue(&leaf, &(struct testpki_cert_how){
                                 .name = "leaf", .issuer = &twin, .no_key_ids = no_key_ids });
        struct scene s = { .leaf = &leaf, .others = { &twin }, .anchor = &root };

        CHECK_EQ(play(&s), no_key_ids ? VERIFY_CERT_SIGNATURE : VERIFY_TOO_FEW_SIGNERS);
        testpki_party_free(&leaf);
        testpki_party_free(&twin);
        testpki_party_free(&root);
    }
}

static void a_self_signed_signer_with_the_anchors_name_is_a_stranger(void)
{
    struct testpki_party root, forger;

    testpki_ca(&root, "root", NULL);
    testpki_issue(&forger, &(struct testpki_cert_how){ .name = "root", .key_seed = "forger" });
    struct scene s = { .leaf = &forger, .anchor = &root };

    CHECK_EQ(play(&s), VERIFY_TOO_FEW_SIGNERS);
    testpki_party_free(&forger);
    testpki_party_free(&root);
}

static void a_forged_certificate_is_named_as_such(void)
{
    struct testpki_party root, middle, leaf;

    testpki_ca(&root, "root", NULL);
    testpki_issue(&middle, &(struct testpki_cert_how){ .name = "middle",
                                                       .issuer = &root,
                                                       .is_ca = true,
                                                       .flaw = CERT_FLAW_SIGNATURE });
    testpki_leaf(&leaf, "leaf", &middle);
    struct scene s = { .leaf = &leaf, .others = { &middle }, .anchor = &root };

    CHECK_EQ(play(&s), VERIFY_CERT_SIGNATURE);
    testpki_party_free(&leaf);
    testpki_party_free(&middle);
    testpki_party_free(&root);
}

/* Each defect of a signer's certificate, and each of an intermediate's. */
static void each_broken_rule_of_a_path_has_its_own_answer(void)
{
    static const struct {
        bool in_ca;
        enum testpki_cert_flaw flaw;
        enum verify_result want;
    } cases[] = {
        { false, CERT_FLAW_NO_KEY_USAGE, VERIFY_CERT_KEY_USAGE },
        { false, CERT_FLAW_KEY_ENCIPHERMENT_ONLY, VERIFY_CERT_KEY_USAGE },
        { false, CERT_FLAW_NO_EXTENSIONS, VERIFY_CERT_KEY_USAGE },
        { false, CERT_FLAW_NO_EKU, VERIFY_CERT_EXT_KEY_USAGE },
        { false, CERT_FLAW_EKU_ANY, VERIFY_CERT_EXT_KEY_USAGE },
        { false, CERT_FLAW_EKU_SERVER_AUTH, VERIFY_CERT_EXT_KEY_USAGE },
        { false, CERT_FLAW_CRL_POINT, VERIFY_CRL_DP_NOT_SUPPORTED },
        { false, CERT_FLAW_VERSION_1, VERIFY_CERT_SYNTAX },
        { true, CERT_FLAW_NO_KEY_USAGE, VERIFY_CERT_KEY_USAGE },
        { true, CERT_FLAW_KEY_ENCIPHERMENT_ONLY, VERIFY_CERT_KEY_USAGE },
        { true, CERT_FLAW_NO_BASIC_CONSTRAINTS, VERIFY_CERT_BASIC_CONSTRAINTS },
        { true, CERT_FLAW_BASIC_CONSTRAINTS_TRUNCATED, VERIFY_CERT_BASIC_CONSTRAINTS },
        { true, CERT_FLAW_BASIC_CONSTRAINTS_INTEGER, VERIFY_CERT_BASIC_CONSTRAINTS },
        { true, CERT_FLAW_NO_EXTENSIONS, VERIFY_CERT_BASIC_CONSTRAINTS },
        { true, CERT_FLAW_CRL_POINT, VERIFY_CRL_DP_NOT_SUPPORTED },
        { true, CERT_FLAW_VERSION_1, VERIFY_CERT_SYNTAX },
        { true, CERT_FLAW_SHA1, VERIFY_CERT_SIGNATURE_ALGORITHM },
        { true, CERT_FLAW_NAME_CONSTRAINTS, VERIFY_CERT_NAME_CONSTRAINTS },
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct testpki_cert_how ca = { .name = "middle", .is_ca = true };
        struct testpki_cert_how end = { .name = "leaf" };
        struct testpki_party root, middle, leaf;

        testpki_ca(&root, "root", NULL);
        ca.issuer = &root;
        end.issuer = &middle;
        *(cases[i].in_ca ? &ca.flaw : &end.flaw) = cases[i].flaw;
        testpki_issue(&middle, &ca);
        testpki_issue(&leaf, &end);
        struct scene s = { .leaf = &leaf, .others = { &middle }, .anchor = &root };

        CHECK_EQ(play(&s), cases[i].want);
        testpki_party_free(&leaf);
        testpki_party_free(&middle);
        testpki_party_free(&root);
    }
}

/* What an anchor must hold, too: it is only its dates that nobody judges. */
static void each_broken_rule_of_an_anchor_has_its_own_answer(void)
{
    static const struct {
        enum testpki_cert_flaw flaw;
        enum verify_result want;
    } cases[] = {
        { CERT_FLAW_NO_BASIC_CONSTRAINTS, VERIFY_CERT_BASIC_CONSTRAINTS },
        { CERT_FLAW_NO_KEY_USAGE, VERIFY_CERT_KEY_USAGE },
        { CERT_FLAW_CRL_POINT, VERIFY_CRL_DP_NOT_SUPPORTED },
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct testpki_party root, leaf;

        testpki_issue(&root, &(struct testpki_cert_how){
                                 .name = "root", .is_ca = true, .flaw = cases[i].flaw });
        testpki_leaf(&leaf, "leaf", &root);
        struct scene s = { .leaf = &leaf, .anchor = &root };

        CHECK_EQ(play(&s), cases[i].want);
        testpki_party_free(&leaf);
        testpki_party_free(&root);
    }
}

static void a_signers_certificate_issues_nothing(void)
{
    struct testpki_party root, leaf, below;

    testpki_ca(&root, "root", NULL);
    testpki_leaf(&leaf, "leaf", &root);
    testpki_leaf(&below, "below", &leaf);
    struct scene s = { .leaf = &below, .others = { &leaf }, .anchor = &root };

    CHECK_EQ(play(&s), VERIFY_CERT_BASIC_CONSTRAINTS);
    testpki_party_free(&below);
    testpki_party_free(&leaf);
    testpki_party_free(&root);
}

/* root (path length `at_root`) - upper (`at_upper`) - lower - leaf; -1: no limit. */
static enum verify_result play_lengths(int at_root, int at_upper, bool lower_is_self_issued)
{
    struct testpki_cert_how how = { .name = "root", .is_ca = true };
    struct testpki_party root, upper, lower, leaf;

    how.has_path_length = at_root >= 0;
    how.path_length = (uint8_t)at_root;
    testpki_issue(&root, &how);
    how.name = "upper";
    how.issuer = &root;
    how.has_path_length = at_upper >= 0;
    how.path_length = (uint8_t)at_upper;
    testpki_issue(&upper, &how);
    /* A CA that changes its key issues itself a certificate: same name, other key. */
    how = (struct testpki_cert_how){ .name = lower_is_self_issued ? "upper" : "lower",
                                     .key_seed = "lower",
                                     .issuer = &upper,
                                     .is_ca = true };
    testpki_issue(&lower, &how);
    testpki_leaf(&leaf, "leaf", &lower);
    struct scene s = { .leaf = &leaf, .others = { &upper, &lower }, .anchor = &root };
    enum verify_result result = play(&s);

    testpki_party_free(&leaf);
    testpki_party_free(&lower);
    testpki_party_free(&upper);
    testpki_party_free(&root);
    return result;
}

static void path_lengths_are_kept(void)
{
    CHECK_EQ(play_lengths(-1, -1, false), VERIFY_OK);
    CHECK_EQ(play_lengths(2, 1, false), VERIFY_OK);
    CHECK_EQ(play_lengths(2, -1, false), VERIFY_OK);
    CHECK_EQ(play_lengths(1, -1, false), VERIFY_CERT_PATH_LENGTH);
    CHECK_EQ(play_lengths(0, -1, false), VERIFY_CERT_PATH_LENGTH);
    CHECK_EQ(play_lengths(0, 5, false), VERIFY_CERT_PATH_LENGTH);
    CHECK_EQ(play_lengths(-1, 0, false), VERIFY_CERT_PATH_LENGTH);
    CHECK_EQ(play_lengths(5, 0, false), VERIFY_CERT_PATH_LENGTH);
    CHECK_EQ(play_lengths(1, 0, true), VERIFY_OK);
    CHECK_EQ(play_lengths(0, 0, true), VERIFY_CERT_PATH_LENGTH);
}

/* a and b have issued each other; a leaf below them. */
static void a_cross_signed_loop_leads_nowhere_unless_an_anchor_signed_one_of_them(void)
{
    struct testpki_cert_how how = { .is_ca = true };
    struct testpki_party root, a_root, a, b, a_by_root, leaf;

    testpki_ca(&root, "root", NULL);
    testpki_ca(&a_root, "a", NULL);
    testpki_ca(&b, "b", &a_root);
    how.name = "a";
    how.issuer = &b;
    testpki_issue(&a, &how);
    how.issuer = &root;
    testpki_issue(&a_by_root, &how);
    testpki_leaf(&leaf, "leaf", &a_root);
    struct scene s = { .leaf = &leaf, .others = { &a, &b, &a_root }, .anchor = &root };

    CHECK_EQ(play(&s), VERIFY_TOO_FEW_SIGNERS);
    s.others[3] = &a_by_root;
    CHECK_EQ(play(&s), VERIFY_OK);
    s.others[0] = &a_by_root;
    s.others[1] = NULL;
    CHECK_EQ(play(&s), VERIFY_OK);
    testpki_party_free(&leaf);
    testpki_party_free(&a_by_root);
    testpki_party_free(&a);
    testpki_party_free(&b);
    testpki_party_free(&a_root);
    testpki_party_free(&root);
}

/* The same CA key in two certificates, of which one is of no use. */
static void one_good_path_suffices(void)
{
    static const enum testpki_cert_flaw flaws[] = { CERT_FLAW_NO_BASIC_CONSTRAINTS,
                                                    CERT_FLAW_KEY_ENCIPHERMENT_ONLY,
                                                    CERT_FLAW_CRL_POINT };

    for (size_t i = 0; i < sizeof flaws / sizeof flaws[0]; i++) {
        struct testpki_party root, good, bad, leaf;

        testpki_ca(&root, "root", NULL);
        testpki_ca(&good, "middle", &root);
        testpki_issue(&bad,
                      &(struct testpki_cert_how){
                          .name = "middle", .issuer = &root, .is_ca = true, .flaw = flaws[i] });
        testpki_leaf(&leaf, "leaf", &good);
        struct scene s = { .leaf = &leaf, .others = { &good, &bad }, .anchor = &root };

        CHECK_EQ(play(&s), VERIFY_OK);
        testpki_party_free(&leaf);
        testpki_party_free(&bad);
        testpki_party_free(&good);
        testpki_party_free(&root);
    }
}

/* root - middle - leaf, both valid from day 100 to day 200 (the leaf: to day 180). */
static void time_rules_are_kept(void)
{
    static const struct {
        int now_day; /* 0: no clock */
        bool is_synchronised, at_signing_time;
        int signing_day; /* 0: none */
        enum verify_result want;
    } cases[] = {
        { 0, false, false, 150, VERIFY_OK },
        { 0, true, false, 999, VERIFY_OK }, /* a microcontroller checks no date */
        { 150, true, false, 140, VERIFY_OK },
        { 150, true, false, 0, VERIFY_OK },
        { 180, true, false, 140, VERIFY_OK },
        { 181, true, false, 140, VERIFY_CERT_EXPIRED },
        { 181, false, false, 140, VERIFY_CERT_EXPIRED },
        { 181, true, false, 0, VERIFY_CERT_EXPIRED },
        { 999, true, false, 140, VERIFY_CERT_EXPIRED },
        { 999, true, true, 140, VERIFY_OK },
        { 999, true, true, 0, VERIFY_CERT_EXPIRED }, /* nothing else to judge it by */
        { 999, true, true, 190, VERIFY_CERT_SIGNING_TIME },
        { 150, true, false, 99, VERIFY_CERT_SIGNING_TIME },
        { 150, false, false, 99, VERIFY_CERT_SIGNING_TIME },
        { 150, true, false, 181, VERIFY_CERT_SIGNING_TIME },
        { 99, true, false, 100, VERIFY_OK }, /* one day ahead is permitted */
        { 98, true, false, 100, VERIFY_CERT_NOT_YET_VALID },
        { 98, true, false, 0, VERIFY_CERT_NOT_YET_VALID },
        { 98, false, false, 100, VERIFY_OK }, /* whose clock is wrong? */
        { 1, false, false, 100, VERIFY_OK },
        { 120, true, false, 121, VERIFY_OK },
        { 120, true, false, 122, VERIFY_CMS_SIGNING_TIME },
        { 120, false, false, 122, VERIFY_OK },
        { 14600, true, false, 150, VERIFY_CERT_EXPIRED },
    };
    struct testpki_cert_how how = {
        .is_ca = true, .name = "middle", .not_before_s = 100 * DAY_S, .not_after_s = 200 * DAY_S
    };
    struct testpki_party root, middle, leaf;

    testpki_ca(&root, "root", NULL);
    how.issuer = &root;
    testpki_issue(&middle, &how);
    how.issuer = &middle;
    how.is_ca = false;
    how.name = "leaf";
    how.not_after_s = 180 * DAY_S;
    testpki_issue(&leaf, &how);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct scene s = {
            .leaf = &leaf,
            .others = { &middle },
            .anchor = &root,
            .clock = { .now_s = (int64_t)cases[i].now_day * DAY_S,
                       .is_synchronised = cases[i].is_synchronised,
                       .expiry_at_signing_time = cases[i].at_signing_time },
            .signing_time_s = (int64_t)cases[i].signing_day * DAY_S,
            .no_signing_time = cases[i].signing_day == 0,
        };
        struct signed_object object;

        enum verify_result result = play_into(&s, &object);

        if (result != cases[i].want) {
            fprintf(stderr, "time case %zu: %d, want %d\n", i, result, cases[i].want);
            checks_failed++;
        }
        CHECK_EQ(object.not_after_s, result == VERIFY_OK ? 180 * DAY_S : 0);
    }
    testpki_party_free(&leaf);
    testpki_party_free(&middle);
    testpki_party_free(&root);
}

static void an_intermediates_dates_are_judged_as_the_signers_are(void)
{
    struct testpki_party root, middle, leaf;
    struct signed_object object;

    testpki_ca(&root, "root", NULL);
    testpki_issue(&middle, &(struct testpki_cert_how){ .name = "middle",
                                                       .issuer = &root,
                                                       .is_ca = true,
                                                       .not_after_s = TESTPKI_NOW_S - YEAR_S / 2 });
    testpki_leaf(&leaf, "leaf", &middle);
    struct scene s = {
        .leaf = &leaf, .others = { &middle }, .anchor = &root, .clock = { .now_s = TESTPKI_NOW_S }
    };

    CHECK_EQ(play(&s), VERIFY_CERT_EXPIRED);
    s.clock.expiry_at_signing_time = true;
    CHECK_EQ(play_into(&s, &object), VERIFY_OK);
    CHECK_EQ(object.not_after_s, TESTPKI_NOW_S - YEAR_S / 2); /* the earliest end counts */
    s.signing_time_s = TESTPKI_NOW_S;
    CHECK_EQ(play(&s), VERIFY_CERT_SIGNING_TIME);
    testpki_party_free(&leaf);
    testpki_party_free(&middle);
    testpki_party_free(&root);
}

static void each_of_several_anchors_is_tried(void)
{
    struct testpki_party roots[3], leaf;
    struct cert anchors[3];
    struct verify_trust trust = { .anchors = anchors, .anchor_count = 3 };
    struct signed_object object;
    struct blob cms = { 0 };

    for (int i = 0; i < 3; i++) { /* three roots of one name: a vendor who changed the key twice */
        char seed[8];

        (void)snprintf(seed, sizeof seed, "root %d", i);
        testpki_issue(&roots[i], &(struct testpki_cert_how){
                                     .name = "root", .key_seed = seed, .is_ca = true });
        anchors[i] = roots[i].parsed;
    }
    for (int i = 0; i < 3; i++) {
        testpki_leaf(&leaf, "leaf", &roots[i]);
        struct testpki_cms_how how = { .content = HELLO, .signers = { &leaf } };

        cms.len = 0;
        testpki_sign_cms(&cms, &how);
        CHECK_EQ(signed_open(&object, blob_span(&cms), SIGNED_IMAGE_MANIFEST, &trust), VERIFY_OK);
        CHECK(object.anchor == &anchors[i]);
        testpki_party_free(&leaf);
    }
    for (int i = 0; i < 3; i++) {
        testpki_party_free(&roots[i]);
    }
    blob_free(&cms);
}

int main(void)
{
    TEST(a_path_is_found_whatever_order_the_certificates_have);
    TEST(the_longest_path_that_fits_is_accepted);
    TEST(the_anchor_itself_may_be_inside);
    TEST(an_expired_anchor_still_holds_inside_or_not);
    TEST(an_anchor_of_another_role_is_no_anchor);
    TEST(an_anchor_of_the_same_name_with_another_key_is_no_anchor);
    TEST(a_self_signed_signer_with_the_anchors_name_is_a_stranger);
    TEST(a_forged_certificate_is_named_as_such);
    TEST(each_broken_rule_of_a_path_has_its_own_answer);
    TEST(each_broken_rule_of_an_anchor_has_its_own_answer);
    TEST(a_signers_certificate_issues_nothing);
    TEST(path_lengths_are_kept);
    TEST(a_cross_signed_loop_leads_nowhere_unless_an_anchor_signed_one_of_them);
    TEST(one_good_path_suffices);
    TEST(time_rules_are_kept);
    TEST(an_intermediates_dates_are_judged_as_the_signers_are);
    TEST(each_of_several_anchors_is_tried);
    return checks_failed != 0;
}
