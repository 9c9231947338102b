/* Extensions: what the official cases leave open. Expression / input as JSON / result or error. */
#include "alloc_in_turn.h"
#include "base/attr.h"
#include "cel/cel.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
/* after the four above */
#include <cmocka.h>

static const struct cel_variable variables[] = {{"input", CEL_DYN, 0}};
static const struct cel_namespace namespaces[] = {{"ctx", 0}};
static const struct cel_env env = {.variables = variables,
                                   .variable_count = ARRAY_LEN(variables),
                                   .namespaces = namespaces,
                                   .namespace_count = 1};

struct triple {
    const char *source;
    const char *input;  /* NULL: null */
    const char *wanted; /* JSON, or "! message" */
};

struct run {
    struct arena arena;
    struct json_doc doc;
    const struct cel_program *program;
    struct cel_value value;
    struct cel_error error;
};

static void run_free(struct run *run)
{
    cel_program_release(run->program);
    arena_free(&run->arena);
}

/* Members of ctx come from the input too: ctx.N is input.N. False when something failed, with
 * run->error. */
static bool evaluate(struct run *run, const char *source, const char *input, uint64_t steps)
{
    struct json_error error;
    struct cel_value references[8];
    *run = (struct run){.program = NULL};
    arena_init(&run->arena, 64u << 20);
    run->error.code = CEL_ERROR_MEMORY; /* of the reader, if it is that */
    if (json_read(&run->arena, slice_str(input ? input : "null"), NULL, &run->doc, &error) != 0)
        return false;
    run->program = cel_compile(&run->arena, slice_str(source), &env, &run->error);
    if (!run->program)
        return false;
    const struct cel_value slot = cel_from_json(json_root(&run->doc), &run->arena);
    struct cel_activation activation = {.slots = &slot, .slot_count = 1, .references = references};
    const struct cel_reference *members = cel_references(run->program, &activation.reference_count);
    assert_in_range(activation.reference_count, 0, ARRAY_LEN(references));
    for (uint32_t i = 0; i < activation.reference_count; i++) {
        struct json_ref ref = json_type(json_root(&run->doc)) == JSON_OBJECT
                                  ? json_member(json_root(&run->doc), members[i].member)
                                  : JSON_NONE;
        references[i] = json_present(ref) ? cel_from_json(ref, &run->arena) : cel_absent();
    }
    activation.budget.max_steps = steps;
    return cel_eval(run->program, &activation, &run->arena, &run->value, &run->error) == 0;
}

static void check(const struct triple *triple)
{
    struct run run;
    struct buf out;
    buf_init(&out, 0);
    bool good = evaluate(&run, triple->source, triple->input, 0) &&
                cel_write_json(&out, &run.value, &run.error) == 0;
    if (!good) {
        buf_reset(&out);
        buf_printf(&out, "! %s", run.error.message);
    }
    if (strcmp(out.data, triple->wanted) != 0)
        fail_msg("%s with %s\n  gives  %s\n  wanted %s", triple->source,
                 triple->input ? triple->input : "nothing", out.data, triple->wanted);
    buf_free(&out);
    run_free(&run);
}

static void check_all(const struct triple *triples, size_t count)
{
    for (size_t i = 0; i < count; i++)
        check(&triples[i]);
}

/* --- strings --- */

