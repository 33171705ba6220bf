/* Writes image.gwi and root.crt for the size check into the folder given: an image of 8 blocks
 * whose signer stands two CAs below the root. Run it by hand when the format changes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "testpki.h"

static void write_file(const char *folder, const char *name, struct span bytes)
{
    char path[1024];

    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "wb");

    if (!file || fwrite(bytes.at, 1, bytes.len, file) != bytes.len || fclose(file) != 0) {
        perror(path);
        exit(1);
    }
}

int main(int argc, char **argv)
{
    static uint8_t payload[7 * 1024 + 500];
    struct testpki_party upper, lower, leaf;
    struct testpki pki;
    struct blob gwi = { 0 };

    if (argc != 2) {
        (void)fprintf(stderr, "usage: make_size_image tests/size\n");
        return 2;
    }
    for (size_t i = 0; i < sizeof payload; i++) {
        payload[i] = (uint8_t)(i * 7 + i / 251);
    }
    testpki_make(&pki, "size root");
    testpki_ca(&upper, "upper", &pki.root);
    testpki_ca(&lower, "lower", &upper);
    testpki_leaf(&leaf, "leaf", &lower);
    testpki_image(&gwi,
                  &(struct testpki_image_how){
                      .payload = { payload, sizeof payload },
                      .cms = { .signers = { &leaf }, .others = { &upper, &lower } } },
                  &pki);
    write_file(argv[1], "image.gwi", blob_span(&gwi));
    write_file(argv[1], "root.crt", blob_span(&pki.root.cert));
    return 0;
}
