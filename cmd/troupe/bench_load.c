/* bench_load: many runs at once, timed until the record has them. */
#include "base/clock.h"
#include "bench.h"
#include "definition.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PIPELINE = 500, POLL_MS = 2, STUCK_S = 120 };

static int redis_failed(const struct bench *bench, const char *what, struct err *err)
{
    return err_set(err, ERR_UNREACHABLE, "%s: Redis: %s", what,
                   bench->redis->err ? bench->redis->errstr : "an unexpected answer");
}

int bench_number(struct bench *bench, const char *sql, const char *parameter, int64_t *number,
                 struct err *err)
{
    PGresult *result =
        PQexecParams(bench->record, sql, parameter ? 1 : 0, NULL, &parameter, NULL, NULL, 0);
    const bool good = PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) == 1;
    if (good)
        *number = strtoll(PQgetvalue(result, 0, 0), NULL, 10);
    else
        err_set(err, ERR_UNREACHABLE, "Postgres: %s", PQerrorMessage(bench->record));
    PQclear(result);
    return good ? 0 : -1;
}

int bench_info(struct bench *bench, const char *section, const char *field, int64_t *number,
               struct err *err)
{
    redisReply *reply = redisCommand(bench->redis, "INFO %s", section);
    const char *at = reply && reply->type == REDIS_REPLY_STRING ? strstr(reply->str, field) : NULL;
    if (at)
        *number = strtoll(at + strlen(field) + 1, NULL, 10);
    freeReplyObject(reply);
    return at ? 0 : redis_failed(bench, "INFO", err);
}

static void name_of(const struct bench_job *job, uint32_t index, char name[64])
{
    (void)snprintf(name, 64, job->definitions > 1 ? "%s-%u" : "%s", job->prefix, index);
}

static int deploy(struct bench *bench, const struct bench_shape *shape, const char *name,
                  struct err *err)
{
    char path[DEV_PATH_MAX + 80];
    struct buf text;
    struct definition definition;
    struct store_version version;
    (void)snprintf(path, sizeof(path), "%s/%s.json", bench->dev->dir, name);
    buf_init(&text, 1 << 20);
    shape->write(&text, name);
    FILE *file = buf_ok(&text) ? fopen(path, "we") : NULL;
    const bool written = file && fwrite(text.data, 1, text.len, file) == text.len;
    buf_free(&text);
    if ((file && fclose(file) != 0) || !written)
        return err_set(err, ERR_IO, "cannot write %s", path);
    if (definition_read(bench->cli, path, &definition, err) != 0)
        return -1;
    struct store *store = store_new(bench->dev->database_url, "troupe bench", err);
    int result = store && definition.graph
                     ? definition_deploy(bench->cli, store, bench->dev->redis_url, &definition,
                                         &version, err)
                     : err_set(err, ERR_INTERNAL, "%s: %s", path,
                               definition.findings.count ? definition.findings.items[0].message
                                                         : "does not compile");
    store_free(store);
    definition_free(&definition);
    return result;
}

int bench_job_make(struct bench *bench, const struct bench_shape *shape, uint32_t definitions,
                   struct bench_job *job, struct err *err)
{
    *job = (struct bench_job){.shape = shape, .definitions = definitions};
    (void)snprintf(job->prefix, sizeof(job->prefix), "%s-%u", shape->name, bench->serial++);
    for (uint32_t i = 0; i < definitions; i++) {
        char name[64];
        name_of(job, i, name);
        if (deploy(bench, shape, name, err) != 0)
            return -1;
    }
    return 0;
}

int bench_submit(struct bench *bench, struct bench_job *job, uint32_t runs, struct err *err)
{
    for (uint32_t sent = 0; sent < runs;) {
        uint32_t count = runs - sent < PIPELINE ? runs - sent : PIPELINE;
        sent += count;
        for (uint32_t i = 0; i < count; i++) {
            char name[64];
            name_of(job, job->next++ % job->definitions, name);
            if (redisAppendCommand(bench->redis, "XADD troupe:runs * workflow %s input %s", name,
                                   job->shape->input) != REDIS_OK)
                return redis_failed(bench, "submitting", err);
        }
        for (; count > 0; count--) {
            redisReply *reply = NULL;
            const bool good = redisGetReply(bench->redis, (void **)&reply) == REDIS_OK && reply &&
                              reply->type == REDIS_REPLY_STRING;
            freeReplyObject(reply);
            if (!good)
                return redis_failed(bench, "submitting", err);
        }
    }
    job->submitted += runs;
    return 0;
}

