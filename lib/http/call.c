/* call: from its turn to its result, hop by hop. */
#include "http/call.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

const char *http_code_name(enum http_code code)
{
    static const char *const names[] = {
#define X(name, text) text,
        HTTP_CODES(X)
#undef X
    };
    return names[code];
}

const char *http_outcome_name(enum http_outcome outcome)
{
    static const char *const names[] = {"not_sent", "answered", "unknown"};
    return names[outcome];
}

const char *http_phase_name(enum http_phase phase)
{
    static const char *const names[] = {
#define X(name, text) text,
        HTTP_PHASES(X)
#undef X
    };
    return names[phase];
}

/* --- time --- */

void http_call_arm(struct http_call *call)
{
    int64_t at = call->total_at_us;
    if (call->phase_at_us && call->phase_at_us < at)
        at = call->phase_at_us;
    int64_t left = at - http_now_us();
    if (left < 0)
        left = 0;
    const struct timeval wait = {.tv_sec = left / 1000000, .tv_usec = left % 1000000};
    invariant(evtimer_add(call->timer, &wait) == 0, "libevent cannot set a timer");
}

static enum http_phase phase_of(const struct http_call *call)
{
    if (call->state == HTTP_QUEUED)
        return HTTP_PHASE_QUEUED;
    if (call->state == HTTP_LOOKUP || !call->easy)
        return HTTP_PHASE_LOOKUP;
    if (call->hop_answered)
        return HTTP_PHASE_READING;
    if (call->sends > 0)
        return HTTP_PHASE_WAITING;
    curl_off_t named = 0;
    (void)http_curl()->easy_getinfo(call->easy, CURLINFO_NAMELOOKUP_TIME_T, &named);
    if (named == 0 && call->socket < 0)
        return HTTP_PHASE_LOOKUP;
    /* libcurl tells the time of TCP's connection only when TLS is there too. */
    struct sockaddr_storage peer;
    socklen_t len = sizeof(peer);
    bool connected =
        call->tls_failed ||
        (call->socket >= 0 && getpeername(call->socket, (struct sockaddr *)&peer, &len) == 0);
    return connected && call->target.https ? HTTP_PHASE_TLS : HTTP_PHASE_CONNECT;
}

static void on_timer(evutil_socket_t fd UNUSED, short what UNUSED, void *context)
{
    struct http_call *call = context;
    int64_t now = http_now_us();
    if (now >= call->total_at_us)
        http_call_end(call, HTTP_TIMEOUT, true, "timeout of %lld ms", (long long)call->total_ms);
    else if (call->phase_at_us && now >= call->phase_at_us && call->sends > 0)
        http_call_end(call, HTTP_TIMEOUT, true, "timeout of %lld ms for the first byte",
                      (long long)call->first_byte_ms);
    else if (call->phase_at_us && now >= call->phase_at_us)
        http_call_end(call, HTTP_TIMEOUT, true, "timeout of %lld ms for the connection",
                      (long long)call->connect_ms);
    else
        http_call_arm(call);
}

bool http_call_watch(struct http_call *call)
{
    call->timer = evtimer_new(call->client->base, on_timer, call);
    if (!call->timer)
        return false;
    http_call_arm(call);
    return true;
}

/* --- hops --- */

static void drop_easy(struct http_call *call)
{
    if (call->easy) {
        /* Not in there when it could not be added; then nothing happens. */
        (void)http_curl()->multi_remove_handle(call->client->multi, call->easy);
        http_curl()->easy_cleanup(call->easy);
        call->easy = NULL;
    }
    http_curl()->slist_free_all(call->fields);
    call->fields = NULL;
}

/* Where a proxy makes the connection, only what is an address by itself can be judged here. */
static bool target_denied(struct http_call *call, const char **why)
{
    const struct http_settings *settings = &call->client->settings;
    if (!settings->proxy && !settings->environment_proxies)
        return false;
    struct sockaddr_storage address;
    const char *host = call->target.host;
    size_t len = strlen(host);
    if (http_address_literal(host, call->target.port, &address))
        *why = http_rules_refuse(&call->client->rules, (const struct sockaddr *)&address);
    else if (strcmp(host, "localhost") == 0 || strcmp(host, "localhost.") == 0 ||
             (len > 10 && strcmp(host + len - 10, ".localhost") == 0))
        *why = "loopback";
    else
        *why = NULL;
    return *why != NULL;
}

