/* starts: accepted runs (rows of the record) become runs in Redis, by the idempotent start script.
 *
 * A run is asked for again until its start is archived; `exists` is then as good as `started`.
 */
#include "base/log.h"
#include "protocol/calls.h"
#include "protocol/decimal.h"
#include "supervisor/state.h"
#include <stdio.h>
#include <string.h>

static int build(struct supervisor *s, const struct store_run *run, const struct partition *p,
                 struct command *command, struct err *err)
{
    struct graph *graph = supervisor_graph(s, run->digest, err);
    char version[DECIMAL_SIZE], submitted[DECIMAL_SIZE], deadline[DECIMAL_SIZE];
    struct buf run_json;
    if (!graph || publish_graph(s, graph, err) != 0)
        return -1;
    (void)snprintf(version, sizeof version, "%lld", (long long)run->version);
    (void)snprintf(submitted, sizeof submitted, "%lld", (long long)run->submitted_us);
    (void)snprintf(deadline, sizeof deadline, "%lld", (long long)run->deadline_ms);
    buf_init(&run_json, 0);
    start_write_run_json(&run_json, run->run_id, run->workflow, run->version, redis_now_us(s),
                         run->labels);
    const struct start_run start = {
        .graph = graph,
        .incarnation = 1,
        .not_after_ms = redis_now_us(s) / 1000 + NOT_AFTER_MS,
        .record = {.run = run->run_id,
                   .workflow = run->workflow,
                   .version = slice_str(version),
                   .digest = slice_str(graph->digest),
                   .input = run->input,
                   .labels = run->labels,
                   .submitted_us = slice_str(submitted),
                   .inbox_id = SLICE(""),
                   .run_json = buf_slice(&run_json),
                   .deadline_ms = slice_str(deadline)},
    };
    start_begin(command, run->partition, slice_str(p->epoch_text), (struct call_queues){0}, 1);
    start_run(command, &start, 0);
    bool good = buf_ok(&run_json) && command_ok(command);
    buf_free(&run_json);
    return good ? 0
                : err_set(err, ERR_LIMIT, "run %.*s is too large to start", SLICE_ARG(run->run_id));
}

/* A refusal of one run must not keep the others from starting. */
static void note_reply(struct supervisor *s, const struct store_run *run, struct partition *p,
                       const redisReply *reply)
{
    struct err err = ERR_INIT;
    int64_t redis_us;
    enum start_result result;
    switch (call_status(reply, &redis_us, &err)) {
    case CALL_OK:
        note_redis_time(s, redis_us);
        break;
    case CALL_EPOCH:
    case CALL_SESSION:
        p->open = false;
        return;
    case CALL_HOLD:
        return;
    case CALL_REFUSED:
    case CALL_LOST:
        log_write(LOG_WARN, "Redis refused to start a run: it is tried again",
                  LOG_B("run_id", run->run_id), LOG_S("reason", err.message));
        return;
    }
    if (start_read(reply, 0, &result) != 0 || result == START_LATE || result == START_ENDED) {
        log_write(LOG_WARN, "a run could not be started: it is tried again",
                  LOG_B("run_id", run->run_id),
                  LOG_S("answer", result == START_ENDED ? "ended" : "late"));
        return;
    }
    s->stats.starts++;
}

static int send_starts(struct supervisor *s, const struct store_run *runs, struct command *commands,
                       const uint32_t *which, uint32_t count, struct err *err)
{
    redisReply *replies[STARTS_MOST];
    if (count == 0)
        return 0;
    if (redis_pipeline(s->redis, commands, count, replies, err) != 0)
        return -1;
    for (uint32_t i = 0; i < count; i++) {
        const struct store_run *run = &runs[which[i]];
        note_reply(s, run, partition_find(s, run->partition), replies[i]);
        freeReplyObject(replies[i]);
    }
    return 0;
}

/* One that cannot be built is told of and left, unless a server is the reason. */
static int start_all(struct supervisor *s, const struct store_run *runs, uint32_t count,
                     struct err *err)
{
    struct command commands[STARTS_MOST];
    uint32_t which[STARTS_MOST], built = 0;
    int result = 0;
    for (uint32_t i = 0; result == 0 && i < count; i++) {
        struct err why = ERR_INIT;
        const struct partition *p = partition_find(s, runs[i].partition);
        if (!p || !p->open)
            continue;
        command_init(&commands[built]);
        if (build(s, &runs[i], p, &commands[built], &why) == 0) {
            which[built++] = i;
            continue;
        }
        command_free(&commands[built]);
        if (err_retriable(why.code)) {
            *err = why;
            result = -1;
        } else {
            s->stats.alarms++;
            log_write(LOG_ERROR, "a run cannot be started", LOG_B("run_id", runs[i].run_id),
                      LOG_S("reason", why.message));
        }
    }
    if (result == 0)
        result = send_starts(s, runs, commands, which, built, err);
    for (uint32_t i = 0; i < built; i++)
        command_free(&commands[i]);
    return result;
}

int starts_pass(struct supervisor *s, struct err *err)
{
    struct store_run *runs;
    uint32_t count = 0;
    if (s->owned == 0 || now_us(s) < s->starts_due_us)
        return 0;
    if (archive_runs_to_start(s->store, s->owner, STARTS_MOST, &s->batch.arena, &runs, &count,
                              err) != 0)
        return -1;
    /* As many as fit: there may be more. */
    s->starts_due_us = now_us(s) + (count == STARTS_MOST ? 0 : STARTS_EVERY_MS * INT64_C(1000));
    return start_all(s, runs, count, err);
}
