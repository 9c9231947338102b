/* retry: sets of statuses, and whether and when a call is made again.
 */
#ifndef TROUPE_HTTP_RETRY_H
#define TROUPE_HTTP_RETRY_H

#include "base/attr.h"
#include "base/err.h"
#include "base/json.h"
#include "base/slice.h"
#include <stdbool.h>
#include <stdint.h>

/* Statuses 100 to 599. */
struct http_statuses {
    uint64_t bits[10];
};

/* 200, "404", "5xx", "200-204", or a list of those. ERR_INVALID names what is none. */
MUSTCHECK int http_statuses_read(struct http_statuses *statuses, struct json_ref value,
                                 struct err *err);
void http_statuses_add(struct http_statuses *statuses, int first, int last);
bool http_statuses_has(const struct http_statuses *statuses, int status);
/* 408, 425, 429, 500, 502, 503, 504: what may be otherwise the next time. */
struct http_statuses http_statuses_retried(void);
/* 200 to 299: what is expected unless said otherwise. */
struct http_statuses http_statuses_success(void);

struct http_retry_policy {
    struct http_statuses statuses;
    uint32_t max_attempts; /* the first counts */
    int64_t backoff_ms;    /* before the second attempt */
    double multiplier;     /* of it from attempt to attempt; below 1 is 1 */
    int64_t max_backoff_ms;
    double jitter;              /* 0 to 1: that part of the wait is random, downwards */
    int64_t max_retry_after_ms; /* a server that asks for more is not asked again */
};

/* Milliseconds to wait after attempt number `attempt` (from 1), or -1: give up. status: the answer's,
 * 0 for a call that failed with `retriable`. retry_after: that header or SLICE_NONE; the wait is never
 * shorter than it says, for any status that is retried. random: any 64 bits. */
int64_t http_retry_wait_ms(const struct http_retry_policy *policy, int status, bool retriable,
                           uint32_t attempt, struct slice retry_after, int64_t wall_us,
                           uint64_t random);

/* Retry-After: seconds, or a date of RFC 9110 in any of its three forms. Milliseconds from now, 0 for
 * the past, -1 for what is neither. */
int64_t http_retry_after_ms(struct slice value, int64_t wall_us);

#endif
