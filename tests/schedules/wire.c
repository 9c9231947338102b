/* wire: the one connection to Redis, and what is learnt from what goes over it. */
#include "protocol/keys.h"
#include "protocol/reply.h"
#include "sim.h"
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { ARGS_BEFORE = 4, TOKEN_ARGS = 11, WANT_AT = 8 };

struct argv {
    int count;
    const char **words;
    size_t *lens;
};

struct asked *asked_new(const struct command *command)
{
    struct asked *request = calloc(1, sizeof(*request));
    if (!request)
        violated("no memory");
    request->command = *command;
    buf_init(&request->command.args, COMMAND_MAX_BYTES);
    buf_slice_append(&request->command.args, buf_slice(&command->args));
    request->sent_us = clock_now_us();
    request->tried = UINT64_MAX;
    request->block_ms = -1;
    return request;
}

void asked_free(struct asked *request)
{
    if (request->reply)
        freeReplyObject(request->reply);
    command_free(&request->command);
    free(request);
}

/* --- words --- */

static struct argv argv_of(const struct command *command)
{
    const uint32_t most = command->argc + 2;
    struct argv argv = {.words = calloc(most, sizeof(*argv.words)),
                        .lens = calloc(most, sizeof(*argv.lens))};
    if (!argv.words || !argv.lens)
        violated("no memory");
    if (command->is_script) {
        argv.words[0] = "EVALSHA";
        argv.lens[0] = strlen(argv.words[0]);
        argv.words[1] = script_sha(command->script).ptr;
        argv.lens[1] = script_sha(command->script).len;
        argv.count = 2;
    }
    const char *at = command->args.data;
    for (uint32_t i = 0; i < command->argc; i++) {
        char *end;
        const size_t len = strtoul(at + 1, &end, 10);
        argv.words[argv.count] = end + 2;
        argv.lens[argv.count++] = len;
        at = end + 2 + len + 2;
    }
    return argv;
}

static void argv_free(struct argv *argv)
{
    free(argv->words);
    free(argv->lens);
}

static bool word_is(const struct argv *argv, int i, const char *word)
{
    return i < argv->count && argv->lens[i] == strlen(word) &&
           memcmp(argv->words[i], word, argv->lens[i]) == 0;
}

static long number_at(const struct argv *argv, int i) { return strtol(argv->words[i], NULL, 10); }

/* A read that would block is made without; how long it would have is the request's. */
static void take_out_block(struct asked *request, struct argv *argv)
{
    for (int i = 1; i + 1 < argv->count; i++) {
        if (!word_is(argv, i, "BLOCK"))
            continue;
        request->block_ms = number_at(argv, i + 1);
        for (int k = i; k + 2 < argv->count; k++) {
            argv->words[k] = argv->words[k + 2];
            argv->lens[k] = argv->lens[k + 2];
        }
        argv->count -= 2;
        return;
    }
}

/* --- what is learnt --- */

static const char *word_of(const redisReply *reply)
{
    if (reply->type == REDIS_REPLY_ARRAY && reply->elements > 0 &&
        reply->element[0]->type == REDIS_REPLY_STRING)
        return reply->element[0]->str;
    return NULL;
}

static uint32_t bars(const char *text, size_t len)
{
    uint32_t found = 0;
    for (size_t i = 0; i < len; i++)
        found += text[i] == '|';
    return found;
}

/* How many tokens a settle call is about; *at: the first of them. */
static long settled_tokens(const struct argv *argv, int *at)
{
    *at = ARGS_BEFORE + 5;
    *at += 1 + (int)number_at(argv, *at);     /* queues */
    *at += 1 + 2 * (int)number_at(argv, *at); /* adopted */
    return number_at(argv, (*at)++);
}

/* Of the token at `at`. */
static long count_operations(const struct argv *argv, int at, long *steps)
{
    const char *counts = argv->words[at + TOKEN_ARGS - 1];
    const char *comma = memchr(counts, ',', argv->lens[at + TOKEN_ARGS - 1]);
    *steps = comma ? strtol(comma + 1, NULL, 10) : 0;
    return strtol(counts, NULL, 10);
}

/* A failure's identity has the generation. */
static bool is_failure(const struct argv *argv, int at)
{
    return bars(argv->words[at + 3], argv->lens[at + 3]) == 4;
}

bool wire_fails(const struct asked *request)
{
    bool found = false;
    int at;
    if (!request->command.is_script || request->command.script != SCRIPT_SETTLE)
        return false;
    struct argv argv = argv_of(&request->command);
    for (long tokens = settled_tokens(&argv, &at); tokens > 0; tokens--) {
        long steps;
        const long operations = count_operations(&argv, at, &steps);
        found = found || is_failure(&argv, at);
        at += TOKEN_ARGS + 3 * (int)(operations + steps);
    }
    argv_free(&argv);
    return found;
}

