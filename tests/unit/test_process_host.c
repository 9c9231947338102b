/* Who starts programs: how many, which, where; and that nothing is left of them. */
#include "process/guard.h"
#include "process/host.h"
#include "process/scratch.h"
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "process_case.h"

/* An order's argv must stay until it is done: longer than a compound literal's block. */
#define SCRIPT(name, text) static const char *const name[] = {"sh", "-c", text, NULL}
SCRIPT(brief, "sleep 0.1; echo x");
SCRIPT(forever, "sleep 1000");
SCRIPT(nothing, "true");
SCRIPT(deaf, "trap '' TERM; while :; do sleep 1; done");

static void those_that_have_no_room_wait(void **state)
{
    enum { COUNT = 12 };
    struct process_settings settings = plain;
    struct world world;
    struct run runs[COUNT], late;
    uint32_t most = 0;
    (void)state;
    settings.max = 3;
    open_world(&world, &settings);
    for (int i = 0; i < COUNT; i++)
        start(&world, &runs[i], (struct process_order){.argv = brief});
    for (int left = COUNT; left > 0;) {
        assert_int_equal(event_base_loop(world.base, EVLOOP_ONCE), 0);
        if (process_host_running(world.host) > most)
            most = process_host_running(world.host);
        left = COUNT;
        for (int i = 0; i < COUNT; i++)
            left -= runs[i].ends;
    }
    assert_int_equal(most, 3);
    for (int i = 0; i < COUNT; i++) {
        assert_string_equal(runs[i].output.data, "x\n");
        forget(&runs[i]);
    }
    for (int i = 0; i < 3; i++)
        start(&world, &runs[i], (struct process_order){.argv = forever});
    start(&world, &runs[3], (struct process_order){.argv = nothing});
    start(&world, &late, (struct process_order){.argv = nothing, .timeout_ms = 100});
    wait_for(&world, &late);
    assert_int_equal(late.end, PROCESS_TIMED_OUT);
    assert_false(late.began);
    assert_false(process_cancel(runs[3].process)); /* it had not begun */
    forget(&late);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(runs[i].ends, 0);
        forget(&runs[i]);
    }
    close_world(&world); /* with three under way */
}

static void a_cancelled_one_is_not_done_but_ended(void **state)
{
    struct world world;
    struct run run;
    (void)state;
    open_world(&world, &plain);
    start(&world, &run, (struct process_order){.argv = deaf});
    while (process_host_running(world.host) == 0)
        assert_int_equal(event_base_loop(world.base, EVLOOP_ONCE), 0);
    const pid_t pid = run.process->pid;
    assert_true(process_cancel(run.process));
    while (process_host_running(world.host) > 0)
        assert_int_equal(event_base_loop(world.base, EVLOOP_ONCE), 0);
    assert_false(is_alive(pid));
    assert_int_equal(run.ends, 0);
    forget(&run);
    /* in a hurry there is no grace */
    start(&world, &run, (struct process_order){.argv = deaf});
    while (process_host_running(world.host) == 0)
        assert_int_equal(event_base_loop(world.base, EVLOOP_ONCE), 0);
    assert_true(process_cancel(run.process));
    const int64_t began_us = clock_mono_us(&clock_system);
    process_host_hurry(world.host);
    while (process_host_running(world.host) > 0)
        assert_int_equal(event_base_loop(world.base, EVLOOP_ONCE), 0);
    assert_true(clock_mono_us(&clock_system) - began_us < 190000);
    forget(&run);
    close_world(&world);
}

static void only_listed_programs_are_found(void **state)
{
    char link[] = "/tmp/troupe-test-XXXXXX";
    struct err err = ERR_INIT;
    struct world world;
    (void)state;
    const int file = mkstemp(link);
    assert_true(file >= 0);
    (void)close(file);
    (void)unlink(link);
    assert_int_equal(symlink("/bin/cat", link), 0);
    open_world(&world, &plain);
    const char *cat = process_host_program(world.host, SLICE("cat"));
    assert_non_null(cat);
    assert_int_equal(cat[0], '/');
    assert_ptr_equal(process_host_program(world.host, slice_str(cat)), cat);
    static const char *const others[] = {"ls", "../bin/cat", "/bin/../bin/cat", "./cat", "", "ca"};
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        assert_null(process_host_program(world.host, slice_str(others[i])));
    assert_null(process_host_program(world.host, slice_str(link)));
    close_world(&world);
    static const struct {
        const char *entry, *message;
    } wrong[] = {{"no-such-program", "allow-exec: no program 'no-such-program' in "},
                 {"bin/cat", "must be a name or an absolute path"},
                 {"/tmp", "/tmp is no program"},
                 {"", "no program ''"}};
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        assert_null(programs_new(&wrong[i].entry, 1, &err));
        assert_int_equal(err.code, ERR_USAGE);
        assert_non_null(strstr(err.message, wrong[i].message));
    }
    /* a link in the list is what it led to at the start */
    const char *const listed[] = {link};
    struct programs *programs = programs_new(listed, 1, &err);
    assert_non_null(programs);
    (void)unlink(link);
    assert_int_equal(symlink("/bin/sh", link), 0);
    const char *found = programs_find(programs, slice_str(link));
    assert_non_null(found);
    assert_string_equal(strrchr(found, '/'), "/cat");
    programs_free(programs);
    (void)unlink(link);
}

