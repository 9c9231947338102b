/* Programs as child processes: what they get, and what comes of them. */
#include "process/process.h"
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "process_case.h"

static void output_codes_and_signals(void **state)
{
    struct world world;
    struct run run;
    (void)state;
    open_world(&world, &plain);
    run_script(&world, &run, "echo hello; echo one >&2; printf 'two' >&2; exit 3",
               (struct process_order){.timeout_ms = 0});
    assert_int_equal(run.end, PROCESS_EXITED);
    assert_int_equal(run.code, 3);
    assert_true(run.began);
    assert_string_equal(run.output.data, "hello\n");
    assert_string_equal(run.errors.data, "one\ntwo");
    assert_string_equal(run.lines.data, "one|two|");
    forget(&run);
    run_script(&world, &run, "kill -9 $$", (struct process_order){.timeout_ms = 0});
    assert_int_equal(run.end, PROCESS_SIGNALLED);
    assert_int_equal(run.code, SIGKILL);
    forget(&run);
    close_world(&world);
}

/* More than pipes hold, both ways at once. */
static void input_is_written_as_it_is_read(void **state)
{
    enum { BYTES = 900000 };
    struct world world;
    struct run run;
    (void)state;
    char *text = malloc(BYTES);
    assert_non_null(text);
    for (int i = 0; i < BYTES; i++)
        text[i] = (char)('a' + i % 26);
    open_world(&world, &plain);
    run_script(&world, &run, "cat", (struct process_order){.input = slice_of(text, BYTES)});
    assert_int_equal(run.end, PROCESS_EXITED);
    assert_true(slice_eq(buf_slice(&run.output), slice_of(text, BYTES)));
    forget(&run);
    /* who does not read it does not hang */
    run_script(&world, &run, "exec <&-; echo done",
               (struct process_order){.input = slice_of(text, BYTES)});
    assert_string_equal(run.output.data, "done\n");
    forget(&run);
    /* none at all is /dev/null */
    run_script(&world, &run, "cat; readlink /proc/self/fd/0",
               (struct process_order){.timeout_ms = 0});
    assert_string_equal(run.output.data, "/dev/null\n");
    forget(&run);
    close_world(&world);
    free(text);
}

static void it_finds_a_clean_world(void **state)
{
    static const struct process_pair pairs[] = {{SLICE("A"), SLICE("b c")},
                                                {SLICE("LANG"), SLICE("C")}};
    struct world world;
    struct run run;
    char *end;
    (void)state;
    /* one that nobody closes */
    const int leak = open("/dev/null", O_RDONLY);
    assert_true(leak > 2);
    assert_int_equal(setenv("SECRET_OF_OURS", "1", 1), 0);
    open_world(&world, &plain);
    run_script(&world, &run, "env | sort; pwd; ls /proc/$$/fd; umask; ulimit -c",
               (struct process_order){.environment = pairs, .environment_count = 2});
    char expected[1000];
    char *home = strstr(run.output.data, "HOME=");
    assert_non_null(home);
    home += 5;
    end = strchr(home, '\n');
    const int len = (int)(end - home);
    assert_true(strncmp(home, world.host->scratch, strlen(world.host->scratch)) == 0);
    (void)snprintf(expected, sizeof(expected),
                   "A=b c\nHOME=%.*s\nLANG=C\nPATH=" PROGRAMS_PATH
                   "\nPWD=%.*s\nTMPDIR=%.*s\n%.*s\n0\n1\n2\n0077\n0\n",
                   len, home, len, home, len, home, len, home);
    assert_string_equal(run.output.data, expected);
    forget(&run);
    /* not by a shell, which blocks signals now and then */
    const char *const about[] = {"cat", "/proc/self/status", NULL};
    start(&world, &run,
          (struct process_order){.program = process_host_program(world.host, SLICE("cat")),
                                 .argv = about});
    wait_for(&world, &run);
    assert_non_null(strstr(run.output.data, "NoNewPrivs:\t1\n"));
    assert_non_null(strstr(run.output.data, "SigBlk:\t0000000000000000\n"));
    const char *ignored = strstr(run.output.data, "SigIgn:\t");
    assert_non_null(ignored);
    /* 32 and 33 are glibc's own, which nobody can set: some parents leave them ignored */
    assert_int_equal(strtoull(ignored + 8, NULL, 16) & ~((uint64_t)3 << 31), 0);
    forget(&run);
    run_script(&world, &run, "echo; cut -d' ' -f 5,6 /proc/$$/stat; echo $$ $$",
               (struct process_order){.timeout_ms = 0});
    /* the group and the session are its own: the last two lines are the same */
    assert_true(run.output.data[run.output.len - 1] == '\n');
    run.output.data[run.output.len - 1] = '\0';
    char *last = strrchr(run.output.data, '\n');
    *last++ = '\0';
    assert_string_equal(strrchr(run.output.data, '\n') + 1, last);
    forget(&run);
    close_world(&world);
    (void)close(leak);
}

