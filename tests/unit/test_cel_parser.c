/* Trees: what is printed, that it parses to the same tree again, and errors with their position. */
#include "alloc_in_turn.h"
#include "base/buf.h"
#include "cel/parser.h"
#include "cel/print.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
/* after the four above */
#include <cmocka.h>

struct pair {
    const char *source;
    const char *wanted; /* NULL: as the source */
};

static struct cel_ast *parse(struct arena *arena, struct slice source)
{
    struct cel_error error;
    struct cel_ast *tree = cel_parse(arena, source, &error);
    if (!tree)
        fail_msg("%.*s: %u:%u %s", SLICE_ARG(source), error.line, error.column, error.message);
    return tree;
}

static void check_print(const struct pair *pair)
{
    struct arena arena;
    struct buf out;
    arena_init(&arena, 0);
    buf_init(&out, 0);
    const struct cel_ast *tree = parse(&arena, slice_str(pair->source));
    cel_print(&out, tree);
    assert_string_equal(out.data, pair->wanted ? pair->wanted : pair->source);
    if (!cel_ast_equal(tree, parse(&arena, buf_slice(&out))))
        fail_msg("%s and %s are not the same tree", pair->source, out.data);
    buf_free(&out);
    arena_free(&arena);
}

static void test_print(void **state UNUSED)
{
    static const struct pair pairs[] = {
        {"1", NULL},
        {"0x10", "16"},
        {"-0x10", "-16"},
        {"-9223372036854775808", NULL},
        {"18446744073709551615u", NULL},
        {"1.0", NULL},
        {"1e3", "1000.0"},
        {".25", "0.25"},
        {"1e300", "1e+300"},
        {"-0.0", NULL},
        {"true", NULL},
        {"null", NULL},
        {"'a\"\\n\u00e9\\x01'", "\"a\\\"\\n\u00e9\\x01\""},
        {"b'\\xff\\x00a'", "b\"\\xff\\x00a\""},
        {"a+b*c", "a + b * c"},
        {"(a+b)*c", "(a + b) * c"},
        {"a-(b-c)", "a - (b - c)"},
        {"(a-b)-c", "a - b - c"},
        {"a<b==c", "a < b == c"},
        {"a<(b==c)", "a < (b == c)"},
        {"a in [1,2,]", "a in [1, 2]"},
        {"a&&b&&c||d", "a && b && c || d"},
        {"a&&(b&&c)", "a && (b && c)"},
        {"(a||b)&&c", "(a || b) && c"},
        {"a?b:c?d:e", "a ? b : c ? d : e"},
        {"(a?b:c)?d:e", "(a ? b : c) ? d : e"},
        {"a?(b?c:d):e", "a ? (b ? c : d) : e"},
        {"!a", NULL},
        {"!!a", NULL},
        {"!(a&&b)", "!(a && b)"},
        {"-a", NULL},
        {"-(1)", NULL},
        {"--1", NULL},
        {"-(1.5).b", "-(1.5.b)"},
        {"-(1).filter(x, x)", "-(1.filter(x, x))"},
        {"-1.b", NULL},
        {"(-1).b", "-1.b"},
        {"(-a).b", NULL},
        {"1 - -1", NULL},
        {"1-1", "1 - 1"},
        {"a.b.c", NULL},
        {".a.b", NULL},
        {"a.`b-c`", NULL},
        {"a.`bc`", "a.bc"},
        {"a.in.if.true", NULL},
        {"a[0][\"b\"]", NULL},
        {"has(a.b.c)", NULL},
        {"has(a.`b-c`)", NULL},
        {"has(a.b).c", NULL},
        {"f()", NULL},
        {".f(a, 1)", NULL},
        {"a.f(b, c).g()", NULL},
        {"(a + b).f()", NULL},
        {"{}", NULL},
        {"{'a':1,2:[],}", "{\"a\": 1, 2: []}"},
        {"a.all(x, x > 0)", NULL},
        {"a.map(x, x > 0, x * 2)", NULL},
        {"a.map(x, x * 2).filter(y, y.exists(z, z)).exists_one(i, i)", NULL},
        {"a.all(x)", NULL}, /* no macro: the checker says so */
        {"a.map(x, y, z, w)", NULL},
        {"a.all(i, x, i < x)", NULL},
        {"a.transformMap(k, v, k != v, v)", NULL},
        {"a.transformList(i, v)", NULL},
        {"a.existsOne(x, x)", NULL},
        {"a.optMap(x, x + 1)", NULL},
        {"cel.bind(x, a + b, x * x)", NULL},
        {"cel.bind(x, 1)", NULL},
        {"cel.block([1, cel.index(0)], a.map(cel.iterVar(0, 1), cel.index(1)))", NULL},
        {"cel.index(a)", NULL},
        {"a.?b.c[?0].?`d-e`", NULL},
        {"has(a.?b.c)", NULL},
        {"[?a, b, ?(c ? d : e)]", "[?a, b, ?c ? d : e]"},
        {"{?a.?b: c, ?\"d\": e, f: g}", NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++)
        check_print(&pairs[i]);
}

static void test_errors(void **state UNUSED)
{
    static const struct pair pairs[] = {
        {"", "1:1 the expression is empty"},
        {" // c", "1:6 the expression is empty"},
        {"output.score >= ", "1:17 expected a value, found the end of the expression"},
        {"1 +\n  ) 2", "2:3 expected a value, found ')'"},
        {"\u00e9", "1:1 unexpected character '\u00e9'"},
        {"'\u00e9\u00e9' 1", "1:6 expected an operator or the end of the expression, found '1'"},
        {"a b", "1:3 expected an operator or the end of the expression, found 'b'"},
        {"a ? b", "1:6 expected ':' of the conditional, found the end of the expression"},
        {"(a", "1:3 expected ')', found the end of the expression"},
        {"[1 2]", "1:4 expected ',' or ']', found '2'"},
        {"f(1 2)", "1:5 expected ',' or ')', found '2'"},
        {"f(1,)", "1:5 expected another argument after ',', found ')'"},
        {"[,]", "1:2 expected a value, found ','"},
        {"{1}", "1:3 expected ':' after the key, found '}'"},
        {"{1:2 3}", "1:6 expected ',' or '}' after the value, found '3'"},
        {"a[1", "1:4 expected ']', found the end of the expression"},
        {"a.1", "1:2 expected an operator or the end of the expression, found '.1'"},
        {"a.", "1:3 expected a name after '.', found the end of the expression"},
        {".1a", "1:3 expected an operator after the number, found 'a'"},
        {". 'a'", "1:3 expected a name after '.', found ''a''"},
        {"`a`", "1:1 a quoted name can only follow '.'"},
        {"if", "1:1 'if' is a reserved word and cannot be a name"},
        {"1 + in", "1:5 'in' is a reserved word and cannot be a name"},
        {"has(a)", "1:1 has() takes one member selection, as in has(input.name)"},
        {"has(a.b, c)", "1:1 has() takes one member selection, as in has(input.name)"},
        {"has(has(a.b))", "1:1 has() takes one member selection, as in has(input.name)"},
        {"a.all(x.y, true)", "1:9 the first argument of all() must be a name: the variable that "
                             "takes each element"},
        {"a.all(.x, true)", "1:8 the first argument of all() must be a name: the variable that "
                            "takes each element"},
        {"Foo{a: 1}", "1:4 messages ('Foo{…}') are not supported"},
        {"9223372036854775808", "1:1 the number does not fit an int (64 bits)"},
        {"1 + -9223372036854775809", "1:5 the number does not fit an int (64 bits)"},
        {"18446744073709551616u", "1:1 the number does not fit a uint (64 bits)"},
        {"1e999", "1:1 the number is too large for a double"},
        {"'abc", "1:1 the string is not closed: expected '"},
        {"a == 'b\\q'",
         "1:8 unknown escape; known are \\a \\b \\f \\n \\r \\t \\v \\\\ \\? \\\" \\' "
         "\\` \\xHH \\uHHHH \\UHHHHHHHH \\OOO"},
        {"a \xff", "1:3 the expression is not valid UTF-8"},
    };
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        struct arena arena;
        struct cel_error error;
        char text[400];
        arena_init(&arena, 0);
        assert_null(cel_parse(&arena, slice_str(pairs[i].source), &error));
        assert_int_equal(error.code, CEL_ERROR_SYNTAX);
        (void)snprintf(text, sizeof(text), "%u:%u %s", error.line, error.column, error.message);
        assert_string_equal(text, pairs[i].wanted);
        arena_free(&arena);
    }
}

