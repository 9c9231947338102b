#include "libtroupe/wire.h"
#include "base/alloc.h"
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#define SCRIPT_KEY "troupe:script:tasks"
#define META_KEY "troupe:{0}:meta"

enum { PARTITIONS_MAX = 65536 };

/* --- words --- */

void words_reset(struct words *words)
{
    words->count = 0;
    words->failed = false;
}

static bool grow(struct words *words)
{
    const int room = words->room ? 2 * words->room : 64;
    const char **at = mem_realloc(words->at, (size_t)room * sizeof(*at));
    if (at)
        words->at = at;
    size_t *len = at ? mem_realloc(words->len, (size_t)room * sizeof(*len)) : NULL;
    if (len)
        words->len = len;
    if (len)
        words->room = room;
    return len != NULL;
}

void words_add(struct words *words, struct slice word)
{
    if (words->failed || (words->count == words->room && !grow(words))) {
        words->failed = true;
        return;
    }
    words->at[words->count] = word.ptr;
    words->len[words->count++] = word.len;
}

void words_free(struct words *words)
{
    free(words->at);
    free(words->len);
    *words = (struct words){0};
}

/* --- the connection --- */

void wire_close(struct wire *wire)
{
    if (wire->context)
        redisFree(wire->context);
    wire->context = NULL;
    wire->sha[0] = '\0'; /* another server may answer, without the script */
}

static int lost(struct wire *wire, struct err *err)
{
    const char *why = "no memory";
    if (wire->context)
        why = wire->context->errstr[0] ? wire->context->errstr : "the connection was closed";
    (void)err_set(err, ERR_UNREACHABLE, "Redis at %s:%d: %s", wire->address.host,
                  wire->address.port, why);
    wire_close(wire);
    return -1;
}

int wire_queue(struct wire *wire, const struct words *words, struct err *err)
{
    if (words->failed)
        return err_set(err, ERR_LIMIT, "no memory for a command");
    if (redisAppendCommandArgv(wire->context, words->count, words->at, words->len) != REDIS_OK)
        return lost(wire, err);
    return 0;
}

redisReply *wire_reply(struct wire *wire, struct err *err)
{
    void *reply = NULL;
    if (redisGetReply(wire->context, &reply) == REDIS_OK && reply)
        return reply;
    (void)lost(wire, err);
    return NULL;
}

int wire_flush(struct wire *wire, struct err *err)
{
    int sent = 0;
    while (!sent) {
        if (redisBufferWrite(wire->context, &sent) != REDIS_OK)
            return lost(wire, err);
    }
    return 0;
}

int wire_read(struct wire *wire, redisReply **reply, struct err *err)
{
    void *got = NULL;
    *reply = NULL;
    if (redisBufferRead(wire->context) != REDIS_OK ||
        redisGetReplyFromReader(wire->context, &got) != REDIS_OK)
        return lost(wire, err);
    *reply = got;
    return 0;
}

/* A reply that is no error, owned, or NULL. */
static redisReply *ask(struct wire *wire, const char *const *texts, int count, struct err *err)
{
    struct words words = {0};
    for (int i = 0; i < count; i++)
        words_add(&words, slice_str(texts[i]));
    redisReply *reply = NULL;
    if (wire_queue(wire, &words, err) == 0)
        reply = wire_reply(wire, err);
    words_free(&words);
    if (!reply || reply->type != REDIS_REPLY_ERROR)
        return reply;
    (void)err_set(err, ERR_REFUSED, "Redis at %s:%d: %s", wire->address.host, wire->address.port,
                  reply->str);
    freeReplyObject(reply);
    wire_close(wire);
    return NULL;
}

static int tell(struct wire *wire, const char *const *texts, int count, struct err *err)
{
    redisReply *reply = ask(wire, texts, count, err);
    if (!reply)
        return -1;
    freeReplyObject(reply);
    return 0;
}

static int introduce(struct wire *wire, struct err *err)
{
    const struct redis_address *address = &wire->address;
    char database[16];
    const bool named = address->user[0] != '\0';
    const char *const auth[] = {"AUTH", address->user, address->password};
    const char *const bare[] = {"AUTH", address->password};
    (void)snprintf(database, sizeof(database), "%d", address->database);
    if (address->password[0] && tell(wire, named ? auth : bare, named ? 3 : 2, err) != 0)
        return -1;
    if (address->database == 0)
        return 0;
    return tell(wire, (const char *const[]){"SELECT", database}, 2, err);
}

int wire_open(struct wire *wire, struct err *err)
{
    const struct timeval timeout = {WIRE_TIMEOUT_MS / 1000, 0};
    if (wire->context)
        return 0;
    wire->context = redisConnectWithTimeout(wire->address.host, wire->address.port, timeout);
    if (!wire->context || wire->context->err || redisSetTimeout(wire->context, timeout) != REDIS_OK)
        return lost(wire, err);
    (void)redisEnableKeepAlive(wire->context); /* without it, a loss is noticed later */
    return introduce(wire, err);
}

static int load_script(struct wire *wire, const redisReply *text, struct err *err)
{
    const char *const load[] = {"SCRIPT", "LOAD", text->str};
    redisReply *sha = ask(wire, load, 3, err); /* the text has no NUL */
    if (!sha)
        return -1;
    if (sha->type == REDIS_REPLY_STRING && sha->len == sizeof(wire->sha) - 1)
        memcpy(wire->sha, sha->str, sizeof(wire->sha));
    freeReplyObject(sha);
    return wire->sha[0] ? 0 : err_set(err, ERR_INTERNAL, "SCRIPT LOAD gave no digest");
}

int wire_load(struct wire *wire, struct err *err)
{
    redisReply *count = ask(wire, (const char *const[]){"HGET", META_KEY, "partitions"}, 3, err);
    redisReply *text = count ? ask(wire, (const char *const[]){"GET", SCRIPT_KEY}, 2, err) : NULL;
    int partitions = count && text ? 0 : -1;
    if (partitions == 0 && count->type == REDIS_REPLY_STRING && text->type == REDIS_REPLY_STRING)
        partitions = (int)strtol(count->str, NULL, 10);
    if (partitions > PARTITIONS_MAX || partitions < -1)
        partitions = 0;
    if (partitions > 0 && load_script(wire, text, err) != 0)
        partitions = -1;
    if (count)
        freeReplyObject(count);
    if (text)
        freeReplyObject(text);
    return partitions;
}
