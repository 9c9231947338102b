/* libtroupe without a server: handlers, tasks, what they say, threads. */
#include "base/arena.h"
#include "base/json.h"
#include "libtroupe/pool.h"
#include "libtroupe/task.h"
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static const char TEXT[] =
    "{\"run_id\":\"r\\u00e4\",\"workflow\":\"w\",\"node_id\":\"n\",\"scope\":\"\",\"type\":"
    "\"tool\",\"name\":\"t\",\"attempt\":3,\"idempotency_key\":\"k\",\"timeout_ms\":500,"
    "\"input\":{\"a\": 1},\"config\":{}}";

static int nothing(struct troupe_task *task, void *context)
{
    (void)task;
    (void)context;
    return 0;
}

static struct troupe_task *task_of(const char *text)
{
    bool bad = false;
    struct troupe_task *task = task_new(slice_str(text), &bad);
    assert_non_null(task);
    assert_false(bad);
    return task;
}

/* What it comes to when the callback is `run`. */
static char *said(troupe_run_fn *run, char kind)
{
    const struct handler handler = {.kind = TROUPE_TOOL, .run = run};
    struct troupe_task *task = task_of(TEXT);
    task->handler = run ? &handler : NULL;
    task_execute(task);
    assert_int_equal(task->result_kind, kind);
    assert_true(json_valid(buf_slice(&task->body)));
    char *text = strdup(task->body.data);
    task_free(task);
    return text;
}

static void assert_said(troupe_run_fn *run, char kind, const char *expected)
{
    char *text = said(run, kind);
    assert_string_equal(text, expected);
    free(text);
}

/* --- handlers --- */

static void test_handlers(void **state)
{
    struct registry registry = {0};
    struct err err = ERR_INIT;
    struct troupe_handler handler = {
        .size = sizeof(handler), .kind = TROUPE_AGENT, .name = "a", .run = nothing};
    (void)state;
    assert_int_equal(registry_add(&registry, &handler, &err), 0);
    assert_int_equal(registry_add(&registry, &handler, &err), -1);
    assert_non_null(strstr(err.message, "the agent 'a' is there already"));
    handler.kind = TROUPE_TOOL;
    handler.queue = "gpu";
    assert_int_equal(registry_add(&registry, &handler, &err), 0);
    assert_string_equal(registry_find(&registry, TROUPE_AGENT, SLICE("a"))->queue, "agent:a");
    assert_string_equal(registry_find(&registry, TROUPE_TOOL, SLICE("a"))->queue, "gpu");
    assert_null(registry_find(&registry, TROUPE_FUNCTION, SLICE("a")));
    for (int i = 0; i < 5; i++) {
        struct troupe_handler wrong = {
            .size = sizeof(wrong), .kind = TROUPE_FUNCTION, .name = "f", .run = nothing};
        wrong.size -= i == 0;
        wrong.name = i == 1 ? "a b" : i == 2 ? "" : wrong.name;
        wrong.run = i == 3 ? NULL : wrong.run;
        wrong.queue = i == 4 ? "a,b" : NULL;
        err = ERR_INIT;
        assert_int_equal(registry_add(&registry, &wrong, &err), -1);
        assert_int_equal(err.code, ERR_USAGE);
    }
    assert_int_equal(registry_add(&registry, NULL, &err), -1);
    assert_int_equal(registry.count, 2);
    registry_free(&registry);
}

/* --- tasks --- */

static void test_accessors(void **state)
{
    struct troupe_task *task = task_of(TEXT);
    size_t len;
    (void)state;
    assert_string_equal(troupe_task_input(task, &len), "{\"a\": 1}");
    assert_int_equal(len, 8);
    assert_string_equal(troupe_task_config(task, NULL), "{}");
    assert_string_equal(troupe_task_run_id(task), "r\xc3\xa4");
    assert_string_equal(troupe_task_workflow(task), "w");
    assert_string_equal(troupe_task_node_id(task), "n");
    assert_string_equal(troupe_task_scope(task), "");
    assert_string_equal(troupe_task_name(task), "t");
    assert_string_equal(troupe_task_idempotency_key(task), "k");
    assert_int_equal(troupe_task_attempt(task), 3);
    assert_int_equal(troupe_task_timeout_ms(task), 500);
    task_free(task);
}

