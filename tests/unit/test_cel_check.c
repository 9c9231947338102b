/* The checker: types, errors with their position, namespaces and what a program reads. */
#include "alloc_in_turn.h"
#include "cel/cel.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
/* after the four above */
#include <cmocka.h>

static const struct cel_variable variables[] = {
    {"input", CEL_DYN, 0},          {"output", CEL_DYN, 1},       {"iteration", CEL_STATIC_INT, 5},
    {"name", CEL_STATIC_STRING, 6}, {"flag", CEL_STATIC_BOOL, 7}, {"record", CEL_STATIC_MAP, 8},
    {"items", CEL_STATIC_LIST, 9},
};
static const struct cel_namespace namespaces[] = {{"ctx", 7}, {"secrets", 9}};
static const struct cel_hint hints[] = {{"item", "'item' exists only inside a map"}};
static const struct cel_env env = {
    .variables = variables,
    .variable_count = ARRAY_LEN(variables),
    .namespaces = namespaces,
    .namespace_count = ARRAY_LEN(namespaces),
    .hints = hints,
    .hint_count = ARRAY_LEN(hints),
};

struct pair {
    const char *source;
    const char *wanted;
};

static void test_types(void **state UNUSED)
{
    static const struct pair pairs[] = {
        {"1", "int"},
        {"1u", "uint"},
        {"1.0", "double"},
        {"'a'", "string"},
        {"b'a'", "bytes"},
        {"null", "null"},
        {"[]", "list(dyn)"},
        {"[1, 2]", "list(int)"},
        {"[1, 'a']", "list(dyn)"},
        {"[[], [1]]", "list(list(int))"},
        {"[[1], []]", "list(list(int))"},
        {"{}", "map(dyn, dyn)"},
        {"{'a': 1}", "map(string, int)"},
        {"{'a': 1, 2: 'b'}", "map(dyn, dyn)"},
        {"{'a': {'b': [1.5]}}", "map(string, map(string, list(double)))"},
        {"input", "dyn"},
        {"input.a.b[0]", "dyn"},
        {"iteration", "int"},
        {"iteration + 1", "int"},
        {"name + 'x'", "string"},
        {"items", "list(dyn)"},
        {"record.a", "dyn"},
        {"has(record.a)", "bool"},
        {"input.n * 2", "dyn"}, /* may be an int or a double */
        {"input.price * 1.1", "double"},
        {"input.a + input.b", "dyn"},
        {"input.a < 1", "bool"},
        {"1 < 1.5", "bool"},
        {"iteration == 1 ? item2(1) : 1", NULL},
        {"flag ? 1 : 2", "int"},
        {"flag ? 1 : input", "dyn"},
        {"1 in [1]", "bool"},
        {"[1, 2].map(x, x * 2)", "list(int)"},
        {"[1, 2].map(x, string(x))", "list(string)"},
        {"[1, 2].filter(x, x > 1)", "list(int)"},
        {"{'a': 1}.map(k, k)", "list(string)"},
        {"input.map(x, x)", "list(dyn)"},
        {"[1].all(x, x > 0)", "bool"},
        {"[1].map(x, [2.5].map(y, {x: y}))", "list(list(map(int, double)))"},
        {"timestamp('2024-01-01T00:00:00Z')", "timestamp"},
        {"timestamp(0) - timestamp(1)", "duration"},
        {"timestamp(0) + duration('1s')", "timestamp"},
        {"type(1)", "type(int)"},
        {"int", "type(int)"},
        {"type(1) == string", "bool"},
        {"dyn(1)", "dyn"},
        {"dyn(1) + 1.5", "double"},
        {"size(input)", "int"},
        {"ctx.a", "dyn"},
        {"ctx.a.output.n + 1", "dyn"},
        {"has(ctx.a)", "bool"},
        {"'a-b' in ctx", "bool"},
        {"null == timestamp(0)", "bool"},
    };
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        struct arena arena;
        struct cel_error error;
        arena_init(&arena, 0);
        const struct cel_program *program =
            cel_compile(&arena, slice_str(pairs[i].source), &env, &error);
        if (!program && pairs[i].wanted)
            fail_msg("%s: %u:%u %s", pairs[i].source, error.line, error.column, error.message);
        assert_int_equal(program != NULL, pairs[i].wanted != NULL);
        if (program)
            assert_string_equal(cel_type_text(program).ptr, pairs[i].wanted);
        cel_program_release(program);
        arena_free(&arena);
    }
}

