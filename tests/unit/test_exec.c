/* What nodes do: node, input, output or failure, in triples. */
#include "alloc_in_turn.h"
#include "base/clock.h"
#include "base/log.h"
#include "exec/exec.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
/* after the four above */
#include <cmocka.h>

enum { MAX_VALUE = 200 };

struct triple {
    const char *name;
    const char *node; /* members of the node behind its id */
    const char *input;
    const char *output;         /* or NULL: it fails */
    const char *code, *message; /* a part of the message */
};

static const struct triple triples[] = {
    {"noop passes on", "'type':'noop'", "{\"a\" : 1.50}", "{\"a\" : 1.50}", NULL, NULL},
    {"parallel", "'type':'parallel'", "[1]", "[1]", NULL, NULL},
    {"join", "'type':'join'", "\"x\"", "\"x\"", NULL, NULL},
    {"conditional", "'type':'conditional'", "null", "null", NULL, NULL},
    {"echo", "'type':'function','config':{'function_name':'echo'}", "1e3", "1e3", NULL, NULL},
    {"log", "'type':'task','config':{'function_name':'log'}", "{}", "{}", NULL, NULL},
    {"input from config", "'type':'noop','config':{'input':{'was':'$input.a[1]'}}",
     "{\"a\":[1,{\"b\": 2}]}", "{\"was\":{\"b\":2}}", NULL, NULL},
    {"input that is not there", "'type':'noop','config':{'input':'$input.a'}", "{}", NULL,
     "binding", "nodes[0].config.input: $input.a"},
    {"input that is too large", "'type':'noop','config':{'input':['$input','$input']}",
     "\"012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"
     "0123456789\"",
     NULL, "too_large", "config.input"},
    {"expression", "'type':'transform','config':{'expression':'input.v * 2 + 1'}", "{\"v\":20}",
     "41", NULL, NULL},
    {"expression over what config.input made",
     "'type':'transform','config':{'input':{'w':'$input.v'},'expression':'input.w + context.v'}",
     "{\"v\":20}", "40", NULL, NULL},
    {"expression that fails", "'type':'transform','config':{'expression':'1 / input.v'}",
     "{\"v\":0}", NULL, "expression", "nodes[0].config.expression"},
    {"expression whose value is no JSON",
     "'type':'transform','config':{'expression':'type(input.v)'}", "{\"v\":0}", NULL, "type",
     "nodes[0].config.expression"},
    {"expression that grows", "'type':'transform','config':{'expression':'input + input + input'}",
     "\"012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"
     "\"",
     NULL, "too_large", "the output is larger than 200 bytes"},
    {"template", "'type':'transform','config':{'template':{'a':'$input.x','b':'n ${input.x + 1}'}}",
     "{\"x\":3}", "{\"a\":3,\"b\":\"n 4\"}", NULL, NULL},
    {"template that fails", "'type':'transform','config':{'template':['$input.y']}", "{\"x\":3}",
     NULL, "binding", "nodes[0].config.template[0]"},
    {"fail",
     "'type':'function','config':{'function_name':'fail','input':{'code':'boom',"
     "'message':'it is ${input.why}'}}",
     "{\"why\":\"late\"}", NULL, "boom", "it is late"},
    {"fail without more", "'type':'function','config':{'function_name':'fail'}", "{}", NULL,
     "failed", "failed"},
    {"fail with a code that is none", "'type':'function','config':{'function_name':'fail'}",
     "{\"code\":5}", NULL, "type", "'code' must be a string, not number"},
    {"fail with an empty code", "'type':'function','config':{'function_name':'fail'}",
     "{\"code\":\"\"}", NULL, "type", "'code' is empty"},
    {"fail with a list", "'type':'function','config':{'function_name':'fail'}", "[]", NULL, "type",
     "its input must be an object"},
    {"fail until later", "'type':'function','config':{'function_name':'fail'}",
     "{\"code\":\"c\",\"until_attempt\":3}", NULL, "c", ""},
    {"fail until now", "'type':'function','config':{'function_name':'fail'}",
     "{\"code\":\"c\",\"until_attempt\":2}", "{\"code\":\"c\",\"until_attempt\":2}", NULL, NULL},
    {"jq", "'type':'transform','config':{'jq':'[.[] | select(. > 1)] | add'}", "[1,2,3]", "5", NULL,
     NULL},
    {"jq over what config.input made",
     "'type':'transform','config':{'input':{'w':'$input.v'},'jq':'.w + 1'}", "{\"v\":20}", "21",
     NULL, NULL},
    {"jq of a loop", "'type':'loop','config':{'condition':'false','max_iterations':1,'jq':'. + 1'}",
     "1", "2", NULL, NULL},
    {"jq that fails", "'type':'transform','config':{'jq':'.a'}", "1", NULL, "expression",
     "nodes[0].config.jq: Cannot index number"},
    {"jq that does not compile", "'type':'transform','config':{'jq':'foo'}", "1", NULL,
     "expression", "nodes[0].config.jq: foo/0 is not defined"},
    {"jq without a value", "'type':'transform','config':{'jq':'empty'}", "1", NULL, "expression",
     "made no value"},
    {"jq without an end", "'type':'transform','config':{'jq':'last(repeat(1))'}", "1", NULL,
     "expression_cost", "nodes[0].config.jq: the program took longer than 200 ms"},
    {"jq of large integers", "'type':'transform','config':{'jq':'.'}", "[9007199254740993]", NULL,
     "type", "nodes[0].config.jq: the input holds 9007199254740993"},
    {"jq that grows", "'type':'transform','config':{'jq':'[range(. )]'}", "1000", NULL, "too_large",
     "the output has"},
    {"fail until nonsense", "'type':'function','config':{'function_name':'fail'}",
     "{\"until_attempt\":\"2\"}", NULL, "type", "'until_attempt'"},
};

