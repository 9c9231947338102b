/* Evaluation of expressions: steps and memory. */
#include "alloc_in_turn.h"
#include "cel_case.h"

static void test_steps(void **state UNUSED)
{
    static const char *const sources[] = {
        "input.all(a, input.all(b, input.all(c, input.all(d, true))))",
        "input.all(a, input.all(b, input.all(c, input.all(d, false || true || false)))) || true",
        "true || input.map(a, input.map(b, input.map(c, input))) == []",
        "[input].all(x, input.all(a, input.all(b, input.all(c, x == [x, x] || input == x))))",
    };
    struct buf bindings;
    buf_init(&bindings, 0);
    buf_str(&bindings, "{\"input\":[0");
    for (int i = 1; i < 100; i++)
        buf_printf(&bindings, ",%d", i);
    buf_str(&bindings, "]}");
    for (size_t i = 0; i < ARRAY_LEN(sources); i++) {
        struct run run;
        bool good = evaluate(&run, sources[i], bindings.data, 0);
        assert_int_equal(good, i == 2); /* decided before anything is spent */
        if (!good)
            assert_int_equal(run.error.code, CEL_ERROR_COST);
        run_free(&run);
    }
    struct run run;
    assert_true(evaluate(&run, "input.all(x, x >= 0)", bindings.data, 0));
    run.activation.budget.max_steps = 401; /* the macro, its range, 3 for each of 100 … */
    assert_int_equal(cel_eval(run.program, &run.activation, &run.arena, &run.value, &run.error), 0);
    run.activation.budget.max_steps = 200;
    assert_int_equal(cel_eval(run.program, &run.activation, &run.arena, &run.value, &run.error),
                     -1);
    assert_int_equal(run.error.code, CEL_ERROR_COST);
    run_free(&run);
    buf_free(&bindings);
}

/* What would make gigabytes ends at the budget, and gives back what it took. */
static void test_memory_budget(void **state UNUSED)
{
    static const char *const greedy[] = {
        "input.map(a, input.map(b, input.map(c, input.map(d, [a, b, c, d]))))",
        "input.map(a, input.map(b, input.map(c, input.map(d, {'a': a, 'b': [b, c, d]})))).size()",
    };
    struct buf doubling, input;
    buf_init(&doubling, 0);
    buf_init(&input, 0);
    buf_str(&doubling, "cel.bind(x0, 'hello', ");
    for (int i = 1; i < 40; i++)
        buf_printf(&doubling, "cel.bind(x%d, x%d + x%d, ", i, i - 1, i - 1);
    buf_str(&doubling, "x39.size()");
    for (int i = 0; i < 40; i++)
        buf_char(&doubling, ')');
    buf_str(&input, "{\"input\":[0");
    for (int i = 1; i < 60; i++)
        buf_printf(&input, ",%d", i);
    buf_str(&input, "]}");
    for (size_t i = 0; i < 3; i++) {
        struct run run;
        assert_true(evaluate(&run, "input.size() == 60", input.data, 0));
        cel_program_release(run.program);
        run.program =
            cel_compile(&run.arena, slice_str(i < 2 ? greedy[i] : doubling.data), &env, &run.error);
        assert_non_null(run.program);
        const size_t used = run.arena.used_bytes, cap = run.arena.cap_bytes;
        run.activation.budget = (struct cel_budget){.max_steps = 100000000, .max_bytes = 8 << 20};
        assert_int_equal(cel_eval(run.program, &run.activation, &run.arena, &run.value, &run.error),
                         -1);
        assert_int_equal(run.error.code, CEL_ERROR_MEMORY);
        assert_string_equal(run.error.message, "the expression needs more memory than it may use");
        assert_int_equal(run.arena.used_bytes, used);
        assert_int_equal(run.arena.cap_bytes, cap);
        run_free(&run);
    }
    buf_free(&doubling);
    buf_free(&input);
}

/* Objects compared the long way round are quadratic; the budget ends it. */
static void test_costly_comparison(void **state UNUSED)
{
    struct buf bindings;
    buf_init(&bindings, 0);
    buf_str(&bindings, "{\"input\":{\"a\":{\"x\":0");
    for (int i = 1; i < 20000; i++)
        buf_printf(&bindings, ",\"k%d\":0", i);
    buf_str(&bindings, "},\"b\":{\"x\":0");
    for (int i = 19999; i > 0; i--)
        buf_printf(&bindings, ",\"k%d\":0", i);
    buf_str(&bindings, "}}}");
    struct run run;
    assert_false(evaluate(&run, "input.a == input.b", bindings.data, 0));
    assert_int_equal(run.error.code, CEL_ERROR_COST);
    run_free(&run);
    buf_free(&bindings);
}

static bool evaluates(const char *source, const char *bindings, size_t cap)
{
    struct run run;
    bool good = evaluate(&run, source, bindings, cap);
    if (!good)
        assert_int_equal(run.error.code, CEL_ERROR_MEMORY);
    run_free(&run);
    return good;
}

static void test_memory(void **state UNUSED)
{
    const char *source = "input.l.map(x, {'a': x + ['b'], string(1.5): input.s + 'c'})"
                         ".filter(y, y.a != []) + [dyn(1 / 0 == 1 || true)] + "
                         "dyn([timestamp(0).getHours('Europe/Berlin'), 'a'.matches(input.s)])";
    const char *bindings = "{\"input\":{\"l\":[[1],[2],[\"\\n\"]],\"s\":\"\\u0061\"}}";
    assert_true(ALLOC_IN_TURN(evaluates(source, bindings, 0)) > 0);
    size_t cap = 64;
    while (!evaluates(source, bindings, cap))
        cap += 61;
    assert_true(cap > 2000);
    struct run run;
    assert_false(evaluate(&run,
                          "[1,2,3,4,5,6,7,8,9].map(a, [1,2,3,4,5,6,7,8,9].map(b, "
                          "[1,2,3,4,5,6,7,8,9].map(c, [a, b, c]))) == [] || true",
                          NULL, 40000));
    assert_int_equal(run.error.code, CEL_ERROR_MEMORY); /* not absorbed by || */
    run_free(&run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_steps),
        cmocka_unit_test(test_memory_budget),
        cmocka_unit_test(test_costly_comparison),
        cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
