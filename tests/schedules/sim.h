/* sim: the real worker and the real supervisor in one process, and one scheduler that decides whose
 * command goes next.
 *
 *   scheduler ── picks a step ──┬─ a request goes to Redis, or its reply to who sent it   (link.c)
 *      │                        ├─ a worker's loop runs                                 (fleet.c)
 *      │                        ├─ a supervisor goes on to its next command             (actor.c)
 *      │                        ├─ a fault                                              (faults.c)
 *      │                        └─ nobody can move: time goes on                        (clock.c)
 *      └── after each call of a script: all keys of its partition, the ledger   (check.c, ledger.c)
 *
 * What is replaced, at link time, are the ways out of the process: protocol/link.h and
 * protocol/redis.h (link.c, redis.c), the statements of libpq (postgres.c), clocks and poll (clock.c,
 * actor.c). Redis and Postgres are real servers whose clocks follow ours (clock_preload.c). All else is
 * what is shipped: lib/ and lua/ as they are.
 *
 * The replaced functions have no context that leads to the scheduler, hence the one global.
 */
#ifndef SCHEDULES_SIM_H
#define SCHEDULES_SIM_H

#include "base/strmap.h"
#include "protocol/command.h"
#include "store/store.h"
#include <hiredis/hiredis.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum {
    PARTITIONS = 2,
    WORKERS_MOST = 4,
    SUPERVISORS_MOST = 3,
    RUNS_MOST = 4, /* of an episode */
    WORKER_LEASE_MS = 3000,
    OWNER_LEASE_MS = 3000,
    LATE_MOST_MS = 2500, /* how late a request may come whose sender is gone */
    FAULTS_MOST = 10,
};

/* --- chance (chance.c): SplitMix64, so that a seed is an episode --- */

uint64_t chance_next(void);
uint32_t chance_below(uint32_t n); /* n > 0 */
bool chance_of(uint32_t percent);

/* --- clock.c --- */

void clock_open(const char *path);
int64_t clock_now_us(void); /* of this thread: a dead supervisor's runs away */
void clock_set(int64_t unix_us);
void clock_advance(int64_t us);

/* --- counters (counters.c): what has happened; a name is counted from its first mention --- */

void happened(const char *format, ...) __attribute__((format(printf, 1, 2)));
void counters_print(FILE *out);

/* --- actors: who takes steps --- */

enum actor_wants { WANTS_NOTHING, WANTS_REDIS, WANTS_POSTGRES, WANTS_TIME, WANTS_WORK };
/* What befalls the command that a supervisor is about to make. */
enum misfortune { FINE, LOSE_REQUEST, LOSE_REPLY };

struct actor {
    bool is_worker;
    char name[32];
    bool alive;
    int64_t paused_until_us; /* 0: not paused */
    int64_t back_us;         /* dead: when it comes back */
    bool same_name;          /* it does so under its old name */

    /* of a worker */
    struct event_base *base;
    struct worker *worker;
    struct link *links; /* main and bell */
    bool dirty;         /* something was given to it since its loop ran */

    /* of a supervisor: its thread runs only while the scheduler waits for it */
    struct supervisor *supervisor;
    pthread_t thread;
    pthread_cond_t turn;
    bool running, ended, dying;
    volatile sig_atomic_t stop;
    enum actor_wants wants;
    enum misfortune misfortune;
    int64_t until_us; /* WANTS_TIME, WANTS_WORK */
    int64_t rests_until_us;
    struct redis *bell;
    int postgres_fd; /* WANTS_WORK, or the reply awaited behind somebody's lock */
    bool in_transaction, awaits_lock;
    bool loses_commit;      /* the answer to its next one */
    bool listens, notified; /* Postgres has something to say to it */
    uint64_t given_back;    /* partitions, as counted */
    int64_t runaway_us;     /* dead: what its clock is ahead */
};

/* --- all of it --- */

struct sim {
    struct actor workers[WORKERS_MOST], supervisors[SUPERVISORS_MOST];
    uint32_t worker_count, supervisor_count;
    uint64_t names;        /* given so far */
    uint64_t chance;       /* state */
    long connections;      /* of workers, so far */
    struct actor *newborn; /* whom links and connections are made for */
    redisContext *redis;
    const char *database_url, *jq_helper;
    uint64_t seed;
    uint32_t episode;
    uint32_t budget; /* operations per settle call; 0: as the worker says */
    uint32_t
        eager; /* percent of the steps in which supervisors go on while workers can; 0: when all rest */
    size_t
        inline_bytes; /* what workers keep in a run's hash; 0: as much as they do by themselves */
    bool shares;      /* nobody keeps the successors of what it settles */
    bool plods; /* no node is executed together with the one before it, or with its run's start */
    bool always_plods;
    uint64_t calls;    /* of scripts that may have added to a ledger */
    uint64_t arrivals; /* how often a worker's blocking read may have got something */
    bool tracing;
};
extern struct sim sim;