static void test_strings(void **state UNUSED)
{
    static const struct triple triples[] = {
        {"input.charAt(1)", "\"a\\u00e9b\"", "\"é\""},
        {"input.charAt(3)", "\"aéb\"", "\"\""},
        {"input.charAt(4)", "\"aéb\"", "! index 4 is out of range of the string"},
        {"input.substring(1, 2)", "\"aéb\"", "\"é\""},
        {"input.substring(2, 1)", "\"aéb\"", "! the substring would end (1) before it starts (2)"},
        {"input.indexOf('b')", "\"éb\\u0062\"", "1"},
        {"'aaa'.lastIndexOf('aa')", NULL, "1"},
        {"'aaa'.lastIndexOf('aa', 0)", NULL, "0"},
        {"'abc'.indexOf('', 3)", NULL, "3"},
        {"'abc'.lastIndexOf('abcd')", NULL, "-1"},
        {"input.split(',')", "\"a,,b,\"", "[\"a\",\"\",\"b\",\"\"]"},
        {"input.split('')", "\"aé✓\"", "[\"a\",\"é\",\"✓\"]"},
        {"input.split('', 2)", "\"aé✓\"", "[\"a\",\"é✓\"]"},
        {"''.split('')", NULL, "[]"},
        {"''.split(',')", NULL, "[\"\"]"},
        {"'a,b,c'.split(',', 2)", NULL, "[\"a\",\"b,c\"]"},
        {"'aé'.replace('', '-')", NULL, "\"-a-é-\""},
        {"'aé'.replace('', '-', 2)", NULL, "\"-a-é\""},
        {"''.replace('', '-')", NULL, "\"-\""},
        {"'aaaa'.replace('aa', 'b')", NULL, "\"bb\""},
        {"'aaaa'.replace('a', 'b', 0)", NULL, "\"aaaa\""},
        {"input.map(x, x.n).join(', ')", "[{\"n\":\"a\"},{\"n\":\"\\u0062\"}]", "\"a, b\""},
        {"input.join()", "[\"a\",1]", "! join takes a list of strings, and one element is int"},
        {"input.trim().upperAscii()", "\"\\u00a0 a\\u00df \\n\"", "\"Aß\""},
        {"strings.quote(input)", "\"a\\\"\\u0001é\\\\\"", "\"\\\"a\\\\\\\"\\u0001é\\\\\\\\\\\"\""},
        {"input.trim()", "1", "! no overload of 'trim' for int()"},
        {"'a'.trim(1)", NULL, "! wrong number of arguments for 'trim': takes 0, got 1"},
        {"trim('a')", NULL, "! 'trim' is called as a method of a value: value.f(…)"},
        {"'a'.tirm()", NULL, "! unknown function 'tirm'; did you mean 'trim'?"},
        {"1.trim()", NULL, "! no overload of 'trim' for int()"},
        {"[1].join()", NULL, "! no overload of 'join' for list(int)()"},
        {"strings.quot('a')", NULL,
         "! unknown function 'strings.quot'; did you mean 'strings.quote'?"},
        {"quote('a')", NULL, "! unknown function 'quote'; did you mean 'strings.quote'?"},
        {"strings.quote(1)", NULL, "! no overload of 'strings.quote' for (int)"},
        {"strings.quote(input)", "1", "! no overload of 'strings.quote' for (int)"},
        {"strings.quote()", NULL,
         "! wrong number of arguments for 'strings.quote': takes 1, got 0"},
        /* a macro's variable hides the namespace */
        {"['b'].map(strings, strings.upperAscii())", NULL, "[\"B\"]"},
    };
    check_all(triples, ARRAY_LEN(triples));
}

