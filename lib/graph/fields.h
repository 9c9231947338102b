/* fields: the language as tables (fields.def, choices.def).
 *
 * Internal to lib/graph. A context is a place where an object stands (a node, an edge, a node's
 * config by its type); its rows say which members it may have. What a row says is checked by
 * definition.c, and nothing else there knows names.
 */
#ifndef TROUPE_GRAPH_FIELDS_H
#define TROUPE_GRAPH_FIELDS_H

#include "base/json.h"
#include "graph/graph.h"
#include <stdbool.h>
#include <stdint.h>

#define KIND_STRING 1u
#define KIND_INTEGER 2u
#define KIND_NUMBER 4u
#define KIND_OBJECT 8u
#define KIND_LIST 16u
#define KIND_STRINGS 32u /* a list of strings */
#define KIND_BINDING 64u /* a string with a '$': the value comes at run time */
#define KIND_ANY 128u

#define FIELD_BUILT 1u /* works; else known and refused */
#define FIELD_REQUIRED 2u
#define FIELD_APART 4u      /* its content is read by a pass of its own */
#define FIELD_IS_NODE_ID 8u /* its strings are ids of nodes */
#define FIELD_ONE_OF 16u    /* exactly one of those rows of its context must be there */

#define NODE_ID_BYTES 128 /* a letter or '_', then letters, digits, '_' and '-' */

enum field_context {
    CONTEXT_NONE = -1,
#define CONTEXT(id, text, open) CONTEXT_##id,
#define FIELD(context, id, name, kinds, min, nested, choices, flags)
#include "graph/fields.def"
#undef CONTEXT
#undef FIELD
    CONTEXT_COUNT,
};

/* FIELDS_OF_X is the number of X's first row. */
enum field_id {
#define CONTEXT(id, text, open) FIELDS_OF_##id, FIELDS_BEFORE_##id = FIELDS_OF_##id - 1,
#define FIELD(context, id, name, kinds, min, nested, choices, flags) FIELD_##context##_##id,
#include "graph/fields.def"
#undef CONTEXT
#undef FIELD
    FIELD_COUNT,
};

enum choice_set {
    CHOICES_NONE,
    CHOICES_JOIN,
    CHOICES_ON_ERROR,
    CHOICES_CONDITION_TYPE,
    CHOICES_BRANCH_TYPE,
    CHOICES_TRANSFORMATION,
    CHOICES_STRATEGY,
    CHOICES_ITEM_ERROR,
    CHOICES_BODY_TYPE,
    CHOICES_RESPONSE,
    CHOICES_STDIN,
    CHOICES_STDOUT,
};

struct field {
    enum field_context context;
    const char *name;
    unsigned kinds;
    int64_t min;
    enum field_context nested;
    enum choice_set choices;
    unsigned flags;
};

struct choice {
    enum choice_set set;
    const char *text;
    bool built;
};

extern const struct field fields_table[FIELD_COUNT];
extern const struct choice choices_table[];
extern const uint32_t choices_count;

/* Names in expressions, which no node may have; the last is NULL. */
extern const char *const node_ids_reserved[];

const char *context_text(enum field_context context);
const char *context_name(enum field_context context); /* "LOOP_CONFIG" */
bool context_open(enum field_context context);
/* Rows of a context: [first, end). */
void context_rows(enum field_context context, int *first, int *end);
/* The row of that name (a STRING ref), or NULL. */
const struct field *field_find(enum field_context context, struct json_ref key);
/* The context of a node's config. function: only for function nodes. */
enum field_context config_context(enum node_type type, bool builtin_function);

/* The context of a function's input where it is an object written out; CONTEXT_NONE: any input. */
enum field_context function_input_context(enum graph_function function);

/* Values of one object by row; JSON_NONE where absent or of the wrong kind. */
#define FIELDS_PER_CONTEXT 24
struct fields {
    struct json_ref values[FIELDS_PER_CONTEXT];
};
#define FIELD_VALUE(fields, context, id)                                                           \
    ((fields)->values[FIELD_##context##_##id - FIELDS_OF_##context])
/* By the name of the row, for what several contexts share. */
struct json_ref fields_named(const struct fields *fields, enum field_context context,
                             const char *name);

/* False when there is none; aliases count. */
bool node_type_find(struct slice text, enum node_type *type);
bool node_type_built(enum node_type type);
enum graph_function function_find(struct slice text); /* FUNCTION_NONE: unknown */
bool function_built(enum graph_function function);
const char *function_name(enum graph_function function);

#endif
