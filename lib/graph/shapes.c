/* shapes: of inputs and outputs, from the schemas that are declared. */
#include "graph/shapes.h"
#include "schema/outline.h"
#include <stdlib.h>

struct node_shapes {
    const struct shape *schema; /* what input_schema says */
    const struct shape *input;  /* what comes, without config.input */
    const struct shape *output;
    struct shape record; /* ctx.N */
};

static const struct shape text = {.types = SHAPE_OF(JSON_STRING)};
static const struct shape number = {.types = SHAPE_OF(JSON_NUMBER)};

enum { RECORD_MEMBERS = 5 };

static int outline(struct compiler *c, const struct schema *schema, const struct shape **shape)
{
    *shape = schema ? schema_outline(schema, &c->scratch) : NULL;
    return schema && !*shape ? -1 : 0;
}

/* An object of the predecessors' outputs: of those that came, by their ids. */
static const struct shape *joined(struct compiler *c, const struct graph_node *node)
{
    struct shape *shape = arena_zalloc(&c->scratch, sizeof(*shape));
    struct shape_member *members = arena_array(&c->scratch, node->pred_count, sizeof(*members));
    if (!shape || !members)
        return NULL;
    for (uint32_t i = 0; i < node->pred_count; i++)
        members[i] = (struct shape_member){c->graph->nodes[node->preds[i]].id,
                                           c->node_shapes[node->preds[i]].output};
    if (node->pred_count > 1)
        qsort(members, node->pred_count, sizeof(*members), shape_by_name);
    *shape = (struct shape){
        .types = SHAPE_OF(JSON_OBJECT), .members = members, .member_count = node->pred_count};
    return shape;
}

/* What comes to the node from those before it. A head gets its loop's output the second time. */
static int natural(struct compiler *c, const struct graph_node *node, const struct shape **shape)
{
    *shape = NULL;
    if (node->head_of != GRAPH_NO_LOOP)
        return 0;
    if (node->pred_count == 0)
        *shape = c->context_shape;
    else if (node->pred_count == 1)
        *shape = c->node_shapes[node->preds[0]].output;
    else if (node->join != JOIN_ANY && node->join != JOIN_EACH)
        return (*shape = joined(c, node)) ? 0 : -1;
    return 0;
}

static bool passes_on(enum node_type type)
{
    return type == NODE_NOOP || type == NODE_PARALLEL || type == NODE_JOIN ||
           type == NODE_CONDITIONAL || type == NODE_DELAY;
}

static int make_node(struct compiler *c, uint32_t index)
{
    const struct graph_node *node = &c->graph->nodes[index];
    struct node_shapes *shapes = &c->node_shapes[index];
    const struct shape *declared = NULL;
    if (outline(c, node->input_schema, &shapes->schema) != 0 ||
        outline(c, node->output_schema, &declared) != 0 || natural(c, node, &shapes->input) != 0)
        return -1;
    if (node->on_error != ON_ERROR_FAIL)
        return 0;
    if (!declared && passes_on(node->type))
        declared = shapes->schema                        ? shapes->schema
                   : json_present(c->nodes[index].input) ? NULL
                                                         : shapes->input;
    shapes->output = declared;
    return 0;
}

static int make_record(struct compiler *c, struct node_shapes *shapes)
{
    struct shape_member *members = arena_array(&c->scratch, RECORD_MEMBERS, sizeof(*members));
    if (!members)
        return -1;
    members[0] = (struct shape_member){SLICE("attempt"), &number};
    members[1] = (struct shape_member){SLICE("ended_at"), NULL};
    members[2] = (struct shape_member){SLICE("output"), shapes->output};
    members[3] = (struct shape_member){SLICE("started_at"), NULL};
    members[4] = (struct shape_member){SLICE("status"), &text};
    shapes->record = (struct shape){.types = SHAPE_OF(JSON_OBJECT),
                                    .members = members,
                                    .member_count = RECORD_MEMBERS,
                                    .closed = true};
    return 0;
}

int shapes_make(struct compiler *c)
{
    const uint32_t count = c->graph->node_count;
    /* What was accepted once is loaded again, whatever is known of it by now. */
    if (c->recorded || c->cyclic || c->edges_unclear)
        return 0;
    if (outline(c, c->graph->input_schema, &c->context_shape) != 0)
        return -1;
    c->node_shapes = arena_array(&c->scratch, count, sizeof(*c->node_shapes));
    if (!c->node_shapes)
        return -1;
    for (uint32_t i = 0; i < count; i++)
        if (make_node(c, c->topological[i]) != 0)
            return -1;
    for (uint32_t i = 0; i < count; i++)
        if (make_record(c, &c->node_shapes[i]) != 0)
            return -1;
    return 0;
}

const struct shape *shapes_input(const struct scope *scope)
{
    struct compiler *c = scope->c;
    if (scope->site == SITE_OUTPUT)
        return c->context_shape;
    if (!c->node_shapes || scope->node == NO_NODE || scope->input == INPUT_ASKED)
        return NULL;
    const struct node_shapes *shapes = &c->node_shapes[scope->node];
    /* With on_error continue, what is not as it should be is routed by conditions all the same. */
    const bool fits =
        scope->input == INPUT_CHECKED &&
        (scope->site != SITE_CONDITION || c->graph->nodes[scope->node].on_error == ON_ERROR_FAIL);
    if (fits && shapes->schema)
        return shapes->schema;
    return scope->input == INPUT_NATURAL || !json_present(c->nodes[scope->node].input)
               ? shapes->input
               : NULL;
}

const struct shape *shapes_context(const struct scope *scope) { return scope->c->context_shape; }

const struct shape *shapes_output(const struct scope *scope)
{
    if (scope->of_page)
        return NULL;
    return scope->c->node_shapes && scope->node != NO_NODE
               ? scope->c->node_shapes[scope->node].output
               : NULL;
}

const struct shape *shapes_record(const struct compiler *c, struct slice name)
{
    const uint32_t node = compiler_find(c, name);
    return c->node_shapes && node != NO_NODE ? &c->node_shapes[node].record : NULL;
}
