/* Programs in jq: limits of time, memory and output. */
#include "jq_case.h"
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_time, setup, teardown),
        cmocka_unit_test_setup_teardown(test_wall_clock_time, setup, teardown),
        cmocka_unit_test_setup_teardown(test_time_that_others_take_does_not_count, setup, teardown),
        cmocka_unit_test_setup_teardown(test_memory, setup, teardown),
        cmocka_unit_test_setup_teardown(test_memory_of_others, setup, teardown),
        cmocka_unit_test_setup_teardown(test_output_limit, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
