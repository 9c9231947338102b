/* Which edges are taken, and what that does: operations as text. */
#include "alloc_in_turn.h"
#include "worker/route.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
/* after the four above */
#include <cmocka.h>

#include "graph_case.h"

/*            ┌─> b ─> c ─> j
 *   a ───────┼─> d ────────> j      a->b if v > 1, a->d if v > 2, a->e always, a->b again if w
 *            └─> e ─> f
 *   x: exclusive: p if v > 1, q if z > 2, r otherwise
 */
static const char source[] =
    "{\"nodes\":["
    "{\"id\":\"a\",\"type\":\"noop\"},{\"id\":\"b\",\"type\":\"noop\"},"
    "{\"id\":\"c\",\"type\":\"noop\"},{\"id\":\"d\",\"type\":\"noop\"},"
    "{\"id\":\"e\",\"type\":\"noop\"},{\"id\":\"f\",\"type\":\"transform\","
    "\"config\":{\"expression\":\"ctx.a.output\"}},{\"id\":\"j\",\"type\":\"join\"},"
    "{\"id\":\"x\",\"type\":\"conditional\"},{\"id\":\"p\",\"type\":\"noop\"},"
    "{\"id\":\"q\",\"type\":\"noop\"},{\"id\":\"r\",\"type\":\"noop\"}],"
    "\"edges\":["
    "{\"from\":\"a\",\"to\":\"b\",\"condition\":\"output.v > 1\"},"
    "{\"from\":\"a\",\"to\":\"d\",\"condition\":\"output.v > 2\"},{\"from\":\"a\",\"to\":\"e\"},"
    "{\"from\":\"a\",\"to\":\"b\",\"condition\":\"output.w\"},"
    "{\"from\":\"b\",\"to\":\"c\"},{\"from\":\"c\",\"to\":\"j\"},{\"from\":\"d\",\"to\":\"j\"},"
    "{\"from\":\"e\",\"to\":\"f\"},"
    "{\"from\":\"x\",\"to\":\"p\",\"condition\":\"output.v > 1\"},"
    "{\"from\":\"x\",\"to\":\"r\"},"
    "{\"from\":\"x\",\"to\":\"q\",\"condition\":\"output.z > 2\"}]}";

static struct graph *graph;

static int setup(void **state)
{
    (void)state;
    graph = graph_case_compile(source);
    return graph ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    graph_release(graph);
    return 0;
}

/* "taken | reason | op op": emit eNODE:QUEUE(wanted), taken tNODE.SLOT, dead dNODE.SLOT. */
static int route_as_text(const char *id, const char *output, const char *queue, char *text,
                         struct graph_failure *failure)
{
    const struct slice queues[] = {SLICE("other"), slice_str(queue)};
    struct graph_values values = {.output = {.text = slice_str(output)}};
    struct arena arena, scratch;
    struct route route;
    arena_init(&arena, 1 << 20);
    arena_init(&scratch, 1 << 20);
    int rc =
        route_plan(graph, graph_find(graph, slice_str(id)), ROUTE_COMPLETED, SLICE(""), &values,
                   (struct call_queues){queues, 2}, &arena, &scratch, &route, failure);
    if (rc == 0) {
        char line[600];
        int len = snprintf(line, sizeof(line), "%.*s | %.*s |", SLICE_ARG(route.taken),
                           SLICE_ARG(route.reason));
        for (uint32_t i = 0; i < route.op_count; i++) {
            const struct route_op *op = &route.ops[i];
            len += snprintf(line + len, sizeof(line) - (size_t)len,
                            op->kind == ROUTE_EMIT    ? " e%u:%u(%.*s)"
                            : op->kind == ROUTE_TAKEN ? " t%u.%u%.*s"
                                                      : " d%u.%u%.*s",
                            op->node, op->where, (int)op->wanted.len,
                            op->wanted.ptr ? op->wanted.ptr : "");
        }
        memcpy(text, line, (size_t)len + 1);
    }
    arena_free(&scratch);
    arena_free(&arena);
    return rc;
}

static void expect(const char *id, const char *output, const char *wanted)
{
    char text[600];
    struct graph_failure failure = {0};
    if (route_as_text(id, output, "default", text, &failure) != 0)
        fail_msg("%s %s: %s: %s", id, output, failure.code, failure.message);
    assert_string_equal(text, wanted);
}

static void every_edge_by_itself(void **state)
{
    (void)state;
    expect("a", "{\"v\":3,\"w\":false}",
           "111 | b: output.v > 1; d: output.v > 2 | e1:1(0;) e3:1(0;) e4:1(0;)");
    expect("a", "{\"v\":2,\"w\":false}", "101 | b: output.v > 1 | e1:1(0;) d6.1 e4:1(0;)");
    expect("a", "{\"v\":1,\"w\":true}", "101 | b: output.w | e1:1(0;) d6.1 e4:1(0;)");
    expect("a", "{\"v\":1,\"w\":false}", "001 | no condition holds | d6.0 d6.1 e4:1(0;)");
}

static void without_conditions_there_is_no_reason(void **state)
{
    (void)state;
    expect("b", "1", "1 |  | e2:1(1;)");
    expect("e", "1", "1 |  | e5:1(4;0)");
    expect("c", "1", "1 |  | t6.0");
    expect("f", "1", " |  |");
}

static void an_exclusive_choice_takes_the_first(void **state)
{
    (void)state;
    /* q's condition would fail; p's holds, so it is not asked. */
    expect("x", "{\"v\":3}", "100 | p: output.v > 1 | e8:1(7;)");
    expect("x", "{\"v\":0,\"z\":0}", "010 | no condition holds: the default | e10:1(7;)");
}

static void a_condition_that_fails_is_a_failure(void **state)
{
    char text[600];
    struct graph_failure failure = {0};
    (void)state;
    assert_int_equal(route_as_text("a", "{\"v\":3}", "default", text, &failure), -1);
    assert_string_equal(failure.code, "expression");
    assert_non_null(strstr(failure.message, "edges[3].condition"));
    /* Not a bool, also on an edge that is taken already. */
    assert_int_equal(route_as_text("a", "{\"v\":3,\"w\":1}", "default", text, &failure), -1);
    assert_string_equal(failure.code, "expression");
}

static void a_queue_that_is_not_served_is_a_failure(void **state)
{
    char text[600];
    struct graph_failure failure = {0};
    (void)state;
    assert_int_equal(route_as_text("b", "1", "heavy", text, &failure), -1);
    assert_string_equal(failure.code, "internal");
}

static bool succeeds(void)
{
    char text[600];
    struct graph_failure failure = {0};
    int rc = route_as_text("a", "{\"v\":1,\"w\":false}", "default", text, &failure);
    if (rc == 0)
        assert_string_equal(text, "001 | no condition holds | d6.0 d6.1 e4:1(0;)");
    else
        assert_true(failure.code[0] != '\0');
    return rc == 0;
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    assert_true(ALLOC_IN_TURN(succeeds()) > 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_edge_by_itself),
        cmocka_unit_test(without_conditions_there_is_no_reason),
        cmocka_unit_test(an_exclusive_choice_takes_the_first),
        cmocka_unit_test(a_condition_that_fails_is_a_failure),
        cmocka_unit_test(a_queue_that_is_not_served_is_a_failure),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
