/* From a claim to a result: input, identity, record, stored output, special tokens. */
#include "alloc_in_turn.h"
#include "base/log.h"
#include "worker/execute.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
/* after the four above */
#include <cmocka.h>

#include "token_case.h"

/* 0 a, 1 b, 2 c, 3 all (of a, b, c), 4 one (of a), 5 end (terminal, not read), 6 read (terminal,
 * named by the mapping), 7 risky (of c), which goes to 8 yes if ctx.c.output is 1, or 9 no */
static const char source[] =
    "{\"nodes\":["
    "{\"id\":\"a\",\"type\":\"transform\",\"config\":{\"expression\":\"{'n': input.n + 1}\"}},"
    "{\"id\":\"b\",\"type\":\"noop\"},{\"id\":\"c\",\"type\":\"noop\"},"
    "{\"id\":\"all\",\"type\":\"join\"},{\"id\":\"one\",\"type\":\"noop\"},"
    "{\"id\":\"end\",\"type\":\"transform\",\"config\":{\"expression\":"
    "\"[input, run.id, context.n, ctx.a.output.n, ctx.a.attempt]\"}},"
    "{\"id\":\"read\",\"type\":\"noop\"},"
    "{\"id\":\"risky\",\"type\":\"noop\",\"on_error\":\"continue\"},"
    "{\"id\":\"yes\",\"type\":\"noop\"},{\"id\":\"no\",\"type\":\"noop\"}],"
    "\"edges\":[{\"from\":\"a\",\"to\":\"all\"},{\"from\":\"b\",\"to\":\"all\"},"
    "{\"from\":\"c\",\"to\":\"all\"},{\"from\":\"a\",\"to\":\"one\"},"
    "{\"from\":\"all\",\"to\":\"end\"},"
    "{\"from\":\"one\",\"to\":\"read\"},{\"from\":\"c\",\"to\":\"risky\"},"
    "{\"from\":\"risky\",\"to\":\"yes\",\"condition\":\"has(ctx.c) && ctx.c.output == 1\"},"
    "{\"from\":\"risky\",\"to\":\"no\",\"condition\":\"!has(ctx.c)\"}],"
    "\"output\":{\"r\":\"$read\",\"c\":\"${context.n}\",\"i\":\"$input.n\"}}";

static int64_t now = 1000000;

static int64_t tick(void *context)
{
    (void)context;
    return now += 10;
}

static int setup(void **state)
{
    (void)state;
    return token_case_open(source, tick);
}

static struct ledger_execution record_of(const struct token *token)
{
    struct buf whole;
    struct ledger_record record;
    struct err err;
    size_t at = 0;
    buf_init(&whole, 0);
    buf_printf(&whole, "%c%zu:", (char)token->result.kind, token->result.record.len);
    buf_slice_append(&whole, token->result.record);
    buf_str(&whole, "12:1|7|0|8|7|r|");
    assert_true(buf_ok(&whole));
    /* Views into the record live as long as the token does: read from a copy in its arena. */
    struct slice kept = arena_copy(&((struct token *)(uintptr_t)token)->arena, buf_slice(&whole));
    buf_free(&whole);
    if (ledger_next(kept, &at, &record, &err) != 1)
        fail_msg("%s in %.*s", err.message, SLICE_ARG(kept));
    return record.execution;
}

#define assert_slice(slice_, text_)                                                                \
    do {                                                                                           \
        struct slice got_ = (slice_);                                                              \
        if (!slice_eq_str(got_, text_))                                                            \
            fail_msg("'%.*s' is not '%s'", SLICE_ARG(got_), text_);                                \
    } while (0)

static void an_entry_node(void **state)
{
    struct token *token = run(&(struct given){"0", "in;", {"{\"n\":1}"}, 2, 0, 0});
    struct ledger_execution x = record_of(token);
    (void)state;
    assert_int_equal(token->result.kind, LEDGER_EXECUTION);
    assert_false(token->result.failed);
    assert_slice(token->result.identity, "0||1|"); /* a success has no generation */
    assert_slice(token->result.output_field, "o0|");
    struct stored_output stored;
    assert_int_equal(stored_output_read(token->result.output_value, &stored), 0);
    assert_slice(stored.json, "{\"n\":2}");
    assert_true(stored.started_us == x.started_us && stored.ended_us == x.ended_us);
    assert_slice(x.run, "r1");
    assert_slice(x.node, "0");
    assert_slice(x.worker, "w");
    assert_slice(x.taken, "11");
    assert_slice(x.output, "{\"n\":2}");
    assert_true(x.started_us < x.ended_us && !x.failed && x.error.len == 0);
    assert_int_equal(token->result.op_count, 2);
    token_free(&pool, token);
}