static void at_its_deadline_the_whole_group_ends(void **state)
{
    char path[] = "/tmp/troupe-test-XXXXXX", script[300];
    struct world world;
    struct run run;
    (void)state;
    const int file = mkstemp(path);
    assert_true(file >= 0);
    open_world(&world, &plain);
    /* deaf to SIGTERM, both */
    (void)snprintf(script, sizeof(script),
                   "trap '' TERM; (trap '' TERM; while :; do sleep 1; done) & echo $! > %s; "
                   "echo begun; while :; do sleep 1; done",
                   path);
    const int64_t began_us = clock_mono_us(&clock_system);
    run_script(&world, &run, script, (struct process_order){.timeout_ms = 300});
    const int64_t took_us = clock_mono_us(&clock_system) - began_us;
    assert_int_equal(run.end, PROCESS_TIMED_OUT);
    assert_true(run.began);
    assert_true(took_us >= 490000 && took_us < 3000000);
    wait_until_dead(read_pid(&world, path));
    forget(&run);
    /* SIGTERM is heard: no need to wait for the grace */
    run_script(&world, &run, "trap 'echo bye >&2; exit 0' TERM; sleep 100 & wait",
               (struct process_order){.timeout_ms = 200});
    assert_int_equal(run.end, PROCESS_TIMED_OUT);
    assert_string_equal(run.errors.data, "bye\n");
    forget(&run);
    close_world(&world);
    (void)close(file);
    (void)unlink(path);
}

static void what_it_leaves_behind_ends_with_it(void **state)
{
    char path[] = "/tmp/troupe-test-XXXXXX", script[200];
    struct world world;
    struct run run;
    (void)state;
    const int file = mkstemp(path);
    assert_true(file >= 0);
    open_world(&world, &plain);
    /* it holds our pipes open */
    (void)snprintf(script, sizeof(script), "sleep 1000 & echo $! > %s; echo out", path);
    run_script(&world, &run, script, (struct process_order){.timeout_ms = 0});
    assert_int_equal(run.end, PROCESS_EXITED);
    assert_string_equal(run.output.data, "out\n");
    wait_until_dead(read_pid(&world, path));
    forget(&run);
    close_world(&world);
    (void)close(file);
    (void)unlink(path);
}

static void too_much_output_ends_it(void **state)
{
    struct world world;
    struct run run;
    (void)state;
    open_world(&world, &plain);
    run_script(&world, &run, "while :; do echo 0123456789; done",
               (struct process_order){.max_output_bytes = 5000});
    assert_int_equal(run.end, PROCESS_TOO_LARGE);
    forget(&run);
    /* its last bytes */
    run_script(&world, &run, "printf 123456", (struct process_order){.max_output_bytes = 5});
    assert_int_equal(run.end, PROCESS_TOO_LARGE);
    forget(&run);
    run_script(&world, &run, "printf 12345", (struct process_order){.max_output_bytes = 5});
    assert_int_equal(run.end, PROCESS_EXITED);
    forget(&run);
    close_world(&world);
}

