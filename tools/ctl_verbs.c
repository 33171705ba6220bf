#include "ctl_verbs.h"

#include <stdlib.h>
#include <string.h>

#include "ctl_commands.h"

static const struct verb verbs[] = {
    { "status", "", "the gateway at a glance", "", 0, 0, 0, command_status },
    { "devices", "", "every device: version, state, and who verifies its images",
      "\"gateway + device\": the device authenticates the image again with the same verifier.\n"
      "\"gateway + MCUboot\": its own boot loader checks again. \"gateway only\": nobody else "
      "does.\n"
      "With --json the output is the input of gatewaypkg plan --inventory.",
      0, 0, OPTION_REFRESH, command_devices },
    { "plan", "FILE|URL|-", "what installing this package would do; changes nothing",
      "Asks the real devices: who gets what, by which route, how long it takes, who refuses, why.",
      1, 1, 0, command_plan },
    { "install", "FILE|URL|-", "install a system package and show how it goes",
      "A file is handed over as an open descriptor; '-' is standard input, a pipe or a file.\n"
      "Ctrl-C detaches: the job goes on, and job show -f follows it again.",
      1, 1, OPTION_NO_WAIT | OPTION_MODE | OPTION_SUPERSEDE, command_install },
    { "jobs", "", "the latest jobs", "", 0, 0, OPTION_LIMIT, command_jobs },
    { "job show", "[ID]", "one job with its steps; without ID the latest", "", 0, 1, OPTION_FOLLOW,
      command_job_show },
    { "job cancel", "ID", "stop a job at the next safe point", "", 1, 1, 0, command_job_cancel },
    { "job retry", "ID", "try the failed and parked steps of a job again", "", 1, 1, OPTION_NO_WAIT,
      command_job_retry },
    { "job report", "ID", "what ran, who signed and who verified it, what each device says now", "",
      1, 1, 0, command_job_report },
    { "bus list", "", "every bus, its router and its link", "", 0, 0, 0, command_bus_list },
    { "bus test", "NAME", "read 200 times: loss, turnaround, advice", "", 1, 1, OPTION_COUNT,
      command_bus_test },
    { "bus pause", "NAME", "leave a bus alone, from the next block on", "", 1, 1, 0,
      command_bus_pause },
    { "bus resume", "NAME", "go on with a paused or parked bus", "", 1, 1, 0, command_bus_resume },
    { "cache list", "", "the images in the gateway's cache", "", 0, 0, 0, command_cache_list },
    { "explain", "[CODE]", "what a code means and what to do; without CODE all of them",
      "Works without the daemon.", 0, 1, 0, command_explain },
    { "version", "", "the versions of gatewayctl and of the running gatewayd", "", 0, 0, 0,
      command_version },
    { "call", "METHOD [JSON]", "call a method of any Varlink socket",
      "METHOD without a dot is one of io.gatewayd.Control. Replies are JSON, one each line.", 1, 2,
      OPTION_MORE, command_call },
};

enum { VERBS = sizeof verbs / sizeof verbs[0] };

static const struct option_spec {
    unsigned option;
    const char *name, *short_name;
    const char *value; /* NULL = takes none */
    const char *summary;
} options[] = {
    { OPTION_JSON, "--json", NULL, NULL, "print JSON, also on failure; streams one object a line" },
    { OPTION_SOCKET, "--socket", NULL, "PATH", "the daemon's socket (" CTL_DEFAULT_SOCKET ")" },
    { OPTION_TIMEOUT, "--timeout", NULL, "SECONDS", "how long to wait for an answer" },
    { OPTION_NO_COLOR, "--no-color", NULL, NULL,
      "no colours (as with NO_COLOR in the environment)" },
    { OPTION_HELP, "--help", "-h", NULL, "this help, or that of the verb" },
    { OPTION_FOLLOW, "--follow", "-f", NULL, "show progress until the job has ended" },
    { OPTION_NO_WAIT, "--no-wait", NULL, NULL, "do not wait for the end of the job" },
    { OPTION_MODE, "--mode", NULL, "MODE",
      "auto, cached or streamed: how images pass the gateway" },
    { OPTION_SUPERSEDE, "--supersede", NULL, NULL,
      "replace the open job if this package is newer" },
    { OPTION_REFRESH, "--refresh", NULL, NULL, "ask the devices now instead of what is known" },
    { OPTION_COUNT, "--count", NULL, "N", "how many reads (200)" },
    { OPTION_LIMIT, "--limit", NULL, "N", "how many jobs (20)" },
    { OPTION_MORE, "--more", NULL, NULL, "ask for every reply of a method that has several" },
};

