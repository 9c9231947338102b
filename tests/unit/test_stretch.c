/* Nodes that are executed one after the other: how far it goes, and what comes of it. */
#include "base/log.h"
#include "worker/execute.h"
#include "worker/stretch.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>
/* after the four above */
#include <cmocka.h>

#include "graph_case.h"

/* A chain 0 … 5, 6 a fork's other end, 7 what waits, 8 what fails, 9 what sees the whole chain, 10 a program in jq, 11 what writes a log. */
static const char source[] =
    "{\"nodes\":["
    "{\"id\":\"a\",\"type\":\"transform\",\"config\":{\"expression\":\"input.n + 1\"}},"
    "{\"id\":\"b\",\"type\":\"transform\",\"config\":{\"expression\":\"input * 10\"}},"
    "{\"id\":\"c\",\"type\":\"transform\",\"config\":{\"expression\":\"[input, context.n, "
    "run.id]\"}},"
    "{\"id\":\"d\",\"type\":\"noop\"},"
    "{\"id\":\"e\",\"type\":\"noop\"},"
    "{\"id\":\"f\",\"type\":\"noop\"},"
    "{\"id\":\"g\",\"type\":\"noop\"},"
    "{\"id\":\"h\",\"type\":\"delay\",\"config\":{\"ms\":60000}},"
    "{\"id\":\"i\",\"type\":\"transform\",\"config\":{\"expression\":\"input / 0\"}},"
    "{\"id\":\"j\",\"type\":\"transform\",\"config\":{\"expression\":\"[ctx.a.output, "
    "ctx.b.output]\"}},"
    "{\"id\":\"k\",\"type\":\"transform\",\"config\":{\"jq\":\".\"}},"
    "{\"id\":\"l\",\"type\":\"task\",\"config\":{\"function_name\":\"log\"}}],"
    "\"edges\":[{\"from\":\"a\",\"to\":\"b\"},{\"from\":\"b\",\"to\":\"c\"},"
    "{\"from\":\"c\",\"to\":\"d\",\"condition\":\"input == "
    "20\"},{\"from\":\"c\",\"to\":\"h\",\"condition\":\"input == 30\"},"
    "{\"from\":\"c\",\"to\":\"i\",\"condition\":\"input == "
    "40\"},{\"from\":\"c\",\"to\":\"j\",\"condition\":\"input == 50\"},"
    "{\"from\":\"c\",\"to\":\"k\",\"condition\":\"input == 60\"},"
    "{\"from\":\"c\",\"to\":\"l\",\"condition\":\"input == 70\"},"
    "{\"from\":\"d\",\"to\":\"e\"},{\"from\":\"e\",\"to\":\"f\"},{\"from\":\"e\",\"to\":\"g\"}]}";

/* A fork of three with a join behind two of them, one through a dead branch, within a plain loop (0 … 6), beside which
 * 7 stands; 8 joins what only comes from the queue. */
static const char forked[] =
    "{\"nodes\":["
    "{\"id\":\"s\",\"type\":\"noop\"},"
    "{\"id\":\"h\",\"type\":\"transform\",\"config\":{\"expression\":\"input.n + 1\"}},"
    "{\"id\":\"a\",\"type\":\"transform\",\"config\":{\"expression\":\"input * 10\"}},"
    "{\"id\":\"b\",\"type\":\"transform\",\"config\":{\"expression\":\"input * 100\"}},"
    "{\"id\":\"c\",\"type\":\"noop\"},"
    "{\"id\":\"j\",\"type\":\"transform\",\"config\":{\"expression\":"
    "\"[input.a, input.b, has(input.c), ctx.h.output]\"}},"
    "{\"id\":\"l\",\"type\":\"transform\",\"config\":{\"expression\":\"{'n': input[3], 'of': "
    "input}\"},"
    "\"loop\":{\"condition\":\"output.n < 3\",\"max_iterations\":5,\"loop_back_to\":\"h\","
    "\"break_path\":[\"e\"]}},"
    "{\"id\":\"p\",\"type\":\"noop\"},"
    "{\"id\":\"e\",\"type\":\"transform\",\"config\":{\"expression\":\"input\"}},"
    "{\"id\":\"w\",\"type\":\"delay\",\"config\":{\"ms\":60000}},"
    "{\"id\":\"k\",\"type\":\"noop\"}],"
    "\"edges\":[{\"from\":\"s\",\"to\":\"h\"},{\"from\":\"s\",\"to\":\"p\"},{\"from\":\"s\",\"to\":"
    "\"w\"},"
    "{\"from\":\"h\",\"to\":\"a\"},{\"from\":\"h\",\"to\":\"b\"},"
    "{\"from\":\"h\",\"to\":\"c\",\"condition\":\"output < 0\"},"
    "{\"from\":\"a\",\"to\":\"j\"},{\"from\":\"b\",\"to\":\"j\"},{\"from\":\"c\",\"to\":\"j\"},"
    "{\"from\":\"j\",\"to\":\"l\"},{\"from\":\"w\",\"to\":\"k\"},{\"from\":\"p\",\"to\":\"k\"}]}";