static void test_errors(void **state UNUSED)
{
    static const struct pair pairs[] = {
        {"1 + 'x'", "1:3 no overload of '+' for (int, string)"},
        {"1 + 1.0", "1:3 no overload of '+' for (int, double)"},
        {"iteration * 1.5", "1:11 no overload of '*' for (int, double)"},
        {"'\u00e9' +\n 1", "1:5 no overload of '+' for (string, int)"},
        {"1 == 'a'", "1:3 no overload of '==' for (int, string)"},
        {"1.5 % 2.0", "1:5 no overload of '%' for (double, double)"},
        {"-'a'", "1:1 no overload of '-' for (string)"},
        {"!1", "1:1 no overload of '!' for (int)"},
        {"[1] < [2]", "1:5 no overload of '<' for (list(int), list(int))"},
        {"'a' in 'abc'", "1:5 no overload of 'in' for (string, string)"},
        {"{'a': 1}[1]", "1:9 no overload of '[]' for (map(string, int), int)"},
        {"1 && true", "1:1 no overload of '&&' for int: operands are bool"},
        {"true || 'a'", "1:9 no overload of '||' for string: operands are bool"},
        {"1 ? 2 : 3", "1:3 no overload of '?:' for (int, int, int)"},
        {"true ? 2 : 'a'", "1:6 no overload of '?:' for (bool, int, string)"},
        {"outptu.score >= 1", "1:1 unknown name 'outptu'; did you mean 'output'?"},
        {"1 +\n  inptu", "2:3 unknown name 'inptu'; did you mean 'input'?"},
        {"ctz.a", "1:1 unknown name 'ctz'; did you mean 'ctx'?"},
        {"[1].map(value, valeu)", "1:16 unknown name 'valeu'; did you mean 'value'?"},
        {"nothing", "1:1 unknown name 'nothing'"},
        {"item.x", "1:1 'item' exists only inside a map"},
        {"sise(input)", "1:1 unknown function 'sise'; did you mean 'size'?"},
        {"input.startWith('a')", "1:7 unknown function 'startWith'; did you mean 'startsWith'?"},
        {"input.exist(x, x)", "1:7 unknown function 'exist'; did you mean 'exists'?"},
        {"frobnicate(1)", "1:1 unknown function 'frobnicate'"},
        {"size()", "1:1 wrong number of arguments for 'size': takes 1, got 0"},
        {"size(1, 2)", "1:1 wrong number of arguments for 'size': takes 1, got 2"},
        {"'a'.size(1)", "1:5 wrong number of arguments for 'size': takes 0, got 1"},
        {"timestamp(0).getHours('a', 'b')",
         "1:14 wrong number of arguments for 'getHours': takes 0 to 1, got 2"},
        {"startsWith('a', 'b')", "1:1 'startsWith' is called as a method of a value: value.f(…)"},
        {"'1'.int()",
         "1:5 'int' is called as a function, with the value as its argument: f(value)"},
        {"'a'.contains(1)", "1:5 no overload of 'contains' for string(int)"},
        {"1.size()", "1:3 no overload of 'size' for int()"},
        {"size(1)", "1:1 no overload of 'size' for (int)"},
        {"input.all(x)", "1:7 'all' is written as list.all(variable, condition)"},
        {"input.map(x)",
         "1:7 'map' is written as list.map(variable, value) or (variable, condition, value)"},
        {"'a'.b", "1:5 string has no members: '.b' needs a map"},
        {"has([1].b)", "1:9 list(int) has no members: '.b' needs a map"},
        {"1.all(x, true)", "1:3 a list or a map is needed to go through, not int"},
        {"[1].all(x, x)", "1:12 the condition is not a bool but int"},
        {"[1].map(x, x, x)", "1:12 the condition is not a bool but int"},
        {"'a'.matches('(')", "1:13 invalid regular expression: missing ): ("},
        {"ctx", "1:1 'ctx' can only be used with a constant member: ctx.name, ctx[\"name\"], "
                "has(ctx.name), 'name' in ctx"},
        {"size(ctx)", "1:6 'ctx' can only be used with a constant member: ctx.name, "
                      "ctx[\"name\"], has(ctx.name), 'name' in ctx"},
        {"ctx[name]", "1:5 the member of 'ctx' must be a constant string, as in [\"name\"]"},
        {"ctx[0]", "1:5 the member of 'ctx' must be a constant string, as in [\"name\"]"},
        {"name in secrets",
         "1:1 the member of 'secrets' must be a constant string, as in 'name' in …"},
        {"ctx.map(x, x)", "1:1 'ctx' can only be used with a constant member: ctx.name, "
                          "ctx[\"name\"], has(ctx.name), 'name' in ctx"},
    };
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        struct arena arena;
        struct cel_error error;
        char text[400];
        arena_init(&arena, 0);
        if (cel_compile(&arena, slice_str(pairs[i].source), &env, &error))
            fail_msg("%s compiles", pairs[i].source);
        assert_int_equal(error.code, CEL_ERROR_CHECK);
        (void)snprintf(text, sizeof(text), "%u:%u %s", error.line, error.column, error.message);
        if (strcmp(text, pairs[i].wanted) != 0)
            fail_msg("%s\n  gives  %s\n  wanted %s", pairs[i].source, text, pairs[i].wanted);
        arena_free(&arena);
    }
}