static void directories_of_others_must_be_allowed(void **state)
{
    char root[] = "/tmp/troupe-test-XXXXXX", inner[64], link[64];
    struct process_settings settings = plain;
    struct err err = ERR_INIT;
    struct world world;
    struct run run;
    (void)state;
    assert_non_null(mkdtemp(root));
    (void)snprintf(inner, sizeof(inner), "%s/in", root);
    (void)snprintf(link, sizeof(link), "%s/out", root);
    assert_int_equal(mkdir(inner, 0700), 0);
    assert_int_equal(symlink("/usr", link), 0);
    const char *const directories[] = {root};
    settings.directories = directories;
    settings.directory_count = 1;
    open_world(&world, &settings);
    run_script(&world, &run, "pwd; echo x > f; echo $HOME",
               (struct process_order){.directory = inner});
    assert_int_equal(strncmp(run.output.data, inner, strlen(inner)), 0);
    assert_non_null(strstr(run.output.data, world.host->scratch)); /* its home is its own still */
    forget(&run);
    (void)snprintf(inner + strlen(inner), 10, "/f");
    assert_int_equal(unlink(inner), 0); /* what it left there is there */
    inner[strlen(inner) - 2] = '\0';
    char beside[80];
    (void)snprintf(beside, sizeof(beside), "%s-beside", root);
    assert_int_equal(mkdir(beside, 0700), 0);
    const char *const refused[] = {"/usr", link, "/", beside};
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        const struct process_order order = {
            .program = "/bin/sh", .argv = nothing, .directory = refused[i]};
        assert_null(process_start(world.host, &order, &err));
        assert_int_equal(err.code, ERR_REFUSED);
    }
    close_world(&world);
    (void)rmdir(beside);
    assert_true(scratch_remove(root, SCRATCH_ALL));
    assert_int_equal(access("/usr", F_OK), 0);
}

static void directories_are_removed_whatever_is_in_them(void **state)
{
    struct world world;
    struct run run;
    (void)state;
    open_world(&world, &plain);
    run_script(&world, &run,
               "mkdir -p a/b/c; touch a/b/c/f; ln -s /usr link; mkdir shut; touch shut/f; "
               "chmod 0 shut a/b; i=0; while [ $i -lt 100 ]; do mkdir d; cd d; i=$((i+1)); done; "
               "cd $HOME; i=0; while [ $i -lt 1500 ]; do : > f$i; i=$((i+1)); done; chmod 0 .",
               (struct process_order){.timeout_ms = 0});
    assert_int_equal(run.code, 0);
    assert_non_null(world.host->leftovers); /* too much for once */
    while (world.host->leftovers)
        assert_int_equal(event_base_loop(world.base, EVLOOP_ONCE), 0);
    assert_int_equal(rmdir(world.host->scratch), 0);
    assert_int_equal(mkdir(world.host->scratch, 0700), 0);
    forget(&run);
    close_world(&world);
}

/* What kill -9 of a worker is: its end of the socket closes. */
static void a_guard_ends_what_is_left(void **state)
{
    char path[] = "/tmp/troupe-test-XXXXXX", script[200], *scratch;
    struct world world;
    struct run run;
    (void)state;
    const int file = mkstemp(path);
    assert_true(file >= 0);
    open_world(&world, &plain);
    scratch = strdup(world.host->scratch);
    assert_non_null(scratch);
    (void)snprintf(script, sizeof(script), "sleep 1000 & echo $! > %s; echo x > f; wait", path);
    const char *const argv[] = {"sh", "-c", script, NULL};
    start(&world, &run, (struct process_order){.argv = argv});
    const pid_t grandchild = read_pid(&world, path);
    assert_true(is_alive(grandchild));
    guard_stop(&world.host->guard);
    wait_until_dead(grandchild);
    wait_for(&world, &run);
    assert_int_equal(run.end, PROCESS_SIGNALLED);
    assert_int_equal(access(scratch, F_OK), -1);
    forget(&run);
    close_world(&world);
    free(scratch);
    (void)close(file);
    (void)unlink(path);
}

static void a_guard_that_was_killed_is_replaced(void **state)
{
    struct world world;
    struct run first, second;
    (void)state;
    open_world(&world, &plain);
    start(&world, &first, (struct process_order){.argv = forever});
    while (process_host_running(world.host) == 0)
        assert_int_equal(event_base_loop(world.base, EVLOOP_ONCE), 0);
    const pid_t guard = world.host->guard.pid, pid = first.process->pid;
    assert_true(guard_lives(&world.host->guard));
    assert_int_equal(kill(guard, SIGKILL), 0);
    while (guard_lives(&world.host->guard))
        (void)usleep(1000);
    run_script(&world, &second, "echo x", (struct process_order){.timeout_ms = 0});
    assert_string_equal(second.output.data, "x\n");
    assert_int_not_equal(world.host->guard.pid, guard);
    guard_stop(&world.host->guard); /* it knows the older one too */
    wait_until_dead(pid);
    wait_for(&world, &first);
    forget(&first);
    forget(&second);
    close_world(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(those_that_have_no_room_wait),
        cmocka_unit_test(a_cancelled_one_is_not_done_but_ended),
        cmocka_unit_test(only_listed_programs_are_found),
        cmocka_unit_test(directories_of_others_must_be_allowed),
        cmocka_unit_test(directories_are_removed_whatever_is_in_them),
        cmocka_unit_test(a_guard_ends_what_is_left),
        cmocka_unit_test(a_guard_that_was_killed_is_replaced),
    };
    (void)signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
