#include "protocol/link.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "protocol/redis.h"
#include "protocol/reply.h"
#include "protocol/reply_arena.h"
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/dns.h>
#include <event2/util.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>

#define CONNECT_TIMEOUT_US (5 * 1000000)
#define BACKOFF_FIRST_US 50000
#define BACKOFF_MOST_US 2000000

enum link_state {
    LINK_DOWN,       /* `timer` is the back-off */
    LINK_CONNECTING, /* `timer` is the connect deadline */
    LINK_GREETING,   /* AUTH, SELECT, PING are under way */
    LINK_UP,
};

/* One command that waits for its reply; they form a queue in the order of the replies. */
struct waiting {
    struct waiting *next;
    link_reply_fn *callback; /* NULL: the link's own */
    void *context;
    int64_t deadline_us;
    bool can_repeat;        /* a script call that went out without its body */
    struct command command; /* when can_repeat: a copy */
};

struct link {
    struct event_base *base;
    struct evdns_base *dns; /* NULL until a host name is to be resolved */
    struct redis_address address;
    struct link_events events;
    enum link_state state;
    struct bufferevent *connection;
    redisReader *reader;
    struct arena replies; /* what the reader makes */
    struct event *timer;
    int64_t timer_us; /* when it fires; 0: not armed */
    int64_t backoff_us;
    struct waiting *first, *last;
    uint32_t waiting_count;
    struct buf head;  /* of a command, while it is written */
    char reason[160]; /* why it was down last */
};

static void go_down(struct link *link, const char *reason);

static int64_t now_us(void) { return clock_mono_us(&clock_system); }

static void arm(struct link *link, int64_t at_us)
{
    int64_t left_us = at_us - now_us();
    if (left_us < 0)
        left_us = 0;
    const struct timeval left = {.tv_sec = left_us / 1000000, .tv_usec = left_us % 1000000};
    link->timer_us = at_us;
    event_add(link->timer, &left);
}

/* --- commands under way --- */

static void waiting_free(struct waiting *waiting)
{
    if (waiting->can_repeat)
        command_free(&waiting->command);
    free(waiting);
}

static void enqueue(struct link *link, struct waiting *waiting)
{
    waiting->next = NULL;
    if (link->last)
        link->last->next = waiting;
    else
        link->first = waiting;
    link->last = waiting;
    link->waiting_count++;
    if (link->timer_us == 0 || waiting->deadline_us < link->timer_us)
        arm(link, waiting->deadline_us);
}

static struct waiting *dequeue(struct link *link)
{
    struct waiting *waiting = link->first;
    if (!waiting)
        return NULL;
    link->first = waiting->next;
    if (!link->first)
        link->last = NULL;
    link->waiting_count--;
    return waiting;
}

/* All of it or nothing: straight to where libevent sends it from. */
static int write_command(struct link *link, const struct command *command, bool with_body)
{
    struct evbuffer *output = bufferevent_get_output(link->connection);
    struct evbuffer_iovec room;
    buf_reset(&link->head);
    command_write_head(command, with_body, &link->head);
    const size_t head = link->head.len, whole = head + command->args.len;
    if (!buf_ok(&link->head) || evbuffer_reserve_space(output, (ev_ssize_t)whole, &room, 1) != 1)
        return -1;
    memcpy(room.iov_base, link->head.data, head);
    memcpy((char *)room.iov_base + head, command->args.data, command->args.len);
    room.iov_len = whole;
    return evbuffer_commit_space(output, &room, 1);
}

static struct waiting *waiting_new(const struct command *command, int64_t timeout_ms)
{
    struct waiting *waiting = calloc(1, sizeof(*waiting));
    if (!waiting)
        return NULL;
    waiting->deadline_us = now_us() + timeout_ms * 1000;
    if (command->is_script) {
        waiting->command = *command;
        waiting->can_repeat = true;
        buf_init(&waiting->command.args, COMMAND_MAX_BYTES);
        buf_slice_append(&waiting->command.args, buf_slice(&command->args));
        if (!buf_ok(&waiting->command.args)) {
            waiting_free(waiting);
            return NULL;
        }
    }
    return waiting;
}

static int send_command(struct link *link, const struct command *command, int64_t timeout_ms,
                        link_reply_fn *callback, void *context)
{
    struct waiting *waiting = command_ok(command) ? waiting_new(command, timeout_ms) : NULL;
    if (!waiting)
        return -1;
    if (write_command(link, command, false)) {
        waiting_free(waiting);
        return -1;
    }
    waiting->callback = callback;
    waiting->context = context;
    enqueue(link, waiting);
    return 0;
}

int link_send(struct link *link, const struct command *command, int64_t timeout_ms,
              link_reply_fn *callback, void *context)
{
    if (link->state != LINK_UP)
        return -1;
    return send_command(link, command, timeout_ms, callback, context);
}

/* --- replies --- */