static void test_format(void **state UNUSED)
{
    static const struct triple triples[] = {
        {"'%s has %d of %.1f%%'.format([input.s, input.n, input.p])",
         "{\"s\":\"a\\u00e9\",\"n\":3,\"p\":2.25}", "\"aé has 3 of 2.2%\""},
        {"'%s'.format([input])", "{\"b\":[1.5,null],\"a\":{\"x\":\"\\u0041\"}}",
         "\"{a: {x: A}, b: [1.5, null]}\""},
        {"'%x %X %o %b'.format([-255, 255u, -8, -5])", NULL, "\"-ff FF -10 -101\""},
        {"'%x'.format([-9223372036854775808])", NULL, "\"-8000000000000000\""},
        {"'%s %d'.format([1e21, 1e-7])", NULL, "\"1000000000000000000000 0.0000001\""},
        {"'%s'.format([-0.0])", NULL, "\"-0\""},
        {"'%s'.format([timestamp('2024-01-01T00:00:00Z')])", NULL, "\"2024-01-01T00:00:00Z\""},
        {"'100%'.format([1])", NULL,
         "! the format has a '%' without a known letter; known are %s %d %f %e %b %o %x %X, and "
         "%% for a '%'"},
        {"'%s %s'.format(['a'])", NULL, "! the format takes more values than the 1 of its list"},
        {"'%.1001f'.format([1])", NULL, "! the format asks for a precision above 1000"},
        {"'%.f'.format([1])", NULL, "! the format has no digits behind '%.'"},
        {"size('%.1000f'.format([-1.7e308]))", NULL, "1311"},
        {"'%d'.format([input])", "\"secret\"", "! %d cannot format string"},
        {"'%s'.format([b'\\xff'])", NULL, "! %s cannot format bytes that are not valid UTF-8"},
        {"'%s'.format('a')", NULL, "! no overload of 'format' for string(string)"},
    };
    check_all(triples, ARRAY_LEN(triples));
}

static void test_math(void **state UNUSED)
{
    static const struct triple triples[] = {
        {"math.greatest(input)", "[1, 2.5, -3]", "2.5"},
        {"math.least(input.a, 2, input.b)", "{\"a\":3,\"b\":1.5}", "1.5"},
        {"math.least(1, 1.0)", NULL, "1"},
        {"math.greatest(1, 2) + 1", NULL, "3"},
        {"math.greatest([1u, 2u]) + 1u", NULL, "3"},
        {"math.greatest([])", NULL, "! an empty list has no greatest element"},
        {"math.least([0.0 / 0.0, 1.0])", NULL,
         "! the list has elements that are not numbers or NaN"},
        {"math.least(input)", "[1,\"a\\n\"]",
         "! the list has elements that are not numbers or NaN"},
        {"math.least(1, 'a')", NULL, "! no overload of 'math.least' for (int, string)"},
        {"math.least(1, input)", "\"a\"", "! no overload of 'math.least' for (int, string)"},
        {"math.least()", NULL,
         "! wrong number of arguments for 'math.least': takes 1 or more, got 0"},
        {"math.round(input)", "2.5", "3.0"},
        {"math.round(input)", "2", "! no overload of 'math.round' for (int)"},
        {"math.round(1)", NULL, "! no overload of 'math.round' for (int)"},
        {"math.sqrt(input)", "9", "3.0"},
        {"math.abs(input)", "-0.5", "0.5"},
        {"math.sign(input)", "-7", "-1"},
        {"math.bitShiftRight(-1, 63)", NULL, "1"},
        {"math.bitShiftLeft(1, 63)", NULL, "-9223372036854775808"},
        {"math.bitAnd(1, 1u)", NULL, "! no overload of 'math.bitAnd' for (int, uint)"},
        {"math.flor(1.5)", NULL, "! unknown function 'math.flor'; did you mean 'math.floor'?"},
        {"floor(1.5)", NULL, "! unknown function 'floor'; did you mean 'math.floor'?"},
    };
    check_all(triples, ARRAY_LEN(triples));
}

/* --- optionals --- */

