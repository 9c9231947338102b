/* failure: why an execution failed, in words. */
#ifndef TROUPE_WORKER_FAILURE_H
#define TROUPE_WORKER_FAILURE_H

#include "base/attr.h"
#include "base/buf.h"
#include "graph/binding.h"
#include <stdint.h>

/* Fills the failure and returns -1. */
int failure_fill(struct graph_failure *failure, const char *code, const char *format, ...)
    PRINTF(3, 4);

/* {"code","message","node","attempt"}; node.ptr NULL (the hidden last token): null. `asked`: what the node
 * `probe` failed with, which could have told more; NULL: it did not. */
void failure_write_json(struct buf *out, const struct graph_failure *failure, struct slice node,
                        uint32_t attempt, bool unknown, const struct graph_failure *asked,
                        struct slice probe);

#endif
