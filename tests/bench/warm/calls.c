/* calls: an HTTP server whose answers take 10 ms, and a client that does nothing but call it.
 *
 *   calls serve                          prints its port, answers until it is ended
 *   calls drive PORT CONNECTIONS MS      prints how many calls a second were answered
 *
 * The client keeps one call under way on each connection, so it says what that many calls at a time can
 * reach. GET /stats of the server is answered at once: calls that were answered, how many are under way.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define ANSWER_NS 10000000
#define FDS 4096
#define IN_BYTES 2048
#define EVENTS 256

static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                             "Content-Length: 2\r\n\r\n{}";
static const char request[] = "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";

struct connection {
    bool open;
    uint32_t life; /* which connection of this descriptor */
    size_t have;
    char in[IN_BYTES];
};

/* All answers take the same time, so they are due in the order of the requests. */
struct due {
    int64_t at_ns;
    int fd;
    uint32_t life;
};

struct server {
    int epoll, listener, timer;
    struct connection connections[FDS];
    struct due due[FDS]; /* a ring: one call at a time per connection */
    uint32_t first, count;
    uint64_t answered;
};

static int64_t now_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static void watch(int epoll, int fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0)
        die("epoll_ctl");
}

static void no_delay(int fd)
{
    const int on = 1;
    if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) != 0)
        die("setsockopt");
}

/* --- the server --- */

static void set_timer(struct server *server)
{
    const int64_t at = server->count ? server->due[server->first].at_ns : 0;
    const struct itimerspec when = {
        .it_value = {.tv_sec = at / 1000000000, .tv_nsec = at % 1000000000}};
    if (timerfd_settime(server->timer, TFD_TIMER_ABSTIME, &when, NULL) != 0)
        die("timerfd_settime");
}

static void forget(struct server *server, int fd)
{
    server->connections[fd].open = false;
    (void)close(fd);
}

/* What is sent is far smaller than a socket's buffer: it goes at once, or the peer is gone. */
static void say(struct server *server, int fd, const char *text, size_t len)
{
    if (send(fd, text, len, MSG_NOSIGNAL | MSG_DONTWAIT) != (ssize_t)len)
        forget(server, fd);
}

