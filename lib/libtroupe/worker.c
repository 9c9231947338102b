/* worker: a worker program's loop (libtroupe/troupe.h, docs/tasks.md).
 *
 * One thread, that of troupe_worker_run, talks to Redis: each turn takes everything there is to say, in
 * one round trip, to every lane that has results, beats that are due, or may have tasks for the room there
 * is. While a turn is under way callbacks go on, on the pool's threads: their results gather for the next
 * one. Nothing is called per task. Between turns it polls three descriptors: `wake` (something happened
 * here), signals, and the second connection, which listens for new tasks (the bell).
 */
#include "libtroupe/worker.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/hash.h"
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum {
    WANT_MOST = 1000,         /* of one call */
    AHEAD_MOST = 1000,        /* tasks claimed before there is room for them */
    PLENTY_BYTES = 512 << 10, /* of tasks: there may be more, although fewer than wanted came */
    HOLD_US = 200000,   /* until a partition that cannot work, or a missing fleet, is asked again */
    FLUSH_US = 5000000, /* for the last results, when Redis is away at the end */
    FIRST_PAUSE_US = 100000,    /* between attempts to reach Redis */
    LONGEST_PAUSE_US = 5000000, /* the same */
    FIRST_MEAN_US = 1000000,    /* that a callback takes */
    WEIGHT_SHIFT = 5,           /* of the newest one in the mean: 1/32 */
    FULL_MS = 100,              /* between looks at threads that others fill */
};

void worker_say(const struct troupe_worker *worker, enum troupe_level level, const char *format,
                ...)
{
    static const char *const names[] = {"debug", "info", "warning", "error"};
    char text[700];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    if (worker->log)
        worker->log(worker->log_context, level, text);
    else if (level != TROUPE_DEBUG)
        (void)fprintf(stderr, "troupe: %s: %s\n", names[level], text);
}

static int64_t now_us(void) { return clock_mono_us(&clock_system); }

static void wake(void *context)
{
    const struct troupe_worker *worker = context;
    const uint64_t one = 1;
    if (write(worker->wake, &one, sizeof(one)) < 0 && errno != EAGAIN)
        panic("cannot wake the loop: %s", strerror(errno));
}

/* --- jobs --- */

static void on_noted(struct troupe_task *task)
{
    struct job *job = task->owner;
    if (atomic_exchange(&job->noted, true))
        return;
    if (!atomic_exchange(&job->lane->noted, true))
        wake(job->lane->worker);
}

/* Its last words go before its result. */
static void settle(struct job *job)
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

static void take_done(struct troupe_worker *worker)
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
            settle(job);
        task = next;
    }
}

/* Nobody wants it: what runs is told, and freed when it comes back. */
static void drop(struct troupe_worker *worker, struct job *job)
{
    jobs_remove(&job->lane->jobs, job);
    job->dropped = true;
    task_cancel(job->task);
    if (pool_withdraw(worker->pool, job->task))
        job_free(job);
}

/* A result without its callback: handed back, or one that cannot be executed here. */
static void set_result(struct job *job, char kind, const char *body)
{
    job->task->result_kind = kind;
    buf_reset(&job->task->body);
    buf_str(&job->task->body, body);
}

static void take(struct troupe_worker *worker, struct lane *lane, const redisReply *given)
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
    job->beaten_us = now_us();
    job->task->owner = job;
    job->task->noted = on_noted;
    job->task->handler = registry_find(&worker->registry, job->task->kind, job->task->name);
    jobs_push(&lane->jobs, job);
    if (pool_submit(worker->pool, job->task) == 0)
        return;
    worker_say(worker, TROUPE_ERROR, "cannot start a thread: a task is handed back");
    set_result(job, 'b', "");
    settle(job);
}

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
            set_result(job, 'f',
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
            drop(worker, job);
            continue;
        }
        job->beaten_us = now;
        jobs_remove(&job->lane->jobs, job);
        jobs_push(&job->lane->jobs, job);
        task_said(job->task);
        if (job->done)
            settle(job);
        else if (task_words(job->task, &more))
            on_noted(job->task);
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
        take(worker, lane, tasks->element[i]);
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
        call->lane->not_before_us = now_us() + HOLD_US;
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

/* --- a turn --- */

