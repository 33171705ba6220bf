/* The command line of gatewayctl; and that its man page knows every verb and option. Argument: the
 * man page's source. */
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "ctl_verbs.h"

enum { WORDS_MAX = 12 };

/* Parse a line, cut at spaces. The words live until the next call. */
static enum gw_err parse(const char *line, struct arguments *out, struct gw_error *error)
{
    static char text[300];
    char *argv[WORDS_MAX] = { (char[]){ "gatewayctl" } };
    int argc = 1;

    (void)snprintf(text, sizeof text, "%s", line);
    for (char *word = strtok(text, " "); word && argc < WORDS_MAX; word = strtok(NULL, " ")) {
        argv[argc++] = word;
    }
    return verbs_parse(out, argc, argv, error);
}

static void verbs_are_found(void)
{
    static const struct {
        const char *line, *verb, *word;
        unsigned given;
    } cases[] = {
        { "status", "status", NULL, 0 },
        { "--json status", "status", NULL, OPTION_JSON },
        { "status --json --no-color", "status", NULL, OPTION_JSON | OPTION_NO_COLOR },
        { "job show", "job show", NULL, 0 },
        { "job show 17 -f", "job show", "17", OPTION_FOLLOW },
        { "job --socket /x show 17", "job show", "17", OPTION_SOCKET },
        { "install - --mode=cached --supersede", "install", "-", OPTION_MODE | OPTION_SUPERSEDE },
        { "install -- --odd-name", "install", "--odd-name", 0 },
        { "bus test b --count 10", "bus test", "b", OPTION_COUNT },
        { "call Status {}", "call", "Status", 0 },
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct arguments a;
        struct gw_error error = { GW_OK, "" };

        CHECK_EQ(parse(cases[i].line, &a, &error), GW_OK);
        CHECK(a.verb && strcmp(a.verb->name, cases[i].verb) == 0);
        CHECK(cases[i].word ? a.words[0] && strcmp(a.words[0], cases[i].word) == 0 : !a.words[0]);
        CHECK_EQ(a.given, cases[i].given);
    }
}

static void values_are_taken(void)
{
    struct arguments a;

    CHECK_EQ(parse("bus test b --count 10 --timeout=5 --socket /run/x", &a, NULL), GW_OK);
    CHECK(a.count == 10 && a.timeout_s == 5 && strcmp(a.socket, "/run/x") == 0);
    CHECK_EQ(parse("install f --mode streamed", &a, NULL), GW_OK);
    CHECK(strcmp(a.mode, "streamed") == 0);
}

static void wrong_usage_is_refused_with_a_suggestion(void)
{
    static const struct {
        const char *line, *detail;
    } cases[] = {
        { "", "no verb is given" },
        { "instal f", "unknown verb 'instal': did you mean 'install'?" },
        { "device", "unknown verb 'device': did you mean 'devices'?" },
        { "jbo show", "unknown verb 'jbo': did you mean 'jobs'?" },
        { "frobnicate", "unknown verb 'frobnicate'" },
        { "job", "job needs a second word: show, cancel, retry, report" },
        { "job shwo 1", "unknown verb 'job shwo': did you mean 'job show'?" },
        { "install", "install takes FILE|URL|-" },
        { "install a b", "install takes FILE|URL|-" },
        { "status now", "status takes no argument" },
        { "status --jsno", "unknown option '--jsno': did you mean '--json'?" },
        { "status -f", "--follow does not go with status" },
        { "install f --mode", "--mode needs MODE" },
        { "status --json=1", "--json takes no value" },
        { "jobs --limit 0", "--limit: '0' is not a number of 1 to 1000000" },
        { "jobs --limit 1x", "--limit: '1x' is not a number of 1 to 1000000" },
        { "jobs --limit=", "--limit: '' is not a number of 1 to 1000000" },
        { "jobs --limit -5", "--limit: '-5' is not a number of 1 to 1000000" },
        { "call a b c d e f g", "too many words" },
        { "help xyz", "unknown verb 'xyz'" },
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct arguments a;
        struct gw_error error = { GW_OK, "" };

        CHECK_EQ(parse(cases[i].line, &a, &error), GW_USAGE);
        if (strcmp(error.detail, cases[i].detail) != 0) {
            checks_failed++;
            fprintf(stderr, "%s: %s\n", cases[i].line, error.detail);
        }
    }
}

static char *help_for(const char *line)
{
    struct arguments a;
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);

    CHECK_EQ(parse(line, &a, NULL), GW_OK);
    CHECK(a.given & OPTION_HELP);
    verbs_help(out, &a);
    (void)fclose(out);
    return text;
}

static int lines_over(const char *text, size_t limit)
{
    int count = 0;

    while (*text) {
        size_t len = strcspn(text, "\n");

        count += len > limit;
        text += len + (text[len] == '\n');
    }
    return count;
}

static void help_names_everything_and_fits_the_terminal(void)
{
    char *all = help_for("--help");

    CHECK(lines_over(all, 90) == 0);
    for (size_t i = 0; verb_at(i); i++) {
        char line[80];

        CHECK(strstr(all, verb_at(i)->name) && strstr(all, verb_at(i)->summary));
        (void)snprintf(line, sizeof line, "help %s", verb_at(i)->name);
        char *one = help_for(line);

        CHECK(strncmp(one, "usage: gatewayctl ", 18) == 0 && strstr(one, verb_at(i)->summary));
        CHECK(lines_over(one, 90) == 0);
        free(one);
    }
    free(all);

    char *job = help_for("job --help");

    CHECK(strstr(job, "job retry ID") && !strstr(job, "bus test"));
    free(job);
}

static void the_man_page_knows_every_verb_and_option(const char *path)
{
    static const char *const options[] = { "--json",      "--socket",  "--timeout", "--no-color",
                                           "--help",      "--follow",  "--no-wait", "--mode",
                                           "--supersede", "--refresh", "--count",   "--limit",
                                           "--more" };
    static char text[65536];
    FILE *file = fopen(path, "r");

    CHECK(file != NULL);
    if (!file) {
        return;
    }
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    (void)fclose(file);
    for (size_t i = 0; verb_at(i); i++) {
        char heading[60];

        (void)snprintf(heading, sizeof heading, "*%s*", verb_at(i)->name);
        if (!strstr(text, heading)) {
            checks_failed++;
            fprintf(stderr, "the man page lacks %s\n", heading);
        }
    }
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
        if (!strstr(text, options[i])) {
            checks_failed++;
            fprintf(stderr, "the man page lacks %s\n", options[i]);
        }
    }
}

int main(int argc, char **argv)
{
    TEST(verbs_are_found);
    TEST(values_are_taken);
    TEST(wrong_usage_is_refused_with_a_suggestion);
    TEST(help_names_everything_and_fits_the_terminal);
    if (argc > 1) {
        printf("the_man_page_knows_every_verb_and_option\n");
        the_man_page_knows_every_verb_and_option(argv[1]);
    }
    return checks_failed != 0;
}
