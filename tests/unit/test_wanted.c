/* What executions need, as text; join tables of compiled graphs. */
#include "base/buf.h"
#include "graph/graph.h"
#include "protocol/calls.h"
#include "protocol/wanted.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
/* after the four above */
#include <cmocka.h>

/*        ┌─> b ─┐
 *   a ───┼─> c ─┼─> d (all) ──> e ──> g (count 2)
 *        │      └────────────────────>┘   │
 *        └─> f ──────────────────────>────┘
 */
static const char definition[] =
    "{\"nodes\":["
    "{\"id\":\"a\",\"type\":\"noop\"},"
    "{\"id\":\"b\",\"type\":\"noop\"},"
    "{\"id\":\"c\",\"type\":\"transform\",\"config\":{\"expression\":\"context.x\"}},"
    "{\"id\":\"d\",\"type\":\"transform\","
    "\"config\":{\"expression\":\"[ctx.a.output, ctx.b.output, run.id, context]\"}},"
    "{\"id\":\"e\",\"type\":\"transform\","
    "\"config\":{\"expression\":\"[ctx.a.output, ctx.d.output, run.id]\"}},"
    "{\"id\":\"f\",\"type\":\"noop\"},"
    "{\"id\":\"g\",\"type\":\"noop\"}],"
    "\"edges\":[{\"from\":\"a\",\"to\":\"b\"},{\"from\":\"a\",\"to\":\"c\"},"
    "{\"from\":\"a\",\"to\":\"f\"},{\"from\":\"b\",\"to\":\"d\"},{\"from\":\"c\",\"to\":\"d\"},"
    "{\"from\":\"d\",\"to\":\"e\"},{\"from\":\"e\",\"to\":\"g\"},{\"from\":\"c\",\"to\":\"g\"},"
    "{\"from\":\"f\",\"to\":\"g\"}]";

/* `more` ends the definition. */
static struct graph *compile(const char *more)
{
    struct arena arena;
    struct findings findings;
    struct buf source;
    arena_init(&arena, 0);
    findings_init(&findings, &arena);
    buf_init(&source, 0);
    buf_str(&source, definition);
    buf_str(&source, more);
    struct graph *graph = graph_compile(buf_slice(&source), GRAPH_JSON, &findings);
    for (uint32_t i = 0; !graph && i < findings.count; i++)
        print_error("%s\n", findings.items[i].message);
    assert_non_null(graph);
    buf_free(&source);
    arena_free(&arena);
    return graph;
}

static void assert_wanted(const struct graph *graph, uint32_t node, const char *expected)
{
    struct buf out;
    buf_init(&out, 0);
    wanted_write_node(&out, graph, node);
    assert_string_equal(out.data, expected);
    buf_free(&out);
}

static void test_nodes_with_one_predecessor_or_none(void **state UNUSED)
{
    struct graph *graph = compile("}");
    assert_wanted(graph, 0, "in;");
    assert_wanted(graph, 1, "0;");
    assert_wanted(graph, 2, "0;in");
    assert_wanted(graph, 4, "3;0,rn");
    assert_wanted(graph, 5, "0;");
    graph_release(graph);
}

