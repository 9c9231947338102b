/* Script calls: what is built, argument by argument, and what is read from replies. */
#include "base/buf.h"
#include "protocol/beside.h"
#include "protocol/calls.h"
#include "protocol/keys.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
/* after the four above */
#include <cmocka.h>

static const struct slice queue_names[] = {{"default", 7}, {"heavy", 5}};
static const struct call_queues queues = {queue_names, 2};

/* Compares the arguments of a script call, each in brackets, and frees the command. */
static void assert_args(struct command *command, enum script script, const char *expected)
{
    struct buf text;
    const char *at = command->args.data;
    buf_init(&text, 0);
    assert_true(command_ok(command) && command->is_script);
    assert_int_equal(command->script, script);
    for (uint32_t i = 0; i < command->argc; i++) {
        char *end;
        assert_int_equal(*at, '$');
        size_t len = (size_t)strtoul(at + 1, &end, 10);
        buf_char(&text, '[');
        buf_append(&text, end + 2, len);
        buf_char(&text, ']');
        at = end + 2 + len + 2;
    }
    assert_ptr_equal(at, command->args.data + command->args.len);
    assert_string_equal(text.data, expected);
    buf_free(&text);
    command_free(command);
}

/* A reply from its text on the wire; freed by the caller. */
static redisReply *reply_of(const char *wire)
{
    redisReader *reader = redisReaderCreate();
    void *reply = NULL;
    assert_int_equal(redisReaderFeed(reader, wire, strlen(wire)), REDIS_OK);
    assert_int_equal(redisReaderGetReply(reader, &reply), REDIS_OK);
    assert_non_null(reply);
    redisReaderFree(reader);
    return reply;
}

static void assert_slice(struct slice got, const char *expected)
{
    if (!slice_eq_str(got, expected))
        fail_msg("%.*s is not %s", SLICE_ARG(got), expected);
}

#define TIME "$16\r\n1700000000000001\r\n"
#define OK(n) "*" #n "\r\n$2\r\nok\r\n" TIME

/* --- statuses --- */

static void test_statuses(void **state UNUSED)
{
    static const struct {
        const char *wire;
        enum call_status status;
        enum err_code code;
    } cases[] = {
        {OK(2), CALL_OK, ERR_NONE},
        {"*1\r\n$5\r\nepoch\r\n", CALL_EPOCH, ERR_NONE},
        {"*1\r\n$7\r\nsession\r\n", CALL_SESSION, ERR_NONE},
        {"*1\r\n$4\r\nhold\r\n", CALL_HOLD, ERR_NONE},
        {"*2\r\n$6\r\nlayout\r\n$1\r\n2\r\n", CALL_REFUSED, ERR_CONFLICT},
        {"-OOM command not allowed\r\n", CALL_REFUSED, ERR_REFUSED},
        {"-NOPERM no\r\n", CALL_REFUSED, ERR_REFUSED},
        {"-LOADING wait\r\n", CALL_REFUSED, ERR_UNREACHABLE},
        {"-WRONGTYPE x\r\n", CALL_REFUSED, ERR_INTERNAL},
        {"-LOADINGX x\r\n", CALL_REFUSED, ERR_INTERNAL},
        {"*2\r\n$2\r\nok\r\n$1\r\nx\r\n", CALL_REFUSED, ERR_INTERNAL},
        {"*1\r\n$2\r\nok\r\n", CALL_REFUSED, ERR_CONFLICT},
        {"*0\r\n", CALL_REFUSED, ERR_INTERNAL},
        {":1\r\n", CALL_REFUSED, ERR_INTERNAL},
        {"$-1\r\n", CALL_REFUSED, ERR_INTERNAL},
        {"*1\r\n*0\r\n", CALL_REFUSED, ERR_INTERNAL},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err err = ERR_INIT;
        int64_t redis_us = 0;
        redisReply *reply = reply_of(cases[i].wire);
        assert_int_equal(call_status(reply, &redis_us, &err), cases[i].status);
        assert_int_equal(err.code, cases[i].code);
        if (cases[i].status == CALL_OK)
            assert_true(redis_us == 1700000000000001);
        freeReplyObject(reply);
    }
    struct err err = ERR_INIT;
    int64_t redis_us = 0;
    assert_int_equal(call_status(NULL, &redis_us, &err), CALL_LOST);
    assert_int_equal(err.code, ERR_UNREACHABLE);
}

