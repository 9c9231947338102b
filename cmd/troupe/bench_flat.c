/* bench_flat: does the rate stay where it is when something around it grows? Of each question a small and
 * a large case take turns, load by load, and what counts is the ratio of such a pair.
 *
 *   waiting      chains, in a Redis and a record that hold runs asleep in a node `delay`: a hash, a timer,
 *                rows each; beside an empty one
 *   definitions  runs of 1,000 nodes with ten joins of 98, of a hundred definitions; beside one
 *   partitions   chains over 64 partitions; beside 16
 *   workers      chains with 16 workers; beside 2
 */
#include "base/clock.h"
#include "bench.h"
#include "cli.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WORKERS = 2, MANY_WORKERS = 16, MANY_PARTITIONS = 64, DEFINITIONS = 100 };
enum { ASLEEP_AT_ONCE = 20000, ASLEEP_STUCK_S = 120, LOOK_MS = 20 };

struct question;

/* Both stacks are there for all questions that want them. */
struct flat {
    struct bench small, large;
    struct bench_job few, many;
    const struct question *question;
    int64_t waiting, bytes_per_run;
    struct series rates[2], ratios;
    double cpu_s[2][BENCH_CPU_PARTS], tokens[2]; /* over all rounds */
};

struct question {
    const char *name, *few, *many; /* what the two cases are called */
    double bound;                  /* how much slower the large case may be */
    int (*prepare)(struct flat *flat, struct err *err);
    int (*before)(struct flat *flat, bool large, struct err *err); /* each load; may be NULL */
};

/* --- runs asleep --- */

static int wait_asleep(struct bench *bench, const char *name, int64_t wanted, struct err *err)
{
    int64_t there = 0, last = -1, until = 0;
    for (;;) {
        if (bench_number(bench, "select count(*) from run where workflow = $1 and events >= 2",
                         name, &there, err) != 0)
            return -1;
        if (there >= wanted)
            return 0;
        if (there > last)
            until = clock_mono_us(&clock_system) + ASLEEP_STUCK_S * INT64_C(1000000);
        last = there;
        dev_wait(bench->dev, LOOK_MS);
        if (bench->dev->stops > 0)
            return err_set(err, ERR_TIMEOUT, "stopped");
        if (clock_mono_us(&clock_system) > until)
            return err_set(err, ERR_TIMEOUT, "%lld of %lld runs are asleep", (long long)there,
                           (long long)wanted);
    }
}

static int put_asleep(struct flat *flat, struct err *err)
{
    struct bench *bench = &flat->large;
    const struct bench_shape *shape = &bench_shapes[SHAPE_ASLEEP];
    const int64_t wanted = settings_number(&bench->cli->settings, "waiting");
    struct bench_job job;
    int64_t before, after;
    if (bench_job_make(bench, shape, 1, &job, err) != 0 ||
        bench_info(bench, "memory", "used_memory", &before, err) != 0)
        return -1;
    while (flat->waiting < wanted) {
        const int64_t left = wanted - flat->waiting;
        const uint32_t some = (uint32_t)(left < ASLEEP_AT_ONCE ? left : ASLEEP_AT_ONCE);
        if (bench_submit(bench, &job, some, err) != 0)
            return -1;
        flat->waiting += some;
        /* The next ones come while the record catches up. */
        const int64_t enough = flat->waiting < wanted ? flat->waiting - some / 2 : wanted;
        if (wait_asleep(bench, job.prefix, enough, err) != 0)
            return -1;
        if (bench->cli->log.tty)
            (void)fprintf(stderr, "\r%lld runs are asleep ", (long long)flat->waiting);
    }
    if (bench_info(bench, "memory", "used_memory", &after, err) != 0)
        return -1;
    flat->bytes_per_run = wanted > 0 ? (after - before) / wanted : 0;
    return 0;
}

/* --- the questions --- */

static int chains_on_both(struct flat *flat, struct err *err)
{
    const struct bench_shape *chain = &bench_shapes[SHAPE_CHAIN];
    return bench_job_make(&flat->small, chain, 1, &flat->few, err) != 0 ||
                   bench_job_make(&flat->large, chain, 1, &flat->many, err) != 0
               ? -1
               : 0;
}

