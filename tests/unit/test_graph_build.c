/* What a graph is made of: merged edges, routes, slots, entries, reads, the dead walk, its forms. */
#include "alloc_in_turn.h"
#include "graph/graph.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
/* after the four above */
#include <cmocka.h>

static struct graph *compile_as(const char *source, enum graph_format format)
{
    struct arena arena;
    struct findings findings;
    arena_init(&arena, 0);
    findings_init(&findings, &arena);
    struct graph *graph = graph_compile(slice_str(source), format, &findings);
    for (uint32_t i = 0; !graph && i < findings.count; i++)
        print_error("%s\n", findings.items[i].message);
    arena_free(&arena);
    assert_non_null(graph);
    return graph;
}

static struct graph *compile(const char *source) { return compile_as(source, GRAPH_JSON); }

static const struct graph_node *node(const struct graph *graph, const char *id)
{
    const struct graph_node *found = graph_find(graph, slice_str(id));
    assert_non_null(found);
    return found;
}

/* s forks to a, b, c (c by a condition), which join in j in another order; s->a is written twice. */
static const char diamond[] =
    "{\"metadata\": {\"name\": \"dia\", \"description\": \"d\"},\n"
    " \"nodes\": [{\"id\": \"j\", \"type\": \"join\", \"join\": \"all\"},\n"
    "  {\"id\": \"s\", \"type\": \"parallel\"}, {\"id\": \"a\", \"type\": \"noop\"},\n"
    "  {\"id\": \"b\", \"type\": \"noop\", \"config\": {\"input\": \"$input\"}},\n"
    "  {\"id\": \"c\", \"type\": \"task\", \"config\": {\"function_name\": \"log\"}},\n"
    "  {\"id\": \"t\", \"type\": \"transform\", \"config\": {\"expression\":\n"
    "     \"[ctx.b.output, ctx.j.output, context.x, ctx.b.status, run.id]\"}}],\n"
    " \"edges\": [{\"from\": \"c\", \"to\": \"j\"}, {\"from\": \"s\", \"to\": \"a\", "
    "\"condition\":\n"
    "   \"output.x > 1\"}, {\"from\": \"s\", \"to\": \"b\"},\n"
    "  {\"from\": \"s\", \"to\": \"a\", \"condition\": \"output.y\"},\n"
    "  {\"from\": \"s\", \"to\": \"c\", \"condition\": \"output.z == \\\"q\\\"\"},\n"
    "  {\"from\": \"a\", \"to\": \"j\"}, {\"from\": \"b\", \"to\": \"j\"},\n"
    "  {\"from\": \"j\", \"to\": \"t\"}],\n"
    " \"output\": {\"t\": \"$t\", \"a\": \"${has(ctx.a) ? run : input}\"}}";

static void edges_and_slots(void **state)
{
    struct graph *graph = compile(diamond);
    const struct graph_node *s = node(graph, "s"), *a = node(graph, "a"), *b = node(graph, "b");
    const struct graph_node *c = node(graph, "c"), *j = node(graph, "j"), *t = node(graph, "t");
    (void)state;
    assert_int_equal(graph->node_count, 6);
    assert_int_equal(graph->edge_count, 7);
    assert_true(slice_eq_str(graph->name, "dia"));
    assert_true(slice_eq_str(graph->description, "d"));
    assert_int_equal(graph->entry_count, 1);
    assert_int_equal(graph->entries[0], s->index);
    assert_true(s->entry && !s->terminal && t->terminal && !t->entry);

    assert_int_equal(s->edge_count, 3);
    assert_int_equal(s->edges[0].to, a->index);
    assert_int_equal(s->edges[1].to, b->index);
    assert_int_equal(s->edges[2].to, c->index);
    assert_int_equal(s->route_count, 4);
    const uint32_t routes[] = {0, 1, 0, 2};
    for (uint32_t i = 0; i < 4; i++) {
        assert_int_equal(s->routes[i].edge, routes[i]);
        assert_int_equal(s->routes[i].condition == NULL, i == 1);
    }
    assert_string_equal(s->routes[2].condition->path, "edges[3].condition");
    assert_int_equal(s->routes[2].condition->position.line, 10);

    assert_int_equal(j->pred_count, 3);
    assert_int_equal(j->need, 3);
    assert_int_equal(j->preds[0], c->index);
    assert_int_equal(j->preds[1], a->index);
    assert_int_equal(j->preds[2], b->index);
    assert_int_equal(c->edges[0].slot, 0);
    assert_int_equal(a->edges[0].slot, 1);
    assert_int_equal(b->edges[0].slot, 2);
    assert_int_equal(c->function, FUNCTION_LOG);
    assert_int_equal(a->function, FUNCTION_NONE);
    assert_non_null(b->input);
    assert_true(slice_eq_str(b->queue, "default"));
    assert_null(graph_find(graph, SLICE("nope")));
    graph_release(graph);
}

