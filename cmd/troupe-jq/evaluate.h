/* evaluate: one program over one input. */
#ifndef TROUPE_JQ_EVALUATE_H
#define TROUPE_JQ_EVALUATE_H

#include "jq/wire.h"
#include <jq.h>

/* What became of it; `text` is a jv string with as many bytes as the reply says. The caller frees it. */
struct outcome {
    struct jq_reply reply;
    jv text;
};

struct outcome evaluate(jq_state *state, const char *input, size_t bytes, uint64_t most_bytes);

#endif