static void begin_hop(struct http_call *call)
{
    const char *why;
    call->sends = 0;
    call->hop_answered = false;
    call->interim = false;
    call->header_bytes = 0;
    call->headers_done = false;
    call->permitted = false;
    call->tls_failed = false;
    call->socket = -1;
    call->denied[0] = '\0';
    call->result.url = call->target.url;
    if (target_denied(call, &why)) {
        http_call_end(call, HTTP_DENIED, false, "is denied: %s", why);
        return;
    }
    call->phase_at_us = http_now_us() + call->connect_ms * 1000;
    http_call_arm(call);
    if (http_lookup_begin(call))
        http_call_connect(call);
}

void http_call_start(struct http_call *call)
{
    call->started_us = http_now_us();
    http_call_move(call, HTTP_RUNNING);
    begin_hop(call);
}

void http_call_connect(struct http_call *call)
{
    if (!http_easy_make(call)) {
        http_call_end(call, HTTP_INTERNAL, false, "cannot begin: %s", call->error);
        return;
    }
    CURLMcode code = http_curl()->multi_add_handle(call->client->multi, call->easy);
    if (code != CURLM_OK)
        http_call_end(call, HTTP_INTERNAL, true, "cannot begin: %s",
                      http_curl()->multi_strerror(code));
}

static void take_timings(struct http_call *call)
{
    curl_off_t named = 0, connected = 0, secure = 0, sent = 0, first = 0;
    long opened = 0, version = 0;
    (void)http_curl()->easy_getinfo(call->easy, CURLINFO_NAMELOOKUP_TIME_T, &named);
    (void)http_curl()->easy_getinfo(call->easy, CURLINFO_CONNECT_TIME_T, &connected);
    (void)http_curl()->easy_getinfo(call->easy, CURLINFO_APPCONNECT_TIME_T, &secure);
    (void)http_curl()->easy_getinfo(call->easy, CURLINFO_PRETRANSFER_TIME_T, &sent);
    (void)http_curl()->easy_getinfo(call->easy, CURLINFO_STARTTRANSFER_TIME_T, &first);
    (void)http_curl()->easy_getinfo(call->easy, CURLINFO_NUM_CONNECTS, &opened);
    (void)http_curl()->easy_getinfo(call->easy, CURLINFO_HTTP_VERSION, &version);
    struct http_timings *timings = &call->result.timings;
    bool kept = opened == 0;
    timings->dns_us = kept ? 0 : (int64_t)named;
    timings->connect_us = kept || connected < named ? 0 : (int64_t)(connected - named);
    timings->tls_us = kept || secure < connected ? 0 : (int64_t)(secure - connected);
    timings->first_byte_us = first > sent ? (int64_t)(first - sent) : 0;
    call->result.connections += (uint32_t)opened;
    call->result.version = version == CURL_HTTP_VERSION_1_0   ? 10
                           : version == CURL_HTTP_VERSION_1_1 ? 11
                           : version == CURL_HTTP_VERSION_2_0 ? 20
                                                              : 0;
}

static enum http_outcome outcome_of(const struct http_call *call)
{
    long sent = 0;
    if (call->easy)
        (void)http_curl()->easy_getinfo(call->easy, CURLINFO_REQUEST_SIZE, &sent);
    if (call->hop_answered)
        return HTTP_ANSWERED;
    if (sent > 0)
        return HTTP_UNKNOWN;
    return call->any_answered ? HTTP_ANSWERED : HTTP_NOT_SENT;
}

void http_call_end(struct http_call *call, enum http_code code, bool retriable, const char *format,
                   ...)
{
    struct http_result *result = &call->result;
    invariant(call->state != HTTP_ENDING, "a call ends twice");
    result->code = code;
    result->retriable = retriable;
    result->phase = phase_of(call);
    result->outcome = outcome_of(call);
    if (code != HTTP_OK) {
        char text[sizeof(result->message)];
        va_list args;
        va_start(args, format);
        (void)vsnprintf(text, sizeof(text), format, args);
        va_end(args);
        (void)snprintf(result->message, sizeof(result->message), "%.100s: %.200s (%s)",
                       call->target.host, text, http_phase_name(result->phase));
        buf_free(&result->body);
    }
    int64_t now = http_now_us();
    result->timings.queued_us = (call->started_us ? call->started_us : now) - call->began_us;
    result->timings.total_us = now - call->began_us;
    if (call->easy)
        take_timings(call);
    if (call->state == HTTP_LOOKUP)
        http_lookup_leave(call);
    else if (call->host)
        http_lookup_failed(call, NULL);
    drop_easy(call);
    if (call->timer)
        (void)evtimer_del(call->timer);
    http_call_move(call, HTTP_ENDING);
    http_client_later(call->client);
}

