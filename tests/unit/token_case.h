/* Tokens of one graph, as workers claim them, and their execution. Include it behind cmocka.h. */
#ifndef TROUPE_TOKEN_CASE_H
#define TROUPE_TOKEN_CASE_H

#include "graph_case.h"
#include "worker/execute.h"
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static struct graph *graph;
static struct token_pool pool;
static int64_t (*token_case_now_us)(void *context);

/* For a group's setup: 0, or -1 when the definition has findings, which it prints. Time is what
 * `now_us` says. */
static int token_case_open(const char *definition, int64_t (*now_us)(void *))
{
    token_case_now_us = now_us;
    graph = graph_case_compile(definition);
    return graph ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    token_pool_free(&pool);
    graph_release(graph);
    return 0;
}

/* A claim. */
struct given {
    const char *node;
    const char *wanted;
    const char *values[6]; /* NULL behind the last; "-": absent */
    uint32_t generation, deliveries;
    char state; /* 0: q */
};

/* NULL: no memory. */
static struct token *make(const struct given *given)
{
    redisReply replies[6];
    redisReply *values[6];
    char live[64];
    (void)snprintf(live, sizeof(live), "%s||1|%u|%u|%c", given->node, given->generation,
                   given->deliveries, given->state ? given->state : 'q');
    struct claim claim = {.queue = 1,
                          .entry_id = SLICE("5-0"),
                          .run = SLICE("r1"),
                          .number = SLICE("7"),
                          .live = slice_str(live),
                          .incarnation = SLICE("1"),
                          .digest = SLICE("d"),
                          .wanted = slice_str(given->wanted),
                          .values = values,
                          .node = slice_of(live, strlen(given->node)),
                          .scope = slice_of(live + strlen(given->node) + 1, 0),
                          .attempt = 1,
                          .generation = given->generation,
                          .deliveries = given->deliveries,
                          .state = given->state ? given->state : 'q'};
    for (uint32_t i = 0; i < ARRAY_LEN(replies) && given->values[i]; i++) {
        const char *text = given->values[i];
        const bool absent = strcmp(text, "-") == 0;
        replies[i] = (redisReply){.type = absent ? REDIS_REPLY_NIL : REDIS_REPLY_STRING,
                                  .str = absent ? NULL : (char *)(uintptr_t)text,
                                  .len = absent ? 0 : strlen(text)};
        values[i] = &replies[i];
        claim.value_count++;
    }
    struct token *token = token_new(&pool, &claim);
    if (token) {
        graph_retain(graph);
        token->graph = graph;
    }
    return token;
}

/* -1: no memory, for a result (the token is there) or for the token (NULL). */
static int execute_given(const struct given *given, size_t max_value, struct token **token)
{
    static const struct slice queues[] = {SLICE("default")};
    struct buf scratch;
    struct arena arena;
    *token = make(given);
    if (!*token)
        return -1;
    buf_init(&scratch, 0);
    arena_init(&arena, 0);
    const struct execution execution = {.queues = {queues, 1},
                                        .consumer = SLICE("w"),
                                        .max_value_bytes = max_value,
                                        .scratch = &scratch,
                                        .arena = &arena,
                                        .now_us = token_case_now_us};
    const int rc = execute_token(&execution, *token);
    buf_free(&scratch);
    arena_free(&arena);
    return rc;
}

static struct token *run(const struct given *given)
{
    struct token *token;
    assert_int_equal(execute_given(given, 10000, &token), 0);
    return token;
}

#endif
