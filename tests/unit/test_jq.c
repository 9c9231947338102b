/* Programs in jq: values, failures, numbers, what leaks; many of them. */
#include "jq_case.h"
#include <unistd.h>

/* --- values --- */

static void test_values(void **state)
{
    struct fixture *f = *state;
    gives(f, ".", "null", "null");
    gives(f, "[.items[] | select(.p < 100) | .n] | sort",
          "{\"items\": [{\"n\": \"z\", \"p\": 1}, {\"n\": \"q\", \"p\": 500}, {\"n\": \"b\", "
          "\"p\": 2}]}",
          "[\"b\",\"z\"]");
    gives(f, "{z: 1, a: 2, m: .}", "\"x\"", "{\"z\":1,\"a\":2,\"m\":\"x\"}");
    gives(f, ".", "[0.1, 1.50, 2.0, 1e3, 1e300, -0.5, 1e17]", "[0.1,1.5,2,1000,1e+300,-0.5,1e+17]");
    gives(f, ".[0]", "[\"\\u0000 \\u20ac \\\" \\n\", 1]", "\"\\u0000 € \\\" \\n\"");
    gives(f, "[inputs]", "1", "[]");
    gives(f, "debug | stderr | . + 1", "1", "2");
    fails(f, "input_filename, input_line_number", "1", JQ_FAULT_EXPRESSION,
          "Unknown input line number");
    gives(f, "test(\"^a+$\")", "\"aaa\"", "true");
    gives(f, "strftime(\"%Y-%m-%d\")", "0", "\"1970-01-01\"");
    gives(f, "", "7", "7");
    gives(f, "1, halt, 2", "7", "1");
    assert_int_equal(stats_of(f).started, 1);
}

static void test_one_value(void **state)
{
    struct fixture *f = *state;
    fails(f, "empty", "1", JQ_FAULT_EXPRESSION, "the program made no value; it must make one");
    fails(f, ".[]", "[1, 2, 3]", JQ_FAULT_EXPRESSION,
          "the program made 3 values; it must make one: [...] makes a list of them, first(...) "
          "takes the first");
    fails(f, "range(1000)", "1", JQ_FAULT_EXPRESSION,
          "the program made 1000 values; it must make one: [...] makes a list of them, first(...) "
          "takes the first");
    /* Without an end of its own. */
    fails(f, "repeat(.)", "1", JQ_FAULT_EXPRESSION,
          "the program made more than 1000 values; it must make one: [...] makes a list of them, "
          "first(...) takes the first");
    gives(f, "first(repeat(.))", "1", "1");
    assert_int_equal(stats_of(f).started, 1);
}

/* --- failures in jq's words --- */

static void test_messages(void **state)
{
    struct fixture *f = *state;
    fails(f, ".a", "1", JQ_FAULT_EXPRESSION, "Cannot index number with string \"a\"");
    fails(f, ".[] | .a", "[{}, 1]", JQ_FAULT_EXPRESSION, "Cannot index number with string \"a\"");
    fails(f, "error(\"no\")", "1", JQ_FAULT_EXPRESSION, "no");
    fails(f, "error(\"two\\nlines\")", "1", JQ_FAULT_EXPRESSION, "two lines");
    fails(f, "error({a: 1})", "1", JQ_FAULT_EXPRESSION, "(not a string): {\"a\":1}");
    fails(f, "\"bad\" | halt_error", "1", JQ_FAULT_EXPRESSION, "bad");
    fails(f, "input", "1", JQ_FAULT_EXPRESSION, "break"); /* there is no next one */
    assert_int_equal(run(f, "error(\"é\" * 1000)", "1"), -1);
    assert_int_equal(strlen(f->error.message), 498); /* whole characters of 499 bytes */
    assert_int_equal(stats_of(f).started, 1);
    still_works(f);
}

static void wrong(struct fixture *fixture, const char *program, const char *message, uint32_t line,
                  uint32_t column, size_t offset)
{
    assert_int_equal(jq_check(fixture->jq, slice_str(program), &fixture->error), -1);
    assert_int_equal(fixture->error.fault, JQ_FAULT_PROGRAM);
    assert_string_equal(fixture->error.message, message);
    assert_int_equal(fixture->error.line, line);
    assert_int_equal(fixture->error.column, column);
    assert_int_equal(fixture->error.offset, offset);
    /* Run says the same. */
    assert_int_equal(run(fixture, program, "1"), -1);
    assert_int_equal(fixture->error.fault, JQ_FAULT_PROGRAM);
    assert_string_equal(fixture->error.message, message);
}

