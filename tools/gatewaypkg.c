/* gatewaypkg: make, sign, show and check system packages (gatewaypkg(1)). Only wires: arguments,
 * terminal, verb. */
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "ctl_failure.h"
#include "ctl_render.h"
#include "pkg_verbs.h"

static struct style style_of(int fd)
{
    const char *terminal = getenv("TERM"), *no_color = getenv("NO_COLOR");
    struct style style = { .now = (int64_t)time(NULL) };
    struct winsize size;

    if (isatty(fd)) {
        style.width = ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
        style.color = (!no_color || !*no_color) && terminal && strcmp(terminal, "dumb") != 0;
    }
    return style;
}

/* Wrong usage before --json was parsed: scripts get JSON on every failure. */
static bool asks_for_json(int argc, char *const *argv)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0) {
            return true;
        }
    }
    return false;
}

static int report_failure(struct pkg *pkg, const struct gw_error *error)
{
    struct json *failure = failure_of(error);
    int exit_code = failure_exit_code(failure);

    if (pkg->json) {
        struct json *root = json_new_object();

        (void)json_set(root, "error", failure);
        pkg_put_json(pkg, root);
    } else {
        struct style style = style_of(STDERR_FILENO);

        render_error(pkg->notes, failure, &style);
        json_free(failure);
    }
    return exit_code;
}

int main(int argc, char **argv)
{
    struct pkg pkg = { .out = stdout, .notes = stderr, .style = style_of(STDOUT_FILENO) };
    struct gw_error error = { 0 };
    struct pkg_arguments arguments;
    const struct pkg_verb *verb;
    enum gw_err err;

    pkg.json = asks_for_json(argc, argv);
    pkg.is_terminal = isatty(STDERR_FILENO);
    err = pkg_verbs_parse(&verb, &arguments, argc, argv, &error);
    if (!err && arguments.help) {
        pkg_verbs_help(stdout, verb);
        return EXIT_DONE;
    }
    if (!err) {
        err = verb->run(&pkg, &arguments, &error);
    }
    if (!err && (fflush(stdout) != 0 || ferror(stdout))) {
        err = gw_fail(&error, GW_FILE_WRITE, "standard output");
    }
    if (err && !error.err) {
        error.err = err;
    }
    return err ? report_failure(&pkg, &error) : pkg.exit_code;
}
