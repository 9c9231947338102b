/* Templates and expressions over values: template, then the JSON it writes, or "!code message". The
 * template is that of node c behind a and d-d, beside which m was skipped. */
#include "alloc_in_turn.h"
#include "graph/graph.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
/* after the four above */
#include <cmocka.h>

struct example {
    const char *template, *result;
};

static const struct example examples[] = {
    /* plain */
    {"null", "null"},
    {"{ \"b\" : [ 1.50 , \"x\\u0041\" ] , \"a\":true}", "{\"b\":[1.50,\"x\\u0041\"],\"a\":true}"},
    {"\"$\"", "\"$\""},
    {"\"$5\"", "\"$5\""},
    {"\"$_x\"", "\"$_x\""},
    {"\"5$\"", "\"5$\""},
    {"\"$$\"", "\"$\""},
    {"\"$$5\"", "\"$5\""},
    {"\"$$input\"", "\"$input\""},
    {"\"$${x}\"", "\"${x}\""},
    {"\"a $input.x b\"", "\"a $input.x b\""},
    {"\"\\\"$$\\n\"", "\"\\\"$\\n\""},
    {"{\"$input\": 1, \"$$\": 2}",
     "{\"$input\":1,\"$$\":2}"}, /* names of members are as they are */
    /* references */
    {"\"$input\"", "{\"n\": 7, \"s\": \"q\\\"\", \"big\": 12345678901234567890.5, \"l\": [[1, 2], "
                   "{\"k-1\": null}]}"},
    {"\"\\u0024input.n\"", "7"},
    {"\"$input.s\"", "\"q\\\"\""},
    {"\"$input.big\"", "12345678901234567890.5"},
    {"\"$input.l[0][1]\"", "2"},
    {"\"$input.l[1]\"", "{\"k-1\":null}"},
    {"\"$input.l[1].k-1\"", "null"},
    {"\"$context.größe\"", "3"},
    {"[\"$a\", \"$d-d\", \"$a.x\"]", "[{\"x\":[10]},\"dash\",[10]]"},
    {"\"$input.nope\"", "!binding config.template: $input.nope: no such member (at .nope)"},
    {"{\"q\": [\"$context.nope.deep\"]}",
     "!binding config.template.q[0]: $context.nope.deep: no such member (at .nope)"},
    {"\"$input.n.x\"", "!binding $input.n.x: only an object has members (at .x)"},
    {"\"$input.n[0]\"", "!binding only a list has elements (at [0])"},
    {"\"$input.l[2]\"", "!binding no such element (at [2])"},
    {"\"$m\"", "!binding config.template: $m: that node has no output here (it was skipped)"},
    /* expressions */
    {"\"${ input.n + 1 }\"", "8"},
    {"\"${input.s}\"", "\"q\\\"\""},
    {"\"${{'a': input.n, 'b': '}'}}\"", "{\"a\":7,\"b\":\"}\"}"},
    {"\"${ctx.a.output.x[0] + size(ctx['d-d'].output)}\"", "14"},
    {"\"${ctx.a.status + string(ctx.a.attempt)}\"", "\"completed2\""},
    {"\"${ctx['d-d'].status}\"", "\"failed\""},
    {"\"${ctx.a.started_at}\"", "\"1970-01-01T00:00:01.5Z\""},
    {"\"${ctx.a.ended_at - ctx.a.started_at}\"", "\"2.5s\""},
    {"\"${has(ctx.m) ? 1 : 0}\"", "0"},
    {"\"${'d-d' in ctx}\"", "true"},
    {"\"${run.id}\"", "\"r1\""},
    {"\"${input.n / 0}\"", "!binding config.template: "},
    {"[1, \"${input.nope}\"]", "!binding config.template[1]: "},
    {"\"${ctx.m.output}\"", "!binding config.template: "},
    {"\"${1.0 / 0.0}\"", "!binding config.template: "},
    /* inside strings */
    {"\"n is ${input.n}, s is ${input.s}$$\"", "\"n is 7, s is q\\\"$\""},
    {"\"${input.l}${input.n}\"", "\"[[1,2],{\\\"k-1\\\":null}]7\""},
    {"\" ${null}\"", "\" null\""},
    {"\"at ${ctx.a.started_at}\"", "\"at 1970-01-01T00:00:01.5Z\""},
    {"\"${'}'}${\\\"}\\\"}${r'\\\\'}\"", "\"}}\\\\\""},
    {"\"x ${input.nope} y\"", "!binding config.template: "},
};

