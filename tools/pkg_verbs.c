#include "pkg_verbs.h"

#include <string.h>

#define SIGN_OPTIONS "output cert key chain"

static const struct pkg_verb verbs[] = {
    { "init", "[DIR]", "write commented examples: release.json, image.json",
      "Existing files are left alone. JSON with // comments.", 0, 1, "", pkg_init },
    { "pki", "DIR", "make a trial PKI with openssl",
      "Authorities for packages, for images of each vendor, and for timestamps.\n"
      "DIR/trust.d is ready to be copied to a gateway. Its anchors are marked as trial: gateways\n"
      "warn about them. Private keys are readable for their owner only.",
      1, 1, "vendor", pkg_pki },
    { "image", "PAYLOAD DESCRIPTION.json", "make a signed image (.gwi) of one binary",
      "Without --key the manifest stays unsigned (.gwi.unsigned); sign it where the key is.", 2, 2,
      SIGN_OPTIONS, pkg_image },
    { "build", "RELEASE.json", "put signed images together into an unsigned package",
      "Writes NAME.gwp and NAME.json, the exact bytes to be signed. The same input gives the same\n"
      "bytes. Paths in RELEASE.json are relative to it.",
      1, 1, "output", pkg_build },
    { "sign", "FILE.gwp|FILE.gwi.unsigned", "sign a package or an image with openssl cms",
      "A package is replaced in place unless -o is given. --cert and --key may be repeated, in\n"
      "pairs, for several signers.",
      1, 1, SIGN_OPTIONS, pkg_sign },
    { "info", "FILE", "show what a package or image says of itself",
      "Structure and signatures are checked, but not who signed: it proves nothing. See verify.", 1,
      1, "", pkg_info },
    { "verify", "FILE", "check every byte of a package or image, as gateways do",
      "--trust DIR is laid out like /etc/gatewayd/trust.d. --system NAME asks that the package is\n"
      "for that system.",
      1, 1, "trust system", pkg_verify },
    { "plan", "FILE.gwp", "what this package would do to the devices of an inventory",
      "--inventory FILE is what gatewayctl devices --json printed; '-' reads standard input.\n"
      "Without --trust the package is shown as not verified.",
      1, 1, "inventory trust system", pkg_plan },
};

enum { VERBS = sizeof verbs / sizeof verbs[0] };

static const struct option_spec {
    const char *name, *short_name, *value, *summary;
} options[] = {
    { "json", NULL, NULL, "print JSON, also on failure" },
    { "help", "-h", NULL, "this help, or that of the verb" },
    { "output", "-o", "FILE", "where the result goes" },
    { "cert", NULL, "FILE", "signer's certificate, PEM" },
    { "key", NULL, "FILE", "signer's private key, as openssl cms -inkey takes it" },
    { "chain", NULL, "FILE", "intermediate certificates, PEM; without the signer's" },
    { "vendor", NULL, "DOMAIN", "image authority for this vendor; may be repeated (acme.example)" },
    { "trust", NULL, "DIR", "anchors: DIR/package, DIR/image/<vendor>, DIR/timestamp" },
    { "system", NULL, "NAME", "the system that the package must be for" },
    { "inventory", NULL, "FILE", "saved output of gatewayctl devices --json" },
};

enum { OPTIONS = sizeof options / sizeof options[0] };

const struct pkg_verb *pkg_verb_at(size_t index)
{
    return index < VERBS ? &verbs[index] : NULL;
}

/* Is `name` a word of `list`? */
static bool lists(const char *list, const char *name)
{
    size_t len = strlen(name);

    for (const char *at = strstr(list, name); at; at = strstr(at + 1, name)) {
        if ((at == list || at[-1] == ' ') && (at[len] == ' ' || at[len] == '\0')) {
            return true;
        }
    }
    return false;
}

static bool takes(const struct pkg_verb *verb, const char *option)
{
    return lists("json help", option) || lists(verb->options, option);
}

static const struct option_spec *find_option(const char *word, size_t len)
{
    for (size_t i = 0; i < OPTIONS; i++) {
        const struct option_spec *o = &options[i];
        bool is_long = strncmp(word, "--", 2) == 0 && strlen(o->name) == len - 2 &&
                       strncmp(word + 2, o->name, len - 2) == 0;

        if (is_long || (o->short_name && strlen(o->short_name) == len &&
                        strncmp(word, o->short_name, len) == 0)) {
            return o;
        }
    }
    return NULL;
}

/* Append to a list of at most `max`. */
static enum gw_err add(const char **list, unsigned *count, unsigned max, const char *value,
                       const char *name, struct gw_error *error)
{
    if (*count == max) {
        return gw_fail(error, GW_USAGE, "--%s is given more than %u times", name, max);
    }
    list[(*count)++] = value;
    return GW_OK;
}

static enum gw_err set_option(struct pkg_arguments *out, const char *name, const char *value,
                              struct gw_error *error)
{
    const struct {
        const char *name;
        const char **field;
    } fields[] = {
        { "output", &out->output }, { "chain", &out->chain },         { "trust", &out->trust },
        { "system", &out->system }, { "inventory", &out->inventory },
    };

    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        if (strcmp(fields[i].name, name) == 0) {
            if (*fields[i].field) {
                return gw_fail(error, GW_USAGE, "--%s is given twice", name);
            }
            *fields[i].field = value;
            return GW_OK;
        }
    }
    if (strcmp(name, "cert") == 0) {
        return add(out->certs, &out->cert_count, PKG_SIGNERS_MAX, value, name, error);
    }
    if (strcmp(name, "key") == 0) {
        return add(out->keys, &out->key_count, PKG_SIGNERS_MAX, value, name, error);
    }
    if (strcmp(name, "vendor") == 0) {
        return add(out->vendors, &out->vendor_count, PKG_VENDORS_MAX, value, name, error);
    }
    out->json = out->json || strcmp(name, "json") == 0;
    out->help = out->help || strcmp(name, "help") == 0;
    return GW_OK;
}

