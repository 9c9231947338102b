/* bench_fair: does a run wait longer than its share, because others are served twice?
 *
 *   chains  so many in flight at any time, more than the workers hold: one that ends is followed by the next.
 *           The share of each is the mean of those around it, which were in flight with it: the supervisor
 *           and Postgres work in bouts, so that all wait longer at one time than at another.
 *   singles the same with runs of one node.
 *   loops   a thousand iterations each, all begun at once. Served in turn, all take as long as the mean.
 *   short   single nodes, one at a time, while the loops run. Who shares a machine with n others takes n + 1
 *           times as long as alone (processor sharing): that is its share, from runs one at a time on an
 *           idle fleet. `work` is a stricter measure, of which nothing is asked: a part of all work among so
 *           many runs, by what a single node costs among a thousand, where it shares its calls with others.
 *
 * Times are from the request to the word of the run's end, as a program would see them.
 */
#include "base/clock.h"
#include "bench.h"
#include "cli.h"
#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    IN_FLIGHT = 1000,
    AT_ONCE = 32,
    GENERATIONS = 10,
    LOOPS = 64,
    SHORT_MOST = 20000,
    ALONE = 200,
    STUCK_MS = 60000
};
static const double most_of_share = 2;

struct kind {
    const char *name;
    uint32_t group; /* in run ids */
    struct bench_job job;
    const char *input;
    int64_t *begun_us;
    double *ms;       /* of those that have ended; 0: not yet */
    double *of_share; /* the same as parts of the share of each */
    uint32_t begun, ended, most;
};

struct fair {
    struct bench bench;
    redisContext *events;
    struct kind chains, singles, alone, loops, brief;
};

struct verdict {
    double share; /* ms, in the mean */
    double mean, p50, p99, max;
    double p99_of_share, max_of_share;
    double work; /* ms; 0: the share is that */
    uint32_t runs;
};

static int kind_make(struct fair *fair, struct kind *kind, const char *name, uint32_t group,
                     int shape, uint32_t most, struct err *err)
{
    *kind = (struct kind){
        .name = name, .group = group, .input = bench_shapes[shape].input, .most = most};
    kind->begun_us = calloc(most, sizeof(*kind->begun_us));
    kind->ms = calloc(most, sizeof(*kind->ms));
    kind->of_share = calloc(most, sizeof(*kind->of_share));
    if (!kind->begun_us || !kind->ms || !kind->of_share)
        return err_set(err, ERR_LIMIT, "not enough memory");
    return bench_job_make(&fair->bench, &bench_shapes[shape], 1, &kind->job, err);
}

/* So many more of them, in one go: who asks must not be what they wait for. */
static int begin(struct fair *fair, struct kind *kind, uint32_t count, struct err *err)
{
    redisContext *redis = fair->bench.redis;
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t n = kind->begun++;
        kind->begun_us[n] = clock_mono_us(&clock_system);
        (void)redisAppendCommand(
            redis, "XADD troupe:runs * workflow %s input %s run_id %08x-0000-7000-8000-%012x",
            kind->job.prefix, kind->input, kind->group, n);
    }
    bool good = true;
    for (uint32_t i = 0; i < count; i++) {
        redisReply *reply = NULL;
        good = redisGetReply(redis, (void **)&reply) == REDIS_OK && good &&
               reply->type == REDIS_REPLY_STRING;
        freeReplyObject(reply);
    }
    return good ? 0 : err_set(err, ERR_UNREACHABLE, "Redis does not take a request");
}

/* The word of one end, or NULL when there is none within the time. */
static int next_end(struct fair *fair, struct kind **kind, struct err *err)
{
    struct kind *const kinds[] = {&fair->chains, &fair->singles, &fair->alone, &fair->loops,
                                  &fair->brief};
    const int64_t until = clock_mono_us(&clock_system) + STUCK_MS * INT64_C(1000);
    redisReply *reply = NULL;
    for (*kind = NULL; !*kind; freeReplyObject(reply), reply = NULL) {
        if (redisGetReplyFromReader(fair->events, (void **)&reply) != REDIS_OK)
            return err_set(err, ERR_UNREACHABLE, "no word of ends: %s", fair->events->errstr);
        if (!reply) {
            struct pollfd fd = {.fd = fair->events->fd, .events = POLLIN};
            const int ready = poll(&fd, 1, 100);
            dev_wait(fair->bench.dev, 0);
            if (fair->bench.dev->stops > 0 || clock_mono_us(&clock_system) > until)
                return err_set(err, ERR_TIMEOUT, "no run has ended for a minute");
            if (ready > 0 && redisBufferRead(fair->events) != REDIS_OK)
                return err_set(err, ERR_UNREACHABLE, "no word of ends: %s", fair->events->errstr);
            continue;
        }
        const char *id = reply->type == REDIS_REPLY_ARRAY && reply->elements == 3
                             ? reply->element[2]->str
                             : NULL;
        for (size_t k = 0; id && strlen(id) == 36 && k < ARRAY_LEN(kinds); k++) {
            const unsigned long n = strtoul(id + 24, NULL, 16);
            if (strtoul(id, NULL, 16) != kinds[k]->group || n >= kinds[k]->begun)
                continue;
            kinds[k]->ms[n] = (double)(clock_mono_us(&clock_system) - kinds[k]->begun_us[n]) / 1e3;
            kinds[k]->ended++;
            *kind = kinds[k];
        }
    }
    return 0;
}