static void joins_make_their_inputs(void **state)
{
    (void)state;
    struct token *token =
        run(&(struct given){"3", "0,2;", {"c|1|10|20|{\"n\":2}", "c|1|10|20|[ 1 ]"}, 0, 0, 0});
    assert_slice(record_of(token).output, "{\"a\":{\"n\":2},\"c\":[ 1 ]}");
    token_free(&pool, token);
    /* One live predecessor of three is still an object; an only one is the value itself. */
    token = run(&(struct given){"3", "1;", {"c|1|10|20|5"}, 0, 0, 0});
    assert_slice(record_of(token).output, "{\"b\":5}");
    token_free(&pool, token);
    token = run(&(struct given){"4", "0;", {"c|1|10|20|5"}, 0, 0, 0});
    assert_slice(record_of(token).output, "5");
    token_free(&pool, token);
}

static void expressions_see_what_they_name(void **state)
{
    struct token *token = run(
        &(struct given){"5",
                        "3;0,in,rn",
                        {"c|1|10|20|true", "c|3|10|20|{\"n\":2}", "{\"n\":9}", "{\"id\":\"r1\"}"},
                        0,
                        0,
                        0});
    (void)state;
    assert_slice(record_of(token).output, "[true,\"r1\",9,2,3]");
    /* Terminal, and no mapping names it: only the record has it. */
    assert_slice(token->result.output_field, "");
    assert_slice(token->result.output_value, "");
    assert_int_equal(token->result.op_count, 0);
    token_free(&pool, token);
    token = run(&(struct given){"6", "4;", {"c|1|10|20|1"}, 0, 0, 0});
    assert_slice(token->result.output_field, "o6|");
    token_free(&pool, token);
}

static void the_hidden_token_forms_the_output(void **state)
{
    struct token *token =
        run(&(struct given){"o", ";6,in", {"c|1|10|20|\"x\"", "{\"n\":4}"}, 0, 0, 0});
    (void)state;
    assert_int_equal(token->result.kind, LEDGER_OUTPUT);
    assert_slice(token->result.identity, "o||1|");
    assert_slice(record_of(token).node, "o");
    assert_slice(record_of(token).output, "{\"r\":\"x\",\"c\":4,\"i\":4}");
    assert_slice(token->result.output_field, "");
    token_free(&pool, token);
    token = run(&(struct given){"o", ";6,in", {"-", "{\"n\":4}"}, 1, 0, 0});
    assert_true(token->result.failed);
    assert_slice(token->result.identity, "o||1|1|");
    assert_non_null(strstr(record_of(token).error.ptr, "\"code\":\"binding\""));
    assert_non_null(strstr(record_of(token).error.ptr, "\"node\":null"));
    token_free(&pool, token);
}

static void a_continuation_has_no_plan(void **state)
{
    struct token *token = run(&(struct given){"c", "", {NULL}, 4, 3, 0});
    (void)state;
    assert_int_equal(token->result.kind, LEDGER_CONTINUATION);
    assert_slice(token->result.identity, "c||1|");
    assert_slice(token->result.record, "2:r1");
    assert_int_equal(token->result.op_count, 0);
    token_free(&pool, token);
}

static void expect_failure(const struct given *given, size_t max_value, const char *code)
{
    struct token *token;
    char wanted[100];
    assert_int_equal(execute_given(given, max_value, &token), 0);
    struct ledger_execution x = record_of(token);
    (void)snprintf(wanted, sizeof(wanted), "{\"code\":\"%s\",", code);
    if (!x.failed || strncmp(x.error.ptr, wanted, strlen(wanted)) != 0)
        fail_msg("%s: %.*s", wanted, SLICE_ARG(x.error));
    assert_true(token->result.failed && token->result.op_count == 1);
    assert_int_equal(token->result.ops[0].kind, ROUTE_FAIL);
    assert_slice(token->result.output_field, "");
    assert_int_equal(x.output.len, 0);
    assert_int_equal(x.taken.len, 0);
    /* Only with its generation does a failure count. */
    (void)snprintf(wanted, sizeof(wanted), "%s||1|%u|", given->node, given->generation);
    assert_slice(token->result.identity, wanted);
    token_free(&pool, token);
}

/* Each value can be read, and the object of them could not be. */
static void joins_do_not_make_what_nobody_reads(void **state)
{
    char text[160] = "c|1|10|20|";
    const size_t at = strlen(text);
    (void)state;
    memset(text + at, '[', 64);
    memset(text + at + 64, ']', 64);
    expect_failure(&(struct given){"3", "1;", {text}, 0, 0, 0}, 10000, "too_large");
    memset(text + at, '[', 63);
    memset(text + at + 63, ']', 63);
    text[at + 126] = '\0';
    struct token *token = run(&(struct given){"3", "1;", {text}, 0, 0, 0});
    assert_true(json_valid(record_of(token).output));
    token_free(&pool, token);
}

