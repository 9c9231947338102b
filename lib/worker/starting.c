/* starting: what is ready begins together, one call per partition.
 *
 * Entry nodes that compute at once are executed before the call, and what came of them goes with it: such a
 * run needs no queue. Not of a request that somebody had before: should a node kill its worker, its token
 * must be there to say so.
 */
#include "base/log.h"
#include "exec/exec.h"
#include "protocol/decimal.h"
#include "protocol/redis.h"
#include "protocol/wanted.h"
#include "worker/inbox_item.h"
#include "worker/submit.h"

enum {
    NOT_AFTER_MS = 20000,                /* less than ended runs are remembered */
    RUNS_MOST = 32,                      /* of a call */
    OPERATIONS_MOST = SETTLE_BUDGET / 2, /* of a call: one run more still fits */
    BYTES_MOST = 1 << 20,                /* of a call, unless one run alone is larger */
    CALLS_MOST = 4,                      /* under way: others' calls stand behind them */
    TURN_US = 4000,                      /* for executing: what is left waits for the next turn */
};

struct starting {
    struct worker *worker;
    struct channel *channel;
    uint32_t count;
    size_t bytes;
    uint32_t operations;
    /* of each */
    struct item *items[RUNS_MOST];
    struct token_list executed[RUNS_MOST];
    struct buf run_json[RUNS_MOST];
};

void starting_add(struct item *item, struct channel *channel, struct graph *graph)
{
    struct graph_text input = {.text = item->request.input};
    struct graph_failure failure;
    if (graph->input_schema && graph_schema_check(graph->input_schema, &input, "input_schema",
                                                  &item->request.arena, &failure) != 0) {
        request_refuse(&item->request, "%s", failure.message);
        item_refuse(item);
        return;
    }
    item->partition = channel->partition;
    graph_retain(graph);
    item->graph = graph;
}

static void drop_graph(struct item *item)
{
    graph_release(item->graph);
    item->graph = NULL;
}

/* --- entry nodes --- */

/* Of a run that begins there is nothing but its input and what `run` shows, which outlive the token. */
static bool fill_values(struct token *token, struct slice input, struct slice run_json)
{
    const uint32_t most = wanted_count(token->wanted);
    struct wanted_item wanted;
    size_t at = 0;
    bool bad;
    token->values = arena_array(&token->arena, most, sizeof(*token->values));
    while (token->values && wanted_next(token->wanted, &at, &wanted, &bad))
        token->values[token->value_count++] = wanted.kind == WANTED_INPUT ? input
                                              : wanted.kind == WANTED_RUN ? run_json
                                                                          : SLICE_NONE;
    return token->values != NULL;
}

/* The run's token number `i + 1` as it will be, or NULL. */
static struct token *make_token(struct starting *s, struct item *item, uint32_t i,
                                struct slice run_json)
{
    const struct graph_node *node = &item->graph->nodes[item->graph->entries[i]];
    char number[DECIMAL_SIZE];
    struct buf live, wanted;
    struct claim claim = {.value_count = 0};
    struct token *token = NULL;
    uint32_t queue;
    if (!exec_is_instant(node) || !call_queues_find(s->worker->queues, node->queue, &queue))
        return NULL;
    buf_init(&live, 4096);
    buf_init(&wanted, COMMAND_MAX_BYTES);
    buf_uint(&live, node->index);
    buf_char(&live, '|');
    if (node->head_of != GRAPH_NO_LOOP)
        graph_scope_enter(item->graph, SLICE(""), UINT32_MAX, node->index, &live);
    buf_str(&live, "|1|0|0|q");
    wanted_write_node(&wanted, item->graph, node->index);
    if (buf_ok(&live) && buf_ok(&wanted) && claim_read_live(buf_slice(&live), &claim) == 0) {
        claim.queue = queue;
        claim.entry_id = SLICE("");
        claim.run = slice_str(item->request.run);
        claim.number = decimal_text(i + 1, number);
        claim.live = buf_slice(&live);
        claim.incarnation = SLICE("1");
        claim.digest = slice_str(item->digest);
        claim.wanted = buf_slice(&wanted);
        token = token_new(&s->worker->pool, &claim);
    }
    buf_free(&live);
    buf_free(&wanted);
    if (token && !fill_values(token, item->request.input, run_json)) {
        token_free(&s->worker->pool, token);
        token = NULL;
    }
    if (token) {
        graph_retain(item->graph);
        token->graph = item->graph;
    }
    return token;
}