/* As many as are in flight, until there have been most. */
static int run_many(struct fair *fair, struct kind *kind, struct err *err)
{
    struct kind *ended;
    while (kind->ended < kind->most) {
        const uint32_t room = IN_FLIGHT - (kind->begun - kind->ended);
        const uint32_t left = kind->most - kind->begun;
        const uint32_t count = room < left ? room : left;
        if ((count >= AT_ONCE || (count > 0 && count == left)) &&
            begin(fair, kind, count, err) != 0)
            return -1;
        if (next_end(fair, &ended, err) != 0)
            return -1;
    }
    return 0;
}

static int run_alone(struct fair *fair, struct err *err)
{
    struct kind *ended;
    while (fair->alone.ended < fair->alone.most) {
        if (begin(fair, &fair->alone, 1, err) != 0 || next_end(fair, &ended, err) != 0)
            return -1;
    }
    return 0;
}

/* Short ones as long as every loop runs: with fewer of them the share is another. */
static int run_loops(struct fair *fair, struct err *err)
{
    struct kind *loops = &fair->loops, *brief = &fair->brief, *ended;
    if (begin(fair, loops, loops->most, err) != 0)
        return -1;
    while (loops->ended < loops->most || brief->ended < brief->begun) {
        if (brief->begun == brief->ended && loops->ended == 0 && brief->begun < brief->most &&
            begin(fair, brief, 1, err) != 0)
            return -1;
        if (next_end(fair, &ended, err) != 0)
            return -1;
    }
    return 0;
}

/* --- what came out --- */

static double mean_of(const double *ms, uint32_t first, uint32_t last)
{
    double sum = 0;
    for (uint32_t i = first; i < last; i++)
        sum += ms[i];
    return sum / (last - first);
}

static double p99_of(const double *sorted, uint32_t n)
{
    return sorted[(uint32_t)ceil(.99 * n) - 1];
}

/* Of those from first to last, without it; sorts them. share 0: the mean of the IN_FLIGHT around each. */
static struct verdict judge(struct kind *kind, uint32_t first, uint32_t last, double share)
{
    const uint32_t n = last - first, around = IN_FLIGHT / 2;
    double *ms = kind->ms + first, *of_share = kind->of_share;
    const double mean = mean_of(kind->ms, first, last);
    for (uint32_t i = first; i < last; i++) {
        const uint32_t from = i > first + around ? i - around : first;
        const uint32_t to = last - i > around ? i + around : last;
        of_share[i - first] = kind->ms[i] / (share > 0 ? share : mean_of(kind->ms, from, to));
    }
    bench_sort(ms, n);
    bench_sort(of_share, n);
    return (struct verdict){.share = share > 0 ? share : mean,
                            .mean = mean,
                            .p50 = ms[(n - 1) / 2],
                            .p99 = p99_of(ms, n),
                            .max = ms[n - 1],
                            .p99_of_share = p99_of(of_share, n),
                            .max_of_share = of_share[n - 1],
                            .runs = n};
}

static void write_json(struct buf *out, const char *name, const struct verdict *v, bool fair)
{
    buf_printf(out,
               "%s\"%s\":{\"runs\":%u,\"share_ms\":%.3f,\"mean_ms\":%.3f,\"p50_ms\":%.3f,"
               "\"p99_ms\":%.3f,\"max_ms\":%.3f,\"p99_of_share\":%.3f,\"max_of_share\":%.3f,",
               out->len > 1 ? "," : "", name, v->runs, v->share, v->mean, v->p50, v->p99, v->max,
               v->p99_of_share, v->max_of_share);
    if (v->work > 0)
        buf_printf(out, "\"work_ms\":%.3f,\"mean_of_work\":%.3f,\"max_of_work\":%.3f,", v->work,
                   v->mean / v->work, v->max / v->work);
    buf_printf(out, "\"most\":%.1f,\"fair\":%s}", most_of_share, fair ? "true" : "false");
}