/* References as "id.member@offset", with '?' when only asked for; then the slots. */
static void test_what_is_read(void **state UNUSED)
{
    static const struct pair pairs[] = {
        {"1", " |"},
        {"input", " | 0"},
        {"input.a + output.a + input.b", " | 0 1"},
        {"[1].map(input, input)", " |"},
        {"[1].map(input, .input)", " | 0"},
        {"ctx.a", " 7.a@4 |"},
        {"ctx.a.output + ctx.a.status", " 7.a@4 |"},
        {"ctx['a-b']", " 7.a-b@3 |"},
        {"ctx[\"a\\u002db\"] + ctx['a-b']", " 7.a-b@3 |"},
        {"ctx.`a-b`", " 7.a-b@4 |"},
        {"has(ctx.a)", " 7.a@8? |"},
        {"has(ctx.a) ? ctx.a.output : 0", " 7.a@8 |"},
        {"has(ctx.a.output)", " 7.a@8 |"},
        {"'a-b' in ctx", " 7.a-b@6? |"},
        {"'a' in ctx.b", " 7.b@11 |"},
        {"ctx.a + secrets.a + ctx.b", " 7.a@4 9.a@16 7.b@24 |"},
        {"[1].all(x, has(ctx.a)) && ctx['b'] == flag", " 7.a@19? 7.b@29 | 7"},
        {"[{'a': 1}].map(ctx, ctx.a)", " |"}, /* a macro's variable hides the namespace */
    };
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        struct arena arena;
        struct cel_error error;
        struct buf out;
        arena_init(&arena, 0);
        buf_init(&out, 0);
        const struct cel_program *program =
            cel_compile(&arena, slice_str(pairs[i].source), &env, &error);
        if (!program)
            fail_msg("%s: %s", pairs[i].source, error.message);
        uint32_t count = 0;
        const struct cel_reference *references = cel_references(program, &count);
        for (uint32_t r = 0; r < count; r++)
            buf_printf(&out, " %u.%.*s@%u%s", references[r].namespace_id,
                       SLICE_ARG(references[r].member), references[r].offset,
                       references[r].required ? "" : "?");
        buf_str(&out, " |");
        for (uint32_t slot = 0; slot < 12; slot++)
            if (cel_uses_slot(program, slot))
                buf_printf(&out, " %u", slot);
        if (strcmp(out.data, pairs[i].wanted) != 0)
            fail_msg("%s\n  reads  %s\n  wanted %s", pairs[i].source, out.data, pairs[i].wanted);
        assert_true(slice_eq_str(cel_source(program), pairs[i].source));
        buf_free(&out);
        cel_program_release(program);
        arena_free(&arena);
    }
}

static void test_bool_or_not(void **state UNUSED)
{
    static const struct {
        const char *source;
        bool is_bool, is_no_bool;
    } cases[] = {{"1 < 2", true, false},           {"input.a", false, false},
                 {"input.a && true", true, false}, {"1 + 1", false, true},
                 {"'true'", false, true},          {"flag ? input : true", false, false}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena arena;
        struct cel_error error;
        arena_init(&arena, 0);
        const struct cel_program *program =
            cel_compile(&arena, slice_str(cases[i].source), &env, &error);
        assert_non_null(program);
        assert_int_equal(cel_is_static_bool(program), cases[i].is_bool);
        assert_int_equal(cel_is_static_non_bool(program), cases[i].is_no_bool);
        cel_program_release(program);
        arena_free(&arena);
    }
}

/* Types that double with every step must not take forever to look through. */
static void test_exploding_type(void **state UNUSED)
{
    struct arena arena;
    struct buf source;
    struct cel_error error;
    arena_init(&arena, 0);
    buf_init(&source, 0);
    buf_str(&source, "[1]");
    for (int i = 0; i < 100; i++)
        buf_str(&source, ".map(x, {'a': x, 'b': [x, x]}).map(y, {y.a: y})");
    const struct cel_program *program = cel_compile(&arena, buf_slice(&source), &env, &error);
    assert_non_null(program);
    cel_program_release(program);
    buf_free(&source);
    arena_free(&arena);
}

static bool compiles(struct slice source, size_t cap)
{
    struct arena arena;
    struct cel_error error = {.code = CEL_ERROR_SYNTAX};
    arena_init(&arena, cap);
    const struct cel_program *program = cel_compile(&arena, source, &env, &error);
    if (!program)
        assert_int_equal(error.code, CEL_ERROR_MEMORY);
    cel_program_release(program);
    arena_free(&arena);
    return program != NULL;
}

static void test_no_memory(void **state UNUSED)
{
    struct slice source =
        SLICE("[[], [1, input.n * 2]].map(x, {'a': x + [], type(x): int}).all(y, has(y.z)) && "
              "'a'.matches('b+') && ctx.a == ctx['b'] && 'c' in ctx");
    assert_true(ALLOC_IN_TURN(compiles(source, 0)) > 0);
    size_t cap = 1;
    while (!compiles(source, cap))
        cap += 13;
    assert_true(cap > 2000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_types),          cmocka_unit_test(test_errors),
        cmocka_unit_test(test_what_is_read),   cmocka_unit_test(test_bool_or_not),
        cmocka_unit_test(test_exploding_type), cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
