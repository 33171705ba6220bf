/* Signed objects that plain openssl made: tests/vectors/make-cms.sh. */
#include <string.h>

#include "check.h"
#include "signed.h"

enum { FILE_MAX = 8192 };

static size_t read_file(const char *folder, const char *name, uint8_t *bytes)
{
    char path[1024];
    size_t len = 0;

    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "rb");

    CHECK(file != NULL);
    if (file) {
        len = fread(bytes, 1, FILE_MAX, file);
        (void)fclose(file);
    }
    return len;
}

static enum signed_type type_of(const char *name)
{
    return strcmp(name, "system") == 0      ? SIGNED_SYSTEM_MANIFEST
           : strcmp(name, "timestamp") == 0 ? SIGNED_TIMESTAMP
                                            : SIGNED_IMAGE_MANIFEST;
}

static void what_openssl_signs_is_judged_as_the_list_says(const char *folder)
{
    static uint8_t root[FILE_MAX], bytes[FILE_MAX];
    struct cert anchor;
    struct verify_trust trust = { .anchors = &anchor, .anchor_count = 1 };
    char path[1024], name[64], type[16];
    int want, count = 0;

    CHECK_EQ(cert_parse(&anchor, (struct span){ root, read_file(folder, "root.crt", root) }),
             VERIFY_OK);
    (void)snprintf(path, sizeof path, "%s/index.txt", folder);
    FILE *list = fopen(path, "r");

    CHECK(list != NULL);
    while (list && fscanf(list, "%63s %15s %d", name, type, &want) == 3) {
        struct signed_object object;
        size_t len = read_file(folder, name, bytes);
        enum verify_result result = signed_open(&object, (struct span){ bytes, len }, type_of(type),
                                                &trust);

        count++;
        if ((int)result != want) {
            fprintf(stderr, "%s: %d, want %d\n", name, result, want);
            checks_failed++;
        }
        CHECK_EQ(object.content.len,
                 result == VERIFY_OK ? strlen("{ \"any\": \"content\" }\n") : 0);
        CHECK((object.signing_time_s > 1700000000) == (result == VERIFY_OK));
    }
    if (list) {
        (void)fclose(list);
    }
    CHECK(count >= 20);
}

int main(int argc, char **argv)
{
    CHECK_EQ(argc, 2);
    if (argc == 2) {
        printf("what_openssl_signs_is_judged_as_the_list_says\n");
        what_openssl_signs_is_judged_as_the_list_says(argv[1]);
    }
    return checks_failed != 0;
}