static void test_optionals(void **state UNUSED)
{
    static const struct triple triples[] = {
        {"input.?a.?b.orValue('none')", "{\"a\":{\"b\":\"\\u0041\"}}", "\"A\""},
        {"input.?a.?b.orValue('none')", "{\"a\":{}}", "\"none\""},
        {"input.?a.b.orValue('none')", "{}", "\"none\""},
        {"input[?1].orValue(0)", "[5,6]", "6"},
        {"input[?2].orValue(0)", "[5,6]", "0"},
        {"input[?-1].orValue(0)", "[5,6]", "0"},
        {"input[?0.5].orValue(0)", "[5,6]", "! the index of a list must be a whole number"},
        {"input.?a.orValue(0)", "[5]", "! list has no member 'a'"},
        {"optional.of([1, 2])[1].value()", NULL, "2"},
        {"optional.none().value()", NULL, "! the optional holds no value"},
        {"[?input.?a, ?input.?b]", "{\"b\":\"x\"}", "[\"x\"]"},
        {"{?'a': input.?a, ?'b': input.?b, 'c': 1}", "{\"b\":\"x\"}", "{\"b\":\"x\",\"c\":1}"},
        {"{?'a': optional.of(1), 'a': 2}", NULL, "! the key is in the map already"},
        {"{?'a': optional.none(), 'a': 2}", NULL, "{\"a\":2}"},
        {"[?1]", NULL, "! an element with '?' must be an optional, not int"},
        {"[?input]", "1", "! an element with '?' must be an optional, not int"},
        {"{?'a': input}", "1", "! an element with '?' must be an optional, not int"},
        /* the other side is evaluated only when it is needed */
        {"optional.of(1).or(optional.of(1 / 0)).orValue(1 / 0)", NULL, "1"},
        {"optional.none().or(optional.of(1 / 0)).orValue(2)", NULL, "! division by zero"},
        {"input.orValue(1)", "3", "! 'orValue' needs an optional, not int"},
        {"1.orValue(1)", NULL, "! no overload of 'orValue' for int(int)"},
        {"optional.of(1).or(1)", NULL, "! no overload of 'or' for optional_type(int)(int)"},
        {"input.?n.optMap(n, n * 2).orValue(-1)", "{\"n\":4}", "8"},
        {"input.?n.optMap(n, n * 2).orValue(-1)", "{}", "-1"},
        {"input.?a.optFlatMap(a, a.?b).orValue(-1)", "{\"a\":{\"b\":2}}", "2"},
        {"input.optMap(n, n)", "1", "! 'optMap' needs an optional, not int"},
        {"[1].optMap(n, n)", NULL, "! 'optMap' needs an optional, not list(int)"},
        {"optional.of(1).optFlatMap(n, n)", NULL, "! an optional is needed here, not int"},
        {"optional.of(input).optFlatMap(n, n)", "1", "! optFlatMap makes optionals, not int"},
        {"optional.unwrap([optional.of(1), optional.none()])", NULL, "[1]"},
        {"[optional.of(1), optional.none()].unwrapOpt()", NULL, "[1]"},
        {"[optional.ofNonZeroValue(input.a), optional.ofNonZeroValue(input.b), "
         "optional.ofNonZeroValue(input.c)].map(o, o.hasValue())",
         "{\"a\":[],\"b\":{},\"c\":\"\\u0041\"}", "[false,false,true]"},
        {"optional.of(1)", NULL, "! an optional value cannot be a result: JSON has no such value"},
        {"has(input.?a.b)", "{\"a\":{\"b\":1}}", "true"},
        {"has(input.?a)", "{}", "! has() takes one member selection, as in has(input.name)"},
        {"input.?a()", NULL, "! expected an operator or the end of the expression, found '('"},
        /* of namespaces */
        {"ctx.?a.b.orValue(1)", "{\"a\":{\"b\":2}}", "2"},
        {"ctx.?a.b.orValue(1)", "{}", "1"},
        {"ctx[?'a-b'].c.orValue(1)", "{\"a-b\":{\"c\":2}}", "2"},
        {"ctx[?'a-b'].hasValue()", "{}", "false"},
    };
    check_all(triples, ARRAY_LEN(triples));
}

/* A member that need not be there is no required reference. */
static void test_references(void **state UNUSED)
{
    struct run run;
    uint32_t count = 0;
    assert_true(evaluate(&run, "ctx.?a.hasValue() || ctx[?'b'].hasValue()", "{}", 0));
    const struct cel_reference *references = cel_references(run.program, &count);
    assert_int_equal(count, 2);
    assert_false(references[0].required);
    assert_false(references[1].required);
    run_free(&run);
}

