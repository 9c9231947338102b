/* bench: troupe measured against what Redis itself allows, on private servers.
 *
 * Every figure is a median of rounds that take turns, so that what slows the machine down slows all of
 * them. A load's time ends when Postgres holds the final status of its last run; afterwards its rows are
 * counted, and a wrong number of them is a failed benchmark.
 */
#ifndef TROUPE_BENCH_H
#define TROUPE_BENCH_H

#include "dev.h"
#include <hiredis/hiredis.h>
#include <libpq-fe.h>
#include <sched.h>

enum { BENCH_ROUNDS_MOST = 9, BENCH_PARTITIONS = 16 };

struct bench {
    struct cli *cli;
    struct dev *dev;
    redisContext *redis;
    PGconn *record;
    uint32_t partitions, rounds;
    double scale;    /* of all loads */
    uint32_t serial; /* workflows get names of their own */
};

/* --- servers (bench_place.c) --- */

/* Brings everything up, with rounds and scale as the command line says. After a failure too, close. */
MUSTCHECK int bench_open(struct bench *bench, struct cli *cli, uint32_t workers,
                         uint32_t partitions, struct err *err);
/* Ends everything; what is zero is left alone. Returns the exit status of the signal that ended it, or 0. */
int bench_close(struct bench *bench);
/* So many workers from now on, and every partition knows it. */
MUSTCHECK int bench_staff(struct bench *bench, uint32_t workers, struct err *err);

/* --- figures (bench_series.c) --- */

struct series {
    double values[BENCH_ROUNDS_MOST];
    uint32_t count;
};
void series_add(struct series *series, double value);
double series_median(const struct series *series);
/* Between the least and the most, as a part of the median. */
double series_spread(const struct series *series);
void bench_sort(double *values, size_t count);

/* --- shapes (bench_shapes.c) --- */

struct bench_shape {
    const char *name;
    uint32_t runs;       /* in one load, at scale 1 */
    uint32_t executions; /* of one run */
    uint32_t tokens;     /* settled for one run: executions, and the last one of a mapping */
    void (*write)(struct buf *out, const char *workflow); /* its definition */
    const char *input;
};
enum {
    SHAPE_CHAIN,
    SHAPE_FAN,
    SHAPE_SINGLE,
    SHAPE_MIXED,
    SHAPE_COUNT,
    SHAPE_PARKED = SHAPE_COUNT, /* ten nodes, asleep at the last: for memory */
    SHAPE_ASLEEP,               /* at its only one */
    SHAPE_THOUSAND,             /* nodes: ten times 98 between a parallel and a join */
    SHAPE_LOOP,                 /* a thousand iterations of one node */
    SHAPES
};
extern const struct bench_shape bench_shapes[SHAPES];

/* --- loads (bench_load.c) --- */

/* Definitions of one shape, whose runs are counted together. */
struct bench_job {
    const struct bench_shape *shape;
    char prefix[48]; /* the name of its only definition; with "-N" behind it of each of several */
    uint32_t definitions; /* requests are for one after the other */
    uint32_t next;
    int64_t submitted; /* so far */
};
/* Stores and publishes them under new names. */
MUSTCHECK int bench_job_make(struct bench *bench, const struct bench_shape *shape,
                             uint32_t definitions, struct bench_job *job, struct err *err);
/* Puts that many requests onto troupe:runs. */
MUSTCHECK int bench_submit(struct bench *bench, struct bench_job *job, uint32_t runs,
                           struct err *err);
/* One load of the job: *seconds from the first request to the last commit. */
MUSTCHECK int bench_load(struct bench *bench, struct bench_job *job, double *seconds,
                         uint32_t *runs, struct err *err);
/* One number out of the record. */
MUSTCHECK int bench_number(struct bench *bench, const char *sql, const char *parameter,
                           int64_t *number, struct err *err);
/* One number out of a reply's text, e.g. of INFO memory. */
MUSTCHECK int bench_info(struct bench *bench, const char *section, const char *field,
                         int64_t *number, struct err *err);

/* --- processor time (bench_cpu.c) --- */

enum { BENCH_CPU_PARTS = 4 };
extern const char *const bench_cpu_names[BENCH_CPU_PARTS];
/* Seconds that Redis, the workers, the supervisor and Postgres have had so far. */
void bench_cpu(const struct bench *bench, double seconds[BENCH_CPU_PARTS]);

/* --- the limit (bench_limit.c) --- */

/* The best of four minimal drivers: tokens settled a second. */
MUSTCHECK int bench_limit(struct bench *bench, double *tokens_per_s, struct err *err);

/* --- pinning (bench_pin.c) --- */

struct bench_pins {
    int tokens, record; /* cores: Redis, workers; Postgres, supervisor, we. -1: not pinned */
    cpu_set_t before;
};
/* With fewer than two cores nothing is pinned. */
MUSTCHECK int bench_pin(const struct bench *bench, struct bench_pins *pins, struct err *err);
MUSTCHECK int bench_unpin(const struct bench *bench, const struct bench_pins *pins,
                          struct err *err);

/* --- one run at a time, memory (bench_idle.c) --- */

struct bench_latency {
    struct bench_pins pins;
    double zero_p50_ms, zero_p99_ms;           /* start to counter 0 */
    double committed_p50_ms, committed_p99_ms; /* start to the record */
};
MUSTCHECK int bench_latency(struct bench *bench, struct bench_latency *latency, struct err *err);

struct bench_memory {
    double worker_mb, supervisor_mb; /* the most that was resident, of any of them */
    double redis_bytes_per_run;      /* a run of ten nodes in flight */
};
MUSTCHECK int bench_memory(struct bench *bench, struct bench_memory *memory, struct err *err);

/* --- the other questions: exit statuses --- */

/* troupe bench --flat WHICH (bench_flat.c): EXIT_RUN_FAILED when something is not. */
int bench_flat(struct cli *cli, const char *which);
/* troupe bench --fair (bench_fair.c): the same. */
int bench_fair(struct cli *cli);

#endif
