/* troupe-jq: how it lives and ends. */
#include "jq_case.h"
#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_crash, setup, teardown),
        cmocka_unit_test_setup_teardown(test_killed_idle, setup, teardown),
        cmocka_unit_test_setup_teardown(test_killed_while_it_runs, setup, teardown),
        cmocka_unit_test_setup_teardown(test_dies_with_its_parent, setup, teardown),
        cmocka_unit_test_setup_teardown(test_processor_time, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_helper, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
