/* The HTTP client against a server that also misbehaves. */
#include "http_world.h"

static void test_request(void **state)
{
    struct world *world = *state;
    const struct http_pair query[] = {{SLICE("q"), SLICE("a b&c=d/\xc3\xa9")},
                                      {SLICE("x=y"), SLICE("")}};
    const struct http_pair headers[] = {{SLICE("X-One"), SLICE("1")},
                                        {SLICE("X-Empty"), SLICE("")},
                                        {SLICE("Accept"), SLICE("application/json")}};
    struct http_request request = {.method = SLICE("PUT"),
                                   .query = query,
                                   .query_count = 2,
                                   .headers = headers,
                                   .header_count = 3,
                                   .body = SLICE("{\"a\":1}"),
                                   .content_type = SLICE("application/json")};
    struct seen seen;
    call(world, &request, "/echo?own=1#part", &seen);
    assert_int_equal(seen.result.code, HTTP_OK);
    assert_int_equal(seen.result.outcome, HTTP_ANSWERED);
    assert_int_equal(seen.result.status, 200);
    assert_int_equal(seen.result.version, 11);
    assert_string_equal(seen.result.message, "");
    assert_contains(seen.url, "/echo?own=1&q=a%20b%26c%3dd%2f%c3%a9&x%3dy=");
    const char *text = body(&seen);
    assert_contains(text, "PUT /echo?own=1&q=a%20b%26c%3dd%2f%c3%a9&x%3dy= HTTP/1.1\r\n");
    assert_contains(text, "\r\nX-One: 1\r\n");
    assert_contains(text, "\r\nX-Empty:\r\n");
    assert_contains(text, "\r\nAccept: application/json\r\n");
    assert_contains(text, "\r\nContent-Type: application/json\r\n");
    assert_contains(text, "\r\nContent-Length: 7\r\n");
    assert_contains(text, "\r\nUser-Agent: troupe\r\n");
    assert_contains(text, "\r\nAccept-Encoding: ");
    assert_contains(text, "\r\n\r\n{\"a\":1}");
    assert_lacks(text, "Expect");
    assert_string_equal(http_code_name(seen.result.code), "");
    assert_true(seen.result.timings.total_us > 0);
    assert_true(seen.result.timings.first_byte_us > 0);
    assert_int_equal(seen.result.connections, 1);
    assert_contains(seen.result.remote, "127.0.0.1:");
    seen_free(&seen);
}

