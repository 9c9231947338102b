/* http_node: an http node's call, from what its config says to its output. Internal to lib/exec.
 *
 * Everything that lasts until the answer is in the task's arena.
 */
#ifndef TROUPE_EXEC_HTTP_NODE_H
#define TROUPE_EXEC_HTTP_NODE_H

#include "exec/executors.h"
#include "http/body.h"
#include "http/retry.h"

enum http_node_response { RESPONSE_AUTO, RESPONSE_JSON, RESPONSE_TEXT, RESPONSE_BASE64 };

struct http_node {
    struct http_request request;
    struct http_statuses expect, retry_on;
    int64_t max_retry_after_ms;
    enum http_node_response response;
    const char *key_name; /* name.ptr of our own Idempotency-Key; NULL: the definition has one */
    bool repeatable;      /* a method that has the same effect when it comes twice */
};

struct http_job {
    struct http_node node;
    struct http_call *call;
    bool cancelled;
    int64_t began_us; /* monotonic: when the execution did */

    /* of a listing */
    struct buf items; /* of all pages so far, without brackets; the heap's */
    uint32_t pages;
};

/* -1 with the task's failure: `binding` and its like of the config, `type` for a value that does not fit. */
MUSTCHECK int http_node_read(struct exec_task *task, struct http_node *node);

/* {status, headers, body} into the task's arena. -1 with the task's failure: the body is not what
 * `response` says, or too large. */
MUSTCHECK int http_output(struct exec_task *task, struct http_result *result, struct slice *text);

/* A page came: takes its items. *next: the URL of the page that is to be read now; ptr NULL: that was
 * all, and task->passed is the output. -1 with the task's failure. */
MUSTCHECK int http_pages_take(struct exec_task *task, struct http_result *result,
                              struct slice *next);
/* Makes it the request's, with an Idempotency-Key of its own. -1 with the task's failure. */
MUSTCHECK int http_pages_turn(struct exec_task *task, struct slice next);

#endif
