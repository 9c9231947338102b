#include "graph/graph.h"
#include "base/yaml.h"
#include "graph/compile.h"
#include "graph/loops.h"
#include "schema/schema.h"

/* Raised whenever the same canonical form comes to mean something else: graphs are cached by digest
 * everywhere. */
#define DIGEST_PREFIX "troupe-graph 1\n"

enum { SUGGESTIONS = 100000 }; /* node ids compared with misspelled ones, in one compilation */

static const struct json_limits limits = {.max_depth = 64,
                                          .max_bytes = GRAPH_SOURCE_MAX_BYTES,
                                          .max_number_bytes = 64,
                                          .max_nodes = 4u << 20};

enum graph_format graph_format_of(const char *file_name)
{
    static const char *const endings[] = {".yaml", ".yml"};
    const size_t len = strlen(file_name);
    for (size_t i = 0; i < ARRAY_LEN(endings); i++) {
        const size_t ending = strlen(endings[i]);
        if (len > ending && strcmp(file_name + len - ending, endings[i]) == 0)
            return GRAPH_YAML;
    }
    return GRAPH_JSON;
}

static void destroy(struct graph *graph)
{
    /* The graph lies in its own arena. */
    struct arena arena = graph->arena;
    for (const struct graph_expr *expr = graph->expressions; expr; expr = expr->next)
        cel_program_release(expr->program);
    for (const struct graph_schemas *at = graph->schemas; at; at = at->next)
        schema_free(at->schema);
    strmap_free(&graph->ids);
    arena_free(&arena);
}

static struct graph *create(void)
{
    struct arena arena;
    arena_init(&arena, GRAPH_ARENA_BYTES);
    struct graph *graph = arena_zalloc(&arena, sizeof(*graph));
    if (!graph)
        return NULL;
    strmap_init(&graph->ids);
    graph->references = 1;
    graph->arena = arena;
    return graph;
}

static int read_source(struct compiler *c, struct slice source, enum graph_format format)
{
    struct json_error error;
    int rc = format == GRAPH_YAML ? yaml_read(&c->scratch, source, &limits, &c->doc, &error)
                                  : json_read(&c->scratch, source, &limits, &c->doc, &error);
    if (rc == 0)
        return 0;
    if (error.out_of_memory)
        c->findings->out_of_memory = true;
    else
        finding_add(c->findings, FINDING_ERROR, error.position, "", "%s", error.message);
    return -1;
}

/* The outermost object. 1: it is one; 0: it is not (reported). */
static int read_definition(struct compiler *c)
{
    const struct json_ref root = json_root(&c->doc);
    struct fields fields;
    if (json_type(root) != JSON_OBJECT) {
        report_error(c, root, NULL,
                     "expected a definition (an object with nodes and edges), not "
                     "%.*s",
                     SLICE_ARG(shown(json_text(root))));
        return 0;
    }
    if (definition_object(c, CONTEXT_DEFINITION, root, NULL, &fields) != 0)
        return -1;
    c->metadata = FIELD_VALUE(&fields, DEFINITION, METADATA);
    c->node_list = FIELD_VALUE(&fields, DEFINITION, NODES);
    c->edge_list = FIELD_VALUE(&fields, DEFINITION, EDGES);
    c->output = FIELD_VALUE(&fields, DEFINITION, OUTPUT);
    c->edges_unclear =
        !json_present(c->node_list) ||
        (!json_present(c->edge_list) && json_present(json_member(root, SLICE("edges"))));
    return 1;
}

static int canonical_form(struct compiler *c)
{
    struct buf text;
    buf_init(&text, sizeof(DIGEST_PREFIX) + GRAPH_SOURCE_MAX_BYTES * (size_t)2);
    buf_str(&text, DIGEST_PREFIX);
    json_minify(&text, json_root(&c->doc));
    int rc = -1;
    if (buf_ok(&text)) {
        struct slice all = buf_slice(&text);
        const size_t prefix = sizeof(DIGEST_PREFIX) - 1;
        sha256_hex(all, c->graph->digest);
        c->graph->canonical = arena_copy(c->arena, slice_of(all.ptr + prefix, all.len - prefix));
        rc = c->graph->canonical.ptr ? 0 : -1;
    }
    buf_free(&text);
    return rc;
}

/* -1 without memory; findings otherwise. */
static int passes(struct compiler *c)
{
    if (places_init(&c->places, &c->doc, &c->scratch) != 0)
        return -1;
    int rc = read_definition(c);
    if (rc <= 0)
        return rc;
    if (nodes_pass(c) != 0 || edges_pass(c) != 0 || cycle_pass(c) != 0 || loops_pass(c) != 0 ||
        each_pass(c) != 0 || schemas_pass(c) != 0 || names_pass(c) != 0 || output_pass(c) != 0 ||
        frames_pass(c) != 0 || warnings_pass(c) != 0)
        return -1;
    return c->findings->errors > c->errors_before ? 0 : canonical_form(c);
}

static struct graph *compile(struct slice source, enum graph_format format,
                             const struct graph_checks *checks, bool recorded,
                             struct findings *findings)
{
    struct compiler c = {.findings = findings,
                         .checks = checks,
                         .recorded = recorded,
                         .suggest_budget = SUGGESTIONS};
    c.errors_before = findings->errors;
    c.graph = create();
    if (!c.graph) {
        findings->out_of_memory = true;
        return NULL;
    }
    c.arena = &c.graph->arena;
    arena_init(&c.scratch, GRAPH_ARENA_BYTES);
    if (read_source(&c, source, format) == 0 && passes(&c) != 0)
        findings->out_of_memory = true;
    arena_free(&c.scratch);
    findings_sort(findings);
    if (findings->errors == c.errors_before && !findings->out_of_memory)
        return c.graph;
    destroy(c.graph);
    return NULL;
}

struct graph *graph_compile(struct slice source, enum graph_format format,
                            struct findings *findings)
{
    return compile(source, format, NULL, false, findings);
}

struct graph *graph_compile_checked(struct slice source, enum graph_format format,
                                    const struct graph_checks *checks, struct findings *findings)
{
    return compile(source, format, checks, false, findings);
}

struct graph *graph_load(struct slice canonical, struct err *err)
{
    struct arena arena;
    struct findings findings;
    arena_init(&arena, 0);
    findings_init(&findings, &arena);
    struct graph *graph = compile(canonical, GRAPH_JSON, NULL, true, &findings);
    if (!graph && findings.out_of_memory)
        (void)err_set(err, ERR_LIMIT, "no memory to compile a graph");
    for (uint32_t i = 0; !graph && !findings.out_of_memory && i < findings.count; i++) {
        if (findings.items[i].severity != FINDING_ERROR)
            continue;
        (void)err_set(err, ERR_INVALID, "the recorded definition does not compile: %s",
                      findings.items[i].message);
        break;
    }
    arena_free(&arena);
    return graph;
}

void graph_retain(struct graph *graph)
{
    __atomic_fetch_add(&graph->references, 1, __ATOMIC_RELAXED);
}

void graph_release(struct graph *graph)
{
    if (graph && __atomic_sub_fetch(&graph->references, 1, __ATOMIC_ACQ_REL) == 0)
        destroy(graph);
}

const struct graph_node *graph_find(const struct graph *graph, struct slice id)
{
    return strmap_get(&graph->ids, id);
}
