/* Reading and compiling definitions with every piece of memory missing in turn: not blocks of arenas
 * alone, but whatever they hand out, and what bufs and maps take.
 *
 * Each definition is compiled once per allocation that this makes, twice: with that one failing, and
 * with all from there on. Either there is a graph, or it is said that memory was short; never that the
 * definition is wrong. */
#include "base/arena.h"
#include "base/buf.h"
#include "graph/graph.h"
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
/* after the four above */
#include <cmocka.h>

static int before_failure; /* allocations that still succeed */
static bool only_one;      /* fails; else all that follow do */
static bool failed;

static bool may_allocate(void)
{
    const bool good = before_failure > 0 || (only_one && failed);
    before_failure--;
    failed = failed || !good;
    return good;
}

static void set_hooks(bool (*hook)(void))
{
    arena_test_may_allocate = hook;
    arena_test_may_hand_out = hook;
}

/* --- definitions --- */

/* An overlapping loop around a loop, an `any` and a count join, previous iterations. */
static const char loops[] =
    "{\"metadata\": {\"name\": \"loops\", \"description\": \"\\u0062\"}, \"nodes\": [\n"
    " {\"id\": \"h\", \"type\": \"transform\", \"config\": {\"expression\":\n"
    "   \"has(ctx.j) ? ctx.j.output : iteration\"}},\n"
    " {\"id\": \"a\", \"type\": \"noop\"}, {\"id\": \"b\", \"type\": \"delay\", \"config\":\n"
    "   {\"ms\": \"${iteration == 1 ? 60 : 1}\"}}, {\"id\": \"c\", \"type\": \"noop\"},\n"
    " {\"id\": \"j\", \"type\": \"noop\", \"join\": \"any\"},\n"
    " {\"id\": \"k\", \"type\": \"transform\", \"config\": {\"expression\": \"ctx.h.output\"},\n"
    "  \"loop\": {\"condition\": \"iteration < 2\", \"max_iterations\": 9,\n"
    "   \"break_path\": [\"l\"]}},\n"
    " {\"id\": \"l\", \"type\": \"noop\", \"loop\": {\"condition\": \"output < 5\",\n"
    "  \"max_iterations\": 9, \"loop_back_to\": \"h\", \"break_path\": [\"e\"],\n"
    "  \"timeout_path\": [\"t\"]}},\n"
    " {\"id\": \"e\", \"type\": \"noop\"}, {\"id\": \"t\", \"type\": \"noop\"},\n"
    " {\"id\": \"z\", \"type\": \"join\", \"join\": {\"count\": 1}}], \"edges\": [\n"
    " {\"from\": \"h\", \"to\": \"a\"}, {\"from\": \"h\", \"to\": \"b\", \"condition\": \"output > "
    "0\"},\n"
    " {\"from\": \"b\", \"to\": \"c\"}, {\"from\": \"a\", \"to\": \"j\"}, {\"from\": \"c\", "
    "\"to\": \"j\"},\n"
    " {\"from\": \"j\", \"to\": \"k\"}, {\"from\": \"e\", \"to\": \"z\"},\n"
    " {\"from\": \"t\", \"to\": \"z\"}], \"output\": {\"e\": \"$z\"}}";

/* Schemas with patterns and references, programs in jq, conditions of the three languages. */
static const char schemas[] =
    "{\"nodes\": [{\"id\": \"a\", \"type\": \"transform\", \"config\": {\"jq\": \".items | "
    "map(.p)\"},\n"
    "   \"input_schema\": {\"$defs\": {\"d\": {\"anyOf\": [{\"type\": \"null\"}, {\"pattern\": "
    "\"^x\"}]}},\n"
    "     \"properties\": {\"u\": {\"$ref\": \"#/$defs/d\"}}, \"required\": [\"items\"]},\n"
    "   \"output_schema\": {\"type\": \"array\", \"items\": {\"enum\": [1, \"2\", {\"a\": "
    "null}]}}},\n"
    "  {\"id\": \"b\", \"type\": \"filter\", \"config\": {\"filter_expression\": "
    "\"value.matches('^a')\"}},\n"
    "  {\"id\": \"c\", \"type\": \"aggregate\", \"config\": {\"strategy\": \"collect\"}, \"join\": "
    "\"each\"},\n"
    "  {\"id\": \"d\", \"type\": \"noop\"}],\n"
    " \"edges\": [{\"from\": \"a\", \"to\": \"b\", \"condition\": {\"type\": \"jq\",\n"
    "     \"expression\": \".[0] > 1\"}},\n"
    "   {\"from\": \"a\", \"to\": \"c\", \"condition\": {\"type\": \"schema\",\n"
    "     \"schema\": {\"minItems\": 1}}}, {\"from\": \"b\", \"to\": \"c\"},\n"
    "   {\"from\": \"a\", \"to\": \"d\", \"condition\": \"size(output) > 0 && output.all(x, x != "
    "3)\"}],\n"
    " \"output\": {\"d\": \"$d\"}, \"output_schema\": {\"type\": \"object\"}}";

