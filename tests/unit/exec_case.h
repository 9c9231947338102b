/* The execution of a node that takes its time. Include it behind cmocka.h. */
#ifndef TROUPE_EXEC_CASE_H
#define TROUPE_EXEC_CASE_H

#include "exec/exec.h"
#include "graph/graph.h"
#include <stddef.h>
#include <stdio.h>

#define RUN_ID "0192b7a0-0000-7000-8000-000000000001"
enum { MAX_VALUE = 1 << 20 };

struct execution {
    struct graph *graph;
    struct arena arena;
    struct buf output;
    struct graph_values values;
    struct exec_host host;
    struct exec_task task;
    bool taken_over; /* set before start */
    int ends;
};

static void on_done(struct exec_task *task)
{
    struct execution *e = (struct execution *)((char *)task - offsetof(struct execution, task));
    assert_null(task->job);
    e->ends++;
}

/* Of a graph of one node of that type. config, node (what stands behind it): JSON, quotes as '. */
static void execution_open(struct execution *e, struct exec_host host, const char *type,
                           const char *config, const char *node)
{
    struct arena arena;
    struct findings findings;
    char source[1000];
    (void)snprintf(source, sizeof(source), "{'nodes':[{'id':'n','type':'%s','config':{%s}%s}]}",
                   type, config, node);
    for (char *quote = source; (quote = strchr(quote, '\''));)
        *quote = '"';
    *e = (struct execution){.host = host};
    arena_init(&arena, 0);
    findings_init(&findings, &arena);
    e->graph = graph_compile(slice_str(source), GRAPH_JSON, &findings);
    for (uint32_t i = 0; !e->graph && i < findings.count; i++)
        print_error("%s\n", findings.items[i].message);
    arena_free(&arena);
    assert_non_null(e->graph);
}

/* True: it takes its time; false: it failed at once. */
static bool start(struct execution *e)
{
    arena_init(&e->arena, 1 << 24);
    buf_init(&e->output, 0);
    e->values = (struct graph_values){.input = {.text = SLICE("{\"v\":1}")}};
    e->task = (struct exec_task){.node = &e->graph->nodes[0],
                                 .values = &e->values,
                                 .arena = &e->arena,
                                 .run_id = SLICE(RUN_ID),
                                 .scope = SLICE(""),
                                 .attempt = 1,
                                 .taken_over = e->taken_over,
                                 .max_value_bytes = MAX_VALUE,
                                 .output = &e->output,
                                 .host = &e->host,
                                 .done = on_done};
    const bool started = exec_run(&e->task) == 0;
    assert_int_equal(started, e->task.job != NULL);
    assert_int_equal(started, e->task.failure.code[0] == '\0');
    return started;
}

static void end(struct execution *e)
{
    if (e->task.job)
        e->task.cancel(&e->task);
    buf_free(&e->output);
    arena_free(&e->arena);
}

static void close_execution(struct execution *e)
{
    end(e);
    graph_release(e->graph);
}

static void wait_for_end(const struct execution *e, struct event_base *base)
{
    while (e->ends == 0)
        assert_int_equal(event_base_loop(base, EVLOOP_ONCE), 0);
    assert_int_equal(e->ends, 1);
}

#endif