static void write_row(struct buf *out, const char *name, const struct verdict *v, bool fair)
{
    buf_printf(out, "%-7s %6u  %8.2f  %8.2f  %8.2f  %8.2f  %8.2f  %6.2f  %6.2f  %s\n", name,
               v->runs, v->share, v->mean, v->p50, v->p99, v->max, v->p99_of_share, v->max_of_share,
               fair ? "fair" : "NOT FAIR");
    if (v->work > 0)
        buf_printf(out, "%-7s by work: %.2f ms; the mean is %.2f times that, the longest %.2f\n",
                   name, v->work, v->mean / v->work, v->max / v->work);
}

static bool write_verdict(struct buf *out, bool json, const char *name, const struct verdict *v)
{
    const bool fair = v->max_of_share <= most_of_share;
    if (json)
        write_json(out, name, v, fair);
    else
        write_row(out, name, v, fair);
    return fair;
}

static int show(struct fair *fair, struct cli *cli)
{
    struct buf out;
    struct kind *chains = &fair->chains, *singles = &fair->singles, *loops = &fair->loops;
    buf_init(&out, 1 << 16);
    buf_str(&out, cli->json ? "{"
                            : "          runs  share ms      mean       p50       p99       max  "
                              "p99/sh  max/sh\n");
    /* While the first come and the last go, fewer are in flight. */
    const struct verdict of_chains = judge(chains, IN_FLIGHT, chains->most - IN_FLIGHT, 0);
    const struct verdict of_singles = judge(singles, IN_FLIGHT, singles->most - IN_FLIGHT, 0);
    const struct verdict of_loops = judge(loops, 0, loops->most, 0);
    const struct verdict of_alone = judge(&fair->alone, 0, fair->alone.most, 0);
    struct verdict of_brief = judge(&fair->brief, 0, fair->brief.ended, (LOOPS + 1) * of_alone.p50);
    of_brief.work = (LOOPS + 1) * of_singles.mean / IN_FLIGHT; /* so often one ended */
    bool all = write_verdict(&out, cli->json, chains->name, &of_chains);
    all = write_verdict(&out, cli->json, singles->name, &of_singles) && all;
    all = write_verdict(&out, cli->json, loops->name, &of_loops) && all;
    all = write_verdict(&out, cli->json, fair->brief.name, &of_brief) && all;
    buf_str(&out, cli->json ? "}" : "");
    return cli_print(cli, &out, all ? 0 : EXIT_RUN_FAILED);
}

static int measure(struct fair *fair, struct err *err)
{
    const double scale = fair->bench.scale;
    const uint32_t chains = (uint32_t)fmax(3 * IN_FLIGHT, GENERATIONS * IN_FLIGHT * scale);
    fair->events = redisConnect("127.0.0.1", fair->bench.dev->redis_port);
    redisReply *reply = fair->events && !fair->events->err
                            ? redisCommand(fair->events, "SUBSCRIBE troupe:completion_events")
                            : NULL;
    const bool good = reply && reply->type == REDIS_REPLY_ARRAY;
    freeReplyObject(reply);
    if (!good)
        return err_set(err, ERR_UNREACHABLE, "cannot subscribe");
    return kind_make(fair, &fair->chains, "chains", 1, SHAPE_CHAIN, chains, err) != 0 ||
                   kind_make(fair, &fair->singles, "singles", 4, SHAPE_SINGLE, chains, err) != 0 ||
                   kind_make(fair, &fair->alone, "alone", 5, SHAPE_SINGLE, ALONE, err) != 0 ||
                   kind_make(fair, &fair->loops, "loops", 2, SHAPE_LOOP, LOOPS, err) != 0 ||
                   kind_make(fair, &fair->brief, "short", 3, SHAPE_SINGLE, SHORT_MOST, err) != 0 ||
                   run_many(fair, &fair->chains, err) != 0 ||
                   run_many(fair, &fair->singles, err) != 0 || run_alone(fair, err) != 0
               ? -1
               : run_loops(fair, err);
}

int bench_fair(struct cli *cli)
{
    struct err err = ERR_INIT;
    struct fair *fair = calloc(1, sizeof(*fair));
    if (!fair)
        return cli_fail_with(cli, ERR_LIMIT, "not enough memory");
    const uint32_t workers = (uint32_t)settings_number(&cli->settings, "workers");
    int result = bench_open(&fair->bench, cli, workers, BENCH_PARTITIONS, &err);
    if (result == 0)
        result = measure(fair, &err);
    const int stopped = bench_close(&fair->bench);
    int status = stopped ? stopped : 0;
    if (!stopped)
        status = result == 0 ? show(fair, cli) : cli_fail(cli, &err);
    if (fair->events)
        redisFree(fair->events);
    struct kind *const kinds[] = {&fair->chains, &fair->singles, &fair->alone, &fair->loops,
                                  &fair->brief};
    for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
        free(kinds[k]->begun_us);
        free(kinds[k]->ms);
        free(kinds[k]->of_share);
    }
    free(fair);
    return status;
}
