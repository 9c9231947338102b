/* http_fixture: a small HTTP server on the test's own loop, that can also misbehave.
 *
 * Its paths:
 *   /echo             the request as it came, head and body
 *   /status/NNN       that status
 *   /redirect/NNN?URL that status, with the URL as Location
 *   /large/N          N bytes
 *   /chunked          three chunks and a trailer
 *   /bomb             64 MiB of zeros, compressed
 *   /never            no answer
 *   /stall            headers and a part of the body, then nothing
 *   /cut              the same, then the connection ends
 *   /reset            the connection is reset once the request is read
 *   /second           answers the first request of a connection; ends the connection at the second
 *   /delay            answers after 10 ms
 *   /headers/N        N headers of 100 bytes
 *   /long             a header of 200 KB
 *   /odd              headers that are folded, repeated, not UTF-8
 *   /interim          103, 100, then 200
 *   /nonsense         what is no HTTP
 *   http://…          200, as a proxy that makes it up
 */
#ifndef TROUPE_TESTS_HTTP_FIXTURE_H
#define TROUPE_TESTS_HTTP_FIXTURE_H

#include "base/buf.h"
#include "http/client.h"
#include <arpa/inet.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <zlib.h>

struct server_connection {
    TAILQ_ENTRY(server_connection) link;
    struct server *server;
    struct bufferevent *events;
    struct event *timer;
    uint32_t requests;
    bool ending; /* closes when all is written */
};

struct server {
    struct event_base *base;
    struct evconnlistener *listener;
    uint16_t port;
    uint32_t connections; /* ever */
    uint32_t requests;
    struct buf last; /* request */
    struct buf bomb;
    TAILQ_HEAD(, server_connection) open;
};

static void server_drop(struct server_connection *connection)
{
    TAILQ_REMOVE(&connection->server->open, connection, link);
    bufferevent_free(connection->events);
    if (connection->timer)
        event_free(connection->timer);
    free(connection);
}

static void server_say(struct server_connection *connection, const char *head, const char *body,
                       size_t len)
{
    struct evbuffer *out = bufferevent_get_output(connection->events);
    evbuffer_add_printf(out, "HTTP/1.1 %s\r\nContent-Length: %zu\r\n\r\n", head, len);
    evbuffer_add(out, body, len);
}

static void server_raw(struct server_connection *connection, const char *text)
{
    evbuffer_add(bufferevent_get_output(connection->events), text, strlen(text));
}

static void server_delayed(evutil_socket_t fd UNUSED, short what UNUSED, void *context)
{
    server_say(context, "200 OK", "late", 4);
}

static void server_numbered(struct server_connection *connection, const char *path)
{
    unsigned long number = strtoul(strrchr(path, '/') + 1, NULL, 10);
    char head[8192];
    if (strncmp(path, "/status/", 8) == 0) {
        (void)snprintf(head, sizeof(head), "%lu Some", number);
        server_say(connection, head, "x", number == 204 || number == 304 ? 0 : 1);
    } else if (strncmp(path, "/large/", 7) == 0) {
        char *bytes = malloc(number + 1);
        memset(bytes, 'a', number);
        server_say(connection, "200 OK\r\nContent-Type: text/plain", bytes, number);
        free(bytes);
    } else {
        struct buf text;
        buf_init(&text, 0);
        buf_str(&text, "HTTP/1.1 200 OK\r\n");
        for (unsigned long i = 0; i < number; i++)
            buf_printf(&text, "X-%05lu: %090lu\r\n", i, i);
        buf_str(&text, "Content-Length: 0\r\n\r\n");
        server_raw(connection, text.data);
        buf_free(&text);
    }
}

