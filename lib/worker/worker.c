/* worker: wiring and life cycle. */
#include "worker/worker.h"
#include "base/hash.h"
#include "base/log.h"
#include "protocol/beside.h"
#include "protocol/keys.h"
#include "protocol/redis.h"
#include "worker/own.h"
#include "worker/secrets.h"
#include "worker/serving.h"
#include "worker/state.h"
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    SCRATCH_KEEP_BYTES = 4 << 20,
    EXPRESSION_BYTES = 64 << 20,
    PARTITIONS_MAX = 65536,
    SAY_EVERY_US = 10000000,
    AFTER_HURRY_MS = 1000,
    KILL_AFTER_HURRY_MS = 500, /* programs: until then they may clean up */
    JQ_PER_LEASE = 4,          /* processor time of one execution */
    JQ_WALL_PER_LEASE = 2,     /* a beat, due after a fifth, must still be in time behind it */
};

/* --- what the parts use --- */

int64_t worker_redis_us(const struct worker *worker)
{
    return worker->redis_us + (worker_mono_us(worker) - worker->redis_mono_us);
}

void worker_note_time(struct worker *worker, int64_t redis_us)
{
    worker->redis_us = redis_us;
    worker->redis_mono_us = worker_mono_us(worker);
}

bool worker_send(struct worker *worker, link_reply_fn *callback, void *context)
{
    return command_ok(&worker->command) &&
           link_send(worker->link, &worker->command, WORKER_CALL_TIMEOUT_MS, callback, context) ==
               0;
}

bool worker_may_say(struct worker *worker, const char *message)
{
    const int64_t now_us = worker_mono_us(worker);
    if (worker->waiting_for == message && now_us - worker->waiting_said_us < SAY_EVERY_US)
        return false;
    worker->waiting_for = message;
    worker->waiting_said_us = now_us;
    return true;
}

static int64_t redis_now(void *context) { return worker_redis_us(context); }

struct execution worker_execution(struct worker *worker)
{
    return (struct execution){.queues = worker->queues,
                              .consumer = slice_str(worker->name),
                              .max_value_bytes = worker->max_value_bytes,
                              .expressions = worker->expressions,
                              .jq = worker->jq,
                              .jq_time_ms = worker->jq_time_ms,
                              .jq_wall_ms = worker->jq_wall_ms,
                              .scratch = &worker->scratch,
                              .arena = &worker->scratch_arena,
                              .host = &worker->host,
                              .now_us = redis_now,
                              .done = running_done,
                              .words = running_words,
                              .context = worker};
}

/* --- how many partitions there are --- */

static void say_waiting(struct worker *worker, const char *message, const char *reason)
{
    if (worker_may_say(worker, message))
        log_write(LOG_WARN, message, LOG_S("reason", reason));
}

static void make_channels(struct worker *worker, uint32_t count)
{
    worker->channels = calloc(count, sizeof(*worker->channels));
    if (!worker->channels) {
        say_waiting(worker, "out of memory for the partitions", "trying again");
        return;
    }
    worker->channel_count = count;
    for (uint32_t i = 0; i < count; i++)
        channel_init(&worker->channels[i], worker, (uint16_t)i);
    log_write(LOG_INFO, "joining the fleet", LOG_S("worker", worker->name),
              LOG_I("partitions", count));
}

static void on_count(void *context, const redisReply *reply)
{
    struct worker *worker = context;
    worker->asking_count = false;
    if (!reply)
        return;
    const struct slice text = reply->type == REDIS_REPLY_ERROR ? SLICE_NONE : reply_slice(reply);
    const long count = text.ptr ? strtol(text.ptr, NULL, 10) : 0;
    if (count >= 1 && count <= PARTITIONS_MAX)
        make_channels(worker, (uint32_t)count);
    else
        say_waiting(worker, "waiting for a supervisor to open the partitions",
                    reply->type == REDIS_REPLY_ERROR ? reply->str : "not opened yet");
    worker_wake(worker);
}

