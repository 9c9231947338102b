/* http_world: a client and the server of http_fixture.h on one loop, and what tests say with them. */
#ifndef TROUPE_TESTS_HTTP_WORLD_H
#define TROUPE_TESTS_HTTP_WORLD_H

#include "http_fixture.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <unistd.h>
/* after the four above */
#include <cmocka.h>

/* What is kept of a result. */
struct seen {
    bool done;
    struct http_result result;
    char url[4096];
    struct buf headers; /* JSON */
};

struct world {
    struct event_base *base;
    struct server server;
    struct http_client *client;
};

static UNUSED void keep(void *context, struct http_result *result)
{
    struct seen *seen = context;
    assert_false(seen->done);
    seen->done = true;
    seen->result = *result;
    (void)snprintf(seen->url, sizeof(seen->url), "%s", result->url);
    buf_init(&seen->headers, 0);
    http_headers_write_json(&result->headers, &seen->headers);
    memset(&result->body, 0, sizeof(result->body)); /* taken */
}

static UNUSED void seen_free(struct seen *seen)
{
    buf_free(&seen->result.body);
    buf_free(&seen->headers);
    *seen = (struct seen){0};
}

static UNUSED void open_world(struct world *world, const struct http_settings *settings)
{
    struct err err = ERR_INIT;
    world->base = event_base_new();
    server_start(&world->server, world->base);
    world->client = http_client_new(world->base, settings, &err);
    if (!world->client)
        fail_msg("%s", err.message);
}

static UNUSED void close_world(struct world *world)
{
    http_client_free(world->client);
    server_stop(&world->server);
    event_base_free(world->base);
}

static UNUSED void run_until(struct world *world, const bool *done)
{
    while (!*done)
        if (event_base_loop(world->base, EVLOOP_ONCE) != 0)
            fail_msg("the loop has nothing to wait for");
}

/* One call, seen to its end. `path` may be a whole URL. */
static UNUSED void call(struct world *world, struct http_request *request, const char *path,
                        struct seen *seen)
{
    char url[4096];
    struct err err = ERR_INIT;
    if (path[0] == '/')
        (void)snprintf(url, sizeof(url), "http://127.0.0.1:%u%s", world->server.port, path);
    else
        (void)snprintf(url, sizeof(url), "%s", path);
    request->url = slice_str(url);
    *seen = (struct seen){0};
    if (!http_client_call(world->client, request, keep, seen, &err))
        fail_msg("%s", err.message);
    assert_false(seen->done);
    run_until(world, &seen->done);
    assert_int_equal(http_client_calls(world->client), 0);
}

static UNUSED void get(struct world *world, const char *path, struct seen *seen)
{
    struct http_request request = {.method = SLICE("GET")};
    call(world, &request, path, seen);
}

static UNUSED const char *body(const struct seen *seen)
{
    return seen->result.body.data ? seen->result.body.data : "";
}

static UNUSED void assert_contains(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("no '%s' in: %s", part, text);
}

static UNUSED void assert_lacks(const char *text, const char *part)
{
    if (strstr(text, part))
        fail_msg("'%s' is in: %s", part, text);
}

static UNUSED void assert_ended(const struct seen *seen, enum http_code code,
                                enum http_outcome outcome, enum http_phase phase,
                                const char *message)
{
    if (seen->result.code != code || seen->result.outcome != outcome ||
        seen->result.phase != phase || !strstr(seen->result.message, message))
        fail_msg("%s, %s, %s: %s", http_code_name(seen->result.code),
                 http_outcome_name(seen->result.outcome), http_phase_name(seen->result.phase),
                 seen->result.message);
}

/* --- many calls at once --- */

struct crowd {
    uint32_t left, failed, opened;
    bool done;
};

static UNUSED void count(void *context, struct http_result *result)
{
    struct crowd *crowd = context;
    if (result->code != HTTP_OK || result->body.len != 4)
        crowd->failed++;
    crowd->opened += result->connections;
    crowd->done = --crowd->left == 0;
}

static UNUSED void crowd_of(struct world *world, const char *host, const char *path, uint32_t calls,
                            struct crowd *crowd)
{
    char url[128];
    struct err err = ERR_INIT;
    *crowd = (struct crowd){.left = calls};
    (void)snprintf(url, sizeof(url), "http://%s:%u%s", host, world->server.port, path);
    const struct http_request request = {.url = slice_str(url)};
    for (uint32_t i = 0; i < calls; i++)
        if (!http_client_call(world->client, &request, count, crowd, &err))
            fail_msg("%s", err.message);
    run_until(world, &crowd->done);
}

/* --- a world whose client may reach 127.0.0.1 --- */

static UNUSED int setup(void **state)
{
    struct world *world = calloc(1, sizeof(*world));
    open_world(world, &(struct http_settings){.allow = "127.0.0.1"});
    *state = world;
    return 0;
}

static UNUSED int teardown(void **state)
{
    close_world(*state);
    free(*state);
    return 0;
}

#define WORLD_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
