#include "libtroupe/lane.h"
#include "base/alloc.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    BYTES_MOST = 4 << 20, /* of results in one call, unless a single one is larger */
    NOTES_EVERY_US = 500000,
};

void jobs_push(struct jobs *jobs, struct job *job)
{
    job->next = NULL;
    job->before = jobs->last;
    if (jobs->last)
        jobs->last->next = job;
    else
        jobs->first = job;
    jobs->last = job;
    jobs->count++;
}

void jobs_remove(struct jobs *jobs, struct job *job)
{
    if (job->before)
        job->before->next = job->next;
    else
        jobs->first = job->next;
    if (job->next)
        job->next->before = job->before;
    else
        jobs->last = job->before;
    jobs->count--;
}

static struct slice text_of(const redisReply *reply, char number[24])
{
    if (reply->type != REDIS_REPLY_INTEGER)
        return slice_of(reply->str, reply->str ? (size_t)reply->len : 0);
    return slice_of(number, (size_t)snprintf(number, 24, "%lld", reply->integer));
}

static struct job *make(struct lane *lane, const struct slice texts[4])
{
    size_t size = sizeof(struct job);
    for (int i = 0; i < 4; i++)
        size += texts[i].len;
    struct job *job = mem_calloc(1, size);
    if (!job)
        return NULL;
    char *at = (char *)(job + 1);
    job->lane = lane;
    for (int i = 0; i < 4; i++) {
        memcpy(at, texts[i].ptr, texts[i].len);
        job->claim[i] = slice_of(at, texts[i].len);
        at += texts[i].len;
    }
    return job;
}

struct job *job_new(struct lane *lane, redisReply *const *fields)
{
    char numbers[4][24];
    struct slice texts[4];
    for (int i = 0; i < 4; i++)
        texts[i] = text_of(fields[i], numbers[i]);
    return make(lane, texts);
}

struct job *job_handed_back(const struct job *job)
{
    struct job *again = make(job->lane, job->claim);
    if (again)
        again->task = task_new(SLICE("{\"type\":\"function\"}"), &(bool){false});
    if (again && again->task)
        return again;
    free(again);
    return NULL;
}

void job_free(struct job *job)
{
    task_free(job->task);
    free(job);
}

void lane_init(struct lane *lane, const char *queue, uint32_t partition)
{
    lane->queue = queue;
    lane->ready = lane->rung = true;
    (void)snprintf(lane->meta, sizeof(lane->meta), "troupe:{%u}:meta", partition);
    (void)snprintf(lane->stream, sizeof(lane->stream), "troupe:{%u}:q:%s", partition, queue);
}

static void free_all(struct job *job)
{
    while (job) {
        struct job *next = job->next;
        job_free(job);
        job = next;
    }
}

void lane_free(struct lane *lane)
{
    free_all(lane->jobs.first);
    free_all(lane->results.first);
}

/* When its progress and lines are sent; those of one that is done at once. */
static int64_t notes_due_us(const struct job *job)
{
    return job->done ? 0 : job->beaten_us + NOTES_EVERY_US;
}

int64_t lane_next_us(const struct lane *lane, int64_t beat_every_us, int64_t now_us)
{
    int64_t next_us = lane->jobs.first ? lane->jobs.first->beaten_us + beat_every_us : INT64_MAX;
    if (lane->not_before_us > now_us)
        return lane->not_before_us;
    if (lane->results.first)
        return now_us;
    if (!atomic_load(&lane->noted))
        return next_us;
    for (const struct job *job = lane->jobs.first; job; job = job->next) {
        if (atomic_load(&job->noted) && notes_due_us(job) < next_us)
            next_us = notes_due_us(job);
    }
    return next_us;
}

static void add_beats(struct lane *lane, struct call *call, int64_t beat_every_us, int64_t now_us)
{
    /* First the lane's, then the jobs': who notes meanwhile sets both in the other order. */
    const bool noted = atomic_exchange(&lane->noted, false);
    bool left = false;
    for (struct job *job = lane->jobs.first; job; job = job->next) {
        const bool says = noted && atomic_load(&job->noted);
        const bool due = now_us >= job->beaten_us + beat_every_us;
        if ((due || (says && now_us >= notes_due_us(job))) && call->beat_count < LANE_BEATS_MOST)
            call->beats[call->beat_count++] = job;
        else if (says)
            left = true;
        else if (!noted && !due)
            break; /* those behind it were beaten later */
    }
    if (left)
        atomic_store(&lane->noted, true);
}

bool lane_call(struct lane *lane, struct call *call, uint32_t want, int64_t beat_every_us,
               int64_t now_us, struct job **beats)
{
    size_t size = 0;
    *call = (struct call){.lane = lane, .want = want, .beats = beats};
    add_beats(lane, call, beat_every_us, now_us);
    for (const struct job *job = lane->results.first; job; job = job->next) {
        size += job->task->body.len;
        if (call->result_count == LANE_RESULTS_MOST || (call->result_count && size > BYTES_MOST))
            break;
        call->result_count++;
    }
    return want > 0 || call->result_count > 0 || call->beat_count > 0;
}

static void add_number(struct call *call, int at, uint32_t number, struct words *words)
{
    const int len = snprintf(call->numbers[at], sizeof(call->numbers[at]), "%u", number);
    words_add(words, slice_of(call->numbers[at], (size_t)len));
}

static void add_claim(const struct job *job, struct words *words)
{
    for (int i = 0; i < 4; i++)
        words_add(words, job->claim[i]);
}

/* What it has to say is looked at once: the body stays until task_said. */
static struct slice words_of(struct job *job)
{
    struct slice body = SLICE("");
    if (atomic_exchange(&job->noted, false) && !task_words(job->task, &body))
        return SLICE("");
    return body;
}

void call_words(struct call *call, const char *sha, struct slice worker, uint32_t lease_ms,
                struct words *words)
{
    words_reset(words);
    words_add(words, SLICE("EVALSHA"));
    words_add(words, slice_str(sha));
    words_add(words, SLICE("1"));
    words_add(words, slice_str(call->lane->meta));
    words_add(words, slice_str(call->lane->queue));
    words_add(words, worker);
    add_number(call, 0, lease_ms, words);
    add_number(call, 1, call->want, words);
    add_number(call, 2, call->result_count, words);
    const struct job *result = call->lane->results.first;
    for (uint32_t i = 0; i < call->result_count; i++, result = result->next) {
        add_claim(result, words);
        words_add(words, slice_of(&result->task->result_kind, 1));
        words_add(words, buf_slice(&result->task->body));
    }
    add_number(call, 3, call->beat_count, words);
    for (uint32_t i = 0; i < call->beat_count; i++) {
        add_claim(call->beats[i], words);
        words_add(words, words_of(call->beats[i]));
    }
}

void call_again(const struct call *call)
{
    for (uint32_t i = 0; i < call->beat_count; i++) {
        atomic_store(&call->beats[i]->noted,
                     true); /* if it has nothing to say, that is seen then */
        atomic_store(&call->lane->noted, true);
    }
}
