/* The ledger's records: what is written is read again, and nothing malformed is. */
#include "base/buf.h"
#include "protocol/ledger.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
/* after the four above */
#include <cmocka.h>

static void append_record(struct buf *body, char kind, struct slice callers, const char *scripts)
{
    buf_char(body, kind);
    buf_uint(body, callers.len);
    buf_char(body, ':');
    buf_slice_append(body, callers);
    buf_uint(body, strlen(scripts));
    buf_char(body, ':');
    buf_str(body, scripts);
}

/* The only record of a body. */
static struct ledger_record read_one(const struct buf *body)
{
    struct ledger_record record;
    struct err err = ERR_INIT;
    size_t at = 0;
    assert_int_equal(ledger_next(buf_slice(body), &at, &record, &err), 1);
    assert_int_equal(at, body->len);
    return record;
}

static void assert_slice(struct slice got, const char *expected)
{
    if (!slice_eq_str(got, expected))
        fail_msg("%.*s is not %s", SLICE_ARG(got), expected);
}

static void test_start(void **state UNUSED)
{
    struct buf part, body;
    buf_init(&part, 0);
    buf_init(&body, 0);
    const struct ledger_start start = {.run = SLICE("run-1"),
                                       .workflow = SLICE("a:b"),
                                       .version = SLICE("3"),
                                       .digest = SLICE("dd"),
                                       .input = SLICE("{\"x\":\"3:abc\"}"),
                                       .labels = SLICE("{}"),
                                       .submitted_us = SLICE("0"),
                                       .inbox_id = SLICE_NONE,
                                       .run_json = SLICE("{\"id\":1}"),
                                       .deadline_ms = SLICE("0")};
    ledger_write_start(&part, &start);
    assert_string_equal(part.data,
                        "5:run-13:a:b1:32:dd13:{\"x\":\"3:abc\"}2:{}1:00:8:{\"id\":1}1:0");
    append_record(&body, 's', buf_slice(&part), "1|12");
    struct ledger_record record = read_one(&body);
    assert_int_equal(record.kind, LEDGER_START);
    assert_slice(record.start.run, "run-1");
    assert_slice(record.start.workflow, "a:b");
    assert_slice(record.start.input, "{\"x\":\"3:abc\"}");
    assert_slice(record.start.inbox_id, "");
    assert_slice(record.start.run_json, "{\"id\":1}");
    assert_int_equal(record.outcome.event, 1);
    assert_int_equal(record.outcome.delta, 12);
    assert_int_equal(record.outcome.status, 'r');
    assert_true(slice_eq(record.caller_part, buf_slice(&part)));
    assert_slice(record.script_part, "1|12");
    buf_free(&part);
    buf_free(&body);
}

static const struct ledger_execution execution = {.run = {"r", 1},
                                                  .node = {"17", 2},
                                                  .scope = {"m:3", 3},
                                                  .attempt = 2,
                                                  .started_us = 1700000000000001,
                                                  .ended_us = 1700000000000002,
                                                  .worker = {"w", 1},
                                                  .taken = {"101", 3},
                                                  .reason = {"x > 1", 5},
                                                  .output = {"[1]", 3}};

static void test_execution(void **state UNUSED)
{
    struct buf part, body;
    buf_init(&part, 0);
    buf_init(&body, 0);
    ledger_write_execution(&part, &execution);
    append_record(&body, 'x', buf_slice(&part), "7|3|-2|9|8|f|F4,m:3,9,td;S5,m:3;!open");
    struct ledger_record record = read_one(&body);
    const struct ledger_execution *got = &record.execution;
    assert_slice(got->node, "17");
    assert_slice(got->scope, "m:3");
    assert_int_equal(got->attempt, 2);
    assert_false(got->failed);
    assert_int_equal(got->started_us, execution.started_us);
    assert_int_equal(got->ended_us, execution.ended_us);
    assert_slice(got->worker, "w");
    assert_slice(got->taken, "101");
    assert_slice(got->reason, "x > 1");
    assert_slice(got->output, "[1]");
    assert_slice(got->error, "");
    assert_int_equal(record.outcome.event, 7);
    assert_int_equal(record.outcome.number, 3);
    assert_int_equal(record.outcome.delta, -2);
    assert_int_equal(record.outcome.first, 9);
    assert_int_equal(record.outcome.last, 8);
    assert_int_equal(record.outcome.status, 'f');
    assert_slice(record.outcome.joins, "F4,m:3,9,td;S5,m:3;!open");
    buf_free(&part);
    buf_free(&body);
}

