/* identity: what a call says about the execution that makes it.
 */
#ifndef TROUPE_HTTP_IDENTITY_H
#define TROUPE_HTTP_IDENTITY_H

#include "base/attr.h"
#include "base/slice.h"
#include "base/uuid7.h"
#include <stdbool.h>
#include <stdint.h>

#define HTTP_IDEMPOTENCY_KEY_LEN 32
#define HTTP_TRACEPARENT_LEN 55

/* Idempotency-Key: the same for every attempt of one execution, another for any other; 128 bits of
 * SHA-256 in hex over version, run, node and scope, each behind its length. NUL-terminated. false: no memory. */
MUSTCHECK bool http_idempotency_key(const struct uuid *run, struct slice node, struct slice scope,
                                    char key[HTTP_IDEMPOTENCY_KEY_LEN + 1]);

/* traceparent of W3C's Trace Context, version 00, sampled: the trace id is the run's id (so all calls
 * of a run are one trace), the parent id is made from run, node, scope and attempt. */
MUSTCHECK bool http_traceparent(const struct uuid *run, struct slice node, struct slice scope,
                                uint32_t attempt, char text[HTTP_TRACEPARENT_LEN + 1]);

#endif
