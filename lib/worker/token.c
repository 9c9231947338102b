#include "worker/token.h"
#include "protocol/beside.h"
#include "protocol/redis.h"
#include <stdlib.h>

enum { POOL_BYTES = 2 << 20, POOLED_ARENA_BYTES = 64 << 10 };

void token_list_push(struct token_list *list, struct token *token)
{
    token->next = NULL;
    token->before = list->tail;
    if (list->tail)
        list->tail->next = token;
    else
        list->head = token;
    list->tail = token;
    list->count++;
}

struct token *token_list_pop(struct token_list *list)
{
    struct token *token = list->head;
    if (!token)
        return NULL;
    list->head = token->next;
    if (list->head)
        list->head->before = NULL;
    else
        list->tail = NULL;
    list->count--;
    token->next = NULL;
    return token;
}

void token_list_append(struct token_list *to, struct token_list *from)
{
    if (!from->head)
        return;
    from->head->before = to->tail;
    if (to->tail)
        to->tail->next = from->head;
    else
        to->head = from->head;
    to->tail = from->tail;
    to->count += from->count;
    *from = (struct token_list){0};
}

void token_list_remove(struct token_list *list, struct token *token)
{
    if (token->before)
        token->before->next = token->next;
    else
        list->head = token->next;
    if (token->next)
        token->next->before = token->before;
    else
        list->tail = token->before;
    list->count--;
    token->next = token->before = NULL;
}

struct token *token_list_find(const struct token_list *list, uint32_t queue, struct slice entry_id)
{
    for (struct token *token = list->head; token; token = token->next) {
        if (token->queue == queue && slice_eq(token->entry_id, entry_id))
            return token;
    }
    return NULL;
}

/* All texts of the claim but its values, in one allocation. */
static int copy_texts(struct token *token, const struct claim *claim)
{
    const struct {
        struct slice from, *to;
    } texts[] = {
        {claim->entry_id, &token->entry_id},       {claim->run, &token->run},
        {claim->number, &token->number},           {claim->live, &token->live},
        {claim->incarnation, &token->incarnation}, {claim->digest, &token->digest},
        {claim->wanted, &token->wanted},
    };
    size_t total = 0;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        total += texts[i].from.len;
    char *at = arena_alloc(&token->arena, total + 1);
    if (!at)
        return -1;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        if (texts[i].from.len > 0)
            memcpy(at, texts[i].from.ptr, texts[i].from.len);
        *texts[i].to = slice_of(at, texts[i].from.len);
        at += texts[i].from.len;
    }
    /* These are parts of the live field. */
    const char *live = token->live.ptr;
    token->node = slice_of(live + (claim->node.ptr - claim->live.ptr), claim->node.len);
    token->scope = slice_of(live + (claim->scope.ptr - claim->live.ptr), claim->scope.len);
    return 0;
}

static void copy_values(struct token *token, const struct claim *claim)
{
    token->value_count = claim->value_count;
    token->values = arena_array(&token->arena, claim->value_count, sizeof(*token->values));
    token->values_too_large = !token->values;
    uint64_t beside_bytes = 0;
    struct beside_reference reference;
    for (uint32_t i = 0; i < claim->value_count && !token->values_too_large; i++) {
        const struct slice value = reply_slice(claim->values[i]);
        if (!value.ptr)
            continue;
        token->values[i] = arena_copy(&token->arena, value);
        token->values_too_large = !token->values[i].ptr;
        if (beside_reference_read(value, &reference)) {
            token->references++;
            beside_bytes += reference.length;
            token->values_too_large |= beside_bytes > TOKEN_ARENA_BYTES;
        }
    }
    if (token->values_too_large)
        token->references = 0; /* nothing of it is looked at */
}

void token_take_beside(struct token_pool *pool, struct token *token)
{
    struct beside_reference reference;
    if (token->references > 0 && !token->beside)
        token->beside = arena_array(&token->arena, token->references, sizeof(struct beside *));
    if (!token->beside) {
        token->values_too_large |= token->references > 0;
        token->references = 0;
    }
    for (uint32_t i = 0; i < token->value_count && token->references > 0; i++) {
        if (!beside_reference_read(token->values[i], &reference))
            continue;
        const struct beside_name name = {token->run, token->incarnation, reference.number};
        struct beside *found = beside_find(&pool->beside, &name);
        if (!found)
            continue;
        token->value_gone |= !found->value.ptr;
        token->values[i] = found->value;
        token->beside[token->beside_count++] = beside_hold(found);
        token->references--;
    }
}

struct token *token_new(struct token_pool *pool, const struct claim *claim)
{
    struct token *token = pool->free;
    struct arena arena;
    if (token) {
        pool->free = token->next;
        pool->bytes -= arena_room(&token->arena);
        arena = token->arena;
    } else {
        token = malloc(sizeof(*token));
        arena_init(&arena, TOKEN_ARENA_BYTES);
    }
    if (!token)
        return NULL;
    *token = (struct token){.arena = arena,
                            .queue = claim->queue,
                            .attempt = claim->attempt,
                            .generation = claim->generation,
                            .deliveries = claim->deliveries,
                            .state = claim->state};
    if (copy_texts(token, claim) != 0) {
        token_free(pool, token);
        return NULL;
    }
    copy_values(token, claim);
    return token;
}

int token_rewind(struct token *token)
{
    struct claim claim;
    if (token->step_count == 0)
        return 0;
    token->step_count = 0;
    token->step_operations = 0;
    token->step_iterations = 0;
    token->branch_count = 0;
    token->join_count = 0;
    token->iteration_begins = 0;
    if (claim_read_live(token->live, &claim) != 0)
        return -1;
    token->node = claim.node;
    token->scope = claim.scope;
    token->attempt = claim.attempt;
    token->state = claim.state;
    token->wanted = token->claimed_wanted;
    token->values = token->claimed_values;
    token->value_count = token->claimed_count;
    token->result = (struct token_result){.op_count = 0};
    return 0;
}

void token_free(struct token_pool *pool, struct token *token)
{
    if (!token)
        return;
    invariant(!token->job, "a token is freed whose execution is under way");
    graph_release(token->graph);
    token->graph = NULL;
    while (token->beside_count > 0)
        beside_release(&pool->beside, token->beside[--token->beside_count]);
    if (pool->bytes < POOL_BYTES && token->arena.used_bytes <= POOLED_ARENA_BYTES) {
        arena_reset(&token->arena);
        pool->bytes += arena_room(&token->arena);
        token->next = pool->free;
        pool->free = token;
        return;
    }
    arena_free(&token->arena);
    free(token);
}

void token_list_free(struct token_pool *pool, struct token_list *list)
{
    for (struct token *token = token_list_pop(list); token; token = token_list_pop(list))
        token_free(pool, token);
}

void token_pool_free(struct token_pool *pool)
{
    while (pool->free) {
        struct token *token = pool->free;
        pool->free = token->next;
        arena_free(&token->arena);
        free(token);
    }
}