static uint32_t room(const struct troupe_worker *worker)
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
    uint32_t left = room(worker), asked = 0, count = 0, beats = 0;
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

/* 1: there was nothing to say. */
static int turn(struct troupe_worker *worker, struct err *err)
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

/* --- waiting --- */

static void ring(struct troupe_worker *worker, const redisReply *reply)
{
    const bool some = reply->type == REDIS_REPLY_ARRAY && reply->elements > 0;
    for (uint32_t i = 0; i < worker->lane_count; i++) {
        struct lane *lane = &worker->lanes[i];
        bool rung = !some; /* claims that lapsed do not ring */
        for (size_t k = 0; some && k < reply->elements && !rung; k++) {
            const redisReply *of = reply->element[k];
            rung = of->type == REDIS_REPLY_ARRAY && of->elements > 0 &&
                   slice_eq_str(reply_slice(of->element[0]), lane->stream);
        }
        if (rung && !lane->ready)
            lane->ready = lane->rung = true;
    }
}

static void hear_bell(struct troupe_worker *worker)
{
    struct err err = ERR_INIT;
    redisReply *reply;
    if (wire_read(&worker->bell, &reply, &err) != 0) {
        worker_say(worker, TROUPE_DEBUG, "the bell is lost: %s", err.message);
        worker->listening = false;
        worker->bell_next_us = now_us() + HOLD_US;
        return;
    }
    if (!reply)
        return;
    worker->listening = false;
    if (reply->type != REDIS_REPLY_ERROR) {
        ring(worker, reply);
    } else {
        worker_say(worker, TROUPE_DEBUG, "the bell is refused: %s", reply->str);
        worker->bell_next_us = now_us() + HOLD_US;
    }
    freeReplyObject(reply);
}

/* Listens to all lanes that have a cursor, if there is room and none has rung. */
static void listen_to_bell(struct troupe_worker *worker)
{
    struct err err = ERR_INIT;
    if (worker->listening || worker->draining || room(worker) == 0 ||
        now_us() < worker->bell_next_us)
        return;
    words_reset(&worker->words);
    words_add(&worker->words, SLICE("XREAD"));
    words_add(&worker->words, SLICE("BLOCK"));
    words_add(&worker->words, SLICE("5000"));
    words_add(&worker->words, SLICE("COUNT"));
    words_add(&worker->words, SLICE("1"));
    words_add(&worker->words, SLICE("STREAMS"));
    const int before = worker->words.count;
    for (uint32_t i = 0; i < worker->lane_count; i++) {
        if (worker->lanes[i].rung)
            return;
        if (worker->lanes[i].cursor[0])
            words_add(&worker->words, slice_str(worker->lanes[i].stream));
    }
    if (worker->words.count == before)
        return; /* none can be listened to: asked in their own time */
    for (uint32_t i = 0; i < worker->lane_count; i++) {
        if (worker->lanes[i].cursor[0])
            words_add(&worker->words, slice_str(worker->lanes[i].cursor));
    }
    worker->listening = wire_open(&worker->bell, &err) == 0 &&
                        wire_queue(&worker->bell, &worker->words, &err) == 0 &&
                        wire_flush(&worker->bell, &err) == 0;
    if (!worker->listening) {
        worker_say(worker, TROUPE_DEBUG, "cannot listen: %s", err.message);
        worker->bell_next_us = now_us() + HOLD_US;
    }
}

static void stop(struct troupe_worker *worker)
{
    uint32_t waiting, running;
    if (worker->draining) {
        worker->drain_end_us = now_us();
        return;
    }
    pool_counts(worker->pool, &waiting, &running);
    worker_say(worker, TROUPE_INFO, "draining: %u run, %u wait", running, waiting);
    worker->draining = true;
    worker->drain_end_us = now_us() + worker->drain_us;
}

