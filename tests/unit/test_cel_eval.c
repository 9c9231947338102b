/* Evaluation of expressions. */
#include "cel_case.h"
#include <math.h>

/* --- what workflows do --- */

static void test_workflows(void **state UNUSED)
{
    static const struct triple triples[] = {
        {"{'v': input.v + 1}", "{\"input\":{\"v\":0}}", "{\"v\":1}"},
        {"output.score >= 80", "{\"output\":{\"score\":80}}", "true"},
        {"output.score >= 80", "{\"output\":{\"score\":79.5}}", "false"},
        {"has(ctx.p) ? ctx.p.output : 'none'", "{\"p\":{\"output\":[1]}}", "[1]"},
        {"has(ctx.p) ? ctx.p.output : 'none'", NULL, "\"none\""},
        {"ctx.p.output", NULL, "!1:5 no such key: ctx.p"},
        {"ctx['a-b']", NULL, "!1:4 no such key: ctx.a-b"},
        {"ctx['a-b'].x + 1", "{\"a-b\":{\"x\":1}}", "2"},
        {"'a-b' in ctx", "{\"a-b\":null}", "true"},
        {"'a-b' in ctx", NULL, "false"},
        {"input.price * 1.1 > 10.9", "{\"input\":{\"price\":10}}", "true"},
        {"input.price * 2 + 0.5", "{\"input\":{\"price\":10}}", "20.5"},
        {"input.p * input.q", "{\"input\":{\"p\":3,\"q\":1.5}}", "4.5"},
        {"input.n / 2", "{\"input\":{\"n\":5}}", "2"},
        {"input.n / 2", "{\"input\":{\"n\":5.0}}", "2.5"},
        {"-input.big", "{\"input\":{\"big\":9007199254740993}}", "-9007199254740993"},
        {"{'s': input.s + '✓', 'big': input.big, 'f': input.f}",
         "{\"input\":{\"s\":\"a\",\"big\":9007199254740993,\"f\":0.1}}",
         "{\"s\":\"a✓\",\"big\":9007199254740993,\"f\":0.1}"},
        {"'q' + string(input)", "{\"input\":3}", "\"q3\""},
        {"input.error.code + ' in x'", "{\"input\":{\"error\":{\"code\":\"timeout\"}}}",
         "\"timeout in x\""},
        {"index * 10 + input", "{\"input\":2,\"index\":3}", "32"},
        {"size(input)", "{\"input\":[1,2]}", "2"},
        {"output.missing > 1", "{\"output\":{}}", "!1:8 no such key: 'missing'"},
        {"output.a.b", "{\"output\":{\"a\":null}}", "!1:10 null has no member 'b'"},
        {"input.a", NULL, "!1:1 'input' has no value here"},
        {"input.hotels.filter(h, h.score > 50).map(h, h.name)",
         "{\"input\":{\"hotels\":[{\"name\":\"a\",\"score\":10},{\"name\":\"b\",\"score\":60}]}}",
         "[\"b\"]"},
        {"input == {'b': [1.0, 2], 'a': 'x'}", "{\"input\":{\"a\":\"x\",\"b\":[1,2.0]}}", "true"},
    };
    check_all(triples, ARRAY_LEN(triples));
}

