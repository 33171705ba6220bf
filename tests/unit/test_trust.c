/* Anchors from files: which are good, for whom, and which the store refuses. Time and sequences. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cert_name.h"
#include "check.h"
#include "package.h"
#include "pem.h"
#include "sequence.h"
#include "testpki.h"
#include "trust.h"
#include "trust_time.h"

/* A folder that is gone afterwards. */
struct folder {
    char path[64];
};

static void folder_make(struct folder *f)
{
    (void)snprintf(f->path, sizeof f->path, "/tmp/test_trust.XXXXXX");
    if (!mkdtemp(f->path)) {
        abort();
    }
}

static void run(const char *format, const char *path)
{
    char command[256];

    (void)snprintf(command, sizeof command, format, path);
    if (system(command) != 0) {
        abort();
    }
}

static void folder_remove(const struct folder *f)
{
    run("rm -r %s", f->path);
}

static void write_file(const struct folder *f, const char *name, const char *text)
{
    char path[256], *slash;
    FILE *file;

    (void)snprintf(path, sizeof path, "%s/%s", f->path, name);
    slash = strrchr(path, '/');
    *slash = '\0';
    run("mkdir -p %s", path);
    *slash = '/';
    file = fopen(path, "w");
    if (!file || fputs(text, file) < 0 || fclose(file) != 0) {
        abort();
    }
}

static void to_pem(char *out, struct span der)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t at = (size_t)sprintf(out, "-----BEGIN CERTIFICATE-----\n");

    for (size_t i = 0; i < der.len; i += 3) {
        size_t left = der.len - i;
        uint32_t bits = (uint32_t)der.at[i] << 16 | (left > 1 ? (uint32_t)der.at[i + 1] << 8 : 0) |
                        (left > 2 ? (uint32_t)der.at[i + 2] : 0);

        out[at++] = digits[bits >> 18];
        out[at++] = digits[bits >> 12 & 63];
        out[at++] = left > 1 ? digits[bits >> 6 & 63] : '=';
        out[at++] = left > 2 ? digits[bits & 63] : '=';
        if (i % 48 == 45) {
            out[at++] = '\n';
        }
    }
    (void)sprintf(out + at, "\n-----END CERTIFICATE-----\n");
}

static void pem_of(char *out, const char *name)
{
    struct testpki_party ca;

    testpki_ca(&ca, name, NULL);
    to_pem(out, blob_span(&ca.cert));
    testpki_party_free(&ca);
}

static void anchors_are_found_by_role_and_vendor(void)
{
    struct trust_store store;
    struct folder f;
    char pem[4096];

    folder_make(&f);
    pem_of(pem, "p1");
    write_file(&f, "package/one.pem", pem);
    pem_of(pem, "p2");
    write_file(&f, "package/two.pem", pem);
    write_file(&f, "package/README", "not an anchor");
    write_file(&f, "package/.hidden.pem", "not an anchor");
    pem_of(pem, "t");
    write_file(&f, "timestamp/t.pem", pem);
    pem_of(pem, "a");
    write_file(&f, "image/acme.example/a.pem", pem);
    pem_of(pem, "b");
    write_file(&f, "image/b.example/b.pem", pem);
    CHECK_EQ(trust_load(&store, f.path, NULL), GW_OK);
    CHECK_EQ(store.count, 5);
    CHECK_EQ(trust_of(&store, TRUST_PACKAGE, "").anchor_count, 2);
    CHECK_EQ(trust_of(&store, TRUST_TIMESTAMP, "").anchor_count, 1);
    CHECK_EQ(trust_of(&store, TRUST_IMAGE, "acme.example").anchor_count, 1);
    CHECK_EQ(trust_of(&store, TRUST_IMAGE, "b.example").anchor_count, 1);
    CHECK_EQ(trust_of(&store, TRUST_IMAGE, "c.example").anchor_count, 0);
    CHECK(trust_of(&store, TRUST_IMAGE, "b.example").anchors == &store.certs[4]);
    CHECK(strstr(store.anchors[1].file, "package/two.pem") != NULL);
    CHECK(!store.anchors[0].is_trial);
    trust_free(&store);
    CHECK_EQ(store.count, 0);
    folder_remove(&f);
}