/* Bindings everywhere, rules, failures that are handled, retries, in YAML. */
static const char bindings[] =
    "metadata: {name: bindings, description: \"of ${all} kinds\"}\n"
    "nodes:\n"
    "  - id: s\n"
    "    type: transform\n"
    "    config:\n"
    "      input: {x: $context.x, y: \"${input.y + 1}\", \"k ${1}\": [a, $input]}\n"
    "      template: {t: \"is ${input.x} of $input.y\", u: [\"$$\", {v: '${run.id}'}]}\n"
    "  - id: r\n"
    "    type: conditional\n"
    "    when: has(ctx.s) && !ctx.s.output.t.startsWith('no')\n"
    "    branch:\n"
    "      rules:\n"
    "        - {condition: output.u == 1, next_nodes: [f, g]}\n"
    "        - {condition: \"output.t in ['a', 'b']\", next_nodes: [g]}\n"
    "      default: [g]\n"
    "  - id: f\n"
    "    type: function\n"
    "    config: {function_name: fail, input: {code: \"c_${input.u}\", message: $s.t}}\n"
    "    retry: {max_attempts: 3, backoff_ms: 5}\n"
    "    on_error: {goto: [h]}\n"
    "  - {id: g, type: noop}\n"
    "  - {id: h, type: transform, config: {expression: '[error.code, ctx.s.status]'}}\n"
    "edges:\n"
    "  - {from: s, to: r}\n"
    "output: {h: \"${has(ctx.h) ? ctx.h.output : run.labels}\", s: $s}\n";

/* --- each of them --- */

static bool compiles(const char *source, enum graph_format format)
{
    struct arena arena;
    struct findings findings;
    arena_init(&arena, 0);
    findings_init(&findings, &arena);
    failed = false;
    set_hooks(may_allocate);
    struct graph *graph = graph_compile(slice_str(source), format, &findings);
    set_hooks(NULL);
    for (uint32_t i = 0; i < findings.count; i++) {
        if (findings.items[i].severity == FINDING_ERROR)
            print_error("%s\n", findings.items[i].message);
    }
    assert_int_equal(findings.errors, 0);
    /* What only a warning or a better message needed may be missing, if it is said. */
    assert_true(graph || findings.out_of_memory);
    assert_true(failed || !findings.out_of_memory);
    graph_release(graph);
    arena_free(&arena);
    return graph != NULL;
}

static void compile_in_turn(const char *source, enum graph_format format)
{
    int turn = 0;
    before_failure = INT_MAX;
    assert_true(compiles(source, format));
    for (bool more = true; more; turn++) {
        before_failure = turn;
        only_one = false;
        const bool compiled = compiles(source, format);
        more = failed;
        assert_true(compiled == !failed);
        before_failure = turn;
        only_one = true;
        assert_true(compiles(source, format) || failed);
    }
    assert_true(turn > 100);
}

static void loops_and_joins(void **state)
{
    (void)state;
    compile_in_turn(loops, GRAPH_JSON);
}

static void schemas_and_programs(void **state)
{
    (void)state;
    compile_in_turn(schemas, GRAPH_JSON);
}

static void bindings_in_yaml(void **state)
{
    (void)state;
    compile_in_turn(bindings, GRAPH_YAML);
}

/* The canonical form, as workers read it. */
static bool loads(struct slice canonical)
{
    struct err err = ERR_INIT;
    failed = false;
    set_hooks(may_allocate);
    struct graph *graph = graph_load(canonical, &err);
    set_hooks(NULL);
    assert_int_equal(err.code, graph ? ERR_NONE : ERR_LIMIT);
    assert_true(graph || failed);
    graph_release(graph);
    return graph != NULL;
}

static void loading(void **state)
{
    static const struct {
        const char *source;
        enum graph_format format;
    } all[] = {{loops, GRAPH_JSON}, {schemas, GRAPH_JSON}, {bindings, GRAPH_YAML}};
    (void)state;
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        struct arena arena;
        struct findings findings;
        arena_init(&arena, 0);
        findings_init(&findings, &arena);
        struct graph *graph = graph_compile(slice_str(all[i].source), all[i].format, &findings);
        assert_non_null(graph);
        int turn = 0;
        for (bool more = true; more; turn++) {
            before_failure = turn;
            only_one = true;
            (void)loads(graph->canonical);
            more = failed;
            before_failure = turn;
            only_one = false;
            assert_true(loads(graph->canonical) == !failed);
        }
        assert_true(turn > 100);
        graph_release(graph);
        arena_free(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loops_and_joins),
        cmocka_unit_test(schemas_and_programs),
        cmocka_unit_test(bindings_in_yaml),
        cmocka_unit_test(loading),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
