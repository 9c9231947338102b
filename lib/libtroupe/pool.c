#include "libtroupe/pool.h"
#include "base/alloc.h"
#include <signal.h>
#include <stdlib.h>

/* The threads, and what waits for them, of all that share them. */
struct crew {
    pthread_mutex_t lock; /* of all that is here, and of each pool's `done` and `running` */
    pthread_cond_t work, ended;
    uint32_t most, started, idle, pools;
    uint32_t waiting_count, running;
    struct troupe_task *waiting, *last_waiting;
    bool closing;
};

struct pool {
    struct crew *crew;
    uint32_t running;
    struct troupe_task *done, *last_done;
    bool closing;
    void (*wake)(void *context);
    void *context;
};

static struct pool *make(struct crew *crew, void (*wake)(void *context), void *context)
{
    struct pool *pool = mem_calloc(1, sizeof(*pool));
    if (pool)
        *pool = (struct pool){.crew = crew, .wake = wake, .context = context};
    return pool;
}

struct pool *pool_new(uint32_t threads, void (*wake)(void *context), void *context)
{
    struct crew *crew = mem_calloc(1, sizeof(*crew));
    struct pool *pool = crew ? make(crew, wake, context) : NULL;
    if (!pool) {
        free(crew);
        return NULL;
    }
    crew->most = threads;
    crew->pools = 1;
    (void)pthread_mutex_init(&crew->lock, NULL);
    (void)pthread_cond_init(&crew->work, NULL);
    (void)pthread_cond_init(&crew->ended, NULL);
    return pool;
}

struct pool *pool_share(struct pool *of, void (*wake)(void *context), void *context)
{
    struct pool *pool = make(of->crew, wake, context);
    if (!pool)
        return NULL;
    (void)pthread_mutex_lock(&of->crew->lock);
    of->crew->pools++;
    (void)pthread_mutex_unlock(&of->crew->lock);
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
static void run_one(struct crew *crew)
{
    struct troupe_task *task = crew->waiting;
    struct pool *pool = task->pool;
    crew->waiting = task->next;
    crew->waiting_count--;
    crew->running++;
    pool->running++;
    (void)pthread_mutex_unlock(&crew->lock);
    task_execute(task);
    (void)pthread_mutex_lock(&crew->lock);
    crew->running--;
    pool->running--;
    const bool first = !pool->done;
    push(&pool->done, &pool->last_done, task);
    if (first && !pool->closing)
        pool->wake(pool->context);
}

static void *thread(void *context)
{
    struct crew *crew = context;
    (void)pthread_mutex_lock(&crew->lock);
    while (!crew->closing) {
        if (crew->waiting) {
            run_one(crew);
            continue;
        }
        crew->idle++;
        (void)pthread_cond_wait(&crew->work, &crew->lock);
        crew->idle--;
    }
    crew->started--;
    (void)pthread_cond_signal(&crew->ended);
    (void)pthread_mutex_unlock(&crew->lock);
    return NULL;
}

/* The lock is held. Signals are for the thread that runs the loop. */
static bool start_thread(struct crew *crew)
{
    sigset_t all, before;
    pthread_attr_t detached;
    pthread_t id;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    (void)pthread_attr_init(&detached);
    (void)pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
    const bool started = pthread_create(&id, &detached, thread, crew) == 0;
    (void)pthread_attr_destroy(&detached);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (started)
        crew->started++;
    return started;
}

int pool_submit(struct pool *pool, struct troupe_task *task)
{
    struct crew *crew = pool->crew;
    task->pool = pool;
    (void)pthread_mutex_lock(&crew->lock);
    if (crew->idle <= crew->waiting_count && crew->started < crew->most && !start_thread(crew) &&
        crew->started == 0) {
        (void)pthread_mutex_unlock(&crew->lock);
        return -1;
    }
    push(&crew->waiting, &crew->last_waiting, task);
    crew->waiting_count++;
    if (crew->idle > 0)
        (void)pthread_cond_signal(&crew->work);
    (void)pthread_mutex_unlock(&crew->lock);
    return 0;
}

/* The lock is held. The first that waits and is `task`, or the pool's when that is NULL. */
static struct troupe_task *withdraw(struct pool *pool, const struct troupe_task *task)
{
    struct crew *crew = pool->crew;
    struct troupe_task *before = NULL, *at = crew->waiting;
    while (at && (task ? at != task : at->pool != pool)) {
        before = at;
        at = at->next;
    }
    if (!at)
        return NULL;
    if (before)
        before->next = at->next;
    else
        crew->waiting = at->next;
    if (crew->last_waiting == at)
        crew->last_waiting = before;
    crew->waiting_count--;
    return at;
}

bool pool_withdraw(struct pool *pool, struct troupe_task *task)
{
    (void)pthread_mutex_lock(&pool->crew->lock);
    const bool waited = withdraw(pool, task) != NULL;
    (void)pthread_mutex_unlock(&pool->crew->lock);
    return waited;
}

struct troupe_task *pool_take(struct pool *pool)
{
    (void)pthread_mutex_lock(&pool->crew->lock);
    struct troupe_task *done = pool->done;
    pool->done = pool->last_done = NULL;
    (void)pthread_mutex_unlock(&pool->crew->lock);
    return done;
}

void pool_counts(struct pool *pool, uint32_t *waiting, uint32_t *running)
{
    (void)pthread_mutex_lock(&pool->crew->lock);
    *waiting = pool->crew->waiting_count;
    *running = pool->crew->running;
    (void)pthread_mutex_unlock(&pool->crew->lock);
}

static void free_all(struct troupe_task *task)
{
    while (task) {
        struct troupe_task *next = task->next;
        task_free(task);
        task = next;
    }
}

/* The lock is held: ends the threads that run nothing. */
static void end_threads(struct crew *crew)
{
    crew->closing = true;
    (void)pthread_cond_broadcast(&crew->work);
    while (crew->started > crew->running)
        (void)pthread_cond_wait(&crew->ended, &crew->lock);
}

bool pool_close(struct pool *pool)
{
    if (!pool)
        return true;
    struct crew *crew = pool->crew;
    (void)pthread_mutex_lock(&crew->lock);
    pool->closing = true;
    for (struct troupe_task *task; (task = withdraw(pool, NULL));)
        task_free(task);
    const bool last = crew->pools == 1;
    if (last)
        end_threads(crew);
    const bool gone = last ? crew->running == 0 : pool->running == 0;
    crew->pools -= gone;
    (void)pthread_mutex_unlock(&crew->lock);
    if (!gone)
        return false;
    free_all(pool->done);
    free(pool);
    if (!last)
        return true;
    (void)pthread_cond_destroy(&crew->work);
    (void)pthread_cond_destroy(&crew->ended);
    (void)pthread_mutex_destroy(&crew->lock);
    free(crew);
    return true;
}