/* false: this is the answer itself. */
static bool redirected(struct http_call *call, struct slice *location)
{
    *location = http_headers_get(&call->result.headers, "location");
    return call->max_redirects > 0 && http_status_redirects(call->result.status) &&
           location->len > 0;
}

static void follow(struct http_call *call, struct slice location)
{
    struct err err = ERR_INIT;
    if (call->result.redirects == call->max_redirects) {
        http_call_end(call, HTTP_FAILED, false, "more than %u redirects", call->max_redirects);
        return;
    }
    if (http_target_redirect(&call->target, &call->target, call->result.status, location,
                             &call->arena, &err)) {
        http_call_end(call, err.code == ERR_REFUSED ? HTTP_DENIED : HTTP_FAILED, false,
                      "a redirect: %s", err.message);
        return;
    }
    take_timings(call);
    drop_easy(call);
    call->any_answered = true;
    call->result.redirects++;
    buf_reset(&call->result.body);
    begin_hop(call);
}

static const char *why_of(const struct http_call *call, CURLcode code)
{
    return call->error[0] ? call->error : http_curl()->easy_strerror(code);
}

/* What libcurl's code means for the caller. */
static void end_as(struct http_call *call, CURLcode code)
{
    const char *text = why_of(call, code);
    switch ((int)code) {
    case CURLE_OPERATION_TIMEDOUT: /* ours fire first, or at the same time */
        http_call_end(call, HTTP_TIMEOUT, true, "timeout of %lld ms for the connection",
                      (long long)call->connect_ms);
        break;
    case CURLE_FILESIZE_EXCEEDED:
        http_call_end(call, HTTP_TOO_LARGE, false, "the answer's body has more than %zu bytes",
                      call->max_body_bytes);
        break;
    case CURLE_OUT_OF_MEMORY:
        /* libcurl says the same of a header line above its own cap. */
        if (call->sends > 0)
            http_call_end(call, HTTP_TOO_LARGE, false, "the answer's headers are too large");
        else
            http_call_end(call, HTTP_INTERNAL, true, "no memory");
        break;
    case CURLE_SSL_CONNECT_ERROR:
        call->tls_failed = true;
        http_call_end(call, HTTP_FAILED, true, "%s", text);
        break;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_CONNECT:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_PARTIAL_FILE:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
        http_call_end(call, HTTP_FAILED, true, "%s", text);
        break;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_INVALIDCERTSTATUS:
    case CURLE_SSL_CLIENTCERT:
        call->tls_failed = true;
        http_call_end(call, HTTP_FAILED, false, "%s", text);
        break;
    default: /* what is no HTTP, encodings: the same again would be the same */
        http_call_end(call, HTTP_FAILED, false, "%s", text);
        break;
    }
}

void http_call_hop_over(struct http_call *call, CURLcode code)
{
    struct slice location;
    bool no_address = code == CURLE_COULDNT_RESOLVE_HOST || code == CURLE_COULDNT_RESOLVE_PROXY;
    if (call->host)
        http_lookup_failed(call, no_address ? why_of(call, code) : NULL);
    if (call->refused) {
        char text[sizeof(call->result.message)];
        memcpy(text, call->result.message, sizeof(text));
        http_call_end(call, call->result.code, call->result.code == HTTP_FAILED, "%s", text);
    } else if (code == CURLE_COULDNT_CONNECT && call->denied[0] && !call->permitted) {
        http_call_end(call, HTTP_DENIED, false, "%s", call->denied);
    } else if (code != CURLE_OK) {
        end_as(call, code);
    } else if (redirected(call, &location)) {
        follow(call, location);
    } else {
        http_call_end(call, HTTP_OK, false, "%s", "");
    }
}

void http_call_free(struct http_call *call)
{
    drop_easy(call);
    if (call->timer)
        event_free(call->timer);
    buf_free(&call->result.body);
    arena_free(&call->arena);
    free(call);
}