static struct graph *graph;
static struct token_pool pool;
static struct arena execution_arena;
static int64_t now, pace;

static int64_t tick(void *context)
{
    (void)context;
    return now += pace;
}

static int compile(const char *text)
{
    now = 1000000;
    pace = 10;
    graph_release(graph);
    graph = graph_case_compile(text);
    return graph ? 0 : -1;
}

static int setup(void **state)
{
    (void)state;
    return compile(source);
}

static int setup_forked(void **state)
{
    (void)state;
    return compile(forked);
}

static struct token *make(const char *input, uint32_t generation, uint32_t deliveries)
{
    char live[32];
    redisReply replies[2] = {
        {.type = REDIS_REPLY_STRING, .str = (char *)(uintptr_t)input, .len = strlen(input)},
        {.type = REDIS_REPLY_STRING, .str = (char *)(uintptr_t) "{\"id\":\"r1\"}", .len = 11}};
    redisReply *values[2] = {&replies[0], &replies[1]};
    (void)snprintf(live, sizeof(live), "0||1|%u|%u|q", generation, deliveries);
    const struct claim claim = {.queue = 0,
                                .entry_id = SLICE("5-0"),
                                .run = SLICE("r1"),
                                .number = SLICE("7"),
                                .live = slice_str(live),
                                .incarnation = SLICE("1"),
                                .digest = SLICE("d"),
                                .wanted = SLICE("in;rn"),
                                .values = values,
                                .value_count = 2,
                                .node = slice_of(live, 1),
                                .scope = slice_of(live + 2, 0),
                                .attempt = 1,
                                .generation = generation,
                                .deliveries = deliveries,
                                .state = 'q'};
    struct token *token = token_new(&pool, &claim);
    assert_non_null(token);
    graph_retain(graph);
    token->graph = graph;
    return token;
}

static struct execution by(struct buf *scratch)
{
    static const struct slice queues[] = {SLICE("default")};
    return (struct execution){.queues = {queues, 1},
                              .consumer = SLICE("w"),
                              .max_value_bytes = 10000,
                              .scratch = scratch,
                              .arena = &execution_arena,
                              .now_us = tick};
}

static struct token *run_from(const char *input, uint32_t generation, uint32_t deliveries)
{
    struct token *token = make(input, generation, deliveries);
    struct buf scratch;
    buf_init(&scratch, 0);
    const struct execution execution = by(&scratch);
    assert_int_equal(execute_token(&execution, token), 0);
    buf_free(&scratch);
    return token;
}

static struct ledger_execution read_record(struct token *token, struct slice text)
{
    struct buf whole;
    struct ledger_record record;
    struct err err;
    size_t at = 0;
    buf_init(&whole, 0);
    buf_printf(&whole, "x%zu:", text.len);
    buf_slice_append(&whole, text);
    buf_str(&whole, "12:1|7|0|8|7|r|");
    assert_true(buf_ok(&whole));
    const struct slice kept = arena_copy(&token->arena, buf_slice(&whole));
    buf_free(&whole);
    assert_int_equal(ledger_next(kept, &at, &record, &err), 1);
    return record.execution;
}