enum { OPTIONS = sizeof options / sizeof options[0] };

const struct verb *verb_at(size_t index)
{
    return index < VERBS ? &verbs[index] : NULL;
}

/* --- suggestions --- */

/* Edits between two short words (Levenshtein); long ones are far apart. */
static unsigned distance(const char *a, const char *b)
{
    unsigned row[32];
    size_t len = strlen(b);

    if (len >= 32) {
        return 99;
    }
    for (unsigned j = 0; j <= len; j++) {
        row[j] = j;
    }
    for (unsigned i = 1; a[i - 1]; i++) {
        unsigned diagonal = row[0];

        row[0] = i;
        for (size_t j = 1; j <= len; j++) {
            unsigned best = diagonal + (a[i - 1] != b[j - 1]);

            best = row[j] + 1 < best ? row[j] + 1 : best;
            best = row[j - 1] + 1 < best ? row[j - 1] + 1 : best;
            diagonal = row[j];
            row[j] = best;
        }
    }
    return row[len];
}

/* The nearest verb or option, NULL when nothing is near. */
static const char *nearest(const char *word, bool is_option)
{
    const char *found = NULL;
    unsigned best = 3;

    for (size_t i = 0; i < (is_option ? (size_t)OPTIONS : (size_t)VERBS); i++) {
        const char *name = is_option ? options[i].name : verbs[i].name;
        unsigned d = distance(word, name);

        if (d < best) {
            best = d;
            found = name;
        }
    }
    return found;
}

static enum gw_err unknown(const char *what, const char *word, struct gw_error *error)
{
    const char *suggestion = nearest(word, word[0] == '-');

    return suggestion ? gw_fail(error, GW_USAGE, "unknown %s '%s': did you mean '%s'?", what, word,
                                suggestion)
                      : gw_fail(error, GW_USAGE, "unknown %s '%s'", what, word);
}

/* --- parse --- */

static const struct option_spec *find_option(const char *word, size_t len)
{
    for (size_t i = 0; i < OPTIONS; i++) {
        const struct option_spec *o = &options[i];

        if ((strlen(o->name) == len && memcmp(o->name, word, len) == 0) ||
            (o->short_name && strlen(o->short_name) == len &&
             memcmp(o->short_name, word, len) == 0)) {
            return o;
        }
    }
    return NULL;
}

static enum gw_err parse_number(int64_t *out, const struct option_spec *o, const char *text,
                                struct gw_error *error)
{
    char *end;
    long value = strtol(text, &end, 10);

    if (*text < '0' || *text > '9' || *end || value < 1 || value > 1000000) {
        return gw_fail(error, GW_USAGE, "%s: '%s' is not a number of 1 to 1000000", o->name, text);
    }
    *out = value;
    return GW_OK;
}

static enum gw_err set_value(struct arguments *out, const struct option_spec *o, const char *value,
                             struct gw_error *error)
{
    switch (o->option) {
    case OPTION_SOCKET:
        out->socket = value;
        return GW_OK;
    case OPTION_MODE:
        out->mode = value;
        return GW_OK;
    case OPTION_TIMEOUT:
        return parse_number(&out->timeout_s, o, value, error);
    case OPTION_COUNT:
        return parse_number(&out->count, o, value, error);
    case OPTION_LIMIT:
        return parse_number(&out->limit, o, value, error);
    default:
        return GW_OK;
    }
}

/* argv[*at] is an option; its value may be the next argument. */
static enum gw_err parse_option(struct arguments *out, int argc, char *const *argv, int *at,
                                struct gw_error *error)
{
    const char *word = argv[*at], *value = strchr(word, '=');
    size_t len = value ? (size_t)(value - word) : strlen(word);
    const struct option_spec *o = find_option(word, len);