/* Whether Redis may have nothing left of it: cheap, so that asking does not slow down what is measured.
 * The record is asked only then. */
static int looks_done(struct bench *bench, bool *done, struct err *err)
{
    long long left = 0;
    if (redisAppendCommand(bench->redis, "XLEN troupe:runs") != REDIS_OK)
        return redis_failed(bench, "waiting", err);
    for (uint32_t p = 0; p < bench->partitions; p++)
        if (redisAppendCommand(bench->redis, "XLEN troupe:{%u}:ledger", p) != REDIS_OK)
            return redis_failed(bench, "waiting", err);
    for (uint32_t i = 0; i <= bench->partitions; i++) {
        redisReply *reply = NULL;
        if (redisGetReply(bench->redis, (void **)&reply) != REDIS_OK || !reply ||
            reply->type != REDIS_REPLY_INTEGER) {
            freeReplyObject(reply);
            return redis_failed(bench, "waiting", err);
        }
        left += i == 0 ? reply->integer : reply->integer > 1;
        freeReplyObject(reply);
    }
    *done = left == 0;
    return 0;
}

/* Of the record, over all definitions of the job. */
static int count_runs(struct bench *bench, const struct bench_job *job, int64_t *count,
                      struct err *err)
{
    *count = 0;
    for (uint32_t i = 0; i < job->definitions; i++) {
        char name[64];
        int64_t ended;
        name_of(job, i, name);
        if (bench_number(bench,
                         "select count(*) from run where workflow = $1 and status = 'completed'",
                         name, &ended, err) != 0)
            return -1;
        *count += ended;
    }
    return 0;
}

static int wait_for_end(struct bench *bench, const struct bench_job *job, struct err *err)
{
    const int64_t until = clock_mono_us(&clock_system) + STUCK_S * INT64_C(1000000);
    int64_t ended = 0;
    while (ended < job->submitted) {
        bool done = false;
        if (looks_done(bench, &done, err) != 0 ||
            (done && count_runs(bench, job, &ended, err) != 0))
            return -1;
        if (ended < job->submitted)
            dev_wait(bench->dev, POLL_MS); /* notices Ctrl-C too */
        if (bench->dev->stops > 0)
            return err_set(err, ERR_TIMEOUT, "stopped");
        if (clock_mono_us(&clock_system) > until)
            return err_set(err, ERR_TIMEOUT, "%s: %lld of %lld runs have completed after %d s",
                           job->prefix, (long long)ended, (long long)job->submitted, STUCK_S);
    }
    return 0;
}

/* Nothing counts that is not recorded. */
static int check_rows(struct bench *bench, const struct bench_job *job, struct err *err)
{
    int64_t rows = 0;
    for (uint32_t i = 0; i < job->definitions; i++) {
        char name[64];
        int64_t found;
        name_of(job, i, name);
        if (bench_number(bench,
                         "select count(*) from node_executions join run using (run_id)"
                         " where workflow = $1 and node_executions.status = 'completed'",
                         name, &found, err) != 0)
            return -1;
        rows += found;
    }
    if (rows != job->submitted * job->shape->executions)
        return err_set(err, ERR_INTERNAL,
                       "%s: %lld executions are recorded, of %lld runs with %u each", job->prefix,
                       (long long)rows, (long long)job->submitted, job->shape->executions);
    return 0;
}

int bench_load(struct bench *bench, struct bench_job *job, double *seconds, uint32_t *runs,
               struct err *err)
{
    *runs = (uint32_t)fmax(1, job->shape->runs * bench->scale);
    const int64_t began = clock_mono_us(&clock_system);
    if (bench_submit(bench, job, *runs, err) != 0 || wait_for_end(bench, job, err) != 0)
        return -1;
    *seconds = (double)(clock_mono_us(&clock_system) - began) / 1e6;
    return check_rows(bench, job, err);
}
