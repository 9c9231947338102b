/* wire: what a program and its troupe-jq say to each other, over a socketpair.
 *
 * Internal to lib/jq and cmd/troupe-jq, which are built together and run on one machine: numbers are
 * the host's. Once confined the child says READY; then each request gets one reply.
 *
 *   request  struct jq_request, program, input          (in that order, without terminators)
 *   reply    struct jq_reply, `bytes` of text
 *
 * JQ_WIRE_VERSION is raised with every change here; READY carries it, so that a program and a child
 * of different installations part at once.
 */
#ifndef TROUPE_JQ_WIRE_H
#define TROUPE_JQ_WIRE_H

#include <stdint.h>

#define JQ_WIRE_VERSION 1u
#define JQ_PROGRAM_MAX_BYTES (256u << 10)
/* The child counts a program's values up to here. */
#define JQ_VALUES_COUNTED 1000u

enum jq_request_kind { JQ_REQUEST_CHECK = 1, JQ_REQUEST_RUN };

struct jq_request {
    uint32_t kind;
    uint32_t program_bytes;
    uint32_t input_bytes; /* CHECK: 0 */
    uint32_t cpu_seconds; /* a backstop: the parent watches the clock */
    uint64_t output_max_bytes;
};

enum jq_reply_status {
    JQ_REPLY_READY = 1, /* number: JQ_WIRE_VERSION */
    JQ_REPLY_BROKEN,    /* text: why it cannot work at all; the child ends */
    JQ_REPLY_VALUE,     /* text: the one value (CHECK: none) */
    JQ_REPLY_COUNT,     /* number: how many values; above JQ_VALUES_COUNTED: it did not go on */
    JQ_REPLY_ERROR,     /* text: what the program failed with */
    JQ_REPLY_INVALID,   /* text: why it does not compile; number: at which byte */
    JQ_REPLY_MEMORY,    /* the child ends */
    JQ_REPLY_TOO_LARGE, /* number: bytes of the value */
    JQ_REPLY_NUMBER,    /* the value holds a NaN or an infinity */
};

struct jq_reply {
    uint32_t status;
    uint32_t bytes;
    uint64_t number;
};

#endif
