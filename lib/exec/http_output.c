/* http_output: from an answer to the node's output. */
#include "exec/http_node.h"

/* -1 when the answer is not what `response` says. */
static int write_body(struct exec_task *task, struct http_result *result, struct buf *out)
{
    const struct http_job *job = task->job;
    const struct slice type = http_headers_get(&result->headers, "content-type");
    const struct slice bytes = buf_slice(&result->body);
    struct http_content content;
    const bool as_json = job->node.response == RESPONSE_JSON && bytes.len > 0;
    if (job->node.response == RESPONSE_BASE64) {
        buf_char(out, '"');
        http_write_base64(out, bytes);
        buf_char(out, '"');
        return 0;
    }
    http_content_of(&content, as_json ? SLICE("application/json") : type, bytes);
    if (job->node.response == RESPONSE_JSON && content.kind != HTTP_JSON)
        return exec_failed(task, "http", "%s answered %d with a body that is no JSON: %s",
                           result->remote, result->status,
                           content.problem[0] ? content.problem : "it is empty");
    if (job->node.response == RESPONSE_TEXT && content.kind == HTTP_BINARY)
        return exec_failed(task, "http", "%s answered %d with a body that is no text",
                           result->remote, result->status);
    if (job->node.response == RESPONSE_TEXT && content.kind != HTTP_TEXT)
        json_write_string(out, content.kind == HTTP_EMPTY ? SLICE("") : content.bytes);
    else
        http_content_write_json(&content, out, task->arena);
    return 0;
}

int http_output(struct exec_task *task, struct http_result *result, struct slice *text)
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
        *text = arena_copy(task->arena, buf_slice(&out));
    if (rc == 0 && !text->ptr)
        rc = exec_failed(task, "too_large",
                         "the answer is larger than %zu bytes, which is the most here",
                         task->max_value_bytes);
    buf_free(&out);
    return rc;
}
