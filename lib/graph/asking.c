/* asking: nodes that find out what became of an attempt whose outcome is unknown: `probe`.
 *
 * A probe stands beside the graph: no edge leads to it or from it, no token names it. Whoever is about to
 * attempt its node executes it in between (docs/design/011-probes.md).
 */
#include "graph/compile.h"

struct asking {
    struct compiler *c;
    struct graph_node *node, *probe;
    struct json_ref ref;
    struct path list, place, field;
};

/* Whose effect somebody outside may know of. */
static bool has_effects(const struct graph_node *node)
{
    return node->type == NODE_HTTP || node->type == NODE_EXEC || node->type == NODE_AGENT ||
           node->type == NODE_TOOL ||
           (node->type == NODE_FUNCTION && node->function == FUNCTION_NONE);
}

/* NULL: it may ask; else why it cannot. Only the worker that holds the node's token asks, and at once:
 * it can neither park that token nor make a task of it. */
static const char *why_not(const struct graph_node *probe)
{
    switch (probe->type) {
    case NODE_HTTP:
    case NODE_EXEC:
    case NODE_TRANSFORM:
        return NULL;
    case NODE_FUNCTION:
        return probe->function == FUNCTION_SLEEP
                   ? "it would wait, and a probe is asked while its node's token is held"
                   : NULL;
    case NODE_AGENT:
    case NODE_TOOL:
        return "remote workers execute it, and a probe is asked by the worker that is about to "
               "attempt its node";
    case NODE_FILTER:
    case NODE_AGGREGATE:
    case NODE_CONDITIONAL:
    case NODE_PARALLEL:
    case NODE_JOIN:
    case NODE_NOOP:
    case NODE_LOOP:
    case NODE_MAP:
    case NODE_WORKFLOW:
    case NODE_DELAY:
    case NODE_SIGNAL:
    case NODE_HUMAN:
        break;
    }
    return "a probe is of type http, exec, transform or function";
}

/* What a probe may have besides: all else is about tokens, edges and attempts, and it has none. */
static void check_fields(struct asking *asking)
{
    static const int kept[] = {FIELD_NODE_ID, FIELD_NODE_TYPE, FIELD_NODE_CONFIG,
                               FIELD_NODE_TIMEOUT_MS};
    struct compiler *c = asking->c;
    const struct json_ref object = c->nodes[asking->probe->index].ref;
    const struct path place = path_index(&asking->list, asking->probe->index);
    int first, end;
    context_rows(CONTEXT_NODE, &first, &end);
    for (int i = first; i < end; i++) {
        bool keeps = false;
        for (size_t k = 0; k < ARRAY_LEN(kept); k++)
            keeps |= i == kept[k];
        const struct slice name = slice_str(fields_table[i].name);
        const struct json_ref value = json_member(object, name);
        const struct path member = path_key(&place, name);
        if (!keeps && json_present(value))
            report_error(c, value, &member,
                         "'%.*s' is the probe of '%.*s': besides id, type and config a probe has "
                         "timeout_ms only",
                         SLICE_ARG(shown(asking->probe->id)), SLICE_ARG(shown(asking->node->id)));
    }
}

/* True when there is none. */
static bool check_edges(struct asking *asking)
{
    struct compiler *c = asking->c;
    const uint32_t probe = asking->probe->index;
    for (uint32_t i = 0; i < c->edge_draft_count; i++) {
        const struct edge_draft *draft = &c->edges[i];
        struct edge_place place;
        if (draft->to == NO_NODE || draft->from == NO_NODE ||
            (draft->from != probe && draft->to != probe))
            continue;
        report_error(c, draft->ref, edge_place(c, i, &place),
                     "'%.*s' is the probe of '%.*s': no edge leads to a probe or from it",
                     SLICE_ARG(shown(asking->probe->id)), SLICE_ARG(shown(asking->node->id)));
        return false;
    }
    return true;
}

static void check(struct asking *asking)
{
    struct compiler *c = asking->c;
    const struct graph_node *node = asking->node, *probe = asking->probe;
    const struct node_draft *drafts = c->nodes;
    const uint32_t other = drafts[probe->index].probe_of;
    const char *reason = drafts[probe->index].type_known ? why_not(probe) : NULL;
    if (reason)
        report_error(c, asking->ref, &asking->field, "'%.*s' cannot be a probe: %s",
                     SLICE_ARG(shown(probe->id)), reason);
    else if (probe == node)
        report_error(c, asking->ref, &asking->field, "a node cannot be its own probe");
    else if (probe->is_probe)
        report_error(c, asking->ref, &asking->field,
                     "'%.*s' is the probe of '%.*s' already: it sees what its one node sees",
                     SLICE_ARG(shown(probe->id)), SLICE_ARG(shown(c->graph->nodes[other].id)));
    else if (check_edges(asking))
        check_fields(asking);
}

static int read_probe(struct compiler *c, uint32_t index)
{
    struct asking asking = {.c = c, .node = &c->graph_nodes[index], .ref = c->nodes[index].probe};
    uint32_t found;
    asking.list = path_key(NULL, SLICE("nodes"));
    asking.place = path_index(&asking.list, index);
    asking.field = path_key(&asking.place, SLICE("probe"));
    if (c->nodes[index].type_known && !has_effects(asking.node))
        report_error(c, asking.ref, &asking.field,
                     "a node of type %s%s has no effect outside that a probe could find out about: "
                     "http, exec, agent and tool nodes have, and functions that are not built in",
                     node_type_name(asking.node->type),
                     asking.node->type == NODE_FUNCTION ? " that is built in" : "");
    if (edge_resolve(c, asking.ref, &asking.field, &found) != 0)
        return -1;
    c->edges_unclear |= found == NO_NODE; /* what is not known to be a probe looks isolated */
    if (found == NO_NODE)
        return 0;
    asking.probe = &c->graph_nodes[found];
    check(&asking);
    if (asking.probe == asking.node || asking.probe->is_probe)
        return 0;
    asking.node->probe = asking.probe;
    asking.probe->is_probe = true;
    asking.probe->entry = asking.probe->terminal = false;
    c->nodes[found].probe_of = index;
    c->probe_count++;
    return 0;
}

int asking_pass(struct compiler *c)
{
    for (uint32_t n = 0; n < c->graph->node_count; n++)
        if (json_present(c->nodes[n].probe) && read_probe(c, n) != 0)
            return -1;
    return 0;
}