static void reads(void **state)
{
    struct graph *graph = compile(diamond);
    const struct graph_node *t = node(graph, "t");
    (void)state;
    assert_int_equal(t->read_count, 1); /* j is its predecessor */
    assert_int_equal(t->reads[0], node(graph, "b")->index);
    assert_true(t->reads_context && t->reads_run);
    assert_false(node(graph, "b")->reads_context);
    assert_int_equal(graph->output_read_count, 2);
    assert_int_equal(graph->output_reads[0], t->index);
    assert_int_equal(graph->output_reads[1], node(graph, "a")->index);
    assert_true(graph->output_reads_context && graph->output_reads_run);
    graph_release(graph);
}

static void forms(void **state)
{
    static const char yaml[] = "# the same\nnodes:\n- {id: a, type: noop}\n- id: b\n  type: noop\n"
                               "edges:\n- {from: a, to: b}\n";
    static const char json[] =
        "{\"nodes\":[{\"id\":\"a\",\"type\":\"noop\"},{\"id\":\"b\",\"type\":\"noop\"}],"
        "\"edges\":[{\"from\":\"a\",\"to\":\"b\"}]}";
    struct graph *from_yaml = compile_as(yaml, GRAPH_YAML), *from_json = compile(json);
    struct err err = ERR_INIT;
    char digest[SHA256_HEX_LEN + 1];
    (void)state;
    assert_true(slice_eq_str(from_json->canonical, json));
    assert_true(slice_eq_str(from_yaml->canonical, json));
    assert_string_equal(from_yaml->digest, from_json->digest);
    struct buf text;
    buf_init(&text, 0);
    buf_printf(&text, "troupe-graph 1\n%s", json);
    sha256_hex(buf_slice(&text), digest);
    assert_string_equal(from_json->digest, digest);
    buf_free(&text);

    struct graph *loaded = graph_load(from_yaml->canonical, &err);
    assert_non_null(loaded);
    assert_string_equal(loaded->digest, from_json->digest);
    assert_null(graph_load(SLICE("{\"nodes\":[]}"), &err));
    assert_int_equal(err.code, ERR_INVALID);
    assert_non_null(strstr(err.message, "nodes: a definition needs"));

    graph_retain(loaded);
    graph_release(loaded);
    assert_int_equal(loaded->node_count, 2); /* still there */
    graph_release(loaded);
    graph_release(from_yaml);
    graph_release(from_json);
    graph_release(NULL);
    assert_int_equal(graph_format_of("a.yaml"), GRAPH_YAML);
    assert_int_equal(graph_format_of("a.b.yml"), GRAPH_YAML);
    assert_int_equal(graph_format_of("yaml"), GRAPH_JSON);
    assert_int_equal(graph_format_of("a.json"), GRAPH_JSON);
}

static void pictures(void **state)
{
    struct graph *graph = compile(diamond);
    struct buf text;
    struct arena arena;
    struct json_doc doc;
    struct json_error error;
    (void)state;
    buf_init(&text, 0);
    graph_write_dot(graph, &text);
    assert_non_null(strstr(text.data, "digraph \"dia\" {"));
    assert_non_null(strstr(text.data, "\"s\" -> \"a\" [label=\"output.x > 1\\nor output.y\"];"));
    assert_non_null(strstr(text.data, "\"s\" -> \"c\" [label=\"output.z == \\\"q\\\"\"];"));
    assert_non_null(strstr(text.data, "\"j\" -> \"t\";"));
    buf_reset(&text);
    graph_write_json(graph, &text);
    arena_init(&arena, 0);
    assert_int_equal(json_read(&arena, buf_slice(&text), NULL, &doc, &error), 0);
    struct json_ref edges = json_member(json_root(&doc), SLICE("edges"));
    assert_int_equal(json_count(json_member(json_root(&doc), SLICE("nodes"))), 6);
    assert_int_equal(json_count(edges), 7);
    assert_non_null(strstr(text.data,
                           "{\"from\":\"s\",\"to\":\"a\",\"conditions\":[\"output.x > 1\","
                           "\"output.y\"]}"));
    assert_non_null(strstr(text.data, "{\"id\":\"s\",\"type\":\"parallel\",\"entry\":true,"
                                      "\"terminal\":false,\"join\":\"all\"}"));
    arena_free(&arena);
    buf_free(&text);
    graph_release(graph);
}

