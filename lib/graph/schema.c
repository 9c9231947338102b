/* schema: the language's tables, written as a JSON Schema.
 *
 * Every context that a definition can have becomes an entry of $defs, every row that is built a
 * property there. What config a node may have goes by its type: a list of if/then.
 */
#include "graph/fields.h"
#include "graph/graph.h"
#include <ctype.h>

/* Puts commas between what is written one after the other. */
static void next(struct buf *out, bool *first)
{
    if (!*first)
        buf_char(out, ',');
    *first = false;
}

static void write_text(struct buf *out, const char *text)
{
    json_write_string(out, slice_str(text));
}

static void write_name(struct buf *out, enum field_context context)
{
    for (const char *at = context_name(context); *at; at++)
        buf_char(out, (char)tolower((unsigned char)*at));
}

static void write_reference(struct buf *out, enum field_context context)
{
    buf_str(out, "{\"$ref\":\"#/$defs/");
    write_name(out, context);
    buf_str(out, "\"}");
}

/* --- what there is --- */

static bool built(const struct field *field) { return field->flags & FIELD_BUILT; }

static bool takes_objects(const struct field *field)
{
    return field->kinds & (KIND_OBJECT | KIND_LIST);
}

static enum field_context type_config(enum node_type type) { return config_context(type, true); }

