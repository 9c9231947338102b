/* fleet: leases, by the clock of Redis. */
#include "fleet.h"
#include "protocol/keys.h"
#include <stdlib.h>
#include <string.h>

static int read_now_ms(struct redis *redis, int64_t *now_ms, struct err *err)
{
    redisReply *time = redis_words(redis, err, "TIME", NULL);
    if (!time)
        return -1;
    bool read = time->type == REDIS_REPLY_ARRAY && time->elements == 2 && time->element[0]->str;
    if (read)
        *now_ms = strtoll(time->element[0]->str, NULL, 10) * 1000;
    freeReplyObject(time);
    return read ? 0 : err_set(err, ERR_INTERNAL, "Redis answered TIME unexpectedly");
}

int fleet_count(struct redis *redis, uint16_t partition, uint32_t *count, struct err *err)
{
    char key[KEY_MAX];
    int64_t now_ms = 0;
    (void)key_workers(key, partition);
    if (read_now_ms(redis, &now_ms, err) != 0)
        return -1;
    redisReply *leases = redis_words(redis, err, "HVALS", key, NULL);
    if (!leases)
        return -1;
    *count = 0;
    for (size_t i = 0; leases->type == REDIS_REPLY_ARRAY && i < leases->elements; i++) {
        const redisReply *lease = leases->element[i]; /* session|unix ms */
        const char *bar = lease->type == REDIS_REPLY_STRING ? strchr(lease->str, '|') : NULL;
        *count += bar && strtoll(bar + 1, NULL, 10) > now_ms;
    }
    freeReplyObject(leases);
    return 0;
}