/* Values that nobody looks into keep their text; documents keep the order of members. */
static void test_views(void **state UNUSED)
{
    static const struct triple triples[] = {
        {"input", "{\"input\": {\"b\" : 1.10, \"a\": [ 1E5 , \"\\u0041\" ]} }",
         "{\"b\":1.10,\"a\":[1E5,\"\\u0041\"]}"},
        {"[input.x, input.y]", "{\"input\":{\"x\":1.10,\"y\":12345678901234567890}}",
         "[1.10,12345678901234567890]"},
        {"input", "{\"input\":1.10}", "1.10"},
        {"-input.y", "{\"input\":{\"y\":12345678901234567890}}", "-12345678901234567000.0"},
        {"input.x + 0.0", "{\"input\":{\"x\":1.10}}", "1.1"},
        {"[input.e]", "{\"input\":{\"e\":\"a\\u00e9\\n\"}}", "[\"a\\u00e9\\n\"]"},
        {"input.e", "{\"input\":{\"e\":\"a\\u00e9\\n\"}}", "\"aé\\n\""},
        {"input.e + '!'", "{\"input\":{\"e\":\"\\ud83d\\ude00\"}}", "\"😀!\""},
        {"size(input.e)", "{\"input\":{\"e\":\"\\ud83d\\ude00\\\\\"}}", "2"},
        {"input.e == 'a\\n'", "{\"input\":{\"e\":\"\\u0061\\n\"}}", "true"},
        {"input.e == input.f", "{\"input\":{\"e\":\"\\u0061\\n\\/\",\"f\":\"a\\u000a\\u002F\"}}",
         "true"},
        {"input.e == input.f", "{\"input\":{\"e\":\"\\n\",\"f\":\"\\n\\n\"}}", "false"},
        {"input.m[input.e]", "{\"input\":{\"e\":\"\\u0061\",\"m\":{\"\\u0061\":1}}}", "1"},
        {"{'a': 1}[input.e]", "{\"input\":{\"e\":\"\\u0061\"}}", "1"},
        {"input.e in ['a', 'b']", "{\"input\":{\"e\":\"\\u0062\"}}", "true"},
        {"{input.e: 1}", "{\"input\":{\"e\":\"\\u0061\"}}", "{\"a\":1}"},
        {"input.map(k, k)", "{\"input\":{\"z\":1,\"a\\n\":2}}", "[\"z\",\"a\\n\"]"},
        {"input.map(k, k + '!')", "{\"input\":{\"a\\n\":2}}", "[\"a\\n!\"]"},
        {"input == {'a': {'c': 1, 'b': 2}}", "{\"input\":{\"a\":{\"b\":2,\"c\":1}}}", "true"},
        {"input + [3]", "{\"input\":[1, {\"a\": 2}]}", "[1,{\"a\":2},3]"},
        {"input[1].a", "{\"input\":[1, {\"a\": 2}]}", "2"},
        {"type(input.e)", "{\"input\":{\"e\":\"\\n\"}}",
         "! a type cannot be a result: JSON has no such value"},
        {"type(input.e) == string && type(input) == map && type(input.f) == list",
         "{\"input\":{\"e\":\"\\n\",\"f\":[]}}", "true"},
    };
    check_all(triples, ARRAY_LEN(triples));
}

static void test_results(void **state UNUSED)
{
    static const struct triple triples[] = {
        {"b'\\x00\\xff'", NULL, "\"AP8=\""},
        {"[b'', b'a', b'ab', b'abc']", NULL, "[\"\",\"YQ==\",\"YWI=\",\"YWJj\"]"},
        {"timestamp('2024-02-29T12:00:00.5+01:00')", NULL, "\"2024-02-29T11:00:00.5Z\""},
        {"duration('1h1m1.5s')", NULL, "\"3661.5s\""},
        {"duration('-3ms')", NULL, "\"-0.003s\""},
        {"18446744073709551615u", NULL, "18446744073709551615"},
        {"{1: 'a', true: 'b', 2u: 'c'}", NULL, "{\"1\":\"a\",\"true\":\"b\",\"2\":\"c\"}"},
        {"{1: 'a', '1': 'b'}", NULL,
         "! a map with the keys 1 and '1' (or true and 'true') cannot be a result: JSON has no "
         "such value"},
        {"1.0", NULL, "1.0"},
        {"1e100", NULL, "1e+100"},
        {"0.0 / 0.0", NULL, "! NaN cannot be a result: JSON has no such value"},
        {"[-1.0 / 0.0]", NULL, "! an infinity cannot be a result: JSON has no such value"},
        {"{'a': int}", NULL, "! a type cannot be a result: JSON has no such value"},
        {"{}", NULL, "{}"},
        {"[[], {}]", NULL, "[[],{}]"},
        {"'\\u0001\"'", NULL, "\"\\u0001\\\"\""},
    };
    check_all(triples, ARRAY_LEN(triples));
}

/* --- the language --- */

