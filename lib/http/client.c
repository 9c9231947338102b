/* client: the queue, libcurl's sockets and timer on the loop, and the ends of calls. */
#include "http/client.h"
#include "base/clock.h"
#include "http/call.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int64_t http_now_us(void) { return clock_mono_us(&clock_system); }

void http_client_later(struct http_client *client) { event_active(client->turn, EV_TIMEOUT, 0); }

struct http_rules *http_client_rules(struct http_client *client) { return &client->rules; }

uint32_t http_client_calls(const struct http_client *client)
{
    return client->queued + client->active;
}

/* The list that a call in this state is in. */
static struct http_call_list *home_of(struct http_call *call)
{
    switch (call->state) {
    case HTTP_QUEUED:
        return &call->client->queue;
    case HTTP_LOOKUP:
        return &call->host->waiting;
    case HTTP_RUNNING:
        return &call->client->running;
    case HTTP_ENDING:
        return &call->client->ending;
    }
    panic("a call in state %d", (int)call->state);
}

void http_call_move(struct http_call *call, enum http_state state)
{
    TAILQ_REMOVE(home_of(call), call, link);
    if (call->state == HTTP_QUEUED) {
        call->client->queued--;
        call->client->active++;
    }
    call->state = state;
    TAILQ_INSERT_TAIL(home_of(call), call, link);
}

static void deliver(struct http_call *call)
{
    TAILQ_REMOVE(&call->client->ending, call, link);
    call->client->active--;
    call->done(call->context, &call->result);
    http_call_free(call);
}

void http_call_cancel(struct http_call *call)
{
    struct http_client *client = call->client;
    if (call->state != HTTP_ENDING)
        http_call_end(call, HTTP_CANCELLED, false, "cancelled");
    deliver(call);
    http_client_later(client);
}

/* Whatever came up where it could not be done: ends, look-ups, the queue. */
static void on_turn(evutil_socket_t fd UNUSED, short what UNUSED, void *context)
{
    struct http_client *client = context;
    struct http_call *call;
    http_lookup_turns(client);
    while ((call = TAILQ_FIRST(&client->ending)))
        deliver(call);
    while (client->active < client->settings.max_calls && (call = TAILQ_FIRST(&client->queue)))
        http_call_start(call);
}

/* --- libcurl on the loop --- */

static void read_messages(struct http_client *client)
{
    const CURLMsg *message;
    int left;
    while ((message = http_curl()->multi_info_read(client->multi, &left))) {
        if (message->msg != CURLMSG_DONE)
            continue;
        CURLcode code = message->data.result; /* the message goes with the handle */
        char *private = NULL;
        (void)http_curl()->easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &private);
        invariant(private, "a transfer without a call");
        http_call_hop_over((struct http_call *)(void *)private, code);
    }
}

static void act(struct http_client *client, curl_socket_t fd, int what)
{
    int running = 0;
    CURLMcode code = http_curl()->multi_socket_action(client->multi, fd, what, &running);
    invariant(code == CURLM_OK || code == CURLM_BAD_SOCKET, "libcurl: %s",
              http_curl()->multi_strerror(code));
    read_messages(client);
}

static void on_socket_ready(evutil_socket_t fd, short what, void *context)
{
    int mask = (what & EV_READ ? CURL_CSELECT_IN : 0) | (what & EV_WRITE ? CURL_CSELECT_OUT : 0);
    act(context, fd, mask);
}

static void on_curl_timer(evutil_socket_t fd UNUSED, short what UNUSED, void *context)
{
    act(context, CURL_SOCKET_TIMEOUT, 0);
}

static void drop_socket(struct http_client *client, struct http_socket *socket)
{
    TAILQ_REMOVE(&client->sockets, socket, link);
    event_free(socket->event);
    free(socket);
}

static int on_curl_socket(CURL *easy UNUSED, curl_socket_t fd, int what, void *context,
                          void *assigned)
{
    struct http_client *client = context;
    struct http_socket *socket = assigned;
    if (what == CURL_POLL_REMOVE) {
        if (socket)
            drop_socket(client, socket);
        return 0;
    }
    short events = (short)(EV_PERSIST | (what & CURL_POLL_IN ? EV_READ : 0) |
                           (what & CURL_POLL_OUT ? EV_WRITE : 0));
    if (!socket) {
        socket = calloc(1, sizeof(*socket));
        if (!socket)
            return -1;
        socket->event = event_new(client->base, fd, events, on_socket_ready, client);
        if (!socket->event) {
            free(socket);
            return -1;
        }
        TAILQ_INSERT_TAIL(&client->sockets, socket, link);
        invariant(http_curl()->multi_assign(client->multi, fd, socket) == CURLM_OK,
                  "libcurl: no socket %d", (int)fd);
    } else {
        (void)event_del(socket->event);
        invariant(event_assign(socket->event, client->base, fd, events, on_socket_ready, client) ==
                      0,
                  "libevent cannot change an event");
    }
    return event_add(socket->event, NULL);
}

