/* http_node: from config to a request. */
#include "exec/http_node.h"
#include "base/utf8.h"
#include "exec/config.h"
#include "http/identity.h"
#include "http/signature.h"
#include <stdio.h>
#include <strings.h>

enum {
    MAX_RETRY_AFTER_MS = 3600000,
    HEADER_BYTES = 65536, /* of a content type, of a signature: more is refused anyway */
    OWN_HEADERS = 3,
};

static int misfit(struct exec_task *task, const struct err *err)
{
    task->verdict.final = true;
    return exec_failed(task, err->code == ERR_LIMIT ? "too_large" : "type", "http: %s",
                       err->message);
}

static const char *part_name(unsigned part) { return http_part_name((enum graph_http_part)part); }

/* --- its parts --- */

struct reading {
    struct exec_task *task;
    struct json_ref config;
    struct http_node *node;
    struct err err;
};

/* JSON_NONE when it is absent; null counts as that: a binding may say so. */
static struct json_ref part(const struct reading *reading, enum graph_http_part which)
{
    struct json_ref value = json_member(reading->config, slice_str(http_part_name(which)));
    return json_present(value) && json_type(value) == JSON_NULL ? JSON_NONE : value;
}

/* ptr NULL when absent. */
static int read_string(struct reading *reading, enum graph_http_part which, struct slice *text)
{
    struct json_ref value = part(reading, which);
    *text = SLICE_NONE;
    if (!json_present(value))
        return 0;
    if (json_type(value) != JSON_STRING)
        return err_set(&reading->err, ERR_INVALID, "%s must be a string, not %s",
                       http_part_name(which), json_type_name(json_type(value)));
    *text = json_string(value, reading->task->arena);
    return text->ptr ? 0 : err_set(&reading->err, ERR_LIMIT, "out of memory");
}

static int read_integer(struct reading *reading, enum graph_http_part which, int64_t least,
                        int64_t *number)
{
    struct json_ref value = part(reading, which);
    if (!json_present(value))
        return 0;
    if (json_type(value) == JSON_NUMBER && json_int(value, number) && *number >= least &&
        *number <= INT32_MAX)
        return 0;
    return err_set(&reading->err, ERR_INVALID, "%s must be a whole number, %d to %d",
                   http_part_name(which), (int)least, (int)INT32_MAX);
}

static int read_statuses(struct reading *reading, enum graph_http_part which,
                         struct http_statuses *statuses)
{
    struct json_ref value = part(reading, which);
    struct err why = ERR_INIT;
    if (!json_present(value))
        return 0;
    *statuses = (struct http_statuses){{0}};
    if (http_statuses_read(statuses, value, &why) == 0)
        return 0;
    return err_set(&reading->err, why.code, "%s: %s", http_part_name(which), why.message);
}

/* Copied: an array with room for our own headers behind it. */
static int read_pairs(struct reading *reading, enum graph_http_part which, size_t more,
                      struct http_pair **pairs, size_t *count)
{
    struct json_ref value = part(reading, which);
    struct http_pair *read = NULL;
    *count = 0;
    if (json_present(value) && http_pairs_of(value, http_part_name(which), reading->task->arena,
                                             &read, count, &reading->err) != 0)
        return -1;
    *pairs = arena_array(reading->task->arena, *count + more, sizeof(**pairs));
    if (!*pairs)
        return err_set(&reading->err, ERR_LIMIT, "out of memory");
    if (*count > 0)
        memcpy(*pairs, read, *count * sizeof(**pairs));
    return 0;
}

static bool is_any_of(struct slice method, const char *const *names)
{
    for (; *names; names++) {
        if (http_name_eq(method, *names))
            return true;
    }
    return false;
}

