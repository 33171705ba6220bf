/* Differential test: our certificate parser against mbedTLS's, over good certificates, broken ones,
 * and seeded mutations of both. */
#include <stdlib.h>
#include <string.h>

#include "cert_twin.h"
#include "check.h"
#include "cms.h"
#include "testpki.h"

enum { MUTATIONS = 4000, FILE_MAX = 8192 };

struct tally {
    unsigned verdicts[TWIN_DIFFERENT + 1];
};

static uint32_t next_random(uint32_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state;
}

static void compare(struct tally *tally, struct span der)
{
    tally->verdicts[cert_twin_compare(der)]++;
}

/* One to three changes: a byte set, a bit flipped, a length octet moved by one, a byte put in or
 * taken out, two neighbours swapped. */
static void mutate(struct blob *b, uint32_t *state)
{
    for (uint32_t changes = 1 + next_random(state) % 3; changes > 0; changes--) {
        size_t at = next_random(state) % b->len;
        uint8_t value = (uint8_t)next_random(state);

        switch (next_random(state) % 8) {
        case 0:
            b->at[at] = value;
            break;
        case 1:
            b->at[at]++;
            break;
        case 2:
            memmove(b->at + at, b->at + at + 1, b->len - at - 1);
            b->len--;
            break;
        case 3:
            blob_add_byte(b, 0);
            memmove(b->at + at + 1, b->at + at, b->len - at - 1);
            b->at[at] = value;
            break;
        case 4:
            value = b->at[at];
            b->at[at] = b->at[at / 2];
            b->at[at / 2] = value;
            break;
        default:
            b->at[at] ^= (uint8_t)(1u << value % 8);
        }
    }
}

static void try_mutations(struct tally *tally, struct span der)
{
    uint32_t state = 0x9e3779b9u ^ (uint32_t)der.len;

    compare(tally, der);
    for (unsigned i = 0; i < MUTATIONS; i++) {
        struct blob copy = { 0 };

        blob_add_span(&copy, der);
        mutate(&copy, &state);
        /* An exact allocation, so that a read past the end is seen. */
        uint8_t *exact = malloc(copy.len);

        memcpy(exact, copy.at, copy.len);
        compare(tally, (struct span){ exact, copy.len });
        free(exact);
        blob_free(&copy);
    }
}

static void report(const char *what, const struct tally *tally)
{
    printf("  %s: %u refused by ours, %u read the same by both, %u not comparable, %u different\n",
           what, tally->verdicts[TWIN_REFUSED], tally->verdicts[TWIN_SAME],
           tally->verdicts[TWIN_NOT_COMPARABLE], tally->verdicts[TWIN_DIFFERENT]);
    CHECK_EQ(tally->verdicts[TWIN_DIFFERENT], 0);
    CHECK(tally->verdicts[TWIN_SAME] > 1000);
}

static void what_ours_accepts_of_made_certificates_mbedtls_reads_the_same(void)
{
    struct tally tally = { 0 };
    struct testpki_party root;

    testpki_ca(&root, "root", NULL);
    for (int i = 0; i < 2 * CERT_FLAWS; i++) {
        struct testpki_party party;

        testpki_issue(&party,
                      &(struct testpki_cert_how){ .name = "party",
                                                  .issuer = &root,
                                                  .is_ca = i % 2,
                                                  .has_path_length = i % 4 == 3,
                                                  .path_length = (uint8_t)i,
                                                  .not_after_s = i % 3 ? 0 : 2600000000,
                                                  .flaw = (enum testpki_cert_flaw)(i / 2) });
        try_mutations(&tally, blob_span(&party.cert));
        testpki_party_free(&party);
    }
    testpki_party_free(&root);
    report("made", &tally);
}

static void what_ours_accepts_of_openssls_certificates_mbedtls_reads_the_same(const char *folder)
{
    struct tally tally = { 0 };
    char path[1024], name[64], type[16];
    int want;

    (void)snprintf(path, sizeof path, "%s/index.txt", folder);
    FILE *list = fopen(path, "r");

    CHECK(list != NULL);
    while (list && fscanf(list, "%63s %15s %d", name, type, &want) == 3) {
        static uint8_t bytes[FILE_MAX];
        struct cms cms;

        (void)snprintf(path, sizeof path, "%s/%s", folder, name);
        FILE *file = fopen(path, "rb");
        size_t len = file ? fread(bytes, 1, sizeof bytes, file) : 0;

        if (file) {
            (void)fclose(file);
        }
        if (cms_parse(&cms, (struct span){ bytes, len }) != VERIFY_OK) {
            continue;
        }
        for (uint8_t i = 0; i < cms.cert_count; i++) {
            try_mutations(&tally, cms.certs[i].der);
        }
    }
    if (list) {
        (void)fclose(list);
    }
    report("openssl's", &tally);
}

int main(int argc, char **argv)
{
    CHECK_EQ(argc, 2);
    TEST(what_ours_accepts_of_made_certificates_mbedtls_reads_the_same);
    if (argc == 2) {
        printf("what_ours_accepts_of_openssls_certificates_mbedtls_reads_the_same\n");
        what_ours_accepts_of_openssls_certificates_mbedtls_reads_the_same(argv[1]);
    }
    return checks_failed != 0;
}