/* ' for ", to be readable here. */
static struct graph *compile(const char *node)
{
    char source[1000];
    struct arena arena;
    struct findings findings;
    int len = snprintf(source, sizeof(source), "{'nodes':[{'id':'n',%s}]}", node);
    assert_true(len > 0 && len < (int)sizeof(source));
    char *quote = source;
    while ((quote = strchr(quote, '\'')))
        *quote = '"';
    /* Inside expressions nothing else is quoted, but for the \" that were written as such. */
    arena_init(&arena, 0);
    findings_init(&findings, &arena);
    struct graph *graph = graph_compile(slice_str(source), GRAPH_JSON, &findings);
    for (uint32_t i = 0; !graph && i < findings.count; i++)
        print_error("%s\n", findings.items[i].message);
    arena_free(&arena);
    assert_non_null(graph);
    return graph;
}

struct outcome {
    int rc;
    char output[400];
    struct graph_failure failure;
};

/* One for all, with its child; NULL: a worker that has none. */
static struct jq *jq;

static struct outcome run(const struct graph *graph, const char *input)
{
    struct arena arena;
    struct buf output;
    struct graph_values values = {.context = {.text = slice_str(input)}};
    struct outcome outcome = {0};
    struct exec_jq by_jq = {.jq = jq, .time_ms = 200};
    arena_init(&arena, 1 << 20);
    buf_init(&output, 0);
    struct exec_task task = {.node = &graph->nodes[0],
                             .values = &values,
                             .arena = &arena,
                             .run_id = SLICE("r"),
                             .attempt = 2,
                             .max_value_bytes = MAX_VALUE,
                             .jq = &by_jq,
                             .output = &output};
    outcome.rc = exec_resolve_input(&task, slice_str(input));
    if (outcome.rc == 0)
        outcome.rc = exec_run(&task);
    outcome.failure = task.failure;
    if (outcome.rc == 0) {
        struct slice text = task.passed.ptr ? task.passed : buf_slice(&output);
        (void)snprintf(outcome.output, sizeof(outcome.output), "%.*s", SLICE_ARG(text));
    }
    buf_free(&output);
    arena_free(&arena);
    return outcome;
}

static void nodes_do_what_they_should(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(triples); i++) {
        const struct triple *t = &triples[i];
        struct graph *graph = compile(t->node);
        struct outcome outcome = run(graph, t->input);
        if (outcome.rc != (t->output ? 0 : -1))
            fail_msg("%s: %d, %s: %s", t->name, outcome.rc, outcome.failure.code,
                     outcome.failure.message);
        if (t->output) {
            if (strcmp(outcome.output, t->output) != 0)
                fail_msg("%s: %s", t->name, outcome.output);
        } else if (strcmp(outcome.failure.code, t->code) != 0 ||
                   !strstr(outcome.failure.message, t->message)) {
            fail_msg("%s: %s: %s", t->name, outcome.failure.code, outcome.failure.message);
        }
        graph_release(graph);
    }
}

static void nothing_without_jq(void **state)
{
    struct jq *kept = jq;
    struct graph *graph = compile("'type':'transform','config':{'jq':'.'}");
    (void)state;
    jq = NULL;
    struct outcome outcome = run(graph, "1");
    jq = kept;
    assert_int_equal(outcome.rc, -1);
    assert_string_equal(outcome.failure.code, "internal");
    graph_release(graph);
}

/* The programs of one execution share its time. */
static void conditions_share_the_time(void **state)
{
    struct arena arena;
    struct slice value;
    struct graph_failure failure;
    struct exec_jq by_jq = {.jq = jq, .time_ms = 1000, .wall_ms = 60000};
    const struct graph_jq conditions = exec_conditions(&by_jq);
    int rc = 0, held = 0;
    (void)state;
    arena_init(&arena, 1 << 20);
    for (; rc == 0 && held < 1000000; held += rc == 0)
        rc = conditions.run(conditions.context, "here", SLICE("[range(1000)] | length == 1000"),
                            SLICE("1"), &arena, &value, &failure);
    assert_int_equal(rc, -1);
    assert_true(held > 0);
    assert_string_equal(failure.code, "expression_cost");
    assert_memory_equal(failure.message, "here: the program", 17);
    assert_true(by_jq.cpu_us / 1000 >= 800); /* all but the last one's, which ended the child */
    arena_free(&arena);
}