/* --- dead paths --- */

struct trace {
    const struct graph *graph;
    struct buf text;
};

static void trace_skip(void *context, uint32_t index)
{
    struct trace *trace = context;
    buf_printf(&trace->text, "%.*s ", SLICE_ARG(trace->graph->nodes[index].id));
}

static void trace_arrival(void *context, uint32_t index, uint32_t slot)
{
    struct trace *trace = context;
    buf_printf(&trace->text, "%.*s@%u ", SLICE_ARG(trace->graph->nodes[index].id), slot);
}

static void dead_paths(void **state)
{
    /* x -> p -> (q -> j, r), x -> j, x -> k -> j */
    struct graph *graph = compile(
        "{\"nodes\": [{\"id\": \"x\", \"type\": \"noop\"}, {\"id\": \"p\", \"type\": \"noop\"},"
        "{\"id\": \"q\", \"type\": \"noop\"}, {\"id\": \"r\", \"type\": \"noop\"},"
        "{\"id\": \"j\", \"type\": \"noop\"}, {\"id\": \"k\", \"type\": \"noop\"}],"
        "\"edges\": [{\"from\": \"x\", \"to\": \"p\"}, {\"from\": \"x\", \"to\": \"j\"},"
        "{\"from\": \"p\", \"to\": \"q\"}, {\"from\": \"p\", \"to\": \"r\"},"
        "{\"from\": \"q\", \"to\": \"j\"}, {\"from\": \"x\", \"to\": \"k\"},"
        "{\"from\": \"k\", \"to\": \"j\"}]}");
    struct trace trace = {.graph = graph};
    const struct graph_dead_walk walk = {trace_skip, trace_arrival, &trace};
    struct arena arena;
    (void)state;
    arena_init(&arena, 0);
    buf_init(&trace.text, 0);
    assert_int_equal(graph_dead_edge(graph, &node(graph, "x")->edges[0], &arena, &walk), 0);
    assert_string_equal(trace.text.data, "p q j@1 r ");
    buf_reset(&trace.text);
    assert_int_equal(graph_dead_node(graph, node(graph, "x")->index, &arena, &walk), 0);
    assert_string_equal(trace.text.data, "p q j@1 r j@0 k j@2 ");
    buf_reset(&trace.text);
    assert_int_equal(graph_dead_node(graph, node(graph, "r")->index, &arena, &walk), 0);
    assert_int_equal(trace.text.len, 0);
    const struct graph_dead_walk deaf = {NULL, NULL, NULL};
    assert_int_equal(graph_dead_node(graph, node(graph, "x")->index, &arena, &deaf), 0);
    buf_free(&trace.text);
    arena_free(&arena);
    graph_release(graph);
}

static void count_skip(void *context, uint32_t index)
{
    (void)index;
    ++*(uint32_t *)context;
}

/* A chain deeper than what the walk has on its stack, with each of its allocations failing once. */
static void dead_chain(void **state)
{
    enum { LENGTH = 500 };
    struct buf source;
    (void)state;
    buf_init(&source, 0);
    buf_str(&source, "{\"nodes\": [");
    for (int i = 0; i < LENGTH; i++)
        buf_printf(&source, "%s{\"id\": \"n%d\", \"type\": \"noop\"}", i ? "," : "", i);
    buf_str(&source, "], \"edges\": [");
    for (int i = 1; i < LENGTH; i++)
        buf_printf(&source, "%s{\"from\": \"n%d\", \"to\": \"n%d\"}", i > 1 ? "," : "", i - 1, i);
    buf_str(&source, "]}");
    struct graph *graph = compile(source.data);
    struct arena arena;
    uint32_t skipped = 0;
    const struct graph_dead_walk walk = {count_skip, NULL, &skipped};
    arena_init(&arena, 0);
    int allocations = ALLOC_IN_TURN(
        (arena_free(&arena), skipped = 0, graph_dead_node(graph, 0, &arena, &walk) == 0));
    assert_true(allocations > 0);
    assert_int_equal(skipped, LENGTH - 1);
    arena_free(&arena);
    graph_release(graph);
    buf_free(&source);
}

