/* http_node: what an http node says, evaluated for one attempt. Internal to lib/exec.
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
    bool repeatable; /* a method that has the same effect when it comes twice */
};

/* -1 with the task's failure: `binding` and its like of the config, `type` for a value that does not fit. */
MUSTCHECK int http_node_read(struct exec_task *task, struct http_node *node);

#endif
