/* Executions by remote workers: the task that is made of a token, and what comes of its result. */
#include "alloc_in_turn.h"
#include "worker/execute.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
/* after the four above */
#include <cmocka.h>

#include "token_case.h"

/* 0: whatever it says is taken on; 1: with all that a task may have; 2: with a probe that cannot tell */
static const char source[] =
    "{\"nodes\":["
    "{\"id\":\"f\",\"type\":\"function\",\"retry\":{\"max_attempts\":2,\"backoff_ms\":0},"
    "\"config\":{\"function_name\":\"score\"}},"
    "{\"id\":\"g\",\"type\":\"agent\",\"queue\":\"gpu\",\"timeout_ms\":5000,"
    "\"config\":{\"name\":\"writer\",\"input\":{\"q\":\"$f.x\"},\"function_name\":\"n\","
    "\"model\":\"m ${input.q}\",\"deep\":{\"input\":[\"$input.q\"]}}},"
    "{\"id\":\"t\",\"type\":\"tool\",\"retry\":{\"max_attempts\":2,\"backoff_ms\":0},\"probe\":"
    "\"ask\","
    "\"config\":{\"name\":\"pay\"}},"
    "{\"id\":\"ask\",\"type\":\"transform\",\"config\":{\"template\":{\"outcome\":\"unknown\"}}}],"
    "\"edges\":[{\"from\":\"f\",\"to\":\"g\"}]}";

static int64_t at_five(void *context)
{
    (void)context;
    return 5000000;
}

static int setup(void **state)
{
    (void)state;
    return token_case_open(source, at_five);
}

#define RUN "{\"id\":\"r1\",\"workflow\":\"w\",\"version\":3}"
#define assert_text(slice_, text_)                                                                 \
    do {                                                                                           \
        struct slice got_ = (slice_);                                                              \
        if (!slice_eq_str(got_, text_))                                                            \
            fail_msg("'%.*s' is not '%s'", SLICE_ARG(got_), text_);                                \
    } while (0)

static void a_token_becomes_a_task(void **state)
{
    (void)state;
    struct token *token =
        run(&(struct given){"1", "0;rn", {"c|1|10|20|{\"x\":7}", RUN}, .state = 'q'});
    assert_int_equal(token->result.kind, LEDGER_WAIT);
    assert_text(token->result.identity, "1||1|0|0|q");
    assert_int_equal(token->result.op_count, 1);
    assert_int_equal(token->result.ops[0].kind, ROUTE_TASK);
    const struct settle_task *task = token->result.ops[0].task;
    assert_text(task->task_queue, "gpu");
    assert_text(task->data, "d5000000");
    assert_text(task->wanted, "0;rn");
    assert_int_equal(task->timeout_ms, 5000);
    assert_false(task->ends_at_lapse);
    assert_text(
        task->task,
        "{\"run_id\":\"r1\",\"workflow\":\"w\",\"version\":3,\"node_id\":\"g\",\"scope\":\"\","
        "\"idempotency_key\":\"r1/g/\",\"type\":\"agent\",\"name\":\"writer\",\"attempt\":1,"
        "\"timeout_ms\":5000,\"input\":{\"q\":7},\"config\":{\"function_name\":\"n\","
        "\"model\":\"m 7\",\"deep\":{\"input\":[7]}}}");
    token_free(&pool, token);
}

static struct token *comes_back(const char *result)
{
    return run(&(struct given){
        "0", "in;rn,p7,y7", {"{\"n\":1}", RUN, "d4000000,default,in;rn", result}, .state = 'f'});
}

static struct ledger_execution record_of(struct token *token)
{
    struct buf whole;
    struct ledger_record record;
    struct err err;
    size_t at = 0;
    buf_init(&whole, 0);
    buf_printf(&whole, "%c%zu:", (char)token->result.kind, token->result.record.len);
    buf_slice_append(&whole, token->result.record);
    buf_str(&whole, "12:1|7|0|8|7|r|");
    struct slice kept = arena_copy(&token->arena, buf_slice(&whole));
    buf_free(&whole);
    if (ledger_next(kept, &at, &record, &err) != 1)
        fail_msg("%s in %.*s", err.message, SLICE_ARG(kept));
    return record.execution;
}

static void its_output_is_routed(void **state)
{
    (void)state;
    struct token *token =
        comes_back("c|2|r1|4100000|4200000|{\"usage\":{\"t\":1},\"output\":{\"x\":[1]}}");
    struct ledger_execution x = record_of(token);
    assert_text(x.output, "{\"x\":[1]}");
    assert_text(x.usage, "{\"t\":1}");
    assert_text(x.worker, "r1");
    assert_text(x.taken, "1");
    assert_true(x.started_us == 4100000 && x.ended_us == 4200000 && !x.failed);
    assert_int_equal(token->result.ops[0].kind, ROUTE_EMIT);
    token_free(&pool, token);
}

/* The code that the execution fails with, and whether there is another attempt. */
static void fails(const char *result, const char *code, bool again)
{
    struct token *token = comes_back(result);
    struct ledger_execution x = record_of(token);
    char wanted[64];
    assert_true(x.failed);
    (void)snprintf(wanted, sizeof(wanted), "{\"code\":\"%s\",", code);
    if (x.error.len < strlen(wanted) || memcmp(x.error.ptr, wanted, strlen(wanted)) != 0)
        fail_msg("%s: %.*s", result, SLICE_ARG(x.error));
    assert_int_equal(token->result.ops[0].kind, again ? ROUTE_PARK : ROUTE_FAIL);
    if (again)
        assert_text(token->result.ops[0].wanted, "in;rn");
    token_free(&pool, token);
}