/* As many of its entry nodes as can be executed here. What cannot comes through the queue. */
static void execute_entries(struct starting *s, uint32_t at)
{
    struct worker *worker = s->worker;
    struct item *item = s->items[at];
    const struct execution execution = worker_execution(worker);
    const int64_t deadline_ms = item->request.deadline_ms;
    item->executed = 0;
    item->leads_on = graph_makes_output(item->graph);
    if (!item->fresh || item->alone || worker->suspects || worker->solo)
        return;
    if (deadline_ms > 0 && deadline_ms * 1000 <= worker_redis_us(worker))
        return;
    for (uint32_t i = 0; i < item->graph->entry_count; i++) {
        struct token *token = make_token(s, item, i, buf_slice(&s->run_json[at]));
        if (token && execute_token(&execution, token) != 0) {
            token_free(&worker->pool, token);
            token = NULL;
        }
        if (!token)
            break;
        item->executed += 1 + token->step_count;
        item->leads_on = item->leads_on || token->result.op_count > 0;
        s->bytes += submit_bytes(token);
        s->operations += submit_operations(token);
        token_list_push(&s->executed[at], token);
    }
}

/* --- the call --- */

static void add_run(struct starting *s, uint32_t at, int64_t now_us)
{
    struct command *command = &s->worker->command;
    struct item *item = s->items[at];
    const struct request *request = &item->request;
    char version[DECIMAL_SIZE], submitted[DECIMAL_SIZE], deadline[DECIMAL_SIZE];
    start_run(command,
              &(struct start_run){
                  .graph = item->graph,
                  .incarnation = 1,
                  .not_after_ms = now_us / 1000 + NOT_AFTER_MS,
                  .record = {.run = slice_str(request->run),
                             .workflow = request->workflow,
                             .version = decimal_text(item->version, version),
                             .digest = slice_str(item->digest),
                             .input = request->input,
                             .labels = request->labels,
                             .submitted_us = decimal_text(request->submitted_us, submitted),
                             .inbox_id = request->entry_id,
                             .run_json = buf_slice(&s->run_json[at]),
                             .deadline_ms = decimal_text(request->deadline_ms, deadline)}},
              s->executed[at].count);
    for (const struct token *token = s->executed[at].head; token; token = token->next)
        submit_token(command, token);
}

static void note_result(struct item *item, enum start_result result)
{
    struct worker *worker = item->inbox->worker;
    if (result == START_LATE) { /* nothing was written */
        item_wait_ms(item, INBOX_RETRY_MS);
        return;
    }
    if (result == START_STARTED || result == START_EXECUTED)
        worker->stats.started++;
    if (result == START_EXECUTED) {
        worker->stats.executed += item->executed;
        worker->stats.settled += item->executed;
    }
    if (result == START_STARTED || (result == START_EXECUTED && item->leads_on))
        worker->channels[item->partition].wants_poll = true;
    item_finish(item);
}

static void note_refusal(struct item *item, bool several, enum call_status status,
                         const struct err *err)
{
    struct worker *worker = item->inbox->worker;
    const bool lasts = item_call_again(item, &worker->channels[item->partition], status, err);
    /* One of them may be why: each is asked for by itself, with nothing executed. */
    if (status == CALL_REFUSED && err->code != ERR_UNREACHABLE && err->code != ERR_REFUSED)
        item->alone = true;
    if (lasts && !several) {
        request_refuse(&item->request, "it cannot be started: %s", err->message);
        item_refuse(item);
    }
}

