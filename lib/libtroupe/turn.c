#include "libtroupe/turn.h"
#include "base/clock.h"
#include "libtroupe/holding.h"
#include <stdio.h>
#include <string.h>

enum {
    WANT_MOST = 1000,         /* of one call */
    AHEAD_MOST = 1000,        /* tasks claimed before there is room for them */
    PLENTY_BYTES = 512 << 10, /* of tasks: there may be more, although fewer than wanted came */
};

static int64_t now_us(void) { return clock_mono_us(&clock_system); }

/* --- answers --- */

static void take_results(struct troupe_worker *worker, const struct call *call,
                         const redisReply *words)
{
    struct lane *lane = call->lane;
    for (uint32_t i = 0; i < call->result_count && i < words->elements; i++) {
        struct job *job = lane->results.first;
        const struct slice word = reply_slice(words->element[i]);
        jobs_remove(&lane->results, job);
        if (slice_eq_str(word, "bad") && job->task->result_kind == 'c') { /* the claim stands */
            holding_result(job, 'f',
                           "{\"code\":\"bad_output\",\"message\":\"Redis does not take it for "
                           "JSON\",\"retry\":false}");
            jobs_push(&lane->results, job);
            continue;
        }
        if (!slice_eq_str(word, "ok"))
            worker_say(worker, TROUPE_INFO, "a result of run %s was not taken: %.*s",
                       job->task->run_id.ptr, SLICE_ARG(word));
        job_free(job);
    }
}

static void take_beats(struct troupe_worker *worker, const struct call *call,
                       const redisReply *words, int64_t now)
{
    struct slice more;
    for (uint32_t i = 0; i < call->beat_count && i < words->elements; i++) {
        struct job *job = call->beats[i];
        const struct slice word = reply_slice(words->element[i]);
        const bool unwanted = slice_eq_str(word, "stale") || slice_eq_str(word, "gone");
        if (unwanted && !job->done) {
            worker_say(worker, TROUPE_INFO, "unwanted: run %s node %s", job->task->run_id.ptr,
                       job->task->node_id.ptr);
            holding_drop(worker, job);
            continue;
        }
        job->beaten_us = now;
        jobs_remove(&job->lane->jobs, job);
        jobs_push(&job->lane->jobs, job);
        task_said(job->task);
        if (job->done)
            holding_settle(job);
        else if (task_words(job->task, &more))
            holding_noted(job->task);
    }
}

static void take_tasks(struct troupe_worker *worker, const struct call *call,
                       const redisReply *answer)
{
    const redisReply *tasks = answer->element[4];
    const struct slice cursor = reply_slice(answer->element[5]);
    struct lane *lane = call->lane;
    size_t bytes = 0;
    if (call->want == 0)
        return;
    for (size_t i = 0; i < tasks->elements; i++) {
        bytes += tasks->element[i]->elements == 5 ? (size_t)tasks->element[i]->element[4]->len : 0;
        holding_take(worker, lane, tasks->element[i]);
    }
    lane->ready = tasks->elements >= call->want || bytes >= PLENTY_BYTES;
    lane->rung = false;
    (void)snprintf(lane->cursor, sizeof(lane->cursor), "%.*s", SLICE_ARG(cursor));
}

/* -1: it is no answer of the script. */
static int take_answer(struct troupe_worker *worker, const struct call *call,
                       const redisReply *answer, struct err *err)
{
    const struct slice word = reply_word(answer);
    if (slice_eq_str(word, "hold") || slice_eq_str(word, "none")) {
        call->lane->ready = true;
        call->lane->rung = false;
        call->lane->cursor[0] = '\0';
        call->lane->not_before_us = now_us() + WORKER_HOLD_US;
        call_again(call);
        return 0;
    }
    if (!slice_eq_str(word, "ok") || answer->elements < 6 ||
        answer->element[2]->elements != call->result_count ||
        answer->element[3]->elements != call->beat_count) {
        call_again(call);
        return err_set(err, ERR_INTERNAL, "not an answer of the script tasks");
    }
    take_results(worker, call, answer->element[2]);
    take_beats(worker, call, answer->element[3], now_us());
    take_tasks(worker, call, answer);
    return 0;
}

