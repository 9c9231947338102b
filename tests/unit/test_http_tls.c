/* TLS of the HTTP client: given CAs, client certificates, HTTP/2 if nghttpd is there, and proxies. The
 * certificates are made here, by OpenSSL's program, into a directory of the test's own. */
#include "http_world.h"
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>

static char directory[] = "/tmp/troupe-http-tls-XXXXXX";

/* In the directory; false when the program is not there or failed. */
static pid_t start(char *const argv[])
{
    pid_t pid = fork();
    if (pid == 0) {
        int null = open("/dev/null", O_RDWR);
        if (chdir(directory) == 0 && dup2(null, 0) == 0 && dup2(null, 1) == 1 && dup2(null, 2) == 2)
            (void)execvp(argv[0], argv);
        _exit(127);
    }
    return pid;
}

static void run(char *const argv[])
{
    int status = -1;
    pid_t pid = start(argv);
    if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0)
        fail_msg("%s %s: status %d", argv[0], argv[1], status);
}

#define RUN(...) run((char *const[]){__VA_ARGS__, NULL})

static void path_of(const char *name, char path[64])
{
    (void)snprintf(path, 64, "%s/%s", directory, name);
}

static int make_certificates(void **state UNUSED)
{
    static char openssl[] = "openssl", req[] = "req", x509[] = "-x509", newkey[] = "-newkey",
                ec[] = "ec", pkeyopt[] = "-pkeyopt", curve[] = "ec_paramgen_curve:prime256v1",
                nodes[] = "-nodes", subj[] = "-subj", keyout[] = "-keyout", out[] = "-out",
                days[] = "-days", two[] = "2", ca[] = "-CA", cakey[] = "-CAkey",
                addext[] = "-addext";
    static char ca_name[] = "/CN=test CA", ca_key[] = "ca.key", ca_pem[] = "ca.pem";
    static char other_key[] = "other.key", other_pem[] = "other.pem";
    static char server_name[] = "/CN=127.0.0.1", san[] = "subjectAltName=IP:127.0.0.1",
                server_key[] = "server.key", server_pem[] = "server.pem";
    static char client_name[] = "/CN=worker", client_key[] = "client.key",
                client_pem[] = "client.pem", no_ca[] = "basicConstraints=critical,CA:FALSE";
    if (!mkdtemp(directory))
        return -1;
    RUN(openssl, req, x509, newkey, ec, pkeyopt, curve, nodes, days, two, subj, ca_name, keyout,
        ca_key, out, ca_pem);
    RUN(openssl, req, x509, newkey, ec, pkeyopt, curve, nodes, days, two, subj, ca_name, keyout,
        other_key, out, other_pem);
    RUN(openssl, req, x509, newkey, ec, pkeyopt, curve, nodes, days, two, subj, server_name, addext,
        san, addext, no_ca, ca, ca_pem, cakey, ca_key, keyout, server_key, out, server_pem);
    RUN(openssl, req, x509, newkey, ec, pkeyopt, curve, nodes, days, two, subj, client_name, addext,
        no_ca, ca, ca_pem, cakey, ca_key, keyout, client_key, out, client_pem);
    return 0;
}

static int drop_certificates(void **state UNUSED)
{
    static char rm[] = "rm", rf[] = "-rf";
    RUN(rm, rf, directory);
    return 0;
}

/* A port that was free a moment ago. */
static uint16_t free_port(void)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(in);
    if (bind(fd, (struct sockaddr *)&in, len) || getsockname(fd, (struct sockaddr *)&in, &len))
        fail_msg("no port");
    close(fd);
    return ntohs(in.sin_port);
}

static void wait_for(uint16_t port, pid_t pid)
{
    struct sockaddr_in in = {
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(port)};
    for (;;) {
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        int code = connect(fd, (struct sockaddr *)&in, sizeof(in));
        close(fd);
        if (code == 0)
            return;
        if (waitpid(pid, NULL, WNOHANG) != 0)
            fail_msg("the server ended");
        (void)usleep(2000);
    }
}

static void stop(pid_t pid)
{
    (void)kill(pid, SIGTERM);
    (void)waitpid(pid, NULL, 0);
}

