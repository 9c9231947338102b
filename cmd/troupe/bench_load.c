/* bench_load: many runs at once, timed until the record has them. */
#include "base/clock.h"
#include "bench.h"
#include "definition.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PIPELINE = 500, POLL_MS = 2, STUCK_S = 120, PARTITIONS = 16 };

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

int bench_deploy(struct bench *bench, const struct bench_shape *shape, char name[64],
                 struct err *err)
{
    char path[DEV_PATH_MAX + 80];
    struct buf text;
    struct definition definition;
    struct store_version version;
    (void)snprintf(name, 64, "%s-%u", shape->name, bench->serial++);
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

int bench_submit(struct bench *bench, const struct bench_shape *shape, const char *name,
                 uint32_t runs, struct err *err)
{
    for (uint32_t sent = 0; sent < runs;) {
        uint32_t count = runs - sent < PIPELINE ? runs - sent : PIPELINE;
        sent += count;
        for (uint32_t i = 0; i < count; i++)
            if (redisAppendCommand(bench->redis, "XADD troupe:runs * workflow %s input %s", name,
                                   shape->input) != REDIS_OK)
                return redis_failed(bench, "submitting", err);
        for (; count > 0; count--) {
            redisReply *reply = NULL;
            const bool good = redisGetReply(bench->redis, (void **)&reply) == REDIS_OK && reply &&
                              reply->type == REDIS_REPLY_STRING;
            freeReplyObject(reply);
            if (!good)
                return redis_failed(bench, "submitting", err);
        }
    }
    return 0;
}

/* Whether Redis may have nothing left of it: cheap, so that asking does not slow down what is measured.
 * The record is asked only then. */
static int looks_done(struct bench *bench, bool *done, struct err *err)
{
    long long left = 0;
    if (redisAppendCommand(bench->redis, "XLEN troupe:runs") != REDIS_OK)
        return redis_failed(bench, "waiting", err);
    for (int p = 0; p < PARTITIONS; p++)
        if (redisAppendCommand(bench->redis, "XLEN troupe:{%d}:ledger", p) != REDIS_OK)
            return redis_failed(bench, "waiting", err);
    for (int i = 0; i <= PARTITIONS; i++) {
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

static int wait_for_end(struct bench *bench, const char *name, uint32_t runs, struct err *err)
{
    const int64_t until = clock_mono_us(&clock_system) + STUCK_S * INT64_C(1000000);
    int64_t ended = 0;
    while (ended < runs) {
        bool done = false;
        if (looks_done(bench, &done, err) != 0)
            return -1;
        if (done &&
            bench_number(bench,
                         "select count(*) from run where workflow = $1 and status = 'completed'",
                         name, &ended, err) != 0)
            return -1;
        if (ended < runs)
            dev_wait(bench->dev, POLL_MS); /* notices Ctrl-C too */
        if (bench->dev->stops > 0)
            return err_set(err, ERR_TIMEOUT, "stopped");
        if (clock_mono_us(&clock_system) > until)
            return err_set(err, ERR_TIMEOUT, "%s: %lld of %u runs have completed in %d s", name,
                           (long long)ended, runs, STUCK_S);
    }
    return 0;
}

/* Nothing counts that is not recorded. */
static int check_rows(struct bench *bench, const struct bench_shape *shape, const char *name,
                      uint32_t runs, struct err *err)
{
    int64_t rows;
    if (bench_number(bench,
                     "select count(*) from node_executions join run using (run_id)"
                     " where workflow = $1 and node_executions.status = 'completed'",
                     name, &rows, err) != 0)
        return -1;
    if (rows != (int64_t)runs * shape->executions)
        return err_set(err, ERR_INTERNAL,
                       "%s: %lld executions are recorded, of %u runs with %u each", name,
                       (long long)rows, runs, shape->executions);
    return 0;
}

int bench_load(struct bench *bench, const struct bench_shape *shape, double *seconds,
               uint32_t *runs, struct err *err)
{
    char name[64];
    *runs = (uint32_t)fmax(1, shape->runs * bench->scale);
    if (bench_deploy(bench, shape, name, err) != 0)
        return -1;
    const int64_t began = clock_mono_us(&clock_system);
    if (bench_submit(bench, shape, name, *runs, err) != 0 ||
        wait_for_end(bench, name, *runs, err) != 0)
        return -1;
    *seconds = (double)(clock_mono_us(&clock_system) - began) / 1e6;
    return check_rows(bench, shape, name, *runs, err);
}