static void test_numbers(void **state UNUSED)
{
    static const struct triple triples[] = {
        {"9223372036854775807 + 1", NULL, "!1:21 int overflow in '+'"},
        {"-9223372036854775808 - 1", NULL, "! int overflow in '-'"},
        {"9223372036854775807 * 2", NULL, "! int overflow in '*'"},
        {"-9223372036854775808 / -1", NULL, "! int overflow in '/'"},
        {"-9223372036854775808 % -1", NULL, "0"},
        {"-(-9223372036854775808)", NULL, "! int overflow in '-'"},
        {"1u - 2u", NULL, "! uint overflow in '-'"},
        {"1 / 0", NULL, "!1:3 division by zero"},
        {"1u % 0u", NULL, "! modulus by zero"},
        {"7 / -2", NULL, "-3"},
        {"7 % -2", NULL, "1"},
        {"dyn(1u) + 1.5", NULL, "! no overload of '+' for (uint, double)"},
        {"dyn(1) + 'a'", NULL, "!1:8 no overload of '+' for (int, string)"},
        {"dyn(1.5) % 2", NULL, "! no overload of '%' for (double, int)"},
        {"dyn(9007199254740993) == 9007199254740992.0", NULL, "false"},
        {"dyn(1) == 1u && dyn(1u) == 1.0 && !(dyn(-1) == 1u)", NULL, "true"},
        {"dyn(0.0 / 0.0) == 0.0 / 0.0", NULL, "false"},
        {"[1 < 1.5, 2u > 1, -1 < 0u, 1.0 <= 1u, 0.0/0.0 < 1.0, 0.0/0.0 >= 1.0]", NULL,
         "[true,true,true,true,false,false]"},
        {"{1: 'a'}[dyn(1.0)] + {2u: 'b'}[dyn(2)]", NULL, "\"ab\""},
        {"[int(1.9), int(-1.9), int('-5'), int(7u)]", NULL, "[1,-1,-5,7]"},
        {"int('5x')", NULL, "! the string is not an int"},
        {"int(1e30)", NULL, "! the double is out of the range of int"},
        {"uint(-1)", NULL, "! the int is out of the range of uint"},
        {"[string(1.0), string(0.1), string(1e21), string(123456789012345680.0), string(1e-7)]",
         NULL, "[\"1\",\"0.1\",\"1e+21\",\"123456789012345680\",\"1e-07\"]"},
        {"[string(-0.5), string(100.25), string(5e-324), string(0.0/0.0), string(-1.0/0.0)]", NULL,
         "[\"-0.5\",\"100.25\",\"5e-324\",\"NaN\",\"-Inf\"]"},
        {"[double('1e3'), double('.5'), double(3), double('-0')]", NULL, "[1000.0,0.5,3.0,-0.0]"},
        {"double('0x10')", NULL, "! the string is not a double"},
        {"double('1e999')", NULL, "! the string is not a double"},
        {"bool('t') && !bool('False')", NULL, "true"},
        {"bool('yes')", NULL,
         "! the string is not a bool (\"true\", \"false\", \"t\", \"f\", "
         "\"1\", \"0\")"},
    };
    check_all(triples, ARRAY_LEN(triples));
}

static void test_containers(void **state UNUSED)
{
    static const struct triple triples[] = {
        {"[1, 2, 3][3]", NULL, "!1:10 index 3 is out of range: the list has 3"},
        {"[1][-1]", NULL, "! index -1 is out of range: the list has 1"},
        {"[1][dyn(5u)]", NULL, "! the index is out of range: the list has 1"},
        {"[1][dyn(0.5)]", NULL, "! the index of a list must be a whole number"},
        {"{'a': 1}['b']", NULL, "! no such key: 'b'"},
        {"{1: 1}[2]", NULL, "! no such key: 2"},
        {"{1: 1}[dyn(2.5)]", NULL, "! no such key (a double)"},
        {"{'a': 1, 'a': 2}", NULL, "!1:10 the key is in the map already"},
        {"{1.5: 1}", NULL, "! a double cannot be the key of a map"},
        {"{'a': 1, 'b': 2, 'c': 3, 'd': 4, 'e': 5, 'f': 6, 'g': 7, 'h': 8, 1: 9, 2u: 10, true: 11}"
         ".map(k, k)",
         NULL, "[\"a\",\"b\",\"c\",\"d\",\"e\",\"f\",\"g\",\"h\",1,2,true]"},
        {"[{'a': 1, 'b': 2, 'c': 3, 'd': 4, 'e': 5, 'f': 6, 'g': 7, 'h': 8, 1: 9, 2u: 10, true: "
         "11}]"
         ".map(m, [m.c, m[1u], m[2.0], m[true], 'x' in m, 3 in m, m.h])",
         NULL, "[[3,9,10,11,false,false,8]]"},
        {"{'a': 1, 'b': 2, 'c': 3, 'd': 4, 'e': 5, 'f': 6, 'g': 7, 'h': 8, 1: 9, 1u: 10}", NULL,
         "! the key is in the map already"},
        {"[1] + [] + dyn(['a'])", NULL, "[1,\"a\"]"},
        {"'a' in {'a': 1} && !('b' in {'a': 1}) && dyn(1) in [1u, 1.0]", NULL, "true"},
        {"1 in dyn(2)", NULL, "! no overload of 'in' for (int, int)"},
        {"size('añ😀') + size(b'abc') + [1].size() + {}.size()", NULL, "7"},
        {"has({'a': null}.a) && !has({}.a)", NULL, "true"},
        {"has(dyn(1).a)", NULL, "! int has no members: has(….a) needs a map"},
        {"dyn({})['a'] == 1 || true", NULL, "true"},
    };
    check_all(triples, ARRAY_LEN(triples));
}