/* true: the connection is gone. */
static bool server_misbehave(struct server_connection *connection, const char *path)
{
    static const char part[] = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npart";
    if (strcmp(path, "/stall") == 0) {
        server_raw(connection, part);
    } else if (strcmp(path, "/cut") == 0) {
        server_raw(connection, part);
        connection->ending = true;
    } else if (strcmp(path, "/reset") == 0 ||
               (strcmp(path, "/second") == 0 && connection->requests == 2)) {
        const struct linger now = {.l_onoff = 1, .l_linger = 0};
        (void)setsockopt(bufferevent_getfd(connection->events), SOL_SOCKET, SO_LINGER, &now,
                         sizeof(now));
        server_drop(connection);
        return true;
    } else if (strcmp(path, "/nonsense") == 0) {
        server_raw(connection, "hello\r\n\r\n");
        connection->ending = true;
    }
    return false;
}

static void server_oddities(struct server_connection *connection, const char *path)
{
    if (strcmp(path, "/chunked") == 0)
        server_raw(connection,
                   "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: x-t\r\n\r\n"
                   "3\r\nabc\r\n4;ext=1\r\ndefg\r\n1\r\nh\r\n0\r\nX-T: late\r\n\r\n");
    else if (strcmp(path, "/odd") == 0)
        server_raw(connection,
                   "HTTP/1.1 200 OK\r\nSet-Cookie: a=1; Expires=Wed, 01 Jan\r\nVia: one\r\n"
                   "VIA:  two \r\nset-cookie: b=2\r\nX-Latin: caf\xe9\r\nX-Folded: one\r\n  two\r\n"
                   "X-Empty:\r\nContent-Length: 0\r\n\r\n");
    else if (strcmp(path, "/long") == 0)
        evbuffer_add_printf(bufferevent_get_output(connection->events),
                            "HTTP/1.1 200 OK\r\nX-Long: %0200000d\r\nContent-Length: 0\r\n\r\n", 1);
    else if (strcmp(path, "/interim") == 0)
        server_raw(connection,
                   "HTTP/1.1 103 Early Hints\r\nX-Early: 1\r\n\r\nHTTP/1.1 100 Continue"
                   "\r\n\r\nHTTP/1.1 200 OK\r\nX-Late: 1\r\nContent-Length: 2\r\n\r\nok");
}

static void server_handle(struct server_connection *connection, const char *path, bool head)
{
    struct server *server = connection->server;
    char text[4096];
    if (strncmp(path, "http://", 7) == 0) { /* as a proxy */
        server_say(connection, "200 OK", "proxied", 7);
    } else if (strcmp(path, "/echo") == 0) {
        server_say(connection, "200 OK\r\nContent-Type: text/plain", server->last.data,
                   head ? 0 : server->last.len);
    } else if (strncmp(path, "/redirect/", 10) == 0) {
        const char *to = strchr(path, '?');
        (void)snprintf(text, sizeof(text), "%.3s Over\r\nLocation: %s", path + 10,
                       to ? to + 1 : "");
        server_say(connection, text, "moved", head ? 0 : 5);
    } else if (strcmp(path, "/bomb") == 0) {
        server_say(connection, "200 OK\r\nContent-Encoding: gzip", server->bomb.data,
                   server->bomb.len);
    } else if (strcmp(path, "/delay") == 0) {
        const struct timeval ms10 = {.tv_usec = 10000};
        if (!connection->timer)
            connection->timer = evtimer_new(server->base, server_delayed, connection);
        (void)evtimer_add(connection->timer, &ms10);
    } else if (strcmp(path, "/second") == 0) {
        server_say(connection, "200 OK", "first", 5);
    } else if (strncmp(path, "/status/", 8) == 0 || strncmp(path, "/large/", 7) == 0 ||
               strncmp(path, "/headers/", 9) == 0) {
        server_numbered(connection, path);
    } else {
        server_oddities(connection, path);
    }
}

