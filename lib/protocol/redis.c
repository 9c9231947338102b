#include "protocol/redis.h"
#include "base/clock.h"
#include "protocol/reply.h"
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/socket.h>

struct redis {
    struct redis_address address;
    int64_t timeout_ms;
    redisContext *context; /* NULL: not connected */
    bool awaiting;         /* redis_send was called, redis_receive was not yet */
    struct buf wire;       /* what is being sent */
    char run_id[64];
};

struct redis *redis_new(const char *url, int64_t timeout_ms, struct err *err)
{
    struct redis *redis = calloc(1, sizeof(*redis));
    if (!redis) {
        err_set(err, ERR_LIMIT, "no memory for a Redis connection");
        return NULL;
    }
    if (redis_parse_url(url, &redis->address, err)) {
        free(redis);
        return NULL;
    }
    redis->timeout_ms = timeout_ms;
    buf_init(&redis->wire, 0);
    return redis;
}

static void disconnect(struct redis *redis)
{
    if (redis->context)
        redisFree(redis->context);
    redis->context = NULL;
    redis->awaiting = false;
    redis->run_id[0] = '\0';
}

void redis_drop(struct redis *redis) { disconnect(redis); }

void redis_free(struct redis *redis)
{
    if (!redis)
        return;
    disconnect(redis);
    buf_free(&redis->wire);
    explicit_bzero(redis->address.password, sizeof(redis->address.password));
    free(redis);
}

const char *redis_run_id(const struct redis *redis) { return redis->run_id; }

int redis_fd(const struct redis *redis) { return redis->context ? redis->context->fd : -1; }

/* --- bytes, with a deadline --- */

/* The connection is of no use any more: what was sent may or may not have been done. */
static int broken(struct redis *redis, struct err *err, const char *why)
{
    char reason[160];
    /* `why` may be the context's own text. */
    buf_reset(&redis->wire);
    size_t len = strnlen(why, sizeof(reason) - 1);
    memcpy(reason, why, len);
    reason[len] = '\0';
    disconnect(redis);
    return err_set(err, ERR_UNREACHABLE, "Redis at %s:%d: %s", redis->address.host,
                   redis->address.port, reason);
}

/* Sends what is queued and waits until a reply is there or, with *reply NULL, until all is sent. Reads
 * while it writes: a long pipeline's replies must not fill both sockets. */
static int exchange(struct redis *redis, int64_t deadline_us, redisReply **reply, struct err *err)
{
    redisContext *context = redis->context;
    int sent = 0;
    for (;;) {
        if (redisBufferWrite(context, &sent) != REDIS_OK)
            return broken(redis, err, context->errstr);
        void *got = NULL;
        if (reply && redisGetReplyFromReader(context, &got) != REDIS_OK)
            return broken(redis, err, context->errstr);
        if (got) {
            *reply = got;
            return 0;
        }
        if (!reply && sent)
            return 0;
        int64_t left_us = deadline_us - clock_mono_us(&clock_system);
        if (left_us <= 0)
            return broken(redis, err, "no answer in time");
        struct pollfd poller = {.fd = context->fd,
                                .events = (short)(sent ? POLLIN : POLLIN | POLLOUT)};
        int ready = poll(&poller, 1, (int)(left_us / 1000) + 1);
        if (ready < 0 && errno != EINTR)
            return broken(redis, err, strerror(errno));
        if (ready > 0 && (poller.revents & (POLLIN | POLLHUP | POLLERR)) &&
            redisBufferRead(context) != REDIS_OK)
            return broken(redis, err, context->errstr);
    }
}

static int queue(struct redis *redis, const struct command *command, bool with_body,
                 struct err *err)
{
    buf_reset(&redis->wire);
    if (command_ok(command))
        command_write(command, with_body, &redis->wire);
    if (!command_ok(command) || !buf_ok(&redis->wire))
        return err_set(err, ERR_LIMIT, "a Redis command of more than %u bytes, or no memory",
                       COMMAND_MAX_BYTES);
    if (redisAppendFormattedCommand(redis->context, redis->wire.data, redis->wire.len) != REDIS_OK)
        return broken(redis, err, redis->context->errstr);
    return 0;
}