/* --- values beside runs --- */

static void assert_reference(const char *text, const char *number, uint64_t length)
{
    struct beside_reference reference = {.length = 0};
    if (!beside_reference_read(slice_str(text), &reference))
        fail_msg("%s is no reference", text);
    assert_slice(reference.number, number);
    assert_int_equal(reference.length, length);
}

static void test_references(void **state UNUSED)
{
    static const char *const values[] = {
        "",
        "7",
        "17",
        "@",
        "@1",
        "@1,",
        "@,1",
        ",1",
        "1,1",
        "\"@1,2\"",
        "c|1|2|3|4",
        "c|1|2|3|\"x|@4,5\"",
        "c|1|2|3|[4,5",
        "x@4,5",
        "c|1|2|3|x@4,5",
        "in,default@2,3", /* a parked token's field, of queue default@2 */
        "@1234567890123456,1",
        "@1,1234567890123456",
    };
    struct beside_reference reference;
    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        if (beside_reference_read(slice_str(values[i]), &reference))
            fail_msg("%s is read as a reference", values[i]);
    }
    assert_false(beside_reference_read(SLICE_NONE, &reference));
    assert_reference("@0,5000", "0", 5000);
    assert_reference("c|1|1700000000000001|1700000000000002|@12,16777216", "12", 16777216);
    assert_reference("f#2#7|1|0|0|@123456789012345,123456789012345", "123456789012345",
                     123456789012345);
}

static void test_limits_stand_with_the_budget(void **state UNUSED)
{
    static const struct {
        size_t limit;
        const char *argument;
    } cases[] = {{0, "[512]"}, {BESIDE_INLINE_BYTES, "[512]"}, {64, "[512,64]"}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct settle_head head = {.partition = 7,
                                         .epoch = SLICE("3"),
                                         .consumer = SLICE("w"),
                                         .session = SLICE("5"),
                                         .want = 1,
                                         .inline_bytes = cases[i].limit,
                                         .queues = queues};
        struct command command;
        char expected[100];
        command_init(&command);
        settle_begin(&command, &head, 0);
        settle_tokens(&command, 0);
        (void)snprintf(expected, sizeof(expected),
                       "[1][troupe:{7}:meta][3][w][5]%s[1][2][default][heavy][0][0]",
                       cases[i].argument);
        assert_args(&command, SCRIPT_SETTLE, expected);
        command_init(&command);
        start_begin_limited(&command, 7, SLICE("3"), cases[i].limit, queues, 0);
        (void)snprintf(expected, sizeof(expected),
                       "[1][troupe:{7}:meta][3]%s[2][default][heavy][0]", cases[i].argument);
        assert_args(&command, SCRIPT_START, expected);
    }
}

/* --- settle --- */

