/* redis: protocol/redis.h for a supervisor in a schedule. It waits for its turn before each command
 * and, now and then, before it learns the reply. */
#include "protocol/redis.h"
#include "protocol/reply.h"
#include "sim.h"
#include <stdarg.h>
#include <stdlib.h>

enum { FD_FIRST = 1000000, TOGETHER_MOST = 32 };

struct redis {
    struct actor *owner;
    bool connected;
    int fd; /* no real one: to be known by in poll */
    struct asked *awaited;
};

/* Those that await something, to be found by fd. */
static struct redis *bells[SUPERVISORS_MOST * 2];

struct redis *redis_new(const char *url, int64_t timeout_ms, struct err *err)
{
    struct redis *redis = calloc(1, sizeof(*redis));
    (void)url;
    (void)timeout_ms;
    if (!redis) {
        (void)err_set(err, ERR_LIMIT, "no memory for a connection");
        return NULL;
    }
    redis->owner = sim.newborn;
    for (int i = 0; i < SUPERVISORS_MOST * 2; i++) {
        if (!bells[i]) {
            bells[i] = redis;
            redis->fd = FD_FIRST + i;
            return redis;
        }
    }
    violated("more connections than supervisors have");
}

struct redis *bell_of_fd(int fd)
{
    return fd >= FD_FIRST && fd < FD_FIRST + SUPERVISORS_MOST * 2 ? bells[fd - FD_FIRST] : NULL;
}

static void disconnect(struct redis *redis)
{
    redis->connected = false;
    if (redis->awaited)
        asked_free(redis->awaited);
    redis->awaited = NULL;
}

void redis_free(struct redis *redis)
{
    if (!redis)
        return;
    disconnect(redis);
    bells[redis->fd - FD_FIRST] = NULL;
    free(redis);
}

int redis_connect(struct redis *redis, struct err *err)
{
    if (redis->owner->dying)
        return err_set(err, ERR_UNREACHABLE, "its process is gone");
    redis->connected = true;
    return 0;
}

void redis_drop(struct redis *redis) { disconnect(redis); }
const char *redis_run_id(const struct redis *redis) { return redis->connected ? "one" : ""; }
int redis_fd(const struct redis *redis) { return redis->connected ? redis->fd : -1; }

static int lost(struct redis *redis, struct err *err)
{
    disconnect(redis);
    return err_set(err, ERR_UNREACHABLE, "the connection to Redis was lost");
}

/* One command when its turn has come; NULL: the connection is lost, and whether it was executed is not
 * known. Error replies are given as they are. */
static redisReply *ask(struct redis *redis, const struct command *command, struct err *err)
{
    struct actor *owner = redis->owner;
    actor_yield(owner, WANTS_REDIS);
    const enum misfortune misfortune = owner->misfortune;
    owner->misfortune = FINE;
    if (misfortune == LOSE_REQUEST || (owner->dying && misfortune == FINE)) {
        happened("supervisors' requests lost");
        if (!owner->dying && chance_of(30)) {
            struct asked *request = asked_new(command);
            late_add(request);
            asked_free(request);
        }
        (void)lost(redis, err);
        return NULL;
    }
    struct asked *request = asked_new(command);
    redisReply *reply = wire_call(request);
    if (command->is_script)
        late_remember(request, owner);
    asked_free(request);
    if (misfortune == LOSE_REPLY) {
        happened("supervisors' replies lost");
        freeReplyObject(reply);
        (void)lost(redis, err);
        return NULL;
    }
    return reply;
}

static redisReply *checked(redisReply *reply, struct err *err)
{
    if (reply && reply->type == REDIS_REPLY_ERROR) {
        (void)reply_error(reply, err);
        freeReplyObject(reply);
        return NULL;
    }
    return reply;
}

redisReply *redis_call(struct redis *redis, const struct command *command, struct err *err)
{
    if (redis_connect(redis, err) != 0)
        return NULL;
    return checked(ask(redis, command, err), err);
}

redisReply *redis_words(struct redis *redis, struct err *err, ...)
{
    struct command command;
    const char *word;
    va_list words;
    command_init(&command);
    va_start(words, err);
    command_begin(&command, va_arg(words, const char *));
    while ((word = va_arg(words, const char *)))
        command_arg_str(&command, word);
    va_end(words);
    redisReply *reply = redis_call(redis, &command, err);
    command_free(&command);
    return reply;
}

/* Commands that nobody comes between, in one round trip. How many of them. */
static uint32_t ask_together(const struct command *commands, uint32_t count, redisReply **replies)
{
    uint32_t together = 0;
    struct asked *asked[TOGETHER_MOST];
    while (together < count && together < TOGETHER_MOST && !commands[together].is_script &&
           (together == 0 || !chance_of(30))) {
        asked[together] = asked_new(&commands[together]);
        together++;
    }
    wire_calls(asked, together, replies);
    for (uint32_t i = 0; i < together; i++)
        asked_free(asked[i]);
    return together;
}

int redis_pipeline(struct redis *redis, const struct command *commands, uint32_t count,
                   redisReply **replies, struct err *err)
{
    for (uint32_t i = 0; i < count; i++)
        replies[i] = NULL;
    if (redis_connect(redis, err) != 0)
        return -1;
    for (uint32_t i = 0; i < count;) {
        /* Those of others may come before each of them. */
        replies[i] = ask(redis, &commands[i], err);
        if (replies[i]) {
            i++;
            i += ask_together(&commands[i], count - i, &replies[i]);
            continue;
        }
        while (i-- > 0) {
            freeReplyObject(replies[i]);
            replies[i] = NULL;
        }
        return -1;
    }
    return 0;
}

/* --- the blocking read --- */

int redis_send(struct redis *redis, const struct command *command, struct err *err)
{
    if (redis_connect(redis, err) != 0)
        return -1;
    redis->awaited = asked_new(command);
    return 0;
}

bool bell_try(struct redis *bell)
{
    struct asked *request = bell->awaited;
    if (!request || request->reply)
        return request != NULL;
    const bool over =
        request->block_ms >= 0 && clock_now_us() >= request->sent_us + request->block_ms * 1000;
    if (request->tried == sim.calls && !over)
        return false;
    redisReply *reply = wire_call(request);
    request->tried = sim.calls;
    if (reply->type == REDIS_REPLY_NIL && !over) {
        freeReplyObject(reply);
        return false;
    }
    request->reply = reply;
    return true;
}

redisReply *redis_receive(struct redis *redis, struct err *err)
{
    while (redis->awaited && !redis->owner->dying && !bell_try(redis)) {
        redis->owner->until_us = clock_now_us() + 1000;
        actor_yield(redis->owner, WANTS_TIME);
    }
    if (!redis->awaited || !redis->awaited->reply) {
        (void)lost(redis, err);
        return NULL;
    }
    redisReply *reply = redis->awaited->reply;
    redis->awaited->reply = NULL;
    asked_free(redis->awaited);
    redis->awaited = NULL;
    return checked(reply, err);
}