static void test_methods(void **state)
{
    struct world *world = *state;
    static const struct {
        const char *method, *body, *line, *length;
    } rows[] = {
        {"GET", NULL, "GET /echo HTTP/1.1\r\n", NULL},
        {"GET", "x", "GET /echo HTTP/1.1\r\n", "Content-Length: 1\r\n"},
        {"POST", NULL, "POST /echo HTTP/1.1\r\n", "Content-Length: 0\r\n"},
        {"POST", "", "POST /echo HTTP/1.1\r\n", "Content-Length: 0\r\n"},
        {"PATCH", "abc", "PATCH /echo HTTP/1.1\r\n", "Content-Length: 3\r\n"},
        {"DELETE", NULL, "DELETE /echo HTTP/1.1\r\n", NULL},
        {"DELETE", "abc", "DELETE /echo HTTP/1.1\r\n", "Content-Length: 3\r\n"},
        {"OPTIONS", NULL, "OPTIONS /echo HTTP/1.1\r\n", NULL},
        {"PURGE", NULL, "PURGE /echo HTTP/1.1\r\n", NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct http_request request = {.method = slice_str(rows[i].method),
                                       .body = slice_str(rows[i].body)};
        struct seen seen;
        call(world, &request, "/echo", &seen);
        assert_int_equal(seen.result.code, HTTP_OK);
        assert_int_equal(strncmp(body(&seen), rows[i].line, strlen(rows[i].line)), 0);
        if (rows[i].length)
            assert_contains(body(&seen), rows[i].length);
        else
            assert_lacks(body(&seen), "Content-Length");
        assert_lacks(body(&seen), "Content-Type");
        seen_free(&seen);
    }
    struct http_request head = {.method = SLICE("HEAD")};
    struct seen seen;
    call(world, &head, "/echo", &seen);
    assert_int_equal(seen.result.code, HTTP_OK);
    assert_int_equal(seen.result.status, 200);
    assert_int_equal(seen.result.body.len, 0);
    assert_contains(world->server.last.data, "HEAD /echo");
    seen_free(&seen);
}

static void test_refused_requests(void **state)
{
    struct world *world = *state;
    static const struct {
        const char *method, *url;
        struct http_pair header;
        const char *message;
    } rows[] = {
        {"GET", "http://h/", {{"X\r\nY", 4}, {"1", 1}}, "a header's name must be a token"},
        {"GET", "http://h/", {{"", 0}, {"1", 1}}, "a header's name must be a token"},
        {"GET", "http://h/", {{"X:", 2}, {"1", 1}}, "a header's name must be a token"},
        {"GET", "http://h/", {{"X", 1}, {"a\r\nY: 1", 7}}, "the header X has a control character"},
        {"GET", "http://h/", {{"X", 1}, {"a\nb", 3}}, "the header X has a control character"},
        {"GET", "http://h/", {{"X", 1}, {"a\0b", 3}}, "the header X has a control character"},
        {"GET", "http://h/", {{"Host", 4}, {"x", 1}}, "the header Host is not for a request"},
        {"GET", "http://h/", {{"content-LENGTH", 14}, {"1", 1}}, "is not for a request"},
        {"GET", "http://h/", {{"Transfer-Encoding", 17}, {"x", 1}}, "is not for a request"},
        {"G T", "http://h/", {{"X", 1}, {"1", 1}}, "the method must be a word"},
        {"GET\r\nX: 1", "http://h/", {{"X", 1}, {"1", 1}}, "the method must be a word"},
        {"CONNECT", "http://h/", {{"X", 1}, {"1", 1}}, "the method CONNECT is not for calls"},
        {"trace", "http://h/", {{"X", 1}, {"1", 1}}, "the method trace is not for calls"},
        {"GET", "", {{"X", 1}, {"1", 1}}, "the URL is missing"},
        {"GET", "example.org/x", {{"X", 1}, {"1", 1}}, "the URL: "},
        {"GET", "/x", {{"X", 1}, {"1", 1}}, "the URL: "},
        {"GET", "http://a b/", {{"X", 1}, {"1", 1}}, "a space or a control character at byte 8"},
        {"GET", "http://h/\r\nX", {{"X", 1}, {"1", 1}}, "a space or a control character at byte 9"},
        {"GET", "file:///etc/passwd", {{"X", 1}, {"1", 1}}, "file is neither http nor https"},
        {"GET", "ftp://h/", {{"X", 1}, {"1", 1}}, "ftp is neither http nor https"},
        {"GET", "gopher://h/", {{"X", 1}, {"1", 1}}, "gopher is neither http nor https"},
        {"GET", "http://u:p@h/", {{"X", 1}, {"1", 1}}, "with a user or password"},
        {"GET", "http://u@h/", {{"X", 1}, {"1", 1}}, "with a user or password"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct err err = ERR_INIT;
        struct seen seen = {0};
        const struct http_request request = {.method = slice_str(rows[i].method),
                                             .url = slice_str(rows[i].url),
                                             .headers = &rows[i].header,
                                             .header_count = 1};
        assert_null(http_client_call(world->client, &request, keep, &seen, &err));
        assert_int_equal(err.code, ERR_USAGE);
        assert_contains(err.message, rows[i].message);
    }
    assert_int_equal(http_client_calls(world->client), 0);
}

static void test_answers(void **state)
{
    struct world *world = *state;
    struct seen seen;
    get(world, "/chunked", &seen);
    assert_int_equal(seen.result.code, HTTP_OK);
    assert_string_equal(body(&seen), "abcdefgh");
    assert_lacks(seen.headers.data, "late"); /* trailers are no headers */
    seen_free(&seen);

    get(world, "/odd", &seen);
    assert_string_equal(seen.headers.data,
                        "{\"set-cookie\":\"a=1; Expires=Wed, 01 Jan\\nb=2\",\"via\":\"one, two\","
                        "\"x-latin\":\"caf\xc3\xa9\",\"x-folded\":\"one two\",\"x-empty\":\"\","
                        "\"content-length\":\"0\"}");
    seen_free(&seen);

    get(world, "/interim", &seen);
    assert_int_equal(seen.result.status, 200);
    assert_string_equal(body(&seen), "ok");
    assert_string_equal(seen.headers.data, "{\"x-late\":\"1\",\"content-length\":\"2\"}");
    seen_free(&seen);

    get(world, "/status/404", &seen);
    assert_int_equal(seen.result.code, HTTP_OK);
    assert_int_equal(seen.result.status, 404);
    seen_free(&seen);

    get(world, "/status/204", &seen);
    assert_int_equal(seen.result.status, 204);
    seen_free(&seen);

    get(world, "/large/5000000", &seen);
    assert_int_equal(seen.result.code, HTTP_OK);
    assert_int_equal(seen.result.body.len, 5000000);
    seen_free(&seen);
}

static void test_large_request(void **state)
{
    struct world *world = *state;
    size_t size = 5U << 20;
    char *bytes = malloc(size);
    memset(bytes, 'q', size);
    struct http_request request = {.method = SLICE("POST"), .body = slice_of(bytes, size)};
    struct seen seen;
    call(world, &request, "/echo", &seen);
    assert_int_equal(seen.result.code, HTTP_OK);
    assert_true(seen.result.body.len > size);
    assert_memory_equal(seen.result.body.data + seen.result.body.len - size, bytes, size);
    seen_free(&seen);
    free(bytes);
}

static void test_caps(void **state)
{
    struct world *world = *state;
    struct seen seen;
    server_make_bomb(&world->server.bomb);
    get(world, "/bomb", &seen); /* 64 MiB in 64 KiB: ends at 16 MiB */
    assert_ended(&seen, HTTP_TOO_LARGE, HTTP_ANSWERED, HTTP_PHASE_READING,
                 "127.0.0.1: the answer's body has more than 16777216 bytes");
    assert_false(seen.result.retriable);
    assert_null(seen.result.body.data);
    seen_free(&seen);

    struct http_request request = {.max_body_bytes = 1000};
    call(world, &request, "/large/1000", &seen);
    assert_int_equal(seen.result.code, HTTP_OK);
    seen_free(&seen);
    call(world, &request, "/large/1001", &seen); /* known from content-length */
    assert_ended(&seen, HTTP_TOO_LARGE, HTTP_ANSWERED, HTTP_PHASE_READING, "more than 1000 bytes");
    seen_free(&seen);
    struct http_request seven = {.max_body_bytes = 7};
    call(world, &seven, "/chunked", &seen); /* not known beforehand */
    assert_ended(&seen, HTTP_TOO_LARGE, HTTP_ANSWERED, HTTP_PHASE_READING, "more than 7 bytes");
    seen_free(&seen);

    get(world, "/headers/200", &seen);
    assert_int_equal(seen.result.code, HTTP_OK);
    seen_free(&seen);
    get(world, "/headers/300", &seen);
    assert_ended(&seen, HTTP_TOO_LARGE, HTTP_ANSWERED, HTTP_PHASE_READING, "too many headers");
    seen_free(&seen);
    get(world, "/headers/3000", &seen);
    assert_int_equal(seen.result.code, HTTP_TOO_LARGE);
    seen_free(&seen);
}

static void test_header_bytes(void **state UNUSED)
{
    struct world world;
    open_world(&world, &(struct http_settings){.allow = "127.0.0.1", .max_header_bytes = 4096});
    struct seen seen;
    get(&world, "/headers/30", &seen);
    assert_int_equal(seen.result.code, HTTP_OK);
    seen_free(&seen);
    get(&world, "/headers/60", &seen);
    assert_ended(&seen, HTTP_TOO_LARGE, HTTP_ANSWERED, HTTP_PHASE_READING,
                 "headers have more than 4096 bytes");
    seen_free(&seen);
    close_world(&world);
}

/* libcurl has a cap of its own for one line, whatever ours is. */
static void test_long_line(void **state UNUSED)
{
    struct world world;
    open_world(&world, &(struct http_settings){.allow = "127.0.0.1", .max_header_bytes = 1U << 20});
    struct seen seen;
    get(&world, "/long", &seen);
    assert_int_equal(seen.result.code, HTTP_TOO_LARGE);
    assert_int_equal(seen.result.outcome, HTTP_ANSWERED);
    seen_free(&seen);
    close_world(&world);
}

static void test_timeouts(void **state)
{
    struct world *world = *state;
    struct seen seen;
    struct http_request request = {.first_byte_ms = 60};
    call(world, &request, "/never", &seen);
    assert_ended(&seen, HTTP_TIMEOUT, HTTP_UNKNOWN, HTTP_PHASE_WAITING,
                 "127.0.0.1: timeout of 60 ms for the first byte (waiting for the answer)");
    assert_true(seen.result.retriable);
    seen_free(&seen);

    request = (struct http_request){.total_ms = 400, .first_byte_ms = 5000};
    call(world, &request, "/stall", &seen);
    assert_ended(&seen, HTTP_TIMEOUT, HTTP_ANSWERED, HTTP_PHASE_READING,
                 "timeout of 400 ms (reading the answer)");
    assert_int_equal(seen.result.status, 200);
    assert_true(seen.result.timings.total_us >= 400000);
    seen_free(&seen);

    /* The first byte in time, and then no more of that limit. */
    request = (struct http_request){.total_ms = 1200, .first_byte_ms = 700};
    call(world, &request, "/stall", &seen);
    assert_ended(&seen, HTTP_TIMEOUT, HTTP_ANSWERED, HTTP_PHASE_READING, "timeout of 1200 ms (");
    seen_free(&seen);
}

/* A listener whose queue is full takes no connection. */
static void test_connect_timeout(void **state)
{
    struct world *world = *state;
    int full = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(in);
    assert_int_equal(bind(full, (struct sockaddr *)&in, len), 0);
    assert_int_equal(listen(full, 0), 0);
    assert_int_equal(getsockname(full, (struct sockaddr *)&in, &len), 0);
    int fill[4];
    for (size_t i = 0; i < ARRAY_LEN(fill); i++) {
        fill[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        (void)connect(fill[i], (struct sockaddr *)&in, len);
    }
    char url[64];
    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%u/", ntohs(in.sin_port));
    struct http_request request = {.method = SLICE("POST"), .connect_ms = 70};
    struct seen seen;
    call(world, &request, url, &seen);
    assert_ended(&seen, HTTP_TIMEOUT, HTTP_NOT_SENT, HTTP_PHASE_CONNECT,
                 "timeout of 70 ms for the connection (connecting)");
    seen_free(&seen);
    for (size_t i = 0; i < ARRAY_LEN(fill); i++)
        close(fill[i]);
    close(full);
    /* Nobody there at all. */
    call(world, &request, url, &seen);
    assert_ended(&seen, HTTP_FAILED, HTTP_NOT_SENT, HTTP_PHASE_CONNECT, "onnect");
    assert_true(seen.result.retriable);
    seen_free(&seen);
}

static void test_broken_connections(void **state)
{
    struct world *world = *state;
    struct http_request request = {.method = SLICE("POST"), .body = SLICE("x")};
    struct seen seen;
    call(world, &request, "/reset", &seen);
    assert_ended(&seen, HTTP_FAILED, HTTP_UNKNOWN, HTTP_PHASE_WAITING, "127.0.0.1: ");
    assert_true(seen.result.retriable);
    seen_free(&seen);
    call(world, &request, "/cut", &seen);
    assert_ended(&seen, HTTP_FAILED, HTTP_ANSWERED, HTTP_PHASE_READING, "127.0.0.1: ");
    assert_true(seen.result.retriable);
    seen_free(&seen);
    call(world, &request, "/nonsense", &seen);
    assert_int_equal(seen.result.code, HTTP_FAILED);
    assert_int_equal(seen.result.outcome, HTTP_UNKNOWN);
    assert_false(seen.result.retriable);
    seen_free(&seen);
}

/* libcurl sends again by itself when a kept connection dies without an answer: only if it may. */
static void test_resend(void **state)
{
    struct world *world = *state;
    struct http_request request = {.method = SLICE("POST"), .body = SLICE("x")};
    struct seen seen;
    call(world, &request, "/second", &seen);
    assert_int_equal(seen.result.code, HTTP_OK);
    seen_free(&seen);
    uint32_t before = world->server.requests;
    call(world, &request, "/second", &seen);
    assert_ended(&seen, HTTP_FAILED, HTTP_UNKNOWN, HTTP_PHASE_WAITING, "kept connection");
    assert_true(seen.result.retriable);
    assert_int_equal(world->server.requests, before + 1);
    seen_free(&seen);

    call(world, &request, "/second", &seen);
    assert_int_equal(seen.result.code, HTTP_OK);
    seen_free(&seen);
    before = world->server.requests;
    request.may_resend = true;
    call(world, &request, "/second", &seen);
    assert_int_equal(seen.result.code, HTTP_OK);
    assert_int_equal(world->server.requests, before + 2);
    seen_free(&seen);
}

/* --- many --- */

static void test_thousand(void **state UNUSED)
{
    struct world world;
    struct crowd crowd;
    open_world(&world, &(struct http_settings){.allow = "127.0.0.1", .max_calls = 200});
    crowd_of(&world, "127.0.0.1", "/delay", 1000, &crowd);
    assert_int_equal(crowd.failed, 0);
    assert_int_equal(world.server.requests, 1000);
    print_message("1000 calls, 200 at a time: %u connections\n", world.server.connections);
    assert_true(world.server.connections <= 220);
    assert_int_equal(crowd.opened, world.server.connections);
    close_world(&world);

    open_world(&world, &(struct http_settings){.allow = "127.0.0.1", .max_calls = 1000});
    crowd_of(&world, "127.0.0.1", "/delay", 1000, &crowd);
    assert_int_equal(crowd.failed, 0);
    assert_int_equal(world.server.requests, 1000);
    close_world(&world);
}

static void test_queue(void **state UNUSED)
{
    struct world world;
    struct err err = ERR_INIT;
    open_world(&world,
               &(struct http_settings){.allow = "127.0.0.1", .max_calls = 1, .max_queue = 2});
    char url[64];
    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%u/never", world.server.port);
    struct http_request request = {.url = slice_str(url), .total_ms = 1500};
    struct seen first = {0}, second = {0}, third = {0};
    assert_non_null(http_client_call(world.client, &request, keep, &first, &err));
    request.total_ms = 100;
    assert_non_null(http_client_call(world.client, &request, keep, &second, &err));
    assert_null(http_client_call(world.client, &request, keep, &third, &err));
    assert_int_equal(err.code, ERR_LIMIT);
    run_until(&world, &second.done);
    assert_ended(&second, HTTP_TIMEOUT, HTTP_NOT_SENT, HTTP_PHASE_QUEUED,
                 "timeout of 100 ms (waiting for its turn)");
    run_until(&world, &first.done);
    assert_int_equal(first.result.outcome, HTTP_UNKNOWN);
    seen_free(&first);
    seen_free(&second);
    close_world(&world);
}

static void test_cancel(void **state)
{
    struct world *world = *state;
    struct err err = ERR_INIT;
    char url[64];
    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%u/never", world->server.port);
    const struct http_request request = {.url = slice_str(url)};
    struct seen seen = {0};
    /* In the queue still. */
    struct http_call *one = http_client_call(world->client, &request, keep, &seen, &err);
    http_call_cancel(one);
    assert_true(seen.done);
    assert_ended(&seen, HTTP_CANCELLED, HTTP_NOT_SENT, HTTP_PHASE_QUEUED, "cancelled");
    seen_free(&seen);
    /* Once the server has it. */
    one = http_client_call(world->client, &request, keep, &seen, &err);
    while (world->server.requests == 0)
        (void)event_base_loop(world->base, EVLOOP_ONCE);
    http_call_cancel(one);
    assert_true(seen.done);
    assert_ended(&seen, HTTP_CANCELLED, HTTP_UNKNOWN, HTTP_PHASE_WAITING, "cancelled");
    assert_int_equal(http_client_calls(world->client), 0);
    seen_free(&seen);
    /* The server sees the end of the connection. */
    while (!TAILQ_EMPTY(&world->server.open))
        (void)event_base_loop(world->base, EVLOOP_ONCE);
    /* And a call left over is freed with the client, without a word. */
    assert_non_null(http_client_call(world->client, &request, keep, &seen, &err));
    (void)event_base_loop(world->base, EVLOOP_ONCE);
    assert_false(seen.done);
}

/* In a callback: a new call is made, others are cancelled. */
struct chain {
    struct world *world;
    struct http_call *victim;
    struct seen victim_seen, last;
    char url[64];
    int left;
};

static void next_in_chain(void *context, struct http_result *result)
{
    struct chain *chain = context;
    struct err err = ERR_INIT;
    assert_int_equal(result->code, HTTP_OK);
    if (chain->victim) {
        http_call_cancel(chain->victim);
        chain->victim = NULL;
        assert_true(chain->victim_seen.done);
    }
    const struct http_request request = {.url = slice_str(chain->url)};
    bool last = --chain->left == 0;
    assert_non_null(http_client_call(chain->world->client, &request, last ? keep : next_in_chain,
                                     last ? (void *)&chain->last : chain, &err));
}

static void test_in_callbacks(void **state)
{
    struct world *world = *state;
    struct chain chain = {.world = world, .left = 20};
    struct err err = ERR_INIT;
    char never[64];
    (void)snprintf(chain.url, sizeof(chain.url), "http://127.0.0.1:%u/status/200",
                   world->server.port);
    (void)snprintf(never, sizeof(never), "http://127.0.0.1:%u/never", world->server.port);
    struct http_request request = {.url = slice_str(never)};
    chain.victim = http_client_call(world->client, &request, keep, &chain.victim_seen, &err);
    request.url = slice_str(chain.url);
    assert_non_null(http_client_call(world->client, &request, next_in_chain, &chain, &err));
    run_until(world, &chain.last.done);
    assert_int_equal(chain.last.result.code, HTTP_OK);
    assert_int_equal(chain.victim_seen.result.code, HTTP_CANCELLED);
    assert_int_equal(world->server.connections, 2); /* the victim's, and one for all others */
    assert_int_equal(http_client_calls(world->client), 0);
    seen_free(&chain.last);
    seen_free(&chain.victim_seen);
}

static void test_settings(void **state UNUSED)
{
    struct event_base *base = event_base_new();
    static const struct {
        struct http_settings settings;
        const char *message;
    } rows[] = {
        {{.allow = "nonsense"}, "'nonsense' is no address"},
        {{.deny = "1.1.1.1/40"}, "'1.1.1.1/40': a length"},
        {{.proxy = "not a url"}, "the proxy must be a URL"},
        {{.tls.ca_file = "/nowhere/ca.pem"}, "CA file /nowhere/ca.pem: cannot be read"},
        {{.tls.cert_file = "/nowhere/c.pem"}, "client certificate /nowhere/c.pem: cannot be read"},
        {{.user_agent = "a\r\nb"}, "the user agent has a control character"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct err err = ERR_INIT;
        assert_null(http_client_new(base, &rows[i].settings, &err));
        assert_int_equal(err.code, ERR_USAGE);
        assert_contains(err.message, rows[i].message);
    }
    event_base_free(base);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(test_request),
        WORLD_TEST(test_methods),
        WORLD_TEST(test_refused_requests),
        WORLD_TEST(test_answers),
        WORLD_TEST(test_large_request),
        WORLD_TEST(test_caps),
        cmocka_unit_test(test_header_bytes),
        cmocka_unit_test(test_long_line),
        WORLD_TEST(test_timeouts),
        WORLD_TEST(test_connect_timeout),
        WORLD_TEST(test_broken_connections),
        WORLD_TEST(test_resend),
        cmocka_unit_test(test_thousand),
        cmocka_unit_test(test_queue),
        WORLD_TEST(test_cancel),
        WORLD_TEST(test_in_callbacks),
        cmocka_unit_test(test_settings),
    };
    return cmocka_run_group_tests_name("http_client", tests, NULL, NULL);
}
