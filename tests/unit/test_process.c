/* Programs as child processes: what they get, what comes of them, and that nothing is left. */
#include "base/clock.h"
#include "process/guard.h"
#include "process/host.h"
#include "process/process.h"
#include "process/scratch.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum { MAX_OUTPUT = 1 << 20 };

struct world {
    struct event_base *base;
    struct process_host *host;
};

struct run {
    struct process *process;
    int ends;
    enum process_end end;
    int code;
    bool began;
    char message[300];
    struct buf output, errors, lines;
};

static const char *const allowed[] = {"sh", "/bin/sh", "cat"};

static void open_world(struct world *world, const struct process_settings *settings)
{
    struct err err = ERR_INIT;
    world->base = event_base_new();
    world->host = process_host_new(world->base, settings, &err);
    if (!world->host)
        fail_msg("%s", err.message);
}

static const struct process_settings plain = {.allow = allowed, .allow_count = 3, .grace_ms = 200};

static void close_world(struct world *world)
{
    char *scratch = strdup(world->host->scratch);
    assert_non_null(scratch);
    process_host_free(world->host);
    assert_int_equal(access(scratch, F_OK), -1);
    free(scratch);
    event_base_free(world->base);
}

static void on_done(void *context, struct process_result *result)
{
    struct run *run = context;
    run->ends++;
    run->end = result->end;
    run->code = result->code;
    run->began = result->began;
    (void)snprintf(run->message, sizeof(run->message), "%s", result->message);
    run->output = result->output;
    result->output = (struct buf){.data = NULL};
    said_write(result->errors, &run->errors);
}

static void on_line(void *context, struct slice line)
{
    struct run *run = context;
    buf_slice_append(&run->lines, line);
    buf_char(&run->lines, '|');
}

static void start(struct world *world, struct run *run, struct process_order order)
{
    struct err err = ERR_INIT;
    *run = (struct run){.ends = 0};
    buf_init(&run->errors, 0);
    buf_init(&run->lines, 0);
    order.max_output_bytes = order.max_output_bytes ? order.max_output_bytes : MAX_OUTPUT;
    order.done = on_done;
    order.line = on_line;
    order.context = run;
    if (!order.program)
        order.program = process_host_program(world->host, SLICE("sh"));
    assert_non_null(order.program);
    run->process = process_start(world->host, &order, &err);
    if (!run->process)
        fail_msg("%s", err.message);
}

static void wait_for(struct world *world, const struct run *run)
{
    while (run->ends == 0)
        assert_int_equal(event_base_loop(world->base, EVLOOP_ONCE), 0);
    assert_int_equal(run->ends, 1);
}

static void forget(struct run *run)
{
    buf_free(&run->output);
    buf_free(&run->errors);
    buf_free(&run->lines);
}

/* An order's argv must stay until it is done: longer than a compound literal's block. */
#define SCRIPT(name, text) static const char *const name[] = {"sh", "-c", text, NULL}
SCRIPT(brief, "sleep 0.1; echo x");
SCRIPT(forever, "sleep 1000");
SCRIPT(nothing, "true");
SCRIPT(deaf, "trap '' TERM; while :; do sleep 1; done");

/* Runs it to its end. */
static void run_script(struct world *world, struct run *run, const char *script,
                       struct process_order order)
{
    const char *const argv[] = {"sh", "-c", script, NULL};
    order.argv = argv;
    start(world, run, order);
    wait_for(world, run);
}

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

static bool is_alive(pid_t pid)
{
    char path[64], text[300] = "";
    (void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "r");
    if (!file)
        return false;
    const size_t got = fread(text, 1, sizeof(text) - 1, file);
    (void)fclose(file);
    const char *state = got > 0 ? strrchr(text, ')') : NULL;
    return state && state[2] != 'Z';
}

static void wait_until_dead(pid_t pid)
{
    const int64_t until_us = clock_mono_us(&clock_system) + 5000000;
    while (is_alive(pid)) {
        assert_true(clock_mono_us(&clock_system) < until_us);
        (void)usleep(1000);
    }
}

/* The number in the file that the script wrote, once it is there. */
static pid_t read_pid(struct world *world, const char *path)
{
    for (;;) {
        int pid = 0;
        FILE *file = fopen(path, "r");
        if (file) {
            const int got = fscanf(file, "%d\n", &pid); /* NOLINT: a test's own file */
            (void)fclose(file);
            if (got == 1 && pid > 0)
                return pid;
        }
        assert_int_equal(event_base_loop(world->base, EVLOOP_NONBLOCK), 0);
        (void)usleep(1000);
    }
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
        cmocka_unit_test(output_codes_and_signals),
        cmocka_unit_test(input_is_written_as_it_is_read),
        cmocka_unit_test(it_finds_a_clean_world),
        cmocka_unit_test(at_its_deadline_the_whole_group_ends),
        cmocka_unit_test(what_it_leaves_behind_ends_with_it),
        cmocka_unit_test(too_much_output_ends_it),
        cmocka_unit_test(of_much_on_stderr_the_ends_are_kept),
        cmocka_unit_test(what_cannot_be_started_says_why),
        cmocka_unit_test(limits_hold),
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
