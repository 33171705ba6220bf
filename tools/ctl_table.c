#include "ctl_table.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { GAP = 2, CUT_TO = 8 };

void table_init(struct table *t, const struct column *columns, unsigned column_count)
{
    memset(t, 0, sizeof *t);
    t->columns = columns;
    t->column_count = column_count;
}

static void add(struct table *t, char *text, enum tone tone)
{
    if (t->cell_count == t->cell_cap) {
        size_t cap = t->cell_cap ? 2 * t->cell_cap : 64;
        struct cell *cells = realloc(t->cells, cap * sizeof *cells);

        if (!cells) {
            abort();
        }
        t->cells = cells;
        t->cell_cap = cap;
    }
    if (!text) {
        abort();
    }
    t->cells[t->cell_count++] = (struct cell){ text, tone };
}

void table_cell(struct table *t, const char *text)
{
    add(t, strdup(text ? text : ""), TONE_PLAIN);
}

void table_state(struct table *t, const char *state)
{
    add(t, strdup(state ? state : ""), state ? text_state_tone(state) : TONE_PLAIN);
}

void table_cellf(struct table *t, const char *format, ...)
{
    char *text;
    va_list args;

    va_start(args, format);
    if (vasprintf(&text, format, args) < 0) {
        abort();
    }
    va_end(args);
    add(t, text, TONE_PLAIN);
}

/* Widths of the columns; 0 = not shown. */
static void measure(const struct table *t, unsigned widths[TABLE_COLUMNS_MAX])
{
    memset(widths, 0, TABLE_COLUMNS_MAX * sizeof widths[0]);
    for (size_t i = 0; i < t->cell_count; i++) {
        unsigned columns = text_columns(t->cells[i].text), *width = &widths[i % t->column_count];

        *width = columns > *width ? columns : *width;
    }
    for (unsigned c = 0; c < t->column_count; c++) {
        unsigned title = text_columns(t->columns[c].title);

        widths[c] = widths[c] && widths[c] < title ? title : widths[c];
    }
}

static unsigned total(const unsigned widths[TABLE_COLUMNS_MAX])
{
    unsigned sum = 0;

    for (unsigned c = 0; c < TABLE_COLUMNS_MAX; c++) {
        sum += widths[c] ? widths[c] + GAP : 0;
    }
    return sum ? sum - GAP : 0;
}

/* The widest column that may still be cut, or NULL. */
static unsigned *widest(const struct table *t, unsigned widths[TABLE_COLUMNS_MAX])
{
    unsigned *found = NULL;

    for (unsigned c = 0; c < t->column_count; c++) {
        if (t->columns[c].flags & COLUMN_CUT && widths[c] > CUT_TO &&
            (!found || widths[c] > *found)) {
            found = &widths[c];
        }
    }
    return found;
}

static void fit(const struct table *t, unsigned widths[TABLE_COLUMNS_MAX], unsigned limit)
{
    unsigned *cut;

    for (unsigned c = t->column_count; c-- > 0 && total(widths) > limit;) {
        widths[c] = t->columns[c].flags & COLUMN_OPTIONAL ? 0 : widths[c];
    }
    while (total(widths) > limit && (cut = widest(t, widths)) != NULL) {
        --*cut;
    }
}

/* One cell, and the space to the next one unless it is the last. */
static void put_cell(FILE *out, const struct style *style, const struct column *column,
                     const struct cell *cell, unsigned width, bool is_last)
{
    unsigned columns = text_columns(cell->text);
    int space = columns < width ? (int)(width - columns) : 0;

    if (column->flags & COLUMN_RIGHT) {
        (void)fprintf(out, "%*s", space, "");
    }
    text_begin(out, style, cell->tone);
    text_put_cut(out, cell->text, width);
    text_end(out, style, cell->tone);
    if (!is_last) {
        (void)fprintf(out, "%*s", (column->flags & COLUMN_RIGHT ? 0 : space) + GAP, "");
    }
}

/* The last column of this row that shows something: no line ends in spaces. */
static unsigned last_shown(const struct cell *row, const unsigned *widths, unsigned count)
{
    unsigned last = 0;

    for (unsigned c = 0; c < count; c++) {
        last = widths[c] && row[c].text[0] ? c : last;
    }
    return last;
}

static void put_row(FILE *out, const struct style *style, const struct table *t,
                    const struct cell *row, const unsigned *widths)
{
    unsigned last = last_shown(row, widths, t->column_count);

    for (unsigned c = 0; c <= last; c++) {
        if (widths[c]) {
            put_cell(out, style, &t->columns[c], &row[c], widths[c], c == last);
        }
    }
    (void)fputc('\n', out);
}

void table_finish(struct table *t, FILE *out, const struct style *style)
{
    unsigned widths[TABLE_COLUMNS_MAX];
    struct cell titles[TABLE_COLUMNS_MAX];

    measure(t, widths);
    if (style->width > 0) {
        fit(t, widths, style->width);
    }
    for (unsigned c = 0; c < t->column_count; c++) {
        titles[c] = (struct cell){ (char *)(uintptr_t)t->columns[c].title, TONE_BOLD };
    }
    if (t->cell_count > 0) {
        put_row(out, style, t, titles, widths);
    }
    for (size_t i = 0; i + t->column_count <= t->cell_count; i += t->column_count) {
        put_row(out, style, t, &t->cells[i], widths);
    }
    for (size_t i = 0; i < t->cell_count; i++) {
        free(t->cells[i].text);
    }
    free(t->cells);
    memset(t, 0, sizeof *t);
}
