/* bench_idle: one run at a time on an idle system, and what runs in flight and programs hold. */
#include "base/clock.h"
#include "base/uuid7.h"
#include "bench.h"
#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { LATENCY_RUNS = 200, WARM_RUNS = 20, ANSWER_MS = 10000, MEMORY_WAIT_S = 60 };

static double percentile(double *sorted, size_t count, double p)
{
    const size_t at = (size_t)ceil(p * (double)count);
    return sorted[at > 0 ? at - 1 : 0];
}

static double since_ms(int64_t began_us)
{
    return (double)(clock_mono_us(&clock_system) - began_us) / 1e3;
}

/* Until Redis says that the run's counter is 0. */
static int wait_zero(redisContext *events, const char *id, struct err *err)
{
    for (;;) {
        redisReply *reply = NULL;
        if (redisGetReply(events, (void **)&reply) != REDIS_OK || !reply)
            return err_set(err, ERR_UNREACHABLE, "no word of a run's end: %s", events->errstr);
        const bool ours = reply->type == REDIS_REPLY_ARRAY && reply->elements == 3 &&
                          reply->element[2]->type == REDIS_REPLY_STRING &&
                          strcmp(reply->element[2]->str, id) == 0;
        freeReplyObject(reply);
        if (ours)
            return 0;
    }
}

/* Until the record has it: asked whenever the supervisor says that it has committed. */
static int wait_committed(struct bench *bench, const char *id, struct err *err)
{
    const int64_t until = clock_mono_us(&clock_system) + ANSWER_MS * INT64_C(1000);
    for (int64_t there = 0; !there;) {
        if (bench_number(
                bench, "select count(*) from run where run_id = $1::uuid and ended_at is not null",
                id, &there, err) != 0)
            return -1;
        if (there)
            return 0;
        struct pollfd fd = {.fd = PQsocket(bench->record), .events = POLLIN};
        PGnotify *told;
        if (poll(&fd, 1, 100) > 0 && !PQconsumeInput(bench->record))
            return err_set(err, ERR_UNREACHABLE, "Postgres: %s", PQerrorMessage(bench->record));
        while ((told = PQnotifies(bench->record)) != NULL)
            PQfreemem(told);
        if (clock_mono_us(&clock_system) > until)
            return err_set(err, ERR_TIMEOUT, "run %s was not committed", id);
    }
    return 0;
}

static int one_run(struct bench *bench, redisContext *events, const char *name, double *zero,
                   double *committed, struct err *err)
{
    char id[UUID_TEXT_LEN + 1];
    const struct uuid uuid =
        uuid7_make(clock_wall_us(&clock_system) / 1000, (uint16_t)clock_mono_us(&clock_system));
    uuid_format(&uuid, id);
    const int64_t began = clock_mono_us(&clock_system);
    redisReply *reply =
        redisCommand(bench->redis, "XADD troupe:runs * workflow %s input %s run_id %s", name,
                     bench_shapes[SHAPE_CHAIN].input, id);
    const bool good = reply && reply->type == REDIS_REPLY_STRING;
    freeReplyObject(reply);
    if (!good)
        return err_set(err, ERR_UNREACHABLE, "Redis does not take a request");
    if (wait_zero(events, id, err) != 0)
        return -1;
    *zero = since_ms(began);
    if (wait_committed(bench, id, err) != 0)
        return -1;
    *committed = since_ms(began);
    return 0;
}

