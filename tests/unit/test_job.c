/* Executions that take their time, without Redis: from a claim to a job, from its end to a result. */
#include "exec/exec.h"
#include "http_world.h"
#include "protocol/ledger.h"
#include "worker/execute.h"
#include "worker/token.h"

#include "alloc_in_turn.h"

#define RUN_ID "0192b7a0-0000-7000-8000-000000000001"

struct place {
    struct world world;
    struct graph *graph;
    struct token_pool pool;
    struct buf scratch;
    struct arena arena;
    struct exec_host host;
    struct execution execution;
    struct token *token;
    int64_t now_us;
    int ends;
};

static int64_t clock_of(void *context) { return ((struct place *)context)->now_us; }

static void on_done(void *context, struct token *token)
{
    struct place *place = context;
    assert_ptr_equal(token, place->token);
    place->ends++;
}

/* call -> then, a transform of its status. URL stands for the server's. */
static void open_place(struct place *place, const char *config, const char *node)
{
    static const struct slice queues[] = {SLICE("default")};
    static const struct http_settings loopback = {.allow = "127.0.0.1"};
    char source[1000], url[40], with_url[600];
    struct arena arena;
    struct findings findings;
    *place = (struct place){.now_us = 1000000};
    open_world(&place->world, &loopback);
    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%u", place->world.server.port);
    const char *at = strstr(config, "URL");
    (void)snprintf(with_url, sizeof(with_url), "%.*s%s%s", (int)(at - config), config, url, at + 3);
    (void)snprintf(source, sizeof(source),
                   "{'nodes':[{'id':'call','type':'http','config':{%s}%s},"
                   "{'id':'then','type':'transform','config':{'expression':'input.status'}}],"
                   "'edges':[{'from':'call','to':'then','condition':'output.status == 200'}]}",
                   with_url, node);
    for (char *quote = source; (quote = strchr(quote, '\''));)
        *quote = '"';
    arena_init(&arena, 0);
    findings_init(&findings, &arena);
    place->graph = graph_compile(slice_str(source), GRAPH_JSON, &findings);
    for (uint32_t i = 0; !place->graph && i < findings.count; i++)
        print_error("%s\n", findings.items[i].message);
    arena_free(&arena);
    assert_non_null(place->graph);
    buf_init(&place->scratch, 0);
    place->host.http = place->world.client;
    place->execution = (struct execution){.queues = {queues, 1},
                                          .consumer = SLICE("w"),
                                          .max_value_bytes = 1 << 20,
                                          .scratch = &place->scratch,
                                          .arena = &place->arena,
                                          .host = &place->host,
                                          .now_us = clock_of,
                                          .done = on_done,
                                          .context = place};
}

static void drop_token(struct place *place)
{
    if (place->token)
        execute_cancel(place->token);
    token_free(&place->pool, place->token);
    place->token = NULL;
}

static void close_place(struct place *place)
{
    drop_token(place);
    token_pool_free(&place->pool);
    graph_release(place->graph);
    buf_free(&place->scratch);
    arena_free(&place->arena);
    close_world(&place->world);
}

/* generation: how often it was taken over. 0: it has a job. */
static int begin(struct place *place, uint32_t generation, uint32_t deliveries)
{
    char live[64];
    char input[] = "{\"v\":1}";
    redisReply value = {.type = REDIS_REPLY_STRING, .str = input, .len = sizeof(input) - 1};
    redisReply *values[] = {&value};
    (void)snprintf(live, sizeof(live), "0||1|%u|%u|q", generation, deliveries);
    const struct claim claim = {.queue = 0,
                                .entry_id = SLICE("5-0"),
                                .run = SLICE(RUN_ID),
                                .number = SLICE("7"),
                                .live = slice_str(live),
                                .incarnation = SLICE("1"),
                                .digest = SLICE("d"),
                                .wanted = SLICE("in;"),
                                .values = values,
                                .value_count = 1,
                                .node = slice_of(live, 1),
                                .scope = slice_of(live + 2, 0),
                                .attempt = 1,
                                .generation = generation,
                                .deliveries = deliveries,
                                .state = 'q'};
    place->ends = 0;
    place->token = token_new(&place->pool, &claim);
    if (!place->token)
        return -1;
    graph_retain(place->graph);
    place->token->graph = place->graph;
    return execute_token(&place->execution, place->token);
}

static void wait_for_end(struct place *place)
{
    while (place->ends == 0)
        assert_int_equal(event_base_loop(place->world.base, EVLOOP_ONCE), 0);
    assert_int_equal(place->ends, 1);
    assert_non_null(place->token->job);
}

static bool record_has(const struct place *place, const char *text)
{
    const struct slice record = place->token->result.record;
    return memmem(record.ptr, record.len, text, strlen(text)) != NULL;
}

static void a_job_becomes_a_result_and_what_follows_is_executed(void **state)
{
    struct place place;
    (void)state;
    open_place(&place, "'url':'URL/status/200'", "");
    assert_int_equal(begin(&place, 0, 0), 0);
    assert_non_null(place.token->job);
    wait_for_end(&place);
    place.now_us += 500;
    assert_int_equal(execute_finish(&place.execution, place.token), 0);
    assert_null(place.token->job);
    assert_int_equal(place.token->step_count, 1); /* the call; the result is of `then` */
    assert_int_equal(place.token->result.kind, LEDGER_EXECUTION);
    assert_false(place.token->result.failed);
    assert_true(record_has(&place, "3:200"));
    close_place(&place);
}