static struct graph *compile(const char *template)
{
    struct buf source;
    struct arena arena;
    struct findings findings;
    buf_init(&source, 0);
    buf_printf(
        &source,
        "{\"nodes\": [{\"id\": \"c\", \"type\": \"transform\", \"config\": {\"template\": %s}},"
        "{\"id\": \"a\", \"type\": \"noop\"}, {\"id\": \"d-d\", \"type\": \"noop\"},"
        "{\"id\": \"m\", \"type\": \"noop\"}],"
        "\"edges\": [{\"from\": \"a\", \"to\": \"c\"}, {\"from\": \"d-d\", \"to\": \"c\"},"
        "{\"from\": \"m\", \"to\": \"c\"},"
        "{\"from\": \"a\", \"to\": \"m\", \"condition\": \"output.x[0] > input.n\"},"
        "{\"from\": \"a\", \"to\": \"d-d\", \"condition\": \"output.x\"}]}",
        template);
    arena_init(&arena, 0);
    findings_init(&findings, &arena);
    struct graph *graph = graph_compile(buf_slice(&source), GRAPH_JSON, &findings);
    for (uint32_t i = 0; !graph && i < findings.count; i++)
        print_error("%s: %s\n", template, findings.items[i].message);
    arena_free(&arena);
    buf_free(&source);
    return graph;
}

static void fill(struct graph_values *values, struct graph_output outputs[2])
{
    outputs[0] = (struct graph_output){
        .node = 2, .failed = true, .attempt = 1, .output.text = SLICE("\"dash\"")};
    outputs[1] = (struct graph_output){.node = 1,
                                       .attempt = 2,
                                       .started_us = 1500000,
                                       .ended_us = 4000000,
                                       .output.text = SLICE("{\"x\":[10]}")};
    *values = (struct graph_values){
        .input.text = SLICE("{\"n\": 7, \"s\": \"q\\\"\", \"big\": 12345678901234567890.5, "
                            "\"l\": [[1, 2], {\"k-1\": null}]}"),
        .context.text = SLICE("{\"größe\": 3}"),
        .output.text = SLICE("{\"x\": [10]}"),
        .run.text = SLICE("{\"id\": \"r1\"}"),
        .outputs = outputs,
        .output_count = 2,
    };
}

static bool check(const struct example *example)
{
    struct graph *graph = compile(example->template);
    struct graph_values values;
    struct graph_output outputs[2];
    struct graph_failure failure = {"", ""};
    struct arena arena;
    struct buf out;
    if (!graph)
        return false;
    arena_init(&arena, 0);
    buf_init(&out, 0);
    buf_str(&out, "before");
    fill(&values, outputs);
    int rc = binding_eval(graph->nodes[0].template, &values, &arena, &out, &failure);
    bool good;
    if (example->result[0] == '!') {
        const char *message = strchr(example->result, ' ') + 1;
        size_t code = (size_t)(message - example->result) - 2;
        good = rc == -1 && strlen(failure.code) == code &&
               memcmp(failure.code, example->result + 1, code) == 0 &&
               strstr(failure.message, message) && strcmp(out.data, "before") == 0;
    } else {
        good = rc == 0 && strcmp(out.data + 6, example->result) == 0 &&
               json_valid(slice_of(out.data + 6, out.len - 6));
    }
    if (!good)
        print_error("%s\n  gives    %s %s %s\n  expected %s\n", example->template, out.data,
                    failure.code, failure.message, example->result);
    buf_free(&out);
    arena_free(&arena);
    graph_release(graph);
    return good;
}

static void templates(void **state)
{
    int bad = 0;
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(examples); i++)
        bad += !check(&examples[i]);
    assert_int_equal(bad, 0);
}