static void test_settle_call(void **state UNUSED)
{
    const struct settle_head head = {.partition = 7,
                                     .epoch = SLICE("3"),
                                     .consumer = SLICE("w"),
                                     .session = SLICE("5"),
                                     .want = 32,
                                     .queues = queues};
    const struct settle_token token = {.run = SLICE("r"),
                                       .incarnation = SLICE("1"),
                                       .number = SLICE("4"),
                                       .identity = SLICE("2||1|"),
                                       .queue = 1,
                                       .entry_id = SLICE("8-0"),
                                       .output_field = SLICE("o2|"),
                                       .output_value = SLICE("v"),
                                       .kind = LEDGER_EXECUTION,
                                       .record = SLICE("rec"),
                                       .op_count = 3};
    struct settle_token failure = {.run = SLICE("s"),
                                   .incarnation = SLICE("1"),
                                   .number = SLICE("1"),
                                   .identity = SLICE("o||1|0|"),
                                   .entry_id = SLICE("9-0"),
                                   .kind = LEDGER_OUTPUT,
                                   .op_count = 1};
    struct command command;
    command_init(&command);
    settle_begin(&command, &head, 1);
    settle_adopt(&command, 0, SLICE("6-1"));
    settle_tokens(&command, 2);
    settle_token(&command, &token);
    settle_op_emit(&command, 3, 1, SLICE("2;in"));
    settle_op_arrive(&command, true, 5, 0);
    settle_op_arrive(&command, false, 6, 1);
    settle_token(&command, &failure);
    settle_op_fail(&command);
    assert_args(&command, SCRIPT_SETTLE,
                "[1][troupe:{7}:meta][3][w][5][512][32][2][default][heavy][1][0][6-1][2]"
                "[r][1][4][2||1|][1][8-0][o2|][v][x][rec][3][e][3][1,2;in][t][5][0][d][6][1]"
                "[s][1][1][o||1|0|][0][9-0][][][o][][1][f][][]");
}

#define CLAIM(live)                                                                                \
    "*10\r\n$1\r\n1\r\n$3\r\n8-0\r\n$1\r\nr\r\n$1\r\n4\r\n" live                                   \
    "$1\r\n1\r\n$1\r\nd\r\n$4\r\n2;in\r\n$1\r\nx\r\n$-1\r\n"

static void test_settle_reply(void **state UNUSED)
{
    redisReply *reply =
        reply_of(OK(4) "*6\r\n$2\r\nok\r\n$4\r\ngone\r\n$5\r\nstale\r\n$4\r\nheld\r\n$3\r\nbad\r\n"
                       "$4\r\nload\r\n*1\r\n" CLAIM("$14\r\n12|m:1|2|3|1|u\r\n"));
    struct settle_reply out;
    enum settle_result result;
    struct claim claim;
    assert_int_equal(settle_read(reply, &out), 0);
    assert_int_equal(out.result_count, 6);
    for (uint32_t i = 0; i < 6; i++) {
        assert_int_equal(settle_result(&out, i, &result), 0);
        assert_int_equal(result, i);
    }
    assert_int_equal(settle_result(&out, 6, &result), -1);
    assert_int_equal(out.claims.count, 1);
    assert_int_equal(claim_read(&out.claims, 0, &claim), 0);
    assert_int_equal(claim.queue, 1);
    assert_slice(claim.entry_id, "8-0");
    assert_slice(claim.run, "r");
    assert_slice(claim.number, "4");
    assert_slice(claim.live, "12|m:1|2|3|1|u");
    assert_slice(claim.incarnation, "1");
    assert_slice(claim.digest, "d");
    assert_slice(claim.wanted, "2;in");
    assert_int_equal(claim.value_count, 2);
    assert_string_equal(claim.values[0]->str, "x");
    assert_int_equal(claim.values[1]->type, REDIS_REPLY_NIL);
    assert_slice(claim.node, "12");
    assert_slice(claim.scope, "m:1");
    assert_int_equal(claim.attempt, 2);
    assert_int_equal(claim.generation, 3);
    assert_int_equal(claim.deliveries, 1);
    assert_int_equal(claim.state, 'u');
    assert_int_equal(claim_read(&out.claims, 1, &claim), -1);
    freeReplyObject(reply);
}