/* --- macros and names --- */

static void test_macros(void **state UNUSED)
{
    static const struct triple triples[] = {
        {"input.transformList(i, v, '%d:%s'.format([i, v]))", "[\"a\",\"b\"]", "[\"0:a\",\"1:b\"]"},
        {"input.transformMap(k, v, v > 1, v * 2)", "{\"a\":1,\"b\":2,\"c\\u0041\":3}",
         "{\"b\":4,\"cA\":6}"},
        {"input.transformMap(i, v, v)['1']", "[5,6]", "! no such key: '1'"},
        {"input.transformMap(i, v, v)[1]", "[5,6]", "6"},
        {"input.transformMapEntry(k, v, {v: k})", "{\"a\":\"x\",\"b\":\"\\u0079\"}",
         "{\"x\":\"a\",\"y\":\"b\"}"},
        {"input.transformMapEntry(k, v, {v: k})", "{\"a\":\"x\",\"b\":\"x\"}",
         "! two elements give the same key"},
        {"input.transformMapEntry(i, v, v % 2 == 1, {string(v): i, string(-v): i})", "[1,2,3]",
         "{\"1\":0,\"-1\":0,\"3\":2,\"-3\":2}"},
        {"input.transformMapEntry(i, v, v)", "[1]", "! transformMapEntry needs maps, not int"},
        {"[1].transformMapEntry(i, v, v)", NULL, "! a map is needed here, not int"},
        {"input.all(k, v, k == v)", "{\"a\":\"a\"}", "true"},
        {"input.exists_one(i, v, i == v)", "[0,2,2]", "false"},
        {"input.existsOne(v, v == 2)", "[0,1,2]", "true"},
        {"[[1, 2], [3]].map(a, a.transformList(i, v, v + i)).transformList(i, a, a.exists(j, v, j "
         "== i && v > 1))",
         NULL, "[false,false]"},
        {"[1].all(i, i, true)", NULL, "! the two variables of all() have one name"},
        {"[1].transformList(i, 2, true)", NULL,
         "! the second argument of transformList() must be a name: the variable that takes each "
         "element"},
        {"[1].transformList(i, v)", NULL,
         "! 'transformList' is written as list.transformList(index, element, value) or (index, "
         "element, condition, value)"},
        {"[1].transformList(i, v, v, v)", NULL, "! the condition is not a bool but int"},
        {"[1].transfromList(i, v, v)", NULL,
         "! unknown function 'transfromList'; did you mean 'transformList'?"},
        {"{1: 'a'}.transformMap(k, v, v + 1)", NULL, "! no overload of '+' for (string, int)"},
    };
    check_all(triples, ARRAY_LEN(triples));
}

static void test_names(void **state UNUSED)
{
    static const struct triple triples[] = {
        {"cel.bind(x, input.a, x * x)", "{\"a\":3}", "9"},
        {"cel.bind(x, 1 / 0, input ? 1 : x)", "true", "1"},
        {"cel.bind(x, 1 / 0, input ? 1 : x)", "false", "! division by zero"},
        {"input.map(v, cel.bind(d, v * 2, d + d))", "[1,2]", "[4,8]"},
        /* what is bound has variables of its own, and is used among those of others */
        {"cel.bind(x, [1, 2].map(v, v + 1), [7, 8].map(v, cel.bind(y, x.map(w, w + v), y.map(z, "
         "z + v + x.size()))))",
         NULL, "[[18,19],[20,21]]"},
        {"cel.bind(x, [1, 2].map(a, [a].map(b, b))[0][0], [5].map(v, [6].map(w, [x, v, w])))", NULL,
         "[[[1,5,6]]]"},
        {"cel.bind(a, 1, cel.bind(b, a + 1, cel.bind(a, b + 1, a + b)))", NULL, "5"},
        {"cel.block([[1, 2].map(v, v + 1), cel.index(0).map(v, v * 2)], [9].map(v, cel.index(1) + "
         "[v]))",
         NULL, "[[4,6,9]]"},
        {"cel.bind(total, 1, totl)", NULL, "! unknown name 'totl'; did you mean 'total'?"},
        {"cel.bind(x, x, x)", NULL, "! unknown name 'x'"},
        {"cel.bind(1, 2, 3)", NULL, "! the first argument of cel.bind() must be a name"},
        {"cel.bind(x, 1)", NULL, "! 'bind' is written as cel.bind(variable, value, result)"},
        {"cel.bind(x, 'a', x + 1)", NULL, "! no overload of '+' for (string, int)"},
        {"cel.index(0)", NULL, "! unknown name '@index0'"},
    };
    check_all(triples, ARRAY_LEN(triples));
}