static void failures(void **state)
{
    (void)state;
    fails("f|1|r1|1|2|{\"code\":\"mine\",\"message\":\"m\"}", "mine", true);
    fails("f|1|r1|1|2|{\"code\":\"mine\",\"retry\":true}", "mine", true);
    fails("f|1|r1|1|2|{\"code\":\"mine\",\"retry\":false}", "mine", false);
    fails("f|1|r1|1|2|{\"code\":\"type\"}", "type", false);
    fails("f|1|r1|1|2|{\"code\":\"\"}", "failed", true);
    fails("f|1|r1|1|2|{\"code\":5}", "failed", true);
    fails("t|1|r1|1|2|", "timeout", true);
    fails("t|1||0|2|", "timeout", true);
    fails("l|3|r1|1|2|", "worker_lost", false);
    fails("z|1|r1|1|2|20000000", "too_large", true);
    fails("c|1|r1|1|2|{", "type", false);
    fails("c|1|r1|1|2|[]", "type", false);
    fails("c|1|r1|1|2|{}", "type", false);
    fails("c|1|r1|1|2|{\"output\":1,\"output\":2}", "type", false);
    fails("c|1|r1|1|2|{\"output\":1,\"usage\":5}", "type", false);
    fails("x|1|r1|1|2|{}", "internal", false);
    fails("c|1|r1|1|x|{}", "internal", false);
    fails("", "internal", false);
}

/* A node with a probe: one lost worker ends its attempt, and what nobody knows stays with the task. */
static void of_a_node_with_a_probe(void **state)
{
    static const struct {
        const char *parked; /* "": it is the first attempt */
        const char *data;
    } posts[] = {{"", "d5000000"}, {"u,default,in;rn", "d5000000u"}};
    static const struct {
        const char *parked, *result, *data; /* of the next attempt */
    } results[] = {
        {"d4,default,in;rn", "l|1|r1|1|2|", "u"},
        {"d4,default,in;rn", "t|1|r1|1|2|", "u"},
        {"d4,default,in;rn", "f|1|r1|1|2|{\"code\":\"mine\"}", ""},
        {"d4u,default,in;rn", "f|1|r1|1|2|{\"code\":\"mine\"}", "u"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(posts); i++) {
        const bool first = !posts[i].parked[0];
        struct token *token = run(&(struct given){"2",
                                                  first ? "in;rn" : "in;rn,p7",
                                                  {"1", RUN, first ? NULL : posts[i].parked},
                                                  .state = first ? 'q' : 'f'});
        assert_int_equal(token->result.ops[0].kind, ROUTE_TASK);
        assert_text(token->result.ops[0].task->data, posts[i].data);
        assert_true(token->result.ops[0].task->ends_at_lapse);
        token_free(&pool, token);
    }
    for (size_t i = 0; i < ARRAY_LEN(results); i++) {
        struct token *token = run(&(struct given){
            "2", "in;rn,p7,y7", {"1", RUN, results[i].parked, results[i].result}, .state = 'f'});
        assert_int_equal(token->result.ops[0].kind, ROUTE_PARK);
        assert_text(token->result.ops[0].data, results[i].data);
        assert_int_equal(token->result.ops[0].attempt, 2);
        struct ledger_execution x = record_of(token);
        const bool unknown =
            memmem(x.error.ptr, x.error.len, "\"outcome\":\"unknown\"", 19) != NULL;
        assert_int_equal(unknown, results[i].data[0] == 'u');
        token_free(&pool, token);
    }
}

static void what_is_too_large(void **state)
{
    struct token *token;
    (void)state;
    const struct given large = {
        "1", "0;rn", {"c|1|10|20|{\"x\":\"12345678901234567890\"}", RUN}, .state = 'q'};
    assert_int_equal(execute_given(&large, 20, &token), 0);
    assert_true(token->result.failed);
    token_free(&pool, token);
    const struct given output = {
        "0",
        "in;rn,p7,y7",
        {"1", RUN, "d4,default,in;rn", "c|1|r|1|2|{\"output\":12345678901}"},
        .state = 'f'};
    assert_int_equal(execute_given(&output, 10, &token), 0);
    assert_true(token->result.failed);
    token_free(&pool, token);
}

/* Without memory it may fail by saying so, or not be able to say so. */
static bool is_posted(void)
{
    struct token *token;
    const struct given given = {"1", "0;rn", {"c|1|10|20|{\"x\":7}", RUN}, .state = 'q'};
    token_pool_free(&pool);
    const int rc = execute_given(&given, 10000, &token);
    const bool good = rc == 0 && token->result.kind == LEDGER_WAIT;
    token_free(&pool, token);
    return good;
}

static bool is_taken_back(void)
{
    struct token *token;
    const struct given given = {
        "0",
        "in;rn,p7,y7",
        {"1", RUN, "d4,default,in;rn", "f|1|r|1|2|{\"code\":\"mine\",\"message\":\"m\"}"},
        .state = 'f'};
    token_pool_free(&pool);
    const int rc = execute_given(&given, 10000, &token);
    bool good = rc == 0 && token->result.ops[0].kind == ROUTE_PARK;
    if (token && good)
        good = memmem(token->result.record.ptr, token->result.record.len, "mine", 4) != NULL;
    token_free(&pool, token);
    return good;
}

static void without_memory(void **state)
{
    (void)state;
    assert_true(ALLOC_IN_TURN(is_posted()) > 0);
    assert_true(ALLOC_IN_TURN(is_taken_back()) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_token_becomes_a_task),
        cmocka_unit_test(its_output_is_routed),
        cmocka_unit_test(failures),
        cmocka_unit_test(of_a_node_with_a_probe),
        cmocka_unit_test(what_is_too_large),
        cmocka_unit_test(without_memory),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