static int read_body(struct reading *reading)
{
    struct arena *arena = reading->task->arena;
    struct http_request *request = &reading->node->request;
    struct json_ref value = json_member(reading->config, SLICE("body")); /* null is a body */
    enum http_body_kind kind = HTTP_BODY_JSON;
    struct slice name;
    struct buf body, type;
    if (read_string(reading, HTTP_PART_BODY_TYPE, &name) != 0)
        return -1;
    if (name.ptr && !http_body_kind_parse(name, &kind))
        return err_set(&reading->err, ERR_INVALID,
                       "body_type must be json, form, multipart or raw");
    if (!json_present(value))
        return 0;
    buf_init(&body, reading->task->max_value_bytes);
    buf_init(&type, HEADER_BYTES);
    int rc = http_body_write(kind, value, arena, &body, &type, &reading->err);
    if (rc == 0) {
        request->body = arena_copy(arena, buf_slice(&body));
        request->content_type = type.len > 0 ? arena_copy(arena, buf_slice(&type)) : SLICE_NONE;
        if (!request->body.ptr || (type.len > 0 && !request->content_type.ptr))
            rc = err_set(&reading->err, ERR_LIMIT, "out of memory for the body");
    }
    buf_free(&body);
    buf_free(&type);
    return rc;
}

/* --- what a call says about its execution --- */

static bool has_header(const struct http_request *request, const char *name)
{
    for (size_t i = 0; i < request->header_count; i++) {
        if (http_name_eq(request->headers[i].name, name))
            return true;
    }
    return false;
}

/* Unless the definition has one of that name. `headers` has room. */
static int add_header(struct reading *reading, struct http_pair *headers, const char *lower,
                      const char *name, struct slice value)
{
    struct http_request *request = &reading->node->request;
    if (has_header(request, lower))
        return 0;
    const struct slice kept = arena_copy(reading->task->arena, value);
    if (!kept.ptr)
        return err_set(&reading->err, ERR_LIMIT, "out of memory");
    headers[request->header_count++] = (struct http_pair){slice_str(name), kept};
    return 0;
}

static int sign(struct reading *reading, struct http_pair *headers)
{
    const struct exec_task *task = reading->task;
    struct json_ref signature = part(reading, HTTP_PART_SIGNATURE);
    struct buf text;
    if (!json_present(signature))
        return 0;
    struct json_ref value =
        json_type(signature) == JSON_OBJECT ? json_member(signature, SLICE("secret")) : JSON_NONE;
    const struct slice secret = json_present(value) && json_type(value) == JSON_STRING
                                    ? json_string(value, task->arena)
                                    : SLICE_NONE;
    if (secret.len == 0)
        return err_set(&reading->err, ERR_INVALID,
                       "signature.secret must be a text that is not empty");
    const struct slice body = reading->node->request.body;
    buf_init(&text, HEADER_BYTES);
    http_signature_write(&text, secret, body.ptr ? body : SLICE(""), task->now_us / 1000000);
    const int rc = buf_ok(&text) ? add_header(reading, headers, "x-troupe-signature",
                                              HTTP_SIGNATURE_HEADER, buf_slice(&text))
                                 : err_set(&reading->err, ERR_LIMIT, "out of memory to sign");
    buf_free(&text);
    return rc;
}

static int read_headers(struct reading *reading)
{
    static const char key_name[] = "Idempotency-Key";
    const struct exec_task *task = reading->task;
    struct http_request *request = &reading->node->request;
    struct http_pair *headers;
    char key[HTTP_IDEMPOTENCY_KEY_LEN + 1], trace[HTTP_TRACEPARENT_LEN + 1];
    struct uuid run;
    if (read_pairs(reading, HTTP_PART_HEADERS, OWN_HEADERS, &headers, &request->header_count) != 0)
        return -1;
    request->headers = headers;
    if (!uuid_parse(task->run_id, &run))
        return err_set(&reading->err, ERR_INTERNAL, "the run's id is no UUID");
    if (!http_idempotency_key(&run, task->node->id, task->scope, key) ||
        !http_traceparent(&run, task->node->id, task->scope, task->attempt, trace))
        return err_set(&reading->err, ERR_LIMIT, "out of memory");
    if (!has_header(request, "idempotency-key"))
        reading->node->key_name = key_name;
    if (add_header(reading, headers, "idempotency-key", key_name, slice_str(key)) != 0 ||
        add_header(reading, headers, "traceparent", "traceparent", slice_str(trace)) != 0)
        return -1;
    return sign(reading, headers);
}