/* argv[*at] is an option; its value may be the next word. */
static enum gw_err parse_option(const struct pkg_verb *verb, struct pkg_arguments *out, int argc,
                                char *const *argv, int *at, struct gw_error *error)
{
    const char *word = argv[*at], *equals = strchr(word, '=');
    size_t len = equals ? (size_t)(equals - word) : strlen(word);
    const struct option_spec *o = find_option(word, len);
    const char *value = NULL;

    if (!o || !(verb ? takes(verb, o->name) : lists("json help", o->name))) {
        return gw_fail(error, GW_USAGE, "unknown option %s", word);
    }
    if (o->value) {
        value = equals ? equals + 1 : *at + 1 < argc ? argv[++*at] : NULL;
    }
    if ((o->value && (!value || !*value)) || (!o->value && equals)) {
        return gw_fail(error, GW_USAGE, "--%s takes %s", o->name, o->value ? o->value : "no value");
    }
    return set_option(out, o->name, value, error);
}

static enum gw_err find_verb(const struct pkg_verb **verb, const char *word, struct gw_error *error)
{
    for (size_t i = 0; i < VERBS; i++) {
        if (strcmp(verbs[i].name, word) == 0) {
            *verb = &verbs[i];
            return GW_OK;
        }
    }
    return gw_fail(error, GW_USAGE,
                   "unknown verb %s; one of init pki image build sign info verify plan", word);
}

/* The verb is the first word that is no option. */
static enum gw_err parse_word(const struct pkg_verb **verb, struct pkg_arguments *out,
                              unsigned *words, const char *word, struct gw_error *error)
{
    if (!*verb) {
        return find_verb(verb, word, error);
    }
    if (*words == (*verb)->words_max) {
        return gw_fail(error, GW_USAGE, "gatewaypkg %s %s: one word too many: %s", (*verb)->name,
                       (*verb)->synopsis, word);
    }
    out->words[(*words)++] = word;
    return GW_OK;
}

static enum gw_err parse(const struct pkg_verb **verb, struct pkg_arguments *out, unsigned *words,
                         int argc, char *const *argv, struct gw_error *error)
{
    bool is_rest = false;

    for (int i = 1; i < argc; i++) {
        bool is_option = !is_rest && argv[i][0] == '-' && argv[i][1] != '\0';
        enum gw_err err = GW_OK;

        if (is_option && strcmp(argv[i], "--") == 0) {
            is_rest = true;
        } else if (is_option) {
            err = parse_option(*verb, out, argc, argv, &i, error);
        } else {
            err = parse_word(verb, out, words, argv[i], error);
        }
        if (err) {
            return err;
        }
    }
    return GW_OK;
}

enum gw_err pkg_verbs_parse(const struct pkg_verb **verb, struct pkg_arguments *out, int argc,
                            char *const *argv, struct gw_error *error)
{
    unsigned words = 0;
    enum gw_err err;

    *verb = NULL;
    *out = (struct pkg_arguments){ 0 };
    err = parse(verb, out, &words, argc, argv, error);
    if (err || out->help) {
        return err;
    }
    if (!*verb) {
        return gw_fail(error, GW_USAGE, "a verb is missing");
    }
    if (words < (*verb)->words_min) {
        return gw_fail(error, GW_USAGE, "gatewaypkg %s %s", (*verb)->name, (*verb)->synopsis);
    }
    if (out->cert_count != out->key_count) {
        return gw_fail(error, GW_USAGE, "each --cert needs its --key");
    }
    return GW_OK;
}

static void help_overview(FILE *out)
{
    (void)fprintf(out, "gatewaypkg " GW_VERSION ": make, sign, show and check system packages\n\n"
                       "usage: gatewaypkg VERB ... [--json] [--help]\n\n");
    for (size_t i = 0; i < VERBS; i++) {
        (void)fprintf(out, "  %-8s %-28s %s\n", verbs[i].name, verbs[i].synopsis, verbs[i].summary);
    }
    (void)fprintf(out, "\ngatewaypkg VERB --help tells more; gatewaypkg(1) has a whole example.\n");
}

void pkg_verbs_help(FILE *out, const struct pkg_verb *verb)
{
    if (!verb) {
        help_overview(out);
        return;
    }
    (void)fprintf(out, "usage: gatewaypkg %s %s\n\n%s\n%s\n\n", verb->name, verb->synopsis,
                  verb->summary, verb->details);
    for (size_t i = 0; i < OPTIONS; i++) {
        const struct option_spec *o = &options[i];

        if (takes(verb, o->name)) {
            (void)fprintf(out, "  %s%s--%s %-*s %s\n", o->short_name ? o->short_name : "  ",
                          o->short_name ? ", " : "  ", o->name, 18 - (int)strlen(o->name),
                          o->value ? o->value : "", o->summary);
        }
    }
}
