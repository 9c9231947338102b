/* retry: sets of statuses, and when a server wants to be asked again. */
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
bool http_statuses_has(const struct http_statuses *statuses, int status);
/* 408, 425, 429, 500, 502, 503, 504: what may be otherwise the next time. */
struct http_statuses http_statuses_retried(void);
/* 200 to 299: what is expected unless said otherwise. */
struct http_statuses http_statuses_success(void);

/* Retry-After: seconds, or a date of RFC 9110 in any of its three forms. Milliseconds from now, 0 for
 * the past, -1 for what is neither. */
int64_t http_retry_after_ms(struct slice value, int64_t wall_us);

#endif