/* --- memory and size --- */

static bool compiles(const char *source, enum graph_format format, bool want)
{
    struct arena arena;
    struct findings findings;
    arena_init(&arena, 0);
    findings_init(&findings, &arena);
    struct graph *graph = graph_compile(slice_str(source), format, &findings);
    /* Without a graph there is a reason, and want of memory is not taken for a mistake. */
    if (!graph)
        assert_true(findings.errors > 0 || findings.out_of_memory);
    if (alloc_failed)
        assert_true(findings.out_of_memory);
    bool good = want ? graph != NULL : !findings.out_of_memory && findings.count == 6;
    graph_release(graph);
    arena_free(&arena);
    return good;
}

/* Allocations are blocks: behind descriptions of other lengths, others of them fail. */
static void every_allocation_may_fail(void **state)
{
    enum { STEP = 131, MOST = 8192 };
    struct buf source;
    int allocations = 0;
    (void)state;
    buf_init(&source, 0);
    for (size_t padding = 0; padding < MOST; padding += STEP) {
        static const char head[] = "{\"metadata\": {\"description\": \"\\u0041";
        buf_reset(&source);
        buf_str(&source, head);
        for (size_t i = 0; i < padding; i++)
            buf_char(&source, 'x');
        buf_str(&source, "\"},");
        buf_str(&source, strchr(diamond, '\n'));
        allocations += ALLOC_IN_TURN(compiles(source.data, GRAPH_JSON, true));
    }
    assert_true(allocations > 500);
    buf_free(&source);
}

static void every_allocation_may_fail_elsewhere(void **state)
{
    (void)state;
    int allocations = ALLOC_IN_TURN(compiles("{nodes: [{id: a, type: transform, config: {template: "
                                             "{x: '$input.y', z: \"u ${input.v} w\"}}}]}",
                                             GRAPH_YAML, true));
    assert_true(allocations > 5);
    /* The same for one that is wrong in many ways. */
    allocations = ALLOC_IN_TURN(compiles(
        "{\"nodes\": [{\"id\": \"a\", \"type\": \"nop\", \"retr\\u0079s\": 1}, {\"id\": \"b\","
        "\"type\": \"transform\", \"config\": {\"template\": [\"$q\", \"${1 +}\"]}}],"
        "\"edges\": [{\"from\": \"a\", \"to\": \"\\u0063\"}, {\"from\": \"b\", \"to\": \"b\"}]}",
        GRAPH_JSON, false));
    assert_true(allocations > 5);
}

static bool loads(struct slice canonical)
{
    struct err err = ERR_INIT;
    struct graph *graph = graph_load(canonical, &err);
    assert_int_equal(err.code, graph ? ERR_NONE : ERR_LIMIT);
    graph_release(graph);
    return graph != NULL;
}

static void loading_may_fail(void **state)
{
    (void)state;
    assert_true(ALLOC_IN_TURN(loads(slice_str(diamond))) > 5);
}

static int allocations_before_failure;

static bool all_but_one(void) { return allocations_before_failure-- != 0; }

/* Memory that was short for a moment: what is said about it has memory again, and is still not that
 * the definition is wrong. */