static void test_claims_that_make_no_sense(void **state UNUSED)
{
    static const char *const lives[] = {"o||1|0|0|qq", "o||1|0|q",    "x||1|0|0|q", "1||1|0|0|z",
                                        "1||a|0|0|q",  "1||1|0|0|q|", "1||1|0||q",  ""};
    for (size_t i = 0; i < ARRAY_LEN(lives); i++) {
        struct buf wire;
        struct settle_reply out;
        struct claim claim;
        buf_init(&wire, 0);
        buf_printf(&wire, OK(4) "*0\r\n*1\r\n" CLAIM("$%zu\r\n%s\r\n"), strlen(lives[i]), lives[i]);
        redisReply *reply = reply_of(wire.data);
        assert_int_equal(settle_read(reply, &out), 0);
        assert_int_equal(claim_read(&out.claims, 0, &claim), -1);
        freeReplyObject(reply);
        buf_free(&wire);
    }
    static const char *const items[] = {"$1\r\nx\r\n", "*1\r\n$1\r\n0\r\n", "*0\r\n"};
    for (size_t i = 0; i < ARRAY_LEN(items); i++) {
        struct buf wire;
        struct settle_reply out;
        struct claim claim;
        buf_init(&wire, 0);
        buf_printf(&wire, OK(4) "*0\r\n*1\r\n%s", items[i]);
        redisReply *reply = reply_of(wire.data);
        assert_int_equal(settle_read(reply, &out), 0);
        assert_int_equal(claim_read(&out.claims, 0, &claim), -1);
        freeReplyObject(reply);
        buf_free(&wire);
    }
}

static void test_malformed_replies(void **state UNUSED)
{
    static const char *const wires[] = {
        "*1\r\n$5\r\nepoch\r\n",
        "-ERR x\r\n",
        OK(2),
        "*3\r\n$2\r\nok\r\n" TIME "$1\r\nx\r\n",
        "$-1\r\n",
    };
    for (size_t i = 0; i < ARRAY_LEN(wires); i++) {
        redisReply *reply = reply_of(wires[i]);
        struct settle_reply settle;
        struct hello_reply hello;
        struct inspect_reply inspect;
        struct claims claims;
        enum start_result start;
        enum cancel_result cancel;
        bool left;
        assert_int_equal(settle_read(reply, &settle), -1);
        assert_int_equal(hello_read(reply, &hello), -1);
        assert_int_equal(inspect_read(reply, &inspect), -1);
        assert_int_equal(reclaim_read(reply, &claims), -1);
        assert_int_equal(start_read(reply, 0, &start), -1);
        assert_int_equal(cancel_read(reply, &cancel), -1);
        assert_int_equal(leave_read(reply, &left), -1);
        freeReplyObject(reply);
    }
}

static void test_stored_outputs(void **state UNUSED)
{
    const struct stored_output output = {.failed = true,
                                         .attempt = 3,
                                         .started_us = 1700000000000001,
                                         .ended_us = 1700000000000002,
                                         .json = SLICE("\"a|b\"")};
    struct stored_output got;
    struct buf text;
    buf_init(&text, 0);
    stored_output_write(&text, &output);
    assert_string_equal(text.data, "f|3|1700000000000001|1700000000000002|\"a|b\"");
    assert_int_equal(stored_output_read(buf_slice(&text), &got), 0);
    assert_true(got.failed && got.attempt == 3 && got.started_us == output.started_us &&
                got.ended_us == output.ended_us && slice_eq(got.json, output.json));
    /* The iterations that it is of, without the loops: which of two is younger. */
    const struct stored_output second = {
        .scope = SLICE("9@4/7#2/8~13"), .attempt = 1, .json = SLICE("1")};
    buf_reset(&text);
    stored_output_write(&text, &second);
    assert_string_equal(text.data, "c#2#13|1|0|0|1");
    assert_int_equal(stored_output_read(buf_slice(&text), &got), 0);
    static const char *const malformed[] = {"",          "c|1|2|3",    "c|1|2|3|", "x|1|2|3|{}",
                                            "c||2|3|{}", "c|1|x|3|{}", "|1|2|3|{}"};
    for (size_t i = 0; i < ARRAY_LEN(malformed); i++)
        assert_int_equal(stored_output_read(slice_str(malformed[i]), &got), -1);
    buf_free(&text);
}

/* --- sessions --- */