    if (!o) {
        return unknown("option", word, error);
    }
    if (!o->value && value) {
        return gw_fail(error, GW_USAGE, "%s takes no value", o->name);
    }
    if (o->value && !value && *at + 1 == argc) {
        return gw_fail(error, GW_USAGE, "%s needs %s", o->name, o->value);
    }
    out->given |= o->option;
    if (o->value && !value) {
        (*at)++;
    }
    return o->value ? set_value(out, o, value ? value + 1 : argv[*at], error) : GW_OK;
}

/* The words of the command line that are not options: the verb (one or two of them), then its own.
 */
struct words {
    const char *word[5];
    unsigned count;
};

/* Is `word` the first of the two words of `name`? */
static bool begins_with_word(const char *name, const char *word)
{
    size_t len = strlen(word);

    return strncmp(name, word, len) == 0 && name[len] == ' ';
}

static bool is_prefix_of_verb(const char *word)
{
    for (size_t i = 0; i < VERBS; i++) {
        if (begins_with_word(verbs[i].name, word)) {
            return true;
        }
    }
    return false;
}

/* The verb that the words begin with; *used of them name it. */
static const struct verb *find_verb(const struct words *words, unsigned *used)
{
    char name[40] = "";

    if (words->count == 0) {
        return NULL;
    }
    *used = is_prefix_of_verb(words->word[0]) && words->count > 1 ? 2 : 1;
    (void)snprintf(name, sizeof name, "%s%s%s", words->word[0], *used == 2 ? " " : "",
                   *used == 2 ? words->word[1] : "");
    for (size_t i = 0; i < VERBS; i++) {
        if (strcmp(verbs[i].name, name) == 0) {
            return &verbs[i];
        }
    }
    return NULL;
}

/* "job: show, cancel, retry or report?" */
static enum gw_err incomplete(const char *word, struct gw_error *error)
{
    char list[120] = "";

    for (size_t i = 0; i < VERBS; i++) {
        if (begins_with_word(verbs[i].name, word)) {
            size_t used = strlen(list);

            (void)snprintf(list + used, sizeof list - used, "%s%s", used ? ", " : "",
                           verbs[i].name + strlen(word) + 1);
        }
    }
    return gw_fail(error, GW_USAGE, "%s needs a second word: %s", word, list);
}

static enum gw_err no_verb(const struct words *words, struct gw_error *error)
{
    char name[60];

    if (words->count == 0) {
        return gw_fail(error, GW_USAGE, "no verb is given");
    }
    if (words->count == 1 && is_prefix_of_verb(words->word[0])) {
        return incomplete(words->word[0], error);
    }
    (void)snprintf(name, sizeof name, "%.30s%s%.20s", words->word[0],
                   is_prefix_of_verb(words->word[0]) ? " " : "",
                   is_prefix_of_verb(words->word[0]) ? words->word[1] : "");
    return unknown("verb", name, error);
}

static enum gw_err check_words(struct arguments *out, const struct words *words, unsigned used,
                               struct gw_error *error)
{
    const struct verb *verb = out->verb;
    unsigned count = words->count - used;

    if (count < verb->words_min || count > verb->words_max) {
        return gw_fail(error, GW_USAGE, "%s takes %s", verb->name,
                       *verb->synopsis ? verb->synopsis : "no argument");
    }
    for (unsigned i = 0; i < count; i++) {
        out->words[i] = words->word[used + i];
    }
    return GW_OK;
}

static enum gw_err check_options(const struct arguments *out, struct gw_error *error)
{
    unsigned wrong = out->given & ~(out->verb->options | OPTION_GLOBAL);

    for (size_t i = 0; i < OPTIONS; i++) {
        if (options[i].option & wrong) {
            return gw_fail(error, GW_USAGE, "%s does not go with %s", options[i].name,
                           out->verb->name);
        }
    }
    return GW_OK;
}

static enum gw_err collect(struct arguments *out, struct words *words, int argc, char *const *argv,
                           struct gw_error *error)
{
    bool only_words = false;

