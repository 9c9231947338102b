/* exec nodes as executors: what they leave, when, and what it takes to end them. */
#include "exec/exec.h"
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "alloc_in_turn.h"
#include "exec_case.h"

struct world {
    struct event_base *base;
    struct process_host *host;
};

static void open_world(struct world *world)
{
    static const char *const allowed[] = {"sh", "cat"};
    const struct process_settings settings = {.allow = allowed, .allow_count = 2, .grace_ms = 100};
    struct err err = ERR_INIT;
    world->base = event_base_new();
    world->host = process_host_new(world->base, &settings, &err);
    if (!world->host)
        fail_msg("%s", err.message);
}

static void close_world(struct world *world)
{
    process_host_free(world->host);
    event_base_free(world->base);
}

/* config: JSON, quotes as '. */
static void open_execution(struct execution *e, const struct world *world, const char *config,
                           const char *node)
{
    execution_open(e, (struct exec_host){.processes = world->host}, "exec", config, node);
}

struct output_case {
    const char *config, *output;
};

static const struct output_case outputs[] = {
    {"'argv':['cat']", "{\"v\":1}"},
    {"'argv':['sh','-c','echo; echo 1.50; echo']", "1.50"},
    {"'argv':['sh','-c','echo [ 1 , 2 ]']", "[1,2]"},
    {"'argv':['cat'],'stdin':'none'", "null"},
    {"'argv':['cat'],'stdin':'none','output':'text'", "\"\""},
    {"'argv':['cat'],'output':'text'", "\"{\\\"v\\\":1}\""},
    {"'argv':['sh','-c','printf \\\\\\\\302\\\\\\\\265'],'output':'text'", "\"\xc2\xb5\""},
    {"'argv':['sh','-c','echo $1 $X','x','${input.v + 1}'],'env':{'X':'$input.v'},'output':'text'",
     "\"2 1\\n\""},
};

static void what_it_says_is_the_output(void **state)
{
    struct world world;
    (void)state;
    open_world(&world);
    for (size_t i = 0; i < ARRAY_LEN(outputs); i++) {
        struct execution e;
        open_execution(&e, &world, outputs[i].config, "");
        assert_true(start(&e));
        assert_int_equal(e.ends, 0);
        wait_for_end(&e, world.base);
        assert_string_equal(e.task.failure.message, "");
        if (!slice_eq_str(e.task.passed, outputs[i].output))
            fail_msg("%s: %.*s", outputs[i].config, SLICE_ARG(e.task.passed));
        close_execution(&e);
    }
    close_world(&world);
}

struct verdict_case {
    const char *config;
    const char *code, *message;
    bool final, unknown;
    bool taken_over;
};

static const struct verdict_case verdicts[] = {
    {"'argv':['sh','-c','exit 3']", "exec", "sh: exit code 3", false, false, false},
    {"'argv':['sh','-c','exit 3']", "exec", "outcome unknown", false, true, true},
    {"'argv':['sh','-c','echo why >&2; exit 3'],'exit_codes':{'3':'gone'}", "gone",
     "exit code 3: why", false, false, false},
    {"'argv':['sh','-c','kill -9 $$$$']", "exec", "signal 9 (SIGKILL) (outcome unknown", false,
     true, false},
    {"'argv':['sh','-c','echo x']", "exec", "no JSON", true, false, false},
    {"'argv':['sh','-c','echo x']", "exec", "no JSON", true, true, true},
    {"'argv':['sh','-c','cat /dev/zero']", "too_large", "stdout is larger", true, true, false},
};

static void failures_say_whether_to_try_again(void **state)
{
    struct world world;
    (void)state;
    open_world(&world);
    for (size_t i = 0; i < ARRAY_LEN(verdicts); i++) {
        const struct verdict_case *c = &verdicts[i];
        struct execution e;
        open_execution(&e, &world, c->config, "");
        e.taken_over = c->taken_over;
        assert_true(start(&e));
        wait_for_end(&e, world.base);
        const struct exec_task *task = &e.task;
        if (strcmp(task->failure.code, c->code) != 0 ||
            !strstr(task->failure.message, c->message) || task->verdict.final != c->final ||
            task->verdict.unknown != c->unknown)
            fail_msg("%s: %s: %s, final %d, unknown %d", c->config, task->failure.code,
                     task->failure.message, task->verdict.final, task->verdict.unknown);
        close_execution(&e);
    }
    close_world(&world);
}