static void greeted(struct link *link, const redisReply *reply)
{
    if (reply->type == REDIS_REPLY_ERROR) {
        go_down(link, reply->str);
        return;
    }
    if (link->waiting_count > 0)
        return;
    link->state = LINK_UP;
    link->backoff_us = BACKOFF_FIRST_US;
    link->reason[0] = '\0';
    if (link->events.on_up)
        link->events.on_up(link->events.context);
}

/* Takes the reply to the command that waits longest. False when the link went down over it. */
static bool take_reply(struct link *link, const redisReply *reply)
{
    struct waiting *waiting = dequeue(link);
    if (!waiting) {
        go_down(link, "a reply that nobody waits for");
        return false;
    }
    if (waiting->can_repeat && reply_is_error(reply, "NOSCRIPT")) {
        int failed = write_command(link, &waiting->command, true);
        command_free(&waiting->command);
        waiting->can_repeat = false;
        enqueue(link, waiting);
        if (failed)
            go_down(link, "no memory");
        return !failed;
    }
    link_reply_fn *callback = waiting->callback;
    void *context = waiting->context;
    waiting_free(waiting);
    if (callback)
        callback(context, reply);
    else
        greeted(link, reply);
    return link->state != LINK_DOWN;
}

static bool feed_reader(struct link *link, struct evbuffer *input)
{
    struct evbuffer_iovec piece;
    while (evbuffer_peek(input, -1, NULL, &piece, 1) > 0) {
        if (redisReaderFeed(link->reader, piece.iov_base, piece.iov_len) != REDIS_OK)
            return false;
        evbuffer_drain(input, piece.iov_len);
    }
    return true;
}

static void on_readable(struct bufferevent *connection, void *context)
{
    struct link *link = context;
    if (!feed_reader(link, bufferevent_get_input(connection))) {
        go_down(link, link->reader->errstr);
        return;
    }
    for (;;) {
        void *reply = NULL;
        if (redisReaderGetReply(link->reader, &reply) != REDIS_OK) {
            go_down(link, link->reader->errstr);
            return;
        }
        if (!reply)
            return;
        bool goes_on = take_reply(link, reply);
        reply_arena_reset(&link->replies);
        if (!goes_on)
            return;
    }
}

/* --- going up and down --- */

static int greet(struct link *link)
{
    struct command command;
    const struct redis_address *address = &link->address;
    int failed = 0;
    command_init(&command);
    if (address->password[0]) {
        command_begin(&command, "AUTH");
        if (address->user[0])
            command_arg_str(&command, address->user);
        command_arg_str(&command, address->password);
        failed |= send_command(link, &command, CONNECT_TIMEOUT_US / 1000, NULL, NULL);
    }
    if (address->database > 0) {
        command_begin(&command, "SELECT");
        command_arg_int(&command, address->database);
        failed |= send_command(link, &command, CONNECT_TIMEOUT_US / 1000, NULL, NULL);
    }
    /* Says whether Redis still loads its data, or wants a password. */
    command_begin(&command, "PING");
    failed |= send_command(link, &command, CONNECT_TIMEOUT_US / 1000, NULL, NULL);
    command_free(&command);
    return failed;
}

static void on_event(struct bufferevent *connection, short what, void *context)
{
    struct link *link = context;
    if (what & BEV_EVENT_CONNECTED) {
        int yes = 1;
        evutil_socket_t fd = bufferevent_getfd(connection);
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
        setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &yes, sizeof(yes));
        bufferevent_enable(connection, EV_READ | EV_WRITE);
        link->state = LINK_GREETING;
        event_del(link->timer);
        link->timer_us = 0;
        if (greet(link))
            go_down(link, "no memory");
    } else if (what & BEV_EVENT_EOF) {
        go_down(link, "the connection was closed");
    } else if (what & BEV_EVENT_ERROR) {
        int dns = bufferevent_socket_get_dns_error(connection);
        go_down(link, dns ? evutil_gai_strerror(dns)
                          : evutil_socket_error_to_string(EVUTIL_SOCKET_ERROR()));
    }
}

static bool is_numeric(const char *host)
{
    unsigned char address[16];
    return evutil_inet_pton(AF_INET, host, address) == 1 ||
           evutil_inet_pton(AF_INET6, host, address) == 1;
}

static void go_up(struct link *link)
{
    link->state = LINK_CONNECTING;
    reply_arena_reset(
        &link->replies); /* the last connection may have broken in the middle of one */
    link->reader = reply_reader_new(&link->replies);
    link->connection = bufferevent_socket_new(link->base, -1, BEV_OPT_CLOSE_ON_FREE);
    if (!link->reader || !link->connection) {
        go_down(link, "no memory");
        return;
    }
    /* Names are resolved by libevent, so that a slow name server does not stop the loop. */
    if (!link->dns && !is_numeric(link->address.host))
        link->dns = evdns_base_new(link->base, EVDNS_BASE_INITIALIZE_NAMESERVERS |
                                                   EVDNS_BASE_DISABLE_WHEN_INACTIVE);
    bufferevent_setcb(link->connection, on_readable, NULL, on_event, link);
    arm(link, now_us() + CONNECT_TIMEOUT_US);
    if (bufferevent_socket_connect_hostname(link->connection, link->dns, AF_UNSPEC,
                                            link->address.host, link->address.port) &&
        link->state == LINK_CONNECTING)
        go_down(link, evutil_socket_error_to_string(EVUTIL_SOCKET_ERROR()));
}

