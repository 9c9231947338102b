/* subprocess: one program, from the node's config to its output. */
#include "exec/subprocess.h"
#include "base/clock.h"
#include "base/log.h"
#include "http/body.h"
#include <inttypes.h>
#include <signal.h>
#include <string.h>

enum {
    TAIL_BYTES = 300,       /* of stderr in a message */
    LINES_PER_SECOND = 100, /* of stderr in the log, of one execution */
    OVERDUE_MS = 3000,      /* of who is deaf to SIGTERM: until then we end it ourselves */
    READ_BYTES = 256 << 20, /* as http's: for reading what it said */
};

/* --- its output --- */

static struct slice trimmed(struct slice text)
{
    while (text.len > 0 && strchr(" \t\r\n", text.ptr[text.len - 1]))
        text.len--;
    while (text.len > 0 && strchr(" \t\r\n", text.ptr[0]))
        text = slice_of(text.ptr + 1, text.len - 1);
    return text;
}

static int write_json(struct exec_task *task, struct slice said, struct buf *out)
{
    struct arena arena;
    struct json_doc doc;
    struct json_error error;
    int rc = 0;
    if (said.len == 0) {
        buf_str(out, "null");
        return 0;
    }
    arena_init(&arena, READ_BYTES);
    if (json_read(&arena, said, NULL, &doc, &error) == 0)
        json_minify(out, json_root(&doc));
    else
        rc = exec_failed(task, "exec", "stdout is no JSON: line %u, column %u: %s",
                         error.position.line, error.position.column, error.message);
    arena_free(&arena);
    return rc;
}

/* What stdout says, as JSON text in the task's arena. -1 with the task's failure. */
static int read_output(struct exec_task *task, const struct buf *output, struct slice *text)
{
    const struct subprocess_job *job = task->job;
    const struct slice said = buf_slice(output);
    struct buf out;
    int rc = 0;
    buf_init(&out, task->max_value_bytes);
    if (job->node.output == SUBPROCESS_JSON)
        rc = write_json(task, trimmed(said), &out);
    else if (memchr(said.ptr, '\0', said.len) || !http_is_utf8(said))
        rc = exec_failed(task, "exec", "stdout is no text in UTF-8");
    else
        json_write_string(&out, said);
    *text = rc == 0 && buf_ok(&out) ? arena_copy(task->arena, buf_slice(&out)) : SLICE_NONE;
    if (rc == 0 && !text->ptr)
        rc = exec_failed(task, "too_large",
                         "the output is larger than %zu bytes, which is the most here",
                         task->max_value_bytes);
    buf_free(&out);
    return rc;
}

/* --- what it says on the way --- */

/* The log is the machine's: no program may flood it. */
static void on_line(void *context, struct slice line)
{
    const struct exec_task *task = context;
    struct subprocess_job *job = task->job;
    const int64_t second = clock_mono_us(&clock_system) / 1000000;
    if (second != job->second) {
        job->second = second;
        job->lines = 0;
    }
    if (++job->lines > LINES_PER_SECOND) {
        job->unsaid++;
        return;
    }
    log_write(LOG_INFO, "stderr", LOG_B("run_id", task->run_id), LOG_B("node_id", task->node->id),
              LOG_I("attempt", task->attempt), LOG_B("line", line));
}

static void tell_unsaid(const struct exec_task *task)
{
    const struct subprocess_job *job = task->job;
    if (job->unsaid > 0)
        log_write(LOG_WARN, "lines of stderr were left out", LOG_B("run_id", task->run_id),
                  LOG_B("node_id", task->node->id), LOG_I("lines", job->unsaid));
}

/* --- how it failed --- */

static const char *unknown_text(const struct exec_task *task)
{
    return task->verdict.unknown ? " (outcome unknown: it may have had its effect)" : "";
}

static void fail_exit(struct exec_task *task, int code, struct slice tail)
{
    const struct subprocess_job *job = task->job;
    const struct slice own = job->node.codes && code > 0 && code < SUBPROCESS_EXIT_CODES
                                 ? job->node.codes[code]
                                 : SLICE_NONE;
    (void)exec_failed(task, own.ptr ? own.ptr : "exec", "%.100s: exit code %d%s%s%.*s",
                      job->node.name, code, unknown_text(task), tail.len > 0 ? ": " : "",
                      SLICE_ARG(tail));
}

