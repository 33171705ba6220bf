#include "link_uri.h"

#include <string.h>

/* A borrowed piece of the text. */
struct piece {
    const char *at;
    size_t len;
};

static bool is(struct piece p, const char *word)
{
    return p.len == strlen(word) && memcmp(p.at, word, p.len) == 0;
}

/* The piece up to the first of `ends`; *rest begins after that character, or at the end. */
static struct piece cut(const char *text, char end, const char **rest)
{
    const char *found = strchr(text, end);
    size_t len = found ? (size_t)(found - text) : strlen(text);

    *rest = text + len + (found ? 1 : 0);
    return (struct piece){ text, len };
}

static bool take_number(struct piece p, uint32_t min, uint32_t max, uint32_t *out)
{
    uint32_t value = 0;

    if (p.len == 0 || p.len > 8 || p.at[0] == '0') {
        return false;
    }
    for (size_t i = 0; i < p.len; i++) {
        if (p.at[i] < '0' || p.at[i] > '9') {
            return false;
        }
        value = value * 10 + (uint32_t)(p.at[i] - '0');
    }
    *out = value;
    return value >= min && value <= max;
}

static bool copy_target(struct link_uri *u, struct piece p)
{
    if (p.len == 0 || p.len >= sizeof u->target) {
        return false;
    }
    for (size_t i = 0; i < p.len; i++) {
        if ((unsigned char)p.at[i] < 0x21 || p.at[i] == 0x7f) {
            return false;
        }
    }
    memcpy(u->target, p.at, p.len);
    return true;
}

static bool take_host_and_port(struct link_uri *u, struct piece p)
{
    const char *colon = NULL;
    uint32_t port;

    for (size_t i = 0; i < p.len; i++) {
        colon = p.at[i] == ':' ? p.at + i : colon;
    }
    if (!colon) {
        return false;
    }
    struct piece host = { p.at, (size_t)(colon - p.at) };
    struct piece number = { colon + 1, (size_t)(p.at + p.len - colon - 1) };

    if (host.len >= 2 && host.at[0] == '[' && host.at[host.len - 1] == ']') {
        host = (struct piece){ host.at + 1, host.len - 2 };
    } else if (memchr(host.at, ':', host.len)) {
        return false; /* IPv6 without brackets */
    }
    if (!take_number(number, 1, 65535, &port) || !copy_target(u, host)) {
        return false;
    }
    memcpy(u->port, number.at, number.len);
    return true;
}

/* One option of the part after '?'. */
static bool take_option(struct link_uri *u, struct piece key, struct piece value, unsigned *seen)
{
    static const char *const names[] = { "baud", "parity", "stop", "flow" };
    enum { BAUD, PARITY, STOP, FLOW, NAMES };
    unsigned name = 0;
    uint32_t stop;

    while (name < NAMES && !is(key, names[name])) {
        name++;
    }
    if (name == NAMES || *seen & 1u << name || (name != BAUD && u->scheme != LINK_SERIAL)) {
        return false;
    }
    *seen |= 1u << name;
    switch (name) {
    case BAUD:
        return take_number(value, LINK_BAUD_MIN, LINK_BAUD_MAX, &u->baud);
    case PARITY:
        u->parity = is(value, "even")  ? LINK_PARITY_EVEN
                    : is(value, "odd") ? LINK_PARITY_ODD
                                       : LINK_PARITY_NONE;
        return u->parity != LINK_PARITY_NONE || is(value, "none");
    case STOP:
        if (!take_number(value, 1, 2, &stop)) {
            return false;
        }
        u->stop_bits = (uint8_t)stop;
        return true;
    default:
        u->has_rtscts = is(value, "rtscts");
        return u->has_rtscts || is(value, "none");
    }
}

static bool take_options(struct link_uri *u, const char *text)
{
    unsigned seen = 0;

    while (*text) {
        const char *rest, *value_at;
        struct piece option = cut(text, '&', &rest);
        struct piece key = cut(text, '=', &value_at);

        if (key.len >= option.len) {
            return false; /* no '=' */
        }
        struct piece value = { value_at, option.len - key.len - 1 };

        if (!take_option(u, key, value, &seen)) {
            return false;
        }
        text = rest;
    }
    return true;
}

static bool take_scheme(struct link_uri *u, const char *text, const char **rest)
{
    static const struct {
        const char *prefix;
        enum link_scheme scheme;
    } schemes[] = { { "serial:", LINK_SERIAL }, { "tcp://", LINK_TCP }, { "unix:", LINK_UNIX } };

    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
        size_t len = strlen(schemes[i].prefix);

        if (strncmp(text, schemes[i].prefix, len) == 0) {
            u->scheme = schemes[i].scheme;
            *rest = text + len;
            return true;
        }
    }
    return false;
}

static enum gw_err parse(struct link_uri *u, const char *text, struct gw_error *error)
{
    const char *at, *options;

    if (!take_scheme(u, text, &at)) {
        return gw_fail(error, GW_LINK_URI, "link \"%.100s\": serial:, tcp:// or unix: expected",
                       text);
    }
    struct piece target = cut(at, '?', &options);
    bool ok = u->scheme == LINK_TCP ? take_host_and_port(u, target)
                                    : target.len > 0 && *target.at == '/' && copy_target(u, target);

    if (!ok) {
        return gw_fail(error, GW_LINK_URI, "link \"%.100s\": %s", text,
                       u->scheme == LINK_TCP ? "host:port expected"
                                             : "an absolute path of at most 107 bytes expected");
    }
    u->stop_bits = 1;
    u->baud = u->scheme == LINK_SERIAL ? LINK_BAUD_DEFAULT : 0;
    if ((at[target.len] == '?' && *options == '\0') || !take_options(u, options)) {
        return gw_fail(error, GW_LINK_URI,
                       "link \"%.100s\": an option is unknown, repeated or not "
                       "valid; options are %s",
                       text, u->scheme == LINK_SERIAL ? "baud parity stop flow" : "baud");
    }
    return GW_OK;
}

enum gw_err link_uri_parse(struct link_uri *out, const char *text, struct gw_error *error)
{
    *out = (struct link_uri){ 0 };
    enum gw_err err = parse(out, text, error);

    if (err) {
        *out = (struct link_uri){ 0 };
    }
    return err;
}
