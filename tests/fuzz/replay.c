/* Runs a fuzz target over every file of the folders given: the corpus as a plain ctest test. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static int replay_file(const char *path)
{
    FILE *file = fopen(path, "rb");

    if (!file) {
        perror(path);
        return 1;
    }
    size_t cap = 4u << 20, len;
    uint8_t *bytes = malloc(cap);

    if (!bytes) {
        (void)fclose(file);
        return 1;
    }
    len = fread(bytes, 1, cap, file);
    (void)fclose(file);
    uint8_t *exact = malloc(len ? len : 1); /* so that ASan sees a read past the end */

    for (size_t i = 0; exact && i < len; i++) {
        exact[i] = bytes[i];
    }
    free(bytes);
    if (exact) {
        (void)LLVMFuzzerTestOneInput(exact, len);
    }
    free(exact);
    return exact ? 0 : 1;
}

static int replay_folder(const char *folder, unsigned *files)
{
    DIR *dir = opendir(folder);
    int failed = 0;

    if (!dir) {
        perror(folder);
        return 1;
    }
    for (const struct dirent *entry = readdir(dir); entry; entry = readdir(dir)) {
        char path[4096];

        if (entry->d_name[0] == '.') {
            continue;
        }
        (void)snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        failed |= replay_file(path);
        (*files)++;
    }
    (void)closedir(dir);
    return failed;
}

int main(int argc, char **argv)
{
    unsigned files = 0;
    int failed = 0;

    for (int i = 1; i < argc; i++) {
        failed |= replay_folder(argv[i], &files);
    }
    printf("%u inputs\n", files);
    return failed || files == 0;
}
