/* Programs in jq, in a child that can do nothing else. */
#include "base/attr.h"
#include "base/clock.h"
#include "jq/jq.h"
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
/* after the four above */
#include <cmocka.h>

struct fixture {
    struct jq *jq;
    struct buf out;
    struct jq_error error;
};

static int setup(void **state)
{
    static struct fixture fixture;
    struct err err = ERR_INIT;
    fixture = (struct fixture){.jq = jq_new(NULL, 0, &err)};
    assert_non_null(fixture.jq);
    buf_init(&fixture.out, 32 << 20);
    *state = &fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    jq_free(fixture->jq);
    buf_free(&fixture->out);
    return 0;
}

static struct jq_stats stats_of(const struct fixture *fixture)
{
    struct jq_stats stats;
    jq_stats(fixture->jq, &stats);
    return stats;
}

static int run(struct fixture *fixture, const char *program, const char *input)
{
    return jq_run(fixture->jq, slice_str(program), slice_str(input), NULL, &fixture->out,
                  &fixture->error);
}

static void gives(struct fixture *fixture, const char *program, const char *input,
                  const char *output)
{
    if (run(fixture, program, input) != 0)
        fail_msg("%s: %s", program, fixture->error.message);
    assert_string_equal(fixture->out.data, output);
}

static void fails(struct fixture *fixture, const char *program, const char *input,
                  enum jq_fault fault, const char *message)
{
    if (run(fixture, program, input) == 0)
        fail_msg("%s: gave %s", program, fixture->out.data);
    assert_string_equal(fixture->error.message, message);
    assert_int_equal(fixture->error.fault, fault);
    assert_int_equal(fixture->out.len, 0);
}

/* Another program is what the fixture's child goes on with, or a new child. */
static void still_works(struct fixture *fixture) { gives(fixture, ".a + 1", "{\"a\": 41}", "42"); }

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

