/* lane: one queue in one partition: what has to be said to it, and whether it may have something.
 *
 *   claimed ── jobs ──executed──> jobs, done ──last words said──> results ──taken──> freed
 *                └──nobody wants it──> dropped: gone when its callback is
 *
 *   ready   it may have tasks: it is asked in the next turn that has room
 *   rung    the bell rang for it (or it was never asked), and it has not answered since
 *   cursor  where the bell listens from; "" until the partition gave one
 *
 * Times are microseconds of the monotonic clock. Jobs stand in the order of their last beat.
 */
#ifndef TROUPE_LIBTROUPE_LANE_H
#define TROUPE_LIBTROUPE_LANE_H

#include "base/attr.h"
#include "libtroupe/task.h"
#include "libtroupe/wire.h"

struct lane;

/* A claimed task. */
struct job {
    struct job *next, *before;
    struct lane *lane;
    struct troupe_task *task; /* with kind and body once it is done */
    struct slice claim[4];    /* run, number, incarnation, fence, as they came */
    int64_t beaten_us;
    bool done, dropped;
    atomic_bool noted; /* it has something to say */
};

struct jobs {
    struct job *first, *last;
    uint32_t count;
};

void jobs_push(struct jobs *jobs, struct job *job);
void jobs_remove(struct jobs *jobs, struct job *job);
/* `fields`: run, number, incarnation, fence. NULL without memory. */
MUSTCHECK struct job *job_new(struct lane *lane, redisReply *const *fields);
void job_free(struct job *job); /* its task too */
/* Another of the same claim, without what was asked, for the result of one whose callback still runs. NULL
 * without memory. */
MUSTCHECK struct job *job_handed_back(const struct job *job);

struct troupe_worker;

struct lane {
    struct troupe_worker *worker;
    const char *queue; /* the handler's */
    char meta[32];
    char stream[160];
    char cursor[48];
    bool ready, rung;
    int64_t not_before_us;
    struct jobs jobs, results;
    atomic_bool noted; /* one of the jobs has something to say */
};

/* What one turn says to it. */
struct call {
    struct lane *lane;
    uint32_t want, result_count, beat_count;
    struct job **beats;
    char numbers[4][16]; /* texts of the words */
};

#define LANE_RESULTS_MOST 500
#define LANE_BEATS_MOST 500

void lane_init(struct lane *lane, const char *queue, uint32_t partition);
void lane_free(struct lane *lane);
/* When it has something to say next, if nothing happens before. */
int64_t lane_next_us(const struct lane *lane, int64_t beat_every_us, int64_t now_us);
/* Builds its call for now: what is due. False: nothing to say, and nothing wanted (or no memory). `beats`
 * has room for LANE_BEATS_MOST. */
bool lane_call(struct lane *lane, struct call *call, uint32_t want, int64_t beat_every_us,
               int64_t now_us, struct job **beats);
/* The words of the call, which are borrowed from the lane and the call. */
void call_words(struct call *call, const char *sha, struct slice worker, uint32_t lease_ms,
                struct words *words);

/* It was not answered: what it said is to be said again. */
void call_again(const struct call *call);

#endif
