/* bench_limit: what Redis allows. Four drivers that settle tokens with next to no meaning: the entry is
 * acknowledged and deleted, its member of a set of live ones goes, a counter moves, the next entry is added
 * with its member, an event is logged. No driver of a protocol that does so per token can be faster.
 *
 *   one token a call, 64 calls under way     32 tokens a call, XACK and XDEL of all at once
 *   each by one process, and by two
 */
#include "base/clock.h"
#include "bench.h"
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { TOKENS = 60000, LIVE = 2000, PIPELINED = 64, BATCH = 32, DRIVERS = 4 };

static const char one_token[] =
    "redis.call('XACK', KEYS[1], 'g', ARGV[1]) redis.call('XDEL', KEYS[1], ARGV[1]) "
    "redis.call('SREM', KEYS[2], ARGV[2]) redis.call('INCRBY', KEYS[3], 0) "
    "redis.call('XADD', KEYS[1], '*', 'r', ARGV[2], 'n', '1') redis.call('SADD', KEYS[2], ARGV[2]) "
    "redis.call('XADD', KEYS[4], '*', 'e', ARGV[2]) return 1";

static const char many_tokens[] =
    "local ids = {} for i = 1, #ARGV, 2 do ids[#ids + 1] = ARGV[i] local live = ARGV[i + 1] "
    "redis.call('SREM', KEYS[2], live) redis.call('INCRBY', KEYS[3], 0) "
    "redis.call('XADD', KEYS[1], '*', 'r', live, 'n', '1') redis.call('SADD', KEYS[2], live) "
    "redis.call('XADD', KEYS[4], '*', 'e', live) end "
    "redis.call('XACK', KEYS[1], 'g', unpack(ids)) redis.call('XDEL', KEYS[1], unpack(ids)) "
    "return 1";

struct driver {
    redisContext *redis;
    char keys[4][40];
    char sha[64];
    uint32_t number;
    bool batched;
};

static bool do_command(redisContext *redis, const char *format, const char *a, const char *b)
{
    redisReply *reply = redisCommand(redis, format, a, b);
    const bool good = reply && reply->type != REDIS_REPLY_ERROR;
    freeReplyObject(reply);
    return good;
}

static bool prepare(struct driver *d, int port)
{
    static const char *const names[] = {"queue", "live", "counter", "events"};
    d->redis = redisConnect("127.0.0.1", port);
    if (!d->redis || d->redis->err)
        return false;
    for (int i = 0; i < 4; i++)
        (void)snprintf(d->keys[i], sizeof(d->keys[i]), "bench:{%u}:%s", d->number, names[i]);
    redisReply *reply =
        redisCommand(d->redis, "SCRIPT LOAD %s", d->batched ? many_tokens : one_token);
    bool good = reply && reply->type == REDIS_REPLY_STRING && reply->len < sizeof(d->sha);
    if (good)
        memcpy(d->sha, reply->str, reply->len + 1);
    freeReplyObject(reply);
    good = good && do_command(d->redis, "XGROUP CREATE %s %s 0 MKSTREAM", d->keys[0], "g");
    for (uint32_t i = 0; good && i < LIVE; i++) {
        char member[16];
        (void)snprintf(member, sizeof(member), "%u", i);
        good = do_command(d->redis, "XADD %s * r %s n 1", d->keys[0], member) &&
               do_command(d->redis, "SADD %s %s", d->keys[1], member);
    }
    return good;
}

static void append_settle(struct driver *d, redisReply *const *entries, size_t count)
{
    const char *words[7 + 2 * PIPELINED];
    int n = 0;
    words[n++] = "EVALSHA";
    words[n++] = d->sha;
    words[n++] = "4";
    for (int k = 0; k < 4; k++)
        words[n++] = d->keys[k];
    for (size_t i = 0; i < count; i++) {
        words[n++] = entries[i]->element[0]->str;
        words[n++] = entries[i]->element[1]->element[1]->str;
    }
    (void)redisAppendCommandArgv(d->redis, n, words, NULL);
}