static void test_sessions(void **state UNUSED)
{
    struct command command;
    command_init(&command);
    hello_build(&command, 2, SLICE("3"), SLICE("w"), 5000, SLICE("1,0,7-0"), 64, queues);
    assert_args(&command, SCRIPT_HELLO,
                "[1][troupe:{2}:meta][3][w][5000][1,0,7-0][64][2][default][heavy]");
    beat_build(&command, 2, SLICE("3"), SLICE("w"), SLICE("9"), 5000);
    assert_args(&command, SCRIPT_BEAT, "[1][troupe:{2}:meta][3][w][9][5000]");
    reclaim_build(&command, 2, SLICE("3"), SLICE("w"), SLICE("9"), SLICE("v"), 4, queues);
    assert_args(&command, SCRIPT_RECLAIM, "[1][troupe:{2}:meta][3][w][9][v][4][2][default][heavy]");
    leave_build(&command, 2, SLICE("3"), SLICE("v"), SLICE("*"), queues);
    assert_args(&command, SCRIPT_LEAVE, "[1][troupe:{2}:meta][3][v][*][2][default][heavy]");

    struct hello_reply hello;
    redisReply *reply = reply_of(OK(6) "$2\r\n12\r\n$0\r\n\r\n*0\r\n$0\r\n\r\n");
    assert_int_equal(hello_read(reply, &hello), 0);
    assert_slice(hello.session, "12");
    assert_int_equal(hello.next.len, 0);
    assert_int_equal(hello.claims.count, 0);
    assert_false(hello.had_session);
    freeReplyObject(reply);
    reply = reply_of(OK(6) "$2\r\n13\r\n$0\r\n\r\n*0\r\n$1\r\n1\r\n");
    assert_int_equal(hello_read(reply, &hello), 0);
    assert_true(hello.had_session);
    freeReplyObject(reply);

    struct redisReply **lapsed;
    uint32_t count;
    reply = reply_of(OK(4) "$1\r\na\r\n$1\r\nb\r\n");
    assert_int_equal(beat_read(reply, &lapsed, &count), 0);
    assert_int_equal(count, 2);
    assert_string_equal(lapsed[1]->str, "b");
    freeReplyObject(reply);
    reply = reply_of(OK(2));
    assert_int_equal(beat_read(reply, &lapsed, &count), 0);
    assert_int_equal(count, 0);
    freeReplyObject(reply);

    bool left = false;
    reply = reply_of(OK(3) "$4\r\nleft\r\n");
    assert_int_equal(leave_read(reply, &left), 0);
    assert_true(left);
    freeReplyObject(reply);
    reply = reply_of(OK(3) "$7\r\npending\r\n");
    assert_int_equal(leave_read(reply, &left), 0);
    assert_false(left);
    freeReplyObject(reply);
}

/* --- runs --- */

static struct graph *compile(const char *definition)
{
    struct arena arena;
    struct findings findings;
    arena_init(&arena, 0);
    findings_init(&findings, &arena);
    struct graph *graph = graph_compile(slice_str(definition), GRAPH_JSON, &findings);
    assert_non_null(graph);
    arena_free(&arena);
    return graph;
}

