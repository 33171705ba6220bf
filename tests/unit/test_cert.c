#include <string.h>

#include "check.h"
#include "testpki.h"

/* What cert_parse() must answer; VERIFY_OK where the defect is for chain.h to judge. */
static const enum verify_result wanted[CERT_FLAWS] = {
    [CERT_FLAW_NONE] = VERIFY_OK,
    [CERT_FLAW_VERSION_1] = VERIFY_CERT_SYNTAX,
    [CERT_FLAW_VERSION_2] = VERIFY_CERT_SYNTAX,
    [CERT_FLAW_SERIAL_ZERO] = VERIFY_CERT_SYNTAX,
    [CERT_FLAW_SERIAL_NEGATIVE] = VERIFY_CERT_SYNTAX,
    [CERT_FLAW_SERIAL_LONG] = VERIFY_CERT_SYNTAX,
    [CERT_FLAW_SERIAL_PADDED] = VERIFY_CERT_SYNTAX,
    [CERT_FLAW_SHA1] = VERIFY_CERT_SIGNATURE_ALGORITHM,
    [CERT_FLAW_RSA_SIGNATURE] = VERIFY_CERT_SIGNATURE_ALGORITHM,
    [CERT_FLAW_ALGORITHM_NULL] = VERIFY_CERT_SIGNATURE_ALGORITHM,
    [CERT_FLAW_ALGORITHMS_DIFFER] = VERIFY_CERT_SIGNATURE_ALGORITHM,
    [CERT_FLAW_SIGNATURE] = VERIFY_OK,
    [CERT_FLAW_KEY_P224] = VERIFY_CERT_KEY,
    [CERT_FLAW_KEY_K256] = VERIFY_CERT_KEY,
    [CERT_FLAW_KEY_EXPLICIT_CURVE] = VERIFY_CERT_KEY,
    [CERT_FLAW_KEY_EMPTY_POINT] = VERIFY_CERT_KEY,
    [CERT_FLAW_KEY_COMPRESSED] = VERIFY_CERT_KEY,
    [CERT_FLAW_KEY_HYBRID] = VERIFY_CERT_KEY,
    [CERT_FLAW_KEY_OFF_CURVE] = VERIFY_OK,
    [CERT_FLAW_KEY_RSA] = VERIFY_CERT_KEY,
    [CERT_FLAW_EMPTY_ISSUER] = VERIFY_CERT_SYNTAX,
    [CERT_FLAW_DATE_1949_GENERALIZED] = VERIFY_CERT_SYNTAX,
    [CERT_FLAW_DATE_2030_GENERALIZED] = VERIFY_CERT_SYNTAX,
    [CERT_FLAW_DATE_FEBRUARY_30] = VERIFY_CERT_SYNTAX,
    [CERT_FLAW_DATE_NO_SECONDS] = VERIFY_CERT_SYNTAX,
    [CERT_FLAW_DATE_NO_Z] = VERIFY_CERT_SYNTAX,
    [CERT_FLAW_NO_EXTENSIONS] = VERIFY_OK,
    [CERT_FLAW_NO_KEY_USAGE] = VERIFY_OK,
    [CERT_FLAW_KEY_ENCIPHERMENT_ONLY] = VERIFY_OK,
    [CERT_FLAW_KEY_USAGE_NO_BITS] = VERIFY_CERT_EXTENSIONS,
    [CERT_FLAW_KEY_USAGE_TRAILING_ZEROS] = VERIFY_CERT_EXTENSIONS,
    [CERT_FLAW_NO_EKU] = VERIFY_OK,
    [CERT_FLAW_EKU_ANY] = VERIFY_OK,
    [CERT_FLAW_EKU_SERVER_AUTH] = VERIFY_OK,
    [CERT_FLAW_EKU_EMPTY] = VERIFY_CERT_EXTENSIONS,
    [CERT_FLAW_NO_BASIC_CONSTRAINTS] = VERIFY_OK,
    [CERT_FLAW_BASIC_CONSTRAINTS_TRUNCATED] = VERIFY_CERT_BASIC_CONSTRAINTS,
    [CERT_FLAW_BASIC_CONSTRAINTS_INTEGER] = VERIFY_CERT_BASIC_CONSTRAINTS,
    [CERT_FLAW_BASIC_CONSTRAINTS_FALSE] = VERIFY_CERT_BASIC_CONSTRAINTS,
    [CERT_FLAW_BASIC_CONSTRAINTS_TRUE_1] = VERIFY_CERT_BASIC_CONSTRAINTS,
    [CERT_FLAW_UNKNOWN_CRITICAL] = VERIFY_CERT_CRITICAL_EXTENSION,
    [CERT_FLAW_NAME_CONSTRAINTS] = VERIFY_CERT_NAME_CONSTRAINTS,
    [CERT_FLAW_CRL_POINT] = VERIFY_OK,
    [CERT_FLAW_DUPLICATE_EXTENSION] = VERIFY_CERT_EXTENSIONS,
    [CERT_FLAW_EMPTY_KEY_ID] = VERIFY_CERT_EXTENSIONS,
    [CERT_FLAW_CRITICAL_FALSE] = VERIFY_CERT_EXTENSIONS,
    [CERT_FLAW_UNIQUE_ID] = VERIFY_CERT_SYNTAX,
    [CERT_FLAW_TRAILING_BYTE] = VERIFY_CERT_SYNTAX,
};

