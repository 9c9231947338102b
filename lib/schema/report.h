/* report: problems, with their places. Internal to lib/schema.
 *
 * A place is a chain of steps on the C stack of whoever descends; it costs nothing until it is shown.
 */
#ifndef TROUPE_SCHEMA_REPORT_H
#define TROUPE_SCHEMA_REPORT_H

#include "base/utf8.h"
#include "schema/schema.h"

struct schema_place {
    const struct schema_place *parent; /* NULL: the whole */
    struct json_ref key;               /* a STRING, or JSON_NONE: an element */
    uint32_t index;
};

static inline struct schema_place schema_place_key(const struct schema_place *parent,
                                                   struct json_ref key)
{
    return (struct schema_place){.parent = parent, .key = key};
}
static inline struct schema_place schema_place_index(const struct schema_place *parent,
                                                     uint32_t index)
{
    return (struct schema_place){.parent = parent, .key = JSON_NONE, .index = index};
}

/* A line that is cut, with "…", when it gets too long. */
struct schema_line {
    char bytes[600];
    size_t len;
    bool cut;
};
void schema_line_add(struct schema_line *line, const char *format, ...) PRINTF(2, 3);
/* `items[2]["a b"].price` */
void schema_line_place(struct schema_line *line, const struct schema_place *place);

/* Values in messages: a part of their text. */
static inline struct slice schema_shown(struct slice text) { return utf8_cut(text, 60); }

/* True when it takes no more; notes that there was more. */
static inline bool schema_report_full(struct schema_report *report)
{
    report->more |= report->count == report->limit;
    return report->count == report->limit;
}
void schema_report_add(struct schema_report *report, struct json_position position,
                       const struct schema_place *place, const char *keyword, const char *message);

#endif