/* Until then, or until something happens. */
static void wait_until(struct troupe_worker *worker, int64_t until_us)
{
    const int64_t left_us = until_us - now_us();
    int ms = left_us <= 0 ? 0 : left_us > 60000000 ? 60000 : (int)((left_us + 999) / 1000);
    if (worker->share && !worker->draining && worker->pool && ms > FULL_MS && room(worker) == 0)
        ms = FULL_MS; /* nobody says when the others' callbacks end */
    struct pollfd polled[3] = {
        {.fd = worker->wake, .events = POLLIN},
        {.fd = worker->signals, .events = POLLIN},
        {.fd = worker->listening ? worker->bell.context->fd : -1, .events = POLLIN}};
    struct signalfd_siginfo signal;
    uint64_t count;
    if (poll(polled, 3, ms) < 0 && errno != EINTR)
        panic("poll: %s", strerror(errno));
    if ((polled[0].revents & POLLIN) && read(worker->wake, &count, sizeof(count)) < 0 &&
        errno != EAGAIN)
        panic("read: %s", strerror(errno));
    while ((polled[1].revents & POLLIN) &&
           read(worker->signals, &signal, sizeof(signal)) == sizeof(signal))
        stop(worker);
    for (uint32_t stops = atomic_load(&worker->stops); worker->stopped < stops; worker->stopped++)
        stop(worker);
    if (polled[2].revents)
        hear_bell(worker);
}

/* Each 50% to 100% of its length, so that a fleet of workers does not come back at once. */
static int64_t take_pause(struct troupe_worker *worker)
{
    uint32_t random;
    random_bytes(&random, sizeof(random));
    const int64_t length_us = worker->pause_us;
    worker->pause_us = 2 * length_us < LONGEST_PAUSE_US ? 2 * length_us : LONGEST_PAUSE_US;
    return length_us / 2 + length_us / 2 * (random % 1000) / 1000;
}

static void pause_after(struct troupe_worker *worker, const struct err *err)
{
    const int64_t wait_us = take_pause(worker), until_us = now_us() + wait_us;
    worker_say(worker, TROUPE_WARNING, "lost Redis, trying again in %.1f s: %s",
               (double)wait_us / 1e6, err->message);
    do
        wait_until(worker, until_us);
    while (now_us() < until_us && !worker->draining);
}

/* --- the end --- */

/* It runs: its task stays with its thread. */
static void hand_back_running(struct troupe_worker *worker, struct job *job)
{
    struct job *instead = job_handed_back(job);
    worker_say(worker, TROUPE_WARNING, "handed back: run %s node %s", job->task->run_id.ptr,
               job->task->node_id.ptr);
    drop(worker, job);
    if (!instead)
        return; /* it lapses */
    jobs_push(&instead->lane->jobs, instead);
    set_result(instead, 'b', "");
    settle(instead);
}

/* Hands back what has not begun; and what has, when its time is over. True when nothing is left to say. */
static bool drained(struct troupe_worker *worker)
{
    const int64_t now = now_us();
    uint32_t left = 0;
    take_done(worker);
    for (uint32_t i = 0; i < worker->lane_count; i++) {
        struct lane *lane = &worker->lanes[i];
        struct job *next;
        for (struct job *job = lane->jobs.first; job; job = next) {
            next = job->next;
            if (!job->done && pool_withdraw(worker->pool, job->task)) {
                set_result(job, 'b', "");
                settle(job);
            } else if (!job->done && now >= worker->drain_end_us) {
                hand_back_running(worker, job);
            }
        }
        left += lane->jobs.count + lane->results.count;
    }
    if (left > 0 && now >= worker->drain_end_us + FLUSH_US) {
        worker_say(worker, TROUPE_ERROR, "%u results were not taken: Redis is away", left);
        worker->failed = true;
        return true;
    }
    return left == 0;
}

/* --- running --- */

static int make_lanes(struct troupe_worker *worker, uint32_t partitions)
{
    const struct registry *registry = &worker->registry;
    uint32_t queues = 0;
    worker->lanes = mem_calloc((size_t)registry->count * partitions, sizeof(*worker->lanes));
    worker->calls = mem_calloc((size_t)registry->count * partitions, sizeof(*worker->calls));
    worker->beats = mem_calloc(WORKER_BEATS, sizeof(struct job *));
    if (!worker->lanes || !worker->calls || !worker->beats)
        return -1;
    for (uint32_t i = 0; i < registry->count; i++) {
        const char *queue = registry->handlers[i]->queue;
        bool again = false;
        for (uint32_t k = 0; k < i; k++)
            again = again || strcmp(registry->handlers[k]->queue, queue) == 0;
        for (uint32_t p = 0; p < partitions && !again; p++) {
            lane_init(&worker->lanes[worker->lane_count], queue, p);
            worker->lanes[worker->lane_count++].worker = worker;
        }
        queues += !again;
    }
    worker_say(worker, TROUPE_INFO, "worker %s serves %u queues in %u partitions", worker->name,
               queues, partitions);
    return 0;
}