static void one_allocation_may_fail(void **state)
{
    static const char yaml[] = "nodes:\n- {id: a, type: noop}\nedges: []\n";
    int turn = 0;
    (void)state;
    for (bool failed = true; failed; turn++) {
        struct err err = ERR_INIT;
        allocations_before_failure = turn;
        arena_test_may_allocate = all_but_one;
        struct graph *graph = graph_load(slice_str(diamond), &err);
        arena_test_may_allocate = NULL;
        failed = allocations_before_failure < 0;
        assert_int_equal(err.code, graph ? ERR_NONE : ERR_LIMIT);
        assert_true(graph || failed);
        graph_release(graph);
    }
    assert_true(turn > 5);
    turn = 0;
    for (bool failed = true; failed;) {
        struct arena arena;
        struct findings findings;
        arena_init(&arena, 0);
        findings_init(&findings, &arena);
        allocations_before_failure = turn++;
        arena_test_may_allocate = all_but_one;
        struct graph *graph = graph_compile(slice_str(yaml), GRAPH_YAML, &findings);
        arena_test_may_allocate = NULL;
        failed = allocations_before_failure < 0;
        assert_int_equal(findings.out_of_memory, !graph);
        assert_int_equal(findings.errors, 0);
        graph_release(graph);
        arena_free(&arena);
    }
}

/* Regular expressions are not the arena's: leak detection finds those that stay behind, be it a
 * graph that is used, one that is refused, or one for which memory ran out. */
static void regular_expressions_are_given_back(void **state)
{
    static const char head[] =
        "{\"nodes\": [{\"id\": \"a\", \"type\": \"transform\", \"config\": {\"expression\":\n"
        "  \"input.x.matches('^a+$') && input.y.matches('b|c')\"}},\n"
        " {\"id\": \"b\", \"type\": \"transform\", \"config\": {\"template\":\n"
        "  {\"v\": \"${input.x.matches('d')}\", \"p\": \"is ${input.x.matches('e')}\"}}}],\n"
        " \"edges\": [{\"from\": \"a\", \"to\": \"b\", \"condition\": \"output.matches('f')\"}";
    struct buf source;
    (void)state;
    buf_init(&source, 0);
    buf_printf(&source, "%s]}", head);
    assert_true(ALLOC_IN_TURN(compiles(source.data, GRAPH_JSON, true)) > 5);
    buf_reset(&source);
    /* Compiled, and what it names is not there. */
    buf_printf(&source,
               "%s], \"output\": {\"o\": \"${ctx.nope.output.matches('g')}\",\n"
               " \"p\": \"${input.matches('h') && (}\"}}",
               head);
    struct arena arena;
    struct findings findings;
    arena_init(&arena, 0);
    findings_init(&findings, &arena);
    assert_null(graph_compile(buf_slice(&source), GRAPH_JSON, &findings));
    assert_int_equal(findings.errors, 2);
    assert_false(findings.out_of_memory);
    arena_free(&arena);
    buf_free(&source);
}

/* 10,000 nodes in 100 layers, 50,000 edges, half of them with conditions; every tenth node names one
 * far above. */
static void write_large(struct buf *out)
{
    enum { NODES = 10000, LAYER = 100, EDGES = 50000 };
    buf_str(out, "{\"nodes\":[");
    for (unsigned i = 0; i < NODES; i++) {
        buf_printf(out, "%s{\"id\":\"node_%u\",\"type\":", i ? "," : "", i);
        if (i % 10 == 0 && i >= 50 * LAYER)
            buf_printf(out,
                       "\"transform\",\"config\":{\"template\":{\"x\":\"$node_%u.a.b\","
                       "\"y\":\"n ${input.node_%u}\"}}}",
                       i - 50 * LAYER, i);
        else
            buf_str(out, "\"noop\"}");
    }
    buf_str(out, "],\"edges\":[");
    unsigned written = 0;
    for (unsigned i = 0; written < EDGES; i++) {
        /* Edge k of node n leads to a node of the next layer; the first straight down. */
        unsigned from = i % (NODES - LAYER), k = i / (NODES - LAYER);
        unsigned to = (from / LAYER + 1) * LAYER + (from % LAYER + k * 7) % LAYER;
        buf_printf(out, "%s{\"from\":\"node_%u\",\"to\":\"node_%u\"", written ? "," : "", from, to);
        if (i % 2)
            buf_printf(out, ",\"condition\":\"output.score > %u && output.ok\"", i % 100);
        buf_char(out, '}');
        written++;
    }
    buf_str(out, "]}");
}

