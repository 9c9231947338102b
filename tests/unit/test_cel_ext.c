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
        {"'%s %x'.format([input, b'abc']) + strings.quote('\\n')", "{\"a\":[\"\\n\"]}", NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(runs); i++)
        ALLOC_IN_TURN(evaluates(runs[i].source, runs[i].input));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_strings),
        cmocka_unit_test(test_format),
        cmocka_unit_test(test_costs),
        cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