static void test_usage_stands_behind_what_every_execution_has(void **state UNUSED)
{
    struct ledger_execution used = execution;
    struct buf part, body;
    buf_init(&part, 0);
    buf_init(&body, 0);
    used.usage = SLICE("{\"t\":1}");
    ledger_write_execution(&part, &used);
    append_record(&body, 'x', buf_slice(&part), "7|3|-2|9|8|r|");
    struct ledger_record record = read_one(&body);
    assert_slice(record.execution.usage, "{\"t\":1}");
    assert_slice(record.execution.output, "[1]");
    buf_free(&part);
    buf_free(&body);
}

static void test_what_happens_to_a_task(void **state UNUSED)
{
    struct buf body;
    struct ledger_record record;
    struct err err = ERR_INIT;
    buf_init(&body, 0);
    append_record(&body, 'g', SLICE("1:r2:173:m:31:28:progress2:w12:{}"), "7|3");
    record = read_one(&body);
    assert_slice(record.task.run, "r");
    assert_slice(record.task.node, "17");
    assert_slice(record.task.scope, "m:3");
    assert_int_equal(record.task.attempt, 2);
    assert_slice(record.task.kind, "progress");
    assert_slice(record.task.worker, "w1");
    assert_slice(record.task.detail, "{}");
    assert_int_equal(record.outcome.event, 7);
    assert_int_equal(record.outcome.number, 3);
    assert_int_equal(record.outcome.delta, 0);
    assert_int_equal(record.outcome.status, 'r');
    static const char *const wrong[][2] = {{"1:r2:173:m:31:28:progress2:w1", "7|3"},
                                           {"1:r2:173:m:31:x8:progress2:w12:{}", "7|3"},
                                           {"1:r2:173:m:31:28:progress2:w12:{}", "7"},
                                           {"1:r2:173:m:31:28:progress2:w12:{}", "7|3|"}};
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        size_t at = 0;
        buf_reset(&body);
        append_record(&body, 'g', slice_str(wrong[i][0]), wrong[i][1]);
        assert_int_equal(ledger_next(buf_slice(&body), &at, &record, &err), -1);
    }
    buf_free(&body);
}

static void test_the_hidden_token_has_a_node_of_its_own(void **state UNUSED)
{
    struct ledger_execution hidden = execution;
    struct ledger_record record;
    struct err err = ERR_INIT;
    const char kinds[] = {'o', 'x'};
    hidden.failed = true;
    for (int named_o = 0; named_o < 2; named_o++) {
        for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
            struct buf part, body;
            buf_init(&part, 0);
            buf_init(&body, 0);
            hidden.node = named_o ? SLICE("o") : SLICE("3");
            ledger_write_execution(&part, &hidden);
            append_record(&body, kinds[i], buf_slice(&part), "2|1|-1|2|1|f|");
            size_t at = 0;
            int expected = (kinds[i] == 'o') == named_o ? 1 : -1;
            assert_int_equal(ledger_next(buf_slice(&body), &at, &record, &err), expected);
            if (expected == 1)
                assert_true(record.execution.failed);
            buf_free(&part);
            buf_free(&body);
        }
    }
}