static void no_folder_is_no_anchor(void)
{
    struct trust_store store;

    CHECK_EQ(trust_load(&store, "/nonexistent/trust.d", NULL), GW_OK);
    CHECK_EQ(store.count, 0);
    CHECK_EQ(trust_of(&store, TRUST_PACKAGE, "").anchor_count, 0);
    trust_free(&store);
}

static void refuses(const char *claim, const char *file, const char *text, const char *why)
{
    struct trust_store store;
    struct gw_error error = { 0 };
    struct folder f;
    char pem[4096];

    folder_make(&f);
    pem_of(pem, "p1");
    write_file(&f, "package/one.pem", pem);
    write_file(&f, file, text);
    CHECK_EQ(trust_load(&store, f.path, &error), GW_ANCHOR_BAD);
    CHECK_EQ(store.count, 0);
    if (!strstr(error.detail, why)) {
        (void)fprintf(stderr, "%s: %s\n", claim, error.detail);
    }
    CHECK(strstr(error.detail, why) != NULL);
    folder_remove(&f);
}

static void neg_anchor_files(void)
{
    struct testpki_party ca, leaf;
    char pem[4096], two[8192];

    testpki_ca(&ca, "ca", NULL);
    testpki_leaf(&leaf, "leaf", &ca);
    to_pem(pem, blob_span(&leaf.cert));
    refuses("neg_anchor_is_a_leaf", "package/x.pem", pem, "not the certificate of a CA");
    testpki_party_free(&leaf);
    testpki_issue(&leaf, &(struct testpki_cert_how){ .name = "no ca",
                                                     .is_ca = true,
                                                     .flaw = CERT_FLAW_NO_BASIC_CONSTRAINTS });
    to_pem(pem, blob_span(&leaf.cert));
    refuses("neg_anchor_without_basic_constraints", "package/x.pem", pem,
            "not the certificate of a CA");
    testpki_party_free(&leaf);
    testpki_issue(&leaf, &(struct testpki_cert_how){
                             .name = "no use", .is_ca = true, .flaw = CERT_FLAW_NO_KEY_USAGE });
    to_pem(pem, blob_span(&leaf.cert));
    refuses("neg_anchor_without_key_usage", "package/x.pem", pem, "not the certificate of a CA");
    to_pem(pem, blob_span(&ca.cert));
    (void)snprintf(two, sizeof two, "%s%s", pem, pem);
    refuses("neg_anchor_file_with_two_certificates", "package/x.pem", two, "more than one");
    (void)snprintf(two, sizeof two,
                   "%s-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----\n", pem);
    refuses("neg_anchor_file_with_a_private_key", "package/x.pem", two, "more than one");
    refuses("neg_private_key_alone", "package/x.pem",
            "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "private key");
    refuses("neg_empty_file", "package/x.pem", "", "no certificate");
    refuses("neg_broken_base64", "timestamp/x.pem",
            "-----BEGIN CERTIFICATE-----\nA*AA\n-----END CERTIFICATE-----\n", "base64");
    refuses("neg_padding_in_the_middle", "package/x.pem",
            "-----BEGIN CERTIFICATE-----\nA=AA\n-----END CERTIFICATE-----\n", "base64");
    refuses("neg_ends_early", "package/x.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n", "ends early");
    refuses("neg_not_a_certificate", "package/x.pem",
            "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n", "certificate");
    refuses("neg_vendor_folder_is_no_domain", "image/Acme/x.pem", pem, "not a vendor's domain");
    pem_of(two, "p1"); /* stands in package/one.pem */
    refuses("neg_same_key_in_two_roles", "timestamp/x.pem", two, "the same key stands in");
    refuses("neg_same_key_for_a_vendor", "image/a.example/x.pem", two, "the same key stands in");
    testpki_party_free(&ca);
    testpki_party_free(&leaf);
}

static void neg_one_key_for_two_vendors(void)
{
    struct trust_store store;
    struct folder f;
    char pem[4096];

    folder_make(&f);
    pem_of(pem, "a");
    write_file(&f, "image/a.example/x.pem", pem);
    write_file(&f, "image/b.example/x.pem", pem);
    CHECK_EQ(trust_load(&store, f.path, NULL), GW_ANCHOR_BAD);
    folder_remove(&f);
}

static void neg_file_that_everybody_may_write(void)
{
    struct trust_store store;
    struct gw_error error = { 0 };
    struct folder f;
    char pem[4096], path[128];

    folder_make(&f);
    pem_of(pem, "a");
    write_file(&f, "package/x.pem", pem);
    (void)snprintf(path, sizeof path, "%s/package/x.pem", f.path);
    CHECK_EQ(chmod(path, 0666), 0);
    CHECK_EQ(trust_load(&store, f.path, &error), GW_ANCHOR_BAD);
    CHECK(strstr(error.detail, "written by everybody") != NULL);
    folder_remove(&f);
}

static void neg_folder_that_everybody_may_write(void)
{
    static const char *const folders[] = { "", "/package", "/image", "/image/acme.example" };
    struct trust_store store;
    struct folder f;
    char pem[4096], path[128];

    folder_make(&f);
    pem_of(pem, "a");
    write_file(&f, "package/x.pem", pem);
    pem_of(pem, "b");
    write_file(&f, "image/acme.example/x.pem", pem);
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
        struct gw_error error = { 0 };

        (void)snprintf(path, sizeof path, "%s%s", f.path, folders[i]);
        CHECK_EQ(chmod(path, 01777), 0);
        CHECK_EQ(trust_load(&store, f.path, &error), GW_ANCHOR_BAD);
        CHECK(store.count == 0 && strstr(error.detail, "written by everybody") != NULL);
        CHECK_EQ(chmod(path, 0755), 0);
    }
    CHECK_EQ(trust_load(&store, f.path, NULL), GW_OK);
    CHECK_EQ(store.count, 2);
    trust_free(&store);
    folder_remove(&f);
}