static void test_what_is_no_task(void **state)
{
    static const char *const texts[] = {"", "[]", "{", "{\"type\":\"map\"}", "{\"type\":1}"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        bool bad = false;
        assert_null(task_new(slice_str(texts[i]), &bad));
        assert_true(bad);
    }
}

static int fails(struct troupe_task *task, void *context)
{
    char code[100];
    (void)context;
    memset(code, 'c', sizeof(code) - 1);
    code[62] = '\xc3'; /* two bytes, of which one fits */
    code[63] = '\xa4';
    code[sizeof(code) - 1] = '\0';
    assert_int_equal(troupe_task_usage(task, "tokens", 2), 0);
    assert_int_equal(troupe_task_usage(task, "tokens", 1.5), 0);
    assert_int_equal(troupe_task_usage(task, "t", 1e16), -1);
    assert_int_equal(troupe_task_usage(task, "bad \xff", 1), -1);
    assert_int_equal(troupe_task_output(task, "1", 1), 0);
    assert_int_equal(troupe_task_fail(task, code, "said \"so\"\n", 0), -1);
    return 0;
}

static int gives_no_json(struct troupe_task *task, void *context)
{
    (void)context;
    return troupe_task_output(task, "1 2", 3);
}

static int gives_twice(struct troupe_task *task, void *context)
{
    (void)context;
    assert_int_equal(troupe_task_output(task, "[1]", 3), 0);
    return troupe_task_output(task, "[2]", 3);
}

static int gives_much(struct troupe_task *task, void *context)
{
    (void)context;
    return troupe_task_output(task, "", TASK_BODY_BYTES + 1);
}

static int returns(struct troupe_task *task, void *context)
{
    (void)task;
    (void)context;
    return 7;
}

static void test_results(void **state)
{
    (void)state;
    assert_said(nothing, 'c', "{\"output\":null}");
    assert_said(gives_twice, 'c', "{\"output\":[2]}");
    assert_said(fails, 'f',
                "{\"code\":\"cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc\","
                "\"message\":\"said \\\"so\\\"\\n\",\"retry\":false,\"usage\":{\"tokens\":3.5}}");
    assert_said(returns, 'f',
                "{\"code\":\"exception\",\"message\":\"its callback returned 7\",\"retry\":true}");
    assert_said(gives_no_json, 'f',
                "{\"code\":\"bad_output\",\"message\":\"what it gave as its output is no "
                "JSON\",\"retry\":false}");
    char *text = said(gives_much, 'f');
    assert_non_null(strstr(text, "too_large"));
    free(text);
    text = said(NULL, 'f');
    assert_non_null(strstr(text, "not_served"));
    free(text);
}

static void test_cancelling(void **state)
{
    struct troupe_task *task = task_of(TEXT);
    (void)state;
    assert_int_equal(troupe_task_wait(task, 1), 0);
    assert_int_equal(troupe_task_cancelled(task), 0);
    task_cancel(task);
    assert_int_equal(troupe_task_wait(task, 1000000), 1);
    assert_int_equal(troupe_task_cancelled(task), 1);
    task_free(task);
}

/* --- what they say --- */

