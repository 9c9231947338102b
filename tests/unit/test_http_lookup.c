/* Looking up hosts: once for many calls, not too many at a time, never in the way of the loop; and a
 * name that leads elsewhere the second time. The resolver is the test's own: libcurl calls it. */
#include "http_world.h"
#include <netdb.h>
#include <pthread.h>
#include <stdatomic.h>

/* What the names of the tests lead to. Others have no address. */
static atomic_uint lookups, under_way, most_under_way;
static atomic_uint rebind_after; /* "rebind.test": answers before it leads to 127.0.0.2 */
static atomic_bool hold;         /* "slow.test" waits while this is set */

static int lead_to(const char *host, uint16_t port, struct addrinfo **found)
{
    struct addrinfo *one = calloc(1, sizeof(*one));
    struct sockaddr_storage *address = calloc(1, sizeof(*address));
    if (!one || !address || !http_address_literal(host, port, address))
        abort();
    *one = (struct addrinfo){
        .ai_family = address->ss_family,
        .ai_socktype = SOCK_STREAM,
        .ai_protocol = IPPROTO_TCP,
        .ai_addrlen = address->ss_family == AF_INET ? sizeof(struct sockaddr_in)
                                                    : sizeof(struct sockaddr_in6),
        .ai_addr = (struct sockaddr *)address,
    };
    *found = one;
    return 0;
}

/* In IPv4's decimal form, which is all that the tests need of the real one. */
static bool decimal(const char *text, struct in_addr *address)
{
    return inet_aton(text, address) != 0;
}

int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
                struct addrinfo **found)
{
    uint16_t port = service ? (uint16_t)strtoul(service, NULL, 10) : 0;
    if (hints && hints->ai_flags & AI_NUMERICHOST) {
        struct sockaddr_in *in = calloc(1, sizeof(*in));
        struct addrinfo *one = calloc(1, sizeof(*one));
        if (!in || !one || !decimal(name, &in->sin_addr)) {
            free(in);
            free(one);
            return EAI_NONAME;
        }
        in->sin_family = AF_INET;
        in->sin_port = htons(port);
        *one = (struct addrinfo){.ai_family = AF_INET,
                                 .ai_socktype = SOCK_STREAM,
                                 .ai_addrlen = sizeof(*in),
                                 .ai_addr = (struct sockaddr *)in};
        *found = one;
        return 0;
    }
    unsigned now = atomic_fetch_add(&under_way, 1) + 1;
    unsigned most = atomic_load(&most_under_way);
    while (now > most && !atomic_compare_exchange_weak(&most_under_way, &most, now))
        ;
    unsigned nth = atomic_fetch_add(&lookups, 1) + 1;
    int code = EAI_NONAME;
    if (strcmp(name, "slow.test") == 0)
        while (atomic_load(&hold))
            (void)usleep(1000);
    if (strcmp(name, "rebind.test") == 0)
        code = lead_to(nth <= atomic_load(&rebind_after) ? "127.0.0.1" : "127.0.0.2", port, found);
    else if (strcmp(name, "private.test") == 0)
        code = lead_to("10.1.2.3", port, found);
    else if (strcmp(name + strlen(name) - 8, "one.test") == 0 || strcmp(name, "slow.test") == 0)
        code = lead_to("127.0.0.1", port, found);
    if (strncmp(name, "many-", 5) == 0) {
        (void)usleep(2000);
        code = lead_to("127.0.0.1", port, found);
    }
    atomic_fetch_sub(&under_way, 1);
    return code;
}

void freeaddrinfo(struct addrinfo *found)
{
    while (found) {
        struct addrinfo *next = found->ai_next;
        free(found->ai_addr);
        free(found);
        found = next;
    }
}

static int fresh(void **state)
{
    atomic_store(&lookups, 0);
    atomic_store(&most_under_way, 0);
    atomic_store(&rebind_after, 0);
    atomic_store(&hold, false);
    return setup(state);
}

static void call_name(struct world *world, struct http_request *request, const char *name,
                      const char *path, struct seen *seen)
{
    char url[256];
    (void)snprintf(url, sizeof(url), "http://%s:%u%s", name, world->server.port, path);
    call(world, request, url, seen);
}

static void test_denied_names(void **state)
{
    struct world *world = *state;
    struct http_request request = {.method = SLICE("POST")};
    struct seen seen;
    call_name(world, &request, "private.test", "/", &seen);
    assert_int_equal(seen.result.code, HTTP_DENIED);
    assert_int_equal(seen.result.outcome, HTTP_NOT_SENT);
    assert_contains(seen.result.message, "private.test: 10.1.2.3:");
    assert_contains(seen.result.message, "is denied: private");
    seen_free(&seen);
    call_name(world, &request, "nobody.test", "/", &seen);
    assert_ended(&seen, HTTP_FAILED, HTTP_NOT_SENT, HTTP_PHASE_LOOKUP, "nobody.test: ");
    assert_true(seen.result.retriable);
    seen_free(&seen);
}

/* The first answer passes; whoever looks again is led to what is denied. Two clients, since one keeps
 * the address. */
