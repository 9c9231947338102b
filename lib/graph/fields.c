#include "graph/fields.h"

const struct field fields_table[FIELD_COUNT] = {
#define CONTEXT(id, text, open)
#define FIELD(in, id, text, kind, least, nest, choice, flag)                                       \
    [FIELD_##in##_##id] = {.context = CONTEXT_##in,                                                \
                           .name = text,                                                           \
                           .kinds = kind,                                                          \
                           .min = least,                                                           \
                           .nested = CONTEXT_##nest,                                               \
                           .choices = CHOICES_##choice,                                            \
                           .flags = flag},
#include "graph/fields.def"
#undef CONTEXT
#undef FIELD
};

const struct choice choices_table[] = {
#define CHOICE(in, word, works) {CHOICES_##in, word, works},
#include "graph/choices.def"
#undef CHOICE
};
const uint32_t choices_count = ARRAY_LEN(choices_table);

const char *const node_ids_reserved[] = {"input", "context", "output",    "ctx",
                                         "item",  "index",   "iteration", "error",
                                         "run",   "secrets", NULL};

static const struct {
    int first;
    const char *text;
    bool open;
    const char *name;
} contexts[] = {
#define CONTEXT(id, what, takes_all) {FIELDS_OF_##id, what, takes_all, #id},
#define FIELD(context, id, name, kinds, min, nested, choices, flags)
#include "graph/fields.def"
#undef CONTEXT
#undef FIELD
};

const char *context_text(enum field_context context) { return contexts[context].text; }

const char *context_name(enum field_context context) { return contexts[context].name; }

bool context_open(enum field_context context) { return contexts[context].open; }

void context_rows(enum field_context context, int *first, int *end)
{
    *first = contexts[context].first;
    *end = context + 1 < CONTEXT_COUNT ? contexts[context + 1].first : FIELD_COUNT;
    invariant(*end - *first <= FIELDS_PER_CONTEXT, "%s has too many fields", context_text(context));
}

const struct field *field_find(enum field_context context, struct json_ref key)
{
    int first, end;
    context_rows(context, &first, &end);
    for (int i = first; i < end; i++)
        if (json_string_eq(key, slice_str(fields_table[i].name)))
            return &fields_table[i];
    return NULL;
}

struct json_ref fields_named(const struct fields *fields, enum field_context context,
                             const char *name)
{
    int first, end;
    context_rows(context, &first, &end);
    for (int i = first; i < end; i++)
        if (strcmp(fields_table[i].name, name) == 0)
            return fields->values[i - first];
    return JSON_NONE;
}

enum field_context config_context(enum node_type type, bool builtin_function)
{
    switch (type) {
    case NODE_FUNCTION:
        return builtin_function ? CONTEXT_FUNCTION : CONTEXT_REMOTE;
    case NODE_HTTP:
        return CONTEXT_HTTP;
    case NODE_EXEC:
        return CONTEXT_EXEC;
    case NODE_TRANSFORM:
        return CONTEXT_TRANSFORM;
    case NODE_FILTER:
        return CONTEXT_FILTER;
    case NODE_AGGREGATE:
        return CONTEXT_AGGREGATE;
    case NODE_CONDITIONAL:
    case NODE_PARALLEL:
    case NODE_JOIN:
    case NODE_NOOP:
        return CONTEXT_PASS;
    case NODE_LOOP:
        return CONTEXT_LOOP_CONFIG;
    case NODE_MAP:
        return CONTEXT_MAP;
    case NODE_WORKFLOW:
        return CONTEXT_WORKFLOW;
    case NODE_DELAY:
        return CONTEXT_DELAY;
    case NODE_SIGNAL:
        return CONTEXT_SIGNAL;
    case NODE_HUMAN:
        return CONTEXT_HUMAN;
    case NODE_AGENT:
    case NODE_TOOL:
        return CONTEXT_REMOTE_WORK;
    }
    panic("node type %d", (int)type);
}

static const struct {
    enum node_type type;
    const char *name;
    const char *alias;
    bool built;
} node_types[] = {
#define X(id, text, other, works) {NODE_##id, text, other, works},
    NODE_TYPES(X)
#undef X
};

bool node_type_find(struct slice text, enum node_type *type)
{
    for (size_t i = 0; i < ARRAY_LEN(node_types); i++) {
        if (!slice_eq_str(text, node_types[i].name) &&
            !(node_types[i].alias && slice_eq_str(text, node_types[i].alias)))
            continue;
        *type = node_types[i].type;
        return true;
    }
    return false;
}

bool node_type_built(enum node_type type) { return node_types[type].built; }

const char *node_type_name(enum node_type type) { return node_types[type].name; }

static const struct {
    const char *name;
    bool built;
} functions[] = {
#define X(id, text, works) {text, works},
    GRAPH_FUNCTIONS(X)
#undef X
};

enum graph_function function_find(struct slice text)
{
    for (size_t i = 0; i < ARRAY_LEN(functions); i++)
        if (slice_eq_str(text, functions[i].name))
            return (enum graph_function)i;
    return FUNCTION_NONE;
}

bool function_built(enum graph_function function)
{
    return function != FUNCTION_NONE && functions[function].built;
}

enum field_context function_input_context(enum graph_function function)
{
    return function == FUNCTION_FAIL ? CONTEXT_FAIL_INPUT : CONTEXT_NONE;
}

const char *function_name(enum graph_function function)
{
    return function == FUNCTION_NONE ? "" : functions[function].name;
}

const char *transformation_name(enum graph_transformation transformation)
{
    static const char *const names[] = {
#define X(id, name) name,
        GRAPH_TRANSFORMATIONS(X)
#undef X
            "none"};
    return names[transformation];
}

const char *http_part_name(enum graph_http_part part)
{
    static const char *const names[] = {
#define X(id, name) name,
        GRAPH_HTTP_PARTS(X)
#undef X
            ""};
    return names[part];
}

const char *exec_part_name(enum graph_exec_part part)
{
    static const char *const names[] = {
#define X(id, name) name,
        GRAPH_EXEC_PARTS(X)
#undef X
            ""};
    return names[part];
}

const char *aggregate_strategy_name(enum graph_strategy strategy)
{
    static const char *const names[] = {
#define X(id, name) name,
        GRAPH_STRATEGIES(X)
#undef X
            "expression"};
    return names[strategy];
}