static void ask_count(struct worker *worker)
{
    char key[KEY_MAX];
    if (worker->channels || worker->asking_count)
        return;
    command_begin(&worker->command, "HGET");
    command_arg(&worker->command, key_meta(key, 0));
    command_arg_str(&worker->command, "partitions");
    worker->asking_count = worker_send(worker, on_count, worker);
}

/* --- events --- */

static void on_up(void *context)
{
    struct worker *worker = context;
    struct sockaddr_storage peer;
    if (link_peer(worker->link, &peer)) /* wherever its name led this time */
        own_deny(http_client_rules(worker->http), (const struct sockaddr *)&peer);
    log_write(LOG_INFO, "connected to Redis", LOG_S("worker", worker->name));
    ask_count(worker);
    worker_wake(worker);
}

/* Which tokens are still ours is told by a hello on every partition; results are kept. */
static void on_down(void *context, const char *reason)
{
    struct worker *worker = context;
    log_write(LOG_WARN, "the connection to Redis is down, trying again", LOG_S("reason", reason));
    for (uint32_t i = 0; i < worker->channel_count; i++)
        channel_close(&worker->channels[i], NULL);
    inbox_doubt(worker->inbox);
}

static void on_turn(evutil_socket_t fd, short what, void *context)
{
    struct worker *worker = context;
    (void)fd;
    (void)what;
    worker->turn_due = false;
    worker_turn(worker);
    if (worker->scratch.size > SCRATCH_KEEP_BYTES)
        buf_free(&worker->scratch);
}

static void on_poll(evutil_socket_t fd, short what, void *context)
{
    struct worker *worker = context;
    (void)fd;
    (void)what;
    worker->polling = false;
    worker_poll(worker);
}

bool worker_has_children(const struct worker *worker)
{
    return worker->processes && process_host_running(worker->processes) > 0;
}

static void check_drain(struct worker *worker)
{
    const int64_t drained_ms = (worker_mono_us(worker) - worker->drain_us) / 1000;
    if (!worker->draining || worker->finished)
        return;
    if (!worker->hurried && drained_ms > worker->drain_timeout_ms) {
        log_text(LOG_WARN, "the time for draining is over: leaving the rest to the others");
        worker->hurried = true;
        for (uint32_t i = 0; i < worker->channel_count; i++)
            running_end_all(&worker->channels[i]);
    }
    if (worker_has_children(worker) && drained_ms > worker->drain_timeout_ms + KILL_AFTER_HURRY_MS)
        process_host_hurry(worker->processes);
    if (drained_ms > worker->drain_timeout_ms + AFTER_HURRY_MS) {
        worker->finished = true;
        (void)event_base_loopexit(worker->base, NULL);
    }
}

static void on_tick(evutil_socket_t fd, short what, void *context)
{
    struct worker *worker = context;
    (void)fd;
    (void)what;
    if (link_is_up(worker->link)) {
        if (!worker->draining)
            ask_count(worker);
        beat_tick(worker);
        graphs_tick(worker->graphs);
        inbox_tick(worker->inbox);
        bell_tick(worker->bell);
        audit_tick(&worker->audit);
        /* Without its bell, e.g. when Redis takes no more connections, it looks slowly. */
        if (!worker->draining && !bell_is_armed(worker->bell))
            worker_look(worker);
        /* Tokens that wait for a graph keep asking for it. */
        worker->graphs_changed = true;
    } else {
        say_waiting(worker, "waiting for Redis", "no connection");
    }
    running_tick(worker);
    check_drain(worker);
    worker_wake(worker);
}

/* --- life --- */

static void write_name(struct worker *worker, const char *name)
{
    char host[64] = "host";
    uint32_t random;
    if (name) {
        (void)snprintf(worker->name, sizeof(worker->name), "%s", name);
        return;
    }
    (void)gethostname(host, sizeof(host) - 1);
    host[sizeof(host) - 1] = '\0';
    random_bytes(&random, sizeof(random));
    (void)snprintf(worker->name, sizeof(worker->name), "%s-%ld-%08x", host, (long)getpid(), random);
}