static const struct verdict_case refusals[] = {
    {"'argv':['$input.none']", "binding", "none", false, false, false},
    {"'argv':['ls']", "rejected", "'ls' is not among the programs", true, false, false},
    {"'argv':['ls']", "rejected", "'ls' is not among the programs", true, true, true},
    {"'argv':['/bin/sh/../sh']", "rejected", "allow-exec", true, false, false},
    {"'argv':[]", "type", "argv must be a list", true, false, false},
    {"'argv':'$input'", "type", "argv must be a list", true, false, false},
    {"'argv':['sh',[]]", "type", "argv must hold", true, false, false},
    {"'argv':['sh','a\\u0000b']", "type", "NUL", true, false, false},
    {"'argv':['sh'],'env':'$input.v'", "type", "env must be an object", true, false, false},
    {"'argv':['sh'],'env':{'':'x'}", "type", "env has a name", true, false, false},
    {"'argv':['sh'],'env':{'LD_AUDIT':'x'}", "rejected", "LD_AUDIT", true, false, false},
    {"'argv':['sh'],'env':{'TRACEPARENT':'x'}", "rejected", "TRACEPARENT", true, false, false},
    {"'argv':['sh'],'cwd':'a'", "type", "absolute", true, false, false},
    {"'argv':['sh'],'cwd':'/'", "rejected", "exec-cwd", true, false, false},
    {"'argv':['sh'],'exit_codes':{'0':'x'}", "type", "1 to 255", true, false, false},
    {"'argv':['sh'],'exit_codes':{'1':''}", "type", "1 to 63", true, false, false},
    {"'argv':['sh'],'stdin':'text'", "type", "the input must be one", true, false, false},
};

static void what_cannot_be_run_fails_at_once(void **state)
{
    struct world world;
    (void)state;
    open_world(&world);
    for (size_t i = 0; i < ARRAY_LEN(refusals); i++) {
        const struct verdict_case *c = &refusals[i];
        struct execution e;
        open_execution(&e, &world, c->config, "");
        e.taken_over = c->taken_over;
        assert_false(start(&e));
        if (strcmp(e.task.failure.code, c->code) != 0 ||
            !strstr(e.task.failure.message, c->message) || e.task.verdict.final != c->final ||
            e.task.verdict.unknown != c->unknown)
            fail_msg("%s: %s: %s, final %d, unknown %d", c->config, e.task.failure.code,
                     e.task.failure.message, e.task.verdict.final, e.task.verdict.unknown);
        close_execution(&e);
    }
    assert_int_equal(process_host_running(world.host), 0);
    close_world(&world);
}

static void without_programs_it_is_rejected(void **state)
{
    struct world world;
    struct execution e;
    (void)state;
    open_world(&world);
    open_execution(&e, &world, "'argv':['sh']", "");
    e.host.processes = NULL;
    assert_false(start(&e));
    assert_string_equal(e.task.failure.code, "rejected");
    assert_non_null(strstr(e.task.failure.message, "allow-exec is empty"));
    close_execution(&e);
    close_world(&world);
}

static void a_timeout_says_what_was_said(void **state)
{
    struct world world;
    struct execution e;
    (void)state;
    open_world(&world);
    open_execution(&e, &world, "'argv':['sh','-c','echo still busy >&2; sleep 100']",
                   ",'timeout_ms':200");
    assert_true(start(&e));
    assert_true(e.task.overdue_ms > 100); /* the host's grace */
    wait_for_end(&e, world.base);
    assert_string_equal(e.task.failure.code, "timeout");
    assert_non_null(strstr(e.task.failure.message, "200 ms (outcome unknown"));
    assert_non_null(strstr(e.task.failure.message, ": still busy"));
    assert_true(e.task.verdict.unknown);
    assert_false(e.task.verdict.final);
    close_execution(&e);
    close_world(&world);
}

/* Its task, arena and input are gone while the program is ended. */
static void a_cancelled_one_is_not_done(void **state)
{
    struct world world;
    struct execution e;
    (void)state;
    open_world(&world);
    open_execution(&e, &world, "'argv':['sh','-c','trap : TERM; while :; do echo x >&2; done']",
                   "");
    assert_true(start(&e));
    while (process_host_running(world.host) == 0)
        assert_int_equal(event_base_loop(world.base, EVLOOP_ONCE), 0);
    e.task.cancel(&e.task);
    assert_null(e.task.job);
    assert_true(e.task.verdict.unknown);
    close_execution(&e);
    while (process_host_running(world.host) > 0)
        assert_int_equal(event_base_loop(world.base, EVLOOP_ONCE), 0);
    assert_int_equal(e.ends, 0);
    /* one that has not begun has no effect */
    open_execution(&e, &world, "'argv':['cat']", "");
    assert_true(start(&e));
    e.task.cancel(&e.task);
    assert_false(e.task.verdict.unknown);
    close_execution(&e);
    close_world(&world);
}

static bool starts_and_ends(struct execution *e)
{
    const bool started = start(e);
    end(e);
    return started;
}

static void every_allocation_may_fail(void **state)
{
    struct world world;
    struct execution e;
    (void)state;
    open_world(&world);
    open_execution(&e, &world, "'argv':['cat','$input.v'],'env':{'A':'b'},'exit_codes':{'1':'x'}",
                   "");
    assert_true(ALLOC_IN_TURN(starts_and_ends(&e)) > 2);
    graph_release(e.graph);
    close_world(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_it_says_is_the_output),
        cmocka_unit_test(failures_say_whether_to_try_again),
        cmocka_unit_test(what_cannot_be_run_fails_at_once),
        cmocka_unit_test(without_programs_it_is_rejected),
        cmocka_unit_test(a_timeout_says_what_was_said),
        cmocka_unit_test(a_cancelled_one_is_not_done),
        cmocka_unit_test(every_allocation_may_fail),
    };
    (void)signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
