#include "ctl_text.h"

#include <string.h>
#include <time.h>

struct short_text text_bytes(int64_t bytes)
{
    static const char *const units[] = { "KiB", "MiB", "GiB", "TiB" };
    struct short_text t;
    double value = (double)bytes / 1024;
    size_t unit = 0;

    if (bytes < 1024) {
        (void)snprintf(t.text, sizeof t.text, "%lld B", (long long)bytes);
        return t;
    }
    /* 1023.95 would be printed as 1024.0 */
    while (value >= 1023.95 && unit < 3) {
        value /= 1024;
        unit++;
    }
    (void)snprintf(t.text, sizeof t.text, "%.1f %s", value, units[unit]);
    return t;
}

struct short_text text_rate(int64_t bytes_a_second)
{
    struct short_text t = text_bytes(bytes_a_second);

    (void)strncat(t.text, "/s", sizeof t.text - strlen(t.text) - 1);
    return t;
}

struct short_text text_clock(int64_t seconds)
{
    struct short_text t;
    long long s = seconds < 0 ? 0 : seconds, hours = s / 3600;

    if (hours > 0) {
        (void)snprintf(t.text, sizeof t.text, "%lld:%02lld:%02lld", hours, s / 60 % 60, s % 60);
    } else {
        (void)snprintf(t.text, sizeof t.text, "%lld:%02lld", s / 60, s % 60);
    }
    return t;
}

struct short_text text_duration(int64_t seconds)
{
    struct short_text t;
    long long s = seconds < 0 ? 0 : seconds;

    if (s < 120) {
        (void)snprintf(t.text, sizeof t.text, "%lld s", s);
    } else if (s < 2 * 3600) {
        (void)snprintf(t.text, sizeof t.text, "%lld min", s / 60);
    } else if (s < 2 * 86400) {
        (void)snprintf(t.text, sizeof t.text, "%lld h", s / 3600);
    } else {
        (void)snprintf(t.text, sizeof t.text, "%lld d", s / 86400);
    }
    return t;
}

struct short_text text_time(int64_t seconds_since_1970)
{
    struct short_text t;
    time_t when = (time_t)seconds_since_1970;
    struct tm utc;

    if (!gmtime_r(&when, &utc) || strftime(t.text, sizeof t.text, "%Y-%m-%d %H:%M", &utc) == 0) {
        (void)snprintf(t.text, sizeof t.text, "?");
    }
    return t;
}

/* Bytes of the printable character at `p`; 0 = one byte that must not be printed. */
static size_t printable(const char *p)
{
    const unsigned char *b = (const unsigned char *)p;
    size_t len = b[0] < 0x80 ? 1 : b[0] >= 0xf0 ? 4 : b[0] >= 0xe0 ? 3 : 2;

    if (b[0] < 0x20 || b[0] == 0x7f || (b[0] >= 0x80 && b[0] < 0xc2)) {
        return 0;
    }
    for (size_t i = 1; i < len; i++) {
        if ((b[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    /* U+0080..U+009F are control characters too. */
    return b[0] == 0xc2 && b[1] < 0xa0 ? 0 : len;
}

unsigned text_columns(const char *text)
{
    unsigned columns = 0;

    for (; *text; columns++) {
        size_t len = printable(text);

        text += len ? len : 1;
    }
    return columns;
}

static void put_columns(FILE *out, const char *text, unsigned columns)
{
    for (; *text && columns > 0; columns--) {
        size_t len = printable(text);

        if (len == 0) {
            (void)fputc('?', out);
        }
        (void)fwrite(text, 1, len, out);
        text += len ? len : 1;
    }
}

void text_put(FILE *out, const char *text)
{
    put_columns(out, text, (unsigned)-1);
}

void text_put_cut(FILE *out, const char *text, unsigned columns)
{
    if (text_columns(text) <= columns) {
        text_put(out, text);
    } else if (columns < 3) {
        put_columns(out, text, columns);
    } else {
        put_columns(out, text, columns - 2);
        (void)fputs("..", out);
    }
}

void text_wrap(FILE *out, unsigned indent, unsigned width, const char *text)
{
    unsigned column = 0;

    (void)fprintf(out, "%*s", (int)indent, "");
    while (*text) {
        size_t len = strcspn(text, " ");
        char word[256];

        len = len < sizeof word ? len : sizeof word - 1;
        memcpy(word, text, len);
        word[len] = '\0';
        unsigned columns = text_columns(word);

        if (column > 0 && width > 0 && indent + column + 1 + columns > width) {
            (void)fprintf(out, "\n%*s", (int)indent, "");
            column = 0;
        }
        if (column > 0) {
            (void)fputc(' ', out);
            column++;
        }
        text_put(out, word);
        column += columns;
        text += len;
        text += strspn(text, " ");
    }
    (void)fputc('\n', out);
}

static const char *const sequences[] = {
    [TONE_PLAIN] = "",       [TONE_GOOD] = "\033[32m", [TONE_WARN] = "\033[33m",
    [TONE_BAD] = "\033[31m", [TONE_BOLD] = "\033[1m",  [TONE_DIM] = "\033[2m",
};

void text_begin(FILE *out, const struct style *style, enum tone tone)
{
    if (style->color) {
        (void)fputs(sequences[tone], out);
    }
}

void text_end(FILE *out, const struct style *style, enum tone tone)
{
    if (style->color && tone != TONE_PLAIN) {
        (void)fputs("\033[0m", out);
    }
}

enum tone text_state_tone(const char *state)
{
    static const struct {
        const char *state;
        enum tone tone;
    } tones[] = {
        { "ok", TONE_GOOD },        { "done", TONE_GOOD },      { "committed", TONE_GOOD },
        { "passed", TONE_GOOD },    { "open", TONE_GOOD },      { "outdated", TONE_WARN },
        { "trial", TONE_WARN },     { "reverting", TONE_WARN }, { "away", TONE_WARN },
        { "absent", TONE_WARN },    { "paused", TONE_WARN },    { "partial", TONE_WARN },
        { "cancelled", TONE_WARN }, { "skipped", TONE_WARN },   { "failed", TONE_BAD },
        { "refused", TONE_BAD },    { "refuse", TONE_BAD },     { "parked", TONE_BAD },
    };

    for (size_t i = 0; i < sizeof tones / sizeof tones[0]; i++) {
        if (strcmp(tones[i].state, state) == 0) {
            return tones[i].tone;
        }
    }
    return TONE_PLAIN;
}