/* --- calls --- */

uint32_t turn_room(const struct troupe_worker *worker)
{
    uint32_t waiting, running;
    pool_counts(worker->pool, &waiting, &running);
    const int64_t mean_us = worker->mean_us > 0 ? worker->mean_us : 1;
    int64_t ahead = (int64_t)worker->threads * worker->prefetch_us / mean_us;
    ahead = ahead < AHEAD_MOST ? ahead : AHEAD_MOST;
    const int64_t left = (int64_t)worker->threads + ahead - waiting - running;
    return worker->draining || left < 0 || atomic_load(&worker->paused) ? 0 : (uint32_t)left;
}

/* What has results is called anyway: asking along costs nothing. */
static bool is_asked(const struct lane *lane) { return lane->ready || lane->results.first; }

static uint32_t build_calls(struct troupe_worker *worker)
{
    const int64_t now = now_us();
    uint32_t left = turn_room(worker), asked = 0, count = 0, beats = 0;
    for (uint32_t i = 0; i < worker->lane_count; i++)
        asked += worker->lanes[i].not_before_us <= now && is_asked(&worker->lanes[i]);
    worker->first_lane++; /* no partition is always the last */
    for (uint32_t i = 0; i < worker->lane_count; i++) {
        struct lane *lane = &worker->lanes[(worker->first_lane + i) % worker->lane_count];
        uint32_t want = 0;
        if (lane->not_before_us > now)
            continue;
        if (left > 0 && asked > 0 && is_asked(lane)) {
            want = (left + asked - 1) / asked;
            want = want < WANT_MOST ? want : WANT_MOST;
            left -= want;
        }
        asked -= asked > 0 && is_asked(lane);
        /* One lane's beats at most fill the room; the others' are due again in the next turn. */
        if (beats + LANE_BEATS_MOST > WORKER_BEATS)
            break;
        struct call *call = &worker->calls[count];
        if (!lane_call(lane, call, want, worker->lease_us / 3, now, worker->beats + beats))
            continue;
        beats += call->beat_count;
        count++;
    }
    return count;
}

static int send_calls(struct troupe_worker *worker, uint32_t count, struct err *err)
{
    for (uint32_t i = 0; i < count; i++) {
        call_words(&worker->calls[i], worker->wire.sha, slice_str(worker->name),
                   (uint32_t)(worker->lease_us / 1000), &worker->words);
        if (wire_queue(&worker->wire, &worker->words, err) != 0)
            return -1;
    }
    return 0;
}

/* All answers are taken, also behind one that is none. */
static int receive(struct troupe_worker *worker, uint32_t count, struct err *err)
{
    int rc = 0;
    for (uint32_t i = 0; i < count; i++) {
        redisReply *reply = wire_reply(&worker->wire, err);
        if (!reply) {
            for (; i < count; i++)
                call_again(&worker->calls[i]);
            return -1;
        }
        if (reply->type != REDIS_REPLY_ERROR) {
            rc = take_answer(worker, &worker->calls[i], reply, err) != 0 ? -1 : rc;
        } else {
            call_again(&worker->calls[i]);
            if (strncmp(reply->str, "NOSCRIPT", 8) == 0)
                worker->wire.sha[0] = '\0'; /* Redis was restarted */
            else
                rc = err_set(err, ERR_REFUSED, "Redis refuses: %s", reply->str);
        }
        freeReplyObject(reply);
    }
    return rc;
}

int turn_make(struct troupe_worker *worker, struct err *err)
{
    const uint32_t count = build_calls(worker);
    if (count == 0)
        return 1;
    int rc = wire_open(&worker->wire, err);
    if (rc == 0 && !worker->wire.sha[0]) {
        const int partitions = wire_load(&worker->wire, err);
        rc = partitions > 0 ? 0 : -1;
        if (partitions == 0)
            (void)err_set(err, ERR_UNREACHABLE, "waiting for a supervisor");
    }
    if (rc == 0)
        rc = send_calls(worker, count, err);
    if (rc != 0) {
        for (uint32_t i = 0; i < count; i++)
            call_again(&worker->calls[i]);
        wire_close(&worker->wire);
        return -1;
    }
    return receive(worker, count, err);
}