static void large_definitions(void **state)
{
    struct buf source;
    struct arena arena;
    struct findings findings;
    struct timespec start, end;
    (void)state;
    buf_init(&source, 0);
    write_large(&source);
    arena_init(&arena, 0);
    findings_init(&findings, &arena);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &start);
    struct graph *graph = graph_compile(buf_slice(&source), GRAPH_JSON, &findings);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
    double seconds =
        (double)(end.tv_sec - start.tv_sec) + (double)(end.tv_nsec - start.tv_nsec) / 1e9;
    if (findings.errors > 0)
        print_error("%s\n", findings.items[0].message);
    assert_non_null(graph);
    assert_int_equal(graph->node_count, GRAPH_MAX_NODES);
    print_message("%zu bytes, %u edges: %.3f s of CPU, graph of %zu bytes\n", source.len,
                  graph->edge_count, seconds, graph->arena.used_bytes);
#if !defined(__SANITIZE_ADDRESS__)
    assert_true(seconds < 1.0);
#endif
    assert_true(graph->arena.used_bytes < GRAPH_ARENA_BYTES / 2);
    graph_release(graph);
    arena_free(&arena);
    buf_free(&source);
}

/* As many mistakes as fit: still in time, each position found without counting from the start. */
static void large_and_wrong(void **state)
{
    struct buf source;
    struct arena arena;
    struct findings findings;
    struct timespec start, end;
    (void)state;
    buf_init(&source, 0);
    buf_str(&source, "{\"nodes\":[");
    for (unsigned i = 0; i < GRAPH_MAX_NODES; i++)
        buf_printf(&source, "%s{\"id\":\"abcdefgh_%u\",\"type\":\"noop\",\"retryy\":1}",
                   i ? "," : "", i);
    buf_str(&source, "],\"edges\":[");
    for (unsigned i = 0; i < GRAPH_MAX_EDGES; i++)
        buf_printf(&source, "%s{\"from\":\"abcdefhg_%u\",\"to\":\"x\",\"condition\":\"nope\"}",
                   i ? "," : "", i);
    buf_str(&source, "]}");
    arena_init(&arena, 0);
    findings_init(&findings, &arena);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &start);
    assert_null(graph_compile(buf_slice(&source), GRAPH_JSON, &findings));
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
    assert_int_equal(findings.errors, GRAPH_MAX_NODES + 3 * GRAPH_MAX_EDGES);
    print_message("%u findings: %ld s of CPU\n", findings.errors,
                  (long)(end.tv_sec - start.tv_sec));
    assert_true(end.tv_sec - start.tv_sec < 10);
    arena_free(&arena);
    buf_free(&source);
}

static void too_large(void **state)
{
    struct buf source;
    struct arena arena;
    struct findings findings;
    (void)state;
    buf_init(&source, 0);
    buf_str(&source, "{\"nodes\":[");
    for (unsigned i = 0; i <= GRAPH_MAX_NODES; i++)
        buf_printf(&source, "%s{\"id\":\"n%u\",\"type\":\"noop\"}", i ? "," : "", i);
    buf_str(&source, "],\"edges\":[");
    for (unsigned i = 0; i <= GRAPH_MAX_EDGES; i++)
        buf_printf(&source, "%s{\"from\":\"n0\",\"to\":\"n1\"}", i ? "," : "");
    buf_str(&source, "]}");
    arena_init(&arena, 0);
    findings_init(&findings, &arena);
    assert_null(graph_compile(buf_slice(&source), GRAPH_JSON, &findings));
    assert_int_equal(findings.count, 2);
    assert_string_equal(findings.items[0].message, "nodes: 10001 nodes; the limit is 10000");
    assert_string_equal(findings.items[1].message, "edges: 50001 edges; the limit is 50000");
    arena_free(&arena);
    buf_free(&source);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(edges_and_slots),
        cmocka_unit_test(reads),
        cmocka_unit_test(forms),
        cmocka_unit_test(pictures),
        cmocka_unit_test(dead_paths),
        cmocka_unit_test(dead_chain),
        cmocka_unit_test(every_allocation_may_fail),
        cmocka_unit_test(every_allocation_may_fail_elsewhere),
        cmocka_unit_test(loading_may_fail),
        cmocka_unit_test(one_allocation_may_fail),
        cmocka_unit_test(regular_expressions_are_given_back),
        cmocka_unit_test(large_definitions),
        cmocka_unit_test(large_and_wrong),
        cmocka_unit_test(too_large),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