static void every_length_of_certificate_survives_pem(void)
{
    uint8_t bytes[200], *der;
    char pem[1024];
    const char *why;
    size_t len;

    for (size_t n = 1; n < sizeof bytes; n++) {
        for (size_t i = 0; i < n; i++) {
            bytes[i] = (uint8_t)(i * 37 + n);
        }
        to_pem(pem, (struct span){ bytes, n });
        CHECK_EQ(pem_certificate(&der, &len, pem, strlen(pem), &why), GW_OK);
        CHECK_EQ(len, n);
        CHECK(memcmp(der, bytes, n) == 0);
        free(der);
    }
}

static void names_are_shown_and_trial_organisations_found(void)
{
    /* SEQUENCE { SET { SEQUENCE { O, "gatewayd trial PKI" } }, SET { SEQUENCE { CN, "a<ESC>b" } } }
     */
    static const uint8_t name[] = { 0x30, 0x2d, 0x31, 0x1b, 0x30, 0x19, 0x06, 0x03, 0x55, 0x04,
                                    0x0a, 0x0c, 0x12, 'g',  'a',  't',  'e',  'w',  'a',  'y',
                                    'd',  ' ',  't',  'r',  'i',  'a',  'l',  ' ',  'P',  'K',
                                    'I',  0x31, 0x0e, 0x30, 0x0c, 0x06, 0x03, 0x55, 0x04, 0x03,
                                    0x0c, 0x05, 'a',  0x1b, 'b',  0xc3, 0xa9 };
    struct span span = { name, sizeof name };
    char text[64], small[8];

    cert_name_text(text, sizeof text, span);
    CHECK(strcmp(text, "CN=a?b??, O=gatewayd trial PKI") == 0);
    cert_name_text(small, sizeof small, span);
    CHECK(strcmp(small, "CN=a?b?") == 0);
    CHECK(cert_name_is_of(span, TRUST_TRIAL_ORGANIZATION));
    CHECK(!cert_name_is_of(span, "gatewayd trial PK"));
    for (size_t len = 0; len < sizeof name; len++) {
        cert_name_text(text, sizeof text, (struct span){ name, len });
        CHECK(text[0] == '\0');
    }
}

