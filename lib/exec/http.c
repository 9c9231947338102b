/* http: one call, from the node's config to its output {status, headers, body}. */
#include "base/clock.h"
#include "base/utf8.h"
#include "exec/http_node.h"

enum { ANSWER_SHOWN_BYTES = 200 };

/* --- how it failed --- */

/* What of its effect nobody knows is marked, where it matters. */
static void end_failed(struct exec_task *task, const struct http_result *result)
{
    const struct http_job *job = task->job;
    const bool lost = result->code != HTTP_OK && result->outcome == HTTP_UNKNOWN;
    task->verdict.unknown = !job->node.repeatable && (lost || task->taken_over);
}

static const char *unknown_text(const struct exec_task *task)
{
    return task->verdict.unknown ? " (outcome unknown: it may have had its effect)" : "";
}

/* A server that asks for more time than config allows is not asked again. */
static void honour_retry_after(struct exec_task *task, const struct http_result *result)
{
    const struct http_job *job = task->job;
    const struct slice value = http_headers_get(&result->headers, "retry-after");
    const int64_t wait_ms =
        value.ptr ? http_retry_after_ms(value, clock_wall_us(&clock_system)) : 0;
    if (wait_ms > job->node.max_retry_after_ms)
        task->verdict.final = true;
    else if (wait_ms > 0)
        task->verdict.retry_after_ms = wait_ms;
}

static void fail_call(struct exec_task *task, const struct http_result *result)
{
    const bool denied = result->code == HTTP_DENIED;
    end_failed(task, result);
    task->verdict.final = !result->retriable;
    (void)exec_failed(task, denied ? "rejected" : http_code_name(result->code), "%s%s",
                      result->message, unknown_text(task));
}

static void fail_status(struct exec_task *task, const struct http_result *result)
{
    const struct http_job *job = task->job;
    struct buf clean;
    buf_init(&clean, 0);
    /* Before it is cut: of a secret that is cut in two nothing may stay. */
    redact_text(&task->values->resolved, buf_slice(&result->body), false, &clean);
    const struct slice body =
        buf_ok(&clean) ? utf8_cut(buf_slice(&clean), ANSWER_SHOWN_BYTES) : SLICE("");
    end_failed(task, result);
    task->verdict.final = !http_statuses_has(&job->node.retry_on, result->status);
    if (!task->verdict.final)
        honour_retry_after(task, result);
    (void)exec_failed(task, "http", "%s answered %d%s%s%.*s", result->remote, result->status,
                      unknown_text(task), body.len > 0 ? ": " : "", SLICE_ARG(body));
    buf_free(&clean);
}

/* --- secrets --- */

/* What an answer echoes does not become an output. Before this, pages are looked at as they are: the
 * next one's URL may need it. */
static int redact_output(struct exec_task *task)
{
    const struct redact *redact = &task->values->resolved;
    struct graph_text text = {.text = task->passed};
    struct json_ref ref;
    struct buf clean;
    if (!redact->first || !task->passed.ptr)
        return 0;
    if (graph_text_ref(&text, task->arena, &ref) != 0)
        return exec_failed(task, "too_large", "http: out of memory to look for secrets");
    buf_init(&clean, task->max_value_bytes);
    redact_json(redact, ref, task->arena, &clean);
    task->passed = buf_ok(&clean) ? arena_copy(task->arena, buf_slice(&clean)) : SLICE_NONE;
    buf_free(&clean);
    return task->passed.ptr
               ? 0
               : exec_failed(task, "too_large",
                             "the answer without secrets is larger than %zu bytes, which is the "
                             "most here",
                             task->max_value_bytes);
}

static void redact_failure(struct exec_task *task)
{
    redact_message(&task->values->resolved, task->failure.message, sizeof(task->failure.message));
}

/* --- the call --- */

static void on_answer(void *context, struct http_result *result);

static void end(struct exec_task *task)
{
    struct http_job *job = task->job;
    buf_free(&job->items);
    task->job = NULL;
}

/* What is left of the node's time; 0: the client's default. */
static int64_t time_left_ms(const struct exec_task *task)
{
    const int64_t gone_ms =
        (clock_mono_us(&clock_system) - ((struct http_job *)task->job)->began_us) / 1000;
    if (task->node->timeout_ms == 0)
        return 0;
    return task->node->timeout_ms > gone_ms ? task->node->timeout_ms - gone_ms : 1;
}

static int call(struct exec_task *task)
{
    struct http_job *job = task->job;
    struct err err = ERR_INIT;
    job->node.request.total_ms = time_left_ms(task);
    job->call = http_client_call(task->host->http, &job->node.request, on_answer, task, &err);
    if (job->call)
        return 0;
    task->verdict.final = err.code == ERR_USAGE;
    return exec_failed(task, err.code == ERR_USAGE ? "type" : "http", "http: %s", err.message);
}

/* True when there is another page to wait for. Once it is answered, the same again would be answered the
 * same. */
static bool take_answer(struct exec_task *task, struct http_result *result)
{
    struct slice next = SLICE_NONE;
    const int rc = task->node->pages ? http_pages_take(task, result, &next)
                                     : http_output(task, result, &task->passed);
    task->verdict.final = rc != 0;
    return rc == 0 && next.ptr && http_pages_turn(task, next) == 0 && call(task) == 0;
}

static void on_answer(void *context, struct http_result *result)
{
    struct exec_task *task = context;
    const struct http_job *job = task->job;
    if (job->cancelled) {
        end_failed(task, result);
        return;
    }
    if (result->code != HTTP_OK) {
        fail_call(task, result);
    } else if (!http_statuses_has(&job->node.expect, result->status)) {
        fail_status(task, result);
    } else if (take_answer(task, result)) {
        return;
    } else if (redact_output(task) != 0) {
        task->verdict.final = true;
    }
    redact_failure(task);
    end(task);
    task->done(task);
}

static void cancel(struct exec_task *task)
{
    struct http_job *job = task->job;
    job->cancelled = true;
    http_call_cancel(job->call);
    end(task);
}

static int begin(struct exec_task *task)
{
    struct http_job *job = arena_zalloc(task->arena, sizeof(*job));
    if (!job)
        return exec_failed(task, "too_large", "http: out of memory for the call");
    if (http_node_read(task, &job->node) != 0)
        return -1;
    buf_init(&job->items, task->max_value_bytes);
    job->began_us = clock_mono_us(&clock_system) - (task->now_us - task->started_us);
    task->job = job;
    task->cancel = cancel;
    if (call(task) == 0)
        return 0;
    end(task);
    return -1;
}

int exec_http(struct exec_task *task)
{
    if (!task->host || !task->host->http)
        return exec_failed(task, "internal", "this process makes no calls");
    task->values->secrets = task->host->secrets;
    if (begin(task) == 0)
        return 0;
    redact_failure(task);
    return -1;
}
