#include "base/probes.h"
#include <event2/buffer.h>
#include <event2/http.h>
#include <inttypes.h>
#include <stdlib.h>

enum { HEADERS_MAX = 8 << 10, BODY_MAX = 1 << 10, TIMEOUT_S = 10 };

struct probes {
    struct probes_asks asks;
    struct evhttp *http;
};

struct probes_page {
    struct evbuffer *body;
    const char *prefix;
};

/* --- answers --- */

static void answer(struct evhttp_request *request, int status, const char *reason,
                   struct evbuffer *body)
{
    (void)evhttp_add_header(evhttp_request_get_output_headers(request), "Content-Type",
                            "text/plain; version=0.0.4; charset=utf-8");
    evhttp_send_reply(request, status, reason, body);
}

static void answer_text(struct evhttp_request *request, int status, const char *text)
{
    struct evbuffer *body = evbuffer_new();
    if (body)
        (void)evbuffer_add_printf(body, "%s\n", text);
    answer(request, status, text, body);
    if (body)
        evbuffer_free(body);
}

static void on_healthz(struct evhttp_request *request, void *context)
{
    (void)context;
    answer_text(request, 200, "ok");
}

static void on_readyz(struct evhttp_request *request, void *context)
{
    const struct probes *probes = context;
    const char *why = probes->asks.unready(probes->asks.context);
    answer_text(request, why ? 503 : 200, why ? why : "ready");
}

static void on_other(struct evhttp_request *request, void *context)
{
    (void)context;
    answer_text(request, 404, "not found: there are /healthz, /readyz and /metrics");
}

/* --- metrics --- */

static void add(struct probes_page *page, const char *type, const char *name, const char *help,
                uint64_t value)
{
    (void)evbuffer_add_printf(page->body, "# HELP %s%s %s\n# TYPE %s%s %s\n%s%s %" PRIu64 "\n",
                              page->prefix, name, help, page->prefix, name, type, page->prefix,
                              name, value);
}

void probes_counter(struct probes_page *page, const char *name, const char *help, uint64_t value)
{
    add(page, "counter", name, help, value);
}

void probes_gauge(struct probes_page *page, const char *name, const char *help, uint64_t value)
{
    add(page, "gauge", name, help, value);
}

static void on_metrics(struct evhttp_request *request, void *context)
{
    const struct probes *probes = context;
    struct probes_page page = {evbuffer_new(), probes->asks.prefix};
    if (!page.body) {
        answer_text(request, 503, "out of memory");
        return;
    }
    probes->asks.metrics(probes->asks.context, &page);
    answer(request, 200, "OK", page.body);
    evbuffer_free(page.body);
}

/* --- life --- */

static int listen_on(struct probes *probes, uint16_t port, struct err *err)
{
    struct evhttp *http = probes->http;
    evhttp_set_allowed_methods(http, EVHTTP_REQ_GET | EVHTTP_REQ_HEAD);
    evhttp_set_max_headers_size(http, HEADERS_MAX);
    evhttp_set_max_body_size(http, BODY_MAX);
    evhttp_set_timeout(http, TIMEOUT_S);
    evhttp_set_gencb(http, on_other, NULL);
    if (evhttp_set_cb(http, "/healthz", on_healthz, NULL) != 0 ||
        evhttp_set_cb(http, "/readyz", on_readyz, probes) != 0 ||
        evhttp_set_cb(http, "/metrics", on_metrics, probes) != 0 ||
        evhttp_bind_socket(http, "127.0.0.1", port) != 0)
        return err_set(err, ERR_IO, "http-port: cannot listen on 127.0.0.1:%u", port);
    return 0;
}

struct probes *probes_start(struct event_base *base, uint16_t port, const struct probes_asks *asks,
                            struct err *err)
{
    struct probes *probes = calloc(1, sizeof *probes);
    if (probes)
        probes->http = evhttp_new(base);
    if (!probes || !probes->http) {
        (void)err_set(err, ERR_LIMIT, "no memory for http");
        free(probes);
        return NULL;
    }
    probes->asks = *asks;
    if (listen_on(probes, port, err) != 0) {
        probes_stop(probes);
        return NULL;
    }
    return probes;
}

void probes_stop(struct probes *probes)
{
    if (!probes)
        return;
    evhttp_free(probes->http);
    free(probes);
}