static void test_check(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(jq_check(f->jq, SLICE("[.a[] | tostring]"), &f->error), 0);
    wrong(f, ".a | foo", "foo/0 is not defined", 1, 6, 5);
    wrong(f, ".a\n| [.b,\n  nix(1; 2)]", "nix/2 is not defined", 3, 3, 12);
    wrong(f, "1 as $x | $x + $y", "$y is not defined", 1, 16, 15);
    wrong(f, ".a | }", "syntax error, unexpected INVALID_CHARACTER", 1, 6, 5);
    wrong(f, "# a } here\n.a |\t)", "syntax error, unexpected INVALID_CHARACTER", 2, 6, 16);
    wrong(f, "\"é\" | foo", "foo/0 is not defined", 1, 7, 7);
    wrong(f, "\"a b\\\" # \" | foo", "foo/0 is not defined", 1, 14, 13);
    wrong(f, "{", "syntax error, unexpected $end", 1, 1, 0);
    wrong(f, "import \"a\" as a; 1", "module not found: a", 1, 1, 0);
    const struct slice zero = slice_of(". | \0 .", 7);
    assert_int_equal(jq_check(f->jq, zero, &f->error), -1);
    assert_string_equal(f->error.message, "a program may not contain the character U+0000");
    assert_int_equal(f->error.offset, 4);
    assert_int_equal(stats_of(f).started, 1);
    still_works(f);
}

static void test_long_program(void **state)
{
    struct fixture *f = *state;
    struct buf program;
    buf_init(&program, 0);
    for (int i = 0; i < 260 * 1024; i++)
        buf_char(&program, ' ');
    buf_char(&program, '.');
    assert_int_equal(jq_check(f->jq, buf_slice(&program), &f->error), -1);
    assert_int_equal(f->error.fault, JQ_FAULT_TOO_LARGE);
    assert_string_equal(f->error.message, "the program has 266241 bytes; the limit is 262144");
    buf_free(&program);
}

/* --- numbers --- */

static void test_integers(void **state)
{
    struct fixture *f = *state;
    static const char in[] = "the input holds %s: jq has no exact integers from 2^53 "
                             "(9007199254740992) on; make it a string";
    static const char *const refused[] = {"9007199254740992", "9007199254740993",
                                          "-9007199254740993", "12345678901234567890",
                                          "-9223372036854775808"};
    char message[200], input[100];
    gives(f, ".", "[9007199254740991, -9007199254740991]", "[9007199254740991,-9007199254740991]");
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        (void)snprintf(message, sizeof(message), in, refused[i]);
        (void)snprintf(input, sizeof(input), "{\"a\": [1, \"\\\"7\", %s], \"b\": 1}", refused[i]);
        /* Looked at or not. */
        fails(f, ".a", input, JQ_FAULT_TYPE, message);
        fails(f, ".b", input, JQ_FAULT_TYPE, message);
    }
    fails(f, ".", "1e400", JQ_FAULT_TYPE,
          "the input holds 1e400: jq has no number as large as that");
    /* Digits in strings are none. */
    gives(f, ".", "\"9007199254740993 \\\" -12345678901234567890\"",
          "\"9007199254740993 \\\" -12345678901234567890\"");
    fails(f, ". + 1", "9007199254740991", JQ_FAULT_TYPE,
          "the output holds 9007199254740992: jq has no exact integers from 2^53 "
          "(9007199254740992) on; make it a string");
    fails(f, "{a: 12345678901234567}", "1", JQ_FAULT_TYPE,
          "the output holds 12345678901234568: jq has no exact integers from 2^53 "
          "(9007199254740992) on; make it a string");
    fails(f, "[nan]", "1", JQ_FAULT_TYPE, "the output holds a NaN or an infinity");
    fails(f, "{a: [1, infinite]}", "1", JQ_FAULT_TYPE, "the output holds a NaN or an infinity");
    gives(f, "[nan < 1, infinite > 1]", "1", "[true,true]");
}

/* --- leaks --- */

static void test_environment(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(setenv("TROUPE_TEST_SECRET", "hunter2", 1), 0);
    gives(f, "[env, $ENV, $ENV.PATH, env.TROUPE_TEST_SECRET]", "1", "[{},{},null,null]");
    gives(f, "get_search_list", "1", "[]");
    assert_int_equal(unsetenv("TROUPE_TEST_SECRET"), 0);
}