static void of_much_on_stderr_the_ends_are_kept(void **state)
{
    struct world world;
    struct run run;
    struct buf end;
    struct said said;
    (void)state;
    open_world(&world, &plain);
    run_script(&world, &run,
               "i=0; while [ $i -lt 9000 ]; do echo line $i >&2; i=$((i+1)); done; echo last >&2",
               (struct process_order){.timeout_ms = 0});
    assert_true(run.errors.len < SAID_HEAD_BYTES + SAID_TAIL_BYTES + 100);
    assert_int_equal(strncmp(run.errors.data, "line 0\nline 1\n", 14), 0);
    assert_non_null(strstr(run.errors.data, " bytes left out]\n"));
    assert_non_null(strstr(run.errors.data, "line 8999\nlast\n"));
    assert_non_null(strstr(run.lines.data, "|line 5000|")); /* lines came all */
    forget(&run);
    close_world(&world);
    buf_init(&end, 0);
    said_init(&said);
    said_add(&said, SLICE("abc\ndef\n\n"), NULL, NULL);
    said_write_end(&said, 4, &end);
    assert_string_equal(end.data, "def");
    for (int i = 0; i < 3000; i++)
        said_add(&said, SLICE("0123456789"), NULL, NULL);
    buf_reset(&end);
    said_write_end(&said, 12, &end);
    assert_string_equal(end.data, "7890123456789");
    said_free(&said);
    buf_free(&end);
}

static void what_cannot_be_started_says_why(void **state)
{
    char path[] = "/tmp/troupe-test-XXXXXX";
    struct world world;
    struct run run;
    (void)state;
    open_world(&world, &plain);
    run_script(&world, &run, "true", (struct process_order){.program = "/nowhere/at-all"});
    assert_int_equal(run.end, PROCESS_NOT_STARTED);
    assert_false(run.began);
    assert_string_equal(run.message,
                        "/nowhere/at-all cannot be started: No such file or directory");
    forget(&run);
    const int file = mkstemp(path);
    assert_true(file >= 0 && write(file, "no program", 10) == 10 && fchmod(file, 0700) == 0);
    (void)close(file);
    run_script(&world, &run, "true", (struct process_order){.program = path});
    assert_int_equal(run.end, PROCESS_NOT_STARTED);
    assert_non_null(strstr(run.message, "Exec format error"));
    forget(&run);
    (void)unlink(path);
    close_world(&world);
}

static void limits_hold(void **state)
{
    struct process_settings settings = plain;
    struct world world;
    struct run run;
    (void)state;
    settings.limits = (struct process_limits){.cpu_s = 1,
                                              .memory_bytes = (uint64_t)256 << 20,
                                              .file_bytes = 10240,
                                              .files = 20,
                                              .processes = 4000};
    open_world(&world, &settings);
    run_script(&world, &run,
               "ulimit -St; ulimit -v; ulimit -n; head -c 20000 /dev/zero > f; wc -c < f",
               (struct process_order){.timeout_ms = 0});
    assert_string_equal(run.output.data, "1\n262144\n20\n10240\n");
    forget(&run);
    run_script(&world, &run, "while :; do :; done", (struct process_order){.timeout_ms = 20000});
    assert_int_equal(run.end, PROCESS_SIGNALLED);
    assert_true(run.code == SIGXCPU || run.code == SIGKILL);
    forget(&run);
    close_world(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(output_codes_and_signals),
        cmocka_unit_test(input_is_written_as_it_is_read),
        cmocka_unit_test(it_finds_a_clean_world),
        cmocka_unit_test(at_its_deadline_the_whole_group_ends),
        cmocka_unit_test(what_it_leaves_behind_ends_with_it),
        cmocka_unit_test(too_much_output_ends_it),
        cmocka_unit_test(of_much_on_stderr_the_ends_are_kept),
        cmocka_unit_test(what_cannot_be_started_says_why),
        cmocka_unit_test(limits_hold),
    };
    (void)signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