/* --- the whole --- */

static int read_method(struct reading *reading)
{
    static const char *const repeatable[] = {"get", "head", "options", "put", "delete", NULL};
    static const char *const listing[] = {"get", NULL};
    struct http_request *request = &reading->node->request;
    if (read_string(reading, HTTP_PART_METHOD, &request->method) != 0)
        return -1;
    if (!request->method.ptr)
        request->method = request->body.ptr ? SLICE("POST") : SLICE("GET");
    reading->node->repeatable = is_any_of(request->method, repeatable);
    if (reading->task->node->pages && !is_any_of(request->method, listing))
        return err_set(&reading->err, ERR_INVALID, "pages are read by GET, not by %.*s",
                       SLICE_ARG(utf8_cut(request->method, 40)));
    /* They all have an Idempotency-Key; but who is probed may be sent to somebody who does not know it:
     * never twice without asking. */
    request->fresh = reading->task->node->probe && !reading->node->repeatable;
    request->may_resend = !request->fresh;
    return 0;
}

static int read_limits(struct reading *reading)
{
    struct http_node *node = reading->node;
    int64_t redirects = 0;
    node->max_retry_after_ms = MAX_RETRY_AFTER_MS;
    if (read_integer(reading, HTTP_PART_MAX_RETRY_AFTER_MS, 0, &node->max_retry_after_ms) != 0 ||
        read_integer(reading, HTTP_PART_CONNECT_MS, 1, &node->request.connect_ms) != 0 ||
        read_integer(reading, HTTP_PART_FIRST_BYTE_MS, 1, &node->request.first_byte_ms) != 0)
        return -1;
    if (json_present(part(reading, HTTP_PART_MAX_REDIRECTS))) {
        if (read_integer(reading, HTTP_PART_MAX_REDIRECTS, 0, &redirects) != 0)
            return -1;
        node->request.max_redirects = redirects > 0 ? (int32_t)redirects : -1;
    }
    node->expect = http_statuses_success();
    node->retry_on = http_statuses_retried();
    return read_statuses(reading, HTTP_PART_EXPECT, &node->expect) != 0
               ? -1
               : read_statuses(reading, HTTP_PART_RETRY_ON, &node->retry_on);
}

static int read_response(struct reading *reading)
{
    static const char *const names[] = {"auto", "json", "text", "base64"};
    struct slice name;
    if (read_string(reading, HTTP_PART_RESPONSE, &name) != 0)
        return -1;
    for (size_t i = 0; name.ptr && i < ARRAY_LEN(names); i++) {
        if (slice_eq_str(name, names[i]))
            reading->node->response = (enum http_node_response)i;
    }
    return 0;
}

int http_node_read(struct exec_task *task, struct http_node *node)
{
    struct reading reading = {.task = task, .node = node, .err = ERR_INIT};
    const struct exec_config config = {"http", task->node->http, part_name, HTTP_PART_COUNT};
    struct graph_text text;
    struct http_pair *query;
    *node = (struct http_node){.repeatable = false};
    if (exec_config_read(task, &config, &text, &reading.config) != 0)
        return -1;
    if (read_string(&reading, HTTP_PART_URL, &node->request.url) != 0 ||
        read_pairs(&reading, HTTP_PART_QUERY, 0, &query, &node->request.query_count) != 0 ||
        read_body(&reading) != 0 || read_method(&reading) != 0 || read_headers(&reading) != 0 ||
        read_limits(&reading) != 0 || read_response(&reading) != 0)
        return misfit(task, &reading.err);
    if (!node->request.url.ptr) {
        (void)err_set(&reading.err, ERR_INVALID, "url is null");
        return misfit(task, &reading.err);
    }
    node->request.query = query;
    return 0;
}
