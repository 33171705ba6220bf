#include "pkg_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum gw_err pkg_file_open(FILE **out, uint64_t *size, const char *path, struct gw_error *error)
{
    struct stat st;

    *out = fopen(path, "re");
    *size = 0;
    if (!*out) {
        return gw_fail(error, GW_SOURCE_OPEN, "%s: %s", path, strerror(errno));
    }
    if (fstat(fileno(*out), &st) != 0 || !S_ISREG(st.st_mode)) {
        (void)fclose(*out);
        *out = NULL;
        return gw_fail(error, GW_SOURCE_READ, "%s: not a regular file", path);
    }
    *size = (uint64_t)st.st_size;
    return GW_OK;
}

enum gw_err pkg_file_read(FILE *file, const char *path, uint64_t offset, uint8_t *bytes, size_t len,
                          struct gw_error *error)
{
    if (fseeko(file, (off_t)offset, SEEK_SET) != 0 || fread(bytes, 1, len, file) != len) {
        return gw_fail(error, GW_SOURCE_READ, "%s: %s", path,
                       ferror(file) ? strerror(errno) : "it changed while it was read");
    }
    return GW_OK;
}

static enum gw_err load(FILE *file, uint8_t **bytes, size_t *len, const char *path, size_t max,
                        struct gw_error *error)
{
    *bytes = malloc(max + 1);
    *len = *bytes ? fread(*bytes, 1, max + 1, file) : 0;
    if (!*bytes) {
        return GW_NO_MEMORY;
    }
    if (ferror(file) || *len > max) {
        bool is_long = *len > max;

        free(*bytes);
        *bytes = NULL;
        return is_long ? gw_fail(error, GW_SOURCE_READ, "%s: longer than %zu bytes", path, max)
                       : gw_fail(error, GW_SOURCE_READ, "%s: %s", path, strerror(errno));
    }
    (*bytes)[*len] = 0;
    return GW_OK;
}

enum gw_err pkg_file_load(uint8_t **bytes, size_t *len, const char *path, size_t max,
                          struct gw_error *error)
{
    bool is_input = strcmp(path, "-") == 0;
    FILE *file = is_input ? stdin : fopen(path, "re");
    enum gw_err err;

    *bytes = NULL;
    *len = 0;
    if (!file) {
        return gw_fail(error, GW_SOURCE_OPEN, "%s: %s", path, strerror(errno));
    }
    err = load(file, bytes, len, path, max, error);
    if (!is_input) {
        (void)fclose(file);
    }
    return err;
}

static void forget(struct pkg_output *out)
{
    free(out->path);
    free(out->temporary);
    *out = (struct pkg_output){ 0 };
}

enum gw_err pkg_output_open(struct pkg_output *out, const char *path, struct gw_error *error)
{
    int fd = -1;

    *out = (struct pkg_output){ .path = strdup(path) };
    if (!out->path || asprintf(&out->temporary, "%s.XXXXXX", path) < 0) {
        out->temporary = NULL;
        forget(out);
        return GW_NO_MEMORY;
    }
    fd = mkostemp(out->temporary, O_CLOEXEC);
    out->file = fd >= 0 ? fdopen(fd, "w") : NULL;
    if (!out->file) {
        enum gw_err err = gw_fail(error, GW_FILE_WRITE, "%s: %s", path, strerror(errno));

        if (fd >= 0) {
            (void)close(fd);
            (void)unlink(out->temporary);
        }
        forget(out);
        return err;
    }
    return GW_OK;
}

void pkg_output_write(struct pkg_output *out, const void *bytes, size_t len)
{
    (void)fwrite(bytes, 1, len, out->file);
}

/* mkostemp() makes files for their owner only; a package is for everybody whom the umask permits.
 */
static mode_t usual_mode(void)
{
    mode_t mask = umask(0);

    (void)umask(mask);
    return 0666 & ~mask;
}

enum gw_err pkg_output_close(struct pkg_output *out, enum gw_err err, struct gw_error *error)
{
    bool is_written = !ferror(out->file) && fflush(out->file) == 0 &&
                      fchmod(fileno(out->file), usual_mode()) == 0 && fsync(fileno(out->file)) == 0;
    int reason = errno;

    if (fclose(out->file) != 0 && is_written) {
        is_written = false;
        reason = errno;
    }
    if (!err && is_written && rename(out->temporary, out->path) != 0) {
        is_written = false;
        reason = errno;
    }
    if (err || !is_written) {
        (void)unlink(out->temporary);
    }
    if (!err && !is_written) {
        err = gw_fail(error, GW_FILE_WRITE, "%s: %s", out->path, strerror(reason));
    }
    forget(out);
    return err;
}

enum gw_err pkg_file_create(const char *path, const char *text, struct gw_error *error)
{
    FILE *file = fopen(path, "wxe");
    bool is_written;

    if (!file) {
        return gw_fail(error, GW_FILE_WRITE, "%s: %s", path, strerror(errno));
    }
    is_written = fputs(text, file) >= 0;
    is_written = fclose(file) == 0 && is_written;
    return is_written ? GW_OK : gw_fail(error, GW_FILE_WRITE, "%s: %s", path, strerror(errno));
}
