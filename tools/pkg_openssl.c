#include "pkg_openssl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "package.h"

/* A child's three streams, each an unnamed file: no pipe can fill up. */
struct streams {
    FILE *in, *out, *err;
};

static void close_streams(struct streams *s)
{
    FILE *files[] = { s->in, s->out, s->err };

    for (size_t i = 0; i < 3; i++) {
        if (files[i]) {
            (void)fclose(files[i]);
        }
    }
}

static bool open_streams(struct streams *s, struct span input)
{
    s->in = tmpfile();
    s->out = tmpfile();
    s->err = tmpfile();
    return s->in && s->out && s->err &&
           (input.len == 0 || fwrite(input.at, 1, input.len, s->in) == input.len) &&
           fflush(s->in) == 0 && lseek(fileno(s->in), 0, SEEK_SET) == 0;
}

static void become(const struct streams *s, const char *const argv[])
{
    if (dup2(fileno(s->in), STDIN_FILENO) >= 0 && dup2(fileno(s->out), STDOUT_FILENO) >= 0 &&
        dup2(fileno(s->err), STDERR_FILENO) >= 0) {
        /* execvp() does not change the strings; its type is older than const. */
        (void)execvp(argv[0], (char *const *)(uintptr_t)argv);
    }
    static const char why[] = "the openssl program cannot be run\n";

    (void)!write(STDERR_FILENO, why, sizeof why - 1);
    _exit(127);
}

static bool run(const struct streams *s, const char *const argv[])
{
    pid_t pid = fork();
    int status;

    if (pid == 0) {
        become(s, argv);
    }
    while (pid > 0 && waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR) {
            return false;
        }
    }
    return pid > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* The last line that says something: openssl puts the cause last. */
static enum gw_err fail(FILE *said, const char *verb, struct gw_error *error)
{
    char line[180] = "", last[180] = "no message";

    rewind(said);
    while (fgets(line, sizeof line, said)) {
        line[strcspn(line, "\n")] = '\0';
        if (line[0]) {
            memcpy(last, line, sizeof last);
        }
    }
    return gw_fail(error, GW_SIGNING, "openssl %s: %s", verb, last);
}

static enum gw_err slurp(FILE *file, uint8_t **bytes, size_t *len)
{
    long size = fseek(file, 0, SEEK_END) == 0 ? ftell(file) : -1;

    rewind(file);
    *bytes = size >= 0 ? malloc((size_t)size + 1) : NULL;
    if (!*bytes) {
        return GW_NO_MEMORY;
    }
    *len = fread(*bytes, 1, (size_t)size, file);
    (*bytes)[*len] = 0;
    return GW_OK;
}

enum gw_err pkg_openssl(uint8_t **out, size_t *out_len, const char *const argv[], struct span input,
                        struct gw_error *error)
{
    struct streams s = { 0 };
    enum gw_err err;

    *out = NULL;
    *out_len = 0;
    if (!open_streams(&s, input)) {
        err = gw_fail(error, GW_FILE_WRITE, "a temporary file: %s", strerror(errno));
    } else if (!run(&s, argv)) {
        err = fail(s.err, argv[1], error);
    } else {
        err = slurp(s.out, out, out_len);
    }
    close_streams(&s);
    return err;
}

static const char *oid_of(enum signed_type type)
{
    switch (type) {
    case SIGNED_SYSTEM_MANIFEST:
        return "2.25.227721284026299374982227856948092535230";
    case SIGNED_IMAGE_MANIFEST:
        return "2.25.37081677888920538387708366831134028020";
    case SIGNED_TIMESTAMP:
        return "2.25.107110910132257841678995741780181712202";
    }
    return "";
}

/* Everything but the trust: with no anchor, TOO_FEW_SIGNERS is the only verdict of a right object.
 */
static enum gw_err check(struct span cms, enum signed_type type, struct gw_error *error)
{
    struct verify_trust nobody = { 0 };
    struct signed_object object;
    enum verify_result result = signed_open(&object, cms, type, &nobody);

    if (result == VERIFY_TOO_FEW_SIGNERS) {
        return GW_OK;
    }
    return gw_fail(error, result == VERIFY_OK ? GW_INTERNAL : package_verdict(result),
                   "what openssl signed is not what gateways accept");
}

enum gw_err pkg_openssl_sign(uint8_t **cms, size_t *cms_len, struct span content,
                             enum signed_type type, const struct pkg_arguments *a,
                             struct gw_error *error)
{
    const char *argv[14 + 4 * PKG_SIGNERS_MAX + 3] = {
        "openssl", "cms",    "-sign",    "-binary", "-nodetach",      "-nosmimecap",
        "-md",     "sha256", "-outform", "DER",     "-econtent_type", oid_of(type),
    };
    size_t n = 12;
    enum gw_err err;

    for (unsigned i = 0; i < a->cert_count; i++) {
        argv[n++] = "-signer";
        argv[n++] = a->certs[i];
        argv[n++] = "-inkey";
        argv[n++] = a->keys[i];
    }
    if (a->chain) {
        argv[n++] = "-certfile";
        argv[n++] = a->chain;
    }
    argv[n] = NULL;
    err = pkg_openssl(cms, cms_len, argv, content, error);
    if (!err) {
        err = check((struct span){ *cms, *cms_len }, type, error);
    }
    if (err) {
        free(*cms);
        *cms = NULL;
        *cms_len = 0;
    }
    return err;
}
