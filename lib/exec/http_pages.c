/* http_pages: a listing that is read page by page. */
#include "exec/http_node.h"
#include "http/identity.h"
#include "http/page.h"
#include <stdio.h>

enum { SCOPE_EXTRA = 16 };

/* What an expression makes of the page, as a document. */
static int evaluate(struct exec_task *task, const struct graph_expr *expr, struct graph_text *value,
                    struct json_ref *ref)
{
    struct buf text;
    buf_init(&text, task->max_value_bytes);
    int rc = graph_expr_write(expr, task->values, task->arena, &text, &task->failure);
    if (rc == 0) {
        *value = (struct graph_text){.text = arena_copy(task->arena, buf_slice(&text))};
        if (!buf_ok(&text) || !value->text.ptr || graph_text_ref(value, task->arena, ref) != 0)
            rc = exec_failed(task, "too_large", "%s: out of memory for it", expr->path);
    }
    buf_free(&text);
    return rc;
}

static int take_items(struct exec_task *task)
{
    struct http_job *job = task->job;
    const struct graph_expr *expr = task->node->pages->items;
    struct graph_text value;
    struct json_ref items = JSON_NONE;
    if (expr && evaluate(task, expr, &value, &items) != 0)
        return -1;
    if (!expr && graph_text_ref(&task->values->output, task->arena, &items) != 0)
        return exec_failed(task, "too_large", "http: out of memory for a page");
    if (!expr)
        items = json_member(items, SLICE("body"));
    if (!json_present(items) || json_type(items) != JSON_ARRAY)
        return exec_failed(task, "type", "page %u: %s must be a list, not %s", job->pages,
                           expr ? expr->path : "its body",
                           json_present(items) ? json_type_name(json_type(items)) : "nothing");
    struct json_iter it = json_iter(items);
    while (json_next(&it)) {
        if (job->items.len > 0)
            buf_char(&job->items, ',');
        json_minify(&job->items, it.value);
    }
    if (buf_ok(&job->items))
        return 0;
    return exec_failed(task, "too_large",
                       "the pages are larger than %zu bytes, which is the most here",
                       task->max_value_bytes);
}

/* As it stands there; ptr NULL: there is none. */
static int find_next(struct exec_task *task, const struct http_result *result, struct slice *next)
{
    const struct graph_expr *expr = task->node->pages->next;
    struct graph_text value;
    struct json_ref ref = JSON_NONE;
    if (!expr) {
        const struct slice link = http_headers_get(&result->headers, "link");
        *next = link.ptr ? http_link_next(link) : SLICE_NONE;
        return 0;
    }
    if (evaluate(task, expr, &value, &ref) != 0)
        return -1;
    if (!json_present(ref) || json_type(ref) == JSON_NULL)
        return 0;
    if (json_type(ref) != JSON_STRING)
        return exec_failed(task, "type", "%s must be a text or null, not %s", expr->path,
                           json_type_name(json_type(ref)));
    *next = json_string(ref, task->arena);
    return next->ptr ? 0 : exec_failed(task, "too_large", "%s: out of memory for it", expr->path);
}

/* next.ptr NULL: that was all. */
static int write_all(struct exec_task *task, const struct http_result *result, struct slice next)
{
    const struct http_job *job = task->job;
    struct buf out;
    buf_init(&out, task->max_value_bytes);
    buf_printf(&out, "{\"status\":%d,\"headers\":", result->status);
    http_headers_write_json(&result->headers, &out);
    buf_str(&out, ",\"body\":[");
    buf_slice_append(&out, buf_slice(&job->items));
    buf_printf(&out, "],\"pages\":%u,\"next\":", job->pages);
    if (next.ptr)
        json_write_string(&out, next);
    else
        buf_str(&out, "null");
    buf_char(&out, '}');
    task->passed = buf_ok(&out) ? arena_copy(task->arena, buf_slice(&out)) : SLICE_NONE;
    buf_free(&out);
    return task->passed.ptr
               ? 0
               : exec_failed(task, "too_large",
                             "the pages are larger than %zu bytes, which is the most here",
                             task->max_value_bytes);
}

static int absolute(struct exec_task *task, const struct http_result *result, struct slice *next)
{
    struct err err = ERR_INIT;
    const struct slice said = *next;
    if (http_page_url(slice_str(result->url), said, task->arena, next, &err) == 0)
        return 0;
    return exec_failed(task, err.code == ERR_REFUSED ? "rejected" : "http", "%s", err.message);
}

int http_pages_take(struct exec_task *task, struct http_result *result, struct slice *next)
{
    struct http_job *job = task->job;
    struct slice page;
    *next = SLICE_NONE;
    job->pages++;
    if (http_output(task, result, &page) != 0)
        return -1;
    task->values->output = (struct graph_text){.text = page};
    int rc = take_items(task);
    if (rc == 0)
        rc = find_next(task, result, next);
    task->values->output = (struct graph_text){.text = SLICE_NONE};
    if (rc == 0 && next->ptr)
        rc = absolute(task, result, next);
    if (rc != 0 || (next->ptr && job->pages < task->node->pages->max))
        return rc;
    rc = write_all(task, result, *next);
    *next = SLICE_NONE;
    return rc;
}

/* Another request has another key: servers refuse one key for two. */
int http_pages_turn(struct exec_task *task, struct slice next)
{
    struct http_job *job = task->job;
    struct http_request *request = &job->node.request;
    struct uuid run;
    char key[HTTP_IDEMPOTENCY_KEY_LEN + 1];
    char *scope = arena_alloc(task->arena, task->scope.len + SCOPE_EXTRA);
    struct http_pair *headers = arena_array(task->arena, request->header_count, sizeof(*headers));
    if (!scope || !headers || !uuid_parse(task->run_id, &run))
        return exec_failed(task, "too_large", "http: out of memory for a page");
    const int len = snprintf(scope, task->scope.len + SCOPE_EXTRA, "%.*s#%u",
                             SLICE_ARG(task->scope), job->pages + 1);
    const bool named =
        http_idempotency_key(&run, task->node->id, slice_of(scope, (size_t)len), key);
    const struct slice kept = named ? arena_copy(task->arena, slice_str(key)) : SLICE_NONE;
    if (!kept.ptr)
        return exec_failed(task, "too_large", "http: out of memory for a page");
    memcpy(headers, request->headers, request->header_count * sizeof(*headers));
    for (size_t i = 0; i < request->header_count; i++) {
        if (headers[i].name.ptr == job->node.key_name)
            headers[i].value = kept;
    }
    request->headers = headers;
    request->url = next;
    request->query_count = 0;
    return 0;
}