static void close_connection(struct link *link)
{
    if (link->connection)
        bufferevent_free(link->connection);
    if (link->reader)
        redisReaderFree(link->reader);
    link->connection = NULL;
    link->reader = NULL;
}

/* Half to one and a half times the back-off, which doubles up to its most. */
static void back_off(struct link *link)
{
    uint64_t random;
    random_bytes(&random, sizeof(random));
    int64_t wait_us = link->backoff_us / 2 + (int64_t)(random % (uint64_t)link->backoff_us);
    link->backoff_us *= 2;
    if (link->backoff_us > BACKOFF_MOST_US)
        link->backoff_us = BACKOFF_MOST_US;
    arm(link, now_us() + (wait_us > BACKOFF_MOST_US ? BACKOFF_MOST_US : wait_us));
}

/* The one way down. Callbacks run last, when the link is already waiting to connect again. */
static void go_down(struct link *link, const char *why)
{
    char reason[sizeof(link->reason)];
    size_t len = strnlen(why, sizeof(reason) - 1);
    memcpy(reason, why, len); /* it may live in what is freed below */
    reason[len] = '\0';
    bool was_up = link->state == LINK_UP, news = strcmp(reason, link->reason) != 0;
    memcpy(link->reason, reason, len + 1);

    struct waiting *waiting = link->first, *next;
    link->first = link->last = NULL;
    link->waiting_count = 0;
    link->state = LINK_DOWN;
    close_connection(link);
    event_del(link->timer);
    back_off(link);
    for (; waiting; waiting = next) {
        next = waiting->next;
        if (waiting->callback)
            waiting->callback(waiting->context, NULL);
        waiting_free(waiting);
    }
    if (was_up && link->events.on_down)
        link->events.on_down(link->events.context, reason);
    else if (!was_up && news)
        log_write(LOG_WARN, "cannot reach Redis, trying again", LOG_S("host", link->address.host),
                  LOG_I("port", link->address.port), LOG_S("reason", reason));
}

static void on_timer(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    struct link *link = context;
    int64_t now = now_us(), earliest = 0;
    link->timer_us = 0;
    if (link->state == LINK_DOWN) {
        go_up(link);
        return;
    }
    if (link->state == LINK_CONNECTING) {
        go_down(link, "no connection in time");
        return;
    }
    for (const struct waiting *waiting = link->first; waiting; waiting = waiting->next) {
        if (waiting->deadline_us <= now) {
            go_down(link, "no answer in time");
            return;
        }
        if (earliest == 0 || waiting->deadline_us < earliest)
            earliest = waiting->deadline_us;
    }
    if (earliest > 0)
        arm(link, earliest);
}

/* --- life --- */

struct link *link_new(struct event_base *base, const char *url, const struct link_events *events,
                      struct err *err)
{
    struct link *link = calloc(1, sizeof(*link));
    if (!link) {
        err_set(err, ERR_LIMIT, "no memory for a link to Redis");
        return NULL;
    }
    if (redis_parse_url(url, &link->address, err)) {
        free(link);
        return NULL;
    }
    link->base = base;
    link->events = *events;
    link->backoff_us = BACKOFF_FIRST_US;
    buf_init(&link->head, 0);
    arena_init(&link->replies, 0);
    link->timer = event_new(base, -1, 0, on_timer, link);
    if (!link->timer) {
        err_set(err, ERR_LIMIT, "no memory for a link to Redis");
        link_free(link);
        return NULL;
    }
    arm(link,
        now_us()); /* connects in the next turn, so that no callback comes before this returns */
    return link;
}

void link_free(struct link *link)
{
    if (!link)
        return;
    for (struct waiting *waiting = link->first, *next; waiting; waiting = next) {
        next = waiting->next;
        waiting_free(waiting);
    }
    close_connection(link);
    if (link->dns)
        evdns_base_free(link->dns, 0);
    if (link->timer)
        event_free(link->timer);
    buf_free(&link->head);
    arena_free(&link->replies);
    explicit_bzero(link->address.password, sizeof(link->address.password));
    free(link);
}

bool link_is_up(const struct link *link) { return link->state == LINK_UP; }

uint32_t link_waiting(const struct link *link) { return link->waiting_count; }

bool link_peer(const struct link *link, struct sockaddr_storage *address)
{
    socklen_t size = sizeof(*address);
    return link_is_up(link) &&
           getpeername(bufferevent_getfd(link->connection), (struct sockaddr *)address, &size) == 0;
}