static void test_start(void **state UNUSED)
{
    struct graph *graph =
        compile("{\"nodes\":[{\"id\":\"a\",\"type\":\"noop\"},{\"id\":\"b\",\"type\":\"noop\"},"
                "{\"id\":\"c\",\"type\":\"noop\"}],\"edges\":[{\"from\":\"a\",\"to\":\"c\"},"
                "{\"from\":\"b\",\"to\":\"c\"}],\"output\":\"$c\"}");
    static const struct slice names[] = {SLICE("default"), SLICE("heavy")};
    const struct start_run run = {.graph = graph,
                                  .incarnation = 1,
                                  .not_after_ms = 99,
                                  .record = {.run = SLICE("r"),
                                             .workflow = SLICE("w"),
                                             .version = SLICE("1"),
                                             .digest = slice_str(graph->digest),
                                             .input = SLICE("7"),
                                             .labels = SLICE("{}"),
                                             .submitted_us = SLICE("0"),
                                             .inbox_id = SLICE("5-5"),
                                             .run_json = SLICE("{}"),
                                             .deadline_ms = SLICE("0")}};
    struct command command;
    struct buf expected;
    command_init(&command);
    buf_init(&expected, 0);
    start_begin(&command, 4, SLICE("3"), (struct call_queues){names, 2}, 1);
    start_run(&command, &run, 1);
    settle_token(&command, &(struct settle_token){.run = SLICE("r"),
                                                  .incarnation = SLICE("1"),
                                                  .number = SLICE("1"),
                                                  .identity = SLICE("0||1|"),
                                                  .entry_id = SLICE(""),
                                                  .output_field = SLICE("o0|"),
                                                  .output_value = SLICE("v"),
                                                  .kind = LEDGER_EXECUTION,
                                                  .record = SLICE("record"),
                                                  .step_triples = 3});
    settle_step(&command, &(struct settle_step){.next = SLICE("2"),
                                                .leads_only = true,
                                                .output_value = SLICE("w"),
                                                .record = SLICE("before")});
    settle_step(&command, &(struct settle_step){.next = SLICE("3"),
                                                .op_count = 1,
                                                .output_value = SLICE("x"),
                                                .record = SLICE("then")});
    settle_op_arrive(&command, true, 9, 0);
    buf_printf(&expected,
               "[1][troupe:{4}:meta][3][512][2][default][heavy][1][r][1][%s][;2][{}][7][99][0]"
               "[1:r1:w1:164:%s1:72:{}1:03:5-52:{}1:0][5-5][2][0][default][in;][1][default][in;][1]"
               "[r][1][1][0||1|][0][][o0|][v][x][record][0,3][2][w][before][3,1][x][then][t][9][0]",
               graph->digest, graph->digest);
    assert_args(&command, SCRIPT_START, expected.data);

    struct arena arena;
    arena_init(&arena, 0);
    load_build(&command, 4, SLICE("3"), graph, &arena);
    buf_reset(&expected);
    buf_printf(&expected, "[1][troupe:{4}:meta][3][%s][1][2][a|2|2|default|0,1||]", graph->digest);
    assert_args(&command, SCRIPT_LOAD, expected.data);
    arena_free(&arena);
    buf_free(&expected);
    graph_release(graph);

    enum start_result result;
    redisReply *reply = reply_of(OK(3) "*2\r\n$4\r\nlate\r\n$8\r\nexecuted\r\n");
    assert_int_equal(start_read(reply, 0, &result), 0);
    assert_int_equal(result, START_LATE);
    assert_int_equal(start_read(reply, 1, &result), 0);
    assert_int_equal(result, START_EXECUTED);
    assert_int_equal(start_read(reply, 2, &result), -1);
    freeReplyObject(reply);
}

static void test_the_value_of_run(void **state UNUSED)
{
    struct buf out;
    buf_init(&out, 0);
    start_write_run_json(&out, SLICE("r-1"), SLICE("a\"b"), 3, 1700000000000001,
                         SLICE("{\"k\":\"v\"}"));
    assert_string_equal(out.data, "{\"id\":\"r-1\",\"workflow\":\"a\\\"b\",\"version\":3,"
                                  "\"started_at\":\"2023-11-14T22:13:20.000001Z\","
                                  "\"labels\":{\"k\":\"v\"}}");
    buf_reset(&out);
    start_write_run_json(&out, SLICE("r"), SLICE("w"), 1, 0, SLICE_NONE);
    assert_non_null(strstr(out.data, "\"labels\":{}"));
    buf_free(&out);
}

