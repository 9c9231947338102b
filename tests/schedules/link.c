/* link: protocol/link.h for a worker in a schedule. Requests and replies wait until the scheduler
 * lets them through; a request goes to Redis when it is executed. */
#include "protocol/link.h"
#include "protocol/redis.h"
#include "sim.h"
#include <stdlib.h>

enum { RECONNECT_LEAST_MS = 50, RECONNECT_MORE_MS = 200 };

struct link {
    struct link *next;
    struct actor *owner;
    struct link_events events;
    bool up;
    long client;   /* as Redis counts connections */
    int64_t up_us; /* down: when it connects */
    struct asked *first, *last;
    uint32_t waiting;
};

struct link *link_new(struct event_base *base, const char *url, const struct link_events *events,
                      struct err *err)
{
    struct link *link = calloc(1, sizeof(*link));
    (void)base;
    (void)url;
    if (!link) {
        (void)err_set(err, ERR_LIMIT, "no memory for a link");
        return NULL;
    }
    link->owner = sim.newborn;
    link->events = *events;
    link->up_us = clock_now_us();
    struct link **end = &link->owner->links;
    while (*end)
        end = &(*end)->next;
    *end = link;
    return link;
}

bool link_is_up(const struct link *link) { return link->up; }
uint32_t link_waiting(const struct link *link) { return link->waiting; }

bool link_peer(const struct link *link, struct sockaddr_storage *address)
{
    (void)link;
    (void)address;
    return false;
}

static struct asked *pop(struct link *link)
{
    struct asked *request = link->first;
    link->first = request->next;
    if (!link->first)
        link->last = NULL;
    link->waiting--;
    return request;
}

/* What was not executed yet may be, when nobody waits for it. */
static void drop(struct asked *request)
{
    if (!request->reply && chance_of(50))
        late_add(request);
    asked_free(request);
}

void link_free(struct link *link)
{
    if (!link)
        return;
    for (struct link **at = &link->owner->links; *at; at = &(*at)->next) {
        if (*at == link) {
            *at = link->next;
            break;
        }
    }
    while (link->first)
        drop(pop(link));
    free(link);
}

int link_send(struct link *link, const struct command *command, int64_t timeout_ms,
              link_reply_fn *callback, void *context)
{
    if (!link->up || !command_ok(command))
        return -1;
    struct asked *request = asked_new(command);
    request->timeout_us = timeout_ms * 1000;
    request->callback = callback;
    request->context = context;
    request->client = link->client;
    if (link->last)
        link->last->next = request;
    else
        link->first = request;
    link->last = request;
    link->waiting++;
    /* Only a holder's failure counts: many come from those who were overtaken. */
    if (wire_fails(request) && chance_of(25)) {
        happened("pauses before a failure");
        link->owner->paused_until_us =
            clock_now_us() + (1 + chance_below(2)) * WORKER_LEASE_MS * INT64_C(1000);
    }
    return 0;
}

/* --- steps --- */

static struct asked *next_unexecuted(const struct link *link)
{
    struct asked *request = link->first;
    while (request && request->reply)
        request = request->next;
    return request;
}

static bool is_over(const struct asked *read)
{
    return clock_now_us() >= read->sent_us + read->block_ms * 1000;
}

/* A blocking read that found nothing is tried again when something may have come. */
static bool can_execute(const struct asked *request)
{
    return request->tried != sim.arrivals || (request->block_ms >= 0 && is_over(request));
}

static void execute(struct link *link, struct asked *request)
{
    redisReply *reply = wire_call(request);
    request->tried = sim.arrivals;
    if (request->block_ms >= 0 && reply->type == REDIS_REPLY_NIL && !is_over(request)) {
        freeReplyObject(reply);
        return;
    }
    request->reply = reply;
    if (request->command.is_script)
        late_remember(request, link->owner);
}

static struct link *link_of(long client)
{
    for (uint32_t i = 0; i < sim.worker_count; i++) {
        for (struct link *link = sim.workers[i].links; link; link = link->next) {
            if (link->up && link->client == client)
                return link;
        }
    }
    return NULL;
}

/* What has come is the read's: Redis would have served it before. */
bool link_unblock(long client)
{
    struct link *link = link_of(client);
    struct asked *read = link ? next_unexecuted(link) : NULL;
    if (!read || read->block_ms < 0)
        return false;
    if (can_execute(read))
        execute(link, read);
    if (read->reply)
        return false;
    read->reply = calloc(1, sizeof(*read->reply));
    if (!read->reply)
        violated("no memory");
    read->reply->type = REDIS_REPLY_NIL;
    happened("blocked reads ended");
    return true;
}