    for (int i = 1; i < argc; i++) {
        bool is_option = !only_words && argv[i][0] == '-' && argv[i][1] != '\0';

        if (is_option && strcmp(argv[i], "--") == 0) {
            only_words = true;
        } else if (is_option) {
            enum gw_err err = parse_option(out, argc, argv, &i, error);

            if (err != GW_OK) {
                return err;
            }
        } else if (words->count == sizeof words->word / sizeof words->word[0]) {
            return gw_fail(error, GW_USAGE, "too many words");
        } else {
            words->word[words->count++] = argv[i];
        }
    }
    return GW_OK;
}

enum gw_err verbs_parse(struct arguments *out, int argc, char *const *argv, struct gw_error *error)
{
    struct words words = { .count = 0 };
    unsigned used = 0;

    memset(out, 0, sizeof *out);
    enum gw_err err = collect(out, &words, argc, argv, error);

    if (err != GW_OK) {
        return err;
    }
    if (words.count > 0 && strcmp(words.word[0], "help") == 0) {
        out->given |= OPTION_HELP;
        memmove(words.word, words.word + 1, (words.count - 1) * sizeof words.word[0]);
        words.count--;
    }
    out->verb = find_verb(&words, &used);
    if (out->given & OPTION_HELP) {
        bool is_known = out->verb || words.count == 0 || is_prefix_of_verb(words.word[0]);

        out->words[0] = words.count > 0 ? words.word[0] : NULL;
        return is_known ? GW_OK : no_verb(&words, error);
    }
    if (!out->verb) {
        return no_verb(&words, error);
    }
    err = check_options(out, error);
    return err != GW_OK ? err : check_words(out, &words, used, error);
}

/* --- help --- */

static void put_options(FILE *out, unsigned which)
{
    for (size_t i = 0; i < OPTIONS; i++) {
        const struct option_spec *o = &options[i];
        char name[48];

        if (o->option & which) {
            (void)snprintf(name, sizeof name, "%s%s%s%s%s", o->short_name ? o->short_name : "",
                           o->short_name ? ", " : "", o->name, o->value ? " " : "",
                           o->value ? o->value : "");
            (void)fprintf(out, "  %-20s %s\n", name, o->summary);
        }
    }
}

static void put_verb_line(FILE *out, const struct verb *verb)
{
    char usage[48];

    (void)snprintf(usage, sizeof usage, "%s%s%s", verb->name, *verb->synopsis ? " " : "",
                   verb->synopsis);
    (void)fprintf(out, "  %-20s %s\n", usage, verb->summary);
}

static void help_verb(FILE *out, const struct verb *verb)
{
    (void)fprintf(out, "usage: gatewayctl %s%s%s [OPTION...]\n%s\n", verb->name,
                  *verb->synopsis ? " " : "", verb->synopsis, verb->summary);
    (void)fprintf(out, "%s%s%s\noptions:\n", *verb->details ? "\n" : "", verb->details,
                  *verb->details ? "\n" : "");
    put_options(out, verb->options | OPTION_GLOBAL);
}

void verbs_help(FILE *out, const struct arguments *arguments)
{
    const char *first = arguments->words[0];

    if (arguments->verb) {
        help_verb(out, arguments->verb);
        return;
    }
    if (first) {
        for (size_t i = 0; i < VERBS; i++) {
            if (begins_with_word(verbs[i].name, first)) {
                put_verb_line(out, &verbs[i]);
            }
        }
        return;
    }
    (void)fputs("usage: gatewayctl VERB [ARGUMENT...] [OPTION...]\n"
                "Upgrade the devices behind this gateway, and see how they are.\n\nverbs:\n",
                out);
    for (size_t i = 0; i < VERBS; i++) {
        put_verb_line(out, &verbs[i]);
    }
    (void)fputs("\noptions of every verb:\n", out);
    put_options(out, OPTION_GLOBAL);
    (void)fputs(
        "\ngatewayctl VERB --help shows the options of one verb.\n"
        "Exit codes: 0 done, 1 failed, 2 usage, 3 not found, 4 refused, 5 partial, 6 busy,\n"
        "7 daemon unreachable, 8 permission denied, 9 stale source, 75 try again,\n"
        "130 detached.\n",
        out);
}
