/* calls: the script calls of docs/protocol.md, typed.
 *
 * A builder fills a command; a reader takes a reply apart into views that live as long as the reply.
 * Every reply begins with a word: call_status tells what it means for the caller.
 */
#ifndef TROUPE_PROTOCOL_CALLS_H
#define TROUPE_PROTOCOL_CALLS_H

#include "base/attr.h"
#include "base/err.h"
#include "base/slice.h"
#include "graph/graph.h"
#include "protocol/command.h"
#include "protocol/ledger.h"
#include <hiredis/hiredis.h>
#include <stdint.h>

enum call_status {
    CALL_OK,
    CALL_EPOCH,   /* the partition has another epoch: read it again, say hello */
    CALL_SESSION, /* somebody said hello under this name after us: say hello */
    CALL_HOLD,    /* the partition is held: wait */
    CALL_REFUSED, /* an error reply: `err` says which (memory, permission, script error) */
    CALL_LOST,    /* no reply: unknown outcome */
};

/* *redis_us is set for CALL_OK. Fills err for CALL_REFUSED and CALL_LOST. */
enum call_status call_status(const redisReply *reply, int64_t *redis_us, struct err *err);

struct call_queues {
    const struct slice *names;
    uint32_t count;
};
/* False when it is none of them. */
bool call_queues_find(struct call_queues queues, struct slice name, uint32_t *index);

/* --- start --- */

struct start_run {
    const struct graph *graph;
    uint32_t incarnation;
    int64_t not_after_ms;       /* Redis' clock */
    struct ledger_start record; /* run, workflow, version, digest, input, labels, …, run_json */
};
/* In this order: begin, count × (run, executed × (settle_token, op*, (step, op*)*)). */
void start_begin(struct command *command, uint16_t partition, struct slice epoch,
                 struct call_queues queues, uint32_t count);
/* The same with a limit above which values stand beside their run (beside.h). */
void start_begin_limited(struct command *command, uint16_t partition, struct slice epoch,
                         size_t inline_bytes, struct call_queues queues, uint32_t count);
/* executed: of how many entry tokens it follows what came of them; they are numbered from 1, in the order of
 * graph->entries. */
void start_run(struct command *command, const struct start_run *run, uint32_t executed);
/* EXECUTED: started, and all entry tokens are settled. */
enum start_result { START_STARTED, START_EXECUTED, START_EXISTS, START_ENDED, START_LATE };
MUSTCHECK int start_read(const redisReply *reply, uint32_t index, enum start_result *result);

/* The value of the name `run`: {"id","workflow","version","started_at","labels"}. */
void start_write_run_json(struct buf *out, struct slice run, struct slice workflow, int64_t version,
                          int64_t started_us, struct slice labels);

/* --- settle and claims --- */

#define SETTLE_BUDGET 512 /* operations of a call */

struct settle_head {
    uint16_t partition;
    struct slice epoch, consumer, session;
    uint32_t budget;     /* 0: SETTLE_BUDGET */
    size_t inline_bytes; /* larger values stand beside their run (beside.h); 0: above 4 KiB */
    uint32_t want;       /* claims wished for */
    uint32_t keep;       /* how many of them may be successors of what is settled; at most want */
    struct call_queues queues;
};
/* In this order: begin, adopt*, tokens(n), n × (token, op*, (step, op*)*). */
void settle_begin(struct command *command, const struct settle_head *head, uint32_t adopt_count);
void settle_adopt(struct command *command, uint32_t queue, struct slice entry_id);
void settle_tokens(struct command *command, uint32_t count);

