/* value: lists, maps, views over JSON, equality and order. Internal to lib/cel.
 *
 * A list is CEL_LIST (built here) or CEL_JSON over an array; a map is CEL_MAP or CEL_JSON over an
 * object. Inside the evaluator a CEL_JSON may also be a string with escapes that nobody has needed
 * decoded yet ("unread"): equality and maps take it as it is, everything else reads it first
 * (cel_value_read).
 */
#ifndef TROUPE_CEL_VALUE_H
#define TROUPE_CEL_VALUE_H

#include "cel/cel.h"

struct cel_list {
    uint32_t count;
    const struct cel_value *items;
};

struct cel_entry {
    struct cel_value key; /* STRING (or unread), INT, UINT, BOOL */
    struct cel_value value;
};

/* Entries in the order in which they were given, and, for large maps, a table of entry indexes + 1
 * by hash of the key. */
struct cel_map {
    uint32_t count;
    const struct cel_entry *entries;
    uint32_t *table;
    uint32_t mask;
    uint64_t seed;
};

/* What comparisons may still cost. Long comparisons stop when it is used up (and give any answer);
 * the evaluator sees `left` below 0 and fails with CEL_ERROR_COST. */
struct cel_meter {
    int64_t left;
};

static inline struct cel_value cel_double(double real)
{
    return (struct cel_value){.kind = CEL_DOUBLE, .real = real, .digits = NULL};
}
static inline struct cel_value cel_uint(uint64_t uinteger)
{
    return (struct cel_value){.kind = CEL_UINT, .uinteger = uinteger};
}
static inline struct cel_value cel_bytes(struct slice bytes)
{
    return (struct cel_value){.kind = CEL_BYTES, .text = bytes};
}

bool cel_is_list(const struct cel_value *value);
bool cel_is_map(const struct cel_value *value);
bool cel_is_unread(const struct cel_value *value);
/* Elements of a list or a map; 0 for all else. */
uint32_t cel_count(const struct cel_value *value);

/* Decodes an unread string; false without memory. */
MUSTCHECK bool cel_value_read(struct cel_value *value, struct arena *arena);

/* NULL without memory. Items are borrowed. */
MUSTCHECK const struct cel_list *cel_list_make(struct arena *arena, const struct cel_value *items,
                                               uint32_t count);
/* Entries are borrowed. *repeated gets the index of the first entry whose key was there already, or
 * count. NULL without memory. */
MUSTCHECK const struct cel_map *cel_map_make(struct arena *arena, const struct cel_entry *entries,
                                             uint32_t count, struct cel_meter *meter,
                                             uint32_t *repeated);

/* Iteration over a list (key unset) or a map. */
struct cel_iter {
    const struct cel_value *container;
    struct json_iter json;
    uint32_t at;
    struct cel_value key;
    struct cel_value value;
};
struct cel_iter cel_iter(const struct cel_value *container);
bool cel_next(struct cel_iter *iter);

/* The value of a key in a map; false when it is not there, or can be no key. */
bool cel_map_find(const struct cel_value *map, const struct cel_value *key, struct cel_meter *meter,
                  struct cel_value *found);
/* An element of a list; index < cel_count(list). */
struct cel_value cel_list_at(const struct cel_value *list, uint32_t index, struct cel_meter *meter);

enum cel_order { CEL_LESS, CEL_SAME, CEL_GREATER, CEL_UNORDERED, CEL_NOT_COMPARABLE };

/* UNORDERED: a NaN is involved. NOT_COMPARABLE: kinds without an order between them. Neither value
 * may be unread. */
enum cel_order cel_compare(const struct cel_value *a, const struct cel_value *b);
bool cel_same(const struct cel_value *a, const struct cel_value *b, struct cel_meter *meter);

#endif