static void reach(bool reached[CONTEXT_COUNT], enum field_context context)
{
    int first, end;
    if (context == CONTEXT_NONE || reached[context])
        return;
    reached[context] = true;
    context_rows(context, &first, &end);
    for (int i = first; i < end; i++)
        if (built(&fields_table[i]) && takes_objects(&fields_table[i]))
            reach(reached, fields_table[i].nested);
    if (context == CONTEXT_NODE) {
#define X(id, name, alias, works)                                                                  \
    if (works)                                                                                     \
        reach(reached, type_config(NODE_##id));
        NODE_TYPES(X)
#undef X
    }
    if (context == CONTEXT_FUNCTION) {
        reach(reached, CONTEXT_REMOTE);
        for (enum graph_function f = 0; f < FUNCTION_NONE; f++)
            if (function_built(f))
                reach(reached, function_input_context(f));
    }
}

/* --- values --- */

/* The words for the types whose config has this context; CONTEXT_NONE: of all. */
static void write_types(struct buf *out, enum field_context context)
{
    bool first = true;
    buf_str(out, "{\"enum\":[");
#define X(id, name, alias, works)                                                                  \
    if (works && (context == CONTEXT_NONE || context == type_config(NODE_##id))) {                 \
        next(out, &first);                                                                         \
        write_text(out, name);                                                                     \
        if (slice_str(alias).ptr) {                                                                \
            next(out, &first);                                                                     \
            json_write_string(out, slice_str(alias));                                              \
        }                                                                                          \
    }
    NODE_TYPES(X)
#undef X
    buf_str(out, "]}");
}

static void write_functions(struct buf *out)
{
    bool first = true;
    buf_str(out, "{\"enum\":[");
    for (enum graph_function f = 0; f < FUNCTION_NONE; f++) {
        if (!function_built(f))
            continue;
        next(out, &first);
        write_text(out, function_name(f));
    }
    buf_str(out, "]}");
}

static void write_choices(struct buf *out, enum choice_set set)
{
    bool first = true;
    buf_str(out, "{\"enum\":[");
    for (uint32_t i = 0; i < choices_count; i++) {
        if (choices_table[i].set != set || !choices_table[i].built)
            continue;
        next(out, &first);
        write_text(out, choices_table[i].text);
    }
    buf_str(out, "]}");
}

static void write_string(struct buf *out, const struct field *field)
{
    if (field == &fields_table[FIELD_NODE_TYPE])
        write_types(out, CONTEXT_NONE);
    else if (field == &fields_table[FIELD_FUNCTION_FUNCTION_NAME])
        write_functions(out);
    else if (field->choices != CHOICES_NONE)
        write_choices(out, field->choices);
    else if (field->flags & FIELD_IS_NODE_ID)
        buf_str(out, "{\"$ref\":\"#/$defs/node_id\"}");
    else
        buf_str(out, "{\"type\":\"string\"}");
}

static void write_list(struct buf *out, const struct field *field)
{
    buf_str(out, "{\"type\":\"array\"");
    if (field->nested != CONTEXT_NONE) {
        buf_str(out, ",\"items\":");
        write_reference(out, field->nested);
    }
    if (field == &fields_table[FIELD_DEFINITION_NODES])
        buf_printf(out, ",\"minItems\":1,\"maxItems\":%u", GRAPH_MAX_NODES);
    if (field == &fields_table[FIELD_DEFINITION_EDGES])
        buf_printf(out, ",\"maxItems\":%u", GRAPH_MAX_EDGES);
    buf_char(out, '}');
}

static void write_kind(struct buf *out, const struct field *field, unsigned kind)
{
    switch (kind) {
    case KIND_STRING:
        write_string(out, field);
        break;
    case KIND_INTEGER:
    case KIND_NUMBER:
        buf_printf(out, "{\"type\":\"%s\",\"minimum\":%lld}",
                   kind == KIND_INTEGER ? "integer" : "number", (long long)field->min);
        break;
    case KIND_OBJECT:
        if (field->nested == CONTEXT_NONE)
            buf_str(out, "{\"type\":\"object\"}");
        else
            write_reference(out, field->nested);
        break;
    case KIND_LIST:
        write_list(out, field);
        break;
    case KIND_STRINGS:
        buf_str(out, "{\"type\":\"array\",\"items\":");
        write_string(out, field);
        buf_char(out, '}');
        break;
    case KIND_BINDING:
        buf_str(out, "{\"type\":\"string\",\"pattern\":\"\\\\$\"}");
        break;
    default: /* KIND_ANY */
        buf_str(out, "{}");
    }
}

static void write_field(struct buf *out, const struct field *field)
{
    const unsigned kinds = field->kinds;
    const bool several = (kinds & (kinds - 1)) != 0;
    bool first = true;
    buf_str(out, several ? "{\"anyOf\":[" : "");
    for (unsigned kind = 1; kind <= KIND_ANY; kind <<= 1) {
        if (!(kinds & kind))
            continue;
        next(out, &first);
        write_kind(out, field, kind);
    }
    buf_str(out, several ? "]}" : "");
}

/* --- objects --- */

static void write_required(struct buf *out, enum field_context context)
{
    bool first = true;
    int at, end;
    context_rows(context, &at, &end);
    buf_str(out, "\"required\":[");
    for (; at < end; at++) {
        if (!(fields_table[at].flags & FIELD_REQUIRED) || !built(&fields_table[at]))
            continue;
        next(out, &first);
        write_text(out, fields_table[at].name);
    }
    buf_char(out, ']');
}

/* Exactly one of the rows that are one another's alternatives. */
static void write_one_of(struct buf *out, enum field_context context)
{
    bool first = true;
    int at, end;
    context_rows(context, &at, &end);
    for (; at < end; at++) {
        const struct field *field = &fields_table[at];
        if (!(field->flags & FIELD_ONE_OF) || !built(field))
            continue;
        buf_str(out, first ? ",\"oneOf\":[" : ",");
        first = false;
        buf_str(out, "{\"required\":[");
        write_text(out, field->name);
        buf_str(out, "]}");
    }
    buf_str(out, first ? "" : "]");
}

static bool config_needed(enum field_context context)
{
    int at, end;
    context_rows(context, &at, &end);
    for (; at < end; at++)
        if (fields_table[at].flags & (FIELD_REQUIRED | FIELD_ONE_OF))
            return true;
    return false;
}

/* Of a function that is not built in all else goes to the remote worker. */
static void write_function_config(struct buf *out)
{
    buf_str(out, "{\"if\":{\"properties\":{\"function_name\":");
    write_functions(out);
    buf_str(out, "}},\"then\":");
    write_reference(out, CONTEXT_FUNCTION);
    buf_str(out, ",\"else\":");
    write_reference(out, CONTEXT_REMOTE);
    buf_char(out, '}');
}

/* A node's config by its type. */
static void write_config_rules(struct buf *out)
{
    bool done[CONTEXT_COUNT] = {false};
    bool first = true;
    buf_str(out, ",\"allOf\":[");
    for (int type = 0; type <= NODE_TOOL; type++) {
        const enum field_context context = type_config((enum node_type)type);
        if (!node_type_built((enum node_type)type) || done[context])
            continue;
        done[context] = true;
        next(out, &first);
        buf_str(out, "{\"if\":{\"properties\":{\"type\":");
        write_types(out, context);
        buf_str(out, "},\"required\":[\"type\"]},\"then\":{\"properties\":{\"config\":");
        if (context == CONTEXT_FUNCTION)
            write_function_config(out);
        else
            write_reference(out, context);
        buf_str(out, config_needed(context) ? "},\"required\":[\"config\"]" : "}");
        if (context == CONTEXT_LOOP_CONFIG) {
            /* What `loop` needs stands there or in config. */
            buf_str(out, ",\"anyOf\":[{\"required\":[\"loop\"]},{\"properties\":{\"config\":{");
            write_required(out, CONTEXT_LOOP);
            buf_str(out, "}},\"required\":[\"config\"]}]");
        }
        buf_str(out, "}}");
    }
    buf_char(out, ']');
}

/* A function's input, where it is an object written out. */
static void write_input_rules(struct buf *out)
{
    bool first = true;
    for (enum graph_function f = 0; f < FUNCTION_NONE; f++) {
        if (!function_built(f) || function_input_context(f) == CONTEXT_NONE)
            continue;
        buf_str(out, first ? ",\"allOf\":[" : ",");
        first = false;
        buf_str(out, "{\"if\":{\"properties\":{\"function_name\":{\"const\":");
        write_text(out, function_name(f));
        buf_str(out,
                "},\"input\":{\"type\":\"object\"}},\"required\":[\"function_name\",\"input\"]},"
                "\"then\":{\"properties\":{\"input\":");
        write_reference(out, function_input_context(f));
        buf_str(out, "}}}");
    }
    buf_str(out, first ? "" : "]");
}

static void write_context(struct buf *out, enum field_context context)
{
    bool first = true;
    int at, end;
    context_rows(context, &at, &end);
    buf_str(out, "{\"title\":");
    write_text(out, context_text(context));
    buf_str(out, ",\"type\":\"object\",\"properties\":{");
    for (; at < end; at++) {
        if (!built(&fields_table[at]))
            continue;
        next(out, &first);
        write_text(out, fields_table[at].name);
        buf_char(out, ':');
        write_field(out, &fields_table[at]);
    }
    buf_str(out, "},");
    write_required(out, context);
    write_one_of(out, context);
    if (context == CONTEXT_NODE)
        write_config_rules(out);
    if (context == CONTEXT_FUNCTION)
        write_input_rules(out);
    buf_str(out, context_open(context) ? "}" : ",\"additionalProperties\":false}");
}

static void write_node_id(struct buf *out)
{
    bool first = true;
    buf_printf(out,
               "{\"title\":\"the id of a node\",\"type\":\"string\","
               "\"pattern\":\"^[A-Za-z_][A-Za-z0-9_-]{0,%d}$\",\"not\":{\"enum\":[",
               NODE_ID_BYTES - 1);
    for (size_t i = 0; node_ids_reserved[i]; i++) {
        next(out, &first);
        write_text(out, node_ids_reserved[i]);
    }
    buf_str(out, "]}}");
}

void graph_write_schema(struct buf *out)
{
    bool reached[CONTEXT_COUNT] = {false};
    reach(reached, CONTEXT_DEFINITION);
    buf_str(out, "{\"$schema\":\"https://json-schema.org/draft/2020-12/schema\","
                 "\"title\":\"a workflow definition of troupe\",\"$ref\":\"#/$defs/definition\","
                 "\"$defs\":{\"node_id\":");
    write_node_id(out);
    for (int context = 0; context < CONTEXT_COUNT; context++) {
        if (!reached[context])
            continue;
        buf_str(out, ",\"");
        write_name(out, (enum field_context)context);
        buf_str(out, "\":");
        write_context(out, (enum field_context)context);
    }
    buf_str(out, "}}");
}
