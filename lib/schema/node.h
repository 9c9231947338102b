/* node: a compiled schema. Internal to lib/schema.
 *
 * A subschema is a node; what it says about values of one type stands in a group, so that a check
 * skips the groups that are empty. Everything lives in the schema's arena, except compiled patterns.
 */
#ifndef TROUPE_SCHEMA_NODE_H
#define TROUPE_SCHEMA_NODE_H

#include "schema/schema.h"

#define GROUP_ANY 1u
#define GROUP_NUMBERS 2u
#define GROUP_STRINGS 4u
#define GROUP_ARRAYS 8u
#define GROUP_OBJECTS 16u
#define GROUP_WHOLE 32u /* subschemas that look at the same value */

/* In the order of enum json_type; an integer is a number without a fraction, however written. */
#define TYPE_BIT(type) (1u << (type))
#define TYPE_INTEGER (1u << 6)

struct schema_node;

struct schema_list {
    const struct schema_node **items;
    uint32_t count;
};

struct schema_property {
    struct slice name;
    const struct schema_node *node;
};
struct schema_properties {
    const struct schema_property *items; /* by name */
    uint32_t count;
};

/* NULL when there is none of that name (check_objects.c). */
const struct schema_node *schema_find_property(const struct schema_properties *properties,
                                               struct slice name);

struct schema_pattern {
    struct slice text;
    void *regex; /* base/regex.h */
};
struct schema_pattern_property {
    struct schema_pattern pattern;
    const struct schema_node *node;
};
struct schema_patterns {
    const struct schema_pattern_property *items;
    uint32_t count;
};

struct schema_names {
    const struct slice *items;
    uint32_t count;
};

struct schema_format; /* format.h */

/* Absent: JSON_NONE, NULL, no elements; counts have the values that exclude nothing. */
struct schema_node {
    uint32_t place;  /* tape index in the schema's own copy */
    uint32_t height; /* refs.c: the longest chain of nodes that look at the same value */
    unsigned groups;
    bool never; /* false; a node without groups is true */

    unsigned types; /* TYPE_BITs */
    struct json_ref choices, constant;

    struct json_ref minimum, maximum, above, below, divisor;

    uint64_t min_length, max_length;
    struct schema_pattern pattern;
    const struct schema_format *format;

    struct schema_list prefix;
    const struct schema_node *items, *contains;
    uint64_t min_contains, max_contains, min_items, max_items;
    bool unique;

    struct schema_properties properties;
    struct schema_patterns patterns;
    const struct schema_node *additional;
    struct schema_names required;
    uint64_t min_members, max_members;

    const struct schema_node *reference;
    struct schema_list all, any, one;
    const struct schema_node *negated, *condition, *consequence, *alternative;
};

struct schema_regex {
    void *regex;
    struct schema_regex *next;
};

struct schema {
    struct arena arena;
    struct json_doc doc; /* a copy of the document; what constants and bounds refer to */
    const struct schema_node *root;
    struct schema_regex *regexes; /* to be given back */
    uint64_t seed;                /* of hashes */
};

#endif