struct settle_token {
    struct slice run, incarnation, number;
    struct slice identity; /* a leading part of the live field, with its '|' */
    uint32_t queue;
    struct slice entry_id;
    struct slice output_field, output_value; /* both empty: stores nothing */
    enum ledger_kind kind;
    struct slice record; /* caller's part */
    uint32_t op_count;
    /* Of what was executed before the node that the rest is of: how many triples of arguments, one per step and one
     * per operation of a step. */
    uint32_t step_triples;
};
void settle_token(struct command *command, const struct settle_token *token);
void settle_op_emit(struct command *command, uint32_t node, uint32_t queue, struct slice wanted);
void settle_op_arrive(struct command *command, bool taken, uint32_t node, uint32_t slot);
/* Of the operations that follow. */
void settle_op_scope(struct command *command, struct slice scope);
/* A loop goes back: what the next iteration may still see is kept, all else of the body dropped. */
void settle_op_back(struct command *command, const struct graph *graph,
                    const struct graph_loop *loop);
void settle_op_fail(struct command *command);
/* The token stays live: its next attempt, or the same one after a delay. Alone, with an identity that is
 * the whole live field. due_ms 0: at once. data: letters and digits, given back when it fires; empty
 * for a further attempt. */
void settle_op_park(struct command *command, int64_t due_ms, uint32_t attempt, uint32_t queue,
                    struct slice data, struct slice wanted);

/* The token becomes a task, in a queue of tasks: alone, of kind LEDGER_WAIT, with an identity that is the whole
 * live field. timeout_ms: from its first claim, 0: none. queue, data, wanted: how it comes back. ends_at_lapse:
 * once a claim of it has lapsed it comes back as lost, and nobody else gets it. */
struct settle_task {
    uint32_t attempt;
    uint32_t queue;
    struct slice data, wanted;
    int64_t timeout_ms;
    bool ends_at_lapse;
    struct slice task_queue;
    struct slice task; /* JSON */
};
void settle_op_task(struct command *command, const struct settle_task *task);

/* In the order of their execution; the first is of the token itself. */
struct settle_step {
    struct slice next; /* the node that was gone on with */
    bool leads_only;   /* to `next`, in its own scope: no operations */
    uint32_t op_count; /* follow it */
    bool apart;        /* an earlier one led to `next`, in this scope: */
    struct slice scope;
    struct slice output_value, record;
};
void settle_step(struct command *command, const struct settle_step *step);

enum settle_result { SETTLE_OK, SETTLE_GONE, SETTLE_STALE, SETTLE_HELD, SETTLE_BAD, SETTLE_LOAD };

struct claim {
    uint32_t queue;
    struct slice entry_id, run;
    struct slice number; /* decimal */
    struct slice live;   /* the live field as it is */
    struct slice incarnation;
    struct slice digest;
    struct slice wanted;
    struct redisReply **values; /* one per wanted name; type NIL: absent */
    uint32_t value_count;
    /* parsed from live; slices are parts of it */
    struct slice node; /* decimal, "o" or "c" */
    struct slice scope;
    uint32_t attempt;
    uint32_t generation, deliveries;
    char state; /* q, u, or f: its time has come */
};

/* Views into a reply of settle, hello or reclaim. */
struct claims {
    struct redisReply **items;
    uint32_t count;
};
MUSTCHECK int claim_read(const struct claims *claims, uint32_t index, struct claim *claim);
/* Only what is parsed from live, which is not kept. */
MUSTCHECK int claim_read_live(struct slice live, struct claim *claim);

struct settle_reply {
    struct redisReply **results;
    uint32_t result_count;
    struct claims claims;
};
MUSTCHECK int settle_read(const redisReply *reply, struct settle_reply *out);
MUSTCHECK int settle_result(const struct settle_reply *reply, uint32_t index,
                            enum settle_result *result);

/* A stored output: "status|attempt|started_us|ended_us|JSON"; the status is c or f and, in loops, the
 * iterations, outermost first: "c#2#7". An older iteration does not overwrite a younger one. */
struct stored_output {
    bool failed;
    struct slice scope; /* in loops: whose iterations it is stamped with; read: not set */
    uint32_t attempt;
    int64_t started_us, ended_us;
    struct slice json;
};
void stored_output_write(struct buf *out, const struct stored_output *output);
MUSTCHECK int stored_output_read(struct slice text, struct stored_output *output);

