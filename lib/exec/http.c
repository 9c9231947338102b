/* http: one call, from the node's config to its output {status, headers, body}. */
#include "base/clock.h"
#include "base/utf8.h"
#include "exec/http_node.h"

enum { ANSWER_SHOWN_BYTES = 200 };

struct job {
    struct http_node node;
    struct http_call *call;
    bool cancelled;
};

/* --- how it failed --- */

/* What of its effect nobody knows is marked, where it matters. */
static void end_failed(struct exec_task *task, const struct http_result *result)
{
    const struct job *job = task->job;
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
    const struct job *job = task->job;
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
    const struct job *job = task->job;
    const struct slice body = utf8_cut(buf_slice(&result->body), ANSWER_SHOWN_BYTES);
    end_failed(task, result);
    task->verdict.final = !http_statuses_has(&job->node.retry_on, result->status);
    if (!task->verdict.final)
        honour_retry_after(task, result);
    (void)exec_failed(task, "http", "%s answered %d%s%s%.*s", result->remote, result->status,
                      unknown_text(task), body.len > 0 ? ": " : "", SLICE_ARG(body));
}

/* --- the output --- */

static void write_base64(struct buf *out, struct slice bytes)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < bytes.len; i += 3) {
        uint32_t group = (uint32_t)(unsigned char)bytes.ptr[i] << 16;
        const size_t left = bytes.len - i;
        if (left > 1)
            group |= (uint32_t)(unsigned char)bytes.ptr[i + 1] << 8;
        if (left > 2)
            group |= (uint32_t)(unsigned char)bytes.ptr[i + 2];
        buf_char(out, digits[group >> 18]);
        buf_char(out, digits[group >> 12 & 63]);
        buf_char(out, left > 1 ? digits[group >> 6 & 63] : '=');
        buf_char(out, left > 2 ? digits[group & 63] : '=');
    }
}

static void write_bytes(struct buf *out, const struct http_content *content)
{
    buf_printf(out, "{\"binary\":true,\"length\":%zu,\"sha256\":\"%s\",\"content_type\":",
               content->bytes.len, content->sha256);
    json_write_string(out, slice_str(content->type));
    buf_str(out, ",\"base64\":\"");
    write_base64(out, content->bytes);
    buf_str(out, "\"}");
}

/* -1 when the answer is not what `response` says. */
static int write_body(struct exec_task *task, struct http_result *result, struct buf *out)
{
    const struct job *job = task->job;
    const struct slice type = http_headers_get(&result->headers, "content-type");
    const struct slice bytes = buf_slice(&result->body);
    struct http_content content;
    const bool as_json = job->node.response == RESPONSE_JSON && bytes.len > 0;
    if (job->node.response == RESPONSE_BASE64) {
        buf_char(out, '"');
        write_base64(out, bytes);
        buf_char(out, '"');
        return 0;
    }
    http_content_of(&content, as_json ? SLICE("application/json") : type, bytes,
                    task->max_value_bytes);
    if (job->node.response == RESPONSE_JSON && content.kind != HTTP_JSON)
        return exec_failed(task, "http", "%s answered %d with a body that is no JSON: %s",
                           result->remote, result->status,
                           content.problem[0] ? content.problem : "it is empty");
    if (job->node.response == RESPONSE_TEXT && content.kind == HTTP_BINARY)
        return exec_failed(task, "http", "%s answered %d with a body that is no text",
                           result->remote, result->status);
    if (content.kind == HTTP_BINARY)
        write_bytes(out, &content);
    else if (job->node.response == RESPONSE_TEXT && content.kind != HTTP_TEXT)
        json_write_string(out, content.kind == HTTP_EMPTY ? SLICE("") : content.bytes);
    else
        http_content_write_json(&content, out, task->arena);
    return 0;
}

static int write_output(struct exec_task *task, struct http_result *result)
{
    struct buf out;
    buf_init(&out, task->max_value_bytes);
    buf_printf(&out, "{\"status\":%d,\"headers\":", result->status);
    http_headers_write_json(&result->headers, &out);
    buf_str(&out, ",\"body\":");
    int rc = write_body(task, result, &out);
    buf_char(&out, '}');
    if (rc == 0 && buf_ok(&out) && json_text_depth(buf_slice(&out)) > json_default_limits.max_depth)
        rc = exec_failed(task, "too_large", "the answer is nested deeper than %u levels",
                         json_default_limits.max_depth - 1);
    else if (rc == 0 && buf_ok(&out))
        task->passed = arena_copy(task->arena, buf_slice(&out));
    if (rc == 0 && !task->passed.ptr)
        rc = exec_failed(task, "too_large",
                         "the answer is larger than %zu bytes, which is the most here",
                         task->max_value_bytes);
    buf_free(&out);
    return rc;
}

/* --- the call --- */

static void on_answer(void *context, struct http_result *result)
{
    struct exec_task *task = context;
    const struct job *job = task->job;
    if (job->cancelled) {
        end_failed(task, result);
        return;
    }
    if (result->code != HTTP_OK) {
        fail_call(task, result);
    } else if (!http_statuses_has(&job->node.expect, result->status)) {
        fail_status(task, result);
    } else if (write_output(task, result) != 0) {
        task->verdict.final = true; /* it is answered: the same again would be answered the same */
    }
    task->job = NULL;
    task->done(task);
}

static void cancel(struct exec_task *task)
{
    struct job *job = task->job;
    job->cancelled = true;
    http_call_cancel(job->call);
    task->job = NULL;
}

/* What is left of the node's time; 0: the client's default. */
static int64_t time_left_ms(const struct exec_task *task)
{
    const int64_t gone_ms = (task->now_us - task->started_us) / 1000;
    if (task->node->timeout_ms == 0)
        return 0;
    return task->node->timeout_ms > gone_ms ? task->node->timeout_ms - gone_ms : 1;
}

int exec_http(struct exec_task *task)
{
    struct err err = ERR_INIT;
    if (!task->host || !task->host->http)
        return exec_failed(task, "internal", "this process makes no calls");
    struct job *job = arena_zalloc(task->arena, sizeof(*job));
    if (!job)
        return exec_failed(task, "too_large", "http: out of memory for the call");
    if (http_node_read(task, &job->node) != 0)
        return -1;
    job->node.request.total_ms = time_left_ms(task);
    task->job = job;
    task->cancel = cancel;
    job->call = http_client_call(task->host->http, &job->node.request, on_answer, task, &err);
    if (job->call)
        return 0;
    task->job = NULL;
    task->verdict.final = err.code == ERR_USAGE;
    return exec_failed(task, err.code == ERR_USAGE ? "type" : "http", "http: %s", err.message);
}
