/* check: the invariants that the keys of a partition must show between any two calls. */
#include "sim.h"
#include <stdlib.h>
#include <string.h>

static char *check_text;
static char check_sha[64] = "none"; /* loaded when Redis does not know it */
static long long left[PARTITIONS];  /* things, at the last check */

void check_begin(const char *path)
{
    FILE *file = fopen(path, "r");
    char *text = calloc(1, 1 << 16);
    if (!file || !text || fread(text, 1, (1 << 16) - 1, file) == 0)
        violated("cannot read %s", path);
    (void)fclose(file);
    check_text = text;
}

static void load(void)
{
    redisReply *reply = wire_words("SCRIPT LOAD %s", check_text);
    (void)snprintf(check_sha, sizeof(check_sha), "%s", reply->str);
    freeReplyObject(reply);
}

void check_ask(uint16_t partition)
{
    if (redisAppendCommand(sim.redis, "EVALSHA %s 0 troupe:{%u}: %s", check_sha, partition,
                           ledger_read_to(partition)) != REDIS_OK)
        violated("check: %s", sim.redis->errstr);
}

void check_answer(uint16_t partition)
{
    redisReply *reply = NULL;
    if (redisGetReply(sim.redis, (void **)&reply) != REDIS_OK)
        violated("check: %s", sim.redis->errstr);
    if (reply->type == REDIS_REPLY_ERROR && strncmp(reply->str, "NOSCRIPT", 8) == 0) {
        freeReplyObject(reply);
        load();
        check_partition(partition);
        return;
    }
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 5)
        violated("check: %s", reply->str);
    ledger_take(partition, reply->element[1]);
    if (reply->element[0]->len > 0)
        violated("partition %u: %s", partition, reply->element[0]->str);
    const redisReply *heads = reply->element[2];
    for (size_t i = 0; i + 1 < heads->elements; i += 2)
        ledger_compare(slice_of(heads->element[i]->str, heads->element[i]->len),
                       slice_of(heads->element[i + 1]->str, heads->element[i + 1]->len));
    left[partition] = reply->element[3]->integer;
    sim.arrivals += reply->element[4]->integer > 0;
    freeReplyObject(reply);
    happened("checks");
}

void check_partition(uint16_t partition)
{
    check_ask(partition);
    check_answer(partition);
}

const char *check_left(void)
{
    for (uint16_t partition = 0; partition < (uint16_t)PARTITIONS; partition++) {
        check_partition(partition);
        if (left[partition] > 0)
            return "runs, queue entries, timers or ledger entries";
    }
    redisReply *reply = wire_words("XLEN troupe:runs");
    const bool requests = reply->integer > 0;
    freeReplyObject(reply);
    return requests ? "requests in the inbox" : NULL;
}

void check_dump(void)
{
    redisReply *keys = wire_words("KEYS *");
    for (size_t i = 0; i < keys->elements; i++)
        (void)fprintf(stderr, "  %s\n", keys->element[i]->str);
    freeReplyObject(keys);
    for (uint16_t partition = 0; partition < (uint16_t)PARTITIONS; partition++) {
        redisReply *pending =
            redisCommand(sim.redis, "XPENDING troupe:{%u}:q:default fleet - + 20", partition);
        for (size_t i = 0; pending && i < pending->elements; i++)
            (void)fprintf(stderr, "  partition %u: %s is pending for %s\n", partition,
                          pending->element[i]->element[0]->str,
                          pending->element[i]->element[1]->str);
        freeReplyObject(pending);
        redisReply *runs = wire_words("KEYS troupe:{%u}:run:*", partition);
        for (size_t i = 0; i < runs->elements; i++) {
            redisReply *fields = wire_words("HGETALL %s", runs->element[i]->str);
            (void)fprintf(stderr, "%s\n", runs->element[i]->str);
            for (size_t k = 0; k + 1 < fields->elements; k += 2)
                (void)fprintf(stderr, "    %s = %.200s\n", fields->element[k]->str,
                              fields->element[k + 1]->str);
            freeReplyObject(fields);
        }
        freeReplyObject(runs);
    }
}
