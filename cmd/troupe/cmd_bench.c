/* troupe bench: how fast troupe is here, and how fast it could be. */
#include "base/clock.h"
#include "bench.h"
#include "cli.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Of one way of keeping the append-only file. */
struct figures {
    struct series limit, tokens[SHAPE_COUNT], runs[SHAPE_COUNT];
    struct bench_latency latency;
    struct bench_memory memory;
};

static const char *const modes[] = {"everysec", "off"};

/* --- measuring --- */

static int set_append_only(struct bench *bench, bool on, struct err *err)
{
    int64_t rewriting = 1;
    redisReply *reply = redisCommand(bench->redis, "CONFIG SET appendonly %s", on ? "yes" : "no");
    const bool good = reply && reply->type == REDIS_REPLY_STATUS;
    freeReplyObject(reply);
    if (!good)
        return err_set(err, ERR_UNREACHABLE, "Redis does not change appendonly");
    while (rewriting && bench->dev->stops == 0) { /* what it writes at first is no part of a load */
        if (bench_info(bench, "persistence", "aof_rewrite_in_progress", &rewriting, err) != 0)
            return -1;
        dev_wait(bench->dev, rewriting ? 20 : 0);
    }
    return 0;
}

static int measure_round(struct bench *bench, struct figures *figures, struct err *err)
{
    double limit;
    if (bench_limit(bench, &limit, err) != 0)
        return -1;
    series_add(&figures->limit, limit);
    for (int i = 0; i < SHAPE_COUNT; i++) {
        const struct bench_shape *shape = &bench_shapes[i];
        struct bench_job job;
        double seconds;
        uint32_t runs;
        if (bench_job_make(bench, shape, 1, &job, err) != 0 ||
            bench_load(bench, &job, &seconds, &runs, err) != 0)
            return -1;
        series_add(&figures->tokens[i], runs * shape->tokens / seconds);
        series_add(&figures->runs[i], runs / seconds);
    }
    return 0;
}

static int measure(struct bench *bench, const char *mode, struct figures *figures, struct err *err)
{
    struct figures unused = {0};
    const double scale = bench->scale;
    if (set_append_only(bench, strcmp(mode, "off") != 0, err) != 0)
        return -1;
    bench->scale = scale / 10; /* caches, connections, prepared plans */
    if (measure_round(bench, &unused, err) != 0)
        return -1;
    bench->scale = scale;
    for (uint32_t round = 0; round < bench->rounds; round++) {
        if (bench->cli->log.tty)
            (void)fprintf(stderr, "\r%s: round %u of %u ", mode, round + 1, bench->rounds);
        if (measure_round(bench, figures, err) != 0)
            return -1;
    }
    if (bench->cli->log.tty)
        (void)fprintf(stderr, "\r\033[K");
    return bench_latency(bench, &figures->latency, err) != 0
               ? -1
               : bench_memory(bench, &figures->memory, err);
}

/* --- showing --- */

static void write_json(struct buf *out, const struct figures *figures)
{
    buf_printf(out, "{\"limit\":{\"tokens_per_s\":%.0f,\"spread\":%.3f}",
               series_median(&figures->limit), series_spread(&figures->limit));
    for (int i = 0; i < SHAPE_COUNT; i++)
        buf_printf(out,
                   ",\"%s\":{\"tokens_per_s\":%.0f,\"runs_per_s\":%.0f,\"ratio\":%.3f,"
                   "\"spread\":%.3f}",
                   bench_shapes[i].name, series_median(&figures->tokens[i]),
                   series_median(&figures->runs[i]),
                   series_median(&figures->tokens[i]) / series_median(&figures->limit),
                   series_spread(&figures->tokens[i]));
    const struct bench_latency *latency = &figures->latency;
    const struct bench_memory *memory = &figures->memory;
    buf_printf(out,
               ",\"latency\":{\"zero_p50_ms\":%.3f,\"zero_p99_ms\":%.3f,\"committed_p50_ms\":%.3f,"
               "\"committed_p99_ms\":%.3f,\"pinned\":",
               latency->zero_p50_ms, latency->zero_p99_ms, latency->committed_p50_ms,
               latency->committed_p99_ms);
    const int tokens = latency->pins.tokens, record = latency->pins.record;
    if (tokens < 0)
        buf_str(out, "false");
    else
        buf_printf(out,
                   "{\"redis\":%d,\"workers\":%d,\"supervisor\":%d,\"postgres\":%d,"
                   "\"bench\":%d}",
                   tokens, tokens, record, record, record);
    buf_printf(out,
               "},\"memory\":{\"worker_mb\":%.1f,\"supervisor_mb\":%.1f,"
               "\"redis_bytes_per_run\":%.0f}}",
               memory->worker_mb, memory->supervisor_mb, memory->redis_bytes_per_run);
}

