/* gatewayctl: see and steer the gateway (gatewayctl(1)). Only wires: arguments, terminal, verb. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "ctl.h"
#include "ctl_bars.h"
#include "ctl_failure.h"
#include "ctl_verbs.h"

static struct style style_of(int fd, bool may_color)
{
    struct style style = { .now = (int64_t)time(NULL) };
    struct winsize size;
    const char *terminal = getenv("TERM");

    if (isatty(fd)) {
        bool is_dumb = !terminal || strcmp(terminal, "dumb") == 0;

        style.width = ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
        style.color = may_color && !is_dumb;
    }
    return style;
}

static struct ctl ctl_of(const struct arguments *arguments)
{
    const char *no_color = getenv("NO_COLOR"); /* no-color.org: present and not empty */
    bool may_color = !(arguments->given & OPTION_NO_COLOR) && (!no_color || !*no_color);
    struct ctl ctl = {
        .out = stdout,
        .err = stderr,
        .json = arguments->given & OPTION_JSON,
        .style = style_of(STDOUT_FILENO, may_color),
        .err_style = style_of(STDERR_FILENO, may_color),
        .socket = arguments->socket ? arguments->socket : CTL_DEFAULT_SOCKET,
        .timeout_s = arguments->timeout_s,
    };
    const char *terminal = getenv("TERM");

    /* Bars need a terminal that can go back, and room. */
    ctl.is_terminal = ctl.style.width > BARS_WIDTH_MIN && terminal && strcmp(terminal, "dumb") != 0;
    return ctl;
}

/* Wrong usage before --json was parsed: look for it, so that scripts get JSON on every failure. */
static bool asks_for_json(int argc, char *const *argv)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0) {
            return true;
        }
    }
    return false;
}

int main(int argc, char **argv)
{
    struct arguments arguments;
    struct gw_error error;
    enum gw_err err = verbs_parse(&arguments, argc, argv, &error);

    if (err != GW_OK && asks_for_json(argc, argv)) {
        arguments.given |= OPTION_JSON;
    }
    struct ctl ctl = ctl_of(&arguments);
    int exit_code = EXIT_DONE;

    if (err != GW_OK) {
        exit_code = ctl_fail(&ctl, failure_of(&error));
    } else if (arguments.given & OPTION_HELP) {
        verbs_help(ctl.out, &arguments);
    } else {
        exit_code = arguments.verb->run(&ctl, &arguments);
    }
    /* Output that was lost is not success. */
    if (fflush(stdout) != 0 && exit_code == EXIT_DONE) {
        (void)fprintf(stderr, "error: standard output: %s\n", strerror(errno));
        exit_code = EXIT_FAILED;
    }
    return exit_code;
}
