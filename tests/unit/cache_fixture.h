/* A folder for a cache, and images to put in it. Included by the tests of cache/ and of the core.
 */
#ifndef TESTS_CACHE_FIXTURE_H
#define TESTS_CACHE_FIXTURE_H

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cache_entry.h"

struct fixture_image {
    uint8_t identity[CACHE_ID_LEN];
    struct image_manifest manifest;
    uint8_t *table;
    uint8_t *payload;
};

static inline void fixture_image_make(struct fixture_image *image, uint8_t seed,
                                      uint32_t payload_size, uint32_t block_size)
{
    uint32_t x = 2463534242u + seed;
    struct image_manifest *m = &image->manifest;

    memset(image, 0, sizeof *image);
    m->payload_size = m->image_size = payload_size;
    m->block_size = block_size;
    m->block_count = (payload_size + block_size - 1) / block_size;
    image->payload = malloc(payload_size);
    image->table = malloc((size_t)m->block_count * SHA256_LEN);
    if (!image->payload || !image->table) {
        abort();
    }
    for (uint32_t i = 0; i < payload_size; i++) {
        x ^= x << 13;
        x ^= x >> 17;
        x ^= x << 5;
        image->payload[i] = (uint8_t)x;
    }
    for (uint32_t i = 0; i < m->block_count; i++) {
        sha256_of(image->table + (size_t)i * SHA256_LEN, image->payload + (size_t)i * block_size,
                  image_block_len(m, i));
    }
    sha256_of(m->table_digest, image->table, (size_t)m->block_count * SHA256_LEN);
    sha256_of(m->image_digest, image->payload, payload_size);
    sha256_of(image->identity, m->table_digest, SHA256_LEN);
}

static inline void fixture_image_free(struct fixture_image *image)
{
    free(image->payload);
    free(image->table);
}

/* A new empty folder below /tmp; `path` holds at least 64 bytes. */
static inline void fixture_folder_make(char *path)
{
    (void)strcpy(path, "/tmp/gatewayd-test-XXXXXX");
    if (!mkdtemp(path)) {
        perror(path);
        abort();
    }
}

static inline unsigned fixture_folder_files(const char *path)
{
    DIR *dir = opendir(path);
    unsigned files = 0;

    for (const struct dirent *e = dir ? readdir(dir) : NULL; e; e = readdir(dir)) {
        files += e->d_name[0] != '.' || strlen(e->d_name) > 2;
    }
    if (dir) {
        (void)closedir(dir);
    }
    return files;
}

/* Removes the folder and the files in it. */
static inline void fixture_folder_remove(const char *path)
{
    DIR *dir = opendir(path);

    for (const struct dirent *e = dir ? readdir(dir) : NULL; e; e = readdir(dir)) {
        (void)unlinkat(dirfd(dir), e->d_name, 0);
    }
    if (dir) {
        (void)closedir(dir);
    }
    (void)rmdir(path);
}

/* Path of the image's file. */
static inline void fixture_file_path(char out[256], const char *folder,
                                     const struct fixture_image *image, const char *suffix)
{
    int n = snprintf(out, 256, "%s/", folder);

    for (size_t i = 0; i < CACHE_ID_LEN; i++) {
        n += snprintf(out + n, 3, "%02x", image->identity[i]);
    }
    (void)snprintf(out + n, 256 - (size_t)n, "%s", suffix);
}

static inline bool fixture_exists(const char *path)
{
    struct stat st;

    return lstat(path, &st) == 0;
}

static inline void fixture_flip(const char *path, off_t offset)
{
    int fd = open(path, O_RDWR | O_CLOEXEC);
    uint8_t byte = 0;

    (void)chmod(path, 0600);
    if (fd < 0) {
        fd = open(path, O_RDWR | O_CLOEXEC);
    }
    if (fd < 0 || pread(fd, &byte, 1, offset) != 1) {
        abort();
    }
    byte ^= 1;
    if (pwrite(fd, &byte, 1, offset) != 1) {
        abort();
    }
    (void)close(fd);
}

#endif