static void on_started(void *context, const redisReply *reply)
{
    struct item *first = context;
    struct worker *worker = first->inbox->worker;
    const bool several = first->with != NULL;
    struct err err = ERR_INIT;
    int64_t redis_us;
    uint32_t at = 0;
    const enum call_status status = call_status(reply, &redis_us, &err);
    first->inbox->starts--;
    if (status == CALL_OK)
        worker_note_time(worker, redis_us);
    for (struct item *item = first, *next; item; item = next, at++) {
        enum start_result result = START_LATE;
        next = item->with;
        item->with = NULL;
        item->under_way = false;
        if (status != CALL_OK) {
            note_refusal(item, several, status, &err);
            continue;
        }
        if (start_read(reply, at, &result) != 0)
            log_write(LOG_ERROR, "an answer of start cannot be read",
                      LOG_S("run_id", item->request.run));
        note_result(item, result);
    }
    worker_wake(worker);
}

static void forget(struct starting *s)
{
    for (uint32_t i = 0; i < s->count; i++) {
        drop_graph(s->items[i]);
        token_list_free(&s->worker->pool, &s->executed[i]);
        buf_free(&s->run_json[i]);
    }
}

static void make_call(struct starting *s)
{
    struct worker *worker = s->worker;
    const int64_t now_us = worker_redis_us(worker);
    bool fits = true;
    start_begin_limited(&worker->command, s->channel->partition, channel_epoch(s->channel),
                        worker->inline_bytes, worker->queues, s->count);
    for (uint32_t i = 0; i < s->count; i++) {
        add_run(s, i, now_us);
        fits = fits && buf_ok(&s->run_json[i]);
        s->items[i]->with = i + 1 < s->count ? s->items[i + 1] : NULL;
    }
    fits = fits && command_ok(&worker->command);
    const bool sent = fits && worker_send(worker, on_started, s->items[0]);
    s->items[0]->inbox->starts += sent;
    for (uint32_t i = 0; i < s->count; i++) {
        struct item *item = s->items[i];
        item->under_way = sent;
        if (!sent)
            item->with = NULL;
        if (fits)
            continue;
        if (s->count == 1 && item->alone) {
            request_refuse(&item->request, "it does not fit into one call");
            item_refuse(item);
        }
        item->alone = true;
    }
}

/* Adds one to the call. */
static void gather(struct starting *s, struct item *item)
{
    const struct request *request = &item->request;
    const uint32_t at = s->count++;
    s->items[at] = item;
    s->executed[at] = (struct token_list){0};
    buf_init(&s->run_json[at], COMMAND_MAX_BYTES);
    start_write_run_json(&s->run_json[at], slice_str(request->run), request->workflow,
                         item->version, worker_redis_us(s->worker), request->labels);
    s->bytes += 2 * (request->input.len + request->labels.len) + 2048;
    execute_entries(s, at);
}

/* One call, with the first and as many others as fit. */
static void start(struct inbox *inbox, struct item *first, int64_t until_us)
{
    struct worker *worker = inbox->worker;
    struct starting s; /* large: each of the arrays' entries is filled with its run */
    s.worker = worker;
    s.channel = &worker->channels[first->partition];
    s.count = s.operations = 0;
    s.bytes = 0;
    for (struct item *item = first; item; item = item->next) {
        if (!item->graph || item->partition != first->partition || (item->alone && item != first))
            continue;
        gather(&s, item);
        if (s.count == RUNS_MOST || s.bytes > BYTES_MOST || s.operations > OPERATIONS_MOST ||
            first->alone || worker_mono_us(worker) > until_us)
            break;
    }
    make_call(&s);
    forget(&s);
}

/* What cannot be called for in this turn keeps its graph, and its turn comes with the next: under way until then, so
 * that nobody prepares it again. */
void starting_send(struct inbox *inbox)
{
    struct worker *worker = inbox->worker;
    const int64_t until_us = worker_mono_us(worker) + TURN_US;
    for (struct item *first = inbox->items; first; first = first->next) {
        if (!first->graph)
            continue;
        first->under_way = worker->channels[first->partition].state != CHANNEL_CLOSED;
        if (!first->under_way)
            drop_graph(first); /* it is prepared again when there is an epoch */
        else if (inbox->starts == CALLS_MOST)
            continue; /* an answer goes on with it */
        else if (worker_mono_us(worker) > until_us)
            worker_wake(worker);
        else
            start(inbox, first, until_us);
    }
}
