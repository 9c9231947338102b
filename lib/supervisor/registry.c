/* registry: what v_workers and v_queues show, asked of Redis every second. */
#include "base/log.h"
#include "protocol/decimal.h"
#include "protocol/keys.h"
#include "supervisor/state.h"
#include <string.h>

enum {
    QUEUES_MOST = 256,
    WORKERS_PER_PARTITION_MOST = 10000,
    REMOTE_GONE_MS = 60000, /* since its lease: not shown any more */
};

enum { WORKERS_FLEET, WORKERS_SERVES, WORKERS_REMOTE, PER_PARTITION };

struct survey {
    struct supervisor *s;
    struct arena *arena;
    struct archive_worker *workers;
    uint32_t worker_count, worker_capacity;
    struct archive_queue *queues;
    uint32_t queue_count, queue_capacity;
    struct slice names[QUEUES_MOST]; /* all queues that anybody serves */
    uint32_t name_count;
    int64_t seen_us;
};

/* --- workers --- */

static void add_queue_names(struct survey *survey, struct slice list)
{
    while (list.len > 0) {
        const char *comma = memchr(list.ptr, ',', list.len);
        struct slice name = slice_of(list.ptr, comma ? (size_t)(comma - list.ptr) : list.len);
        bool known = name.len == 0;
        for (uint32_t i = 0; i < survey->name_count && !known; i++)
            known = slice_eq(survey->names[i], name);
        if (!known && survey->name_count < QUEUES_MOST)
            survey->names[survey->name_count++] = name;
        list = comma ? slice_of(comma + 1, list.len - name.len - 1) : SLICE_NONE;
    }
}

static struct slice hash_get(const redisReply *hash, struct slice field)
{
    for (size_t i = 0; i + 1 < hash->elements; i += 2) {
        if (slice_eq(reply_slice(hash->element[i]), field))
            return reply_slice(hash->element[i + 1]);
    }
    return SLICE("");
}

static int grow(struct arena *arena, void **items, uint32_t *capacity, uint32_t count, size_t size)
{
    if (count < *capacity)
        return 0;
    uint32_t wanted = *capacity ? *capacity * 2 : 64;
    void *grown = arena_array(arena, wanted, size);
    if (!grown)
        return -1;
    if (count > 0)
        memcpy(grown, *items, count * size);
    *items = grown;
    *capacity = wanted;
    return 0;
}

static int add_row(struct survey *survey, const struct archive_worker *worker)
{
    if (grow(survey->arena, (void **)&survey->workers, &survey->worker_capacity,
             survey->worker_count, sizeof *survey->workers) != 0)
        return -1;
    survey->workers[survey->worker_count++] = *worker;
    return 0;
}

static int add_worker(struct survey *survey, uint16_t partition, struct slice name,
                      struct slice value, struct slice queues)
{
    struct slice session;
    int64_t session_number, lease_ms;
    /* `session|lease`; anything else is not a worker of this version. */
    if (!decimal_cut(&value, '|', &session) || !decimal_i64(session, &session_number) ||
        !decimal_i64(value, &lease_ms))
        return 0;
    const struct archive_worker worker = {
        .partition = partition,
        .name = name,
        .queues = queues,
        .session = session_number,
        .lease_until_us = lease_ms * 1000,
    };
    return add_row(survey, &worker);
}

/* `until|queues`, until in ms; anything else is none of this version. */
static int add_remote(struct survey *survey, uint16_t partition, struct slice name,
                      struct slice value)
{
    struct slice until;
    int64_t lease_ms;
    if (!decimal_cut(&value, '|', &until) || !decimal_i64(until, &lease_ms) ||
        (lease_ms + REMOTE_GONE_MS) * 1000 < survey->seen_us)
        return 0;
    const struct archive_worker worker = {
        .partition = partition,
        .name = name,
        .queues = value,
        .lease_until_us = lease_ms * 1000,
        .remote = true,
    };
    return add_row(survey, &worker);
}

static int take_remotes(struct survey *survey, uint16_t partition, const redisReply *remotes,
                        struct err *err)
{
    if (remotes->type != REDIS_REPLY_ARRAY)
        return err_set(err, ERR_UNREACHABLE, "Redis: %s",
                       remotes->str ? remotes->str : "no answer about remote workers");
    for (size_t i = 0; i + 1 < remotes->elements && i < 2 * WORKERS_PER_PARTITION_MOST; i += 2) {
        if (add_remote(survey, partition, reply_slice(remotes->element[i]),
                       reply_slice(remotes->element[i + 1])) != 0)
            return err_set(err, ERR_LIMIT, "no memory for the list of remote workers");
    }
    return 0;
}