static void floor_only_rises_and_never_beyond_what_is_plausible(void)
{
    enum { DAY = 86400, YEAR = 365 * DAY };
    struct trust_time t = { .system_s = 1000 * DAY, .floor_s = 900 * DAY, .horizon_s = 800 * DAY };

    CHECK_EQ(trust_now(&t), 1000 * DAY);
    CHECK_EQ(trust_raised_floor(&t, 950 * DAY), 950 * DAY);
    CHECK_EQ(trust_raised_floor(&t, 850 * DAY), 900 * DAY);
    CHECK_EQ(trust_raised_floor(&t, 800LL * DAY + 4LL * YEAR), 800LL * DAY + 4LL * YEAR);
    CHECK_EQ(trust_raised_floor(&t, INT64_MAX), 800LL * DAY + 5LL * YEAR + DAY);
    t.is_synchronised = true;
    CHECK_EQ(trust_raised_floor(&t, INT64_MAX), 1001 * DAY);
    CHECK_EQ(trust_raised_floor(&t, INT64_MIN), 900 * DAY);
    t.system_s = 0; /* the battery of the clock is empty */
    CHECK_EQ(trust_now(&t), 900 * DAY);
    CHECK_EQ(trust_clock(&t).now_s, 900 * DAY);
    CHECK_EQ(trust_raised_floor(&t, INT64_MAX), 900 * DAY);
    t.floor_s = 0;
    CHECK_EQ(trust_clock(&t).now_s, 1); /* never 0: a gateway always has a clock */
    CHECK(!trust_clock(&t).expiry_at_signing_time);
}

static void sequences_go_up_within_reason(void)
{
    struct sequence_known known[2] = { { .sequence = 10 }, { .sequence = 20 } };
    struct sequence_state state = { .floor = 10, .known = known, .known_count = 2 };
    uint8_t same[32] = { 0 }, other[32] = { 1 };

    CHECK_EQ(sequence_check(&state, 9, other, true), GW_PACKAGE_SEQUENCE);
    CHECK_EQ(sequence_check(&state, 10, same, false), GW_OK);
    CHECK_EQ(sequence_check(&state, 10, other, false), GW_PACKAGE_EQUIVOCATION);
    CHECK_EQ(sequence_check(&state, 15, other, false), GW_OK);
    CHECK_EQ(sequence_check(&state, 20 + SEQUENCE_LEAP_MAX, other, false), GW_OK);
    CHECK_EQ(sequence_check(&state, 21 + SEQUENCE_LEAP_MAX, other, false), GW_SEQUENCE_LEAP);
    CHECK_EQ(sequence_check(&state, 21 + SEQUENCE_LEAP_MAX, other, true), GW_OK);
    CHECK_EQ(sequence_check(&state, UINT64_MAX, other, false), GW_SEQUENCE_LEAP);
    state = (struct sequence_state){ 0 };
    CHECK_EQ(sequence_check(&state, UINT64_MAX, other, false), GW_OK);
    state.floor = 5;
    CHECK_EQ(sequence_check(&state, 6 + SEQUENCE_LEAP_MAX, other, false), GW_SEQUENCE_LEAP);
}

static void every_verdict_has_its_code(void)
{
    CHECK_EQ(package_verdict(VERIFY_OK), GW_OK);
    CHECK_EQ(package_verdict(VERIFY_CMS_SIGNATURE), GW_VERIFY_CMS_SIGNATURE);
    CHECK_EQ(package_verdict(VERIFY_NOT_CHECKED), GW_INTERNAL);
    for (int role = TRUST_PACKAGE; role <= TRUST_IMAGE; role++) {
        CHECK(trust_role_word((enum trust_role)role)[0] != '?');
    }
}

int main(void)
{
    TEST(anchors_are_found_by_role_and_vendor);
    TEST(no_folder_is_no_anchor);
    TEST(neg_anchor_files);
    TEST(neg_one_key_for_two_vendors);
    TEST(neg_file_that_everybody_may_write);
    TEST(neg_folder_that_everybody_may_write);
    TEST(every_length_of_certificate_survives_pem);
    TEST(names_are_shown_and_trial_organisations_found);
    TEST(floor_only_rises_and_never_beyond_what_is_plausible);
    TEST(sequences_go_up_within_reason);
    TEST(every_verdict_has_its_code);
    return checks_failed != 0;
}
