/* call: one call and the client that it belongs to. Internal to lib/http.
 *
 * client.c has the queue, the loop and what libcurl asks of it; call.c one call from its first hop to
 * its result; lookup.c the turns of looking up hosts. A hop is one request: the first, or one after a
 * redirect; each has an easy handle of its own.
 *
 *   state      list                 what is set
 *   QUEUED     client->queue        target
 *   LOOKUP     host->waiting        waits until another call has looked up the same host, or for a
 *                                   turn
 *   RUNNING    client->running      easy, in the multi handle
 *   ENDING     client->ending       result; done is called from the loop
 */
#ifndef TROUPE_HTTP_CALL_H
#define TROUPE_HTTP_CALL_H

#include "base/arena.h"
#include "base/strmap.h"
#include "http/client.h"
#include "http/curl.h"
#include "http/target.h"
#include <sys/queue.h>

TAILQ_HEAD(http_call_list, http_call);
TAILQ_HEAD(http_host_list, http_host);
TAILQ_HEAD(http_socket_list, http_socket);

enum http_state { HTTP_QUEUED, HTTP_LOOKUP, HTTP_RUNNING, HTTP_ENDING };

/* A host and port whose address libcurl has, or is to find out. */
struct http_host {
    TAILQ_ENTRY(http_host) link; /* in client->hosts_waiting, while wants_turn */
    char *key;                   /* "host:port" */
    struct http_call_list waiting;
    int64_t known_until_us; /* libcurl has it in its cache */
    bool resolving;         /* one call of it is at it */
    bool wants_turn;
};

struct http_socket {
    TAILQ_ENTRY(http_socket) link;
    struct event *event;
};

struct http_call {
    TAILQ_ENTRY(http_call) link;
    struct http_client *client;
    http_done_fn *done;
    void *context;
    enum http_state state;
    struct arena arena; /* target, headers, all that is the call's */
    struct http_target target;
    struct http_tls tls;
    CURL *easy;
    struct curl_slist *fields;
    struct http_host *host; /* looked up by this call: resolving; or waiting there */
    struct event *timer;    /* the nearest of the two deadlines */
    int64_t began_us, started_us;
    int64_t total_at_us, phase_at_us; /* 0: none */
    int64_t total_ms, connect_ms, first_byte_ms;
    size_t max_body_bytes;
    size_t header_bytes;
    uint32_t max_redirects;
    uint32_t sends;       /* of this hop */
    curl_socket_t socket; /* the last one it opened, or -1: libcurl's, only to look at */
    bool may_resend, fresh;
    bool hop_answered; /* a final status line and its headers are there */
    bool interim;      /* the header block being read is a 1xx */
    bool headers_done; /* what follows are trailers */
    bool tls_failed;
    bool permitted;    /* some socket of the hop was */
    bool any_answered; /* an earlier hop was */
    bool refused;      /* result.code and message say why libcurl was told to stop */
    char denied[HTTP_ADDRESS_TEXT + 40];
    char error[CURL_ERROR_SIZE];
    struct http_result result;
};

struct http_client {
    struct event_base *base;
    CURLM *multi;
    struct event *curl_timer;
    struct event *turn; /* what must not be done inside libcurl, or inside http_client_call */
    struct http_rules rules;
    struct http_settings settings; /* texts are in the arena */
    struct arena arena;
    struct http_call_list queue, running, ending;
    struct http_socket_list sockets;
    uint32_t queued, active; /* active: all but queued */
    struct strmap hosts;
    struct http_host_list hosts_waiting;
    uint32_t lookups;
};

/* --- client.c --- */
int64_t http_now_us(void);
/* Soon the loop does what could not be done where it came up. */
void http_client_later(struct http_client *client);
void http_call_move(struct http_call *call, enum http_state state);

/* --- call.c --- */
/* Out of the queue: looks up the host, or connects at once. */
void http_call_start(struct http_call *call);
/* The look-up is somebody else's or done: connects. */
void http_call_connect(struct http_call *call);
/* libcurl is done with the hop: another one, or the end. */
void http_call_hop_over(struct http_call *call, CURLcode code);
/* Ends the call: the result is complete, done is called later. code OK: as libcurl left it. */
void http_call_end(struct http_call *call, enum http_code code, bool retriable, const char *format,
                   ...) PRINTF(4, 5);
/* Frees all that is left, in whatever state. */
void http_call_free(struct http_call *call);
/* Makes the timer and sets it; false: no memory. */
bool http_call_watch(struct http_call *call);
void http_call_arm(struct http_call *call);

/* --- easy.c --- */
/* The easy handle of a hop. false: no memory, or libcurl cannot do it: call->error says what. */
bool http_easy_make(struct http_call *call);

/* --- lookup.c --- */
/* Whether the call may connect at once; else it is in a host's list and http_call_connect is called
 * in its turn, or http_call_end. */
bool http_lookup_begin(struct http_call *call);
/* The call has got past the look-up (or found a kept connection). */
void http_lookup_over(struct http_call *call);
/* It ended before that. reason: why no address was found, for all that wait for the same; NULL: that
 * says nothing about the host, the next one tries. */
void http_lookup_failed(struct http_call *call, const char *reason);
/* A call that waits is leaving. */
void http_lookup_leave(struct http_call *call);
/* Gives free turns to hosts that wait for one. */
void http_lookup_turns(struct http_client *client);
void http_lookup_free(struct http_client *client);

#endif