static void server_read(struct bufferevent *events, void *context)
{
    struct server_connection *connection = context;
    struct server *server = connection->server;
    struct evbuffer *in = bufferevent_get_input(events);
    for (;;) {
        struct evbuffer_ptr end = evbuffer_search(in, "\r\n\r\n", 4, NULL);
        if (end.pos < 0)
            return;
        size_t head = (size_t)end.pos + 4;
        char *copy = malloc(head + 1);
        if (!copy || evbuffer_copyout(in, copy, head) != (ev_ssize_t)head)
            abort();
        copy[head] = '\0';
        const char *field = strcasestr(copy, "\r\nContent-Length:");
        size_t body = field ? strtoul(field + 17, NULL, 10) : 0;
        if (evbuffer_get_length(in) < head + body) {
            free(copy);
            return;
        }
        server->requests++;
        connection->requests++;
        buf_reset(&server->last);
        buf_append(&server->last, evbuffer_pullup(in, (ev_ssize_t)(head + body)), head + body);
        (void)evbuffer_drain(in, head + body);
        char method[32], path[4000];
        bool gone = true;
        if (sscanf(copy, "%31s %3999s", method, path) == 2) {
            if (strncmp(path, "/redirect/", 10) != 0)
                path[strcspn(path, "?")] = '\0';
            gone = server_misbehave(connection, path);
            if (!gone)
                server_handle(connection, path, strcmp(method, "HEAD") == 0);
        } else {
            server_drop(connection);
        }
        free(copy);
        if (gone)
            return;
    }
}

static void server_written(struct bufferevent *events UNUSED, void *context)
{
    struct server_connection *connection = context;
    if (connection->ending)
        server_drop(connection);
}

static void server_event(struct bufferevent *events UNUSED, short what UNUSED, void *context)
{
    server_drop(context);
}

static void server_accept(struct evconnlistener *listener UNUSED, evutil_socket_t fd,
                          struct sockaddr *address UNUSED, int len UNUSED, void *context)
{
    struct server *server = context;
    struct server_connection *connection = calloc(1, sizeof(*connection));
    connection->server = server;
    connection->events = bufferevent_socket_new(server->base, fd, BEV_OPT_CLOSE_ON_FREE);
    bufferevent_setcb(connection->events, server_read, server_written, server_event, connection);
    (void)bufferevent_enable(connection->events, EV_READ | EV_WRITE);
    TAILQ_INSERT_TAIL(&server->open, connection, link);
    server->connections++;
}

static UNUSED void server_make_bomb(struct buf *bomb)
{
    static char zeros[1 << 16];
    static char out[1 << 16];
    z_stream stream = {0};
    if (deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        abort();
    for (int i = 0; i <= 1024; i++) {
        stream.next_in = (Bytef *)zeros;
        stream.avail_in = i < 1024 ? sizeof(zeros) : 0;
        do {
            stream.next_out = (Bytef *)out;
            stream.avail_out = sizeof(out);
            (void)deflate(&stream, i < 1024 ? Z_NO_FLUSH : Z_FINISH);
            buf_append(bomb, out, sizeof(out) - stream.avail_out);
        } while (stream.avail_out == 0);
    }
    (void)deflateEnd(&stream);
}

static void server_start(struct server *server, struct event_base *base)
{
    *server = (struct server){.base = base};
    TAILQ_INIT(&server->open);
    buf_init(&server->last, 0);
    buf_init(&server->bomb, 0);
    struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    server->listener = evconnlistener_new_bind(base, server_accept, server, LEV_OPT_CLOSE_ON_FREE,
                                               4096, (struct sockaddr *)&any, sizeof(any));
    if (!server->listener)
        abort();
    struct sockaddr_in bound;
    socklen_t len = sizeof(bound);
    if (getsockname(evconnlistener_get_fd(server->listener), (struct sockaddr *)&bound, &len))
        abort();
    server->port = ntohs(bound.sin_port);
}

static void server_stop(struct server *server)
{
    struct server_connection *connection;
    while ((connection = TAILQ_FIRST(&server->open)))
        server_drop(connection);
    evconnlistener_free(server->listener);
    buf_free(&server->last);
    buf_free(&server->bomb);
}

#endif
