/* Table: rows of cells, printed in columns that fit the terminal.
 *
 * A column whose cells are all empty is left out. When the rows are too wide, columns marked
 * optional go first, from the right; then columns marked to be cut are.
 */
#ifndef TOOLS_CTL_TABLE_H
#define TOOLS_CTL_TABLE_H

#include "ctl_text.h"

enum column_flags { COLUMN_RIGHT = 1, COLUMN_CUT = 2, COLUMN_OPTIONAL = 4 };

struct column {
    const char *title;
    unsigned flags;
};

enum { TABLE_COLUMNS_MAX = 12 };

struct table {
    const struct column *columns; /* borrowed */
    unsigned column_count;
    struct cell {
        char *text;
        enum tone tone;
    } * cells;
    size_t cell_count, cell_cap;
};

void table_init(struct table *t, const struct column *columns, unsigned column_count);
/* The next cell, row by row. NULL = empty. Running out of memory aborts. */
void table_cell(struct table *t, const char *text);
void table_state(struct table *t, const char *state); /* in the tone of a state */
void table_cellf(struct table *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Print all, with a title row, and free the cells. Without a row: nothing. */
void table_finish(struct table *t, FILE *out, const struct style *style);

#endif
