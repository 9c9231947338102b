/* schemas: what inputs and outputs must look like, of the definition and of nodes. */
#include "graph/compile.h"
#include "graph/expr.h"
#include "graph/shapes.h"
#include "schema/schema.h"
#include <stdio.h>

enum { PROBLEMS_MOST = 20, SHOWN_MOST = 5, MESSAGE_BYTES = 800 };

static int note_problems(struct compiler *c, const struct schema_report *report,
                         const struct path *path)
{
    char prefix[PATH_TEXT_BYTES];
    path_write(path, prefix);
    for (uint32_t i = 0; i < report->count; i++) {
        const struct schema_problem *problem = &report->items[i];
        const char *dot = problem->path[0] && problem->path[0] != '[' ? "." : "";
        const size_t size = strlen(prefix) + strlen(problem->path) + 2;
        char *place = arena_alloc(c->findings->arena, size);
        if (!place)
            return -1;
        (void)snprintf(place, size, "%s%s%s", prefix, dot, problem->path);
        finding_add(c->findings, FINDING_ERROR, problem->position, place, "%s", problem->message);
    }
    return 0;
}

int schema_keep(struct compiler *c, struct json_ref ref, const struct path *path,
                const struct schema **out)
{
    struct schema_report report;
    if (!json_present(ref) || json_type(ref) != JSON_OBJECT)
        return 0; /* none, or refused by its row */
    schema_report_init(&report, &c->scratch, PROBLEMS_MOST);
    struct graph_schemas *kept = arena_zalloc(c->arena, sizeof(*kept));
    if (!kept)
        return -1;
    kept->schema = schema_compile(ref, &report);
    if (!kept->schema)
        return report.out_of_memory ? -1 : note_problems(c, &report, path);
    kept->next = c->graph->schemas;
    c->graph->schemas = kept;
    *out = kept->schema;
    return 0;
}

static int of_object(struct compiler *c, struct json_ref ref, const struct path *path,
                     const struct schema **input, const struct schema **output)
{
    struct path in = path_key(path, SLICE("input_schema"));
    struct path out = path_key(path, SLICE("output_schema"));
    if (!json_present(ref) || json_type(ref) != JSON_OBJECT)
        return 0;
    return schema_keep(c, json_member(ref, SLICE("input_schema")), &in, input) != 0 ||
                   schema_keep(c, json_member(ref, SLICE("output_schema")), &out, output) != 0
               ? -1
               : 0;
}

/* The output that has a schema and no mapping is formed by the run's last token, from the ends' outputs.
 * What is an end only by how it came to it cannot be told there. */
static int form_output(struct compiler *c)
{
    struct graph *graph = c->graph;
    const struct path path = path_key(NULL, SLICE("output_schema"));
    struct json_ref at = json_member(json_root(&c->doc), SLICE("output_schema"));
    uint32_t *ends = arena_array(c->arena, graph->node_count, sizeof(*ends));
    if (!ends)
        return -1;
    graph->output_reads = ends;
    graph->forms_output = true;
    for (uint32_t i = 0; i < graph->node_count; i++) {
        const struct graph_node *node = &graph->nodes[i];
        bool breaks = false, times_out = false;
        for (uint32_t r = 0; r < node->route_count; r++) {
            breaks |= node->routes[r].kind == ROUTE_BREAK;
            times_out |= node->routes[r].kind == ROUTE_TIMEOUT;
        }
        const bool unclear = node->loops != GRAPH_NO_LOOP && !breaks && times_out;
        if (unclear || (node->terminal && node->each_depth > 0)) {
            report_error(
                c, at, &path,
                "needs an output mapping here: whether '%.*s' ends the run, and how often, "
                "is known only when it runs; write \"output\": {…}",
                SLICE_ARG(shown(node->id)));
            return 0;
        }
        if (node->terminal)
            ends[graph->output_read_count++] = i;
    }
    return 0;
}

int schemas_pass(struct compiler *c)
{
    const struct json_ref root = json_root(&c->doc);
    if (of_object(c, root, NULL, &c->graph->input_schema, &c->graph->output_schema) != 0)
        return -1;
    const struct path list = path_key(NULL, SLICE("nodes"));
    for (uint32_t i = 0; i < c->graph->node_count; i++) {
        struct graph_node *node = &c->graph_nodes[i];
        const struct path place = path_index(&list, i);
        if (of_object(c, c->nodes[i].ref, &place, &node->input_schema, &node->output_schema) != 0)
            return -1;
    }
    return shapes_make(c);
}

int output_pass(struct compiler *c)
{
    return c->graph->output_schema && !c->graph->output && !c->edges_unclear ? form_output(c) : 0;
}

/* --- when it runs --- */

static void describe(const struct schema_report *report, const char *what,
                     char message[MESSAGE_BYTES])
{
    size_t len = (size_t)snprintf(message, MESSAGE_BYTES, "%s", what);
    for (uint32_t i = 0; i < report->count && len < MESSAGE_BYTES; i++) {
        const struct schema_problem *problem = &report->items[i];
        len += (size_t)snprintf(message + len, MESSAGE_BYTES - len, "%s%s%s%s", i ? "; " : ": ",
                                problem->path, problem->path[0] ? ": " : "", problem->message);
    }
    if (report->more && len < MESSAGE_BYTES)
        (void)snprintf(message + len, MESSAGE_BYTES - len, "; and more");
}

int graph_schema_fits(const struct schema *schema, struct graph_text *value, const char *what,
                      struct arena *arena, bool *fits, struct graph_failure *failure)
{
    struct schema_report report;
    struct json_ref ref;
    if (graph_text_ref(value, arena, &ref) != 0)
        return failure_set(failure, value->out_of_memory ? "too_large" : "internal",
                           "%s: the value cannot be read", what);
    schema_report_init(&report, arena, 0);
    const enum schema_verdict verdict = schema_validate(schema, ref, NULL, &report);
    *fits = verdict == SCHEMA_FITS;
    if (verdict == SCHEMA_LIMIT)
        return failure_set(failure, "expression_cost",
                           "%s: whether the value fits costs too much to decide", what);
    return verdict == SCHEMA_MEMORY ? failure_set(failure, "too_large", "%s: out of memory", what)
                                    : 0;
}

int graph_schema_check(const struct schema *schema, struct graph_text *value, const char *what,
                       struct arena *arena, struct graph_failure *failure)
{
    struct schema_report report;
    struct json_ref ref;
    char message[MESSAGE_BYTES];
    if (graph_text_ref(value, arena, &ref) != 0)
        return failure_set(failure, value->out_of_memory ? "too_large" : "internal",
                           "%s: the value cannot be read", what);
    schema_report_init(&report, arena, SHOWN_MOST);
    switch (schema_validate(schema, ref, NULL, &report)) {
    case SCHEMA_FITS:
        return 0;
    case SCHEMA_DIFFERS:
        describe(&report, what, message);
        return failure_set(failure, "type", "%s", message);
    case SCHEMA_LIMIT:
        describe(&report, what, message);
        return failure_set(failure, "expression_cost", "%s", message);
    case SCHEMA_MEMORY:
        break;
    }
    return failure_set(failure, "too_large", "%s: out of memory", what);
}