static int on_curl_timeout(CURLM *multi UNUSED, long timeout_ms, void *context)
{
    struct http_client *client = context;
    if (timeout_ms < 0)
        return evtimer_del(client->curl_timer);
    const struct timeval wait = {.tv_sec = timeout_ms / 1000, .tv_usec = timeout_ms % 1000 * 1000};
    return evtimer_add(client->curl_timer, &wait);
}

/* --- calls --- */

static int64_t or_default(int64_t value, int64_t otherwise)
{
    return value > 0 ? value : otherwise;
}

static bool copy_text(struct arena *arena, const char **text)
{
    if (!*text)
        return true;
    *text = arena_strdup(arena, slice_str(*text));
    return *text != NULL;
}

static bool copy_tls(struct arena *arena, struct http_tls *tls)
{
    return copy_text(arena, &tls->ca_file) && copy_text(arena, &tls->cert_file) &&
           copy_text(arena, &tls->key_file);
}

static void take_limits(struct http_call *call, const struct http_request *request)
{
    const struct http_settings *settings = &call->client->settings;
    call->total_ms = or_default(request->total_ms, settings->total_ms);
    call->connect_ms = or_default(request->connect_ms, settings->connect_ms);
    call->first_byte_ms = or_default(request->first_byte_ms, settings->first_byte_ms);
    call->max_body_bytes =
        request->max_body_bytes ? request->max_body_bytes : settings->max_body_bytes;
    call->max_redirects = request->max_redirects > 0    ? (uint32_t)request->max_redirects
                          : request->max_redirects == 0 ? settings->max_redirects
                                                        : 0;
    call->may_resend = request->may_resend;
    call->fresh = request->fresh;
    buf_init(&call->result.body, call->max_body_bytes);
}

/* With the first call: libcurl is loaded for it. */
static int set_up_multi(struct http_client *client, struct err *err)
{
    const struct http_curl *curl = http_curl_load(err);
    if (!curl)
        return -1;
    CURLM *multi = curl->multi_init();
    client->multi = multi;
    client->curl_timer = evtimer_new(client->base, on_curl_timer, client);
    client->turn = event_new(client->base, -1, 0, on_turn, client);
    if (!multi || !client->curl_timer || !client->turn)
        return err_set(err, ERR_LIMIT, "no memory for an HTTP client");
    if (curl->multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_curl_socket) != CURLM_OK ||
        curl->multi_setopt(multi, CURLMOPT_SOCKETDATA, client) != CURLM_OK ||
        curl->multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_curl_timeout) != CURLM_OK ||
        curl->multi_setopt(multi, CURLMOPT_TIMERDATA, client) != CURLM_OK ||
        curl->multi_setopt(multi, CURLMOPT_MAXCONNECTS, (long)client->settings.max_idle) !=
            CURLM_OK ||
        curl->multi_setopt(multi, CURLMOPT_PIPELINING, (long)CURLPIPE_MULTIPLEX) != CURLM_OK)
        return err_set(err, ERR_INTERNAL, "libcurl lacks what is needed");
    return 0;
}

static void tear_down_multi(struct http_client *client)
{
    if (client->multi)
        (void)http_curl()->multi_cleanup(client->multi);
    if (client->curl_timer)
        event_free(client->curl_timer);
    if (client->turn)
        event_free(client->turn);
    client->multi = NULL;
    client->curl_timer = client->turn = NULL;
}

struct http_call *http_client_call(struct http_client *client, const struct http_request *request,
                                   http_done_fn *done, void *context, struct err *err)
{
    if (client->queued >= client->settings.max_queue) {
        (void)err_set(err, ERR_LIMIT, "%u HTTP calls wait for their turn already", client->queued);
        return NULL;
    }
    if (!client->multi && set_up_multi(client, err) != 0) {
        tear_down_multi(client); /* the next call tries again */
        return NULL;
    }
    struct http_call *call = calloc(1, sizeof(*call));
    if (!call) {
        (void)err_set(err, ERR_LIMIT, "no memory for an HTTP call");
        return NULL;
    }
    *call = (struct http_call){.client = client, .done = done, .context = context};
    arena_init(&call->arena, (1U << 20) + 8 * client->settings.max_header_bytes);
    if (http_target_make(&call->target, request, &call->arena, err)) {
        http_call_free(call);
        return NULL;
    }
    take_limits(call, request);
    call->tls = request->tls ? *request->tls : client->settings.tls;
    if (request->tls && !copy_tls(&call->arena, &call->tls)) {
        http_call_free(call);
        (void)err_set(err, ERR_LIMIT, "no memory for an HTTP call");
        return NULL;
    }
    call->result.url = call->target.url;
    call->began_us = http_now_us();
    call->total_at_us = call->began_us + call->total_ms * 1000;
    if (!http_call_watch(call)) {
        http_call_free(call);
        (void)err_set(err, ERR_LIMIT, "no memory for an HTTP call");
        return NULL;
    }
    call->state = HTTP_QUEUED;
    TAILQ_INSERT_TAIL(&client->queue, call, link);
    client->queued++;
    if (client->active < client->settings.max_calls)
        http_client_later(client);
    return call;
}