/* What came of a task: "kind|fence|worker|started_us|ended_us|body". Kinds: c completed and f failed, with what the
 * remote worker said; t timed out; l its workers were lost; z its result was too large. */
struct task_result {
    char kind;
    struct slice worker;
    int64_t started_us, ended_us; /* of the last claim */
    struct slice body;            /* c, f: JSON; z: its size */
};
MUSTCHECK int task_result_read(struct slice text, struct task_result *result);

/* What an execution under way has to say for its run's events: a JSON object of up to 4 KiB. The answer tells
 * nothing that anybody needs. */
void note_build(struct command *command, uint16_t partition, struct slice epoch,
                struct slice consumer, struct slice run, struct slice number, struct slice live,
                struct slice body);

/* --- sessions --- */

void hello_build(struct command *command, uint16_t partition, struct slice epoch,
                 struct slice consumer, int64_t lease_ms, struct slice from, uint32_t limit,
                 struct call_queues queues);
struct hello_reply {
    struct slice session;
    struct slice next; /* len 0: that was all */
    struct claims claims;
    bool had_session; /* this name, before: ours or that of a process which has not left */
};
MUSTCHECK int hello_read(const redisReply *reply, struct hello_reply *out);

void beat_build(struct command *command, uint16_t partition, struct slice epoch,
                struct slice consumer, struct slice session, int64_t lease_ms);
/* Lapsed consumers: strings of the reply. */
MUSTCHECK int beat_read(const redisReply *reply, struct redisReply ***lapsed, uint32_t *count);

void reclaim_build(struct command *command, uint16_t partition, struct slice epoch,
                   struct slice consumer, struct slice session, struct slice lapsed, uint32_t limit,
                   struct call_queues queues);
MUSTCHECK int reclaim_read(const redisReply *reply, struct claims *claims);

/* session "*": for a lapsed consumer. */
void leave_build(struct command *command, uint16_t partition, struct slice epoch,
                 struct slice consumer, struct slice session, struct call_queues queues);
MUSTCHECK int leave_read(const redisReply *reply, bool *left);

/* --- others --- */

void open_build(struct command *command, uint16_t partition, int64_t epoch, uint16_t partitions,
                struct call_queues queues);
/* Last ledger id, len 0 when it is empty. */
MUSTCHECK int open_read(const redisReply *reply, struct slice *last_id);

void load_build(struct command *command, uint16_t partition, struct slice epoch,
                const struct graph *graph, struct arena *arena);

void cancel_build(struct command *command, uint16_t partition, struct slice epoch,
                  const struct ledger_command *record);
enum cancel_result { CANCEL_DONE, CANCEL_ENDED, CANCEL_GONE };
MUSTCHECK int cancel_read(const redisReply *reply, enum cancel_result *result);

void reject_build(struct command *command, uint16_t partition, struct slice epoch,
                  const struct ledger_rejected *record);

void forget_build(struct command *command, uint16_t partition, struct slice epoch,
                  const struct slice *runs, uint32_t count);

/* The live part of one run: what its hash says now. */
void fire_build(struct command *command, uint16_t partition, struct slice epoch, uint32_t most);
/* *next_ms: when the next timer is due, 0: there is none. */
MUSTCHECK int fire_read(const redisReply *reply, uint32_t *fired, int64_t *next_ms);

void inspect_build(struct command *command, uint16_t partition, struct slice run);
struct inspect_reply {
    bool present;
    char status;
    uint64_t counter, open_joins, last_number, events;
    struct redisReply **tokens; /* pairs: number, live field */
    uint32_t token_count;       /* pairs */
    struct redisReply **joins;  /* pairs: "node|scope", "decided|taken|marks" */
    uint32_t join_count;
};
MUSTCHECK int inspect_read(const redisReply *reply, struct inspect_reply *out);

#endif