static void learn_settle(const struct argv *argv, const redisReply *reply)
{
    int at;
    const long tokens = settled_tokens(argv, &at);
    const redisReply *results = reply->element[2];
    for (long i = 0; i < tokens; i++) {
        const char *result = results->element[i]->str;
        long steps;
        const long operations = count_operations(argv, at, &steps);
        const bool is_ok = strcmp(result, "ok") == 0;
        happened("settled %s", result);
        if (steps > 0)
            happened("stretch %s", result);
        if (is_failure(argv, at) && !is_ok)
            happened("failures refused: %s", result);
        static const char gone[] = "is not beside its run any more";
        if (is_ok && memmem(argv->words[at + 9], argv->lens[at + 9], gone, sizeof(gone) - 1))
            violated("token %.*s of run %.*s was live and a value that it wants was not there",
                     (int)argv->lens[at + 2], argv->words[at + 2], (int)argv->lens[at],
                     argv->words[at]);
        for (long k = 0; k < operations && is_ok; k++) {
            const char kind = argv->words[at + TOKEN_ARGS + 3 * k][0];
            happened("operation %c", kind);
            if (steps > 0)
                happened("stretch to operation %c", kind);
        }
        at += TOKEN_ARGS + 3 * (int)(operations + steps);
    }
}

static void learn(const struct asked *request, const struct argv *argv, const redisReply *reply)
{
    const char *name = script_name(request->command.script), *word = word_of(reply);
    if (reply->type == REDIS_REPLY_ERROR)
        violated("%s: %s", name, reply->str);
    if (!word)
        return;
    happened("%s %s", name, word);
    if (strcmp(word, "ok") != 0)
        return;
    if (request->command.script == SCRIPT_SETTLE)
        learn_settle(argv, reply);
    if (request->command.script == SCRIPT_HELLO && reply->element[4]->elements > 0)
        happened("hello gave tokens back");
    if (request->command.script == SCRIPT_RECLAIM && reply->element[2]->elements > 0)
        happened("reclaim took tokens over");
    if (request->command.script == SCRIPT_LEAVE)
        happened("leave %s", reply->element[2]->str);
    if (request->command.script == SCRIPT_START) {
        for (size_t i = 0; i < reply->element[2]->elements; i++)
            happened("start %s", reply->element[2]->element[i]->str);
        if (reply->element[2]->elements > 1)
            happened("starts of several runs");
    }
}

/* What live tokens refer to is there: a failure for want of it is never taken (learn_settle). */
static void learn_values(const redisReply *reply)
{
    if (reply->type != REDIS_REPLY_ARRAY)
        violated("MGET: %s", reply->str);
    happened("values fetched");
    for (size_t i = 0; i < reply->elements; i++) {
        if (reply->element[i]->type == REDIS_REPLY_NIL)
            happened("values that had gone");
    }
}

static void write_reply(const redisReply *reply, char *out, size_t size)
{
    size_t at = 0;
    if (reply->type == REDIS_REPLY_ARRAY) {
        for (size_t i = 0; i < reply->elements && at + 60 < size; i++) {
            at += (size_t)snprintf(out + at, size - at, "%s", i ? " " : "[");
            write_reply(reply->element[i], out + at, size - at < 200 ? size - at : 200);
            at += strlen(out + at);
        }
        (void)snprintf(out + at, size - at, reply->elements ? "]" : "[]");
    } else if (reply->type == REDIS_REPLY_INTEGER) {
        (void)snprintf(out, size, "%lld", reply->integer);
    } else {
        (void)snprintf(out, size < 60 ? size : 60, "%s", reply->str ? reply->str : "nil");
    }
}

static void trace_call(const struct asked *request, const struct argv *argv,
                       const redisReply *reply)
{
    char text[600] = "", words[400] = "";
    size_t at = 0;
    const bool script = request->command.is_script;
    for (int i = script ? 3 : 0; i < argv->count && at + 60 < sizeof(words); i++) {
        const int len = argv->lens[i] < 50 ? (int)argv->lens[i] : 50;
        at += (size_t)snprintf(words + at, sizeof(words) - at, " %.*s", len, argv->words[i]);
    }
    write_reply(reply, text, sizeof(text));
    trace("  %s%s -> %s", script ? script_name(request->command.script) : "", words, text);
}

/* --- the call --- */

