#include "http_head.h"

#include <string.h>
#include <strings.h>

/* A piece of a line that shrinks from the left. */
struct text {
    const char *at;
    size_t len;
};

static void skip_blanks(struct text *t)
{
    while (t->len > 0 && (*t->at == ' ' || *t->at == '\t')) {
        t->at++;
        t->len--;
    }
}

static bool take_char(struct text *t, char c)
{
    if (t->len == 0 || *t->at != c) {
        return false;
    }
    t->at++;
    t->len--;
    return true;
}

/* A decimal number below 2^63: file offsets are signed. */
static bool take_number(struct text *t, uint64_t *value)
{
    size_t digits = 0;

    *value = 0;
    while (t->len > 0 && *t->at >= '0' && *t->at <= '9') {
        unsigned digit = (unsigned)(*t->at - '0');

        if (*value > ((uint64_t)INT64_MAX - digit) / 10) {
            return false;
        }
        *value = *value * 10 + digit;
        t->at++;
        t->len--;
        digits++;
    }
    return digits > 0;
}

/* Does the line hold this field? Then only its value is left. */
static bool take_field(struct text *t, const char *name)
{
    size_t n = strlen(name);

    if (t->len <= n || strncasecmp(t->at, name, n) != 0 || t->at[n] != ':') {
        return false;
    }
    t->at += n + 1;
    t->len -= n + 1;
    skip_blanks(t);
    return true;
}

static void read_status(struct http_head *head, struct text t)
{
    uint64_t status;

    memset(head, 0, sizeof *head);
    while (t.len > 0 && *t.at != ' ') {
        t.at++;
        t.len--;
    }
    skip_blanks(&t);
    if (take_number(&t, &status) && status >= 100 && status <= 999) {
        head->status = (unsigned)status;
    }
}

static void read_length(struct http_head *head, struct text t)
{
    head->has_twice |= head->has_length;
    head->has_length = take_number(&t, &head->length) && t.len == 0;
}

static void read_range(struct http_head *head, struct text t)
{
    head->has_twice |= head->has_range;
    head->has_range = t.len > 5 && strncasecmp(t.at, "bytes", 5) == 0;
    if (!head->has_range) {
        return;
    }
    t.at += 5;
    t.len -= 5;
    skip_blanks(&t);
    head->has_range = take_number(&t, &head->first) && take_char(&t, '-') &&
                      take_number(&t, &head->last) && take_char(&t, '/') &&
                      take_number(&t, &head->total) && t.len == 0 && head->first <= head->last &&
                      head->last < head->total;
}

/* entity-tag = [ "W/" ] DQUOTE *etagc DQUOTE */
static bool is_etag(struct text t)
{
    if (t.len >= 2 && t.at[0] == 'W' && t.at[1] == '/') {
        t.at += 2;
        t.len -= 2;
    }
    if (t.len < 2 || t.at[0] != '"' || t.at[t.len - 1] != '"') {
        return false;
    }
    for (size_t i = 1; i + 1 < t.len; i++) {
        unsigned char c = (unsigned char)t.at[i];

        if (c == '"' || c < 0x21 || c > 0x7e) {
            return false;
        }
    }
    return true;
}

static void read_etag(struct http_head *head, struct text t)
{
    head->has_twice |= head->etag[0] != '\0';
    head->etag[0] = '\0';
    if (t.len < sizeof head->etag && is_etag(t)) {
        memcpy(head->etag, t.at, t.len);
        head->etag[t.len] = '\0';
    }
}

void http_head_line(struct http_head *head, const char *line, size_t len)
{
    struct text t = { line, len };

    while (t.len > 0 && strchr("\r\n \t", t.at[t.len - 1]) && t.at[t.len - 1]) {
        t.len--;
    }
    if (t.len > 5 && strncasecmp(t.at, "HTTP/", 5) == 0) {
        read_status(head, t);
    } else if (take_field(&t, "content-length")) {
        read_length(head, t);
    } else if (take_field(&t, "content-range")) {
        read_range(head, t);
    } else if (take_field(&t, "etag")) {
        read_etag(head, t);
    } else if (take_field(&t, "location")) {
        head->redirects_to_http = t.len >= 5 && strncasecmp(t.at, "http:", 5) == 0;
    }
}
