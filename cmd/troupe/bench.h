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

enum { BENCH_ROUNDS_MOST = 9 };

struct bench {
    struct cli *cli;
    struct dev *dev;
    redisContext *redis;
    PGconn *record;
    uint32_t rounds;
    double scale;    /* of all loads */
    uint32_t serial; /* workflows get names of their own */
};

/* --- shapes (bench_shapes.c) --- */

struct bench_shape {
    const char *name;
    uint32_t runs;       /* in one load, at scale 1 */
    uint32_t executions; /* of one run */
    uint32_t tokens;     /* settled for one run: executions, and the last one of a mapping */
    void (*write)(struct buf *out, const char *workflow); /* its definition */
    const char *input;
};
enum { SHAPE_CHAIN, SHAPE_FAN, SHAPE_SINGLE, SHAPE_MIXED, SHAPE_COUNT, SHAPE_PARKED = SHAPE_COUNT };
extern const struct bench_shape bench_shapes[SHAPE_COUNT + 1]; /* the last: for memory */

/* --- loads (bench_load.c) --- */

/* Stores and publishes a shape's definition under a new name. */
MUSTCHECK int bench_deploy(struct bench *bench, const struct bench_shape *shape, char name[64],
                           struct err *err);
/* Puts that many requests onto troupe:runs. */
MUSTCHECK int bench_submit(struct bench *bench, const struct bench_shape *shape, const char *name,
                           uint32_t runs, struct err *err);
/* One load: *seconds from the first request to the last commit. */
MUSTCHECK int bench_load(struct bench *bench, const struct bench_shape *shape, double *seconds,
                         uint32_t *runs, struct err *err);
/* One number out of the record. */
MUSTCHECK int bench_number(struct bench *bench, const char *sql, const char *parameter,
                           int64_t *number, struct err *err);
/* One number out of a reply's text, e.g. of INFO memory. */
MUSTCHECK int bench_info(struct bench *bench, const char *section, const char *field,
                         int64_t *number, struct err *err);

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

#endif