/* checked: the partition that is checked in the same round trip, or -1. */
static redisReply *send_argv(const struct argv *argv, int checked)
{
    redisReply *reply = NULL;
    if (redisAppendCommandArgv(sim.redis, argv->count, argv->words, argv->lens) != REDIS_OK)
        violated("no memory");
    if (checked >= 0)
        check_ask((uint16_t)checked);
    if (redisGetReply(sim.redis, (void **)&reply) != REDIS_OK)
        violated("Redis is gone: %s", sim.redis->errstr);
    if (checked >= 0)
        check_answer((uint16_t)checked);
    return reply;
}

/* With its text when Redis has lost it. */
static redisReply *call_script(const struct asked *request, struct argv *argv)
{
    const enum script script = request->command.script;
    const int partition = key_partition(slice_of(argv->words[3], argv->lens[3]));
    const int checked = script == SCRIPT_BEAT ? -1 : partition;
    redisReply *reply = send_argv(argv, checked);
    if (reply_is_error(reply, "NOSCRIPT")) {
        happened("scripts sent again");
        freeReplyObject(reply);
        argv->words[0] = "EVAL";
        argv->lens[0] = 4;
        argv->words[1] = script_text(script).ptr;
        argv->lens[1] = script_text(script).len;
        reply = send_argv(argv, checked);
    }
    if (script != SCRIPT_BEAT)
        sim.calls++;
    learn(request, argv, reply);
    return reply;
}

/* Its connections are ours: Redis knows but the one. */
static redisReply *call_client(const struct asked *request, const struct argv *argv)
{
    redisReply *reply = calloc(1, sizeof(*reply));
    if (!reply)
        violated("no memory");
    reply->type = REDIS_REPLY_INTEGER;
    if (word_is(argv, 1, "ID"))
        reply->integer = request->client;
    else if (word_is(argv, 1, "UNBLOCK"))
        reply->integer = link_unblock(number_at(argv, 2));
    else
        violated("a command of CLIENT that is not played");
    return reply;
}

redisReply *wire_call(struct asked *request)
{
    const bool script = request->command.is_script;
    struct argv argv = argv_of(&request->command);
    redisReply *reply;
    char budget[32];
    happened(script ? "script calls" : "commands");
    if (!script)
        take_out_block(request, &argv);
    const int budget_at = !script                                    ? 0
                          : request->command.script == SCRIPT_SETTLE ? ARGS_BEFORE + 3
                          : request->command.script == SCRIPT_START  ? ARGS_BEFORE + 1
                                                                     : 0;
    if (budget_at > 0 && sim.budget) {
        const char *limit = memchr(argv.words[budget_at], ',', argv.lens[budget_at]);
        const size_t given = limit ? (size_t)(limit - argv.words[budget_at]) : argv.lens[budget_at];
        (void)snprintf(budget, sizeof(budget), "%u%.*s", sim.budget,
                       (int)(argv.lens[budget_at] - given), argv.words[budget_at] + given);
        argv.words[budget_at] = budget;
        argv.lens[budget_at] = strlen(budget);
    }
    /* `want,keep`: without the second nothing is handed over. */
    if (script && request->command.script == SCRIPT_SETTLE && sim.shares) {
        const char *comma = memchr(argv.words[WANT_AT], ',', argv.lens[WANT_AT]);
        if (comma)
            argv.lens[WANT_AT] = (size_t)(comma - argv.words[WANT_AT]);
    }
    if (script)
        reply = call_script(request, &argv);
    else
        reply = word_is(&argv, 0, "CLIENT") ? call_client(request, &argv) : send_argv(&argv, -1);
    if (!script && word_is(&argv, 0, "MGET"))
        learn_values(reply);
    trace_call(request, &argv, reply);
    argv_free(&argv);
    return reply;
}

void wire_calls(struct asked *const *asked, uint32_t count, redisReply **replies)
{
    for (uint32_t i = 0; i < count; i++) {
        struct argv argv = argv_of(&asked[i]->command);
        happened("commands");
        if (redisAppendCommandArgv(sim.redis, argv.count, argv.words, argv.lens) != REDIS_OK)
            violated("no memory");
        argv_free(&argv);
    }
    for (uint32_t i = 0; i < count; i++) {
        if (redisGetReply(sim.redis, (void **)&replies[i]) != REDIS_OK)
            violated("Redis is gone: %s", sim.redis->errstr);
    }
}

redisReply *wire_words(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    redisReply *reply = redisvCommand(sim.redis, format, args);
    va_end(args);
    if (!reply || reply->type == REDIS_REPLY_ERROR)
        violated("Redis, to '%s': %s", format, reply ? reply->str : sim.redis->errstr);
    return reply;
}