static void each_broken_rule_has_its_own_answer_and_leaves_nothing(void)
{
    static const struct cert zero;

    for (int flaw = 0; flaw < CERT_FLAWS; flaw++) {
        struct testpki_party party;
        struct cert cert;

        testpki_issue(&party, &(struct testpki_cert_how){ .name = "party",
                                                          .flaw = (enum testpki_cert_flaw)flaw });
        enum verify_result result = cert_parse(&cert, blob_span(&party.cert));

        if (wanted[flaw] == VERIFY_NOT_CHECKED || result != wanted[flaw]) {
            fprintf(stderr, "certificate flaw %d: %d, want %d\n", flaw, result, wanted[flaw]);
            checks_failed++;
        }
        CHECK(result == VERIFY_OK || memcmp(&cert, &zero, sizeof cert) == 0);
        testpki_party_free(&party);
    }
}

static void a_signers_certificate_is_read_field_by_field(void)
{
    struct testpki_party root, leaf;
    uint8_t digest[SHA256_LEN], key_id[SHA256_LEN];

    testpki_ca(&root, "root", NULL);
    testpki_leaf(&leaf, "leaf", &root);
    const struct cert *c = &leaf.parsed;

    CHECK(c->der.at == leaf.cert.at && c->der.len == leaf.cert.len);
    CHECK(c->tbs.at == leaf.cert.at + 4 && c->tbs.at[0] == 0x30);
    CHECK_EQ(c->serial.len, 8);
    CHECK_EQ(c->issuer.len, root.parsed.subject.len);
    CHECK(memcmp(c->issuer.at, root.parsed.subject.at, c->issuer.len) == 0);
    CHECK(memcmp(c->point.at, leaf.key.point, P256_POINT_LEN) == 0);
    CHECK_EQ(c->not_before_s, TESTPKI_NOT_BEFORE_S);
    CHECK_EQ(c->not_after_s, TESTPKI_NOT_AFTER_S);
    CHECK_EQ(c->key_usage, KEY_USAGE_DIGITAL_SIGNATURE);
    CHECK(!c->is_ca && c->path_length == -1 && c->has_code_signing && !c->has_crl_point);
    CHECK_EQ(c->key_id.len, 20);
    sha256_of(key_id, root.key.point, P256_POINT_LEN);
    CHECK(c->issuer_key_id.len == 20 && memcmp(c->issuer_key_id.at, key_id, 20) == 0);
    cert_key_digest(c, digest);
    sha256_of(key_id, c->spki.at, c->spki.len);
    CHECK(memcmp(digest, key_id, sizeof digest) == 0);
    testpki_party_free(&leaf);
    testpki_party_free(&root);
}

static void a_ca_states_its_path_length(void)
{
    static const int lengths[] = { -1, 0, 1, 127, 255 };

    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        struct testpki_party ca;

        testpki_issue(&ca, &(struct testpki_cert_how){ .name = "ca",
                                                       .is_ca = true,
                                                       .has_path_length = lengths[i] >= 0,
                                                       .path_length = (uint8_t)lengths[i] });
        CHECK(ca.parsed.is_ca && !ca.parsed.has_code_signing);
        CHECK_EQ(ca.parsed.path_length, lengths[i]);
        CHECK_EQ(ca.parsed.key_usage, KEY_USAGE_CERT_SIGN | KEY_USAGE_CRL_SIGN);
        testpki_party_free(&ca);
    }
}

static void a_crl_point_is_noticed(void)
{
    struct testpki_party party;

    testpki_issue(&party,
                  &(struct testpki_cert_how){ .name = "party", .flaw = CERT_FLAW_CRL_POINT });
    CHECK(party.parsed.has_crl_point);
    testpki_party_free(&party);
}

static void the_last_date_there_is_is_accepted(void)
{
    struct testpki_party party;

    testpki_issue(&party, &(struct testpki_cert_how){ .name = "party",
                                                      .not_before_s = 2524607999,
                                                      .not_after_s = 253402300799 });
    CHECK_EQ(party.parsed.not_before_s, 2524607999);
    CHECK_EQ(party.parsed.not_after_s, 253402300799); /* 99991231235959Z: no end */
    testpki_party_free(&party);
}

static void every_truncation_is_refused(void)
{
    struct testpki_party party;
    struct cert cert;

    testpki_ca(&party, "party", NULL);
    for (size_t len = 0; len < party.cert.len; len++) {
        CHECK_EQ(cert_parse(&cert, (struct span){ party.cert.at, len }), VERIFY_CERT_SYNTAX);
    }
    CHECK_EQ(cert_parse(&cert, (struct span){ 0 }), VERIFY_CERT_SYNTAX);
    blob_add(&party.cert, "\x05\x00", 2);
    CHECK_EQ(cert_parse(&cert, blob_span(&party.cert)), VERIFY_CERT_SYNTAX);
    testpki_party_free(&party);
}

int main(void)
{
    TEST(each_broken_rule_has_its_own_answer_and_leaves_nothing);
    TEST(a_signers_certificate_is_read_field_by_field);
    TEST(a_ca_states_its_path_length);
    TEST(a_crl_point_is_noticed);
    TEST(the_last_date_there_is_is_accepted);
    TEST(every_truncation_is_refused);
    return checks_failed != 0;
}