static int time_runs(struct bench *bench, double zero[LATENCY_RUNS], double committed[LATENCY_RUNS],
                     struct err *err)
{
    double unused;
    struct bench_job job;
    const char *const name = job.prefix;
    if (bench_job_make(bench, &bench_shapes[SHAPE_CHAIN], 1, &job, err) != 0)
        return -1;
    redisContext *events = redisConnect("127.0.0.1", bench->dev->redis_port);
    const struct timeval limit = {.tv_sec = ANSWER_MS / 1000};
    PQclear(PQexec(bench->record, "listen troupe_progress"));
    int result = 0;
    if (!events || events->err || redisSetTimeout(events, limit) != REDIS_OK)
        result = err_set(err, ERR_UNREACHABLE, "cannot connect to Redis");
    else
        freeReplyObject(redisCommand(events, "SUBSCRIBE troupe:completion_events"));
    for (int i = 0; result == 0 && i < WARM_RUNS; i++)
        result = one_run(bench, events, name, &unused, &unused, err);
    for (int i = 0; result == 0 && i < LATENCY_RUNS; i++)
        result = one_run(bench, events, name, &zero[i], &committed[i], err);
    if (events)
        redisFree(events);
    PQclear(PQexec(bench->record, "unlisten troupe_progress"));
    return result;
}

int bench_latency(struct bench *bench, struct bench_latency *latency, struct err *err)
{
    double zero[LATENCY_RUNS], committed[LATENCY_RUNS];
    struct bench_pins pins;
    if (bench_pin(bench, &pins, err) != 0 || time_runs(bench, zero, committed, err) != 0 ||
        bench_unpin(bench, &pins, err) != 0)
        return -1;
    bench_sort(zero, LATENCY_RUNS);
    bench_sort(committed, LATENCY_RUNS);
    *latency = (struct bench_latency){
        .pins = pins,
        .zero_p50_ms = percentile(zero, LATENCY_RUNS, .5),
        .zero_p99_ms = percentile(zero, LATENCY_RUNS, .99),
        .committed_p50_ms = percentile(committed, LATENCY_RUNS, .5),
        .committed_p99_ms = percentile(committed, LATENCY_RUNS, .99),
    };
    return 0;
}

/* The most that was resident at any time: VmHWM, in MB. */
static double peak_mb(pid_t pid)
{
    char path[64], line[256];
    double kilobytes = 0;
    (void)snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
    FILE *file = fopen(path, "re");
    while (file && fgets(line, sizeof(line), file))
        if (strncmp(line, "VmHWM:", 6) == 0)
            kilobytes = strtod(line + 6, NULL);
    if (file)
        (void)fclose(file);
    return kilobytes / 1024;
}

int bench_memory(struct bench *bench, struct bench_memory *memory, struct err *err)
{
    const struct bench_shape *shape = &bench_shapes[SHAPE_PARKED];
    const uint32_t runs = (uint32_t)fmax(100, shape->runs * bench->scale);
    struct bench_job job;
    int64_t before, after, recorded = 0, left = 1;
    *memory = (struct bench_memory){.supervisor_mb = peak_mb(bench->dev->supervisor.pid)};
    for (uint32_t i = 0; i < bench->dev->worker_count; i++)
        memory->worker_mb = fmax(memory->worker_mb, peak_mb(bench->dev->workers[i].pid));
    if (bench_job_make(bench, shape, 1, &job, err) != 0 ||
        bench_info(bench, "memory", "used_memory", &before, err) != 0 ||
        bench_submit(bench, &job, runs, err) != 0)
        return -1;
    /* All at their last node, and everything that the record has is gone from Redis. */
    const int64_t until = clock_mono_us(&clock_system) + MEMORY_WAIT_S * INT64_C(1000000);
    while (recorded < (int64_t)runs * (shape->executions - 1) || left > 0) {
        const struct timespec pause = {.tv_nsec = 20000000};
        (void)nanosleep(&pause, NULL);
        redisReply *reply = redisCommand(bench->redis, "XLEN troupe:runs");
        left = reply && reply->type == REDIS_REPLY_INTEGER ? reply->integer : 1;
        freeReplyObject(reply);
        if (bench_number(
                bench,
                "select count(*) from node_executions join run using (run_id) where workflow = $1",
                job.prefix, &recorded, err) != 0)
            return -1;
        if (clock_mono_us(&clock_system) > until)
            return err_set(err, ERR_TIMEOUT, "%lld executions of parked runs are recorded",
                           (long long)recorded);
    }
    if (bench_info(bench, "memory", "used_memory", &after, err) != 0)
        return -1;
    memory->redis_bytes_per_run = (double)(after - before) / runs;
    return 0;
}
