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
#include "libtroupe/bell.h"
#include "libtroupe/holding.h"
#include "libtroupe/turn.h"
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
    FLUSH_US = 5000000,         /* for the last results, when Redis is away at the end */
    FIRST_PAUSE_US = 100000,    /* between attempts to reach Redis */
    LONGEST_PAUSE_US = 5000000, /* the same */
    FIRST_MEAN_US = 1000000,    /* that a callback takes */
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

void worker_rouse(void *context)
{
    const struct troupe_worker *worker = context;
    const uint64_t one = 1;
    if (write(worker->wake, &one, sizeof(one)) < 0 && errno != EAGAIN)
        panic("cannot wake the loop: %s", strerror(errno));
}

/* --- waiting --- */

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
    if (worker->share && !worker->draining && worker->pool && ms > FULL_MS &&
        turn_room(worker) == 0)
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
        bell_hear(worker);
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
    holding_drop(worker, job);
    if (!instead)
        return; /* it lapses */
    jobs_push(&instead->lane->jobs, instead);
    holding_result(instead, 'b', "");
    holding_settle(instead);
}

/* Hands back what has not begun; and what has, when its time is over. True when nothing is left to say. */
static bool drained(struct troupe_worker *worker)
{
    const int64_t now = now_us();
    uint32_t left = 0;
    holding_take_done(worker);
    for (uint32_t i = 0; i < worker->lane_count; i++) {
        struct lane *lane = &worker->lanes[i];
        struct job *next;
        for (struct job *job = lane->jobs.first; job; job = next) {
            next = job->next;
            if (!job->done && pool_withdraw(worker->pool, job->task)) {
                holding_result(job, 'b', "");
                holding_settle(job);
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
        int64_t wait_us = WORKER_HOLD_US;
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
        holding_take_done(worker);
        const int rc = turn_make(worker, &err);
        if (rc < 0) {
            pause_after(worker, &err);
            continue;
        }
        worker->pause_us = FIRST_PAUSE_US;
        bell_listen(worker);
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
    worker->pool = worker->share ? pool_share(worker->share, worker_rouse, worker)
                                 : pool_new(worker->threads, worker_rouse, worker);
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
    worker_rouse(worker);
}