static void test_the_hidden_token(void **state UNUSED)
{
    static const struct {
        const char *more, *expected;
    } cases[] = {
        {"}", ""},
        {",\"output\":{\"x\":1}}", ";"},
        {",\"output\":\"${[ctx.g.output, ctx.c.output, context, run.id]}\"}", ";2,6,in,rn"},
        {",\"output\":\"$input.x\"}", ";in"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct graph *graph = compile(cases[i].more);
        struct buf out;
        buf_init(&out, 0);
        wanted_write_output(&out, graph);
        /* In which order the graph lists what it reads is its own affair. */
        if (i == 2 && out.len > 4 && out.data[1] == '6')
            assert_string_equal(out.data, ";6,2,in,rn");
        else
            assert_true(slice_eq_str(buf_slice(&out), cases[i].expected));
        buf_free(&out);
        graph_release(graph);
    }
}

struct rows {
    uint32_t count;
    uint32_t nodes[4];
    char text[4][200];
};

static void add_row(void *context, struct slice name, struct slice text)
{
    struct rows *rows = context;
    assert_true(rows->count < 4 && text.len < sizeof(rows->text[0]));
    assert_true(name.len == 1);
    rows->nodes[rows->count] = (uint32_t)(name.ptr[0] - '0');
    memcpy(rows->text[rows->count], text.ptr, text.len);
    rows->text[rows->count++][text.len] = '\0';
}

static void test_join_tables(void **state UNUSED)
{
    struct graph *graph = compile("}");
    struct arena arena;
    struct rows rows = {0};
    arena_init(&arena, 0);
    /* What definitions cannot say yet. */
    struct graph_node nodes[7];
    struct graph changed = *graph;
    assert_int_equal(graph->node_count, ARRAY_LEN(nodes));
    memcpy(nodes, graph->nodes, sizeof(nodes));
    nodes[3].queue = SLICE("heavy");
    nodes[6].join = JOIN_COUNT;
    nodes[6].need = 2;
    changed.nodes = nodes;
    assert_int_equal(join_table_rows(&changed, &arena, add_row, &rows), 0);
    assert_int_equal(rows.count, 2);
    assert_int_equal(rows.nodes[0], 3);
    /* d reads a, and its predecessor b by name, should its edge be dead; skipped, it skips e, whose edge to g is dead then. */
    assert_string_equal(rows.text[0], "a|2|2|heavy|1,2|0,1,in,rn|6.0");
    assert_int_equal(rows.nodes[1], 6);
    assert_string_equal(rows.text[1], "k|3|2|default|4,2,5||");
    arena_free(&arena);
    graph_release(graph);
}

static void test_reading(void **state UNUSED)
{
    static const struct {
        const char *text, *items; /* i: input, x: extra; then the name */
        bool bad;
    } cases[] = {
        {"", "", false},
        {";", "", false},
        {"in;", "iI ", false},
        {"in;rn", "iI xR ", false},
        {"3;", "i3 ", false},
        {"1,22;0,in,rn", "i1 i22 x0 xI xR ", false},
        {";7,in", "x7 xI ", false},
        {"1", "i1 ", true},
        {"1,", "i1 ", true},
        {",1;", "", true},
        {"1,;", "i1 ", true},
        {"1;2,", "i1 x2 ", true},
        {"1;,2", "i1 ", true},
        {"1;2;3", "i1 ", true},
        {";;", "", true},
        {"x;", "", true},
        {"-1;", "", true},
        {"1 ;", "", true},
        {"9999999999;", "", true},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct wanted_item item;
        struct buf out;
        size_t at = 0;
        uint32_t items = 0;
        bool bad;
        buf_init(&out, 0);
        while (wanted_next(slice_str(cases[i].text), &at, &item, &bad)) {
            assert_false(bad);
            items++;
            buf_char(&out, item.is_input ? 'i' : 'x');
            if (item.kind == WANTED_NODE)
                buf_uint(&out, item.node);
            else
                buf_char(&out, item.kind == WANTED_INPUT ? 'I' : 'R');
            buf_char(&out, ' ');
        }
        assert_int_equal(wanted_count(slice_str(cases[i].text)), items);
        if (bad != cases[i].bad || !slice_eq_str(buf_slice(&out), cases[i].items))
            fail_msg("%s: %s%s", cases[i].text, out.data ? out.data : "", bad ? "bad" : "");
        buf_free(&out);
    }
}

/* No letter that stands for anything. */
static void test_reading_a_nul(void **state)
{
    static const char name[] = {'\0', '5', ';'};
    static const char result[] = "\0|1|w|2|3|{}";
    struct wanted_item item;
    struct task_result read;
    size_t at = 0;
    bool bad = false;
    (void)state;
    assert_false(wanted_next(slice_of(name, sizeof(name)), &at, &item, &bad));
    assert_true(bad);
    assert_int_equal(task_result_read(slice_of(result, sizeof(result) - 1), &read), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nodes_with_one_predecessor_or_none),
        cmocka_unit_test(test_the_hidden_token),
        cmocka_unit_test(test_join_tables),
        cmocka_unit_test(test_reading),
        cmocka_unit_test(test_reading_a_nul),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