static void test_logic_and_macros(void **state UNUSED)
{
    static const struct triple triples[] = {
        {"1 / 0 == 1 || true", NULL, "true"},
        {"true || 1 / 0 == 1", NULL, "true"},
        {"1 / 0 == 1 && false", NULL, "false"},
        {"1 / 0 == 1 && true", NULL, "!1:3 division by zero"},
        {"true && 1 / 0 == 1 && 1 % 0 == 1", NULL, "! division by zero"},
        {"dyn(1) && true", NULL, "! no overload of '&&' for int: operands are bool"},
        {"dyn('a') || true", NULL, "true"},
        {"dyn(1) ? 1 : 2", NULL, "! the condition of '?:' is not a bool but int"},
        {"false ? 1 / 0 : 2", NULL, "2"},
        {"[1, 0, 2].all(x, 2 / x > 5)", NULL, "false"},
        {"[1, 0].all(x, 2 / x > 1)", NULL, "! division by zero"},
        {"[0, 1].exists(x, 2 / x > 1)", NULL, "true"},
        {"[1, 2].exists_one(x, x > 1) && ![1, 2].exists_one(x, x > 0)", NULL, "true"},
        {"[1, 2, 3].map(x, x != 2, x * x)", NULL, "[1,9]"},
        {"{'b': 1, 'a': 2}.map(k, k)", NULL, "[\"b\",\"a\"]"},
        {"input.filter(k, input[k] > 1)", "{\"input\":{\"b\":1,\"a\":2}}", "[\"a\"]"},
        {"[1, 2].map(x, [3, 4].map(y, x * y)).map(z, size(z))", NULL, "[2,2]"},
        {"[1, 2].map(x, [x].map(x, x + 1)[0] + x)", NULL, "[3,5]"},
        {"dyn(1).map(x, x)", NULL, "! a list or a map is needed to go through, not int"},
        {"[1].all(x, dyn(x))", NULL, "! the condition is not a bool but int"},
    };
    check_all(triples, ARRAY_LEN(triples));
}

static void test_strings(void **state UNUSED)
{
    static const struct triple triples[] = {
        {"'abc'.contains('bc') && 'abc'.startsWith('ab') && 'abc'.endsWith('')", NULL, "true"},
        {"'ab'.startsWith('abc') || 'ab'.endsWith('xab') || 'ab'.contains('ba')", NULL, "false"},
        {"'a1b2'.matches('[0-9]b') && matches('x', '^x$') && !'ab'.matches('^b')", NULL, "true"},
        {"'a'.matches(input)", "{\"input\":\"(\"}", "! invalid regular expression: missing ): ("},
        {"'aaa'.matches(input)", "{\"input\":\"^a+$\"}", "true"},
        {"input.matches('^(a+)+$')",
         "{\"input\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab\"}", "false"},
        {"dyn(1).contains('a')", NULL, "! no overload of 'contains' for int(string)"},
        {"string(b'\\xff')", NULL, "! the bytes are not valid UTF-8"},
        {"string(dyn([1]))", NULL, "! no overload of 'string' for (list)"},
        {"'a' < 'b' && 'a' < 'aa' && b'\\x00' < b'\\xff' && !('b' < 'a')", NULL, "true"},
    };
    check_all(triples, ARRAY_LEN(triples));
}