static void a_failure_is_parked_for_its_next_attempt(void **state)
{
    struct place place;
    (void)state;
    open_place(&place, "'url':'URL/status/503'", ",'retry':{'max_attempts':2,'backoff_ms':100}");
    assert_int_equal(begin(&place, 0, 0), 0);
    wait_for_end(&place);
    assert_int_equal(execute_finish(&place.execution, place.token), 0);
    assert_int_equal(place.token->result.op_count, 1);
    assert_int_equal(place.token->result.ops[0].kind, ROUTE_PARK);
    assert_true(record_has(&place, "\"code\":\"http\""));
    close_place(&place);
}

static void what_cannot_fare_better_is_not_parked(void **state)
{
    struct place place;
    (void)state;
    open_place(&place, "'url':'URL/status/404'", ",'retry':{'max_attempts':2,'backoff_ms':100}");
    assert_int_equal(begin(&place, 0, 0), 0);
    wait_for_end(&place);
    assert_int_equal(execute_finish(&place.execution, place.token), 0);
    assert_true(place.token->result.failed);
    assert_int_equal(place.token->result.ops[0].kind, ROUTE_FAIL);
    close_place(&place);
}

static void a_job_that_is_ended_has_the_result_that_is_said(void **state)
{
    struct place place;
    (void)state;
    open_place(&place, "'url':'URL/never','method':'POST'", ",'timeout_ms':60000");
    assert_int_equal(begin(&place, 0, 0), 0);
    assert_true(execute_deadline_us(place.token) == 1000000 + 60000000);
    while (place.world.server.requests == 0)
        assert_int_equal(event_base_loop(place.world.base, EVLOOP_ONCE), 0);
    assert_int_equal(execute_time_out(&place.execution, place.token), 0);
    assert_int_equal(http_client_calls(place.world.client), 0);
    assert_true(record_has(&place, "\"code\":\"timeout\""));
    assert_true(record_has(&place, "\"outcome\":\"unknown\"")); /* it was sent */
    drop_token(&place);

    assert_int_equal(begin(&place, 0, 0), 0);
    assert_int_equal(execute_abandon(&place.execution, place.token, "the run is over"), 0);
    assert_true(record_has(&place, "\"code\":\"cancelled\",\"message\":\"the run is over\""));
    assert_false(record_has(&place, "outcome")); /* it was not */
    assert_int_equal(place.ends, 0);
    close_place(&place);
}

static void who_was_lost_with_it_counts_less_than_elsewhere(void **state)
{
    struct place place;
    (void)state;
    open_place(&place, "'url':'URL/status/200'", "");
    assert_int_equal(begin(&place, 20, EXECUTE_MAX_DELIVERIES_ASYNC - 1), 0);
    assert_non_null(place.token->job);
    drop_token(&place);
    assert_int_equal(begin(&place, 21, EXECUTE_MAX_DELIVERIES_ASYNC), 0);
    assert_null(place.token->job);
    assert_true(record_has(&place, "\"code\":\"worker_lost\""));
    close_place(&place);
}

/* A token that was taken over: its earlier holder may have made the call. */
static void a_failure_of_a_token_taken_over_is_of_unknown_outcome(void **state)
{
    struct place place;
    (void)state;
    open_place(&place, "'url':'URL/status/404','method':'POST'", "");
    assert_int_equal(begin(&place, 1, 0), 0);
    wait_for_end(&place);
    assert_int_equal(execute_finish(&place.execution, place.token), 0);
    assert_true(record_has(&place, "\"outcome\":\"unknown\""));
    close_place(&place);
}

/* Without memory it may fail or say so, but never leave a job that nobody ends. */
static void any_allocation_of_the_end_may_fail(void **state)
{
    struct place place;
    bool ended_well = false;
    (void)state;
    open_place(&place, "'url':'URL/status/200'", "");
    for (int turn = 0; !ended_well; turn++) {
        assert_int_equal(begin(&place, 0, 0), 0);
        wait_for_end(&place);
        buf_free(&place.scratch);
        buf_init(&place.scratch, 0);
        alloc_fail_at(turn);
        const int rc = execute_finish(&place.execution, place.token);
        arena_test_may_allocate = NULL;
        assert_null(place.token->job);
        assert_true(rc == 0 ? place.token->result.record.ptr != NULL : alloc_failed);
        ended_well = !alloc_failed;
        drop_token(&place);
        assert_true(turn < 1000);
    }
    close_place(&place);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_job_becomes_a_result_and_what_follows_is_executed),
        cmocka_unit_test(a_failure_is_parked_for_its_next_attempt),
        cmocka_unit_test(what_cannot_fare_better_is_not_parked),
        cmocka_unit_test(a_job_that_is_ended_has_the_result_that_is_said),
        cmocka_unit_test(who_was_lost_with_it_counts_less_than_elsewhere),
        cmocka_unit_test(a_failure_of_a_token_taken_over_is_of_unknown_outcome),
        cmocka_unit_test(any_allocation_of_the_end_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