static void say_stats(struct server *server, int fd)
{
    char body[96], text[256];
    const int len = snprintf(body, sizeof(body), "{\"answered\":%llu,\"under_way\":%u}",
                             (unsigned long long)server->answered, server->count);
    const int all =
        snprintf(text, sizeof(text), "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len, body);
    say(server, fd, text, (size_t)all);
}

static void take_request(struct server *server, int fd)
{
    const struct connection *connection = &server->connections[fd];
    if (strncmp(connection->in, "GET /stats ", 11) == 0) {
        say_stats(server, fd);
        return;
    }
    if (server->count == FDS) {
        forget(server, fd);
        return;
    }
    server->due[(server->first + server->count++) % FDS] =
        (struct due){.at_ns = now_ns() + ANSWER_NS, .fd = fd, .life = connection->life};
    if (server->count == 1)
        set_timer(server);
}

static void read_request(struct server *server, int fd)
{
    struct connection *connection = &server->connections[fd];
    const ssize_t got =
        recv(fd, connection->in + connection->have, IN_BYTES - 1 - connection->have, MSG_DONTWAIT);
    if (got <= 0) {
        if (got == 0 || (errno != EAGAIN && errno != EINTR))
            forget(server, fd);
        return;
    }
    connection->have += (size_t)got;
    connection->in[connection->have] = '\0';
    if (connection->have < 4 || strcmp(connection->in + connection->have - 4, "\r\n\r\n") != 0)
        return; /* not the end of a request without a body */
    connection->have = 0;
    take_request(server, fd);
}

static void answer_due(struct server *server)
{
    uint64_t times;
    (void)!read(server->timer, &times, sizeof(times));
    const int64_t now = now_ns();
    while (server->count && server->due[server->first].at_ns <= now) {
        const struct due due = server->due[server->first];
        const struct connection *connection = &server->connections[due.fd];
        server->first = (server->first + 1) % FDS;
        server->count--;
        if (!connection->open || connection->life != due.life)
            continue;
        say(server, due.fd, answer, sizeof(answer) - 1);
        server->answered++;
    }
    set_timer(server);
}

static void take_connection(struct server *server)
{
    const int fd = accept4(server->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0)
        return;
    if (fd >= FDS) {
        (void)close(fd);
        return;
    }
    struct connection *connection = &server->connections[fd];
    connection->open = true;
    connection->life++;
    connection->have = 0;
    no_delay(fd);
    watch(server->epoll, fd);
}

static struct sockaddr_in loopback(uint16_t port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static void serve(void)
{
    static struct server server;
    struct sockaddr_in address = loopback(0);
    socklen_t len = sizeof(address);
    server.epoll = epoll_create1(EPOLL_CLOEXEC);
    server.listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    server.timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (server.epoll < 0 || server.listener < 0 || server.timer < 0 ||
        bind(server.listener, (const struct sockaddr *)&address, len) != 0 ||
        listen(server.listener, FDS) != 0 ||
        getsockname(server.listener, (struct sockaddr *)&address, &len) != 0)
        die("calls serve");
    watch(server.epoll, server.listener);
    watch(server.epoll, server.timer);
    (void)printf("%u\n", ntohs(address.sin_port));
    (void)fflush(stdout);
    for (;;) {
        struct epoll_event events[EVENTS];
        const int count = epoll_wait(server.epoll, events, EVENTS, -1);
        for (int i = 0; i < count; i++) {
            const int fd = events[i].data.fd;
            if (fd == server.listener)
                take_connection(&server);
            else if (fd == server.timer)
                answer_due(&server);
            else if (server.connections[fd].open)
                read_request(&server, fd);
        }
    }
}

/* --- the client --- */

static void call(int fd)
{
    if (send(fd, request, sizeof(request) - 1, MSG_NOSIGNAL) != (ssize_t)(sizeof(request) - 1))
        die("send");
}

/* True when the answer is complete. */
static bool take_answer(int fd, size_t *have)
{
    char in[IN_BYTES];
    const ssize_t got = recv(fd, in, sizeof(in), 0);
    if (got <= 0)
        die("recv");
    *have += (size_t)got;
    return *have == sizeof(answer) - 1;
}

static void drive(uint16_t port, int connections, int64_t ms)
{
    static size_t have[FDS];
    const int epoll = epoll_create1(EPOLL_CLOEXEC);
    const struct sockaddr_in address = loopback(port);
    for (int i = 0; i < connections; i++) {
        const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (epoll < 0 || fd < 0 || fd >= FDS ||
            connect(fd, (const struct sockaddr *)&address, sizeof(address)) != 0)
            die("calls drive");
        no_delay(fd);
        watch(epoll, fd);
        call(fd);
    }
    const int64_t began = now_ns(), end = began + ms * 1000000;
    uint64_t answered = 0;
    while (now_ns() < end) {
        struct epoll_event events[EVENTS];
        const int count = epoll_wait(epoll, events, EVENTS, 100);
        for (int i = 0; i < count; i++) {
            const int fd = events[i].data.fd;
            if (!take_answer(fd, &have[fd]))
                continue;
            have[fd] = 0;
            answered++;
            call(fd);
        }
    }
    (void)printf("%.0f\n", (double)answered / ((double)(now_ns() - began) / 1e9));
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "serve") == 0)
        serve();
    const long port = argc == 5 ? strtol(argv[2], NULL, 10) : 0;
    const long connections = argc == 5 ? strtol(argv[3], NULL, 10) : 0;
    const long ms = argc == 5 ? strtol(argv[4], NULL, 10) : 0;
    if (argc != 5 || strcmp(argv[1], "drive") != 0 || port < 1 || port > 65535 || connections < 1 ||
        connections > FDS / 2 || ms < 1) {
        (void)fprintf(stderr, "usage: calls serve | calls drive PORT CONNECTIONS MS\n");
        return 2;
    }
    drive((uint16_t)port, (int)connections, ms);
    return 0;
}