static void write_text(struct buf *out, const char *mode, const struct figures *figures)
{
    buf_printf(out, "appendonly %-9s     tokens/s      runs/s   of limit   spread\n", mode);
    buf_printf(out, "  %-18s  %10.0f  %10s   %8s   %5.0f %%\n", "limit",
               series_median(&figures->limit), "", "", 100 * series_spread(&figures->limit));
    for (int i = 0; i < SHAPE_COUNT; i++)
        buf_printf(out, "  %-18s  %10.0f  %10.0f   %8.2f   %5.0f %%\n", bench_shapes[i].name,
                   series_median(&figures->tokens[i]), series_median(&figures->runs[i]),
                   series_median(&figures->tokens[i]) / series_median(&figures->limit),
                   100 * series_spread(&figures->tokens[i]));
    const struct bench_latency *latency = &figures->latency;
    const struct bench_memory *memory = &figures->memory;
    buf_printf(
        out,
        "  idle chain of ten   zero p50 %.2f ms, p99 %.2f ms; committed p50 %.2f ms, p99 %.2f "
        "ms\n",
        latency->zero_p50_ms, latency->zero_p99_ms, latency->committed_p50_ms,
        latency->committed_p99_ms);
    if (latency->pins.tokens < 0)
        buf_str(out, "                      not pinned: there is one core\n");
    else
        buf_printf(out,
                   "                      pinned: Redis, workers to core %d; supervisor, Postgres "
                   "to core %d\n",
                   latency->pins.tokens, latency->pins.record);
    buf_printf(out,
               "  memory              worker %.1f MB, supervisor %.1f MB, Redis %.0f bytes a run "
               "in flight\n",
               memory->worker_mb, memory->supervisor_mb, memory->redis_bytes_per_run);
}

static int show(struct cli *cli, const struct figures figures[])
{
    struct buf out;
    buf_init(&out, 1 << 20);
    buf_str(&out, cli->json ? "{" : "");
    for (size_t i = 0; i < ARRAY_LEN(modes); i++) {
        if (cli->json) {
            buf_printf(&out, "%s\"%s\":", i ? "," : "", modes[i]);
            write_json(&out, &figures[i]);
        } else {
            buf_str(&out, i ? "\n" : "");
            write_text(&out, modes[i], &figures[i]);
        }
    }
    buf_str(&out, cli->json ? "}" : "");
    return cli_print(cli, &out, 0);
}

/* --- the command --- */

static int run(struct bench *bench, struct err *err)
{
    struct figures figures[ARRAY_LEN(modes)] = {0};
    for (size_t i = 0; i < ARRAY_LEN(modes); i++)
        if (measure(bench, modes[i], &figures[i], err) != 0)
            return -1;
    return show(bench->cli, figures) == 0 ? 0 : -1;
}

int cmd_bench(struct cli *cli)
{
    const char *which = settings_string(&cli->settings, "flat");
    const uint32_t workers = (uint32_t)settings_number(&cli->settings, "workers");
    struct err err = ERR_INIT;
    struct bench bench;
    if (which)
        return bench_flat(cli, which);
    if (settings_flag(&cli->settings, "fair"))
        return bench_fair(cli);
    int result = bench_open(&bench, cli, workers, BENCH_PARTITIONS, &err);
    if (result == 0)
        result = run(&bench, &err);
    const int stopped = bench_close(&bench);
    return result == 0 ? 0 : stopped ? stopped : cli_fail(cli, &err);
}
