/* bench_place: private servers, and another number of workers while they run. */
#include "base/clock.h"
#include "bench.h"
#include "cli.h"
#include <signal.h>
#include <stdlib.h>

enum { FLEET_S = 60, LOOK_MS = 20 };

int bench_open(struct bench *bench, struct cli *cli, uint32_t workers, uint32_t partitions,
               struct err *err)
{
    struct dev *dev = calloc(1, sizeof(*dev));
    *bench = (struct bench){.cli = cli,
                            .dev = dev,
                            .partitions = partitions,
                            .rounds = (uint32_t)settings_number(&cli->settings, "rounds"),
                            .scale = (double)settings_number(&cli->settings, "percent") / 100};
    if (!dev)
        return err_set(err, ERR_LIMIT, "not enough memory");
    dev_begin(dev, cli);
    dev->worker_count = workers;
    dev->partitions = partitions;
    if (dev_find_programs(dev, err) != 0 || dev_make_place(dev, err) != 0 ||
        dev_bring_up(dev, err) != 0)
        return -1;
    bench->redis = redisConnect("127.0.0.1", dev->redis_port);
    bench->record = PQconnectdb(dev->database_url);
    if (!bench->redis || bench->redis->err || PQstatus(bench->record) != CONNECTION_OK)
        return err_set(err, ERR_UNREACHABLE,
                       "cannot connect to the servers that were just started");
    return 0;
}

int bench_close(struct bench *bench)
{
    struct dev *dev = bench->dev;
    if (bench->redis)
        redisFree(bench->redis);
    PQfinish(bench->record);
    if (!dev)
        return 0;
    const int stopped = dev->stops > 0 ? 128 + dev->stop_signal : 0;
    dev->stops = stopped != 0;
    dev_end_all(dev);
    dev_leave_place(dev);
    free(dev);
    *bench = (struct bench){0};
    return stopped;
}

/* Whether every partition knows of so many workers, no more and no fewer. */
static int look_fleet(struct bench *bench, bool *there, struct err *err)
{
    *there = true;
    for (uint32_t p = 0; *there && p < bench->partitions; p++) {
        redisReply *reply = redisCommand(bench->redis, "HLEN troupe:{%u}:workers", p);
        if (!reply || reply->type != REDIS_REPLY_INTEGER) {
            freeReplyObject(reply);
            return err_set(err, ERR_UNREACHABLE, "Redis does not say who works");
        }
        *there = reply->integer == bench->dev->worker_count;
        freeReplyObject(reply);
    }
    return 0;
}

int bench_staff(struct bench *bench, uint32_t workers, struct err *err)
{
    struct dev *dev = bench->dev;
    const int64_t until = clock_mono_us(&clock_system) + FLEET_S * INT64_C(1000000);
    for (; dev->worker_count < workers; dev->worker_count++)
        if (dev_start_worker(dev, dev->worker_count, err) != 0)
            return -1;
    for (uint32_t i = workers; i < dev->worker_count; i++)
        child_signal(&dev->workers[i], SIGTERM);
    while (dev->worker_count > workers && clock_mono_us(&clock_system) < until) {
        if (child_reap(&dev->workers[dev->worker_count - 1]))
            dev->worker_count--;
        else
            dev_wait(dev, LOOK_MS);
    }
    for (bool there = false; !there;) {
        if (look_fleet(bench, &there, err) != 0)
            return -1;
        if (!there)
            dev_wait(dev, LOOK_MS);
        if (dev->stops > 0)
            return err_set(err, ERR_TIMEOUT, "stopped");
        if (clock_mono_us(&clock_system) > until)
            return err_set(err, ERR_TIMEOUT, "there are not %u workers after a minute", workers);
    }
    return 0;
}