static int take_workers(struct survey *survey, uint16_t partition, const redisReply *workers,
                        const redisReply *serves, struct err *err)
{
    if (workers->type != REDIS_REPLY_ARRAY || serves->type != REDIS_REPLY_ARRAY)
        return err_set(err, ERR_UNREACHABLE, "Redis: %s",
                       workers->str ? workers->str : "no answer about workers");
    for (size_t i = 0; i + 1 < workers->elements && i < 2 * WORKERS_PER_PARTITION_MOST; i += 2) {
        struct slice name = reply_slice(workers->element[i]);
        struct slice queues = hash_get(serves, name);
        add_queue_names(survey, queues);
        if (add_worker(survey, partition, name, reply_slice(workers->element[i + 1]), queues) != 0)
            return err_set(err, ERR_LIMIT, "no memory for the list of workers");
    }
    return 0;
}

/* --- queues --- */

enum { QUEUE_LENGTH, QUEUE_PENDING, QUEUE_OLDEST, PER_QUEUE };

static void build_queue(struct command *commands, uint16_t partition, struct slice queue)
{
    char key[KEY_MAX];
    struct slice name = key_queue(key, partition, queue);
    for (int i = 0; i < PER_QUEUE; i++)
        command_init(&commands[i]);
    command_begin(&commands[QUEUE_LENGTH], "XLEN");
    command_arg(&commands[QUEUE_LENGTH], name);
    command_begin(&commands[QUEUE_PENDING], "XPENDING");
    command_arg(&commands[QUEUE_PENDING], name);
    command_arg_str(&commands[QUEUE_PENDING], KEY_GROUP);
    command_begin(&commands[QUEUE_OLDEST], "XRANGE");
    command_arg(&commands[QUEUE_OLDEST], name);
    command_arg_str(&commands[QUEUE_OLDEST], "-");
    command_arg_str(&commands[QUEUE_OLDEST], "+");
    command_arg_str(&commands[QUEUE_OLDEST], "COUNT");
    command_arg_int(&commands[QUEUE_OLDEST], 1);
}

/* XPENDING: count, first id, last id, [[consumer, count], …]. */
static uint64_t take_pending(struct survey *survey, uint16_t partition, const redisReply *pending)
{
    if (pending->type != REDIS_REPLY_ARRAY || pending->elements != 4)
        return 0; /* no such group: nobody has made this queue here */
    const redisReply *holders = pending->element[3];
    for (size_t i = 0; holders->type == REDIS_REPLY_ARRAY && i < holders->elements; i++) {
        struct slice name = reply_slice(holders->element[i]->element[0]);
        uint64_t held = 0;
        (void)decimal_u64(reply_slice(holders->element[i]->element[1]), &held);
        for (uint32_t w = 0; w < survey->worker_count; w++) {
            if (survey->workers[w].partition == partition && !survey->workers[w].remote &&
                slice_eq(survey->workers[w].name, name))
                survey->workers[w].held += held;
        }
    }
    return pending->element[0]->type == REDIS_REPLY_INTEGER ? (uint64_t)pending->element[0]->integer
                                                            : 0;
}

static int64_t oldest_us(const redisReply *range)
{
    uint64_t ms;
    struct slice id, part;
    if (range->type != REDIS_REPLY_ARRAY || range->elements != 1 ||
        range->element[0]->elements == 0)
        return 0;
    id = reply_slice(range->element[0]->element[0]);
    return decimal_cut(&id, '-', &part) && decimal_u64(part, &ms) ? (int64_t)ms * 1000 : 0;
}

static int take_queue(struct survey *survey, uint16_t partition, struct slice queue,
                      redisReply *const *replies)
{
    if (grow(survey->arena, (void **)&survey->queues, &survey->queue_capacity, survey->queue_count,
             sizeof *survey->queues) != 0)
        return -1;
    uint64_t length = replies[QUEUE_LENGTH]->type == REDIS_REPLY_INTEGER
                          ? (uint64_t)replies[QUEUE_LENGTH]->integer
                          : 0;
    uint64_t held = take_pending(survey, partition, replies[QUEUE_PENDING]);
    survey->queues[survey->queue_count++] = (struct archive_queue){
        .partition = partition,
        .queue = queue,
        .ready = length > held ? length - held : 0,
        .held = held,
        .oldest_us = oldest_us(replies[QUEUE_OLDEST]),
    };
    return 0;
}