static int prepare_waiting(struct flat *flat, struct err *err)
{
    struct cli *cli = flat->small.cli;
    return bench_open(&flat->large, cli, WORKERS, BENCH_PARTITIONS, err) != 0 ||
                   chains_on_both(flat, err) != 0
               ? -1
               : put_asleep(flat, err);
}

static int prepare_definitions(struct flat *flat, struct err *err)
{
    const struct bench_shape *thousand = &bench_shapes[SHAPE_THOUSAND];
    return bench_job_make(&flat->small, thousand, 1, &flat->few, err) != 0 ||
                   bench_job_make(&flat->small, thousand, DEFINITIONS, &flat->many, err) != 0
               ? -1
               : 0;
}

static int prepare_partitions(struct flat *flat, struct err *err)
{
    return bench_open(&flat->large, flat->small.cli, WORKERS, MANY_PARTITIONS, err) != 0
               ? -1
               : chains_on_both(flat, err);
}

static int prepare_workers(struct flat *flat, struct err *err)
{
    const struct bench_shape *chain = &bench_shapes[SHAPE_CHAIN];
    return bench_job_make(&flat->small, chain, 1, &flat->few, err) != 0 ||
                   bench_job_make(&flat->small, chain, 1, &flat->many, err) != 0
               ? -1
               : 0;
}

static int staff(struct flat *flat, bool large, struct err *err)
{
    return bench_staff(&flat->small, large ? MANY_WORKERS : WORKERS, err);
}

static const struct question questions[] = {
    {"waiting", "none waiting", "runs waiting", 0.1, prepare_waiting, NULL},
    {"definitions", "1 definition", "100 definitions", 0.1, prepare_definitions, NULL},
    {"partitions", "16 partitions", "64 partitions", 0.1, prepare_partitions, NULL},
    {"workers", "2 workers", "16 workers", 0.2, prepare_workers, staff},
};

/* --- measuring --- */

static int measure_one(struct flat *flat, bool large, double scale, double *rate, struct err *err)
{
    struct bench *bench = large && flat->large.dev ? &flat->large : &flat->small;
    struct bench_job *job = large ? &flat->many : &flat->few;
    double before[BENCH_CPU_PARTS], after[BENCH_CPU_PARTS], seconds;
    uint32_t runs;
    if (flat->question->before && flat->question->before(flat, large, err) != 0)
        return -1;
    bench->scale = scale;
    bench_cpu(bench, before);
    if (bench_load(bench, job, &seconds, &runs, err) != 0)
        return -1;
    bench_cpu(bench, after);
    for (int i = 0; i < BENCH_CPU_PARTS; i++)
        flat->cpu_s[large][i] += after[i] - before[i];
    flat->tokens[large] += runs * job->shape->tokens;
    *rate = runs * job->shape->tokens / seconds;
    return 0;
}

/* Who begins changes from round to round. The first pair fills caches and is not counted. */
static int measure(struct flat *flat, struct err *err)
{
    const double scale = (double)settings_number(&flat->small.cli->settings, "percent") / 100;
    flat->rates[0] = flat->rates[1] = flat->ratios = (struct series){0};
    for (uint32_t round = 0; round <= flat->small.rounds; round++) {
        double rates[2];
        for (uint32_t turn = 0; turn < 2; turn++) {
            const bool large = (turn ^ round) & 1;
            if (measure_one(flat, large, round ? scale : scale / 4, &rates[large], err) != 0)
                return -1;
        }
        if (round == 0) {
            memset(flat->cpu_s, 0, sizeof(flat->cpu_s));
            memset(flat->tokens, 0, sizeof(flat->tokens));
            continue;
        }
        series_add(&flat->rates[0], rates[0]);
        series_add(&flat->rates[1], rates[1]);
        series_add(&flat->ratios, rates[1] / rates[0]);
    }
    return 0;
}

/* --- showing --- */

static bool is_flat(const struct flat *flat)
{
    return series_median(&flat->ratios) >= 1 - flat->question->bound;
}