/* And the node's own, when that is over first. */
static void conditions_have_what_is_left_of_the_nodes_time(void **state)
{
    struct arena arena;
    struct slice value;
    struct graph_failure failure;
    const int64_t now_us = clock_mono_us(&clock_system);
    struct exec_jq by_jq = {
        .jq = jq, .time_ms = 60000, .timeout_ms = 100, .deadline_us = now_us + 100000};
    const struct graph_jq conditions = exec_conditions(&by_jq);
    (void)state;
    arena_init(&arena, 1 << 20);
    for (int i = 0; i < 2; i++) { /* in the middle of a program, and before one */
        assert_int_equal(conditions.run(conditions.context, "here", SLICE("last(repeat(1))"),
                                        SLICE("1"), &arena, &value, &failure),
                         -1);
        assert_string_equal(failure.code, "timeout");
        assert_string_equal(failure.message, "here: the node took longer than 100 ms");
    }
    arena_free(&arena);
}

/* What the compiler says is where the program is wrong; without the checks it says nothing. */
static void programs_are_checked(void **state)
{
    static const struct slice source =
        SLICE("{\"nodes\": [{\"id\": \"n\", \"type\": \"transform\",\n"
              "\"config\": {\"jq\": \".a\\n| [.b, nope(1)]\"}}]}");
    struct arena arena;
    struct findings findings;
    const struct graph_checks checks = exec_checks(jq);
    (void)state;
    arena_init(&arena, 0);
    findings_init(&findings, &arena);
    assert_null(graph_compile_checked(source, GRAPH_JSON, &checks, &findings));
    assert_int_equal(findings.count, 1);
    assert_string_equal(findings.items[0].message, "nodes[0].config.jq: nope/1 is not defined");
    assert_int_equal(findings.items[0].position.line, 2);
    assert_int_equal(findings.items[0].position.column, 30);
    struct graph *graph = graph_compile(source, GRAPH_JSON, &findings);
    assert_non_null(graph);
    graph_release(graph);
    arena_free(&arena);
}

static void a_check_that_cannot_be_made(void **state)
{
    struct arena arena;
    struct findings findings;
    struct err err = ERR_INIT;
    struct jq *none = jq_new("/nowhere/troupe-jq", 0, &err);
    (void)state;
    assert_non_null(none);
    const struct graph_checks checks = exec_checks(none);
    arena_init(&arena, 0);
    findings_init(&findings, &arena);
    assert_null(graph_compile_checked(
        SLICE("{\"nodes\":[{\"id\":\"n\",\"type\":\"transform\",\"config\":{\"jq\":\".\"}}]}"),
        GRAPH_JSON, &checks, &findings));
    assert_int_equal(findings.count, 1);
    assert_string_equal(findings.items[0].message,
                        "nodes[0].config.jq: cannot be checked: cannot start "
                        "/nowhere/troupe-jq: No such file or directory");
    arena_free(&arena);
    jq_free(none);
}

/* Without memory an execution fails with a code; nothing crashes, nothing succeeds with less. */
static bool succeeds(const struct graph *graph)
{
    struct outcome outcome = run(graph, "{\"x\":3}");
    if (outcome.rc == 0)
        assert_string_equal(outcome.output, "{\"a\":3,\"b\":\"n 4\"}");
    else
        assert_true(outcome.failure.code[0] && outcome.failure.message[0]);
    return outcome.rc == 0;
}

static void every_allocation_may_fail(void **state)
{
    struct graph *graph = compile("'type':'transform','config':{'input':{'x':'$input.x'},"
                                  "'template':{'a':'$input.x','b':'n ${input.x + 1}'}}");
    (void)state;
    assert_true(ALLOC_IN_TURN(succeeds(graph)) > 2);
    graph_release(graph);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nodes_do_what_they_should),
        cmocka_unit_test(nothing_without_jq),
        cmocka_unit_test(conditions_share_the_time),
        cmocka_unit_test(conditions_have_what_is_left_of_the_nodes_time),
        cmocka_unit_test(programs_are_checked),
        cmocka_unit_test(a_check_that_cannot_be_made),
        cmocka_unit_test(every_allocation_may_fail),
    };
    struct err err = ERR_INIT;
    log_setup("test_exec", LOG_WARN);
    jq = jq_new(NULL, 0, &err);
    if (!jq)
        return 1;
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    jq_free(jq);
    return failed;
}