static int check_name(const char *name, struct err *err)
{
    if (!name)
        return 0;
    bool good = *name && strlen(name) <= 128;
    for (const char *c = name; good && *c; c++)
        good = *c > ' ' && *c < 0x7f && *c != '|' && *c != ',' && *c != '*';
    return good ? 0
                : err_set(err, ERR_USAGE,
                          "name: '%.100s' must have 1 to 128 printable ASCII characters, without "
                          "'|', ',', '*' and blanks",
                          name);
}

static int copy_queues(struct worker *worker, const struct worker_options *options, struct err *err)
{
    size_t total = 0;
    bool has_default = false;
    if (options->queue_count == 0 || options->queue_count > WORKER_QUEUES_MAX)
        return err_set(err, ERR_USAGE, "queues: 1 to %d can be served, not %u", WORKER_QUEUES_MAX,
                       options->queue_count);
    for (uint32_t i = 0; i < options->queue_count; i++) {
        const char *name = options->queues[i];
        if (*name == '\0' || strlen(name) > 128 || strpbrk(name, " \t\r\n,|{}"))
            return err_set(err, ERR_USAGE, "queues: '%.100s' is no name of a queue", name);
        has_default = has_default || strcmp(name, "default") == 0;
        total += strlen(name) + 1;
    }
    /* A settle call emits into the queues that its worker serves, and what is built today runs in
     * this one. */
    if (!has_default)
        return err_set(err, ERR_USAGE, "queues: 'default' must be among them");
    char *at = worker->queue_text = malloc(total);
    if (!at)
        return err_set(err, ERR_LIMIT, "no memory for a worker");
    for (uint32_t i = 0; i < options->queue_count; i++) {
        const size_t len = strlen(options->queues[i]);
        memcpy(at, options->queues[i], len + 1);
        worker->queue_names[i] = slice_of(at, len);
        at += len + 1;
    }
    worker->queues = (struct call_queues){worker->queue_names, options->queue_count};
    return 0;
}

static int make_events(struct worker *worker, struct err *err)
{
    static const struct timeval every = {0, WORKER_TICK_MS * 1000};
    worker->turn = evtimer_new(worker->base, on_turn, worker);
    worker->poll = evtimer_new(worker->base, on_poll, worker);
    worker->tick = event_new(worker->base, -1, EV_PERSIST, on_tick, worker);
    if (!worker->turn || !worker->poll || !worker->tick || event_add(worker->tick, &every) != 0)
        return err_set(err, ERR_LIMIT, "no memory for a worker");
    return 0;
}

static void on_room(void *context) { worker_wake(context); }

/* Tasks that workers without its plugins made of tokens. */
static int serve(struct worker *worker, const struct worker_options *options, struct err *err)
{
    if (!worker->host.plugins)
        return 0;
    const struct serving_options serving = {.redis_url = options->redis_url,
                                            .name = worker->name,
                                            .lease_ms = worker->lease_ms,
                                            .drain_timeout_ms = worker->drain_timeout_ms};
    plugins_on_room(worker->host.plugins, on_room, worker);
    worker->serving = serving_new(worker->host.plugins, &serving, err);
    return worker->serving ? 0 : -1;
}

static int wire(struct worker *worker, const struct worker_options *options, struct err *err)
{
    const struct link_events events = {.on_up = on_up, .on_down = on_down, .context = worker};
    if (check_name(options->name, err) != 0 || copy_queues(worker, options, err) != 0 ||
        make_events(worker, err) != 0)
        return -1;
    write_name(worker, options->name);
    worker->graphs = graphs_new(worker);
    worker->inbox = inbox_new(worker);
    if (!worker->graphs || !worker->inbox)
        return err_set(err, ERR_LIMIT, "no memory for a worker");
    worker->jq = jq_new(options->jq_helper, 0, err);
    if (!worker->jq)
        return -1;
    if (options->exec.allow_count > 0) {
        worker->processes = process_host_new(worker->base, &options->exec, err);
        if (!worker->processes)
            return -1;
    }
    worker->http = http_client_new(worker->base, &options->http, err);
    if (!worker->http)
        return -1;
    worker->host.http = worker->http;
    worker->host.processes = worker->processes;
    worker->host.secrets = options->secrets ? secrets_source(options->secrets) : NULL;
    if (options->plugin_count > 0) {
        worker->host.plugins = plugins_new(worker->base, options->plugins, options->plugin_count,
                                           options->plugin_threads, err);
        if (!worker->host.plugins)
            return -1;
    }
    own_deny_database(http_client_rules(worker->http), options->database_url);
    worker->link = link_new(worker->base, options->redis_url, &events, err);
    if (!worker->link)
        return -1;
    audit_init(&worker->audit, worker);
    worker->bell = bell_new(worker, options->redis_url, err);
    return worker->bell ? serve(worker, options, err) : -1;
}

