/* http nodes as executors: what they leave, when, and what it takes to end them. */
#include "exec/exec.h"
#include "http_world.h"

#include "alloc_in_turn.h"
#include "exec_case.h"

/* config: JSON with URL where the server's stands, quotes as '. */
static void open_execution(struct execution *e, const struct world *world, const char *config,
                           const char *node)
{
    char with_url[600], url[40];
    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%u", world->server.port);
    const char *at = strstr(config, "URL");
    (void)snprintf(with_url, sizeof(with_url), "%.*s%s%s", (int)(at - config), config, url, at + 3);
    execution_open(e, (struct exec_host){.http = world->client}, "http", with_url, node);
}

static const struct http_settings loopback = {.allow = "127.0.0.1", .max_body_bytes = MAX_VALUE};

static void a_call_is_done_later(void **state)
{
    struct world world;
    struct execution e;
    (void)state;
    open_world(&world, &loopback);
    open_execution(&e, &world, "'url':'URL/status/201','body':{'a':'$input.v'}", "");
    assert_true(start(&e));
    assert_int_equal(e.ends, 0);
    wait_for_end(&e, world.base);
    assert_string_equal(e.task.failure.code, "");
    assert_true(e.task.passed.len > 14 && memcmp(e.task.passed.ptr, "{\"status\":201,", 14) == 0);
    assert_non_null(strstr(world.server.last.data, "POST /status/201"));
    assert_non_null(strstr(world.server.last.data, "Idempotency-Key: "));
    assert_non_null(strstr(world.server.last.data, "\r\n\r\n{\"a\":1}"));
    close_execution(&e);
    close_world(&world);
}

static void a_cancelled_call_is_not_done(void **state)
{
    struct world world;
    struct execution e;
    (void)state;
    open_world(&world, &loopback);
    open_execution(&e, &world, "'url':'URL/never','method':'POST'", "");
    assert_true(start(&e));
    while (world.server.requests == 0)
        assert_int_equal(event_base_loop(world.base, EVLOOP_ONCE), 0);
    e.task.cancel(&e.task);
    assert_null(e.task.job);
    assert_true(e.task.verdict.unknown); /* it was sent */
    assert_int_equal(http_client_calls(world.client), 0);
    (void)event_base_loop(world.base, EVLOOP_NONBLOCK);
    assert_int_equal(e.ends, 0);
    close_execution(&e);
    close_world(&world);
}

struct verdict_case {
    const char *config;
    const char *code, *message;
    bool final, unknown;
};

static const struct verdict_case verdicts[] = {
    {"'url':'URL/status/404'", "http", "answered 404", true, false},
    {"'url':'URL/status/503'", "http", "answered 503", false, false},
    {"'url':'URL/status/503','retry_on':[500]", "http", "answered 503", true, false},
    {"'url':'URL/status/404','retry_on':['4xx']", "http", "answered 404", false, false},
    {"'url':'URL/reset'", "http", "127.0.0.1", false, false},
    {"'url':'URL/reset','method':'PUT'", "http", "127.0.0.1", false, false},
    {"'url':'URL/reset','method':'POST'", "http", "outcome unknown", false, true},
    {"'url':'URL/nonsense'", "http", "127.0.0.1", true, false},
    {"'url':'URL/never','first_byte_ms':50", "timeout", "50 ms", false, false},
    {"'url':'URL/large/2000000'", "too_large", "", true, false},
    {"'url':'URL/large/10','response':'json'", "http", "no JSON", true, false},
    {"'url':'URL/status/200','pages':{}", "type", "must be a list", true, false},
    {"'url':'URL/status/200','pages':{'items':'output.nope'}", "expression", "nope", true, false},
};

static void failures_say_whether_to_try_again(void **state)
{
    struct world world;
    (void)state;
    open_world(&world, &loopback);
    for (size_t i = 0; i < ARRAY_LEN(verdicts); i++) {
        const struct verdict_case *c = &verdicts[i];
        struct execution e;
        open_execution(&e, &world, c->config, "");
        assert_true(start(&e));
        wait_for_end(&e, world.base);
        const struct exec_task *task = &e.task;
        if (strcmp(task->failure.code, c->code) != 0 ||
            !strstr(task->failure.message, c->message) || task->verdict.final != c->final ||
            task->verdict.unknown != c->unknown)
            fail_msg("%s: %s: %s, final %d, unknown %d", c->config, task->failure.code,
                     task->failure.message, task->verdict.final, task->verdict.unknown);
        close_execution(&e);
    }
    close_world(&world);
}

static const struct verdict_case refusals[] = {
    {"'url':'$input.none','query':{'at':'URL'}", "binding", "none", false, false},
    {"'url':'${null}','query':{'at':'URL'}", "type", "url is null", true, false},
    {"'url':'URL/','headers':{'a b':'c'}", "type", "must be a token", true, false},
    {"'url':'URL/','max_redirects':'${-1}'", "type", "max_redirects", true, false},
    {"'url':'URL/','expect':'${true}'", "type", "expect", true, false},
    {"'url':'URL/','signature':{'secret':'${\\'\\'}'}", "type", "signature.secret", true, false},
    {"'url':'URL/','method':'POST','pages':{}", "type", "by GET", true, false},
    {"'url':'URL/','method':'G T'", "type", "", true, false},
    {"'url':'URL/','body':'x','body_type':'form'", "type", "", true, false},
};

static void what_cannot_be_called_fails_at_once(void **state)
{
    struct world world;
    (void)state;
    open_world(&world, &loopback);
    for (size_t i = 0; i < ARRAY_LEN(refusals); i++) {
        const struct verdict_case *c = &refusals[i];
        struct execution e;
        open_execution(&e, &world, c->config, "");
        assert_false(start(&e));
        if (strcmp(e.task.failure.code, c->code) != 0 ||
            !strstr(e.task.failure.message, c->message) || e.task.verdict.final != c->final)
            fail_msg("%s: %s: %s, final %d", c->config, e.task.failure.code, e.task.failure.message,
                     e.task.verdict.final);
        close_execution(&e);
    }
    assert_int_equal(world.server.requests, 0);
    close_world(&world);
}

static void without_a_client_it_is_internal(void **state)
{
    struct world world;
    struct execution e;
    (void)state;
    open_world(&world, &loopback);
    open_execution(&e, &world, "'url':'URL/'", "");
    e.host.http = NULL;
    assert_false(start(&e));
    assert_string_equal(e.task.failure.code, "internal");
    close_execution(&e);
    close_world(&world);
}

static bool starts_and_ends(struct execution *e)
{
    const bool started = start(e);
    end(e);
    return started;
}

static void every_allocation_may_fail(void **state)
{
    struct world world;
    struct execution e;
    (void)state;
    open_world(&world, &loopback);
    open_execution(&e, &world,
                   "'url':'URL/','query':{'a':[1,2]},'headers':{'x':'y'},'body':{'f':'$input'},"
                   "'signature':{'secret':'s'},'expect':['2xx']",
                   "");
    assert_true(ALLOC_IN_TURN(starts_and_ends(&e)) > 5);
    graph_release(e.graph);
    close_world(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_call_is_done_later),
        cmocka_unit_test(a_cancelled_call_is_not_done),
        cmocka_unit_test(failures_say_whether_to_try_again),
        cmocka_unit_test(what_cannot_be_called_fails_at_once),
        cmocka_unit_test(without_a_client_it_is_internal),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