static void failures(void **state)
{
    (void)state;
    expect_failure(&(struct given){"0", "in;", {"{}"}, 2, 0, 0}, 10000, "expression");
    expect_failure(&(struct given){"0", "in;", {"{\"n\":1}"}, 4, 3, 0}, 10000, "worker_lost");
    expect_failure(&(struct given){"3", ";", {NULL}, 0, 0, 'u'}, 10000, "join_unsatisfied");
    expect_failure(&(struct given){"1", "in;", {"\"0123456789\""}, 0, 0, 0}, 10, "too_large");
    expect_failure(&(struct given){"3", "0,1;", {"c|1|1|2|12345", "c|1|1|2|12345"}, 0, 0, 0}, 15,
                   "too_large");
}

/* Also when it is not executed any more because it has cost too many workers. */
static void conditions_behind_a_failure_see_the_run(void **state)
{
    (void)state;
    struct token *token = run(&(struct given){"7", "2;", {"c|1|1|2|1"}, 4, 3, 0});
    struct ledger_execution x = record_of(token);
    assert_int_equal(strncmp(x.error.ptr, "{\"code\":\"worker_lost\",", 22), 0);
    assert_slice(x.taken, "10");
    token_free(&pool, token);
    token = run(&(struct given){"7", "2;", {"c|1|1|2|2"}, 4, 3, 0});
    assert_slice(record_of(token).taken, "00");
    token_free(&pool, token);
    /* What they look at cannot be read: no way is right. */
    expect_failure(&(struct given){"7", "2;", {"nonsense"}, 0, 0, 0}, 10000, "internal");
}

/* What our own parts broke is said, never guessed over. */
static void damage_is_internal(void **state)
{
    (void)state;
    expect_failure(&(struct given){"99", "in;", {"1"}, 0, 0, 0}, 10000, "internal");
    expect_failure(&(struct given){"0", "in;", {"-"}, 0, 0, 0}, 10000, "internal");
    expect_failure(&(struct given){"0", "in,x;", {"1", "2"}, 0, 0, 0}, 10000, "internal");
    expect_failure(&(struct given){"0", "in;1", {"1"}, 0, 0, 0}, 10000, "internal");
    expect_failure(&(struct given){"4", "0;", {"-"}, 0, 0, 0}, 10000, "internal");
    expect_failure(&(struct given){"4", "0;", {"nonsense"}, 0, 0, 0}, 10000, "internal");
    expect_failure(&(struct given){"4", "77;", {"c|1|1|2|5"}, 0, 0, 0}, 10000, "internal");
    expect_failure(&(struct given){"4", "0,1;", {"c|1|1|2|5", "c|1|1|2|5"}, 0, 0, 0}, 10000,
                   "internal");
}

static void a_result_can_be_replaced_by_a_failure(void **state)
{
    static const struct graph_failure failure = {.code = "internal", .message = "said \xff so"};
    struct buf scratch;
    struct arena arena;
    (void)state;
    buf_init(&scratch, 0);
    arena_init(&arena, 0);
    const struct execution execution = {.consumer = SLICE("w"),
                                        .max_value_bytes = 10000,
                                        .scratch = &scratch,
                                        .arena = &arena,
                                        .now_us = tick};
    struct token *token = run(&(struct given){"0", "in;", {"{\"n\":1}"}, 2, 0, 0});
    assert_int_equal(execute_give_up(&execution, token, &failure), 0);
    assert_slice(token->result.identity, "0||1|2|");
    assert_slice(record_of(token).error, "{\"code\":\"internal\",\"message\":\"said ? so\","
                                         "\"node\":\"a\",\"attempt\":1}");
    token_free(&pool, token);
    token = run(&(struct given){"c", "", {NULL}, 0, 0, 0});
    assert_int_equal(execute_give_up(&execution, token, &failure), -1);
    token_free(&pool, token);
    arena_free(&arena);
    buf_free(&scratch);
}

/* Without memory: a failure that says so, or nothing at all; never a wrong success. */
static bool succeeds(void)
{
    static const struct given given = {"3", "0,2;", {"c|1|1|2|{\"n\":2}", "c|1|1|2|[1]"}, 0, 0, 0};
    struct token *token = NULL;
    bool success = false;
    token_pool_free(&pool);
    if (execute_given(&given, 10000, &token) == 0) {
        success = !token->result.failed;
        assert_true(token->result.identity.ptr && token->result.record.ptr);
    }
    token_free(&pool, token);
    return success;
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    assert_true(ALLOC_IN_TURN(succeeds()) > 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_entry_node),
        cmocka_unit_test(joins_make_their_inputs),
        cmocka_unit_test(joins_do_not_make_what_nobody_reads),
        cmocka_unit_test(expressions_see_what_they_name),
        cmocka_unit_test(the_hidden_token_forms_the_output),
        cmocka_unit_test(a_continuation_has_no_plan),
        cmocka_unit_test(failures),
        cmocka_unit_test(conditions_behind_a_failure_see_the_run),
        cmocka_unit_test(damage_is_internal),
        cmocka_unit_test(a_result_can_be_replaced_by_a_failure),
        cmocka_unit_test(every_allocation_may_fail),
    };
    log_setup("test_execute", LOG_ERROR);
    return cmocka_run_group_tests(tests, setup, teardown);
}