static void deliver(struct link *link)
{
    struct asked *request = pop(link);
    link->owner->dirty = true;
    /* The link may be freed by what it calls. */
    request->callback(request->context, request->reply);
    asked_free(request);
}

enum step { STEP_CONNECT, STEP_EXECUTE, STEP_DELIVER };

static uint32_t steps_of(struct actor *worker, struct link **links, enum step *steps)
{
    uint32_t found = 0;
    for (struct link *link = worker->links; link; link = link->next) {
        const struct asked *next = link->up ? next_unexecuted(link) : NULL;
        if (!link->up && clock_now_us() >= link->up_us) {
            links[found] = link;
            steps[found++] = STEP_CONNECT;
        }
        if (next && can_execute(next)) {
            links[found] = link;
            steps[found++] = STEP_EXECUTE;
        }
        if (link->up && link->first && link->first->reply) {
            links[found] = link;
            steps[found++] = STEP_DELIVER;
        }
    }
    return found;
}

enum { STEPS_MOST = 8 };

bool link_can_step(struct actor *worker)
{
    struct link *links[STEPS_MOST];
    enum step steps[STEPS_MOST];
    return steps_of(worker, links, steps) > 0;
}

void link_step(struct actor *worker)
{
    struct link *links[STEPS_MOST];
    enum step steps[STEPS_MOST];
    const uint32_t found = steps_of(worker, links, steps);
    const uint32_t chosen = chance_below(found);
    struct link *link = links[chosen];
    switch (steps[chosen]) {
    case STEP_CONNECT:
        link->up = true;
        link->client = ++sim.connections;
        worker->dirty = true;
        link->events.on_up(link->events.context);
        break;
    case STEP_EXECUTE:
        execute(link, next_unexecuted(link));
        break;
    case STEP_DELIVER:
        deliver(link);
        break;
    }
}

/* --- what goes wrong --- */

static void go_down(struct link *link, const char *why)
{
    struct asked *lost = link->first;
    link->up = false;
    link->up_us = clock_now_us() + (RECONNECT_LEAST_MS + chance_below(RECONNECT_MORE_MS)) * 1000;
    link->first = link->last = NULL;
    link->waiting = 0;
    while (lost) {
        struct asked *request = lost;
        lost = request->next;
        happened(request->reply ? "replies lost" : "requests lost");
        if (request->callback)
            request->callback(request->context, NULL);
        drop(request);
    }
    link->owner->dirty = true;
    link->events.on_down(link->events.context, why);
}

void link_break(struct actor *worker, int which, const char *why)
{
    int i = 0;
    for (struct link *link = worker->links; link; link = link->next, i++) {
        if (link->up && (which < 0 || which == i)) {
            happened("connections broken");
            go_down(link, why);
        }
    }
}

bool link_lose_reply(struct actor *worker)
{
    struct link *link = worker->links;
    struct asked *next = link && link->up ? next_unexecuted(link) : NULL;
    if (!next)
        return false;
    execute(link, next);
    go_down(link, "its reply was lost");
    return true;
}

void link_abandon(struct actor *worker)
{
    for (struct link *link = worker->links; link; link = link->next) {
        for (struct asked *request = link->first; request; request = request->next)
            request->callback = NULL;
        link->up = false;
        link->up_us = INT64_MAX;
    }
}

void link_timeouts(struct actor *worker)
{
    for (struct link *link = worker->links; link; link = link->next) {
        if (link->up && link->first &&
            clock_now_us() >= link->first->sent_us + link->first->timeout_us) {
            happened("requests timed out");
            go_down(link, "no answer in time");
        }
    }
}

int64_t link_next_us(const struct actor *worker)
{
    int64_t next_us = INT64_MAX;
    for (const struct link *link = worker->links; link; link = link->next) {
        const struct asked *read = link->up ? next_unexecuted(link) : NULL;
        int64_t at_us = link->up ? INT64_MAX : link->up_us;
        if (read && read->block_ms >= 0)
            at_us = read->sent_us + read->block_ms * 1000;
        if (at_us < next_us)
            next_us = at_us;
    }
    return next_us;
}