static int64_t deadline(const struct redis *redis)
{
    return clock_mono_us(&clock_system) + redis->timeout_ms * 1000;
}

/* One command on an open connection; error replies are returned as they are. */
static redisReply *ask(struct redis *redis, const struct command *command, struct err *err)
{
    redisReply *reply = NULL;
    if (queue(redis, command, false, err) || exchange(redis, deadline(redis), &reply, err))
        return NULL;
    if (command->is_script && reply_is_error(reply, "NOSCRIPT")) {
        freeReplyObject(reply);
        reply = NULL;
        if (queue(redis, command, true, err) || exchange(redis, deadline(redis), &reply, err))
            return NULL;
    }
    return reply;
}

/* A reply that is no error reply, or NULL. */
static redisReply *checked(redisReply *reply, struct err *err)
{
    if (reply && reply->type == REDIS_REPLY_ERROR) {
        reply_error(reply, err);
        freeReplyObject(reply);
        return NULL;
    }
    return reply;
}

/* --- connecting --- */

static redisReply *ask_words(struct redis *redis, struct err *err, const char *const *words)
{
    struct command command;
    command_init(&command);
    command_begin(&command, words[0]);
    for (int i = 1; words[i]; i++)
        command_arg_str(&command, words[i]);
    redisReply *reply = checked(ask(redis, &command, err), err);
    if (command.args.data)
        explicit_bzero(command.args.data, command.args.len); /* it may have been AUTH */
    command_free(&command);
    return reply;
}

/* `name:value` in the text of INFO. */
static bool info_value(const redisReply *info, const char *name, char *out, size_t size)
{
    const char *line = info->type == REDIS_REPLY_STRING ? info->str : NULL;
    size_t len = strlen(name);
    while (line) {
        if (strncmp(line, name, len) == 0 && line[len] == ':') {
            const char *value = line + len + 1;
            size_t value_len = strcspn(value, "\r\n");
            if (value_len >= size)
                return false;
            memcpy(out, value, value_len);
            out[value_len] = '\0';
            return true;
        }
        line = strchr(line, '\n');
        line = line ? line + 1 : NULL;
    }
    return false;
}

static int introduce(struct redis *redis, struct err *err)
{
    const struct redis_address *address = &redis->address;
    redisReply *reply;
    if (address->password[0]) {
        const char *with_user[] = {"AUTH", address->user, address->password, NULL};
        const char *without[] = {"AUTH", address->password, NULL};
        reply = ask_words(redis, err, address->user[0] ? with_user : without);
        if (!reply)
            return -1;
        freeReplyObject(reply);
    }
    if (address->database > 0) {
        char number[16];
        snprintf(number, sizeof(number), "%d", address->database);
        reply = ask_words(redis, err, (const char *[]){"SELECT", number, NULL});
        if (!reply)
            return -1;
        freeReplyObject(reply);
    }
    reply = ask_words(redis, err, (const char *[]){"INFO", "server", NULL});
    if (!reply)
        return -1;
    bool known = info_value(reply, "run_id", redis->run_id, sizeof(redis->run_id));
    freeReplyObject(reply);
    if (!known)
        return err_set(err, ERR_INTERNAL, "INFO server names no run_id: is this Redis?");
    reply = ask_words(redis, err, (const char *[]){"INFO", "memory", NULL});
    if (!reply)
        return -1;
    char policy[40] = "";
    known = info_value(reply, "maxmemory_policy", policy, sizeof(policy));
    freeReplyObject(reply);
    if (!known || strcmp(policy, "noeviction") != 0)
        return err_set(err, ERR_REFUSED,
                       "Redis at %s:%d has maxmemory-policy %s: it would drop live runs; set it to "
                       "noeviction",
                       address->host, address->port, known ? policy : "unknown");
    return 0;
}

