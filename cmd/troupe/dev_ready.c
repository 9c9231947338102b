/* dev_ready: bringing everything up, by conditions and never by the clock. */
#include "base/clock.h"
#include "dev.h"
#include "fleet.h"
#include "protocol/keys.h"
#include "protocol/redis.h"
#include "store/store.h"
#include <errno.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { START_LIMIT_S = 60, LOOK_EVERY_MS = 10, PORT_TRIES = 3, REDIS_TIMEOUT_MS = 5000 };

enum readiness { READY, NOT_READY, BROKEN };

struct wait {
    struct child *child; /* whose end would be the end of waiting */
    enum readiness (*look)(struct dev *dev, struct err *err);
};

/* *err holds the last look's reason, if there was one. */
static int give_up(struct child *child, const char *what, struct err *err)
{
    child_write_log_tail(child);
    if (err->code != ERR_NONE)
        return err_prefix(err, "%s %s", child->name, what);
    return err_set(err, ERR_UNREACHABLE, "%s %s", child->name, what);
}

/* Until look says so; -1 when the child ended, the time is over or we were asked to stop. */
static int wait_for(struct dev *dev, const struct wait *wait, struct err *err)
{
    int64_t deadline_us = clock_mono_us(&clock_system) + START_LIMIT_S * INT64_C(1000000);
    for (;;) {
        *err = ERR_INIT;
        enum readiness found = wait->look(dev, err);
        if (found == READY)
            return 0;
        if (found == BROKEN)
            return give_up(wait->child, "cannot be used", err);
        dev_wait(dev, LOOK_EVERY_MS);
        if (dev->stops > 0)
            return err_set(err, ERR_TIMEOUT, "stopped");
        if (child_reap(wait->child)) {
            char fate[64], what[100];
            child_fate(wait->child, fate, sizeof(fate));
            (void)snprintf(what, sizeof(what), "ended while starting (%s)", fate);
            *err = ERR_INIT;
            return give_up(wait->child, what, err);
        }
        if (clock_mono_us(&clock_system) > deadline_us)
            return give_up(wait->child, "is not ready after a minute", err);
    }
}

static enum readiness look_redis(struct dev *dev, struct err *err)
{
    struct redis *redis = redis_new(dev->redis_url, REDIS_TIMEOUT_MS, err);
    if (!redis)
        return BROKEN;
    int result = redis_connect(redis, err);
    redis_free(redis);
    return result == 0 ? READY : err_retriable(err->code) ? NOT_READY : BROKEN;
}

/* Connects to the database that initdb made, and makes ours. */
static enum readiness look_postgres(struct dev *dev, struct err *err)
{
    char url[DEV_URL_MAX];
    (void)snprintf(url, sizeof(url), "postgresql://postgres@127.0.0.1:%d/postgres",
                   dev->postgres_port);
    PGconn *connection = PQconnectdb(url);
    enum readiness found = NOT_READY;
    if (connection && PQstatus(connection) == CONNECTION_OK) {
        PGresult *made = PQexec(connection, "create database troupe");
        const char *state = made ? PQresultErrorField(made, PG_DIAG_SQLSTATE) : NULL;
        bool there = made && (PQresultStatus(made) == PGRES_COMMAND_OK ||
                              (state && strcmp(state, "42P04") == 0)); /* it exists */
        if (!there)
            err_set(err, ERR_INTERNAL, "create database: %s", PQerrorMessage(connection));
        found = there ? READY : BROKEN;
        PQclear(made);
    } else if (connection)
        err_set(err, ERR_UNREACHABLE, "%s", PQerrorMessage(connection));
    PQfinish(connection);
    return found;
}