/* `count` times open, then middle, then `count` times close. */
static struct slice nested(struct arena *arena, unsigned count, const char *open,
                           const char *middle, const char *close)
{
    struct buf buf;
    buf_init(&buf, 0);
    for (unsigned i = 0; i < count; i++)
        buf_str(&buf, open);
    buf_str(&buf, middle);
    for (unsigned i = 0; i < count; i++)
        buf_str(&buf, close);
    struct slice copy = arena_copy(arena, buf_slice(&buf));
    buf_free(&buf);
    return copy;
}

static void test_limits(void **state UNUSED)
{
    static const char *const shapes[][3] = {{"(", "1", ")"}, {"[", "1", "]"},  {"!", "true", ""},
                                            {"-", "a", ""},  {"f(", "1", ")"}, {"", "1", "+1"},
                                            {"", "a", ".b"}, {"", "a", "[0]"}, {"a?b:", "c", ""}};
    for (size_t i = 0; i < ARRAY_LEN(shapes); i++) {
        struct arena arena;
        struct cel_error error;
        arena_init(&arena, 0);
        const char *const *shape = shapes[i];
        assert_non_null(parse(&arena, nested(&arena, 100, shape[0], shape[1], shape[2])));
        struct slice deep = nested(&arena, 30000, shape[0], shape[1], shape[2]);
        deep.len = deep.len < CEL_MAX_SOURCE_BYTES ? deep.len : CEL_MAX_SOURCE_BYTES;
        assert_null(cel_parse(&arena, deep, &error));
        assert_string_equal(error.message, "the expression is nested deeper than 250");
        arena_free(&arena);
    }
}

