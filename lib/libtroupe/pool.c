#include "libtroupe/pool.h"
#include "base/alloc.h"
#include <signal.h>
#include <stdlib.h>

struct pool {
    pthread_mutex_t lock;
    pthread_cond_t work, ended;
    uint32_t most, started, idle;
    uint32_t waiting_count, running;
    struct troupe_task *waiting, *last_waiting;
    struct troupe_task *done, *last_done;
    bool closing;
    void (*wake)(void *context);
    void *context;
};

struct pool *pool_new(uint32_t threads, void (*wake)(void *context), void *context)
{
    struct pool *pool = mem_calloc(1, sizeof(*pool));
    if (!pool)
        return NULL;
    pool->most = threads;
    pool->wake = wake;
    pool->context = context;
    (void)pthread_mutex_init(&pool->lock, NULL);
    (void)pthread_cond_init(&pool->work, NULL);
    (void)pthread_cond_init(&pool->ended, NULL);
    return pool;
}

static void push(struct troupe_task **first, struct troupe_task **last, struct troupe_task *task)
{
    task->next = NULL;
    if (*first)
        (*last)->next = task;
    else
        *first = task;
    *last = task;
}

/* The lock is held, before and after. */
static void run_one(struct pool *pool)
{
    struct troupe_task *task = pool->waiting;
    pool->waiting = task->next;
    pool->waiting_count--;
    pool->running++;
    (void)pthread_mutex_unlock(&pool->lock);
    task_execute(task);
    (void)pthread_mutex_lock(&pool->lock);
    pool->running--;
    const bool first = !pool->done;
    push(&pool->done, &pool->last_done, task);
    if (first && !pool->closing)
        pool->wake(pool->context);
}

static void *thread(void *context)
{
    struct pool *pool = context;
    (void)pthread_mutex_lock(&pool->lock);
    while (!pool->closing) {
        if (pool->waiting) {
            run_one(pool);
            continue;
        }
        pool->idle++;
        (void)pthread_cond_wait(&pool->work, &pool->lock);
        pool->idle--;
    }
    pool->started--;
    (void)pthread_cond_signal(&pool->ended);
    (void)pthread_mutex_unlock(&pool->lock);
    return NULL;
}

/* The lock is held. Signals are for the thread that runs the loop. */
static bool start_thread(struct pool *pool)
{
    sigset_t all, before;
    pthread_attr_t detached;
    pthread_t id;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    (void)pthread_attr_init(&detached);
    (void)pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
    const bool started = pthread_create(&id, &detached, thread, pool) == 0;
    (void)pthread_attr_destroy(&detached);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (started)
        pool->started++;
    return started;
}

int pool_submit(struct pool *pool, struct troupe_task *task)
{
    (void)pthread_mutex_lock(&pool->lock);
    if (pool->idle <= pool->waiting_count && pool->started < pool->most && !start_thread(pool) &&
        pool->started == 0) {
        (void)pthread_mutex_unlock(&pool->lock);
        return -1;
    }
    push(&pool->waiting, &pool->last_waiting, task);
    pool->waiting_count++;
    if (pool->idle > 0)
        (void)pthread_cond_signal(&pool->work);
    (void)pthread_mutex_unlock(&pool->lock);
    return 0;
}

bool pool_withdraw(struct pool *pool, struct troupe_task *task)
{
    struct troupe_task *before = NULL;
    (void)pthread_mutex_lock(&pool->lock);
    struct troupe_task *at = pool->waiting;
    while (at && at != task) {
        before = at;
        at = at->next;
    }
    if (at && before)
        before->next = at->next;
    else if (at)
        pool->waiting = at->next;
    if (at && pool->last_waiting == at)
        pool->last_waiting = before;
    if (at)
        pool->waiting_count--;
    (void)pthread_mutex_unlock(&pool->lock);
    return at != NULL;
}

struct troupe_task *pool_take(struct pool *pool)
{
    (void)pthread_mutex_lock(&pool->lock);
    struct troupe_task *done = pool->done;
    pool->done = pool->last_done = NULL;
    (void)pthread_mutex_unlock(&pool->lock);
    return done;
}

void pool_counts(struct pool *pool, uint32_t *waiting, uint32_t *running)
{
    (void)pthread_mutex_lock(&pool->lock);
    *waiting = pool->waiting_count;
    *running = pool->running;
    (void)pthread_mutex_unlock(&pool->lock);
}

static void free_all(struct troupe_task *task)
{
    while (task) {
        struct troupe_task *next = task->next;
        task_free(task);
        task = next;
    }
}

bool pool_close(struct pool *pool)
{
    if (!pool)
        return true;
    (void)pthread_mutex_lock(&pool->lock);
    pool->closing = true;
    (void)pthread_cond_broadcast(&pool->work);
    while (pool->started > pool->running)
        (void)pthread_cond_wait(&pool->ended, &pool->lock);
    const bool gone = pool->running == 0;
    (void)pthread_mutex_unlock(&pool->lock);
    if (!gone)
        return false;
    free_all(pool->waiting);
    free_all(pool->done);
    (void)pthread_cond_destroy(&pool->work);
    (void)pthread_cond_destroy(&pool->ended);
    (void)pthread_mutex_destroy(&pool->lock);
    free(pool);
    return true;
}