/* What the kernel says of the child. */
static void status_line(pid_t pid, const char *name, char *value, size_t size)
{
    char path[64], line[256];
    (void)snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    value[0] = '\0';
    while (fgets(line, sizeof(line), file))
        if (strncmp(line, name, strlen(name)) == 0)
            (void)snprintf(value, size, "%.*s", (int)strcspn(line + strlen(name), "\n"),
                           line + strlen(name));
    assert_int_equal(fclose(file), 0);
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

/* --- limits --- */

/* In milliseconds, whichever fails first. */
static void costs(struct fixture *f, const char *program, int64_t time_ms, const char *message)
{
    const struct jq_limits limits = {.time_ms = time_ms, .wall_ms = 60000};
    if (jq_run(f->jq, slice_str(program), SLICE("1"), &limits, &f->out, &f->error) == 0)
        fail_msg("%s: gave %.40s", program, f->out.data);
    assert_string_equal(f->error.message, message);
    assert_int_equal(f->error.fault, JQ_FAULT_COST);
    assert_int_equal(stats_of(f).child_pid, 0);
}

static void test_time(void **state)
{
    struct fixture *f = *state;
    static const char message[] = "the program took longer than 200 ms of processor time";
    const int64_t began_us = clock_mono_us(&clock_system);
    costs(f, "last(range(1e12))", 200, message);
    costs(f, "def f: f; f", 200, message);
    costs(f, "last(repeat(1))", 200, message);
    costs(f, "until(false; .)", 200, message);
    assert_true(clock_mono_us(&clock_system) - began_us >= 800000);
    assert_int_equal(stats_of(f).started, 4);
    still_works(f);
    assert_int_equal(stats_of(f).started, 5);
}

static void test_wall_clock_time(void **state)
{
    struct fixture *f = *state;
    const struct jq_limits limits = {.time_ms = 60000, .wall_ms = 150};
    const int64_t began_us = clock_mono_us(&clock_system);
    assert_int_equal(
        jq_run(f->jq, SLICE("last(repeat(1))"), SLICE("1"), &limits, &f->out, &f->error), -1);
    assert_int_equal(f->error.fault, JQ_FAULT_LATE);
    assert_string_equal(f->error.message, "the program took longer than 150 ms");
    assert_true(clock_mono_us(&clock_system) - began_us >= 150000);
    assert_int_equal(stats_of(f).child_pid, 0);
    still_works(f);
}

/* A child that does not get the processor is late, and has not used up its time. */
static void test_time_that_others_take_does_not_count(void **state)
{
    struct fixture *f = *state;
    still_works(f);
    const pid_t child = (pid_t)stats_of(f).child_pid;
    const int64_t before_us = stats_of(f).cpu_us;
    const int64_t began_us = clock_mono_us(&clock_system);
    assert_int_equal(kill(child, SIGSTOP), 0);
    const pid_t waker = fork();
    assert_true(waker >= 0);
    if (waker == 0) {
        (void)usleep(400000);
        _exit(kill(child, SIGCONT) == 0 ? 0 : 1);
    }
    const struct jq_limits limits = {.time_ms = 200, .wall_ms = 60000};
    assert_int_equal(jq_run(f->jq, SLICE(". + 1"), SLICE("1"), &limits, &f->out, &f->error), 0);
    assert_true(clock_mono_us(&clock_system) - began_us >= 400000);
    assert_string_equal(f->out.data, "2");
    assert_true(stats_of(f).cpu_us > before_us && stats_of(f).cpu_us - before_us < 200000);
    int status;
    assert_int_equal(waitpid(waker, &status, 0), waker);
    assert_int_equal(status, 0);
}

static struct jq *with_memory(struct fixture *f, size_t bytes)
{
    struct err err = ERR_INIT;
    jq_free(f->jq);
    f->jq = jq_new(NULL, bytes, &err);
    assert_non_null(f->jq);
    return f->jq;
}

static void test_memory(void **state)
{
    struct fixture *f = *state;
    static const char message[] = "the program needs more than 48 MiB of memory";
    (void)with_memory(f, (size_t)48 << 20);
    costs(f, "[limit(1e9; repeat(1))] | length", 60000, message);
    costs(f, "[range(1e9)]", 60000, message);
    /* Small in memory, and endless as text. */
    costs(f, "reduce range(60) as $i (1; [., .])", 60000, message);
    costs(f, "reduce range(40) as $i (\"x\"; . + .)", 60000, message);
    still_works(f);
}

static bool fits(struct fixture *f, int count)
{
    const struct jq_limits limits = {.time_ms = 60000};
    char input[32];
    (void)snprintf(input, sizeof(input), "%d", count);
    if (jq_run(f->jq, SLICE("[range(.) | [.]] | length"), slice_str(input), &limits, &f->out,
               &f->error) == 0)
        return true;
    assert_int_equal(f->error.fault, JQ_FAULT_COST);
    return false;
}

/* What other programs keep in the child does not count: a new child has the room. */
static void test_memory_of_others(void **state)
{
    struct fixture *f = *state;
    struct buf other;
    const size_t memory_bytes = (size_t)16 << 20;
    int low = 1000, high = 1000000;
    (void)with_memory(f, memory_bytes);
    while (high - low > 100) {
        const int middle = low + (high - low) / 2;
        if (fits(f, middle))
            low = middle;
        else
            high = middle;
    }
    (void)with_memory(f, memory_bytes);
    buf_init(&other, 0);
    for (int i = 0; i < 4; i++) {
        buf_reset(&other);
        buf_printf(&other, "\"%d", i);
        for (int k = 0; k < 240000; k++)
            buf_char(&other, 'x');
        buf_str(&other, "\"");
        assert_int_equal(jq_check(f->jq, buf_slice(&other), &f->error), 0);
    }
    buf_free(&other);
    assert_int_equal(stats_of(f).started, 1);
    assert_true(fits(f, low));
    assert_int_equal(stats_of(f).started, 2);
    assert_int_equal(stats_of(f).evaluated, 6);
}

static void test_output_limit(void **state)
{
    struct fixture *f = *state;
    const struct jq_limits limits = {.output_bytes = 10};
    assert_int_equal(jq_run(f->jq, SLICE("\"x\" * 8"), SLICE("1"), &limits, &f->out, &f->error), 0);
    assert_string_equal(f->out.data, "\"xxxxxxxx\"");
    assert_int_equal(jq_run(f->jq, SLICE("\"x\" * 9"), SLICE("1"), &limits, &f->out, &f->error),
                     -1);
    assert_int_equal(f->error.fault, JQ_FAULT_TOO_LARGE);
    assert_string_equal(f->error.message, "the output has 11 bytes; the limit is 10");
    /* Messages are none of the output. */
    assert_int_equal(
        jq_run(f->jq, SLICE("error(\"x\" * 100)"), SLICE("1"), &limits, &f->out, &f->error), -1);
    assert_int_equal(f->error.fault, JQ_FAULT_EXPRESSION);
    fails(f, "reduce range(65) as $i (1; [.])", "1", JQ_FAULT_TOO_LARGE,
          "the output nests deeper than 64 levels");
    assert_int_equal(run(f, "reduce range(64) as $i (1; [.])", "1"), 0);
    assert_int_equal(stats_of(f).started, 1);
}

/* --- the child's life --- */

static void test_crash(void **state)
{
    struct fixture *f = *state;
    const struct jq_limits limits = {.time_ms = 60000};
    /* libjq writes values by recursion, on a stack of 8 MiB. */
    assert_int_equal(jq_run(f->jq, SLICE("reduce range(300000) as $i (1; [.])"), SLICE("1"),
                            &limits, &f->out, &f->error),
                     -1);
    assert_int_equal(f->error.fault, JQ_FAULT_EXPRESSION);
    assert_string_equal(f->error.message, "the program made jq crash (signal 11); values that nest "
                                          "very deep do");
    still_works(f);
    assert_int_equal(stats_of(f).started, 2);
}

/* A child that ended between two evaluations is nobody's error. */
static void test_killed_idle(void **state)
{
    struct fixture *f = *state;
    still_works(f);
    const pid_t pid = (pid_t)stats_of(f).child_pid;
    assert_int_equal(kill(pid, SIGKILL), 0);
    siginfo_t info;
    assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
    still_works(f);
    assert_int_equal(stats_of(f).started, 2);
    assert_int_not_equal(stats_of(f).child_pid, pid);
}

/* Of the processor, as the kernel counts it; -1 when the process is not there. */
static long ticks(pid_t pid)
{
    char path[64], text[512] = "";
    long user = 0, system = 0;
    (void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "r");
    if (!file)
        return -1;
    const size_t got = fread(text, 1, sizeof(text) - 1, file);
    (void)fclose(file);
    const char *behind_name = got > 0 ? strrchr(text, ')') : NULL;
    if (!behind_name ||
        sscanf(behind_name + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %ld %ld", &user,
               &system) != 2)
        return -1;
    return user + system;
}

/* Kills the process once it computes; 0 when it did. */
static int kill_busy(pid_t target)
{
    const long before = ticks(target);
    long now = before;
    while (now >= 0 && now < before + 10) {
        (void)usleep(1000);
        now = ticks(target);
    }
    return kill(target, SIGKILL);
}

static void test_killed_while_it_runs(void **state)
{
    struct fixture *f = *state;
    const struct jq_limits limits = {.time_ms = 60000};
    still_works(f);
    const pid_t target = (pid_t)stats_of(f).child_pid, killer = fork();
    assert_true(killer >= 0);
    if (killer == 0)
        _exit(kill_busy(target) == 0 ? 0 : 1);
    assert_int_equal(
        jq_run(f->jq, SLICE("last(range(1e12))"), SLICE("1"), &limits, &f->out, &f->error), -1);
    assert_int_equal(f->error.fault, JQ_FAULT_COST);
    assert_string_equal(f->error.message, "troupe-jq was killed while it ran the program");
    int status = 0;
    assert_int_equal(waitpid(killer, &status, 0), killer);
    assert_int_equal(status, 0);
    still_works(f);
}

/* Ends within some seconds. */
static bool ends(pid_t pid)
{
    for (int i = 0; i < 5000; i++) {
        if (kill(pid, 0) != 0 && errno == ESRCH)
            return true;
        (void)usleep(1000);
    }
    return false;
}

/* The parent of a parent: this process adopts the child, which ends all the same. */
static void test_dies_with_its_parent(void **state)
{
    struct fixture *f = *state;
    int report[2], status;
    pid_t child = 0;
    assert_int_equal(pipe(report), 0);
    assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
    const pid_t parent = fork();
    assert_true(parent >= 0);
    if (parent == 0) {
        struct jq_stats stats;
        if (run(f, ".", "1") != 0)
            _exit(1);
        jq_stats(f->jq, &stats);
        child = (pid_t)stats.child_pid;
        const ssize_t put = write(report[1], &child, sizeof(child));
        (void)kill(getpid(), SIGKILL);
        _exit(put == 0);
    }
    assert_int_equal(waitpid(parent, &status, 0), parent);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(read(report[0], &child, sizeof(child)), sizeof(child));
    assert_true(child > 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(ends(child));
    (void)close(report[0]);
    (void)close(report[1]);
}

/* A parent that stands still watches no clock: the child's own limit ends it. Some seconds. */
static void test_processor_time(void **state)
{
    struct fixture *f = *state;
    struct jq_stats stats;
    int report[2], status;
    pid_t child = 0;
    assert_int_equal(pipe(report), 0);
    assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
    const pid_t parent = fork();
    assert_true(parent >= 0);
    if (parent == 0) {
        if (run(f, ".", "1") != 0)
            _exit(1);
        jq_stats(f->jq, &stats);
        child = (pid_t)stats.child_pid;
        if (write(report[1], &child, sizeof(child)) != (ssize_t)sizeof(child))
            _exit(2);
        const struct jq_limits limits = {.time_ms = 900};
        const int rc =
            jq_run(f->jq, SLICE("last(repeat(1))"), SLICE("1"), &limits, &f->out, &f->error);
        _exit(rc == -1 ? 0 : 3);
    }
    assert_int_equal(read(report[0], &child, sizeof(child)), sizeof(child));
    const long before = ticks(child);
    while (ticks(child) < before + 2)
        (void)usleep(1000);
    assert_int_equal(kill(parent, SIGSTOP), 0);
    /* Dead, and not reaped while its parent is stopped. */
    char state_line[64] = "";
    for (int i = 0; i < 30000 && state_line[0] != 'Z'; i++) {
        (void)usleep(1000);
        status_line(child, "State:\t", state_line, sizeof(state_line));
    }
    assert_int_equal(state_line[0], 'Z');
    assert_int_equal(kill(parent, SIGCONT), 0);
    assert_int_equal(waitpid(parent, &status, 0), parent);
    assert_int_equal(status, 0);
    (void)close(report[0]);
    (void)close(report[1]);
}

static void test_no_helper(void **state)
{
    struct fixture *f = *state;
    struct err err = ERR_INIT;
    jq_free(f->jq);
    f->jq = jq_new("/nowhere/troupe-jq", 0, &err);
    assert_non_null(f->jq);
    fails(f, ".", "1", JQ_FAULT_UNAVAILABLE,
          "cannot start /nowhere/troupe-jq: No such file or directory");
    jq_free(f->jq);
    f->jq = jq_new("/bin/false", 0, &err);
    assert_non_null(f->jq);
    fails(f, ".", "1", JQ_FAULT_UNAVAILABLE, "/bin/false ended before it was ready");
    assert_int_equal(stats_of(f).started, 0);
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
        cmocka_unit_test_setup_teardown(test_time, setup, teardown),
        cmocka_unit_test_setup_teardown(test_wall_clock_time, setup, teardown),
        cmocka_unit_test_setup_teardown(test_time_that_others_take_does_not_count, setup, teardown),
        cmocka_unit_test_setup_teardown(test_memory, setup, teardown),
        cmocka_unit_test_setup_teardown(test_memory_of_others, setup, teardown),
        cmocka_unit_test_setup_teardown(test_output_limit, setup, teardown),
        cmocka_unit_test_setup_teardown(test_crash, setup, teardown),
        cmocka_unit_test_setup_teardown(test_killed_idle, setup, teardown),
        cmocka_unit_test_setup_teardown(test_killed_while_it_runs, setup, teardown),
        cmocka_unit_test_setup_teardown(test_dies_with_its_parent, setup, teardown),
        cmocka_unit_test_setup_teardown(test_processor_time, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_helper, setup, teardown),
        cmocka_unit_test_setup_teardown(test_many, setup, teardown),
        cmocka_unit_test_setup_teardown(test_cache, setup, teardown),
        cmocka_unit_test_setup_teardown(test_large, setup, teardown),
    };
    return cmocka_run_group_tests_name("jq", tests, NULL, NULL);
}