static void test_times(void **state UNUSED)
{
    static const struct triple triples[] = {
        {"timestamp('2024-03-01T00:00:00Z') - duration('24h')", NULL, "\"2024-02-29T00:00:00Z\""},
        {"timestamp(0) - timestamp('1969-12-31T23:59:59.25Z')", NULL, "\"0.75s\""},
        {"timestamp('1969-12-31T23:59:59.25Z') + duration('0.75s')", NULL,
         "\"1970-01-01T00:00:00Z\""},
        {"timestamp('0001-01-01T00:00:00Z')", NULL, "\"0001-01-01T00:00:00Z\""},
        {"timestamp('0001-01-01T00:00:00Z').getDayOfWeek()", NULL, "1"},
        {"timestamp('2000-02-30T00:00:00Z')", NULL,
         "! the string is not a timestamp (RFC 3339, as in 2024-01-31T09:30:00Z)"},
        {"timestamp('2000-01-01T24:00:00Z')", NULL,
         "! the string is not a timestamp (RFC 3339, as in 2024-01-31T09:30:00Z)"},
        {"timestamp('2000-01-01 00:00:00Z')", NULL,
         "! the string is not a timestamp (RFC 3339, as in 2024-01-31T09:30:00Z)"},
        {"timestamp('9999-12-31T23:59:59Z') + duration('1s')", NULL,
         "! '+' leaves the range of times"},
        {"duration('9223372036854775807ns')", NULL, "\"9223372036.854775807s\""},
        {"duration('9223372036854775808ns')", NULL,
         "! the string is not a duration (as in 1h30m, 1.5s, 20ms)"},
        {"duration('')", NULL, "! the string is not a duration (as in 1h30m, 1.5s, 20ms)"},
        {"duration('1')", NULL, "! the string is not a duration (as in 1h30m, 1.5s, 20ms)"},
        {"[duration('0'), duration('+1.5m'), duration('2us'), duration('3µs'), duration('.5h')]",
         NULL, "[\"0s\",\"90s\",\"0.000002s\",\"0.000003s\",\"1800s\"]"},
        {"duration('90m').getHours() + duration('-1.5s').getMilliseconds()", NULL, "-499"},
        {"timestamp(0).getHours('nowhere')", NULL, "! unknown time zone"},
        {"timestamp(0).getHours('../../etc/passwd')", NULL, "! unknown time zone"},
        {"timestamp(0).getHours(input)", "{\"input\":\"+05:30\"}", "5"},
        {"dyn(duration('1s')).getHours('UTC')", NULL,
         "! no overload of 'getHours' for duration(string)"},
    };
    check_all(triples, ARRAY_LEN(triples));
}

/* Needs the system's database; summer and winter, before and far behind its data, both hemispheres. */
static void test_zones(void **state UNUSED)
{
    static const struct triple triples[] = {
        {"timestamp('2024-01-15T12:00:00Z').getHours('Europe/Berlin')", NULL, "13"},
        {"timestamp('2024-07-15T12:00:00Z').getHours('Europe/Berlin')", NULL, "14"},
        {"timestamp('2024-03-31T00:59:59Z').getHours('Europe/Berlin')", NULL, "1"},
        {"timestamp('2024-03-31T01:00:00Z').getHours('Europe/Berlin')", NULL, "3"},
        {"timestamp('2150-07-15T12:00:00Z').getHours('Europe/Berlin')", NULL, "14"},
        {"timestamp('2150-01-15T12:00:00Z').getHours('Europe/Berlin')", NULL, "13"},
        {"timestamp('2150-01-15T12:00:00Z').getHours('Australia/Sydney')", NULL, "23"},
        {"timestamp('2150-07-15T12:00:00Z').getHours('Australia/Sydney')", NULL, "22"},
        {"timestamp('2024-01-15T12:00:00Z').getMinutes('Asia/Kathmandu')", NULL, "45"},
        {"timestamp('1800-01-15T12:00:00Z').getMinutes('Europe/Berlin')", NULL, "53"},
        {"timestamp('2024-01-01T03:00:00Z').getFullYear('America/New_York')", NULL, "2023"},
    };
    FILE *file = fopen("/usr/share/zoneinfo/Europe/Berlin", "r");
    if (!file) {
        print_message("left out: no time zone database\n");
        skip();
    }
    (void)fclose(file);
    check_all(triples, ARRAY_LEN(triples));
}

/* --- the rest of the header --- */

