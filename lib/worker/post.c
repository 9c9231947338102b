/* post: executions by remote workers: what they are asked, and what came of it (docs/tasks.md). */
#include "base/json.h"
#include "base/utf8.h"
#include "worker/failure.h"
#include "worker/run.h"
#include <inttypes.h>
#include <stdio.h>

enum { USAGE_BYTES = 4096 };

/* --- the task --- */

static void write_member(struct buf *out, const char *name, struct slice text)
{
    buf_printf(out, ",\"%s\":", name);
    buf_slice_append(out, text);
}

static void write_string(struct buf *out, const char *name, struct slice text)
{
    buf_printf(out, ",\"%s\":", name);
    json_write_string(out, text);
}

/* The same for every attempt and every claim. */
void run_write_task_key(const struct run *run, struct buf *out)
{
    struct buf key;
    buf_init(&key, 0);
    buf_slice_append(&key, run->token->run);
    buf_char(&key, '/');
    buf_slice_append(&key, run->node->id);
    buf_char(&key, '/');
    graph_scope_show(run->token->graph, run->token->scope, &key);
    if (buf_ok(&key))
        json_write_string(out, buf_slice(&key));
    else
        out->failed = true;
    buf_free(&key);
}

static void write_scope(struct buf *out, const struct run *run)
{
    struct buf scope;
    buf_init(&scope, 0);
    graph_scope_show(run->token->graph, run->token->scope, &scope);
    if (!buf_ok(&scope))
        out->failed = true;
    write_string(out, "scope", buf_ok(&scope) ? buf_slice(&scope) : SLICE(""));
    buf_free(&scope);
    buf_str(out, ",\"idempotency_key\":");
    run_write_task_key(run, out);
}

static int write_task(struct run *run, struct buf *out, struct json_ref of)
{
    const struct graph_node *node = run->node;
    struct json_ref version = json_member(of, SLICE("version"));
    buf_str(out, "{\"run_id\":");
    json_write_string(out, run->token->run);
    struct json_ref workflow = json_member(of, SLICE("workflow"));
    if (json_present(workflow))
        write_member(out, "workflow", json_text(workflow));
    if (json_present(version))
        write_member(out, "version", json_text(version));
    write_string(out, "node_id", node->id);
    write_scope(out, run);
    write_string(out, "type", slice_str(graph_task_type(node)));
    write_string(out, "name", node->remote);
    buf_printf(out, ",\"attempt\":%u", run->token->attempt);
    if (node->timeout_ms > 0)
        buf_printf(out, ",\"timeout_ms\":%" PRId64, node->timeout_ms);
    write_member(out, "input", run->values.input.text);
    buf_str(out, ",\"config\":");
    if (!node->config)
        buf_str(out, "{}");
    else if (binding_eval(node->config, &run->values, run->arena, out, &run->failure) != 0)
        return -1;
    buf_char(out, '}');
    return 0;
}

int run_ask(struct run *run, struct slice *text)
{
    struct buf *scratch = run->by->scratch;
    struct graph_text of_run = {.text = run->values.run.text};
    struct json_ref names;
    if (graph_text_ref(&of_run, run->arena, &names) != 0)
        return failure_fill(&run->failure, "internal", "the token came without its run's names");
    scratch->cap_bytes = run->by->max_value_bytes + RECORD_EXTRA_BYTES;
    buf_reset(scratch);
    const int rc = write_task(run, scratch, names);
    if (!buf_ok(scratch))
        return failure_fill(&run->failure, "too_large",
                            "input and config are larger than %zu bytes", run->by->max_value_bytes);
    *text = rc == 0 ? run_keep_scratch(run) : SLICE_NONE;
    if (rc == 0 && !text->ptr)
        return failure_fill(&run->failure, "too_large", "out of memory for a task");
    return rc;
}

int run_post(struct run *run)
{
    struct token *token = run->token;
    struct slice text;
    if (run_ask(run, &text) != 0)
        return -1;
    struct settle_task *task = arena_zalloc(&token->arena, sizeof(*task));
    char data[32], reason[256];
    int len =
        snprintf(data, sizeof(data), "d%" PRId64 "%s", run->started_us, run->doubted ? "u" : "");
    struct slice kept = arena_copy(&token->arena, slice_of(data, (size_t)len));
    len = snprintf(reason, sizeof(reason), LEDGER_TASK_REASON "%.*s",
                   SLICE_ARG(run->node->task_queue));
    if (!task || !kept.ptr)
        return failure_fill(&run->failure, "too_large", "out of memory for a task");
    *task = (struct settle_task){.attempt = token->attempt,
                                 .queue = token->queue,
                                 .data = kept,
                                 .wanted = run_wanted_before(token),
                                 .timeout_ms = run->node->timeout_ms,
                                 .ends_at_lapse = run->node->probe,
                                 .task_queue = run->node->task_queue,
                                 .task = text};
    struct ledger_execution record = run_record(run);
    return run_stay(run, &record, LEDGER_WAIT, (struct route_op){.kind = ROUTE_TASK, .task = task},
                    arena_copy(&token->arena, slice_of(reason, (size_t)len)));
}