/* openssl s_server answers GETs with a page about the connection. */
static pid_t tls_server(uint16_t port, bool wants_certificate)
{
    static char openssl[] = "openssl", s_server[] = "s_server", www[] = "-www",
                accept_[] = "-accept", cert[] = "-cert", key[] = "-key", pem[] = "server.pem",
                key_pem[] = "server.key", cafile[] = "-CAfile", ca[] = "ca.pem",
                verify[] = "-Verify", one[] = "1", strict[] = "-verify_return_error";
    char where[32];
    (void)snprintf(where, sizeof(where), "127.0.0.1:%u", port);
    char *argv[] = {openssl, s_server, www, accept_, where,
                    cert,    pem,      key, key_pem, wants_certificate ? cafile : NULL,
                    ca,      verify,   one, strict,  NULL};
    pid_t pid = start(argv);
    wait_for(port, pid);
    return pid;
}

/* One call of a new client to that port of 127.0.0.1. */
static void call_port(const struct http_tls *tls, uint16_t port, struct seen *seen)
{
    struct world world;
    char url[64];
    open_world(&world, &(struct http_settings){.allow = "127.0.0.1", .tls = *tls});
    (void)snprintf(url, sizeof(url), "https://127.0.0.1:%u/", port);
    get(&world, url, seen);
    close_world(&world);
}

static void test_authorities(void **state UNUSED)
{
    uint16_t port = free_port();
    pid_t pid = tls_server(port, false);
    char ca[64], other[64];
    path_of("ca.pem", ca);
    path_of("other.pem", other);
    struct seen seen;
    call_port(&(struct http_tls){.ca_file = ca}, port, &seen);
    assert_int_equal(seen.result.code, HTTP_OK);
    assert_int_equal(seen.result.status, 200);
    assert_true(seen.result.timings.tls_us > 0);
    seen_free(&seen);
    /* A CA of the same name with another key, and the system's. */
    call_port(&(struct http_tls){.ca_file = other}, port, &seen);
    assert_ended(&seen, HTTP_FAILED, HTTP_NOT_SENT, HTTP_PHASE_TLS, "certificate");
    assert_false(seen.result.retriable);
    seen_free(&seen);
    call_port(&(struct http_tls){0}, port, &seen);
    assert_ended(&seen, HTTP_FAILED, HTTP_NOT_SENT, HTTP_PHASE_TLS, "certificate");
    seen_free(&seen);
    stop(pid);
}

static void test_client_certificate(void **state UNUSED)
{
    uint16_t port = free_port();
    pid_t pid = tls_server(port, true);
    char ca[64], cert[64], key[64];
    path_of("ca.pem", ca);
    path_of("client.pem", cert);
    path_of("client.key", key);
    struct seen seen;
    call_port(&(struct http_tls){.ca_file = ca, .cert_file = cert, .key_file = key}, port, &seen);
    assert_int_equal(seen.result.code, HTTP_OK);
    seen_free(&seen);
    call_port(&(struct http_tls){.ca_file = ca}, port, &seen);
    assert_int_equal(seen.result.code, HTTP_FAILED);
    seen_free(&seen);
    stop(pid);
}

/* The name in the certificate is 127.0.0.1, not localhost. */
static void test_wrong_name(void **state UNUSED)
{
    uint16_t port = free_port();
    pid_t pid = tls_server(port, false);
    char ca[64], url[64];
    struct world world;
    struct seen seen;
    path_of("ca.pem", ca);
    open_world(&world, &(struct http_settings){.allow = "127.0.0.1,::1", .tls.ca_file = ca});
    (void)snprintf(url, sizeof(url), "https://localhost:%u/", port);
    get(&world, url, &seen);
    assert_ended(&seen, HTTP_FAILED, HTTP_NOT_SENT, HTTP_PHASE_TLS, "localhost");
    seen_free(&seen);
    close_world(&world);
    stop(pid);
}

/* TLS to a server that speaks none: no byte of the request goes out. */
static void test_not_tls(void **state)
{
    struct world *world = *state;
    char url[64];
    struct seen seen;
    (void)snprintf(url, sizeof(url), "https://127.0.0.1:%u/", world->server.port);
    struct http_request request = {.connect_ms = 300};
    call(world, &request, url, &seen);
    assert_int_equal(seen.result.outcome, HTTP_NOT_SENT);
    assert_int_equal(seen.result.phase, HTTP_PHASE_TLS);
    seen_free(&seen);
}

