/* Small pieces of text for people: sizes, times, widths, colours. Pure, but for the stream that
 * they print to.
 *
 * Text from daemons and devices may hold anything; whatever is printed goes through text_put(), so
 * that it cannot move a terminal's cursor.
 */
#ifndef TOOLS_CTL_TEXT_H
#define TOOLS_CTL_TEXT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* How to print, decided once by main(). */
struct style {
    bool color;     /* escape sequences for colours */
    unsigned width; /* columns of the terminal; 0 = no limit (not a terminal) */
    int64_t now;    /* seconds since 1970, for "3 min ago" */
};

enum tone { TONE_PLAIN, TONE_GOOD, TONE_WARN, TONE_BAD, TONE_BOLD, TONE_DIM };

struct short_text {
    char text[24];
};

struct short_text text_bytes(int64_t bytes);             /* "812 B", "9.1 KiB", "64.0 MiB" */
struct short_text text_rate(int64_t bytes_a_second);     /* "9.1 KiB/s" */
struct short_text text_clock(int64_t seconds);           /* "0:31", "12:05", "3:07:00" */
struct short_text text_duration(int64_t seconds);        /* "4 s", "12 min", "3 h", "12 d" */
struct short_text text_time(int64_t seconds_since_1970); /* "2026-11-20 10:59" (UTC) */

/* Columns that `text` takes: its code points. */
unsigned text_columns(const char *text);

/* Print; control characters and what is not UTF-8 become '?'. */
void text_put(FILE *out, const char *text);
/* The same, cut after `columns`; then the last two are "..". */
void text_put_cut(FILE *out, const char *text, unsigned columns);

/* Print `text` in lines of at most `width` columns (0 = one line), each after `indent` spaces. */
void text_wrap(FILE *out, unsigned indent, unsigned width, const char *text);

/* Begin / end of a colour; nothing when style says so. */
void text_begin(FILE *out, const struct style *style, enum tone tone);
void text_end(FILE *out, const struct style *style, enum tone tone);

/* The tone of a state word of a device, bus, step or job. */
enum tone text_state_tone(const char *state);

#endif