/* Ends the program: says what is wrong, and how to see it again. */
_Noreturn void violated(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Kept for `violated`; printed at once with --trace. */
void trace(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* --- wire.c: the one connection to Redis --- */

struct asked {
    struct asked *next;
    struct command command; /* a copy */
    int64_t sent_us, timeout_us;
    int64_t block_ms; /* a blocking read; -1: none */
    long client;      /* id of its connection; 0: it has none any more */
    uint64_t tried;   /* sim.arrivals or sim.calls at the last try of a blocking read */
    redisReply *reply;
    void (*callback)(void *context, const redisReply *reply);
    void *context;
};
struct asked *asked_new(const struct command *command);
void asked_free(struct asked *request);
/* Makes the call now; a blocking read does not block and may answer nil. Checks the invariants behind a
 * script. Owned. */
redisReply *wire_call(struct asked *request);
/* Whether it settles a token as failed. */
bool wire_fails(const struct asked *request);
/* Ordinary commands that do not block, in one round trip. */
void wire_calls(struct asked *const *asked, uint32_t count, redisReply **replies);
redisReply *wire_words(const char *format, ...);

/* --- link.c --- */

/* One of the steps that its links can take; there must be one. */
void link_step(struct actor *worker);
bool link_can_step(struct actor *worker);
/* The connections of a worker break. what: index, or -1 for all. */
void link_break(struct actor *worker, int which, const char *why);
/* Its process is gone: nobody is told. */
void link_abandon(struct actor *worker);
/* Executes the next request of the main link, and loses the reply. */
bool link_lose_reply(struct actor *worker);
/* Ends the blocking read of a connection, as CLIENT UNBLOCK would: false when none is under way. */
bool link_unblock(long client);
void link_timeouts(struct actor *worker);
int64_t link_next_us(const struct actor *worker);

/* --- late.c: requests whose sender is gone --- */

void late_add(const struct asked *request);
bool late_step(bool all); /* all: those whose time is over */
uint32_t late_count(void);
/* Keeps a copy of a request that was executed, to be sent once more. */
void late_remember(const struct asked *request, struct actor *owner);
void late_repeat(void);
void late_clear(void);

/* --- actor.c --- */

void actor_start_supervisor(struct actor *actor);
void actor_resume(struct actor *actor);
void actor_kill_supervisor(struct actor *actor);
void actor_end_supervisor(struct actor *actor); /* in order: it gives back what it has */
/* The present thread's; NULL: the scheduler. */
struct actor *actor_self(void);
/* Waits for the scheduler. */
void actor_yield(struct actor *actor, enum actor_wants wants);
bool actor_can_step(struct actor *actor);

/* --- postgres.c --- */

void postgres_begin(void);
/* What a world before has left there, but for its history. */
void postgres_forget(void);
/* For a lock that another connection has. */
bool postgres_somebody_waits(void);
/* Before time passes: those whose client is gone end by themselves, unless they wait for one that is alive. */
void postgres_let_go(void);
/* Who has what, on standard error: for whoever reads why nothing went on. */
void postgres_dump(void);

/* --- redis.c: a supervisor's blocking read --- */

/* Something is there for the one who awaits it. */
bool bell_try(struct redis *bell);
/* NULL: it is none of ours. */
struct redis *bell_of_fd(int fd);

/* --- fleet.c, faults.c --- */

void worker_begin(struct actor *actor, bool same_name);
void worker_loop(struct actor *actor);
void worker_kill(struct actor *actor);
void worker_end(struct actor *actor); /* in order: it drains */
void fleet_begin(void);
void fleet_end(void);
void fleet_return(void); /* those whose time has come back come back */
void fault_strike(void);

/* --- check.c, ledger.c --- */

void check_begin(const char *path);
void check_dump(void); /* all runs, to stderr */
/* Sends the question behind whatever was sent before, for one round trip; reads and judges the answer. */
void check_ask(uint16_t partition);
void check_answer(uint16_t partition);
void check_partition(uint16_t partition); /* both */
/* Behind the episode: nothing is left in Redis. NULL, or what is. */
const char *check_left(void);
/* The id of the last entry that is known. */
const char *ledger_read_to(uint16_t partition);
void ledger_take(uint16_t partition, const redisReply *entries);
/* What a run's hash says against what its ledger said. head: the field h. */
void ledger_compare(struct slice run, struct slice head);
void ledger_begin(void);
uint32_t ledger_unfinished(void);
void ledger_expect(const char *run_id);
void ledger_end(void);

#endif
