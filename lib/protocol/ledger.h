/* ledger: the records by which Redis tells Postgres (docs/protocol.md, "The ledger").
 *
 * Writers make the caller's part; the reader takes a whole entry's body apart into views. Decoding is
 * total: anything malformed, or left over, is an error, never skipped.
 */
#ifndef TROUPE_PROTOCOL_LEDGER_H
#define TROUPE_PROTOCOL_LEDGER_H

#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/slice.h"
#include <stdbool.h>
#include <stdint.h>

enum ledger_kind {
    LEDGER_START = 's',
    LEDGER_EXECUTION = 'x',
    LEDGER_OUTPUT = 'o',
    LEDGER_WAIT = 'w',
    LEDGER_CONTINUATION = 'n',
    LEDGER_COMMAND = 'k',
    LEDGER_DUPLICATE = 'd',
    LEDGER_REJECTED = 'r',
    LEDGER_TASK = 'g',
};

struct ledger_start {
    struct slice run, workflow, version, digest, input, labels, submitted_us, inbox_id, run_json;
    struct slice deadline_ms; /* unix ms; "0": none */
};
/* Of a `w` record whose token became a task: this, and its queue. */
#define LEDGER_TASK_REASON "task "
struct ledger_execution { /* x, o and w */
    struct slice run;
    struct slice node; /* decimal, or "o" */
    struct slice scope;
    uint32_t attempt;
    bool failed;
    bool skipped; /* by its `when`: was not executed */
    int64_t started_us, ended_us;
    struct slice worker;
    struct slice taken; /* '0'/'1' per outgoing edge; "b": a loop went back, none is decided */
    struct slice reason;
    struct slice output; /* JSON; len 0 when skipped, or failed and not handled */
    struct slice error;  /* JSON; len 0 unless failed */
    struct slice usage;  /* JSON object: what a remote worker says that it took; len 0: nothing */
};
struct ledger_command {
    struct slice run, kind, command_id, by;
};
struct ledger_duplicate {
    struct slice run, inbox_id;
};
struct ledger_rejected {
    struct slice run, inbox_id, reason, request;
};
/* Something happened to a task: claim, progress, lapse, release. Written by scripts. */
struct ledger_task {
    struct slice run, node, scope; /* node: decimal */
    uint32_t attempt;
    struct slice kind, worker;
    struct slice detail; /* progress: JSON; else len 0 */
};

/* The script's part of x, o, n. */
struct ledger_outcome {
    uint64_t event, number;
    int64_t delta;
    uint64_t first, last;
    char status; /* r c f x */
    struct slice joins;
};

struct ledger_record {
    enum ledger_kind kind;
    union {
        struct ledger_start start;
        struct ledger_execution execution;
        struct ledger_command command;
        struct ledger_duplicate duplicate;
        struct ledger_rejected rejected;
        struct ledger_task task;
        struct slice continuation_run;
    };
    struct ledger_outcome
        outcome; /* s: event, delta = counter; k: event, delta, status; g: event, number; others as is */
    struct slice caller_part; /* raw, for the event log */
    struct slice script_part;
};

void ledger_write_start(struct buf *out, const struct ledger_start *start);
void ledger_write_execution(struct buf *out, const struct ledger_execution *execution);
void ledger_write_continuation(struct buf *out, struct slice run);
void ledger_write_command(struct buf *out, const struct ledger_command *command);
void ledger_write_rejected(struct buf *out, const struct ledger_rejected *rejected);

/* At least as many as ledger_next can read from an entry's body; nothing is looked at but lengths. */
uint32_t ledger_count(struct slice body);
/* The next record of an entry's body: 1, 0 at the end, -1 (ERR_INTERNAL naming the offset). */
MUSTCHECK int ledger_next(struct slice body, size_t *at, struct ledger_record *record,
                          struct err *err);

struct ledger_join {
    bool fired; /* else skipped */
    uint32_t node;
    struct slice scope;
    uint64_t number;    /* fired: its token */
    struct slice marks; /* fired */
};
/* The joins of an outcome, one after the other: 1, 0 at the end, -1. `!open` is reported through
 * *open_joins. */
MUSTCHECK int ledger_next_join(struct slice joins, size_t *at, struct ledger_join *join,
                               bool *open_joins, struct err *err);

#endif