/* Waits for Redis, and for a supervisor. 1: stopped meanwhile. */
static int open_fleet(struct troupe_worker *worker)
{
    char said[sizeof(((struct err *)NULL)->message)] = "";
    while (!worker->draining) {
        struct err err = ERR_INIT;
        int64_t wait_us = HOLD_US;
        int partitions = wire_open(&worker->wire, &err);
        if (partitions == 0)
            partitions = wire_load(&worker->wire, &err);
        if (partitions > 0)
            return make_lanes(worker, (uint32_t)partitions);
        if (partitions == 0)
            (void)err_set(&err, ERR_UNREACHABLE, "waiting for a supervisor");
        else
            wait_us = take_pause(worker);
        if (strcmp(said, err.message) != 0)
            worker_say(worker, TROUPE_WARNING, "%s", err.message);
        memcpy(said, err.message, sizeof(said));
        wait_until(worker, now_us() + wait_us);
    }
    return 1;
}

static int64_t next_time(const struct troupe_worker *worker)
{
    const int64_t now = now_us();
    int64_t next_us = INT64_MAX;
    if (worker->draining && now < worker->drain_end_us)
        next_us = worker->drain_end_us;
    if (!worker->listening && !worker->draining && now < worker->bell_next_us)
        next_us = worker->bell_next_us;
    for (uint32_t i = 0; i < worker->lane_count; i++) {
        const int64_t lane_us = lane_next_us(&worker->lanes[i], worker->lease_us / 3, now);
        next_us = lane_us < next_us ? lane_us : next_us;
    }
    return next_us;
}

static void work(struct troupe_worker *worker)
{
    worker->pause_us = FIRST_PAUSE_US;
    while (!worker->draining || !drained(worker)) {
        struct err err = ERR_INIT;
        take_done(worker);
        const int rc = turn(worker, &err);
        if (rc < 0) {
            pause_after(worker, &err);
            continue;
        }
        worker->pause_us = FIRST_PAUSE_US;
        listen_to_bell(worker);
        wait_until(worker, rc > 0 ? next_time(worker) : 0);
    }
}

static int catch_signals(struct troupe_worker *worker, sigset_t *before)
{
    sigset_t stops;
    (void)sigemptyset(&stops);
    (void)sigaddset(&stops, SIGTERM);
    (void)sigaddset(&stops, SIGINT);
    (void)pthread_sigmask(SIG_BLOCK, &stops, before);
    worker->signals = signalfd(-1, &stops, SFD_NONBLOCK | SFD_CLOEXEC);
    return worker->signals < 0 ? -1 : 0;
}

int troupe_worker_run(struct troupe_worker *worker)
{
    sigset_t before;
    if (worker->registry.count == 0 || worker->ran) {
        worker_say(worker, TROUPE_ERROR, worker->ran ? "it was run before" : "it has no handlers");
        return -1;
    }
    worker->ran = true;
    worker->mean_us = FIRST_MEAN_US;
    worker->pause_us = FIRST_PAUSE_US;
    worker->pool = worker->share ? pool_share(worker->share, wake, worker)
                                 : pool_new(worker->threads, wake, worker);
    if (!worker->pool || (!worker->keep_signals && catch_signals(worker, &before) != 0)) {
        worker_say(worker, TROUPE_ERROR, "no memory, or no descriptors");
        return -1;
    }
    const int opened = open_fleet(worker);
    if (opened == 0)
        work(worker);
    else if (opened < 0)
        worker_say(worker, TROUPE_ERROR, "no memory for the partitions");
    wire_close(&worker->wire);
    wire_close(&worker->bell);
    if (!worker->keep_signals)
        (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return opened < 0 || worker->failed ? -1 : 0;
}

void troupe_worker_stop(struct troupe_worker *worker)
{
    atomic_fetch_add(&worker->stops, 1);
    wake(worker);
}
