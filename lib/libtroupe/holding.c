#include "libtroupe/holding.h"
#include "base/clock.h"

enum { WEIGHT_SHIFT = 5 }; /* of the newest callback in the mean: 1/32 */

void holding_noted(struct troupe_task *task)
{
    struct job *job = task->owner;
    if (atomic_exchange(&job->noted, true))
        return;
    if (!atomic_exchange(&job->lane->noted, true))
        worker_rouse(job->lane->worker);
}

void holding_settle(struct job *job)
{
    struct slice body;
    job->done = true;
    if (task_words(job->task, &body)) {
        atomic_store(&job->noted, true);
        atomic_store(&job->lane->noted, true);
        return;
    }
    jobs_remove(&job->lane->jobs, job);
    jobs_push(&job->lane->results, job);
}

void holding_take_done(struct troupe_worker *worker)
{
    struct troupe_task *task = pool_take(worker->pool);
    if (task && worker->ended)
        worker->ended(worker->ended_context);
    while (task) {
        struct troupe_task *next = task->next;
        struct job *job = task->owner;
        worker->mean_us += (task->took_us - worker->mean_us) / (1 << WEIGHT_SHIFT);
        if (job->dropped)
            job_free(job);
        else
            holding_settle(job);
        task = next;
    }
}

void holding_drop(struct troupe_worker *worker, struct job *job)
{
    jobs_remove(&job->lane->jobs, job);
    job->dropped = true;
    task_cancel(job->task);
    if (pool_withdraw(worker->pool, job->task))
        job_free(job);
}

void holding_result(struct job *job, char kind, const char *body)
{
    job->task->result_kind = kind;
    buf_reset(&job->task->body);
    buf_str(&job->task->body, body);
}

void holding_take(struct troupe_worker *worker, struct lane *lane, const redisReply *given)
{
    bool bad = false;
    if (given->type != REDIS_REPLY_ARRAY || given->elements != 5 || !given->element[4]->str)
        return;
    struct job *job = job_new(lane, given->element);
    if (job)
        job->task =
            task_new(slice_of(given->element[4]->str, (size_t)given->element[4]->len), &bad);
    if (!job || !job->task) {
        worker_say(worker, TROUPE_ERROR,
                   bad ? "a task cannot be read; it will lapse"
                       : "no memory for a task; it will lapse");
        free(job);
        return;
    }
    job->beaten_us = clock_mono_us(&clock_system);
    job->task->owner = job;
    job->task->noted = holding_noted;
    job->task->handler = registry_find(&worker->registry, job->task->kind, job->task->name);
    jobs_push(&lane->jobs, job);
    if (pool_submit(worker->pool, job->task) == 0)
        return;
    worker_say(worker, TROUPE_ERROR, "cannot start a thread: a task is handed back");
    holding_result(job, 'b', "");
    holding_settle(job);
}
