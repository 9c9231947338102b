/* client: HTTP calls on the event loop, thousands at a time in one thread.
 *
 * libcurl's multi interface on a libevent base: kept connections, HTTP/2 over TLS where the server
 * offers it, compressed answers, TLS against the system's roots or a given CA. Plain names are looked
 * up by libcurl's threads, one per host and at most max_lookups at a time; nothing else leaves the
 * loop's thread and nothing blocks.
 *
 *   http_client_call ─> queued ─> looking up ─> connecting ─> waiting ─> reading ─> done(result)
 *                          ^         (a redirect starts again here)  │
 *                          └─ max_calls are under way             retriable?  outcome?
 *
 * Safety. Every address that a socket is about to be connected to is held against address.h's rules:
 * what a name, a redirect or another spelling of an address leads to makes no difference. Only http and
 * https; a redirect never leads from https to http; across origins (scheme, host, port) a redirect
 * keeps only headers that name no secret (accept, accept-language, content-type, user-agent,
 * traceparent, tracestate, idempotency-key). No cookies are kept, no .netrc and no proxy of the
 * environment is read unless told. docs/http.md has the whole.
 *
 * Outcome. What a failed call may have done at the server decides whether it can be repeated:
 * HTTP_NOT_SENT: no byte of the request left; HTTP_ANSWERED: whatever was sent was answered with a
 * status (the body may still have failed); HTTP_UNKNOWN: some of it was sent and no status came.
 * libcurl by itself sends again on a new connection when a kept one turns out to be dead: only for
 * requests with may_resend, or when not a byte had been sent.
 *
 * One thread. Callbacks run on the loop, never inside http_client_call; there a new call may be made
 * and others cancelled, but the client not be freed.
 */
#ifndef TROUPE_HTTP_CLIENT_H
#define TROUPE_HTTP_CLIENT_H

#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/slice.h"
#include "http/address.h"
#include "http/headers.h"
#include <event2/event.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct http_client;
struct http_call;

/* Paths of PEM files; NULL: the system's roots, no client certificate. */
struct http_tls {
    const char *ca_file;
    const char *cert_file;
    const char *key_file; /* NULL: in cert_file */
};

/* A zero is that field's default. Texts are copied. */
struct http_settings {
    uint32_t max_calls;       /* under way at once; 1000 */
    uint32_t max_queue;       /* waiting for that; 10000 */
    uint32_t max_lookups;     /* host names being looked up at once; 16 */
    uint32_t max_idle;        /* kept connections; 256 */
    size_t max_body_bytes;    /* of an answer, decompressed; 16 MiB */
    size_t max_header_bytes;  /* of an answer; 64 KiB, 256 lines */
    int64_t total_ms;         /* from http_client_call on; 30 s */
    int64_t connect_ms;       /* look-up, TCP and TLS, per redirect; 10 s */
    int64_t first_byte_ms;    /* from the connection to the first byte of the answer; total_ms */
    uint32_t max_redirects;   /* 5 */
    const char *user_agent;   /* "troupe" */
    const char *allow, *deny; /* lists of CIDRs, see address.h */
    const char *proxy;        /* "http://host:3128", for every call; NULL: none */
    bool environment_proxies; /* http_proxy, https_proxy, no_proxy count, when proxy is NULL */
    struct http_tls tls;
};

struct http_pair {
    struct slice name, value;
};

/* Borrowed for http_client_call, but `body`, which must stay until done. Zeroes are the client's
 * settings. */
struct http_request {
    struct slice method;           /* GET when absent; CONNECT and TRACE are refused */
    struct slice url;              /* absolute, http or https, without user or password */
    const struct http_pair *query; /* appended to the URL's own, percent-encoded */
    size_t query_count;
    const struct http_pair *headers; /* not those that are libcurl's: host, content-length, … */
    size_t header_count;
    struct slice body;         /* ptr NULL: none */
    struct slice content_type; /* of the body, unless the headers have one */
    int64_t total_ms, connect_ms, first_byte_ms;
    size_t max_body_bytes;
    int32_t max_redirects;      /* negative: none, and a 3xx is the answer */
    bool may_resend;            /* idempotent by method or by key: see above */
    bool fresh;                 /* on a connection of its own: none that may be dead already */
    const struct http_tls *tls; /* NULL: the client's */
};

