/* Probes in definitions: who may have one, who may be one, what it sees, and how it is drawn. */
#include "base/json.h"
#include "graph/graph.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
/* after the four above */
#include <cmocka.h>

enum { MOST = 4 };

struct example {
    const char *nodes; /* YAML, from line 2 on */
    const char *
        findings[MOST]; /* errors, "LINE: part of the message", in their order; none: it compiles */
};

#define BUY "- {id: buy, type: http, config: {url: 'http://x/', method: POST}, probe: ask}\n"
#define ASK "- {id: ask, type: http, config: {url: 'http://x/?key=${input.idempotency_key}'}}\n"
#define NO_EFFECT                                                                                  \
    " has no effect outside that a probe could find out about: http, exec, agent and tool nodes "  \
    "have, and functions that are not built in"
#define ONLY "'ask' is the probe of 'buy': besides id, type and config a probe has timeout_ms only"

static const struct example examples[] = {
    {BUY ASK, {NULL}},
    {BUY "- {id: ask, type: http, timeout_ms: 100, config: {url: u}}\n", {NULL}},
    {BUY "- {id: ask, type: exec, config: {argv: [a]}}\n", {NULL}},
    {BUY "- {id: ask, type: transform, config: {expression: \"{'outcome': 'done'}\"}}\n", {NULL}},
    {BUY "- {id: ask, type: function, config: {function_name: echo}}\n", {NULL}},
    {BUY "- {id: ask, type: function, config: {function_name: of_a_plugin}}\n", {NULL}},
    /* who has one */
    {"- {id: buy, type: exec, config: {argv: [a]}, probe: ask}\n" ASK, {NULL}},
    {"- {id: buy, type: tool, config: {name: a}, probe: ask}\n" ASK, {NULL}},
    {"- {id: buy, type: agent, config: {name: a}, probe: ask}\n" ASK, {NULL}},
    {"- {id: buy, type: function, config: {function_name: a}, probe: ask}\n" ASK, {NULL}},
    {"- {id: buy, type: noop, probe: ask}\n" ASK,
     {"2: nodes[0].probe: a node of type noop" NO_EFFECT}},
    {"- {id: buy, type: function, config: {function_name: echo}, probe: ask}\n" ASK,
     {"2: nodes[0].probe: a node of type function that is built in" NO_EFFECT}},
    {"- {id: buy, type: http, config: {url: u}, probe: [ask]}\n",
     {"2: nodes[0].probe: expected a string"}},
    {"- {id: buy, type: http, config: {url: u}, probe: aks}\n" ASK,
     {"2: nodes[0].probe: no node is called 'aks', did you mean 'ask'?"}},
    /* who is one */
    {BUY "- {id: ask, type: tool, config: {name: a}}\n",
     {"2: nodes[0].probe: 'ask' cannot be a probe: remote workers execute it"}},
    {BUY "- {id: ask, type: delay, config: {ms: 1}}\n",
     {"2: 'ask' cannot be a probe: a probe is of type http, exec, transform or function"}},
    {BUY "- {id: ask, type: function, config: {function_name: sleep}}\n",
     {"2: 'ask' cannot be a probe: it would wait"}},
    {"- {id: buy, type: http, config: {url: u}, probe: buy}\n",
     {"2: nodes[0].probe: a node cannot be its own probe"}},
    {BUY ASK "- {id: other, type: http, config: {url: u}, probe: ask}\n",
     {"4: nodes[2].probe: 'ask' is the probe of 'buy' already"}},
    {BUY "- {id: ask, type: http, config: {url: u}, retry: {max_attempts: 2}}\n",
     {"3: nodes[1].retry: " ONLY}},
    {BUY "- {id: ask, type: http, config: {url: u}, when: 'true', on_error: continue}\n",
     {"3: nodes[1].when: " ONLY, "3: nodes[1].on_error: " ONLY}},
    {BUY "- {id: ask, type: http, config: {url: u}, probe: more}\n"
         "- {id: more, type: http, config: {url: u}}\n",
     {"3: nodes[1].probe: " ONLY}},
    {BUY ASK "- {id: after, type: noop}\n"
             "edges: [{from: buy, to: ask}, {from: ask, to: after}]\n",
     {"5: edges[0]: 'ask' is the probe of 'buy': no edge leads to a probe or from it"}},
    {BUY ASK "- {id: x, type: http, config: {url: u}, on_error: {goto: [ask]}}\n",
     {"4: nodes[2].on_error.goto[0]: 'ask' is the probe of 'buy': no edge leads"}},
    /* what it sees, and who sees it */
    {BUY
     "- {id: ask, type: transform, config: {template: {outcome: $first.x, i: $input.attempt}}}\n"
     "- {id: first, type: noop}\n"
     "edges: [{from: first, to: buy}]\n",
     {NULL}},
    {BUY "- {id: ask, type: transform, config: {expression: 'ctx.after.output'}}\n"
         "- {id: after, type: noop}\n"
         "edges: [{from: buy, to: after}]\n",
     {"3: nodes[1].config.expression: ctx.after: 'after' cannot have run before 'buy'"}},
    {BUY "- {id: ask, type: transform, config: {expression: 'nothing'}}\n",
     {"3: nodes[1].config.expression: "}},
    {BUY ASK "- {id: after, type: transform, config: {expression: 'ctx.ask.output'}}\n"
             "edges: [{from: buy, to: after}]\n",
     {"4: ctx.ask: 'ask' is a probe: what it answers becomes its node's output"}},
    {BUY ASK "output: $ask.body\n", {"4: output: $ask: 'ask' is a probe"}},
    /* the node's own input_schema says nothing of what the probe is asked */
    {"- {id: buy, type: http, config: {url: u}, probe: ask, input_schema: {type: object, "
     "properties: "
     "{a: {type: string}}, additionalProperties: false}}\n" ASK,
     {NULL}},
};