/* --- both, of all partitions --- */

static int pipeline(struct supervisor *s, struct command *commands, uint32_t count,
                    redisReply **replies, struct err *err)
{
    int result = redis_pipeline(s->redis, commands, count, replies, err);
    for (uint32_t i = 0; i < count; i++)
        command_free(&commands[i]);
    return result;
}

static int survey_workers(struct survey *survey, redisReply **replies, struct err *err)
{
    struct supervisor *s = survey->s;
    const uint32_t count = PER_PARTITION * s->owned;
    struct command *commands = arena_array(survey->arena, count, sizeof *commands);
    char key[KEY_MAX];
    if (!commands)
        return err_set(err, ERR_LIMIT, "no memory for the list of workers");
    for (uint32_t i = 0; i < s->owned; i++) {
        uint16_t partition = s->partitions[i].cursor.partition;
        struct command *of = &commands[PER_PARTITION * i];
        for (int k = 0; k < PER_PARTITION; k++) {
            command_init(&of[k]);
            command_begin(&of[k], "HGETALL");
        }
        command_arg(&of[WORKERS_FLEET], key_workers(key, partition));
        command_arg(&of[WORKERS_SERVES], key_serves(key, partition));
        command_arg(&of[WORKERS_REMOTE], key_remotes(key, partition));
    }
    return pipeline(s, commands, count, replies, err);
}

static int survey_queues(struct survey *survey, struct err *err)
{
    struct supervisor *s = survey->s;
    const uint32_t queues = s->owned * survey->name_count, count = queues * PER_QUEUE;
    struct command *commands = arena_array(survey->arena, count + 1, sizeof *commands);
    redisReply **replies = arena_array(survey->arena, count + 1, sizeof(redisReply *));
    if (!commands || !replies)
        return err_set(err, ERR_LIMIT, "no memory for the list of queues");
    for (uint32_t i = 0; i < queues; i++)
        build_queue(&commands[i * PER_QUEUE],
                    s->partitions[i / survey->name_count].cursor.partition,
                    survey->names[i % survey->name_count]);
    if (count == 0)
        return 0;
    if (pipeline(s, commands, count, replies, err) != 0)
        return -1;
    int result = 0;
    for (uint32_t i = 0; i < queues && result == 0; i++)
        result = take_queue(survey, s->partitions[i / survey->name_count].cursor.partition,
                            survey->names[i % survey->name_count], &replies[i * PER_QUEUE]);
    for (uint32_t i = 0; i < count; i++)
        freeReplyObject(replies[i]);
    return result == 0 ? 0 : err_set(err, ERR_LIMIT, "no memory for the list of queues");
}

int registry_pass(struct supervisor *s, struct err *err)
{
    if (s->owned == 0 || now_us(s) < s->registry_due_us)
        return 0;
    s->registry_due_us = now_us(s) + REGISTRY_EVERY_MS * INT64_C(1000);
    struct survey *survey = arena_zalloc(&s->batch.arena, sizeof *survey);
    const uint32_t reply_count = PER_PARTITION * s->owned;
    redisReply **replies = arena_array(&s->batch.arena, reply_count, sizeof(redisReply *));
    if (!survey || !replies)
        return err_set(err, ERR_LIMIT, "no memory for the list of workers");
    survey->s = s;
    survey->arena = &s->batch.arena;
    for (uint32_t i = 0; i < s->queue_count; i++)
        add_queue_names(survey, s->queue_names[i]);
    survey->seen_us = redis_now_us(s);
    if (survey_workers(survey, replies, err) != 0)
        return -1;
    int result = 0;
    for (uint32_t i = 0; i < s->owned && result == 0; i++) {
        redisReply **of = &replies[PER_PARTITION * i];
        const uint16_t partition = s->partitions[i].cursor.partition;
        result = take_workers(survey, partition, of[WORKERS_FLEET], of[WORKERS_SERVES], err);
        if (result == 0)
            result = take_remotes(survey, partition, of[WORKERS_REMOTE], err);
    }
    if (result == 0)
        result = survey_queues(survey, err);
    if (result == 0)
        result = archive_registry(s->store, s->owner, survey->workers, survey->worker_count,
                                  survey->queues, survey->queue_count, survey->seen_us, err);
    for (uint32_t i = 0; i < reply_count; i++)
        freeReplyObject(replies[i]);
    return result;
}
