/* jq: programs in jq, run by a child process.
 *
 *   jq_run ──socketpair──> troupe-jq (libjq, compiled programs kept, no files, no network)
 *      │                       ▲
 *      └── too long: SIGKILL ──┘   the next call starts another
 *
 * libjq is nothing to have in one's own process: it aborts without memory, overflows its stack, can be
 * made to compute for ever, and reads the environment and modules for whoever asks. So a program,
 * troupe-jq, has it, and confines itself before it reads a request (cmd/troupe-jq/confine.h). What a
 * program in jq does to that process is an error of that one evaluation.
 *
 * The child is started by the first call that needs one and stays, so that programs are compiled once
 * (15 to 40 ms each; the 128 used last are kept). When it runs out of memory and had served others before, the
 * evaluation is tried once more by a new child: what others left behind does not count against it.
 *
 * A struct jq is used by one thread at a time, and as long as it lives only the thread that made the
 * first call may end last: the kernel ends the child with the thread that started it. Calls block, up
 * to limits.wall_ms and, when a child is to be started, some milliseconds more.
 */
#ifndef TROUPE_JQ_JQ_H
#define TROUPE_JQ_JQ_H

#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/slice.h"
#include <stddef.h>
#include <stdint.h>

struct jq;

#define JQ_TIME_MS 1000
#define JQ_WALL_MS 5000
#define JQ_MEMORY_BYTES ((size_t)512 << 20)

/* helper: path of troupe-jq, copied; NULL: beside the running program's own binary. memory_bytes: the
 * child's address space; 0: JQ_MEMORY_BYTES. Starts nothing. NULL without memory, with err. */
MUSTCHECK struct jq *jq_new(const char *helper, size_t memory_bytes, struct err *err);
void jq_free(struct jq *jq); /* ends the child; NULL is fine */

enum jq_fault {
    JQ_FAULT_NONE,
    JQ_FAULT_PROGRAM,     /* it does not compile: offset, line and column say where */
    JQ_FAULT_EXPRESSION,  /* it failed, crashed, or made no value or several */
    JQ_FAULT_TYPE,        /* a number, in or out, that jq does not keep exactly; NaN, infinity */
    JQ_FAULT_COST,        /* out of processor time or memory */
    JQ_FAULT_LATE,        /* out of wall-clock time */
    JQ_FAULT_TOO_LARGE,   /* the output, its nesting, or the program's text */
    JQ_FAULT_UNAVAILABLE, /* no child: there is no troupe-jq, or it cannot work here */
};

struct jq_error {
    enum jq_fault fault;
    size_t offset;         /* PROGRAM: of a byte of the program, from 0 */
    uint32_t line, column; /* the same, from 1; columns count code points */
    char message[500];     /* one line, in jq's words where it has some */
};

struct jq_limits {
    int64_t time_ms;     /* of processor time; 0: JQ_TIME_MS */
    int64_t wall_ms;     /* of wall-clock time; 0: JQ_WALL_MS, or time_ms when that is more */
    size_t output_bytes; /* 0: 16 MiB */
};

/* Compiles and keeps the program. 0, or -1 with *error. */
MUSTCHECK int jq_check(struct jq *jq, struct slice program, struct jq_error *error);

/* Runs the program on one JSON text and puts the one value that it makes, as JSON text, into out, which
 * is reset before. jq has doubles only, so an integer from 2^53 on in the input, or in the output, is
 * an error, whether or not the program looks at it; other numbers come out as doubles do (1.50 as 1.5,
 * 2.0 as 2). 0, or -1 with *error. */
MUSTCHECK int jq_run(struct jq *jq, struct slice program, struct slice input,
                     const struct jq_limits *limits, struct buf *out, struct jq_error *error);

struct jq_stats {
    uint64_t started;   /* children */
    uint64_t evaluated; /* by a child, with whatever result */
    int64_t child_pid;  /* 0: none now */
    int64_t cpu_us;     /* of evaluations, those excepted that ended their child */
};
void jq_stats(const struct jq *jq, struct jq_stats *stats);

#endif