/* A name costs what it stands for once; one that stands for what stands for … is as deep as all of
 * it, for the evaluator goes there. */
static void test_names_in_names(void **state UNUSED)
{
    struct buf source;
    struct run run;
    buf_init(&source, 0);
    buf_str(&source, "cel.block([[1]");
    for (int i = 0; i < 60; i++)
        buf_printf(&source, ", [cel.index(%d), cel.index(%d)]", i, i);
    buf_str(&source, "], size(cel.index(60)))");
    assert_true(evaluate(&run, source.data, NULL, 2000));
    assert_int_equal(run.value.integer, 2);
    run_free(&run);
    buf_reset(&source);
    buf_str(&source, "cel.block([1");
    for (int i = 0; i < 1000; i++)
        buf_printf(&source, ", cel.index(%d) + 1", i);
    buf_str(&source, "], cel.index(1000))");
    assert_false(evaluate(&run, source.data, NULL, 0));
    assert_string_equal(run.error.message,
                        "the expression is nested deeper than 250, with what names stand for");
    run_free(&run);
    buf_free(&source);
}

/* --- encoders, networks --- */

static void test_encoders(void **state UNUSED)
{
    static const struct triple triples[] = {
        {"base64.encode(bytes(input))", "\"a\\u00e9\"", "\"YcOp\""},
        {"['', 'a', 'ab', 'abc', 'abcd'].map(s, base64.encode(bytes(s)))", NULL,
         "[\"\",\"YQ==\",\"YWI=\",\"YWJj\",\"YWJjZA==\"]"},
        {"['', 'YQ==', 'YQ', 'YWI=', 'YWJj'].map(s, string(base64.decode(s)))", NULL,
         "[\"\",\"a\",\"a\",\"ab\",\"abc\"]"},
        {"base64.decode(input)", "\"YQ=\"", "! the string is not base64"},
        {"base64.decode(input)", "\"Y\"", "! the string is not base64"},
        {"base64.decode(input)", "\"Y=Q=\"", "! the string is not base64"},
        {"base64.decode(input)", "\"YQ =\"", "! the string is not base64"},
        {"base64.decode(input)", "\"====\"", "! the string is not base64"},
        {"base64.encode('a')", NULL, "! no overload of 'base64.encode' for (string)"},
        {"base64.encode(input)", "\"a\"", "! no overload of 'base64.encode' for (string)"},
        {"base64.decod('a')", NULL,
         "! unknown function 'base64.decod'; did you mean 'base64.decode'?"},
        /* longer than what is written at once */
        {"bytes(input)", "\"0123456789012345678901234567890123456789012345678\"",
         "\"MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3OA==\""},
    };
    check_all(triples, ARRAY_LEN(triples));
}

