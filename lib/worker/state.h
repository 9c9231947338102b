/* state: struct worker, as its parts share it. Internal to lib/worker.
 *
 *   link ── all calls but one: channels, beats, inbox, graphs
 *   bell ── its own link with one blocking read: of everything, or while busy of the inbox
 *   turn ── a timer of 0 ms: executes, then lets channels call (schedule.c)
 *   tick ── a slow timer: what is due by time
 *   poll ── a timer of 2 ms while busy: looks into one idle partition, and into the inbox
 */
#ifndef TROUPE_WORKER_STATE_H
#define TROUPE_WORKER_STATE_H

#include "base/buf.h"
#include "exec/exec.h"
#include "exec/plugins.h"
#include "protocol/command.h"
#include "protocol/link.h"
#include "worker/audit.h"
#include "worker/beat.h"
#include "worker/bell.h"
#include "worker/channel.h"
#include "worker/execute.h"
#include "worker/graphs.h"
#include "worker/inbox.h"
#include "worker/running.h"
#include "worker/worker.h"

#define WORKER_QUEUES_MAX 16
#define WORKER_CALLS_MAX 2 /* under way at a time, for settling and claiming */
#define WORKER_CALL_TIMEOUT_MS 5000
#define WORKER_TICK_MS 50
#define WORKER_POLL_MS 2

struct worker {
    struct event_base *base;
    const struct clock *clock;
    struct worker_stats stats;

    /* options, copied */
    char name[CHANNEL_NAME_MAX];
    char *queue_text;
    struct slice queue_names[WORKER_QUEUES_MAX];
    struct call_queues queues;
    uint32_t batch, concurrency;
    uint32_t async_limit; /* executions under way at most */
    int64_t lease_ms, drain_timeout_ms;
    size_t max_value_bytes, inline_bytes;
    struct cel_budget expressions;
    int64_t jq_time_ms;
    int64_t jq_wall_ms; /* the loop stands still that long at most: a part of the lease */

    struct link *link;
    struct bell *bell;
    struct inbox *inbox;
    struct graphs *graphs;
    struct audit audit;
    struct jq *jq; /* starts its child when the first program comes */
    struct event *turn, *tick, *poll;
    bool turn_due, polling;
    bool rested;            /* since the poll's timer was set, it had nothing to do for a while */
    struct command command; /* the one that is being built */
    struct buf scratch;     /* of the execution */
    struct arena scratch_arena;

    struct channel *channels; /* NULL until the number of partitions is known */
    uint32_t channel_count;
    bool asking_count;
    struct channel *first_caller, *last_caller;
    uint32_t calls; /* under way */
    uint32_t next_execute, next_poll;
    uint32_t suspects;         /* re-delivered tokens that are held, as of this turn */
    struct channel *reclaimer; /* its reclaim is under way: one at a time */
    struct channel *solo; /* settles a re-delivered token: nothing else is executed meanwhile */
    bool solo_runs;       /* that token's execution is under way, by a plugin */
    bool quiet;           /* begins nothing, so that it may take over; schedule.c */
    int64_t quiet_from_us, quiet_for_us; /* for_us 0: it need not be */
    bool graphs_changed;
    struct token_pool pool;

    uint32_t running; /* tokens whose execution is under way, of all channels */
    uint64_t last_job;
    struct running_question *questions;
    struct http_client *http;
    struct process_host *processes; /* NULL: none are allowed */
    struct exec_host host;
    struct serving *serving; /* of plugins; or NULL */

    int64_t redis_us, redis_mono_us; /* time of the last reply, and when it came */
    const char *waiting_for;         /* what was said last that we wait for */
    int64_t waiting_said_us;         /* monotonic, when */

    bool draining, hurried, finished; /* hurried: the time for draining is over */
    int64_t drain_us;                 /* monotonic, when draining began */
};

static inline int64_t worker_mono_us(const struct worker *worker)
{
    return clock_mono_us(worker->clock);
}
/* Redis' clock, estimated. */
int64_t worker_redis_us(const struct worker *worker);
/* Every successful script call tells the time. */
void worker_note_time(struct worker *worker, int64_t redis_us);
/* True when it is time to say (again) that we wait; `message` is a literal. */
bool worker_may_say(struct worker *worker, const char *message);
/* Sends worker->command; false when it cannot be sent now. */
bool worker_send(struct worker *worker, link_reply_fn *callback, void *context);
struct execution worker_execution(struct worker *worker);
/* Whether what was under way here goes on, although nobody waits for it: others must not begin it yet. */
bool worker_has_children(const struct worker *worker);

/* --- schedule.c --- */

/* The token was executed: it has a result, unless there was no memory for one (rc -1). */
void worker_executed(struct channel *channel, struct token *token, int rc);
/* Something changed: do what there is to do, soon. */
void worker_wake(struct worker *worker);
void worker_turn(struct worker *worker);
/* A call that counted as under way is over. */
void worker_call_done(struct worker *worker);
/* How many tokens it may still claim. */
uint32_t worker_room(const struct worker *worker);
/* Looks into one idle partition, and into the inbox. */
void worker_look(struct worker *worker);
/* The same, if it is busy. */
void worker_poll(struct worker *worker);

#endif