/* Reads, settles, reads …; as many tokens as there are to settle. */
static bool drive(struct driver *d, uint32_t tokens)
{
    const uint32_t count = d->batched ? BATCH : PIPELINED;
    for (uint32_t done = 0; done < tokens;) {
        redisReply *read = redisCommand(d->redis, "XREADGROUP GROUP g c COUNT %d STREAMS %s >",
                                        (int)count, d->keys[0]);
        if (!read || read->type != REDIS_REPLY_ARRAY || read->elements != 1) {
            freeReplyObject(read);
            return false;
        }
        const redisReply *entries = read->element[0]->element[1];
        const size_t calls = d->batched ? 1 : entries->elements;
        if (d->batched)
            append_settle(d, entries->element, entries->elements);
        for (size_t i = 0; !d->batched && i < entries->elements; i++)
            append_settle(d, entries->element + i, 1);
        done += (uint32_t)entries->elements;
        bool good = true;
        for (size_t i = 0; i < calls; i++) {
            redisReply *reply = NULL;
            good = redisGetReply(d->redis, (void **)&reply) == REDIS_OK && reply &&
                   reply->type == REDIS_REPLY_INTEGER && good;
            freeReplyObject(reply);
        }
        freeReplyObject(read);
        if (!good)
            return false;
    }
    return true;
}

/* A process of its own: ready, told to go, done. */
static pid_t start_driver(int port, uint32_t number, bool batched, uint32_t tokens, int ready,
                          int go)
{
    const pid_t pid = fork();
    if (pid != 0)
        return pid;
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    struct driver driver = {.number = number, .batched = batched};
    char byte = 'r';
    if (!prepare(&driver, port) || write(ready, &byte, 1) != 1 || read(go, &byte, 1) != 1)
        _exit(1);
    _exit(drive(&driver, tokens) ? 0 : 1);
}

static bool read_bytes(int fd, uint32_t count)
{
    char byte;
    while (count > 0) {
        const ssize_t got = read(fd, &byte, 1);
        if (got < 0 && errno == EINTR)
            continue;
        if (got != 1)
            return false;
        count--;
    }
    return true;
}

static int run_drivers(struct bench *bench, bool batched, uint32_t processes, double *tokens_per_s,
                       struct err *err)
{
    int ready[2] = {-1, -1}, go[2] = {-1, -1};
    pid_t pids[2] = {0};
    const uint32_t tokens = (uint32_t)fmax(LIVE, TOKENS * bench->scale) / processes;
    bool good = pipe(ready) == 0 && pipe(go) == 0;
    for (uint32_t i = 0; good && i < processes; i++)
        good = (pids[i] =
                    start_driver(bench->dev->redis_port, i, batched, tokens, ready[1], go[0])) > 0;
    (void)close(ready[1]);
    good = good && read_bytes(ready[0], processes);
    const int64_t began = clock_mono_us(&clock_system);
    good = good && write(go[1], "gg", processes) == (ssize_t)processes;
    for (uint32_t i = 0; i < processes; i++) {
        int status = 1;
        while (pids[i] > 0 && waitpid(pids[i], &status, 0) < 0 && errno == EINTR)
            ;
        good = good && status == 0;
    }
    *tokens_per_s = tokens * processes / ((double)(clock_mono_us(&clock_system) - began) / 1e6);
    (void)close(ready[0]);
    (void)close(go[0]);
    (void)close(go[1]);
    for (uint32_t i = 0; i < processes; i++) {
        char key[40];
        static const char *const names[] = {"queue", "live", "counter", "events"};
        for (size_t k = 0; k < ARRAY_LEN(names); k++) {
            (void)snprintf(key, sizeof(key), "bench:{%u}:%s", i, names[k]);
            good = do_command(bench->redis, "DEL %s %s", key, key) && good;
        }
    }
    return good ? 0 : err_set(err, ERR_INTERNAL, "a minimal driver failed");
}

int bench_limit(struct bench *bench, double *tokens_per_s, struct err *err)
{
    *tokens_per_s = 0;
    for (int i = 0; i < DRIVERS; i++) {
        double found;
        if (run_drivers(bench, i & 1, 1 + (uint32_t)(i >> 1), &found, err) != 0)
            return -1;
        if (found > *tokens_per_s)
            *tokens_per_s = found;
    }
    return 0;
}