#define assert_slice(slice_, text_)                                                                \
    do {                                                                                           \
        struct slice got_ = (slice_);                                                              \
        if (!slice_eq_str(got_, text_))                                                            \
            fail_msg("'%.*s' is not '%s'", SLICE_ARG(got_), text_);                                \
    } while (0)

/* The record of a step, or of the result. */
static struct ledger_execution record_at(struct token *token, uint32_t i)
{
    return read_record(token,
                       i < token->step_count ? token->steps[i].record : token->result.record);
}

static void a_chain_goes_on_past_its_fork(void **state)
{
    static const char *const nodes[] = {"0", "1", "2", "3", "4", "5", "6"};
    static const char *const outputs[] = {"2", "20", "[20,1,\"r1\"]"};
    static const char *const taken[] = {"1", "1", "100000", "1", "11", "", ""};
    (void)state;
    struct token *token = run_from("{\"n\":1}", 0, 0);
    assert_int_equal(token->step_count, 6);
    int64_t before = 0;
    for (uint32_t i = 0; i <= token->step_count; i++) {
        const struct ledger_execution x = record_at(token, i);
        struct stored_output stored;
        assert_slice(x.node, nodes[i]);
        assert_slice(x.output, outputs[i < 2 ? i : 2]);
        assert_slice(x.taken, taken[i]);
        assert_true(before < x.started_us && x.started_us < x.ended_us && x.attempt == 1);
        before = x.ended_us;
        if (i == token->step_count)
            break;
        assert_int_equal(token->steps[i].op_count, i == 4 ? 2 : 0);
        assert_true(token->steps[i].leads_only == (i < 4) && token->steps[i].apart == (i == 5));
        if (i == 5)
            break; /* terminal: nobody reads it */
        assert_int_equal(stored_output_read(token->steps[i].output_value, &stored), 0);
        assert_slice(stored.json, outputs[i < 2 ? i : 2]);
    }
    assert_int_equal(token->steps[4].ops[0].node, 5);
    assert_int_equal(token->steps[4].ops[1].node, 6);
    assert_slice(token->result.identity, "0||1|");
    assert_int_equal(token->result.op_count, 0);
    assert_slice(token->live, "0||1|0|0|q");
    assert_slice(token->number, "7");
    token_free(&pool, token);
}

static void who_was_had_before_goes_alone(void **state)
{
    (void)state;
    struct token *token = run_from("{\"n\":1}", 1, 0);
    assert_int_equal(token->step_count, 0);
    assert_int_equal(token->result.op_count, 1);
    token_free(&pool, token);
    token = run_from("{\"n\":1}", 0, 1);
    assert_int_equal(token->step_count, 0);
    token_free(&pool, token);
}

static void it_may_end_waiting(void **state)
{
    (void)state;
    struct token *token = run_from("{\"n\":2}", 0, 0);
    assert_int_equal(token->step_count, 3);
    assert_int_equal(token->result.kind, LEDGER_WAIT);
    assert_int_equal(token->result.op_count, 1);
    assert_int_equal(token->result.ops[0].kind, ROUTE_PARK);
    assert_slice(token->result.ops[0].wanted, "2;");
    assert_slice(token->result.identity, "0||1|"); /* of the token that is claimed */
    assert_slice(record_at(token, 3).node, "7");
    token_free(&pool, token);
}

static void it_may_end_failing(void **state)
{
    (void)state;
    struct token *token = run_from("{\"n\":3}", 0, 0);
    assert_int_equal(token->step_count, 3);
    assert_true(token->result.failed);
    assert_int_equal(token->result.ops[0].kind, ROUTE_FAIL);
    assert_slice(token->result.identity, "0||1|");
    assert_slice(record_at(token, 3).node, "8");
    token_free(&pool, token);
}

static void outputs_of_earlier_steps_are_at_hand(void **state)
{
    (void)state;
    struct token *token = run_from("{\"n\":4}", 0, 0);
    assert_int_equal(token->step_count, 3);
    assert_slice(record_at(token, 3).output, "[5,50]");
    assert_int_equal(token->result.op_count, 0);
    token_free(&pool, token);
}

/* n to come there, and the node that it stops before. */
static void stops_before(const char *input, uint32_t node)
{
    struct token *token = run_from(input, 0, 0);
    assert_int_equal(token->step_count, 2);
    assert_int_equal(token->result.op_count, 1);
    assert_int_equal(token->result.ops[0].node, node);
    token_free(&pool, token);
}

