#include "worker/graphs.h"
#include "base/log.h"
#include "protocol/keys.h"
#include "protocol/redis.h"
#include "worker/state.h"
#include <stdlib.h>

enum {
    GRAPHS_MAX = 256,
    GRAPHS_MAX_BYTES = 512 << 20,
    ASK_AGAIN_MS = 250,      /* for what Redis does not have yet */
    COMPILE_AGAIN_MS = 5000, /* for what does not compile: perhaps a newer worker wrote it */
    GIVE_UP_MS = 10000,      /* nobody waits for it any more */
    SAY_EVERY_MS = 10000,
};

struct cached {
    struct graphs *graphs;
    char digest[SHA256_HEX_LEN + 1];
    struct graph *graph; /* NULL: not there yet */
    bool under_way;
    int64_t used_us; /* monotonic, when somebody asked last */
    int64_t next_us; /* monotonic, when to ask Redis again */
    int64_t said_us;
};

struct graphs {
    struct worker *worker;
    struct strmap by_digest;
    size_t bytes;
};

struct graphs *graphs_new(struct worker *worker)
{
    struct graphs *graphs = calloc(1, sizeof(*graphs));
    if (!graphs)
        return NULL;
    graphs->worker = worker;
    strmap_init(&graphs->by_digest);
    return graphs;
}

static void drop(struct graphs *graphs, struct cached *cached)
{
    (void)strmap_remove(&graphs->by_digest, slice_str(cached->digest));
    if (cached->graph)
        graphs->bytes -= cached->graph->arena.used_bytes;
    graph_release(cached->graph);
    free(cached);
}

void graphs_free(struct graphs *graphs)
{
    size_t at = 0;
    struct slice key;
    void *value;
    if (!graphs)
        return;
    while (strmap_each(&graphs->by_digest, &at, &key, &value)) {
        struct cached *cached = value;
        graph_release(cached->graph);
        free(cached);
    }
    strmap_free(&graphs->by_digest);
    free(graphs);
}

/* The one that was asked for longest ago and may go; but not `except`. */
static struct cached *oldest(struct graphs *graphs, const struct cached *except)
{
    size_t at = 0;
    struct slice key;
    void *value;
    struct cached *found = NULL;
    while (strmap_each(&graphs->by_digest, &at, &key, &value)) {
        struct cached *cached = value;
        if (cached != except && cached->graph && (!found || cached->used_us < found->used_us))
            found = cached;
    }
    return found;
}

static void make_room(struct graphs *graphs, const struct cached *except)
{
    while (graphs->by_digest.count > GRAPHS_MAX || graphs->bytes > GRAPHS_MAX_BYTES) {
        struct cached *cached = oldest(graphs, except);
        if (!cached)
            return;
        drop(graphs, cached);
    }
}

/* --- fetching --- */

static void say(struct cached *cached, const char *message, const char *reason)
{
    const int64_t now_us = worker_mono_us(cached->graphs->worker);
    if (cached->said_us && now_us - cached->said_us < (int64_t)SAY_EVERY_MS * 1000)
        return;
    cached->said_us = now_us;
    log_write(LOG_WARN, message, LOG_S("digest", cached->digest), LOG_S("reason", reason));
}

static void ignore_reply(void *context, const redisReply *reply)
{
    (void)context;
    if (reply && reply->type == REDIS_REPLY_ERROR)
        log_write(LOG_WARN, "cannot ask for a graph to be published", LOG_S("reason", reply->str));
}

static void want(struct cached *cached)
{
    struct worker *worker = cached->graphs->worker;
    say(cached, "a graph is not in Redis: waiting for a supervisor to publish it", "absent");
    command_begin(&worker->command, "SADD");
    command_arg_str(&worker->command, KEY_GRAPH_WANTED);
    command_arg_str(&worker->command, cached->digest);
    (void)worker_send(worker, ignore_reply, NULL); /* asked again soon */
}

static void compile(struct cached *cached, struct slice canonical)
{
    struct graphs *graphs = cached->graphs;
    struct err err = ERR_INIT;
    struct graph *graph = graph_load(canonical, &err);
    cached->next_us = worker_mono_us(graphs->worker) + (int64_t)COMPILE_AGAIN_MS * 1000;
    if (!graph) {
        say(cached, "a graph cannot be loaded", err.message);
        return;
    }
    if (!slice_eq_str(slice_str(graph->digest), cached->digest)) {
        say(cached, "a graph in Redis has another digest than its key", graph->digest);
        graph_release(graph);
        return;
    }
    cached->graph = graph;
    graphs->bytes += graph->arena.used_bytes;
    make_room(graphs, cached);
    graphs->worker->graphs_changed = true;
    worker_wake(graphs->worker);
}

static void on_graph(void *context, const redisReply *reply)
{
    struct cached *cached = context;
    struct worker *worker = cached->graphs->worker;
    cached->under_way = false;
    cached->next_us = worker_mono_us(worker) + (int64_t)ASK_AGAIN_MS * 1000;
    if (!reply)
        return;
    if (reply->type == REDIS_REPLY_NIL)
        want(cached);
    else if (reply->type == REDIS_REPLY_STRING)
        compile(cached, reply_slice(reply));
    else
        say(cached, "a graph cannot be read from Redis",
            reply->type == REDIS_REPLY_ERROR ? reply->str : "an unexpected type");
}

static void fetch(struct cached *cached)
{
    struct worker *worker = cached->graphs->worker;
    char key[KEY_MAX];
    command_begin(&worker->command, "GET");
    command_arg(&worker->command, key_graph(key, slice_str(cached->digest)));
    cached->under_way = worker_send(worker, on_graph, cached);
}

struct graph *graphs_get(struct graphs *graphs, struct slice digest)
{
    struct cached *cached = strmap_get(&graphs->by_digest, digest);
    if (cached) {
        cached->used_us = worker_mono_us(graphs->worker);
        return cached->graph;
    }
    invariant(digest.len == SHA256_HEX_LEN, "a digest of %zu bytes", digest.len);
    cached = calloc(1, sizeof(*cached));
    if (!cached || strmap_put(&graphs->by_digest, digest, cached) != 0) {
        free(cached);
        return NULL; /* asked again at the next tick */
    }
    cached->graphs = graphs;
    memcpy(cached->digest, digest.ptr, digest.len);
    cached->used_us = worker_mono_us(graphs->worker);
    fetch(cached);
    return NULL;
}

void graphs_tick(struct graphs *graphs)
{
    const int64_t now_us = worker_mono_us(graphs->worker);
    size_t at = 0;
    struct slice key;
    void *value;
    struct cached *stale = NULL;
    while (strmap_each(&graphs->by_digest, &at, &key, &value)) {
        struct cached *cached = value;
        if (cached->graph || cached->under_way)
            continue;
        if (now_us - cached->used_us > (int64_t)GIVE_UP_MS * 1000)
            stale = cached; /* one at a tick will do */
        else if (now_us >= cached->next_us)
            fetch(cached);
    }
    if (stale)
        drop(graphs, stale);
}