static void test_notes(void **state)
{
    struct troupe_task *task = task_of(TEXT);
    struct slice body;
    (void)state;
    assert_false(task_words(task, &body));
    assert_int_equal(troupe_task_progress(task, 0.0 / 0.0, NULL), -1);
    assert_int_equal(troupe_task_progress(task, 0.25, "one"), 0);
    assert_int_equal(troupe_task_progress(task, 7, "two"), 0);
    assert_int_equal(troupe_task_log(task, "a \"line\""), 0);
    assert_true(task_words(task, &body));
    assert_int_equal(troupe_task_log(task, "later"), 0);
    assert_true(task_words(task, &body)); /* the same */
    assert_string_equal(body.ptr,
                        "{\"progress\":1.0,\"message\":\"two\",\"log\":[\"a \\\"line\\\"\"]}");
    task_said(task);
    assert_true(task_words(task, &body));
    assert_string_equal(body.ptr, "{\"log\":[\"later\"]}");
    task_said(task);
    assert_false(task_words(task, &body));
    task_free(task);
}

/* Bodies stay within what a beat may bring, and nothing but what is too much is left out. */
static void test_many_notes(void **state)
{
    struct troupe_task *task = task_of(TEXT);
    struct slice body;
    char line[4000], message[4000];
    size_t lines = 0;
    (void)state;
    memset(line, '\x01', sizeof(line) - 1); /* six bytes each as JSON */
    memset(message, '"', sizeof(message) - 1);
    line[sizeof(line) - 1] = message[sizeof(message) - 1] = '\0';
    assert_int_equal(troupe_task_progress(task, 0.5, message), 0);
    for (int i = 0; i < NOTES_LINES + 10; i++)
        assert_int_equal(troupe_task_log(task, line), 0);
    while (task_words(task, &body)) {
        assert_true(body.len <= NOTES_BODY_BYTES);
        assert_true(json_valid(body));
        struct arena arena;
        struct json_doc doc;
        struct json_error error;
        arena_init(&arena, 0);
        assert_int_equal(json_read(&arena, body, NULL, &doc, &error), 0);
        const struct json_ref log = json_member(json_root(&doc), SLICE("log"));
        assert_true(json_present(log) && json_count(log) > 0);
        lines += json_count(log);
        arena_free(&arena);
        task_said(task);
    }
    assert_int_equal(lines, NOTES_LINES + 1); /* and how many were left out */
    task_free(task);
}

/* --- threads --- */

static void ring(void *context)
{
    const int *pipe_end = context;
    assert_int_equal(write(*pipe_end, "!", 1), 1);
}

static void test_pool(void **state)
{
    int ends[2];
    const struct handler handler = {.kind = TROUPE_TOOL, .run = nothing};
    (void)state;
    assert_int_equal(pipe(ends), 0);
    struct pool *pool = pool_new(3, ring, &ends[1]);
    assert_non_null(pool);
    for (int i = 0; i < 200; i++) {
        struct troupe_task *task = task_of(TEXT);
        task->handler = &handler;
        assert_int_equal(pool_submit(pool, task), 0);
    }
    for (int done = 0; done < 200;) {
        char c;
        assert_int_equal(read(ends[0], &c, 1), 1);
        struct troupe_task *task = pool_take(pool);
        while (task) {
            struct troupe_task *next = task->next;
            assert_int_equal(task->result_kind, 'c');
            task_free(task);
            task = next;
            done++;
        }
    }
    uint32_t waiting, running;
    pool_counts(pool, &waiting, &running);
    assert_int_equal(waiting + running, 0);
    assert_true(pool_close(pool));
    close(ends[0]);
    close(ends[1]);
}

static int waits(struct troupe_task *task, void *context)
{
    (void)context;
    return troupe_task_wait(task, 60000) ? 0 : -1;
}