/* Redis and Postgres on ports that somebody took meanwhile: others are tried. */
static int bring_up_servers(struct dev *dev, struct err *err)
{
    const struct wait redis = {&dev->redis, look_redis};
    const struct wait postgres = {&dev->postgres, look_postgres};
    for (int attempt = 1;; attempt++) {
        if (dev_pick_ports(dev, err) != 0 || dev_start_redis(dev, err) != 0)
            return -1;
        if (dev_init_postgres(dev, err) != 0 || dev_start_postgres(dev, err) != 0)
            return -1;
        if (wait_for(dev, &redis, err) == 0 && wait_for(dev, &postgres, err) == 0)
            return 0;
        bool both_run = child_runs(&dev->redis) && child_runs(&dev->postgres);
        if (dev->stops > 0 || dev->ports_given || both_run || attempt == PORT_TRIES)
            return -1;
        cli_note(dev->cli, "%s; trying other ports", err->message);
        dev_end_all(dev);
    }
}

static int migrate(struct dev *dev, struct err *err)
{
    struct store *store = store_new(dev->database_url, "troupe dev", err);
    if (!store)
        return -1;
    int result = store_migrate(store, NULL, NULL, err);
    store_free(store);
    return result;
}

/* Every partition opened by the supervisor, and every worker known to each of them. */
static enum readiness look_fleet_on(struct dev *dev, struct redis *redis, struct err *err)
{
    char key[KEY_MAX];
    (void)key_meta(key, 0);
    redisReply *count = redis_words(redis, err, "HGET", key, "partitions", NULL);
    long long partitions =
        count && count->type == REDIS_REPLY_STRING ? strtoll(count->str, NULL, 10) : 0;
    freeReplyObject(count);
    enum readiness found = partitions > 0 ? READY : NOT_READY;
    for (long long p = 0; p < partitions && found == READY; p++) {
        (void)key_meta(key, (uint16_t)p);
        redisReply *epoch = redis_words(redis, err, "HGET", key, "epoch", NULL);
        bool open = epoch && epoch->type == REDIS_REPLY_STRING;
        freeReplyObject(epoch);
        uint32_t workers = 0;
        if (!open || fleet_count(redis, (uint16_t)p, &workers, err) != 0 ||
            workers < dev->worker_count)
            found = NOT_READY;
    }
    return found;
}

static enum readiness look_fleet(struct dev *dev, struct err *err)
{
    struct redis *redis = redis_new(dev->redis_url, REDIS_TIMEOUT_MS, err);
    if (!redis)
        return BROKEN;
    enum readiness found = look_fleet_on(dev, redis, err);
    redis_free(redis);
    for (uint32_t i = 0; i < dev->worker_count && found != READY; i++) {
        if (child_reap(&dev->workers[i])) {
            char fate[64];
            child_fate(&dev->workers[i], fate, sizeof(fate));
            child_write_log_tail(&dev->workers[i]);
            err_set(err, ERR_UNREACHABLE, "%s ended while starting (%s)", dev->workers[i].name,
                    fate);
            return BROKEN;
        }
    }
    return found;
}

/* The supervisor keeps the record, so its owning every partition is what runs wait for. */
static enum readiness look_owned(struct dev *dev, struct err *err)
{
    struct store *store = store_new(dev->database_url, "troupe dev", err);
    if (!store)
        return BROKEN;
    struct store_health health;
    int result = store_health_get(store, &health, err);
    store_free(store);
    if (result != 0)
        return err_retriable(err->code) ? NOT_READY : BROKEN;
    return health.partitions > 0 && health.owned == health.partitions ? READY : NOT_READY;
}

int dev_bring_up(struct dev *dev, struct err *err)
{
    if (bring_up_servers(dev, err) != 0 || migrate(dev, err) != 0 ||
        dev_start_supervisor(dev, err) != 0)
        return -1;
    for (uint32_t i = 0; i < dev->worker_count; i++) {
        if (dev_start_worker(dev, i, err) != 0)
            return -1;
    }
    const struct wait owned = {&dev->supervisor, look_owned};
    const struct wait fleet = {&dev->supervisor, look_fleet};
    return wait_for(dev, &owned, err) != 0 ? -1 : wait_for(dev, &fleet, err);
}
