/* Programs that a test starts, and what came of them. Include it behind cmocka.h. */
#ifndef TROUPE_PROCESS_CASE_H
#define TROUPE_PROCESS_CASE_H

#include "base/clock.h"
#include "process/host.h"
#include "process/process.h"
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

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

/* Runs it to its end. */
static void run_script(struct world *world, struct run *run, const char *script,
                       struct process_order order)
{
    const char *const argv[] = {"sh", "-c", script, NULL};
    order.argv = argv;
    start(world, run, order);
    wait_for(world, run);
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

#endif
