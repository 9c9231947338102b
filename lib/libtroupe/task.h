/* task: a task as its callback sees it (libtroupe/troupe.h), and how its host makes and reads it.
 *
 *   text (docs/tasks.md) ── task_new ──> asked ── task_execute, on any thread ──> kind and body
 *                                           └── task_cancel, from any thread
 *
 * The host owns a task: no thread may be in its callback when it is freed. What it has to say meanwhile
 * (notes) is taken by the host with task_words, a body for a beat at a time.
 */
#ifndef TROUPE_LIBTROUPE_TASK_H
#define TROUPE_LIBTROUPE_TASK_H

#include "base/arena.h"
#include "base/attr.h"
#include "base/buf.h"
#include "libtroupe/notes.h"
#include "libtroupe/registry.h"
#include "libtroupe/troupe.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#define TASK_BODY_BYTES ((size_t)32 << 20)
#define TASK_MEASURES 32
#define TASK_MEASURE_BYTES 64

struct task_measure {
    char name[TASK_MEASURE_BYTES + 1];
    double amount;
};

struct pool;

struct troupe_task {
    struct troupe_task *next; /* in a list of the pool */
    struct pool *pool;        /* that it was submitted to */
    const struct handler *handler;
    void *owner;                             /* the host's */
    void (*noted)(struct troupe_task *task); /* on the callback's thread: it has something to say */
    int64_t took_us;                         /* of the callback */

    struct arena arena;
    enum troupe_kind kind;
    struct slice input, config, run_id, workflow, node_id, scope, name, key;
    uint32_t attempt;
    int64_t timeout_ms;

    pthread_mutex_t lock; /* of all below but `body`, which is its thread's until it is done */
    pthread_cond_t ends;
    atomic_bool cancelled;
    struct notes notes;
    struct task_measure *measures;
    uint32_t measure_count;
    struct buf output;
    bool failed, retry;
    char code[64], message[500];

    char result_kind; /* c or f, once it was executed */
    struct buf body;  /* what the script `tasks` takes as that */
};

/* Takes a copy of the text. NULL: out of memory, or (*bad) no task. */
MUSTCHECK struct troupe_task *task_new(struct slice text, bool *bad);
void task_free(struct troupe_task *task); /* NULL is fine */
/* Calls the handler's callback, then makes kind and body. handler NULL: fails with not_served. */
void task_execute(struct troupe_task *task);
void task_cancel(struct troupe_task *task);
/* What it has to say next: false for nothing. The body is the same until task_said. */
bool task_words(struct troupe_task *task, struct slice *body);
void task_said(struct troupe_task *task);

#endif