static void test_http2(void **state UNUSED)
{
    static char nghttpd[] = "nghttpd", address[] = "--address=127.0.0.1", key[] = "server.key",
                cert[] = "server.pem";
    if (access("/usr/bin/nghttpd", X_OK) != 0 && access("/usr/sbin/nghttpd", X_OK) != 0) {
        print_message("left out: no nghttpd here (Debian: nghttp2-server)\n");
        skip();
    }
    uint16_t port = free_port();
    char where[16], ca[64], url[64];
    (void)snprintf(where, sizeof(where), "%u", port);
    char *argv[] = {nghttpd, address, where, key, cert, NULL};
    pid_t pid = start(argv);
    wait_for(port, pid);
    struct world world;
    struct crowd crowd = {.left = 80};
    struct err err = ERR_INIT;
    struct seen seen;
    path_of("ca.pem", ca);
    open_world(&world, &(struct http_settings){.allow = "127.0.0.1", .tls.ca_file = ca});
    (void)snprintf(url, sizeof(url), "https://127.0.0.1:%u/server.pem", port);
    get(&world, url, &seen);
    assert_int_equal(seen.result.code, HTTP_OK);
    assert_int_equal(seen.result.version, 20);
    assert_int_equal(seen.result.status, 200);
    assert_contains(body(&seen), "BEGIN CERTIFICATE");
    seen_free(&seen);
    const struct http_request request = {.url = slice_str(url)};
    for (int i = 0; i < 80; i++)
        assert_non_null(http_client_call(world.client, &request, count, &crowd, &err));
    run_until(&world, &crowd.done);
    print_message("80 calls over HTTP/2: %u connections more\n", crowd.opened);
    assert_true(crowd.opened == 0);
    close_world(&world);
    stop(pid);
}

/* The server of the fixture as a proxy: it is asked for whole URLs. */
static void test_proxy(void **state UNUSED)
{
    struct world world;
    struct seen seen;
    struct event_base *base = event_base_new();
    struct server proxy;
    char url[64];
    server_start(&proxy, base);
    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%u", proxy.port);
    open_world(&world, &(struct http_settings){.proxy = url}); /* itself not in any list */
    server_stop(&proxy);
    event_base_free(base);
    struct http_request request = {.connect_ms = 2000};
    /* What is an address by itself is judged here. */
    static const char *const denied[] = {"http://127.0.0.1/",   "http://[::1]/",
                                         "http://2130706433/",  "http://localhost/",
                                         "http://a.localhost/", "http://169.254.169.254/"};
    for (size_t i = 0; i < ARRAY_LEN(denied); i++) {
        call(&world, &request, denied[i], &seen);
        assert_int_equal(seen.result.code, HTTP_DENIED);
        assert_int_equal(seen.result.outcome, HTTP_NOT_SENT);
        seen_free(&seen);
    }
    /* A name is the proxy's to look up; this one is gone. */
    call(&world, &request, "http://example.test/", &seen);
    assert_int_equal(seen.result.code, HTTP_FAILED);
    assert_int_equal(seen.result.phase, HTTP_PHASE_CONNECT);
    seen_free(&seen);
    close_world(&world);
}

static void test_proxy_serves(void **state UNUSED)
{
    struct world world;
    struct seen seen;
    struct err err = ERR_INIT;
    char url[64];
    open_world(&world, &(struct http_settings){0});
    http_client_free(world.client);
    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%u", world.server.port);
    world.client = http_client_new(world.base, &(struct http_settings){.proxy = url}, &err);
    get(&world, "http://example.test/x", &seen);
    assert_contains(world.server.last.data, "GET http://example.test/x HTTP/1.1\r\n");
    seen_free(&seen);
    close_world(&world);
}

/* Proxies of the environment only when told. */
static void test_environment(void **state)
{
    struct world *world = *state;
    struct seen seen;
    (void)setenv("http_proxy", "http://127.0.0.1:1", 1);
    (void)setenv("ALL_PROXY", "http://127.0.0.1:1", 1);
    get(world, "/status/200", &seen);
    assert_int_equal(seen.result.code, HTTP_OK);
    seen_free(&seen);
    (void)unsetenv("http_proxy");
    (void)unsetenv("ALL_PROXY");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_authorities),  cmocka_unit_test(test_client_certificate),
        cmocka_unit_test(test_wrong_name),   WORLD_TEST(test_not_tls),
        cmocka_unit_test(test_http2),        cmocka_unit_test(test_proxy),
        cmocka_unit_test(test_proxy_serves), WORLD_TEST(test_environment),
    };
    return cmocka_run_group_tests_name("http_tls", tests, make_certificates, drop_certificates);
}
