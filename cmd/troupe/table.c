/* table: cells, then widths, then text. */
#include "table.h"
#include "base/err.h"
#include <string.h>

enum { GAP = 2 };

void table_init(struct table *table, struct arena *arena, const char *const *headings,
                uint32_t columns)
{
    *table = (struct table){.arena = arena,
                            .columns = columns < TABLE_COLUMNS_MOST ? columns : TABLE_COLUMNS_MOST};
    for (uint32_t i = 0; i < table->columns; i++)
        table->headings[i] = headings[i];
}

static bool make_room(struct table *table)
{
    if (table->count < table->capacity)
        return true;
    uint32_t capacity = table->capacity ? table->capacity * 2 : 64;
    struct table_cell *cells = arena_array(table->arena, capacity, sizeof(*cells));
    if (!cells)
        return false;
    if (table->count)
        memcpy(cells, table->cells, table->count * sizeof(*cells));
    table->cells = cells;
    table->capacity = capacity;
    return true;
}

void table_add(struct table *table, enum style style, struct slice text)
{
    struct slice copy = table->failed ? SLICE_NONE : arena_copy(table->arena, text);
    if (!copy.ptr || !make_room(table)) {
        table->failed = true;
        return;
    }
    table->cells[table->count++] = (struct table_cell){copy, style};
}

static void measure(const struct table *table, uint32_t *widths)
{
    invariant(table->columns > 0, "a table without columns");
    for (uint32_t i = 0; i < table->columns; i++)
        widths[i] = text_width(slice_str(table->headings[i]));
    for (uint32_t i = 0; i < table->count; i++) {
        uint32_t width = text_width(table->cells[i].text);
        if (width > widths[i % table->columns])
            widths[i % table->columns] = width;
    }
}

static void write_cell(struct buf *out, const struct term *term, const struct table_cell *cell,
                       uint32_t width, bool last, uint32_t *used)
{
    uint32_t most = UINT32_MAX;
    if (last && term->tty)
        most = term->width > *used + 1 ? term->width - *used - 1 : 1;
    style_begin(out, term->colour, cell->style);
    uint32_t written = text_fit(out, cell->text, most, term->unicode);
    style_end(out, term->colour, cell->style);
    if (!last)
        text_pad(out, width - written + GAP);
    *used += width + GAP;
}

void table_write(const struct table *table, const struct term *term, struct buf *out)
{
    if (table->failed) {
        out->failed = true;
        return;
    }
    uint32_t widths[TABLE_COLUMNS_MOST];
    measure(table, widths);
    uint32_t rows = table->count / table->columns;
    for (uint32_t row = 0; row <= rows; row++) {
        uint32_t used = 0;
        for (uint32_t i = 0; i < table->columns; i++) {
            struct table_cell heading = {slice_str(table->headings[i]), STYLE_DIM};
            const struct table_cell *cell =
                row ? &table->cells[(row - 1) * table->columns + i] : &heading;
            write_cell(out, term, cell, widths[i], i + 1 == table->columns, &used);
        }
        while (out->len > 0 && out->data[out->len - 1] == ' ')
            out->len--; /* of a last cell that is empty */
        buf_char(out, '\n');
    }
}