static int64_t at_most(int64_t value, int64_t most) { return value < most ? value : most; }

struct worker *worker_new(struct event_base *base, const struct worker_options *options,
                          struct err *err)
{
    struct worker *worker = calloc(1, sizeof(*worker));
    if (!worker) {
        (void)err_set(err, ERR_LIMIT, "no memory for a worker");
        return NULL;
    }
    worker->base = base;
    worker->clock = options->clock ? options->clock : &clock_system;
    worker->batch = options->batch ? options->batch : 32;
    worker->concurrency = options->concurrency ? options->concurrency : 256;
    worker->async_limit = options->async_concurrency ? options->async_concurrency : 1000;
    worker->lease_ms = options->lease_ms > 0 ? options->lease_ms : 5000;
    worker->jq_time_ms = at_most(worker->lease_ms / JQ_PER_LEASE, JQ_TIME_MS);
    worker->jq_wall_ms = at_most(worker->lease_ms / JQ_WALL_PER_LEASE, JQ_WALL_MS);
    worker->drain_timeout_ms = options->drain_timeout_ms;
    worker->max_value_bytes = options->max_value_bytes;
    worker->inline_bytes = options->inline_bytes ? options->inline_bytes : BESIDE_INLINE_BYTES;
    worker->expressions = (struct cel_budget){
        .max_steps = options->expression_steps,
        .max_bytes = options->expression_bytes ? options->expression_bytes : EXPRESSION_BYTES};
    command_init(&worker->command);
    buf_init(&worker->scratch, worker->max_value_bytes);
    arena_init(&worker->scratch_arena, TOKEN_ARENA_BYTES);
    if (wire(worker, options, err) != 0) {
        (void)worker_free(worker);
        return NULL;
    }
    return worker;
}

void worker_drain(struct worker *worker)
{
    if (worker->draining)
        return;
    struct worker_stats stats;
    worker_stats(worker, &stats);
    log_write(LOG_INFO, "draining", LOG_I("held", stats.held), LOG_I("running", stats.running));
    worker->draining = true;
    worker->drain_us = worker_mono_us(worker);
    /* What its read still gets is handed over by the leave that follows. */
    bell_stop(worker->bell);
    serving_drain(worker->serving);
    worker_wake(worker);
}

bool worker_free(struct worker *worker)
{
    if (!worker)
        return true;
    bell_free(worker->bell);
    link_free(worker->link);
    inbox_free(worker->inbox);
    for (uint32_t i = 0; i < worker->channel_count; i++)
        channel_free(&worker->channels[i]);
    free(worker->channels);
    running_free(worker);
    http_client_free(worker->http);
    /* Those that share the plugins' threads first. */
    const bool served = serving_free(worker->serving);
    const bool gone = plugins_free(worker->host.plugins) && served;
    process_host_free(worker->processes);
    graphs_free(worker->graphs);
    jq_free(worker->jq);
    token_pool_free(&worker->pool);
    if (worker->turn)
        event_free(worker->turn);
    if (worker->tick)
        event_free(worker->tick);
    if (worker->poll)
        event_free(worker->poll);
    command_free(&worker->command);
    arena_free(&worker->scratch_arena);
    buf_free(&worker->scratch);
    free(worker->queue_text);
    free(worker);
    return gone;
}

void worker_stats(const struct worker *worker, struct worker_stats *stats)
{
    *stats = worker->stats;
    stats->held = 0;
    for (uint32_t i = 0; i < worker->channel_count; i++)
        stats->held += channel_held(&worker->channels[i]);
    stats->running = worker->running;
    stats->connected = link_is_up(worker->link);
    stats->draining = worker->draining;
}