static void test_the_others(void **state UNUSED)
{
    const struct ledger_command cancel = {SLICE("r"), SLICE("cancel"), SLICE("c"), SLICE("me")};
    const struct ledger_rejected rejected = {SLICE(""), SLICE("1-1"), SLICE("why"), SLICE("{}")};
    const struct slice runs[] = {SLICE("r"), SLICE("s")};
    struct command command;
    command_init(&command);
    open_build(&command, 2, 8, 16, queues);
    assert_args(&command, SCRIPT_OPEN, "[1][troupe:{2}:meta][8][1][16][default][heavy]");
    cancel_build(&command, 2, SLICE("8"), &cancel);
    assert_args(&command, SCRIPT_CANCEL, "[1][troupe:{2}:meta][8][r][1:r6:cancel1:c2:me]");
    reject_build(&command, 2, SLICE("8"), &rejected);
    assert_args(&command, SCRIPT_REJECT, "[1][troupe:{2}:meta][8][0:3:1-13:why2:{}]");
    forget_build(&command, 2, SLICE("8"), runs, 2);
    assert_args(&command, SCRIPT_FORGET, "[1][troupe:{2}:meta][8][2][r][s]");
    inspect_build(&command, 2, SLICE("r"));
    assert_args(&command, SCRIPT_INSPECT, "[1][troupe:{2}:meta][r]");

    struct slice last_id;
    redisReply *reply = reply_of(OK(3) "$3\r\n8-4\r\n");
    assert_int_equal(open_read(reply, &last_id), 0);
    assert_slice(last_id, "8-4");
    freeReplyObject(reply);
    enum cancel_result cancelled;
    reply = reply_of(OK(3) "$9\r\ncancelled\r\n");
    assert_int_equal(cancel_read(reply, &cancelled), 0);
    assert_int_equal(cancelled, CANCEL_DONE);
    freeReplyObject(reply);
}

static void test_inspect(void **state UNUSED)
{
    struct inspect_reply out;
    redisReply *reply =
        reply_of(OK(5) "$12\r\nr|1|2|1|34|5\r\n*2\r\n$1\r\n3\r\n$10\r\n1||1|0|0|q\r\n"
                       "*2\r\n$2\r\n4|\r\n$6\r\n1|1|t.\r\n");
    assert_int_equal(inspect_read(reply, &out), 0);
    assert_true(out.present && out.status == 'r');
    assert_int_equal(out.counter, 2);
    assert_int_equal(out.open_joins, 1);
    assert_int_equal(out.last_number, 34);
    assert_int_equal(out.events, 5);
    assert_int_equal(out.token_count, 1);
    assert_string_equal(out.tokens[1]->str, "1||1|0|0|q");
    assert_int_equal(out.join_count, 1);
    assert_string_equal(out.joins[0]->str, "4|");
    freeReplyObject(reply);
    reply = reply_of(OK(5) "$0\r\n\r\n*0\r\n*0\r\n");
    assert_int_equal(inspect_read(reply, &out), 0);
    assert_false(out.present);
    freeReplyObject(reply);
    static const char *const malformed[] = {
        OK(5) "$11\r\nq|1|2|1|3|5\r\n*0\r\n*0\r\n", OK(5) "$9\r\nr|1|2|1|3\r\n*0\r\n*0\r\n",
        OK(5) "$0\r\n\r\n*1\r\n$1\r\n3\r\n*0\r\n", OK(5) "$0\r\n\r\n*2\r\n$1\r\n3\r\n:1\r\n*0\r\n"};
    for (size_t i = 0; i < ARRAY_LEN(malformed); i++) {
        reply = reply_of(malformed[i]);
        assert_int_equal(inspect_read(reply, &out), -1);
        freeReplyObject(reply);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_statuses),
        cmocka_unit_test(test_references),
        cmocka_unit_test(test_limits_stand_with_the_budget),
        cmocka_unit_test(test_settle_call),
        cmocka_unit_test(test_settle_reply),
        cmocka_unit_test(test_claims_that_make_no_sense),
        cmocka_unit_test(test_malformed_replies),
        cmocka_unit_test(test_stored_outputs),
        cmocka_unit_test(test_sessions),
        cmocka_unit_test(test_start),
        cmocka_unit_test(test_the_value_of_run),
        cmocka_unit_test(test_the_others),
        cmocka_unit_test(test_inspect),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