/* What went wrong: the name is the error code of the node. */
#define HTTP_CODES(X)                                                                              \
    X(OK, "")                                                                                      \
    X(TIMEOUT, "timeout")                                                                          \
    X(FAILED, "http") /* no address, no connection, TLS, or not HTTP */                            \
    X(TOO_LARGE, "too_large")                                                                      \
    X(DENIED, "denied")                                                                            \
    X(CANCELLED, "cancelled")                                                                      \
    X(INTERNAL, "internal") /* no memory */

enum http_code {
#define X(name, text) HTTP_##name,
    HTTP_CODES(X)
#undef X
};
const char *http_code_name(enum http_code code);

enum http_outcome { HTTP_NOT_SENT, HTTP_ANSWERED, HTTP_UNKNOWN };
const char *http_outcome_name(enum http_outcome outcome); /* "not_sent", "answered", "unknown" */

/* Where a call is, or was when it ended. */
#define HTTP_PHASES(X)                                                                             \
    X(QUEUED, "waiting for its turn")                                                              \
    X(LOOKUP, "looking up the host")                                                               \
    X(CONNECT, "connecting")                                                                       \
    X(TLS, "TLS handshake")                                                                        \
    X(WAITING, "waiting for the answer")                                                           \
    X(READING, "reading the answer")

enum http_phase {
#define X(name, text) HTTP_PHASE_##name,
    HTTP_PHASES(X)
#undef X
};
const char *http_phase_name(enum http_phase phase);

/* Microseconds. dns to first_byte are of the last hop, each since the one before it; 0: did not come
 * to that (a kept connection has no dns, connect and tls). */
struct http_timings {
    int64_t queued_us, dns_us, connect_us, tls_us, first_byte_us;
    int64_t total_us; /* everything */
};

/* Borrowed for the callback; who wants the body takes it: copies the buf and zeroes this one. */
struct http_result {
    enum http_code code;
    enum http_outcome outcome;
    enum http_phase phase;
    bool retriable;    /* the same call may fare better later */
    char message[400]; /* "api.example.org: timeout of 500 ms: connecting"; "" when OK */
    int status; /* 0: none came; a redirect's, when the next hop failed. Any status is OK: `expect` is judged by the caller */
    int version; /* 10, 11, 20; 0: none */
    uint32_t redirects;
    uint32_t connections; /* opened for this call: 0 when a kept one served */
    char remote[HTTP_ADDRESS_TEXT];
    const char *url; /* the last one, with the query */
    struct http_headers headers;
    struct buf body;
    struct http_timings timings;
};

typedef void http_done_fn(void *context, struct http_result *result);

/* ERR_USAGE for a bad list, a proxy or CA file that cannot be; ERR_LIMIT without memory. */
MUSTCHECK struct http_client *
http_client_new(struct event_base *base, const struct http_settings *settings, struct err *err);
/* Calls under way are dropped and their callbacks not called. */
void http_client_free(struct http_client *client);
/* To add servers of our own. The client's. */
struct http_rules *http_client_rules(struct http_client *client);

/* Starts or queues a call; done is called once, later, but for http_client_free. NULL and err when the
 * request cannot be (ERR_USAGE: says what is wrong with it) or the queue is full or no memory is left
 * (ERR_LIMIT): then done is not called and nothing was sent. The handle is valid until done. */
MUSTCHECK struct http_call *http_client_call(struct http_client *client,
                                             const struct http_request *request, http_done_fn *done,
                                             void *context, struct err *err);
/* Ends a call with HTTP_CANCELLED; done is called in here. */
void http_call_cancel(struct http_call *call);

/* Calls that have not ended, queued ones included. */
uint32_t http_client_calls(const struct http_client *client);

#endif