static void test_the_small_ones(void **state UNUSED)
{
    struct buf part, body;
    buf_init(&part, 0);
    buf_init(&body, 0);

    ledger_write_continuation(&part, SLICE("r1"));
    append_record(&body, 'n', buf_slice(&part), "4|2|1|3|4|r|");
    buf_reset(&part);
    const struct ledger_command command = {SLICE("r2"), SLICE("cancel"), SLICE("c9"), SLICE("me")};
    ledger_write_command(&part, &command);
    append_record(&body, 'k', buf_slice(&part), "5|-12|x");
    append_record(&body, 'd', SLICE("2:r33:1-5"), "");
    buf_reset(&part);
    const struct ledger_rejected rejected = {SLICE(""), SLICE("2-2"), SLICE("no such"),
                                             SLICE("{}")};
    ledger_write_rejected(&part, &rejected);
    append_record(&body, 'r', buf_slice(&part), "");

    struct ledger_record record;
    struct err err = ERR_INIT;
    size_t at = 0;
    assert_int_equal(ledger_next(buf_slice(&body), &at, &record, &err), 1);
    assert_slice(record.continuation_run, "r1");
    assert_int_equal(record.outcome.last, 4);
    assert_int_equal(ledger_next(buf_slice(&body), &at, &record, &err), 1);
    assert_slice(record.command.run, "r2");
    assert_slice(record.command.kind, "cancel");
    assert_slice(record.command.command_id, "c9");
    assert_slice(record.command.by, "me");
    assert_int_equal(record.outcome.delta, -12);
    assert_int_equal(record.outcome.status, 'x');
    assert_int_equal(ledger_next(buf_slice(&body), &at, &record, &err), 1);
    assert_slice(record.duplicate.run, "r3");
    assert_slice(record.duplicate.inbox_id, "1-5");
    assert_int_equal(ledger_next(buf_slice(&body), &at, &record, &err), 1);
    assert_slice(record.rejected.inbox_id, "2-2");
    assert_slice(record.rejected.reason, "no such");
    assert_slice(record.rejected.request, "{}");
    assert_int_equal(ledger_next(buf_slice(&body), &at, &record, &err), 0);
    assert_int_equal(at, body.len);

    /* Every body that is cut off anywhere but between two records is an error, at that record. */
    size_t ends[5] = {0}, count = 1;
    for (at = 0; ledger_next(buf_slice(&body), &at, &record, &err) == 1;)
        ends[count++] = at;
    for (size_t len = 0; len < body.len; len++) {
        int result;
        size_t whole = 0;
        while (whole < 4 && ends[whole + 1] <= len)
            whole++;
        at = 0;
        while ((result = ledger_next(slice_of(body.data, len), &at, &record, &err)) == 1)
            continue;
        assert_int_equal(at, ends[whole]);
        assert_int_equal(result, len == ends[whole] ? 0 : -1);
        assert_int_equal(ledger_count(slice_of(body.data, len)), whole);
    }
    assert_int_equal(ledger_count(buf_slice(&body)), 4);
    buf_free(&part);
    buf_free(&body);
}

