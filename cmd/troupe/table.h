/* table: columns as wide as what is in them. */
#ifndef TROUPE_TABLE_H
#define TROUPE_TABLE_H

#include "base/arena.h"
#include "base/attr.h"
#include "base/buf.h"
#include "base/slice.h"
#include "term.h"
#include <stdbool.h>
#include <stdint.h>

enum { TABLE_COLUMNS_MOST = 24 };

struct table {
    struct arena *arena; /* owns the cells */
    const char *headings[TABLE_COLUMNS_MOST];
    uint32_t columns;
    struct table_cell {
        struct slice text;
        enum style style;
    } * cells;
    uint32_t count, capacity;
    bool failed; /* no memory */
};

void table_init(struct table *table, struct arena *arena, const char *const *headings,
                uint32_t columns);
/* Cells from left to right, row by row; the text is copied. */
void table_add(struct table *table, enum style style, struct slice text);
/* The last column is cut at the terminal's width; elsewhere nothing is. */
void table_write(const struct table *table, const struct term *term, struct buf *out);

#endif