/* One thread, which is busy: what waits can be taken back, what runs cannot. */
static void test_withdrawing(void **state)
{
    int ends[2];
    const struct handler handler = {.kind = TROUPE_TOOL, .run = waits};
    struct troupe_task *tasks[4];
    uint32_t waiting = 4, running = 0;
    (void)state;
    assert_int_equal(pipe(ends), 0);
    struct pool *pool = pool_new(1, ring, &ends[1]);
    assert_non_null(pool);
    for (int i = 0; i < 4; i++) {
        tasks[i] = task_of(TEXT);
        tasks[i]->handler = &handler;
        assert_int_equal(pool_submit(pool, tasks[i]), 0);
    }
    while (running == 0)
        pool_counts(pool, &waiting, &running);
    assert_int_equal(waiting, 3);
    assert_false(pool_withdraw(pool, tasks[0]));
    assert_true(pool_withdraw(pool, tasks[3]));
    assert_true(pool_withdraw(pool, tasks[1]));
    task_free(tasks[3]);
    task_free(tasks[1]);
    task_cancel(tasks[0]);
    task_cancel(tasks[2]);
    for (int done = 0; done < 2;) {
        char c;
        assert_int_equal(read(ends[0], &c, 1), 1);
        for (struct troupe_task *task = pool_take(pool), *next; task; task = next, done++) {
            next = task->next;
            assert_ptr_equal(task, tasks[2 * done]);
            task_free(task);
        }
    }
    assert_true(pool_close(pool));
    close(ends[0]);
    close(ends[1]);
}

static void count_up(void *context)
{
    atomic_uint *rings = context;
    atomic_fetch_add(rings, 1);
}

static struct troupe_task *submitted(struct pool *pool, const struct handler *handler)
{
    struct troupe_task *task = task_of(TEXT);
    task->handler = handler;
    assert_int_equal(pool_submit(pool, task), 0);
    return task;
}

/* Two pools with one thread: each gets its own back, and one's end leaves the other's alone. */
static void test_shared_threads(void **state)
{
    const struct handler handler = {.kind = TROUPE_TOOL, .run = waits};
    atomic_uint rings[2] = {0, 0};
    uint32_t waiting, running = 0;
    (void)state;
    struct pool *first = pool_new(1, count_up, &rings[0]);
    struct pool *second = pool_share(first, count_up, &rings[1]);
    assert_non_null(second);
    struct troupe_task *runs = submitted(second, &handler);
    while (running == 0)
        pool_counts(first, &waiting, &running);
    struct troupe_task *mine = submitted(first, &handler);
    struct troupe_task *lost = submitted(second, &handler);
    (void)lost; /* freed with its pool */
    pool_counts(second, &waiting, &running);
    assert_int_equal(waiting, 2);
    assert_int_equal(running, 1);
    assert_false(pool_close(second));
    pool_counts(first, &waiting, &running);
    assert_int_equal(waiting, 1);
    task_cancel(mine);
    task_cancel(runs);
    while (atomic_load(&rings[0]) == 0)
        sched_yield();
    assert_ptr_equal(pool_take(first), mine);
    assert_int_equal(atomic_load(&rings[1]), 0); /* not after it was closed */
    task_free(mine);
    assert_true(pool_close(second));
    assert_true(pool_close(first));
}

/* --- memory --- */

static long allocations_left;

static bool may_allocate(void) { return allocations_left-- > 0; }

static void test_without_memory(void **state)
{
    (void)state;
    for (long fail_at = 0;; fail_at++) {
        bool bad = false;
        allocations_left = fail_at;
        arena_test_may_allocate = may_allocate;
        struct troupe_task *task = task_new(slice_str(TEXT), &bad);
        if (task) {
            (void)troupe_task_log(task, "line");
            (void)troupe_task_progress(task, 0.5, "message");
            (void)troupe_task_usage(task, "tokens", 1);
            (void)troupe_task_output(task, "[1]", 3);
        }
        arena_test_may_allocate = NULL;
        assert_false(bad);
        task_free(task);
        if (allocations_left > 0)
            return;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_handlers),        cmocka_unit_test(test_accessors),
        cmocka_unit_test(test_what_is_no_task), cmocka_unit_test(test_results),
        cmocka_unit_test(test_cancelling),      cmocka_unit_test(test_notes),
        cmocka_unit_test(test_many_notes),      cmocka_unit_test(test_pool),
        cmocka_unit_test(test_withdrawing),     cmocka_unit_test(test_shared_threads),
        cmocka_unit_test(test_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