static void test_malformed_records(void **state UNUSED)
{
    static const struct {
        char kind;
        const char *callers, *scripts;
    } cases[] = {
        {'?', "1:r", "4|2|1|3|4|r|"},
        {'n', "1:r1:x", "4|2|1|3|4|r|"},
        {'n', "", "4|2|1|3|4|r|"},
        {'n', "2:r", "4|2|1|3|4|r|"},
        {'n', "-1:r", "4|2|1|3|4|r|"},
        {'n', "1:rx", "4|2|1|3|4|r|"},
        {'n', "1:r", "4|2|1|3|4|r"},
        {'n', "1:r", "4|2|1|3|4|q|"},
        {'n', "1:r", "4|2|1|3|4||"},
        {'n', "1:r", "|2|1|3|4|r|"},
        {'n', "1:r", "4|x|1|3|4|r|"},
        {'n', "1:r", "4|2|+1|3|4|r|"},
        {'n', "1:r", "4|2|1e5|3|4|r|"},
        {'n', "1:r", "4|99999999999999999999|1|3|4|r|"},
        {'n', "1:r", "4|2|--1|3|4|r|"},
        {'n', "1:r", ""},
        {'k', "1:r1:k1:c", "5|-1|x"},
        {'k', "1:r1:k1:c1:b", "5|-1"},
        {'k', "1:r1:k1:c1:b", "5|-1|x|"},
        {'d', "1:r", ""},
        {'d', "1:r1:i", "1"},
        {'r', "1:r1:i1:x", ""},
        {'s', "1:r1:w1:11:d1:i1:l1:00:", "1|1"},
        {'s', "1:r1:w1:11:d1:i1:l1:00:1:j", "1"},
        {'x', "1:r1:30:1:11:q1:11:21:w1:10:0:0:", "2|1|0|2|2|r|"},
        {'x', "1:r1:30:1:11:c1:11:21:w1:20:0:0:", "2|1|0|2|2|r|"},
        {'x', "1:r1:30:1:x1:c1:11:21:w1:10:0:0:", "2|1|0|2|2|r|"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf body;
        struct ledger_record record;
        struct err err = ERR_INIT;
        size_t at = 0;
        buf_init(&body, 0);
        append_record(&body, cases[i].kind, slice_str(cases[i].callers), cases[i].scripts);
        if (ledger_next(buf_slice(&body), &at, &record, &err) != -1)
            fail_msg("taken: %s", body.data);
        assert_int_equal(err.code, ERR_INTERNAL);
        assert_non_null(strstr(err.message, "byte 0"));
        assert_int_equal(at, 0);
        buf_free(&body);
    }
}

static void test_joins(void **state UNUSED)
{
    const struct slice joins = SLICE("F4,m:3/l#2,9,td.;S5,;!open;S6,x");
    struct ledger_join join;
    struct err err = ERR_INIT;
    bool open = false;
    size_t at = 0;
    assert_int_equal(ledger_next_join(joins, &at, &join, &open, &err), 1);
    assert_true(join.fired);
    assert_int_equal(join.node, 4);
    assert_slice(join.scope, "m:3/l#2");
    assert_int_equal(join.number, 9);
    assert_slice(join.marks, "td.");
    assert_int_equal(ledger_next_join(joins, &at, &join, &open, &err), 1);
    assert_false(join.fired);
    assert_int_equal(join.node, 5);
    assert_slice(join.scope, "");
    assert_false(open);
    assert_int_equal(ledger_next_join(joins, &at, &join, &open, &err), 1);
    assert_true(open);
    assert_int_equal(join.node, 6);
    assert_int_equal(ledger_next_join(joins, &at, &join, &open, &err), 0);
    at = 0;
    assert_int_equal(ledger_next_join(SLICE(""), &at, &join, &open, &err), 0);

    static const char *const malformed[] = {"X4,",      "F4,s,1",   "Fx,s,1,t", "S4",       ";S4,",
                                            "S4,;;S5,", "F4,s,x,t", "!Open",    "F-1,s,1,t"};
    for (size_t i = 0; i < ARRAY_LEN(malformed); i++) {
        int result;
        at = 0;
        while ((result = ledger_next_join(slice_str(malformed[i]), &at, &join, &open, &err)) == 1)
            continue;
        if (result != -1)
            fail_msg("taken: %s", malformed[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_start),
        cmocka_unit_test(test_execution),
        cmocka_unit_test(test_usage_stands_behind_what_every_execution_has),
        cmocka_unit_test(test_what_happens_to_a_task),
        cmocka_unit_test(test_the_hidden_token_has_a_node_of_its_own),
        cmocka_unit_test(test_the_small_ones),
        cmocka_unit_test(test_malformed_records),
        cmocka_unit_test(test_joins),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