static void test_network(void **state UNUSED)
{
    static const struct triple triples[] = {
        {"['1:2:3:4:5:6:7:8', '::', '1::', '::1', '1:0:0:2:0:0:0:3', '1:0:0:2::', "
         "'0:0:1:0:0:1:0:0', '64:ff9b::1.2.3.4', '::ffff:102:304', 'ABCD::0001'].map(s, ip(s))",
         NULL,
         "[\"1:2:3:4:5:6:7:8\",\"::\",\"1::\",\"::1\",\"1:0:0:2::3\",\"1:0:0:2::\","
         "\"::1:0:0:1:0:0\",\"64:ff9b::102:304\",\"1.2.3.4\",\"abcd::1\"]"},
        {"['', '1.2.3', '1.2.3.4.5', '1.2.3.04', '1.2.3.256', '1.2.3.', ' 1.2.3.4', "
         "'1:2:3:4:5:6:7', "
         "'1:2:3:4:5:6:7:8:9', '1::2::3', ':1', '1:', ':::', '12345::', 'g::', '1.2.3.4::', "
         "'::1.2.3.4:5', '::1%eth0', '::ffff:1.2.3.4', '1:2:3:4:5:6:7:1.2.3.4', "
         "'1:2:3:4::5:6:7:8'].filter(s, isIP(s))",
         NULL, "[]"},
        {"['10.0.0.0/8', '::/0', '10.0.0.1/32', '::1/128'].all(s, isCIDR(s))", NULL, "true"},
        {"['10.0.0.0', '10.0.0.0/', '10.0.0.0/33', '::/129', '10.0.0.0/08', '10.0.0.0/-1', '/8', "
         "'::ffff:102:304/120'].filter(s, isCIDR(s))",
         NULL, "[]"},
        {"cidr('10.1.2.3/12').masked()", NULL, "\"10.0.0.0/12\""},
        {"cidr('2001:db8:ffff::/33').masked()", NULL, "\"2001:db8:8000::/33\""},
        {"cidr('0.0.0.0/0').containsIP(input)", "\"9.9.9.9\"", "true"},
        {"cidr('::/0').containsIP(input)", "\"9.9.9.9\"", "false"},
        {"'%s in %s'.format([ip('::1'), cidr('::/8')])", NULL, "\"::1 in ::/8\""},
        {"ip(input)", "\"secret\"", "! the string is not an IP address"},
        {"ip(input)", "\"::1%eth0\"", "! the string is not an IP address without a zone"},
        {"ip(input)", "\"::ffff:1.2.3.4\"",
         "! the string is not an IP address: an IPv4 address is written without '::ffff:'"},
        {"cidr(input)", "\"1.2.3.4\"", "! the string is not a network (as in 10.0.0.0/8)"},
        {"ip(input)", "5", "! no overload of 'ip' for (int)"},
        {"input.isLoopback()", "\"::1\"", "! no overload of 'isLoopback' for string()"},
        {"ip('::1') == '::1'", NULL, "! no overload of '==' for (net.IP, string)"},
    };
    check_all(triples, ARRAY_LEN(triples));
}

/* Short expressions whose values, or types, are enormous when each mention counts. */
static void test_shared_parts(void **state UNUSED)
{
    struct buf source;
    struct buf out;
    struct run run;
    buf_init(&source, 0);
    buf_init(&out, 10000);
    buf_str(&source, "cel.block([[1]");
    for (int i = 0; i < 60; i++)
        buf_printf(&source, ", [cel.index(%d), cel.index(%d)]", i, i);
    buf_str(&source, "], cel.index(60))");
    assert_true(evaluate(&run, source.data, NULL, 0));
    assert_int_equal(cel_write_json(&out, &run.value, &run.error), -1);
    assert_string_equal(run.error.message, "the result is larger than it may be");
    run_free(&run);
    buf_reset(&source);
    for (int i = 0; i <= 60; i++)
        buf_printf(&source, "cel.bind(v%d, [], ", i);
    buf_str(&source, "(true");
    for (int i = 0; i < 60; i++)
        buf_printf(&source, " || [v%d] == [[[{v%d[0]: v%d[0]}]]]", i, i + 1, i + 1);
    buf_str(&source, ") ? v0 : v0");
    for (int i = 0; i <= 60; i++)
        buf_char(&source, ')');
    assert_false(evaluate(&run, source.data, NULL, 0));
    assert_int_equal(run.error.code, CEL_ERROR_CHECK);
    run_free(&run);
    buf_free(&source);
    buf_free(&out);
}