/* Processor time per token, of the few and of the many. */
static void write_cpu(struct buf *out, const struct flat *flat, bool json)
{
    buf_str(out, json ? ",\"cpu_us_per_token\":{" : "  us of processor per token:");
    for (int i = 0; i < BENCH_CPU_PARTS; i++)
        buf_printf(out, json ? "%s\"%s\":[%.2f,%.2f]" : "%s %s %.1f and %.1f", i ? "," : "",
                   bench_cpu_names[i], 1e6 * flat->cpu_s[0][i] / flat->tokens[0],
                   1e6 * flat->cpu_s[1][i] / flat->tokens[1]);
    buf_str(out, json ? "}" : "\n");
}

static void write_one(struct buf *out, const struct flat *flat, bool json, bool first)
{
    const struct question *q = flat->question;
    const double few = series_median(&flat->rates[0]), many = series_median(&flat->rates[1]);
    const bool asleep = flat->waiting > 0;
    char what[40];
    (void)snprintf(what, sizeof(what), asleep ? "%lld %s" : "%.0lld%s", (long long)flat->waiting,
                   q->many);
    if (!json) {
        buf_printf(out, "%-15s %8.0f   %-22s %8.0f   %5.2f  %4.0f %%   %4.2f  %s\n", q->few, few,
                   what, many, series_median(&flat->ratios), 100 * series_spread(&flat->ratios),
                   1 - q->bound, is_flat(flat) ? "flat" : "NOT FLAT");
        write_cpu(out, flat, json);
        if (asleep)
            buf_printf(out, "  a run asleep holds %lld bytes of Redis\n",
                       (long long)flat->bytes_per_run);
        return;
    }
    buf_printf(out,
               "%s\"%s\":{\"few_tokens_per_s\":%.0f,\"many_tokens_per_s\":%.0f,\"ratio\":%.3f,"
               "\"spread\":%.3f,\"least\":%.2f,\"flat\":%s",
               first ? "" : ",", q->name, few, many, series_median(&flat->ratios),
               series_spread(&flat->ratios), 1 - q->bound, is_flat(flat) ? "true" : "false");
    write_cpu(out, flat, json);
    if (asleep)
        buf_printf(out, ",\"runs\":%lld,\"redis_bytes_per_run\":%lld", (long long)flat->waiting,
                   (long long)flat->bytes_per_run);
    buf_str(out, "}");
}

/* One question, with what it needs for itself. *stopped: the signal's exit status, or 0. */
static int ask(struct flat *flat, int *stopped, struct err *err)
{
    const int result = flat->question->prepare(flat, err) == 0 ? measure(flat, err) : -1;
    *stopped = flat->small.dev->stops > 0 ? 128 + flat->small.dev->stop_signal : 0;
    const int also = bench_close(&flat->large);
    *stopped = *stopped ? *stopped : also;
    return *stopped ? -1 : result;
}

int bench_flat(struct cli *cli, const char *which)
{
    struct err err = ERR_INIT;
    struct flat *flat = calloc(1, sizeof(*flat));
    struct buf out;
    int stopped = 0, result = 0;
    bool all_flat = true, first = true, known = false;
    for (size_t i = 0; i < ARRAY_LEN(questions); i++)
        known = known || strcmp(which, questions[i].name) == 0;
    if (!flat || (!known && strcmp(which, "all") != 0)) {
        free(flat);
        cli_note(cli, "--flat %s: all, waiting, definitions, partitions or workers", which);
        return EXIT_USAGE;
    }
    buf_init(&out, 1 << 20);
    buf_str(&out, cli->json ? "{"
                            : "                tokens/s                            tokens/s   "
                              "ratio  spread  least\n");
    result = bench_open(&flat->small, cli, WORKERS, BENCH_PARTITIONS, &err);
    for (size_t i = 0; result == 0 && i < ARRAY_LEN(questions); i++) {
        if (known && strcmp(which, questions[i].name) != 0)
            continue;
        flat->question = &questions[i];
        flat->waiting = 0;
        result = ask(flat, &stopped, &err);
        if (result == 0) {
            write_one(&out, flat, cli->json, first);
            all_flat = all_flat && is_flat(flat);
            first = false;
        }
    }
    const int also = bench_close(&flat->small);
    free(flat);
    buf_str(&out, cli->json ? "}" : "");
    if (result == 0)
        return cli_print(cli, &out, all_flat ? 0 : EXIT_RUN_FAILED);
    buf_free(&out);
    stopped = stopped ? stopped : also;
    return stopped ? stopped : cli_fail(cli, &err);
}
