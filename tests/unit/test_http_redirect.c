/* Redirects of the HTTP client: methods, what goes on to another origin, and where none may lead. */
#include "http_world.h"

static void redirect(struct world *world, struct http_request *request, int status,
                     const char *location, struct seen *seen)
{
    char path[1024];
    (void)snprintf(path, sizeof(path), "/redirect/%d?%s", status, location);
    call(world, request, path, seen);
}

static void test_redirects(void **state)
{
    struct world *world = *state;
    static const struct {
        const char *method;
        int status;
        const char *becomes;
        bool body;
    } rows[] = {
        {"POST", 301, "GET /echo", false},   {"POST", 302, "GET /echo", false},
        {"POST", 303, "GET /echo", false},   {"POST", 307, "POST /echo", true},
        {"POST", 308, "POST /echo", true},   {"PUT", 301, "PUT /echo", true},
        {"PUT", 303, "GET /echo", false},    {"DELETE", 302, "DELETE /echo", true},
        {"PATCH", 307, "PATCH /echo", true},
    };
    const struct http_pair headers[] = {{SLICE("Authorization"), SLICE("Bearer s3cret")},
                                        {SLICE("X-Key"), SLICE("k3y")}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct http_request request = {.method = slice_str(rows[i].method),
                                       .headers = headers,
                                       .header_count = 2,
                                       .body = SLICE("the body"),
                                       .content_type = SLICE("text/plain")};
        struct seen seen;
        redirect(world, &request, rows[i].status, "/echo", &seen);
        assert_int_equal(seen.result.code, HTTP_OK);
        assert_int_equal(seen.result.status, 200);
        assert_int_equal(seen.result.redirects, 1);
        assert_int_equal(strncmp(body(&seen), rows[i].becomes, strlen(rows[i].becomes)), 0);
        assert_int_equal(strstr(body(&seen), "the body") != NULL, rows[i].body);
        assert_int_equal(strstr(body(&seen), "text/plain") != NULL, rows[i].body);
        assert_contains(body(&seen), "Authorization: Bearer s3cret"); /* the same origin */
        assert_contains(seen.url, "/echo");
        seen_free(&seen);
    }
}

/* Another port is another origin. */
static void test_strips(void **state)
{
    struct world *world = *state;
    struct server other;
    server_start(&other, world->base);
    const struct http_pair headers[] = {{SLICE("authorization"), SLICE("Bearer s3cret")},
                                        {SLICE("Cookie"), SLICE("s3cret=1")},
                                        {SLICE("X-Api-Key"), SLICE("s3cret")},
                                        {SLICE("Accept"), SLICE("text/html")},
                                        {SLICE("Idempotency-Key"), SLICE("one")}};
    struct http_request request = {.headers = headers, .header_count = 5};
    char url[64];
    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%u/echo", other.port);
    struct seen seen;
    redirect(world, &request, 302, url, &seen);
    assert_int_equal(seen.result.code, HTTP_OK);
    assert_contains(world->server.last.data, "Bearer s3cret");
    assert_int_equal(other.requests, 1);
    assert_lacks(body(&seen), "s3cret");
    assert_contains(body(&seen), "Accept: text/html");
    assert_contains(body(&seen), "Idempotency-Key: one");
    seen_free(&seen);
    server_stop(&other);
}