static void test_one_program_many_times(void **state UNUSED)
{
    struct run run;
    assert_true(evaluate(&run, "input + 1", "{\"input\":1}", 0));
    for (int64_t i = 0; i < 10; i++) {
        struct arena arena;
        arena_init(&arena, 0);
        run.slots[0] = cel_int(i);
        assert_int_equal(cel_eval(run.program, &run.activation, &arena, &run.value, &run.error), 0);
        assert_int_equal(run.value.kind, CEL_INT);
        assert_int_equal(run.value.integer, i + 1);
        arena_free(&arena);
    }
    run_free(&run);
}

static void test_record(void **state UNUSED)
{
    struct arena arena;
    struct buf out;
    struct cel_error error;
    arena_init(&arena, 0);
    buf_init(&out, 0);
    const struct cel_member members[] = {{SLICE("z"), cel_int(1)},
                                         {SLICE("gone"), cel_absent()},
                                         {SLICE("a"), cel_string(SLICE("x"))}};
    struct cel_value record = cel_record(&arena, members, ARRAY_LEN(members));
    assert_string_equal(cel_kind_name(&record), "map");
    assert_int_equal(cel_write_json(&out, &record, &error), 0);
    assert_string_equal(out.data, "{\"z\":1,\"a\":\"x\"}");
    struct run run;
    assert_true(evaluate(&run, "has(ctx.r.gone) ? 0 : ctx.r.z + 1", "{\"r\":{\"z\":1}}", 0));
    run.references[0] = record;
    assert_int_equal(cel_eval(run.program, &run.activation, &arena, &run.value, &run.error), 0);
    assert_int_equal(run.value.integer, 2);
    run_free(&run);
    buf_free(&out);
    buf_init(&out, 4);
    assert_int_equal(cel_write_json(&out, &record, &error), -1);
    assert_int_equal(error.code, CEL_ERROR_MEMORY);
    buf_free(&out);
    arena_free(&arena);
}

/* What is written must be readable again, however the levels come together. */
static void test_deep_results(void **state UNUSED)
{
    static const struct {
        size_t levels; /* of input */
        const char *source;
        bool good;
    } rows[] = {
        {63, "input", true},
        {63, "[input]", true},
        {63, "[[input]]", false},
        {62, "{'a': [input]}", true},
        {63, "{'a': [input]}", false},
        {63, "[[1], input]", true},
        {62, "[input, '[[[\\\"[[', {']': 1}]", true},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const size_t levels = rows[i].levels;
        struct run run;
        struct buf out;
        char bindings[200] = "{\"input\":";
        const size_t at = strlen(bindings);
        memset(bindings + at, '[', levels);
        memset(bindings + at + levels, ']', levels);
        bindings[at + 2 * levels] = '}';
        buf_init(&out, 0);
        buf_str(&out, "[[["); /* what stood there is not counted */
        assert_true(evaluate(&run, rows[i].source, bindings, 0));
        const bool good = cel_write_json(&out, &run.value, &run.error) == 0;
        assert_int_equal(good, rows[i].good);
        assert_int_equal(good, json_valid(slice_of(out.data + 3, out.len - 3)));
        if (!good) {
            assert_int_equal(run.error.code, CEL_ERROR_MEMORY);
            assert_string_equal(run.error.message, "the result is nested deeper than 64 levels");
        }
        buf_free(&out);
        run_free(&run);
    }
}

static void test_equal(void **state UNUSED)
{
    struct cel_value one = cel_int(1);
    struct cel_value real = {.kind = CEL_DOUBLE, .real = 1.0};
    struct cel_value nothing = cel_null();
    struct cel_value nan = {.kind = CEL_DOUBLE, .real = NAN};
    assert_true(cel_equal(&one, &real));
    assert_false(cel_equal(&one, &nothing));
    assert_true(cel_equal(&nothing, &nothing));
    assert_false(cel_equal(&nan, &nan));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_workflows),  cmocka_unit_test(test_views),
        cmocka_unit_test(test_results),    cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_containers), cmocka_unit_test(test_logic_and_macros),
        cmocka_unit_test(test_strings),    cmocka_unit_test(test_times),
        cmocka_unit_test(test_zones),      cmocka_unit_test(test_one_program_many_times),
        cmocka_unit_test(test_record),     cmocka_unit_test(test_deep_results),
        cmocka_unit_test(test_equal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
