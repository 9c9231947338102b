#include "cel/library.h"

/* Arithmetic between an int and a double is CEL's only extension here (cel.h), and only where the
 * checker does not know both types: hence "~id:d ~di:d". */
#define MIXED " ~id:d ~di:d"
#define ORDERED "bb:b ii:b uu:b dd:b iu:b ui:b id:b di:b ud:b du:b ss:b yy:b tt:b rr:b"
#define TIMESTAMP_PART "t.:i t.s:i"
#define TIME_PART "t.:i t.s:i r.:i"

static const struct cel_library_row rows[] = {
    {"+", "ii:i uu:u dd:d ss:s yy:y lAlA:lA tr:t rt:t rr:r" MIXED, cel_add, false, NULL},
    {"-", "ii:i uu:u dd:d tt:r tr:t rr:r i:i d:d" MIXED, cel_subtract_or_negate, false, NULL},
    {"*", "ii:i uu:u dd:d" MIXED, cel_multiply, false, NULL},
    {"/", "ii:i uu:u dd:d" MIXED, cel_divide, false, NULL},
    {"%", "ii:i uu:u", cel_modulo, false, NULL},
    {"!", "b:b", cel_not, false, NULL},
    {"<", ORDERED, cel_less, false, NULL},
    {"<=", ORDERED, cel_less_equal, false, NULL},
    {">", ORDERED, cel_greater, false, NULL},
    {">=", ORDERED, cel_greater_equal, false, NULL},
    {"==", "AA:b", cel_equals, true, NULL},
    {"!=", "AA:b", cel_not_equals, true, NULL},
    {"in", "AlA:b AmAB:b", cel_in, true, NULL},
    {"[]", "lAi:A mABA:B olAi:oA omABA:oB", cel_index, true, NULL},
    {"size", "s:i y:i lA:i mAB:i s.:i y.:i lA.:i mAB.:i", cel_size, false, NULL},
    {"contains", "s.s:b", cel_contains, false, NULL},
    {"startsWith", "s.s:b", cel_starts_with, false, NULL},
    {"endsWith", "s.s:b", cel_ends_with, false, NULL},
    {"matches", "s.s:b ss:b", cel_matches, false, NULL},
    {"int", "i:i u:i d:i s:i t:i", cel_to_int, false, NULL},
    {"uint", "u:u i:u d:u s:u", cel_to_uint, false, NULL},
    {"double", "d:d i:d u:d s:d", cel_to_double, false, NULL},
    {"string", "s:s i:s u:s d:s b:s y:s t:s r:s p:s c:s", cel_to_string, false, NULL},
    {"bytes", "y:y s:y", cel_to_bytes, false, NULL},
    {"bool", "b:b s:b", cel_to_bool, false, NULL},
    {"timestamp", "t:t s:t i:t", cel_to_timestamp, false, NULL},
    {"duration", "r:r s:r", cel_to_duration, false, NULL},
    {"dyn", "A:*", cel_to_dyn, true, NULL},
    {"type", "A:TA", cel_to_type, true, NULL},
    {"getFullYear", TIMESTAMP_PART, cel_get_full_year, false, NULL},
    {"getMonth", TIMESTAMP_PART, cel_get_month, false, NULL},
    {"getDate", TIMESTAMP_PART, cel_get_date, false, NULL},
    {"getDayOfMonth", TIMESTAMP_PART, cel_get_day_of_month, false, NULL},
    {"getDayOfWeek", TIMESTAMP_PART, cel_get_day_of_week, false, NULL},
    {"getDayOfYear", TIMESTAMP_PART, cel_get_day_of_year, false, NULL},
    {"getHours", TIME_PART, cel_get_hours, false, NULL},
    {"getMinutes", TIME_PART, cel_get_minutes, false, NULL},
    {"getSeconds", TIME_PART, cel_get_seconds, false, NULL},
    {"getMilliseconds", TIME_PART, cel_get_milliseconds, false, NULL},
};

static const struct cel_library_table core = {rows, ARRAY_LEN(rows)};

static const struct cel_library_table *const tables[] = {
    &core,           &cel_ext_strings, &cel_ext_math, &cel_ext_optionals, &cel_ext_encoders,
    &cel_ext_network};

const struct cel_library_row *cel_library_at(size_t index)
{
    for (size_t i = 0; i < ARRAY_LEN(tables); i++) {
        if (index < tables[i]->count)
            return &tables[i]->rows[index];
        index -= tables[i]->count;
    }
    return NULL;
}

const struct cel_library_row *cel_library_find(struct slice name)
{
    const struct cel_library_row *row = NULL;
    for (size_t i = 0; (row = cel_library_at(i)) != NULL; i++)
        if (slice_eq_str(name, row->name))
            return row;
    return NULL;
}

/* What follows "space." in the row's name; NULL when it is not of that namespace. */
static const char *name_in(const struct cel_library_row *row, struct slice space)
{
    const char *dot = strchr(row->name, '.');
    bool inside = dot && slice_eq(slice_of(row->name, (size_t)(dot - row->name)), space);
    return inside ? dot + 1 : NULL;
}

const struct cel_library_row *cel_library_find_in(struct slice space, struct slice name)
{
    const struct cel_library_row *row = NULL;
    for (size_t i = 0; (row = cel_library_at(i)) != NULL; i++) {
        const char *inside = name_in(row, space);
        if (inside && slice_eq_str(name, inside))
            return row;
    }
    return NULL;
}

bool cel_library_has_space(struct slice space)
{
    const struct cel_library_row *row = NULL;
    for (size_t i = 0; (row = cel_library_at(i)) != NULL; i++)
        if (name_in(row, space))
            return true;
    return false;
}