static int check(const struct example *example)
{
    struct arena arena;
    struct findings findings;
    struct buf source;
    uint32_t expected = 0, at = 0;
    bool good = true;
    arena_init(&arena, 0);
    buf_init(&source, 0);
    findings_init(&findings, &arena);
    buf_printf(&source, "nodes:\n%s", example->nodes);
    struct graph *graph = graph_compile(buf_slice(&source), GRAPH_YAML, &findings);
    for (; expected < MOST && example->findings[expected]; expected++) {
        while (at < findings.count && findings.items[at].severity == FINDING_WARNING)
            at++;
        const struct finding *found = at < findings.count ? &findings.items[at++] : NULL;
        char *words;
        const unsigned long line = strtoul(example->findings[expected], &words, 10);
        good &= found && found->position.line == line && strstr(found->message, words + 2);
    }
    good &= findings.errors == expected && (graph != NULL) == (expected == 0);
    for (uint32_t i = 0; !good && i < findings.count; i++)
        print_error("%sfound %u: %s\n", i == 0 ? example->nodes : "",
                    findings.items[i].position.line, findings.items[i].message);
    graph_release(graph);
    buf_free(&source);
    arena_free(&arena);
    return good ? 0 : 1;
}

static void test_findings(void **state)
{
    int bad = 0;
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(examples); i++)
        bad += check(&examples[i]);
    assert_int_equal(bad, 0);
}

static struct graph *compile(const char *text)
{
    struct arena arena;
    struct findings findings;
    arena_init(&arena, 0);
    findings_init(&findings, &arena);
    struct graph *graph = graph_compile(slice_str(text), GRAPH_YAML, &findings);
    assert_non_null(graph);
    assert_int_equal(findings.count, 0); /* nobody is isolated either */
    arena_free(&arena);
    return graph;
}

static const struct graph_node *node(const struct graph *graph, const char *id)
{
    const struct graph_node *found = graph_find(graph, slice_str(id));
    assert_non_null(found);
    return found;
}

static void test_graph(void **state)
{
    struct graph *graph =
        compile("nodes:\n" BUY "- {id: ask, type: transform, config: {template: {a: $first, c: "
                "'${context.x}', r: '${run.id}'}}}\n"
                "- {id: first, type: noop}\n"
                "- {id: second, type: noop}\n"
                "edges: [{from: first, to: second}, {from: second, to: buy}]\n");
    const struct graph_node *buy = node(graph, "buy"), *ask = node(graph, "ask");
    (void)state;
    assert_ptr_equal(buy->probe, ask);
    assert_true(ask->is_probe && !ask->entry && !ask->terminal);
    assert_true(buy->terminal && !buy->is_probe);
    assert_int_equal(graph->entry_count, 1);
    /* What the probe names, its node reads. */
    assert_int_equal(buy->read_count, 1);
    assert_int_equal(buy->reads[0], node(graph, "first")->index);
    assert_true(buy->reads_context && buy->reads_run);
    assert_non_null(ask->template);
    assert_int_equal(ask->read_count, 0);
    graph_release(graph);
}

static void test_pictures(void **state)
{
    struct graph *graph = compile("nodes:\n" BUY ASK);
    struct buf text;
    (void)state;
    buf_init(&text, 0);
    graph_write_dot(graph, &text);
    assert_non_null(strstr(buf_slice(&text).ptr,
                           "\"buy\" -> \"ask\" [style=dotted, arrowhead=none, label=\"probe\"];"));
    buf_reset(&text);
    graph_write_mermaid(graph, &text);
    assert_non_null(strstr(buf_slice(&text).ptr, "  n0 -. probe .- n1\n"));
    buf_reset(&text);
    graph_write_json(graph, &text);
    assert_non_null(strstr(buf_slice(&text).ptr, "\"join\":\"all\",\"probe\":\"ask\"}"));
    assert_non_null(strstr(buf_slice(&text).ptr, "\"entry\":false,\"terminal\":false"));
    buf_reset(&text);
    graph_write_schema(&text);
    assert_non_null(strstr(buf_slice(&text).ptr, "\"probe\""));
    buf_free(&text);
    graph_release(graph);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_findings),
        cmocka_unit_test(test_graph),
        cmocka_unit_test(test_pictures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