static void fail_signal(struct exec_task *task, int number, struct slice tail)
{
    const struct subprocess_job *job = task->job;
    const char *name = sigabbrev_np(number);
    (void)exec_failed(task, "exec", "%.100s: ended by signal %d (SIG%s)%s%s%s%.*s", job->node.name,
                      number, name ? name : "?",
                      number == SIGXCPU ? ": more processor time than exec-limit-cpu" : "",
                      unknown_text(task), tail.len > 0 ? ": " : "", SLICE_ARG(tail));
}

static void fail(struct exec_task *task, const struct process_result *result)
{
    const struct subprocess_job *job = task->job;
    struct buf end;
    task->verdict.unknown = task->taken_over || (result->began && result->end != PROCESS_EXITED);
    task->verdict.final = !result->retriable;
    buf_init(&end, 0);
    said_write_end(result->errors, TAIL_BYTES, &end);
    const struct slice tail = buf_slice(&end);
    switch (result->end) {
    case PROCESS_EXITED:
        fail_exit(task, result->code, tail);
        break;
    case PROCESS_SIGNALLED:
        fail_signal(task, result->code, tail);
        break;
    case PROCESS_TIMED_OUT:
        (void)exec_failed(
            task, "timeout", "node '%.*s' took longer than %" PRId64 " ms%s%s%s%s%.*s",
            SLICE_ARG(task->node->id), task->node->timeout_ms, result->message[0] ? ": " : "",
            result->message, unknown_text(task), tail.len > 0 ? ": " : "", SLICE_ARG(tail));
        break;
    case PROCESS_TOO_LARGE:
        task->verdict.final = true;
        (void)exec_failed(task, "too_large",
                          "%.100s: stdout is larger than %zu bytes, which is the most here%s",
                          job->node.name, task->max_value_bytes, unknown_text(task));
        break;
    case PROCESS_NOT_STARTED:
        (void)exec_failed(task, "exec", "%s%s", result->message, unknown_text(task));
        break;
    }
    buf_free(&end);
}

/* --- the job --- */

static void on_done(void *context, struct process_result *result)
{
    struct exec_task *task = context;
    tell_unsaid(task);
    if (result->end != PROCESS_EXITED || result->code != 0) {
        fail(task, result);
    } else if (read_output(task, &result->output, &task->passed) != 0) {
        /* It did what it does: the same again would be said the same. */
        task->verdict.final = true;
        task->verdict.unknown = task->taken_over;
    }
    task->job = NULL;
    task->done(task);
}

static void cancel(struct exec_task *task)
{
    const struct subprocess_job *job = task->job;
    task->verdict.unknown = process_cancel(job->process) || task->taken_over;
    tell_unsaid(task);
    task->job = NULL;
}

/* What is left of the node's time; 0: there is no limit. */
static int64_t time_left_ms(const struct exec_task *task)
{
    const int64_t gone_ms = (task->now_us - task->started_us) / 1000;
    if (task->node->timeout_ms == 0)
        return 0;
    return task->node->timeout_ms > gone_ms ? task->node->timeout_ms - gone_ms : 1;
}

static int start(struct exec_task *task, struct subprocess_job *job)
{
    struct process_order *order = &job->node.order;
    struct err err = ERR_INIT;
    order->timeout_ms = time_left_ms(task);
    order->done = on_done;
    order->line = on_line;
    order->context = task;
    job->process = process_start(task->host->processes, order, &err);
    if (job->process)
        return 0;
    task->verdict.final = err.code != ERR_LIMIT;
    return exec_failed(task,
                       err.code == ERR_REFUSED ? "rejected"
                       : err.code == ERR_LIMIT ? "too_large"
                                               : "exec",
                       "exec: %s", err.message);
}

int exec_subprocess(struct exec_task *task)
{
    task->verdict.unknown = task->taken_over; /* should it fail before it begins */
    if (!task->host)
        return exec_failed(task, "internal", "this process runs no programs");
    struct subprocess_job *job = arena_zalloc(task->arena, sizeof(*job));
    if (!job)
        return exec_failed(task, "too_large", "exec: out of memory for it");
    if (subprocess_read(task, &job->node) != 0 || start(task, job) != 0)
        return -1;
    task->verdict.unknown = false;
    task->overdue_ms = OVERDUE_MS;
    task->job = job;
    task->cancel = cancel;
    return 0;
}