static void conditions(void **state)
{
    struct graph *graph = compile("1");
    struct graph_values values;
    struct graph_output outputs[2];
    struct graph_failure failure;
    struct arena arena;
    bool holds = false;
    (void)state;
    assert_non_null(graph);
    arena_init(&arena, 0);
    fill(&values, outputs);
    const struct graph_route *routes = graph_find(graph, SLICE("a"))->routes;
    assert_int_equal(graph_expr_holds(routes[1].condition, &values, &arena, &holds, &failure), 0);
    assert_true(holds);
    assert_int_equal(graph_expr_holds(routes[2].condition, &values, &arena, &holds, &failure), -1);
    assert_string_equal(failure.code, "expression");
    assert_non_null(strstr(failure.message, "edges[4].condition: a condition is true or false"));
    values.output.text = SLICE("{\"y\": 1}");
    values.output.parsed = false;
    assert_int_equal(graph_expr_holds(routes[1].condition, &values, &arena, &holds, &failure), -1);
    assert_string_equal(failure.code, "expression");
    assert_memory_equal(failure.message, "edges[3].condition: ", 20);
    values.output.text = SLICE_NONE;
    assert_int_equal(graph_expr_holds(routes[1].condition, &values, &arena, &holds, &failure), -1);
    assert_non_null(strstr(failure.message, "there is no output here"));
    arena_free(&arena);
    graph_release(graph);
}

static bool evaluates(const struct graph *graph)
{
    struct graph_values values;
    struct graph_output outputs[2];
    struct graph_failure failure = {"", ""};
    struct arena arena;
    struct buf out;
    arena_init(&arena, 0);
    buf_init(&out, 0);
    fill(&values, outputs);
    int rc = binding_eval(graph->nodes[0].template, &values, &arena, &out, &failure);
    if (rc != 0)
        assert_true(failure.code[0] && failure.message[0] &&
                    !strstr(failure.message, "cannot be read"));
    buf_free(&out);
    arena_free(&arena);
    return rc == 0;
}

static void every_allocation_may_fail(void **state)
{
    struct graph *graph = compile("{\"a\": \"$input.l[0]\", \"b\": \"x ${ctx.a.output.x} y\", "
                                  "\"c\": \"${[input.n, ctx['d-d'].output]}\"}");
    (void)state;
    assert_non_null(graph);
    assert_true(ALLOC_IN_TURN(evaluates(graph)) > 3);
    graph_release(graph);
}

static void too_large(void **state)
{
    struct graph *graph = compile("[\"$input\", \"a ${input.l} b\"]");
    struct graph_values values;
    struct graph_output outputs[2];
    struct graph_failure failure;
    (void)state;
    assert_non_null(graph);
    for (size_t cap = 1; cap < 100; cap += 7) {
        struct arena arena;
        struct buf out;
        arena_init(&arena, 0);
        buf_init(&out, cap);
        fill(&values, outputs);
        assert_int_equal(binding_eval(graph->nodes[0].template, &values, &arena, &out, &failure),
                         -1);
        assert_string_equal(failure.code, "too_large");
        buf_free(&out);
        arena_free(&arena);
    }
    graph_release(graph);
}

/* Both parts can be read; one inside the other could not be. */
static void too_deep(void **state)
{
    static const char *const templates[] = {"[\"$input\"]", "{\"a\": \"${input}\"}",
                                            "\"${[input]}\""};
    char text[129];
    (void)state;
    memset(text, '[', 64);
    memset(text + 64, ']', 64);
    text[128] = '\0';
    for (size_t i = 0; i < ARRAY_LEN(templates); i++) {
        struct graph *graph = compile(templates[i]);
        assert_non_null(graph);
        for (size_t levels = 63; levels <= 64; levels++) {
            struct graph_values values;
            struct graph_output outputs[2];
            struct graph_failure failure = {"", ""};
            struct arena arena;
            struct buf out;
            arena_init(&arena, 0);
            buf_init(&out, 0);
            fill(&values, outputs);
            values.input.text = slice_of(text + 64 - levels, 2 * levels);
            int rc = binding_eval(graph->nodes[0].template, &values, &arena, &out, &failure);
            assert_int_equal(rc, levels == 64 ? -1 : 0);
            assert_string_equal(failure.code, levels == 64 ? "too_large" : "");
            assert_int_equal(json_valid(buf_slice(&out)), levels == 63);
            buf_free(&out);
            arena_free(&arena);
        }
        graph_release(graph);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(templates),
        cmocka_unit_test(conditions),
        cmocka_unit_test(every_allocation_may_fail),
        cmocka_unit_test(too_large),
        cmocka_unit_test(too_deep),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