static void test_refused(void **state)
{
    struct world *world = *state;
    static const struct {
        const char *location;
        enum http_code code;
        const char *message;
    } rows[] = {
        {"http://127.0.0.2/", HTTP_DENIED, "127.0.0.2: 127.0.0.2:80 is denied: loopback"},
        {"http://169.254.169.254/latest/meta-data/", HTTP_DENIED,
         "169.254.169.254:80 is denied: link-local"},
        {"http://0xa9fea9fe/", HTTP_DENIED, "169.254.169.254:80 is denied: link-local"},
        {"http://2130706434/", HTTP_DENIED, "127.0.0.2:80 is denied: loopback"},
        {"http://0177.0.0.2/", HTTP_DENIED, "127.0.0.2:80 is denied: loopback"},
        {"http://127.2/", HTTP_DENIED, "127.0.0.2:80 is denied: loopback"},
        {"http://%31%32%37.0.0.2/", HTTP_DENIED, "127.0.0.2:80 is denied: loopback"},
        {"http://[::ffff:127.0.0.1]/", HTTP_DENIED, "is denied: IPv4-mapped"},
        {"http://[::1]:6379/", HTTP_DENIED, "[::1]:6379 is denied: loopback"},
        {"http://[fe80::1]/", HTTP_DENIED, "is denied: link-local"},
        {"http://[64:ff9b::7f00:1]/", HTTP_DENIED, "is denied: NAT64"},
        {"http://0/", HTTP_DENIED, "0.0.0.0:80 is denied: unspecified"},
        {"//10.0.0.1/", HTTP_DENIED, "10.0.0.1:80 is denied: private"},
        {"file:///etc/passwd", HTTP_DENIED, "neither http nor https"},
        {"gopher://127.0.0.1:6379/_FLUSHALL", HTTP_DENIED, "neither http nor https"},
        {"dict://127.0.0.1/", HTTP_DENIED, "neither http nor https"},
        {"made-up://127.0.0.1/", HTTP_DENIED, "neither http nor https"},
        {"http://u:p@127.0.0.1/", HTTP_DENIED, "with a user or password"},
        {"http://[::1", HTTP_FAILED, "a redirect: "},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct http_request request = {.method = SLICE("GET")};
        struct seen seen;
        redirect(world, &request, 302, rows[i].location, &seen);
        if (seen.result.code != rows[i].code || !strstr(seen.result.message, rows[i].message))
            fail_msg("%s: %s: %s", rows[i].location, http_code_name(seen.result.code),
                     seen.result.message);
        assert_int_equal(seen.result.outcome, HTTP_ANSWERED); /* by the redirect */
        assert_false(seen.result.retriable);
        seen_free(&seen);
    }
}

static void test_limits(void **state)
{
    struct world *world = *state;
    struct seen seen;
    struct http_request none = {.max_redirects = -1};
    redirect(world, &none, 302, "/echo", &seen);
    assert_int_equal(seen.result.code, HTTP_OK);
    assert_int_equal(seen.result.status, 302);
    assert_string_equal(body(&seen), "moved");
    assert_contains(seen.headers.data, "\"location\":\"/echo\"");
    seen_free(&seen);
    /* Three redirects where two are allowed. */
    struct http_request two = {.max_redirects = 2};
    redirect(world, &two, 302, "/redirect/302?/redirect/302?/echo", &seen);
    assert_ended(&seen, HTTP_FAILED, HTTP_ANSWERED, HTTP_PHASE_READING, "more than 2 redirects");
    seen_free(&seen);
    two.max_redirects = 3;
    redirect(world, &two, 302, "/redirect/302?/redirect/302?/echo", &seen);
    assert_int_equal(seen.result.code, HTTP_OK);
    assert_int_equal(seen.result.redirects, 3);
    seen_free(&seen);
    /* A redirect without a place, and what is none. */
    call(world, &two, "/redirect/302", &seen);
    assert_int_equal(seen.result.status, 302);
    seen_free(&seen);
    redirect(world, &two, 300, "/echo", &seen);
    assert_int_equal(seen.result.status, 300);
    seen_free(&seen);
}

/* What the second hop did not send, it did not send; the first was answered. */
static void test_outcomes(void **state)
{
    struct world *world = *state;
    struct seen seen;
    struct http_request request = {.method = SLICE("POST"), .body = SLICE("x")};
    redirect(world, &request, 307, "/reset", &seen);
    assert_int_equal(seen.result.code, HTTP_FAILED);
    assert_int_equal(seen.result.outcome, HTTP_UNKNOWN);
    seen_free(&seen);
    request.first_byte_ms = 600;
    redirect(world, &request, 307, "/never", &seen);
    assert_ended(&seen, HTTP_TIMEOUT, HTTP_UNKNOWN, HTTP_PHASE_WAITING, "timeout of 600 ms");
    seen_free(&seen);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(test_redirects), WORLD_TEST(test_strips),   WORLD_TEST(test_refused),
        WORLD_TEST(test_limits),    WORLD_TEST(test_outcomes),
    };
    return cmocka_run_group_tests_name("http_redirect", tests, NULL, NULL);
}