int redis_connect(struct redis *redis, struct err *err)
{
    if (redis->context)
        return 0;
    const struct timeval timeout = {.tv_sec = redis->timeout_ms / 1000,
                                    .tv_usec = redis->timeout_ms % 1000 * 1000};
    redisContext *context =
        redisConnectWithTimeout(redis->address.host, redis->address.port, timeout);
    if (!context)
        return err_set(err, ERR_LIMIT, "no memory for a Redis connection");
    redis->context = context;
    if (context->err)
        return broken(redis, err, context->errstr);
    /* From here on every wait is a poll with a deadline. */
    int flags = fcntl(context->fd, F_GETFL), yes = 1;
    if (flags < 0 || fcntl(context->fd, F_SETFL, flags | O_NONBLOCK) < 0 ||
        setsockopt(context->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes)) < 0)
        return broken(redis, err, strerror(errno));
    context->flags &= ~REDIS_BLOCK;
    if (introduce(redis, err)) {
        disconnect(redis);
        return -1;
    }
    return 0;
}

/* --- commands --- */

redisReply *redis_call(struct redis *redis, const struct command *command, struct err *err)
{
    invariant(!redis->awaiting, "a reply is awaited on this connection");
    if (redis_connect(redis, err))
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
    word = va_arg(words, const char *);
    command_begin(&command, word);
    while ((word = va_arg(words, const char *)))
        command_arg_str(&command, word);
    va_end(words);
    redisReply *reply = redis_call(redis, &command, err);
    command_free(&command);
    return reply;
}

static int pipeline_round(struct redis *redis, const struct command *commands, uint32_t count,
                          redisReply **replies, bool with_body, struct err *err)
{
    for (uint32_t i = 0; i < count; i++) {
        if (!replies[i] && queue(redis, &commands[i], with_body, err)) {
            disconnect(redis); /* some of them may be on their way */
            return -1;
        }
    }
    int64_t until = deadline(redis);
    for (uint32_t i = 0; i < count; i++) {
        if (!replies[i] && exchange(redis, until, &replies[i], err))
            return -1;
    }
    return 0;
}

int redis_pipeline(struct redis *redis, const struct command *commands, uint32_t count,
                   redisReply **replies, struct err *err)
{
    invariant(!redis->awaiting, "a reply is awaited on this connection");
    bool again = false;
    for (uint32_t i = 0; i < count; i++)
        replies[i] = NULL;
    int result = redis_connect(redis, err);
    if (result == 0)
        result = pipeline_round(redis, commands, count, replies, false, err);
    for (uint32_t i = 0; i < count && result == 0; i++) {
        if (commands[i].is_script && reply_is_error(replies[i], "NOSCRIPT")) {
            freeReplyObject(replies[i]);
            replies[i] = NULL;
            again = true;
        }
    }
    if (result == 0 && again)
        result = pipeline_round(redis, commands, count, replies, true, err);
    for (uint32_t i = 0; i < count && result != 0; i++) {
        if (replies[i])
            freeReplyObject(replies[i]);
        replies[i] = NULL;
    }
    return result;
}

int redis_send(struct redis *redis, const struct command *command, struct err *err)
{
    invariant(!redis->awaiting, "a reply is awaited on this connection");
    if (redis_connect(redis, err) || queue(redis, command, command->is_script, err) ||
        exchange(redis, deadline(redis), NULL, err))
        return -1;
    redis->awaiting = true;
    return 0;
}

redisReply *redis_receive(struct redis *redis, struct err *err)
{
    redisReply *reply = NULL;
    if (!redis->context) {
        err_set(err, ERR_UNREACHABLE, "the connection to Redis is gone, and so is the reply");
        return NULL;
    }
    invariant(redis->awaiting, "no reply is awaited on this connection");
    redis->awaiting = false;
    if (exchange(redis, deadline(redis), &reply, err))
        return NULL;
    return checked(reply, err);
}