/* --- budgets --- */

static void check_cost(const char *source, const char *input)
{
    struct run run;
    assert_false(evaluate(&run, source, input, 0));
    if (run.error.code != CEL_ERROR_COST)
        fail_msg("%s is not too costly but: %s", source, run.error.message);
    run_free(&run);
}

/* What grows without end, or takes long, stops. */
static void test_costs(void **state UNUSED)
{
    struct buf source;
    struct buf text;
    buf_init(&source, 0);
    buf_init(&text, 0);
    buf_str(&source, "input");
    for (int i = 0; i < 40; i++)
        buf_str(&source, ".replace('a', 'aa')");
    check_cost(source.data, "\"a\"");
    buf_reset(&source);
    /* a list that holds itself twice, many times over */
    for (int i = 0; i < 60; i++)
        buf_str(&source, "[");
    buf_str(&source, "1");
    for (int i = 0; i < 60; i++)
        buf_str(&source, "].map(x, [x, x])[0]");
    buf_reset(&text);
    buf_printf(&text, "'%%s'.format([%s])", source.data);
    struct run run;
    assert_false(evaluate(&run, text.data, NULL, 0));
    run_free(&run);
    buf_reset(&text);
    buf_char(&text, '"');
    for (int i = 0; i < 200000; i++)
        buf_char(&text, 'a');
    buf_char(&text, '"');
    check_cost("input.lastIndexOf('b' + input.substring(100000)) == input.lastIndexOf("
               "input.substring(100001) + 'b')",
               text.data);
    check_cost("[1,2,3,4,5,6,7,8,9,10].all(x, [1,2,3,4,5,6,7,8,9,10].all(y, input.charAt(x*y) == "
               "'a'))",
               text.data);
    buf_free(&source);
    buf_free(&text);
}

static bool evaluates(const char *source, const char *input)
{
    struct run run;
    bool good = evaluate(&run, source, input, 0);
    if (!good)
        assert_int_equal(run.error.code, CEL_ERROR_MEMORY);
    run_free(&run);
    return good;
}

static void test_memory(void **state UNUSED)
{
    static const struct triple runs[] = {
        {"input.split(',').join('-').replace('a', 'b').lowerAscii().reverse()", "\"a,b\"", NULL},
        {"[?input.?a, ?optional.of(1)].transformMap(i, v, v)", "{\"a\":[\"\\n\"]}", NULL},
        {"input.transformMapEntry(k, v, {v + k: v}).size() + math.least(1, 2, 3, 4, 5)",
         "{\"a\\n\":\"b\"}", NULL},
        {"cel.bind(x, ctx.?a, cel.block([x], x.optMap(y, y)).orValue([optional.none()])[?0])",
         "{\"a\":[1]}", NULL},
        {"string(cidr(input).masked().ip()) + base64.encode(base64.decode('YQ'))", "\"::1/8\"",
         NULL},
        {"'%s %x'.format([input, b'abc']) + strings.quote('\\n')", "{\"a\":[\"\\n\"]}", NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(runs); i++)
        ALLOC_IN_TURN(evaluates(runs[i].source, runs[i].input));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_strings),      cmocka_unit_test(test_format),
        cmocka_unit_test(test_math),         cmocka_unit_test(test_optionals),
        cmocka_unit_test(test_references),   cmocka_unit_test(test_macros),
        cmocka_unit_test(test_names),        cmocka_unit_test(test_names_in_names),
        cmocka_unit_test(test_encoders),     cmocka_unit_test(test_network),
        cmocka_unit_test(test_shared_parts), cmocka_unit_test(test_costs),
        cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