/* A module that is there, in every way in which jq looks for one. */
static void test_modules(void **state)
{
    struct fixture *f = *state;
    char directory[] = "/tmp/test_jq_XXXXXX", path[64], program[200];
    assert_non_null(mkdtemp(directory));
    (void)snprintf(path, sizeof(path), "%s/m.jq", directory);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs("def secret: \"hunter2\";\n", file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(setenv("HOME", directory, 1), 0);
    static const char *const programs[] = {"include \"m\"; secret",
                                           "include \"%s/m\"; secret",
                                           "include \"~/m\"; secret",
                                           "include \"./m\"; secret",
                                           "include \"../tmp/m\"; secret",
                                           "import \"m\" as m; m::secret",
                                           "import \"~nobody/m\" as $m; $m",
                                           "include \"m\" {search: \"%s\"}; secret",
                                           "import \"m\" as $m {search: \"~/\"}; $m"};
    for (size_t i = 0; i < ARRAY_LEN(programs); i++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        (void)snprintf(program, sizeof(program), programs[i], directory);
#pragma GCC diagnostic pop
        assert_int_equal(run(f, program, "1"), -1);
        assert_int_equal(f->error.fault, JQ_FAULT_PROGRAM);
        assert_memory_equal(f->error.message, "module not found", 16);
    }
    (void)snprintf(program, sizeof(program), "\"%s/m\" | modulemeta", directory);
    assert_int_equal(run(f, program, "1"), -1);
    assert_int_equal(f->error.fault, JQ_FAULT_EXPRESSION);
    assert_int_equal(stats_of(f).started, 1);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(directory), 0);
    still_works(f);
}

static void test_confined(void **state)
{
    struct fixture *f = *state;
    char value[64];
    still_works(f);
    const pid_t pid = (pid_t)stats_of(f).child_pid;
    assert_true(pid > 0);
    status_line(pid, "Seccomp:\t", value, sizeof(value));
    assert_string_equal(value, "2");
    status_line(pid, "NoNewPrivs:\t", value, sizeof(value));
    assert_string_equal(value, "1");
}

/* --- many --- */

static void test_many(void **state)
{
    struct fixture *f = *state;
    char input[32], output[32];
    for (int i = 0; i < 10000; i++) {
        (void)snprintf(input, sizeof(input), "{\"n\": %d}", i);
        (void)snprintf(output, sizeof(output), "%d", i + 1);
        gives(f, i % 2 ? ".n + 1" : ".n as $x | 1 + $x", input, output);
    }
    assert_int_equal(stats_of(f).started, 1);
    assert_int_equal(stats_of(f).evaluated, 10000);
}

static int64_t time_us(struct fixture *f, const char *program)
{
    const int64_t began_us = clock_mono_us(&clock_system);
    gives(f, program, "1", "true");
    return clock_mono_us(&clock_system) - began_us;
}

/* More programs than are kept, each right again, and one that is kept is not compiled again. */
static void test_cache(void **state)
{
    struct fixture *f = *state;
    char program[64];
    int64_t first_us = INT64_MAX, again_us = INT64_MAX;
    for (int i = 0; i < 140; i++) {
        (void)snprintf(program, sizeof(program), ". + %d == %d", i, i + 1);
        const int64_t took_us = time_us(f, program);
        first_us = took_us < first_us ? took_us : first_us;
        const int64_t kept_us = time_us(f, program);
        again_us = kept_us < again_us ? kept_us : again_us;
    }
    assert_true(again_us * 5 < first_us);
    /* The first is gone, and compiled anew. */
    assert_true(time_us(f, ". + 0 == 1") > again_us * 3);
    assert_true(time_us(f, ". + 139 == 140") < first_us);
    assert_int_equal(stats_of(f).started, 1);
}

static void test_large(void **state)
{
    struct fixture *f = *state;
    const struct jq_limits limits = {.time_ms = 60000, .output_bytes = 16 << 20};
    struct buf input;
    buf_init(&input, 0);
    buf_char(&input, '[');
    for (int i = 0; i < 1000000; i++)
        buf_printf(&input, "%s%d", i ? "," : "", i);
    buf_char(&input, ']');
    assert_int_equal(jq_run(f->jq, SLICE("."), buf_slice(&input), &limits, &f->out, &f->error), 0);
    assert_true(slice_eq(buf_slice(&input), buf_slice(&f->out)));
    buf_free(&input);
    still_works(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_values, setup, teardown),
        cmocka_unit_test_setup_teardown(test_one_value, setup, teardown),
        cmocka_unit_test_setup_teardown(test_messages, setup, teardown),
        cmocka_unit_test_setup_teardown(test_check, setup, teardown),
        cmocka_unit_test_setup_teardown(test_long_program, setup, teardown),
        cmocka_unit_test_setup_teardown(test_integers, setup, teardown),
        cmocka_unit_test_setup_teardown(test_environment, setup, teardown),
        cmocka_unit_test_setup_teardown(test_modules, setup, teardown),
        cmocka_unit_test_setup_teardown(test_confined, setup, teardown),
        cmocka_unit_test_setup_teardown(test_many, setup, teardown),
        cmocka_unit_test_setup_teardown(test_cache, setup, teardown),
        cmocka_unit_test_setup_teardown(test_large, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
