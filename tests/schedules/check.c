/* check: the invariants that the keys of a partition must show between any two calls. */
#include "sim.h"
#include <stdlib.h>
#include <string.h>

static char *check_text;
static char check_sha[64];

void check_begin(const char *path)
{
    FILE *file = fopen(path, "r");
    char *text = calloc(1, 1 << 16);
    if (!file || !text || fread(text, 1, (1 << 16) - 1, file) == 0)
        violated("cannot read %s", path);
    (void)fclose(file);
    check_text = text;
}

static redisReply *ask(uint16_t partition)
{
    redisReply *reply = NULL;
    for (int tries = 0; tries < 2; tries++) {
        if (check_sha[0]) {
            reply = redisCommand(sim.redis, "EVALSHA %s 0 troupe:{%u}:", check_sha, partition);
            if (reply && reply->type != REDIS_REPLY_ERROR)
                return reply;
            if (!reply || strncmp(reply->str, "NOSCRIPT", 8) != 0)
                violated("check: %s", reply ? reply->str : sim.redis->errstr);
            freeReplyObject(reply);
        }
        reply = wire_words("SCRIPT LOAD %s", check_text);
        (void)snprintf(check_sha, sizeof(check_sha), "%s", reply->str);
        freeReplyObject(reply);
    }
    violated("the check does not stay loaded");
}

/* What is left there. */
static long look(uint16_t partition)
{
    redisReply *reply = ask(partition);
    if (reply->elements < 2)
        violated("partition %u: %s", partition, reply->element[0]->str);
    for (size_t i = 1; i + 2 < reply->elements; i += 2)
        ledger_compare(slice_of(reply->element[i]->str, reply->element[i]->len),
                       slice_of(reply->element[i + 1]->str, reply->element[i + 1]->len));
    const long left = strtol(reply->element[reply->elements - 1]->str, NULL, 10);
    freeReplyObject(reply);
    happened("checks");
    return left;
}

void check_partition(uint16_t partition) { (void)look(partition); }

const char *check_left(void)
{
    for (uint16_t partition = 0; partition < PARTITIONS; partition++) {
        if (look(partition) > 0)
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
    for (uint16_t partition = 0; partition < PARTITIONS; partition++) {
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