static void test_rebinding(void **state)
{
    struct world *world = *state;
    atomic_store(&rebind_after, 1);
    struct http_request request = {.method = SLICE("GET")};
    struct seen seen;
    call_name(world, &request, "rebind.test", "/status/200", &seen);
    assert_int_equal(seen.result.code, HTTP_OK);
    seen_free(&seen);
    struct err err = ERR_INIT;
    http_client_free(world->client);
    world->client =
        http_client_new(world->base, &(struct http_settings){.allow = "127.0.0.1"}, &err);
    call_name(world, &request, "rebind.test", "/status/200", &seen);
    assert_int_equal(seen.result.code, HTTP_DENIED);
    assert_contains(seen.result.message, "is denied: loopback");
    seen_free(&seen);
    /* A redirect to such a name: the same. */
    char url[256];
    (void)snprintf(url, sizeof(url), "/redirect/302?http://rebind.test:%u/", world->server.port);
    call(world, &request, url, &seen);
    assert_int_equal(seen.result.code, HTTP_DENIED);
    seen_free(&seen);
}

static void test_one_lookup(void **state)
{
    struct world *world = *state;
    struct crowd crowd;
    crowd_of(world, "one.test", "/delay", 500, &crowd);
    assert_int_equal(crowd.failed, 0);
    assert_int_equal(atomic_load(&lookups), 1);
    crowd_of(world, "one.test", "/delay", 50, &crowd);
    assert_int_equal(crowd.failed, 0);
    assert_int_equal(atomic_load(&lookups), 1);
}

/* All that wait for the same name are told. */
static void test_no_such_host(void **state)
{
    struct world *world = *state;
    struct crowd crowd;
    crowd_of(world, "nobody.test", "/delay", 100, &crowd);
    assert_int_equal(crowd.failed, 100);
    assert_true(atomic_load(&lookups) <= 2);
}

static void test_many_hosts(void **state)
{
    struct world *world = *state;
    struct crowd crowd = {.left = 100};
    struct err err = ERR_INIT;
    for (unsigned i = 0; i < 100; i++) {
        char url[128];
        (void)snprintf(url, sizeof(url), "http://many-%u.test:%u/delay", i, world->server.port);
        const struct http_request request = {.url = slice_str(url)};
        assert_non_null(http_client_call(world->client, &request, count, &crowd, &err));
    }
    run_until(world, &crowd.done);
    assert_int_equal(crowd.failed, 0);
    assert_int_equal(atomic_load(&lookups), 100);
    assert_true(atomic_load(&most_under_way) <= 16);
}

/* The resolver hangs: the call ends in time, the loop goes on, and others of the same name too. */
static void test_slow_lookup(void **state)
{
    struct world *world = *state;
    atomic_store(&hold, true);
    struct http_request request = {.method = SLICE("GET"), .connect_ms = 80};
    struct seen slow, seen;
    call_name(world, &request, "slow.test", "/status/200", &slow);
    assert_ended(&slow, HTTP_TIMEOUT, HTTP_NOT_SENT, HTTP_PHASE_LOOKUP,
                 "slow.test: timeout of 80 ms for the connection (looking up the host)");
    assert_true(slow.result.timings.total_us < 5000000); /* it did not wait for the resolver */
    seen_free(&slow);
    request.connect_ms = 5000;
    call_name(world, &request, "one.test", "/status/200", &seen);
    assert_int_equal(seen.result.code, HTTP_OK);
    seen_free(&seen);
    /* Two at once: the second waits for the first, in vain, and is cancelled there. */
    struct err err = ERR_INIT;
    const struct http_request two = {.url = SLICE("http://slow.test/"), .connect_ms = 5000};
    struct seen first = {0}, second = {0};
    struct http_call *one = http_client_call(world->client, &two, keep, &first, &err);
    struct http_call *other = http_client_call(world->client, &two, keep, &second, &err);
    unsigned before = atomic_load(&lookups);
    while (atomic_load(&lookups) == before)
        (void)event_base_loop(world->base, EVLOOP_NONBLOCK);
    http_call_cancel(other);
    assert_ended(&second, HTTP_CANCELLED, HTTP_NOT_SENT, HTTP_PHASE_LOOKUP, "cancelled");
    http_call_cancel(one);
    assert_ended(&first, HTTP_CANCELLED, HTTP_NOT_SENT, HTTP_PHASE_LOOKUP, "cancelled");
    seen_free(&first);
    seen_free(&second);
    atomic_store(&hold, false);
    while (atomic_load(&under_way) > 0)
        (void)usleep(1000);
    call_name(world, &request, "slow.test", "/status/200", &seen);
    assert_int_equal(seen.result.code, HTTP_OK);
    seen_free(&seen);
}

#define FRESH(name) cmocka_unit_test_setup_teardown(name, fresh, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FRESH(test_denied_names), FRESH(test_rebinding),  FRESH(test_one_lookup),
        FRESH(test_no_such_host), FRESH(test_many_hosts), FRESH(test_slow_lookup),
    };
    return cmocka_run_group_tests_name("http_lookup", tests, NULL, NULL);
}
