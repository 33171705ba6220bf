/* Writes the seed corpora of the verifier's fuzz targets below the folder given
 * (tests/fuzz/corpus). Run it by hand when testpki learns a new defect. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz_seed.h"
#include "testpki.h"

static void write_seed(const char *folder, const char *target, const char *what, int number,
                       uint8_t prefix_len, struct span bytes)
{
    static const uint8_t prefix[4] = { 2, 7, 100, 255 };
    char path[1024];

    (void)snprintf(path, sizeof path, "%s/%s/%s-%02d", folder, target, what, number);
    FILE *file = fopen(path, "wb");

    if (!file) {
        perror(path);
        exit(1);
    }
    (void)fwrite(prefix, 1, prefix_len, file);
    (void)fwrite(bytes.at, 1, bytes.len, file);
    (void)fclose(file);
}

static void write_objects(const char *folder, const struct testpki *pki)
{
    struct testpki_party middle, below;

    testpki_ca(&middle, "middle", &pki->root);
    testpki_leaf(&below, "below", &middle);
    for (int flaw = 0; flaw < CMS_FLAWS; flaw++) {
        struct testpki_cms_how how = {
            .content = { (const uint8_t *)FUZZ_SEED_CONTENT, strlen(FUZZ_SEED_CONTENT) },
            .signers = { flaw % 2 ? &pki->leaf : &below, flaw % 5 ? NULL : &pki->leaf },
            .others = { &middle },
            .by_key_id = flaw % 3 == 1,
            .protection = flaw % 4 == 1,
            .flaw = (enum testpki_cms_flaw)flaw,
        };
        struct blob cms = { 0 };

        if (flaw == CMS_FLAW_MANY_CERTS) {
            continue;
        }
        testpki_sign_cms(&cms, &how);
        write_seed(folder, "fuzz_signed", "cms", flaw, 0, blob_span(&cms));
        write_seed(folder, "fuzz_chain", "cms", flaw, 1, blob_span(&cms));
        blob_free(&cms);
    }
    testpki_party_free(&below);
    testpki_party_free(&middle);
}

static void write_certificates(const char *folder, const struct testpki *pki)
{
    for (int flaw = 0; flaw < CERT_FLAWS; flaw++) {
        struct testpki_party party;

        testpki_issue(&party, &(struct testpki_cert_how){ .name = "party",
                                                          .issuer = &pki->root,
                                                          .is_ca = flaw % 2,
                                                          .has_path_length = flaw % 3 == 1,
                                                          .flaw = (enum testpki_cert_flaw)flaw });
        write_seed(folder, "fuzz_cert", "cert", flaw, 0, blob_span(&party.cert));
        testpki_party_free(&party);
    }
}

static void write_images(const char *folder, const struct testpki *pki)
{
    static const uint8_t payload[1300] = { 1, 2, 3 };

    for (int flaw = 0; flaw < MANIFEST_FLAWS; flaw++) {
        struct testpki_image_how how = {
            .payload = { payload, 1 + (size_t)flaw * 29 },
            .block_size = 512,
            .has_hardware = flaw % 2,
            .serials = { { payload, flaw % 3 ? 0 : 3 } },
            .requires = { { flaw % 5 == 0, 1, 2 } },
            .delivery = flaw % 7 ? DELIVERY_GWI : DELIVERY_PAYLOAD,
            .has_floor = flaw % 4 == 0,
            .floor = 1,
            .bus_ids = { flaw % 6 ? NULL : "usb:1209:0001" },
            .has_link_address = flaw % 4 == 1,
            .tag_16 = flaw % 2,
            .flaw = (enum testpki_manifest_flaw)flaw,
        };
        struct blob manifest = { 0 }, gwi = { 0 };

        testpki_manifest(&manifest, &how);
        testpki_image(&gwi, &how, pki);
        write_seed(folder, "fuzz_image_manifest", "manifest", flaw, 0, blob_span(&manifest));
        if (flaw % 4 == 0) {
            write_seed(folder, "fuzz_image_check", "gwi", flaw, 4, blob_span(&gwi));
        }
        blob_free(&manifest);
        blob_free(&gwi);
    }
}

int main(int argc, char **argv)
{
    struct testpki pki;

    if (argc != 2) {
        (void)fprintf(stderr, "usage: make_verify_seeds tests/fuzz/corpus\n");
        return 2;
    }
    testpki_make(&pki, FUZZ_SEED_ROOT);
    write_objects(argv[1], &pki);
    write_certificates(argv[1], &pki);
    write_images(argv[1], &pki);
    testpki_free(&pki);
    return 0;
}