/* Chains of && and || are one node: their length is not a depth. */
static void test_long_chains(void **state UNUSED)
{
    struct arena arena;
    struct cel_error error;
    arena_init(&arena, 0);
    const struct cel_ast *tree = parse(&arena, nested(&arena, 5000, "a && ", "b", ""));
    assert_int_equal(tree->argument_count, 5001);
    assert_int_equal(tree->depth, 2);
    struct slice large = nested(&arena, CEL_MAX_SOURCE_BYTES, " ", "a", "");
    assert_null(cel_parse(&arena, large, &error));
    assert_string_equal(error.message, "the expression is longer than 102400 bytes");
    arena_free(&arena);
}

static bool parses(struct slice source, size_t cap)
{
    struct arena arena;
    struct cel_error error = {.code = CEL_ERROR_SYNTAX};
    arena_init(&arena, cap);
    bool good = cel_parse(&arena, source, &error) != NULL;
    if (!good)
        assert_int_equal(error.code, CEL_ERROR_MEMORY);
    arena_free(&arena);
    return good;
}

static void test_no_memory(void **state UNUSED)
{
    struct slice source = SLICE("a.map(x, {'a\\n': [x, -1.5, f(b)[0]]}).all(y, has(y.z)) && !c");
    assert_true(ALLOC_IN_TURN(parses(source, 0)) > 0);
    size_t cap = 1;
    while (!parses(source, cap))
        cap += 7;
    assert_true(cap > 500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_print),     cmocka_unit_test(test_errors),
        cmocka_unit_test(test_limits),    cmocka_unit_test(test_long_chains),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