/* --- the result --- */

static int unreadable(struct run *run)
{
    return failure_fill(&run->failure, "type",
                        "the result of worker '%.*s' is no object of the form that it must have",
                        SLICE_ARG(run->result.worker));
}

/* Any numbers: tokens, cost. */
static int read_usage(struct run *run, struct json_ref body)
{
    struct json_ref usage = json_member(body, SLICE("usage"));
    if (!json_present(usage))
        return 0;
    if (json_type(usage) != JSON_OBJECT || json_text(usage).len > USAGE_BYTES)
        return failure_fill(&run->failure, "type",
                            "the usage that worker '%.*s' tells is no object of %d bytes at most",
                            SLICE_ARG(run->result.worker), USAGE_BYTES);
    run->usage = json_text(usage);
    return 0;
}

/* {"output": …, "usage": …} */
static int read_output(struct run *run, struct json_ref body, struct slice *output)
{
    struct json_ref value = json_member(body, SLICE("output"));
    if (!json_present(value))
        return unreadable(run);
    *output = json_text(value);
    if (output->len > run->by->max_value_bytes)
        return failure_fill(&run->failure, "too_large",
                            "the output is larger than %zu bytes, which is the most here",
                            run->by->max_value_bytes);
    return 0;
}

/* A member that is a string; else what is there instead. ptr NULL without memory. */
static struct slice string_member(struct run *run, struct json_ref body, struct slice name,
                                  struct slice otherwise)
{
    struct json_ref value = json_member(body, name);
    if (!json_present(value) || json_type(value) != JSON_STRING)
        return otherwise;
    return json_string(value, run->arena);
}

/* {"code": …, "message": …, "retry": …} */
static int read_failure(struct run *run, struct json_ref body)
{
    struct slice code = string_member(run, body, SLICE("code"), SLICE("failed"));
    struct slice message = string_member(run, body, SLICE("message"), SLICE(""));
    struct json_ref retry = json_member(body, SLICE("retry"));
    char text[sizeof(run->failure.code)];
    if (!code.ptr || !message.ptr)
        return failure_fill(&run->failure, "too_large", "out of memory for a failure");
    run->verdict.final = json_present(retry) && json_type(retry) == JSON_BOOL &&
                         slice_eq_str(json_text(retry), "false");
    code = utf8_cut(code.len > 0 ? code : SLICE("failed"), sizeof(text) - 1);
    message = utf8_cut(message, sizeof(run->failure.message) - 1);
    memcpy(text, code.ptr, code.len);
    text[code.len] = '\0';
    return failure_fill(&run->failure, text, "%.*s", SLICE_ARG(message));
}

static int read_body(struct run *run, struct slice *output)
{
    struct graph_text text = {.text = run->result.body};
    struct json_ref body;
    if (graph_text_ref(&text, run->arena, &body) != 0)
        return text.out_of_memory
                   ? failure_fill(&run->failure, "too_large", "out of memory for the result")
                   : unreadable(run);
    if (json_type(body) != JSON_OBJECT)
        return unreadable(run);
    if (read_usage(run, body) != 0)
        return -1;
    return run->result.kind == 'c' ? read_output(run, body, output) : read_failure(run, body);
}

int run_take_back(struct run *run, struct slice *output)
{
    run->jq.timeout_ms = 0; /* that was the remote worker's */
    if (!run->came_back.ptr || task_result_read(run->came_back, &run->result) != 0)
        return failure_fill(&run->failure, "internal", "what came of its task is not there");
    switch (run->result.kind) {
    case 't':
        run->verdict.unknown = true; /* somebody may have begun it, and still be at it */
        return failure_fill(&run->failure, "timeout",
                            "node '%.*s' took longer than %" PRId64
                            " ms (outcome unknown: it may have had its effect)",
                            SLICE_ARG(run->node->id), run->node->timeout_ms);
    case 'l':
        run->verdict.unknown = true;
        return failure_fill(&run->failure, "worker_lost",
                            "%s lost while %s had it (outcome unknown: it may have had its effect)",
                            run->node->probe ? "a remote worker was"
                                             : "three remote workers in turn were",
                            run->node->probe ? "it" : "they");
    case 'z':
        return failure_fill(&run->failure, "too_large",
                            "the result has %.*s bytes, more than a worker may bring",
                            SLICE_ARG(run->result.body));
    default:
        return read_body(run, output);
    }
}

int run_take_said(struct run *run, const struct exec_said *said, struct slice *output)
{
    if (said->body.len > run->by->max_value_bytes)
        return failure_fill(&run->failure, "too_large",
                            "the output is larger than %zu bytes, which is the most here",
                            run->by->max_value_bytes);
    run->result = (struct task_result){.kind = said->kind, .worker = SLICE(""), .body = said->body};
    return read_body(run, output);
}