static void programs_in_jq_are_not_gone_on_with(void **state)
{
    (void)state;
    stops_before("{\"n\":5}", 10);
}

static void nor_is_what_others_see(void **state)
{
    (void)state;
    stops_before("{\"n\":6}", 11);
}

static void long_work_is_shared(void **state)
{
    (void)state;
    pace = STRETCH_US / 4;
    struct token *token = run_from("{\"n\":1}", 0, 0);
    assert_true(token->step_count > 0 && token->step_count < 4);
    const uint32_t steps = token->step_count;
    token_free(&pool, token);
    pace = STRETCH_US;
    token = run_from("{\"n\":1}", 0, 0);
    assert_true(token->step_count < steps);
    token_free(&pool, token);
}

/* What Redis does not take is given up as a whole: the claimed token fails. */
static void it_is_given_up_as_a_whole(void **state)
{
    (void)state;
    struct token *token = run_from("{\"n\":1}", 0, 0);
    struct graph_failure failure = {0};
    struct buf scratch;
    buf_init(&scratch, 0);
    const struct execution execution = by(&scratch);
    (void)failure_fill(&failure, "internal", "not taken");
    assert_int_equal(execute_give_up(&execution, token, &failure), 0);
    buf_free(&scratch);
    assert_int_equal(token->step_count, 0);
    assert_slice(token->node, "0");
    assert_slice(token->wanted, "in;rn");
    assert_int_equal(token->value_count, 2);
    assert_slice(token->values[0], "{\"n\":1}");
    assert_slice(token->result.identity, "0||1|0|");
    assert_slice(record_at(token, 0).node, "0");
    assert_true(record_at(token, 0).failed);
    token_free(&pool, token);
}

static int teardown(void **state)
{
    (void)state;
    token_pool_free(&pool);
    arena_free(&execution_arena);
    graph_release(graph);
    return 0;
}

/* Depth first through both branches, the join and the loop, again and again, and then what was forked before it. */
static void a_fork_is_gone_on_with(void **state)
{
    static const char *const nodes[] = {"0", "1", "2", "3", "5", "6", "1", "2", "3", "5", "6", "8"};
    static const struct {
        uint32_t step;
        const char *output;
    } outputs[] = {{1, "2"},
                   {2, "20"},
                   {3, "200"},
                   {4, "[20,200,false,2]"},
                   {7, "30"},
                   {9, "[30,300,false,3]"},
                   {11, "{\"n\":3,\"of\":[30,300,false,3]}"}};
    (void)state;
    struct token *token = run_from("{\"n\":1}", 0, 0);
    assert_int_equal(token->step_count, ARRAY_LEN(nodes) - 1);
    for (uint32_t i = 0; i < ARRAY_LEN(nodes); i++)
        assert_slice(record_at(token, i).node, nodes[i]);
    for (size_t i = 0; i < ARRAY_LEN(outputs); i++)
        assert_slice(record_at(token, outputs[i].step).output, outputs[i].output);
    assert_true(token->steps[2].apart && !token->steps[3].apart);
    assert_slice(token->steps[3].scope, "6#1");
    assert_slice(token->steps[8].scope, "6#2");
    token_free(&pool, token);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_fork_is_gone_on_with, setup_forked),
        cmocka_unit_test_setup(a_chain_goes_on_past_its_fork, setup),
        cmocka_unit_test_setup(who_was_had_before_goes_alone, setup),
        cmocka_unit_test_setup(it_may_end_waiting, setup),
        cmocka_unit_test_setup(it_may_end_failing, setup),
        cmocka_unit_test_setup(outputs_of_earlier_steps_are_at_hand, setup),
        cmocka_unit_test_setup(programs_in_jq_are_not_gone_on_with, setup),
        cmocka_unit_test_setup(nor_is_what_others_see, setup),
        cmocka_unit_test_setup(long_work_is_shared, setup),
        cmocka_unit_test_setup(it_is_given_up_as_a_whole, setup),
    };
    log_setup("test_stretch", LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, teardown);
}
