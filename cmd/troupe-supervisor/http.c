#include "http.h"
#include <event2/buffer.h>
#include <event2/http.h>
#include <inttypes.h>

enum { HEADERS_MAX = 8 << 10, BODY_MAX = 1 << 10, TIMEOUT_S = 10 };

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

/* Never asks a dependency: it is about this process. */
static void on_healthz(struct evhttp_request *request, void *context)
{
    (void)context;
    answer_text(request, 200, "ok");
}

static void on_readyz(struct evhttp_request *request, void *context)
{
    struct supervisor_stats stats;
    supervisor_stats(context, &stats);
    if (!stats.redis_connected)
        answer_text(request, 503, "not connected to Redis");
    else if (!stats.postgres_connected)
        answer_text(request, 503, "not connected to Postgres");
    else
        answer_text(request, 200, "ready");
}

static void add_metric(struct evbuffer *body, const char *name, const char *type, const char *help,
                       uint64_t value)
{
    (void)evbuffer_add_printf(body,
                              "# HELP troupe_supervisor_%s %s\n# TYPE troupe_supervisor_%s "
                              "%s\ntroupe_supervisor_%s %" PRIu64 "\n",
                              name, help, name, type, name, value);
}

static void on_metrics(struct evhttp_request *request, void *context)
{
    struct supervisor_stats s;
    struct evbuffer *body = evbuffer_new();
    if (!body) {
        answer_text(request, 503, "out of memory");
        return;
    }
    supervisor_stats(context, &s);
    const struct {
        const char *name, *type, *help;
        uint64_t value;
    } metrics[] = {
        {"entries_total", "counter", "Ledger entries archived.", s.entries},
        {"records_total", "counter", "Ledger records archived.", s.records},
        {"transactions_total", "counter", "Transactions committed to archive them.",
         s.transactions},
        {"runs_final_total", "counter", "Runs finalised.", s.runs_final},
        {"starts_total", "counter", "Accepted runs started in Redis.", s.starts},
        {"commands_total", "counter", "Commands applied.", s.commands},
        {"timers_total", "counter", "Timers fired.", s.timers},
        {"alarms_total", "counter", "What should never happen and did: see the log.", s.alarms},
        {"partitions_owned", "gauge", "Partitions that this supervisor owns.", s.partitions_owned},
        {"redis_connected", "gauge", "1 while connected to Redis.", s.redis_connected},
        {"postgres_connected", "gauge", "1 while connected to Postgres.", s.postgres_connected},
    };
    for (size_t i = 0; i < ARRAY_LEN(metrics); i++)
        add_metric(body, metrics[i].name, metrics[i].type, metrics[i].help, metrics[i].value);
    answer(request, 200, "OK", body);
    evbuffer_free(body);
}

static void on_other(struct evhttp_request *request, void *context)
{
    (void)context;
    answer_text(request, 404, "not found: there are /healthz, /readyz and /metrics");
}

struct evhttp *http_start(struct event_base *base, uint16_t port,
                          const struct supervisor *supervisor, struct err *err)
{
    /* The library's contexts are not const; the handlers only read. */
    void *context = (void *)(uintptr_t)supervisor;
    struct evhttp *http = evhttp_new(base);
    if (!http) {
        (void)err_set(err, ERR_LIMIT, "no memory for http");
        return NULL;
    }
    evhttp_set_allowed_methods(http, EVHTTP_REQ_GET | EVHTTP_REQ_HEAD);
    evhttp_set_max_headers_size(http, HEADERS_MAX);
    evhttp_set_max_body_size(http, BODY_MAX);
    evhttp_set_timeout(http, TIMEOUT_S);
    evhttp_set_gencb(http, on_other, NULL);
    if (evhttp_set_cb(http, "/healthz", on_healthz, NULL) != 0 ||
        evhttp_set_cb(http, "/readyz", on_readyz, context) != 0 ||
        evhttp_set_cb(http, "/metrics", on_metrics, context) != 0 ||
        evhttp_bind_socket(http, "127.0.0.1", port) != 0) {
        (void)err_set(err, ERR_IO, "http-port: cannot listen on 127.0.0.1:%u", port);
        evhttp_free(http);
        return NULL;
    }
    return http;
}