/* --- the client --- */

static int check_file(const char *path, const char *what, struct err *err)
{
    if (path && access(path, R_OK) != 0)
        return err_set(err, ERR_USAGE, "%s %s: cannot be read", what, path);
    return 0;
}

static int take_settings(struct http_client *client, const struct http_settings *given,
                         struct err *err)
{
    struct http_settings *s = &client->settings;
    *s = *given;
    s->max_calls = s->max_calls ? s->max_calls : 1000;
    s->max_queue = s->max_queue ? s->max_queue : 10000;
    s->max_lookups = s->max_lookups ? s->max_lookups : 16;
    s->max_idle = s->max_idle ? s->max_idle : 256;
    s->max_body_bytes = s->max_body_bytes ? s->max_body_bytes : 16U << 20;
    s->max_header_bytes = s->max_header_bytes ? s->max_header_bytes : 64U << 10;
    s->total_ms = or_default(s->total_ms, 30000);
    s->connect_ms = or_default(s->connect_ms, 10000);
    s->max_redirects = s->max_redirects ? s->max_redirects : 5;
    if (!s->user_agent)
        s->user_agent = "troupe";
    s->allow = s->deny = NULL; /* they are in the rules */
    if (check_file(s->tls.ca_file, "CA file", err) ||
        check_file(s->tls.cert_file, "client certificate", err) ||
        check_file(s->tls.key_file, "client key", err))
        return -1;
    if (!copy_text(&client->arena, &s->user_agent) || !copy_text(&client->arena, &s->proxy) ||
        !copy_tls(&client->arena, &s->tls))
        return err_set(err, ERR_LIMIT, "no memory for an HTTP client");
    if (!http_is_field_value(slice_str(s->user_agent)))
        return err_set(err, ERR_USAGE, "the user agent has a control character");
    return 0;
}

static int check_proxy(const char *proxy, struct err *err)
{
    if (!http_curl_load(err))
        return -1;
    CURLU *url = http_curl()->url();
    CURLUcode code = url ? http_curl()->url_set(url, CURLUPART_URL, proxy, CURLU_NON_SUPPORT_SCHEME)
                         : CURLUE_OUT_OF_MEMORY;
    http_curl()->url_cleanup(url);
    if (code != CURLUE_OK) /* not the text: it may have a password */
        return err_set(err, ERR_USAGE, "the proxy must be a URL such as http://host:3128: %s",
                       http_curl()->url_strerror(code));
    return 0;
}

struct http_client *http_client_new(struct event_base *base, const struct http_settings *settings,
                                    struct err *err)
{
    struct http_client *client = calloc(1, sizeof(*client));
    if (!client) {
        (void)err_set(err, ERR_LIMIT, "no memory for an HTTP client");
        return NULL;
    }
    client->base = base;
    TAILQ_INIT(&client->queue);
    TAILQ_INIT(&client->running);
    TAILQ_INIT(&client->ending);
    TAILQ_INIT(&client->sockets);
    TAILQ_INIT(&client->hosts_waiting);
    strmap_init(&client->hosts);
    arena_init(&client->arena, 1U << 20);
    if (http_rules_init(&client->rules, settings->allow, settings->deny, err) ||
        take_settings(client, settings, err) ||
        (client->settings.proxy && check_proxy(client->settings.proxy, err))) {
        http_client_free(client);
        return NULL;
    }
    return client;
}

static void drop_calls(struct http_call_list *list)
{
    struct http_call *call;
    while ((call = TAILQ_FIRST(list))) {
        TAILQ_REMOVE(list, call, link);
        http_call_free(call);
    }
}

void http_client_free(struct http_client *client)
{
    if (!client)
        return;
    size_t at = 0;
    struct slice key;
    void *host;
    drop_calls(&client->queue);
    drop_calls(&client->running);
    drop_calls(&client->ending);
    while (strmap_each(&client->hosts, &at, &key, &host))
        drop_calls(&((struct http_host *)host)->waiting);
    tear_down_multi(client);
    for (struct http_socket *socket = TAILQ_FIRST(&client->sockets), *next; socket; socket = next) {
        next = TAILQ_NEXT(socket, link); /* one that libcurl has not given back */
        event_free(socket->event);
        free(socket);
    }
    http_lookup_free(client);
    http_rules_free(&client->rules);
    arena_free(&client->arena);
    free(client);
}
